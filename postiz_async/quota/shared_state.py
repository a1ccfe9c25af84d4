"""What several processes keep in one store, and what one of them may spend without it. PURE.

What a store can do
    It can fail for one process and not for the next, lose an answer to a change that it made, or
    lose everything. So what a process saw last says little: the others may have spent the rest.

What follows
    Whoever wants to go on without the store sets slots aside in it while it works. To all others
    these are spent, like calls whose answers were lost: until a reading that must include them.
    So no two processes can spend the same slot, whatever they see of the store. What was spent is
    told when the store is back.

    A state that vanished is written again from what somebody saw last, with one call at a time
    until an answer tells the truth. `lineage` tells it from the one that was lost.
"""

from __future__ import annotations

from collections import Counter

import msgspec
from msgspec.structs import replace

from postiz_async import quota
from postiz_async.errors import StoreError
from postiz_async.quota import Flight, Ledger, LoggedCall
from postiz_async.quota import snapshot as keeping

__all__ = [
    "Aside",
    "SharedState",
    "alone",
    "beside",
    "decode",
    "encode",
    "not_ahead",
    "on_this_clock",
    "reunited",
    "set_aside",
    "still_aside",
    "told",
    "within",
    "written_again",
]

SCHEMA = 2

LATE = 120.0
"""Seconds after the end of its window for which a slot set aside may still reach the server."""

MOST_ASIDE = 3
"""Of the limit, no more than one in so many is set aside by all processes together."""

SAME_CLOCK = 5.0
"""Seconds by which two looks at one monotonic clock may differ against the wall clock."""

OWN_TOKENS = -(2**53)
"""Tokens of calls that the store does not know of count up from here; the store's are positive."""


class Aside(msgspec.Struct, frozen=True):
    """Slots that one process may spend without the store, by calls that arrive before `until`."""

    holder: str
    slots: int
    made: float
    until: float


class SharedState(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a store: the ledger, the slots set aside, and by whose clocks times were taken."""

    schema: int = SCHEMA
    ledger: Ledger
    lineage: int
    """Where its tokens started; another one: the state was lost and made anew."""
    asides: tuple[Aside, ...] = ()
    writer: str = ""
    boot: str = ""
    monotonic: float = 0.0
    wall: float = 0.0


class _Version(msgspec.Struct):
    """What a state of any version says of itself."""

    schema: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SharedState)
_versions = msgspec.msgpack.Decoder(_Version)


# ------------------------------------------------------------------ as bytes


def encode(state: SharedState) -> bytes:
    """A state as bytes for a store."""
    return _encoder.encode(state)


def decode(name: str, value: bytes) -> SharedState:
    """A state from a store.

    Raises:
        StoreError: it is none, or one of another version.
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
            f"The quota's entry {name} is no state of a quota: {error}. Nothing is sent; delete "
            "the entry if no other program needs it."
        ) from None


# ------------------------------------------------------------------ slots set aside


