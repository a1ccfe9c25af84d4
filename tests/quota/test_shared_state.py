"""What a store keeps, when it was lost or its clock was set: decided without a store."""

from __future__ import annotations

import math

import pytest
from ledgers import changed, ledger_of
from msgspec.structs import replace

from postiz_async._quota import Flight, Ledger, LoggedCall
from postiz_async._quota.shared_state import (
    SharedState,
    decode,
    encode,
    not_ahead,
    on_this_clock,
    reunited,
    written_again,
)

HOUR = 3600.0


def state(ledger: Ledger, lineage: int = 7, **more: object) -> SharedState:
    return SharedState(ledger=ledger, lineage=lineage, **more)  # type: ignore[arg-type]


def test_a_lost_state_is_written_again_as_another_one_with_one_call_at_a_time() -> None:
    ledger = ledger_of(limit=90, remaining=80, tokens=12, cap=9, accounted=True, past_hours=3.0)
    seen = state(ledger, writer="me", boot="b", wall=5.0)
    again = written_again(seen, 1000)
    assert again.lineage == 1000, "else nobody could tell it from the one that was lost"
    assert again.ledger == changed(ledger, tokens=1000, cap=1, accounted=False)
    assert replace(again, ledger=ledger, lineage=7) == seen


@pytest.mark.parametrize(("ours_read", "theirs_read"), [(10.0, 20.0), (20.0, 10.0), (10.0, 10.0)])
def test_two_lives_of_a_state_are_put_together(ours_read: float, theirs_read: float) -> None:
    ours = ledger_of(
        limit=30,
        remaining=5,
        read_at=ours_read,
        ends_before=100.0,
        unseen=(1.0, 2.0),
        calls=(LoggedCall(1.0, 2.0), LoggedCall(3.0, 4.0)),
        open=(Flight(7, 1.0, alone=True), Flight(8, 2.0, alone=True)),
        tokens=9,
        cap=5,
        blocked_until=70.0,
        accounted=True,
    )
    theirs = ledger_of(
        limit=90,
        remaining=50,
        read_at=theirs_read,
        ends_before=200.0,
        unseen=(2.0, 2.0, 3.0),
        calls=(LoggedCall(3.0, 4.0), LoggedCall(5.0, 6.0)),
        open=(Flight(1000, 5.0, alone=True),),
        tokens=1001,
        cap=8,
        blocked_until=60.0,
        accounted=True,
    )
    found = state(theirs, lineage=1000)
    made = reunited(state(ours), found, mine={8})
    newer = ours if ours_read > theirs_read else theirs
    assert made.lineage == 1000
    assert made.ledger == changed(
        newer,
        accounted=False,
        cap=1,
        tokens=1001,
        open=(Flight(8, 2.0, alone=False), Flight(1000, 5.0, alone=False)),
        unseen=(1.0, 2.0, 2.0, 3.0),
        calls=(LoggedCall(1.0, 2.0), LoggedCall(3.0, 4.0), LoggedCall(5.0, 6.0)),
        blocked_until=70.0,
    )


@pytest.mark.parametrize(("shown", "is_set_back"), [(1000.0, False), (995.0, False), (994.9, True)])
def test_a_store_whose_clock_was_set_back_is_ahead_by_more_than_five_seconds(
    shown: float, *, is_set_back: bool
) -> None:
    read = state(ledger_of(read_at=1000.0))
    sent = state(ledger_of(read_at=-math.inf, open=(Flight(1, 1000.0, alone=True),)))
    for each in (read, sent):
        assert (not_ahead(each, shown) != each) is is_set_back
    if is_set_back:
        assert not_ahead(read, shown).ledger.window.read_at == shown


def test_a_state_is_the_same_after_a_store() -> None:
    ledger = ledger_of(
        limit=90, open=(Flight(1, 2.0, alone=True),), calls=(LoggedCall(1.0, 2.0, sure=False),)
    )
    kept = state(ledger, writer="me", boot="b", wall=5.0)
    assert decode("name", encode(kept)) == kept


def test_two_logs_are_put_together_in_the_order_in_which_slots_come_back() -> None:
    """So are the calls in flight, of which the first has to be the oldest."""
    ours = ledger_of(
        limit=3,
        headerless=True,
        calls=(LoggedCall(1.0, 2.0), LoggedCall(5.0, 6.0)),
        open=(Flight(8, 2.0, alone=True),),
    )
    theirs = ledger_of(
        limit=3,
        headerless=True,
        calls=(LoggedCall(3.0, 4.0),),
        open=(Flight(1000, 5.0, alone=True),),
    )
    made = reunited(state(ours), state(theirs, lineage=1000), mine={8}).ledger
    assert [call.until for call in made.log.calls] == [2.0, 4.0, 6.0]
    assert [flight.sent for flight in made.flights.open] == [2.0, 5.0]


def test_on_another_clock_what_was_learnt_is_kept() -> None:
    ledger = ledger_of(
        limit=30,
        tokens=7,
        asked=2.0,
        asked_since=400.0,
        asked_at=900.0,
        surge=9,
        surge_until=2000.0,
    )
    kept = state(ledger, boot="before", monotonic=1000.0, wall=1e9)
    moved = on_this_clock(kept, "after", 50.0, 1e9 + 10).ledger
    seen = moved.neighbours
    assert (seen.asked, seen.asked_since, seen.asked_at) == (2.0, -560.0, -60.0)
    assert (seen.surge, seen.surge_until) == (9, 1040.0)
    assert moved.flights.tokens == 7
    assert on_this_clock(kept, "before", 1010.0, 1e9 + 10) == kept


@pytest.mark.parametrize("boot", ["", "a"])
def test_what_another_clock_kept_is_taken_up_with_margins(boot: str) -> None:
    """The clock of a sandbox counts from 1970, or had been ahead of the one that runs now."""
    ledger = ledger_of(limit=30, asked=2.0, asked_since=4e8, asked_at=1e9, ends_before=1e9 + 60)
    kept = state(ledger, boot=boot, monotonic=1e9, wall=1e9)
    for now, wall in ((50.0, 1e9 + 10), (1e9 - 7200, 1e9 - 7200)):
        seen = on_this_clock(kept, boot, now, wall).ledger
        assert seen.neighbours.asked_at <= now
        assert now < seen.window.ends_before < now + 3700
