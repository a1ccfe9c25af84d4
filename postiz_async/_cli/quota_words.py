"""The quota in the words of a display."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async._cli.output import clock_time
from postiz_async.errors import StoreError, describe_seconds

if TYPE_CHECKING:
    from postiz_async import Postiz, Quota


async def seen_quota(postiz: Postiz) -> Quota:
    """The quota as it is known; what is kept of it need not be read for that."""
    try:
        return await postiz.quota()
    except StoreError:  # the next create says it; the display goes on with what is known
        return await postiz.quota(refresh=False)


def quota_text(quota: Quota) -> str:
    """How much is left, and until when: `13 of 30 left, next window in 10:00`."""
    if quota.blocked:
        return f"locked out, next request in {clock_time(quota.blocked_for)}"
    if quota.limit is None:
        return "not read yet"
    window = ""
    if quota.resets_in is not None:
        window = f", next window in {clock_time(quota.resets_in)}"
    return f"{quota.remaining or 0:,} of {quota.limit:,} left{window}"


def held_for(quota: Quota) -> str:
    """For whom the slots are held that bulk work waits for; empty if it does not wait."""
    if quota.blocked or not (quota.queued.bulk and quota.bulk_in):
        return ""
    whom = _HELD.get(quota.bulk_waits_for or "")
    minutes = 60 * max(1, int(quota.bulk_in / 60))
    return f"kept free for {whom} for {describe_seconds(minutes)}" if whom else ""


_HELD = {"reserved": "single posts", "others": "other clients"}
"""For whom slots are kept that bulk work does not take yet."""
