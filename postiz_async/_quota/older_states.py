"""States that former versions left in a store, so that an upgrade forgets no window. PURE."""

from __future__ import annotations

import msgspec

from postiz_async._quota import Ledger

__all__ = ["SCHEMA_3", "decode_ledger"]

SCHEMA_3 = 3

_NOW_CALLED = {"window": "length", "flights": "open", "log": "calls", "ignored_hits": "ignored"}
"""Fields of the ledger of schema 3, which had no parts, that have another name today."""


def decode_ledger(value: bytes) -> Ledger:
    """A ledger of schema 3. The next burst starts with one call.

    Raises:
        msgspec.DecodeError: it is something else.
    """
    old = msgspec.msgpack.decode(value, type=dict[str, object])
    fields = {_NOW_CALLED.get(name, name): kept for name, kept in old.items() if name != "cap"}
    parts = dict.fromkeys(("window", "flights", "neighbours", "log"), fields)  # each takes its own
    ledger = msgspec.convert({**parts, "reserve": old.get("reserve")}, Ledger)
    calls = sorted(ledger.log.calls, key=lambda call: call.until)
    log = msgspec.structs.replace(ledger.log, calls=tuple(calls))
    return msgspec.structs.replace(ledger, log=log)
