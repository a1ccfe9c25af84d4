"""A file, or bytes, to a stored medium: looked at, refused early, streamed."""

from __future__ import annotations

import hashlib
import os
import struct
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import filetype  # pyright: ignore[reportMissingTypeStubs]
import imagesize  # pyright: ignore[reportMissingTypeStubs]
from msgspec.structs import replace

from postiz_async.endpoints import UPLOAD_FILE, Call, FilePart
from postiz_async.errors import APIConnectionError, InvalidPostError, Problem

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from postiz_async.caller import Caller
    from postiz_async.models.media import Media

__all__ = ["POSTABLE", "FileFacts", "inspect_file", "upload"]

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

_BOXED = {
    b"qt": "video/quicktime",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"hei": "image/heic",
    b"hev": "image/heic",
    b"crx": "image/x-canon-cr3",
    b"M4": "video/x-m4v",
    b"F4": "video/x-f4v",
    b"3g": "video/3gpp",
    b"jp2": "image/jp2",
}
"""Main brands of files that are built like MP4 and are something else."""

UPLOAD_ONLY = {"image/avif", "image/bmp", "image/tiff"}
_HEAD = 8192
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a look at a file tells. `sha256` names its content, `size` is in bytes.

    `width` and `height` are the pixels of a picture, 0 where they cannot be read.
    """

    sha256: str
    size: int
    mime: str
    width: int = 0
    height: int = 0


def inspect_file(path: Path) -> FileFacts:
    """Read a local file once and say what it is. Blocking: call it in a thread.

    Raises:
        InvalidPostError: it is missing, no file, empty, of a kind that cannot be posted, or
            too large.
    """
    try:
        if not path.is_file():
            what = "is a directory" if path.is_dir() else "is no file"
            raise _refuse(f"{path} {what if path.exists() else 'does not exist'}")
        digest = hashlib.sha256()
        with path.open("rb") as file:
            head = file.read(_HEAD)
            digest.update(head)
            size = len(head)
            mime = _kind(head, str(path))
            _check_size(os.fstat(file.fileno()).st_size, mime, str(path))
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise _refuse(f"{path} cannot be read: {error.strerror or error}") from error
    _check_size(size, mime, str(path))
    return FileFacts(digest.hexdigest(), size, mime, *_pixels(mime, path))


def _kind(head: bytes, name: str) -> str:
    """The media type by content; the name says nothing."""
    if not head:
        raise _refuse(f"{name} is empty (0 bytes)")
    mime = _boxed_kind(head) if head[4:8] == b"ftyp" else _guess(head)
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


def _guess(head: bytes) -> str:
    return str(filetype.guess_mime(head) or "unknown")  # pyright: ignore[reportUnknownMemberType]


def _boxed_kind(head: bytes) -> str:
    """The type of a file of boxes, by its main brand alone, as the server judges."""
    brand = head[8:12]
    if brand in {b"avif", b"avis"}:
        return "image/avif"
    other = next((name for start, name in _BOXED.items() if brand.startswith(start)), None)
    return other or "video/mp4"


def _pixels(mime: str, source: Path | BytesIO) -> tuple[int, int]:
    """Width and height of a picture; 0 and 0 where they cannot be read."""
    if not mime.startswith("image/"):
        return 0, 0
    try:
        width, height = imagesize.get(source)  # pyright: ignore[reportUnknownMemberType]
    except (ValueError, OSError, struct.error, IndexError):  # a broken picture
        return 0, 0
    return max(0, int(width)), max(0, int(height))


def _check_size(size: int, mime: str, name: str) -> None:
    limit = MAX_VIDEO if mime.startswith("video/") else MAX_IMAGE
    if size > limit:
        raise _refuse(f"{name} has {size:,} bytes; the server accepts {limit:,}")


def _refuse(message: str, hint: str = "") -> InvalidPostError:
    return InvalidPostError([Problem("media", message, hint=hint)])


class _Part:
    """A source on its way. Notes whether what was sent is what was looked at."""

    def __init__(self, source: Path | bytes, facts: FileFacts) -> None:
        self.fault: str | None = None
        self._source = source
        self._facts = facts

    def as_file_part(self) -> FilePart:
        """For the wire. The server makes up names of its own, so ours stays at home."""
        facts = self._facts
        return FilePart("upload" + POSTABLE[facts.mime], facts.mime, facts.size, self._chunks)

    async def _chunks(self) -> AsyncGenerator[bytes]:
        self.fault = None
        if isinstance(self._source, bytes):
            yield self._source
            return
        digest = hashlib.sha256()
        try:
            async with await anyio.open_file(self._source, "rb") as file:
                while chunk := await file.read(_CHUNK):
                    digest.update(chunk)
                    yield chunk
        except OSError as error:
            self.fault = f"{self._source} cannot be read: {error.strerror or error}"
            raise
        if digest.hexdigest() != self._facts.sha256:
            self.fault = f"{self._source} changed while it was being sent"


async def upload(
    caller: Caller, source: Path | str | bytes, *, facts: FileFacts | None = None
) -> Media:
    """Upload a file or bytes.

    Args:
        caller: makes the call.
        source: a path, or the bytes themselves.
        facts: what an earlier look at the source told; else it is looked at now.

    Raises:
        InvalidPostError: the server would refuse it, and nothing was sent; or it changed since
            it was looked at, and what was sent is not used.
    """
    source = Path(source) if isinstance(source, str) else source
    if facts is None:
        facts = await anyio.to_thread.run_sync(_look, source)
    part = _Part(source, facts)
    try:
        media = await caller.call(Call(UPLOAD_FILE, file=part.as_file_part()))
    except APIConnectionError as error:
        if part.fault is None:
            raise
        raise _refuse(part.fault) from error
    if part.fault is not None:
        raise _refuse(part.fault)
    return replace(media, width=facts.width, height=facts.height, size=facts.size)


def _look(source: Path | bytes) -> FileFacts:
    if isinstance(source, Path):
        return inspect_file(source)
    mime = _kind(source[:_HEAD], "the data")
    _check_size(len(source), mime, "the data")
    pixels = _pixels(mime, BytesIO(source))
    return FileFacts(hashlib.sha256(source).hexdigest(), len(source), mime, *pixels)
