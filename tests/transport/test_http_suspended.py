"""A machine that is suspended between the decision to send a create and its first byte."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from postiz_async import AdvancedOptions, APITimeoutError, NewPost, Postiz
from postiz_async.clock import SystemClock
from postiz_async.errors import Delivery
from postiz_async.testing import SandboxServer
from postiz_async.types import Attempt

SUSPENDED = 1_200.0


class Suspended(SystemClock):
    """Its machine was suspended for some time, which its monotonic clock counts."""

    slept = 0.0

    def time(self) -> float:
        return super().time() + self.slept

    def monotonic(self) -> float:
        return super().monotonic() + self.slept


class Suspending:
    """Suspends the machine once, while a create waits for a connection."""

    def __init__(self, clock: Suspended, *, has_connection: bool) -> None:
        self.clock = clock
        self.has_connection = has_connection
        self.creates = 0
        self.connect = aiohttp.TCPConnector.connect

    async def suspended(
        self, connector: aiohttp.TCPConnector, req: Any, *arguments: Any, **options: Any
    ) -> Any:
        made = None
        if self.has_connection:
            made = await self.connect(connector, req, *arguments, **options)
        if req.method == "POST":
            self.creates += 1
            self.clock.slept = SUSPENDED
        return made or await self.connect(connector, req, *arguments, **options)


@pytest.mark.parametrize(
    ("door", "has_connection"),
    [("key", False), ("key", True), pytest.param("outbox", True, marks=pytest.mark.exhaustive)],
)
async def test_a_create_does_not_leave_after_a_suspend(
    postiz_sandbox_server: SandboxServer,
    tmp_path: Path,
    door: str,
    has_connection: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others may have taken it over by then: it is written down anew, and leaves then."""
    channel = postiz_sandbox_server.add_channel("mastodon").id
    clock = Suspended()
    machine = Suspending(clock, has_connection=has_connection)

    async def connect(connector: aiohttp.TCPConnector, *arguments: Any, **options: Any) -> Any:
        return await machine.suspended(connector, *arguments, **options)

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", connect)
    attempts: list[Attempt] = []
    post, at = NewPost(channel, "Hello"), datetime.now(UTC) + timedelta(days=1)
    async with Postiz(
        api_key=postiz_sandbox_server.api_key,
        base_url=postiz_sandbox_server.url,
        outbox=tmp_path / "outbox.sqlite",
        advanced=AdvancedOptions(clock=clock, on_attempt=attempts.append),
    ) as postiz:
        if door == "key":
            with pytest.raises(APITimeoutError) as caught:
                await postiz.posts.schedule(post, at=at, idempotency_key="key")
            assert caught.value.delivery is Delivery.NOT_SENT
            await postiz.posts.schedule(post, at=at, idempotency_key="key")
        else:
            ticket = await postiz.outbox.put(post, at=at)
            assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    creates = [each for each in attempts if each.endpoint == "create_post"]
    assert [each.error or each.status for each in creates] == ["APITimeoutError", 201]
    assert machine.creates == 2
    assert len(postiz_sandbox_server.posts) == 1
    assert len(postiz_sandbox_server.creates) == 1, "the first did not leave"
