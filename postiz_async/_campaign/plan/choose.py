"""Choose dates of rows: the next free slot, or what words like `next friday 9:00` mean now. PURE.

`_campaign.journal.chosen` keeps what was chosen. A slot is free if no post and no other row has its
minute on its channel. Rows choose in the order of the file, each the earliest free slot; a choice
that was made before stays, unless it has passed or somebody took it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from msgspec import structs

from postiz_async._campaign.journal.chosen import Choices
from postiz_async._campaign.journal.rows import (
    IN_FLIGHT,
    NOT_BEGUN,
    ChosenDate,
    RowRecord,
    day_and_time,
)
from postiz_async._campaign.options import CampaignOptions
from postiz_async._campaign.plan.plan import AHEAD
from postiz_async._campaign.plan.row_state import is_there, is_unsent
from postiz_async._campaign.read.date_words import resolve
from postiz_async._campaign.read.read_options import rules_of
from postiz_async._campaign.read.rows import UNDATED, Row
from postiz_async._campaign.read.slots import SLOTS_LIKE, Slots
from postiz_async._campaign.read.texts import CellProblem
from postiz_async._resources.matching import stored_at
from postiz_async.errors import Problem, by_reader, describe_rows
from postiz_async.models.posts import Post

AROUND = timedelta(days=31)
"""How far before now, and after the last slot, posts of rows without dates are looked for."""

_DAY = 24 * 60
"""Minutes of a day."""

_Free: TypeAlias = dict[tuple[str, int, str], Iterator[datetime]]
"""The slots that nobody has looked at yet, by channel, slots and zone."""


def chosen_date(row: Row) -> ChosenDate:
    """What a row says for its date, with the date that it has."""
    return ChosenDate(row.ref, row.says, row.asked_for.timestamp())


def is_chosen(row: Row, chosen: Mapping[str, ChosenDate]) -> bool:
    """Whether a date was chosen for what a row says."""
    return (known := chosen.get(row.ref)) is not None and known.is_for(row.says)


def with_chosen(rows: Iterable[Row], chosen: Mapping[str, ChosenDate]) -> tuple[Row, ...]:
    """Rows with the dates that were chosen for what they say.

    Args:
        rows: rows with the refs by which the journal knows them.
        chosen: the chosen dates, by ref.
    """
    if not chosen:
        return tuple(rows)
    return tuple(row.chosen(chosen[row.ref].at) if is_chosen(row, chosen) else row for row in rows)


def with_dates(
    rows: Sequence[Row],
    records: Mapping[str, RowRecord],
    chosen: Mapping[str, ChosenDate],
    *,
    options: CampaignOptions,
    channel_of: Callable[[str], str],
    now: datetime,
) -> tuple[Row, ...]:
    """Rows with the dates that were chosen, or that they would choose beside each other now.

    Args:
        rows: the rows of the campaign, with the refs by which the journal knows them.
        records: the records of the journal.
        chosen: the chosen dates, by ref.
        options: the options of the campaign.
        channel_of: returns the id of a channel by its name in the campaign.
        now: the server's time.
    """
    rows = tuple(_counted(row, now) for row in with_chosen(rows, chosen))
    asking = [
        row
        for row in rows
        if row.written
        and (
            not is_chosen(row, chosen)
            or (record := records.get(row.ref)) is None
            or is_unsent(row, record, options)
        )
    ]
    if not asking:
        return rows
    there = Holders()
    there.add_rows(rows, records, channel_of)
    choose = Chooser(asking, (), there, channel_of, rules_of(options.reading).slots_of, now)
    dates = choose(Choices(chosen, begun(records)))
    return with_chosen(rows, {each.ref: each for each in dates})


def _counted(row: Row, now: datetime) -> Row:
    """A row at the date that its words mean now, unless it has one or it does not exist."""
    if row.date != UNDATED or not row.words:
        return row
    moment = resolve(row.words, now, row.zone)
    return structs.replace(row, date=moment) if isinstance(moment, datetime) else row


def begun(records: Mapping[str, RowRecord]) -> frozenset[str]:
    """Refs of rows that are stored, or in a request whose outcome is unknown."""
    return frozenset(ref for ref, record in records.items() if record.state not in NOT_BEGUN)


def undated_problems(
    rows: Iterable[Row], slots_of: Callable[[str], Slots | None], now: datetime
) -> list[Problem]:
    """The problems of rows that have no date and can choose none."""
    wrong = [(row, resolve(row.words, now, row.zone)) for row in rows if row.date == UNDATED]
    problems = [
        Problem("date", why.message, row.number, why.hint)
        for row, why in wrong
        if isinstance(why, CellProblem)
    ]
    hint = f'{by_reader("--slots", "slots=")} "{SLOTS_LIKE}" gives it the next free slot'
    zone = "add a timezone column, or --timezone"
    return problems + [
        Problem("date", "is missing", row.number, hint)
        if slots_of(row.channel) is None
        else Problem("date", "is empty, and its slot has no time zone", row.number, zone)
        for row, _ in wrong
        if row.is_slot
    ]


def moved_slots(rows: Iterable[Row], chosen: Mapping[str, ChosenDate]) -> list[Problem]:
    """Warnings about rows that have another slot than before, and why."""
    return [
        Problem("date", chosen[row.ref].note, row.number, severity="warning")
        for row in rows
        if is_chosen(row, chosen) and chosen[row.ref].note
    ]


def other_slots(
    rows: Iterable[Row],
    chosen: Mapping[str, ChosenDate],
    slots_of: Callable[[str], Slots | None],
) -> list[Problem]:
    """A warning if rows keep slots that were chosen before and that these slots do not have."""
    kept = [
        row.number
        for row in rows
        if row.is_slot and row.zone is not None and is_chosen(row, chosen)
        for slots in (slots_of(row.channel),)
        if slots is not None and not slots.has(row.date, row.zone)
    ]
    if not kept:
        return []
    message = f"dates chosen or shifted before stay for {describe_rows(kept)}; they are no slots"
    return [Problem("slots", message, severity="warning")]


def slot_span(rows: Iterable[Row], now: datetime) -> tuple[datetime, datetime] | None:
    """The range of dates in which any host may have stored undated rows; None: there are none.

    Args:
        rows: the rows, with dates that were chosen at least beside each other.
        now: the server's time.
    """
    last = max((row.date for row in rows if row.is_undated), default=None)
    return None if last is None else (now - AROUND, max(now, last) + AROUND)


class Holders:
    """Who has the minutes of channels: posts in Postiz, and rows of the campaign."""

    def __init__(self) -> None:
        self.minutes: defaultdict[str, dict[int, str]] = defaultdict(dict)
        """The holders by minutes since the epoch, by channel."""
        self.repeated: defaultdict[tuple[str, int], dict[int, tuple[int, str]]] = defaultdict(dict)
        """The first minutes of repeated posts with their holders, by the minute of their period."""
        self.periods: defaultdict[str, set[int]] = defaultdict(set)
        """The periods of repeated posts in minutes, by channel."""

    def add(self, channel: str, moment: datetime, holder: str, days: int | None = None) -> None:
        """Note a post of a channel, which may be repeated after some days."""
        minute = _minute(moment)
        self.minutes[channel].setdefault(minute, holder)
        if days:
            period = days * _DAY
            self.periods[channel].add(period)
            first = self.repeated[channel, period]
            first[minute % period] = min(
                (minute, holder), first.get(minute % period, (minute, holder))
            )

    def at(self, channel: str, moment: datetime) -> str:
        """Who has the minute of a moment; empty: it is free."""
        minute = _minute(moment)
        if holder := self.minutes[channel].get(minute):
            return holder
        for period in self.periods[channel]:
            first, holder = self.repeated[channel, period].get(minute % period, (minute, ""))
            if holder and first <= minute:
                return holder
        return ""

    def add_posts(self, posts: Iterable[Post]) -> None:
        """Note the posts in Postiz, drafts too; failed ones have no slot."""
        for post in posts:
            if post.channel is not None and post.state != "ERROR":
                at, days = stored_at(post), post.interval_in_days
                self.add(post.channel.id, at, "a post in Postiz", days)

    def add_rows(
        self,
        rows: Iterable[Row],
        records: Mapping[str, RowRecord],
        channel_of: Callable[[str], str],
    ) -> None:
        """Note the rows that have a date of their own, and those that are stored or in flight."""
        repeated: dict[str, int] = {}
        for row in rows:
            if row.repeat_days:
                repeated[row.ref] = row.repeat_days
            if row.type != "now" and not row.is_slot:
                who = f"row {row.number}"
                self.add(channel_of(row.channel), row.asked_for, who, row.repeat_days)
        for record in records.values():
            if is_there(record) or record.state in IN_FLIGHT:
                days = repeated.get(record.ref)
                self.add(record.channel, record.at, f"row {record.number}", days)


def _minute(moment: datetime) -> int:
    return int(moment.timestamp()) // 60


def _claim(row: Row, claims: Holders, channel: str, at: datetime) -> None:
    claims.add(channel, at, f"row {row.number}", row.repeat_days)


@dataclass(frozen=True, slots=True)
class Chooser:
    """Chooses dates for rows, beside what is there and what was chosen before.

    Args:
        rows: the rows that say no absolute date, in the order of the file.
        others: rows that keep what was chosen for them.
        there: who has which minutes, besides these rows.
        channel_of: returns the id of a channel by its name in the campaign.
        slots_of: returns the slots of a channel by its name in the campaign; None: it has none.
        now: the server's time.
        elsewhere: refs of stored rows that are not yet in the slots chosen for them.
    """

    rows: Sequence[Row]
    others: Sequence[Row]
    there: Holders
    channel_of: Callable[[str], str]
    slots_of: Callable[[str], Slots | None]
    now: datetime
    elsewhere: Collection[str] = ()

    def __call__(self, choices: Choices) -> list[ChosenDate]:
        """The dates to be written down. Changes nothing."""
        claims = Holders()
        for row in self.others:
            if is_chosen(row, choices.dates):
                _claim(row, claims, self.channel_of(row.channel), choices.dates[row.ref].at)
        missing: list[tuple[Row, str]] = []
        for row in self.rows:
            if not is_chosen(row, choices.dates):
                missing.append((row, ""))
            elif row.is_slot and (row.ref in self.elsewhere or row.ref not in choices.begun):
                at, channel = choices.dates[row.ref].at, self.channel_of(row.channel)
                if why := self._why_lost(channel, at, claims):
                    missing.append((row, f"{why}; moved from {day_and_time(at)}"))
                else:
                    _claim(row, claims, channel, at)
        free: _Free = {}
        chosen = ((row, self._date(row, claims, free), note) for row, note in missing)
        return [
            ChosenDate(
                row.ref,
                row.says,
                date.timestamp(),
                f"{note} to {day_and_time(date)}" if note else "",
            )
            for row, date, note in chosen
            if date is not None
        ]

    def _why_lost(self, channel: str, at: datetime, claims: Holders) -> str:
        """Why a row cannot have its slot any more; empty: it can."""
        if at <= self.now:
            return "its slot passed before it was sent"
        holder = self.there.at(channel, at) or claims.at(channel, at)
        return f"its slot was taken by {holder}" if holder else ""

    def _date(self, row: Row, claims: Holders, free: _Free) -> datetime | None:
        """The date of a row; None if it has no slots, or no more of them."""
        if not row.is_slot:
            return row.date
        slots, channel = self.slots_of(row.channel), self.channel_of(row.channel)
        if slots is None or row.zone is None:
            return None
        key = channel, id(slots), row.timezone
        if key not in free:
            free[key] = slots.after(self.now + AHEAD, row.zone)
        for slot in free[key]:
            if not self.there.at(channel, slot) and not claims.at(channel, slot):
                _claim(row, claims, channel, slot)
                return slot
        return None
