"""A server before v2.19.0 counts reads too, which is said, and waited for by nobody."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from postiz_async._sandbox import MemoryServer
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.clock import JumpingClock
from postiz_async.testing._transport import SandboxTransport, sandbox_client

START, END = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)


class CountsReads(SandboxTransport):
    """Adds to each answer the headers with which an old server limits lists, too."""

    async def send(self, request: WireRequest) -> WireResponse:
        answer = await super().send(request)
        headers = {"x-ratelimit-limit": "5", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "9"}
        return WireResponse(answer.status, {**headers, **answer.headers}, answer.body)


async def test_a_server_that_counts_reads_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with MemoryServer(clock=JumpingClock()) as sandbox:
            way = CountsReads(sandbox)
            async with sandbox_client(sandbox, transport=way) as postiz:
                for _ in range(9):
                    await postiz.posts.list(start=START, end=END)
                assert (await postiz.quota()).limit is None
                assert sandbox.clock.monotonic() < 60
    (record,) = caplog.records
    assert "this server counts list_posts too, as Postiz did before v2.19.0" in record.message
