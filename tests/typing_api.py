"""Checked by mypy and pyright, never run: the types that users see.

An ignored error that is none is one itself, so each `type: ignore` is a promise as well.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, assert_type

from postiz_async import (
    Created,
    Html,
    Integration,
    Media,
    NewPost,
    OutboxOptions,
    Post,
    Postiz,
    Quota,
    QuotaWaitError,
    RawAnswer,
    ThreadPart,
    Ticket,
    providers,
)
from postiz_async._batch.export import Exported
from postiz_async._batch.job import Outcome
from postiz_async._batch.plan import Forecast
from postiz_async._batch.read_options import ReadOptions
from postiz_async._batch.report import Report
from postiz_async._batch.undo import Undone
from postiz_async._batch.update_plan import Updated
from postiz_async._batch.wait_published import Waited
from postiz_async.models.insights import Metric, Notification, PostAnalytics
from postiz_async.models.integrations import ChannelSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import anyio

    from postiz_async._uploads import AsyncFile, UploadSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postiz_async._batch.rows import CampaignRow

NOW = datetime(2030, 1, 1, tzinfo=UTC)


async def stream() -> AsyncIterator[bytes]:
    yield b""


async def files(
    postiz: Postiz, blocking: BinaryIO, file: anyio.AsyncFile[bytes], web: AsyncFile
) -> None:
    await postiz.media.upload(blocking)
    await postiz.media.upload(file)
    await postiz.media.upload(web, allow_private={"files.internal"}, cache=Path("c.sqlite"))
    await postiz.media.upload(StringIO())  # type: ignore[arg-type]
    await postiz.media.upload(7)  # type: ignore[arg-type]


async def client() -> None:
    async with Postiz(api_key="k", base_url="https://postiz.example.com/api") as postiz:
        channels = assert_type(await postiz.integrations.list(), list[Integration])
        media = assert_type(await postiz.media.upload(Path("a.png")), Media)
        several: list[UploadSource] = ["a.png", Path("b.png"), b"", BytesIO(), aiter(stream())]
        assert_type(await postiz.media.upload_many(several), list[Media])
        tolerant = await postiz.media.upload_many(several, return_exceptions=True)
        assert_type(tolerant, list[Media | Exception])
        part = ThreadPart("second", media=(media,), delay=5)
        new = NewPost(channels[0], "text", media=[media], thread=["one", Html("<p>x</p>"), part])
        assert_type(await postiz.posts.schedule(new, at=NOW, max_wait=5), list[Created])
        assert_type(await postiz.posts.publish_now(new), list[Created])
        assert_type(await postiz.posts.draft(new, at=NOW, idempotency_key="k"), list[Created])
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


async def outbox(channel: Integration) -> None:
    async with Postiz(outbox=OutboxOptions("outbox.sqlite", late="send")) as postiz:
        ticket = await postiz.outbox.put(NewPost(channel, "Hello"))
        assert_type(ticket, Ticket)
        assert_type(ticket.leaves_in, float)
        assert_type((await postiz.outbox.wait(ticket.id, timeout=5)).post_ids, tuple[str, ...])


async def batch(postiz: Postiz) -> None:
    async with postiz.batch("campaign.csv", late="send", align="15m") as job:
        assert_type(await job.plan(), Forecast)
        async with job.run() as outcomes:
            async for outcome in outcomes:
                assert_type(outcome, Outcome)
        assert_type(await job.run_all(), Report)
        assert_type(await job.wait_published(), Waited)
        assert_type(await job.update(prune=True, dry_run=True), Updated)
        assert_type(await job.undo(channel="mastodon", rows=range(3, 9)), Undone)
        assert_type(await job.html_report(), str)
    assert_type(await postiz.export("posts.csv", start=NOW, end=NOW), Exported)


async def given(postiz: Postiz, rows: AsyncIterator[CampaignRow]) -> None:
    reading = ReadOptions(columns={"Text": "content"}, date_format="%d.%m.%Y %H:%M")
    async with postiz.batch(rows, journal="rows.journal", reading=reading) as job:
        assert_type(await job.run_all(), Report)
    async with postiz.batch([{"integration": "x", "date": NOW}], journal="rows.journal") as job:
        assert_type(job.remarks, list[str])


def settings(channel: Integration, photo: Media) -> None:
    NewPost(channel, settings=providers.X(who_can_reply_post="following", article_cover=photo))
    NewPost(channel, settings=providers.RawSettings("new", {"room": 7}))
    NewPost(channel, settings={"room": 7})
    post = providers.RedditPost(subreddit="python", title="Hello", type="self")
    assert_type(providers.Reddit.to(post), providers.Reddit)
    assert_type(providers.PROVIDERS["x"], providers.Provider)
    match providers.read_settings("x", "{}"):
        case providers.X(who_can_reply_post=who):
            assert_type(
                who, Literal["everyone", "following", "mentionedUsers", "subscribers", "verified"]
            )
        case _:
            pass
    providers.X(who_can_reply_post="nobody")  # type: ignore[arg-type]
    providers.X(who_can_reply="everyone")  # type: ignore[call-arg]
    providers.YouTube()  # type: ignore[call-arg]
    providers.YouTube(title=5, type="public")  # type: ignore[arg-type]
    providers.YouTube(title="Hello", type="hidden")  # type: ignore[arg-type]
    providers.TikTok(duet="false")  # type: ignore[arg-type]
    providers.Hashnode(title="Hello", publication="p", tags=["a"])  # type: ignore[list-item]
    providers.Reddit.to("python")  # type: ignore[arg-type]
    providers.DevToTag(value="python", label="python")  # type: ignore[arg-type]
    providers.InstagramAudio(id="1", volume=5)  # type: ignore[call-arg]
    NewPost(channel, settings="everyone")  # type: ignore[arg-type]


def errors(error: QuotaWaitError) -> float:
    return assert_type(error.retry_after, float)
