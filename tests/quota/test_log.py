"""Where slots come back one by one: what is kept of them, and from exactly when on it is enough."""

from __future__ import annotations

import math
import random
import tracemalloc

import pytest
from hypothesis import event, given, strategies as st
from ledgers import changed, ledger_of

from postiz_async import _quota as quota
from postiz_async._quota import (
    Grant,
    Ledger,
    Log,
    LoggedCall,
    RateHeaders,
    Wait,
    WaitReason,
)
from postiz_async._quota.decisions import others_rate
from postiz_async._quota.poisson import Poisson

HOUR = 3600.0
NOW = 5000.0
BACK = HOUR + 2
"""Seconds after which the slot of a call has come back."""


def logged(*moments: float) -> tuple[LoggedCall, ...]:
    return tuple(LoggedCall(moment, moment) for moment in sorted(moments))


def asked(an_hour: float) -> dict[str, float]:
    """Interactive calls have come at this rate for weeks."""
    return {"asked": an_hour * 6.5, "asked_since": NOW - 1e7, "asked_at": NOW}


def is_enough(ledger: Ledger, now: float) -> bool:
    """Whether the slots keep up with interactive calls if one goes at `now`, counted one by one.

    At no moment until the slot of the one that goes comes back may it be likely that more calls
    have come than slots were free until then.
    """
    limit, rate = ledger.window.limit, ledger.neighbours.asked_rate(ledger.flights.answered_at)
    returns = [call.until + BACK for call in ledger.log.calls if call.until + BACK > now]
    free = limit - len(returns) - 1
    if free < 0:
        return False
    likely = Poisson(1 - 1 / (10 * limit))
    for number, moment in enumerate([*returns, now + HOUR]):
        mean = rate * min(moment - now, HOUR)
        if likely.quantile(mean * (1 - 1e-9)) > free + number:
            return False
    return True


limits = st.integers(1, 40)
moments = st.lists(st.floats(NOW - HOUR, NOW), max_size=40)


@st.composite
def few_free(draw: st.DrawFn) -> Ledger:
    """Without headers, few slots are free, and interactive calls come at some rate."""
    limit = draw(limits)
    used = max(0, limit - draw(st.integers(1, 5)))
    calls = draw(st.lists(st.floats(NOW - HOUR, NOW), min_size=used, max_size=used))
    ledger = ledger_of(limit=limit, headerless=True, cap=40, calls=logged(*calls))
    return changed(ledger, **asked(draw(st.floats(0.05, 20))))


@given(few_free())
def test_bulk_waits_exactly_until_interactive_calls_are_likely_to_find_a_slot(
    ledger: Ledger,
) -> None:
    limit, rate = ledger.window.limit, ledger.neighbours.asked_rate(ledger.flights.answered_at)
    verdict = quota.decide(ledger, NOW)
    event(f"{verdict}"[:5])
    if isinstance(verdict, Grant):
        assert is_enough(ledger, NOW) or not ledger.log.live(NOW, HOUR)
        return
    assert verdict.why is WaitReason.RESERVED
    assert not is_enough(ledger, NOW)
    before = max(NOW, verdict.until - 0.001)
    assert not is_enough(ledger, before)
    assert quota.decide(ledger, before) == verdict, "nothing changes until then"
    if Poisson(1 - 1 / (10 * limit)).bearable(limit - 1) >= rate * HOUR:
        assert quota.decide(ledger, verdict.until + 1e-6) == Grant()


@given(few_free())
def test_where_more_interactive_calls_come_than_slots_bulk_goes_when_all_came_back(
    ledger: Ledger,
) -> None:
    ledger, waited = changed(ledger, asked=1e6), NOW
    while (verdict := quota.decide(ledger, waited)) != Grant():
        assert isinstance(verdict, Wait)
        assert waited < verdict.until < math.inf
        waited = verdict.until
    all_back = max((call.until + BACK for call in ledger.log.calls), default=NOW)
    assert waited == max(NOW, all_back)


