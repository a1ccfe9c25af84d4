"""Validate the rows of a campaign before anything is sent.

Many rows are validated at a time, as posts of one request, which takes half as long as one by one.
The verdict on a post does not depend on the other posts.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, partial
from pathlib import Path
from typing import TypeAlias

import anyio
import anyio.lowlevel
import anyio.to_thread
import msgspec

from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._campaign.options import CampaignOptions
from postiz_async._campaign.plan.advice import unknown_tags
from postiz_async._campaign.plan.doubles import repeated_rows
from postiz_async._campaign.plan.packing import Limits
from postiz_async._campaign.plan.plan import limits_for
from postiz_async._campaign.read.dates import find_zone
from postiz_async._campaign.read.media_files import (
    MediaFolders,
    other_spelling,
    spellings,
)
from postiz_async._campaign.read.rows import Row
from postiz_async._campaign.read.source import ReadCampaign, labelled
from postiz_async._concurrency import in_thread
from postiz_async._delivery.matching import CLIENT_REF
from postiz_async._resources.api import OpenClient
from postiz_async._resources.channel_names import Resolver
from postiz_async._resources.create_body import build_body, build_item, foreign_settings
from postiz_async._uploads import POSTABLE, FileFacts, inspect_file, inspect_url, is_url
from postiz_async._validation import MediaFacts
from postiz_async.errors import (
    InvalidInputError,
    InvalidPostError,
    Problem,
)
from postiz_async.models.channels import Channel
from postiz_async.models.media import Media
from postiz_async.models.posts import NewPost, PostItem, PostType
from postiz_async.providers import PROVIDERS

_READERS = 4


_LATELY = timedelta(days=1)


def check_dates(rows: Iterable[Row], now: datetime, zone: tzinfo) -> list[Problem]:
    """Problems for dates that have passed: the server would publish such a post at once.

    Dates within the last day have a problem each, as a time zone may be to blame; older ones share
    one problem.
    """
    return [
        Problem(
            "date",
            f"{row.date.astimezone(zone):%Y-%m-%d %H:%M} {zone} has passed"
            if row.date > now - _LATELY
            else "has passed",
            row.number,
            "the server would publish it at once; use type now if you want that",
        )
        for row in rows
        if row.type == "schedule" and row.date <= now
    ]


async def inspect_media(
    rows: Iterable[Row], folders: MediaFolders
) -> tuple[dict[str, FileFacts], list[Problem]]:
    """Inspect each media file once; those on the web are not fetched.

    Args:
        rows: the rows.
        folders: where files may be.

    Returns:
        The facts by the name in the campaign, and the problems, one for each row.
    """
    users: defaultdict[tuple[str, bool], list[int]] = defaultdict(list)
    for row in rows:
        for name in row.media:
            users[name, name in row.own_media].append(row.number)
    facts: dict[str, FileFacts] = {}
    wrong: dict[tuple[str, bool], Sequence[Problem]] = {}
    limiter = anyio.CapacityLimiter(_READERS)
    names = cache(spellings)

    def inspect(name: str, *, is_trusted: bool) -> FileFacts:
        path = folders.find(name, is_trusted=is_trusted)
        try:
            return inspect_file(path)
        except InvalidInputError as error:
            raise InvalidInputError(
                [
                    replace(
                        problem,
                        message=problem.message.replace(str(path), name),
                        hint=problem.hint or _hint(problem, path, folders, names),
                    )
                    for problem in error.problems
                ]
            ) from None

    async def look(name: str, *, is_trusted: bool) -> None:
        try:
            async with limiter:
                if is_url(name) and not is_trusted:
                    facts[name] = inspect_url(name)
                else:
                    looking = partial(inspect, name, is_trusted=is_trusted)
                    facts[name] = await anyio.to_thread.run_sync(looking)
        except InvalidInputError as error:
            wrong[name, is_trusted] = error.problems

    async with anyio.create_task_group() as group:
        for name, is_trusted in users:
            group.start_soon(partial(look, name, is_trusted=is_trusted))
    problems = [
        Problem("media", problem.message, number, problem.hint)
        for key, numbers in users.items()
        for problem in wrong.get(key, ())
        for number in numbers
    ]
    return facts, list(in_order(problems))


def _hint(
    problem: Problem,
    path: Path,
    folders: MediaFolders,
    names: Callable[[Path], Mapping[str, list[str]]],
) -> str:
    if not problem.message.endswith("does not exist"):
        return ""
    home = folders.allowed[0]
    if (meant := other_spelling(path, names)) is None:
        several = "; separate several files with ;" if "," in path.name else ""
        return f"it is looked for in {home}{several}"
    shown = meant.relative_to(home) if meant.is_relative_to(home) else meant
    return f"there is {shown}; here names differ by capitals"


def channels_by_row(
    rows: Iterable[Row], resolver: Resolver
) -> tuple[Mapping[str, Channel], list[Problem]]:
    """The channels by the refs of rows, and the problems."""
    found: dict[str, Channel] = {}
    known: dict[str, Channel] = {}
    problems: list[Problem] = []
    for row in rows:
        channel = known.get(row.channel) or resolver.find(row.channel)
        if isinstance(channel, InvalidPostError):
            problems += [replace(problem, row=row.number) for problem in channel.problems]
        else:
            found[row.ref] = known[row.channel] = channel
    return found, problems


_ADDRESS = "https://upload.invalid/"
_LONGEST_ADDRESS = 173
"""Characters of the longest usual address of a medium."""

_MARK = len(f',"{CLIENT_REF}":"{"0" * 12}"')
_IN_PLACE = len(b'"id":"","group":"",') + 25 + 36 + 8
"""Bytes of the id and the group of a post in a request."""


def stand_in(name: str, facts: FileFacts) -> Media:
    """A placeholder for a medium that is not uploaded yet, with a typical address."""
    suffix = POSTABLE[facts.mime]
    address = f"{_ADDRESS}{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return Media(
        id="0" * 36,
        path=address.ljust(_LONGEST_ADDRESS - len(suffix), "0") + suffix,
        width=facts.width,
        height=facts.height,
        size=facts.size,
    )


@dataclass(frozen=True, slots=True)
class Checked:
    """A campaign validated against the server's channels, its files and its journal."""

    campaign: ReadCampaign
    listed: Sequence[Channel]
    channels: Mapping[str, Channel]
    facts: Mapping[str, FileFacts]
    records: Mapping[str, RowRecord]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    """Warnings: accepted, but probably mistakes."""
    left_out: tuple[Problem, ...] = ()
    """Problems of rows that an earlier run left out, as the journal has them."""
    sizes: dict[str, int] = field(default_factory=dict[str, int])
    """The result of `size_of` by ref, as far as it is known."""

    def item_of(self, row: Row) -> PostItem:
        """A row as an item of a request; placeholders stand for media that are not uploaded yet.

        Raises:
            InvalidInputError: the row cannot be sent.
        """
        media = row.described(stand_in(name, self.facts[name]) for name in row.media)
        channel = self.channels[row.ref]
        item = build_item(NewPost(channel, row.body, media, row.settings, row.parts), channel)
        if row.ref not in self.sizes:
            self.sizes[row.ref] = len(msgspec.json.encode(item)) + _MARK + 1
        return item

    def size_of(self, row: Row, *, is_in_place: bool = False) -> int:
        """Bytes that a row adds to a request body, including marks and the longest usual media.

        Args:
            row: a row of the campaign.
            is_in_place: whether the request changes a stored post.
        """
        if row.ref not in self.sizes:
            self.item_of(row)
        return self.sizes[row.ref] + (_IN_PLACE if is_in_place else 0)


