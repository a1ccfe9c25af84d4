"""Texts of unknown origin inside of a page. PURE."""

from __future__ import annotations

import html

__all__ = ["cut", "safe"]

_CONTROL = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160), 0xFFFE, 0xFFFF], "\ufffd")


def safe(text: str) -> str:
    """A text for the inside of an element or of a quoted attribute."""
    return html.escape(text.translate(_CONTROL))


def cut(text: str, length: int) -> str:
    """The same for an element, on one line of at most so many characters.

    What the text does to the direction of writing ends with it.
    """
    line = " ".join(text.split())
    line = line if len(line) <= length else line[: length - 1].rstrip() + "…"
    return f"<bdi>{safe(line)}</bdi>" if line else ""
