"""A file, or bytes, to a stored medium: looked at, refused early, streamed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import filetype  # pyright: ignore[reportMissingTypeStubs]

from postiz_async.endpoints import UPLOAD_FILE, Call, FilePart
from postiz_async.errors import InvalidPostError, Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postiz_async.caller import Caller
    from postiz_async.models.media import Media

__all__ = ["FileFacts", "inspect_file", "part_of", "upload"]

MAX_IMAGE, MAX_VIDEO = 10 * 1024 * 1024, 1024 * 1024 * 1024
"""Bytes the server accepts."""

POSTABLE = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
}
"""Kinds that can be uploaded and used in a post, with the suffix that the server gives."""

UPLOAD_ONLY = {"image/avif", "image/bmp", "image/tiff"}
_HEAD = 8192
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a look at a file tells. `sha256` names its content, `size` is in bytes."""

    sha256: str
    size: int
    mime: str


def inspect_file(path: Path) -> FileFacts:
    """Read a local file once and say what it is. Blocking: call it in a thread.

    Raises:
        InvalidPostError: it is missing, no file, empty, of a kind that cannot be posted, or
            too large.
    """
    try:
        if not path.is_file():
            what = "is a directory" if path.is_dir() else "does not exist"
            raise _refuse(f"{path} {what}")
        digest = hashlib.sha256()
        with path.open("rb") as file:
            head = file.read(_HEAD)
            digest.update(head)
            size = len(head)
            mime = _kind(head, str(path))
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise _refuse(f"{path} cannot be read: {error.strerror or error}") from error
    _check_size(size, mime, str(path))
    return FileFacts(digest.hexdigest(), size, mime)


def _kind(head: bytes, name: str) -> str:
    """The media type by content; the name says nothing."""
    if not head:
        raise _refuse(f"{name} is empty (0 bytes)")
    mime = str(filetype.guess_mime(head) or "unknown")  # pyright: ignore[reportUnknownMemberType]
    if mime in UPLOAD_ONLY:
        raise _refuse(
            f"{name} is {mime}: it can be uploaded but not posted", "convert it to PNG or JPEG"
        )
    if mime not in POSTABLE:
        raise _refuse(
            f"{name} is {'of an unknown kind' if mime == 'unknown' else mime} by its content",
            "PNG, JPEG, GIF, WebP and MP4 can be posted",
        )
    return mime


def _check_size(size: int, mime: str, name: str) -> None:
    limit = MAX_VIDEO if mime.startswith("video/") else MAX_IMAGE
    if size > limit:
        raise _refuse(f"{name} has {size:,} bytes; the server accepts {limit:,}")


def _refuse(message: str, hint: str = "") -> InvalidPostError:
    return InvalidPostError([Problem("media", message, hint=hint)])


async def part_of(source: Path | bytes) -> FilePart:
    """A source as a part that can be sent, and sent again.

    Raises:
        InvalidPostError: see `inspect_file`.
    """
    if isinstance(source, bytes):
        mime = _kind(source[:_HEAD], "the data")
        _check_size(len(source), mime, "the data")
        return FilePart("upload" + POSTABLE[mime], mime, len(source), lambda: _once(source))
    facts = await anyio.to_thread.run_sync(inspect_file, source)
    return FilePart(source.name, facts.mime, facts.size, lambda: _stream(source))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _stream(path: Path) -> AsyncIterator[bytes]:
    async with await anyio.open_file(path, "rb") as file:
        while chunk := await file.read(_CHUNK):
            yield chunk


async def upload(caller: Caller, source: Path | str | bytes) -> Media:
    """Upload a file or bytes.

    Raises:
        InvalidPostError: the server would refuse it; nothing was sent.
    """
    part = await part_of(Path(source) if isinstance(source, str) else source)
    return await caller.call(Call(UPLOAD_FILE, file=part))
