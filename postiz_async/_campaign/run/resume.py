"""The journal of an earlier run: check whose it is, read it, and write new rows to it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import anyio.to_thread

from postiz_async._campaign.journal.file import of_another_server
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._campaign.journal.tables import owners_of, read_copies, read_meta, sent_between
from postiz_async._campaign.plan.row_state import new_records, with_changes
from postiz_async._campaign.read.channel_cells import ChannelWords
from postiz_async._campaign.read.source import ReadCampaign, labelled, read_campaign
from postiz_async._campaign.run.already_stored import Past
from postiz_async._campaign.run.conditions import intents
from postiz_async._campaign.run.edits import Edits, find_edits, recognise
from postiz_async._concurrency import in_thread
from postiz_async._delivery.outcomes import RowState
from postiz_async._resources.channel_names import folded
from postiz_async._resources.matching import stored_at
from postiz_async.errors import CampaignError, Problem, by_reader

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from postiz_async._campaign.journal.journal import Journal
    from postiz_async._campaign.journal.places import JournalPlace
    from postiz_async._campaign.journal.rows import RowRecord
    from postiz_async._campaign.journal.tables import Tables
    from postiz_async._campaign.plan.check import Checked
    from postiz_async._campaign.read.read_options import ReadOptions
    from postiz_async._campaign.read.rows import Row
    from postiz_async.models.channels import Channel
    from postiz_async.models.posts import Post

T = TypeVar("T")


class Recorded(NamedTuple):
    """What the journal of an earlier run has; `contents` as for `tables.Meta`."""

    rows: Mapping[str, RowRecord] = {}
    left_out: tuple[Problem, ...] = ()
    contents: str = ""


async def recorded(journal: JournalPlace, base_url: str, campaign: str | None = None) -> Recorded:
    """Read the journal of an earlier run; empty if there is none.

    Args:
        journal: the place of the journal.
        base_url: the root of the client's API.
        campaign: the name that was asked for; None for that of the journal.

    Raises:
        CampaignError: the journal belongs to another server or campaign, or cannot be read.
    """
    if not await anyio.to_thread.run_sync(lambda: journal.is_there):
        return Recorded()
    summary = await in_thread(partial(read_summary, journal))
    if summary.base_url != base_url:
        raise of_another_server(journal, summary.base_url, base_url)
    if campaign is not None and summary.campaign != campaign:
        name, other = by_reader("--name", "name="), by_reader("--journal", "journal=")
        raise CampaignError(
            f"The journal {journal} is of the campaign {summary.campaign!r}, and this run says "
            f"{campaign!r}. A campaign keeps its name, because its posts are marked with it: leave "
            f"{name} away to go on with it, or use another {other}."
        )
    known = {record.ref: record for record in summary.rows}
    return Recorded(known, summary.left_out, summary.contents)


def contents_of(rows: Iterable[Row]) -> str:
    """A fingerprint of the rows of a file that does not depend on their order."""
    told = "\n".join(sorted(row.fingerprint for row in rows))
    return hashlib.sha256(told.encode()).hexdigest()


def refuse_other_contents(
    journal: JournalPlace,
    campaign: ReadCampaign,
    file: Path,
    records: Mapping[str, RowRecord],
    contents: str,
) -> None:
    """Refuse a file with other rows than a shared journal: the user has to name the campaign.

    Args:
        journal: the place of the journal.
        campaign: the rows that were read.
        file: the source of the rows.
        records: the records of the journal.
        contents: the fingerprint of the file that was run.

    Raises:
        CampaignError: this file has other rows, and the campaign has no explicit name.
    """
    if not contents or contents == contents_of(campaign.rows):
        return
    known = {record.fingerprint for record in records.values()}
    same = sum(row.fingerprint in known for row in campaign.rows)
    raise CampaignError(
        f"The journal {journal} is of a file that says something else: {same:,} of the "
        f"{len(campaign.rows):,} rows of {file} are the same. If this is that campaign, edited, "
        f"say so with --name {file.name!r}; if it is another one, give it another name."
    )


def refuse_foreign(
    journal: JournalPlace,
    campaign: ReadCampaign,
    file: Path,
    records: Mapping[str, RowRecord],
    listed: Sequence[Channel],
) -> None:
    """Refuse the journal of another campaign or another organisation.

    Args:
        journal: the place of the journal.
        campaign: the rows that were read.
        file: the source of the rows.
        records: the records of the journal.
        listed: the channels of the organisation.

    Raises:
        CampaignError: the journal is such a one.
    """
    if not records:
        return
    if campaign.rows and not any(row.ref in records for row in campaign.rows):
        raise CampaignError(
            f"The journal {journal} belongs to another campaign: it knows none of "
            f"the rows of {file}. Use another --journal, or move it away. (A row that gets or "
            "loses a ref is another row.)"
        )
    ours = {channel.id for channel in listed}
    used = {record.channel for record in records.values()}
    if not used & ours:
        raise CampaignError(
            f"The journal {journal} belongs to another organisation: its channels "
            f"({', '.join(sorted(used)[:3])} ...) are not among those of this key "
            f"({', '.join(sorted(ours)[:3])} ...). Use the key of that organisation, or "
            "another --journal."
        )


class ReadJournal(Protocol):
    """Queries a journal; see `Journal.read`."""

    async def __call__(self, query: Callable[[Tables], T], /) -> T:
        """The result of a query."""
        ...


class RecordsOnDemand(Mapping[str, "RowRecord"]):
    """The rows of a journal by ref, read on first use: after most runs nobody needs them.

    Many rows take a while to read: an event loop should let a thread read them first.
    """

    def __init__(self, journal: JournalPlace) -> None:
        self._journal = journal

    @cached_property
    def _rows(self) -> Mapping[str, RowRecord]:
        return {record.ref: record for record in read_summary(self._journal).rows}

    def __getitem__(self, ref: str) -> RowRecord:
        return self._rows[ref]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


async def past_of(
    read: ReadJournal | None,
    campaign: str,
    posts: Collection[Post] = (),
    refs: Collection[str] | None = None,
) -> Past:
    """What a journal accounts for, limited to some posts; empty while there is no journal.

    Args:
        read: queries the journal; None: there is none yet.
        campaign: the name of the campaign, for the case without a journal.
        posts: the listed posts; only these are queried, to save memory.
        refs: refs of the rows of the campaign; a missing row may be there under another ref. None:
            all rows of the journal are in the campaign.
    """
    if read is None:
        return Past(campaign)
    meta = await read(read_meta)
    owners = await read(partial(owners_of, post_ids={post.id for post in posts}))
    moments = sorted({stored_at(post) for post in posts})
    sent = await read(
        lambda t: [each for at in moments for each in sent_between(t, at, at, adopted=False)]
    )
    return Past(
        meta.campaign,
        frozenset(
            each
            for each, rows in owners.items()
            if refs is None or any(ref in refs for ref, _ in rows)
        ),
        tuple(await read(read_copies)),
        tuple(intent for intent in intents(sent) if refs is None or intent.ref in refs),
    )


@dataclass(frozen=True, slots=True)
class FileComparison:
    """A file compared with its journal: the rows with the refs that the journal has."""

    rows: tuple[Row, ...]
    edits: Edits
    problems: tuple[Problem, ...]
    """Why rows cannot be read."""


def recorded_words(records: Iterable[RowRecord]) -> ChannelWords:
    """The words that mean a channel, as far as a journal knows them."""
    return ChannelWords.of(
        (record.name, record.channel, record.provider) for record in records if record.name
    )


def compare_file(
    file: Path,
    records: Sequence[RowRecord],
    *,
    reading: ReadOptions,
    now: datetime,
) -> FileComparison:
    """Compare a file with its journal, without asking the server for channels.

    Raises:
        CampaignError: the file cannot be read.
    """
    known = {record.ref: record for record in records}
    ids = {folded(record.name): record.channel for record in records if record.name}

    def channel_of(name: str) -> str:
        return ids.get(folded(name), name)

    campaign = read_campaign(file, reading=reading, words=recorded_words(records))
    rows = recognise(campaign.rows, known, channel_of=channel_of, now=now)
    edits = find_edits(rows, known, channel_of=channel_of, now=now, unread=campaign.unread)
    problems = tuple(labelled(campaign.problems, campaign.labels))
    return FileComparison(rows, edits, problems)


_GONE = "not in the campaign file any more"
_UNFOUND = "its answer was lost, Postiz was searched and does not have it"
_NOT_STORED = {RowState.PLANNED, RowState.REFUSED, RowState.LATE}
"""States of rows without a post in Postiz; if such rows are gone from the file, forget them."""


async def write_rows(
    journal: Journal,
    checked: Checked,
    unsent: Sequence[Row],
    changed: Collection[str],
    *,
    apart: Collection[str] = (),
) -> None:
    """Write new and changed rows to the journal, and rows that are gone from the file.

    Undecided rows have been looked for by now, and are stored if they were found.

    Args:
        journal: an open journal.
        checked: the validated campaign.
        unsent: rows that are to be sent.
        changed: refs of rows that say something else than what is stored.
        apart: refs of rows whose posts are being changed, which are left alone.
    """
    records, rows = checked.records, checked.campaign.rows
    fresh = new_records(unsent, checked.channels)
    await journal.put(
        record if known is None else replace(record, version=known.version)
        for record in fresh
        for known in (records.get(record.ref),)
        if known != record
    )
    await journal.leave_out(checked.problems)
    if not records:
        return
    here = {row.ref: row.number for row in rows}
    await journal.renumber(
        {ref: here[ref] for ref, r in records.items() if here.get(ref, r.number) != r.number}
    )
    back = [ref for ref, r in records.items() if ref in here and r.stays == "gone"]
    await journal.keep(back, "")
    gone = [r for ref, r in records.items() if ref not in here and r.state in _NOT_STORED]
    await journal.found(replace(each, state=RowState.SKIPPED, note=_GONE) for each in gone)
    if not checked.campaign.unread:  # one of these may be such a row
        listed = {channel.id for channel in checked.listed}  # others list no posts
        in_doubt = [r for r in records.values() if r.state is RowState.UNDECIDED]
        unfound = [r for r in in_doubt if r.ref not in here and r.channel in listed]
        note = f"{_UNFOUND}, and it is {_GONE}"
        await journal.found(replace(r, state=RowState.SKIPPED, note=note) for r in unfound)
    known = (row for row in rows if row.ref not in apart)
    await journal.found(with_changes(known, records, changed))
