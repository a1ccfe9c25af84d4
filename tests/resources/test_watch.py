"""`posts.watch`: what becomes of posts, once each, politely, through outages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest

from postiz_async import (
    AdvancedOptions,
    AuthenticationError,
    InvalidInputError,
    NewPost,
    Postiz,
    ServerError,
)
from postiz_async._concurrency import WakeSignal
from postiz_async._resources.watch import (
    IDLE_POLL,
    LONGEST_OUTAGE,
    PostSource,
    watch,
)
from postiz_async.errors import APIResponse
from postiz_async.models.channels import Channel
from postiz_async.models.insights import Notification
from postiz_async.models.posts import Post, PublishEvent
from postiz_async.testing import Fault, Sandbox

URL = "http://sandbox.invalid"


@pytest.fixture
def local() -> Sandbox:
    return Sandbox(limit=1000)


def later(local: Sandbox, seconds: float) -> datetime:
    return datetime.fromtimestamp(local.clock.time() + seconds, UTC)


async def scheduled(postiz: Postiz, local: Sandbox, channel: Channel, *after: float) -> list[str]:
    made = [
        await postiz.posts.schedule(NewPost(channel, f"{n}"), at=later(local, seconds))
        for n, seconds in enumerate(after)
    ]
    return [each[0].post_id for each in made]


async def gather(
    local: Sandbox, events: AsyncGenerator[PublishEvent], seconds: float
) -> list[tuple[float, PublishEvent]]:
    """What is told within some time of the clock, and when."""
    told: list[tuple[float, PublishEvent]] = []

    async def read() -> None:
        async with aclosing(events):
            async for event in events:
                told.append((local.clock.time(), event))  # noqa: PERF401  (it is cancelled)

    reading = asyncio.create_task(read())
    await local.clock.sleep(seconds)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert reading.cancelled()
    return told


async def test_posts_are_told_once_with_their_link_soon_after_their_date(
    local: Sandbox,
) -> None:
    channel = local.add_channel("mastodon")
    async with local.client() as postiz:
        began = local.clock.time()
        ids = await scheduled(postiz, local, channel, 90, 600, 600, 7200)
        told = await gather(local, postiz.posts.watch(), 4 * 3600)
    assert told[0][1].post.id == ids[0]
    assert sorted(event.post.id for _, event in told) == sorted(ids)
    assert all(event.is_published and not event.reason for _, event in told)
    assert all(event.link.startswith("https://") for _, event in told)
    dates = {id_: began + after for id_, after in zip(ids, (90, 600, 600, 7200), strict=True)}
    assert all(0 <= at - dates[event.post.id] <= 35 for at, event in told)


async def test_a_refusal_has_the_words_of_the_notification(local: Sandbox) -> None:
    channel = local.add_channel("mastodon", name="Ours")
    async with local.client() as postiz:
        await scheduled(postiz, local, channel, 60)
        local.change_channel(channel.id, failure="the token is gone")
        ((_, event),) = await gather(local, postiz.posts.watch(), 600)
    assert not event.is_published
    assert event.link == ""
    assert "the token is gone" in event.reason


async def test_what_was_before_is_told_only_if_it_is_asked_for(local: Sandbox) -> None:
    channel = local.add_channel("mastodon")
    async with local.client() as postiz:
        ids = await scheduled(postiz, local, channel, 60, 7200)
        before = later(local, 0)
        await local.clock.sleep(3 * 3600)
        assert await gather(local, postiz.posts.watch(), 1200) == []
        told = await gather(local, postiz.posts.watch(since=before), 1200)
        assert [event.post.id for _, event in told] == ids
        told = await gather(local, postiz.posts.watch(since=before + timedelta(hours=1)), 1200)
        assert [event.post.id for _, event in told] == ids[1:]
        with pytest.raises(InvalidInputError):
            postiz.posts.watch(since=datetime(2027, 1, 1))  # noqa: DTZ001


async def test_what_is_published_at_once_is_noticed(local: Sandbox) -> None:
    channel, other = local.add_channel("mastodon"), local.add_channel("x")
    async with local.client() as postiz:

        async def publish() -> None:
            await local.clock.sleep(1000)
            await postiz.posts.publish_now(NewPost(channel, "a"), NewPost(other, "b"))

        publishing = asyncio.create_task(publish())
        told = await gather(local, postiz.posts.watch(channel=channel.id), 3000)
        await publishing
    assert [event.post.content for _, event in told] == ["a"]


async def test_a_webhook_makes_it_look_sooner(local: Sandbox) -> None:
    channel = local.add_channel("mastodon")
    async with local.client() as postiz:

        async def publish() -> float:
            await local.clock.sleep(1010)
            await postiz.posts.publish_now(NewPost(channel, "a"))
            await local.clock.sleep(5)
            postiz.posts.look_again()
            return local.clock.time()

        publishing = asyncio.create_task(publish())
        ((at, _),) = await gather(local, postiz.posts.watch(), 3000)
        assert at - await publishing <= 2


async def test_a_webhook_that_comes_while_it_looks_makes_it_look_once_more(local: Sandbox) -> None:
    channel, clock = local.add_channel("mastodon"), local.clock
    async with local.client(latency=1.0) as postiz:
        await postiz.channels.list()
        for watches in (True, False):
            at = later(local, 300)
            (created,) = await postiz.posts.schedule(NewPost(channel, "a"), at=at)
            post, began = created.post_id, clock.monotonic()

            async def publish(post: str = post) -> None:
                await clock.sleep(1.5)  # the server has answered, and the answer is on its way
                local.publish(post)
                postiz.posts.look_again()

            publishing = asyncio.create_task(publish())
            if watches:
                async with aclosing(postiz.posts.watch()) as events:
                    assert (await anext(events)).post.id == post
            else:
                await postiz.posts.wait_published(post, at=at)
            await publishing
            assert clock.monotonic() - began < 20


async def test_an_outage_loses_and_doubles_nothing(local: Sandbox) -> None:
    channel = local.add_channel("mastodon")
    async with local.client() as postiz:
        ids = await scheduled(postiz, local, channel, 60, 3600, 7200, 20_000)

        async def trouble() -> None:
            await local.clock.sleep(600)
            fault = Fault("error_before", status=503, times=None, route="list_posts")
            local.add_fault(fault)
            await local.clock.sleep(3 * 3600)
            local.clear_faults()

        away = asyncio.create_task(trouble())
        told = await gather(local, postiz.posts.watch(), 30_000)
        await away
    assert [event.post.id for _, event in told] == ids


async def test_an_outage_of_days_is_waited_out(local: Sandbox) -> None:
    """More looks than a float can be doubled."""
    began = local.clock.time()
    back = began + 4 * 86_400

    async def look(*, start: datetime, end: datetime) -> list[Post]:
        if began < local.clock.time() < back:
            raise ServerError("away", response=APIResponse(503))
        post = Post(id="p", state="PUBLISHED", publish_date=start + (end - start) / 2)
        return [post] if local.clock.time() > began else []

    async def no_notifications() -> AsyncIterator[Notification]:
        nothing: list[Notification] = []
        for each in nothing:
            yield each

    source = PostSource(look, no_notifications, local.clock, local.clock.time, WakeSignal())
    async with aclosing(watch(source, accepts=lambda _: True, since=None)) as events:
        event = await anext(events)
    assert event.post.id == "p"
    assert 0 <= local.clock.time() - back <= LONGEST_OUTAGE


async def test_looks_are_few_while_nothing_happens(local: Sandbox) -> None:
    local.add_channel("mastodon")
    async with local.client() as postiz:
        before = local.requests
        await gather(local, postiz.posts.watch(), 3600)
        assert local.requests - before <= 3600 / IDLE_POLL + 2


async def test_a_post_that_hangs_is_asked_for_rarely(local: Sandbox) -> None:
    channel = local.add_channel("mastodon")
    async with local.client() as postiz:
        (post,) = await scheduled(postiz, local, channel, 60)
        local.change_post(post, has_job=False)
        before = local.requests
        assert await gather(local, postiz.posts.watch(), 3600) == []
        assert local.requests - before <= 3600 / 30 + 10


async def test_it_goes_on_where_the_loop_was_left_open(local: Sandbox) -> None:
    channel = local.add_channel("mastodon")
    async with local.client() as postiz:
        ids = await scheduled(postiz, local, channel, 60, 61, 9000)
        async with aclosing(postiz.posts.watch()) as events:
            first = await anext(events)
            await local.clock.sleep(20_000)  # nobody reads
            rest = [await anext(events), await anext(events)]
    assert [event.post.id for event in (first, *rest)] == ids


async def test_a_key_that_is_refused_ends_it(local: Sandbox) -> None:
    async with local.client() as postiz:
        assert await postiz.channels.is_connected()
        transport = local.transport()
        wrong = Postiz(
            api_key="wrong",
            base_url=URL,
            advanced=AdvancedOptions(clock=local.clock, transport=transport),
        )
        async with wrong, aclosing(wrong.posts.watch()) as events:
            with pytest.raises(AuthenticationError):
                await anext(events)


async def test_a_server_that_is_away_at_the_first_look_is_an_error(local: Sandbox) -> None:
    async with local.client() as postiz:
        fault = Fault("error_before", status=503, times=None, route="list_posts")
        local.add_fault(fault)
        async with aclosing(postiz.posts.watch()) as events:
            with pytest.raises(ServerError):
                await anext(events)
