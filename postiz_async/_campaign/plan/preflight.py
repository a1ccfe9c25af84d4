"""A campaign held against everything that can be known before it is sent.

Rows are judged many at a time, as posts of one request, which takes half as long as one by one.
What the server says of a post does not depend on the posts beside it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.lowlevel
from msgspec import structs

from postiz_async._campaign.plan.advice import advice
from postiz_async._campaign.plan.check import (
    Checked,
    channels_by_row,
    check_dates,
    inspect_media,
    stand_in,
    too_large,
)
from postiz_async._campaign.plan.doubles import repeated_rows
from postiz_async._campaign.plan.row_state import is_done
from postiz_async._campaign.read.campaign_file import CAMPAIGNS_ARE
from postiz_async._campaign.read.file_formats import readable
from postiz_async._campaign.read.file_options import options_path
from postiz_async._campaign.read.header import AbsentColumn, MissingColumns
from postiz_async._campaign.read.media_files import MediaFolders
from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._campaign.read.source import labelled, read_source
from postiz_async._campaign.read.values import find_zone
from postiz_async._campaign.run.edits import recognise
from postiz_async._campaign.run.resume import recorded, refuse_foreign
from postiz_async._concurrency import in_thread
from postiz_async._resources.channel_names import Resolver, folded
from postiz_async._resources.create_body import build_body, foreign_settings
from postiz_async._validation import MediaFacts
from postiz_async.errors import (
    BatchError,
    ConfigurationError,
    InvalidPostError,
    Problem,
    UsageError,
)
from postiz_async.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from postiz_async._campaign.options import BatchOptions
    from postiz_async._campaign.read.file_options import FileOptions
    from postiz_async._campaign.read.media_files import MediaRoot
    from postiz_async._campaign.read.rows import Row
    from postiz_async._campaign.read.source import CampaignSource
    from postiz_async._delivery.client import BatchClient
    from postiz_async._resources.preflight import Preflight
    from postiz_async.models.posts import PostItem, PostType


_PATH = re.compile(r"posts\.(\d+)\.(?:(value)\.(\d+)(?:\.(\w+))?|(\w+))(.*)", re.DOTALL)
_POST = re.compile(r"posts\.(\d+)\.")

_JUDGED_AT_ONCE = 64
"""Rows that are judged together, at most; more outlive a round of the garbage collector."""

_ROOM = 60_000
"""Bytes that they may take as they are sent; a request of 102,400 is refused for its size."""


async def verdicts(rows: Iterable[Row], checked: Checked, preflight: Preflight) -> list[Problem]:
    """What the server would refuse, and what it accepts with a warning, row by row.

    Args:
        rows: rows with a channel and with media that could be read.
        checked: knows both, and is told the sizes of the rows.
        preflight: judges requests.
    """
    found: list[Problem] = []
    groups: defaultdict[tuple[object, ...], _Group] = defaultdict(_Group)
    for row in rows:
        provider = PROVIDERS.get(checked.channels[row.ref].provider)
        if row.thread and provider is not None and provider.parts == "none":
            message = f"{provider.name} does not publish comments"
            hint = "leave it empty in this row, or write it into the content"
            found += [
                Problem(f"thread {part}", message, row.number, hint)
                for part in range(2, 2 + len(row.thread))
            ]
            continue
        if row.settings:
            foreign = foreign_settings(row.settings, checked.channels[row.ref])
            if foreign is not None:
                found.append(replace(foreign, row=row.number))
                continue
        try:
            item = checked.item_of(row)
        except InvalidPostError as error:
            found += [replace(problem, row=row.number) for problem in error.problems]
            continue
        size = checked.size_of(row)
        wrong = too_large(row, size)
        if wrong is not None:
            found.append(wrong)
            continue
        group = groups[row.shared]
        if not group.has_room(size):
            found += await group.judge(checked, preflight)
            group.clear()
            await anyio.lowlevel.checkpoint()  # others may want to work meanwhile
        group.add(row, item, size)
    for group in groups.values():
        found += await group.judge(checked, preflight)
    return found


def _hint(problem: Problem, where: str, provider: str) -> str:
    """What to do; about settings and media also where it stands what a network takes."""
    if not where.startswith(("settings", "media")) or problem.severity == "warning":
        return problem.hint
    return "; ".join(filter(None, (problem.hint, f"see postiz-async providers {provider}")))


class _Group:
    """Rows that share what a request says of all its posts, as many as are judged together."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.items: list[PostItem] = []
        self.size = 0

    def has_room(self, size: int) -> bool:
        return not self.rows or (len(self.rows) < _JUDGED_AT_ONCE and self.size + size <= _ROOM)

    def add(self, row: Row, item: PostItem, size: int) -> None:
        self.rows.append(row)
        self.items.append(item)
        self.size += size

    def clear(self) -> None:
        self.rows, self.items, self.size = [], [], 0

    async def judge(self, checked: Checked, preflight: Preflight) -> list[Problem]:
        first = self.rows[0]
        kind: PostType = "draft" if first.type == "draft" else "schedule"
        tags, short = first.tags, first.short_link
        body = build_body(kind, first.date, self.items, tags=tags, short_link=short)
        media = [
            stand_in(name, checked.facts[name])
            for name in dict.fromkeys(name for row in self.rows for name in row.media)
        ]
        facts = {m.path: MediaFacts(width=m.width, height=m.height, size=m.size) for m in media}
        found: list[Problem] = []
        for problem in await preflight.problems(body, media=facts):
            post = _POST.match(problem.where)
            whose = [self.rows[int(post[1])]] if post else self.rows
            where = column_of(problem.where)
            for row in whose:
                hint = _hint(problem, where, checked.channels[row.ref].provider)
                found.append(replace(problem, where=where, row=row.number, hint=hint))
        return found


