from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from postiz_async._delivery.matching import (
    CLIENT_REF,
    MillisecondMarks,
    client_ref,
    listed_ref,
    made_at,
    match_request,
    may_be_moved,
    row_ref,
)
from postiz_async._delivery.outcomes import SentRequest
from postiz_async._wire import format_date
from postiz_async.models.posts import (
    ChannelRef,
    ContentItem,
    Post,
    PostChannel,
    PostItem,
    PostRequest,
)

MOMENT = datetime(2027, 1, 15, 9, 0, 0, 7_000, tzinfo=UTC)

ODD_SETTINGS = ("", "null", "[1]", "{", '{"__type":"x"}', '{"client_ref":null}')

channels = st.sampled_from(["c1", "c2", "c3"])
texts = st.sampled_from(["a", "b", "<p>c</p>", ""])


def item(channel: str, text: str, ref: str) -> PostItem:
    return PostItem(
        channel=ChannelRef(id=channel),
        value=[ContentItem(content=text)],
        settings={CLIENT_REF: ref, "__type": "x"},
    )


def body(items: list[PostItem]) -> PostRequest:
    return PostRequest(type="schedule", date=format_date(MOMENT), posts=items)


def stored(sent: PostItem, post_id: str, *, lists_settings: bool) -> Post:
    return Post(
        id=post_id,
        publish_date=MOMENT,
        content=sent.value[0].content,
        channel=PostChannel(id=sent.channel.id),
        settings=json.dumps(dict(sent.settings)) if lists_settings else None,
    )


@st.composite
def requests(draw: st.DrawFn) -> list[PostItem]:
    pairs = draw(st.lists(st.tuples(channels, texts), min_size=1, max_size=8))
    return [item(channel, text, f"ref{n}") for n, (channel, text) in enumerate(pairs)]


@given(requests(), st.integers(0, 8), st.booleans(), st.randoms())
def test_the_prefix_that_a_broken_request_left_is_found(
    items: list[PostItem],
    count: int,
    lists_settings: bool,  # noqa: FBT001
    rng: random.Random,
) -> None:
    prefix = items[:count]
    listed = [
        stored(sent, f"cm{n:04}", lists_settings=lists_settings) for n, sent in enumerate(prefix)
    ]
    rng.shuffle(listed)
    match = match_request(body(items), listed)
    assert match.unmatched == ()
    assert sorted(match.found.values()) == [f"cm{n:04}" for n in range(len(prefix))]
    for place, post_id in match.found.items():
        twin = items[int(post_id[2:])]
        assert items[place].channel == twin.channel
        if lists_settings:
            assert items[place] is twin


@given(requests(), st.data())
def test_posts_of_others_are_never_adopted(items: list[PostItem], data: st.DataObject) -> None:
    others = [
        stored(item(channel, text, "theirs"), f"o{n}", lists_settings=True)
        for n, (channel, text) in enumerate(data.draw(st.lists(st.tuples(channels, texts))))
    ]
    odd = [
        replace(post, id=f"x{n}-{k}", settings=settings)
        for n, post in enumerate(others)
        for k, settings in enumerate(ODD_SETTINGS)
    ]
    match = match_request(body(items), others + odd)
    assert match.found == {}
    assert len(match.unmatched) == len(others) + len(odd)


@given(requests(), st.sampled_from([-1_000, -1, 1, 1_000]))
def test_posts_of_another_instant_are_not_looked_at(items: list[PostItem], away: int) -> None:
    """The list also returns occurrences of repeated posts from before the instant."""
    listed = [stored(sent, f"cm{n}", lists_settings=True) for n, sent in enumerate(items)]
    elsewhere = MOMENT + timedelta(milliseconds=away)
    moved = [replace(post, publish_date=elsewhere) for post in listed]
    occurrences = [replace(post, actual_date=elsewhere) for post in listed]
    match = match_request(body(items), moved + occurrences)
    assert (match.found, match.unmatched) == ({}, ())


