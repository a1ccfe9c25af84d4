"""Convert stored content to the plain text that a network receives. PURE.

A network that takes plain text gets paragraphs as lines, list items as lines that begin with `- `,
the address of a link instead of its text, and mathematical letters for bold ones and combining
lines for underlined ones. Content without any tag is passed on as it is.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from functools import partial

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


_ENTITIES = (("&amp;", "&"), ("&nbsp;", " "), ("&quot;", '"'), ("&#39;", "'"))
_ANGLES = (("&lt;", "<"), ("&gt;", ">"))

_P = re.compile(r"<p(?: [^<>]*)?>")
_LI = re.compile(r"<li(?: [^<>]*)?>(.*?)</li>", re.DOTALL)
_STYLES = {
    "strong": (re.compile(r"<strong>(.+?)</strong>"), bold),
    "u": (re.compile(r"<u>(.+?)</u>"), underlined),
}
_ANCHOR = re.compile(r'<a(?: [^<>]*?)? href="([^"<>]*)"[^<>]*>.*?</a>', re.DOTALL)
_TAG = re.compile(r"</?[a-z][^<>]*>")
_LINE_END = re.compile(r"<br[^<>]*>|</h[123]>(?=.)", re.DOTALL)


def plain_text_of(content: str) -> str:
    """The plain text of stored content, as a network that takes plain text publishes it.

    In content without a paragraph, such networks receive the tags too; they are removed here.
    """
    if "<" not in content or not _TAG.search(content):
        return content
    if "<p>" in content:
        return flattened(content)
    return flattened(_LINE_END.sub("\n", content)).strip("\n")


def flattened(written: str) -> str:
    """Convert HTML in the form that the server writes to plain text."""
    first = _P.match(written)
    text = _P.sub("\n", written[first.end() :] if first else written).replace("</p>", "")
    text = text.replace("<ul>", "\n<ul>", 1).replace("</ul>\n", "</ul>", 1)
    text = _replaced(_LI, "</li>", _as_line, text)
    text = "\n".join(_styled(line) for line in text.split("\n"))
    return unescaped(_TAG.sub("", _replaced(_ANCHOR, "</a>", r"\1", text)))


def _replaced(
    element: re.Pattern[str], end_tag: str, by: str | Callable[[re.Match[str]], str], text: str
) -> str:
    """Replace elements, but do not search after the last end tag, where none can match."""
    start, found, rest = text.rpartition(end_tag)
    return element.sub(by, start + found) + rest


def _as_line(item: re.Match[str]) -> str:
    return f"<li>- {item[1].replace(chr(10), '')}\n</li>"


def _styled(line: str) -> str:
    """Replace tags that open and close on one line with styled letters."""
    for tag, (element, style) in _STYLES.items():
        line = _replaced(element, f"</{tag}>", partial(_in_letters, style), line)
    return line


def _in_letters(style: Callable[[str], str], styled: re.Match[str]) -> str:
    return style(_TAG.sub("", styled[1]))


def unescaped(text: str) -> str:
    """Decode the entities that the server decodes, in its order."""
    if "&" not in text:
        return text
    for entity, character in (*_ENTITIES, *_ANGLES):
        text = text.replace(entity, character)
    return text
