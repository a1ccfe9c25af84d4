"""Deliveries in a file: several processes, restarts of the host, and what cannot be used."""

from __future__ import annotations

import asyncio
import math
import os
import re
import sqlite3
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from deliveries_lab import HOLD, DeliveriesLab, columns_of, new, sqlite_deliveries
from processes import PATIENCE, PYTHON, ended, launch

from postiz_async.clock import JumpingClock, SystemClock
from postiz_async.errors import StoreError
from postiz_async.stores._sqlite_deliveries import SqliteDeliveries
from postiz_async.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

WORKER = """
import asyncio, sys
from postiz_async.stores._deliveries import DeliveryColumns, NewDelivery
from postiz_async.stores._sqlite_deliveries import SqliteDeliveries
from postiz_async.stores.sqlite import SqliteStore

async def main(path, me):
    store = SqliteDeliveries(SqliteStore(path))
    await store.register("acme", "acme", "url")
    for n in range(20):
        columns = DeliveryColumns("planned", False, float(n), True)
        await store.put("acme", NewDelivery(f"{me} {n}", b"body", b"", columns))
        await store.put("acme", NewDelivery(f"all {n}", b"body", b"", columns))
    done, idle = 0, 0
    while await store.has_work(me) or (await store.counts()).get("planned"):
        if not await store.line(me, 60.0, 1):
            await asyncio.sleep(0.01)
            continue
        taken = await store.take("acme", me, 60.0, 3)
        for each in taken.deliveries:
            posts = (f"post {each.number}",)
            columns = DeliveryColumns("stored", True, 0.0, True, 0.0, each.number, posts)
            swapped, _ = await store.swap(each.number, each.version, me.encode(), columns)
            done += swapped
        await store.rest("acme", me, 0.0)
    print(done)
    await store.aclose()

asyncio.run(main(*sys.argv[1:]))
"""


class Host(JumpingClock):
    """A run of a host; its monotonic clock begins anew with each."""

    def __init__(self, boot_id: str, wall: float) -> None:
        super().__init__(wall)
        self._name = boot_id

    @property
    def boot_id(self) -> str:
        return self._name


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[DeliveriesLab]:
    made = DeliveriesLab(sqlite_deliveries(tmp_path / "outbox.sqlite"))
    yield made
    await made.store.aclose()


def test_several_processes_share_a_file(tmp_path: Path) -> None:
    path, program = tmp_path / "outbox.sqlite", tmp_path / "worker.py"
    program.write_text(WORKER)
    command = [*PYTHON, str(program), str(path)]
    with ExitStack() as stack:
        workers = [
            stack.enter_context(ended(launch([*command, name], os.environ)))
            for name in ("one", "two", "three")
        ]
        said = [worker.communicate(timeout=PATIENCE) for worker in workers]
    assert [err for _, err in said] == [""] * 3
    assert sum(int(out) for out, _ in said) == 80, "each of three and those that all put, once"
    connection = sqlite3.connect(path)
    [(count, last)] = connection.execute("SELECT count(*), max(number) FROM delivered").fetchall()
    assert count == 80
    assert last >= 80
    connection.close()


def test_the_event_loops_of_one_process_share_a_file(tmp_path: Path) -> None:
    lab = DeliveriesLab(sqlite_deliveries(tmp_path / "outbox.sqlite"))
    for number in range(3):
        asyncio.run(_put(lab, str(number)))
    assert asyncio.run(_counts(lab)) == {"planned": 3}


async def _put(lab: DeliveriesLab, name: str) -> None:
    await asyncio.gather(lab.put("acme", name), lab.put("acme", name))


async def _counts(lab: DeliveriesLab) -> object:
    counts = await lab.store.counts()
    await lab.store.aclose()
    return counts


async def test_ledgers_and_deliveries_are_in_one_file(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "quota.sqlite")
    deliveries = SqliteDeliveries(store)
    assert deliveries.where == str(tmp_path / "quota.sqlite")
    await store.swap("acme", "", 0, b"ledger", keep=None)
    await deliveries.register("acme", "acme", "url")
    await deliveries.put("acme", new("one"))
    await deliveries.aclose()
    assert (await store.get("acme", "")).value == b"ledger"
    assert await deliveries.get("one") is not None
    await store.aclose()


