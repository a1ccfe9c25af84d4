from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from postiz_async import AdvancedOptions
from postiz_async._client import Postiz
from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async.clock import AcceleratedClock, JumpingClock
from postiz_async.testing._transport import sandbox_client


@pytest.fixture
async def sandbox() -> AsyncIterator[MemoryServer]:
    async with MemoryServer() as made:
        yield made


@pytest.fixture
async def postiz(sandbox: MemoryServer) -> AsyncIterator[Postiz]:
    """A client over loopback, whose pauses are short."""
    async with serve(sandbox) as served:
        clock = AcceleratedClock(50)
        async with Postiz(
            api_key="sandbox", base_url=served.url, advanced=AdvancedOptions(clock=clock)
        ) as client:
            yield client


@pytest.fixture
async def local(sandbox_in_memory: MemoryServer) -> AsyncIterator[Postiz]:
    """A client without sockets."""
    async with sandbox_client(sandbox_in_memory) as client:
        yield client


@pytest.fixture
async def sandbox_in_memory() -> AsyncIterator[MemoryServer]:
    async with MemoryServer(clock=JumpingClock()) as made:
        yield made
