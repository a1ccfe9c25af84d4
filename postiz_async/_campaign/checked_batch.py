"""What is known of a campaign before anything is done: rows, problems, edits, the plan."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from postiz_async._campaign.after.ics import calendar_file, event_of
from postiz_async._campaign.plan.packing import Limits
from postiz_async._campaign.plan.plan import AHEAD, ChannelPlan, Moment, Planner
from postiz_async._campaign.plan.row_state import is_there, is_unsent, with_changes
from postiz_async._campaign.results import RunResults
from postiz_async._campaign.run.edits import find_edits
from postiz_async._resources.channel_names import Resolver
from postiz_async.errors import BatchError, InvalidPostError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from postiz_async._campaign.options import BatchOptions
    from postiz_async._campaign.plan.check import Checked
    from postiz_async._campaign.plan.plan import Arrangement, PlannedRequest
    from postiz_async._campaign.plan.preflight import Origin
    from postiz_async._campaign.read.read_options import ReadOptions
    from postiz_async._campaign.read.rows import Row
    from postiz_async._campaign.run.edits import Edits
    from postiz_async._campaign.run.run import Runner
    from postiz_async._delivery.journal_file import RowRecord
    from postiz_async._delivery.lookup import Doubts, Fence
    from postiz_async._delivery.pauses import Outage
    from postiz_async.errors import Problem
    from postiz_async.models.integrations import Integration


_FRESH = 60.0
"""Seconds after which the dates of a plan are thought over before anything is sent."""


class CheckedBatch(RunResults):
    """A campaign held against channels, files and its journal: the base of `Batch`."""

    _origin: Origin
    _reading: ReadOptions
    _options: BatchOptions
    _skip_invalid: bool
    _known: Checked | None = None
    _edits: Edits | None = None
    _arranged: Arrangement | None = None
    _arranged_at: float = -math.inf
    _runner: Runner | None = None
    _outage: Outage | None = None
    _doubts: Doubts
    _fence: Fence | None = None
    """Of an update that waits for answers beside the run."""
    _moving: Sequence[tuple[Row, RowRecord]] = ()
    """Rows of an update whose posts are deleted when they may leave, by `_make_room`."""
    _make_room: Callable[[PlannedRequest], Awaitable[PlannedRequest]] | None = None
    _adopting: frozenset[str] = frozenset()
    """Refs of rows that the last plan found in Postiz: a run takes them over."""
    _repeated: list[Problem]
    """Warnings of rows whose text Postiz has within a day, from the last look."""
    _changing: frozenset[str] = frozenset()
    """Refs of rows in changes whose answers were lost."""

    @property
    def timezone(self) -> str | None:
        """The zone of dates that have none."""
        return self._reading.timezone

    @property
    def labels(self) -> Mapping[str, str]:
        """What the file calls columns of a campaign, where it calls them something else."""
        return self._checked.campaign.labels

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the campaign; `plan` and `run` refuse while there is any."""
        return self._checked.problems

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What the server accepts but probably is not meant; nothing stops for it."""
        return (*self._checked.warnings, *self._repeated)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows that could be read."""
        return self._checked.campaign.rows

    @property
    def adopted(self) -> list[Row]:
        """Rows that the last `plan` found in Postiz: a run takes them over and does not send them.

        Those are rows of which the journal knows, and with `existing="adopt"` all of them.
        """
        return [row for row in self.rows if row.ref in self._adopting]

    @property
    def channels(self) -> list[Integration]:
        """The channels that the campaign uses."""
        return list({c.id: c for c in self._checked.channels.values()}.values())

    @property
    def by_channel(self) -> list[ChannelPlan]:
        """For each channel of the file, what is in Postiz and what is still to be sent."""
        checked = self._checked
        dates: defaultdict[str, list[datetime]] = defaultdict(list)
        for request in self.requests:
            for row in request.rows:
                dates[checked.channels[row.ref].id].append(row.date)
        there: Counter[str] = Counter()
        for row in self.rows:
            record = checked.records.get(row.ref)
            if row.ref in self._adopting:
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
    def requests(self) -> list[PlannedRequest]:
        """What is still to be sent, the most urgent first."""
        return list(self._arrangement.requests)

    @property
    def lower_bound(self) -> int:
        """The number of requests below which no plan can get under the same limits."""
        return self._planner.lower_bound(self._unsent(), self._arrangement)

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier run left a journal."""
        return bool(self._checked.records)

    @property
    def media_files(self) -> int:
        """Distinct media contents of the rows that are still to be sent."""
        facts = self._checked.facts
        return len({facts[name].sha256 for row in self._unsent() for name in row.media})

    @property
    def uploads_done(self) -> int:
        """Media of this run that are uploaded."""
        return self._runner.uploads_done if self._runner is not None else 0

    @property
    def trouble(self) -> str:
        """Why a run pauses until Postiz is back, in one line; empty while it does not."""
        return self._outage.trouble if self._outage is not None else ""

    @property
    def doubts(self) -> Doubts:
        """The requests that are looked up now, because their answers were lost."""
        return self._doubts

    @property
    def _planner(self) -> Planner:
        scheduler, clock = self._postiz.scheduler, self._postiz.clock
        return Planner(
            size_of=self._checked.size_of,
            limits=Limits(posts=scheduler.budget.request_posts),
            channels=self._checked.channels,
            not_before=datetime.fromtimestamp(scheduler.server_time(), UTC) + AHEAD,
            moment=Moment(scheduler.ledger, scheduler.ledger_time(), clock.time()),
        )

    @property
    def _arrangement(self) -> Arrangement:
        """The plan; made anew when something else is known."""
        if self._arranged is None:
            return self._plan_is(self._planner.arrange(self._unsent(), self._options.align))
        return self._arranged

    def _plan_is(self, arranged: Arrangement) -> Arrangement:
        self._arranged, self._arranged_at = arranged, self._postiz.clock.monotonic()
        return arranged

    @property
    def _is_just_planned(self) -> bool:
        """Whether a plan was made so lately that a run may go by it."""
        age = self._postiz.clock.monotonic() - self._arranged_at
        return self._arranged is not None and age <= _FRESH

    @property
    def _checked(self) -> Checked:
        if self._known is None:
            raise BatchError(
                "Use the batch as `async with postiz.batch(...) as batch:`, in synchronous code as "
                "`with postiz.batch(...) as batch:`."
            )
        return self._known

    def _know(self, checked: Checked) -> None:
        self._known, self._arranged, self._edits = checked, None, None

    def _unsent(self) -> list[Row]:
        """Valid rows that neither have an outcome nor are in a request with an open one."""
        records, moving = self._checked.records, {row.ref for row, _ in self._moving}
        return [
            row
            for row in self._valid()
            if row.ref not in self._adopting
            and (row.ref in moving or is_unsent(row, records.get(row.ref), self._options))
        ]

    def _valid(self) -> list[Row]:
        """Rows without problems."""
        wrong = {problem.row for problem in self.problems}
        return [row for row in self.rows if row.number not in wrong]

    @property
    def changed(self) -> list[Row]:
        """Rows that the file gives differently than they were stored; they stay as stored."""
        return [each.row for each in self.edits.changed]

    @property
    def edits(self) -> Edits:
        """What the campaign says differently than what was sent of it; `update` carries it out."""
        if self._edits is None:
            checked = self._checked
            self._edits = find_edits(
                checked.campaign.rows,
                checked.records,
                channel_of=Resolver(checked.listed).ids(),
                now=datetime.fromtimestamp(self._postiz.scheduler.server_time(), UTC),
                unsure=checked.unsure,
                unread=checked.campaign.unread,
            )
        return self._edits

    @property
    def has_news(self) -> bool:
        """Whether it is news to the journal which rows the file changes, or which are left out."""
        changes = with_changes(self.rows, self._checked.records, self._changed_refs)
        return bool(changes) or self._checked.left_out != self.problems

    @property
    def _changed_refs(self) -> set[str]:
        return {each.row.ref for each in self.edits.changed}

    def icalendar(self) -> str:
        """What is planned and what is stored, each at its date, as a calendar file (RFC 5545).

        Rows with problems, refused ones and those that were deleted in Postiz are left out.
        """
        checked = self._checked
        by_id = {channel.id: channel for channel in checked.listed}
        events = [
            event_of(row, checked.channels[row.ref])
            for request in self.requests
            for row in request.rows
        ]
        for row in self._valid():
            record = checked.records.get(row.ref)
            if record is not None and is_there(record) and record.channel in by_id:
                date = datetime.fromtimestamp(record.date, UTC)
                events.append(event_of(row.at(date), by_id[record.channel]))
        made_at = datetime.fromtimestamp(self._postiz.clock.time(), UTC)
        return calendar_file(self._origin.campaign, events, made_at=made_at)

    def _refuse_problems(self) -> None:
        if self.problems and not self._skip_invalid:
            raise InvalidPostError(list(self.problems))
