"""The user's choices for posts that are late, or whose answer was lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, TypeAlias

from postiz_async.errors import UsageError

Late: TypeAlias = Literal["skip", "send"] | timedelta
"""The choice for a late post: `skip` it, `send` it at once, or move it to that long after a slot is
free."""

OnDoubt: TypeAlias = Literal["skip", "send"]
"""The choice for a post whose answer is lost and whose date comes before its absence is proved:
`skip` ends it undecided, `send` sends it again."""

_MOST = timedelta(days=366)


def checked_late(late: Late) -> Late:
    """Check the choice; a shift is checked for its length.

    Raises:
        UsageError: the shift is less than a second, or longer than a year.
    """
    if isinstance(late, timedelta) and not timedelta(seconds=1) <= late <= _MOST:
        raise UsageError(f"A late post cannot be shifted by {late}; say 1 s to a year.")
    return late