_LIMITS = Limits()


def too_large(row: Row, size: int) -> Problem | None:
    """The problem of a row that is too large for a request of its own, or None."""
    room = limits_for(_LIMITS, row).body
    if size <= room:
        return None
    message = f"takes {size:,} bytes as it is sent; a request has room for {room:,}"
    return Problem("content", message, row.number, "shorten it or its thread")


_PATH = re.compile(r"posts\.(\d+)\.(?:(value)\.(\d+)(?:\.(\w+))?|(\w+))(.*)", re.DOTALL)
_POST = re.compile(r"posts\.(\d+)\.")

_JUDGED_AT_ONCE = 64
"""Rows validated together, at most; more would survive a garbage collection."""

_ROOM = 60_000
"""Bytes of the rows validated together; a request of 102,400 bytes is refused for its size."""


async def verdicts(rows: Iterable[Row], checked: Checked, postiz: OpenClient) -> list[Problem]:
    """Errors and warnings of the server's rules, row by row.

    Args:
        rows: rows with a channel and with media that could be read.
        checked: has both; sizes of the rows are added.
        postiz: validates by the rules of the server.
    """
    found: list[Problem] = []
    groups: defaultdict[tuple[object, ...], _Group] = defaultdict(list)
    sizes: Counter[tuple[object, ...]] = Counter()
    for row in rows:
        provider = PROVIDERS.get(checked.channels[row.ref].provider) if row.thread else None
        if provider is not None and provider.parts == "none":
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
        except InvalidInputError as error:
            found += [replace(problem, row=row.number) for problem in error.problems]
            continue
        size = checked.size_of(row)
        wrong = too_large(row, size)
        if wrong is not None:
            found.append(wrong)
            continue
        shared = row.shared
        group = groups[shared]
        if len(group) == _JUDGED_AT_ONCE or (group and sizes[shared] + size > _ROOM):
            found += await _judged(group, checked, postiz)
            group.clear()
            sizes[shared] = 0
            await anyio.lowlevel.checkpoint()  # let other tasks run
        group.append((row, item))
        sizes[shared] += size
    for group in groups.values():
        found += await _judged(group, checked, postiz)
    return found


