"""Options that several commands share, such as reading a file, or a range of dates."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo

import anyio.to_thread
import msgspec
from cyclopts import Parameter, Token

from postiz_async import CampaignStatus, FileOptions, Postiz, ReadOptions, Secret
from postiz_async._campaign.read.dates import (
    describe_absence,
    find_zone,
    read_day,
    read_wall,
    to_moment,
)
from postiz_async._cli.connection import (
    Connection,
    find_target,
    open_client,
    zone_of,
)
from postiz_async._cli.help import FILE_IN_BRIEF, JOURNAL_IN_BRIEF
from postiz_async._cli.output import Output, moment
from postiz_async.errors import ConfigurationError, InvalidInputError, Problem
from postiz_async.models._base import describe_json_error
from postiz_async.types import Advice, AttemptHook, PostFilter, PostState

Json = Annotated[bool, Parameter(name="--json", help="Print JSON for programs.")]
Yes = Annotated[bool, Parameter(name="--yes", help="Do not ask.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ApiOptions:
    """Options of each command that calls the API and prints the result."""

    json: Json = False
    connection: Connection = Connection()

    def client(self, on_attempt: AttemptHook | None = None) -> AbstractAsyncContextManager[Postiz]:
        """An open client of the server."""
        return self.connection.client(on_attempt)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of dates without one, and of the dates that are shown."""
        return zone_of(self.connection)


def json_object(name: str, text: str) -> dict[str, object]:
    """Read an argument that is a JSON object.

    Raises:
        InvalidInputError: it is something else.
    """
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError) as error:
        problem = Problem(name, f"is not a JSON object: {describe_json_error(error)}")
        raise InvalidInputError([problem]) from error


CampaignFile = Annotated[
    Path, Parameter(help="The campaign: a CSV file, a spreadsheet, or JSON lines.")
]


def store_of(given: Secret | None) -> Secret | None:
    """The store that was given, or that of the environment, or None."""
    return given or Secret(os.environ.get("POSTIZ_STORE", "")) or None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class StoreOptions:
    """Options for the store that runs, outboxes and programs share.

    Args:
        store: The address or file of the store that they share; else POSTIZ_STORE, which other
            users of this machine cannot read.
        schema: The schema of its tables in PostgreSQL.
    """

    store: Annotated[Secret | None, Parameter(accepts_keys=False)] = None
    schema: str = "postiz_async"

    def client(self, connection: Connection) -> AbstractAsyncContextManager[Postiz]:
        """An open client of the server that shares the quota of the store.

        Raises:
            ConfigurationError: there is no key, or something cannot be used.
        """
        return open_client(find_target(connection), store=store_of(self.store), schema=self.schema)


@Parameter(name="*", group=JOURNAL_IN_BRIEF)
@dataclass(frozen=True, kw_only=True)
class JournalOptions(StoreOptions):
    """Options for the journal, in which the results of a campaign are recorded.

    Args:
        journal: The journal; by default next to the campaign.
        store: A database that several hosts share, postgresql://user:password@host:5432/name: it
            has the journal, with which they run one campaign together, and the quota. Or another
            store for the quota alone. Else POSTIZ_STORE, which other users of this machine cannot
            read.
        schema: The schema of its tables in PostgreSQL.
        name: The campaign's name, the same on every host; by default the name of the file.
    """

    journal: Path | None = None
    name: str | None = None

    @property
    def place(self) -> Path | Secret | None:
        """The journal: a file, or a database; None: next to the campaign."""
        address = store_of(self.store)
        if self.journal is not None or address is None:
            return self.journal
        is_database = address.reveal().startswith(("postgresql://", "postgres://"))
        return address if is_database else None


