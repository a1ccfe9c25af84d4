"""Each method of the client against the sandbox: one happy path, and what is special about it."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from postiz_async import (
    AdvancedOptions,
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    InvalidPostError,
    NewPost,
    NotFoundError,
    PermissionDeniedError,
    Postiz,
    PublishError,
    ServerError,
    ThreadPart,
    UsageError,
)
from postiz_async._resources.create_body import build_body, build_item
from postiz_async._sandbox import Fault
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.errors import InvalidInputError, PostNotFoundError
from postiz_async.models.channels import Channel
from postiz_async.models.video import SlidesVideo
from postiz_async.testing import Sandbox
from postiz_async.testing._transport import SandboxTransport, sandbox_client
from postiz_async.types import Attempt

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


@pytest.fixture
def local() -> Sandbox:
    return Sandbox(limit=90)


@pytest.fixture
def channel(local: Sandbox) -> Channel:
    return local.add_channel("mastodon", name="Brewers")


# ------------------------------------------------------------------ posts


async def test_get_finds_a_post_and_says_where_it_looked(local: Sandbox, channel: Channel) -> None:
    async with local.client() as postiz:
        at = local.in_an_hour() + timedelta(days=200)
        created = (await postiz.posts.schedule(NewPost(channel, "far away"), at=at))[0]
        assert (await postiz.posts.get(created.post_id)).content == "far away"
        with pytest.raises(PostNotFoundError, match="no post 'nope' from"):
            await postiz.posts.get("nope")


@pytest.mark.parametrize("moment", ["2031-01-15", datetime(2031, 1, 15), None])  # noqa: DTZ001
async def test_what_is_no_moment_is_named_as_it_was_given(
    local: Sandbox, channel: Channel, moment: Any
) -> None:
    now = datetime(2031, 1, 15, tzinfo=UTC)
    async with local.client() as postiz:
        for name, given in (("start", (moment, now)), ("end", (now, moment))):
            with pytest.raises(InvalidInputError, match=f"  {name}: .* time zone"):
                await postiz.posts.list(start=given[0], end=given[1])
            with pytest.raises(InvalidInputError, match=f"  {name}: .* time zone"):
                await anext(aiter(postiz.posts.list(start=given[0], end=given[1])))
        with pytest.raises(InvalidPostError, match=r"  at: .* time zone"):
            await postiz.posts.schedule(NewPost(channel, "Hello"), at=moment)
        if moment is not None:
            with pytest.raises(UsageError, match=r"deadline is .* time zone"):
                postiz.with_options(deadline=moment)


@pytest.mark.parametrize("form", ["listed", "created", "id"])
async def test_a_post_is_given_as_it_is_known(local: Sandbox, channel: Channel, form: str) -> None:
    at = local.in_an_hour()
    async with local.client() as postiz:
        (created,) = await postiz.posts.schedule(NewPost(channel, "Hello"), at=at)
        (listed,) = await postiz.posts.list(start=at, end=at)
        post: Any = {"listed": listed, "created": created, "id": created.post_id}[form]
        assert await postiz.posts.get(post) == listed
        assert await postiz.posts.set_status(post, "draft") == "DRAFT"
        assert await postiz.posts.update_settings(post, {"visibility": "public"}) == at
        replaced = await postiz.posts.replace(post, NewPost(channel, "Hi"), at=at)
        assert replaced.post_id == created.post_id
        assert await postiz.posts.set_status(post, "schedule") == "QUEUE"
        assert (await postiz.posts.wait_published(post)).content == "Hi"
        assert await postiz.posts.missing(post) == []
        await postiz.analytics.post(post)
        with pytest.raises(ServerError):  # its id on the network is known
            await postiz.posts.set_release_id(post, "7")
        assert await postiz.posts.delete(post)
        assert [found.id for found in await postiz.channels.find(channel)] == [channel.id]


async def test_what_is_no_post_is_refused(local: Sandbox) -> None:
    wrong: Any = 7
    async with local.client() as postiz:
        for call in (postiz.posts.get, postiz.posts.delete, postiz.posts.missing):
            with pytest.raises(UsageError, match=r"post must be a string, not int\. Give the id"):
                await call(wrong)


async def test_replace_keeps_id_and_state_and_drops_what_is_not_given(
    local: Sandbox, channel: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    async with local.client() as postiz:
        at = local.in_an_hour()
        new = NewPost(channel, "old", thread=["second part"])
        created = (await postiz.posts.draft(new, at=at))[0]
        later = at + timedelta(days=1)
        await postiz.posts.replace(created.post_id, NewPost(channel, "new"), at=later)
        (stored,) = local.posts
    assert stored.id == created.post_id
    assert (stored.content, stored.state, stored.date) == ("new", "DRAFT", later)
    assert not caplog.messages, "the group is its own, and nobody's mistake"


async def test_replace_does_not_move_a_post_to_another_channel(
    local: Sandbox, channel: Channel
) -> None:
    other = local.add_channel("x")
    async with local.client() as postiz:
        at = local.in_an_hour()
        created = (await postiz.posts.schedule(NewPost(channel, "old"), at=at))[0]
        with pytest.raises(InvalidPostError, match=f"is on the channel '{channel.name}'"):
            await postiz.posts.replace(created.post_id, NewPost(other, "new"), at=at)
    assert [post.content for post in local.posts] == ["old"]


@pytest.mark.parametrize("given", ["id", "post"])
async def test_replace_takes_the_old_thread_away(
    local: Sandbox, channel: Channel, given: str
) -> None:
    async with local.client() as postiz:
        at = local.in_an_hour()
        new = NewPost(channel, "old", thread=["second", "third"])
        created = (await postiz.posts.schedule(new, at=at))[0]
        post = await postiz.posts.get(created.post_id)
        later = at + timedelta(days=200)
        for text, parts in (("new", ["other"]), ("newer", [])):
            wanted = post if given == "post" else post.id
            again = NewPost(channel, text, thread=parts)
            await postiz.posts.replace(wanted, again, at=later)
            (stored,) = local.posts
            assert stored.id == created.post_id
            assert [part.content for part in stored.thread] == parts
            later = at


async def test_replace_leaves_posts_that_share_its_group_and_says_what_stays(
    local: Sandbox, channel: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    """The web page puts posts of several channels into one group, which is deleted as a whole."""
    async with local.client() as postiz:
        at = local.in_an_hour()
        new = NewPost(channel, "old", thread=["second"])
        ours = (await postiz.posts.schedule(new, at=at))[0].post_id
        theirs = (await postiz.posts.schedule(NewPost(channel, "theirs"), at=at))[0].post_id
        local.change_post(theirs, group=(await postiz.posts.get(ours)).group)
        await postiz.posts.replace(ours, NewPost(channel, "new"), at=at)
        assert {post.content for post in local.posts} == {"new", "theirs"}
    assert "parts of its old thread" in caplog.text


async def test_replace_of_a_post_that_is_gone_makes_no_new_one(
    local: Sandbox, channel: Channel
) -> None:
    """The server ignores an id that it does not know, and stores another post."""
    async with local.client() as postiz:
        with pytest.raises(PostNotFoundError, match="no post 'nope'"):
            await postiz.posts.replace("nope", NewPost(channel, "x"), at=local.in_an_hour())
    assert not local.posts


async def test_a_failing_delete_of_a_listed_post_is_an_error(
    local: Sandbox, channel: Channel
) -> None:
    async with local.client() as postiz:
        created = (await postiz.posts.schedule(NewPost(channel, "x"), at=local.in_an_hour()))[0]
        local.add_fault(Fault("error_before", route="delete_post"))
        with pytest.raises(ServerError):
            await postiz.posts.delete(created.post_id)
    assert len(local.posts) == 1


async def test_delete_group_takes_all_parts(local: Sandbox, channel: Channel) -> None:
    async with local.client() as postiz:
        new = NewPost(channel, "x", thread=[ThreadPart("y", delay_minutes=3)])
        at = local.in_an_hour()
        await postiz.posts.schedule(new, at=at)
        listed = await postiz.posts.list(start=at, end=at)
        await postiz.posts.delete_group(listed[0].group or "")
        await postiz.posts.delete_group("no-such-group")
    assert not local.posts


async def test_settings_are_merged_and_the_date_comes_back_in_utc(
    local: Sandbox, channel: Channel
) -> None:
    async with local.client() as postiz:
        at = local.in_an_hour()
        created = (await postiz.posts.schedule(NewPost(channel, "x"), at=at))[0]
        date = await postiz.posts.update_settings(created.post_id, {"colour": "red"})
        (stored,) = local.posts
    assert date == at.replace(microsecond=0)
    assert date.tzinfo is UTC
    assert stored.settings["colour"] == "red"


async def test_release_id_must_not_be_empty(local: Sandbox) -> None:
    async with local.client() as postiz:
        with pytest.raises(InvalidInputError, match="release_id: is empty"):
            await postiz.posts.set_release_id("some", "")


async def test_wait_published(local: Sandbox, channel: Channel) -> None:
    async with local.client() as postiz:
        at = local.in_an_hour()
        created = (await postiz.posts.schedule(NewPost(channel, "x"), at=at))[0]
        with pytest.raises(APITimeoutError, match="is QUEUE after 1 min"):
            await postiz.posts.wait_published(created.post_id, at=at, timeout=60)
        published = await postiz.posts.wait_published(created.post_id, at=at, timeout=7200)
        assert published.state == "PUBLISHED"
        assert local.clock.time() >= at.timestamp()


async def test_wait_published_finds_a_post_whatever_its_milliseconds(
    local: Sandbox, channel: Channel, tmp_path: Path
) -> None:
    at = local.in_an_hour() + timedelta(microseconds=167_254)
    post = NewPost(channel, "x")
    async with local.client(outbox=tmp_path / "outbox.sqlite") as postiz:
        schedule = partial(postiz.posts.schedule, post, at=at)
        (plain,), (keyed,) = await schedule(), await schedule(idempotency_key="k")
        ticket = await postiz.outbox.wait((await postiz.outbox.put(post, at=at)).id)
        for post_id in (plain.post_id, keyed.post_id, *ticket.post_ids):
            published = await postiz.posts.wait_published(post_id, at=at)
            assert (published.id, published.state) == (post_id, "PUBLISHED")
        (now,) = await postiz.posts.publish_now(post)
        assert (await postiz.posts.wait_published(now.post_id)).id == now.post_id
        assert {post.id async for post in postiz.posts.list(start=at, end=at)} >= {plain.post_id}


async def test_wait_published_follows_a_post_that_is_moved(
    local: Sandbox, channel: Channel
) -> None:
    async with local.client() as postiz:
        at = local.in_an_hour()
        (created,) = await postiz.posts.schedule(NewPost(channel, "x"), at=at)
        waiting = asyncio.create_task(postiz.posts.wait_published(created.post_id, at=at))
        await local.clock.sleep(60)
        later = at + timedelta(days=2)
        await postiz.posts.replace(created.post_id, NewPost(channel, "y"), at=later)
        assert (await waiting).publish_date == later
        assert local.clock.time() >= later.timestamp()
        await postiz.posts.delete(created.post_id)
        with pytest.raises(PostNotFoundError, match="no post"):
            await postiz.posts.wait_published(created.post_id, at=at)
        with pytest.raises(InvalidInputError, match=r"at: .* has no time zone"):
            await postiz.posts.wait_published("x", at=at.replace(tzinfo=None))


async def test_wait_published_says_why_a_network_refused(local: Sandbox, channel: Channel) -> None:
    local.change_channel(channel.id, failure="the token has expired")
    async with local.client() as postiz:
        at = local.in_an_hour()
        created = (await postiz.posts.schedule(NewPost(channel, "x"), at=at))[0]
        with pytest.raises(PublishError, match="the token has expired"):
            await postiz.posts.wait_published(created.post_id, at=at, timeout=7200)


# ------------------------------------------------------------------ the others


async def test_media(local: Sandbox) -> None:
    async with local.client() as postiz:
        media = await postiz.media.upload(PNG)
        assert media.path.endswith(".png")
        with pytest.raises(InvalidInputError, match="whose path ends in"):
            await postiz.media.upload_from_url("https://example.com/page.html")
        answer = await postiz.media.video_function("image-text-slides", "loadVoices")
        assert isinstance(answer, dict)
        video = SlidesVideo(prompt="a morning", voice=answer["voices"][0]["id"])
        assert (await postiz.media.generate_video(video)).path.endswith(".mp4")


async def test_integrations(local: Sandbox, channel: Channel) -> None:
    async with local.client() as postiz:
        assert [each.id for each in await postiz.channels.list()] == [channel.id]
        assert await postiz.channels.list(group="nobody") == []
        assert await postiz.channels.groups() == []
        assert await postiz.channels.is_connected()
        assert (await postiz.channels.settings(channel)).max_length == 500
        assert (await postiz.channels.connect_url("linkedin")).startswith("https://")
        with pytest.raises(ConfigurationError, match="telegram is not connected through"):
            await postiz.channels.connect_url("telegram")
        with pytest.raises(NotFoundError, match="Tool not found"):
            await postiz.channels.trigger(channel, "nothing")
        slot = await postiz.channels.find_slot(channel)
        assert slot.tzinfo is UTC
        answer = await postiz.with_raw_response(postiz.channels.delete(channel))
        assert answer.value == channel.id
        assert b"token" in answer.body
        assert "token" not in repr(answer)


NO_PROVIDER = "No provider is called {!r}, so the server cannot connect its accounts.{} \
`postiz-async providers` lists those there are."
NOT_THERE = "This server does not have the provider {!r}{}"


@pytest.mark.parametrize(
    ("provider", "hint", "more"),
    [
        ("linkdin", NO_PROVIDER, " Did you mean 'linkedin'?"),
        ("nope", NO_PROVIDER, ""),
        ("tiktok-business", NOT_THERE, ": no release of Postiz has it yet."),
        ("tumblr", NOT_THERE, ", which came with v2.22.1: ask its operator for an update."),
    ],
)
async def test_a_provider_that_the_server_does_not_have_is_explained(
    local: Sandbox, provider: str, hint: str, more: str
) -> None:
    class Older(SandboxTransport):
        async def send(self, request: WireRequest) -> WireResponse:
            return await super().send(replace(request, url=request.url.replace(provider, "none")))

    client = sandbox_client(local._server, transport=Older(local._server))
    async with local, client as postiz:
        with pytest.raises(BadRequestError) as refused:
            await postiz.channels.connect_url(provider)
    said = hint.format(provider, more)
    assert str(refused.value) == f"400: Integration not allowed\n  {said}"
    assert refused.value.body


async def test_raw_says_when_there_is_no_answer(local: Sandbox) -> None:
    async with local.client() as postiz:
        await postiz.media.upload(PNG)
        with pytest.raises(ConfigurationError, match="no answer"):
            await postiz.with_raw_response(postiz.media.upload(PNG))  # remembered, not sent


async def test_find_slot_of_an_unknown_channel_asks_the_list_only(local: Sandbox) -> None:
    async with local.client() as postiz:
        with pytest.raises(InvalidPostError, match="there is no channel 'nope'"):
            await postiz.channels.find_slot("nope")
        assert local.requests == 1


async def test_find_slot_of_a_channel_that_was_disabled_meanwhile_is_not_asked(
    local: Sandbox, channel: Channel
) -> None:
    """The server would compute for ever, and go on when nobody waits any more."""
    async with local.client() as postiz:
        await postiz.channels.list()
        local.change_channel(channel.id, disabled=True)
        with pytest.raises(InvalidPostError, match="'Brewers' is disabled in Postiz"):
            await postiz.channels.find_slot(channel)
        assert local.requests == 2


async def test_find_slot_without_posting_times_ends_and_says_why(
    local: Sandbox, channel: Channel
) -> None:
    local.change_channel(channel.id, posting_times=())
    async with local.client() as postiz:
        began = local.clock.monotonic()
        with pytest.raises(APITimeoutError, match="no posting times"):
            await postiz.channels.find_slot(channel)
        assert local.clock.monotonic() - began == 10
        assert local.requests == 2


@pytest.mark.parametrize("is_answered", [True, False])
async def test_a_channel_that_was_deleted_is_not_created_on(
    local: Sandbox, channel: Channel, *, is_answered: bool
) -> None:
    async with local.client() as postiz:
        await postiz.channels.list()
        if is_answered:
            await postiz.channels.delete(channel)
        else:
            local.add_fault(Fault("drop_answer", route="delete_channel", times=None))
            with pytest.raises(APIConnectionError):
                await postiz.channels.delete(channel)
        with pytest.raises(InvalidPostError, match="channel"):
            await postiz.posts.schedule(NewPost(channel.id, "x"), at=local.in_an_hour())
    assert local.creates == ()


async def test_analytics(local: Sandbox) -> None:
    channel = local.add_channel("x")
    async with local.client() as postiz:
        metrics = await postiz.analytics.channel(channel, days=7)
        assert metrics[0].data[0].value is not None
        assert (await postiz.analytics.post("nope")).metrics == []
        with pytest.raises(ServerError):
            await postiz.analytics.channel("c" + "0" * 24)


async def test_users_are_told_to_super_admins_only(local: Sandbox) -> None:
    other = local.add_organization("Tea", api_key="other")
    local.add_member("ada@example.com", name="Ada", role="ADMIN")
    async with local.client() as postiz:
        with pytest.raises(PermissionDeniedError, match="only to the keys of organisations with a"):
            await postiz.users.search()
        local.add_member("root@example.com", is_super_admin=True)
        for number in range(12):
            local.add_member(f"tea{number}@example.com", organization=other if number else "Tea")
        (ada,) = await postiz.users.search("Ada")
        assert (ada.user.email, ada.role) == ("ada@example.com", "ADMIN")
        assert ada.organization.id == local.organization.id
        assert [each.user.id for each in await postiz.users.search(ada.user.id)] == [ada.user.id]
        tea = await postiz.users.search("tea")
        assert len(tea) == 10
        assert {each.organization.name for each in tea} == {"Tea"}
        assert tea[0].user.name is None
        assert await postiz.users.search("nobody") == []


async def test_a_server_without_the_search_for_users_says_so() -> None:
    local = Sandbox(release="v2.23.0")
    async with local.client() as postiz:
        with pytest.raises(NotFoundError, match=r"came with a release after v2\.23\.0"):
            await postiz.users.search()


class IgnoresTheSearch(SandboxTransport):
    """A way to a server that has the list of media, and takes no notice of what is searched."""

    async def send(self, request: WireRequest) -> WireResponse:
        return await super().send(replace(request, url=re.sub(r"&search=[^&]*", "", request.url)))


@pytest.mark.parametrize("way", [SandboxTransport, IgnoresTheSearch])
async def test_media_are_listed_newest_first_and_found_by_the_name_they_had(
    way: type[SandboxTransport],
) -> None:
    local = Sandbox(release="next")
    for number in range(40):
        local.add_media(f"Sunrise {number}.jpg" if number % 2 else f"moon {number}.png")
    local.add_media("another's.png", organization=local.add_organization("Tea"))
    async with sandbox_client(local._server, transport=way(local._server)) as postiz:
        uploaded = await postiz.media.upload(PNG)
        listed = await postiz.media.list()
        assert len({each.id for each in listed}) == len(listed) == 41
        assert (listed[0].id, listed[0].path) == (uploaded.id, uploaded.path)
        assert (listed[0].original_name, listed[0].type) == (None, "image")
        assert listed[0].size == len(PNG)
        found = [each.original_name async for each in postiz.media.list(search="sunRISE")]
        assert found == [f"Sunrise {number}.jpg" for number in range(39, 0, -2)]
        assert await postiz.media.list(search="nothing") == []
        channel = local.add_channel("mastodon")
        new = NewPost(channel, "x", [listed[1]])
        await postiz.posts.schedule(new, at=local.in_an_hour())


async def test_a_server_without_a_list_of_media_says_so(local: Sandbox) -> None:
    async with local.client() as postiz:
        with pytest.raises(NotFoundError, match=r"came with a release after v2\.23\.0"):
            await postiz.media.list(search="sun")


async def test_notifications_come_once_each(local: Sandbox, channel: Channel) -> None:
    async with local.client() as postiz:
        at = local.in_an_hour()
        for number in range(3):
            when = at + timedelta(minutes=number)
            created = (await postiz.posts.schedule(NewPost(channel, "x"), at=when))[0]
        await postiz.posts.wait_published(created.post_id, at=when)
        found = [each async for each in postiz.notifications.list()]
    assert len(found) == len({each.id for each in found}) >= 3


# ------------------------------------------------------------------ options


async def test_with_options_adds_headers_and_refuses_ours(local: Sandbox) -> None:
    seen: list[dict[str, str]] = []

    class Watching(SandboxTransport):
        async def send(self, request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            seen.append(dict(request.headers))
            return await super().send(request)

    async with local:
        client = Postiz(
            api_key="sandbox",
            base_url="http://sandbox.invalid",
            advanced=AdvancedOptions(clock=local.clock, transport=Watching(local._server)),
        )
        async with client as postiz:
            for name in ("authorization", "Authorization"):
                with pytest.raises(UsageError, match=f"{name} is the client's own"):
                    postiz.with_options(headers={"X-Trace": "7", name: "no"})
            view = postiz.with_options(headers={"X-Trace": "7"})
            assert await view.channels.is_connected()
    assert seen[0]["X-Trace"] == "7"
    assert seen[0]["Authorization"] == "sandbox"
    assert "authorization" not in seen[0]


async def test_time_out_option(local: Sandbox) -> None:
    local.add_fault(Fault("late_answer", route="list_channels", delay=50, times=9))
    async with local.client() as postiz:
        with pytest.raises(APITimeoutError):
            await postiz.with_options(timeout=5).channels.list()


async def test_attempt_hook_sees_each_request_and_cannot_break_a_call(local: Sandbox) -> None:
    attempts: list[Attempt] = []

    def hook(attempt: Attempt) -> None:
        attempts.append(attempt)
        raise RuntimeError("broken hook")

    local.add_fault(Fault("drop_answer", route="is_connected"))
    async with local:
        client = Postiz(
            api_key="sandbox",
            base_url="http://sandbox.invalid",
            advanced=AdvancedOptions(
                clock=local.clock, transport=local.transport(), on_attempt=hook
            ),
        )
        async with client as postiz:
            assert await postiz.channels.is_connected()
    assert [(each.status, each.error) for each in attempts] == [
        (None, "APIConnectionError"),
        (200, None),
    ]


async def test_a_route_that_is_not_there_names_the_release(channel: Channel) -> None:
    old = Sandbox(release="v2.20.0")
    async with old.client() as postiz:
        with pytest.raises(NotFoundError, match=r"came with v2\.21\.9: this"):
            await postiz.channels.groups()


async def test_who_repeats_a_create_by_himself_gets_one_attempt(
    local: Sandbox, channel: Channel
) -> None:
    local.add_fault(Fault("empty_401", times=2))
    async with local.client() as client:
        postiz = client.with_options(max_retries=0)
        body = build_body("draft", local.in_an_hour(), [build_item(NewPost(channel, "x"), channel)])
        with pytest.raises(ServerError):
            await postiz.posts.send(body, validate=False)
        with pytest.raises(ServerError):
            await postiz.posts.probe()
        assert local.requests == 2


async def test_an_empty_401_is_a_server_fault_and_is_tried_again(local: Sandbox) -> None:
    local.add_fault(Fault("empty_401"))
    async with local.client() as postiz:
        assert await postiz.channels.is_connected()
    local.add_fault(Fault("empty_401", times=9))
    async with local.client() as postiz:
        with pytest.raises(ServerError, match="could not look up the key"):
            await postiz.channels.is_connected()


async def test_a_wrong_key_is_said_once(local: Sandbox) -> None:
    async with local:
        client = Postiz(
            api_key="wrong",
            base_url="http://sandbox.invalid",
            advanced=AdvancedOptions(clock=local.clock, transport=local.transport()),
        )
        async with client as postiz:
            with pytest.raises(AuthenticationError, match="Invalid API key"):
                await postiz.channels.is_connected()
    assert local.requests == 1


def test_the_year_before_the_jumping_clock_starts_exists() -> None:
    start = datetime.fromtimestamp(Sandbox().clock.time(), UTC)
    assert start.year > 2026


async def test_a_listed_post_is_found_however_far_away_it_is(
    local: Sandbox, channel: Channel
) -> None:
    at = local.in_an_hour() + timedelta(days=800)
    async with local.client() as postiz:
        await postiz.posts.schedule(NewPost(channel, "x"), at=at)
        [post] = await postiz.posts.list(start=at, end=at + timedelta(seconds=1))
        assert (await postiz.posts.get(post)).id == post.id
        local.add_fault(Fault("error_before", route="delete_post", times=4))
        with pytest.raises(ServerError):
            await postiz.posts.delete(post)
        with pytest.raises(APITimeoutError, match="is QUEUE after"):
            await postiz.posts.wait_published(post, timeout=5)
