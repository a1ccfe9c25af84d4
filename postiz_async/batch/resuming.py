"""The journal of an earlier run: whose it is, and what is in Postiz where there is none."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import anyio.to_thread

from postiz_async.batch.decisions import new_records, with_changes
from postiz_async.batch.existing import (
    adopted_body,
    adopted_record,
    already_there,
    how_to_go_on,
    may_move,
)
from postiz_async.batch.reconcile import sweep_journal
from postiz_async.delivery.journal import State, read_summary
from postiz_async.errors import BatchError
from postiz_async.shields import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from postiz_async.batch.check import Checked
    from postiz_async.batch.choices import Choices
    from postiz_async.batch.rows import Row
    from postiz_async.batch.source import Campaign
    from postiz_async.client import Postiz
    from postiz_async.delivery.journal import Journal, RowRecord
    from postiz_async.delivery.listing import Calendar
    from postiz_async.models.integrations import Integration
    from postiz_async.models.posts import Post

__all__ = ["adopt", "find_existing", "recorded", "refuse_foreign", "write_rows"]


async def recorded(journal: Path, base_url: str) -> dict[str, RowRecord]:
    """What the journal of an earlier run says by ref, if there is one.

    Raises:
        BatchError: it belongs to another server, or cannot be read.
    """
    if not await anyio.to_thread.run_sync(os.path.exists, journal):
        return {}
    summary = await in_thread(partial(read_summary, journal))
    if summary.base_url != base_url:
        raise BatchError(
            f"The journal {journal} belongs to {summary.base_url}, and this client "
            f"calls {base_url}. Use another --journal for another server."
        )
    return {record.ref: record for record in summary.rows}


def refuse_foreign(
    journal: Path,
    campaign: Campaign,
    file: Path,
    records: Mapping[str, RowRecord],
    listed: Sequence[Integration],
) -> None:
    """A journal of another campaign or another organisation is never touched.

    Raises:
        BatchError: it is one.
    """
    if not records:
        return
    if campaign.rows and not any(row.ref in records for row in campaign.rows):
        raise BatchError(
            f"The journal {journal} belongs to another campaign: it knows none of "
            f"the rows of {file}. Use another --journal, or move it away."
        )
    known = {channel.id for channel in listed}
    used = {record.channel for record in records.values()}
    if not used & known:
        raise BatchError(
            f"The journal {journal} belongs to another organisation: its channels "
            f"({', '.join(sorted(used)[:3])} ...) are not among those of this key "
            f"({', '.join(sorted(known)[:3])} ...). Use the key of that organisation, or "
            "another --journal."
        )


async def find_existing(
    rows: Sequence[Row], checked: Checked, calendar: Calendar, choices: Choices, journal: Path
) -> dict[str, Post]:
    """The rows that no journal knows and that are in Postiz, by ref, to be taken over.

    Raises:
        BatchError: there are some, and nobody said what to do with them.
    """
    if choices.existing == "again" or not rows:
        return {}
    slacks = {row.ref: may_move(row, choices.align) for row in rows}
    await calendar.look(row.date + by * slacks[row.ref] for row in rows for by in (-1, 0, 1))
    here = {row.ref for row in checked.campaign.rows}  # what is gone from it may be here renamed
    ours = {record.post_id for ref, record in checked.records.items() if ref in here}
    posts = [post for post in calendar.posts.values() if post.id not in ours]
    there = already_there(rows, checked.channels, posts, choices.align)
    if there and choices.existing == "refuse":
        raise BatchError(how_to_go_on(there, rows, journal, is_new=not checked.records))
    return there


async def adopt(
    postiz: Postiz, journal: Journal, checked: Checked, there: Mapping[str, Post]
) -> list[RowRecord]:
    """Take rows over, and those that were in doubt and turn out to be stored.

    Returns:
        The rows that were taken over because they were in Postiz already.
    """
    records = await journal.rows()
    if any(record.state is State.UNDECIDED for record in records.values()):
        await sweep_journal(postiz, journal, with_open=False)
    channels = checked.channels
    rows = [row for row in checked.campaign.rows if row.ref in there and row.ref not in records]
    taken = [adopted_record(row, there[row.ref], channels[row.ref]) for row in rows]
    bodies = [adopted_body(row, there[row.ref], channels[row.ref]) for row in rows]
    await journal.adopt(taken, bodies)
    return taken


async def write_rows(journal: Journal, checked: Checked, unsent: Sequence[Row]) -> None:
    """Tell the journal of new and changed rows, and of rows that are gone from the file."""
    records, rows = checked.records, checked.campaign.rows
    fresh = new_records(unsent, checked.channels)
    await journal.put(record for record in fresh if records.get(record.ref) != record)
    here = {row.ref: row.number for row in rows}
    await journal.renumber(
        {ref: here[ref] for ref, r in records.items() if here.get(ref, r.number) != r.number}
    )
    gone = [ref for ref, r in records.items() if ref not in here and r.state is State.PLANNED]
    await journal.mark(gone, State.SKIPPED, "not in the campaign file any more")
    await journal.found(with_changes(rows, records))
