"""Cutting HTML into tags and text, by the rules of the HTML standard.

The parser of the standard library is not used: it treats unfinished tags and raw text
differently from browsers, and not the same in every Python version.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from html.entities import html5
from typing import TYPE_CHECKING

from postiz_async.sandbox.html_names import ESCAPABLE_RAW_TEXT, RAW_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EndTag", "HtmlToken", "StartTag", "tokenize"]

_ATTRIBUTE = re.compile(
    r"""
    [\s/]*
    (?P<name>[^\s/>=][^\s/>=]*|=[^\s/>=]*)
    (?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s>"'][^\s>]*)|(?=>)))?
    """,
    re.VERBOSE,
)
_TAG_NAME = re.compile(r"[A-Za-z][^\s/>]*")
_TAG_END = re.compile(r"[\s/]*>")
_BARE_REFERENCE = re.compile(r"&([A-Za-z][A-Za-z0-9]*)(?![A-Za-z0-9;])")


@dataclass(frozen=True, slots=True)
class StartTag:
    """A start tag; names in lower case, the first of equal attributes counts."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict[str, str])
    self_closing: bool = False


@dataclass(frozen=True, slots=True)
class EndTag:
    """An end tag."""

    name: str


HtmlToken = StartTag | EndTag | str
"""A tag, or text with its entities decoded."""


def tokenize(text: str) -> Iterator[HtmlToken]:
    """Cut `text` into tokens; comments and declarations are left out.

    Text comes in pieces: two tokens of text may follow each other.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    spot = 0
    while spot < len(text):
        opening = text.find("<", spot)
        if opening != spot:
            end = opening if opening >= 0 else len(text)
            yield html.unescape(text[spot:end]).replace("\0", "")
            spot = end
            continue
        token, spot = _read_markup(text, spot)
        if token is not None:
            yield token
        if isinstance(token, StartTag) and token.name in RAW_TEXT | ESCAPABLE_RAW_TEXT:
            raw, spot = _read_raw_text(text, spot, token.name)
            raw = raw.replace("\0", "\ufffd")
            yield html.unescape(raw) if token.name in ESCAPABLE_RAW_TEXT else raw


def _read_markup(text: str, spot: int) -> tuple[HtmlToken | None, int]:
    """Read what begins with `<` at `spot`; returns it and where to go on."""
    if text.startswith("<!--", spot):
        return None, _after(text, "-->", spot + 4)
    if text.startswith(("<!", "<?"), spot):
        return None, _after(text, ">", spot + 2)
    is_end = text.startswith("</", spot)
    name = _TAG_NAME.match(text, spot + (2 if is_end else 1))
    if name is not None:
        return _read_tag(text, name, is_end=is_end)
    if is_end and len(text) > spot + 2:
        return None, _after(text, ">", spot + 2)
    return "<", spot + 1


def _read_tag(text: str, name: re.Match[str], *, is_end: bool) -> tuple[HtmlToken | None, int]:
    attributes: dict[str, str] = {}
    spot = name.end()
    while (end := _TAG_END.match(text, spot)) is None:
        found = _ATTRIBUTE.match(text, spot)
        if found is None or found.end() >= len(text):
            return None, len(text)  # the text ends within the tag: nothing of it remains
        value = found["double"] or found["single"] or found["bare"] or ""
        attributes.setdefault(found["name"].lower(), _unescape_value(value))
        spot = found.end()
    tag_name = name.group().lower()
    if is_end:
        return EndTag(tag_name), end.end()
    self_closing = text[end.end() - 2] == "/"
    return StartTag(tag_name, attributes, self_closing), end.end()


def _unescape_value(value: str) -> str:
    """Decode entities, but not the ones without semicolon that a query string may contain."""

    def guard(found: re.Match[str]) -> str:
        is_entity = found[1] in html5 and value[found.end() : found.end() + 1] != "="
        return found.group() if is_entity else f"&amp;{found[1]}"

    return html.unescape(_BARE_REFERENCE.sub(guard, value)).replace("\0", "\ufffd")


def _read_raw_text(text: str, spot: int, name: str) -> tuple[str, int]:
    closing = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(text, spot)
    end = closing.start() if closing else len(text)
    return text[spot:end], end


def _after(text: str, closing: str, spot: int) -> int:
    found = text.find(closing, spot)
    return len(text) if found < 0 else found + len(closing)