def test_our_own_repeated_posts_are_known_by_their_stored_date() -> None:
    items = [item("c1", "a", "r0")]
    first = replace(stored(items[0], "cm0", lists_settings=True), actual_date=MOMENT)
    later = replace(first, publish_date=MOMENT + timedelta(days=7))
    match = match_request(body(items), [later, first])
    assert match.found == {0: "cm0"}
    assert match.unmatched == ()


def test_an_old_server_that_lists_no_settings_knows_posts_by_channel_and_text() -> None:
    items = [item("c1", "mine", "r0"), item("c1", "<p>html</p>", "r1")]
    other = stored(item("c1", "theirs", ""), "cm0", lists_settings=False)
    elsewhere = stored(item("c2", "mine", ""), "cm1", lists_settings=False)
    nowhere = replace(other, id="cm2", channel=None)
    mine = stored(items[0], "cm3", lists_settings=False)
    match = match_request(body(items[:1]), [other, elsewhere, nowhere, mine])
    assert match.found == {0: "cm3"}
    assert match.unmatched == ("cm0", "cm1", "cm2")


def test_a_text_with_shortened_links_is_not_compared() -> None:
    sent = replace(body([item("c1", "see https://a.example", "r0")]), short_link=True)
    listed = stored(item("c1", "see https://sh.rt/1", ""), "cm0", lists_settings=False)
    assert match_request(sent, [listed]).found == {0: "cm0"}


def test_a_text_with_markup_does_not_take_the_post_of_another() -> None:
    """Somebody deleted the first post before it was looked for."""
    items = [item("c1", "<p>one &amp; two</p>", "r0"), item("c1", "three", "r1")]
    second = stored(items[1], "cm1", lists_settings=False)
    match = match_request(body(items), [second])
    assert (match.found, match.unmatched) == ({1: "cm1"}, ())


def test_a_text_that_the_server_rewrote_in_its_own_way_is_still_known() -> None:
    items = [item("c1", "<p>one</p>", "r0"), item("c1", "three", "r1")]
    listed = [
        replace(stored(items[0], "cm0", lists_settings=False), content="<div>oh no</div>"),
        stored(items[1], "cm1", lists_settings=False),
    ]
    assert match_request(body(items), listed).found == {0: "cm0", 1: "cm1"}


# ------------------------------------------------------------------ moved elsewhere


def moved_post(sent: PostItem, made: float, *, lists_settings: bool = False) -> Post:
    post = stored(sent, cuid(made), lists_settings=lists_settings)
    return replace(post, publish_date=MOMENT + timedelta(days=3))


def cuid(made: float) -> str:
    digits, number = "", round(made * 1000)
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return f"c{digits:0>8}" + "0" * 16


def is_candidate(sent: PostItem, post: Post, **more: Any) -> bool:
    request = SentRequest(1, body([sent]), ("r0",), 1_800_000_000.0)
    options: dict[str, Any] = {"moments": (), "is_one_of_many": False} | more
    return may_be_moved(sent, post, request, **options)


@pytest.mark.parametrize(("age", "may_be"), [(-3_600.0, False), (-30.0, True), (300.0, True)])
def test_a_moved_post_may_be_ours_when_it_was_made_since(age: float, *, may_be: bool) -> None:
    mine = item("c1", "mine", "r0")
    post = moved_post(mine, 1_800_000_000.0 + age)
    assert made_at(post.id) == 1_800_000_000.0 + age
    assert is_candidate(mine, post) == may_be


def test_a_moved_post_is_not_ours_when_something_else_accounts_for_it() -> None:
    mine = item("c1", "mine", "r0")
    post = moved_post(mine, 1_800_000_001.0)
    assert is_candidate(mine, post)
    assert not is_candidate(mine, post, moments={post.publish_date})
    assert not is_candidate(item("c2", "mine", "r0"), post)
    assert not is_candidate(item("c1", "yours", "r0"), post)
    assert not is_candidate(mine, replace(post, id="an-id-of-another-kind"))


