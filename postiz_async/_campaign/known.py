"""What is known of a campaign: its rows as checked, its journal, and what follows from both."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime
from functools import partial

import anyio

from postiz_async._campaign.journal.journal import CampaignJournal, Journal
from postiz_async._campaign.journal.rows import OPEN_STATES
from postiz_async._campaign.options import CampaignOptions
from postiz_async._campaign.origin import Origin
from postiz_async._campaign.plan.check import Checked
from postiz_async._campaign.plan.packing import Limits
from postiz_async._campaign.plan.plan import (
    AHEAD,
    Arrangement,
    ChannelPlan,
    Moment,
    PlannedRequest,
    Planner,
)
from postiz_async._campaign.plan.row_state import is_there, is_unsent, with_changes
from postiz_async._campaign.read.rows import Row
from postiz_async._campaign.run.conditions import DUE_NOW, Reason
from postiz_async._campaign.run.edits import Edits, explain_gone, find_edits
from postiz_async._campaign.run.job import JobContext
from postiz_async._campaign.run.stored_posts import StoredPosts
from postiz_async._delivery.listing import Calendar
from postiz_async._resources.api import OpenClient
from postiz_async._resources.channel_names import Resolver
from postiz_async.errors import CampaignConflictError, InvalidPostError, Problem, UsageError

_FRESH = 60.0
"""Seconds after which a plan is made anew before anything is sent."""


class Known:
    """What is known of a campaign, and what follows from it: edits, unsent rows, requests.

    What follows is derived once, and again after `know` or `read`.
    """

    def __init__(
        self,
        postiz: OpenClient,
        origin: Origin,
        options: CampaignOptions,
        journal: CampaignJournal,
    ) -> None:
        self._postiz = postiz
        self.origin = origin
        self.options = options
        self.journal = journal
        self._checked: Checked | None = None
        self._edits: Edits | None = None
        self.arranged: Arrangement | None = None
        """The plan, if nothing has changed since it was made."""
        self._arranged_at = -math.inf
        self.adopting: frozenset[str] = frozenset()
        """Refs of rows that the last plan found in Postiz, so that a run adopts them."""
        self.moving: frozenset[str] = frozenset()
        """Refs of rows whose posts a run deletes right before their create leaves."""
        self.repeated: list[Problem] = []
        """Warnings about rows whose text is in Postiz within a day, from the last look."""
        self.seen: Calendar | None = None
        """The posts that the last plan saw in Postiz."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the campaign."""
        return self.checked.problems

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Warnings of the check, and of the last look in Postiz."""
        return (*self.checked.warnings, *self.repeated)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows that could be read."""
        return self.checked.campaign.rows

    @property
    def requests(self) -> list[PlannedRequest]:
        """The requests that have still to be sent, the most urgent first."""
        return list(self.arrangement.requests)

    @property
    def edits(self) -> Edits:
        """The differences between the campaign and what was sent of it; a run applies them."""
        if self._edits is None:
            checked = self.checked
            self._edits = find_edits(
                checked.campaign.rows,
                checked.records,
                channel_of=Resolver(checked.listed).ids(),
                now=self.now,
                unread=checked.campaign.unread,
            )
        return self._edits

    @property
    def is_done(self) -> bool:
        """Whether a run has nothing to send, to ask, to look up or to write down."""
        records = self.checked.records
        return not (
            self.requests
            or self.edits.in_the_way
            or any(record.state in OPEN_STATES for record in records.values())
            or self.checked.left_out != self.problems
            or with_changes(self.rows, records, self.changed_refs)
        )

    @property
    def changed_refs(self) -> set[str]:
        """Refs of rows that say something else than what was sent of them."""
        return {each.row.ref for each in self.edits.changed}

    async def decide(self, journal: Journal, *, keep: bool) -> None:
        """Write down that posts stay whose rows are gone, or stop before anything leaves.

        Raises:
            CampaignConflictError: there are such posts, which nobody touched, and they are not to
                be kept.
        """
        gone = self.edits.in_the_way
        if gone and not keep:
            stored = await StoredPosts.of(JobContext.of(self._postiz, journal), DUE_NOW)
            looked = await stored.look(gone)
            gone = tuple(each.record for each in looked if each.condition is Reason.OURS)
        if not gone:
            return
        if not keep:
            rows = tuple(record.number for record in gone)
            raise CampaignConflictError(explain_gone(gone), rows=rows)
        await journal.keep((record.ref for record in gone), "gone")
        await self.read(journal)

    def refuse_problems(self) -> None:
        """Stop if there are problems, unless rows with problems are left out.

        Raises:
            InvalidPostError: there are some.
        """
        if self.problems and not self.options.skip_invalid:
            raise InvalidPostError(list(self.problems))

    @property
    def by_channel(self) -> list[ChannelPlan]:
        """For each channel of the file, what is in Postiz and what has still to be sent."""
        checked = self.checked
        dates: defaultdict[str, list[datetime]] = defaultdict(list)
        for request in self.requests:
            for row in request.rows:
                dates[checked.channels[row.ref].id].append(row.date)
        there: Counter[str] = Counter()
        for row in self.rows:
            record = checked.records.get(row.ref)
            if row.ref in self.adopting:
                there[checked.channels[row.ref].id] += 1
            elif record is not None and is_there(record):
                there[record.channel] += 1
        return [
            ChannelPlan(
                channel=each,
                in_postiz=there[each.id],
                posts=len(dates[each.id]),
                first=min(dates[each.id], default=None),
                last=max(dates[each.id], default=None),
            )
            for each in checked.listed
            if each.id in there or each.id in dates
        ]

    @property
    def planner(self) -> Planner:
        """A planner for the channels, limits and quota of this moment."""
        scheduler, clock = self._postiz.scheduler, self._postiz.clock
        return Planner(
            size_of=self.checked.size_of,
            limits=Limits(posts=scheduler.budget.request_posts),
            channels=self.checked.channels,
            not_before=self.now + AHEAD,
            moment=Moment(scheduler.ledger, scheduler.ledger_time(), clock.time()),
        )

    @property
    def arrangement(self) -> Arrangement:
        """The plan; made anew if the quota or the rows have changed."""
        if self.arranged is None:
            return self._plan_is(self.planner.arrange(self.unsent(), self.options.span))
        return self.arranged

    async def arrange(self, planner: Planner, rows: list[Row]) -> Arrangement:
        """Plan rows in a thread."""
        work = partial(planner.arrange, rows, self.options.span)
        return self._plan_is(await anyio.to_thread.run_sync(work))

    def _plan_is(self, arranged: Arrangement) -> Arrangement:
        self.arranged, self._arranged_at = arranged, self._postiz.clock.monotonic()
        return arranged

    @property
    def is_just_planned(self) -> bool:
        """Whether the plan is recent enough for a run."""
        age = self._postiz.clock.monotonic() - self._arranged_at
        return self.arranged is not None and age <= _FRESH

    @property
    def checked(self) -> Checked:
        """The campaign after validation.

        Raises:
            UsageError: it was not opened.
        """
        if self._checked is None:
            raise UsageError(
                "Use the campaign as `async with postiz.campaign(...) as campaign:`, in "
                "synchronous code as `with postiz.campaign(...) as campaign:`, or open it first: "
                "`await campaign.open()`."
            )
        return self._checked

    def know(self, checked: Checked) -> None:
        """Know this, and forget what was derived from what was known before."""
        self._checked, self.arranged, self._edits = checked, None, None

    async def read(self, journal: Journal) -> None:
        """Read the journal again."""
        before, records = self.checked, await journal.rows()
        if records or before.records or not self.is_just_planned:
            self.know(replace(before, records=records))

    def unsent(self) -> list[Row]:
        """Valid rows that have no outcome and are in no request with an unknown one."""
        records = self.checked.records
        return [
            row
            for row in self.valid()
            if row.ref not in self.adopting
            and (row.ref in self.moving or is_unsent(row, records.get(row.ref), self.options))
        ]

    def valid(self) -> list[Row]:
        """Rows without problems."""
        wrong = {problem.row for problem in self.problems}
        return [row for row in self.rows if row.number not in wrong]

    @property
    def now(self) -> datetime:
        """The server's time."""
        return self._postiz.scheduler.server_now()
