"""Deliveries in SQL, in one dialect for SQLite and PostgreSQL; see `_deliveries`.

A statement has `$name` for each table and for each word that the two write differently (`_WORDS` of
the drivers), `:name` for each value, and `IN (:name)` for each list of values. In the tables all
times are microseconds of the store's clock, which is `$now`; those of the client's clock may be
longer or shorter, see `speed`.

A change has several parts, which SQLite runs one after the other in a transaction. In PostgreSQL
they are one statement, so that no sender that stands still keeps what others need. Its parts do not
see what those before them changed, but for what these return. The part `found` comes first and
locks rows; its column `x` is the list `:found_x` in the other parts.

`put` reads and writes no row of `scopes`, and has no foreign key to one, so that no transaction of
a user holds a sender up.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeAlias

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

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import timedelta

    from postiz_async.errors import StoreError
    from postiz_async.stores._deliveries import DeliveryColumns, NewDelivery

    Rows: TypeAlias = list[tuple[Any, ...]]

_PRUNED = 1_000
"""Deliveries removed in one transaction."""

_KEPT = "value, version, $now, number, scope, id, body"

_COUNTED = (
    "(SELECT count(*) FROM (SELECT 1 FROM $deliveries p"
    f" WHERE p.scope = {{}} AND p.state = 'planned' {{}} LIMIT {MOST_COUNTED}) AS planned)"
)


def _ahead_of(d: str) -> str:
    """The queue in front of a delivery, whose scope, due and number are `d` before these words."""
    before = _COUNTED.format(f"{d}scope", f"AND (p.due, p.number) < ({d}due, {d}number)")
    planned = _COUNTED.format(f"{d}scope", "")
    return f"""
        (SELECT CAST($json_array({before}, {planned},
            CASE WHEN s.holder IS NULL AND s.failures > 0
            THEN $greatest(0, s.ready_at - $now) ELSE 0 END,
            coalesce(s.trouble, ''), coalesce(s.organization, ''), coalesce(s.base_url, '')
        ) AS text) FROM (SELECT 1) AS one LEFT JOIN $scopes s ON s.name = {d}scope)
    """


PUT = """
INSERT INTO $deliveries (id, scope, version, state, due, is_dated, until, put_at, value, body)
VALUES (:id, :scope, :version, :state, :due, :is_dated, :until, $now, :value, :body)
ON CONFLICT (id) DO UPDATE SET id = excluded.id $put_returning
"""
"""Idempotent if the delivery exists or the answer was lost."""

READ_PUT = f"""
SELECT CASE WHEN $is_serializable THEN NULL ELSE {_ahead_of("d.")} END, $is_unseen, {_KEPT}
FROM $put d WHERE d.id = :id
"""
"""In a serializable transaction of a caller the queue in front of the delivery is not read."""

_SWAP = {
    "found": "SELECT number FROM $deliveries WHERE number = :number AND version = :version $lock",
    "counted": "UPDATE $endings SET last = last + 1 WHERE :is_over AND EXISTS"
    " (SELECT 1 FROM $deliveries WHERE number IN (:found_number) AND ending IS NULL)"
    " RETURNING last $tell_ending",
    "changed": "UPDATE $deliveries SET version = :new, value = :value, state = :state,"
    " due = :due, is_dated = :is_dated, until = :until, mark = :mark,"
    " ended_at = CASE WHEN :is_over THEN coalesce(ended_at, $now) END, ending ="
    " CASE WHEN :is_over THEN coalesce(ending, (SELECT last FROM $counted)) END"
    " WHERE number IN (:found_number)",
    "added": "INSERT INTO $delivered (scope, post_id, number)"
    " SELECT scope, post_id, number FROM $deliveries, $each_post WHERE number IN (:found_number)"
    " AND post_id NOT IN (SELECT post_id FROM $delivered WHERE number = :number)",
}
"""Updates a delivery.

