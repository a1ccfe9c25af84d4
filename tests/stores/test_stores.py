"""What every store does: states of quotas, and records of idempotency keys."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest
from processes import PATIENCE
from stores_lab import count_records, grow_older

from postiz_async._quota.state import ledger_name
from postiz_async.clock import JumpingClock, SystemClock
from postiz_async.stores._local_ledger import LocalLedgers, ledgers_of_process, records_of_process
from postiz_async.stores.memory import MemoryStore
from postiz_async.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from postiz_async.stores import Records

QUOTA = ledger_name("https://postiz.example", "key")
OTHER_QUOTA = ledger_name("https://postiz.example", "another key")
LONG = 30 * 86_400.0


STATE_AND_RECORD = pytest.mark.parametrize(
    ("scope", "key", "keep"), [("a", "", None), (QUOTA, "a", LONG)], ids=["state", "record"]
)


@STATE_AND_RECORD
async def test_a_swap_needs_the_newest_version(
    store: Records, scope: str, key: str, keep: float | None
) -> None:
    swap = partial(store.swap, scope, key, keep=keep)
    done, first = await swap(0, b"one")
    assert (done, first.value) == (True, b"one")
    for other in (0, first.version + 1):
        refused, there = await swap(other, b"two")
        assert (refused, there[:2]) == (False, first[:2])
    done, second = await swap(first.version, b"two")
    assert (done, second.value) == (True, b"two")
    refused, there = await swap(first.version, b"three")
    assert (refused, there[:2]) == (False, second[:2])
    assert (await store.get(scope, key))[:2] == second[:2]
    refused, there = await store.swap("b", key, 1, b"two", keep=keep)
    assert (refused, there[:2]) == (False, (None, 0))
    assert (await store.get("b", key))[:2] == (None, 0)


async def test_a_change_of_a_file_is_flushed_to_the_disk(tmp_path: Path) -> None:
    """Else a loss of power would take what was written down before a create left."""
    store = SqliteStore(tmp_path / "quota.sqlite")
    await store.swap("a", "", 0, b"one", keep=None)
    assert store._connection is not None
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    await store.aclose()


def test_the_event_loops_of_several_threads_share_a_file(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "quota.sqlite")
    ended: list[int] = []

    async def count() -> None:
        for _ in range(5):
            done = False
            while not done:
                kept = await store.get("a", "")
                value = b"%d" % (int(kept.value or b"0") + 1)
                done, _ = await store.swap("a", "", kept.version, value, keep=None)

    async def count_at_once() -> None:
        await asyncio.gather(count(), count())
        ended.append(1)

    threads = [
        threading.Thread(target=asyncio.run, args=[count_at_once()], daemon=True) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(ended) == 3
    assert asyncio.run(store.get("a", "")).value == b"30"
    asyncio.run(store.aclose())


async def test_a_clock_is_the_one_of_the_store_or_none(store: Records) -> None:
    has_clock = type(store).__name__ == "PostgresStore"
    _, state = await store.swap("a", "", 0, b"one", keep=None)
    _, record = await store.swap(QUOTA, "a", 0, b"one", keep=LONG)
    for each in (state, record, await store.get("a", ""), await store.get(QUOTA, "b")):
        assert isinstance(each.time, float) is has_clock


# ------------------------------------------------------------------ idempotency keys


@STATE_AND_RECORD
async def test_of_many_swaps_one_wins(
    store: Records, scope: str, key: str, keep: float | None
) -> None:
    version = 0
    for _ in range(2):
        swaps = (store.swap(scope, key, version, b"%d" % n, keep=keep) for n in range(20))
        results = await asyncio.gather(*swaps)
        (won,) = (kept[:2] for done, kept in results if done)
        assert {kept[:2] for _, kept in results} == {won}
        assert (await store.get(scope, key))[:2] == won
        version = won[1]


KEYS = [
    "a",
    "A",
    "a ",
    "á",
    "a\N{COMBINING ACUTE ACCENT}",
    "a:b",
    "a\nb",
    "'; DROP TABLE idempotency; --",
    "%s {} \\ *",
    "\N{PILE OF POO}" * 255,
    "\N{PILE OF POO}" * 254,
]


async def test_a_key_is_what_it_is_and_of_one_quota(store: Records) -> None:
    places = [(quota, key) for quota in (QUOTA, OTHER_QUOTA) for key in KEYS]
    for number, (quota, key) in enumerate(places):
        assert (await store.swap(quota, key, 0, b"%d" % number, keep=LONG))[0]
    for number, (quota, key) in enumerate(places):
        assert (await store.get(quota, key)).value == b"%d" % number
    for key in (*KEYS, QUOTA, f"{QUOTA}:a"):
        assert (await store.get(key, ""))[:2] == (None, 0), "states of quotas are elsewhere"


async def test_bytes_come_back_as_they_are(store: Records) -> None:
    value = bytes(range(256)) * 64
    await store.swap(QUOTA, "a", 0, value, keep=LONG)
    assert (await store.get(QUOTA, "a")).value == value
    await store.swap("a", "", 0, value, keep=None)
    assert (await store.get("a", "")).value == value


async def test_a_record_is_forgotten_when_its_time_is_over(store: Records) -> None:
    _, short = await store.swap(QUOTA, "short", 0, b"one", keep=1000)
    await store.swap(QUOTA, "long", 0, b"one", keep=2000)
    await store.swap("name", "", 0, b"state", keep=None)
    await grow_older(store, 900)
    assert (await store.get(QUOTA, "short"))[:2] == short[:2]
    await grow_older(store, 110)
    assert (await store.get(QUOTA, "short"))[:2] == (None, 0)
    refused, there = await store.swap(QUOTA, "short", short.version, b"two", keep=1000)
    assert (refused, there[:2]) == (False, (None, 0))
    done, anew = await store.swap(QUOTA, "short", 0, b"two", keep=1000)
    assert (done, anew.value) == (True, b"two")
    assert (await store.get(QUOTA, "long")).value == b"one"
    assert (await store.get("name", "")).value == b"state"


async def test_no_version_of_a_key_comes_again(store: Records) -> None:
    """A process that slept has the version of a record that was forgotten and written anew."""
    seen: list[int] = []
    for _ in range(3):
        version = 0
        for value in (b"one", b"two", b"three"):
            done, kept = await store.swap(QUOTA, "a", version, value, keep=1000)
            assert done
            version = kept.version
            seen.append(version)
        await grow_older(store, 1010)
    assert len(set(seen)) == len(seen)
    _, now = await store.swap(QUOTA, "a", 0, b"of today", keep=1000)
    for of_a_sleeper in seen:
        done, kept = await store.swap(QUOTA, "a", of_a_sleeper, b"stale", keep=1000)
        assert (done, kept[:2]) == (False, now[:2])


async def test_no_version_comes_again_in_a_store_that_lost_everything(
    new_store: Callable[[], Awaitable[Records]],
) -> None:
    """Such as a database that was made anew."""
    seen: list[int] = []
    for _ in range(3):
        store, state, record = await new_store(), 0, 0
        for value in (b"one", b"two"):
            done, kept = await store.swap("name", "", state, value, keep=None)
            done_too, kept_too = await store.swap(QUOTA, "a", record, value, keep=LONG)
            assert done
            assert done_too
            state, record = kept.version, kept_too.version
            seen += [state, record]
    assert len(set(seen)) == len(seen)


async def test_each_write_says_anew_how_long_a_record_is_kept(store: Records) -> None:
    for key, keep in (("longer", 3000), ("shorter", 500)):
        _, kept = await store.swap(QUOTA, key, 0, b"one", keep=1000)
        await grow_older(store, 900)
        assert (await store.swap(QUOTA, key, kept.version, b"two", keep=keep))[0]
    await grow_older(store, 510)
    assert (await store.get(QUOTA, "longer")).value == b"two"
    assert (await store.get(QUOTA, "shorter"))[:2] == (None, 0)


async def test_records_whose_time_is_over_go_with_later_writes(store: Records) -> None:
    many = 1000 if isinstance(store, MemoryStore) else 60
    for number in range(many):
        await store.swap(QUOTA, f"old {number}", 0, b"one", keep=1000)
    await store.swap(QUOTA, "kept", 0, b"one", keep=LONG)
    await grow_older(store, 1001)
    for number in range(many + 2):
        await store.swap(QUOTA, f"new {number}", 0, b"one", keep=LONG)
    assert await count_records(store) == many + 3
    assert (await store.get(QUOTA, "kept")).value == b"one"


# ------------------------------------------------------------------ SQLite


async def test_a_write_that_cannot_be_made_leaves_no_transaction_open(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "quota.sqlite")
    with pytest.raises(UnicodeEncodeError):
        await store.swap(QUOTA, "\ud800", 0, b"one", keep=LONG)
    assert (await store.swap("name", "", 0, b"state", keep=None))[0]
    assert (await store.swap(QUOTA, "a", 0, b"one", keep=LONG))[0]
    await store.aclose()


# ------------------------------------------------------------------ no store


async def test_clients_without_a_store_have_one_for_each_clock_and_transport() -> None:
    clock, transport = JumpingClock(), JumpingClock()
    records = records_of_process(clock)
    assert records_of_process(clock) is records
    assert records_of_process(SystemClock()) is records_of_process(SystemClock())
    others = [records_of_process(SystemClock()), records_of_process(JumpingClock())]
    assert records not in [*others, records_of_process(clock, transport)]
    await records.swap(QUOTA, "a", 0, b"one", keep=LONG)
    assert (await records_of_process(clock).get(QUOTA, "a")).value == b"one"
    ledgers_of_process(clock).forget()
    assert (await records_of_process(clock).get(QUOTA, "a"))[:2] == (None, 0)


async def test_each_set_of_ledgers_has_records_of_its_own() -> None:
    one, two = LocalLedgers(), LocalLedgers()
    await one.records.swap(QUOTA, "a", 0, b"one", keep=LONG)
    assert (await two.records.get(QUOTA, "a"))[:2] == (None, 0)
