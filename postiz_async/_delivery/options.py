"""What a user may choose for posts that come too late, or whose answer was lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, TypeAlias

from postiz_async.errors import UsageError

Late: TypeAlias = Literal["skip", "send"] | timedelta
"""A post whose date passes before it leaves: keep it unsent, publish it at once, or move it to
that long after a slot is free."""

OnDoubt: TypeAlias = Literal["skip", "send"]
"""A post whose answer was lost and whose date comes before its absence can be proved: end it
undecided, or send it again."""

_MOST = timedelta(days=366)


def checked_late(late: Late) -> Late:
    """The choice, if a shift is one.

    Raises:
        UsageError: the shift is less than a second, or longer than a year.
    """
    if isinstance(late, timedelta) and not timedelta(seconds=1) <= late <= _MOST:
        raise UsageError(f"A late post cannot be shifted by {late}; say 1 s to a year.")
    return late