@Parameter(name="*", group=FILE_IN_BRIEF)
@dataclass(frozen=True, kw_only=True)
class ReadAs:
    """Options for reading a campaign file: its columns, format and time zones.

    Args:
        date_format: The format of dates, like '%d.%m.%Y %H:%M' (as for strptime).
        column: The meaning of a column with another name, like Text=content; Notes= ignores a
            column. Can be repeated.
        encoding: The encoding of a text file, like cp1252; by default UTF-8, or UTF-16 with a mark.
        sheet: The name of the sheet, if a spreadsheet has several.
        default: The value of empty cells of a column, like tags=news; can be repeated.
        ignore: A kind of warning to turn off; can be repeated.
    """

    date_format: str | None = None
    column: list[str] | None = None
    encoding: str | None = None
    sheet: str | None = None
    default: list[str] | None = None
    ignore: list[Advice] | None = None
    connection: Connection = Connection()

    async def options(self, file: Path) -> ReadOptions:
        """The options for reading a campaign and its time zone, as given or as saved next to it.

        Raises:
            ConfigurationError: an option has no `=`, or is given twice.
            CampaignError: the options saved next to the file cannot be read.
        """
        kept = await anyio.to_thread.run_sync(FileOptions.saved, file)
        return ReadOptions(
            columns=pairs("--column", self.column, "Text=content", str.rpartition),
            defaults=pairs("--default", self.default, "tags=news", str.partition),
            date_format=self.date_format,
            timezone=zone_of(self.connection, kept.timezone).key,
            encoding=self.encoding,
            sheet=self.sheet,
            ignore=tuple(self.ignore or ()),
        )


def pairs(
    option: str,
    said: Iterable[str] | None,
    example: str,
    cut: Callable[[str, str], tuple[str, str, str]],
) -> dict[str, str]:
    """The values of an option that is given as `NAME=VALUE`, by name.

    Raises:
        ConfigurationError: it has no `=`, or names something twice.
    """
    found: dict[str, str] = {}
    for text in said or ():
        name, sign, value = cut(text, "=")
        if not sign or not name.strip():
            raise ConfigurationError(f"{option} is {text!r}; write it like {option} {example}")
        if name in found:
            raise ConfigurationError(f"{option} names {name!r} twice.")
        found[name] = value
    return found


DATES = "2027-01-15 09:00, '15.1.2027 09:00' or 2027-01-15T09:00+01:00"
"""Examples of dates on the command line."""


def _read_moment(_: object, tokens: Sequence[Token]) -> date | datetime:
    """Read a date in the form of campaigns, or as it is shown, with or without a zone at the end.

    Raises:
        ValueError: it is something else.
    """
    words = tokens[0].value.split()
    zone = find_zone(words[-1]) if len(words) > 2 else None
    text = " ".join(words[:-1] if zone else words)
    wall = next((at for form in _SHOWN if (at := read_wall(text, form)) is not None), None)
    if wall is not None:
        return wall.replace(tzinfo=zone) if zone and wall.tzinfo is None else wall
    day = read_day(text, None)
    if day is None:
        raise ValueError(describe_absence(text, None))
    return day


_SHOWN = (None, "%d %b %Y %H:%M", "%a %d %b %Y %H:%M")
"""The formats of dates: of campaigns (None), and as this program shows them."""


def moment_option(help_: str, *, name: str | None = None) -> Parameter:
    """An option that is a date; see `aware` for its moment."""
    return Parameter(name=name, help=help_, converter=_read_moment)


Said: TypeAlias = date | datetime
"""The value of an option that is a date: a day, or a moment."""