@given(limits, moments, st.integers(0, 50))
def test_what_is_reserved_on_wish_is_kept_until_exactly_one_more_is_free(
    limit: int, calls: list[float], reserve: int
) -> None:
    calls = calls[:limit]
    ledger = ledger_of(
        limit=limit, headerless=True, cap=40, calls=logged(*calls), reserve=reserve, **asked(9.0)
    )
    kept = min(reserve, limit - 1)
    missing = kept + 1 - (limit - len(calls))
    verdict = quota.decide(ledger, NOW)
    if missing <= 0:
        assert verdict == Grant()
        return
    until = sorted(calls)[missing - 1] + BACK
    free = limit > len(calls)
    why = WaitReason.RESERVED if free else WaitReason.WINDOW
    assert verdict == Wait(until if free else min(calls) + BACK, why)


def test_one_more_call_costs_the_same_beside_ten_times_as_many() -> None:
    """In bytes: a copy is no call that could be counted."""
    few, many = (_bytes_of_a_call(calls) for calls in (2_000, 20_000))
    assert many < few + 1_000


def _bytes_of_a_call(calls: int) -> int:
    """The most that a call needs, as a rule: now and then something is put in order."""
    reading = RateHeaders(30_000, 9_000, HOUR)

    def one_more(ledger: Ledger, now: float) -> Ledger:
        ledger, token = quota.acquired(ledger, now)
        assert quota.decide(ledger, now, urgent=True)
        return quota.answered(ledger, token, now + 0.1, reading)

    ledger, now, needed = Ledger(), NOW, list[int]()
    for number in range(calls):
        ledger, now = one_more(ledger, now + 0.1), now + 0.1
        if number > calls - 100:
            tracemalloc.start()
            one_more(ledger, now)
            needed.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    return sorted(needed)[50]


@pytest.mark.parametrize("kind", ["window", "sliding", "headerless"])
def test_a_long_log_says_the_same_as_a_list(kind: str) -> None:
    log = Log(sliding=kind == "sliding", headerless=kind == "headerless")
    calls, now, dice = list[LoggedCall](), NOW, random.Random(kind)  # noqa: S311
    for number in range(3_000):
        now += dice.expovariate(1 / 3)
        late = now + dice.choice([0, 0, 0, 30])
        calls.append(LoggedCall(now, late, sure=late == now))
        log = log.with_call(calls[-1], now, HOUR)
        if number % 100 == 99:
            calls.sort(key=lambda call: call.until)
            live = [call for call in calls if call.until + BACK > now]
            assert log.live(now, HOUR) == tuple(live)
            assert log.alive(now, HOUR) == len(live)
            since = now - dice.uniform(0, 2 * HOUR)
            later = [call for call in live if call.until > since]
            assert log.live(now, HOUR, since) == tuple(later)
            sure = [call.until + BACK for call in live if call.sure or log.headerless]
            assert list(log.returns(now, HOUR)) == sure


@pytest.mark.parametrize(("sliding", "headerless"), [(True, False), (False, True), (True, True)])
def test_interactive_calls_are_kept_a_slot_in_each_kind_of_log(
    *, sliding: bool, headerless: bool
) -> None:
    calls = logged(*range(1500, 4400, 100))
    ledger = ledger_of(
        limit=30,
        limit_read=True,
        sliding=sliding,
        headerless=headerless,
        calls=calls,
        cap=30,
        read_at=NOW - 1,
        remaining=1,
        ends_after=8499.0,
        ends_before=8500.0,
        **asked(2.0),
    )
    verdict = quota.decide(ledger, NOW)
    rate = ledger.neighbours.asked_rate(ledger.flights.answered_at)
    none_comes = -math.log(1 - 1 / 300) / rate
    assert verdict == Wait(pytest.approx(1500 + BACK - none_comes), WaitReason.RESERVED)  # type: ignore[arg-type]
    assert quota.decide(ledger, NOW, urgent=True) == Grant()
    assert quota.decide(ledger, NOW, backlog=1) == Grant(), "the tail of a job fits"
    assert quota.decide(changed(ledger, asked=0.0), NOW) == Grant(), "nobody came"
    assert quota.decide(changed(ledger, reserve=0), NOW) == Grant(), "nothing on wish"


