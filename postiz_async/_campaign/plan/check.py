"""What is wrong with a campaign as a whole, before anything is sent."""

from __future__ import annotations

import hashlib
from array import array
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import msgspec

from postiz_async._campaign.plan.packing import Limits
from postiz_async._campaign.plan.plan import limits_for
from postiz_async._campaign.read.media_files import other_spelling, spellings
from postiz_async._delivery.matching import CLIENT_REF
from postiz_async._resources.create_body import build_item
from postiz_async._uploads import POSTABLE, FileFacts, inspect_file
from postiz_async.errors import InvalidPostError, Problem
from postiz_async.models.media import Media
from postiz_async.models.posts import NewPost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime, tzinfo
    from pathlib import Path

    from postiz_async._campaign.read.media_files import MediaFolders
    from postiz_async._campaign.read.rows import Row
    from postiz_async._campaign.read.source import Campaign
    from postiz_async._delivery.journal_file import RowRecord
    from postiz_async._resources.channel_names import Resolver
    from postiz_async.models.integrations import Integration
    from postiz_async.models.posts import PostItem


_READERS = 4


_LATELY = timedelta(days=1)


def check_dates(rows: Iterable[Row], now: datetime, zone: tzinfo) -> list[Problem]:
    """Dates that have passed: the server would publish such a post at once.

    Those of the last day are told, as a time zone may be to blame; older ones are one problem.
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
    """Look at each media file once.

    Returns:
        The facts by the name that the campaign gives, and the problems, one for each row.
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
        except InvalidPostError as error:
            raise InvalidPostError(
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
                looking = partial(inspect, name, is_trusted=is_trusted)
                facts[name] = await anyio.to_thread.run_sync(looking)
        except InvalidPostError as error:
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
    return facts, sorted(problems, key=lambda problem: problem.row or 0)


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
) -> tuple[Mapping[str, Integration], list[Problem]]:
    """The channel of each row by ref, and the problems."""
    found: dict[str, Integration] = {}
    known: dict[str, Integration] = {}
    problems: list[Problem] = []
    for row in rows:
        channel = known.get(row.integration) or resolver.find(row.integration)
        if isinstance(channel, Problem):
            problems.append(replace(channel, row=row.number))
        else:
            found[row.ref] = known[row.integration] = channel
    return found, problems


_ADDRESS = "https://upload.invalid/"
_LONGEST_ADDRESS = 173
"""Characters of the longest usual address of a medium."""

_MARK = len(f',"{CLIENT_REF}":"{"0" * 12}"')


def stand_in(name: str, facts: FileFacts) -> Media:
    """A medium that is not uploaded yet, with an address as long and with a suffix as it gets."""
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
    """A campaign held against the server's channels, its files and its journal."""

    campaign: Campaign
    listed: Sequence[Integration]
    channels: Mapping[str, Integration]
    facts: Mapping[str, FileFacts]
    records: Mapping[str, RowRecord]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    """What the server accepts and the user probably does not want."""
    unsure: frozenset[str] = frozenset()
    """Refs of rows that are only probably those that were sent under them."""
    left_out: tuple[Problem, ...] = ()
    """What the journal says of rows that an earlier run left out."""
    sizes: array[int] = field(default_factory=partial(array, "I"))
    """By the number of a row what `size_of` says; 0 where that is not known yet."""

    def item_of(self, row: Row) -> PostItem:
        """A row as it stands in a request, media that are not uploaded yet included.

        Raises:
            InvalidPostError: it cannot stand in any.
        """
        media = row.described(stand_in(name, self.facts[name]) for name in row.media)
        channel = self.channels[row.ref]
        item = build_item(NewPost(channel, row.body, media, row.settings, row.parts), channel)
        if row.number >= len(self.sizes):
            self.sizes.extend([0] * (row.number + 1 - len(self.sizes)))
        if not self.sizes[row.number]:
            self.sizes[row.number] = len(msgspec.json.encode(item)) + _MARK + 1
        return item

    def size_of(self, row: Row) -> int:
        """Bytes that a row adds to a body, marks and the longest usual media included."""
        if row.number >= len(self.sizes) or not self.sizes[row.number]:
            self.item_of(row)
        return self.sizes[row.number]


_LIMITS = Limits()


def too_large(row: Row, size: int) -> Problem | None:
    """Whether no request can carry a row, not even alone."""
    room = limits_for(_LIMITS, row).body
    if size <= room:
        return None
    message = f"takes {size:,} bytes as it is sent; a request has room for {room:,}"
    return Problem("content", message, row.number, "shorten it or its thread")
