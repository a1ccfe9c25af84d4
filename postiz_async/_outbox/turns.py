"""Whose turn it is: senders on any number of hosts take an organisation's tickets one at a time.

| column     | says                                                                               |
|------------|------------------------------------------------------------------------------------|
| `ready_at` | from when on a sender looks at it; `infinity` while it has nothing to be sent      |
| `holder`   | the sender whose turn it is; `ready_at` is then the end of its lease               |
| `fence`    | counts the turns: a sender that slept through its lease finds another number       |
| `wakes`    | counts new tickets, so that a turn never ends idle beside one it has not seen      |
| `failures` | turns in a row that ended in trouble; the pauses between them grow                 |

All times are the database's. The longest waiting is taken first, and after a turn it goes to the
end of the line: so an organisation with many tickets delays the others by one claim at most, and
one in trouble, or without slots, is not in the line at all. One without slots is looked at again
when a ticket is put or withdrawn, and every few minutes: whether it has one follows from its
tickets and its quota at that time. Tickets are written without touching its row (`seen` is FALSE
until a sender has counted them), so that no transaction of a user holds another one up.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, LiteralString

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from postiz_async.stores._postgres import Database


LEASE = 30.0
"""Seconds of a lease. It is renewed in each third of it."""

ABANDONED = 900.0
"""Seconds of waiting for a turn after which nobody seems to send for an organisation."""

ROWS_AT_ONCE = 1_000
"""New tickets that are counted, and old ones that are removed, in one statement."""

_LONGEST_KEPT = timedelta(days=365_000)
"""What is kept for longer is kept for ever: the database knows no time before its first year."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A sender's turn with one organisation.

    `quota` is the name of its quota, `organization` what the user calls it, `base_url` its server.
    """

    quota: str
    organization: str
    base_url: str
    fence: int
    failures: int
    trouble: str
    was_left: bool
    """A sender that is gone had it."""


@dataclass(frozen=True, slots=True)
class Overview:
    """How an outbox stands. `tickets` counts them by state, `troubles` is by organisation."""

    tickets: dict[str, int]
    organizations: int
    in_turn: int
    """Organisations for which a sender is at work."""
    waiting: int
    """Organisations that wait for their next turn."""
    oldest: datetime | None
    """The date of the first ticket that waits; without one, when it was handed over."""
    troubles: dict[str, str]


async def overview(database: Database) -> Overview:
    """How an outbox stands, of all organisations; of troubles it names a thousand at most.

    Raises:
        StoreError: the database cannot be used.
    """
    tickets = await database.fetch(
        database.statement("SELECT state, count(*) FROM {schema}.tickets GROUP BY state")
    )
    [(count, in_turn, waiting)] = await database.fetch(
        database.statement(
            "SELECT count(*), count(holder) FILTER (WHERE ready_at > statement_timestamp()), "
            "count(*) FILTER (WHERE ready_at < 'infinity') - "
            "count(holder) FILTER (WHERE ready_at > statement_timestamp()) "
            "FROM {schema}.organizations"
        )
    )
    [(oldest,)] = await database.fetch(
        database.statement("SELECT min(due) FROM {schema}.tickets WHERE state = 'planned'")
    )
    troubles = await database.fetch(
        database.statement(
            "SELECT organization, trouble FROM {schema}.organizations WHERE trouble <> '' "
            "ORDER BY organization LIMIT 1000"
        )
    )
    return Overview(
        tickets={str(state): int(number) for state, number in tickets},
        organizations=int(count),
        in_turn=int(in_turn),
        waiting=int(waiting),
        oldest=None if oldest is None else datetime.fromtimestamp(oldest, UTC),
        troubles={str(organization): str(trouble) for organization, trouble in troubles},
    )


def text_of(words: str) -> str:
    """Words as a column takes them: of a server's some may be no text for a database."""
    return words.replace("\0", "").encode("utf-8", "replace").decode()


