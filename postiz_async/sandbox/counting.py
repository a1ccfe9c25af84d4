"""How long the server takes a text to be.

The sanitised text is parsed and written once more. What is counted then depends on whether there
is a bare paragraph in it: without one, tags and entities count as they are written.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import accumulate
from typing import TYPE_CHECKING

from postiz_async.sandbox.addresses import addresses
from postiz_async.sandbox.emoji import EMOJI
from postiz_async.sandbox.fields import length
from postiz_async.sandbox.sanitize import reserialize

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["counted_text", "plain_length", "weighted_length", "x_length"]

_ADDRESS = 23
_EMOJI = 2
_HEAVY = re.compile("[^\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
"""Counts two on X."""
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")

_LINE = "[^\n\r\u2028\u2029]"
_STRONG = re.compile(rf"<strong[^>]*>({_LINE}*?)</strong>")
_UNDERLINED = re.compile(rf"<u(?: [^>]*)?>({_LINE}*?)</u>")
_CHARACTER = re.compile(r"<[^>]*>|&[#\w]+;|([A-Za-z0-9])")
_ITEM = re.compile(r"<li[^>]*>(.*?)</li>", re.DOTALL)
_LINK = re.compile(r'<a(?: [^>]*?)? ?href="([^"]*)"[^>]*>.*?</a>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_COMBINING_LINE = "\u0332"
_ENTITIES = {"&amp;": "&", "&nbsp;": " ", "&quot;": '"', "&#39;": "'", "&lt;": "<", "&gt;": ">"}


def counted_text(sanitized: str) -> str:
    """The text whose length is compared with the limit."""
    written = reserialize(sanitized)
    if "<p>" not in written:
        return written
    text = re.sub(r"^<p[^>]*>", "", written)
    text = re.sub(r"<p[^>]*>", "\n", text).replace("</p>", "")
    text = _STRONG.sub(lambda found: _each_character(found[1], _bold), text)
    text = _UNDERLINED.sub(lambda found: _each_character(found[1], _underlined), text)
    text = text.replace("<ul>", "\n<ul>")
    text = _ITEM.sub(lambda found: "- " + found[1].replace("\n", "") + "\n", text)
    text = text.replace("</ul>\n", "</ul>")
    text = _TAG.sub("", _LINK.sub(r"\1", text))
    for entity, character in _ENTITIES.items():
        text = text.replace(entity, character)
    return text


def _each_character(marked: str, change: Callable[[str], str]) -> str:
    return _CHARACTER.sub(lambda found: change(found[1]) if found[1] else found[0], marked)


def _bold(character: str) -> str:
    """The mathematical alphabet without serifs."""
    if character.isdigit():
        return chr(ord(character) - ord("0") + 0x1D7EC)
    first, bold = ("a", 0x1D5EE) if character.islower() else ("A", 0x1D5D4)
    return chr(ord(character) - ord(first) + bold)


def _underlined(character: str) -> str:
    return character + _COMBINING_LINE


def plain_length(sanitized: str) -> int:
    """Length on every network but X, in UTF-16 units."""
    return length(counted_text(sanitized))


def x_length(sanitized: str) -> int:
    """Length on X: whichever way of counting gives more."""
    text = counted_text(sanitized)
    return max(length(text), weighted_length(text))


def weighted_length(counted: str) -> int:
    """The weights of X: an address 23, an emoji 2, other characters 1 or 2."""
    text = unicodedata.normalize("NFC", counted)
    units = _ASTRAL.sub(lambda found: _surrogates(found[0]), text)
    places: Sequence[int] = range(len(text) + 1)
    if len(units) > len(text):
        places = list(accumulate(map(length, text), initial=0))
    whole = {places[found.start()]: (places[found.end()], _EMOJI) for found in EMOJI.finditer(text)}
    whole |= {start: (end, _ADDRESS) for start, end in addresses(units)}
    total = spot = 0
    for start in sorted(whole):
        if start >= spot:  # what begins in the middle of something was counted with it
            end, weight = whole[start]
            total += _one_by_one(units[spot:start]) + weight
            spot = end
    return total + _one_by_one(units[spot:])


def _one_by_one(units: str) -> int:
    if units.isascii():
        return len(units)
    rest, pairs = _PAIR.subn("", units)
    return 2 * pairs + len(rest) + len(_HEAVY.findall(rest))


def _surrogates(character: str) -> str:
    first, second = divmod(ord(character) - 0x10000, 0x400)
    return chr(0xD800 + first) + chr(0xDC00 + second)
