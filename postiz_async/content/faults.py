"""What the server or its database refuses about texts, whatever the network. PURE."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postiz_async.content.sanitising import MAX_HTML
from postiz_async.models.posts import Html, ThreadPart, source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from postiz_async.models.media import Media
    from postiz_async.models.posts import Content, NewPost

__all__ = ["faults"]

_TAG = re.compile(r"<[^<>]*>")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def faults(post: NewPost) -> Iterator[tuple[str, str]]:
    """What is refused: (part of the post, message), in order."""
    yield from (("", message) for message in _wrong(post.content, post.media))
    for number, part in enumerate(post.thread):
        part_of_thread = part if isinstance(part, ThreadPart) else ThreadPart(part)
        for message in _wrong(part_of_thread.content, part_of_thread.media):
            yield f".thread.{number}", message


def _wrong(content: Content, media: Sequence[Media]) -> Iterator[str]:
    source = source_of(content)
    is_html = isinstance(content, Html)
    text = _TAG.sub("", source) if is_html else source
    if not media and not text.strip():
        yield "has neither text nor media"
    if "\0" in source:
        yield "has a NUL character, which no database stores"
    half = None if source.isascii() else _SURROGATE.search(source)
    if half:
        yield f"has characters that are no text: half a pair ({half[0]!a}) at {half.start()}"
    if len(source) > MAX_HTML:
        yield f"has {len(source):,} characters; the server reads {MAX_HTML:,} bytes of a request"
