"""What the server accepts and the user regrets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from validation_lab import PICTURE, TIKTOK, VIDEO, channel, entry, errors, post, request, warnings

from postiz_async._validation import MediaFacts, schema_problems, validate

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
REPLY = {"who_can_reply_post": "everyone"}
LEMMY = {"subreddit": [{"value": {"subreddit": "rust", "id": "1", "title": "tt"}}]}

REGRETTED: dict[str, tuple[str, object, str, str]] = {
    "misspelt type": ("mastodon", request(type="Draft"), "type", "'Draft' is not a type"),
    "no zone": ("mastodon", request(date="2030-01-01T10:00"), "date", "has no zone"),
    "bare day": ("mastodon", request(date="2030-01-01"), "date", "has no zone"),
    "ordinal": ("mastodon", request(date="2030-060"), "date", "in the server's own way"),
    "30 February": ("mastodon", request(date="2030-02-30T10:00:00Z"), "date", "in the calendar"),
    "text for no": ("mastodon", request(shortLink="false"), "shortLink", "reads as true"),
    "repeat": ("mastodon", request(inter=0.5), "inter", "whole days"),
    "tag": ("mastodon", request(tags=[{"value": "a"}]), "tags.0.label", "ignores it"),
    "key": ("mastodon", request(shortlink=True), "shortlink", "ignored"),
    "key of a post": ("mastodon", request(post(setting=1)), "posts.0.setting", "ignored"),
    "key of a part": (
        "mastodon",
        request(post(entry() | {"images": []})),
        "posts.0.value.0.images",
        "ignored",
    ),
    "group": ("mastodon", request(post(group="g1")), "posts.0.group", "deleted"),
    "type of a post": ("mastodon", request(post(type="now")), "posts.0.type", "request"),
    "id": ("mastodon", request(post(entry() | {"id": "p1"})), "posts.0.value.0.id", "replaces"),
    "number": ("mastodon", request(post(entry(12))), "posts.0.value.0.content", "12 is not text"),
    "turned text": (
        "mastodon",
        request(post(entry("abc \u202egnp.exe"))),
        "posts.0.value.0.content",
        "direction",
    ),
    "first delay": (
        "mastodon",
        request(post(entry() | {"delay": 5})),
        "posts.0.value.0.delay",
        "first",
    ),
    "negative delay": (
        "mastodon",
        request(post(entry(), entry() | {"delay": -5})),
        "posts.0.value.1.delay",
        "counts as 0",
    ),
    "half a minute": (
        "mastodon",
        request(post(entry(), entry() | {"delay": 0.5})),
        "posts.0.value.1.delay",
        "whole minutes",
    ),
    "settings as text": (
        "mastodon",
        request(post(settings="x")),
        "posts.0.settings",
        "not an object",
    ),
    "foreign settings": (
        "mastodon",
        request(post(settings={"__type": "x"})),
        "posts.0.settings.__type",
        "the channel is one of mastodon",
    ),
    "unknown setting": (
        "x",
        request(post(settings=REPLY | {"comunity": "x"})),
        "posts.0.settings.comunity",
        "not a setting of X",
    ),
    "boolean as text": (
        "x",
        request(post(settings=REPLY | {"made_with_ai": "False"})),
        "posts.0.settings.made_with_ai",
        "reads as true",
    ),
    "group of mewe": (
        "mewe",
        request(post(settings={"postType": "group"})),
        "posts.0.settings.group",
        "cannot work",
    ),
    "parts": (
        "youtube",
        request(post(entry("a", VIDEO), entry(), settings={"title": "tt", "type": "public"})),
        "posts.0.value.1.content",
        "YouTube does not publish comments",
    ),
    "media of comments": (
        "instagram",
        request(post(entry("a", PICTURE), entry("b", PICTURE), settings={"post_type": "post"})),
        "posts.0.value.1.image",
        "no media in further parts",
    ),
    "media of replies": (
        "facebook",
        request(post(entry("a"), entry("b", PICTURE, PICTURE))),
        "posts.0.value.1.image",
        "only the first medium",
    ),
    "media": ("twitch", request(post(entry("a", PICTURE))), "posts.0.value.0.image", "no media"),
    "five pictures": (
        "x",
        request(post(entry("a", *[PICTURE] * 5), settings=REPLY)),
        "posts.0.value.0.image",
        "X takes 4",
    ),
    "picture and video": (
        "x",
        request(post(entry("a", PICTURE, VIDEO), settings=REPLY)),
        "posts.0.value.0.image",
        "one video or up to 4 pictures",
    ),
    "folder": (
        "mastodon",
        request(post(entry("a", {"id": "1", "path": "/mp4/a.png"}))),
        "posts.0.value.0.image.0.path",
        "for a video",
    ),
    "inbox": (
        "tiktok",
        request(
            post(
                entry("a", VIDEO),
                settings=TIKTOK | {"content_posting_method": "UPLOAD"},
            )
        ),
        "posts.0.settings.content_posting_method",
        "publishes nothing",
    ),
    "preset": (
        "facebook",
        request(post(entry("a" * 131), settings={"text_format_preset_id": "106018623298955"})),
        "posts.0.settings.text_format_preset_id",
        "130",
    ),
    "preset and picture": (
        "facebook",
        request(post(entry("a", PICTURE), settings={"text_format_preset_id": "1"})),
        "posts.0.settings.text_format_preset_id",
        "without media",
    ),
    "video on MeWe": (
        "mewe",
        request(post(entry("a", VIDEO), settings={"postType": "timeline"})),
        "posts.0.value.0.image",
        "no videos",
    ),
    "two pictures on Lemmy": (
        "lemmy",
        request(post(entry("a", PICTURE, PICTURE), settings=LEMMY)),
        "posts.0.value.0.image",
        "only the first picture",
    ),
    "draft": (
        "mastodon",
        request(post(entry("a" * 501)), type="draft"),
        "posts.0.value.0.content",
        "too long",
    ),
    "newer provider": ("myspace", request(), "posts.0.integration.id", "not known"),
}


@pytest.mark.parametrize("name", REGRETTED)
def test_what_is_accepted_and_regretted(name: str) -> None:
    provider, body, where, part = REGRETTED[name]
    found = warnings(provider, body)
    assert [path for path, _ in found] == [where]
    assert part in found[0][1]
    assert errors(provider, body) == []


def test_nothing_is_regretted_in_a_good_request() -> None:
    plain = post(settings=REPLY | {"__type": "x", "client_ref": "abc", "plug-like": {}})
    assert warnings("x", request(plain, type="update", date="2030-01-01T10:00:00.001+02:00")) == []


@pytest.mark.parametrize(
    ("provider", "given", "settings"),
    [
        ("x", entry("a", VIDEO), REPLY),
        ("x", entry("a", *[PICTURE] * 4), REPLY),
        ("mewe", entry("a", PICTURE), {"postType": "timeline"}),
        ("lemmy", entry("a", PICTURE), LEMMY),
        ("facebook", entry("a" * 130), {"text_format_preset_id": "1"}),
        ("facebook", entry("a" * 131, VIDEO), {}),
    ],
)
def test_what_is_just_good_enough_is_not_regretted(
    provider: str, given: object, settings: object
) -> None:
    assert warnings(provider, request(post(given, settings=settings))) == []


@pytest.mark.parametrize("days", [1, 7, 7.0, "7", 36_500])
def test_whole_days_of_a_repeat_are_fine(days: object) -> None:
    assert warnings("mastodon", request(inter=days)) == []


@pytest.mark.parametrize("days", [0, -1, 1.5, "0.5"])
def test_other_repeats_are_regretted(days: object) -> None:
    ((where, message),) = warnings("mastodon", request(inter=days))
    assert (where, message[-26:]) == ("inter", "not a number of whole days")


KINDS: dict[str, tuple[object, object]] = {
    "string": ("a", 1),
    "boolean": (True, "true"),
    "number": (1.5, "1.5"),
    "integer": (2, 2.5),
    "array": (["a"], "a"),
    "object": ({"a": 1}, [1]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_servers_schema_of_an_unknown_network_gives_advice(kind: str) -> None:
    schema = {"properties": {"a": {"type": kind}, "b": {"type": "of another kind"}}}
    good, bad = KINDS[kind]
    assert list(schema_problems("s", {"a": good, "b": 1, "c": 1}, schema)) == []
    (advice,) = schema_problems("s", {"a": bad}, schema)
    assert (advice.where, advice.severity) == ("s.a", "warning")
    assert advice.message == f"is a {kind} in the server's schema"
    assert bool(list(schema_problems("s", {"a": True}, schema))) == (kind != "boolean")
    assert list(schema_problems("s", {"a": None}, schema)) == []


@pytest.mark.parametrize("past", ["error", "warning"])
def test_a_date_in_the_past(past: str) -> None:
    body = request(date="2030-01-01T13:59:59.999+02:00")
    (problem,) = validate(body, channels=[channel("mastodon")], now=NOW, past=past)  # type: ignore[arg-type]
    assert (problem.where, problem.severity) == ("date", past)
    for kind in ("now", "draft", "update"):
        assert validate(body | {"type": kind}, channels=[channel("mastodon")], now=NOW) == []
    before = NOW - timedelta(milliseconds=2)
    assert validate(body, channels=[channel("mastodon")], now=before) == []
    assert validate(body, channels=[channel("mastodon")], now=before.replace(tzinfo=None)) == []


def test_a_disabled_channel() -> None:
    (problem,) = validate(request(), channels=[channel("mastodon", disabled=True)])
    assert (problem.where, problem.severity) == ("posts.0.integration.id", "warning")


def test_a_medium_over_the_limits() -> None:
    known = {PICTURE["path"]: MediaFacts(size=10_485_761), VIDEO["id"]: MediaFacts(size=2**30)}
    found = warnings("mastodon", request(post(entry("a", PICTURE, VIDEO))), media=known)
    assert found == [
        ("posts.0.value.0.image.0.path", "has 10,485,761 bytes; Postiz takes 10,485,760")
    ]


@pytest.mark.parametrize("extension", ["avif", "bmp", "tif", "tiff"])
def test_what_uploads_and_cannot_be_posted(extension: str) -> None:
    body = request(post(entry("a", {"id": "1", "path": f"https://u.example/a.{extension}"})))
    (problem,) = validate(body, channels=[channel("mastodon")])
    assert problem.hint == f"{extension} can be uploaded, but not posted: make it png, jpg or webp"
