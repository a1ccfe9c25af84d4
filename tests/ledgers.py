"""A ledger from the fields of its parts, whose names are all different."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import fields, replace

from postiz_async._quota import Flights, Ledger, Log, Neighbours, Window

PARTS: dict[str, type[Struct]] = {
    "window": Window,
    "flights": Flights,
    "neighbours": Neighbours,
    "log": Log,
}
OWNERS = {field.name: name for name, part in PARTS.items() for field in fields(part)}
"""The part that a field belongs to."""


def changed(ledger: Ledger, **values: object) -> Ledger:
    """The ledger with other values of fields of its parts, or of its own."""
    for name, value in values.items():
        owner = OWNERS.get(name)
        if owner is None:
            ledger = replace(ledger, **{name: value})
        else:
            ledger = replace(ledger, **{owner: replace(getattr(ledger, owner), **{name: value})})
    return ledger


def ledger_of(**values: object) -> Ledger:
    """A ledger with these values, and else as nothing is known."""
    return changed(Ledger(), **values)
