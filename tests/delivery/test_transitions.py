"""Which event fits which state of a delivery, and what it leaves there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from postiz_async._delivery import transitions
from postiz_async._delivery.record import BARE, DeliveryPost, DeliveryRecord, Refusal, State
from postiz_async._delivery.transitions import OvertakenError

if TYPE_CHECKING:
    from collections.abc import Callable

    Event = Callable[[DeliveryRecord], DeliveryRecord]

POSTS = (DeliveryPost("c1"), DeliveryPost("c2"))
SOME = (DeliveryPost("c1", "p1"), DeliveryPost("c2"))
WHOLE = (DeliveryPost("c1", "p1"), DeliveryPost("c2", "p2"))
SAID = {"at": "hash"}
REFUSAL = Refusal(400, "no")


def leaves(
    attempt: str = "a", posts: tuple[DeliveryPost, ...] = POSTS, hold: float | None = None
) -> Event:
    return partial(
        transitions.left,
        attempt=attempt,
        posts=posts,
        fingerprint=SAID,
        date="d",
        now=10.0,
        served_at=5.0,
        seconds=30.0,
        hold=hold,
    )


LEAVING = leaves()(BARE)
LOST = transitions.lost(LEAVING, "a", now=20.0, is_broken=False)
HELD = transitions.claimed(LOST, "h", now=50.0, seconds=60.0)
STORED = transitions.answered(LEAVING, "a", {0: "p1", 1: "p2"})
REFUSED = transitions.refused(LEAVING, "a", REFUSAL)
WAITS = DeliveryRecord(state="planned", posts=POSTS, due=100.0, is_dated=True)
PART = DeliveryRecord(state="planned", posts=SOME, fingerprint=SAID, date="d")
RESTS = transitions.rests(WAITS, 80.0, "forbidden")
STATES = {
    "bare": BARE,
    "waits": WAITS,
    "rests": RESTS,
    "part": PART,
    "leaving": LEAVING,
    "lost": LOST,
    "held": HELD,
    "stored": STORED,
    "refused": REFUSED,
    "late": transitions.late(WAITS, "late"),
    "withdrawn": transitions.withdrawn(WAITS),
    "undecided": transitions.found(HELD, "h", {}, doubt="who knows"),
}
PLANNED = {"bare", "waits", "rests", "part"}
SENT = {"leaving", "lost", "held"}

EVENTS: dict[str, tuple[Event, set[str]]] = {
    "left": (leaves(), {"bare", "waits", "rests", "leaving"}),
    "left with a part stored": (leaves(posts=SOME), {"part", "leaving"}),
    "left by another": (leaves("b"), {"bare", "waits", "rests"}),
    "withdrawn": (transitions.withdrawn, PLANNED),
    "late": (partial(transitions.late, note="late"), PLANNED),
    "rests": (partial(transitions.rests, until=9.0, note="forbidden"), PLANNED),
    "adopted": (partial(transitions.adopted, ids={0: "p1"}, note="found"), PLANNED),
    "shifted": (partial(transitions.shifted, attempt="a", due=200.0), PLANNED | {"leaving"}),
    "shifted by another": (partial(transitions.shifted, attempt="b", due=200.0), PLANNED),
    "set aside": (partial(transitions.set_aside, attempt="a"), SENT),
    "set aside by another": (partial(transitions.set_aside, attempt="b"), set()),
    "answered": (partial(transitions.answered, attempt="a", ids={0: "p1", 1: "p2"}), SENT),
    "answered to another": (partial(transitions.answered, attempt="b", ids={}), set()),
    "refused": (partial(transitions.refused, attempt="a", refusal=REFUSAL), SENT),
    "refused to another": (partial(transitions.refused, attempt="b", refusal=None), set()),
    "lost": (partial(transitions.lost, attempt="a", now=20.0, is_broken=True), SENT),
    "lost by another": (partial(transitions.lost, attempt="b", now=20.0, is_broken=True), set()),
    "claimed while it leaves": (
        partial(transitions.claimed, holder="i", now=39.9, seconds=60.0),
        {"lost"},
    ),
    "claimed when it is gone": (
        partial(transitions.claimed, holder="i", now=40.0, seconds=60.0),
        {"leaving", "lost"},
    ),
    "claimed by its holder": (
        partial(transitions.claimed, holder="h", now=40.0, seconds=60.0),
        {"leaving", "lost", "held"},
    ),
    "claimed when its holder is gone": (
        partial(transitions.claimed, holder="i", now=110.0, seconds=60.0),
        {"leaving", "lost", "held"},
    ),
    "held": (partial(transitions.held, holder="h", seen=None, seen_at=0.0, until=9.0), {"held"}),
    "held by another": (
        partial(transitions.held, holder="i", seen={}, seen_at=0.0, until=9.0),
        set(),
    ),
    "mended": (partial(transitions.mended, holder="h", now=60.0, until=99.0), {"held"}),
    "mended by another": (partial(transitions.mended, holder="i", now=60.0, until=99.0), set()),
    "released": (partial(transitions.released, holder="h"), {"held"}),
    "released by another": (partial(transitions.released, holder="i"), set()),
    "found": (partial(transitions.found, holder="h", ids={0: "p1"}), {"held"}),
    "found by another": (partial(transitions.found, holder="i", ids={0: "p1"}), set()),
    "found in doubt": (partial(transitions.found, holder="h", ids={}, doubt="?"), {"held"}),
}


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_fits_these_states_and_no_others(event: str) -> None:
    happens, fitting = EVENTS[event]
    fits: set[str] = set()
    for name, record in STATES.items():
        try:
            happens(record)
        except OvertakenError:
            continue
        fits.add(name)
    assert fits == fitting


def test_what_is_over_is_changed_by_nothing() -> None:
    over = {name for name, record in STATES.items() if record.is_over}
    assert over == STATES.keys() - PLANNED - SENT
    assert not [event for event, (_, fitting) in EVENTS.items() if fitting & over]


# ------------------------------------------------------------------ sending


def test_what_leaves_says_who_sends_it_and_until_when() -> None:
    assert (
        DeliveryRecord(
            state="leaving",
            posts=POSTS,
            fingerprint=SAID,
            date="d",
            attempt="a",
            left_at=10.0,
            served_at=5.0,
            gone_at=40.0,
            until=40.0,
        )
        == LEAVING
    )
    again = leaves()(replace(LEAVING, left_at=1.0, gone_at=31.0))
    assert again == LEAVING


def test_what_leaves_may_be_looked_up_before_nobody_sends_it_any_more() -> None:
    """A sender that says nothing for a while is gone, but its request may still come."""
    left = leaves(hold=20.0)(WAITS)
    assert (left.gone_at, left.until) == (40.0, 30.0)
    with pytest.raises(OvertakenError):
        transitions.claimed(left, "h", now=29.9, seconds=60.0)
    claimed = transitions.claimed(left, "h", now=30.0, seconds=60.0)
    assert (claimed.state, claimed.gone_at, claimed.until) == ("lost", 40.0, 90.0)


def test_what_leaves_keeps_its_date_and_what_was_forbidden() -> None:
    left = leaves()(RESTS)
    assert (left.due, left.is_dated, left.forbidden) == (100.0, True, 1)
    assert (left.note, left.until) == ("", 40.0), "it rests no more"


def test_what_was_lost_is_nobodys_from_then_on() -> None:
    assert replace(LEAVING, state="lost", gone_at=20.0, until=0.0) == LOST
    late = transitions.lost(HELD, "a", now=70.0, is_broken=True)
    assert late == replace(HELD, is_broken=True), "whoever looks it up goes on"
    told = transitions.lost(LEAVING, "a", now=90.0, is_broken=False, note="it hung")
    assert (told.gone_at, told.note) == (40.0, "it hung"), "it could not leave after that"


@pytest.mark.parametrize("was", [LEAVING, LOST, HELD])
def test_a_refusal_keeps_what_was_asked_for(was: DeliveryRecord) -> None:
    refused = transitions.refused(was, "a", REFUSAL, "no")
    assert refused == DeliveryRecord(
        state="refused", posts=POSTS, fingerprint=SAID, date="d", refusal=REFUSAL, note="no"
    )


# ------------------------------------------------------------------ before it leaves


def test_what_is_withdrawn_or_late_says_so() -> None:
    for was in (WAITS, RESTS):
        withdrawn, late = transitions.withdrawn(was), transitions.late(was, "too late")
        kept = replace(WAITS, forbidden=was.forbidden)
        assert withdrawn == replace(kept, state="withdrawn", note="withdrawn")
        assert late == replace(kept, state="late", note="too late")


def test_each_rest_is_counted() -> None:
    assert replace(WAITS, until=80.0, note="forbidden", forbidden=1) == RESTS
    again = transitions.rests(RESTS, 300.0, "still")
    assert again == replace(WAITS, until=300.0, note="still", forbidden=2)


def test_what_is_there_already_is_adopted() -> None:
    """Its store forgot that it left."""
    part = transitions.adopted(RESTS, {1: "p2"}, "found")
    assert part == replace(
        WAITS, posts=(DeliveryPost("c1"), DeliveryPost("c2", "p2")), forbidden=1
    ), "the rest is sent at once"
    whole = transitions.adopted(part, {0: "p1"}, "found")
    assert (whole.state, whole.posts, whole.note) == ("stored", WHOLE, "found")
    assert transitions.adopted(PART, {1: "p2"}, "").date == "", "that one was not sent with it"


def test_what_is_shifted_has_another_date_and_does_not_leave() -> None:
    assert transitions.shifted(WAITS, "a", 200.0) == replace(WAITS, due=200.0)
    left = leaves()(WAITS)
    assert transitions.shifted(left, "a", 200.0) == replace(
        WAITS, due=200.0, date="d", fingerprint=SAID
    )


# ------------------------------------------------------------------ looking up


def test_what_is_held_keeps_what_was_seen_until_it_is_mended() -> None:
    assert (HELD.holder, HELD.until) == ("h", 110.0)
    seen = transitions.held(HELD, "h", {0: "p1"}, seen_at=55.0, until=120.0)
    assert (seen.seen, seen.seen_at, seen.until) == ({0: "p1"}, 55.0, 120.0)
    assert transitions.held(seen, "h", None, seen_at=0.0, until=130.0).seen == {0: "p1"}
    mended = transitions.mended(seen, "h", now=60.0, until=120.0)
    assert (mended.seen, mended.mended_at) == (None, 60.0)
    released = transitions.released(mended, "h")
    assert (released.holder, released.until, released.mended_at) == ("", 0.0, 60.0)


@pytest.mark.parametrize(
    ("ids", "state", "posts"),
    [({}, "planned", POSTS), ({0: "p1"}, "planned", SOME), ({0: "p1", 1: "p2"}, "stored", WHOLE)],
)
def test_what_is_found_is_stored_or_planned_again(
    ids: dict[int, str], state: State, posts: tuple[DeliveryPost, ...]
) -> None:
    kept = DeliveryRecord(state=state, posts=posts, fingerprint=SAID, date="d")
    assert transitions.found(HELD, "h", ids) == kept
    assert kept.is_bare == (not ids), "any call may begin"


@pytest.mark.parametrize(
    ("ids", "state", "posts"),
    [
        ({}, "undecided", POSTS),
        ({0: "p1"}, "undecided", SOME),
        ({0: "p1", 1: "p2"}, "stored", WHOLE),
    ],
)
def test_what_is_in_doubt_is_undecided_unless_all_is_found(
    ids: dict[int, str], state: State, posts: tuple[DeliveryPost, ...]
) -> None:
    found = transitions.found(HELD, "h", ids, "note", doubt="who knows")
    note = "note" if state == "stored" else "who knows"
    assert (found.state, found.posts, found.note) == (state, posts, note)


def test_what_was_found_before_is_kept_when_more_is() -> None:
    held = transitions.claimed(leaves(posts=SOME)(PART), "h", now=40.0, seconds=60.0)
    assert transitions.found(held, "h", {}, doubt="who knows").posts == SOME
    assert transitions.found(held, "h", {1: "p2"}, doubt="who knows").posts == WHOLE


def test_the_rest_of_a_part_becomes_the_whole() -> None:
    rest = leaves(posts=SOME)(PART)
    assert rest.stored == {0: "p1"}
    assert transitions.answered(rest, "a", {1: "p2"}).posts == WHOLE
    assert transitions.set_aside(rest, "a") == PART
    assert transitions.set_aside(LEAVING, "a") == replace(PART, posts=POSTS)
    held = transitions.claimed(rest, "h", now=40.0, seconds=60.0)
    assert transitions.found(held, "h", {1: "p2"}).posts == WHOLE
