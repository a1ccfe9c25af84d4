"""Make the body of a create request from new posts. PURE."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, TypeGuard, cast

import msgspec
from msgspec import UNSET, Raw

from postiz_async._content.html import MAX_HTML
from postiz_async._content.render import render_for
from postiz_async._validation import MediaFacts
from postiz_async._wire import POST_YEARS, encode_body, format_date, parse_date
from postiz_async.errors import (
    APIResponseValidationError,
    InvalidInputError,
    InvalidPostError,
    Marks,
    Problem,
)
from postiz_async.models._base import describe_json_error
from postiz_async.models.channels import Channel
from postiz_async.models.media import Media
from postiz_async.models.posts import (
    MAX_BODY,
    ChannelRef,
    ContentItem,
    Html,
    Markdown,
    MediaRef,
    Mention,
    NewPost,
    PostItem,
    PostRequest,
    TagRef,
    Text,
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

if TYPE_CHECKING:
    from postiz_async.models.posts import Content, PostType


NO_POSTS = Problem("posts", "is empty", hint="give at least one NewPost")


@contextmanager
def refusing_posts() -> Generator[None]:
    """Raise what is wrong with a part of a create as an `InvalidPostError`.

    What each create does says so itself: a context manager is a call more.
    """
    try:
        yield
    except InvalidPostError:
        raise
    except InvalidInputError as error:
        raise InvalidPostError(error.problems) from error


def build_body(
    kind: PostType,
    at: datetime,
    items: list[PostItem],
    *,
    tags: Sequence[str] = (),
    short_link: bool = False,
) -> PostRequest:
    """The create request of posts that share type, moment and tags.

    Raises:
        InvalidPostError: the moment has no time zone.
    """
    try:
        date = format_date(at, "at")
    except InvalidInputError as error:
        raise InvalidPostError(error.problems) from error
    return PostRequest(
        type=kind,
        date=date,
        posts=items,
        short_link=short_link,
        tags=[TagRef(value=tag, label=tag) for tag in tags],
    )


def refuse_other_body(body: object) -> None:
    """Refuse what is not a `PostRequest`.

    Raises:
        InvalidPostError: it is not one.
    """
    if not isinstance(body, PostRequest):
        hint = "a PostRequest is expected; PostRequest.from_dict(body) makes one of a dict"
        raise InvalidPostError([Problem("body", f"is {_described(body)}", hint=hint)])


def refuse_wrong_types(at: datetime, tags: Sequence[str], posts: Sequence[NewPost]) -> None:
    """Refuse a date, tags or posts of the wrong type, and an empty list of posts.

    Raises:
        InvalidPostError: with a problem for each.
    """
    refuse_type_problems(at, tags)
    problems = [] if posts else [NO_POSTS]
    for place, post in enumerate(posts):
        problems += itertools.islice(input_type_problems(post, f"posts.{place}"), 1)
    if problems:
        raise InvalidPostError(problems)


def at_post(place: int, problem: Problem) -> Problem:
    """A problem of a post, with its path in the request."""
    return replace(problem, where=f"posts.{place}.{problem.where}")


def wrong_with(post: NewPost, channel: Channel, place: int) -> Problem | None:
    """A known problem of a new post for a channel, or None."""
    if channel.disabled:
        return Problem(f"posts.{place}.channel", f"{channel.name!r} is disabled in Postiz")
    foreign = None if post.settings is None else foreign_settings(post.settings, channel)
    if foreign is not None:
        return replace(foreign, where=f"posts.{place}.{foreign.where}")
    return next(content_problems(post, f"posts.{place}"), None)


def foreign_settings(
    settings: ProviderSettings | RawSettings | Mapping[str, object], channel: Channel
) -> Problem | None:
    """The problem if settings are for another provider than the channel's, else None."""
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
    post: NewPost, channel: Channel, *, extra_settings: Iterable[tuple[str, str]] = ()
) -> PostItem:
    """A post in the form of a create request. The server keeps `extra_settings`.

    Raises:
        InvalidPostError: the settings contain something that JSON cannot represent.
    """
    provider, said = channel.provider, post.settings
    value = [_part(provider, post.content, post.media)]
    for part in post.thread:
        if isinstance(part, ThreadPart):
            value.append(_part(provider, part.content, part.media, part.delay_minutes))
        else:
            value.append(_part(provider, part))
    if said is None:
        settings = _unsaid(provider)
    elif isinstance(said, ProviderSettings | RawSettings):
        settings = write_settings(said)
    else:
        settings = {**required_defaults(provider), **said}
    return PostItem(
        channel=ChannelRef(id=channel.id),
        value=value,
        settings={**settings, **dict(extra_settings), "__type": provider},
    )


