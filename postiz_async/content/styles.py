"""Bold and underlined letters of networks that know plain text only. PURE."""

from __future__ import annotations

import re
import string

__all__ = ["bold", "underlined"]

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
