"""What a former version left in a store is taken over, so that an upgrade probes nothing."""

from __future__ import annotations

import msgspec
import pytest

from postiz_async import _quota as quota
from postiz_async._quota import Flight, LoggedCall, Wait, WaitReason
from postiz_async._quota.shared_state import SCHEMA, decode, encode
from postiz_async.errors import StoreError

LEDGER = {
    "window": 3600.0,
    "limit": 90,
    "limit_read": True,
    "reserve": 4,
    "ends_after": 3699.0,
    "ends_before": 3700.0,
    "from_snapshot": False,
    "remaining": 0,
    "unseen": [130.0],
    "read_at": 120.0,
    "blocked_until": float("-inf"),
    "guesses": 0,
    "flights": [{"token": 7, "sent": 121.0, "alone": True, "expires": 240.0}],
    "tokens": 8,
    "cap": 9,
    "answered_at": 120.5,
    "latency": 0.25,
    "accounted": True,
    "own": 80,
    "foreign": 12,
    "ignored_hits": 2,
    "burst_hits": 1,
    "past_rivals": 0,
    "urgent": 3,
    "past_foreign": 2.5,
    "past_urgent": 1.5,
    "past_hours": 4.0,
    "sliding": False,
    "headerless": False,
    "log": [[100.0, 130.0, False], [120.0, 120.5, True]],
}
"""A ledger as schema 3 wrote it."""


def stored(schema: int, **ledger: object) -> bytes:
    marks = {"lineage": 5, "writer": "w", "boot": "b", "monotonic": 122.0, "wall": 1e9}
    return msgspec.msgpack.encode({"schema": schema, "ledger": {**LEDGER, **ledger}, **marks})


def test_a_used_up_window_is_still_used_up_after_an_upgrade() -> None:
    state = decode("name", stored(3))
    verdict = quota.decide(state.ledger, 123.0, urgent=True)
    assert verdict == Wait(3702.0, WaitReason.WINDOW)
    assert (state.lineage, state.writer, state.boot) == (5, "w", "b")
    assert (state.monotonic, state.wall) == (122.0, 1e9)


def test_all_parts_of_it_are_taken_over() -> None:
    ledger = decode("name", stored(3, remaining=10)).ledger
    assert (ledger.window.limit, ledger.window.remaining, ledger.reserve) == (90, 10, 4)
    assert ledger.flights.open == (Flight(7, 121.0, alone=True, expires=240.0),)
    assert (ledger.flights.tokens, ledger.flights.unseen) == (8, (130.0,))
    hits = ledger.neighbours
    assert (hits.own, hits.foreign, hits.ignored) == (80, 12, 2)
    assert (hits.past_foreign, hits.past_hours) == (2.5, 4.0)
    in_order = (LoggedCall(120.0, 120.5), LoggedCall(100.0, 130.0, sure=False))
    assert ledger.log.calls == in_order
    assert ledger.flights.cap == 1, "the next burst starts with one call"


def test_a_lock_out_is_taken_over() -> None:
    ledger = decode("name", stored(3, blocked_until=3000.0)).ledger
    assert quota.decide(ledger, 123.0) == Wait(3000.0, WaitReason.BLOCKED)


def test_it_is_written_in_the_new_form() -> None:
    state = decode("name", stored(3))
    assert msgspec.msgpack.decode(encode(state))["schema"] == SCHEMA
    assert decode("name", encode(state)) == state


@pytest.mark.parametrize("schema", [2, SCHEMA + 1])
def test_any_other_version_is_refused_and_nothing_is_sent(schema: int) -> None:
    with pytest.raises(StoreError, match=rf"schema {schema}, this one knows {SCHEMA}"):
        decode("name", stored(schema))


def test_a_damaged_one_is_refused() -> None:
    with pytest.raises(StoreError, match="is not a state of a quota"):
        decode("name", stored(3, limit="many"))
