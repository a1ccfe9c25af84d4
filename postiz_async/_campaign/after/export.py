"""Export posts from Postiz as a campaign file, to be completed and run again or elsewhere.

The list of the server returns neither media nor thread parts, and up to v2.23.0 no settings. So
each exported row has `needs_media` set, and `plan` and `run` refuse it until somebody has filled in
its media and thread. PURE, but for the writing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import Literal, NotRequired, TypeAlias, Unpack
from zoneinfo import ZoneInfo

import msgspec

from postiz_async._campaign.after.tables import Table, local_cell
from postiz_async._campaign.read.columns import FIGURE
from postiz_async._campaign.read.dates import zone_named
from postiz_async._campaign.read.file_formats import Form, form_of, is_json
from postiz_async._concurrency import in_thread
from postiz_async._delivery.matching import CLIENT_REF
from postiz_async._resources.api import OpenClient
from postiz_async._resources.channel_names import folded
from postiz_async._resources.listing import PostFilter
from postiz_async.errors import (
    CampaignError,
    ConfigurationError,
    InvalidInputError,
    Problem,
    by_reader,
)
from postiz_async.models.channels import Channel
from postiz_async.models.insights import Figures
from postiz_async.models.posts import Post
from postiz_async.stores._files import replace_file

Naming: TypeAlias = Literal["id", "name"]


class Which(PostFilter):
    """Which posts to export, and what of them.

    `naming` chooses the names of channels, `analytics` adds figures. `timezone` is the zone of
    dates in files for spreadsheets, UTC if None.
    """

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
    postiz: OpenClient,
    path: Path | None,
    *,
    overwrite: bool = False,
    excel: bool = False,
    wanted: Literal["csv", "jsonl"] | None = None,
    **which: Unpack[Which],
) -> ExportResult:
    """Export the posts of a range as a campaign file: JSON by its name, else CSV.

    Without a path, only the content is returned.

    Costs no quota since v2.19.0.

    Raises:
        CampaignError: the file exists already, or cannot be written.
        InvalidInputError: the requested format does not exist.
        ConfigurationError: there is no such time zone.
        PostizError: the posts could not be listed.
    """
    if path is not None and wanted is not None and is_json(path) != (wanted == "jsonl"):
        problem = Problem("format", f"{path.name} would not be read as {wanted}")
        raise InvalidInputError([problem])
    if excel and wanted == "jsonl":
        raise InvalidInputError([Problem("excel", "is not for JSON lines")])
    if path is None:
        posts = await gathered(postiz, "excel" if excel else wanted or "csv", **which)
        return await in_thread(lambda: replace(posts.exported, content=posts.content()))
    form = form_of(path, excel=excel)
    await in_thread(partial(_refuse_existing, path, overwrite=overwrite))
    posts = await gathered(postiz, form, **which)

    def write() -> ExportResult:
        try:
            replace_file(path, posts.content())
        except OSError as error:
            raise CampaignError(f"{path} cannot be written: {error.strerror}.") from error
        return posts.exported

    return await in_thread(write)


def _refuse_existing(path: Path, *, overwrite: bool) -> None:
    if not overwrite and os.path.lexists(path):
        option = by_reader("--overwrite", "overwrite=True")
        raise CampaignError(
            f"{path} is there already; somebody may have filled it in. {option} writes over it."
        )


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

    def content(self) -> str:
        """The content of the file."""
        if self.form == "jsonl":
            return self._json_lines()
        names, read = FOR_PEOPLE, self._cells
        if self.form == "csv":
            names, read = EXPORTED, self._record
        rows = ([*read(post), *self._numbers(post)] for post in self.posts)
        table = Table([*names, *(f"{FIGURE} {name}" for name in self.figure_names)], rows)
        if self.form == "csv":
            return table.csv(head=self._head)
        return table.excel_csv()

    def _json_lines(self) -> str:
        lines: list[dict[str, object]] = [{"#": line} for line in self._head]
        lines += (_json_record(post, self.names, self.figures) for post in self.posts)
        return "".join(msgspec.json.encode(each).decode() + "\n" for each in lines)

    def _record(self, post: Post) -> Iterable[object]:
        return _record(post, self.names).values()

    @property
    def _head(self) -> list[str]:
        return [f"{len(self.posts)} posts of {self.what}", *self.exported.notes]

    def _numbers(self, post: Post) -> list[object]:
        if self.figures is None:
            return []
        figures = self.figures.of(post.id)
        return [figures.get(name, "") for name in self.figure_names]

    def _cells(self, post: Post) -> Iterable[object]:
        """The cells of a post for spreadsheets, with its date in the chosen zone."""
        date = {"date": local_cell(post.publish_date, self.zone), "timezone": self.zone.key}
        record = _record(post, self.names) | date
        return [record[name] for name in FOR_PEOPLE]


async def gathered(postiz: OpenClient, form: Form, **which: Unpack[Which]) -> Gathered:
    """List the posts of a range for a file of this format."""
    start, end = which["start"], which["end"]
    zone = zone_named(which.get("timezone") or "UTC", ConfigurationError)
    by_name = form == "excel" or which.get("naming") == "name"
    names = _names(await postiz.channels.list()) if by_name else {}
    listing = postiz.posts.list(
        start=start,
        end=end,
        state=which.get("state"),
        channel=which.get("channel"),
        tag=which.get("tag"),
        text=which.get("text"),
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
