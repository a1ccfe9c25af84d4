"""Find the type of a file by its content, and whether the server would accept it."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from postiz_async._media_types import POSTABLE, UPLOAD_ONLY, limit_of, media_type, pixels_of
from postiz_async.errors import InvalidInputError, Problem

_HEAD = 8192
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The result of inspecting a file. `sha256` is the hash of its content, `size` is in bytes.

    `path` is where it was inspected. For a file on the web it is the address, `sha256` is the hash
    of that, and `size` is 0. `width` and `height` are the pixels of
    a picture, 0 if they cannot be read.
    """

    sha256: str
    size: int
    mime: str
    path: Path | str
    width: int = 0
    height: int = 0


def inspect_file(path: Path) -> FileFacts:
    """Read a local file once to inspect it. Blocking: call it in a thread.

    Args:
        path: its real path, as `os.path.realpath` tells it; no link is followed.

    Raises:
        InvalidInputError: it is missing, no file, empty, of a kind that cannot be posted, or
            too large.
    """
    try:
        check_path(path)
        digest = hashlib.sha256()
        with open_resolved(path) as file:
            head = file.read(_HEAD)
            digest.update(head)
            size = len(head)
            mime = kind_of(head, str(path))
            check_size(os.fstat(file.fileno()).st_size, mime, str(path))
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise refuse(f"{path} cannot be read: {error.strerror or error}") from error
    check_size(size, mime, str(path))
    return FileFacts(digest.hexdigest(), size, mime, path, *pixels_of(mime, path))


def open_resolved(path: Path) -> FileIO:
    """Open a file by its real path, and refuse any link that was put there since.

    Raises:
        OSError: it cannot be opened, or is a link by now.
        InvalidInputError: a folder on the way to it is a link by now.
    """
    file = open(path, "rb", buffering=0, opener=_open_no_link)  # noqa: SIM115  (the caller has it)
    if os.path.realpath(path) != str(path):
        file.close()
        raise refuse(f"{path} lies behind a symbolic link now")
    return file


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def check_path(path: Path) -> None:
    """Refuse a path that is not a regular file, which can be read repeatedly.

    Raises:
        InvalidInputError: it is missing, a directory, a pipe, a device or a link to itself.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, ValueError):
        raise refuse(f"{path} does not exist") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise refuse(f"{path} is a symbolic link that leads back to itself") from None
        raise
    if stat.S_ISDIR(mode):
        raise refuse(f"{path} is a directory")
    if stat.S_ISFIFO(mode):
        raise refuse(f"{path} is a pipe, not a file", "open it and hand over the file object")
    if not stat.S_ISREG(mode):
        raise refuse(f"{path} is not a file")


def kind_of(head: bytes, name: str) -> str:
    """The media type of a file by its content; the name is only for messages.

    Raises:
        InvalidInputError: it is empty, or of a kind that cannot be posted.
    """
    if not head:
        raise refuse(f"{name} is empty (0 bytes)")
    mime = media_type(head)
    if mime in UPLOAD_ONLY:
        raise refuse(
            f"{name} is {mime}: it can be uploaded but not posted", "convert it to PNG or JPEG"
        )
    if mime not in POSTABLE:
        raise refuse(
            f"{name} is {'of an unknown kind' if mime == 'unknown' else mime} by its content",
            "PNG, JPEG, GIF, WebP and MP4 can be posted",
        )
    return mime


def check_size(size: int, mime: str, name: str) -> None:
    """Refuse a file that is too large for its kind.

    Raises:
        InvalidInputError: it is.
    """
    limit = limit_of(mime)
    if size > limit:
        raise refuse(f"{name} has {size:,} bytes; the server accepts {limit:,}")


def refuse(message: str, hint: str = "") -> InvalidInputError:
    """The error for media that are refused before anything is sent."""
    return InvalidInputError([Problem("media", message, hint=hint)])
