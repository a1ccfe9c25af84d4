"""Find the type of a file by its content, and whether the server would accept it."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import struct
from dataclasses import dataclass
from io import BytesIO, FileIO
from pathlib import Path

import imagesize  # pyright: ignore[reportMissingTypeStubs]

from postiz_async.errors import InvalidInputError, Problem

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

_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF": "image/gif",
    b"BM": "image/bmp",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
    b"%PDF": "application/pdf",
    b"PK\3\4": "application/zip",
    b"ID3": "audio/mpeg",
    b"\xff\xfb": "audio/mpeg",
    b"fLaC": "audio/flac",
    b"OggS": "audio/ogg",
    b"\x1aE\xdf\xa3": "video/webm",
}
"""First bytes of what can be uploaded, and of what people try to."""

_RIFF = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo", b"WAVE": "audio/x-wav"}
"""Forms of RIFF files."""

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
    mime = _guess(head)
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


def _guess(head: bytes) -> str:
    for start, mime in _SIGNATURES.items():
        if head.startswith(start):
            if mime == "image/png" and b"acTL" in head.partition(b"IDAT")[0]:
                return "image/apng"
            is_matroska = mime == "video/webm" and b"matroska" in head[:64]
            return "video/x-matroska" if is_matroska else mime
    if head.startswith(b"RIFF") and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    return _boxed_kind(head) if head[4:8] == b"ftyp" else "unknown"


def _boxed_kind(head: bytes) -> str:
    """The type of a file that is built like MP4, by its main brand alone, as the server does."""
    brand = head[8:12]
    if brand in {b"avif", b"avis"}:
        return "image/avif"
    other = next((name for start, name in _BOXED.items() if brand.startswith(start)), None)
    return other or "video/mp4"


def pixels_of(mime: str, source: Path | BytesIO) -> tuple[int, int]:
    """Width and height of a picture; 0 and 0 where they cannot be read."""
    if not mime.startswith("image/"):
        return 0, 0
    try:
        width, height = imagesize.get(source)  # pyright: ignore[reportUnknownMemberType]
    except (ValueError, OSError, struct.error, IndexError):  # a broken picture
        return 0, 0
    return max(0, int(width)), max(0, int(height))


def limit_of(mime: str) -> int:
    """Bytes that the server accepts of a kind."""
    return MAX_VIDEO if mime.startswith("video/") else MAX_IMAGE


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