def column_of(path: str) -> str:
    """Where a problem of a post of a request stands in a campaign."""
    match = _PATH.fullmatch(path)
    if match is None:
        return path
    _, value, number, field, other, rest = match.groups()
    if not value:
        return f"{other}{rest}"
    if field == "image":
        return "media" if number == "0" else f"thread {int(number) + 1} media"
    return "content" if number == "0" else f"thread {int(number) + 1}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a campaign comes from: its rows, its name, its journal, the folders of its media."""

    source: CampaignSource
    name: Path
    journal: Path
    folder: Path
    campaign: str
    """With which its posts are marked."""
    is_named: bool = False
    """Whether the user gave the campaign that name."""
    media_root: MediaRoot = ()
    mapped: frozenset[str] = frozenset()
    """Columns that are mapped by what is kept beside the file, in small letters."""

    @classmethod
    def of(
        cls,
        source: CampaignSource,
        journal: Path | str | None,
        campaign: str | None = None,
        media_root: MediaRoot = (),
    ) -> Origin:
        """Where a campaign and its journal lie, and its name.

        Raises:
            ConfigurationError: rows that come from no file have no journal, or the name is empty.
            BatchError: the campaign or its journal can be no file, or they are the same.
        """
        if campaign is not None and not campaign.strip():
            raise ConfigurationError("The campaign's name is empty. Give one, or leave it out.")
        is_named = campaign is not None
        roots = media_root if isinstance(media_root, str | Path) else tuple(media_root)
        if isinstance(source, str | Path):
            path = Path(source)
            place = journal_path(path) if journal is None else _named(journal)
            if place == path:
                raise BatchError(
                    f"{path} is named as a journal. Give the campaign that it belongs to; if it "
                    "is the campaign, rename it to .csv or .jsonl."
                )
            said = readable(campaign or path.name)
            return cls(path, path, place, path.parent, said, is_named, roots)
        if journal is None:
            raise UsageError(
                "Rows that do not come from a file need a journal= (a path): it is where a run "
                "that was killed finds out which posts are stored, so that none is lost or stored "
                "twice."
            )
        place = _named(journal)
        name = place.with_suffix("")
        said = readable(campaign or name.name)
        return cls(source, name, place, Path(), said, is_named, roots)

    def with_kept(self, kept: FileOptions) -> Origin:
        """With a name and folders of media that are kept beside the file, if none were said."""
        mapped = frozenset(map(folded, kept.columns))
        changed = replace(self, mapped=mapped)
        if kept.campaign is not None and not self.is_named:
            changed = replace(changed, campaign=kept.campaign, is_named=True)
        if kept.media_root and not self.media_root:
            changed = replace(changed, media_root=kept.media_root)
        return changed


def journal_path(campaign: Path) -> Path:
    """Where the journal of a campaign lies unless it is named: beside it.

    Raises:
        BatchError: the campaign can be no file.
    """
    if not campaign.name:
        raise BatchError(f"{campaign} is a directory; {CAMPAIGNS_ARE}")
    return campaign.with_suffix(".journal")


def _named(journal: Path | str) -> Path:
    place = Path(journal)
    if not place.name:
        raise BatchError(f"{place} is a directory, not a journal.")
    return place


