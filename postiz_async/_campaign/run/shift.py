"""Move the dates of rows, beside what their file says. PURE.

The new dates are written down as chosen (`_campaign.journal.chosen`) together with the shift, so
that a shift that was killed is carried out and never made twice. A post that could not be moved
gets its former date back at the end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from postiz_async._campaign.journal.rows import ChosenDate, RowRecord
from postiz_async._campaign.journal.state import Shift
from postiz_async._campaign.plan.choose import chosen_date
from postiz_async._campaign.read.dates import moved_by
from postiz_async._campaign.read.rows import UNDATED, Row, SaidRow
from postiz_async._campaign.run.edits import is_to_come
from postiz_async._delivery.outcomes import RowState
from postiz_async._wire import POST_YEARS
from postiz_async.errors import InvalidPostError, Problem


def is_out(row: Row, records: Mapping[str, RowRecord], now: datetime) -> bool:
    """Whether the post of a row is published, or was refused by its network."""
    record = records.get(row.ref)
    if record is None or record.state in {RowState.PUBLISHED, RowState.FAILED}:
        return record is not None
    return record.state is RowState.STORED and not is_to_come(record, now)


def shifted_dates(rows: Iterable[Row], span: timedelta) -> dict[str, ChosenDate]:
    """The dates of rows after a shift, by ref; rows without a date have none.

    Raises:
        InvalidPostError: a date would be too far away.
    """
    dates: dict[str, ChosenDate] = {}
    problems: list[Problem] = []
    for row in rows:
        if row.type == "now" or row.date == UNDATED:
            continue
        date = moved_by(row.asked_for, span, row.zone)
        if date.year not in POST_YEARS:
            problems.append(Problem("date", "would be too far away", row.number))
        dates[row.ref] = chosen_date(row)._replace(seconds=date.timestamp())
    if problems:
        raise InvalidPostError(problems)
    return dates


def not_shifted(
    shift: Shift, records: Mapping[str, RowRecord], left: Collection[str]
) -> Iterator[ChosenDate]:
    """The former dates of posts that could not be moved.

    Args:
        shift: the shift.
        records: the records of the journal.
        left: refs of rows that were left.
    """
    for before in shift.before:
        record = records.get(before.ref)
        is_there = record is not None and record.post_id is not None
        is_left = is_there and before.ref in left
        if record is not None and is_left and SaidRow.read(record.said).date == before.at:
            yield before


def shifts(rows: Iterable[Row]) -> dict[timedelta, list[int]]:
    """The numbers of shifted rows by how far their local times are from what the file says."""
    found: defaultdict[timedelta, list[int]] = defaultdict(list)
    for row in rows:
        try:
            written = datetime.fromisoformat(row.written)
        except ValueError:  # words, or nothing
            continue
        zone = row.zone or UTC
        span = row.asked_for.astimezone(zone).replace(tzinfo=None) - written.astimezone(
            zone
        ).replace(tzinfo=None)
        if span:
            found[span].append(row.number)
    return dict(found)
