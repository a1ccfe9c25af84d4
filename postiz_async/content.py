"""Text to the HTML subset that the server keeps. PURE.

The server stores text without any `<` byte for byte. Text with a `<` goes through its HTML
parser, which drops what it takes for a tag. So plain text goes as it is while it has no `<`,
and as escaped paragraphs otherwise, which it publishes exactly as meant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postiz_async.models.posts import Html, ThreadPart

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from postiz_async.models.media import Media
    from postiz_async.models.posts import NewPost

__all__ = ["faults", "render"]

_TAG = re.compile(r"<[^<>]*>")


def render(content: str | Html) -> str:
    """The `content` of a create request for a plain text or for `Html`."""
    if isinstance(content, Html):
        return content.source
    if "<" not in content:
        return content
    lines = content.replace("\r\n", "\n").split("\n")
    return "".join(f"<p>{_escape(line)}</p>" for line in lines)


_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\xa0": "&nbsp;"})


def _escape(line: str) -> str:
    return (
        line.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\xa0", "&nbsp;")
    )


def faults(post: NewPost) -> Iterator[tuple[str, str]]:
    """What the server or its database refuses about texts: (part of the post, message)."""
    yield from (("", message) for message in _wrong(post.content, post.media))
    for number, part in enumerate(post.thread):
        part_of_thread = part if isinstance(part, ThreadPart) else ThreadPart(part)
        for message in _wrong(part_of_thread.content, part_of_thread.media):
            yield f".thread.{number}", message


def _wrong(content: str | Html, media: Sequence[Media]) -> Iterator[str]:
    text = _TAG.sub("", content.source) if isinstance(content, Html) else content
    if not media and not text.strip():
        yield "has neither text nor media"
    if "\0" in text:
        yield "has a NUL character, which no database stores"
