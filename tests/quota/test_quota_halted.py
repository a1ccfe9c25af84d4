"""Somebody has halted all creates: nothing leaves until that is taken back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st
from ledgers import ledger_of

from postiz_async import _quota as quota
from postiz_async._quota import Flight, Halt, Ledger, Wait, WaitReason, decide
from postiz_async._quota.explanation import explain
from postiz_async._quota.shared_state import (
    SharedState,
    decode,
    encode,
    not_ahead,
    on_this_clock,
    reunited,
    still_halted,
    written_again,
)
from postiz_async._quota.view import Queued, show
from postiz_async.errors import HaltedError

WALL = 1_924_992_000.0  # 2031-01-01
HALTED = Wait(math.inf, WaitReason.HALTED)
LEDGERS = [
    Ledger(),
    ledger_of(limit=30, remaining=20, read_at=10.0, ends_before=3000.0, ends_after=2990.0),
    ledger_of(limit=30, blocked_until=2000.0),
    ledger_of(limit=30, headerless=True),
    ledger_of(limit=30, open=(Flight(1, 5.0, alone=True),), tokens=2),
]


def both(ours: Ledger, theirs: Ledger) -> Halt:
    """What is said of a halt after a store lost its state and somebody else wrote it anew."""
    lost = SharedState(ledger=ours, lineage=1)
    return reunited(lost, SharedState(ledger=theirs, lineage=2), set()).ledger.halt


@pytest.mark.parametrize("ledger", LEDGERS)
@pytest.mark.parametrize("urgent", [True, False])
@pytest.mark.parametrize("backlog", [None, 1])
def test_nothing_leaves_whatever_is_free(
    ledger: Ledger, *, urgent: bool, backlog: int | None
) -> None:
    before = decide(ledger, 20.0, urgent=urgent, backlog=backlog)
    halted = quota.halted(ledger, "anna@desk", WALL)
    assert decide(halted, 20.0, urgent=urgent, backlog=backlog) == HALTED != before
    over = quota.halted(halted, "", WALL + 5)
    assert decide(over, 20.0, urgent=urgent, backlog=backlog) == before


def test_who_and_when_is_told_everywhere() -> None:
    ledger = quota.halted(ledger_of(limit=30), "anna@desk", WALL)
    told = "since 2031-01-01 00:00 UTC by anna@desk"
    with pytest.raises(HaltedError, match=f"All creates have been halted {told}; nothing was sent"):
        ledger.halt.check()
    assert explain(ledger, 0.0) == [f"All creates have been halted {told}."]
    view = show(ledger, 0.0, queued=Queued(), next_in=0.0, backlog=None, as_of=None)
    assert (view.halted, view.bulk_waits_for, view.bulk_in) == (told, "halted", None)
    assert f"halted='{told}'" in repr(view)
    over = quota.halted(ledger, "", WALL)
    over.halt.check()
    view = show(over, 0.0, queued=Queued(), next_in=0.0, backlog=None, as_of=None)
    assert view.halted == ""
    assert "halted" not in repr(view)


def test_a_clock_that_is_wrong_by_ages_is_told_of_too() -> None:
    assert str(Halt(1e300, "anna")) == "since 9999-12-31 00:00 UTC by anna"


def test_what_is_halted_is_not_forgotten() -> None:
    rest = Ledger()
    assert rest.is_at_rest(0.0)
    halted = quota.halted(rest, "anna", WALL)
    assert not halted.is_at_rest(0.0)
    assert not halted.is_forgettable(0.0)
    assert quota.halted(halted, "", WALL).is_forgettable(0.0)


@pytest.mark.parametrize("wall", [WALL, WALL - 86_400, WALL + 86_400])
def test_the_next_word_is_later_though_the_wall_clock_was_set_back(wall: float) -> None:
    halted = quota.halted(Ledger(), "anna", WALL)
    over = quota.halted(halted, "", wall)
    again = quota.halted(over, "ben", wall - 5)
    assert halted.halt.at < over.halt.at < again.halt.at
    assert both(halted, over) == both(over, halted) == over.halt
    assert both(over, again) == both(again, over) == again.halt


def test_of_two_words_of_one_moment_the_halt_counts() -> None:
    halted, over = Ledger(halt=Halt(WALL, "anna")), Ledger(halt=Halt(WALL, ""))
    assert both(halted, over).by == both(over, halted).by == "anna"


WORDS = st.lists(st.sampled_from(["anna", "ben", ""]), max_size=4)


@given(
    WORDS,
    WORDS,
    st.lists(
        st.sampled_from(["store", "lost", "set back", "started anew", "no boot", "expired"]),
        max_size=8,
    ),
)
def test_what_was_said_survives_whatever_happens_to_a_state(
    words: list[str], older: list[str], fates: list[str]
) -> None:
    """A state that lacks the last words comes up again and again, and undoes none of them."""
    ledger, now, wall = ledger_of(limit=30, remaining=3, read_at=1.0), 1000.0, WALL
    for by in older:
        ledger = quota.halted(ledger, by, wall := wall + 1)
    behind = SharedState(ledger=ledger, lineage=1, boot="0", monotonic=now, wall=wall)
    for by in words:
        ledger = quota.halted(ledger, by, wall := wall + 1)
    state = SharedState(ledger=ledger, lineage=1, boot="0", monotonic=now, wall=wall)
    said = ledger.halt
    for number, fate in enumerate(fates):
        if fate == "store":
            state = decode("name", encode(state))
        elif fate == "lost":
            anew = written_again(behind, 10 + number)
            state = reunited(written_again(state, 30 + number), anew, set())
            assert reunited(anew, state, set()).ledger.halt == said
        elif fate == "set back":
            state = still_halted(state, behind)
            state = not_ahead(state, 0.0)
        elif fate == "expired":
            state = SharedState(ledger=quota.expire(state.ledger, now + 1e9), lineage=1)
        else:
            boot = "" if fate == "no boot" else str(number + 1)
            state = on_this_clock(state, boot, 5.0, wall + 900)
        assert state.ledger.halt == said
