"""Deliveries in PostgreSQL, for senders on any number of hosts; see `_deliveries`.

Each method is one statement. In the tables all times are microseconds of the database's own clock;
those of the client's clock may be longer or shorter, see `speed`. `put` reads and writes no row of
`scopes`, and has no foreign key to one, so that no transaction of a user holds a sender up.
"""

from __future__ import annotations

import hashlib
import math
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, LiteralString

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
    clean,
)
from postiz_async.stores._postgres_connections import write_through
from postiz_async.stores.postgres import PostgresRecords

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Collection,
        Mapping,
        Sequence,
    )
    from datetime import timedelta

    from postiz_async.stores._deliveries import DeliveryColumns, NewDelivery, Topic
    from postiz_async.stores._postgres import Database


_LONGEST_NAME = 63
"""Bytes of a name in PostgreSQL, at most."""

_PRUNED = 1_000
"""Deliveries removed in one statement."""

_KEPT: LiteralString = "d.value, d.version, {now}, d.number, d.scope, d.id, d.body"

_AHEAD: LiteralString = (
    "SELECT ARRAY[(SELECT count(*) FROM (SELECT FROM {schema}.deliveries p WHERE p.scope = d.scope"
    " AND p.state = 'planned' AND (p.due, p.number) < (d.due, d.number) LIMIT 1000) p)::text,"
    " (SELECT count(*) FROM (SELECT FROM {schema}.deliveries p WHERE p.scope = d.scope"
    " AND p.state = 'planned' LIMIT 1000) p)::text,"
    " (CASE WHEN s.holder IS NULL AND s.failures > 0"
    " THEN greatest(0, s.ready_at - {now}) ELSE 0 END)::text,"
    " s.trouble, s.organization, s.base_url] FROM {schema}.scopes s WHERE s.name = d.scope"
)
"""The queue in front of a delivery `d`."""

_PUT: LiteralString = (
    "INSERT INTO {schema}.deliveries AS d"
    " (id, scope, version, state, due, is_dated, until, value, body)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (id) DO UPDATE SET id = excluded.id"
    " RETURNING pg_notify(%s, d.scope), d.xmax = 0,"
    " CASE current_setting('transaction_isolation') WHEN 'serializable' THEN NULL"
    " ELSE (" + _AHEAD + ") END, " + _KEPT
)
"""Inserts a delivery; idempotent if the delivery exists or the answer was lost.

In a serializable transaction the queue in front of the delivery is not read.
"""

_SWAP: LiteralString = (
    "WITH mine AS MATERIALIZED (SELECT number, ending FROM {schema}.deliveries"
    "  WHERE number = %s AND version = %s FOR NO KEY UPDATE), "
    "counted AS (UPDATE {schema}.version SET endings = endings + 1"
    "  WHERE %s AND EXISTS (SELECT FROM mine WHERE ending IS NULL) RETURNING endings), "
    "changed AS (UPDATE {schema}.deliveries SET version = %s, value = %s, state = %s,"
    "  due = %s, is_dated = %s, until = %s, mark = %s,"
    "  ended_at = CASE WHEN %s THEN coalesce(ended_at, {now}) END,"
    "  ending = CASE WHEN %s THEN coalesce(ending, (SELECT endings FROM counted)) END"
    "  WHERE number = (SELECT number FROM mine) RETURNING *), "
    "added AS (INSERT INTO {schema}.delivered (scope, post_id, number)"
    "  SELECT scope, post_id, number FROM changed, unnest(%s::text[]) AS post_id"
    "  WHERE post_id NOT IN (SELECT post_id FROM {schema}.delivered WHERE number = %s)) "
    "SELECT TRUE, (SELECT pg_notify(%s, d.scope) FROM counted)::text, " + _KEPT + ""
    " FROM changed d UNION ALL "
    "SELECT d.version = %s, NULL, " + _KEPT + " FROM {schema}.deliveries d"
    " WHERE number = %s AND NOT EXISTS (SELECT FROM changed)"
)
"""Updates a delivery. Repeated after a lost answer, it recognises its own version.

The counter stays locked until the commit, so that endings become visible in the order of their
numbers; a sequence would not wait. The delivery is locked first: a transaction of a user may hold
it, and must not hold up other endings.
"""

