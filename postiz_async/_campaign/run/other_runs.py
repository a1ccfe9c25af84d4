"""Find posts that other runs of a campaign store: on other hosts, or with a newer journal.

A run knows its own posts by its journal. What is in Postiz beside them is looked for at the start,
for each row that the journal does not call stored, and once more before each request leaves, at
the date that it is for. Lists cost no quota since v2.19.0; where they do, only the start is looked
at.

Hosts that begin at the same moment, or wait for the same window of the quota, see nothing of each
other before their next posts are stored. So after the first answer of a burst a run looks back. The
run whose post came later (the higher id) gives way: before each request it waits for the other
run, takes over what that stores, and goes on by itself when the other is quiet. What was doubled
until then, the sweep at the end removes.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import anyio

from postiz_async._campaign.plan.plan import PlannedRequest
from postiz_async._campaign.run.already_stored import (
    Taken,
    adopted_body,
    adopted_record,
    decide,
    explain_existing_posts,
    find_rows,
    may_move,
)
from postiz_async._campaign.run.conditions import are_whole
from postiz_async._campaign.run.job import ConcurrentChanges
from postiz_async._campaign.run.resume import ReadJournal, past_of
from postiz_async.errors import APIConnectionError, CampaignError, ServerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

    from postiz_async._campaign.journal.journal import Journal
    from postiz_async._campaign.journal.places import JournalPlace
    from postiz_async._campaign.journal.rows import Copy, RowRecord
    from postiz_async._campaign.options import CampaignOptions
    from postiz_async._campaign.read.rows import Row
    from postiz_async._campaign.run.already_stored import Past, StoredRows
    from postiz_async._delivery.listing import Calendar
    from postiz_async._delivery.pauses import Outage
    from postiz_async._resources.api import OpenClient
    from postiz_async.models.posts import Post


log = logging.getLogger("postiz_async.campaign")

LOOK_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between two looks for posts of another run, until it counts as quiet."""

LOOK_SECONDS = 10.0
"""Seconds that a look may take while a slot is held; then the request goes without it."""

BURST = 60.0
"""Seconds without a create after which the next request goes alone until it is answered."""

TOO_NEAR = 120.0
"""Seconds before its date from which a request does not wait for another run."""

_AROUND = timedelta(days=31)
"""How far before now posts of rows of type `now` are looked for at the start."""
_NOW_IS = timedelta(minutes=30)
_SECOND = timedelta(seconds=1)


async def _as_it_is(request: PlannedRequest) -> PlannedRequest:
    """Return the request unchanged."""
    return request


