"""Find the type of a file by its first bytes, and the size of a picture, as the server does."""

from __future__ import annotations

import struct
from dataclasses import dataclass

IMAGE_LIMIT = 10 * 1024**2
VIDEO_LIMIT = 1024**3

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF", "gif"),
    (b"BM", "bmp"),
    (b"II*\x00", "tif"),
    (b"MM\x00*", "tif"),
)

_OTHER_BRANDS = (b"qt", b"mif1", b"msf1", b"hei", b"hev", b"crx", b"M4", b"F4", b"3g", b"jp2")
"""Prefixes of the brands of files that are built like MP4, but have another type."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """A type of files that can be uploaded: its extension and largest size."""

    extension: str
    limit: int = IMAGE_LIMIT


def kind_of(head: bytes) -> FileKind | None:
    """The type of a file that begins with `head`; None if it is refused."""
    for signature, extension in _SIGNATURES:
        if head.startswith(signature):
            return FileKind(extension)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return FileKind("webp")
    return _boxed_kind(head[8:12]) if head[4:8] == b"ftyp" else None


def _boxed_kind(brand: bytes) -> FileKind | None:
    if brand in {b"avif", b"avis"}:
        return FileKind("avif")
    return None if brand.startswith(_OTHER_BRANDS) else FileKind("mp4", VIDEO_LIMIT)


_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of JPEG that begin a frame."""

_SHORTEST = 30
"""Bytes in which all types but JPEG state the size of the picture."""


def pixels_of(head: bytes) -> tuple[int, int] | None:
    """Width and height; None if it is not a picture, or its size is not within `head`."""
    if head.startswith(b"\xff\xd8"):
        return _jpeg(head)
    if len(head) < _SHORTEST:
        return None
    if head.startswith(b"\x89PNG"):
        return struct.unpack_from(">II", head, 16)
    if head.startswith(b"GIF8"):
        return struct.unpack_from("<HH", head, 6)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return _webp(head)
    return None


def _jpeg(head: bytes) -> tuple[int, int] | None:
    """The size of a JPEG, from its first frame segment."""
    spot = 2
    while spot + 9 <= len(head) and head[spot] == 0xFF:
        if head[spot + 1] in _FRAMES:
            height, width = struct.unpack_from(">HH", head, spot + 5)
            return width, height
        spot += 2 + int.from_bytes(head[spot + 2 : spot + 4], "big")
    return None


def _webp(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") for at in (24, 27))
        return width + 1, height + 1
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None