class Turns:
    """The turns of one sender.

    Args:
        database: has the organisations.
        sender: a name that no other sender ever has.
        only: the one quota that it sends for; None: all whose organisations have a name.
        speed: seconds of the client's clock in one of the database's.
    """

    def __init__(
        self, database: Database, sender: str, *, only: str | None = None, speed: float = 1.0
    ) -> None:
        self.sender = sender
        self._database = database
        self._whose: LiteralString = "organization <> ''" if only is None else "quota = %s"
        self._only = () if only is None else (only,)
        self.speed = speed if math.isfinite(speed) else 1.0
        """Seconds of the clients' clock in one of the database's."""
        self.lease = LEASE / self.speed
        """Seconds of a lease, by the database's clock."""
        self._registered: set[str] = set()
        self._keys: dict[str, str] = {}
        """The names of the keys that organisations are known to have, by their quotas."""

    async def register(self, quota: str, organization: str, base_url: str) -> None:
        """See that there is a row for an organisation."""
        if quota in self._registered:
            return
        await self._database.fetch(
            self._database.statement(
                "INSERT INTO {schema}.organizations (quota, organization, base_url) "
                "VALUES (%s, %s, %s) ON CONFLICT (quota) DO NOTHING"
            ),
            (quota, organization, base_url),
        )
        self._registered.add(quota)

    async def count_new(self) -> tuple[int, int]:
        """Put organisations with new tickets into the line.

        It waits for nobody: a sender that changes a ticket holds the row of its organisation too.

        Returns:
            How many tickets were counted, and how many were left for the next look.
        """
        [(count, left)] = await self._database.fetch(
            self._database.statement(
                "WITH fresh AS MATERIALIZED ("
                "  SELECT number, quota FROM {schema}.tickets t WHERE NOT seen AND"
                "  (SELECT TRUE FROM {schema}.organizations o WHERE o.quota = t.quota)"
                "  ORDER BY number LIMIT %s FOR NO KEY UPDATE OF t SKIP LOCKED), "
                "whose AS MATERIALIZED (SELECT quota FROM {schema}.organizations"
                "  WHERE quota = ANY (ARRAY(SELECT quota FROM fresh))"
                "  FOR NO KEY UPDATE SKIP LOCKED), "
                "counted AS (UPDATE {schema}.tickets SET seen = TRUE WHERE number = ANY"
                "  (ARRAY(SELECT number FROM fresh JOIN whose USING (quota))) RETURNING 1), "
                "woken AS (UPDATE {schema}.organizations SET wakes = wakes + 1, ready_at ="
                "  CASE WHEN holder IS NULL AND (failures = 0 OR trouble = '')"
                "  THEN least(ready_at, statement_timestamp()) ELSE ready_at END"
                "  WHERE quota = ANY (ARRAY(SELECT quota FROM whose))) "
                "SELECT (SELECT count(*) FROM counted), (SELECT count(*) FROM fresh)"
                " - (SELECT count(*) FROM counted)"
            ),
            (ROWS_AT_ONCE,),
        )
        return int(count), int(left)

    async def claim(self, most: int) -> list[Turn]:
        """Begin turns with those who have waited longest.

        Args:
            most: how many at most.
        """
        found = await self._database.fetch(
            self._database.statement(
                "WITH next AS MATERIALIZED (SELECT quota, holder FROM {schema}.organizations "
                "WHERE ready_at < 'infinity' AND ready_at <= statement_timestamp() "
                "AND " + self._whose + " "
                "ORDER BY ready_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED) "
                "UPDATE {schema}.organizations o SET holder = %s, fence = fence + 1, "
                "ready_at = statement_timestamp() + make_interval(secs => %s) "
                "WHERE o.quota = ANY (ARRAY(SELECT quota FROM next)) RETURNING o.quota, "
                "o.organization, o.base_url, o.fence, o.failures, o.trouble, "
                "(SELECT next.holder IS NOT NULL FROM next WHERE next.quota = o.quota)"
            ),
            (*self._only, most, self.sender, self.lease),
        )
        return [Turn(*row) for row in found]

    async def next_in(self) -> float:
        """Seconds of the client's clock until the next organisation can be taken."""
        found = await self._database.fetch(
            self._database.statement(
                "SELECT extract(epoch FROM ready_at - statement_timestamp())::float8 "
                "FROM {schema}.organizations WHERE ready_at < 'infinity' "
                "AND " + self._whose + " ORDER BY ready_at LIMIT 1"
            ),
            self._only,
        )
        return max(0.0, float(found[0][0]) * self.speed) if found else math.inf

    async def count_abandoned(self) -> int:
        """How many organisations without a name, other than `only`, have waited for long.

        Their keys are known to the clients alone that handed over with them.
        """
        [(count,)] = await self._database.fetch(
            self._database.statement(
                "SELECT count(*) FROM {schema}.organizations WHERE organization = '' "
                "AND quota <> %s AND ready_at < 'infinity' "
                "AND ready_at < statement_timestamp() - make_interval(secs => %s)"
            ),
            (self._only, ABANDONED / self.speed),
        )
        return int(count)

    async def is_anybody_waiting(self, besides: Mapping[str, int]) -> bool:
        """Whether an organisation waits for a turn, now or later, that is in no other sender's.

        Args:
            besides: quotas that do not count while their `wakes` are these.
        """
        [(found,)] = await self._database.fetch(
            self._database.statement(
                "SELECT count(*) FROM (SELECT FROM {schema}.organizations "
                "WHERE ready_at < 'infinity' AND " + self._whose + " "
                "AND (holder IS NULL OR holder = %s OR ready_at <= statement_timestamp()) "
                "AND (quota, wakes) NOT IN (SELECT * FROM unnest(%s::text[], %s::bigint[])) "
                "ORDER BY ready_at LIMIT 1) waiting"
            ),
            (*self._only, self.sender, list(besides), list(besides.values())),
        )
        return bool(found)

    async def renew(self, turns: Collection[Turn]) -> dict[Turn, int]:
        """Renew the leases of turns.

        Returns:
            Those that are still this sender's, with their counts of new tickets.
        """
        kept = await self._database.fetch(
            self._database.statement(
                "WITH mine AS MATERIALIZED (SELECT quota FROM {schema}.organizations "
                "WHERE quota = ANY(%s) AND holder = %s ORDER BY quota FOR NO KEY UPDATE) "
                "UPDATE {schema}.organizations "
                "SET ready_at = statement_timestamp() + make_interval(secs => %s) "
                "WHERE quota = ANY (ARRAY(SELECT quota FROM mine)) RETURNING quota, fence, wakes"
            ),
            ([turn.quota for turn in turns], self.sender, self.lease),
        )
        wakes = {(quota, fence): int(count) for quota, fence, count in kept}
        mine = ((turn, wakes.get((turn.quota, turn.fence))) for turn in turns)
        return {turn: count for turn, count in mine if count is not None}

    async def end(
        self,
        turn: Turn,
        *,
        again_in: float | None,
        wakes: int | None = None,
        failures: int = 0,
        trouble: str = "",
    ) -> bool:
        """End a turn; nothing happens when it was lost before.

        Args:
            turn: the turn.
            again_in: seconds of the client's clock after which the organisation is in the line
                again; None: it has nothing to be sent.
            wakes: the count of new tickets that this was found at; None: that does not matter.
            failures: turns in a row that ended in trouble.
            trouble: what it was.

        Returns:
            False: the turn goes on, because a ticket came meanwhile.
        """
        mine = (turn.quota, self.sender, turn.fence)
        if again_in is None:
            done = await self._database.fetch(
                self._database.statement(
                    "UPDATE {schema}.organizations SET holder = NULL, ready_at = 'infinity', "
                    "failures = 0, trouble = '' "
                    "WHERE quota = %s AND holder = %s AND fence = %s AND wakes = %s RETURNING 1"
                ),
                (*mine, wakes),
            )
            return bool(done)
        await self._database.fetch(
            self._database.statement(
                "UPDATE {schema}.organizations SET holder = NULL, ready_at = statement_timestamp() "
                "+ CASE WHEN wakes > %s THEN '0' ELSE make_interval(secs => %s) END, "
                "failures = %s, trouble = %s WHERE quota = %s AND holder = %s AND fence = %s"
            ),
            (
                *(sys.maxsize if wakes is None else wakes, again_in / self.speed),
                *(failures, text_of(trouble), *mine),
            ),
        )
        return True

    async def prune(self, keep: timedelta) -> int:
        """Remove tickets that have been over for longer than `keep`. Returns how many."""
        removed = 0
        while True:
            gone = await self._database.fetch(
                self._database.statement(
                    "DELETE FROM {schema}.tickets WHERE number IN ("
                    "SELECT number FROM {schema}.tickets "
                    "WHERE ended_at < statement_timestamp() - %s "
                    "ORDER BY ended_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING number"
                ),
                (min(keep, _LONGEST_KEPT) / self.speed, ROWS_AT_ONCE),
            )
            removed += len(gone)
            if len(gone) < ROWS_AT_ONCE:
                return removed

    async def key_owner(self, quota: str, key_name: str) -> str | None:
        """Note that an organisation uses a key, unless another one does: then that one's name.

        Args:
            quota: the name of the organisation's quota.
            key_name: a name of server and key that tells neither.
        """
        if self._keys.get(quota) == key_name:
            return None
        others = await self._database.fetch(
            self._database.statement(
                "WITH other AS MATERIALIZED (SELECT organization FROM {schema}.organizations "
                "WHERE key_name = %s AND quota <> %s LIMIT 1), "
                "noted AS (UPDATE {schema}.organizations SET key_name = %s WHERE quota = %s "
                "AND key_name IS DISTINCT FROM %s AND NOT EXISTS (SELECT FROM other)) "
                "SELECT organization FROM other"
            ),
            (key_name, quota, key_name, quota, key_name),
        )
        if others:
            return str(others[0][0])
        self._keys[quota] = key_name
        return None
