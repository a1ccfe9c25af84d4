"""Whatever comes in, what comes out is a list of problems."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import example, given, strategies as st
from validation_lab import PICTURE, VIDEO, channel, entry, post, request
from work import calls_of

from postiz_async._content import length, links, utf16_length
from postiz_async._validation import validate
from postiz_async._validation.messages import server_message
from postiz_async._validation.schema import POST, ROOT, check, converted, judged
from postiz_async._validation.settings import _verdict, shape_of
from postiz_async._validation.validate import LINK_WEIGHT
from postiz_async.errors import Problem
from postiz_async.models.posts import ChannelRef, ContentItem, MediaRef, PostItem, PostRequest
from postiz_async.providers import PROVIDERS
from postiz_async.providers._schema import fields_of

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["false", "12", "", "<p>", "\0", "\ud800", "2030-W01", "https://x.example"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=6,
)
NAMES = sorted(PROVIDERS)
CONTENT = "posts.0.value.0.content"


def problems(body: Any, provider: str = "mastodon") -> list[Problem]:
    found = validate(body, channels=[channel(provider)])
    for each in found:
        assert each.where
        assert str(each)
        assert isinstance(server_message(each), str)
    return found


@given(VALUES)
def test_any_value_as_request(value: object) -> None:
    if not isinstance(value, dict):
        assert problems(value)
    else:
        problems(value)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, object]:
    """A good body, in which a few values were exchanged."""
    provider = draw(st.sampled_from(NAMES))
    names = [field.name for field in fields_of(PROVIDERS[provider].settings)]
    chosen = draw(st.dictionaries(st.sampled_from([*names, "__type"]), VALUES, max_size=4))
    body = deepcopy(request(post(entry("hello", PICTURE, VIDEO), entry(), settings=chosen)))
    for _ in range(draw(st.integers(0, 3))):
        place: Any = body
        while isinstance(place, dict | list) and place:
            key = draw(
                st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place)))
            )
            if draw(st.booleans()) or not isinstance(place[key], dict | list):
                place[key] = draw(VALUES)
                break
            place = place[key]
    return provider, body


@given(bodies())
def test_any_value_at_any_place(case: tuple[str, object]) -> None:
    provider, body = case
    found = problems(body, provider)
    severities = [each.severity for each in found]
    assert severities == sorted(severities)


@example(("bluesky", request(post(entry("hello"))) | {"tags": ({}, {})}))
@example(("devto", request(post(settings={"main_image": "\ud800"}))))
@given(bodies())
def test_what_is_seen_in_one_go_is_what_the_long_way_says(case: tuple[str, Any]) -> None:
    provider, body = case
    place = body["posts"][0] if isinstance(body.get("posts"), list) and body["posts"] else None
    known = place if isinstance(place, dict) else {}
    said = known.get("settings")
    shape = shape_of(PROVIDERS[provider].settings)
    for each, values in ((ROOT, body), (POST, known), (shape, said)):
        if not isinstance(values, dict):
            continue
        quick: list[Problem] = []
        long: list[Problem] = []
        values_then = converted(each, values)
        check(each, values_then, "", long)
        assert repr(judged(each, values, "", quick)) == repr(values_then)
        assert quick == long


@given(st.sampled_from(NAMES), VALUES, st.data())
def test_what_is_remembered_of_settings_is_what_a_first_look_finds(
    provider: str, value: object, data: st.DataObject
) -> None:
    fields = fields_of(PROVIDERS[provider].settings)
    name = data.draw(st.sampled_from([*(field.name for field in fields), "other"]))
    others = data.draw(st.lists(st.sampled_from([1, 1.0, True, "1", 0, False, None]), max_size=3))
    for each in (value, *others, value):  # of which some are equal, and not the same in JSON
        body = request(post(entry("hello", PICTURE), entry(), settings={name: each}))
        known = validate(body, channels=[channel(provider)])
        _verdict.cache_clear()
        assert repr(validate(body, channels=[channel(provider)])) == repr(known)


@given(
    st.lists(
        st.sampled_from(
            [
                "<p>",
                "</p>",
                "a",
                "&",
                "&amp;",
                "&nbsp",
                "\xa0",
                ">",
                "\r\n",
                "\U0001f600",
                "\0",
                ";",
            ]
        )
    ).map("".join)
)
def test_a_text_of_paragraphs_is_never_counted_longer_than_it_is(text: str) -> None:
    for content in (f"<p>{text.replace('<p>', '').replace('</p>', '')}</p>", text):
        found = problems(request(post(entry(content, PICTURE))))
        too_long = any("too long" in each.message for each in found)
        assert too_long == (length(content) > 500)
    within = text.replace("<p>", "").replace("</p>", "")
    assert length(f"<p>{within}</p>") <= utf16_length(f"<p>{within}</p>")


@given(
    st.lists(st.sampled_from(["<p>", "</p>", "a.co ", "x.com/a", ".", "b", "&#46;", "\u4e00"])),
    st.integers(0, 40),
)
def test_x_counts_what_is_not_looked_at_closely_as_it_always_does(
    parts: list[str], spare: int
) -> None:
    text = "".join(parts)
    for content in (text, f"<p>{text.replace('<p>', '').replace('</p>', '')}</p>"):
        most = max(1, len(content) + spare)
        found = validate(
            request(post(entry(content, PICTURE), settings={"who_can_reply_post": "everyone"})),
            channels=[channel("x")],
            max_lengths={"i1": most},
        )
        too_long = any("too long" in each.message for each in found)
        assert too_long == (length(content, "x-weighted") > most)


def test_the_weight_of_a_link_is_that_of_the_one_who_finds_them() -> None:
    assert LINK_WEIGHT == links.LINK_WEIGHT


@pytest.mark.parametrize(
    ("body", "where", "part"),
    [
        (request(post(entry("lone \ud83d"))), "posts.0.value.0.content", "half of a surrogate"),
        (request(post(settings={"\udc00": 1})), "body", "JSON"),
        (request(post(settings={"a": {1j}})), "posts.0.settings.a", "set"),
        (request(post(entry(b"bytes"))), None, ""),
        (request(post(entry(object()))), "posts.0.value.0.content", "object"),
        (request(post(settings=object())), "posts.0.settings", "object"),
        (request(post(entry("x" * 10_000_000))), "body", "posts.0.value.0.content"),
        (request(post(*[entry("x")] * 10_000)), "body", "bytes"),
        (request(post(entry("<b>" * 1_000_000))), "body", "bytes"),
        (None, "body", "null"),
        ("text", "body", "'text'"),
        (request(post(entry("x", ("a", "b")))), None, ""),
    ],
)
def test_bad_input_is_named(body: Any, where: str | None, part: str) -> None:
    found: list[Problem] = []
    assert calls_of(lambda: found.extend(problems(body))) < 1_000_000
    if where is not None:
        assert where in {each.where for each in found}
        assert part in " ".join(str(each) for each in found)


def test_deep_nesting() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    (problem,) = problems(request(post(settings={"a": deep})))
    assert re.search("nested|too large", problem.message)  # since 3.14 the stack ends later
    for depth in (100, *range(900, 1000)):  # which the stack of Python 3.11 just takes or not
        nest: Any = "x"
        for _ in range(depth):
            nest = [nest]
        assert all(each.where for each in problems(request(nest)))
        assert all(each.where for each in problems(request(post(nest)), "x"))
        assert all(each.where for each in problems(request(post(settings={"tags": nest})), "devto"))
        assert all(each.where for each in problems(request(post(settings={"tags": nest}))))


@pytest.mark.parametrize("content", ["<b>" * 30_000, "<" * 90_000, "&" * 90_000, "<p>" * 30_000])
def test_html_bombs_within_a_request(content: str) -> None:
    found: list[Problem] = []
    body = request(post(entry(content)))
    assert calls_of(lambda: found.extend(problems(body))) < 5 * len(content)
    assert {each.where for each in found} == {CONTENT}


def test_tuples_are_lists() -> None:
    body = request(post(entry("x", PICTURE)))
    body["posts"] = ({**body["posts"][0], "value": tuple(body["posts"][0]["value"])},)
    assert problems(body) == []


def typed(part: ContentItem, **settings: object) -> PostRequest:
    item = PostItem(channel=ChannelRef(id="i1"), value=[part], settings=settings)
    return PostRequest(type="schedule", date="2030-01-01T10:00:00Z", posts=[item])


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (typed(ContentItem(content="lone \ud83d")), "posts.0.value.0.content"),
        (typed(ContentItem(content="x"), a=object()), "posts.0.settings.a"),
        (
            typed(ContentItem(content="x", image=[MediaRef(id="m", path="a.png", alt="\udc00")])),
            "posts.0.value.0.image.0.alt",
        ),
    ],
)
def test_of_a_typed_request_only_what_cannot_be_sent_is_named(
    body: PostRequest, where: str
) -> None:
    assert [each.where for each in problems(body)] == [where]


def test_a_circle_is_named() -> None:
    settings: dict[str, object] = {}
    settings["again"] = settings
    (problem,) = problems(typed(ContentItem(content="x"), **settings))
    assert "nested too deeply" in problem.message


def test_what_makes_a_request_too_large_is_named() -> None:
    (problem,) = problems(request(post(*[entry("x")] * 10_000)))
    assert problem.hint.endswith("posts.0.value is a list of 10,000")
    (problem,) = problems(request(post(entry("a"), entry("x" * 200_000))))
    assert problem.hint.endswith("posts.0.value.1.content has 200,000 characters")
