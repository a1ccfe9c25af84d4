from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sandbox_calls import Send, request

from postiz_async._sandbox import MemoryServer, Response
from postiz_async.clock import JumpingClock


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock(start=1_795_500_000.0)


@pytest.fixture
async def sandbox(clock: JumpingClock) -> AsyncIterator[MemoryServer]:
    async with MemoryServer(clock=clock, tags=["launch"]) as made:
        made.add_channel("mastodon", id="cmmastodon000000000000001")
        made.add_channel("telegram", id="cmtelegram000000000000001", group="Acme")
        yield made


@pytest.fixture
def send(sandbox: MemoryServer) -> Send:
    async def call(method: str, path: str, body: object = None, **query: str) -> Response:
        return await sandbox.handle(request(method, path, body, **query))

    return call
