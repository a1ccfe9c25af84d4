"""Where a campaign comes from, and what is known of it after validation, before it is sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

from postiz_async._campaign.journal.file import JournalFile
from postiz_async._campaign.journal.places import JournalPlace, journal_at
from postiz_async._campaign.options import CampaignOptions
from postiz_async._campaign.plan.check import Checked, check_rows, in_order
from postiz_async._campaign.plan.row_state import is_done
from postiz_async._campaign.read.channel_cells import ChannelWords
from postiz_async._campaign.read.file_formats import CAMPAIGNS_ARE, readable
from postiz_async._campaign.read.read_options import FileOptions
from postiz_async._campaign.read.rows import CampaignSource
from postiz_async._campaign.read.source import labelled, read_source
from postiz_async._campaign.run.edits import recognise
from postiz_async._campaign.run.resume import recorded, refuse_foreign, refuse_other_contents
from postiz_async._concurrency import in_thread
from postiz_async._resources.api import OpenClient
from postiz_async._resources.channel_names import Resolver
from postiz_async._wire.secrets import Secret
from postiz_async.errors import CampaignError, ConfigurationError, UsageError


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a campaign comes from: its rows, its journal, the folder of its media."""

    source: CampaignSource
    path: Path
    journal: JournalPlace
    folder: Path
    campaign: str
    """The name that marks the posts of the campaign."""

    @classmethod
    def of(cls, source: CampaignSource, options: CampaignOptions, base_url: str) -> Self:
        """Determine the paths of a campaign and its journal, and the name of the campaign.

        Raises:
            ConfigurationError: rows that come from no file have no journal, or the name is empty.
            CampaignError: the path of the campaign or its journal cannot be a file, or both are the
                same.
        """
        name, journal = options.name, options.journal
        if name is not None and not name.strip():
            raise ConfigurationError("The campaign's name is empty. Give one, or leave it out.")
        if isinstance(source, str | Path):
            path = Path(source)
            called = readable(name or path.name)
            place = journal_of(path, journal, options.schema, called, base_url)
            if place.path == path:
                raise CampaignError(
                    f"{path} is named as a journal. Give the campaign that it belongs to; if it "
                    "is the campaign, rename it to .csv or .jsonl."
                )
            return cls(source, path, place, path.parent, called)
        if journal is None:
            raise UsageError(
                "Rows that do not come from a file need a journal= (a path): it is where a run "
                "that was killed finds out which posts are stored, so that none is lost or stored "
                "twice."
            )
        called = readable(name or "")
        place = journal_of(Path(), journal, options.schema, called, base_url)
        if place.path is None and not called:
            raise UsageError(
                "Rows that do not come from a file need a name= with a journal in "
                "PostgreSQL: by that other hosts, and the next run, know the campaign."
            )
        path = Path(called) if place.path is None else place.path.with_suffix("")
        return cls(source, path, place, Path(), called or readable(path.name))


def journal_path(campaign: Path) -> Path:
    """The default path of a campaign's journal: beside the campaign.

    Raises:
        CampaignError: the path of the campaign cannot be a file.
    """
    if not campaign.name:
        raise CampaignError(f"{campaign} is a directory; {CAMPAIGNS_ARE}")
    return campaign.with_suffix(".journal")


def journal_of(
    path: Path,
    journal: Path | Secret | str | None,
    schema: str,
    campaign: str,
    base_url: str | None = None,
) -> JournalPlace:
    """The place of a campaign's journal.

    Args:
        path: the campaign, or its journal.
        journal: a path, or the address of a PostgreSQL database; None: beside the campaign.
        schema: the schema of the tables in PostgreSQL.
        campaign: the name of the campaign.
        base_url: the root of its server's API; None: only one campaign has this name.

    Raises:
        ConfigurationError: the address is of another kind, or the extra is not installed.
        CampaignError: the path of the campaign or its journal cannot be a file.
    """
    if journal is None:
        return JournalFile(path if path.suffix == ".journal" else journal_path(path))
    place = journal_at(journal, schema, campaign, base_url)
    if place.path is not None and not place.path.name:
        raise CampaignError(f"{place} is a directory, not a journal.")
    return place


def sent_place(
    path: Path,
    journal: Path | Secret | str | None,
    campaign: str | None,
    schema: str,
    base_url: str | None = None,
) -> JournalPlace:
    """The place of the journal of a campaign that was run; see `journal_of`.

    Args:
        path: the campaign, or its journal.
        journal: a path, or the address of a PostgreSQL database; None: beside the campaign.
        campaign: the name of the campaign; None: the name saved beside the file, else the name of
            the file.
        schema: the schema of the tables in PostgreSQL.
        base_url: the root of its server's API; None: only one campaign has this name.
    """
    called = campaign or FileOptions.saved(path).name or path.name
    return journal_of(path, journal, schema, readable(called), base_url)


async def check_campaign(postiz: OpenClient, origin: Origin, options: CampaignOptions) -> Checked:
    """Validate a campaign: its rows, media and channels, and the journal of an earlier run.

    Raises:
        CampaignError: the campaign or the journal cannot be used.
        ConfigurationError: a media root is not a folder.
        PostizError: the channels could not be listed.
    """
    journal = await recorded(origin.journal, postiz.base_url, options.name)
    records = journal.rows
    if any(record.post_id is not None for record in records.values()):
        postiz.scheduler.has_answered = True
    listed = await postiz.channels.list()
    words = ChannelWords.of((each.name, each.id, each.provider) for each in listed)
    kept = (await in_thread(partial(FileOptions.saved, origin.source))).columns
    campaign = await read_source(origin.source, origin.path, options.reading, words, kept=kept)
    if origin.journal.path is None and options.name is None:
        refuse_other_contents(origin.journal, campaign, origin.path, records, journal.contents)
    channel_of = Resolver(listed).ids()
    now = postiz.scheduler.server_now()
    rows = recognise(campaign.rows, records, channel_of=channel_of, now=now)
    campaign = replace(campaign, rows=rows)
    refuse_foreign(origin.journal, campaign, origin.path, records, listed)
    checked = Checked(campaign, listed, {}, {}, records, (), left_out=journal.left_out)
    open_rows = [
        row
        for row in campaign.rows
        if (record := records.get(row.ref)) is None or not is_done(row, record, options)
    ]
    checked = await check_rows(postiz, checked, open_rows, origin.folder, options)
    problems = [*labelled(campaign.problems, campaign.labels), *checked.problems]
    warnings = [*labelled(campaign.warnings, campaign.labels), *checked.warnings]
    return replace(checked, problems=in_order(problems), warnings=in_order(warnings))
