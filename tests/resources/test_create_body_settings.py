"""What becomes of the settings of a new post in a create request."""

from __future__ import annotations

from typing import Any

import pytest

from postiz_async import InvalidPostError, NewPost, providers
from postiz_async._resources.create_body import build_item, wrong_with
from postiz_async.models.channels import Channel
from postiz_async.models.media import Media
from postiz_async.providers import PROVIDERS, RawSettings
from postiz_async.providers._registry import read_settings
from postiz_async.providers._schema import SettingsField, fields_of
from postiz_async.testing import Sandbox


def channel(provider: str) -> Channel:
    return Channel(id="c", name="Brewers", provider=provider)


def sent(provider: str, settings: object = None, **extra: str) -> dict[str, object]:
    post = NewPost("c", "text", settings=settings)  # type: ignore[arg-type]
    return dict(build_item(post, channel(provider), extra_settings=extra.items()).settings)


def problem(provider: str, settings: object) -> str | None:
    post = NewPost("c", "text", settings=settings)  # type: ignore[arg-type]
    found = wrong_with(post, channel(provider), 3)
    return None if found is None else str(found)


def test_none_sends_the_defaults_of_the_provider() -> None:
    assert sent("x") == {"__type": "x", "who_can_reply_post": "everyone"}
    assert sent("mastodon") == {"__type": "mastodon"}
    assert sent("unheard-of") == {"__type": "unheard-of"}


def test_none_sends_what_is_neutral_where_something_has_to_be_said() -> None:
    assert sent("youtube") == {"__type": "youtube", "type": "public"}


def test_a_struct_is_sent_with_its_values_and_those_of_the_library() -> None:
    settings = providers.X(who_can_reply_post="following", made_with_ai=True)
    assert sent("x", settings, client_ref="r") == {
        "__type": "x",
        "who_can_reply_post": "following",
        "made_with_ai": True,
        "client_ref": "r",
    }


def test_a_mapping_is_sent_under_the_channels_type() -> None:
    sent_to_all = {"__type": "x", "who_can_reply_post": "everyone"}
    assert sent("x", {"a": 1, "__type": "y"}) == {"a": 1, **sent_to_all}
    assert sent("x", {}) == sent_to_all
    assert sent("x", {"who_can_reply_post": None})["who_can_reply_post"] is None


def test_a_mapping_need_not_say_what_has_a_neutral_value() -> None:
    item = build_item(NewPost("c", "Hello", settings={"duet": True}), channel("tiktok"))
    assert item.settings["duet"] is True
    assert item.settings["stitch"] is False
    assert item.settings["privacy_level"] == "PUBLIC_TO_EVERYONE"


def test_raw_settings_are_sent_as_they_are() -> None:
    assert sent("new", RawSettings("new", {"a": 1})) == {"__type": "new", "a": 1}


@pytest.mark.parametrize("settings", [providers.X(), RawSettings("x", {})])
def test_settings_of_another_provider_are_a_problem_with_a_place(settings: object) -> None:
    assert problem("mastodon", settings) == (
        "posts.3.settings: are those of 'x', but 'Brewers' is a channel of 'mastodon' "
        "(providers.Mastodon(...), or None for its defaults)"
    )
    assert problem("x", settings) is None
    assert "RawSettings('new', {...})" in str(problem("new", settings))


def test_a_mapping_may_say_whose_settings_it_has() -> None:
    assert problem("mastodon", {"__type": "x", "a": 1}) == (
        "posts.3.settings: are those of 'x', but 'Brewers' is a channel of 'mastodon' "
        "(if they are meant, leave their __type out)"
    )
    assert problem("mastodon", {"__type": "mastodon"}) is None
    assert problem("mastodon", {"__type": 5}) is None


async def test_settings_that_cannot_be_written_are_a_problem_of_their_post() -> None:
    local = Sandbox()
    good, channel = local.add_channel("mastodon"), local.add_channel("x")
    bad = NewPost(channel, "Hello", settings=providers.X(community="\ud800"))
    async with local.client() as postiz:
        with pytest.raises(InvalidPostError, match=r"posts\.1\.settings\.community: cannot be"):
            await postiz.posts.schedule(NewPost(good, "Hello"), bad, at=local.in_an_hour())


