"""Requests and answers that overtake each other, where nobody else uses the key."""

from __future__ import annotations

from hypothesis import given, strategies as st
from ledgers import ledger_of
from throttles import FixedWindow

from postiz_async import _quota as quota
from postiz_async._quota import Grant, Ledger, RateHeaders, WaitReason

moves = st.tuples(st.sampled_from(["ask", "ask", "arrive", "answer"]), st.integers(0, 9))


def after_first_answer(server: FixedWindow, ledger: Ledger, now: float) -> Ledger:
    """One call went alone and read the counter."""
    ledger, first = quota.acquired(ledger, now)
    reading = server.hit(now)
    assert isinstance(reading, RateHeaders)
    return quota.answered(ledger, first, now, reading)


@given(
    limit=st.integers(2, 12),
    used=st.integers(0, 5),
    steps=st.lists(moves, min_size=20, max_size=60),
)
def test_nobody_is_told_that_a_window_is_used_up_while_a_slot_is_left(
    limit: int, used: int, steps: list[tuple[str, int]]
) -> None:
    """Requests and answers overtake each other; all arrive, and nobody else uses the key."""
    server, ledger, now = FixedWindow(limit), ledger_of(limit=limit), 1000.0
    for _ in range(min(used, limit - 1)):
        server.hit(now)
    ledger = after_first_answer(server, ledger, now)
    under_way: list[int] = []
    answers: list[tuple[int, RateHeaders]] = []
    # at the end all that is under way comes back, and whoever waited asks again
    rest = [("arrive", 0), ("answer", 0), ("ask", 0)] * len(steps)
    for what, place in [*steps, *rest]:
        now += 0.01
        if what == "ask":
            verdict = quota.decide(ledger, now, urgent=True)
            taken = server.hits + len(under_way)
            soon = quota.forecast(ledger, now, 0) <= now + 1
            if isinstance(verdict, Grant):
                ledger, token = quota.acquired(ledger, now)
                under_way.append(token)
                assert taken < limit
            elif taken < limit:
                assert verdict.why is WaitReason.IN_FLIGHT
                assert soon, "or callers who do not wait long would be refused"
                assert ledger.flights.open
            elif not answers:
                assert verdict.why is WaitReason.WINDOW
                assert not soon
        elif what == "arrive" and under_way:
            token = under_way.pop(place % len(under_way))
            reading = server.hit(now)
            assert isinstance(reading, RateHeaders)
            answers.append((token, reading))
        elif what == "answer" and answers:
            token, reading = answers.pop(place % len(answers))
            ledger = quota.answered(ledger, token, now, reading)


losses = st.tuples(st.sampled_from(["ask", "ask", "arrive", "answer", "lose"]), st.integers(0, 9))


@given(limit=st.integers(2, 12), steps=st.lists(losses, min_size=10, max_size=60))
def test_alone_what_was_never_sent_is_free_however_many_answers_are_lost(
    limit: int, steps: list[tuple[str, int]]
) -> None:
    server, ledger, now = FixedWindow(limit), ledger_of(limit=limit, reserve=0), 1000.0
    ledger = after_first_answer(server, ledger, now)
    under_way: list[int] = []
    answers: list[tuple[int, RateHeaders]] = []
    stray, sent = 0, 1
    rest = [("arrive", 0), ("answer", 0)] * len(steps)
    for what, place in [*steps, *rest]:
        now += 0.01
        if what == "ask":
            if isinstance(quota.decide(ledger, now, urgent=True), Grant):
                ledger, token = quota.acquired(ledger, now)
                under_way.append(token)
                sent += 1
                assert sent <= limit
        elif what == "arrive" and under_way:
            reading = server.hit(now)
            assert isinstance(reading, RateHeaders), "429, and nobody else uses the key"
            answers.append((under_way.pop(place % len(under_way)), reading))
        elif what == "lose" and under_way:  # it may arrive yet
            ledger = quota.lost(ledger, under_way.pop(place % len(under_way)), now)
            stray += 1
        elif what == "lose" and answers:  # it did
            ledger = quota.lost(ledger, answers.pop(place % len(answers))[0], now)
        elif what == "answer" and answers:
            token, reading = answers.pop(place % len(answers))
            ledger = quota.answered(ledger, token, now, reading)
    assert not ledger.flights.open
    assert limit - sent <= ledger.free_slots(now) <= limit - server.hits - stray
