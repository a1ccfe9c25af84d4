"""What is wrong with a campaign as a whole, before anything is sent."""

from __future__ import annotations

import difflib
import hashlib
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import msgspec

from postiz_async._batch.plan import Limits, limits_for
from postiz_async._delivery.matching import CLIENT_REF
from postiz_async._resources.create_body import build_item
from postiz_async._uploads import POSTABLE, FileFacts, inspect_file
from postiz_async.errors import InvalidPostError, Problem
from postiz_async.models.media import Media
from postiz_async.models.posts import NewPost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from postiz_async._batch.media_files import MediaFolders
    from postiz_async._batch.rows import Row
    from postiz_async._batch.source import Campaign
    from postiz_async._delivery.journal import RowRecord
    from postiz_async.models.integrations import Integration
    from postiz_async.models.posts import PostItem

__all__ = [
    "Checked",
    "Resolver",
    "channels_by_row",
    "check_dates",
    "doubles",
    "inspect_media",
    "stand_in",
    "too_large",
]

_READERS = 4


@dataclass(frozen=True, slots=True)
class Resolver:
    """Finds the channel that a campaign means by an id, a name or a provider."""

    channels: Sequence[Integration]

    def resolve(self, row: Row) -> Integration | Problem:
        """The channel of a row, or what is wrong with it."""
        found = self.find(row.integration)
        return replace(found, row=row.number) if isinstance(found, Problem) else found

    def find(self, wanted: str) -> Integration | Problem:
        """The channel of this id, name or provider, or what is wrong with it."""
        for matches in self._by_id_name_provider(wanted):
            if len(matches) == 1:
                return self._usable(matches[0])
            if matches:
                names = ", ".join(f"{channel.name!r} ({channel.id})" for channel in matches)
                return Problem(
                    "integration", f"{wanted!r} fits {len(matches)} channels", hint=names
                )
        known = [name for c in self.channels for name in (c.name, c.provider, c.id)]
        close = difflib.get_close_matches(wanted, known, 1)
        hint = f"do you mean {close[0]!r}?" if close else "postiz-async integrations lists them"
        return Problem("integration", f"there is no channel {wanted!r}", hint=hint)

    def _by_id_name_provider(self, wanted: str) -> tuple[list[Integration], ...]:
        lower = wanted.casefold()
        return (
            [c for c in self.channels if c.id == wanted],
            [c for c in self.channels if c.name.casefold() == lower],
            [c for c in self.channels if c.provider == lower],
        )

    def ids(self) -> Callable[[str], str]:
        """The id of what a campaign calls a channel; its own word where that is none."""

        @cache
        def id_of(wanted: str) -> str:
            for matches in filter(None, self._by_id_name_provider(wanted)):
                return matches[0].id if len(matches) == 1 else wanted
            return wanted

        return id_of

    @staticmethod
    def _usable(channel: Integration) -> Integration | Problem:
        if not channel.disabled:
            return channel
        return Problem("integration", f"the channel {channel.name!r} is disabled in Postiz")


def check_dates(rows: Iterable[Row], now: datetime) -> list[Problem]:
    """Dates that have passed: the server would publish such a post at once."""
    return [
        Problem(
            "date",
            f"{row.date:%Y-%m-%d %H:%M} UTC has passed",
            row.number,
            "the server would publish it at once; use type now if you want that",
        )
        for row in rows
        if row.type == "schedule" and row.date <= now
    ]


def doubles(rows: Iterable[Row], channels: Mapping[str, Integration]) -> list[Problem]:
    """Rows that say what another one says on the same channel in the same second."""
    first: dict[tuple[object, ...], int] = {}
    warnings: list[Problem] = []
    for row in rows:
        says = (channels[row.ref].id, row.date, row.type, row.content, row.thread, row.media)
        number = first.setdefault(says, row.number)
        if number != row.number:
            message = f"says the same as row {number}, on the same channel at the same moment"
            hint = "both are sent; delete one if it is a mistake; --ignore doubles"
            warnings.append(Problem("row", message, row.number, hint, severity="warning"))
    return warnings


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
    problems: list[Problem] = []
    limiter = anyio.CapacityLimiter(_READERS)

    def inspect(name: str, *, is_trusted: bool) -> FileFacts:
        path = folders.find(name, is_trusted=is_trusted)
        try:
            return inspect_file(path)
        except InvalidPostError as error:
            raise InvalidPostError(
                [replace(p, message=p.message.replace(str(path), name)) for p in error.problems]
            ) from None

    async def look(name: str, *, is_trusted: bool) -> None:
        try:
            async with limiter:
                looking = partial(inspect, name, is_trusted=is_trusted)
                facts[name] = await anyio.to_thread.run_sync(looking)
        except InvalidPostError as error:
            problems.extend(
                Problem("media", problem.message, number, problem.hint or _hint(problem, folders))
                for problem in error.problems
                for number in users[name, is_trusted]
            )

    async with anyio.create_task_group() as group:
        for name, is_trusted in users:
            group.start_soon(partial(look, name, is_trusted=is_trusted))
    return facts, sorted(problems, key=lambda problem: problem.row or 0)


def _hint(problem: Problem, folders: MediaFolders) -> str:
    is_missing = problem.message.endswith("does not exist")
    return f"it is looked for in {folders.allowed[0]}" if is_missing else ""


def channels_by_row(
    rows: Iterable[Row], resolver: Resolver
) -> tuple[Mapping[str, Integration], list[Problem]]:
    """The channel of each row by ref, and the problems."""
    found: dict[str, Integration] = {}
    known: dict[str, Integration] = {}
    problems: list[Problem] = []
    for row in rows:
        channel = known.get(row.integration) or resolver.resolve(row)
        if isinstance(channel, Problem):
            problems.append(channel)
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
    sizes: dict[str, int] = field(default_factory=dict[str, int])

    def item_of(self, row: Row) -> PostItem:
        """A row as it stands in a request, media that are not uploaded yet included.

        Raises:
            InvalidPostError: it cannot stand in any.
        """
        media = [stand_in(name, self.facts[name]) for name in row.media]
        channel = self.channels[row.ref]
        item = build_item(NewPost(channel, row.body, media, row.settings, row.parts), channel)
        if row.ref not in self.sizes:
            self.sizes[row.ref] = len(msgspec.json.encode(item)) + _MARK + 1
        return item

    def size_of(self, row: Row) -> int:
        """Bytes that a row adds to a body, marks and the longest usual media included."""
        if row.ref not in self.sizes:
            self.item_of(row)
        return self.sizes[row.ref]


_LIMITS = Limits()


def too_large(row: Row, size: int) -> Problem | None:
    """Whether no request can carry a row, not even alone."""
    room = limits_for(_LIMITS, row).body
    if size <= room:
        return None
    message = f"takes {size:,} bytes as it is sent; a request has room for {room:,}"
    return Problem("content", message, row.number, "shorten it or its thread")
