"""By how much a date may move, as it is written: `15m`, `1h`, `0`. PURE."""

from __future__ import annotations

import re
from datetime import timedelta

from postiz_async.errors import ConfigurationError

__all__ = ["MOST", "checked_align", "read_align", "read_span", "written"]

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
