"""The smallest files of each kind that can be posted."""

from __future__ import annotations

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xd9"
GIF = b"GIF89a\1\0\1\0\0\0\0;"
WEBP = b"RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0"
MP4 = b"\0\0\0\x1cftypisom\0\0\2\0isomiso2mp41"
