"""Options for reading a campaign, as they are given, and in the `campaign.toml` beside it."""

from __future__ import annotations

import codecs
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
from msgspec import structs

from postiz_async._campaign.read.columns import COLUMNS, column_named, is_column, meanings
from postiz_async._campaign.read.dates import check_date_format, says_hour, zone_named
from postiz_async._campaign.read.file_formats import is_spreadsheet
from postiz_async._campaign.read.rows import CampaignSource
from postiz_async._resources.channel_names import folded
from postiz_async._validation.messages import did_you_mean
from postiz_async.errors import CampaignError, ConfigurationError, Problem

Advice: TypeAlias = Literal["doubles", "encoding", "formulas", "midnight", "repeats", "tags"]
"""Kinds of warnings that can be turned off."""


def warning(kind: Advice, where: str, message: str, row: int | None, hint: str = "") -> Problem:
    """A warning, with the hint how to turn off its kind."""
    off = f"--ignore {kind}"
    return Problem(where, message, row, f"{hint}; {off}" if hint else off, severity="warning")


class ReadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to read a campaign whose file has another layout.

        ReadOptions(columns={"Text": "content", "When": "date"}, date_format="%d.%m.%Y %H:%M")

    Args:
        columns: the campaign's column by the name in the file; an empty name leaves it out.
        defaults: the text for empty cells, by column.
        date_format: how dates are written, as `strptime` takes it.
        timezone: the zone of dates that have none.
        timezones: the zone of dates that have none, by the text of `channel`; overrides
            `timezone`, and a row's own zone overrides both.
        encoding: the encoding of a text file that is not UTF-8 and has no mark, like `cp1252`.
        sheet: the name of the sheet of a spreadsheet that has several.
        ignore: kinds of warnings to turn off.
    """

    columns: Mapping[str, str] = {}
    defaults: Mapping[str, str] = {}
    date_format: str | None = None
    timezone: str | None = None
    timezones: Mapping[str, str] = {}
    encoding: str | None = None
    sheet: str | None = None
    ignore: tuple[Advice, ...] = ()


def reading_of(timezone: str | None, reading: ReadOptions | None) -> ReadOptions:
    """Combine the given arguments into one `ReadOptions`.

    Raises:
        ConfigurationError: two time zones are given.
    """
    said = reading if reading is not None else ReadOptions()
    if timezone and said.timezone and timezone != said.timezone:
        raise ConfigurationError(f"Two time zones are given: {timezone!r} and {said.timezone!r}.")
    return structs.replace(said, timezone=timezone or said.timezone)


@dataclass(frozen=True, slots=True)
class Rules:
    """A checked `ReadOptions`; names are in lower case, zones are resolved."""

    columns: Mapping[str, str]
    defaults: Mapping[str, str]
    date_format: str | None
    zone: ZoneInfo | None
    zones: Mapping[str, ZoneInfo]
    encoding: str | None
    sheet: str | None
    ignore: frozenset[Advice]
    written: Mapping[str, str]
    """Names of columns and channels as written, by their lower-case form."""
    kept: frozenset[str]
    """Those of `columns` that a file next to it maps."""
    is_day_format: bool
    """Whether `date_format` has no time, which is then in a column of its own."""
    needed: Sequence[str] = ("channel", "date")
    """The columns without which nothing is read."""

    def meanings(self, names: Iterable[str]) -> Sequence[str]:
        """The column that each of these names means; the name itself where it means none."""
        return meanings(tuple(names), tuple(self.columns.items()))

    def zone_of(self, channel: str) -> ZoneInfo | None:
        """The zone of dates without one, for this channel."""
        if not self.zones:
            return self.zone
        return self.zones.get(folded(channel), self.zone)


def rules_of(reading: ReadOptions, kept: Iterable[str] = ()) -> Rules:
    """Check the options for reading a campaign.

    Args:
        reading: the options.
        kept: columns that a file next to the campaign maps.

    Raises:
        CampaignError: a column, zone or format that does not exist.
    """
    columns = {folded(name): _target(name, to) for name, to in reading.columns.items()}
    doubles = [to for to, count in Counter(columns.values()).items() if to and count > 1]
    if doubles:
        raise CampaignError(f"Two columns of the file are to be {doubles[0]!r}.")
    defaults = {_column(name): text for name, text in reading.defaults.items()}
    if reading.date_format is not None:
        check_date_format(reading.date_format)
    return Rules(
        columns=columns,
        defaults=defaults,
        date_format=reading.date_format,
        zone=zone_named(reading.timezone, CampaignError) if reading.timezone else None,
        zones={
            folded(key): zone_named(name, CampaignError) for key, name in reading.timezones.items()
        },
        encoding=_encoding(reading.encoding) if reading.encoding is not None else None,
        sheet=reading.sheet,
        ignore=frozenset(reading.ignore),
        kept=frozenset(map(folded, kept)),
        written={
            folded(name): name.strip()
            for names in (reading.columns, reading.timezones)
            for name in names
        },
        is_day_format=reading.date_format is not None and not says_hour(reading.date_format),
    )


def _target(name: str, to: str) -> str:
    if not name.strip():
        raise CampaignError(f"The column that is to be {to!r} has no name.")
    return _column(to) if to.strip() else ""


def _column(name: str) -> str:
    wanted = name.strip().lower()
    if is_column(wanted):
        return column_named(wanted)
    meant = did_you_mean(wanted, COLUMNS, "Did you mean {!r}?")
    hint = meant or f"A campaign may have: {', '.join(COLUMNS)}."
    raise CampaignError(f"{name!r} is not a column of a campaign. {hint}")


def _encoding(name: str) -> str:
    try:
        "".encode(name)  # refuses codecs that do not make bytes of texts
        return codecs.lookup(name).name
    except (LookupError, UnicodeError, ValueError):
        raise CampaignError(
            f"There is no encoding {name!r}. Usual ones are utf-8, cp1252 (Western Europe), cp1250 "
            "(Central Europe), cp1251 (Cyrillic), cp1253 (Greek), mac_roman."
        ) from None


# ------------------------------------------------------------------ file options


_MOST = 1_000_000
"""Bytes of saved options, at most."""


class FileOptions(ReadOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All options of a campaign file.

    Args:
        name: its name, which marks its posts.
        align: how far dates may move, like `15m`.
        media_root: folders from which it may take media; relative ones start at its own folder.
    """

    name: str | None = None
    align: str | None = None
    media_root: tuple[str, ...] = ()

    @classmethod
    def saved(cls, source: CampaignSource) -> FileOptions:
        """The options of the `campaign.toml` beside a file; empty if there is none.

        Files of one name share it: a CSV leaves out the sheet, a spreadsheet the encoding.

        Args:
            source: the campaign.

        Raises:
            CampaignError: that file cannot be read, or has an unknown option.
        """
        if not isinstance(source, str | Path) or not Path(source).name:
            return FileOptions()
        path = options_path(Path(source))
        try:
            if not path.exists():
                return FileOptions()
            if not path.is_file() or path.stat().st_size > _MOST:
                raise ValueError("it is not a file of text")
            found = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            raise CampaignError(
                f"{path}, which says how {source} is read, is unreadable: {error}."
            ) from error
        known = FileOptions.__struct_fields__
        for name in found:
            if name not in known:
                meant = did_you_mean(name, known, "Did you mean {!r}?")
                hint = meant or f"It may have: {', '.join(known)}."
                raise CampaignError(
                    f"{path} says how {source} is read, and has the unknown key {name!r}. {hint}"
                )
        try:
            kept = msgspec.convert(found, FileOptions)
        except msgspec.ValidationError as error:
            raise CampaignError(
                f"{path} says how {source} is read, and is wrong: {error}."
            ) from error
        folder = Path(source).parent
        is_sheet = is_spreadsheet(Path(source))
        kept = structs.replace(
            kept,
            media_root=tuple(str(folder / root) for root in kept.media_root),
            sheet=kept.sheet if is_sheet else None,
            encoding=None if is_sheet else kept.encoding,
        )
        try:
            rules_of(structs.replace(kept, date_format=None))  # whose times may be said elsewhere
        except CampaignError as error:
            raise CampaignError(
                f"{path} says how {source} is read, and is wrong: {error}"
            ) from error
        return kept


def options_path(campaign: Path) -> Path:
    """The path of the saved options of a campaign."""
    return campaign.with_suffix(".toml")


def merged_reading(said: ReadOptions, kept: ReadOptions) -> ReadOptions:
    """The given options, completed by the saved ones."""
    return ReadOptions(
        columns=_columns(said.columns, kept.columns),
        defaults={**kept.defaults, **said.defaults},
        date_format=kept.date_format if said.date_format is None else said.date_format,
        timezone=kept.timezone if said.timezone is None else said.timezone,
        timezones={**kept.timezones, **said.timezones},
        encoding=kept.encoding if said.encoding is None else said.encoding,
        sheet=kept.sheet if said.sheet is None else said.sheet,
        ignore=tuple(dict.fromkeys((*kept.ignore, *said.ignore))),
    )


def _columns(said: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    """The saved columns without those that are given, under the same name or meaning."""
    names = {folded(name) for name in said}
    taken = {to.strip().lower() for to in said.values() if to.strip()}
    left = {
        name: to
        for name, to in kept.items()
        if folded(name) not in names and to.strip().lower() not in taken
    }
    return left | dict(said)
