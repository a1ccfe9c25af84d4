"""`posts.find`: what became of a single request whose answer was lost."""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from postiz_async import AdvancedOptions, NewPost
from postiz_async._client import Postiz
from postiz_async._resources.matching import same_text
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async.clock import JumpingClock
from postiz_async.errors import DeliveryUnknownError, Marks, UsageError
from postiz_async.models.posts import Html
from postiz_async.testing._transport import SandboxTransport

START = datetime(2027, 1, 1, 8, 0, 30, tzinfo=UTC)
LATER = START + timedelta(days=1, milliseconds=7)


@pytest.fixture
async def sandbox() -> AsyncIterator[MemoryServer]:
    async with MemoryServer(clock=JumpingClock(start=START.timestamp())) as made:
        yield made


@pytest.fixture
async def postiz(sandbox: MemoryServer) -> AsyncIterator[Postiz]:
    async with Postiz(
        api_key=sandbox.organization.api_key,
        base_url="http://sandbox.invalid",
        advanced=AdvancedOptions(
            clock=sandbox.clock, transport=SandboxTransport(sandbox, latency=0.1)
        ),
    ) as client:
        yield client


@pytest.fixture
def channels(sandbox: MemoryServer) -> list[str]:
    return [sandbox.add_channel(provider).id for provider in ("mastodon", "telegram")]


async def lost(call: Awaitable[object]) -> Marks:
    with pytest.raises(DeliveryUnknownError) as caught:
        await call
    assert pickle.loads(pickle.dumps(caught.value)).marks == caught.value.marks  # noqa: S301
    return caught.value.marks


def fail(sandbox: MemoryServer, kind: str, **options: object) -> None:
    sandbox.faults.add(Fault(kind, route="create_post", **options))  # type: ignore[arg-type]


async def test_all_posts_of_a_lost_request_are_found_in_its_order(
    sandbox: MemoryServer, postiz: Postiz, channels: list[str]
) -> None:
    fail(sandbox, "drop_answer")
    texts = ["a < b & c", "plain"]
    posts = [NewPost(c, text) for c, text in zip(channels, texts, strict=True)]
    marks = await lost(postiz.posts.schedule(*posts, NewPost(channels[0], "a third"), at=LATER))
    found = await postiz.posts.find(marks)
    assert [post and post.id for post in found] == [post.id for post in sandbox.posts]
    error: Any = DeliveryUnknownError("lost", marks=marks)
    with pytest.raises(UsageError, match=r"`error\.marks`, not a DeliveryUnknownError\.$"):
        await postiz.posts.find(error)


async def test_what_was_not_stored_is_none(
    sandbox: MemoryServer, postiz: Postiz, channels: list[str]
) -> None:
    fail(sandbox, "stop", after_items=1)
    posts = [NewPost(channel, "equal") for channel in [*channels, channels[0]]]
    marks = await lost(postiz.posts.schedule(*posts, at=LATER))
    first, second, third = await postiz.posts.find(marks)
    assert first is not None
    assert (second, third) == (None, None)


async def test_posts_for_now_are_found_in_their_minute(
    sandbox: MemoryServer, postiz: Postiz, channels: list[str]
) -> None:
    fail(sandbox, "drop_answer")
    marks = await lost(postiz.posts.publish_now(NewPost(channels[0], "now")))
    (found,) = await postiz.posts.find(marks)
    assert found is not None
    assert found.publish_date == START.replace(second=0)


async def test_a_post_for_now_that_waited_for_the_quota_is_found(
    sandbox: MemoryServer, postiz: Postiz, channels: list[str]
) -> None:
    """Its date is that of its sending, an hour after the call."""
    for n in range(90):
        await postiz.posts.schedule(NewPost(channels[0], f"{n}"), at=LATER)
    began = sandbox.clock.time()
    fail(sandbox, "drop_answer")
    marks = await lost(postiz.posts.publish_now(NewPost(channels[0], "now")))
    assert sandbox.clock.time() - began > 3_000
    (found,) = await postiz.posts.find(marks)
    assert found is not None
    assert found.content == "now"


@pytest.mark.parametrize("delay", [100.0, 400.0, 700.0])
async def test_a_post_for_now_that_is_stored_late_is_found(
    sandbox: MemoryServer, postiz: Postiz, channels: list[str], delay: float
) -> None:
    fail(sandbox, "late_work", delay=delay)
    marks = await lost(postiz.posts.publish_now(NewPost(channels[0], "now")))
    assert await postiz.posts.find(marks) == [None]
    await sandbox.clock.sleep(720)
    (found,) = await postiz.posts.find(marks)
    assert found is not None


async def test_posts_of_others_at_the_same_instant_are_not_taken_for_it(
    sandbox: MemoryServer, postiz: Postiz, channels: list[str]
) -> None:
    await postiz.posts.schedule(NewPost(channels[0], "theirs"), at=LATER)
    await postiz.posts.schedule(NewPost(channels[1], "ours"), at=LATER)
    fail(sandbox, "reset")
    marks = await lost(postiz.posts.schedule(NewPost(channels[0], "ours"), at=LATER))
    assert await postiz.posts.find(marks) == [None]


async def test_markup_is_compared_as_the_server_keeps_it(
    sandbox: MemoryServer, postiz: Postiz, channels: list[str]
) -> None:
    fail(sandbox, "drop_answer")
    html = "<div><p>bold <b>and</b> <script>evil()</script>free</p></div>"
    marks = await lost(postiz.posts.schedule(NewPost(channels[0], Html(html)), at=LATER))
    (found,) = await postiz.posts.find(marks)
    assert found is not None


async def test_marks_without_texts_find_by_channel(
    sandbox: MemoryServer, postiz: Postiz, channels: list[str]
) -> None:
    await postiz.posts.schedule(NewPost(channels[1], "b"), NewPost(channels[0], "a"), at=LATER)
    found = await postiz.posts.find(Marks(LATER, tuple(channels)))
    assert [post and post.content for post in found] == ["a", "b"]


@pytest.mark.parametrize(
    ("sent", "listed", "short_link", "same"),
    [
        ("a", "a", False, True),
        ("a", "b", False, False),
        ("<p>a &lt; b</p>", "<p>a &lt; b</p>", False, True),
        ("<p>a</p>\n<p>b</p>", "<p>a</p> <p>b</p>", False, True),
        ("see https://example.com/long", "see https://s.io/x", False, False),
        ("see https://example.com/long", "see https://s.io/x", True, True),
        ("hear https://example.com/long", "see https://s.io/x", True, False),
        ("<p>" + "x" * 200_000, "<p>", False, False),
    ],
)
def test_texts_are_the_same_when_the_server_makes_one_of_the_other(
    sent: str,
    listed: str,
    short_link: bool,  # noqa: FBT001
    same: bool,  # noqa: FBT001
) -> None:
    assert same_text(sent, listed, short_link=short_link) is same
