"""What a store keeps, when it was lost or its clock was set: decided without a store."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from postiz_async._quota import Flight, Ledger, LoggedCall
from postiz_async._quota.shared_state import (
    SharedState,
    decode,
    encode,
    not_ahead,
    reunited,
    written_again,
)

HOUR = 3600.0


def state(ledger: Ledger, lineage: int = 7, **more: object) -> SharedState:
    return SharedState(ledger=ledger, lineage=lineage, **more)  # type: ignore[arg-type]


def test_a_lost_state_is_written_again_as_another_one_with_one_call_at_a_time() -> None:
    ledger = Ledger(limit=90, remaining=80, tokens=12, cap=9, accounted=True, past_hours=3.0)
    seen = state(ledger, writer="me", boot="b", wall=5.0)
    again = written_again(seen, 1000)
    assert again.lineage == 1000, "else nobody could tell it from the one that was lost"
    assert again.ledger == replace(ledger, tokens=1000, cap=1, accounted=False)
    assert replace(again, ledger=ledger, lineage=7) == seen


@pytest.mark.parametrize(("ours_read", "theirs_read"), [(10.0, 20.0), (20.0, 10.0), (10.0, 10.0)])
def test_two_lives_of_a_state_are_put_together(ours_read: float, theirs_read: float) -> None:
    ours = Ledger(
        limit=30,
        remaining=5,
        read_at=ours_read,
        ends_before=100.0,
        unseen=(1.0, 2.0),
        log=(LoggedCall(1.0, 2.0), LoggedCall(3.0, 4.0)),
        flights=(Flight(7, 1.0, alone=True), Flight(8, 2.0, alone=True)),
        tokens=9,
        cap=5,
        blocked_until=70.0,
        accounted=True,
    )
    theirs = Ledger(
        limit=90,
        remaining=50,
        read_at=theirs_read,
        ends_before=200.0,
        unseen=(2.0, 2.0, 3.0),
        log=(LoggedCall(3.0, 4.0), LoggedCall(5.0, 6.0)),
        flights=(Flight(1000, 5.0, alone=True),),
        tokens=1001,
        cap=8,
        blocked_until=60.0,
        accounted=True,
    )
    found = state(theirs, lineage=1000)
    made = reunited(state(ours), found, mine={8})
    newer = ours if ours_read > theirs_read else theirs
    assert made.lineage == 1000
    assert made.ledger == replace(
        newer,
        accounted=False,
        cap=1,
        tokens=1001,
        flights=(Flight(1000, 5.0, alone=False), Flight(8, 2.0, alone=False)),
        unseen=(1.0, 2.0, 2.0, 3.0),
        log=(LoggedCall(1.0, 2.0), LoggedCall(3.0, 4.0), LoggedCall(5.0, 6.0)),
        blocked_until=70.0,
    )


@pytest.mark.parametrize(("shown", "is_set_back"), [(1000.0, False), (995.0, False), (994.9, True)])
def test_a_store_whose_clock_was_set_back_is_ahead_by_more_than_five_seconds(
    shown: float, *, is_set_back: bool
) -> None:
    read = state(Ledger(read_at=1000.0))
    sent = state(Ledger(read_at=-math.inf, flights=(Flight(1, 1000.0, alone=True),)))
    for each in (read, sent):
        assert (not_ahead(each, shown) != each) is is_set_back
    if is_set_back:
        assert not_ahead(read, shown).ledger.read_at == shown


def test_a_state_is_the_same_after_a_store() -> None:
    ledger = Ledger(
        limit=90, flights=(Flight(1, 2.0, alone=True),), log=(LoggedCall(1.0, 2.0, sure=False),)
    )
    kept = state(ledger, writer="me", boot="b", wall=5.0)
    assert decode("name", encode(kept)) == kept
