"""Telling the type of a file by its first bytes; what the client says about it does not matter."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FileKind", "kind_of"]

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
"""Begin the brands of files that are built like MP4 and are something else."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """A type that can be uploaded: its extension and how large a file may be."""

    extension: str
    limit: int = IMAGE_LIMIT


def kind_of(head: bytes) -> FileKind | None:
    """The type of a file that begins with `head`; None for all that is refused."""
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
