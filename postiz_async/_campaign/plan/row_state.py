"""Decide what to do with a row of the file, given its record in the journal. PURE."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from postiz_async._campaign.journal.rows import UNSTORED, Finding, RowRecord
from postiz_async._delivery.outcomes import RowState
from postiz_async._wire import parse_date

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from postiz_async._campaign.options import CampaignOptions
    from postiz_async._campaign.read.rows import Row
    from postiz_async._delivery.outcomes import SentRequest
    from postiz_async.models.channels import Channel


_CHANGED = "changed after it was stored; postiz-async update carries the change out"
_CHANGED_MEANWHILE = "changed before it was known whether it is stored"


def is_unsent(row: Row, record: RowRecord | None, options: CampaignOptions) -> bool:
    """Whether a row should be sent."""
    if record is None or record.state in {RowState.PLANNED, RowState.SKIPPED}:
        return True
    if record.state is RowState.LATE and options.late_rule != "skip":
        return True
    if record.state is RowState.UNDECIDED and options.on_doubt == "send":
        return True
    if record.state is RowState.WITHDRAWN:
        return options.existing == "again"
    is_edited = record.fingerprint != row.fingerprint
    return is_edited and record.state in {RowState.REFUSED, RowState.LATE, RowState.UNDECIDED}


def is_done(row: Row, record: RowRecord, options: CampaignOptions) -> bool:
    """Whether a recorded row is done, so that it need not be validated again."""
    in_flight = record.state in {RowState.SENDING, RowState.UNKNOWN}
    return not in_flight and not is_unsent(row, record, options)


def is_there(record: RowRecord) -> bool:
    """Whether a row is stored and was not deleted since, as far as is known."""
    is_gone = record.finding in {Finding.DELETED, Finding.HIDDEN}
    return record.state in {RowState.STORED, RowState.PUBLISHED} and not is_gone


def is_unstored(record: RowRecord | None) -> bool:
    """Whether a row has a record, is not stored, and is in no request with an unknown outcome."""
    return record is not None and record.state in UNSTORED


def new_records(rows: Iterable[Row], channels: Mapping[str, Channel]) -> Iterator[RowRecord]:
    """New records for rows that will be sent."""
    for row in rows:
        date = row.asked_for.timestamp()
        channel = channels[row.ref].id
        said = row.said.write()
        yield RowRecord(
            row.ref, row.number, row.fingerprint, channel, date, name=row.channel, said=said
        )


def as_sent(
    sent: SentRequest, rows: Mapping[str, Row], records: Mapping[str, RowRecord]
) -> dict[str, Row]:
    """The rows of a request with the date as sent; edited rows as they are now."""
    date = parse_date(sent.body.date).replace(microsecond=0)
    return {
        ref: row.at(date)
        for ref in sent.refs
        if (row := rows.get(ref)) is not None
        and row.type != "now"
        and records[ref].fingerprint == row.fingerprint
    }


def with_changes(
    rows: Iterable[Row], records: Mapping[str, RowRecord], changed: Collection[str]
) -> list[RowRecord]:
    """The records whose finding `CHANGED` has to be set or cleared.

    A row in flight is marked before it is looked up: if its post is found, no other run may treat
    the edited row as a new post.

    Args:
        rows: the rows of the campaign.
        records: the records of the journal.
        changed: refs of rows that differ from what is stored.
    """
    after: list[RowRecord] = []
    for row in rows:
        record = records.get(row.ref)
        if record is None or record.finding not in {Finding.NOTHING, Finding.CHANGED}:
            continue
        in_flight = record.state in {RowState.SENDING, RowState.UNKNOWN}
        differs = record.fingerprint != row.fingerprint if in_flight else row.ref in changed
        if differs != (record.finding is Finding.CHANGED):
            finding = Finding.CHANGED if differs else Finding.NOTHING
            remark = _CHANGED_MEANWHILE if in_flight else _CHANGED
            after.append(replace(record, finding=finding, remark=remark if differs else ""))
    return after