@pytest.mark.parametrize(("boot", "next_boot"), [("a", "b"), ("a", ""), ("", "b")])
@pytest.mark.parametrize("wall", [-86_400.0, 0.0, 86_400.0])
async def test_what_is_written_down_is_not_over_sooner_after_a_restart_of_the_host(
    tmp_path: Path, boot: str, next_boot: str, wall: float
) -> None:
    path = tmp_path / "outbox.sqlite"
    clock = Host(boot, 1_800_000_000.0)
    clock.advance(5_000.0)
    before = DeliveriesLab(sqlite_deliveries(path, clock))
    await before.put()
    assert await before.names("one") == ["acme"]
    clock.advance(HOLD / 2)
    taken = await before.store.take("acme", "one", HOLD, 1)
    assert taken is not None
    await before.store.aclose()
    again = Host(next_boot, 1_800_000_000.0 + wall)
    after = DeliveriesLab(sqlite_deliveries(path, again))
    kept = await after.store.get(taken.deliveries[0].id)
    assert kept is not None
    assert kept.time == taken.deliveries[0].time, "it stood still meanwhile"
    assert await after.names("two") == []
    assert await after.store.next_in() == HOLD
    again.advance(HOLD)
    assert await after.names("two") == ["acme"]
    await after.store.aclose()


async def test_processes_that_cannot_tell_their_runs_apart_see_a_hold_end(tmp_path: Path) -> None:
    """Each look finds that another run wrote the time down; the processes live, and it goes on."""
    clocks = [Host(name, 1_800_000_000.0) for name in ("of one process", "of another")]
    path = tmp_path / "outbox.sqlite"
    gone = DeliveriesLab(sqlite_deliveries(path, clocks[0]))
    await gone.put()
    assert await gone.names("gone") == ["acme"]
    await gone.store.aclose()
    labs = [DeliveriesLab(sqlite_deliveries(path, clock)) for clock in clocks]
    found: list[str] = []
    for _ in range(6):
        for clock in clocks:
            clock.advance(HOLD / 4)
        for lab in labs:
            found += await lab.names("heir")
    assert found == ["acme"]
    for lab in labs:
        await lab.store.aclose()


async def test_the_time_of_a_file_goes_on_between_processes_of_one_run(tmp_path: Path) -> None:
    clock = Host("a", 1_800_000_000.0)
    before = DeliveriesLab(sqlite_deliveries(tmp_path / "outbox.sqlite", clock))
    put = await before.put("acme", "one")
    await before.store.aclose()
    clock.advance(HOLD)
    clock.step_wall(-86_400.0)
    after = DeliveriesLab(sqlite_deliveries(tmp_path / "outbox.sqlite", clock))
    kept = await after.store.get("one")
    assert kept is not None
    assert kept.time == put.time + HOLD
    await after.store.aclose()


async def test_changes_of_others_are_told(tmp_path: Path) -> None:
    path, clock = tmp_path / "outbox.sqlite", SystemClock()
    mine, other = (DeliveriesLab(SqliteDeliveries(SqliteStore(path, clock=clock))) for _ in "12")
    await mine.put()
    async with asyncio.timeout(PATIENCE), mine.store.changes() as changes:
        await mine.put()
        await other.put()
        assert await anext(changes) == ()
        waiting = asyncio.ensure_future(anext(changes))
        await mine.put()
        assert not waiting.done()
        await other.store.rouse("acme")
        assert await waiting == ()
    for lab in (mine, other):
        await lab.store.aclose()


async def test_a_file_that_was_removed_is_made_anew(lab: DeliveriesLab, tmp_path: Path) -> None:
    await lab.put("acme", "one")
    (tmp_path / "outbox.sqlite").rename(tmp_path / "moved.sqlite")
    assert await lab.store.get("one") is None
    await lab.put("acme", "two")
    assert await lab.names() == ["acme"], "it is registered anew"


async def test_a_file_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    path.mkdir()
    lab = DeliveriesLab(sqlite_deliveries(path))
    for call in (lab.store.open(), lab.put(), lab.line(), lab.store.changes().__aenter__()):
        with pytest.raises(
            StoreError, match=r"The outbox .*outbox.sqlite cannot be used: "
        ) as told:
            await call
        assert str(told.value).endswith(
            "\n  What was handed over before is safe in it; nothing more is taken or sent."
        )
    path.rmdir()
    await lab.put()
    assert await lab.names() == ["acme"]
    async with lab.store.changes() as changes:
        await lab.store.aclose()
        path.rename(tmp_path / "moved")
        path.mkdir()
        with pytest.raises(StoreError, match="cannot be used"):
            await anext(changes)


