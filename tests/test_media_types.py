"""Types of files, and sizes of pictures, by the first bytes."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from hypothesis import given, strategies as st
from sandbox_calls import png

from postiz_async._media_types import POSTABLE, UPLOAD_ONLY, media_type, pixels_of


@pytest.mark.parametrize(
    ("head", "suffix"),
    [
        (b"\x89PNG\r\n\x1a\n", ".png"),
        (b"\xff\xd8\xff\xe0", ".jpg"),
        (b"GIF89a", ".gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", ".webp"),
        (b"\0\0\0\x20ftypavif", ".avif"),
        (b"BM\0\0", ".bmp"),
        (b"II*\0", ".tif"),
        (b"\0\0\0\x20ftypisom", ".mp4"),
        (b"\0\0\0\x14ftypqt  ", None),
        (b"%PDF-1.4", None),
        (b"<svg", None),
        (b"", None),
    ],
)
def test_types_are_told_by_the_bytes(head: bytes, suffix: str | None) -> None:
    assert (POSTABLE | UPLOAD_ONLY).get(media_type(head)) == suffix


@pytest.mark.parametrize(
    "head",
    [
        png(300, 200),
        b"GIF89a" + struct.pack("<HH", 300, 200) + bytes(40),
        b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + b"\x2b\x01\0\xc7\0\0" + bytes(9),
        b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08" + struct.pack(">HH", 200, 300) + bytes(9),
    ],
)
def test_the_beginning_says_how_large_a_picture_is(head: bytes) -> None:
    assert pixels_of(media_type(head), BytesIO(head)) == (300, 200)
    assert pixels_of(media_type(head), BytesIO(head[:4])) == (0, 0)


@given(st.binary(max_size=64))
def test_a_broken_picture_has_no_size(junk: bytes) -> None:
    for begin in (b"", b"\xff\xd8\xff", b"GIF8", b"RIFF\0\0\0\0WEBPVP8X"):
        size = pixels_of(media_type(begin + junk), BytesIO(begin + junk))
        assert min(size) >= 0
