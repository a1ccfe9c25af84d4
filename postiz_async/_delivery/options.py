"""The user's choices for posts that are late, or whose answer was lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, TypeAlias

from postiz_async.errors import UsageError
from postiz_async.models._durations import read_duration

Late: TypeAlias = Literal["skip", "send"] | float | timedelta
"""The choice for a late post: `skip` it, `send` it at once, or move it to that long after a slot is
free: a `timedelta`, or seconds."""

LateRule: TypeAlias = Literal["skip", "send"] | timedelta
"""A checked `Late`."""

OnDoubt: TypeAlias = Literal["skip", "send"]
"""The choice for a post whose answer is lost and whose date comes before its absence is proved:
`skip` ends it undecided, `send` sends it again."""

_MOST = timedelta(days=366)


def checked_late(late: Late | str) -> LateRule:
    """Check and parse the choice; as on the command line, a duration may be a text like `15m`.

    Raises:
        UsageError: it is something else, or the shift is less than a second or more than a year.
    """
    if late == "skip":
        return "skip"
    if late == "send":
        return "send"
    shift = read_duration(late)
    if shift is None:
        how = "how much later, like 15m (s, m, h or d)"
        raise UsageError(f"--late (late=) is {late!r}; say skip, send, or {how}.")
    if not timedelta(seconds=1) <= shift <= _MOST:
        raise UsageError(f"A late post cannot be shifted by {shift}; say 1 s to a year.")
    return shift
