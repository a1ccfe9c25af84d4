"""Walking through a range of posts, piece by piece."""

from __future__ import annotations

import asyncio
import weakref
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from postiz_async import APITimeoutError, InvalidInputError, NewPost
from postiz_async._resources.create_body import build_body, build_item
from postiz_async._resources.listing import pieces
from postiz_async.models.posts import Post, PostRequest
from postiz_async.testing import Sandbox
from postiz_async.types import PostState

START = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")


class Answer(list[Post]):
    """A list whose end can be seen."""


async def test_an_answer_is_let_go_before_the_next_is_asked_for() -> None:
    known: list[weakref.ref[Answer]] = []

    async def list_posts(*, start: datetime, end: datetime) -> list[Post]:
        assert all(ref() is None for ref in known)
        days = (START + n * DAY for n in range(100))
        inside = [day for day in days if start <= day <= end]
        answer = Answer(Post(id=f"{day:%j}", publish_date=day) for day in reversed(inside))
        known.append(weakref.ref(answer))
        return answer

    found: list[str] = []
    async for posts in pieces(list_posts, START, START + 99 * DAY, accepts=None):
        found += [post.id for post in posts]
        posts.clear()
    assert found == [f"{n:03}" for n in range(1, 101)]
    assert len(known) > 2


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 1), (1, 1)])
async def test_an_hour_that_comes_twice_is_two_hours(first: int, last: int) -> None:
    hours = [datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=BERLIN) for fold in (0, 1)]
    stored = [Post(id=f"{n}", publish_date=hour.astimezone(UTC)) for n, hour in enumerate(hours)]

    async def list_posts(*, start: datetime, end: datetime) -> list[Post]:
        return stored

    ends = (hours[first].replace(microsecond=999), hours[last])  # the server keeps milliseconds
    found = [post.id async for posts in pieces(list_posts, *ends, accepts=None) for post in posts]
    assert found == [f"{n}" for n in range(first, last + 1)]


# ------------------------------------------------------------------ what lists return


@pytest.mark.parametrize(
    ("which", "contents"),
    [
        ({}, ["daily", "day 1", "draft", "day 40"]),
        ({"tag": "news"}, ["day 1", "day 40"]),
        ({"state": "DRAFT"}, ["draft"]),
        ({"channel": "telegram"}, ["draft"]),
        ({"group": "Acme"}, ["draft"]),
        ({"tag": "news", "channel": "telegram"}, []),
    ],
)
async def test_a_list_to_await_and_to_iterate_has_the_same_posts(
    which: dict[str, Any], contents: list[str]
) -> None:
    sandbox = Sandbox(limit=90)
    mastodon = sandbox.add_channel("mastodon")
    telegram = sandbox.add_channel("telegram", group="Acme")
    sandbox.add_tag("news")
    start = sandbox.in_an_hour()
    async with sandbox.client() as postiz:
        item = build_item(NewPost(mastodon, "daily"), mastodon)
        daily = build_body("schedule", start - timedelta(minutes=30), [item])
        await postiz.posts.send(PostRequest.from_dict(daily.to_dict() | {"inter": 1}))
        for day in (40, 1):
            new = NewPost(mastodon, f"day {day}")
            await postiz.posts.schedule(new, at=start + day * DAY, tags=["news"])
        await postiz.posts.draft(NewPost(telegram, "draft"), at=start + 5 * DAY)
        if "group" in which:
            [which["group"]] = await postiz.channels.groups()
            assert which["group"].name == "Acme"
        span: dict[str, Any] = {"start": start, "end": start + 60 * DAY, **which}
        before = sandbox.requests
        awaited = await postiz.posts.list(**span)
        assert sandbox.requests - before == 1
        assert [post async for post in postiz.posts.list(**span)] == awaited
        assert sandbox.requests - before > 3, "it was not fetched in pieces"
        once = await postiz.posts.list(**span, collapse_repeats=True)
        assert [p async for p in postiz.posts.list(**span, collapse_repeats=True)] == once
    assert [post.content for post in once] == contents
    assert len(awaited) - len(once) == (59 if "daily" in contents else 0)
    dates = [post.publish_date for post in awaited]
    assert dates == sorted(dates)
    assert all(start <= date <= start + 60 * DAY for date in dates)


async def test_a_list_is_a_coroutine_for_tasks() -> None:
    sandbox = Sandbox()
    channel, at = sandbox.add_channel("mastodon"), sandbox.in_an_hour()
    async with sandbox.client() as postiz:
        await postiz.posts.schedule(NewPost(channel, "Hello"), at=at)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(postiz.posts.list(start=at, end=at))
        gathered = await asyncio.gather(postiz.posts.list(start=at, end=at))
        cancelled = asyncio.create_task(postiz.notifications.list())
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        raw = await postiz.with_raw_response(postiz.posts.list(start=at, end=at))
    assert [post.content for post in task.result()] == ["Hello"]
    assert gathered == [task.result()] == [raw.value]
    assert b"Hello" in raw.body


@pytest.mark.parametrize("state", ["queue", "Published", "", "scheduled"])
async def test_a_state_that_no_post_has_is_refused(state: Any) -> None:
    sandbox = Sandbox()
    at = sandbox.in_an_hour()
    async with sandbox.client() as postiz:
        with pytest.raises(InvalidInputError, match=r"state: there is no .* QUEUE, PUBLISHED"):
            await postiz.posts.list(start=at, end=at, state=state)
    assert not sandbox.requests


def test_a_state_of_a_newer_server_is_read() -> None:
    assert get_args(PostState) == ("QUEUE", "PUBLISHED", "ERROR", "DRAFT")
    assert Post.from_dict({"id": "p", "publishDate": START, "state": "REVIEW"}).state == "REVIEW"


async def test_notifications_end_where_they_are_older() -> None:
    sandbox = Sandbox(limit=500)
    async with sandbox.client() as postiz:
        for minute in range(250):
            sandbox.add_notification(f"message {minute}")
            await sandbox.clock.sleep(60)
        everything = await postiz.notifications.list()
        assert [each async for each in postiz.notifications.list()] == everything
        since = everything[119].created_at
        before = sandbox.requests
        assert await postiz.notifications.list(since=since) == everything[:120]
        assert sandbox.requests - before == 2
        with pytest.raises(InvalidInputError, match=r"since: .* no time zone"):
            await postiz.notifications.list(since=since.replace(tzinfo=None))
    assert [each.content for each in everything] == [f"message {n}" for n in reversed(range(250))]


async def test_a_time_limit_is_for_all_pages_of_notifications() -> None:
    local = Sandbox()
    for number in range(350):
        local.add_notification(f"note {number}")
    async with local.client(latency=2.0) as postiz:
        assert len(await postiz.notifications.list()) == 350
        with pytest.raises(APITimeoutError):
            await postiz.with_options(timeout=5).notifications.list()
