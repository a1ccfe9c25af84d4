"""Whether to try again, and after how long. PURE.

A call may be repeated only as far as its replay safety allows: reads freely, creates only when
it is proved that the request was not carried out. Waits are bounded; anything longer than a
minute belongs to the scheduler or to the caller.
"""

from __future__ import annotations

from postiz_async._scheduler.calls import USUAL_RETRIES
from postiz_async._wire.endpoints import Replay
from postiz_async._wire.responses import FailureKind

_BASE, _CAP = 0.5, 20.0
"""Seconds of the first pause at most, and of any pause."""

_LONGEST = 60.0
"""A server that asks for a longer pause is not waited for here. One that asks for a shorter one
than ours, or none, has it a few times only: it may say so for ever."""


def next_wait(
    outcome: FailureKind,
    *,
    attempt: int,
    retries: int,
    replay: Replay,
    jitter: float,
    retry_after: float | None = None,
) -> float | None:
    """Seconds to wait before the next attempt, or None to give up.

    Args:
        outcome: how the attempt failed.
        attempt: its number, from 1.
        retries: how many may come after the first.
        replay: what a repetition would do.
        jitter: a random number from 0 to 1.
        retry_after: seconds that the server asked for.
    """
    if attempt > retries or not _may_repeat(outcome, replay, attempt):
        return None
    ceiling = min(_CAP, _BASE * 2.0 ** (attempt - 1))
    pause = ceiling * (0.5 + 0.5 * jitter)
    if retry_after is None:
        return pause
    if retry_after > _LONGEST:
        return None
    return retry_after if attempt <= USUAL_RETRIES else max(pause, retry_after)


def _may_repeat(outcome: FailureKind, replay: Replay, attempt: int) -> bool:
    if outcome in {FailureKind.NOT_SENT, FailureKind.KEY_LOOKUP}:
        return True
    if replay is Replay.ONCE:
        return False
    return outcome is not FailureKind.BROKEN or (replay is Replay.SAFE and attempt == 1)
