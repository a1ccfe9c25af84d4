"""New posts to the body of a create request. PURE."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, Raw

from postiz_async._content import (
    content_problems,
    described,
    input_type_problems,
    request_type_problems,
)
from postiz_async._validation import MediaFacts
from postiz_async._wire import POST_YEARS, encode_body, format_date, parse_date
from postiz_async.errors import InvalidPostError, Marks, Problem, UnexpectedAnswerError
from postiz_async.models.posts import (
    MAX_BODY,
    ContentItem,
    CreatePost,
    IntegrationRef,
    MediaRef,
    PostItem,
    TagRef,
    ThreadPart,
)
from postiz_async.models.settings import ProviderSettings, RawSettings
from postiz_async.providers._registry import (
    PROVIDERS,
    default_settings,
    provider_of,
    required_defaults,
    write_settings,
)
from postiz_async.texts import render

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from postiz_async.models.integrations import Integration
    from postiz_async.models.media import Media
    from postiz_async.models.posts import Content, NewPost, PostType


def build_body(
    kind: PostType,
    at: datetime,
    items: list[PostItem],
    *,
    tags: Sequence[str] = (),
    short_link: bool = False,
) -> CreatePost:
    """The create request of posts that share type, moment and tags.

    Raises:
        InvalidPostError: the moment has no time zone.
    """
    return CreatePost(
        type=kind,
        date=format_date(at, "at"),
        posts=items,
        short_link=short_link,
        tags=[TagRef(value=tag, label=tag) for tag in tags],
    )


def refuse_type_problems(at: datetime, tags: Sequence[str]) -> None:
    """Refuse a moment and tags of other types than they are declared.

    Raises:
        InvalidPostError: with each that is.
    """
    found = request_type_problems(at, tags)
    problems = [Problem(each.where[1:], each.message, hint=each.hint) for each in found]
    if problems:
        raise InvalidPostError(problems)


def refuse_other_body(body: object) -> None:
    """Refuse what is not a `CreatePost`.

    Raises:
        InvalidPostError: it is not one.
    """
    if not isinstance(body, CreatePost):
        hint = "a CreatePost is expected; CreatePost.from_dict(body) makes one of a dict"
        raise InvalidPostError([Problem("body", f"is {described(body)}", hint=hint)])


def type_problem(post: NewPost, place: int) -> Problem | None:
    """The first value of a new post that is not of its declared type, or None."""
    found = next(input_type_problems(post), None)
    if found is None:
        return None
    return Problem(f"posts.{place}{found.where}", found.message, hint=found.hint)


def refuse_wrong_types(at: datetime, tags: Sequence[str], posts: Sequence[NewPost]) -> None:
    """Refuse a moment, tags and posts of other types than they are declared, and no posts.

    Raises:
        InvalidPostError: with each that is.
    """
    refuse_type_problems(at, tags)
    problems = [] if posts else [Problem("posts", "is empty", hint="give at least one NewPost")]
    found = (type_problem(post, place) for place, post in enumerate(posts))
    problems += [problem for problem in found if problem is not None]
    if problems:
        raise InvalidPostError(problems)


def at_post(place: int, problem: Problem) -> Problem:
    """What is wrong with a post, by its path in the request."""
    return replace(problem, where=f"posts.{place}.{problem.where}")


def wrong_with(post: NewPost, channel: Integration, place: int) -> Problem | None:
    """What is known to be wrong with a new post for a channel, or None."""
    if channel.disabled:
        return Problem(f"posts.{place}.channel", f"{channel.name!r} is disabled in Postiz")
    foreign = None if post.settings is None else foreign_settings(post.settings, channel)
    if foreign is not None:
        return replace(foreign, where=f"posts.{place}.{foreign.where}")
    texts = (Problem(f"posts.{place}{part}", message) for part, message in content_problems(post))
    return next(texts, None)


def foreign_settings(
    settings: ProviderSettings | RawSettings | Mapping[str, object], channel: Integration
) -> Problem | None:
    """Settings that say that they are of another provider than the channel, or None."""
    if isinstance(settings, ProviderSettings | RawSettings):
        theirs: object = provider_of(settings)
    else:
        theirs = settings.get("__type")
    if not isinstance(theirs, str) or channel.provider in {theirs, ""}:
        return None
    whose = f"are those of {theirs!r}, but {channel.name!r} is a channel of {channel.provider!r}"
    hint = "if they are meant, leave their __type out"
    if isinstance(settings, ProviderSettings | RawSettings):
        hint = _settings_hint(channel.provider)
    return Problem("settings", whose, hint=hint)


def _settings_hint(provider: str) -> str:
    if provider not in PROVIDERS:
        return f"RawSettings({provider!r}, {{...}})"
    return f"providers.{PROVIDERS[provider].settings.__name__}(...), or None for its defaults"


def build_item(
    post: NewPost, channel: Integration, *, extra_settings: Iterable[tuple[str, str]] = ()
) -> PostItem:
    """A post as it stands in a create request. `extra_settings` are kept by the server.

    Raises:
        InvalidPostError: the settings hold what JSON has no word for.
    """
    provider, said = channel.provider, post.settings
    value = [_part(provider, post.content, post.media)]
    for part in post.thread:
        if isinstance(part, ThreadPart):
            value.append(_part(provider, part.content, part.media, part.delay))
        else:
            value.append(_part(provider, part))
    if said is None:
        settings = _unsaid(provider)
    elif isinstance(said, ProviderSettings | RawSettings):
        settings = write_settings(said)
    else:
        settings = {**required_defaults(provider), **said}
    return PostItem(
        integration=IntegrationRef(id=channel.id),
        value=value,
        settings={**settings, **dict(extra_settings), "__type": provider},
    )


def _part(
    provider: str, content: Content, media: Sequence[Media] = (), delay: int = 0
) -> ContentItem:
    return ContentItem(
        content=render(content, provider),
        image=[_media(item) for item in media],
        delay=delay or UNSET,
    )


def item_to_find(post: NewPost, channel: Integration | None) -> PostItem:
    """A post as it stood in a request that was sent, to be looked for.

    Args:
        post: the post.
        channel: where it is; None: the channel is gone, and nothing of it is listed.
    """
    if channel is not None:
        return build_item(post, channel)
    parts = [ContentItem(content="")]
    return PostItem(integration=IntegrationRef(id=post.channel_id), value=parts, settings={})


@cache
def _unsaid(provider: str) -> Mapping[str, object]:
    """The settings that are sent where none are given."""
    said = default_settings(provider)
    return required_defaults(provider) if said is None else write_settings(said)


def _media(media: Media) -> MediaRef:
    return MediaRef(
        id=media.id,
        path=media.path,
        alt=media.alt if media.alt is not None else UNSET,
        thumbnail=media.thumbnail if media.thumbnail is not None else UNSET,
    )


def encode_create(body: CreatePost) -> Raw:
    """The bytes of a create request.

    Raises:
        InvalidPostError: they are more than the server reads, or the date is not one of a post.
    """
    refuse_other_body(body)
    try:
        moment = parse_date(body.date)
    except UnexpectedAnswerError:
        problem = Problem("date", f"{body.date[:40]!r} is not a date", hint="2027-01-15T09:00:00Z")
        raise InvalidPostError([problem]) from None
    if moment.year not in POST_YEARS:
        raise InvalidPostError([Problem("date", f"{body.date} is too far away")])
    raw = encode_body(body)
    size = len(memoryview(raw))
    if size > MAX_BODY:
        problem = Problem("body", f"has {size:,} bytes; the server reads {MAX_BODY:,}")
        raise InvalidPostError([problem])
    return raw


def marks_of(body: Raw, sent_at: float) -> Marks:
    """By what the posts of a request can be found when its answer was lost.

    Args:
        body: the request as it was sent.
        sent_at: seconds since the epoch; the server dates a post of type `now` from then.
    """
    sent = msgspec.json.decode(body)
    is_now = sent["type"] == "now"
    return Marks(
        datetime.fromtimestamp(sent_at, UTC) if is_now else parse_date(sent["date"]),
        channels=tuple(post["integration"]["id"] for post in sent["posts"]),
        contents=tuple(
            post["value"][0]["content"] if post["value"] else "" for post in sent["posts"]
        ),
        kind=sent["type"],
        short_link=sent["shortLink"],
    )


def media_facts(posts: Sequence[NewPost]) -> dict[str, MediaFacts]:
    """What is known of the media of new posts, by path."""
    media: list[Media] = []
    for post in posts:
        media += post.media
        for part in post.thread:
            if isinstance(part, ThreadPart):
                media += part.media
    if not media:
        return {}
    return {
        medium.path: MediaFacts(width=medium.width, height=medium.height, size=medium.size)
        for medium in media
        if medium.size
    }
