"""Decide whether to retry, and after how long. PURE.

A call is repeated only as far as its replay safety allows: reads freely, creates only when it is
proved that the request was not carried out. Waits are bounded; longer ones than a minute are left
to the scheduler or to the caller.
"""

from __future__ import annotations

from postiz_async._scheduler.calls import USUAL_RETRIES
from postiz_async._wire.endpoints import Replay
from postiz_async._wire.responses import FailureKind

_BASE, _CAP = 0.5, 20.0
"""Seconds of the first pause, and of any pause, at most."""

_LONGEST = 60.0
"""Seconds: if the server asks for a longer pause, the call is not retried here. A shorter pause
than ours, or none, is accepted only a few times, as a server may ask for it for ever."""


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
        attempt: the number of the attempt, from 1.
        retries: attempts after the first, at most.
        replay: whether the call may be repeated.
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