def reading_of(timezone: str | None, reading: ReadOptions | None) -> ReadOptions:
    """How a campaign is read.

    Raises:
        ConfigurationError: two time zones are given.
    """
    said = reading if reading is not None else ReadOptions()
    if timezone and said.timezone and timezone != said.timezone:
        raise ConfigurationError(f"Two time zones are given: {timezone!r} and {said.timezone!r}.")
    return structs.replace(said, timezone=timezone or said.timezone)


async def check_campaign(
    postiz: BatchClient, origin: Origin, reading: ReadOptions, options: BatchOptions
) -> Checked:
    """Read a campaign, its media, the channels, and the journal of an earlier run.

    Raises:
        BatchError: the campaign or the journal cannot be used.
        ConfigurationError: a media root is not a folder.
        PostizError: the channels could not be asked for.
    """
    try:
        campaign = await read_source(origin.source, origin.name, reading=reading)
    except AbsentColumn as absent:
        by = f" {options_path(origin.name)} maps it." if absent.column in origin.mapped else ""
        raise BatchError(f"{absent}{by}") from None
    except MissingColumns as missing:
        names = [word for each in await postiz.integrations.list() for word in (each.id, each.name)]
        raise missing.error(names) from None
    asked = origin.campaign if origin.is_named else None
    records, left_out = await recorded(origin.journal, postiz.base_url, asked)
    listed = await postiz.integrations.list()
    channel_of = Resolver(listed).ids()
    now = datetime.fromtimestamp(postiz.scheduler.server_time(), UTC)
    found = recognise(campaign.rows, records, channel_of=channel_of, now=now, as_new=options.as_new)
    campaign = replace(campaign, rows=found.rows)
    refuse_foreign(origin.journal, campaign, origin.name, records, listed, unsure=found.unsure)
    checked = Checked(campaign, listed, {}, {}, records, (), unsure=found.unsure, left_out=left_out)
    open_rows = [
        row
        for row in campaign.rows
        if (record := records.get(row.ref)) is None or not is_done(row, record, options)
    ]
    checked = await check_rows(postiz, origin, checked, open_rows, reading)
    problems = [*labelled(campaign.problems, campaign.labels), *checked.problems]
    warnings = [*labelled(campaign.warnings, campaign.labels), *checked.warnings]
    return replace(checked, problems=_in_order(problems), warnings=_in_order(warnings))


async def check_rows(
    postiz: BatchClient,
    origin: Origin,
    checked: Checked,
    rows: Sequence[Row],
    reading: ReadOptions,
) -> Checked:
    """The campaign with what is known of these rows too: channels, media, problems, warnings."""
    ignore, zone = reading.ignore, find_zone(reading.timezone or "UTC") or UTC
    folders = await in_thread(partial(MediaFolders.of, origin.folder, origin.media_root))
    channels, wrong_channels = channels_by_row(rows, Resolver(checked.listed))
    facts, wrong_media = await inspect_media(rows, folders)
    now = datetime.fromtimestamp(postiz.scheduler.server_time(), UTC)
    wrong_dates = check_dates([row for row in rows if row.ref not in checked.records], now, zone)
    usable = [row for row in rows if row.ref in channels and all(m in facts for m in row.media)]
    if checked.channels:  # of many rows it is large: no copy of it is made for nothing
        channels = {**checked.channels, **channels}
    checked = replace(checked, channels=channels, facts={**checked.facts, **facts})
    judged = await verdicts(usable, checked, postiz.preflight)
    problems = [*wrong_channels, *wrong_dates, *wrong_media]
    seen = {(problem.row, problem.where) for problem in (*checked.campaign.problems, *problems)}
    problems += [p for p in judged if p.severity == "error" and (p.row, p.where) not in seen]
    warnings = [problem for problem in judged if problem.severity == "warning"]
    if "doubles" not in ignore:
        wrong = {problem.row for problem in checked.problems}
        others = (row for row in checked.campaign.rows if row.number not in wrong)
        found = repeated_rows(usable, others, checked.records, Resolver(checked.listed).ids())
        problems += [problem for problem in found if problem.severity == "error"]
        warnings += [problem for problem in found if problem.severity == "warning"]
    warnings += await advice(postiz, usable, channels, ignore)
    labels = checked.campaign.labels
    return replace(
        checked,
        problems=_in_order([*checked.problems, *labelled(problems, labels)]),
        warnings=_in_order([*checked.warnings, *labelled(warnings, labels)]),
    )


def _in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: problem.row or 0))