def test_a_linkedin_page_is_no_linkedin_profile() -> None:
    assert problem("linkedin", providers.LinkedInPage()) is not None


SAID = {
    "youtube": providers.YouTube(title="Launch"),
    "pinterest": providers.Pinterest(board="b"),
    "dribbble": providers.Dribbble(title="Shot"),
    "reddit": providers.Reddit.to(
        providers.RedditPost(subreddit="python", title="Hello", type="self")
    ),
    "lemmy": providers.Lemmy.to(providers.LemmyPost(subreddit="rust", id="1", title="Hello")),
    "discord": providers.Discord(channel="1"),
    "slack": providers.Slack(channel="1"),
    "moltbook": providers.Moltbook(submolt="general"),
    "whop": providers.Whop(company="c", experience="e"),
    "skool": providers.Skool(group="g", label="none", title="Hello"),
    "medium": providers.Medium(title="Hello", subtitle="World"),
    "devto": providers.DevTo(title="Hello", tags=[providers.DevToTag(6, "python")]),
    "hashnode": providers.Hashnode(
        title="Hello world", publication="p", tags=[providers.ArticleTag("a", "a")]
    ),
    "wordpress": providers.WordPress(title="Hello", categories=[1]),
    "listmonk": providers.Listmonk(subject="Hello", list_id="1"),
}


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_server_takes_a_draft_with_the_least_that_can_be_said(provider: str) -> None:
    local = Sandbox()
    post = NewPost(local.add_channel(provider), "text", settings=SAID.get(provider))
    async with local.client() as postiz:
        created = await postiz.posts.draft(post, at=local.in_an_hour())
    assert len(created) == 1
    assert local.posts[0].settings["__type"] == provider


LINK = "https://www.example.com/page"
PICTURE = {"id": "m", "path": "https://u.example/a.png", "alt": "A view"}
PHOTO = Media(id="m", path=PICTURE["path"])
VIDEO = Media(id="v", path="https://u.example/a.mp4")
MEDIA: dict[str, tuple[Media, ...]] = dict.fromkeys(
    ["instagram", "instagram-standalone", "youtube"], (VIDEO,)
)
MEDIA |= dict.fromkeys(["facebook", "dribbble", "tiktok", "tiktok-business"], (PHOTO,))
MEDIA |= dict.fromkeys(["linkedin", "linkedin-page"], (PHOTO, PHOTO))
MEDIA |= {"pinterest": (VIDEO, PHOTO)}
SAID_INSTEAD = {"instagram": {"post_type": "post"}}  # a story has no music
PATTERNS = {"community": "https://x.com/i/communities/123", "dominant_color": "#AABBCC"}


def most(fields: tuple[SettingsField, ...]) -> dict[str, Any]:
    """All fields, each with as much as it takes."""
    return {field.name: the_most(field) for field in fields}


def the_most(field: SettingsField) -> Any:
    count = int(field.maximum or max(field.minimum or 0, 3))
    if field.media:
        return PICTURE
    if field.kind == "enum":
        return field.enum[-1]
    if field.kind == "string":
        is_link = {"is_url", "loose_url"} & set(field.checks)
        return PATTERNS[field.name] if field.pattern else LINK if is_link else "x" * count
    if field.kind == "list":
        items = min(count, 20)
        return [most(field.fields) if field.item == "object" else n for n in range(items)]
    if field.kind == "object":
        return most(field.fields)
    return True if field.kind == "boolean" else count


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_server_takes_all_that_can_be_said(provider: str) -> None:
    local = Sandbox()
    known = PROVIDERS[provider]
    said = most(fields_of(known.settings)) | SAID_INSTEAD.get(provider, {})
    settings = read_settings(provider, said)
    assert isinstance(settings, known.settings), settings
    to = local.add_channel(provider)
    local.add_remote_file(PHOTO.path, b"")  # Dribbble's is measured
    post = NewPost(to, "text", media=MEDIA.get(provider, ()), settings=settings)
    async with local.client() as postiz:
        send = postiz.posts.draft if known.defect else postiz.posts.schedule
        await send(post, at=local.in_an_hour())
    stored = local.posts[0].settings
    assert stored.keys() >= {field.name for field in fields_of(known.settings)}
