from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from postiz_async import BadRequestError, Html, InvalidPostError, Media, NewPost, ThreadPart
from postiz_async._resources.create_body import build_body, build_item, encode_create
from postiz_async.errors import PlanLimitError
from postiz_async.models.channels import Channel
from postiz_async.models.posts import MAX_BODY, PostRequest
from postiz_async.testing import Sandbox

PICTURE = Media(id="m1", path="https://uploads.example.com/a.png", alt="A hill")


@pytest.fixture
def local() -> Sandbox:
    return Sandbox(limit=90)


@pytest.fixture
def channel(local: Sandbox) -> Channel:
    return local.add_channel("mastodon", name="Brewers")


def problems_of(caught: pytest.ExceptionInfo[InvalidPostError]) -> list[str]:
    return [str(problem) for problem in caught.value.problems]


# ------------------------------------------------------------------ what is stored


async def test_what_is_scheduled_is_stored_as_it_was_meant(
    local: Sandbox, channel: Channel
) -> None:
    local.add_tag("news")
    at = local.in_an_hour()
    post = NewPost(
        channel,
        "a & b",
        media=[PICTURE],
        settings={"visibility": "unlisted"},
        thread=["second", ThreadPart(Html("<p>third</p>"), delay_minutes=5)],
    )
    async with local.client() as postiz:
        (created,) = await postiz.posts.schedule(post, at=at, tags=["news", "unknown"])
    (stored,) = local.posts
    assert (created.post_id, created.channel) == (stored.id, channel.id)
    assert (stored.content, stored.state, stored.date) == ("a & b", "QUEUE", at)
    assert (stored.tags, stored.media) == (("news",), (PICTURE.path,))
    assert stored.settings["visibility"] == "unlisted"
    assert [(part.content, part.delay_minutes) for part in stored.thread] == [
        ("second", 0),
        ("<p>third</p>", 5),
    ]


async def test_text_with_a_tag_survives_the_servers_sanitiser(
    local: Sandbox, channel: Channel
) -> None:
    async with local.client() as postiz:
        await postiz.posts.schedule(NewPost(channel, "a <y> b\n& c"), at=local.in_an_hour())
    assert local.posts[0].content == "<p>a &lt;y&gt; b</p><p>&amp; c</p>"


async def test_many_posts_of_one_moment_cost_one_request(local: Sandbox, channel: Channel) -> None:
    other = local.add_channel("telegram")
    async with local.client() as postiz:
        created = await postiz.posts.schedule(
            *(NewPost(each, f"{n}") for n in range(5) for each in (channel, other)),
            at=local.in_an_hour(),
        )
    assert [post.channel for post in created] == [channel.id, other.id] * 5
    assert len(local.creates) == 1


# ------------------------------------------------------------------ what is refused here


async def test_all_problems_come_at_once_and_nothing_is_sent(
    local: Sandbox, channel: Channel
) -> None:
    disabled = replace(local.add_channel("x", name="Old"), disabled=True)
    async with local.client() as postiz:
        with pytest.raises(InvalidPostError) as caught:
            await postiz.posts.schedule(
                NewPost(channel, "fine"),
                NewPost("nowhere", "x"),
                NewPost(disabled, "x"),
                NewPost(channel, "  "),
                NewPost(channel, "x", thread=["fine", ""]),
                NewPost(channel, "nul \x00"),
                at=local.in_an_hour(),
            )
    assert problems_of(caught) == [
        "posts.1.channel: there is no channel 'nowhere' (postiz-async channels lists them)",
        "posts.2.channel: 'Old' is disabled in Postiz",
        "posts.3: has neither text nor media",
        "posts.4.thread.1: has neither text nor media",
        "posts.5: has a NUL character, which no database stores",
    ]
    assert not local.creates


async def test_no_post_at_all_is_refused(local: Sandbox) -> None:
    async with local.client() as postiz:
        with pytest.raises(InvalidPostError, match="posts: is empty"):
            await postiz.posts.schedule(at=local.in_an_hour())


@pytest.mark.parametrize(
    "change",
    [
        {"content": "half a character \ud800"},
        {"settings": {"x": object()}},
        {"settings": {"x": "\udfff"}},
        {"content": "x" * MAX_BODY},
    ],
)
async def test_what_no_request_can_carry_is_refused(
    local: Sandbox, channel: Channel, change: dict[str, Any]
) -> None:
    async with local.client() as postiz:
        with pytest.raises(InvalidPostError, match=r"body|characters|JSON|Unicode"):
            await postiz.posts.schedule(
                NewPost(channel, **({"content": "x"} | change)), at=local.in_an_hour()
            )
    assert not local.creates


def test_the_largest_body_is_what_the_server_reads(channel: Channel) -> None:
    def body(length: int) -> PostRequest:
        items = [build_item(NewPost(channel, "x" * length), channel)]
        return build_body("schedule", datetime(2031, 1, 1, tzinfo=UTC), items)

    frame = len(bytes(encode_create(body(0))))
    assert len(bytes(encode_create(body(MAX_BODY - frame)))) == MAX_BODY
    with pytest.raises(InvalidPostError, match="102,401 bytes; the server reads 102,400"):
        encode_create(body(MAX_BODY - frame + 1))


@pytest.mark.parametrize(
    "date",
    ["", "tomorrow", "2031-02-31T00:00:00Z", "0001-01-01T00:00+14:00", "9999-12-31T12:00:00.000Z"],
)
async def test_a_raw_body_with_a_date_that_is_none_is_refused(
    local: Sandbox, channel: Channel, date: str
) -> None:
    items = [build_item(NewPost(channel, "x"), channel)]
    async with local.client() as postiz:
        with pytest.raises(InvalidPostError, match="  date: "):
            await postiz.posts.send(PostRequest(type="schedule", date=date, posts=items))


# ------------------------------------------------------------------ what the server refuses


async def test_a_refusal_has_the_servers_words(local: Sandbox, channel: Channel) -> None:
    unknown = replace(channel, id="cmunknown")
    async with local.client() as postiz:
        with pytest.raises(BadRequestError, match="cmunknown"):
            await postiz.posts.schedule(
                NewPost(unknown, "x"), at=local.in_an_hour(), validate=False
            )
        assert (await postiz.quota()).remaining == 89
        with pytest.raises(InvalidPostError, match="cmunknown"):
            await postiz.posts.schedule(NewPost(unknown, "x"), at=local.in_an_hour())
        assert (await postiz.quota()).remaining == 89, "nothing was spent"


async def test_a_plan_that_is_full_says_so(local: Sandbox, channel: Channel) -> None:
    local.organization.posts_per_month = 0
    async with local.client() as postiz:
        with pytest.raises(PlanLimitError, match="billing"):
            await postiz.posts.schedule(NewPost(channel, "x"), at=local.in_an_hour())


# ------------------------------------------------------------------ listing


async def test_both_ends_of_a_list_belong_to_it(local: Sandbox, channel: Channel) -> None:
    at = local.in_an_hour()
    async with local.client() as postiz:
        for seconds in (-1, 0, 1, 2):
            await postiz.posts.schedule(
                NewPost(channel, f"{seconds}"), at=at + timedelta(seconds=seconds)
            )
        listed = await postiz.posts.list(start=at, end=at + timedelta(seconds=1))
    assert sorted(post.content for post in listed) == ["0", "1"]
    assert all(post.publish_date.tzinfo is not None for post in listed)
