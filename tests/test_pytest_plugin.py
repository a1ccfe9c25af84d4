"""The fixtures that users get with the package."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from postiz_async import NewPost, Postiz, webhooks
from postiz_async._sandbox import Fault
from postiz_async.errors import UnexpectedAnswerError

if TYPE_CHECKING:
    from postiz_async.pytest_plugin import ServedPostiz
    from postiz_async.testing import LocalPostiz


async def test_an_hour_passes_at_once(postiz_sandbox: LocalPostiz) -> None:
    channel = postiz_sandbox.add_channel("mastodon")
    started = postiz_sandbox.clock.monotonic()
    async with postiz_sandbox.client(latency=0.2) as postiz:
        at = postiz_sandbox.in_an_hour()
        for number in range(31):
            await postiz.posts.draft(NewPost(channel, f"post {number}"), at=at)
    assert len(postiz_sandbox.posts) == 31
    assert postiz_sandbox.refusals == 0
    assert postiz_sandbox.clock.monotonic() - started > 3600


async def test_two_clients_of_one_sandbox(postiz_sandbox: LocalPostiz) -> None:
    postiz_sandbox.add_channel("mastodon")
    async with postiz_sandbox.client() as one, postiz_sandbox.client() as two:
        assert await one.integrations.list() == await two.integrations.list()


async def test_who_leaves_first_does_not_end_the_work_of_the_others(
    postiz_sandbox: LocalPostiz,
) -> None:
    channel = postiz_sandbox.add_channel("mastodon")
    clock, at = postiz_sandbox.clock, postiz_sandbox.in_an_hour()
    async with postiz_sandbox.client() as one, AsyncExitStack() as stack:
        # opened after `one`, and still at work when it closes
        two = await stack.enter_async_context(postiz_sandbox.client())
        post = NewPost(channel, "slow")
        postiz_sandbox.sandbox.faults.add(Fault("late_work", route="create_post", delay=5.0))
        work = asyncio.create_task(two.posts.schedule(post, at=at))
        await clock.sleep(1.0)
        others = stack.pop_all()
    assert not one.is_open
    async with others:
        await work
    assert len(postiz_sandbox.posts) == 1


async def test_a_server_in_another_thread(postiz_server: ServedPostiz) -> None:
    channel = postiz_server.sandbox.add_integration("telegram")
    async with Postiz(api_key=postiz_server.api_key, base_url=postiz_server.url) as postiz:
        assert [each.id for each in await postiz.integrations.list()] == [channel.id]


def test_the_plugin_loads_nothing_heavy() -> None:
    code = (
        "import sys, postiz_async.pytest_plugin;"
        "heavy = {'aiohttp', 'msgspec', 'anyio', 'rich'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_webhook_deliveries() -> None:
    assert webhooks.parse(b"[]") == []
    (post,) = webhooks.parse(
        b'[{"id":"p1","content":"<p>x</p>","publishDate":"2026-02-06T13:09:00.000Z",'
        b'"releaseURL":null,"state":"PUBLISHED","integration":{"id":"c1","name":"n",'
        b'"providerIdentifier":"x","picture":null,"type":"social"},"new":1}]'
    )
    assert post.integration is not None
    assert (post.id, post.state, post.integration.provider) == ("p1", "PUBLISHED", "x")
    for body in (b"", b"{}", b"[1]", b"\xff", b"[" * 100_000):
        with pytest.raises(UnexpectedAnswerError):
            webhooks.parse(body)
