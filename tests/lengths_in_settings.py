"""How long validator.js 13.15 takes texts for, which the server asks about texts in settings."""

from __future__ import annotations

__all__ = ["LENGTHS"]

LENGTHS: list[tuple[str, int]] = [
    ("a", 1),
    ("b ", 2),
    ("\ufe0f", 1),
    ("\ufe0e", 1),
    ("\u2600", 1),
    ("\u2600\ufe0f", 1),
    ("\U0001f600", 1),
    ("\U0001f44d\ufe0f", 1),
    ("\U0001f468\u200d\U0001f469\u200d\U0001f467", 5),
    ("\u200d", 1),
    ("\xe9", 1),
    ("e\u0301", 2),
    ("\u65e5", 1),
    ("\U0001f1f3\U0001f1f4", 2),
    ("1\ufe0f\u20e3", 2),
    ("\n", 1),
    ("\U000e0100", 1),
    ("\U0001f3fd", 1),
    ("\ufe0f\ufe0f", 2),
    ("\ufe0e\ufe0f", 2),
    ("\u200b", 1),
    ("\ufeff", 1),
    ("\ufe01", 1),
    ("\U0001d400", 1),
    ("\U0001f3f3\ufe0f\u200d\U0001f308", 3),
    ("\u65e5\ufe0f\ufe0f\ufe0e\ufe0f\ufe0f\u2600", 6),
    ("\xe9\U000e0100\ufe0ea\u200b\U0001f3f3\ufe0f\u200d\U0001f308\ufe0e\ufe0f", 8),
    ("\U000e0100\U0001f3f3\ufe0f\u200d\U0001f308\U0001f600\U0001d400b ", 8),
    ("\ufe0ee\u0301e\u0301\u2600\ufe0f", 6),
    ("e\u0301\u65e5\u2600\U0001f468\u200d\U0001f469\u200d\U0001f467\ufe0eb ", 11),
]
