"""The state of a quota that several processes keep in one store. PURE.

A store can fail for one process and not for the next, lose an answer to a change that it made, or
lose everything. So the last state that a process saw says little: others may have spent the rest,
and without the store nothing is sent.

A lost state is rebuilt from the last one that a process saw; then one call goes at a time, until an
answer shows the true numbers. `lineage` distinguishes the new state from the lost one.
"""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from postiz_async import _quota as quota
from postiz_async._quota import Flight, Flights, Ledger
from postiz_async._quota.snapshot import restore_snapshot, take_snapshot
from postiz_async.errors import StoreError

T = TypeVar("T")

SCHEMA = 5

SAME_CLOCK = 5.0
"""Seconds by which a monotonic clock may differ from the wall clock between two looks."""


class SharedState(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a store: the ledger, and the clocks of its times."""

    schema: int = SCHEMA
    ledger: Ledger
    lineage: int
    """The first token of this state; another one shows that the state was lost and made anew."""
    writer: str = ""
    """The process that wrote the state; tells equal changes of two processes apart."""
    boot: str = ""
    monotonic: float = 0.0
    wall: float = 0.0


class _Version(msgspec.Struct):
    """The version number of an encoded state."""

    schema: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SharedState)
_versions = msgspec.msgpack.Decoder(_Version)


# ------------------------------------------------------------------ as bytes


def encode(state: SharedState) -> bytes:
    """Encode a state for a store, with its log in one piece."""
    log = state.ledger.log
    if log.newest:
        whole = replace(log, calls=log.every, newest=())
        state = replace(state, ledger=replace(state.ledger, log=whole))
    return _encoder.encode(state)


def decode(name: str, value: bytes) -> SharedState:
    """Decode a state from a store.

    Raises:
        StoreError: the bytes are not a state, or one of another version.
    """
    try:
        schema = _versions.decode(value).schema
        if schema != SCHEMA:
            raise StoreError(
                f"The quota's entry {name} was written by another version of this library (schema "
                f"{schema}, this one knows {SCHEMA}). Nothing is sent; use one version everywhere."
            )
        return _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(
            f"The quota's entry {name} is not a state of a quota: {error}. Nothing is sent; delete "
            "the entry if no other program needs it."
        ) from None


# ------------------------------------------------------------------ lost states, other clocks


def written_again(seen: SharedState, lineage: int) -> SharedState:
    """Rebuild a lost state from the last one seen. One call goes alone to read the counter."""
    ledger = seen.ledger
    ledger = replace(
        ledger,
        flights=replace(ledger.flights, cap=1, tokens=lineage),
        neighbours=replace(ledger.neighbours, accounted=False),
    )
    return replace(seen, ledger=ledger, lineage=lineage)


def reunited(seen: SharedState, found: SharedState, mine: set[int]) -> SharedState:
    """Merge a state that others made anew with our knowledge of the lost one.

    Args:
        seen: the last state that we saw before the loss.
        found: the one in its place.
        mine: tokens of our calls in flight, which nobody else can know.
    """
    ours, theirs = seen.ledger, found.ledger
    newer = theirs if theirs.window.read_at >= ours.window.read_at else ours
    calls = _either(ours.log.every, theirs.log.every)
    blocked = max(ours.window.blocked_until, theirs.window.blocked_until)
    ledger = replace(
        newer,
        halt=ours.halt.latest(theirs.halt),
        window=replace(newer.window, blocked_until=blocked),
        flights=replace(
            newer.flights,
            cap=1,
            tokens=theirs.flights.tokens,
            open=_open(ours.flights, theirs.flights, mine),
            unseen=_either(ours.flights.unseen, theirs.flights.unseen),
        ),
        neighbours=replace(newer.neighbours, accounted=False),
        log=replace(newer.log, calls=tuple(sorted(calls, key=lambda call: call.until)), newest=()),
    )
    return replace(found, ledger=ledger)


def _open(ours: Flights, theirs: Flights, mine: set[int]) -> tuple[Flight, ...]:
    known = {flight.token for flight in theirs.open}
    added = [f for f in ours.open if f.token in mine and f.token not in known]
    together = sorted((*theirs.open, *added), key=lambda flight: flight.sent)
    return tuple(replace(flight, alone=False) for flight in together)


def _either(ours: tuple[T, ...], theirs: tuple[T, ...]) -> tuple[T, ...]:
    """The multiset union of two tuples: each value as often as in the tuple with more of it."""
    return tuple((Counter(ours) | Counter(theirs)).elements())


def still_halted(seen: SharedState, found: SharedState) -> SharedState:
    """What a store has after it was set back, with what was said later about a halt."""
    halt = seen.ledger.halt.latest(found.ledger.halt)
    if halt == found.ledger.halt:
        return found
    return replace(found, ledger=replace(found.ledger, halt=halt))


def not_ahead(state: SharedState, now: float) -> SharedState:
    """Clamp the times of a state to `now` of the store's clock, which may have been set back."""
    ledger = state.ledger
    window, flights = ledger.window, ledger.flights
    sent = (*(flight.sent for flight in flights.open), *(call.sent for call in ledger.log.every))
    latest = max(window.read_at, flights.answered_at, *sent)
    if latest <= now + SAME_CLOCK:
        return state
    return replace(state, ledger=quota.set_back(ledger, now))


def on_this_clock(state: SharedState, boot: str, now: float, wall: float) -> SharedState:
    """Convert a state by the clocks of a host to the clock that this host has now.

    Each start of a machine begins a new monotonic clock. Where nothing tells one start from the
    next, the wall clock does: if the two clocks disagree, the state is restored as by a new
    process, with margins, because the wall clock may have been set. The same holds for the state of
    a client with another clock, such as that of a sandbox.
    """
    if now < state.monotonic - SAME_CLOCK:  # no monotonic clock goes back
        is_same = False
    elif boot and state.boot:
        is_same = boot == state.boot
    else:
        is_same = abs((wall - now) - (state.wall - state.monotonic)) < SAME_CLOCK
    if is_same:
        return state
    ledger = state.ledger
    kept = take_snapshot(ledger, state.monotonic, state.wall)
    restored = restore_snapshot(kept, now, wall, reserve_slots=ledger.reserve)
    flights = replace(restored.flights, tokens=ledger.flights.tokens)
    return replace(state, ledger=replace(restored, flights=flights, halt=ledger.halt))
