"""What the user of a batch may choose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

from postiz_async._delivery.options import Late, OnDoubt, checked_late
from postiz_async.errors import ConfigurationError
from postiz_async.models._durations import read_duration

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
    as_new: bool = False
    """Rows that look like edits of others are posts of their own."""


def read_late(text: str) -> Late:
    """`skip`, `send`, or `shift=15m` with s, m, h or d.

    Raises:
        ConfigurationError: it is something else.
    """
    if text == "skip":
        return "skip"
    if text == "send":
        return "send"
    shift = read_duration(text.removeprefix("shift=")) if text.startswith("shift=") else None
    if shift is None:
        raise ConfigurationError(f"--late is {text!r}; say skip, send or shift=15m (s, m, h or d).")
    return checked_late(shift)


MAX_ALIGN = timedelta(days=7)
"""No date moves further."""


def read_align(text: str) -> timedelta:
    """How far dates may move: `15m`, `1h`, `0`.

    Raises:
        ConfigurationError: it is not written like that, or longer than a week.
    """
    align = read_duration(text)
    if align is None:
        raise ConfigurationError(
            f"--align (align=) is {text!r}; say how far, like 15m (s, m, h or d) or 0."
        )
    return checked_align(align)


def read_span(align: timedelta | str | None) -> timedelta:
    """How far dates may move, as a program says it; not at all if None.

    Raises:
        ConfigurationError: it is not a time, or longer than a week.
    """
    if align is None:
        return timedelta(0)
    return read_align(align) if isinstance(align, str) else checked_align(align)


def checked_align(align: timedelta) -> timedelta:
    """The time, if dates can move by it.

    Raises:
        ConfigurationError: it is negative, no whole seconds, or longer than a week.
    """
    if not timedelta(0) <= align <= MAX_ALIGN or align.microseconds:
        raise ConfigurationError(
            f"Dates cannot move by {align} (--align, align=); say whole seconds from 0 to "
            f"{MAX_ALIGN.days} days."
        )
    return align
