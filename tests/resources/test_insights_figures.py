"""Figures of many posts: as numbers, politely, and what could not be found out is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from postiz_async import AuthenticationError, NewPost, Postiz
from postiz_async._resources.insights import PostOfChannel, gather_figures
from postiz_async.errors import APIResponse, NotFoundError, RateLimitError, ServerError
from postiz_async.models.channels import Channel
from postiz_async.models.insights import Figures, Metric, MetricPoint, PostAnalytics
from postiz_async.models.posts import Post
from postiz_async.testing import Fault, Sandbox


@pytest.fixture
def local() -> Sandbox:
    return Sandbox(limit=1000)


async def published(postiz: Postiz, local: Sandbox, *channels: Channel) -> list[Post]:
    at = local.in_an_hour()
    for channel in channels:
        await postiz.posts.schedule(NewPost(channel, "Hi"), at=at)
    await local.clock.sleep(7200)
    day = timedelta(days=1)
    return await postiz.posts.list(start=at - day, end=at + day)


async def test_figures_are_numbers_by_post(local: Sandbox) -> None:
    x = local.add_channel("x")
    async with local.client() as postiz:
        posts = await published(postiz, local, x, x)
        figures = await postiz.analytics.posts(posts)
        (metric, *_) = (await postiz.analytics.post(posts[0].id)).metrics
    assert figures.by_post.keys() == {post.id for post in posts}
    assert set(figures.names) == {"Impressions", "Likes", "Comments"}
    assert figures.by_post[posts[0].id][metric.label] == int(metric.data[-1].total)
    assert figures.missing == {}


async def test_the_ids_of_posts_and_channels_are_enough(local: Sandbox) -> None:
    x = local.add_channel("x")
    async with local.client() as postiz:
        posts = await published(postiz, local, x)
        figures = await postiz.analytics.posts([(posts[0].id, x.id)])
        assert figures == await postiz.analytics.posts(posts)
        assert figures.notes == []


async def test_posts_are_taken_as_they_are_asked(local: Sandbox) -> None:
    x = local.add_channel("x")
    most = 0
    async with local.client() as postiz:
        posts = await published(postiz, local, *[x] * 9)
        before = local.requests

        async def one_by_one() -> AsyncIterator[Post]:
            nonlocal most
            for taken, post in enumerate(posts, start=1):
                most = max(most, taken - (local.requests - before))
                yield post

        figures = await postiz.analytics.posts(one_by_one())
    assert figures.by_post.keys() == {post.id for post in posts}
    assert most == 2


async def test_a_channel_without_figures_is_asked_three_times(local: Sandbox) -> None:
    x, mastodon = local.add_channel("x"), local.add_channel("mastodon")
    async with local.client() as postiz:
        posts = await published(postiz, local, *[mastodon] * 8, x)
        before = local.requests
        figures = await postiz.analytics.posts(posts)
        asked = local.requests - before
    assert len(figures.by_post) == 1
    assert len(figures.missing) == 8
    assert asked <= 1 + 3 + 1, "one more may be under way"
    assert set(figures.reasons) == {
        "skipped: this channel gave no figures for three",
        "its network has no figures, or did not answer Postiz",
    }


async def test_what_postiz_does_not_know_of_the_network_is_told(local: Sandbox) -> None:
    async def ask(post_id: str) -> PostAnalytics:
        return PostAnalytics(missing=post_id == "lost", metrics=[])

    figures = await gather_figures(ask, [PostOfChannel("lost", "c")])
    assert "posts missing helps" in figures.missing["lost"]


async def test_an_old_server_is_asked_no_more() -> None:
    asked: list[str] = []

    async def ask(post_id: str) -> PostAnalytics:
        asked.append(post_id)
        raise NotFoundError("Cannot GET /public/v1/analytics/post", response=APIResponse(404))

    figures = await gather_figures(ask, [PostOfChannel(f"p{n}", "c") for n in range(5)])
    assert len(asked) <= 2
    assert figures.reasons == {"this Postiz has no figures of posts; they came with v2.18.0": 5}


async def test_a_server_that_takes_no_more_looks_is_asked_no_more() -> None:
    asked: list[str] = []

    async def ask(post_id: str) -> PostAnalytics:
        asked.append(post_id)
        raise RateLimitError("no", response=APIResponse(429), retry_after=1200)

    figures = await gather_figures(ask, [PostOfChannel(str(n), "c") for n in range(9)])
    assert figures.reasons == {"skipped: the server takes no more looks for 20 min": 9}
    assert len(asked) == 1


async def test_three_failures_in_a_row_are_enough(local: Sandbox) -> None:
    x = local.add_channel("x")
    async with local.client() as postiz:
        posts = await published(postiz, local, *[x] * 9)
        local.add_fault(Fault("error_before", status=500, times=99, route="get_post_analytics"))
        figures = await postiz.analytics.posts(posts)
    assert figures.by_post == {}
    assert figures.reasons["skipped: three looks in a row failed"] >= 5


async def test_a_reason_is_the_end_of_a_sentence(local: Sandbox) -> None:
    """Reports put a full stop behind it."""
    x = local.add_channel("x")
    async with local.client() as postiz:
        posts = await published(postiz, local, x)
        local.add_fault(Fault("reset", times=None, route="get_post_analytics"))
        figures = await postiz.analytics.posts(posts)
    assert figures.reasons == {"The connection to the sandbox broke": 1}


async def test_a_key_that_is_refused_is_an_error() -> None:
    async def ask(post_id: str) -> PostAnalytics:
        raise AuthenticationError("no", response=APIResponse(401))

    with pytest.raises(AuthenticationError):
        await gather_figures(ask, [PostOfChannel(str(n), "c") for n in range(9)])


async def test_two_looks_are_under_way_at_most_and_one_failure_is_no_end() -> None:
    now = most = 0

    async def ask(post_id: str) -> PostAnalytics:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        if post_id == "3":
            raise ServerError("no", response=APIResponse(500))
        values = [MetricPoint(total=total, date="2027-01-01") for total in ("1", "2.5", "n/a")]
        odd = Metric(label="Odd", data=[MetricPoint(total="nan", date="2027-01-01")])
        return PostAnalytics(metrics=[Metric(label="Views", data=values), odd])

    figures = await gather_figures(ask, [PostOfChannel(str(n), "c") for n in range(20)])
    assert most == 2
    assert figures.missing.keys() == {"3"}
    assert all(each == {"Views": 2.5} for each in figures.by_post.values())


def test_names_and_reasons_come_with_the_most_frequent_first() -> None:
    figures = Figures(
        {"a": {"Likes": 1}, "b": {"Views": 2, "Likes": 3}}, {"c": "no", "d": "why", "e": "why"}
    )
    assert figures.names == ["Likes", "Views"]
    assert list(figures.reasons.items()) == [("why", 2), ("no", 1)]