The counter stays locked until the commit, so that endings become visible in the order of their
numbers; a sequence would not wait. The delivery is locked first: a transaction of a user may hold
it, and must not hold up other endings.
"""

_READ_SWAPPED = (
    f"SELECT :number IN (:found_number), {_KEPT} FROM $deliveries WHERE number = :number"
)

_READY_AT = """
CASE WHEN s.holder IS NULL AND s.failures = 0 AND (
    SELECT 1 FROM $deliveries d WHERE d.scope = s.name AND d.state = 'planned' AND $is_new
) IS NOT NULL THEN 0 ELSE s.ready_at END
"""
"""The time from which a scope `s` is ready. `seen` says what its last holder saw at most."""

_WORK_AT = """
(SELECT d.until FROM $deliveries d WHERE d.scope = s.name AND d.ended_at IS NULL
ORDER BY d.until LIMIT 1)
"""
"""The time from which a scope `s` has work."""

_TAKEN = "seen = $seen, ready_at = $now + :micros"

_FIRST_OF_ONE = """
SELECT scope, until FROM $deliveries WHERE ended_at IS NULL AND scope = :only
ORDER BY until LIMIT 1
"""

_DUE = f"""
SELECT {_KEPT.replace("$now", "state, due")} FROM $deliveries
WHERE scope = :scope AND until <= $now AND NOT number IN (:besides)
"""

_READ_WORK = f"""
SELECT {_COUNTED.format(":scope", "")}, {_KEPT}
FROM (SELECT 1) AS one LEFT JOIN (
    SELECT * FROM ({_DUE} AND ended_at IS NULL AND state <> 'planned') AS in_doubt UNION ALL
    SELECT * FROM ({_DUE} AND state = 'planned' ORDER BY due, number LIMIT :limit) AS planned
) AS work ON TRUE WHERE :scope IN (:found_name) ORDER BY work.state = 'planned', due, number
"""


class SqlDeliveries(ABC):
    """Deliveries in tables; implements `Deliveries` but for `where`, `records` and `changes`.

    Args:
        speed: seconds of the client's clock in one of the store's; infinite: one.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed if math.isfinite(speed) else 1.0

    @abstractmethod
    async def _read(self, statement: str, values: Mapping[str, object]) -> Rows:
        """Run a statement that only reads."""

    @abstractmethod
    async def _change(self, values: Mapping[str, object], last: str = "", /, **parts: str) -> Rows:
        """Run the parts of a change. Returns the rows of the statement `last`, else of `found`.

        Raises:
            TakenError: a unique index was violated.
        """

    @abstractmethod
    async def _put_through(self, connection: object, values: Mapping[str, object]) -> Sequence[Any]:
        """Run `PUT` in the transaction of a caller's connection. Returns the row of `READ_PUT`.

        Raises:
            UsageError: the store takes no such connection, or it is in no transaction.
        """

    @abstractmethod
    def _trouble(self, reason: str) -> StoreError:
        """The error of a store that cannot be used."""

    def _micros(self, seconds: float) -> int:
        """A time of the client's clock in microseconds of the store's."""
        try:
            return in_micros(seconds / self._speed)
        except (ValueError, OverflowError) as error:
            raise self._trouble(str(error)) from None

    def _seconds(self, micros: int) -> float:
        return in_seconds(micros) * self._speed

    def _kept(self, row: Sequence[Any]) -> KeptDelivery:
        value, version, time, *rest = row
        return KeptDelivery(value, version, self._seconds(time), *rest)

    def _ahead(self, row: str | None, more: int = 0) -> Ahead:
        """The queue in front of a delivery, plus `more` that the statement did not see."""
        before, planned, rests, *texts = json.loads(row or '[0, 0, 0, "", "", ""]')
        return Ahead(before, min(planned + more, MOST_COUNTED), self._seconds(rests), *texts)

    # ------------------------------------------------------------ one delivery

    async def put(
        self, scope: str, new: NewDelivery, *, connection: object = None
    ) -> tuple[KeptDelivery, Ahead]:
        state, _, due, is_dated, until, *_ = new.columns
        values: dict[str, object] = {"id": new.id, "scope": scope}
        values |= {"value": new.value, "body": new.body}
        values |= {"version": new_version(), "state": state, "is_dated": is_dated}
        values |= {"due": in_micros(due), "until": self._micros(until)}
        if connection is None:
            [row] = await self._change(values, READ_PUT, put=PUT)
        else:
            row = tuple(await self._put_through(connection, values))
        ahead, is_unseen, *kept = row
        return self._kept(kept), self._ahead(ahead, int(is_unseen))

    async def get(self, delivery: str, scope: str | None = None) -> KeptDelivery | None:
        if not delivery.isprintable():  # ids are printable
            return None
        query = f"SELECT {_KEPT} FROM $deliveries"
        where = " WHERE id = :id AND scope = coalesce(:scope, scope)"
        found = await self._read(query + where, {"id": delivery, "scope": scope})
        return self._kept(found[0]) if found else None

    async def swap(
        self, number: int, version: int, value: bytes, columns: DeliveryColumns
    ) -> tuple[bool, KeptDelivery | None]:
        state, is_over, due, is_dated, until, mark, post_ids = columns
        new = new_version()
        values: dict[str, object] = {"number": number, "version": version, "new": new}
        values |= {"value": value, "mark": mark, "post_ids": [*{*post_ids}]}
        values |= {"state": state, "is_over": is_over, "is_dated": is_dated}
        values |= {"due": in_micros(due), "until": self._micros(until)}
        found = await self._change(values, _READ_SWAPPED, **_SWAP)
        if not found:
            return False, None
        [(done, _, found_version, *rest)] = found
        if done or found_version == new:  # which was done before its answer was lost
            return True, self._kept((value, new, *rest))
        if found_version == version:  # another transaction was quicker, and is not seen yet
            query = f"SELECT {_KEPT} FROM $deliveries WHERE number = :number"
            return False, self._kept((await self._read(query, values))[0])
        return False, self._kept(found[0][1:])

    async def ahead(self, scope: str, number: int, due: float) -> Ahead:
        [(ahead,)] = await self._read(
            f"SELECT {_ahead_of(':')}",
            {"scope": scope, "number": number, "due": in_micros(due)},
        )
        return self._ahead(ahead)

    async def known(
        self, scope: str, post_ids: Collection[str], marks: Collection[int]
    ) -> tuple[set[str], set[int]]:
        found = await self._read(
            "SELECT post_id, NULL FROM $delivered WHERE scope = :scope AND post_id IN (:post_ids)"
            " UNION ALL "
            "SELECT NULL, mark FROM $deliveries WHERE scope = :scope AND mark IN (:marks)",
            {"scope": scope, "post_ids": [*post_ids], "marks": [*marks]},
        )
        posts = {post_id for post_id, _ in found if post_id is not None}
        return posts, {mark for _, mark in found if mark is not None}

    # ------------------------------------------------------------ the work of scopes

    async def register(self, scope: str, organization: str, base_url: str) -> None:
        await self._change(
            {"scope": scope, "organization": clean(organization), "base_url": base_url},
            registered="INSERT INTO $scopes (name, organization, base_url)"
            " VALUES (:scope, :organization, :base_url) ON CONFLICT (name) DO NOTHING",
        )

    async def key_owner(self, scope: str, key_name: str) -> str | None:
        other = "SELECT organization FROM $scopes WHERE key_name = :key AND name <> :scope"
        others = await self._change(
            {"scope": scope, "key": key_name},
            f"{other} LIMIT 1",
            noted="UPDATE $scopes SET key_name = :key WHERE name = :scope"
            f" AND coalesce(key_name, '') <> :key AND NOT EXISTS ({other})",
        )
        return str(others[0][0]) if others else None

    async def line(
        self, holder: str, seconds: float, limit: int, only: str | None = None
    ) -> list[Scope]:
        found = await self._change(
            {"holder": holder, "micros": self._micros(seconds), "limit": limit, "only": only},
            found="SELECT s.name, s.organization, s.base_url, s.failures, s.trouble,"
            f" s.holder IS NOT NULL AS was_left FROM $scopes s WHERE {_whose(only)}"
            f" AND {_READY_AT} <= $now AND {_WORK_AT} <= $now"
            " ORDER BY s.served_at, s.name LIMIT :limit $lock_free",
            taken=f"UPDATE $scopes SET holder = :holder, served_at = $now, {_TAKEN}"
            " WHERE name IN (:found_name)",
        )
        return [Scope._make((*row, bool(was_left))) for *row, was_left in found]

    async def next_in(self, only: str | None = None) -> float:
        first = "$first_of_each" if only is None else _FIRST_OF_ONE
        [(work_in,)] = await self._read(
            f"WITH RECURSIVE open (scope, until) AS ({first}) SELECT min((SELECT"
            f" $greatest({_READY_AT}, open.until) FROM $scopes s"
            f" WHERE s.name = open.scope AND {_whose(only)})) - $now FROM open",
            {"only": only},
        )
        return math.inf if work_in is None else max(0.0, self._seconds(work_in))

    async def hold(self, scopes: Collection[str], holder: str, seconds: float) -> set[str]:
        held = await self._change(
            {"scopes": [*scopes], "holder": holder, "micros": self._micros(seconds)},
            found="SELECT name FROM $scopes WHERE name IN (:scopes) AND holder = :holder"
            " ORDER BY name $lock",
            held="UPDATE $scopes SET ready_at = $now + :micros WHERE name IN (:found_name)",
        )
        return {name for (name,) in held}

    async def take(
        self, scope: str, holder: str, seconds: float, limit: int, besides: Collection[int] = ()
    ) -> ScopeWork | None:
        values = {"scope": scope, "holder": holder, "micros": self._micros(seconds)}
        found = await self._change(
            {**values, "limit": limit, "besides": [*besides]},
            _READ_WORK,
            found="SELECT name FROM $scopes WHERE name = :scope AND holder = :holder $lock",
            taken=f"UPDATE $scopes SET {_TAKEN} WHERE name IN (:found_name)",
        )
        if not found:
            return None
        rows = [kept for _, *kept in found if kept[1] is not None]
        return ScopeWork([self._kept(row) for row in rows], found[0][0])

    async def rest(
        self, scope: str, holder: str, seconds: float, *, failures: int = 0, trouble: str = ""
    ) -> None:
        values = {"scope": scope, "holder": holder, "micros": self._micros(seconds)}
        await self._change(
            {**values, "failures": failures, "trouble": clean(trouble)},
            rests="UPDATE $scopes SET holder = NULL, ready_at = $now + :micros,"
            " failures = :failures, trouble = :trouble WHERE name = :scope AND holder = :holder",
        )

    async def rouse(self, scope: str, *, failed: bool = False) -> None:
        await self._change(
            {"scope": scope, "failed": failed},
            "SELECT $tell_scope",
            roused="UPDATE $scopes SET ready_at = $now WHERE name = :scope AND holder IS NULL"
            " AND (failures = 0 OR :failed)",
        )

    async def has_work(
        self, holder: str, only: str | None = None, besides: Collection[int] = ()
    ) -> bool:
        left = (
            "(SELECT 1 FROM $deliveries d WHERE d.scope = s.name AND d.ended_at IS NULL"
            " AND NOT d.number IN (:besides) AND {} ORDER BY d.until LIMIT 1) IS NOT NULL"
        )
        due, in_doubt = left.format("d.until <= $now"), left.format("d.state <> 'planned'")
        found = await self._read(
            f"SELECT 1 FROM $scopes s WHERE {_whose(only)}"
            " AND (s.holder IS NULL OR s.holder = :holder OR s.ready_at <= $now)"
            f" AND ({due} OR {in_doubt}) ORDER BY s.served_at LIMIT 1",
            {"holder": holder, "only": only, "besides": [*besides]},
        )
        return bool(found)

    # ------------------------------------------------------------ all of it

    async def counts(self, scope: str | None = None) -> Mapping[str, int]:
        where = "" if scope is None else "WHERE scope = :scope"
        query = f"SELECT state, count(*) FROM $deliveries {where} GROUP BY state"
        return dict(await self._read(query, {"scope": scope}))

    async def overview(self, only: str | None = None) -> list[ScopeOverview]:
        mine, name = ("TRUE", "TRUE") if only is None else ("scope = :only", "name = :only")
        found = await self._read(
            "WITH counted AS (SELECT scope, state, count(*) AS count, min(due) AS due,"
            " min(put_at) AS since FROM $deliveries $by_open"
            f" WHERE ended_at IS NULL AND {mine} GROUP BY scope, state), "
            "open AS (SELECT scope, CAST($json_object(state, count) AS text) AS states,"
            " min(due) FILTER (WHERE state = 'planned') AS due,"
            " min(since) FILTER (WHERE state = 'planned') AS since FROM counted GROUP BY scope) "
            "SELECT organization, base_url, trouble, holder IS NOT NULL AND ready_at > $now,"
            " states, due, coalesce($greatest(0, $now - since), 0)"
            f" FROM $scopes LEFT JOIN open ON scope = name WHERE {name}"
            " ORDER BY organization, name",
            {"only": only},
        )
        return [
            ScopeOverview(
                *(organization, base_url, trouble, bool(is_held), json.loads(states or "{}")),
                due=None if due is None else in_seconds(due),
                age=self._seconds(age),
            )
            for organization, base_url, trouble, is_held, states, due, age in found
        ]

    async def endings(self, first: int, limit: int, only: str | None = None) -> Endings:
        whose = _whose(only)
        found = await self._read(
            f"SELECT e.store, e.last, coalesce((SELECT removed FROM $scopes s"
            f" WHERE {whose} ORDER BY removed DESC LIMIT 1), 0), ending, organization, {_KEPT}"
            " FROM $endings e LEFT JOIN (SELECT d.*, s.organization FROM $deliveries d"
            f" JOIN $scopes s ON s.name = d.scope WHERE d.ending >= :first AND {whose}"
            " ORDER BY d.ending LIMIT :limit) AS ended ON TRUE ORDER BY ending",
            {"first": first, "limit": limit, "only": only},
        )
        endings = [
            Ending(number, organization, self._kept(kept))
            for _, _, _, number, organization, *kept in found
            if number is not None
        ]
        store, last, removed, *_ = found[0]
        return Endings(store, last, removed, endings)

    async def abandoned(self, only: str) -> int:
        [(count,)] = await self._read(
            "SELECT count(*) FROM $scopes s JOIN $deliveries d"
            " ON d.scope = s.name AND d.ended_at IS NULL WHERE s.organization = ''"
            " AND s.name <> :only AND (s.holder IS NULL OR s.ready_at <= $now)",
            {"only": only},
        )
        return int(count)

    async def prune(self, keep: timedelta) -> int:
        removed = 0
        while True:
            ended = await self._change(
                {"micros": self._micros(keep.total_seconds()), "limit": _PRUNED},
                found="SELECT number FROM $deliveries WHERE ended_at < $now - :micros"
                " ORDER BY ended_at LIMIT :limit $lock_free",
                noted="UPDATE $scopes SET removed = $greatest(removed, old.ending) FROM ("
                "SELECT scope, max(ending) AS ending FROM $deliveries"
                " WHERE number IN (:found_number) GROUP BY scope ORDER BY scope"
                ") AS old WHERE name = old.scope",
                posts="DELETE FROM $delivered WHERE number IN (:found_number)",
                ended="DELETE FROM $deliveries WHERE number IN (:found_number)",
            )
            removed += len(ended)
            if len(ended) < _PRUNED:
                return removed


def _whose(only: str | None) -> str:
    """A condition for scopes `s`: those with a name, or one."""
    return "s.organization <> ''" if only is None else "s.name = :only"