@dataclass(slots=True, kw_only=True)
class OtherRuns(ConcurrentChanges):
    """Finds rows that other runs store, and adopts their posts.

    Args:
        postiz: an open client.
        outage: the outage of the job; a look that fails begins one.
        options: the user's options.
        past: posts and requests that the journal accounts for.
        place: the place of the journal, for messages.
        here: refs of all rows of the campaign; None where the journal has no others.
    """

    postiz: OpenClient
    outage: Outage
    options: CampaignOptions
    past: Past
    place: JournalPlace
    here: Collection[str] | None
    make_room: Callable[[PlannedRequest], Awaitable[PlannedRequest]] = _as_it_is
    """Called with the request that leaves; returns it without rows whose posts have to stay."""
    _journal: Journal | None = None
    _copies: list[Copy] = field(default_factory=list["Copy"])
    _taken: list[Taken] = field(default_factory=list[Taken])
    _unreported: list[RowRecord] = field(default_factory=list["RowRecord"])
    _refs: set[str] = field(default_factory=set[str])
    """Refs of rows that were adopted."""
    _gives_way: bool = False
    _has_said_so: bool = False
    _turn: anyio.Lock = field(default_factory=anyio.Lock)
    _burst_ends: float = -math.inf
    _looked_back: bool = False
    _first_over: anyio.Event = field(default_factory=anyio.Event)

    # -------------------------------------------------------------- at the start

    async def at_start(
        self,
        rows: Sequence[Row],
        calendar: Calendar,
        read: ReadJournal | None,
        *,
        records: Mapping[str, RowRecord],
        to_send: Collection[str],
    ) -> Sequence[Post]:
        """Look for rows that the journal does not call stored.

        Args:
            rows: the rows of the campaign.
            calendar: the calendar of the job.
            read: queries the journal; None: there is none yet.
            records: the rows that the journal knows, by ref, as they were before the look.
            to_send: refs of the rows that are to be sent.

        Returns:
            Posts within a day of the rows that do not belong to the campaign.

        Raises:
            CampaignError: some rows are in Postiz, and `existing` does not say how to treat them.
        """
        days: set[date] = set()
        for row in rows:
            days.add(row.date.date())
            if slack := may_move(row, self.options.span):
                days |= {(row.date - slack).date(), (row.date + slack).date()}
        moments = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days)
        await calendar.look(at + timedelta(days=by) for at in moments for by in (-1, 0, 1))
        now = self._now()
        if any(row.type == "now" and row.ref in records for row in rows):
            await calendar.span(now - _AROUND, now)
        for start, end in self._left_late(rows, now):
            await calendar.span(start, end)
        posts = list(calendar.posts.values())
        past = await self._past_of(posts, read)
        return self._decide(rows, posts, past, records=records, to_send=to_send)

    @property
    def adopted(self) -> list[Row]:
        """The rows that were found and will be adopted."""
        return [taken.row for taken in self._taken]

    @property
    def sent_again(self) -> set[str]:
        """Refs of rows that were found and will be sent once more."""
        return {copy.ref for copy in self._copies}

    async def write_down(self, journal: Journal) -> list[RowRecord]:
        """Write the findings to the journal; returns the adopted rows."""
        self._journal = journal
        copies, self._copies = self._copies, []
        taken, self._taken = self._taken, []
        if copies:
            await journal.leave(copies)
            self.client_refs.leave(copies)
        if not taken:
            return []
        records = [adopted_record(each) for each in taken]
        bodies = [adopted_body(each) for each in taken]
        records = await journal.adopt(records, bodies)
        self._refs.update(record.ref for record in records)
        return records

    def _decide(
        self,
        rows: Sequence[Row],
        posts: Sequence[Post],
        past: Past,
        *,
        records: Mapping[str, RowRecord],
        to_send: Collection[str],
    ) -> Sequence[Post]:
        """Decide how to treat rows that are in Postiz; returns the posts that belong to no row."""
        if not posts:
            return ()
        found = self._find(rows, posts, past)
        decision = decide(found, self.options.existing, known=records, to_send=to_send)
        if decision.ask:
            is_new = self._journal is None and not records
            raise CampaignError(
                explain_existing_posts(decision.ask, rows, self.place, known=records, is_new=is_new)
            )
        whole = are_whole(posts, past.post_ids)
        by_ref = {row.ref: row for row in rows}
        self._copies += decision.leave
        self._taken += [
            Taken(
                row=by_ref[ref],
                post=post,
                channel=self.client_refs.channels[ref],
                is_ours=is_ours,
                is_whole=post.id in whole,
                version=records[ref].version if ref in records else 0,
            )
            for ref, (post, is_ours) in decision.take.items()
        ]
        return found.others

    def _find(self, rows: Sequence[Row], posts: Sequence[Post], past: Past) -> StoredRows:
        align = self.options.span
        return find_rows(rows, posts, client_refs=self.client_refs, past=past, align=align)

    # -------------------------------------------------------------- while the job runs

    async def before(self, request: PlannedRequest) -> PlannedRequest:
        """The request without rows stored by now; called when it may leave.

        Raises:
            CampaignError: rows are in Postiz, and `existing` does not say how to treat them.
        """
        now = self.postiz.clock.monotonic()
        is_first, self._burst_ends = now >= self._burst_ends, now + BURST
        if is_first:
            self._looked_back, self._first_over = False, anyio.Event()
        else:
            with self.postiz.clock.move_on_after(LOOK_SECONDS):
                await self._first_over.wait()
        try:
            request = await self._without_stored(request)
            return request if self.comes_first(request) else await self.make_room(request)
        except (APIConnectionError, ServerError) as error:
            self.outage.failed(error)  # nothing leaves before the outage is over
            return request

    async def answered(self, request: PlannedRequest, ids: Mapping[str, str]) -> None:
        """After the first answer of a burst, look for posts that another run stored meanwhile."""
        if not self._looked_back:
            self._looked_back = True
            with suppress(APIConnectionError, ServerError):  # the next look will see it
                await self._look_back(request, ids)
        self.over()

    async def _look_back(self, request: PlannedRequest, ids: Mapping[str, str]) -> None:
        posts = await self._listed(request.rows)
        asked = [row.at(row.asked_for) for row in request.rows]
        found = self._find(asked, posts, await self._past_of(posts, self._read))
        others = [(ref, each[0]) for of in (found.ours, found.equal) for ref, each in of.items()]
        if any(post.id < ids[ref] for ref, post in others):
            self._another_is_at_work()

    async def report(self) -> None:
        """Report the rows adopted since the last report."""
        taken, self._unreported = self._unreported, []
        await self.on_taken(taken)

    def over(self) -> None:
        """Note that the first request of a burst has ended, with any outcome."""
        self._first_over.set()

    def comes_first(self, request: PlannedRequest) -> bool:
        """Whether another run is at work, and there is time to wait for it."""
        left = request.deadline - self.postiz.scheduler.server_time() if request.rows else 0.0
        return self._gives_way and left > TOO_NEAR

    async def give_way(self, request: PlannedRequest) -> PlannedRequest:
        """Wait for another run that is at work; return the request without the rows it stores."""
        if not self.comes_first(request):
            return request
        async with self._turn:
            for pause in LOOK_PAUSES:
                request = await self.outage.read(partial(self._without_stored, request))
                if not self.comes_first(request):
                    return request
                await self.postiz.clock.sleep(pause)
            self._gives_way = False
        return request

    def _another_is_at_work(self) -> None:
        if self._journal is not None and self._journal.is_shared:
            return  # in a shared journal each run has its own rows
        if not self._has_said_so:
            self._has_said_so = True
            log.warning(
                "another run of this campaign is storing its posts at the same time; this one "
                "gives way to it"
            )
        self._gives_way = True

    async def _without_stored(self, request: PlannedRequest) -> PlannedRequest:
        rows = tuple(row for row in request.rows if row.ref not in self._refs)
        refs = {row.ref for row in rows}
        records = {} if self._journal is None else await self._journal.rows(refs)
        posts = await self._listed(rows)
        asked = [row.at(row.asked_for) for row in rows]
        if self._find(asked, posts, self.past).is_something:
            past = await self._past_of(posts, self._read)
            self._decide(asked, posts, past, records=records, to_send=refs)
            if self._taken:
                self._another_is_at_work()
            if self._journal is not None and (self._taken or self._copies):
                taken = await self.write_down(self._journal)
                self._unreported += taken  # only after writing: other runs may have reported these
        return PlannedRequest(tuple(row for row in rows if row.ref not in self._refs))

    @property
    def _read(self) -> ReadJournal | None:
        return None if self._journal is None else self._journal.read

    async def _past_of(self, posts: Collection[Post], read: ReadJournal | None) -> Past:
        """What the journal accounts for now, as far as these posts are concerned."""
        return await past_of(read, self.past.campaign, posts, self.here)

    async def _listed(self, rows: Sequence[Row]) -> list[Post]:
        """The posts at the possible dates of rows; empty if the server is too slow."""
        posts: dict[str, Post] = {}
        now = self._now()
        with self.postiz.clock.move_on_after(LOOK_SECONDS):
            late = self._left_late(rows, now)
            for start, end in (*_spans(rows, self.options.span, now), *late):
                listed = await self.postiz.once.posts.list(start=start, end=end)
                posts |= {post.id: post for post in listed}
        return list(posts.values())

    def _left_late(self, rows: Iterable[Row], now: datetime) -> list[tuple[datetime, datetime]]:
        """The ranges of dates at which another run may have sent late rows."""
        late = self.options.late_rule
        dates = [row.date for row in rows if row.type == "schedule" and row.date <= now]
        if late == "skip" or not dates:
            return []
        return [(min(dates), now + _SECOND + (timedelta() if late == "send" else late))]

    def _now(self) -> datetime:
        return self.postiz.scheduler.server_now()


def _spans(
    rows: Iterable[Row], align: timedelta, now: datetime
) -> Iterable[tuple[datetime, datetime]]:
    """The ranges of dates at which posts of rows may be; overlapping ones are merged."""
    wanted: set[tuple[datetime, datetime]] = set()
    for row in rows:
        if row.type == "now":
            wanted.add((now - _NOW_IS, now + _SECOND))
            continue
        asked, slack = row.asked_for, may_move(row, align)
        wanted |= {(asked - slack, asked + slack + _SECOND), (row.date, row.date + _SECOND)}
    spans: list[tuple[datetime, datetime]] = []
    for start, end in sorted(wanted):
        if spans and start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    return spans
