"""Undo a campaign: delete its posts that are still to come."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from postiz_async._campaign.journal.purposes import NewPosts
from postiz_async._campaign.read.source import MAX_ROWS
from postiz_async._campaign.run.conditions import PostCondition, may_change
from postiz_async._campaign.run.job import ignore
from postiz_async._campaign.run.look_ups import look_up_lost
from postiz_async._campaign.run.stored_posts import StoredPosts
from postiz_async._campaign.run.withdraw import DUE_NOW, THERE, Withdrawal
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.pauses import Outage
from postiz_async._resources.channel_names import Resolver, folded
from postiz_async.errors import ConfigurationError, InvalidPostError, by_reader, describe_rows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from postiz_async._campaign.journal.journal import Journal
    from postiz_async._campaign.journal.rows import RowRecord
    from postiz_async._campaign.run.conditions import Standing
    from postiz_async._campaign.run.job import Outcome
    from postiz_async._delivery.client import CampaignClient
    from postiz_async._delivery.lookup import Doubts


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

    `left` has the rows by why their posts are left: `published`, `failed`, `edited` in Postiz,
    `due` within a minute, `shared` (another post has the same group), `hidden` (the channel is
    gone). `unsent` is the number of rows that are not sent yet: a run would send them. `unknown`
    are numbers of rows that were asked for and do not exist.
    """

    rows: tuple[RowRecord, ...]
    left: Mapping[str, tuple[RowRecord, ...]]
    unsent: int = 0
    unknown: tuple[int, ...] = ()


async def undo_journal(
    postiz: CampaignClient,
    journal: Journal,
    selection: Selection,
    *,
    edited: bool = False,
    dry_run: bool = False,
    on_outcome: Callable[[Outcome], Awaitable[None]] | None = None,
    doubts: Doubts | None = None,
) -> UndoResult:
    """Delete the posts of rows that are stored and still to come.

    Args:
        postiz: an open client.
        journal: the journal of the campaign.
        selection: the rows to undo.
        edited: also delete posts that people edited in Postiz.
        dry_run: only return what would be deleted.
        on_outcome: called with the `Outcome` of each row whose post is deleted.
        doubts: counts the requests that are being looked up.

    Raises:
        ChannelNotFoundError: there is no such channel, or several have its name.
        ConfigurationError: there is no such row, or it is not certain which rows are meant.
        PostizError: the job had to stop; call it again to go on.
    """
    outage = Outage.of(postiz)
    records = (await journal.rows()).values()
    unknown = selection.unknown(records)
    channel = await _channel(postiz, journal, selection.channel)
    chosen = [record for record in records if selection.holds(record, channel)]
    if selection.rows is not None and selection.numbers is None:
        _refuse_same_numbers(chosen)
    meant = [selection.numbered(record) for record in chosen]
    there = [record for record in meant if record.state in THERE]
    stored = await StoredPosts.of(postiz, outage, journal, DUE_NOW)
    if dry_run:
        looked = await stored.look(there)
        rows = [each.record for each in looked if _is_undone(each, edited=edited)]
        left = [each for each in looked if not _is_undone(each, edited=edited)]
    else:
        withdrawal = Withdrawal(
            postiz, journal, outage, stored, edited=edited, on_outcome=on_outcome or ignore
        )
        left = await withdrawal.delete(there)
        refs = {record.ref for record in chosen}
        if await look_up_lost(postiz, journal, NewPosts(), outage, refs, doubts=doubts):
            known, before = await journal.rows(), {record.ref for record in there}
            meant = [selection.numbered(known[record.ref]) for record in chosen]
            found = [r for r in meant if r.state in THERE and r.ref not in before]
            left += await withdrawal.delete(found)
            there += found
        kept = {each.record.ref for each in left}
        rows = [record for record in there if record.ref not in kept]
    unsent = sum(record.state in _UNSENT for record in meant)
    return replace(_undone(rows, left, meant, unsent), unknown=unknown)


_UNSENT = {RowState.PLANNED, RowState.SENDING, RowState.UNKNOWN}
_OUT = {RowState.PUBLISHED: PostCondition.PUBLISHED, RowState.FAILED: PostCondition.FAILED}


def _is_undone(each: Standing, *, edited: bool) -> bool:
    return each.condition is PostCondition.GONE or may_change(each.condition, edited=edited)


def _undone(
    rows: Sequence[RowRecord], left: Sequence[Standing], meant: Sequence[RowRecord], unsent: int
) -> UndoResult:
    reasons = [(each.condition, each.record) for each in left]
    reasons += [(_OUT[record.state], record) for record in meant if record.state in _OUT]
    by_reason: dict[str, list[RowRecord]] = {}
    for condition, record in reasons:
        by_reason.setdefault(condition.value, []).append(record)
    ordered = {why: tuple(sorted(each, key=_number)) for why, each in by_reason.items()}
    return UndoResult(tuple(sorted(rows, key=_number)), ordered, unsent)


def _number(record: RowRecord) -> int:
    return record.number


def _refuse_same_numbers(chosen: Sequence[RowRecord]) -> None:
    """Refuse row numbers that two rows have: one in the file, and one that is gone from it."""
    numbers = Counter(record.number for record in chosen if record.state in THERE)
    same = sorted(number for number, count in numbers.items() if count > 1)
    if same:
        raise ConfigurationError(
            f"--rows: {describe_rows(same)}: several posts have that number in the journal, "
            "because the file changed after they were sent. Name the campaign file, not its "
            "journal."
        )


async def _channel(postiz: CampaignClient, journal: Journal, named: str | None) -> str | None:
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
