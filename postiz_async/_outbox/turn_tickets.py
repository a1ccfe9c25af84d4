"""The tickets of an organisation, as the sender sees them whose turn it is.

A sender that was only slow, or stopped, may find that its turn went to another one. So all that it
writes holds against the fencing number of its turn, `intend` just before the first byte too, and
nothing that it writes later counts: its successor looks up what it had sent. Stopped between
`intend` and the first byte for longer than a create may be begun (`PREPARED_SECONDS`), it sends
nothing. What is written down before a post is repaired (`mends`) holds against the number too.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString, NoReturn

import msgspec

from postiz_async._concurrency import run_to_completion
from postiz_async._delivery.journal_file import Account, RowState
from postiz_async._delivery.matching import MillisecondMarks
from postiz_async._outbox.postgres_tickets import (
    TICKET_COLUMNS,
    as_json,
    read_ticket,
    unreadable,
)
from postiz_async._outbox.tickets import from_column, read_post_ids, to_column
from postiz_async._outbox.turns import LEASE, text_of
from postiz_async._wire import format_date
from postiz_async.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime

    from postiz_async._outbox.tickets import OutboxEntry
    from postiz_async._outbox.turns import Turn, Turns
    from postiz_async.clock import Clock
    from postiz_async.models.posts import CreatePost
    from postiz_async.stores._postgres import Database


log = logging.getLogger("postiz_async.outbox")

NOW: LiteralString = "extract(epoch FROM statement_timestamp())::float8"
"""Seconds since the epoch, by the database's clock."""

_MARKED_SECONDS = 10
"""Seconds from a date in which a mark may end up, when very many are for the same second."""


