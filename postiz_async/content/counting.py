"""How long a text is, as the server counts. PURE.

The server counts what it would publish in a plain editor, with two traps. Content without a
bare `<p>` is counted as it is written, so that each `&` of a plain text counts 5. And X counts
the larger of UTF-16 units and its own weights.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Literal

from postiz_async.content.escaping import escape
from postiz_async.content.sanitising import parsed, sanitise
from postiz_async.content.styles import bold, underlined
from postiz_async.content.weights import weighted_length

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Counts", "counted_text", "length", "length_of_counted", "unescaped", "utf16_length"]

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
