"""What stands once in the package: a transition, a protocol of stores."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from test_layers import dotted, modules

from postiz_async.stores import Records
from postiz_async.stores._deliveries import Deliveries
from postiz_async.stores._postgres_deliveries import PostgresDeliveries
from postiz_async.stores._sqlite_deliveries import SqliteDeliveries
from postiz_async.stores.memory import MemoryStore
from postiz_async.stores.postgres import PostgresStore
from postiz_async.stores.sqlite import SqliteStore

RECORD = "postiz_async._delivery.record"
NEW = (["'planned'"], ["'stored'"])
"""States in which a delivery may be put: it is to be sent, or was found when nothing was known."""


def changes_of_state(source: str) -> Iterator[str]:
    """Where a module that knows deliveries gives one another state, except to a new one."""
    if "DeliveryRecord" not in source:  # which is quicker than to parse it
        return
    tree = ast.parse(source)
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    known = {name.name for node in imports if node.module == RECORD for name in node.names}
    if "DeliveryRecord" not in known:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            states = [ast.unparse(each.value) for each in node.keywords if each.arg == "state"]
            is_new = name == "DeliveryRecord" and states in NEW
            if name in {"replace", "DeliveryRecord"} and states and not is_new:
                yield f"line {node.lineno}: {ast.unparse(node)}"


def test_a_delivery_changes_its_state_by_a_transition_only() -> None:
    found = {
        dotted(path): [*changes_of_state(path.read_text(encoding="utf-8"))] for path in modules()
    }
    assert {name for name, changes in found.items() if changes} == {"_delivery.transitions"}


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("replace(was, state='stored')", 1),
        ("structs.replace(was, state=state)", 1),
        ("DeliveryRecord(state='lost')", 1),
        ("DeliveryRecord(state='planned', due=1.0)", 0),
        ("replace(was, note='')", 0),
    ],
)
def test_such_a_change_is_found(line: str, count: int) -> None:
    source = f"from {RECORD} import DeliveryRecord\n{line}"
    assert len([*changes_of_state(source)]) == count


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def test_a_store_is_what_its_protocol_says() -> None:
    for kind in (SqliteDeliveries, PostgresDeliveries):
        assert public(kind) == public(Deliveries)
    for records in (MemoryStore, SqliteStore, PostgresStore):
        assert public(records) >= public(Records)


def test_two_protocols_say_how_a_store_changes_what_it_has() -> None:
    """By compare-and-swap: whoever needs a part of one needs no protocol of its own."""
    swapping = {
        f"{dotted(path)}.{node.name}"
        for path in modules()
        if "def swap(" in (source := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(b) for b in node.bases)
        if any(getattr(each, "name", "") == "swap" for each in node.body)
    }
    assert swapping == {"stores.Records", "stores._deliveries.Deliveries"}
