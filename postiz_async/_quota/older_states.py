"""States that former versions left in a store, so that an upgrade forgets no window. PURE."""

from __future__ import annotations

import msgspec

from postiz_async._quota import (
    BELIEVED_LIMIT,
    WINDOW,
    Flight,
    Flights,
    Ledger,
    Log,
    LoggedCall,
    Neighbours,
    Window,
)

__all__ = ["SCHEMA_3", "decode_ledger"]

SCHEMA_3 = 3

_NEVER = float("-inf")


class _Ledger3(msgspec.Struct, kw_only=True):
    """The ledger of schema 3: all that is read of its forty fields."""

    window: float = WINDOW
    limit: int = BELIEVED_LIMIT
    limit_read: bool = False
    reserve: int | None = None
    ends_after: float = _NEVER
    ends_before: float = _NEVER
    from_snapshot: bool = False
    remaining: int = 0
    unseen: tuple[float, ...] = ()
    read_at: float = _NEVER
    blocked_until: float = _NEVER
    guesses: int = 0
    flights: tuple[Flight, ...] = ()
    tokens: int = 0
    answered_at: float = _NEVER
    latency: float = 0.5
    own: int = 0
    foreign: int = 0
    ignored_hits: int = 0
    past_foreign: float = 0.0
    past_hours: float = 0.0
    sliding: bool = False
    headerless: bool = False
    log: tuple[LoggedCall, ...] = ()


_decoder = msgspec.msgpack.Decoder(_Ledger3)


def decode_ledger(value: bytes) -> Ledger:
    """A ledger of schema 3. The next burst starts with one call.

    Raises:
        msgspec.DecodeError: it is none.
    """
    old = _decoder.decode(value)
    window = Window(
        length=old.window,
        limit=old.limit,
        limit_read=old.limit_read,
        ends_after=old.ends_after,
        ends_before=old.ends_before,
        from_snapshot=old.from_snapshot,
        remaining=old.remaining,
        read_at=old.read_at,
        blocked_until=old.blocked_until,
        guesses=old.guesses,
    )
    flights = Flights(
        open=old.flights,
        tokens=old.tokens,
        unseen=old.unseen,
        answered_at=old.answered_at,
        latency=old.latency,
    )
    neighbours = Neighbours(
        own=old.own,
        foreign=old.foreign,
        ignored=old.ignored_hits,
        past_foreign=old.past_foreign,
        past_hours=old.past_hours,
    )
    calls = tuple(sorted(old.log, key=lambda call: call.until))
    log = Log(sliding=old.sliding, headerless=old.headerless, calls=calls)
    return Ledger(
        window=window, flights=flights, neighbours=neighbours, log=log, reserve=old.reserve
    )
