"""Whether to try again, and after how long. PURE.

A call may be repeated only as far as its replay safety allows: reads freely, creates only when
it is proved that the request was not carried out. Waits are bounded; anything longer than a
minute belongs to the scheduler or to the caller.
"""

from __future__ import annotations

from postiz_async._wire.endpoints import Replay
from postiz_async._wire.responses import FailureKind

__all__ = ["MAX_ATTEMPTS", "next_wait"]

MAX_ATTEMPTS = 4
"""Attempts at one call, the first included."""

_BASE, _CAP = 0.5, 20.0
"""Seconds of the first pause at most, and of any pause."""

_LONGEST = 60.0
"""A server that asks for a longer pause is not waited for here."""


def next_wait(
    outcome: FailureKind,
    *,
    attempt: int,
    replay: Replay,
    jitter: float,
    retry_after: float | None = None,
) -> float | None:
    """Seconds to wait before the next attempt, or None to give up.

    Args:
        outcome: how the attempt failed.
        attempt: its number, from 1.
        replay: what a repetition would do.
        jitter: a random number from 0 to 1.
        retry_after: seconds that the server asked for.
    """
    if attempt >= MAX_ATTEMPTS or not _may_repeat(outcome, replay, attempt):
        return None
    if retry_after is not None:
        return retry_after if retry_after <= _LONGEST else None
    ceiling = min(_CAP, _BASE * 2.0 ** (attempt - 1))
    return ceiling * (0.5 + 0.5 * jitter)


def _may_repeat(outcome: FailureKind, replay: Replay, attempt: int) -> bool:
    if outcome in {FailureKind.NOT_SENT, FailureKind.KEY_LOOKUP}:
        return True
    if replay is Replay.ONCE:
        return False
    return outcome is not FailureKind.BROKEN or (replay is Replay.SAFE and attempt == 1)
