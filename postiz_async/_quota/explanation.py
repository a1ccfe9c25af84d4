"""Describe the quota in words: its state, the slots bulk work leaves free, and why. PURE."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime

from postiz_async._quota.decisions import (
    Grant,
    Wait,
    WaitReason,
    decide,
    held_of_window,
    others_rate,
)
from postiz_async._quota.state import Ledger
from postiz_async.models._durations import describe_seconds


def in_short(
    ledger: Ledger, now: float, decision: Wait | None = None, leaves_at: float = 0.0
) -> str:
    """Describe the state of the quota, as part of a sentence.

    Args:
        ledger: the state.
        now: the time on its clock.
        decision: why a call waits; None: it waits for its turn.
        leaves_at: when the call would leave, in seconds since the epoch.
    """
    window, free = ledger.window, ledger.free_slots(now)
    if now < window.blocked_until:
        return "The organisation is locked out after a 429"
    whom = _KEPT_FOR.get(decision.why) if decision is not None else None
    if whom is not None and free:
        kept = "1 slot is" if free == 1 else f"{free} of {window.limit} slots are"
        until = datetime.fromtimestamp(leaves_at, UTC).astimezone()
        return f"{kept} kept free for {whom} until {until:%H:%M}; this bulk call would leave then"
    used = max(0, window.limit - free)
    believed = "" if window.limit_read else " (believed, nothing was read yet)"
    return f"{used} of {window.limit} used in this window{believed}"


_KEPT_FOR = {WaitReason.RESERVED: "single posts", WaitReason.OTHERS: "other clients"}


def explain(ledger: Ledger, now: float, backlog: int | None = None) -> list[str]:
    """Describe what a bulk call would meet at `now`, with the numbers, line by line.

    Args:
        ledger: the state.
        now: the time on its clock.
        backlog: bulk calls still to come; None if unknown.
    """
    if ledger.halt.by:
        return [f"All creates have been halted {ledger.halt}."]
    lines = [_bulk(decide(ledger, now, backlog=backlog), now)]
    if now < ledger.window.blocked_until or ledger.must_read(now):
        return lines
    lines += _used(ledger, now)
    lines += _by_log(ledger, now) if ledger.log.rules else _by_window(ledger, now, backlog)
    return lines


def _bulk(decision: Grant | Wait, now: float) -> str:
    if isinstance(decision, Grant):
        return "Bulk work can go on now."
    if decision.why is WaitReason.PROBE or decision.until == math.inf:
        return f"Bulk work waits for an answer: {decision.why.value}."
    return f"Bulk work waits for {describe_seconds(decision.until - now)}: {decision.why.value}."


def _used(ledger: Ledger, now: float) -> Iterator[str]:
    """Describe who used the slots; in a window, the numbers add up to the limit."""
    window, flights = ledger.window, ledger.flights
    told = "" if window.limit_read else ", as is believed: no answer told"
    yield _number(window.limit, f"requests an hour are allowed{told}")
    if ledger.log.rules:
        own = ledger.log.alive(now, window.length)
        yield _number(own, "of this client within the last hour")
        foreign = ledger.neighbours.foreign
    else:
        counted = max(0, window.limit - ledger.free_slots(now) - flights.pending)
        own = min(ledger.neighbours.own, counted)  # of a state kept by an earlier process: too many
        foreign = counted - own
        yield _number(own, "of this client in this window")
    if not ledger.log.headerless:
        yield _number(foreign, "of others, or from before this client looked")
    if ledger.log.headerless and flights.open:  # no answer is read, so only these are open
        yield _number(len(flights.open), "under way: as good as spent")
    elif flights.pending and not ledger.log.headerless:
        lost = "under way, or with an answer that was lost: as good as spent"
        yield _number(flights.pending, lost)
    yield _number(ledger.free_slots(now), "left")


def _by_window(ledger: Ledger, now: float, backlog: int | None) -> Iterator[str]:
    """Describe which of the remaining slots are kept free until the window closes."""
    hits, free = ledger.neighbours, ledger.free_slots(now)
    held = held_of_window(ledger, now, backlog)
    left = min(held.left, free)
    reserved = min(held.reserved, free - left)
    if free:
        yield _number(reserved, f"of them kept for single posts{_why_reserved(ledger)}")
        surge = "; that many may come at once again" if left and hits.surge_at(now) else ""
        yield _number(left, f"of them left to other clients: {_seen(held.others)}{surge}")
    if hits.rivals:
        yield _number(hits.rivals, "other clients seem to send as fast as this one")
    if reserved or left:
        yield "What is held goes to bulk work shortly before the window ends, so it is not lost."
    if held.last:
        yield "The very last slot stays: others could take it in the same moment."


def _why_reserved(ledger: Ledger) -> str:
    asked = ledger.neighbours.asked_rate(ledger.flights.answered_at) * 3600.0
    if ledger.reserve is not None:
        return f" (reserve={ledger.reserve})"
    if asked:
        return f": {asked:.1f} an hour were made lately"
    return ": a tenth of the limit, and more while little is known of others"


def _by_log(ledger: Ledger, now: float) -> Iterator[str]:
    """Describe how many slots come back, and when."""
    why = "The server counts each request for an hour"
    if ledger.log.headerless:
        why = "The answers do not tell what is left, so this client counts for itself"
    yield f"{why}: slots come back one by one."
    back = next(ledger.log.returns(now, ledger.window.length), None)
    if back is not None:
        yield f"The next one comes back in {describe_seconds(back - now)}."
    asked = ledger.neighbours.asked_rate(ledger.flights.answered_at) * 3600.0
    if ledger.reserve is not None:
        yield _number(ledger.reserve, f"kept for single posts (reserve={ledger.reserve})")
    elif asked:
        yield f"Single posts: {asked:.1f} an hour were made lately; bulk leaves them room."
    rate = others_rate(ledger)
    if rate:
        yield f"Other clients: {_seen(rate)}; bulk leaves them room."


def _seen(rate: float) -> str:
    return f"{rate * 3600.0:.1f} calls an hour are reckoned with" if rate else "none was seen"


def _number(number: int, text: str) -> str:
    return f"{number:6,}  {text}"
