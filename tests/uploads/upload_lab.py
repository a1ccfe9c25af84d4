"""Sources that behave, and sources that do not."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable

import anyio

__all__ = ["WebUpload", "endless", "sha", "stream_of", "stuck_after"]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def stream_of(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def endless(head: bytes) -> AsyncGenerator[bytes]:
    yield head
    while True:
        yield b"\0" * 65_536


async def stuck_after(*chunks: bytes) -> AsyncGenerator[bytes]:
    for chunk in chunks:
        yield chunk
    await anyio.sleep_forever()


class WebUpload:
    """What FastAPI hands to a handler, as far as anybody may rely on it."""

    def __init__(self, data: bytes, filename: str | None = "photo.png") -> None:
        self.filename = filename
        self.size = len(data)
        self._data = data
        self._place = 0
        self.is_closed = False

    async def read(self, size: int = -1) -> bytes:
        end = len(self._data) if size < 0 else self._place + size
        data = self._data[self._place : end]
        self._place += len(data)
        return data

    async def seek(self, offset: int) -> None:
        self._place = offset

    async def close(self) -> None:
        self.is_closed = True
