"""Find posts that other runs of a campaign store: on other hosts, or with a newer journal.

A run knows its own posts by its journal. What is in Postiz beside them is looked for at the start,
for each row that the journal does not call stored, and once more before each request leaves, at
the date that it is for.

What two hosts send at the same moment, neither sees before: the sweep at the end of a run deletes
the second post.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

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
from postiz_async._campaign.run.resume import ReadJournal, past_of
from postiz_async.errors import CampaignConflictError, CampaignError, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from postiz_async._campaign.journal.journal import Journal
    from postiz_async._campaign.journal.places import JournalPlace
    from postiz_async._campaign.journal.rows import Copy, RowRecord
    from postiz_async._campaign.options import CampaignOptions
    from postiz_async._campaign.read.rows import Row
    from postiz_async._campaign.run.already_stored import ClientRefs, Past, StoredRows
    from postiz_async._delivery.listing import Calendar
    from postiz_async._resources.api import OpenClient
    from postiz_async.models.posts import Post


LOOK_SECONDS = 10.0
"""Seconds that a look may take while a slot is held; then the request goes without it."""

_AROUND = timedelta(days=31)
"""How far before now posts of rows of type `now` are looked for at the start."""
_NOW_IS = timedelta(minutes=30)
_SECOND = timedelta(seconds=1)


@dataclass(slots=True, kw_only=True)
class OtherRuns:
    """Finds rows that other runs store, and adopts their posts.

    Args:
        client_refs: the marks of the rows.
        postiz: an open client.
        options: the user's options.
        past: posts and requests that the journal accounts for.
        place: the place of the journal, for messages.
        here: refs of all rows of the campaign; None where the journal has no others.
    """

    client_refs: ClientRefs
    postiz: OpenClient
    options: CampaignOptions
    past: Past
    place: JournalPlace
    here: Collection[str] | None
    unreported: list[RowRecord] = field(default_factory=list["RowRecord"])
    """Rows that were adopted and are still to be reported."""
    older: list[Problem] = field(default_factory=list["Problem"])
    """Rows without a journal that may be in Postiz in an older version."""
    _journal: Journal | None = None
    _copies: list[Copy] = field(default_factory=list["Copy"])
    _taken: list[Taken] = field(default_factory=list[Taken])
    _refs: set[str] = field(default_factory=set[str])
    """Refs of rows that were adopted."""

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
            CampaignConflictError: some rows are in Postiz, and `existing` does not say what to do.
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

    async def write_down(self, journal: Journal) -> None:
        """Write the findings to the journal; adopted rows are in `unreported` then."""
        self._journal = journal
        copies, self._copies = self._copies, []
        taken, self._taken = self._taken, []
        if copies:
            await journal.leave(copies)
            self.client_refs.leave(copies)
        if taken:
            records = [adopted_record(each) for each in taken]
            bodies = [adopted_body(each) for each in taken]
            records = await journal.adopt(records, bodies)
            self._refs.update(record.ref for record in records)
            self.unreported += records

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
            told = explain_existing_posts(
                decision.ask, rows, self.place, known=records, is_new=is_new
            )
            if self._journal is not None:  # the run may have sent others by now
                raise CampaignError(told)
            asked = tuple(row.number for row in rows if row.ref in decision.ask)
            raise CampaignConflictError(told, rows=asked)
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

    async def without_stored(self, request: PlannedRequest) -> PlannedRequest:
        """The request without rows stored by now; called when it may leave.

        Raises:
            CampaignError: rows are in Postiz, and `existing` does not say how to treat them.
        """
        rows = tuple(row for row in request.rows if row.ref not in self._refs)
        refs = {row.ref for row in rows}
        records = {} if self._journal is None else await self._journal.rows(refs)
        posts = await self._listed(rows)
        asked = [row.at(row.asked_for) for row in rows]
        if self._find(asked, posts, self.past).is_something:
            past = await self._past_of(posts, self._read)
            self._decide(asked, posts, past, records=records, to_send=refs)
            if self._journal is not None and (self._taken or self._copies):
                await self.write_down(self._journal)
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
