"""What the server refuses, stage by stage; holds without the contract."""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from validation_lab import PICTURE, TIKTOK, VIDEO, channel, entry, errors, post, request, size

from postiz_async._resources.create_body import build_body, build_item
from postiz_async._validation import MediaFacts, validate
from postiz_async._validation.messages import server_message
from postiz_async.models.posts import NewPost

REPLIERS = (
    "must be one of the following values: everyone, following, mentionedUsers, subscribers, "
    "verified"
)
NO_OBJECT = "must be either object or array"
EXTENSIONS = "File must have a valid extension: .png, .jpg, .jpeg, .gif, .webp, or .mp4"

SAID: list[tuple[object, list[str]]] = [
    # the channels
    ([], ["All posts must have an integration id"]),
    (request() | {"posts": None}, ["All posts must have an integration id"]),
    (request() | {"posts": {"0": post()}}, ["Internal server error"]),
    (request({}), ["All posts must have an integration id"]),
    (request(post(integration={"id": "i9"})), ["Integration with id i9 not found"]),
    # the body
    (request() | {"posts": []}, ["posts must contain at least 1 elements"]),
    (
        request(shortLink=None, date="x", tags=None),
        [
            "shortLink should not be null or undefined",
            "shortLink must be a boolean value",
            "date must be a valid ISO 8601 date string",
            "tags should not be null or undefined",
            "tags must be an array",
            "each value in nested property tags must be either object or array",
        ],
    ),
    (
        request(tags=["a"]),
        ["tags.each value in nested property tags must be either object or array"],
    ),
    (request(tags={}), []),  # of which the server makes a list
    (request(tags={"value": "a", "label": "b"}), []),
    (
        request(inter="x", republish=[True]),
        [
            "inter must be a number conforming to the specified constraints",
            "republish must be a boolean value",
        ],
    ),
    (
        request(post() | {"value": "x"}),
        [
            "posts.0.value must be an array",
            "posts.0.value must contain at least 1 elements",
            "posts.0.each value in nested property value must be either object or array",
        ],
    ),
    (
        request(post({"image": []})),
        [
            "posts.0.value.0.content should not be null or undefined",
            "posts.0.value.0. If images do not exist, content must be a non-empty string.",
            "posts.0.value.0.content must be a string",
        ],
    ),
    (
        request(post(entry(" \u3000<b> </b>"), entry("\u200b"), entry("&nbsp;"))),
        ["posts.0.value.0. If images do not exist, content must be a non-empty string."],
    ),
    (request(post({"content": "x"})), ["posts.0.value.0.image must be an array"]),
    (
        request(post(entry("x", {"id": 1, "path": "a.PNG", "thumbnail": "x"}))),
        [
            f"posts.0.value.0.image.0.{EXTENSIONS}",
            "posts.0.value.0.image.0.thumbnail must be a URL address",
        ],
    ),
    (
        request(post(entry() | {"delay": "soon", "id": [1]}, group=["g"])),
        [
            "posts.0.value.0.id must be a string",
            "posts.0.value.0.delay must be a number conforming to the specified constraints",
            "posts.0.group must be a string",
        ],
    ),
    # what stands for an object
    (
        request(tags=[None, {}, [["a"]]]),
        [
            "tags.each value in nested property tags must be either object or array",
            "tags.2.0.each value in nested property tags must be either object or array",
        ],
    ),
    (
        request(post(value={"image": {}})),
        [
            "posts.0.value.content should not be null or undefined",
            "posts.0.value. If images do not exist, content must be a non-empty string.",
            "posts.0.value.content must be a string",
            "posts.0.value.image.id should not be null or undefined",
            "posts.0.value.image.id must be a string",
            "posts.0.value.image.path should not be null or undefined",
            f"posts.0.value.image.{EXTENSIONS}",
            "posts.0.value.image.path must be a string",
            "posts.0.value.image must be an array",
            "posts.0.value must be an array",
            "posts.0.value must contain at least 1 elements",
        ],
    ),
    # what makes it fail
    (request(post(integration={"id": 1})), ["Internal server error"]),
    (request(post(entry("x", [PICTURE]))), ["Internal server error"]),
    (request(date="2030-W05"), ["Internal server error"]),
    (request(date="20300301T100000Z"), ["Internal server error"]),
    (request(post(entry("a\0b"))), ["Internal server error"]),
    (request(post([entry()])), ["Internal server error"]),
    # its length
    (request(post(entry("a" * 501))), ["post is too long, please fix it"]),
    (request(post(entry("&" * 101))), ["post is too long, please fix it"]),
    (request(post(entry("a"), entry("\U0001f600" * 251))), ["post is too long, please fix it"]),
    (request(post(entry("<p>" + "&" * 500 + "</p>"))), []),
]


