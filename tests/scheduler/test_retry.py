from __future__ import annotations

from hypothesis import given, strategies as st

from postiz_async._scheduler.retry import next_wait
from postiz_async._wire.endpoints import Replay
from postiz_async._wire.responses import FailureKind

outcomes = st.sampled_from(FailureKind)
replays = st.sampled_from(Replay)
jitters = st.floats(0, 1)
attempts = st.integers(1, 6)
asked = st.none() | st.floats(0, 100_000)


def wait(outcome: FailureKind, replay: Replay, attempt: int = 1, **more: float) -> float | None:
    return next_wait(outcome, attempt=attempt, retries=3, replay=replay, jitter=1.0, **more)


@given(outcomes, attempts, st.integers(0, 6), replays, jitters, asked)
def test_every_wait_is_bounded_and_so_are_the_attempts(
    outcome: FailureKind,
    attempt: int,
    retries: int,
    replay: Replay,
    jitter: float,
    retry_after: float | None,
) -> None:
    seconds = next_wait(
        outcome,
        attempt=attempt,
        retries=retries,
        replay=replay,
        jitter=jitter,
        retry_after=retry_after,
    )
    assert seconds is None or 0 <= seconds <= 60
    if attempt > retries:
        assert seconds is None


@given(outcomes, attempts, jitters, asked)
def test_what_may_happen_twice_is_repeated_only_when_it_surely_did_not_happen(
    outcome: FailureKind, attempt: int, jitter: float, retry_after: float | None
) -> None:
    seconds = next_wait(
        outcome,
        attempt=attempt,
        retries=100,
        replay=Replay.ONCE,
        jitter=jitter,
        retry_after=retry_after,
    )
    if outcome not in {FailureKind.NOT_SENT, FailureKind.KEY_LOOKUP}:
        assert seconds is None


def test_pauses_grow_and_are_spread() -> None:
    pauses = [wait(FailureKind.BUSY, Replay.SAFE, attempt) for attempt in (1, 2, 3)]
    assert pauses == [0.5, 1.0, 2.0]
    assert next_wait(FailureKind.BUSY, attempt=1, retries=3, replay=Replay.SAFE, jitter=0.0) == 0.25


def test_reads_and_the_same_end_state_are_repeated_after_a_lost_answer() -> None:
    for replay in (Replay.SAFE, Replay.IDEMPOTENT):
        assert wait(FailureKind.NO_ANSWER, replay) is not None


def test_500_is_often_lasting_so_a_read_is_repeated_once_and_a_change_never() -> None:
    assert wait(FailureKind.BROKEN, Replay.SAFE) is not None
    assert wait(FailureKind.BROKEN, Replay.SAFE, 2) is None
    assert wait(FailureKind.BROKEN, Replay.IDEMPOTENT) is None


def test_a_server_that_asks_for_time_gets_it_or_the_caller_is_told() -> None:
    assert wait(FailureKind.BUSY, Replay.SAFE, retry_after=30.0) == 30.0
    assert wait(FailureKind.BUSY, Replay.SAFE, retry_after=60.0) == 60.0
    assert wait(FailureKind.BUSY, Replay.SAFE, retry_after=0.0) == 0.0
    assert wait(FailureKind.BUSY, Replay.SAFE, retry_after=61.0) is None


def test_a_server_that_asks_for_none_for_ever_is_not_hammered() -> None:
    def pause(attempt: int, retry_after: float) -> float | None:
        kind, replay = FailureKind.BUSY, Replay.SAFE
        return next_wait(
            kind, attempt=attempt, retries=100, replay=replay, jitter=0.0, retry_after=retry_after
        )

    assert [pause(attempt, 0.0) for attempt in (1, 2, 3)] == [0.0, 0.0, 0.0]
    assert [pause(attempt, 0.0) for attempt in (4, 5, 100)] == [2.0, 4.0, 10.0]
    assert [pause(attempt, 30.0) for attempt in (3, 4, 100)] == [30.0, 30.0, 30.0]
