"""Deliveries in the file of a `SqliteStore`, beside its ledgers; see `_deliveries`."""

from __future__ import annotations

import asyncio
import json
import math
import sqlite3
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from postiz_async.errors import StoreError, UsageError
from postiz_async.stores import in_micros, in_seconds, new_version
from postiz_async.stores._deliveries import (
    MOST_COUNTED,
    Ahead,
    Ending,
    Endings,
    KeptDelivery,
    Scope,
    ScopeOverview,
    ScopeWork,
    TakenError,
    clean,
)
from postiz_async.stores._sqlite_files import explain, read_clock, resume_clock, set_clock

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Callable,
        Collection,
        Generator,
        Iterable,
        Mapping,
        Sequence,
    )
    from datetime import timedelta

    from postiz_async.stores._deliveries import DeliveryColumns, NewDelivery, Topic
    from postiz_async.stores.sqlite import SqliteStore

    _Rows: TypeAlias = list[tuple[Any, ...]]

_T = TypeVar("_T")

_UNUSABLE = (
    "The outbox {} cannot be used: {}\n"
    "  What was handed over before is safe in it; nothing more is taken or sent."
)

_LOOK = 1.0
"""Seconds between two looks for changes by other processes, as SQLite sends no notifications."""

_PRUNED = 1_000
"""Deliveries removed in one transaction."""

_KEPT = "SELECT value, version, :now, number, scope, id, body FROM deliveries "

_PLANNED = (
    "(SELECT count(*) FROM (SELECT 1 FROM deliveries "
    f"WHERE scope = :scope AND state = 'planned' {{}} LIMIT {MOST_COUNTED}))"
)

_AHEAD = f"""
SELECT {_PLANNED.format("AND (due, number) < (:due, :number)")}, {_PLANNED.format("")},
    CASE WHEN holder IS NULL AND failures > 0 THEN max(0, ready_at - :now) ELSE 0 END,
    ifnull(trouble, ''), ifnull(organization, ''), ifnull(base_url, '')
FROM (SELECT 1) LEFT JOIN scopes ON name = :scope
"""

_NEVER = 2**63 - 1
"""A moment that does not come: the largest integer."""

_SCOPES = f"""
SELECT name, organization, base_url, failures, trouble, holder, served_at, ready_at, max(
    CASE WHEN holder IS NULL AND failures = 0 AND EXISTS (
        SELECT 1 FROM deliveries
        WHERE scope = name AND state = 'planned' AND number > seen_number
    ) THEN 0 ELSE ready_at END,
    ifnull((
        SELECT until FROM deliveries WHERE scope = name AND ended_at IS NULL
        ORDER BY until LIMIT 1
    ), {_NEVER})
) AS work_at FROM scopes
"""
"""Scopes, with the times from which each is ready and has work."""

_TAKE = """
UPDATE scopes SET holder = :holder, ready_at = :now + :micros,
    served_at = ifnull(:served_at, served_at),
    seen_number = (SELECT ifnull(max(number), 0) FROM deliveries)
WHERE name = :name
"""
"""Takes a scope; a delivery put later than `seen_number` makes it ready again while it rests."""


