"""What the server makes of dates: zones, days that are none, forms that it fails on. PURE."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from postiz_async.validation.formats import is_iso_format

__all__ = ["crashes", "has_zone", "is_clear", "is_iso_date", "moment"]

_CLEAR = re.compile(
    r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_CRASHES = re.compile(r"[+-]?\d{4}-?W.*|[+-]?\d{7,}.*", re.ASCII)


def is_iso_date(date: str) -> bool:
    """Whether the server takes a text for an ISO 8601 date; it is looser than it ought to be."""
    return moment(date) is not None or is_iso_format(date)


def crashes(date: str) -> bool:
    """Whether the server accepts a date and then fails on it: weeks, and days without dashes."""
    return moment(date) is None and _CRASHES.fullmatch(date) is not None


def is_clear(date: str) -> bool:
    """Whether a date has the one form that leaves nothing to guess."""
    return _CLEAR.fullmatch(date) is not None


def has_zone(date: str) -> bool:
    """Whether a clear date has a zone; the server takes it for UTC otherwise."""
    return date.endswith("Z") or ("T" in date and date[-6] in "+-")


@lru_cache(maxsize=256)
def moment(date: str) -> datetime | None:
    """The moment of a clear date; None for a day that is not in the calendar."""
    if not is_clear(date):
        return None
    try:
        at = datetime.fromisoformat(date)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
