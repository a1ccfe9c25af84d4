"""Find the type of a file, and the size of a picture, by the first bytes, as the server does."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path

import imagesize  # pyright: ignore[reportMissingTypeStubs]

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

UPLOAD_ONLY = {"image/avif": ".avif", "image/bmp": ".bmp", "image/tiff": ".tif"}
"""Kinds that can be uploaded, but not used in a post."""


def media_type(head: bytes) -> str:
    """The media type of a file that begins with these bytes, or `unknown`."""
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