@pytest.mark.parametrize(("body", "said"), SAID)
def test_what_the_server_says(body: object, said: list[str]) -> None:
    assert errors("mastodon", body) == said


REDDIT: dict[str, object] = {"subreddit": "/r/x", "title": "tt", "type": "media"}
FLAIRED = {"subreddit": [{"value": REDDIT | {"is_flair_required": False}}]}
ARTICLE = {"post_type": "article", "article_title": "t", "article_status": "draft"}
REEL = {"post_type": "post", "is_trial_reel": True}

BROKEN: dict[str, tuple[str, object, list[list[object]], str]] = {
    "min_media": ("instagram", {"post_type": "post"}, [[]], "Should have at least one media"),
    "max_media": ("bluesky", {}, [[], [PICTURE] * 5], "There can be maximum 4 pictures in a post."),
    "exact_media": (
        "reddit",
        FLAIRED,
        [[]],
        "When posting a media post, you must attached exactly one media file.",
    ),
    "only_images": ("wrapcast", {}, [[], [VIDEO]], "Can only accept images"),
    "only_video": (
        "youtube",
        {"title": "tt", "type": "public"},
        [[PICTURE]],
        "Item must be a video",
    ),
    "required_video": ("instagram", REEL, [[PICTURE]], "Trial Reels must be a video"),
    "video_alone": (
        "tiktok",
        TIKTOK,
        [[VIDEO, PICTURE]],
        "Only pictures are supported when selecting multiple items",
    ),
    "max_images": ("tumblr", {}, [[PICTURE] * 31], "Tumblr supports up to 30 images in one post."),
    "max_videos": ("tumblr", {}, [[VIDEO] * 2], "Tumblr supports one uploaded video in one post."),
    "video_needs_cover": (
        "pinterest",
        {"board": "b"},
        [[VIDEO]],
        "If posting a video you have to also include a cover image as second media",
    ),
    "first_media_path_contains": (
        "lemmy",
        {"subreddit": [{"value": {"subreddit": "rust", "id": 1, "title": "tt"}}]},
        [[{"id": "1", "path": "https://u.example/a.jpeg"}]],
        "You can set only one picture for a cover",
    ),
    "required_thumbnail": (
        "reddit",
        FLAIRED,
        [[VIDEO]],
        "You must attach a thumbnail to your video post.",
    ),
    "no_media_in_comments": ("linkedin", {}, [[], [PICTURE]], "Comments can only contain text."),
    "no_comments": (
        "x",
        ARTICLE,
        [[], []],
        "A draft article cannot have thread replies, remove them or publish the article",
    ),
    "requires_setting": ("gmb", {"topicType": "EVENT"}, [[]], "Event posts require an event title"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_each_rule_about_media(kind: str) -> None:
    provider, settings, media, said = BROKEN[kind]
    entries = [entry("x", *each) for each in media]
    assert errors(provider, request(post(*entries, settings=settings))) == [said]
    draft = request(post(*entries, settings=settings), type="draft")
    assert errors(provider, draft) == []


def test_pixels_are_compared_when_they_are_known() -> None:
    (wide, wide_facts), (tall, tall_facts) = size(200, 100), size(100, 200)
    body = request(post(entry("x", wide, tall), settings={"board": "b"}))
    known = {wide["path"]: wide_facts, tall["id"]: tall_facts}
    said = ["Requires all images to have the same width and height"]
    assert errors("pinterest", body, media=known) == said
    assert errors("pinterest", body) == []
    body = request(post(entry("x", wide), settings={"title": "t"}))
    said = ["Invalid image size. Requires 400x300 or 800x600 px images."]
    assert errors("dribbble", body, media=known) == said
    fits = {wide["path"]: MediaFacts(width=800, height=600)}
    assert errors("dribbble", body, media=fits) == []


SETTINGS: list[tuple[str, object, list[str]]] = [
    (
        "x",
        {},
        [f"who_can_reply_post {REPLIERS}"],
    ),
    (
        "x",
        {"who_can_reply_post": "everyone", "community": "https://x.com/i/communities/1\n"},
        [
            "Invalid X community URL. It should be in the format: https://x.com/i/communities/1493446837214187523"
        ],
    ),
    ("pinterest", {}, ["Board is required"] * 3),
    (
        "discord",
        {},
        [
            "channel should not be null or undefined",
            "channel must be a string",
            "channel must be longer than or equal to 1 characters",
        ],
    ),
    (
        "instagram",
        {"post_type": "post", "audio": {"id": "1", "audio_volume": 101}},
        ["audio.audio_volume must not be greater than 100"],
    ),
    (
        "instagram",
        {"post_type": "post", "audio": {"id": "1", "audio_volume": -1}},
        ["audio.audio_volume must not be less than 0"],
    ),
    (
        "instagram",
        {"post_type": "post", "collaborators": ["a", {}]},
        [
            f"collaborators.each value in nested property collaborators {NO_OBJECT}",
            "collaborators.1.label should not be null or undefined",
            "collaborators.1.label must be a string",
        ],
    ),
    (
        "dribbble",
        {},
        ["title should not be null or undefined", "Title is required", "title must be a string"],
    ),
    ("dribbble", {"title": ""}, ["Title is required"]),
    # a list with an object, where a text without a test for texts belongs
    (
        "dribbble",
        {"title": "tt", "team": [{}]},
        ["team must be a URL address", "team must be a string"],
    ),
    ("dribbble", {"title": "tt", "team": ["x"]}, ["team must be a URL address"]),
    ("tumblr", {"sourceUrl": [{}]}, ["Invalid URL", "sourceUrl must be a string"]),
    ("tumblr", {"link": [1, {}]}, ["Invalid URL", "link must be a string"]),
    (
        "devto",
        {"title": "tt", "canonical": [{}], "tags": []},
        ["Invalid URL", "canonical must be a string"],
    ),
    ("pinterest", {"board": ""}, ["Board is required"]),
    (
        "medium",
        {"title": "tt", "subtitle": "ss", "tags": [{"value": "a", "label": "a"}] * 5},
        ["tags must contain no more than 4 elements"],
    ),
    (
        "youtube",
        {"title": "tt", "type": "public", "tags": [{"value": "a", "label": "a " + "b" * 497}]},
        ["The maximum allowed is 500 characters in total for all tags."],
    ),
    (
        "wordpress",
        {"title": "tt", "type": "posts", "tags": ["1"]},
        ["each value in tags must be a number conforming to the specified constraints"],
    ),
    (
        "lemmy",
        {"subreddit": [{"value": {"subreddit": "r", "id": {}, "title": "tt", "url": "x"}}]},
        [
            "subreddit.0.value.subreddit must be longer than or equal to 2 characters",
            "subreddit.0.value.url must be a URL address",
        ],
    ),
    (
        "reddit",
        {
            "subreddit": [
                {
                    "value": {
                        "subreddit": "/r/x",
                        "title": "tt",
                        "type": "link",
                        "url": "http://localhost/",
                        "is_flair_required": 0,
                    }
                }
            ]
        },
        ["subreddit.0.value.Invalid URL", "subreddit.0.value.url must be a URL address"],
    ),
]


@pytest.mark.parametrize(("provider", "settings", "said"), SETTINGS)
def test_each_constraint_of_settings(provider: str, settings: object, said: list[str]) -> None:
    body = request(post(entry("hello", VIDEO), settings=settings))
    found = [each for each in errors(provider, body) if each.startswith("posts.")]
    assert found == [f"posts.0.settings.{each}" for each in said]


def test_a_flag_is_anything_but_a_list() -> None:
    """The server makes true or false of all else."""
    for given in (True, False, "no", 0, {}):
        flagged = {"who_can_reply_post": "everyone", "made_with_ai": given}
        assert errors("x", request(post(settings=flagged))) == []
    listed = {"who_can_reply_post": "everyone", "made_with_ai": [True]}
    assert errors("x", request(post(settings=listed))) == [
        "posts.0.settings.made_with_ai must be a boolean value"
    ]


def test_values_are_converted_before_they_are_tested() -> None:
    numbers: dict[str, object] = {"title": 12, "tags": [{"value": "6", "label": 7}]}
    assert errors("devto", request(post(settings=numbers))) == []
    words: dict[str, object] = {"title": "tt", "tags": [{"value": "javascript", "label": "a"}]}
    assert errors("devto", request(post(settings=words))) == [
        "posts.0.settings.tags.0.value must be a number conforming to the specified constraints"
    ]
    assert (
        errors("tiktok", request(post(entry("x", VIDEO), settings=TIKTOK | {"duet": "no"}))) == []
    )


def test_settings_that_a_post_skips_are_tested_later() -> None:
    skipping = post(type="draft")
    assert errors("x", request(skipping)) == [f"who_can_reply_post {REPLIERS}"]
    assert errors("x", request(skipping, type="draft")) == []
    nested = post(entry("x", PICTURE), settings={"subreddit": [{}]}, type="draft")
    assert errors("reddit", request(nested)) == ["Please fix your settings"]


def test_a_provider_that_takes_only_drafts() -> None:
    assert errors("kick", request()) == ["an unknown value was passed to the validate function"]
    assert errors("kick", request(type="draft")) == []


@pytest.mark.parametrize(
    ("length", "settings", "max_lengths", "fits"),
    [
        (280, {}, None, True),
        (281, {}, None, False),
        (281, {}, {"i1": 4000}, True),
        (4001, {}, {"i1": 4000}, False),
        (4001, ARTICLE, {"i1": 280}, True),
    ],
)
def test_how_much_x_takes(length: int, settings: Any, max_lengths: Any, fits: bool) -> None:  # noqa: FBT001
    body = request(
        post(entry("a" * length), settings={"who_can_reply_post": "everyone"} | settings)
    )
    assert (errors("x", body, max_lengths=max_lengths) == []) is fits


def test_a_provider_of_a_newer_server_is_held_to_what_it_tells() -> None:
    assert errors("myspace", request(post(entry("a" * 200)), date="2030-01-01")) == []
    long = request(post(entry("a" * 200)))
    assert errors("myspace", long, max_lengths={"i1": 100}) == ["post is too long, please fix it"]


def test_every_post_of_a_request_gets_its_own_problems() -> None:
    other = post(entry("b" * 501)) | {"integration": {"id": "i2"}}
    body = request(post(entry("a" * 501)), other, post(entry("")))
    channels = [channel("mastodon"), channel("threads", "i2")]
    found = validate(body, channels=channels)
    assert [each.where for each in found] == [
        "posts.2.value.0.content",
        "posts.0.value.0.content",
        "posts.1.value.0.content",
    ]


def test_each_list_among_the_media_of_a_part_is_told_by_its_own_place() -> None:
    body = request(post(entry("hello", [], PICTURE, [])))
    found = validate(body, channels=[channel("mastodon")])
    places = [each.where for each in found if each.stage == "failure"]
    assert places == ["posts.0.value.0.image.0", "posts.0.value.0.image.2"]


def test_a_problem_says_what_was_given_and_what_to_do() -> None:
    (problem,) = validate(
        request(post(entry("a" * 281), settings={"who_can_reply_post": "everyone"})),
        channels=[channel("x")],
    )
    assert str(problem) == (
        "posts.0.value.0.content: post is too long, please fix it (281 of 280 characters on X, "
        "as the server counts; a verified account may have 4,000: give its max_lengths)"
    )
    (problem,) = validate(
        request(post(settings={"who_can_reply_post": "folowing"})), channels=[channel("x")]
    )
    assert problem.where == "posts.0.settings.who_can_reply_post"
    assert problem.hint == "'folowing' was given; did you mean 'following'?"


def test_a_request_is_any_mapping() -> None:
    body = MappingProxyType(request(post()))
    assert validate(body, channels=[channel("mastodon")]) == []


@pytest.mark.parametrize("raw", [b"{", b"1" * 5000])
def test_raw_json_that_is_invalid_is_a_problem(raw: bytes) -> None:
    body = request(post()) | {"date": msgspec.Raw(raw)}
    (problem,) = validate(body, channels=[channel("x")])
    assert problem.message.startswith("cannot be written as JSON: ")


def test_a_typed_request_is_validated_as_it_is_sent() -> None:
    known = channel("x")
    item = build_item(NewPost(known, "a" * 300, settings={"who_can_reply_post": "all"}), known)
    body = build_body("schedule", datetime(2030, 1, 1, tzinfo=UTC), [item])
    assert [server_message(each) for each in validate(body, channels={"i1": known})] == [
        f"posts.0.settings.who_can_reply_post {REPLIERS}"
    ]
