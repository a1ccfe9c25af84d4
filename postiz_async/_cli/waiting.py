"""Describe what a command waits for: a slot of the quota, or certainty about a lost answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import tzinfo

from rich.console import Console
from rich.live import Live
from rich.text import Text

from postiz_async import Postiz, Quota
from postiz_async._cli.display import DisplayGuard
from postiz_async._cli.output import IS_QUIET, Output, clock_time, count, near_moment
from postiz_async._resources.api import opened
from postiz_async.errors import QuotaWaitError, StoreError
from postiz_async.models._durations import describe_seconds
from postiz_async.types import Attempt, Doubts

_LOOK = 0.25
_SEEN = 2
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
    output: Output, postiz: Postiz, max_wait: float | None, attempts: Sequence[Attempt]
) -> AsyncGenerator[None]:
    """While a create waits for the quota, show on standard error how long and why.

    On a terminal the line counts down; elsewhere it is printed once.

    Args:
        output: where to show it.
        postiz: the client that makes the create.
        max_wait: seconds that the create may wait.
        attempts: requests that the client has sent.

    Raises:
        KeyboardInterrupt: the create was stopped before it was sent.
        QuotaWaitError: the wait would be longer than `--max-wait`, in the words of a command.
    """

    async def say() -> None:
        with DisplayGuard()():
            await _show_waiting(output.err, postiz, max_wait)

    task = asyncio.create_task(asyncio.sleep(0) if IS_QUIET.get() else say())
    try:
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
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _show_waiting(console: Console, postiz: Postiz, max_wait: float | None) -> None:
    """Show the wait until cancelled: repeatedly on a terminal, once elsewhere."""
    live = None
    if console.is_terminal and not console.is_dumb_terminal:
        live = Live(console=console, auto_refresh=False, transient=True)
    seen = 0
    try:
        while live is not None or seen < _SEEN:
            await asyncio.sleep(_LOOK)
            quota = await seen_quota(postiz)
            seen = seen + 1 if quota.queued.interactive else 0
            if seen < _SEEN:
                continue
            text = _why_it_waits(postiz, quota)
            if live is not None:
                live.start()
                live.update(Text(f"{text} Ctrl-C stops.", "yellow"), refresh=True)
            else:
                limit = "" if max_wait is not None else " --max-wait would limit the wait."
                console.print(Text(f"{text} Nothing was sent yet.{limit}"))
    finally:
        if live is not None:
            live.stop()


def _why_it_waits(postiz: Postiz, quota: Quota) -> str:
    """A text about how long the last interactive call in the queue waits, and for what."""
    why = "another request has to tell first how many are left"
    if quota.blocked:
        why = "Postiz refuses creates until then (429)"
    elif quota.limit is not None and not quota.remaining:
        all_are = f"all {quota.limit:,} creates of this window are"
        why = f"{all_are if quota.limit > 1 else 'the only create of this window is'} used"
    elif quota.limit is not None:
        why = "answers to other creates are awaited"
    seconds = opened(postiz).scheduler.leaves_in(quota.queued.interactive)
    return f"Waiting {clock_time(seconds)}: {why}."
