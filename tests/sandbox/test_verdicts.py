"""What networks want: each accepts its least, and each rule refuses in the server's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sandbox_calls import create, item, png, request
from sandbox_settings import MEDIA, SETTINGS, SUBREDDIT, media
from work import counted_calls

from postiz_async._sandbox import MemoryServer, Response
from postiz_async.clock import JumpingClock

VERIFIED = '[{"title":"Verified","value":true}]'
NOT_VERIFIED = '[{"title":"Verified","value":false},{"title":"Other","value":true}]'
TOO_LONG = "post is too long, please fix it"


async def post(
    provider: str,
    content: str = "hello",
    *,
    release: str = "HEAD",
    channel: str = "[]",
    prepare: Callable[[MemoryServer], None] | None = None,
    body: dict[str, Any] | None = None,
    **changes: Any,
) -> tuple[Response, MemoryServer]:
    """Create a post with the least settings of the network, and `changes` of the item."""
    async with MemoryServer(clock=JumpingClock(), release=release) as sandbox:
        made = sandbox.add_channel(provider, id="i1", name="Mine")
        sandbox.change_channel(made.id, additional_settings=channel)
        for name in MEDIA.get(provider, ()):
            sandbox.add_remote_file(f"https://cdn.example.com/{name}", b"")
        if prepare is not None:
            prepare(sandbox)
        given: dict[str, Any] = {"settings": SETTINGS.get(provider, {})}
        given |= {"image": media(*MEDIA.get(provider, ()))} | changes
        call = create(item(content, to="i1", **given), **(body or {}))
        return await sandbox.handle(request("POST", "/posts", call)), sandbox


async def verdict(provider: str, content: str = "hello", **changes: Any) -> Any:
    """The message or messages of a refusal, None where the post was stored."""
    response, _ = await post(provider, content, **changes)
    if response.status == 201:
        return None
    assert response.status == 400
    answer = response.json()
    if "provider" in answer:
        assert (answer["provider"], answer["name"]) == (provider, "Mine")
    return answer["message"]


@pytest.mark.parametrize("provider", sorted(SETTINGS.keys() - {"kick"}))
async def test_the_least_is_enough(provider: str) -> None:
    response, sandbox = await post(provider)
    assert response.status == 201, response.json()
    (stored,) = sandbox.posts
    assert stored.settings == {"tags": []} | SETTINGS[provider] | {"__type": provider} or (
        stored.settings == SETTINGS[provider] | {"__type": provider}
    )


REPLIES = "who_can_reply_post must be one of the following values: "
REPLIES += "everyone, following, mentionedUsers, subscribers, verified"
SHORT, SHORT_2 = "must be longer than or equal to 1 characters", "must be longer than or equal to 2"
COMMUNITY = "Invalid X community URL. It should be in the format: "
COMMUNITY += "https://x.com/i/communities/1493446837214187523"
ABSENT, NO_TEXT = "should not be null or undefined", "must be a string"
NO_LIST, NO_URL = "must be an array", "must be a URL address"
NO_NUMBER = "must be a number conforming to the specified constraints"
NO_OBJECT = "must be either object or array"
EXTENSION = "File must have a valid extension: .png, .jpg, .jpeg, .gif, .webp, or .mp4"
VALUE = "subreddit.0.value"

FIELDS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("x", {"who_can_reply_post": "nobody"}, [REPLIES]),
    ("x", {"who_can_reply_post": None}, [REPLIES]),
    ("x", {"made_with_ai": []}, ["made_with_ai must be a boolean value"]),
    ("x", {"article_cover": 1}, [f"nested property article_cover {NO_OBJECT}"]),
    ("x", {"article_cover": {"id": 1, "path": "a"}}, [f"article_cover.{EXTENSION}"]),
    (
        "x",
        {"article_cover": [{"path": "a.png"}]},
        [f"article_cover.0.id {ABSENT}", f"article_cover.0.id {NO_TEXT}"],
    ),
    (
        "x",
        {"community": "https://x.com/i/communities/1/"},
        [COMMUNITY],
    ),
    ("linkedin", {"carousel_name": []}, [f"carousel_name {NO_TEXT}"]),
    ("reddit", {"subreddit": None}, ["subreddit must contain at least 1 elements",
        f"each value in nested property subreddit {NO_OBJECT}"]),
    ("reddit", {"subreddit": ["x"]},
        [f"subreddit.each value in nested property subreddit {NO_OBJECT}"]),
    ("reddit", {"subreddit": [{"value": None}]},
        [f"{VALUE} {ABSENT}", f"subreddit.0.nested property value {NO_OBJECT}"]),
    ("reddit", {"subreddit": [{"value": SUBREDDIT | {"title": None}}]},
        [f"{VALUE}.title {each}" for each in (ABSENT, f"{SHORT_2} characters", NO_TEXT)]),
    ("reddit", {"subreddit": [{"value": SUBREDDIT | {"type": "link", "url": "example.com"}}]},
        [f"{VALUE}.Invalid URL"]),
    ("reddit", {"subreddit": [{"value": SUBREDDIT | {"is_flair_required": "no"}}]},
        [f"{VALUE}.flair {ABSENT}"]),
    ("instagram", {"audio": {"id": "1", "video_volume": "loud"}},
        [f"audio.video_volume {each}" for each in
            ("must not be greater than 100", "must not be less than 0", NO_NUMBER)]),
    ("instagram", {"audio": {"id": "1", "audio_volume": -1}},
        ["audio.audio_volume must not be less than 0"]),
    ("instagram", {"collaborators": [{}]},
        [f"collaborators.0.label {ABSENT}", f"collaborators.0.label {NO_TEXT}"]),
    ("youtube", {"title": "t" * 101}, ["title must be shorter than or equal to 100 characters"]),
    ("youtube", {"tags": [{"value": "v", "label": "a " + "b" * 497}]},
        ["The maximum allowed is 500 characters in total for all tags."]),
    ("youtube", {"tags": [{"value": "v"}]}, [f"tags.0.label {NO_TEXT}"]),
    ("gmb", {"callToActionType": "CALL", "callToActionUrl": ""}, [f"callToActionUrl {NO_URL}"]),
    ("tiktok", {"duet": None}, ["duet must be a boolean value"]),
    ("pinterest", {"board": ""}, ["Board is required"]),
    ("discord", {"channel": ""}, [f"channel {SHORT}"]),
    ("discord", {"channel": None}, [f"channel {ABSENT}", f"channel {NO_TEXT}", f"channel {SHORT}"]),
    ("wrapcast", {"subreddit": None}, [f"each value in nested property subreddit {NO_OBJECT}"]),
    ("wrapcast", {"subreddit": [{"value": {}}]}, [f"{VALUE}.id {NO_TEXT}"]),
    ("medium", {"canonical": "example.com"}, ["Invalid URL"]),
    ("devto", {"tags": [{"value": "javascript", "label": "j"}]}, [f"tags.0.value {NO_NUMBER}"]),
    ("devto", {"tags": [{"value": "x", "label": "j"}] * 5},
        [*(f"tags.{each}.value {NO_NUMBER}" for each in range(5)),
            "tags must contain no more than 4 elements"]),
    ("wordpress", {"categories": ["1"]}, [f"each value in categories {NO_NUMBER}"]),
    ("wordpress", {"tags": 1}, [f"tags {NO_LIST}"]),
    ("mewe", {"postType": "group", "group": ""}, [f"group {SHORT}"]),
    ("tumblr", {"title": "", "link": "example.com"}, [f"title {SHORT}", "Invalid URL"]),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "changes", "messages"), FIELDS)
async def test_a_field_is_refused(
    provider: str, changes: dict[str, Any], messages: list[str]
) -> None:
    settings = SETTINGS[provider] | changes
    expected = [f"posts.0.settings.{message}" for message in messages]
    assert await verdict(provider, settings=settings) == expected
    assert await verdict(provider, settings=settings, body={"type": "draft"}) == expected


ACCEPTED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("slack", {"channel": 123}, {"channel": "123"}),
    ("linkedin", {"carousel_name": True}, {"carousel_name": "true"}),
    ("linkedin", {"post_as_images_carousel": ""}, {"post_as_images_carousel": False}),
    ("devto", {"tags": [{"value": "6", "label": 7}]}, {"tags": [{"value": 6, "label": "7"}]}),
    ("devto", {"main_image": {"id": 1, "path": "a.png"}},
        {"main_image": {"id": "1", "path": "a.png"}}),
    ("x", {"unknown": [1, {"a": None}]}, {"unknown": [1, {"a": None}]}),
    ("x", {"who_can_reply_post": "verified", "post_type": None}, {"post_type": None}),
    ("facebook", {"url": ""}, {"url": ""}),
    ("medium", {"canonical": "(post:abc)"}, {"canonical": "(post:abc)"}),
    ("mewe", {"postType": "timeline", "group": ""}, {"group": ""}),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "changes", "stored"), ACCEPTED)
async def test_a_field_is_stored_in_its_type(
    provider: str, changes: dict[str, Any], stored: dict[str, Any]
) -> None:
    response, sandbox = await post(provider, settings=SETTINGS[provider] | changes)
    assert response.status == 201, response.json()
    settings = sandbox.posts[0].settings
    assert {key: settings[key] for key in stored} == stored


ARTICLE = {"post_type": "article", "article_title": "t", "article_status": "draft"}
CAROUSEL = "Carousel can only be created with 2 or more images and no videos."
AUDIO = {"audio": {"id": "1"}}
PICTURES_ONLY = "Only pictures are supported when selecting multiple items"

RULES: list[tuple[str, dict[str, Any], list[list[str]], str | None]] = [
    ("x", ARTICLE | {"article_status": "published"}, [["a.png"], ["V.MP4.png"]],
        "X articles only support images"),
    ("x", ARTICLE, [[], []],
        "A draft article cannot have thread replies, remove them or publish the article"),
    ("x", ARTICLE | {"article_status": "published"}, [[], []], None),
    ("x", {}, [["a.png"] * 5], None),
    ("linkedin", {"post_as_images_carousel": True}, [["a.png"]], CAROUSEL),
    ("linkedin-page", {"post_as_images_carousel": True}, [["a.png", "v.mp4"]], CAROUSEL),
    ("linkedin", {}, [["a.png", "v.mp4"]], "Can have maximum 1 media when selecting a video."),
    ("linkedin", {}, [["a.png"], ["b.png"]], "Comments can only contain text."),
    ("reddit", {"subreddit": [{"value": SUBREDDIT | {"type": "media"}}]}, [[]],
        "When posting a media post, you must attached exactly one media file."),
    ("reddit", {}, [[], ["v.mp4"]], "You must attach a thumbnail to your video post."),
    ("reddit", {}, [["+v.mp4"]], None),
    ("instagram", {}, [[]], "Should have at least one media"),
    ("instagram", {}, [["a.png"] * 11],
        "Instagram carousel only supports up to 10 media attachments"),
    ("instagram", {"is_trial_reel": "yes"}, [["v.mp4"] * 2],
        "Trial Reels can only have one video"),
    ("instagram", {"is_trial_reel": True}, [["a.png"]], "Trial Reels must be a video"),
    ("instagram", AUDIO | {"post_type": "story"}, [["v.mp4"]],
        "Audio can only be added to Reels, not to Stories"),
    ("instagram", AUDIO, [["v.mp4"] * 2], "Audio can only be added to a single video Reel"),
    ("instagram", AUDIO, [["a.png"]], "Audio can only be added to a video Reel"),
    ("instagram-standalone", {}, [[]], "Should have at least one media"),
    ("instagram-standalone", {}, [["a.png"] * 11], None),
    ("facebook", {"post_type": "story"}, [[]], "Story should have at least one media"),
    ("youtube", {}, [["v.mp4"] * 2], "You need one media"),
    ("youtube", {}, [["a.png"]], "Item must be a video"),
    ("gmb", {}, [["a.png"] * 2], "Google My Business posts can only have one image"),
    ("gmb", {}, [["v.mp4"]], "Google My Business posts do not support video attachments"),
    ("gmb", {"topicType": "EVENT"}, [[]], "Event posts require an event title"),
    ("tiktok", {}, [[]], "No video / images selected"),
    ("tiktok", {}, [["a.png", "v.mp4"]], PICTURES_ONLY),
    ("tiktok", {}, [["a.png"] * 36], None),
    ("tiktok-business", {}, [["a.png"] * 36], "You can select up to 35 pictures"),
    ("pinterest", {}, [[]], "Requires at least one media"),
    ("pinterest", {}, [["a.png"] * 6], "You can only have up to 5 media items"),
    ("pinterest", {}, [["v.mp4"]],
        "If posting a video you have to also include a cover image as second media"),
    ("pinterest", {}, [["v.mp4", "a.png", "b.png"]],
        "If posting a video you can only have two media items"),
    ("pinterest", {}, [["v.mp4", "a.png"]], None),
    ("dribbble", {}, [["a.png", "b.png"]], "Requires one item"),
    ("dribbble", {}, [["v.mp4"]], "Does not support mp4 files"),
    ("bluesky", {}, [[], ["a.png", "v.mp4"]], "You can only upload one video per post."),
    ("bluesky", {}, [["a.png"] * 5], "There can be maximum 4 pictures in a post."),
    ("lemmy", {}, [["a.webp"]], "You can set only one picture for a cover"),
    ("lemmy", {}, [["a.png", "v.mp4"]], None),
    ("wrapcast", {}, [[], ["v.mp4"]], "Can only accept images"),
    ("tumblr", {}, [["a.png"] * 31], "Tumblr supports up to 30 images in one post."),
    ("tumblr", {}, [["v.mp4"] * 2], "Tumblr supports one uploaded video in one post."),
    ("mastodon", {}, [["mp4/a.png"] * 9], None),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "changes", "files", "message"), RULES)
async def test_a_rule_on_media(
    provider: str, changes: dict[str, Any], files: list[list[str]], message: str | None
) -> None:
    value = [{"content": "hello", "image": media(*names)} for names in files]
    settings = SETTINGS[provider] | changes
    assert await verdict(provider, settings=settings, value=value) == message
    draft = await verdict(provider, settings=settings, value=value, body={"type": "draft"})
    assert draft is None
    assert await verdict(provider, settings=settings, value=value, release="v2.20.0") is None


@pytest.mark.parametrize(
    ("provider", "sizes", "message"),
    [
        ("pinterest", [(1, 2), (1, 2)], None),
        ("pinterest", [(1, 2), (2, 1)], "Requires all images to have the same width and height"),
        ("dribbble", [(800, 600)], None),
        (
            "dribbble",
            [(1600, 1200)],
            "Invalid image size. Requires 400x300 or 800x600 px images.",
        ),
    ],
)
async def test_pictures_are_measured(
    provider: str, sizes: list[tuple[int, int]], message: str | None
) -> None:
    names = [f"{number}.png" for number in range(len(sizes))]

    def put(sandbox: MemoryServer) -> None:
        for name, size in zip(names, sizes, strict=True):
            sandbox.add_remote_file(f"https://cdn.example.com/{name}", png(*size))

    assert await verdict(provider, image=media(*names), prepare=put) == message


LENGTHS: list[tuple[str, str, str | None]] = [
    ("mastodon", "a" * 500, None),
    ("mastodon", "a" * 501, TOO_LONG),
    ("mastodon", "&" * 101, TOO_LONG),
    ("mastodon", f"<p>{'&amp;' * 500}</p>", None),
    ("mastodon", "\U0001f600" * 251, TOO_LONG),
    ("x", "a" * 280, None),
    ("x", "\u65e5" * 141, TOO_LONG),
    ("x", "https://example.com/" + "a" * 300, TOO_LONG),
    ("x", "\u65e5" * 128 + " bit.ly", None),
    ("x", "\u65e5" * 129 + " bit.ly", TOO_LONG),
    ("bluesky", f"<strong>{'a' * 290}</strong>", TOO_LONG),
]


@pytest.mark.parametrize(("provider", "content", "message"), LENGTHS)
async def test_length(provider: str, content: str, message: str | None) -> None:
    assert await verdict(provider, content) == message
    assert await verdict(provider, content, body={"type": "draft"}) is None
    thread = [{"content": text, "image": []} for text in ("hello", content)]
    assert await verdict(provider, value=thread) == message


@pytest.mark.parametrize(
    ("channel", "settings", "limit"),
    [
        ("[]", {}, 280),
        (NOT_VERIFIED, {}, 280),
        (VERIFIED, {}, 4000),
        ("[]", {"post_type": "article", "article_title": "t", "article_status": "draft"}, 95_000),
    ],
)
async def test_limits_of_x(channel: str, settings: dict[str, Any], limit: int) -> None:
    settings = SETTINGS["x"] | settings
    assert await verdict("x", "a" * limit, channel=channel, settings=settings) is None
    if limit < 95_000:  # the body of a request cannot hold more
        found = await verdict("x", "a" * (limit + 1), channel=channel, settings=settings)
        assert found == TOO_LONG


async def test_kick_takes_drafts_only() -> None:
    assert await verdict("kick") == "an unknown value was passed to the validate function"
    assert await verdict("kick", body={"type": "draft"}) is None
    assert await verdict("kick", release="v2.20.0") is None


async def test_an_item_that_calls_itself_a_draft_skips_the_fields_only() -> None:
    assert await verdict("x", settings={}, type="draft", body={"type": "draft"}) is None
    assert await verdict("x", settings={}, type="draft") == REPLIES
    nested = {"subreddit": [{}]}
    found = await verdict("reddit", settings=nested, type="draft")
    assert found == "Please fix your settings"


async def test_all_posts_are_judged_before_one_is_stored() -> None:
    async with MemoryServer(clock=JumpingClock()) as sandbox:
        good = item(to=sandbox.add_channel("mastodon").id)
        bad = item("a" * 301, to=sandbox.add_channel("bluesky", name="Sky").id)
        response = await sandbox.handle(request("POST", "/posts", create(good, bad, good)))
        assert response.json() == {
            "statusCode": 400,
            "provider": "bluesky",
            "name": "Sky",
            "message": TOO_LONG,
        }
        assert sandbox.posts == ()


@pytest.mark.parametrize(
    ("content", "images", "settings", "message"),
    [
        ("hello", [], {"who_can_reply_post": "nobody"}, REPLIES),
        ("a" * 281, [], {"made_with_ai": True}, "The maximum characters is 280"),
        ("a", ["v.mp4"], ARTICLE, "X articles only support images"),
        ("hello", [], {"who_can_reply_post": "following"}, None),
    ],
)
async def test_changing_settings_judges_the_whole_post(
    content: str, images: list[str], settings: dict[str, Any], message: str | None
) -> None:
    async with MemoryServer(clock=JumpingClock()) as sandbox:
        channel = sandbox.add_channel("x", name="Mine")
        new = item(content, to=channel.id, image=media(*images), settings=SETTINGS["x"])
        for kind, state in (("draft", "DRAFT"), ("schedule", "QUEUE")):
            await sandbox.handle(request("POST", "/posts", create(new, type="draft")))
            stored = sandbox.posts[-1]
            sandbox.change_post(stored.id, state=state)
            path = f"/posts/{stored.id}/settings"
            response = await sandbox.handle(request("PUT", path, {"settings": settings}))
            if kind == "draft" or message is None:
                assert response.status == 200
            else:
                assert response.json()["message"] == f"Mine: {message}"


async def test_an_emptied_post_cannot_be_changed() -> None:
    async with MemoryServer(clock=JumpingClock()) as sandbox:
        channel = sandbox.add_channel("vk", name="Mine")
        await sandbox.handle(request("POST", "/posts", create(item(to=channel.id), type="draft")))
        sandbox.change_post(sandbox.posts[0].id, content=" ")
        path = f"/posts/{sandbox.posts[0].id}/settings"
        response = await sandbox.handle(request("PUT", path, {"settings": {}}))
        assert response.json()["message"] == (
            "Mine: Your post should have at least one character or one image."
        )


async def describe(provider: str, release: str = "HEAD", channel: str = "[]") -> dict[str, Any]:
    async with MemoryServer(clock=JumpingClock(), release=release) as sandbox:
        made = sandbox.add_channel(provider)
        sandbox.change_channel(made.id, additional_settings=channel)
        response = await sandbox.handle(request("GET", f"/integration-settings/{made.id}"))
        output: dict[str, Any] = response.json()["output"]
        return output


async def test_what_a_network_tells_about_its_settings() -> None:
    pinterest = await describe("pinterest")
    assert pinterest["settings"]["required"] == ["board"]
    assert pinterest["settings"]["properties"]["link"] == {"format": "url", "type": "string"}
    assert [tool["methodName"] for tool in pinterest["tools"]] == ["boards"]
    devto = (await describe("devto"))["settings"]["properties"]["tags"]
    assert devto["items"]["properties"]["value"] == {"type": "number"}
    assert (devto["type"], devto["maxItems"]) == ("array", 4)
    assert (await describe("moltbook"))["settings"] == "No additional settings required"
    assert (await describe("x", channel=VERIFIED))["maxLength"] == 4000
    assert "article_title" not in (await describe("x", "v2.23.0"))["settings"]["properties"]
    skool = {tool["methodName"]: tool["dataSchema"] for tool in (await describe("skool"))["tools"]}
    assert skool == {"groups": [], "label": []}


@pytest.mark.parametrize(
    ("name", "status"), [("title", 400), ("main_image", 201), ("tags", 201), ("unknown", 201)]
)
async def test_deep_lists_are_no_danger(name: str, status: int) -> None:
    """What is in a list is looked at, and here nothing is."""
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    response, sandbox = await post("devto", settings={"title": "tt"} | {name: deep})
    assert response.status == status, response.body
    assert [post.settings[name] for post in sandbox.posts] == [deep] * (status == 201)


async def test_a_verdict_is_little_work() -> None:
    async with MemoryServer(clock=JumpingClock(), limit=1000, work_per_post=0.0) as sandbox:
        channel = sandbox.add_channel("x")
        new = item("word " * 50, to=channel.id, settings=SETTINGS["x"])
        await sandbox.handle(request("POST", "/posts", create(new)))  # caches
        for posts in (1, 100):
            call = request("POST", "/posts", create(*[new] * posts))
            with counted_calls() as calls:
                assert (await sandbox.handle(call)).status == 201
            assert calls.count < 1_000 + 2_000 * posts
