"""Export posts from Postiz as a campaign file, to be completed and run again or elsewhere.

The list of the server returns neither media nor thread parts, and up to v2.23.0 no settings. So
each exported row has `needs_media` set, and `plan` and `run` refuse it until somebody has filled in
its media and thread. PURE, but for the writing.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Literal, NotRequired, TypeAlias, TypedDict, Unpack

import anyio.to_thread
import msgspec

from postiz_async._campaign.read.columns import FIGURE
from postiz_async._campaign.read.dates import find_zone, no_such_zone
from postiz_async._campaign.read.file_formats import (
    COMMENT,
    csv_line,
    is_json,
    is_spreadsheet,
    with_escape,
)
from postiz_async._campaign.read.spreadsheets import workbook
from postiz_async._campaign.read.texts import cell_text
from postiz_async._concurrency import in_thread
from postiz_async._delivery.matching import CLIENT_REF
from postiz_async._resources.channel_names import folded
from postiz_async.errors import (
    CampaignError,
    ConfigurationError,
    InvalidInputError,
    Problem,
    by_reader,
)
from postiz_async.stores._files import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from postiz_async._delivery.client import CampaignClient
    from postiz_async.models.channels import Channel
    from postiz_async.models.insights import Figures
    from postiz_async.models.posts import Post, PostState


Form: TypeAlias = Literal["csv", "jsonl", "excel"]
Naming: TypeAlias = Literal["id", "name"]


class Which(TypedDict):
    """A selection of posts to export, as `posts.list` takes it, and what to export of them.

    `naming` chooses the names of channels, `analytics` adds figures. `timezone` is the zone of
    dates in files for spreadsheets, UTC if None.
    """

    start: datetime
    end: datetime
    state: NotRequired[PostState | None]
    channel: NotRequired[Channel | str | None]
    tag: NotRequired[str | None]
    naming: NotRequired[Naming]
    analytics: NotRequired[bool]
    timezone: NotRequired[str | None]


_OURS = {"__type", CLIENT_REF}
"""Keys of settings that servers or runs write."""


_LACKS = (
    "Not in this file, because Postiz does not return them: media and thread parts. Fill in both "
    "columns where posts have them and empty needs_media; until then plan and run refuse the row."
)


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The result of an export. `notes` list what the file lacks, as its head does."""

    posts: int
    notes: tuple[str, ...]
    content: str = field(default="", repr=False)
    """The text of the file, if none was written."""


async def export_posts(
    postiz: CampaignClient,
    path: Path | None,
    *,
    overwrite: bool = False,
    excel: bool = False,
    wanted: Literal["csv", "jsonl"] | None = None,
    **which: Unpack[Which],
) -> ExportResult:
    """Export the posts of a range as a campaign file: JSON or a workbook by its name, else CSV.

    Without a path, only the content is returned.

    Costs no quota since v2.19.0.

    Raises:
        CampaignError: the file exists already, or cannot be written.
        InvalidInputError: the requested format does not exist.
        ConfigurationError: there is no such time zone, or an extra is not installed.
        PostizError: the posts could not be listed.
    """
    if path is not None and wanted is not None and is_json(path) != (wanted == "jsonl"):
        problem = Problem("format", f"{path.name} would not be read as {wanted}")
        raise InvalidInputError([problem])
    if excel and wanted == "jsonl":
        raise InvalidInputError([Problem("excel", "is not for JSON lines")])
    if path is None:
        posts = await gathered(postiz, "excel" if excel else wanted or "csv", **which)
        return await in_thread(lambda: replace(posts.exported, content=str(posts.content())))
    form = form_of(path, excel=excel)
    if not overwrite and await anyio.to_thread.run_sync(os.path.lexists, path):
        option = by_reader("--overwrite", "overwrite=True")
        raise CampaignError(
            f"{path} is there already; somebody may have filled it in. {option} writes over it."
        )
    posts = await gathered(postiz, form, **which)

    def write() -> ExportResult:
        content = posts.content(is_workbook=path.suffix.lower() == ".xlsx")
        try:
            replace_file(path, content)
        except OSError as error:
            raise CampaignError(f"{path} cannot be written: {error.strerror}.") from error
        return posts.exported

    return await in_thread(write)


