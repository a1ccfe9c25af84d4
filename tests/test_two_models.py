"""The client's rules and the sandbox's were written apart, so a mistake of one shows here.

Both are made from the same contract; nothing is shared but that. They are compared as tables,
and as verdicts on requests that hypothesis makes up.
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from copy import deepcopy

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from lengths_in_settings import LENGTHS
from sandbox_settings import MEDIA as FILES, SETTINGS, media

from postiz_async._sandbox import HttpRequest, MemoryServer
from postiz_async._sandbox.rules.networks import NETWORKS
from postiz_async._validation import validate
from postiz_async._validation.messages import server_message
from postiz_async.clock import JumpingClock
from postiz_async.models.channels import Channel
from postiz_async.providers import PROVIDERS, SettingsField
from postiz_async.providers._registry import required_defaults
from postiz_async.providers._schema import fields_of

NOT_FETCHED = "Request failed with status code 404"
"""Of a picture that the server cannot measure, which nobody can know before."""


def test_both_know_the_same_networks() -> None:
    assert set(PROVIDERS) == set(NETWORKS)


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_tables_agree(name: str) -> None:
    ours, theirs = PROVIDERS[name], NETWORKS[name]
    usual = next(limit for limit in ours.limits if limit.when is None and not limit.verified)
    assert usual.characters == theirs.max_length
    assert (ours.counts == "x-weighted") == theirs.is_weighted
    assert set(ours.tools) == set(theirs.tools)
    assert bool(ours.defect) == theirs.is_broken
    messages = [rule.message for rule in theirs.rules if rule.message != NOT_FETCHED]
    assert [rule.message for rule in ours.rules] == messages
    names = [field.name for field in fields_of(ours.settings)]
    in_any_release = dict.fromkeys(field.name for field in theirs.fields)
    assert names == list(in_any_release)


# ------------------------------------------------------------------ verdicts

TEXTS = st.sampled_from(
    ["", " ", "Hello", "a < b", "<p>Hi</p>", "<p> </p>", "&nbsp;", "x" * 281, "word " * 200, "7"]
)
WORDS = st.sampled_from(
    [
        *("false", "everyone", "post", "article", "published", "story", "schedule", "yes", "group"),
        *("https://a.example/b", "not a url", "www.a.example", "a.example", "(post:1)", "UPLOAD"),
        *("2030-01-01", "2030-W05", "2030-02-31T10:00", "1e3", "0x10", "-1", " 12 "),
        *("a.png", "a.mp4", "b.PNG", "c.avif?d.png"),
    ]
)
ODD = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 5), st.sampled_from([0.5, 1e21]), TEXTS, WORDS
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(["id", "path", "value", "label", "content", "image", "title"]),
            inner,
            max_size=2,
        ),
    ),
    max_leaves=4,
)
MEDIA = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.just("m"),
            "path": st.sampled_from(
                [
                    "https://u.example/a.png",
                    "https://u.example/b.mp4",
                    "https://u.example/mp4/c.jpg",
                    "https://u.example/d.PNG",
                    "https://u.example/e.avif",
                ]
            ),
        },
        optional={"thumbnail": st.sampled_from(["", "https://u.example/t.png", "x"])},
    ),
    max_size=5,
)


def entries(texts: st.SearchStrategy[object]) -> st.SearchStrategy[list[object]]:
    entry = st.fixed_dictionaries({"content": texts, "image": MEDIA})
    return st.lists(entry, min_size=1, max_size=2)


def values_of(draw: st.DrawFn, fields: tuple[SettingsField, ...]) -> dict[str, object]:
    """Settings that are nearly right."""
    said: dict[str, object] = {}
    for field in fields:
        chance = draw(st.integers(0, 3))
        if chance == 0:
            known = [st.just(each) for each in field.enum or ()]
            said[field.name] = draw(st.one_of(*known, ODD))
        elif chance == 1 and field.fields:
            inside = values_of(draw, field.fields)
            said[field.name] = [inside] if field.kind == "list" else inside
    return said


def exchange_a_value(draw: st.DrawFn, body: dict[str, object]) -> None:
    """Put anything in any place."""
    place: dict[str, object] | list[object] = body
    while place:
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inside = place[key]  # type: ignore[index, call-overload]
        if draw(st.integers(0, 3)) == 0 or not isinstance(inside, dict | list):
            if isinstance(place, dict) and draw(st.booleans()):
                del place[str(key)]
            else:
                place[key] = draw(ODD)  # type: ignore[index, call-overload]
            return
        place = inside


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, Mapping[str, object]]:
    """A provider and a body that is nearly right."""
    name = draw(st.sampled_from(sorted(PROVIDERS)))
    said = {**required_defaults(name), **values_of(draw, fields_of(PROVIDERS[name].settings))}
    body: dict[str, object] = {
        "type": draw(st.sampled_from(["schedule", "draft", "now"])),
        "date": "2030-01-01T10:00:00.000Z",
        "shortLink": draw(st.sampled_from([False, True, "false", None])),
        "tags": [],
        "posts": [{"integration": {"id": name}, "value": draw(entries(TEXTS)), "settings": said}],
    }
    body = deepcopy(body)
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        exchange_a_value(draw, body)
    return name, body


class Oracle:
    """A sandbox with a channel of each network, asked again and again."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._sandbox = MemoryServer(clock=JumpingClock(), limit=1_000_000_000)
        runner.run(self._sandbox.__aenter__())
        for name in PROVIDERS:
            self._sandbox.add_channel(name, id=name)
        key = self._sandbox.organization.api_key
        self._headers = {"authorization": key, "content-type": "application/json"}

    def verdict(self, body: object) -> tuple[int, list[str]]:
        raw = json.dumps(body).encode()
        request = HttpRequest("POST", "/public/v1/posts", (), self._headers, raw)
        answer = self._runner.run(self._sandbox.handle(request))
        if answer.status == 201:
            return 201, []
        said = answer.json()["message"]
        return answer.status, said if isinstance(said, list) else [said]

    def close(self) -> None:
        self._runner.run(self._sandbox.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with asyncio.Runner() as runner:
        made = Oracle(runner)
        yield made
        made.close()


CHANNELS = {name: Channel(id=name, name="n", provider=name) for name in PROVIDERS}


@given(made=bodies())
@settings(suppress_health_check=list(HealthCheck))
def test_the_verdicts_agree(oracle: Oracle, made: tuple[str, Mapping[str, object]]) -> None:
    _, body = made
    status, said = oracle.verdict(body)
    found = validate(body, channels=CHANNELS)
    errors = [problem for problem in found if problem.severity == "error"]
    if status == 201 or said == [NOT_FETCHED]:
        assert not errors
        return
    assert errors, (status, said)
    first = [server_message(each) for each in errors if each.stage == errors[0].stage]
    assert said[0] == first[0]
    if errors[0].stage == "body":
        assert said == first


FILLERS = ["a", "&", "&amp;", "&#38; ", "é", "日", "😀", "a.example ", "<b>x</b>", "a < b", "\r\n"]


@pytest.mark.parametrize("filler", FILLERS)
@pytest.mark.parametrize("name", ["x", "bluesky", "telegram"])
def test_both_find_the_same_longest_text(oracle: Oracle, name: str, filler: str) -> None:
    def body(length: int) -> dict[str, object]:
        entry = {"content": filler * 20 + "a" * length, "image": []}
        post = {"integration": {"id": name}, "value": [entry], "settings": SETTINGS[name]}
        date = "2030-01-01T10:00:00.000Z"
        return {"type": "schedule", "date": date, "shortLink": False, "tags": [], "posts": [post]}

    lengths = range(NETWORKS[name].max_length + 100)
    longest = bisect_right(lengths, 201, key=lambda n: oracle.verdict(body(n))[0]) - 1
    for length in {max(0, longest), longest + 1}:
        found = validate(body(length), channels=CHANNELS)
        is_refused = any(problem.severity == "error" for problem in found)
        assert is_refused == (length > longest), found


# ------------------------------------------------------------------ texts in settings

BOUNDS: list[tuple[str, str, int, int | None]] = [
    ("youtube", "title", 2, 100),
    ("pinterest", "title", 1, 100),  # an empty one is taken for none
    ("tiktok", "title", 1, 90),
    ("tiktok-business", "title", 1, 90),
    ("hashnode", "title", 6, None),
    ("hashnode", "subtitle", 2, None),
    ("devto", "title", 2, None),
    ("tumblr", "title", 1, 4_096),
    ("tumblr", "tags", 0, 4_096),
]


def both_say(oracle: Oracle, name: str, settings: Mapping[str, object]) -> list[str]:
    """What is wrong with settings, on which client and sandbox agree."""
    entry = {"content": "Hello", "image": media(*FILES.get(name, []))}
    said = {**SETTINGS[name], **settings}
    body: dict[str, object] = {
        "type": "schedule",
        "date": "2030-01-01T10:00:00.000Z",
        "shortLink": False,
        "tags": [],
        "posts": [{"integration": {"id": name}, "value": [entry], "settings": said}],
    }
    _, messages = oracle.verdict(body)
    found = validate(body, channels=CHANNELS)
    assert messages == [server_message(each) for each in found if each.severity == "error"]
    return messages


@pytest.mark.parametrize(("name", "field", "least", "most"), BOUNDS)
def test_a_text_in_settings_is_counted_as_the_servers_validator_counts(
    oracle: Oracle, name: str, field: str, least: int, most: int | None
) -> None:
    for start, length in LENGTHS:
        for wanted in {least - 1, least, *([] if most is None else [most, most + 1])}:
            if wanted < length:
                continue
            text = start + "a" * (wanted - length)
            fits = least <= wanted and (most is None or wanted <= most)
            assert (not both_say(oracle, name, {field: text})) == fits, text


WORDS_OF: list[tuple[object, int]] = [
    *((7, 1), (7.0, 1), (-0.0, 1), (7.5, 3), (10**20, 21), (10**21, 5), (10**400, 8)),
    *((True, 4), (False, 5), ({}, 15)),
]
"""Values, and how many characters the server's language writes them with."""


@pytest.mark.parametrize(("value", "length"), WORDS_OF, ids=[str(v)[:24] for v, _ in WORDS_OF])
def test_what_is_no_text_has_a_length_all_the_same(
    oracle: Oracle, value: object, length: int
) -> None:
    wrong = both_say(oracle, "hashnode", {"title": value})
    assert bool(wrong) == (length < 6), wrong
    assert bool(both_say(oracle, "youtube", {"title": value})) == (length < 2)


IN_RANGE = ["5", "0x10", "0X1f", "0b11", "0o17", "1e1", "+5", "-0", ".5", "5.", "100"]
OUT_OF_RANGE = {"101": 1, "-1": 1, "1e999": 2, "0x" + "f" * 300: 2}
NO_NUMBERS = ["\uff11\uff12", "\u0663", "1_0", "0x", "0b2", "1e", "5%", "nan", "1,5"]


def test_texts_are_numbers_as_the_servers_language_reads_them(oracle: Oracle) -> None:
    def wrong_with(volume: object) -> int:
        said = both_say(oracle, "instagram", {"audio": {"id": "1", "audio_volume": volume}})
        return sum("audio_volume" in each for each in said)

    for good in (*IN_RANGE, "", " 12\u00a0", True, False):
        assert wrong_with(good) == 0, good
    for bad, number in OUT_OF_RANGE.items():
        assert wrong_with(bad) == number, bad
    for word in NO_NUMBERS:
        assert wrong_with(word) == 3, word
