"""Which event fits which state of a delivery, and what it leaves there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from postiz_async._delivery import transitions
from postiz_async._delivery.record import BARE, DeliveryPost, DeliveryRecord, Refusal
from postiz_async._delivery.transitions import OvertakenError

if TYPE_CHECKING:
    from collections.abc import Callable

    Event = Callable[[DeliveryRecord], DeliveryRecord]

POSTS = (DeliveryPost("c1"), DeliveryPost("c2"))
PART = (DeliveryPost("c1", "p1"), DeliveryPost("c2"))
WHOLE = (DeliveryPost("c1", "p1"), DeliveryPost("c2", "p2"))
SAID = {"at": "hash"}
REFUSAL = Refusal(400, "no")


def leaves(attempt: str = "a", posts: tuple[DeliveryPost, ...] = POSTS) -> Event:
    return partial(
        transitions.left,
        attempt=attempt,
        posts=posts,
        fingerprint=SAID,
        date="d",
        now=10.0,
        served_at=5.0,
        seconds=30.0,
    )


LEAVING = leaves()(BARE)
LOST = transitions.lost(LEAVING, "a", now=20.0, is_broken=False)
HELD = transitions.claimed(LOST, "h", now=50.0, seconds=60.0)
STORED = transitions.answered(LEAVING, "a", {0: "p1", 1: "p2"})
REFUSED = transitions.refused(LEAVING, "a", REFUSAL)
PLANNED = DeliveryRecord(state="planned", posts=PART, fingerprint=SAID, date="d")
STATES = {
    "bare": BARE,
    "planned": PLANNED,
    "leaving": LEAVING,
    "lost": LOST,
    "held": HELD,
    "stored": STORED,
    "refused": REFUSED,
}

EVENTS: dict[str, tuple[Event, set[str]]] = {
    "left": (leaves(), {"bare", "leaving"}),
    "left with a part stored": (leaves(posts=PART), {"planned", "leaving"}),
    "left by another": (leaves("b"), {"bare"}),
    "set aside": (partial(transitions.set_aside, attempt="a"), {"leaving", "lost", "held"}),
    "set aside by another": (partial(transitions.set_aside, attempt="b"), set()),
    "answered": (
        partial(transitions.answered, attempt="a", ids={0: "p1", 1: "p2"}),
        {"leaving", "lost", "held"},
    ),
    "answered to another": (partial(transitions.answered, attempt="b", ids={}), set()),
    "refused": (
        partial(transitions.refused, attempt="a", refusal=REFUSAL),
        {"leaving", "lost", "held"},
    ),
    "lost": (
        partial(transitions.lost, attempt="a", now=20.0, is_broken=True),
        {"leaving", "lost", "held"},
    ),
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
    "released": (partial(transitions.released, holder="h"), {"held"}),
    "found": (partial(transitions.found, holder="h", ids={0: "p1"}), {"held"}),
    "found by another": (partial(transitions.found, holder="i", ids={0: "p1"}), set()),
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
        )
        == LEAVING
    )
    again = leaves()(replace(LEAVING, left_at=1.0, gone_at=31.0))
    assert again == LEAVING


def test_what_was_lost_is_nobodys_from_then_on() -> None:
    assert replace(LEAVING, state="lost", gone_at=20.0) == LOST
    late = transitions.lost(HELD, "a", now=70.0, is_broken=True)
    assert late == replace(HELD, is_broken=True), "whoever looks it up goes on"


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
    ("ids", "end"),
    [
        ({}, BARE),
        ({0: "p1"}, PLANNED),
        ({0: "p1", 1: "p2"}, DeliveryRecord(state="stored", posts=WHOLE, fingerprint=SAID)),
    ],
)
def test_what_is_found_is_stored_or_planned_again(ids: dict[int, str], end: DeliveryRecord) -> None:
    assert transitions.found(HELD, "h", ids) == end


def test_the_rest_of_a_part_becomes_the_whole() -> None:
    rest = leaves(posts=PART)(PLANNED)
    assert rest.stored == {0: "p1"}
    assert transitions.answered(rest, "a", {1: "p2"}).posts == WHOLE
    assert transitions.set_aside(rest, "a") == PLANNED
    assert transitions.set_aside(LEAVING, "a") == BARE
    held = transitions.claimed(rest, "h", now=40.0, seconds=60.0)
    assert transitions.found(held, "h", {1: "p2"}).posts == WHOLE