class TurnTickets:
    """The tickets of an organisation in a sender's turn; as `Tickets`.

    Args:
        database: has the tickets.
        turn: the turn.
        turns: of the sender.
        clock: of the client; tells how old the lease is.
        lost: called when the turn is found to be another sender's.
        most: tickets that are taken up in the turn; None: as many as there are.
    """

    def __init__(
        self,
        database: Database,
        turn: Turn,
        turns: Turns,
        clock: Clock,
        lost: Callable[[], object],
        *,
        most: int | None = None,
    ) -> None:
        self.wakes = 0
        """The count of new tickets at the last look."""
        self.sending: set[int] = set()
        """Tickets that are on their way to Postiz."""
        self.in_doubt: set[int] = set()
        """Tickets that are looked up."""
        self.ended = 0
        """Tickets that came to their end in this turn."""
        self.unreadable: dict[int, str] = {}
        """Tickets of another version, which are left as they are, and what it is about them."""
        self._database = database
        self._turn = turn
        self._turns = turns
        self._clock = clock
        self._lost = lost
        self._left = most
        self._taken: set[int] = set()
        self._ages: dict[int, tuple[float, float]] = {}
        """Of requests that were taken over: their age, and when they had it by the clock."""
        self._open: set[int] = set()
        """Those that were taken up and have not come to their end."""
        self._knows_all = False
        """There was nothing else at the last look, and nobody told of a new ticket since."""
        self._is_stale = False
        """Somebody told of a new ticket while it looked."""
        self._counted = 0
        self.only_waits = False
        """There is nothing that could leave now."""
        self._marks = MillisecondMarks()

    def look_again(self) -> None:
        """There may be a new ticket."""
        self._knows_all, self._is_stale = False, True

    @property
    def is_used_up(self) -> bool:
        """Whether the turn takes up no further tickets."""
        return self._left is not None and len(self._taken) >= self._left

    @property
    def planned(self) -> int:
        if self._knows_all:
            return len(self._open - self.sending - self.in_doubt)
        return self._counted

    async def stock(self, besides: Collection[int] = ()) -> Stock:
        """What there is to be done.

        Args:
            besides: numbers of planned tickets that cannot be sent now.
        """
        planned: LiteralString = (
            "FROM {schema}.tickets t WHERE t.quota = o.quota AND t.state = 'planned' "
            "AND t.number <> ALL (%s)"
        )
        besides = [*besides, *self.unreadable]
        found = await self._database.fetch(
            self._database.statement(
                "SELECT o.wakes, EXISTS (SELECT FROM {schema}.tickets t WHERE t.quota = o.quota "
                "AND t.state IN ('sending', 'unknown')), "
                "(SELECT count(*) FROM (SELECT " + planned + " LIMIT 1000) waiting), "
                "coalesce((SELECT t.due " + planned + " ORDER BY t.due LIMIT 1), 'infinity'), "
                "coalesce((SELECT t.due " + planned + " AND t.dated ORDER BY t.due LIMIT 1), "
                "'infinity') FROM {schema}.organizations o "
                "WHERE o.quota = %s AND o.holder = %s AND o.fence = %s"
            ),
            (besides, besides, besides, *self._mine),
        )
        if not found:
            self._raise_lost()
        return Stock(*found[0])

    async def take_stock(self, known: Collection[int], most: int) -> tuple[int, list[OutboxEntry]]:
        if self._knows_all and self._open <= set(known):
            return 0, []
        if self._left is not None:
            most = max(0, min(most, self._left - len(self._taken) + len(known)))
        most += len(self.unreadable) if most else 0
        self._is_stale = False
        found = await self._database.fetch(
            self._database.statement(
                "SELECT o.wakes, " + NOW + " - e.sent_at, e.*, "
                "(SELECT count(*) FROM (SELECT FROM {schema}.tickets t WHERE t.quota = o.quota"
                "  AND t.state = 'planned' LIMIT 1000) waiting) "
                "FROM {schema}.organizations o LEFT JOIN LATERAL ("
                "(SELECT " + TICKET_COLUMNS + " FROM {schema}.tickets t WHERE t.quota = o.quota"
                "  AND t.state IN ('sending', 'unknown')) UNION ALL "
                "(SELECT " + TICKET_COLUMNS + " FROM {schema}.tickets t WHERE t.quota = o.quota"
                "  AND t.state = 'planned' ORDER BY t.due, t.number LIMIT %s)"
                ") e ON e.number <> ALL (%s) "
                "WHERE o.quota = %s AND o.holder = %s AND o.fence = %s"
            ),
            (most, [*known, *self.unreadable], *self._mine),
        )
        if not found:
            self._raise_lost()
        self.wakes, self._counted = found[0][0], found[0][-1]
        rows = [row for row in found if row[2] is not None]
        entries = [entry for row in rows if self._has_room(row) for entry in self._taken_up(row)]
        self._knows_all = not self._is_stale and len(rows) + len(known) < most
        return 0, entries

    def _has_room(self, row: tuple[Any, ...]) -> bool:
        """Whether a ticket is still of this turn's share; what is in doubt is in any case."""
        return not self.is_used_up or row[5] != RowState.PLANNED

    def _taken_up(self, row: tuple[Any, ...]) -> list[OutboxEntry]:
        """The ticket of a row, where it can be read."""
        try:
            entry = read_ticket(self._database, row[2:-1])
        except StoreError as error:
            self.unreadable[row[2]] = str(error)
            log.warning("%s", error)
            return []
        self._taken.add(entry.number)
        self._open.add(entry.number)
        if entry.state is not RowState.PLANNED:
            self.in_doubt.add(entry.number)
            age = (row[1] or 0.0) * self._turns.speed
            self._ages[entry.number] = age, self._clock.monotonic()
        return [entry]

    async def age(self, entry: OutboxEntry) -> float:
        """By the database's clock: the sender that is gone may have been on another host."""
        age, since = self._ages.get(entry.number, (0.0, self._clock.monotonic()))
        return age + self._clock.monotonic() - since

    @property
    def _mine(self) -> tuple[str, str, int]:
        return self._turn.quota, self._turns.sender, self._turn.fence

    def _raise_lost(self) -> NoReturn:
        self._lost()
        raise StoreError(
            f"The turn of {self._turn.organization!r} went to another sender, because this one was "
            "stopped or cut off for longer than its lease. Nothing more is sent in it."
        )

    async def get(self, ticket: str) -> OutboxEntry | None:
        found = await self._database.fetch(
            self._database.statement(
                "SELECT " + TICKET_COLUMNS + " FROM {schema}.tickets t WHERE id = %s"
            ),
            (ticket,),
        )
        return read_ticket(self._database, found[0]) if found else None

    # -------------------------------------------------------------- sending

    async def intend(
        self, entry: OutboxEntry, at: datetime, used: Iterable[datetime], wall: float
    ) -> CreatePost | None:
        del wall  # the database has a clock
        for moment in used:
            self._marks.take(moment)
        marked, knows_all = self._marks.mark(at), False
        while True:
            body = entry.request(format_date(marked))
            sent = as_json(body)
            done, is_free = await self._change(
                entry.number,
                "state = 'sending', sent = %s, moment = %s, sent_at = " + NOW + ", note = ''",
                (sent, to_column(marked)),
                # the second when the connection broke, and the statement is carried out again
                where="(t.state = 'planned' OR t.state = 'sending' AND t.sent = %s)",
                conditions=(sent,),
                free=marked,
            )
            if is_free:
                if done:
                    self.sending.add(entry.number)
                return body if done else None
            if not knows_all:
                await self._take_used(at)
                knows_all = True
            marked = self._marks.mark(at)

    async def _take_used(self, at: datetime) -> None:
        """Note what earlier turns used in a second, and in those into which it may run over."""
        second = int(at.timestamp())
        found = await self._database.fetch(
            self._database.statement(
                "SELECT moment FROM {schema}.tickets WHERE quota = %s AND moment BETWEEN %s AND %s"
            ),
            (self._turn.quota, second * 1000, (second + _MARKED_SECONDS) * 1000),
        )
        for (moment,) in found:
            self._marks.take(from_column(moment))

    async def repeat(self, entry: OutboxEntry, wall: float) -> None:
        del wall  # the database has a clock
        await self._change(entry.number, "sent_at = " + NOW, ())

    async def mends(self, request: int, wall: float) -> None:
        """On the clock of `sent_at`, by as many seconds later as the client's clock counts."""
        del wall  # the database has a clock
        since = "mended_at = sent_at + (" + NOW + " - sent_at) * %s"
        await self._change(request, since, (self._turns.speed,))

    async def doubt(self, entry: OutboxEntry, note: str) -> None:
        await self._change(entry.number, "state = 'unknown', note = %s", (text_of(note),))
        self.sending.discard(entry.number)
        self.in_doubt.add(entry.number)

    async def plan_again(
        self, entry: OutboxEntry, *, post_ids: tuple[str | None, ...], due: float | None = None
    ) -> None:
        await self._change(
            entry.number,
            "state = 'planned', sent = NULL, moment = NULL, sent_at = NULL, note = '', "
            "post_ids = %s, due = %s",
            (as_json(post_ids), entry.due if due is None else due),
        )
        self._settled(entry)

    async def end(
        self,
        entry: OutboxEntry,
        state: RowState,
        note: str,
        post_ids: tuple[str | None, ...],
    ) -> None:
        await self._change(
            entry.number,
            "state = %s, note = %s, post_ids = %s, ended_at = statement_timestamp()",
            (state.value, text_of(note), as_json(post_ids)),
        )
        self._settled(entry)
        self._open.discard(entry.number)
        self.ended += 1

    def _settled(self, entry: OutboxEntry) -> None:
        self.sending.discard(entry.number)
        self.in_doubt.discard(entry.number)

    async def _change(
        self,
        number: int,
        values: LiteralString,
        parameters: tuple[object, ...],
        *,
        where: LiteralString = "t.ended_at IS NULL",
        conditions: tuple[object, ...] = (),
        free: datetime | None = None,
    ) -> tuple[bool, bool]:
        """Change a ticket, in this turn only, and renew its lease. A cancellation waits for it.

        Args:
            number: of the ticket.
            values: what to set.
            parameters: of `values`.
            where: as it must be.
            conditions: parameters of `where`.
            free: a moment that no other ticket of the organisation may have.

        Returns:
            Whether it was changed, and whether the moment is free.

        Raises:
            StoreError: the turn went to another sender, or may have while this process stood still.
        """
        # with NOT EXISTS the planner would bet on finding a row among the first of the table
        statement = self._database.statement(
            "WITH mine AS (UPDATE {schema}.organizations "
            "SET ready_at = statement_timestamp() + make_interval(secs => %s) "
            "WHERE quota = %s AND holder = %s AND fence = %s RETURNING quota), "
            "free AS MATERIALIZED (SELECT count(*) = 0 AS moment FROM {schema}.tickets m "
            "WHERE m.quota = %s AND m.moment = %s AND m.number <> %s), "
            "done AS (UPDATE {schema}.tickets t SET " + values + " FROM mine, free "
            "WHERE t.number = %s AND t.quota = mine.quota AND free.moment AND " + where + " "
            "RETURNING 1) SELECT EXISTS (SELECT FROM mine), EXISTS (SELECT FROM done), moment "
            "FROM free"
        )
        moment = None if free is None else to_column(free)
        before = (self._turns.lease, *self._mine, self._turn.quota, moment, number)
        given = (*before, *parameters, number, *conditions)
        began = self._clock.monotonic()
        fetched = self._database.fetch(statement, given)
        [(is_mine, is_done, is_free)] = await run_to_completion(fetched)
        if not is_mine or self._clock.monotonic() - began >= LEASE:
            self._raise_lost()
        return bool(is_done), bool(is_free)

    # -------------------------------------------------------------- looking up

    async def account(self) -> Account:
        found = await self._database.fetch(
            self._database.statement(
                "SELECT t.id, t.post_ids, t.moment FROM {schema}.organizations o "
                "LEFT JOIN {schema}.tickets t ON t.quota = o.quota "
                "AND (t.moment IS NOT NULL OR t.post_ids LIKE '%%\"%%') "
                "WHERE o.quota = %s AND o.holder = %s AND o.fence = %s"
            ),
            self._mine,
        )
        if not found:
            self._raise_lost()
        known: set[str] = set()
        for ticket, column, _ in found:
            if ticket is None:  # there is none
                continue
            try:
                known.update(post_id for post_id in read_post_ids(column) if post_id is not None)
            except msgspec.MsgspecError as error:
                raise unreadable(self._database, ticket, error) from None
        moments = frozenset(from_column(moment) for *_, moment in found if moment is not None)
        return Account(frozenset(known), moments)

    async def has_stored(self, post_id: str) -> bool:
        return post_id in (await self.account()).post_ids


@dataclass(frozen=True, slots=True)
class Stock:
    """The tickets of an organisation that are not over, at one moment."""

    wakes: int
    """The count of new tickets at that time."""
    in_doubt: bool
    planned: int
    """How many wait for a slot; beyond a thousand they are not counted."""
    due: float
    """When the first of them is due, in seconds since the epoch; infinity: there is none."""
    dated: float
    """The first date of them."""