def _advised(problem: Problem, where: str, provider: str) -> str:
    """The advice for a problem; for settings and media also where the network's rules are shown."""
    if not where.startswith(("settings", "media")) or problem.severity == "warning":
        return problem.hint
    return "; ".join(filter(None, (problem.hint, f"see postiz-async providers {provider}")))


_Group: TypeAlias = "list[tuple[Row, PostItem]]"
"""Rows whose requests have equal common fields, and that are validated together."""


async def _judged(group: _Group, checked: Checked, postiz: OpenClient) -> list[Problem]:
    """The server's verdict on rows as the posts of one request."""
    rows = [row for row, _ in group]
    first, items = rows[0], [item for _, item in group]
    kind: PostType = "draft" if first.type == "draft" else "schedule"
    body = build_body(kind, first.date, items, tags=first.tags, short_link=first.short_link)
    names = dict.fromkeys(name for row in rows for name in row.media)
    media = [stand_in(name, checked.facts[name]) for name in names]
    media += [each for row in rows for each in row.uploaded if each.size]
    facts = {m.path: MediaFacts(width=m.width, height=m.height, size=m.size) for m in media}
    found: list[Problem] = []
    for problem in await postiz.problems(body, media=facts):
        post = _POST.match(problem.where)
        where = column_of(problem.where)
        for row in [rows[int(post[1])]] if post else rows:
            hint = _advised(problem, where, checked.channels[row.ref].provider)
            found.append(replace(problem, where=where, row=row.number, hint=hint))
    return found


def column_of(path: str) -> str:
    """The column of a campaign for the path of a problem in a request."""
    match = _PATH.fullmatch(path)
    if match is None:
        return path
    _, value, number, field, other, rest = match.groups()
    if not value:
        return f"{other}{rest}"
    if field == "image":
        return "media" if number == "0" else f"thread {int(number) + 1} media"
    return "content" if number == "0" else f"thread {int(number) + 1}"


async def check_rows(
    postiz: OpenClient,
    checked: Checked,
    rows: Sequence[Row],
    folder: Path,
    options: CampaignOptions,
) -> Checked:
    """Validate further rows of a campaign: channels, media, problems, warnings."""
    ignore, zone = options.reading.ignore, find_zone(options.reading.timezone or "UTC") or UTC
    folders = await in_thread(partial(MediaFolders.of, folder, options.media_root))
    channels, wrong_channels = channels_by_row(rows, Resolver(checked.listed))
    facts, wrong_media = await inspect_media(rows, folders)
    now = postiz.scheduler.server_now()
    new = [row for row in rows if row.ref not in checked.records]
    wrong_dates = check_dates(new, now, zone)
    usable = [row for row in rows if row.ref in channels and all(m in facts for m in row.media)]
    if checked.channels:  # avoid a needless copy: it is large for many rows
        channels = {**checked.channels, **channels}
    checked = replace(checked, channels=channels, facts={**checked.facts, **facts})
    judged = await verdicts(usable, checked, postiz)
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
    if "tags" not in ignore and any(row.tags for row in usable):
        warnings += await unknown_tags(postiz, usable)
    labels = checked.campaign.labels
    return replace(
        checked,
        problems=in_order([*checked.problems, *labelled(problems, labels)]),
        warnings=in_order([*checked.warnings, *labelled(warnings, labels)]),
    )


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sort problems by row; one that several channels of a row have is one."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: problem.row or 0))
