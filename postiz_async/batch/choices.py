"""What the user of a batch may choose, and how it is written on a command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

from postiz_async.delivery.choices import Late, OnDoubt, checked_late
from postiz_async.errors import ConfigurationError

__all__ = ["BatchOptions", "Existing", "Late", "OnDoubt", "checked_late", "read_late"]

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