def form_of(path: Path, *, excel: bool = False) -> Form:
    """The format of a file, by its name and the requested format.

    Raises:
        CampaignError: the name and the format contradict each other.
    """
    if is_json(path):
        if excel:
            raise CampaignError(f"{path} would be JSON; name it .xlsx or .csv for a spreadsheet.")
        return "jsonl"
    if path.suffix.lower() not in {".xlsx", ".csv", ".txt", ""} and is_spreadsheet(path):
        raise CampaignError(f"{path} cannot be written: name it .xlsx or .csv.")
    return "excel" if excel or path.suffix.lower() == ".xlsx" else "csv"


@dataclass(frozen=True, slots=True)
class Gathered:
    """Listed posts that will be written to a file of one format.

    `names` are the channel names in the file, by id; other channels go by id.
    """

    form: Form
    what: str
    """A description of the posts: server and dates."""
    posts: Sequence[Post]
    names: Mapping[str, str]
    figures: Figures | None
    figure_names: Sequence[str]
    zone: ZoneInfo

    @property
    def exported(self) -> ExportResult:
        """The result of the export."""
        return ExportResult(len(self.posts), _notes(self.posts, self.figures))

    def content(self, *, is_workbook: bool = False) -> str | bytes:
        """The content of the file: text, or a workbook for spreadsheets."""
        if self.form == "jsonl":
            return self._json_lines()
        if self.form == "csv":
            return self._csv()
        columns = [*FOR_PEOPLE, *self._figure_columns]
        cells = ([*self._cells(post), *self._numbers(post)] for post in self.posts)
        if is_workbook:
            return workbook(columns, ([with_escape(each) for each in row] for row in cells))
        lines = [csv_line(map(cell_text, row), ";") for row in cells]
        return "".join(["\ufeff", csv_line(columns, ";"), *lines])

    def _json_lines(self) -> str:
        lines: list[dict[str, object]] = [{"#": line} for line in self._head]
        lines += [_json_record(post, self.names, self.figures) for post in self.posts]
        return "".join(msgspec.json.encode(line).decode() + "\n" for line in lines)

    def _csv(self) -> str:
        comments = [f"{COMMENT}{line}\n" for line in self._head]
        columns = csv_line([*EXPORTED, *self._figure_columns])
        rows = (
            csv_line([*_record(post, self.names).values(), *self._numbers(post)])
            for post in self.posts
        )
        return "".join([*comments, columns, *rows])

    @property
    def _head(self) -> list[str]:
        return [f"{len(self.posts)} posts of {self.what}", *self.exported.notes]

    @property
    def _figure_columns(self) -> list[str]:
        return [f"{FIGURE} {name}" for name in self.figure_names]

    def _numbers(self, post: Post) -> list[object]:
        if self.figures is None:
            return []
        figures = self.figures.of(post.id)
        return [figures.get(name, "") for name in self.figure_names]

    def _cells(self, post: Post) -> list[object]:
        """The cells of a post for spreadsheets, with its date in the chosen zone."""
        date = {"date": _local(post.publish_date, self.zone), "timezone": self.zone.key}
        record = _record(post, self.names) | date
        return [record[name] for name in FOR_PEOPLE]


async def gathered(postiz: CampaignClient, form: Form, **which: Unpack[Which]) -> Gathered:
    """List the posts of a range for a file of this format."""
    start, end = which["start"], which["end"]
    zone = _zone(which.get("timezone") or "UTC")
    by_name = form == "excel" or which.get("naming") == "name"
    names = _names(await postiz.channels.list()) if by_name else {}
    listing = postiz.posts.list(
        start=start,
        end=end,
        state=which.get("state"),
        channel=which.get("channel"),
        tag=which.get("tag"),
        collapse_repeats=True,
    )
    posts = [post async for post in listing]
    figures = None
    if which.get("analytics"):
        out = [post for post in posts if post.state == "PUBLISHED"]
        figures = await postiz.analytics.posts(out)
    server = postiz.base_url.removesuffix("/public/v1")
    what = f"{server}, {start.astimezone(UTC):%Y-%m-%d} to {end.astimezone(UTC):%Y-%m-%d}"
    figure_names = figures.names if figures is not None else []
    return Gathered(form, what, posts, names, figures, figure_names, zone)


