"""Check, read and write durations that users give. PURE."""

from __future__ import annotations

import math
import re
from datetime import timedelta

from postiz_async.errors import UsageError

_DURATION = re.compile(r"(\d{1,6})\s?([smhd])|0+", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


SHORTEST_KEEP, LONGEST_KEEP = timedelta(hours=1), timedelta(days=3_650)
"""Bounds of `idempotency_keep`; the shortest lasts until a lost create has settled."""


def check_seconds(
    name: str, value: object, *, zero: bool = False, endless: bool = False, none: bool = False
) -> None:
    """Refuse what is not a usable number of seconds.

    Args:
        name: the argument, as its caller knows it.
        value: what was given.
        zero: whether 0 is allowed.
        endless: whether infinity is allowed.
        none: whether None is allowed.

    Raises:
        UsageError: it is not a number, is NaN or negative, or is 0, infinite or None where
            that is not allowed. The text has name and value.
    """
    if value is None and none:
        return
    if isinstance(value, int | float) and not isinstance(value, bool):
        is_large_enough = value >= 0 if zero else value > 0  # NaN is neither
        if is_large_enough and (_is_finite(value) or (endless and value == math.inf)):
            return
    least = "0 or more" if zero else "more than 0"
    further = [text for text, fits in (("math.inf", endless), ("None", none)) if fits]
    also = f", or {' or '.join(further)}" if further else ""
    raise UsageError(
        f"{name} is {value!r}, which is not a time to wait. Give a finite number of seconds, "
        f"{least}{also}."
    )


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer larger than any float
        return False


def check_keep(keep: object) -> None:
    """Refuse an invalid `idempotency_keep`.

    Raises:
        UsageError: it is not a `timedelta` from an hour to ten years.
    """
    if not isinstance(keep, timedelta) or not SHORTEST_KEEP <= keep <= LONGEST_KEEP:
        raise UsageError(
            f"idempotency_keep must be a timedelta from an hour to ten years, not {keep!r}."
        )


def in_seconds(seconds: float) -> str:
    """A duration as text, to a hundredth of a second: `2 s`, `0.35 s`."""
    return f"{seconds:.2f}".rstrip("0").rstrip(".") + " s"


def read_duration(said: object) -> timedelta | None:
    """A `timedelta`, seconds, or a text such as `15m` (s, m, h or d) or `0`; None for all else."""
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
