"""Decide what to do with a row of the file, given its record in the journal. PURE."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from postiz_async._campaign.journal.rows import IN_FLIGHT, UNSTORED, Finding, RowRecord
from postiz_async._campaign.options import CampaignOptions
from postiz_async._campaign.read.rows import Row
from postiz_async._delivery.outcomes import RowState, SentRequest
from postiz_async._wire import parse_date
from postiz_async.models.channels import Channel

_CHANGED = "changed after it was stored, and the post is left; postiz-async plan says why"
_CHANGED_MEANWHILE = "changed before it was known whether it is stored"


_OPEN = {RowState.REFUSED, RowState.LATE, RowState.UNDECIDED, RowState.WITHDRAWN}
"""States of rows without a post that are sent again if they say something else."""


def is_unsent(row: Row, record: RowRecord | None, options: CampaignOptions) -> bool:
    """Whether a row should be sent."""
    if record is None or record.state in {RowState.PLANNED, RowState.SKIPPED}:
        return True
    if record.state is RowState.LATE and options.late_rule != "skip":
        return True
    if record.state is RowState.UNDECIDED and options.on_doubt == "send":
        return True
    if record.state is RowState.WITHDRAWN and options.existing == "again":
        return True
    is_open = record.state in _OPEN
    return is_open and differs(row, record)


def differs(row: Row, record: RowRecord) -> bool:
    """Whether a row says something else than what was sent of it."""
    return record.fingerprint != row.fingerprint


def is_done(row: Row, record: RowRecord, options: CampaignOptions) -> bool:
    """Whether a recorded row is done, so that it need not be validated again."""
    return record.state not in IN_FLIGHT and not is_unsent(row, record, options)


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
        channel = channels[row.ref]
        yield RowRecord(
            row.ref,
            row.number,
            row.fingerprint,
            channel.id,
            date,
            name=name_of(row, channel),
            said=row.said.write(),
        )


def name_of(row: Row, channel: Channel) -> str:
    """What the campaign calls the channel of a row, or Postiz if that is an id."""
    return (channel.name if row.channel == channel.id else "") or row.channel


def as_sent(
    sent: SentRequest, rows: Mapping[str, Row], records: Mapping[str, RowRecord]
) -> dict[str, Row]:
    """The rows of a request with the date as sent; edited and shifted rows as they are now."""
    date = parse_date(sent.body.date).replace(microsecond=0)
    return {
        ref: row.at(date)
        for ref in sent.refs
        if (row := rows.get(ref)) is not None
        and row.type != "now"
        and records[ref].fingerprint == row.fingerprint
        and (records[ref].moved_from or records[ref].at) == row.asked_for
    }


_NO_NEWS = {Finding.NOTHING, Finding.CHANGED, Finding.UNTAGGED}
"""Findings that matter less than that the file says something else."""


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
        if record is None or record.finding not in _NO_NEWS:
            continue
        in_flight = record.state in IN_FLIGHT
        is_other = differs(row, record) if in_flight else row.ref in changed
        if is_other != (record.finding is Finding.CHANGED):
            finding = Finding.CHANGED if is_other else Finding.NOTHING
            remark = _CHANGED_MEANWHILE if in_flight else _CHANGED
            after.append(replace(record, finding=finding, remark=remark if is_other else ""))
    return after
