"""A way to a PostgreSQL that breaks, or swallows what it is given, when a test says so."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["Proxy", "proxy"]


class Proxy:
    """Hands bytes on in both directions.

    Attributes:
        port: where it listens.
        connections: how many it has taken.
        is_frozen: it takes bytes, and hands nothing on.
        break_after: when a request has these bytes, its connection breaks before the answer.
    """

    def __init__(self, server: int) -> None:
        self._server = server
        self.port = 0
        self.connections = 0
        self.is_frozen = False
        self.break_after = b""
        self._ends: set[asyncio.Event] = set()
        self._served: set[asyncio.Task[None] | None] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._server)
        except OSError:  # it is down
            writer.close()
            return
        doomed, over = asyncio.Event(), asyncio.Event()
        self._ends.add(over)
        self._served.add(asyncio.current_task())
        ways = [
            asyncio.create_task(over.wait()),
            asyncio.create_task(self._asked(reader, back, doomed)),
            asyncio.create_task(self._answered(there, writer, doomed)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, back):
                end.close()

    async def end(self) -> None:
        """Break all connections."""
        for over in self._ends:
            over.set()
        await asyncio.gather(*(each for each in self._served if each))

    async def _asked(
        self, reader: asyncio.StreamReader, to: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if self.break_after and self.break_after in data:
                    self.break_after = b""
                    doomed.set()
                if not self.is_frozen:
                    to.write(data)

    async def _answered(
        self, reader: asyncio.StreamReader, to: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if doomed.is_set():
                    return
                if not self.is_frozen:
                    to.write(data)


@asynccontextmanager
async def proxy(server: int) -> AsyncGenerator[Proxy]:
    """A way to the PostgreSQL on this port."""
    made = Proxy(server)
    async with await asyncio.start_server(made.serve, "127.0.0.1", 0) as listener:
        made.port = listener.sockets[0].getsockname()[1]
        yield made
        await made.end()