Start = Annotated[
    Said | None,
    moment_option(
        "Only from this date on, like 2027-01-15 or '2027-01-15 09:00'; by default today.",
        name="--from",
    ),
]
EndOption = Annotated[
    Said | None,
    moment_option(
        "Only up to this day (all of it) or time; by default 30 days after --from.", name="--to"
    ),
]
OnlyChannel = Annotated[
    str | None,
    Parameter(
        name="--channel",
        help="Only this channel: its id, name, or provider if no other channel has it.",
    ),
]
StateOption = Annotated[PostState | None, Parameter(help="Only in this state.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class WhichPosts:
    """The filter of commands for many posts.

    Args:
        tag: Only with this tag.
        text: Only with this in their text, in upper or lower case.
        campaign: Only posts of this campaign that was run: its file, or its journal.
    """

    start: Start = None
    end: EndOption = None
    state: StateOption = None
    channel: OnlyChannel = None
    tag: str | None = None
    text: str | None = None
    campaign: Path | None = None

    async def ids(
        self, postiz: Postiz, place: StoreOptions = StoreOptions()
    ) -> frozenset[str] | None:
        """The ids of the posts of the campaign; None: whatever posts.

        Raises:
            CampaignError: the campaign was not run, or its journal cannot be read.
            ConfigurationError: it was run on another server.
        """
        if self.campaign is None:
            return None
        journal = JournalOptions(store=place.store, schema=place.schema).place
        read = partial(CampaignStatus.read, journal=journal, schema=place.schema)
        status = await anyio.to_thread.run_sync(read, self.campaign)
        if status.base_url != postiz.base_url:
            raise ConfigurationError(
                f"--campaign: {self.campaign} was run on {status.base_url}, not on "
                f"{postiz.base_url}."
            )
        return frozenset(row.post_id for row in status.report.rows if row.post_id)

    def filter(
        self, postiz: Postiz, zone: ZoneInfo, *, length: timedelta = timedelta(days=30)
    ) -> PostFilter:
        """The filter as the library takes it; `length` is that of a range without an end.

        Of a campaign all posts of a year are meant.

        Raises:
            ConfigurationError: the end is before the start.
        """
        if self.campaign is not None:
            length = max(length, timedelta(days=366))
        start, end = day_range(postiz, self.start, self.end, zone, length)
        return {
            "start": start,
            "end": end,
            "state": self.state,
            "channel": self.channel,
            "tag": self.tag,
            "text": self.text,
        }


_OPTIONS = {
    "channel": "--channel",
    "tag": "--tag",
    "text": "--text",
    "idempotency_key": "--idempotency-key",
    "state": "--state",
}


@asynccontextmanager
async def said_as_options() -> AsyncGenerator[None]:
    """Report problems of the library's arguments by the names of the options."""
    try:
        yield
    except InvalidInputError as error:
        said = [replace(p, where=_OPTIONS.get(p.where, p.where)) for p in error.problems]
        raise InvalidInputError(said) from None


def day_range(
    postiz: Postiz,
    start: Said | None,
    end: Said | None,
    zone: ZoneInfo,
    length: timedelta = timedelta(days=30),
) -> tuple[datetime, datetime]:
    """The range of two options, by default from today on. A day as the end is included.

    Raises:
        ConfigurationError: the end is before the start.
    """
    today = datetime.fromtimestamp(postiz.clock.time(), zone).date()
    first = aware(start or today, "--from", zone)
    last = first + length
    if end is not None:
        last = aware(end, "--to", zone, end_of_day=True)
    if last < first:
        began = "--from" if start is not None else "today, which is taken without --from"
        raise ConfigurationError(f"--to ({last:%Y-%m-%d}) is before {began} ({first:%Y-%m-%d}).")
    return first, last


def aware(said: Said, option: str, zone: ZoneInfo, *, end_of_day: bool = False) -> datetime:
    """The moment of an option, in `zone` if it has no zone.

    Raises:
        InvalidInputError: the clocks of the zone skip or repeat the time.
    """
    if not isinstance(said, datetime):
        return datetime.combine(said, time.max if end_of_day else time.min, zone)
    its = said.tzinfo if isinstance(said.tzinfo, ZoneInfo) else None
    found = to_moment(said.replace(tzinfo=None) if its else said, its or zone)
    if not isinstance(found, datetime):
        what = f"{said:%Y-%m-%d %H:%M} {found.message}"
        raise InvalidInputError([Problem(option, what, hint=found.hint)])
    return found.astimezone(zone)


def meant_moment(output: Output, at: Said, zone: ZoneInfo) -> datetime:
    """The moment of an option; if the date has no zone, show which one was used.

    Raises:
        InvalidInputError: it is a day without a time, or the clocks skip or repeat the time.
    """
    if not isinstance(at, datetime):
        raise InvalidInputError([Problem("--at", f"{at} has no time", hint=f"like {at} 09:00")])
    when = aware(at, "--at", zone)
    if at.tzinfo is None:
        output.say(f"--at is {moment(when, zone)}.")
    return when
