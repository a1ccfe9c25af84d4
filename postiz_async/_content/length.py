"""How long a text is, as the server and as X count. PURE.

The server counts what it would publish in a plain editor, with two traps. Content without a
bare `<p>` is counted as it is written, so that each `&` of a plain text counts 5. And X counts
the larger of UTF-16 units and its own weights, which are computed on the NFC form: a link is 23, an
emoji sequence that Emoji 11 has is 2 as a whole, of the other code points those of a few light
ranges are 1 and all others 2.
"""

from __future__ import annotations

import re
import string
import unicodedata
from functools import partial
from typing import TYPE_CHECKING, Literal

from postiz_async._content.html import escape, parsed, sanitise
from postiz_async._content.links import find_links
from postiz_async._content.unicode_data import EMOJI, SEQUENCE_SIGN

if TYPE_CHECKING:
    from collections.abc import Callable

    from postiz_async._content.links import Link

__all__ = [
    "Counts",
    "bold",
    "counted_text",
    "length",
    "length_of_counted",
    "underlined",
    "unescaped",
    "utf16_length",
    "weighted_length",
]


_HEAVY = re.compile(r"[^\0-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]+")


def weighted_length(text: str) -> int:
    """The weight of a text, in X's characters."""
    if text.isascii():
        return len(text) + sum(link.weight - (link.end - link.start) for link in find_links(text))
    text = unicodedata.normalize("NFC", text)
    links = list(find_links(text))
    if not links:
        text, sequences = EMOJI.subn("", text) if SEQUENCE_SIGN.search(text) else (text, 0)
        return 2 * sequences + _weight(text)
    total, end = 0, 0
    for start, stop, weight in links:
        total += _weight(text[end:start]) + weight
        end = stop
    return total + _weight(text[end:]) - _saved_by_emoji(text, links)


def _weight(text: str) -> int:
    """Each character for itself."""
    if text.isascii():
        return len(text)
    return len(text) + sum(run.end() - run.start() for run in _HEAVY.finditer(text))


def _saved_by_emoji(text: str, links: list[Link]) -> int:
    """What sequences weigh less than their characters do; one that begins in a link is none."""
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


_BOLD_CAPITAL, _BOLD_SMALL, _BOLD_DIGIT = 0x1D5D4, 0x1D5EE, 0x1D7EC
"""The mathematical sans-serif bold A, a and 0."""

_BOLD = {
    ord(letter): first + place
    for letters, first in (
        (string.ascii_uppercase, _BOLD_CAPITAL),
        (string.ascii_lowercase, _BOLD_SMALL),
        (string.digits, _BOLD_DIGIT),
    )
    for place, letter in enumerate(letters)
}
_LOW_LINE = "\u0332"
_UNDERLINED = {ord(letter): letter + _LOW_LINE for letter in string.ascii_letters + string.digits}
_STYLED_ENTITY = re.compile(r"(&(?:amp|nbsp|quot|#39|lt|gt);)")


def bold(text: str) -> str:
    """ASCII letters and digits as mathematical bold ones; entities stay."""
    return _outside_of_entities(text, _BOLD)


def underlined(text: str) -> str:
    """ASCII letters and digits with a combining low line; entities stay."""
    return _outside_of_entities(text, _UNDERLINED)


def _outside_of_entities(text: str, table: dict[int, int] | dict[int, str]) -> str:
    pieces = _STYLED_ENTITY.split(text)
    return "".join(
        piece if number % 2 else piece.translate(table) for number, piece in enumerate(pieces)
    )


Counts = Literal["plain", "x-weighted"]
"""UTF-16 units, or for X the larger of those and its weights."""

_ENTITIES = (("&amp;", "&"), ("&nbsp;", " "), ("&quot;", '"'), ("&#39;", "'"))
_ANGLES = (("&lt;", "<"), ("&gt;", ">"))
_ESCAPED = re.compile(r"[&<>\xa0\r\0\ud800-\udfff]")
_ENTITY = re.compile(r"&[#A-Za-z]")
_NEEDS_PARSER = re.compile(r"[<\r\0\ud800-\udfff]")

_P = re.compile(r"<p(?: [^>]*)?>")
_LI = re.compile(r"<li(?: [^>]*)?>(.*?)</li>", re.DOTALL)
_STYLES = (
    (re.compile(r"<strong>(.+?)</strong>"), "</strong>", bold),
    (re.compile(r"<u>(.+?)</u>"), "</u>", underlined),
)
_ANCHOR = re.compile(r'<a(?: [^>]*?)? href="([^"]*)"[^>]*>.*?</a>', re.DOTALL)
_TAG = re.compile(r"</?[a-z][^>]*>")


def length(content: str, counts: Counts = "plain") -> int:
    """How long the server finds the content of a request, not yet sanitised.

    Raises:
        InvalidPostError: it is HTML and longer than any request may be.
    """
    counted = counted_text(content) if _ESCAPED.search(content) else content
    return length_of_counted(counted, counts)


def length_of_counted(counted: str, counts: Counts) -> int:
    """How long a counted text is."""
    units = utf16_length(counted)
    return max(units, weighted_length(counted)) if counts == "x-weighted" else units


def utf16_length(text: str) -> int:
    """UTF-16 code units; half a surrogate pair is one."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def counted_text(content: str) -> str:
    """What the server counts of the content of a request, not yet sanitised.

    Raises:
        InvalidPostError: it is HTML and longer than any request may be.
    """
    written = _written(sanitise(content))
    return _as_text(written) if "<p>" in written else written


def _written(sanitised: str) -> str:
    """As a parser reads it and writes it anew."""
    if _NEEDS_PARSER.search(sanitised) or _ENTITY.search(sanitised):
        return parsed(sanitised)
    return escape(sanitised)


def _as_text(written: str) -> str:
    first = _P.match(written)
    text = _P.sub("\n", written[first.end() :] if first else written).replace("</p>", "")
    text = text.replace("<ul>", "\n<ul>", 1).replace("</ul>\n", "</ul>", 1)
    text = _LI.sub(lambda item: f"<li>- {item[1].replace(chr(10), '')}\n</li>", text)
    text = "\n".join(_styled(line) for line in text.split("\n"))
    return unescaped(_TAG.sub("", _ANCHOR.sub(r"\1", text)))


def _styled(line: str) -> str:
    """With letters instead of tags, where a tag is opened and closed on one line."""
    for element, end_tag, style in _STYLES:
        start, found, rest = line.rpartition(end_tag)  # behind the last, all would look in vain
        line = element.sub(partial(_replaced, style), start + found) + rest
    return line


def _replaced(style: Callable[[str], str], styled: re.Match[str]) -> str:
    return style(_TAG.sub("", styled[1]))


def unescaped(text: str) -> str:
    """With those entities decoded that the server decodes, one after the other."""
    if "&" not in text:
        return text
    for entity, character in (*_ENTITIES, *_ANGLES):
        text = text.replace(entity, character)
    return text
