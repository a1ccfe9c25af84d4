"""Describe what a command waits for: a slot of the quota, or certainty about a lost answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import tzinfo

from rich.text import Text

from postiz_async import Postiz, Quota
from postiz_async._cli.display import StatusDisplay
from postiz_async._cli.output import Output, clock_time, count, near_moment
from postiz_async._resources.api import opened
from postiz_async.errors import QuotaWaitError, StoreError
from postiz_async.models._durations import describe_seconds
from postiz_async.types import Attempt, Doubts

_SEEN = 5
"""Checks in a row that find a waiting call before it is shown."""


async def seen_quota(postiz: Postiz) -> Quota:
    """The quota as last seen, even if the store cannot be read."""
    try:
        return await postiz.quota()
    except StoreError:  # the next create reports it; show the last known quota
        return await postiz.quota(refresh=False)


def quota_text(quota: Quota) -> str:
    """A text with the slots left, and until when: `13 of 30 left, next window in 10:00`."""
    if quota.blocked:
        return f"locked out, next request in {clock_time(quota.blocked_for)}"
    if quota.limit is None:
        return "not read yet"
    window = ""
    if quota.resets_in is not None:
        window = f", next window in {clock_time(quota.resets_in)}"
    return f"{quota.remaining or 0:,} of {quota.limit:,} left{window}"


def held_for(quota: Quota) -> str:
    """A text that says for whom slots are held while bulk work waits; empty if it does not wait."""
    if quota.blocked or not (quota.queued.bulk and quota.bulk_in):
        return ""
    whom = _HELD.get(quota.bulk_waits_for or "")
    minutes = 60 * max(1, int(quota.bulk_in / 60))
    return f"kept free for {whom} for {describe_seconds(minutes)}" if whom else ""


_HELD = {"reserved": "single posts", "others": "other clients"}
"""Names of those for whom slots are kept while bulk work waits."""


def doubt_text(doubts: Doubts, now: float, zone: tzinfo) -> str:
    """A text about lost answers: which, why, and until when; empty if there are none.

    Args:
        doubts: the lost answers of the job.
        now: seconds since the epoch.
        zone: the zone of the date.
    """
    if not doubts.requests:
        return ""
    why = "answer lost" if doubts.requests == 1 else f"{doubts.requests:,} answers lost"
    until = "once a later request is answered"
    certain_at = doubts.certain_at
    if certain_at is not None and certain_at.timestamp() > now:
        until = f"about {near_moment(certain_at, zone)}"
    return f"{count(doubts.posts, 'post')}, {why}; certain {until}"


@asynccontextmanager
async def waiting_shown(
    postiz: Postiz, max_wait: float | None, attempts: Sequence[Attempt]
) -> AsyncGenerator[None]:
    """While a create waits for the quota, show on standard error how long and why.

    On a terminal the line counts down; elsewhere it is printed once.

    Args:
        postiz: the client that makes the create.
        max_wait: seconds that the create may wait.
        attempts: requests that the client has sent.

    Raises:
        KeyboardInterrupt: the create was stopped before it was sent.
        QuotaWaitError: the wait would be longer than `--max-wait`, in the words of a command.
    """
    try:
        async with _SlotDisplay(postiz, max_wait):
            yield
    except QuotaWaitError as error:
        wait = describe_seconds(max(1.0, error.retry_after))
        raise QuotaWaitError(
            f"The quota has no slot for {wait}, and --max-wait allows "
            f"{describe_seconds(max_wait or 0)}. Nothing was sent: try again then, or wait longer.",
            retry_after=error.retry_after,
        ) from error
    except asyncio.CancelledError:
        if any(attempt.posts for attempt in attempts):
            raise
        raise KeyboardInterrupt("Stopped; nothing was sent.") from None


class _SlotDisplay(StatusDisplay):
    """The display of a wait for the quota, on standard error."""

    def __init__(self, postiz: Postiz, max_wait: float | None) -> None:
        super().__init__(Output(as_json=True), is_transient=True)
        self._postiz = postiz
        self._max_wait = max_wait
        self._said_at = -math.inf  # the line is said at once
        self._seen = 0

    async def _show(self) -> None:
        quota = await self._postiz.quota(refresh=False)
        self._seen = self._seen + 1 if quota.queued.interactive else 0
        if self._seen >= _SEEN:
            await super()._show()

    async def _picture(self) -> Text:
        return Text(f"{await self._why()} Ctrl-C stops.", "yellow")

    async def _line(self) -> str:
        limit = "" if self._max_wait is not None else " --max-wait would limit the wait."
        return f"{await self._why()} Nothing was sent yet.{limit}"

    async def _why(self) -> str:
        """A text about how long the last interactive call in the queue waits, and for what."""
        quota = await seen_quota(self._postiz)
        why = "another request has to tell first how many are left"
        if quota.blocked:
            why = "Postiz refuses creates until then (429)"
        elif quota.limit is not None and not quota.remaining:
            all_are = f"all {quota.limit:,} creates of this window are"
            why = f"{all_are if quota.limit > 1 else 'the only create of this window is'} used"
        elif quota.limit is not None:
            why = "answers to other creates are awaited"
        seconds = opened(self._postiz).scheduler.leaves_in(quota.queued.interactive)
        return f"Waiting {clock_time(seconds)}: {why}."
