"""Checked by mypy and pyright, never run: the types that users see."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import assert_type

from postiz_async import (
    Created,
    Html,
    Integration,
    Media,
    NewPost,
    Post,
    Postiz,
    Quota,
    QuotaWaitError,
    RawAnswer,
    ThreadPart,
)
from postiz_async.batch.plan import Forecast
from postiz_async.batch.report import Report
from postiz_async.batch.runner import Outcome
from postiz_async.models.analytics import Metric, PostAnalytics
from postiz_async.models.integrations import ChannelSettings
from postiz_async.models.notifications import Notification

NOW = datetime(2030, 1, 1, tzinfo=UTC)


async def client() -> None:
    async with Postiz(api_key="k", base_url="https://postiz.example.com/api") as postiz:
        channels = assert_type(await postiz.integrations.list(), list[Integration])
        media = assert_type(await postiz.media.upload(Path("a.png")), Media)
        part = ThreadPart("second", media=(media,), delay=5)
        new = NewPost(channels[0], "text", media=[media], thread=["one", Html("<p>x</p>"), part])
        assert_type(await postiz.posts.schedule(new, at=NOW, max_wait=5), list[Created])
        assert_type(await postiz.posts.publish_now(new), list[Created])
        assert_type(await postiz.posts.replace("id", new, at=NOW), Created)
        assert_type(await postiz.posts.list(start=NOW, end=NOW), list[Post])
        async for post in postiz.posts.iter(start=NOW, end=NOW):
            assert_type(post, Post)
        assert_type(await postiz.posts.delete("id"), bool)
        assert_type(await postiz.integrations.settings("id"), ChannelSettings)
        assert_type(await postiz.integrations.find_slot("id"), datetime)
        assert_type(await postiz.analytics.integration("id", days=7), list[Metric])
        assert_type(await postiz.analytics.post("id"), PostAnalytics)
        async for notification in postiz.notifications.iter():
            assert_type(notification, Notification)
        assert_type(await postiz.quota(), Quota)
        answer = await postiz.raw(postiz.posts.get("id"))
        assert_type(answer, RawAnswer[Post])
        assert_type(await postiz.with_options(timeout=5).posts.get("id"), Post)


async def batch(postiz: Postiz) -> None:
    async with postiz.batch("campaign.csv", late="send") as job:
        assert_type(await job.plan(), Forecast)
        async with job.run() as outcomes:
            async for outcome in outcomes:
                assert_type(outcome, Outcome)
        assert_type(await job.run_all(), Report)


def errors(error: QuotaWaitError) -> float:
    return assert_type(error.retry_after, float)
