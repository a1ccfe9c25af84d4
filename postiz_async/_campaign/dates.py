"""Choose the dates of rows that say none, among those that others have taken."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from operator import attrgetter

import anyio

from postiz_async._campaign.journal.chosen import Choices, read_chosen
from postiz_async._campaign.journal.rows import ChosenDate
from postiz_async._campaign.known import Known
from postiz_async._campaign.plan.choose import (
    AROUND,
    Chooser,
    Holders,
    begun,
    is_chosen,
    moved_slots,
    other_slots,
    slot_span,
    with_chosen,
)
from postiz_async._campaign.plan.row_state import new_records
from postiz_async._campaign.read.read_options import rules_of
from postiz_async._campaign.read.rows import SLOT, Row, SaidRow
from postiz_async._campaign.read.slots import Slots
from postiz_async._campaign.run.edits import Changed
from postiz_async._campaign.run.job import ChosenAgain, Job
from postiz_async._delivery.listing import Calendar
from postiz_async._delivery.outcomes import RowState
from postiz_async._resources.api import OpenClient
from postiz_async._resources.channel_names import Resolver

_PREPARED = timedelta(minutes=1)
"""A request whose date passed longer ago cannot be just about to leave."""


@dataclass(frozen=True)
class Dates:
    """Chooses dates of rows, and writes them down before anything leaves."""

    postiz: OpenClient
    known: Known

    @cached_property
    def _slots_of(self) -> Callable[[str], Slots | None]:
        return rules_of(self.known.options.reading).slots_of

    async def choose(self, choose: Callable[[Choices], Iterable[ChosenDate]]) -> None:
        """Choose dates of rows; write them down, and give them to the rows."""
        journal = await self.known.journal.made(self.known.origin.campaign)
        self.known.date(await journal.choose(choose))

    async def choose_dates(
        self, calendar: Calendar | None = None, *, dry_run: bool = False
    ) -> bool:
        """Choose the dates of rows that say none, and write them down.

        Args:
            calendar: has looked at the possible dates of slots of unsent rows; looks now for those
                of others, if that costs no quota.
            dry_run: write nothing down.

        Returns:
            Whether rows got dates after all those where rows were looked for.
        """
        checked = self.known.checked
        edited = self.known.edits.changed if checked.records else ()
        rows = [row for row in self.known.unsent() if row.written]
        asking = [
            each.row
            for each in edited
            if each.row.written and (_is_elsewhere(each) or not is_chosen(each.row, checked.chosen))
        ]
        elsewhere = frozenset(row.ref for row in asking)
        rows = [*(row for row in rows if row.ref not in elsewhere), *asking]
        if not rows:  # all say a date, as mostly; to ask who has which minutes takes memory
            self.known.moved = []
            return False
        before, span, is_further = checked.chosen, slot_span(rows, self.known.now), False
        if span is not None and (asking or calendar is None):
            calendar = calendar or Calendar(self.postiz.posts.list)
            await calendar.span(*span)
        choose = self._chooser(rows, calendar, elsewhere=elsewhere)
        known = Choices(before, begun(checked.records))
        while dates := await anyio.to_thread.run_sync(choose, known):
            last = max(each.at for each in dates)
            if span is None or calendar is None or last < span[1]:
                break
            span, is_further = (span[1], last + AROUND), True
            await calendar.span(*span)
            choose = self._chooser(rows, calendar, elsewhere=elsewhere)
        if dry_run:
            self.known.date({**before, **{each.ref: each for each in dates}})
        elif dates:  # which takes a while for many rows, and is not repeated
            await self.choose(lambda choices: dates if choices == known else choose(choices))
        self.known.moved = moved_slots(rows, self.known.checked.chosen)
        self.known.moved += other_slots(self.known.unsent(), before, self._slots_of)
        return is_further

    async def choose_again(self, job: Job, rows: Sequence[Row]) -> ChosenAgain:
        """Choose other slots for rows that cannot have theirs, while a run is at work."""
        before, now = {row.ref: row.date for row in rows}, self.known.now
        known = await job.journal.read(read_chosen)
        choose: Callable[[Choices], list[ChosenDate]] = _no_dates
        if not all(r in known and now < known[r].at != date for r, date in before.items()):
            calendar = Calendar(job.outage.wrap(self.postiz.posts.list))
            span = slot_span(self.known.rows, now)
            if span is not None:
                await calendar.span(now, span[1])
            passed = await self._passed(job, known)
            asking = sorted(
                (*rows, *(row for row in passed if row.ref not in before)), key=attrgetter("number")
            )
            refs = {row.ref for row in asking}
            others = [row for row in self.known.rows if row.written and row.ref not in refs]
            choose = self._chooser(asking, calendar, others)

        def choosing(choices: Choices) -> list[ChosenDate]:
            job.elsewhere.update(before.keys() & choices.begun)
            return choose(choices)

        chosen = await job.journal.choose(choosing)
        after = [row for row in with_chosen(rows, chosen) if row.ref not in job.elsewhere]
        moved = tuple(row for row in after if row.date != before[row.ref])
        stuck = tuple(row for row in after if row.date == before[row.ref])
        records = new_records(moved, self.known.checked.channels, chosen)
        await job.journal.plan_again(job.purpose, records)
        return ChosenAgain(moved, stuck)

    async def _passed(self, job: Job, chosen: Mapping[str, ChosenDate]) -> list[Row]:
        """Planned rows whose slots passed while they waited: one look finds slots for them all."""
        over = self.known.now - _PREPARED
        rows = [row for row in self.known.valid() if row.is_slot and is_chosen(row, chosen)]
        rows = [row for row in rows if chosen[row.ref].at < over]
        records = await job.journal.rows([row.ref for row in rows])
        return [
            row for row in rows if row.ref in records and records[row.ref].state is RowState.PLANNED
        ]

    def _chooser(
        self,
        rows: Sequence[Row],
        calendar: Calendar | None,
        others: Sequence[Row] = (),
        elsewhere: Collection[str] = (),
    ) -> Chooser:
        checked, there = self.known.checked, Holders()
        channel_of = Resolver(checked.listed).ids()
        there.add_posts(() if calendar is None else calendar.posts.values())
        there.add_rows(self.known.valid(), {} if others else checked.records, channel_of)
        return Chooser(rows, others, there, channel_of, self._slots_of, self.known.now, elsewhere)


def _no_dates(choices: Choices) -> list[ChosenDate]:
    del choices
    return []


def _is_elsewhere(edit: Changed) -> bool:
    """Whether a row is stored in no slot, or on another channel than it says now."""
    if not edit.row.is_slot or edit.record.change is not None:
        return False
    return "channel" in edit.names or SaidRow.read(edit.record.said).written != SLOT
