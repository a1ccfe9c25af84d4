"""Checked by mypy and pyright, never run: the types that users see.

An ignored error that is none is one itself, so each `type: ignore` is a promise as well.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, assert_type

import postiz_async
from postiz_async import (
    Campaign,
    CampaignStatus,
    Channel,
    ConfigurationError,
    Created,
    Html,
    Media,
    NewPost,
    OutboxOptions,
    Post,
    Postiz,
    PostizPool,
    Quota,
    QuotaWaitError,
    Secret,
    ThreadPart,
    Ticket,
    UsageError,
    blocking,
    providers,
)
from postiz_async._campaign.after.report import Report
from postiz_async._campaign.after.wait_published import WaitResult
from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._campaign.run.job import Outcome
from postiz_async._campaign.run.undo import UndoResult
from postiz_async._campaign.run.update_plan import CampaignChanges, Plan
from postiz_async.models.channels import ChannelSettings
from postiz_async.models.insights import Metric, Notification, PostAnalytics
from postiz_async.models.posts import PublishEvent
from postiz_async.models.users import Membership
from postiz_async.testing import (
    Fault,
    Sandbox,
    SandboxServer,
    StoredPost,
    serve_sandbox,
)
from postiz_async.types import OrganizationHealth, Outbox, PoolHealth, RawAnswer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import anyio

    from postiz_async._uploads import UploadSource
    from postiz_async._uploads.sources import AsyncFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postiz_async._campaign.read.rows import CampaignRow

NOW = datetime(2030, 1, 1, tzinfo=UTC)


async def stream() -> AsyncIterator[bytes]:
    yield b""


async def files(
    postiz: Postiz, blocking: BinaryIO, file: anyio.AsyncFile[bytes], web: AsyncFile
) -> None:
    await postiz.media.upload(blocking)
    await postiz.media.upload(file)
    await postiz.media.upload(web, stall_timeout=30)
    await postiz.media.upload(StringIO())  # type: ignore[arg-type]
    await postiz.media.upload(7)  # type: ignore[arg-type]


async def client() -> None:
    async with Postiz(api_key="k", base_url="https://postiz.example.com/api") as postiz:
        channels = assert_type(await postiz.channels.list(), list[Channel])
        media = assert_type(await postiz.media.upload(Path("a.png")), Media)
        several: list[UploadSource] = ["a.png", Path("b.png"), b"", BytesIO(), aiter(stream())]
        assert_type(await postiz.media.upload_many(several), list[Media])
        assert_type(await postiz.media.upload_many(stream()), list[Media])
        await postiz.analytics.posts(postiz.posts.list(start=NOW, end=NOW))
        tolerant = await postiz.media.upload_many(several, return_exceptions=True)
        assert_type(tolerant, list[Media | Exception])
        part = ThreadPart("second", media=(media,), delay_minutes=5)
        new = NewPost(channels[0], "text", media=[media], thread=["one", Html("<p>x</p>"), part])
        assert_type(await postiz.posts.schedule(new, at=NOW, max_wait=5), list[Created])
        assert_type(await postiz.posts.publish_now(new), list[Created])
        assert_type(await postiz.posts.draft(new, at=NOW, idempotency_key="k"), list[Created])
        assert_type(await postiz.posts.replace("id", new, at=NOW), Created)
        assert_type(await postiz.posts.list(start=NOW, end=NOW), list[Post])
        async for post in postiz.posts.list(start=NOW, end=NOW):
            assert_type(post, Post)
        assert_type(await postiz.posts.delete("id"), bool)
        assert_type(await postiz.channels.settings("id"), ChannelSettings)
        assert_type(await postiz.channels.find_slot("id"), datetime)
        assert_type(await postiz.analytics.channel("id", days=7), list[Metric])
        assert_type(await postiz.analytics.post("id"), PostAnalytics)
        async for notification in postiz.notifications.list():
            assert_type(notification, Notification)
        assert_type(await postiz.users.search("ada"), list[Membership])
        assert_type(await postiz.quota(), Quota)
        answer = await postiz.with_raw_response(postiz.posts.get("id"))
        assert_type(answer, RawAnswer[Post])
        assert_type(await postiz.with_options(timeout=5).posts.get("id"), Post)


async def outbox(channel: Channel) -> None:
    async with Postiz(outbox=OutboxOptions("outbox.sqlite", late="send")) as postiz:
        ticket = await postiz.outbox.put(NewPost(channel, "Hello"))
        assert_type(ticket, Ticket)
        assert_type(ticket.leaves_in, float)
        assert_type((await postiz.outbox.wait(ticket.id, timeout=5)).post_ids, tuple[str, ...])


async def campaign(postiz: Postiz) -> None:
    async with postiz.campaign("campaign.csv", late="send", align="15m") as job:
        assert_type(await job.plan(), Plan)
        async for outcome in job.run():
            assert_type(outcome, Outcome)
        assert_type(await job.run(), Report)
        assert_type(await job.wait_published(), WaitResult)
        assert_type(await job.status(), CampaignStatus)
        assert_type((await job.run(prune=True)).changes, CampaignChanges)
        assert_type(await job.undo(channel="mastodon", rows=range(3, 9)), UndoResult)
        assert_type(await job.html_report(), str)


async def given(postiz: Postiz, rows: AsyncIterator[CampaignRow]) -> None:
    reading = ReadOptions(columns={"Text": "content"}, date_format="%d.%m.%Y %H:%M")
    async with postiz.campaign(rows, journal="rows.journal", reading=reading) as job:
        assert_type(await job.run(), Report)
    async with postiz.campaign([{"channel": "x", "date": NOW}], journal="rows.journal") as job:
        assert_type(job.remarks, list[str])


def synchronous(channel: Channel, token: str) -> None:
    with blocking.Postiz(api_key="k", outbox="outbox.sqlite") as postiz:
        assert_type(postiz, blocking.Postiz)
        assert_type(postiz.channels.list(), list[Channel])
        assert_type(postiz.posts.schedule(NewPost(channel, "Hello"), at=NOW), list[Created])
        postiz.posts.schedule(NewPost(channel, "Hello"))  # type: ignore[call-arg]
        for post in postiz.posts.list(start=NOW, end=NOW):
            assert_type(post, Post)
        for event in postiz.posts.watch():
            assert_type(event, PublishEvent)
        for quota in postiz.quota_changes():
            assert_type(quota, Quota)
        assert_type(postiz.media.upload_many(["a.png"]), list[Media])
        tolerant = postiz.media.upload_many(["a.png"], return_exceptions=True)
        assert_type(tolerant, list[Media | Exception])
        assert_type(postiz.with_raw_response(postiz.posts.get, "id"), RawAnswer[Post])
        postiz.with_raw_response(postiz.posts.get, 7)  # type: ignore[arg-type]
        assert_type(postiz.with_options(timeout=5), blocking.Postiz)
        assert_type(postiz.with_options(timeout=5).posts.get("id"), Post)
        assert_type(postiz.outbox.put(NewPost(channel, "Hello")), Ticket)
        with postiz.campaign([{"channel": "x", "date": NOW}], journal="rows.journal") as job:
            assert_type(job, blocking.Campaign)
            assert_type(job.plan(), Plan)
            assert_type(job.journal_path, Path | None)
            for outcome in job.outcomes():
                assert_type(outcome, Outcome)
            assert_type(job.run(lambda outcome: print(outcome.row)), Report)
            assert_type(job.undo(), UndoResult)
    with blocking.PostizPool(outbox="postgresql://", credentials=lambda _: token) as pool:
        assert_type(pool.client(token), blocking.Postiz)
        assert_type(pool.outbox.put(NewPost(channel, "Hello"), organization="a"), Ticket)


def settings(channel: Channel, photo: Media) -> None:
    NewPost("mastodon", "by its provider, its name or its id")
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


async def health(pool: PostizPool) -> None:
    found = assert_type(await pool.health(most=5), PoolHealth)
    assert_type(found.is_ready, bool)
    assert_type(found.organizations, tuple[OrganizationHealth, ...])
    assert_type(found.organizations[0].quota, Quota)
    assert_type(found.outbox, dict[str, int] | None)
    assert_type(found.troubles, dict[str, str])
    found.is_ready = True  # type: ignore[misc]


def mistakes(error: UsageError) -> ConfigurationError:
    return error


def errors(error: QuotaWaitError) -> float:
    return assert_type(error.retry_after, float)


async def with_options(postiz: Postiz) -> None:
    view = assert_type(postiz.with_options(timeout=5, headers={"X-A": Secret("b")}), Postiz)
    assert_type(view.with_options(timeout=None, max_wait=None, deadline=None), Postiz)
    assert_type(view.campaign("a.csv"), Campaign)
    assert_type(view.outbox, Outbox)
    assert_type(await view.quota(), Quota)
    assert_type(await view.with_raw_response(view.channels.list()), RawAnswer[list[Channel]])
    postiz.with_options(headers={"X-A": 7})  # type: ignore[dict-item]
    postiz.with_options(max_retries=None)  # type: ignore[arg-type]
    client: Postiz = postiz
    del client


async def testing() -> None:
    local = Sandbox(start=datetime.now(UTC), channels="all", organizations=["acme", "globex"])
    initech = local.add_organization("initech")
    assert_type(initech.api_key, str)
    assert_type(local.channel("x", organization=initech), Channel)
    assert_type(local.publish(), tuple[StoredPost, ...])
    assert_type(local.requests, int)
    local.refuse("free money", because="It reads like spam", when="published")
    async with local.client("acme") as postiz:
        assert_type(postiz, Postiz)
        await local.clock.sleep(3600)
    with serve_sandbox(channels=["x"]) as server:
        assert_type(server, SandboxServer)
        assert_type(server.environment("acme"), dict[str, str])
        server.add_fault(Fault("drop_answer", route="create_post"))
        assert_type(server.posts, tuple[StoredPost, ...])
    local.refuse("free money", because="It reads like spam", when="never")  # type: ignore[arg-type]
    Fault("no such kind")  # type: ignore[arg-type]


def values(post: Post, new: NewPost, quota: Quota, ticket: Ticket, report: Report) -> None:
    for value in (post, quota, ticket, new):
        assert_type(value.to_dict(), dict[str, object])
        assert_type(value.to_json(names="python"), str)
    assert_type(Post.from_dict({"id": "p"}), Post)
    assert_type(NewPost.from_dict({}), NewPost)
    assert_type(providers.X.from_dict({}), providers.X)
    assert_type(post.text, str)
    assert_type(report.to_records(), list[dict[str, object]])
    post.to_dict(names="Python")  # type: ignore[arg-type]
    Post.from_dict("p")  # type: ignore[arg-type]
    post.text = "other"  # type: ignore[misc]


def names_that_are_none() -> None:
    print(postiz_async.NoSuchName)  # type: ignore[attr-defined]
