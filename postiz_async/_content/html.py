"""Filter HTML as the server does, and write plain text as HTML. PURE.

Text without any `<` stays byte for byte. Anything else is parsed as a browser would, filtered
and written anew; parser and filter are those of nh3.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING

from postiz_async.errors import InvalidInputError, Problem
from postiz_async.models.posts import MAX_BODY, Mention

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nh3 import Cleaner


MAX_HTML = MAX_BODY
"""Largest number of characters of HTML: the server reads no more bytes of a request."""

_MOST_OPEN_TAGS = 4_000
"""Largest number of tags that may be open at once, if each start tag needs an end tag."""

_ANY_TAG = re.compile(r"</?[a-z]", re.IGNORECASE)
_TAGS = {"p", "br", "strong", "u", "a", "ul", "li", "h1", "h2", "h3", "span"}
_LINK_ATTRIBUTES = {"href", "target", "rel"}
_DROPPED_WITH_CONTENT = {
    *("annotation-xml", "audio", "colgroup", "desc", "foreignobject", "head", "iframe", "math"),
    *("mi", "mn", "mo", "ms", "mtext", "noembed", "noframes", "noscript", "plaintext", "script"),
    *("style", "svg", "template", "thead", "title", "video", "xmp"),
}
_DATA = r"data-[-\w.\u00b7-\uffff]+"  # compiled when first used: it takes 1.5 ms
_LINK = re.compile(r"(?:https?:|mailto:|[/#]|$)", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\x00-\x20\xa0\u1680\u180e\u2000-\u2029\u205f\u3000]")
_START = re.compile(
    r"([\t\n\f\r ]*)(?:(?:</(?!br[\s/>])[a-z][^<>]*>|<!--(?!-?>).*?-->)[\t\n\f\r ]*)+",
    re.DOTALL | re.IGNORECASE,
)
"""The start that a parser of documents ignores: end tags, comments and blanks after them."""
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def sanitise(content: str) -> str:
    """The content as the server stores it.

    Raises:
        InvalidInputError: it is HTML, and longer than any request may be or nested too deeply.
    """
    if "<" not in content:
        return content
    text = content.lstrip("\r\n\t ")
    return content[: len(content) - len(text)] + parsed(text)


def parsed(content: str) -> str:
    """Any text after it was parsed like in a browser, filtered and written.

    Raises:
        InvalidInputError: it has tags, and is longer than any request may be or nested too deeply.
    """
    _refuse_bombs(content)
    start = _START.match(content)
    source = content if start is None else start[1] + content[start.end() :]
    return _cleaner().clean(_SURROGATE.sub("\ufffd", source))  # no parser takes halves of pairs


@cache
def _cleaner() -> Cleaner:
    from nh3 import Cleaner  # noqa: PLC0415 - costs more than plain text, which most posts are

    return Cleaner(
        tags=_TAGS,
        clean_content_tags=_DROPPED_WITH_CONTENT,
        attributes={"*": {"class", *_LINK_ATTRIBUTES}},
        generic_attribute_prefixes={"data-"},
        attribute_filter=_kept,
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    )


def _refuse_bombs(content: str) -> None:
    """Refuse too many open tags, as a parser's time grows with the square of their number."""
    if "<" not in content or len(content) <= _MOST_OPEN_TAGS:
        return
    message = ""
    if len(content) > MAX_HTML:
        message = f"has {len(content):,} characters of HTML; the server reads {MAX_HTML:,}"
    elif max(accumulate(_nesting(content)), default=0) > _MOST_OPEN_TAGS:
        message = f"has more than {_MOST_OPEN_TAGS:,} tags that are open at once"
    if message:
        raise InvalidInputError([Problem("content", message)])


def _nesting(content: str) -> Iterator[int]:
    return (-1 if tag[0].startswith("</") else 1 for tag in _ANY_TAG.finditer(content))


def _kept(_tag: str, name: str, value: str) -> str | None:
    """The value of an attribute, None to drop it."""
    value = value.strip()
    if name in _LINK_ATTRIBUTES:
        return value if is_kept_link(value) else None
    return value if name == "class" or re.fullmatch(_DATA, name) else None


def is_kept_link(href: str) -> bool:
    """Whether the server keeps the address of a link; it always keeps its text."""
    return _LINK.match(_INVISIBLE.sub("", href)) is not None


_ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\xa0", "&nbsp;"))


def escape(text: str) -> str:
    """Escape text as the server writes it between tags."""
    for character, entity in _ENTITIES:
        text = text.replace(character, entity)
    return text


def escape_value(value: str) -> str:
    """Escape the value of an attribute as the server writes it."""
    return escape(value).replace('"', "&quot;")


def mention_span(mention: Mention) -> str:
    """The span from which x, linkedin, linkedin-page, bluesky and discord make a mention."""
    number, label = escape_value(mention.id), escape_value(mention.name)
    return (
        f'<span class="mention" data-mention-id="{number}" data-mention-label="{label}">'
        f"{escape(mention.shown)}</span>"
    )
