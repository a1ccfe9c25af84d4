"""Where a text may be cut without taking a character apart. PURE.

After the rules for grapheme clusters of Unicode (UAX 29), with what the standard library knows.
In doubt characters are kept together: a cut too few does no harm.
"""

from __future__ import annotations

import unicodedata
from itertools import pairwise

__all__ = ["joins_before", "safe_cuts"]

_ZWNJ, _ZWJ = "\u200c", "\u200d"
_VIRAMA = 9
_EXTENDING = frozenset("\u200c\u200d\u0e33\u0eb3\uff9e\uff9f") | {
    *map(chr, range(0x1F3FB, 0x1F400)),
    *map(chr, range(0xE0020, 0xE0080)),
}
"""What continues a cluster beside marks: joiners, skin tones, tags and vowels of some scripts."""
_PREPENDED = frozenset(
    "\u0d4e\U000111c2\U000111c3\U00011941\U0001193f\U00011a3a\U00011a84\U00011a85\U00011a86"
    "\U00011a87\U00011a88\U00011a89\U00011d46\U00011f02\U000113d1"
)


def joins_before(character: str) -> bool:
    """Whether a character belongs to what stands before it."""
    return not character.isascii() and (
        unicodedata.category(character).startswith("M") or character in _EXTENDING
    )


def safe_cuts(text: str) -> list[int]:
    """The positions inside a text before which it may be cut, in order."""
    if text.isascii() and "\r" not in text:
        return list(range(1, len(text)))
    cuts: list[int] = []
    indicators, is_linked = 0, False
    for place, (before, after) in enumerate(pairwise(text), start=1):
        indicators = indicators + 1 if _is_indicator(before) else 0
        # a virama links letters, whatever marks follow it
        is_linked = unicodedata.combining(before) == _VIRAMA or (is_linked and joins_before(before))
        is_half_a_flag = indicators % 2 == 1 and _is_indicator(after)
        if not (is_half_a_flag or is_linked or _are_one(before, after)):
            cuts.append(place)
    return cuts


def _are_one(before: str, after: str) -> bool:
    if before.isascii() and after.isascii():
        return before == "\r" and after == "\n"
    return (
        joins_before(after)
        or before == _ZWJ
        or (before != _ZWNJ and unicodedata.category(before) == "Cf")
        or before in _PREPENDED
        or (_is_hangul(before) and _is_following_jamo(after))
        or (_is_leading_jamo(before) and _is_hangul(after))
        or ("\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff")
    )


def _is_indicator(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _is_leading_jamo(character: str) -> bool:
    return "\u1100" <= character <= "\u115f" or "\ua960" <= character <= "\ua97f"


def _is_following_jamo(character: str) -> bool:
    return "\u1160" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7ff"


def _is_hangul(character: str) -> bool:
    is_syllable = "\uac00" <= character <= "\ud7a3"
    return is_syllable or _is_following_jamo(character) or _is_leading_jamo(character)
