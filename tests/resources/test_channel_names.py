"""Which channel a word means, and what a single call says when it cannot tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st

from postiz_async import (
    APIConnectionError,
    Html,
    IdempotencyError,
    InvalidPostError,
    NewPost,
    NotFoundError,
)
from postiz_async._resources.channel_names import Resolver, is_id
from postiz_async._sandbox import Fault
from postiz_async.errors import ChannelNotFoundError, InvalidInputError
from postiz_async.models.channels import Channel
from postiz_async.testing import Sandbox

CHANNELS = [
    Channel(id="cm1", name="Brewers", provider="mastodon"),
    Channel(id="cm2", name="Roasters", provider="x"),
    Channel(id="cm3", name="roasters", provider="telegram"),
    Channel(id="cm4", name="x", provider="discord"),
    Channel(id="cm5", name="Old", provider="bluesky", disabled=True),
    Channel(id="cm6", name="old news", provider="threads", disabled=True),
    Channel(id="cm7", name="News", provider="threads"),
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("cm1", "cm1"),
        ("Brewers", "cm1"),
        ("BREWERS", "cm1"),
        ("mastodon", "cm1"),
        ("Mastodon", "cm1"),
        ("cm3", "cm3"),
        ("x", "cm4"),  # a name is meant before a provider
        ("telegram", "cm3"),
    ],
)
def test_a_channel_is_meant_by_id_name_or_provider_in_this_order(wanted: str, found: str) -> None:
    channel = Resolver(CHANNELS).find(wanted)
    assert isinstance(channel, Channel)
    assert channel.id == found


@pytest.mark.parametrize("wanted", ["LinkedIn", "linkedin", "LinkedIn Page", "linkedin-page"])
def test_the_common_name_of_a_network_means_its_only_channel(wanted: str) -> None:
    page = Channel(id="cm8", name="Northwind", provider="linkedin-page")
    assert Resolver([*CHANNELS, page]).find(wanted) == page
    own = Channel(id="cm9", name="Anna", provider="linkedin")
    found = Resolver([*CHANNELS, page, own]).find(wanted)
    assert found == (page if "page" in wanted.lower() else own)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("Roasters", "fits 2 channels (give the id of one: 'Roasters' (cm2), 'roasters' (cm3))"),
        (
            "threads",
            "fits 2 channels (give the id of one: 'News' (cm7), 'old news' (cm6, disabled))",
        ),
        ("Old", "the channel 'Old' is disabled"),
        ("bluesky", "the channel 'Old' is disabled"),
        ("Brewer", "there is no channel 'Brewer' (did you mean 'Brewers'?)"),
        ("BREWER", "did you mean 'Brewers'?"),
        ("nothing like it", "postiz-async channels lists them"),
    ],
)
def test_a_channel_that_cannot_be_told_is_a_problem(wanted: str, words: str) -> None:
    error = Resolver(CHANNELS).find(wanted)
    assert isinstance(error, InvalidPostError)
    assert isinstance(error, ChannelNotFoundError) == ("disabled" not in words.partition("(")[0])
    [problem] = error.problems
    assert problem.where == "channel"
    assert words in str(problem)


NAMES = st.sampled_from(["a", "A", "b", "x", "mastodon", "c1", "c2"])


@given(st.lists(st.tuples(NAMES, NAMES), max_size=5), NAMES)
def test_ids_win_and_what_is_found_is_never_one_of_several(
    named: list[tuple[str, str]], wanted: str
) -> None:
    channels = [
        Channel(id=f"c{place}", name=name, provider=provider)
        for place, (name, provider) in enumerate(named)
    ]
    found = Resolver(channels).find(wanted)
    same_id = [each for each in channels if each.id == wanted]
    same_name = [each for each in channels if each.name.casefold() == wanted.casefold()]
    if same_id:
        assert [found] == same_id
    elif same_name:
        assert [found] == same_name or (
            isinstance(found, ChannelNotFoundError) and len(same_name) > 1
        )
    if isinstance(found, Channel):
        assert Resolver(channels).ids()(wanted) == found.id
    else:
        assert Resolver(channels).ids()(wanted) == wanted


# ------------------------------------------------------------------ single calls


@pytest.fixture
def local() -> Sandbox:
    return Sandbox(limit=90)


@pytest.fixture
def brewers(local: Sandbox) -> Channel:
    local.add_channel("bluesky", name="Roasters")
    local.add_channel("bluesky", name="Tea")
    return local.add_channel("mastodon", name="Brewers")


def test_the_ids_of_the_server_have_the_form_of_ids(brewers: Channel) -> None:
    assert is_id(brewers.id)
    assert not is_id("mastodon")
    assert not is_id("Coffee")


async def test_each_call_that_takes_a_channel_takes_its_name_or_its_provider(
    local: Sandbox, brewers: Channel
) -> None:
    at = local.in_an_hour()
    async with local.client() as postiz:
        (made,) = await postiz.posts.schedule(NewPost("mastodon", "one"), at=at)
        (draft,) = await postiz.posts.draft(NewPost("brewers", "two"), at=at)
        (now,) = await postiz.posts.publish_now(NewPost("Brewers", "three"))
        new = await postiz.posts.replace(made.post_id, NewPost("mastodon", "four"), at=at)
        body = await postiz.posts.build(NewPost("mastodon", "five"), kind="schedule", at=at)
        assert {each.channel for each in (made, draft, now, new)} == {brewers.id}
        assert body.posts[0].channel.id == brewers.id
        by_id = await postiz.channels.settings(brewers.id)
        assert await postiz.channels.settings("Mastodon") == by_id
        assert await postiz.channels.find_slot("brewers")
        assert await postiz.analytics.channel("mastodon") is not None
        with pytest.raises(NotFoundError, match="Tool not found"):
            await postiz.channels.trigger("mastodon", "nothing")
        until = at + timedelta(hours=1)
        listed = [
            post.content async for post in postiz.posts.list(start=at, end=until, channel="brewers")
        ]
        assert sorted(listed) == ["four", "two"]
        nothing = [p async for p in postiz.posts.list(start=at, end=until, channel="tea")]
        assert nothing == []


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (
            "bluesky",
            r"posts.1.channel: 'bluesky' fits 2 channels \(give the id of one: 'Roasters' \(c",
        ),
        ("Brewer", r"posts.1.channel: there is no channel 'Brewer' \(did you mean 'Brewers'\?\)"),
        ("c" + "0" * 24, "posts.1.channel: there is no channel 'c0000"),
    ],
)
async def test_what_cannot_be_told_is_said_before_anything_is_sent(
    local: Sandbox, brewers: Channel, word: str, said: str
) -> None:
    async with local.client() as postiz:
        posts = [NewPost(brewers, "fine"), NewPost(word, "not")]
        with pytest.raises(InvalidPostError, match=said):
            await postiz.posts.schedule(*posts, at=local.in_an_hour())
    assert not local.posts


async def test_a_disabled_channel_is_told(local: Sandbox, brewers: Channel) -> None:
    local.change_channel(brewers.id, disabled=True)
    async with local.client() as postiz:
        with pytest.raises(InvalidPostError, match="'Brewers' is disabled in Postiz"):
            await postiz.posts.schedule(NewPost("mastodon", "no"), at=local.in_an_hour())


async def test_a_name_that_is_new_is_found_and_a_cached_one_asks_for_nothing(
    local: Sandbox, brewers: Channel
) -> None:
    at = local.in_an_hour()
    async with local.client() as postiz:
        await postiz.posts.schedule(NewPost("mastodon", "one"), at=at)
        assert local.requests == 2
        await postiz.posts.schedule(NewPost("Brewers", "two"), at=at)
        assert local.requests == 3
        local.add_channel("telegram", name="Fresh")
        await postiz.posts.schedule(NewPost("fresh", "three"), at=at)
        assert local.requests == 5


async def test_a_channel_is_not_deleted_by_a_name(local: Sandbox, brewers: Channel) -> None:
    async with local.client() as postiz:
        for word in ("Brewers", "mastodon"):
            with pytest.raises(InvalidInputError, match=f"by its id only.*{brewers.id}"):
                await postiz.channels.delete(word)
        with pytest.raises(ChannelNotFoundError, match="there is no channel 'Brewer'"):
            await postiz.channels.delete("Brewer")
        assert len(await postiz.channels.list()) == 3
        assert await postiz.channels.delete(brewers.id) == brewers.id


async def test_a_name_and_its_id_are_the_same_call_of_a_key(
    local: Sandbox, brewers: Channel
) -> None:
    at = local.in_an_hour()
    async with local.client() as postiz:

        async def call(channel: Channel | str) -> str:
            new = NewPost(channel, "once")
            return (await postiz.posts.schedule(new, at=at, idempotency_key="k"))[0].post_id

        words = (brewers, brewers.id, "mastodon", "BREWERS")
        assert len({await call(word) for word in words}) == 1
        with pytest.raises(IdempotencyError):
            await call("tea")
        with pytest.raises(ChannelNotFoundError, match="fits 2 channels"):
            await call("bluesky")
        local.change_channel(brewers.id, disabled=True)
        await postiz.channels.list()
        assert {await call(word) for word in words} == {await call(brewers)}
    assert len(local.posts) == 1


async def test_a_key_with_an_id_looks_nothing_up(local: Sandbox, brewers: Channel) -> None:
    at = local.in_an_hour()
    async with local.client() as postiz:
        new = NewPost(brewers.id, "once")
        first = await postiz.posts.schedule(new, at=at, idempotency_key="k")
        postiz_channels = local.requests
        assert await postiz.posts.schedule(new, at=at, idempotency_key="k") == first
        assert local.requests == postiz_channels


# ------------------------------------------------------------------ handed over


async def test_a_hand_over_by_name_needs_the_list_once(
    local: Sandbox, brewers: Channel, tmp_path: Path
) -> None:
    async with local.client(outbox=tmp_path / "outbox.sqlite") as postiz:
        local.add_fault(Fault("reset", route="list_channels", times=None))
        with pytest.raises(APIConnectionError, match="knows which channel 'mastodon' is"):
            await postiz.outbox.put(NewPost("mastodon", "one"))
        given = await postiz.outbox.put(NewPost(brewers, "two"))
        local.clear_faults()
        await postiz.channels.list()
        local.add_fault(Fault("reset", route="list_channels", times=None))
        local.clock.advance(3_600)
        named = await postiz.outbox.put(NewPost("mastodon", "three"))
        with pytest.raises(APIConnectionError, match="knows which channel 'bluesky' is"):
            await postiz.outbox.put(NewPost("bluesky", "four"))
        local.clear_faults()
        for ticket in (given, named):
            assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    assert {post.channel_id for post in local.posts} == {brewers.id}


async def test_a_channel_that_is_not_found_says_the_word_and_the_close_names(
    local: Sandbox, brewers: Channel
) -> None:
    at = local.in_an_hour()
    async with local.client() as postiz:
        for call in (
            postiz.posts.schedule(NewPost("Brewer", "a"), at=at),
            postiz.posts.schedule(NewPost("Brewer", "a"), at=at, idempotency_key="k"),
            postiz.channels.find("Brewer"),
            postiz.channels.settings("Brewer"),
            postiz.analytics.channel("Brewer"),
        ):
            with pytest.raises(ChannelNotFoundError) as caught:
                await call
            assert (caught.value.word, caught.value.close) == ("Brewer", ("Brewers",))
        with pytest.raises(ChannelNotFoundError) as caught:
            await postiz.posts.schedule(NewPost("bluesky", "a"), NewPost("nobody", "b"), at=at)
        assert caught.value.word == "bluesky"
        assert set(caught.value.close) == {
            each.id for each in await postiz.channels.list() if each.provider == "bluesky"
        }
        assert [problem.where for problem in caught.value.problems] == [
            "posts.0.channel",
            "posts.1.channel",
        ]


async def test_a_channel_that_is_not_found_beside_another_problem_is_one_of_two(
    local: Sandbox, brewers: Channel
) -> None:
    async with local.client() as postiz:
        with pytest.raises(InvalidPostError) as caught:
            await postiz.posts.schedule(
                NewPost("nobody", "a"), NewPost(brewers, cast("Any", 7)), at=local.in_an_hour()
            )
    assert type(caught.value) is InvalidPostError
    assert len(caught.value.problems) == 2


REFUSED: list[tuple[NewPost, dict[str, object]]] = [
    (NewPost("nobody", "a"), {}),
    (NewPost("Brewers", "a"), {"at": datetime(2035, 1, 1)}),  # noqa: DTZ001
    (NewPost("Brewers", "a"), {"at": "tomorrow"}),
    (NewPost("Brewers", "a"), {"at": datetime(2000, 1, 1, tzinfo=UTC)}),
    (NewPost("Brewers", "a"), {"at": datetime.max.replace(tzinfo=UTC)}),
    (NewPost("Brewers", "a"), {"tags": [7]}),
    (NewPost("Brewers", "a" * 200_000), {}),
    (NewPost("Brewers", Html("<b>" * 200_000)), {}),
    (NewPost("Brewers", "a \ud800 b"), {}),
    (NewPost("Brewers", "a", settings={"title": object()}), {}),
    (NewPost("Brewers", "a"), {"idempotency_key": ""}),
    (NewPost("Brewers", "a"), {"idempotency_key": "\0"}),
]


@pytest.mark.parametrize("key", [None, "order-1"])
@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize(("post", "given"), REFUSED)
async def test_every_refusal_of_what_schedule_was_given_is_an_invalid_post(
    local: Sandbox,
    brewers: Channel,
    post: NewPost,
    given: dict[str, Any],
    *,
    validate: bool,
    key: str | None,
) -> None:
    options = {"at": local.in_an_hour(), "validate": validate, "idempotency_key": key} | given
    async with local.client() as postiz:
        with pytest.raises(InvalidPostError):
            await postiz.posts.schedule(post, **options)
    assert not local.creates


def test_an_organisation_without_channels_is_told_so() -> None:
    error = Resolver(()).find("mastodon")
    assert isinstance(error, ChannelNotFoundError)
    assert str(error.problems[0]) == (
        "channel: there is no channel 'mastodon' (the organisation has no channels)"
    )
