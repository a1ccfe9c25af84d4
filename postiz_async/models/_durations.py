"""Check, read and write durations that users give. PURE."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Literal, overload

from postiz_async.errors import UsageError

_DURATION = re.compile(r"(\d{1,6})\s?([smhdw])|0+", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


SHORTEST_KEEP, LONGEST_KEEP = timedelta(hours=1), timedelta(days=3_650)
"""Bounds of `idempotency_keep`; the shortest lasts until a lost create has settled."""


@overload
def read_seconds(
    name: str, value: object, *, zero: bool = ..., endless: bool = ..., none: Literal[False] = ...
) -> float: ...


@overload
def read_seconds(
    name: str, value: object, *, zero: bool = ..., endless: bool = ..., none: bool
) -> float | None: ...


def read_seconds(
    name: str, value: object, *, zero: bool = False, endless: bool = False, none: bool = False
) -> float | None:
    """The seconds of a duration that a user gave as a number or as a `timedelta`.

    Args:
        name: the argument, as its caller knows it.
        value: what was given.
        zero: whether 0 is allowed.
        endless: whether None is allowed, and returned as infinity; `math.inf` is the same.
        none: whether None is allowed, and returned as it is.

    Raises:
        UsageError: it is no duration, is NaN or negative, or is 0, infinite or None where that is
            not allowed. The text has name and value.
    """
    if value is None and (none or endless):
        return math.inf if endless else None
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, int | float) and not isinstance(seconds, bool):
        is_large_enough = seconds >= 0 if zero else seconds > 0  # NaN is neither
        if is_large_enough and (_is_finite(seconds) or (endless and seconds == math.inf)):
            return seconds
    least = "0 or more" if zero else "more than 0"
    raise UsageError(
        f"{name} is {value!r}, which is not a time to wait. Give a finite number of seconds or a "
        f"timedelta, {least}{', or None' if none or endless else ''}."
    )


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer larger than any float
        return False


def read_keep(keep: object) -> timedelta:
    """How long idempotency keys are kept.

    Raises:
        UsageError: it is not from an hour to ten years.
    """
    seconds = read_seconds("idempotency_keep", keep)
    if not SHORTEST_KEEP.total_seconds() <= seconds <= LONGEST_KEEP.total_seconds():
        raise UsageError(f"idempotency_keep must be from an hour to ten years, not {keep!r}.")
    return timedelta(seconds=seconds)


def in_seconds(seconds: float) -> str:
    """A duration as text, to a hundredth of a second: `2 s`, `0.35 s`."""
    return f"{seconds:.2f}".rstrip("0").rstrip(".") + " s"


def read_duration(said: object) -> timedelta | None:
    """A `timedelta`, seconds, or a text such as `15m` (s, m, h, d, w) or `0`; None for all else."""
    if isinstance(said, timedelta):
        return said
    if isinstance(said, str):
        match = _DURATION.fullmatch(said)
        if match is None:
            return None
        return timedelta(seconds=int(match[1]) * _SECONDS[match[2]]) if match[2] else timedelta(0)
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    try:
        return timedelta(seconds=said)
    except (OverflowError, ValueError):  # longer than any, or NaN
        return None


def write_duration(duration: timedelta) -> str:
    """Write whole seconds in the form that `read_duration` reads: `15m`, `90s`, `2d`."""
    seconds = int(duration.total_seconds())
    units = (unit for unit in "dhm" if seconds and seconds % _SECONDS[unit] == 0)
    unit = next(units, "s")
    return f"{seconds // _SECONDS[unit]}{unit}"


def describe_span(span: timedelta) -> str:
    """A span for people: `1 d`, `-36 h`."""
    sign = "-" if span < timedelta() else ""
    return f"{sign}{describe_seconds(abs(span).total_seconds())}"


def describe_seconds(seconds: float) -> str:
    """A duration for people: `4 s`, `20 min 13 s`, `30 min`, `3 h 05 min`, `2 d 4 h`."""
    total = max(0, round(seconds))
    if total < 60:
        return f"{total} s"
    minutes, secs = divmod(total, 60)
    if minutes < 60:
        return f"{minutes} min {secs:02d} s" if secs else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