def _part(
    provider: str, content: Content, media: Sequence[Media] = (), delay: int = 0
) -> ContentItem:
    return ContentItem(
        content=render_for(content, provider),
        image=[_media(item) for item in media],
        delay=delay or UNSET,
    )


def item_to_find(post: NewPost, channel: Channel | None) -> PostItem:
    """A post in the form of a request that was sent, to look for it.

    Args:
        post: the post.
        channel: its channel; None: the channel is gone, and its posts are not listed.
    """
    if channel is not None:
        return build_item(post, channel)
    parts = [ContentItem(content="")]
    return PostItem(channel=ChannelRef(id=post.channel_id), value=parts, settings={})


@cache
def _unsaid(provider: str) -> Mapping[str, object]:
    """The settings that are sent if none are given."""
    said = default_settings(provider)
    return required_defaults(provider) if said is None else write_settings(said)


def _media(media: Media) -> MediaRef:
    return MediaRef(
        id=media.id,
        path=media.path,
        alt=media.alt if media.alt is not None else UNSET,
        thumbnail=media.thumbnail if media.thumbnail is not None else UNSET,
    )


_OWN_FIELDS = {field.encode_name for field in msgspec.structs.fields(PostRequest)}


def encode_extra(extra: object) -> bytes:
    """Fields that a user adds to a create request, as JSON; equal ones are equal bytes.

    Args:
        extra: the fields by name, as they were given; None or empty: no bytes.

    Raises:
        InvalidPostError: the library has one of the fields itself, or JSON cannot represent them.
    """
    where = "extra_body"
    if extra is None or extra == {}:
        return b""
    if not _is_by_name(extra):
        hint = "a dict with strings as keys is expected"
        raise InvalidPostError([_type_problem(where, extra, hint)])
    if own := sorted(_OWN_FIELDS & extra.keys()):
        message, hint = "is not an extra field", "give it as an argument, or send a PostRequest"
        raise InvalidPostError([Problem(f"{where}.{name}", message, hint=hint) for name in own])
    try:
        text = json.dumps(dict(extra), ensure_ascii=False, allow_nan=False, sort_keys=True)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        problem = Problem(where, f"cannot be written as JSON: {describe_json_error(error)}")
        raise InvalidPostError([problem]) from error


def _is_by_name(value: object) -> TypeGuard[Mapping[str, object]]:
    names = cast("Mapping[object, object]", value) if isinstance(value, Mapping) else [None]
    return all(isinstance(name, str) for name in names)


def encode_create(body: PostRequest, extra: bytes = b"") -> Raw:
    """The bytes of a create request.

    Args:
        body: the request.
        extra: further fields, made by `encode_extra`.

    Raises:
        InvalidPostError: they are more than the server reads, or a post cannot have the date.
    """
    try:
        moment = parse_date(body.date)
    except APIResponseValidationError:
        problem = Problem("date", f"{body.date[:40]!r} is not a date", hint="2027-01-15T09:00:00Z")
        raise InvalidPostError([problem]) from None
    if moment.year not in POST_YEARS:
        raise InvalidPostError([Problem("date", f"{body.date} is too far away")])
    try:
        raw = encode_body(body)
    except InvalidInputError as error:
        raise InvalidPostError(error.problems) from error
    if extra:
        raw = Raw(bytes(raw)[:-1] + b"," + extra[1:])
    size = len(memoryview(raw))
    if size > MAX_BODY:
        problem = Problem("body", f"has {size:,} bytes; the server reads {MAX_BODY:,}")
        raise InvalidPostError([problem])
    return raw