def test_a_lost_call_comes_back_when_it_can_have_arrived_last() -> None:
    """In a log of our own; a sliding log of the server may never have had it."""
    lost = LoggedCall(NOW - 1, NOW + 720, sure=False)
    ledger = ledger_of(limit=1, headerless=True, calls=(lost,))
    assert quota.decide(ledger, NOW, urgent=True) == Wait(NOW + 720 + BACK, WaitReason.WINDOW)
    assert list(Log(sliding=True, calls=(lost,)).returns(NOW, HOUR)) == []
    assert list(Log(headerless=True, calls=(lost,)).returns(NOW, HOUR)) == [NOW + 720 + BACK]


def test_calls_are_in_the_order_in_which_they_come_back() -> None:
    log = Log(headerless=True)
    for until, sent in ((5.0, 1.0), (30.0, 2.0), (7.0, 3.0), (720.0, 4.0), (7.0, 6.0)):
        log = log.with_call(LoggedCall(sent, until), 6.0, HOUR)
    assert [(call.until, call.sent) for call in log.calls] == [
        (5.0, 1.0),
        (7.0, 3.0),
        (7.0, 6.0),
        (30.0, 2.0),
        (720.0, 4.0),
    ]


@pytest.mark.parametrize("backlog", [1, 2, 3])
def test_the_last_calls_go_as_soon_as_they_surely_fit_beside_others(backlog: int) -> None:
    """Also when as many slots are free before it is sure that nobody took those."""
    back = NOW - 3602
    ledger = ledger_of(
        limit=5,
        limit_read=True,
        remaining=0,
        read_at=NOW - 500,
        ends_after=NOW + 3100,
        ends_before=NOW + 3101,
        sliding=True,
        calls=logged(back - 1, back + 1, back + 2, back + 3, NOW - 500),
        past_foreign=0.9,
        past_hours=0.14,
        accounted=True,
        own=1,
        asked=3.0,
        asked_since=NOW - 3600,
        asked_at=NOW - 3600,
    )
    verdict = quota.decide(ledger, NOW, backlog=backlog)
    assert isinstance(verdict, Wait)
    assert verdict.why is WaitReason.OTHERS
    for share in (0.25, 0.5, 0.75, 0.999):
        between = NOW + share * (verdict.until - NOW)
        assert isinstance(quota.decide(ledger, between, backlog=backlog), Wait)
    assert isinstance(quota.decide(ledger, verdict.until, backlog=backlog), Grant)


def test_who_reads_a_sliding_log_once_an_hour_learns_how_many_others_come() -> None:
    ledger = ledger_of(sliding=True, limit=30, limit_read=True)
    for hour in range(1, 30):
        now = hour * 3602.0
        ledger, token = quota.acquired(ledger, now)
        ledger = quota.answered(ledger, token, now + 0.1, RateHeaders(30, 24, 3600.0))
    assert 4 < others_rate(ledger) * 3600 < 7


def least_free(**seen: float) -> int:
    """The fewest free slots of a sliding log with which bulk work goes on now."""
    for used in range(29, -1, -1):
        calls = logged(*(NOW - 60 + number / 10 for number in range(used)))
        known = {"limit": 30, "remaining": 30 - used, "read_at": NOW - 60, "calls": calls}
        ends = {"ends_after": NOW + 3000, "ends_before": NOW + 3001, "sliding": True, "cap": 40}
        if quota.decide(ledger_of(**known, **ends, **seen), NOW) == Grant():
            return 30 - used
    raise AssertionError


def test_where_people_would_wait_for_the_end_of_a_lock_out_bulk_leaves_more() -> None:
    """As many calls come in each case, but only others cause a lock-out, and only people wait."""
    others, people = least_free(past_foreign=399.0, past_hours=99.5), least_free(**asked(4.0))
    both = least_free(past_foreign=199.0, past_hours=99.5, **asked(2.0))
    assert both > max(others, people)