async def test_another_writer_is_waited_for(lab: DeliveriesLab, tmp_path: Path) -> None:
    await lab.put("acme", "one")
    busy = sqlite3.connect(tmp_path / "outbox.sqlite", isolation_level=None)
    busy.execute("BEGIN IMMEDIATE")
    putting = asyncio.ensure_future(lab.put("acme", "two"))
    await asyncio.sleep(0.05)
    assert not putting.done()
    busy.execute("COMMIT")
    assert (await putting).id == "two"
    busy.close()


async def test_a_cancelled_call_leaves_no_transaction_open(lab: DeliveriesLab) -> None:
    await lab.put("acme", "one")
    putting = asyncio.ensure_future(lab.put("acme", "two"))
    await asyncio.sleep(0)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert await lab.names() == ["acme"]
    assert (await lab.put("acme", "two")).id == "two"


async def test_a_write_that_cannot_be_made_leaves_no_transaction_open(lab: DeliveriesLab) -> None:
    await lab.put("acme", "one")
    for strange in (new("\ud800"), new(until=math.nan), new()._replace(value="text")):
        with pytest.raises(StoreError, match=r"The outbox .* cannot be used"):
            await lab.store.put("acme", strange)
    with pytest.raises(StoreError, match="cannot be used"):
        await lab.store.swap(2**80, 1, b"", columns_of())
    assert await lab.names() == ["acme"]


# ------------------------------------------------------------------ plans


async def test_no_query_reads_a_table_from_its_beginning_to_its_end(
    tmp_path: Path,
) -> None:
    """But those that count all there are; and `line` sorts no scopes."""
    seen: set[str] = set()
    lab = DeliveriesLab(sqlite_deliveries(tmp_path / "outbox.sqlite"))
    kept = await lab.put()
    store = lab.store
    assert isinstance(store, SqliteDeliveries)
    connection = store._store._connection
    assert connection is not None
    connection.set_trace_callback(seen.add)
    for only in (None, "acme"):
        await store.line("me", HOLD, 1, only)
        await store.next_in(only)
        await store.has_work("me", only, [1])
        await store.rest("acme", "me", 0.0)
    await store.line("me", HOLD, 1)
    await store.take("acme", "me", HOLD, 10, [7])
    await store.hold(["acme"], "me", HOLD)
    kept = await lab.swap(kept, state="leaving", mark=1, post_ids=("p",))
    await store.ahead(kept.scope, kept.number, 1.0)
    await store.known("acme", ["p"], [1])
    await store.get(kept.id)
    await store.get(kept.id, "acme")
    await store.key_owner("acme", "key")
    await store.rouse("acme")
    await store.abandoned("acme")
    await store.counts("acme")
    await lab.end(kept)
    await lab.advance(1.0)
    await store.prune(timedelta(0))
    connection.set_trace_callback(None)
    queries = {each for each in seen if "deliver" in each and not each.startswith("EXPLAIN")}
    assert len(queries) > 20
    scans = {
        (query, detail)
        for query in queries
        for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {query}")
        if re.match("SCAN (deliver|d$)", detail)
        or ("served_at, name" in query and "TEMP" in detail)
    }
    assert scans == set()
    assert re.match("SCAN deliver", _plan(connection, "SELECT * FROM deliveries WHERE body = x''"))
    await store.aclose()


@pytest.mark.parametrize("only", [None, "acme"])
async def test_an_overview_reads_an_index_of_what_is_open(tmp_path: Path, only: str | None) -> None:
    seen: list[str] = []
    lab = DeliveriesLab(sqlite_deliveries(tmp_path / "outbox.sqlite"))
    await lab.put()
    assert isinstance(lab.store, SqliteDeliveries)
    connection = lab.store._store._connection
    assert connection is not None
    connection.set_trace_callback(seen.append)
    assert len(await lab.store.overview(only)) == 1
    connection.set_trace_callback(None)
    [query] = [each for each in seen if "deliver" in each]
    plan = [detail for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
    [reads] = [detail for detail in plan if "deliver" in detail]
    assert "USING COVERING INDEX deliveries_open" in reads
    assert reads.startswith("SCAN" if only is None else "SEARCH")
    await lab.store.aclose()


def _plan(connection: sqlite3.Connection, query: str) -> str:
    return str(connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchone()[-1])
