"""What is wrong with the values of a new post before any network's rules are asked. PURE.

Type checkers find a wrong type before the program runs. Without one there is a problem with a path,
not an error from inside, and not a thread of letters for a `str` where a list belongs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

from postiz_async._content.html import MAX_HTML
from postiz_async.models.integrations import Integration
from postiz_async.models.media import Media
from postiz_async.models.posts import Html, Markdown, Mention, NewPost, Text, ThreadPart
from postiz_async.models.settings import ProviderSettings, RawSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postiz_async.models.posts import Content


_CHANNELS = (str, Integration)
_SETTINGS = (ProviderSettings, RawSettings, Mapping)
_LONGEST = 40
_CONTENTS = "a str, Text, Markdown or Html is expected"
_UPLOAD = "upload it first, with postiz.media.upload(...)"


class InputTypeProblem(NamedTuple):
    """What is wrong where; `where` begins with a dot, and is empty for the post itself."""

    where: str
    message: str
    hint: str


def input_type_problems(post: object) -> Iterator[InputTypeProblem]:
    """What is wrong with a post, in the order of its fields."""
    if not isinstance(post, NewPost):
        is_list = isinstance(post, list | tuple)
        yield _type_problem("", post, f"a NewPost is expected{'; put a * before a list' * is_list}")
        return
    yield from _one(".channel", post.channel, _CHANNELS, "an Integration or its id is expected")
    if not isinstance(post.content, str):
        yield from _content(".content", post.content)
    yield from _media(".media", post.media)
    if post.settings is not None:
        hint = "a struct of providers or a mapping is expected"
        yield from _one(".settings", post.settings, _SETTINGS, hint)
    yield from _thread(post.thread)


def request_type_problems(at: object, tags: object) -> Iterator[InputTypeProblem]:
    """What is wrong with the moment and the tags of a request."""
    if not isinstance(at, datetime):
        yield _type_problem(".at", at, "a datetime with a time zone is expected")
    if not _is_listed(tags):
        yield _type_problem(".tags", tags, "a list of strings is expected")
        return
    for place, tag in enumerate(tags):
        if not isinstance(tag, str):
            yield _type_problem(f".tags.{place}", tag, "a string is expected")


def _content(where: str, content: object) -> Iterator[InputTypeProblem]:
    if isinstance(content, str):
        return
    if not isinstance(content, Text | Markdown | Html):
        yield _type_problem(where, content, _CONTENTS)
        return
    yield from _one(where, content.source, str, "a str is expected")
    if isinstance(content, Text) and _is_listed(content.mentions):
        for place, mention in enumerate(content.mentions):
            yield from _mention(f"{where}.mentions.{place}", mention)


def _mention(where: str, mention: object) -> Iterator[InputTypeProblem]:
    if not isinstance(mention, Mention):
        yield _type_problem(where, mention, "a Mention is expected")
        return
    yield from _one(f"{where}.id", mention.id, str, "a str is expected")
    yield from _one(f"{where}.name", mention.name, str, "a str is expected")


def _media(where: str, media: object) -> Iterator[InputTypeProblem]:
    if not _is_listed(media):
        yield _type_problem(where, media, "a list of Media is expected")
        return
    for place, medium in enumerate(media):
        if not isinstance(medium, Media):
            yield _type_problem(f"{where}.{place}", medium, _UPLOAD)


def _thread(thread: object) -> Iterator[InputTypeProblem]:
    if not _is_listed(thread):
        yield _type_problem(".thread", thread, "a list of parts is expected")
        return
    for place, part in enumerate(thread):
        where = f".thread.{place}"
        if not isinstance(part, ThreadPart):
            yield from _content(where, part)
            continue
        yield from _content(f"{where}.content", part.content)
        yield from _media(f"{where}.media", part.media)
        yield from _one(
            f"{where}.delay", part.delay, (int, float), "a number of minutes is expected"
        )


def _one(
    where: str, value: object, kinds: type | tuple[type, ...], hint: str
) -> Iterator[InputTypeProblem]:
    if not isinstance(value, kinds):
        yield _type_problem(where, value, hint)


def _is_listed(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _type_problem(where: str, value: object, hint: str) -> InputTypeProblem:
    return InputTypeProblem(where, f"is {described(value)}", hint)


def described(value: object) -> str:
    """What a value is, for a message about a wrong type."""
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


def content_problems(post: NewPost) -> Iterator[tuple[str, str]]:
    """What is refused: (part of the post, message), in order."""
    yield from (("", message) for message in _wrong(post.content, post.media))
    for number, part in enumerate(post.thread):
        part_of_thread = part if isinstance(part, ThreadPart) else ThreadPart(part)
        for message in _wrong(part_of_thread.content, part_of_thread.media):
            yield f".thread.{number}", message


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
