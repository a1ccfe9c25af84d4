"""What the user of a batch may choose, and how it is written: `15m`, `1h`, `0`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

from postiz_async.delivery.options import Late, OnDoubt, checked_late
from postiz_async.errors import ConfigurationError

__all__ = [
    "MOST",
    "BatchOptions",
    "Existing",
    "Late",
    "OnDoubt",
    "checked_align",
    "checked_late",
    "read_align",
    "read_late",
    "read_span",
    "written",
]


Existing: TypeAlias = Literal["refuse", "adopt", "again"]
"""Rows that are in Postiz when there is no journal: stop, take them over, or send them again."""


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """All of them."""

    late: Late = "skip"
    on_doubt: OnDoubt = "skip"
    existing: Existing = "refuse"
    align: timedelta = timedelta(0)
    """By how much dates may move so that posts share a request."""
    exact_seconds: bool = False
    """Dates are sent without the milliseconds that would mark their request."""


_SHIFT = re.compile(r"shift=(\d{1,6})([smhd])")
_TOLERANCE_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read_late(text: str) -> Late:
    """`skip`, `send`, or `shift=15m` with s, m, h or d.

    Raises:
        ConfigurationError: it is something else.
    """
    if text == "skip":
        return "skip"
    if text == "send":
        return "send"
    match = _SHIFT.fullmatch(text)
    if match is None:
        raise ConfigurationError(f"late is {text!r}; say skip, send or shift=15m (s, m, h or d).")
    return checked_late(timedelta(**{_TOLERANCE_UNITS[match[2]]: int(match[1])}))


MOST = timedelta(days=7)
"""Further no date moves."""

_SPAN = re.compile(r"(\d{1,6})\s?([smhd])|0+", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read_span(text: str) -> timedelta | None:
    """A number with s, m, h or d, or 0; None if it is something else."""
    match = _SPAN.fullmatch(text)
    if match is None:
        return None
    return timedelta(**{_UNITS[match[2]]: int(match[1])}) if match[2] else timedelta(0)


def written(span: timedelta) -> str:
    """A time as `read_span` reads it: `15m`, `90s`, `2d`."""
    seconds = int(span.total_seconds())
    for unit, letter in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds and seconds % unit == 0:
            return f"{seconds // unit}{letter}"
    return f"{seconds}s"


def read_align(text: str) -> timedelta:
    """The same from a command line.

    Raises:
        ConfigurationError: it is no such time, or longer than a week.
    """
    span = read_span(text)
    if span is None:
        raise ConfigurationError(f"align is {text!r}; say how far, like 15m (s, m, h or d) or 0.")
    return checked_align(span)


def checked_align(align: timedelta) -> timedelta:
    """The time, if dates can move by it.

    Raises:
        ConfigurationError: it is negative, no whole seconds, or longer than a week.
    """
    if not timedelta(0) <= align <= MOST or align.microseconds:
        raise ConfigurationError(
            f"Dates cannot move by {align}; say whole seconds from 0 to {MOST.days} days."
        )
    return align