def marks_of(body: Raw, sent_at: float) -> Marks:
    """The marks that identify the posts of a request if its answer is lost.

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
    """Known facts about the media of new posts, by path."""
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


# ------------------------------------------------------------------ types and texts
#
# Type checkers find a wrong type before the program runs. Without one there is a problem with a
# path, not an error from inside, and not a thread of letters for a `str` where a list belongs.


_LONGEST = 40
_CONTENTS = "a str, Text, Markdown or Html is expected"
_UPLOAD = "upload it first, with postiz.media.upload(...)"


def refuse_type_problems(at: object, tags: object) -> None:
    """Refuse a date or tags of the wrong type.

    Raises:
        InvalidPostError: with a problem for each.
    """
    problems: list[Problem] = []
    if not isinstance(at, datetime):
        problems.append(_type_problem("at", at, "a datetime with a time zone is expected"))
    if not _is_listed(tags):
        problems.append(_type_problem("tags", tags, "a list of strings is expected"))
    else:
        for place, tag in enumerate(tags):
            problems += _one(f"tags.{place}", tag, str, "a string is expected")
    if problems:
        raise InvalidPostError(problems)


def input_type_problems(post: object, where: str) -> Iterator[Problem]:
    """Problems for values of a new post that have the wrong type, in the order of its fields.

    Args:
        post: the value that was given as a post.
        where: its path in the request.
    """
    if not isinstance(post, NewPost):
        is_list = isinstance(post, list | tuple)
        yield _type_problem(
            where, post, f"a NewPost is expected{'; put a * before a list' * is_list}"
        )
        return
    hint = "a Channel or its id is expected"
    yield from _one(f"{where}.channel", post.channel, (str, Channel), hint)
    if not isinstance(post.content, str):
        yield from _content(f"{where}.content", post.content)
    if post.media != ():  # as mostly
        yield from _media_types(f"{where}.media", post.media)
    if post.settings is not None:
        hint = "a struct of providers or a mapping is expected"
        kinds = (ProviderSettings, RawSettings, Mapping)
        yield from _one(f"{where}.settings", post.settings, kinds, hint)
    if post.thread != ():
        yield from _thread(f"{where}.thread", post.thread)


def _content(where: str, content: object) -> Iterator[Problem]:
    if isinstance(content, str):
        return
    if not isinstance(content, Text | Markdown | Html):
        yield _type_problem(where, content, _CONTENTS)
        return
    yield from _one(where, content.source, str, "a str is expected")
    if isinstance(content, Text) and _is_listed(content.mentions):
        for place, mention in enumerate(content.mentions):
            yield from _mention(f"{where}.mentions.{place}", mention)


def _mention(where: str, mention: object) -> Iterator[Problem]:
    if not isinstance(mention, Mention):
        yield _type_problem(where, mention, "a Mention is expected")
        return
    yield from _one(f"{where}.id", mention.id, str, "a str is expected")
    yield from _one(f"{where}.name", mention.name, str, "a str is expected")


def _media_types(where: str, media: object) -> Iterator[Problem]:
    if not _is_listed(media):
        yield _type_problem(where, media, "a list of Media is expected")
        return
    for place, medium in enumerate(media):
        if not isinstance(medium, Media):
            yield _type_problem(f"{where}.{place}", medium, _UPLOAD)
            continue
        for name in ("id", "path"):
            yield from _one(f"{where}.{place}.{name}", getattr(medium, name), str, "as uploaded")


def _thread(path: str, thread: object) -> Iterator[Problem]:
    if not _is_listed(thread):
        yield _type_problem(path, thread, "a list of parts is expected")
        return
    for place, part in enumerate(thread):
        where = f"{path}.{place}"
        if not isinstance(part, ThreadPart):
            yield from _content(where, part)
            continue
        yield from _content(f"{where}.content", part.content)
        yield from _media_types(f"{where}.media", part.media)
        hint = "a whole number of minutes is expected"
        yield from _one(f"{where}.delay_minutes", part.delay_minutes, int, hint)


def _one(where: str, value: object, kinds: type | tuple[type, ...], hint: str) -> Iterator[Problem]:
    if not isinstance(value, kinds):
        yield _type_problem(where, value, hint)


def _is_listed(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _type_problem(where: str, value: object, hint: str) -> Problem:
    return Problem(where, f"is {_described(value)}", hint=hint)


def _described(value: object) -> str:
    """A description of a value, for a message about a wrong type."""
    if value is None:
        return "None"
    if isinstance(value, str):
        return f"a string ({value[:_LONGEST]!a})"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"a number ({str(value)[:_LONGEST]})"
    if isinstance(value, type):
        return f"the class {value.__name__}, not a value of it"
    return "bytes" if isinstance(value, bytes) else f"a {type(value).__name__}"


_TAG = re.compile(r"<[^<>]*>")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def content_problems(post: NewPost, where: str) -> Iterator[Problem]:
    """Problems of the texts of a new post at a path of the request, in order."""
    yield from (Problem(where, message) for message in _wrong(post.content, post.media))
    for number, part in enumerate(post.thread):
        said = part if isinstance(part, ThreadPart) else ThreadPart(part)
        for message in _wrong(said.content, said.media):
            yield Problem(f"{where}.thread.{number}", message)


def _wrong(content: Content, media: Sequence[Media]) -> Iterator[str]:
    source = content if isinstance(content, str) else content.source
    is_html = isinstance(content, Html)
    text = _TAG.sub("", source) if is_html else source
    if not media and not text.strip():
        yield "has neither text nor media"
    if "\0" in source:
        yield "has a NUL character, which no database stores"
    half = None if source.isascii() else _SURROGATE.search(source)
    if half:
        yield f"has characters that are not text: half a pair ({half[0]!a}) at {half.start()}"
    if len(source) > MAX_HTML:
        yield f"has {len(source):,} characters; the server reads {MAX_HTML:,} bytes of a request"