def set_aside(
    ledger: Ledger, others: tuple[Aside, ...], mine: Aside, slots: int, now: float
) -> Aside:
    """What a process holds of a new state, out of what nobody else holds.

    It never gives slots away that it may have spent meanwhile, for all that it knows: what it
    held is either still held or taken by a call of its own.

    Args:
        ledger: the new state.
        others: what others hold.
        mine: what it held before, perhaps no slots at all.
        slots: how many it would like.
        now: seconds of the ledger's clock.
    """
    is_plain = not (ledger.sliding or ledger.headerless)
    if not is_plain or now >= ledger.ends_after:
        return mine
    taken = sum(aside.slots for aside in others)
    free = quota.free_slots(beside(ledger, others), now)
    slots = max(0, min(slots, free, ledger.limit // MOST_ASIDE - taken))
    return Aside(mine.holder, slots, now, ledger.ends_before + LATE)


def beside(ledger: Ledger, asides: tuple[Aside, ...]) -> Ledger:
    """The ledger as it is for all but the holders of these: they count as lost calls."""
    spent = [aside for aside in asides for _ in range(aside.slots)]
    if not spent:
        return ledger
    hits = (LoggedCall(aside.made, aside.until, sure=False) for aside in spent)
    return replace(
        ledger,
        accounted=False,
        unseen=(*ledger.unseen, *(aside.until for aside in spent)),
        log=(*ledger.log, *hits),
    )


def still_aside(asides: tuple[Aside, ...], ledger: Ledger, now: float) -> tuple[Aside, ...]:
    """Those that no reading can have included yet."""
    return tuple(
        aside
        for aside in asides
        if aside.until > ledger.read_at and aside.until + ledger.window + quota.MARGIN > now
    )


# ------------------------------------------------------------------ without the store


def alone(ledger: Ledger, aside: Aside) -> Ledger:
    """A ledger that has nothing but the slots set aside, in the window that was seen last."""
    return Ledger(
        window=ledger.window,
        limit=ledger.limit,
        limit_read=ledger.limit_read,
        reserve=0,
        ends_after=ledger.ends_after,
        ends_before=ledger.ends_before,
        remaining=aside.slots,
        read_at=ledger.read_at,
        blocked_until=ledger.blocked_until,
        tokens=OWN_TOKENS,
        latency=ledger.latency,
    )


def within(lone: Ledger, aside: Aside) -> Ledger:
    """The same ledger held to the slots set aside, whatever an answer says is free."""
    left = aside.slots - len(lone.log) + len(lone.unseen)
    remaining = max(0, min(lone.remaining, left))
    return replace(
        lone, remaining=remaining, foreign=0, ignored_hits=0, burst_hits=0, past_rivals=0
    )


def told(ledger: Ledger, lone: Ledger) -> Ledger:
    """The shared ledger with what was spent without it."""
    unseen = (hit.until for hit in lone.log if hit.until > ledger.read_at)
    return replace(
        ledger,
        own=ledger.own + len(lone.log),
        unseen=(*ledger.unseen, *unseen),
        log=(*ledger.log, *lone.log),
        blocked_until=max(ledger.blocked_until, lone.blocked_until),
    )


# ------------------------------------------------------------------ lost states, other clocks


def written_again(seen: SharedState, lineage: int) -> SharedState:
    """A state that vanished, from what was seen of it last. The next call goes alone and reads."""
    ledger = replace(seen.ledger, cap=1, tokens=lineage, accounted=False)
    return replace(seen, ledger=ledger, lineage=lineage)


def reunited(seen: SharedState, found: SharedState, mine: set[int]) -> SharedState:
    """A state that others made anew, with what we know of the one that was lost.

    Args:
        seen: the lost state as we saw it last.
        found: the one in its place.
        mine: tokens of our calls in flight, which nobody else can know.
    """
    ours, theirs = seen.ledger, found.ledger
    newer = theirs if theirs.read_at >= ours.read_at else ours
    ledger = replace(
        newer,
        accounted=False,
        cap=1,
        tokens=theirs.tokens,
        flights=_flights(ours, theirs, mine),
        unseen=tuple((Counter(ours.unseen) | Counter(theirs.unseen)).elements()),
        log=tuple((Counter(ours.log) | Counter(theirs.log)).elements()),
        blocked_until=max(ours.blocked_until, theirs.blocked_until),
    )
    return replace(found, ledger=ledger)


def _flights(ours: Ledger, theirs: Ledger, mine: set[int]) -> tuple[Flight, ...]:
    known = {flight.token for flight in theirs.flights}
    added = [f for f in ours.flights if f.token in mine and f.token not in known]
    return tuple(replace(flight, alone=False) for flight in (*theirs.flights, *added))


def not_ahead(state: SharedState, now: float) -> SharedState:
    """A state by the clock of its store, which shows `now` and may have been set back since."""
    ledger = state.ledger
    latest = max([ledger.read_at, *(flight.sent for flight in ledger.flights)])
    if latest <= now + SAME_CLOCK:
        return state
    ends = now + ledger.window + LATE
    asides = tuple(
        replace(aside, made=min(aside.made, now), until=min(aside.until, ends))
        for aside in state.asides
    )
    return replace(state, ledger=quota.set_back(ledger, now), asides=asides)


def on_this_clock(state: SharedState, boot: str, now: float, wall: float) -> SharedState:
    """A state by the clocks of a host, on the clock that this host has now.

    Each start of a machine begins a new monotonic clock. Where nothing tells one start from the
    next, the wall clock does: if it went another way than the monotonic one, what was kept is
    taken up as by a new process, with margins, for the wall clock may have been set.
    """
    if boot and state.boot:
        is_same = boot == state.boot
    else:
        is_same = abs((wall - now) - (state.wall - state.monotonic)) < SAME_CLOCK
    if is_same:
        return state
    ledger = beside(state.ledger, state.asides)
    kept = keeping.take_snapshot(ledger, state.monotonic, state.wall)
    restored = keeping.restore_snapshot(kept, now, wall, reserve_slots=ledger.reserve)
    return replace(state, ledger=replace(restored, tokens=ledger.tokens), asides=())
