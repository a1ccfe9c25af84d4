"""Width and height of a picture, read from the beginning of its file."""

from __future__ import annotations

import struct

__all__ = ["pixels_of"]

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of JPEG that begin a frame."""

_SHORTEST = 30
"""Bytes in which all but JPEG say their size."""


def pixels_of(head: bytes) -> tuple[int, int] | None:
    """Width and height; None for what is no picture, or does not say it early enough."""
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
    """Go from segment to segment up to the frame."""
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