class SqliteDeliveries:
    """Deliveries in a SQLite file; implements `Deliveries`.

    Args:
        store: the store that uses the file.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._clock = store._clock  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        self._do_in_store = store._do  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        self._ahead = -math.inf
        """Seconds by which the file's clock was ahead of the monotonic one when last read."""

    @property
    def where(self) -> str:
        return str(self._store.path)

    @property
    def records(self) -> SqliteStore:
        return self._store

    async def open(self) -> None:
        await self._do(lambda _: None)

    async def aclose(self) -> None:
        """Write down the time and close: the file's clock may stand still until the next use."""
        try:
            await self._write(lambda _, now: now)
        finally:
            await self._store.aclose()

    async def _do(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            return await self._do_in_store(work, _UNUSABLE)
        except (ValueError, OverflowError) as error:  # a value that SQLite cannot store
            raise StoreError(_UNUSABLE.format(self.where, explain(error))) from None

    def _time(self, c: sqlite3.Connection, tell: Callable[..., float]) -> int:
        """The time of the file in microseconds; it never goes back while this process lives."""
        monotonic = self._clock.monotonic()
        time = tell(c, self._clock, monotonic + self._ahead)
        self._ahead = time - monotonic
        return in_micros(time)

    async def _write(self, work: Callable[[sqlite3.Connection, int], _T]) -> _T:
        """Run `work` in a transaction, with the time of the file, which is written down too."""

        def transact(c: sqlite3.Connection) -> _T:
            with _transaction(c):
                return work(c, self._time(c, set_clock))

        return await self._do(transact)

    async def _change(self, query: str, values: Mapping[str, object]) -> _Rows:
        """Run one statement that writes and may use `:now`; return its rows."""
        return await self._write(lambda c, now: c.execute(query, {**values, "now": now}).fetchall())

    async def _read(self, query: str, values: Mapping[str, object]) -> _Rows:
        """Run one statement that only reads and may use `:now`; return its rows."""

        def read(c: sqlite3.Connection) -> _Rows:
            return c.execute(query, {**values, "now": self._time(c, read_clock)}).fetchall()

        return await self._do(read)

    # ------------------------------------------------------------ one delivery

    async def put(
        self, scope: str, new: NewDelivery, *, connection: object = None
    ) -> tuple[KeptDelivery, Ahead]:
        if connection is not None:
            raise UsageError(
                "An outbox in a file has no part in a transaction of your database; nothing was "
                "stored. Leave connection= out, or give the outbox that PostgreSQL."
            )
        state, _, due, is_dated, until, *_ = new.columns

        def put(c: sqlite3.Connection, now: int) -> tuple[KeptDelivery, Ahead]:
            moments = in_micros(due), is_dated, in_micros(until)
            values = new.id, scope, new_version(), state, *moments, new.value, new.body
            c.execute(
                "INSERT INTO deliveries "
                "(id, scope, version, state, due, is_dated, until, value, body, put_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                (*values, now),
            )
            [row] = c.execute(_KEPT + "WHERE id = :id", {"now": now, "id": new.id})
            kept = _kept(row)
            [(kept_due,)] = c.execute("SELECT due FROM deliveries WHERE number = ?", (kept.number,))
            of = {"now": now, "scope": kept.scope, "number": kept.number, "due": kept_due}
            return kept, _ahead(c.execute(_AHEAD, of).fetchall())

        return await self._write(put)

    async def get(self, delivery: str, scope: str | None = None) -> KeptDelivery | None:
        if not delivery.isprintable():  # ids are printable
            return None
        where = "WHERE id = :id AND scope = ifnull(:scope, scope)"
        found = await self._read(_KEPT + where, {"id": delivery, "scope": scope})
        return _kept(found[0]) if found else None

    async def swap(
        self, number: int, version: int, value: bytes, columns: DeliveryColumns
    ) -> tuple[bool, KeptDelivery | None]:
        state, is_over, due, is_dated, until, mark, post_ids = columns

        def swap(c: sqlite3.Connection, now: int) -> tuple[bool, KeptDelivery | None]:
            try:
                swapped = c.execute(
                    "UPDATE deliveries SET version = ?, value = ?, state = ?, due = ?, "
                    "is_dated = ?, until = ?, mark = ?, "
                    "ended_at = CASE WHEN ? THEN ifnull(ended_at, ?) END, ending = "
                    "CASE WHEN ? THEN ifnull(ending, (SELECT last + 1 FROM endings)) END "
                    "WHERE number = ? AND version = ? RETURNING scope, ending",
                    (
                        *(new_version(), value, state, in_micros(due), is_dated),
                        *(in_micros(until), mark, is_over, now, is_over, number, version),
                    ),
                ).fetchall()
                for scope, ending in swapped:
                    c.execute("UPDATE endings SET last = max(last, ifnull(?, 0))", (ending,))
                    own = c.execute("SELECT post_id FROM delivered WHERE number = ?", (number,))
                    added = {*post_ids}.difference(post_id for (post_id,) in own)
                    rows = ((scope, post_id, number) for post_id in added)
                    c.executemany("INSERT INTO delivered VALUES (?, ?, ?)", rows)
            except sqlite3.IntegrityError:
                raise TakenError from None
            found = c.execute(_KEPT + "WHERE number = :number", {"now": now, "number": number})
            kept = found.fetchone()
            return bool(swapped), None if kept is None else _kept(kept)

        return await self._write(swap)

    async def ahead(self, scope: str, number: int, due: float) -> Ahead:
        values = {"scope": scope, "number": number, "due": in_micros(due)}
        return _ahead(await self._read(_AHEAD, values))

    async def known(
        self, scope: str, post_ids: Collection[str], marks: Collection[int]
    ) -> tuple[set[str], set[int]]:
        found = await self._read(
            "SELECT post_id, NULL FROM delivered WHERE scope = :scope "
            "AND post_id IN (SELECT value FROM json_each(:post_ids)) UNION ALL "
            "SELECT NULL, mark FROM deliveries WHERE scope = :scope "
            "AND mark IN (SELECT value FROM json_each(:marks))",
            {"scope": scope, "post_ids": _array(post_ids), "marks": _array(marks)},
        )
        posts = {post_id for post_id, _ in found if post_id is not None}
        return posts, {mark for _, mark in found if mark is not None}

    # ------------------------------------------------------------ the work of scopes

    async def register(self, scope: str, organization: str, base_url: str) -> None:
        query = "INSERT INTO scopes (name, organization, base_url) VALUES (?, ?, ?) "
        values = scope, clean(organization), base_url
        await self._do(lambda c: c.execute(query + "ON CONFLICT (name) DO NOTHING", values))

    async def key_owner(self, scope: str, key_name: str) -> str | None:
        def owner(c: sqlite3.Connection) -> str | None:
            with _transaction(c):
                other = "SELECT organization FROM scopes WHERE key_name = ? AND name <> ?"
                found = c.execute(other, (key_name, scope)).fetchone()
                if found is not None:
                    return str(found[0])
                noting = "UPDATE scopes SET key_name = ? WHERE name = ? AND key_name IS NOT ?"
                c.execute(noting, (key_name, scope, key_name))
                return None

        return await self._do(owner)

    async def line(
        self, holder: str, seconds: float, limit: int, only: str | None = None
    ) -> list[Scope]:
        query = (
            "SELECT name, organization, base_url, failures, trouble, holder IS NOT NULL "
            f"FROM ({_SCOPES} WHERE {_whose(only)}) WHERE work_at <= :now "
            "ORDER BY served_at, name LIMIT :limit"
        )

        def line(c: sqlite3.Connection) -> list[Scope]:
            with _transaction(c):
                now = self._time(c, resume_clock)  # else it stands still for idle senders
                rows = c.execute(query, {"only": only, "now": now, "limit": limit}).fetchall()
                if rows:
                    self._time(c, set_clock)
                taken = {
                    "holder": holder,
                    "now": now,
                    "micros": in_micros(seconds),
                    "served_at": now,
                }
                c.executemany(_TAKE, [{"name": name, **taken} for name, *_ in rows])
                return [Scope._make((*row[:-1], bool(row[-1]))) for row in rows]

        return await self._do(line)

    async def next_in(self, only: str | None = None) -> float:
        query = (
            f"SELECT min(nullif(work_at, {_NEVER})) - :now FROM ({_SCOPES} WHERE {_whose(only)})"
        )
        [(work_in,)] = await self._read(query, {"only": only})
        return math.inf if work_in is None else max(0.0, in_seconds(work_in))

    async def hold(self, scopes: Collection[str], holder: str, seconds: float) -> set[str]:
        held = await self._change(
            "UPDATE scopes SET ready_at = :now + :micros WHERE holder = :holder "
            "AND name IN (SELECT value FROM json_each(:names)) RETURNING name",
            {"names": _array(scopes), "holder": holder, "micros": in_micros(seconds)},
        )
        return {name for (name,) in held}

    async def take(
        self, scope: str, holder: str, seconds: float, limit: int, besides: Collection[int] = ()
    ) -> ScopeWork | None:
        due = (
            "WHERE scope = :name AND until <= :now "
            "AND number NOT IN (SELECT value FROM json_each(:besides)) AND "
        )
        in_doubt = _KEPT + due + "ended_at IS NULL AND state <> 'planned'"
        planned = _KEPT + due + "state = 'planned' ORDER BY due, number LIMIT :limit"
        values = {"name": scope, "scope": scope, "holder": holder, "micros": in_micros(seconds)}
        values |= {"served_at": None, "limit": limit, "besides": _array(besides)}

        def take(c: sqlite3.Connection, now: int) -> ScopeWork | None:
            given = {**values, "now": now}
            if not c.execute(_TAKE + "AND holder = :holder RETURNING 1", given).fetchall():
                return None
            found = [*c.execute(in_doubt, given), *c.execute(planned, given)]
            [(count,)] = c.execute(f"SELECT {_PLANNED.format('')}", given)
            return ScopeWork([_kept(row) for row in found], count)

        return await self._write(take)

    async def rest(
        self, scope: str, holder: str, seconds: float, *, failures: int = 0, trouble: str = ""
    ) -> None:
        values = {"failures": failures, "trouble": clean(trouble)}
        await self._change(
            "UPDATE scopes SET holder = NULL, ready_at = :now + :micros, failures = :failures, "
            "trouble = :trouble WHERE name = :name AND holder = :holder",
            {"name": scope, "holder": holder, "micros": in_micros(seconds), **values},
        )

    async def rouse(self, scope: str, *, failed: bool = False) -> None:
        await self._change(
            "UPDATE scopes SET ready_at = :now WHERE name = :name AND holder IS NULL "
            "AND (failures = 0 OR :failed) AND ready_at > :now",
            {"name": scope, "failed": failed},
        )

    async def has_work(
        self, holder: str, only: str | None = None, besides: Collection[int] = ()
    ) -> bool:
        left = (
            "EXISTS (SELECT 1 FROM deliveries WHERE scope = name AND ended_at IS NULL "
            "AND number NOT IN (SELECT value FROM json_each(:besides)) AND "
        )
        found = await self._read(
            "SELECT 1 FROM scopes WHERE (holder IS NULL OR holder = :holder OR ready_at <= :now) "
            f"AND {_whose(only)} AND ({left} until <= :now) OR {left} state <> 'planned')) LIMIT 1",
            {"holder": holder, "only": only, "besides": _array(besides)},
        )
        return bool(found)

    # ------------------------------------------------------------ all of it

    async def counts(self, scope: str | None = None) -> Mapping[str, int]:
        where = "" if scope is None else "WHERE scope = :scope"
        query = f"SELECT state, count(*) FROM deliveries {where} GROUP BY state"
        return dict(await self._read(query, {"scope": scope}))

    async def overview(self, only: str | None = None) -> list[ScopeOverview]:
        mine = "TRUE" if only is None else "scope = :only"
        found = await self._read(
            "WITH counted AS (SELECT scope, state, count(*) AS count, min(due) AS due, "
            "min(put_at) AS since FROM deliveries INDEXED BY deliveries_open "
            f"WHERE ended_at IS NULL AND {mine} GROUP BY scope, state), "
            "open AS (SELECT scope, json_group_object(state, count) AS states, "
            "min(due) FILTER (WHERE state = 'planned') AS due, "
            "min(since) FILTER (WHERE state = 'planned') AS since FROM counted GROUP BY scope) "
            "SELECT organization, base_url, trouble, holder IS NOT NULL AND ready_at > :now, "
            "ifnull(states, '{}'), due, max(0, ifnull(:now - since, 0)) "
            "FROM scopes LEFT JOIN open ON scope = name "
            f"WHERE {mine.replace('scope', 'name')} ORDER BY organization, name",
            {"only": only},
        )
        return [
            ScopeOverview._make((*row, bool(is_held), json.loads(states), *_seconds(due, age)))
            for *row, is_held, states, due, age in found
        ]

    async def endings(self, first: int, limit: int, only: str | None = None) -> Endings:
        whose = _whose(only)
        rows = await self._read(
            "SELECT e.store, e.last, ifnull((SELECT removed FROM scopes "
            f"WHERE {whose} ORDER BY removed DESC LIMIT 1), 0), d.* FROM endings e LEFT JOIN "
            "(SELECT ending, organization, value, version, :now, number, scope, id, body "
            "FROM deliveries JOIN scopes ON name = scope "
            f"WHERE ending >= :first AND {whose} ORDER BY ending LIMIT :limit) d ORDER BY ending",
            {"first": first, "limit": limit, "only": only},
        )
        store, last, removed, *_ = rows[0]
        endings = [_ending(row) for _, _, _, *row in rows if row[0] is not None]
        return Endings(store, last, removed, endings)

    async def abandoned(self, only: str) -> int:
        [(count,)] = await self._read(
            "SELECT count(*) FROM scopes JOIN deliveries ON scope = name AND ended_at IS NULL "
            "WHERE organization = '' AND name <> :only AND (holder IS NULL OR ready_at <= :now)",
            {"only": only},
        )
        return int(count)

    async def prune(self, keep: timedelta) -> int:
        def prune(c: sqlite3.Connection, now: int) -> int:
            ended = c.execute(
                "DELETE FROM deliveries WHERE number IN (SELECT number FROM deliveries "
                "WHERE ended_at < ? ORDER BY ended_at LIMIT ?) RETURNING number, ending, scope",
                (now - in_micros(keep.total_seconds()), _PRUNED),
            ).fetchall()
            c.executemany("DELETE FROM delivered WHERE number = ?", [row[:1] for row in ended])
            removed = "UPDATE scopes SET removed = max(removed, ?) WHERE name = ?"
            c.executemany(removed, [row[1:] for row in ended])
            return len(ended)

        removed = 0
        while True:
            ended = await self._write(prune)
            removed += ended
            if ended < _PRUNED:
                return removed

    @asynccontextmanager
    async def changes(
        self, topic: Topic = "deliveries"
    ) -> AsyncGenerator[AsyncIterator[Sequence[str]]]:
        del topic  # other connections only tell that something changed
        async with aclosing(self._changes(await self._do(_seen))) as changes:
            yield changes

    async def _changes(self, seen: object) -> AsyncGenerator[Sequence[str]]:
        while True:
            await asyncio.sleep(_LOOK)
            before, seen = seen, await self._do(_seen)
            if seen != before:
                yield ()


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Generator[None]:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def _seen(connection: sqlite3.Connection) -> object:
    """A value that differs after a change by another connection."""
    return connection, connection.execute("PRAGMA data_version").fetchone()


def _ending(row: Sequence[Any]) -> Ending:
    number, organization, *kept = row
    return Ending(number, organization, _kept(kept))


def _ahead(rows: _Rows) -> Ahead:
    [(before, planned, rests, *texts)] = rows
    return Ahead(before, planned, in_seconds(rests), *texts)


def _kept(row: Sequence[Any]) -> KeptDelivery:
    value, version, time, *rest = row
    return KeptDelivery(value, version, in_seconds(time), *rest)


def _seconds(due: int | None, age: int) -> tuple[float | None, float]:
    return None if due is None else in_seconds(due), in_seconds(age)


def _whose(only: str | None) -> str:
    return "organization <> ''" if only is None else "name = :only"


def _array(values: Iterable[object]) -> str:
    return json.dumps(list(values))