def test_where_marks_are_listed_they_decide_alone() -> None:
    mine = item("c1", "mine", "r0")
    assert not is_candidate(mine, moved_post(mine, 1_800_000_001.0, lists_settings=True))


@pytest.mark.parametrize(
    ("milliseconds", "may_be"), [(0, True), (MOMENT.microsecond // 1000, True), (998, False)]
)
def test_among_many_a_moved_post_with_the_milliseconds_of_another_is_of_that(
    milliseconds: int, *, may_be: bool
) -> None:
    mine = item("c1", "mine", "r0")
    date = (MOMENT + timedelta(days=3)).replace(microsecond=1000 * milliseconds)
    post = replace(moved_post(mine, 1_800_000_001.0), publish_date=date)
    assert is_candidate(mine, post)
    assert is_candidate(mine, post, is_one_of_many=True) == may_be


# ------------------------------------------------------------------ marks


@given(st.lists(st.integers(0, 999), max_size=50), st.integers(1, 40))
def test_marks_are_unique_in_their_second_and_never_zero(used: list[int], count: int) -> None:
    second = MOMENT.replace(microsecond=0)
    marks = MillisecondMarks(second.replace(microsecond=ms * 1_000) for ms in used)
    made = [marks.mark(MOMENT) for _ in range(count)]
    numbers = [mark.microsecond // 1_000 for mark in made]
    assert len(set(numbers)) == count
    assert not set(numbers) & {0, *used}
    assert all(mark.replace(microsecond=0) == second for mark in made)


def test_a_second_that_is_full_flows_over_into_the_next() -> None:
    marks = MillisecondMarks()
    made = [marks.mark(MOMENT) for _ in range(1_000)]
    assert len(set(made)) == 1_000
    assert made[998].replace(microsecond=0) == MOMENT.replace(microsecond=0)
    assert made[999] == MOMENT.replace(microsecond=1_000) + timedelta(seconds=1)


def test_a_client_ref_is_short_stable_and_of_its_campaign() -> None:
    ref = client_ref("campaign", "row")
    assert ref == client_ref("campaign", "row")
    assert len(ref) == 12
    assert ref.isalnum()
    assert "plug-" not in ref
    assert len({client_ref(c, r) for c in ("a", "b") for r in ("1", "2")}) == 4


def test_the_mark_of_a_row_is_that_of_its_campaign_and_of_what_it_is() -> None:
    """So that hosts agree, and another campaign of that name has others under the same refs."""
    same: dict[str, Any] = {
        "channel": "c1",
        "date": MOMENT.isoformat(),
        "texts": ("text", "a", "b"),
    }
    marks = [
        row_ref("c.csv", "1", **same),
        row_ref("d.csv", "1", **same),
        row_ref("c.csv", "2", **same),
        row_ref("c.csv", "1", **same | {"channel": "c2"}),
        row_ref("c.csv", "1", **same | {"date": (MOMENT + timedelta(days=7)).isoformat()}),
        row_ref("c.csv", "1", **same | {"texts": ("text", "a")}),
        row_ref("c.csv", "1", **same | {"texts": ("text", "ab")}),
        row_ref("c.csv", "1", **same, copy=2),
        row_ref("c.csv", "1", **same, copy=3),
    ]
    assert len(set(marks)) == len(marks)
    assert {len(mark) for mark in marks} == {12}
    assert marks[0] == "wfzfxknaxquv"  # else hosts of two versions do not know each other


@pytest.mark.parametrize("settings", [None, "", "{", "[]", '{"client_ref": 1}', "[" * 99_999])
def test_settings_without_a_mark_of_a_row(settings: str | None) -> None:
    assert listed_ref(settings) == ""
    assert listed_ref('{"client_ref": "abc"}') == "abc"