def _zone(name: str) -> ZoneInfo:
    zone = find_zone(name)
    if zone is None:
        raise ConfigurationError(no_such_zone(name))
    return zone


def _local(moment: datetime, zone: ZoneInfo) -> datetime | str:
    """A local date; a text where a spreadsheet would misread it.

    It would misread an hour that exists twice, which is written with its offset, and midnight,
    which it takes for a day without a time.
    """
    local = moment.astimezone(zone).replace(microsecond=0)
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        return local.isoformat()
    wall = local.replace(tzinfo=None, fold=0)
    return wall if wall.time() != time() else f"{wall:%Y-%m-%d %H:%M}"


def _notes(posts: Sequence[Post], figures: Figures | None) -> tuple[str, ...]:
    notes = [_LACKS]
    if posts and all(post.settings is None for post in posts):
        notes.append(
            "Settings are missing too: this server does not return them (Postiz does after "
            "2.23.0). Where the column stays empty the defaults of the network are taken."
        )
    orphans = sum(post.channel is None for post in posts)
    if orphans:
        notes.append(f"Posts without a channel: {orphans}.")
    if figures is not None:
        notes += figures.notes
    return tuple(notes)


_CELLS: Mapping[str, Callable[[Post], str]] = {
    "channel": lambda post: post.channel.id if post.channel is not None else "",
    "date": lambda post: post.publish_date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "content": lambda post: post.content,
    "format": lambda _: "html",
    "media": lambda _: "",
    "settings": lambda post: _settings(post.settings),
    "tags": lambda post: ";".join(post.tags),
    "type": lambda post: "draft" if post.state == "DRAFT" else "schedule",
    "thread": lambda _: "",
    "repeat_days": lambda post: str(post.interval_in_days or ""),
    "ref": lambda post: post.id,
    "needs_media": lambda _: "yes",
    "state": lambda post: post.state,
}
EXPORTED = tuple(_CELLS)
"""The columns of an exported file; `media` and `thread` are empty, to be filled in."""

FOR_PEOPLE = (*EXPORTED[:2], "timezone", *EXPORTED[2:])
"""The columns of a file for spreadsheets, which has local dates."""


def _record(post: Post, names: Mapping[str, str]) -> dict[str, str]:
    record = {name: cell(post) for name, cell in _CELLS.items()}
    channel = record["channel"]
    return record | {"channel": names.get(channel, channel)}


def _settings(text: str | None) -> str:
    """The settings without keys that a run writes itself; only if they are an object."""
    try:
        settings = msgspec.json.decode(text or "{}", type=dict[str, object])
    except msgspec.MsgspecError:
        return ""
    kept = {name: value for name, value in settings.items() if name not in _OURS}
    return msgspec.json.encode(kept).decode() if kept else ""


def _json_record(
    post: Post, names: Mapping[str, str], figures: Figures | None
) -> dict[str, object]:
    """The filled cells; settings and tags as JSON values."""
    record = _record(post, names)
    kept: dict[str, object] = {name: value for name, value in record.items() if value}
    if record["settings"]:
        kept["settings"] = msgspec.Raw(record["settings"].encode())
    if post.tags:
        kept["tags"] = post.tags
    if figures is not None and figures.of(post.id):
        kept[f"{FIGURE}s"] = figures.of(post.id)
    return kept


def _names(channels: Sequence[Channel]) -> dict[str, str]:
    """Unique channel names by id."""
    meant = Counter(folded(channel.name) for channel in channels)
    ids = {channel.id for channel in channels}
    return {
        channel.id: channel.name
        for channel in channels
        if channel.name
        and channel.name == channel.name.strip()
        and channel.name not in ids
        and meant[folded(channel.name)] == 1
    }
