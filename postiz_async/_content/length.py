"""Count the length of a text as the server and as X do. PURE.

The server counts what it would publish in a plain editor, with two traps. Content without a
bare `<p>` is counted as it is written, so that each `&` of a plain text counts 5. And X counts
the larger of UTF-16 units and its own weights, which are computed on the NFC form: a link is 23, an
emoji sequence that Emoji 11 has is 2 as a whole, of the other code points those of a few light
ranges are 1 and all others 2.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Literal

from postiz_async._content.html import escape, parsed, sanitise
from postiz_async.models._plain_text import flattened

if TYPE_CHECKING:
    from postiz_async._content.links import Link


_HEAVY = re.compile(r"[^\0-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]+")


def weighted_length(text: str) -> int:
    """The weight of a text, in X's characters."""
    from postiz_async._content.links import find_links  # noqa: PLC0415 - slow, and for X only

    if text.isascii():
        return len(text) + sum(link.weight - (link.end - link.start) for link in find_links(text))
    text = unicodedata.normalize("NFC", text)
    links = list(find_links(text))
    if not links:
        text, sequences = _without_emoji(text)
        return 2 * sequences + _weight(text)
    total, end = 0, 0
    for start, stop, weight in links:
        total += _weight(text[end:start]) + weight
        end = stop
    return total + _weight(text[end:]) - _saved_by_emoji(text, links)


def _weight(text: str) -> int:
    """The weight of a text, character by character."""
    if text.isascii():
        return len(text)
    return len(text) + sum(run.end() - run.start() for run in _HEAVY.finditer(text))


def _without_emoji(text: str) -> tuple[str, int]:
    """The text without its emoji sequences, and their number."""
    from postiz_async._content.unicode_data import EMOJI, SEQUENCE_SIGN  # noqa: PLC0415 - as above

    return EMOJI.subn("", text) if SEQUENCE_SIGN.search(text) else (text, 0)


def _saved_by_emoji(text: str, links: list[Link]) -> int:
    """How much less emoji sequences outside of links weigh than their characters."""
    from postiz_async._content.unicode_data import EMOJI, SEQUENCE_SIGN  # noqa: PLC0415 - as above

    if not SEQUENCE_SIGN.search(text):
        return 0
    saved, rest = 0, iter(links)
    link = next(rest, None)
    for emoji in EMOJI.finditer(text):
        while link and link.end <= emoji.start():
            link = next(rest, None)
        if not link or emoji.start() < link.start:
            saved += _weight(emoji[0]) - 2
    return saved


Counts = Literal["plain", "x-weighted"]
"""The unit of lengths: UTF-16 units, or for X the larger of those and its weights."""

_ESCAPED = re.compile(r"[&<>\xa0\r\0\ud800-\udfff]")
_ENTITY = re.compile(r"&[#A-Za-z]")
_NEEDS_PARSER = re.compile(r"[<\r\0\ud800-\udfff]")


def length(content: str, counts: Counts = "plain") -> int:
    """The length of a request's content, not yet sanitised, as the server counts it.

    Raises:
        InvalidInputError: it is HTML and longer than any request may be.
    """
    counted = counted_text(content) if _ESCAPED.search(content) else content
    units = utf16_length(counted)
    return max(units, weighted_length(counted)) if counts == "x-weighted" else units


def utf16_length(text: str) -> int:
    """The number of UTF-16 code units; half a surrogate pair is one."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def counted_text(content: str) -> str:
    """The text that the server counts of a request's content, not yet sanitised.

    Raises:
        InvalidInputError: it is HTML and longer than any request may be.
    """
    written = _written(sanitise(content))
    return flattened(written) if "<p>" in written else written


def _written(sanitised: str) -> str:
    """Content after it was parsed and written once more."""
    if _NEEDS_PARSER.search(sanitised) or _ENTITY.search(sanitised):
        return parsed(sanitised)
    return escape(sanitised)