_READY_AT: LiteralString = (
    "CASE WHEN s.holder IS NULL AND s.failures = 0 AND ("
    "SELECT TRUE FROM {schema}.deliveries d WHERE d.scope = s.name AND d.state = 'planned'"
    " AND d.put_in >= pg_snapshot_xmin(s.seen)"
    " AND d.put_in < pg_snapshot_xmax(pg_current_snapshot())"
    " AND NOT pg_visible_in_snapshot(d.put_in, s.seen)"
    " ORDER BY d.put_in LIMIT 1) THEN 0 ELSE s.ready_at END"
)
"""The time from which a scope `s` is ready.

`seen` is the snapshot of its last holder. Numbers do not show what was put since: the transaction
with the lower number may end later. Unknown transactions come from a dump of another database.
"""

_TAKEN: LiteralString = "seen = pg_current_snapshot(), ready_at = {now} + %s"


class PostgresDeliveries:
    """Deliveries in PostgreSQL; implements `Deliveries`.

    Args:
        database: the database with the tables.
        speed: seconds of the client's clock in one of the database's; infinite: one.
    """

    def __init__(self, database: Database, speed: float = 1.0) -> None:
        self._database = database
        self._speed = speed if math.isfinite(speed) else 1.0
        self._registered: set[str] = set()
        self._keys: dict[str, str] = {}
        """The names of keys that are known to belong to organisations, by scope."""
        self._put_parts = database.statement(_PUT).as_string(None).split("%s")

    @property
    def where(self) -> str:
        return self._database.where

    @property
    def records(self) -> PostgresRecords:
        return PostgresRecords(self._database)

    async def open(self) -> None:
        await self._database.check()

    async def aclose(self) -> None:
        await self._database.aclose()

    def _micros(self, seconds: float) -> int:
        """A time of the client's clock in microseconds of the database's."""
        return in_micros(seconds / self._speed)

    def _seconds(self, micros: int) -> float:
        return in_seconds(micros) * self._speed

    async def _fetch(self, statement: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        return await self._database.fetch(statement, values)

    # ------------------------------------------------------------ one delivery

    async def put(
        self, scope: str, new: NewDelivery, *, connection: object = None
    ) -> tuple[KeptDelivery, Ahead]:
        state, _, due, is_dated, until, *_ = new.columns
        values = (
            *(new.id, scope, new_version(), state, in_micros(due), is_dated, self._micros(until)),
            *(new.value, new.body, channel_of(self._database.schema, "deliveries")),
        )
        if connection is None:
            [row] = await self._fetch(_PUT, *values)
        else:
            row = tuple(await write_through(connection, self._put_parts, values))
        _, is_new, ahead, *kept = row
        return self._kept(kept), self._ahead(ahead, int(is_new))

    async def get(self, delivery: str, scope: str | None = None) -> KeptDelivery | None:
        if not delivery.isprintable():  # ids are printable
            return None
        found = await self._fetch(
            "SELECT " + _KEPT + " FROM {schema}.deliveries d"
            " WHERE id = %s AND scope = coalesce(%s, scope)",
            *(delivery, scope),
        )
        return self._kept(found[0]) if found else None

    async def swap(
        self, number: int, version: int, value: bytes, columns: DeliveryColumns
    ) -> tuple[bool, KeptDelivery | None]:
        state, is_over, due, is_dated, until, mark, post_ids = columns
        new = new_version()
        found = await self._fetch(
            _SWAP,
            *(number, version, is_over),
            *(
                new,
                value,
                state,
                in_micros(due),
                is_dated,
                self._micros(until),
                mark,
                is_over,
                is_over,
            ),
            *([*{*post_ids}], number, channel_of(self._database.schema, "endings"), new, number),
        )
        if found and not found[0][0] and found[0][3] == version:  # another transaction was quicker
            found = await self._fetch(
                "SELECT FALSE, NULL, " + _KEPT + " FROM {schema}.deliveries d WHERE number = %s",
                number,
            )
        return (found[0][0], self._kept(found[0][2:])) if found else (False, None)

    async def ahead(self, scope: str, number: int, due: float) -> Ahead:
        found = await self._fetch(
            "SELECT (" + _AHEAD + ") FROM (VALUES (%s, %s::bigint, %s)) AS d (scope, due, number)",
            *(scope, in_micros(due), number),
        )
        return self._ahead(found[0][0])

    async def known(
        self, scope: str, post_ids: Collection[str], marks: Collection[int]
    ) -> tuple[set[str], set[int]]:
        found = await self._fetch(
            "SELECT post_id, NULL FROM {schema}.delivered"
            " WHERE scope = %s AND post_id = ANY (%s::text[]) UNION ALL "
            "SELECT NULL, mark FROM {schema}.deliveries"
            " WHERE scope = %s AND mark = ANY (%s::bigint[])",
            *(scope, [*post_ids], scope, [*marks]),
        )
        posts = {post_id for post_id, _ in found if post_id is not None}
        return posts, {mark for _, mark in found if mark is not None}

    def _kept(self, row: Sequence[Any]) -> KeptDelivery:
        value, version, time, *rest = row
        return KeptDelivery(value, version, self._seconds(time), *rest)

    def _ahead(self, row: Sequence[str] | None, more: int = 0) -> Ahead:
        """The queue in front of a delivery, plus `more` that the statement did not see."""
        before, planned, rests, *texts = row or ("0", "0", "0", "", "", "")
        most = min(int(planned) + more, MOST_COUNTED)
        return Ahead(int(before), most, self._seconds(int(rests)), *texts)

    # ------------------------------------------------------------ the work of scopes

    async def register(self, scope: str, organization: str, base_url: str) -> None:
        if scope in self._registered:
            return
        await self._fetch(
            "INSERT INTO {schema}.scopes (name, organization, base_url) VALUES (%s, %s, %s)"
            " ON CONFLICT (name) DO NOTHING",
            *(scope, clean(organization), base_url),
        )
        self._registered.add(scope)

    async def key_owner(self, scope: str, key_name: str) -> str | None:
        if self._keys.get(scope) == key_name:
            return None
        others = await self._fetch(
            "WITH other AS MATERIALIZED (SELECT organization FROM {schema}.scopes"
            "  WHERE key_name = %s AND name <> %s LIMIT 1), "
            "noted AS (UPDATE {schema}.scopes SET key_name = %s WHERE name = %s"
            "  AND key_name IS DISTINCT FROM %s AND NOT EXISTS (SELECT FROM other)) "
            "SELECT organization FROM other",
            *(key_name, scope, key_name, scope, key_name),
        )
        if others:
            return str(others[0][0])
        self._keys[scope] = key_name
        return None

    async def line(
        self, holder: str, seconds: float, limit: int, only: str | None = None
    ) -> list[Scope]:
        whose, values = _whose(only)
        found = await self._fetch(
            "WITH ready AS MATERIALIZED (SELECT s.name, s.holder, s.served_at"
            "  FROM {schema}.scopes s WHERE " + whose + " AND " + _READY_AT + " <= {now}"
            "  AND (SELECT until FROM {schema}.deliveries d WHERE d.scope = s.name"
            "  AND d.ended_at IS NULL ORDER BY until LIMIT 1) <= {now}"
            "  ORDER BY s.served_at, s.name LIMIT %s FOR NO KEY UPDATE SKIP LOCKED), "
            "taken AS (UPDATE {schema}.scopes SET holder = %s, served_at = {now}, "
            "  " + _TAKEN + " WHERE name = ANY (ARRAY(SELECT name FROM ready)) RETURNING *) "
            "SELECT t.name, t.organization, t.base_url, t.failures, t.trouble,"
            " ready.holder IS NOT NULL FROM taken t JOIN ready USING (name)"
            " ORDER BY ready.served_at, name",
            *(*values, limit, holder, self._micros(seconds)),
        )
        return [Scope(*row) for row in found]

    async def next_in(self, only: str | None = None) -> float:
        whose, values = _whose(only)
        first: LiteralString = (
            "(SELECT d.scope, d.until FROM {schema}.deliveries d WHERE d.ended_at IS NULL"
        )
        found: LiteralString = "WITH open AS " + first + " AND d.scope = %s ORDER BY until LIMIT 1)"
        if only is None:  # from the first one of each scope to that of the next scope
            found = (
                "WITH RECURSIVE open AS (" + first + " ORDER BY scope, until LIMIT 1) UNION ALL "
                "SELECT next.* FROM open, LATERAL " + first + " AND d.scope > open.scope"
                "  ORDER BY scope, until LIMIT 1) next)"
            )
        [(work_in,)] = await self._fetch(
            found + " SELECT min((SELECT greatest(" + _READY_AT + ", open.until)"
            "  FROM {schema}.scopes s WHERE s.name = open.scope AND " + whose + "))"
            " - {now} FROM open",
            *(*values, *values),
        )
        return math.inf if work_in is None else max(0.0, self._seconds(work_in))

    async def hold(self, scopes: Collection[str], holder: str, seconds: float) -> set[str]:
        held = await self._fetch(
            "WITH mine AS MATERIALIZED (SELECT name FROM {schema}.scopes"
            "  WHERE name = ANY (%s::text[]) AND holder = %s ORDER BY name FOR NO KEY UPDATE) "
            "UPDATE {schema}.scopes SET ready_at = {now} + %s"
            " WHERE name = ANY (ARRAY(SELECT name FROM mine)) RETURNING name",
            *([*scopes], holder, self._micros(seconds)),
        )
        return {name for (name,) in held}

    async def take(
        self, scope: str, holder: str, seconds: float, limit: int, besides: Collection[int] = ()
    ) -> ScopeWork | None:
        due: LiteralString = (
            "SELECT d.*, d.state = 'planned' AS is_planned FROM {schema}.deliveries d"
            " WHERE d.scope = s.name AND d.until <= {now} AND d.number <> ALL (%s::bigint[])"
        )
        found = await self._fetch(
            "WITH s AS (UPDATE {schema}.scopes SET " + _TAKEN + ""
            "  WHERE name = %s AND holder = %s RETURNING name) "
            "SELECT (SELECT count(*) FROM (SELECT FROM {schema}.deliveries p"
            "  WHERE p.scope = s.name AND p.state = 'planned' LIMIT 1000) p), " + _KEPT + ""
            " FROM s LEFT JOIN LATERAL ("
            "(" + due + " AND d.ended_at IS NULL AND d.state <> 'planned') UNION ALL "
            "(" + due + " AND d.state = 'planned' ORDER BY d.due, d.number LIMIT %s)"
            ") d ON TRUE ORDER BY d.is_planned, d.due, d.number",
            *(self._micros(seconds), scope, holder, [*besides], [*besides], limit),
        )
        if not found:
            return None
        rows = [kept for _, *kept in found if kept[1] is not None]
        return ScopeWork([self._kept(row) for row in rows], found[0][0])

    async def rest(
        self, scope: str, holder: str, seconds: float, *, failures: int = 0, trouble: str = ""
    ) -> None:
        await self._fetch(
            "UPDATE {schema}.scopes SET holder = NULL, ready_at = {now} + %s,"
            " failures = %s, trouble = %s WHERE name = %s AND holder = %s",
            *(self._micros(seconds), failures, clean(trouble), scope, holder),
        )

    async def rouse(self, scope: str, *, failed: bool = False) -> None:
        await self._fetch(
            "WITH roused AS (UPDATE {schema}.scopes SET ready_at = {now}"
            "  WHERE name = %s AND holder IS NULL AND (failures = 0 OR %s)"
            "  AND ready_at > {now}) "
            "SELECT pg_notify(%s, %s)",
            *(scope, failed, channel_of(self._database.schema, "deliveries"), scope),
        )

    async def has_work(
        self, holder: str, only: str | None = None, besides: Collection[int] = ()
    ) -> bool:
        whose, values = _whose(only)
        left: LiteralString = (
            "(SELECT TRUE FROM {schema}.deliveries d WHERE d.scope = s.name"
            " AND d.ended_at IS NULL AND d.number <> ALL (%s::bigint[])"
        )
        first: LiteralString = " ORDER BY d.until LIMIT 1)"
        found = await self._fetch(
            "SELECT 1 FROM {schema}.scopes s WHERE " + whose + ""
            " AND (s.holder IS NULL OR s.holder = %s OR s.ready_at <= {now})"
            " AND (" + left + " AND d.until <= {now}" + first + ""
            " OR " + left + " AND d.state <> 'planned'" + first + ")"
            " ORDER BY s.served_at LIMIT 1",
            *(*values, holder, [*besides], [*besides]),
        )
        return bool(found)

    # ------------------------------------------------------------ all of it

    async def counts(self, scope: str | None = None) -> Mapping[str, int]:
        where: LiteralString = "" if scope is None else " WHERE scope = %s"
        found = await self._fetch(
            "SELECT state, count(*) FROM {schema}.deliveries" + where + " GROUP BY state",
            *(() if scope is None else (scope,)),
        )
        return dict(found)

    async def overview(self, only: str | None = None) -> list[ScopeOverview]:
        mine: LiteralString = "TRUE" if only is None else "scope = %s"
        found = await self._fetch(
            "WITH counted AS (SELECT scope, state, count(*), min(due) AS due, min(put_at) AS since"
            "  FROM {schema}.deliveries WHERE ended_at IS NULL AND " + mine + ""
            "  GROUP BY scope, state), "
            "open AS (SELECT scope, json_object_agg(state, count) AS states,"
            "  min(due) FILTER (WHERE state = 'planned') AS due,"
            "  min(since) FILTER (WHERE state = 'planned') AS since FROM counted GROUP BY scope) "
            "SELECT organization, base_url, trouble,"
            " holder IS NOT NULL AND ready_at > {now}, coalesce(states, '{{}}'), due,"
            " coalesce(greatest(0, {now} - since), 0)"
            " FROM {schema}.scopes s LEFT JOIN open ON scope = name"
            " WHERE " + mine.replace("scope", "name") + " ORDER BY organization, name",
            *(() if only is None else (only, only)),
        )
        return [
            ScopeOverview._make(
                (*row, None if due is None else in_seconds(due), self._seconds(age))
            )
            for *row, due, age in found
        ]

    async def endings(self, first: int, limit: int, only: str | None = None) -> Endings:
        whose, values = _whose(only)
        found = await self._fetch(
            "SELECT v.store::text, v.endings, coalesce((SELECT removed FROM {schema}.scopes s"
            "  WHERE " + whose + " ORDER BY removed DESC LIMIT 1), 0),"
            " d.ending, d.organization, " + _KEPT + ""
            " FROM {schema}.version v LEFT JOIN LATERAL ("
            "SELECT d.*, s.organization FROM {schema}.deliveries d"
            "  JOIN {schema}.scopes s ON s.name = d.scope"
            "  WHERE d.ending >= %s AND " + whose + " ORDER BY d.ending LIMIT %s"
            ") d ON TRUE ORDER BY d.ending",
            *(*values, first, *values, limit),
        )
        endings = [
            Ending(number, organization, self._kept(kept))
            for _, _, _, number, organization, *kept in found
            if number is not None
        ]
        store, last, removed, *_ = found[0]
        return Endings(store, last, removed, endings)

    async def abandoned(self, only: str) -> int:
        [(count,)] = await self._fetch(
            "SELECT count(*) FROM {schema}.scopes s JOIN {schema}.deliveries d"
            " ON d.scope = s.name AND d.ended_at IS NULL WHERE s.organization = '' AND s.name <> %s"
            " AND (s.holder IS NULL OR s.ready_at <= {now})",
            only,
        )
        return int(count)

    async def prune(self, keep: timedelta) -> int:
        removed = 0
        while True:
            [(ended,)] = await self._fetch(
                "WITH old AS MATERIALIZED (SELECT number, scope, ending FROM {schema}.deliveries"
                "  WHERE ended_at < {now} - %s"
                "  ORDER BY ended_at LIMIT %s FOR UPDATE SKIP LOCKED), "
                "locked AS MATERIALIZED (SELECT name FROM {schema}.scopes"
                "  WHERE name = ANY (ARRAY(SELECT scope FROM old)) ORDER BY name"
                "  FOR NO KEY UPDATE), "
                "noted AS (UPDATE {schema}.scopes s SET removed = greatest(removed,"
                "  (SELECT max(ending) FROM old WHERE scope = s.name))"
                "  WHERE name = ANY (ARRAY(SELECT name FROM locked))), "
                "posts AS (DELETE FROM {schema}.delivered"
                "  WHERE number = ANY (ARRAY(SELECT number FROM old))), "
                "ended AS (DELETE FROM {schema}.deliveries"
                "  WHERE number = ANY (ARRAY(SELECT number FROM old)) RETURNING 1) "
                "SELECT count(*) FROM ended",
                *(self._micros(keep.total_seconds()), _PRUNED),
            )
            removed += int(ended)
            if ended < _PRUNED:
                return removed

    @asynccontextmanager
    async def changes(
        self, topic: Topic = "deliveries"
    ) -> AsyncGenerator[AsyncIterator[Sequence[str]]]:
        async with (
            self._database.listening(channel_of(self._database.schema, topic)) as names,
            aclosing((name,) async for name in names) as changes,
        ):
            yield changes


def channel_of(schema: str, topic: Topic) -> str:
    """The NOTIFY channel of changes; the payload is the name of the scope."""
    name = f"{schema}_{topic}"
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    return f"postiz_async_{hashlib.sha256(schema.encode()).hexdigest()[:32]}_{topic}"


def _whose(only: str | None) -> tuple[LiteralString, tuple[str, ...]]:
    return ("s.organization <> ''", ()) if only is None else ("s.name = %s", (only,))
