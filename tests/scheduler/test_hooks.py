"""What hooks are told of calls."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from postiz_async import AdvancedOptions, NewPost, Postiz
from postiz_async._sandbox import MemoryServer
from postiz_async.clock import JumpingClock
from postiz_async.testing import Sandbox
from postiz_async.testing._transport import SandboxTransport
from postiz_async.types import Attempt, CallEnded, CallStarted


async def test_the_end_of_a_call_says_how_long_it_took_and_waited() -> None:
    clock, told = JumpingClock(), list["CallStarted | CallEnded"]()
    async with (
        MemoryServer(clock=clock, limit=1, work_per_post=0.0) as sandbox,
        Postiz(
            api_key=sandbox.organization.api_key,
            base_url="http://sandbox.invalid",
            advanced=AdvancedOptions(
                clock=clock, transport=SandboxTransport(sandbox, latency=0.5), on_call=told.append
            ),
        ) as postiz,
    ):
        new = NewPost(sandbox.add_channel("mastodon").id, "hello")
        at = datetime.fromtimestamp(clock.time(), UTC) + timedelta(days=1)
        await clock.sleep(1_000)
        for _ in range(2):
            await postiz.posts.schedule(new, at=at)
    creates = [each for each in told if each.endpoint == "create_post"]
    first, second = creates[1::2]
    assert (first.seconds, first.waited) == (pytest.approx(1.0), 0.0)  # type: ignore[union-attr]
    assert second.waited > 3_590  # type: ignore[union-attr]
    assert second.seconds == pytest.approx(second.waited + 1.0)  # type: ignore[union-attr]


async def test_events_and_messages_say_whose_call_it_is(caplog: pytest.LogCaptureFixture) -> None:
    events, attempts = list["CallStarted | CallEnded"](), list["Attempt"]()
    sandbox = Sandbox(organizations=["100 %d", "other"], channels=["mastodon"])
    hooks = AdvancedOptions(on_call=events.append, on_attempt=attempts.append)
    with caplog.at_level("INFO", "postiz_async"):
        async with sandbox.pool(advanced=hooks) as pool:
            for each, name in zip(sandbox.organizations, ("100 %d", None), strict=True):
                await (await pool.client(each.api_key, organization=name)).channels.list()
    assert [each.organization for each in events] == ["100 %d", "100 %d", "", ""]
    assert [each.organization for each in attempts] == ["100 %d", ""]
    said = [record for record in caplog.records if hasattr(record, "postiz")]
    assert [record.postiz for record in said] == attempts
    assert [record.message.partition(" list_channels ")[0] for record in said] == [
        "'100 %d': request 1",
        "request 1",
    ]


async def test_an_async_hook_delays_no_call_and_is_waited_for_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, ended = JumpingClock(), list[str]()

    async def hook(attempt: Attempt) -> None:
        if attempt.endpoint == "is_connected":
            raise ValueError("mine")
        await clock.sleep(2)
        ended.append(attempt.endpoint)

    async with MemoryServer(clock=clock) as sandbox:
        way = SandboxTransport(sandbox)
        postiz = Postiz(
            api_key=sandbox.organization.api_key,
            base_url="http://sandbox.invalid",
            advanced=AdvancedOptions(clock=clock, transport=way, on_attempt=hook),
        )
        async with postiz:
            await postiz.channels.list()
            await postiz.channels.is_connected()
            assert ended == []
        assert ended == ["list_channels"]
    assert "a hook failed" in caplog.text


async def test_a_close_that_is_cancelled_leaves_no_hook_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun, ended = asyncio.Event(), list[str]()

    async def hook(_: Attempt) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("hook")

    async with Sandbox().client(advanced=AdvancedOptions(on_attempt=hook)) as postiz:
        await postiz.channels.list()
        await begun.wait()
        closing = asyncio.create_task(postiz.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await asyncio.sleep(0)
    assert ended == ["hook"]
    assert "async hooks that did not end in time, cancelled: 1" in caplog.text
