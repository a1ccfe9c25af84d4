"""Delete exactly the posts of a journal's rows, and none that somebody else has changed.

| step     | what happens                                             | the journal says       |
|----------|----------------------------------------------------------|------------------------|
| look     | the post is listed as it was put, and still to come      | stored                 |
| intent   | it is about to be deleted                                | withdrawing, on disk   |
| delete   | by its group. Saving a post in Postiz gives it another   |                        |
|          | group, so what was edited since the look is not deleted  |                        |
| look     | it is listed nowhere, whoever deleted it: that proves it | withdrawn              |
|          | it is still there: deleted once more, or left if edited  | stored                 |

Deleting twice does no harm, so a lost answer needs no more than the second look. Whoever comes
after a crash finds rows that are withdrawing, and goes on with the first look.

An undo deletes all posts of a campaign that are still to come in this way.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Protocol

import anyio

from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.purposes import NewPosts
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.read.source import MAX_ROWS
from postiz_async._campaign.run.conditions import DUE_NOW, Reason, Standing, may_change
from postiz_async._campaign.run.job import JobContext, Outcome, outcome_of, task_group
from postiz_async._campaign.run.look_ups import look_up_lost
from postiz_async._campaign.run.stored_posts import StoredPosts
from postiz_async._campaign.run.update_plan import ChangeOptions
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.repair import delete_whole
from postiz_async._resources.api import OpenClient
from postiz_async._resources.channel_names import Resolver, folded
from postiz_async.errors import ConfigurationError, InvalidPostError, by_reader, describe_rows
from postiz_async.models.posts import Post

THERE = {RowState.STORED, RowState.WITHDRAWING}
"""States of rows whose posts may exist."""

WITHDRAWN = "deleted from Postiz; run with --again to send it"

_AT_ONCE = 100
"""Posts deleted between two looks."""

_DELETERS = 4
_TRIES = 3


def withdrawn(record: RowRecord) -> RowRecord:
    """The record of a row whose post is deleted."""
    return replace(
        record, state=RowState.WITHDRAWN, note=WITHDRAWN, finding=Finding.NOTHING, remark=""
    )


class RecordedRows(Protocol):
    """The part of a journal in which deletions are recorded."""

    async def rows(self, refs: Iterable[str]) -> Mapping[str, RowRecord]:
        """Rows by ref."""
        ...

    async def found(self, rows: Iterable[RowRecord]) -> list[RowRecord]:
        """Write down rows; returns those that were written."""
        ...


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Deletes posts, and records that for their rows.

    Args:
        journal: an open journal, or what stands for one.
        stored: finds posts.
        edited: also delete posts that people edited in Postiz.
        failed: also delete posts that their network refused.
        on_outcome: called with the outcome of each row.
        ended: returns the record of a row whose post is deleted.
        groups: the groups of posts by ref, if they are known: each is deleted as a whole.
    """

    journal: RecordedRows
    stored: StoredPosts
    _: KW_ONLY
    edited: bool
    failed: bool = False
    on_outcome: Callable[[Outcome], Awaitable[None]]
    ended: Callable[[RowRecord], RowRecord] = withdrawn
    groups: Mapping[str, str | None] = field(default_factory=dict[str, str | None])

    async def delete(self, records: Sequence[RowRecord]) -> list[Standing]:
        """Delete the posts of rows.

        Returns:
            The rows whose posts were left, and why.

        Raises:
            PostizError: the job has to stop; the journal says how far it came.
        """
        left: list[Standing] = []
        known = await self.journal.rows([record.ref for record in records])
        now = (replace(known[each.ref], number=each.number) for each in records)
        ordered = sorted(
            (each for each in now if each.state in THERE), key=lambda each: each.seconds
        )
        for batch in self._batches(ordered):
            rows = batch
            for _ in range(_TRIES):
                rows, standing = await self._delete_some(rows)
                left += standing
                if not rows:
                    break
            else:
                left += await self.stored.look(rows)
        return left

    def _batches(self, records: Iterable[RowRecord]) -> list[list[RowRecord]]:
        """Rows to look at together, such as those of a group."""
        groups: defaultdict[str, list[RowRecord]] = defaultdict(list)
        for each in records:
            groups[self.groups.get(each.ref) or each.ref].append(each)
        batches: list[list[RowRecord]] = []
        for rows in groups.values():
            if not batches or len(batches[-1]) + len(rows) > _AT_ONCE:
                batches.append([])
            batches[-1] += rows
        return batches

    async def _delete_some(
        self, records: Sequence[RowRecord]
    ) -> tuple[list[RowRecord], list[Standing]]:
        """Delete posts that may be; returns those to look at again, and those left for good."""
        looked = self._without_shared(await self.stored.look(records))
        await self._end([each.record for each in looked if each.condition is Reason.GONE])
        doomed = [each for each in looked if self._may_go(each)]
        left = [
            each for each in looked if each.condition is not Reason.GONE and not self._may_go(each)
        ]
        await self.journal.found(
            replace(each.record, state=RowState.STORED)
            for each in left
            if each.record.state is RowState.WITHDRAWING
        )
        posts = {each.record.ref: each.post for each in doomed}
        begun = await self.journal.found(
            replace(each.record, state=RowState.WITHDRAWING) for each in doomed
        )
        limiter = anyio.CapacityLimiter(_DELETERS)
        async with task_group() as group:
            for record in begun:
                group.start_soon(self._delete_one, posts[record.ref], limiter)
        return begun, left

    def _without_shared(self, looked: Sequence[Standing]) -> list[Standing]:
        """Leave posts whose group, which is deleted as a whole, has a post that stays."""
        kept = {
            self.groups.get(each.record.ref) if each.post is None else each.post.group
            for each in looked
            if each.condition is not Reason.GONE and not self._may_go(each)
        } - {None}
        return [
            replace(each, condition=Reason.SHARED)
            if each.post and self._may_go(each) and (each.is_shared or each.post.group in kept)
            else each
            for each in looked
        ]

    def _may_go(self, each: Standing) -> bool:
        return may_change(each.condition, edited=self.edited, failed=self.failed)

    async def _delete_one(self, post: Post | None, limiter: anyio.CapacityLimiter) -> None:
        assert post is not None  # noqa: S101  (only a listed one is doomed)
        async with limiter:
            await self.stored.outage.read(partial(delete_whole, self.stored.postiz.posts, post))

    async def _end(self, gone: Sequence[RowRecord]) -> None:
        for record in await self.journal.found(map(self.ended, gone)):
            await self.on_outcome(outcome_of(record))


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection of rows to undo; None means no restriction.

    Args:
        after: only posts of this moment and later.
        channel: only those of this channel: its id, its name, or its provider if it has one.
        rows: only these, by their numbers in the file.
        numbers: the row numbers in the file now, by ref; None: those in the journal.
    """

    after: datetime | None = None
    channel: str | None = None
    rows: Collection[int] | None = None
    numbers: Mapping[str, int] | None = None

    def holds(self, record: RowRecord, channel: str | None) -> bool:
        """Whether a row is selected; `channel` is the id of the channel."""
        return (
            (self.after is None or record.seconds >= self.after.timestamp())
            and (channel is None or record.channel == channel)
            and (self.rows is None or self._number(record) in self.rows)
        )

    def numbered(self, record: RowRecord) -> RowRecord:
        """A row with its present number in the file; a row that is gone keeps its own."""
        number = self._number(record)
        return record if number is None else replace(record, number=number)

    def unknown(self, records: Iterable[RowRecord]) -> tuple[int, ...]:
        """The selected row numbers that do not exist.

        Raises:
            ConfigurationError: there is none of them.
        """
        there = (
            {record.number for record in records}
            if self.numbers is None
            else {*self.numbers.values()}
        )
        missing = sorted(set(self.rows or ()) - there)
        if self.rows and len(missing) == len(set(self.rows)):
            known = f"it has {describe_rows(there)}" if there else "it has none"
            verb = "is" if len(missing) == 1 else "are"
            raise ConfigurationError(
                f"--rows: {describe_rows(missing)} {verb} not in this campaign: {known}."
            )
        return tuple(missing)

    def _number(self, record: RowRecord) -> int | None:
        return record.number if self.numbers is None else self.numbers.get(record.ref)


@dataclass(frozen=True, slots=True)
class UndoResult:
    """The posts that an undo deleted, or would delete, and those it leaves.

    `left` has the rows whose posts stay, by the reason. `unsent` is the number of rows that are not
    sent yet: a run would send them. `unknown` are numbers of rows that were asked for and do not
    exist.
    """

    rows: tuple[RowRecord, ...]
    left: Mapping[Reason, tuple[RowRecord, ...]]
    unsent: int = 0
    unknown: tuple[int, ...] = ()


async def undo_journal(job: JobContext, selection: Selection, how: ChangeOptions) -> UndoResult:
    """Delete the posts of rows that are stored and still to come.

    Args:
        job: has the journal of the campaign.
        selection: the rows to undo.
        how: how posts are deleted.

    Raises:
        ChannelNotFoundError: there is no such channel, or several have its name.
        ConfigurationError: there is no such row, or it is not certain which rows are meant.
        PostizError: the job had to stop; call it again to go on.
    """
    records = (await job.journal.rows()).values()
    unknown = selection.unknown(records)
    channel = await channel_id(job.postiz, job.journal, selection.channel)
    chosen = [record for record in records if selection.holds(record, channel)]
    if selection.rows is not None and selection.numbers is None:
        _refuse_same_numbers(chosen)
    meant = [selection.numbered(record) for record in chosen]
    there = [record for record in meant if record.state in THERE]
    stored = await StoredPosts.of(job, DUE_NOW)
    if how.dry_run:
        looked = await stored.look(there)
        rows = [each.record for each in looked if _is_undone(each, edited=how.force)]
        left = [each for each in looked if not _is_undone(each, edited=how.force)]
    else:
        withdrawal = Withdrawal(job.journal, stored, edited=how.force, on_outcome=how.on_outcome)
        left = await withdrawal.delete(there)
        refs = {record.ref for record in chosen}
        if await look_up_lost(job, NewPosts(), refs):
            known, before = await job.journal.rows(), {record.ref for record in there}
            meant = [selection.numbered(known[record.ref]) for record in chosen]
            found = [r for r in meant if r.state in THERE and r.ref not in before]
            left += await withdrawal.delete(found)
            there += found
        kept = {each.record.ref for each in left}
        rows = [record for record in there if record.ref not in kept]
    unsent = sum(record.state in _UNSENT for record in meant)
    return replace(_undone(rows, left, meant, unsent), unknown=unknown)


_UNSENT = {RowState.PLANNED, RowState.SENDING, RowState.UNKNOWN}
_OUT = {RowState.PUBLISHED: Reason.PUBLISHED, RowState.FAILED: Reason.FAILED}


def _is_undone(each: Standing, *, edited: bool) -> bool:
    return each.condition is Reason.GONE or may_change(each.condition, edited=edited)


def _undone(
    rows: Sequence[RowRecord], left: Sequence[Standing], meant: Sequence[RowRecord], unsent: int
) -> UndoResult:
    reasons = [(each.condition, each.record) for each in left]
    reasons += [(_OUT[record.state], record) for record in meant if record.state in _OUT]
    by_reason: dict[Reason, list[RowRecord]] = {}
    for condition, record in reasons:
        by_reason.setdefault(condition, []).append(record)
    ordered = {why: tuple(sorted(each, key=_number)) for why, each in by_reason.items()}
    return UndoResult(tuple(sorted(rows, key=_number)), ordered, unsent)


def _number(record: RowRecord) -> int:
    return record.number


def _refuse_same_numbers(chosen: Sequence[RowRecord]) -> None:
    """Refuse row numbers of several posts, of which some may be gone from the file."""
    numbers = Counter(record.number for record in chosen if record.state in THERE)
    same = sorted(number for number, count in numbers.items() if count > 1)
    if same:
        raise ConfigurationError(
            f"--rows: {describe_rows(same)}: several posts have that number in the journal, "
            "because the row has several or the file changed after they were sent. Name the "
            "campaign file, not its journal."
        )


async def channel_id(postiz: OpenClient, journal: Journal, named: str | None) -> str | None:
    """The id of the named channel, which may be gone or disabled."""
    if named is None:
        return None
    rows = (await journal.rows()).values()
    if any(named == row.channel for row in rows):
        return named
    found = Resolver(await postiz.channels.list()).find(named, by_reader("--channel", "channel"))
    ids = {row.channel for row in rows if folded(row.name) == folded(named)}
    if not isinstance(found, InvalidPostError):
        ids.add(found.id)
    elif not ids:
        raise found
    if len(ids) > 1:
        raise ConfigurationError(
            f"--channel: {named!r} was another channel when this campaign was run. "
            f"Say the id of the one that is meant: {', '.join(sorted(ids))}."
        )
    return ids.pop()


_ROWS = re.compile(r"\s*(\d{1,7})\s*(?:-\s*(\d{1,7})\s*)?")


def read_rows(text: str) -> frozenset[int]:
    """Parse row numbers such as `3-9` or `2,5,12-14`.

    Raises:
        ConfigurationError: the text has another form.
    """
    numbers: set[int] = set()
    for part in text.split(","):
        match = _ROWS.fullmatch(part)
        first, last = (0, -1) if match is None else (int(match[1]), int(match[2] or match[1]))
        if last < first:
            raise ConfigurationError(f"--rows is {text!r}; say rows like 3-9 or 2,5,12-14.")
        numbers.update(range(first, min(last, MAX_ROWS + 1) + 1))
    return frozenset(numbers)
