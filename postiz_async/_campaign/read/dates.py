"""Parse the dates of a campaign, and explain those that cannot be read. PURE."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from postiz_async._campaign.read.texts import CellProblem
from postiz_async._wire import POST_YEARS
from postiz_async.errors import CampaignError, ConfigurationError

_DATE = re.compile(
    r"(?:(\d{4}-\d{2}-\d{2})[T ]|(\d{1,2}\.\d{1,2}\.\d{4}) )"
    r"(2[0-3]|[01]?\d)(:\d{2}(?::\d{2}(?:\.\d+)?)?)\s?(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_DAY = re.compile(r"(?:(\d{4}-\d{2}-\d{2})|(\d{1,2}\.\d{1,2}\.\d{4}))", re.ASCII)


def find_zone(name: str) -> ZoneInfo | None:
    """The time zone of this name, or None: also for a name without a place."""
    if name.casefold() in _NO_PLACES or name.startswith("right/"):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


_NO_PLACES = {"factory", "localtime", "posixrules"}
"""Names of files that stand beside the zones: a placeholder, and what this machine uses.

Those below `right/` count leap seconds, so that their times are half a minute late.
"""


def zone_named(name: str, error: type[CampaignError | ConfigurationError]) -> ZoneInfo:
    """The time zone of this name; raises an `error` if there is none."""
    zone = find_zone(name)
    if zone is None:
        raise error(f"There is no time zone {name!r}. Write it like Europe/Berlin.")
    return zone


def check_date_format(form: str) -> None:
    """Refuse a format without year, month or day, or with a time but without an hour.

    One of days alone is for files that have the time in a column of its own. A format that reads
    a zone or the half of a day without using it is refused too.

    Args:
        form: a format of `strptime`.

    Raises:
        CampaignError: the format is incomplete or invalid.
    """
    written = _SAMPLE.strftime(form)
    vague = [word for word, other in _OTHERS.items() if other.strftime(form) == written]
    if vague == ["hour"] and _SAMPLE.replace(hour=10, minute=30).strftime(form) == written:
        vague = []
    if vague:
        raise CampaignError(
            f"The date format {form!r} does not say the {vague[0]}. Write it like %d.%m.%Y %H:%M, "
            "with %p beside %I."
        )
    signs = set(re.findall("%(.)", form))
    if "p" in signs and signs & set("HIRTXc") != {"I"}:
        raise CampaignError(
            f"In the date format {form!r} %p goes with %I, for hours up to 12: without it 09:30 PM "
            "would be 09:30."
        )
    if "Z" in signs or ("z" in signs and not says_hour(form)):
        raise CampaignError(
            f"The date format {form!r} drops the zone that it reads. Zones are read by %z beside "
            "an hour if they are written like +01:00, by a timezone column, or set by --timezone."
        )
    try:
        datetime.strptime(written, form)  # noqa: DTZ007  (the format need not name a zone)
    except (ValueError, re.error) as error:
        raise CampaignError(f"The date format {form!r} cannot be read: {error}.") from None


def says_hour(form: str) -> bool:
    """Whether a date format has the hour."""
    return _OTHERS["hour"].strftime(form) != _SAMPLE.strftime(form)


_SAMPLE = datetime(2027, 1, 15, 9, tzinfo=UTC)
_OTHERS = {
    "year": _SAMPLE.replace(year=2028),
    "month": _SAMPLE.replace(month=2),
    "day": _SAMPLE.replace(day=16),
    "hour": _SAMPLE.replace(hour=21),
}


def read_wall(raw: str, form: str | None) -> datetime | None:
    """Parse a date as written, aware if it has an offset; None if it is not a date.

    Args:
        raw: the cell.
        form: the format as `strptime` takes it; None for `2027-01-15 09:00` and its variants, and
            for `15.1.2027 09:00`: with dots nobody writes the month first.
    """
    try:
        if form is not None:
            return datetime.strptime(raw, form)  # noqa: DTZ007
        match = _DATE.fullmatch(raw)
        if match is None:
            return None
        iso, dotted, hour, rest, offset = match.groups()
        return datetime.fromisoformat(f"{_iso_day(iso, dotted)}T{hour:0>2}{rest}{offset or ''}")
    except ValueError:
        return None


def read_time(raw: str) -> time | None:
    """Parse a time of day: `9:00`, `09:00:30`, `9.30`, `9h30`, `9:30 pm`, `9 Uhr`."""
    found = _CLOCK.fullmatch(raw.strip().casefold())
    if found is None or not (found[2] or found[4]):
        return None
    hour = int(found[1])
    if found[4] in {"am", "pm"}:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found[4] == "pm" else 0)
    try:
        return time(hour, int(found[2] or 0), int(found[3] or 0))
    except ValueError:
        return None


_CLOCK = re.compile(r"(\d{1,2})(?:[:.h](\d{2})(?:[:.](\d{2}))?)?\s*(am|pm|uhr|uur|h)?", re.ASCII)


def read_day(raw: str, form: str | None) -> date | None:
    """Parse a day without a time; None if it is not one. `form` as for `read_wall`."""
    try:
        if form is None:
            match = _DAY.fullmatch(raw)
            return date.fromisoformat(_iso_day(*match.groups())) if match else None
        return datetime.strptime(raw, form).date()  # noqa: DTZ007
    except ValueError:
        return None


def _iso_day(iso: str | None, dotted: str | None) -> str:
    return iso or "-".join(f"{part:0>2}" for part in reversed(str(dotted).split(".")))


def describe_absence(raw: str, form: str | None) -> str:
    """Explain a well-formed date that does not exist: `February 2027 has no day 30`.

    Empty for other texts. A date is well-formed if it can be read with one of its numbers changed.
    `form` as for `read_wall`.
    """
    if len(raw) > _LONGEST or _read_date(raw, form) is not None:
        return ""
    found: dict[str, str] = {}
    for number in _NUMBER.finditer(raw):
        first, second = (
            _read_date(f"{raw[: number.start()]}{other}{raw[number.end() :]}", form)
            for other in ("01", "03")  # months of 31 days
        )
        if first is None or second is None:
            continue
        for part in ("day", "month", "hour", "minute", "second"):
            if getattr(first, part) != getattr(second, part):
                whose = f"{first:%B %Y} has" if part == "day" else "there is"
                found[part] = f"{whose} no {part} {number[0]}"
    return found.get("day") or next(iter(found.values()), "")


_LONGEST = 60
_NUMBER = re.compile(r"(?<!\d)\d{1,2}(?!\d)", re.ASCII)


def _read_date(raw: str, form: str | None) -> datetime | None:
    day = read_day(raw, None) if form is None else None
    return datetime.combine(day, time()) if day is not None else read_wall(raw, form)


def to_moment(wall: datetime, zone: tzinfo | None) -> datetime | CellProblem:
    """Convert a local time to a moment; refuse times that clock changes skip or repeat."""
    if wall.tzinfo is None and zone is None:
        return NO_ZONE
    if wall.year not in POST_YEARS:
        return _TOO_FAR
    if wall.tzinfo is not None:
        return wall.astimezone(UTC)
    first, second = wall.replace(tzinfo=zone, fold=0), wall.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    back = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    what = "exists twice" if back == wall else "does not exist"
    return CellProblem(
        f"{what} in {zone}, because the clocks change",
        "choose another time, or write it in UTC, with UTC in a timezone column",
    )


def describe_drift(moment: datetime, zone: tzinfo) -> str:
    """Explain how a repeated date moves when the clocks change; empty if it does not."""
    try:
        first = moment.astimezone(zone)
        days = (moment.astimezone(zone) + timedelta(days=n) for n in range(1, 366))
        change = next((day for day in days if day.utcoffset() != first.utcoffset()), None)
    except OverflowError:
        return ""
    if change is None:
        return ""
    moved = moment + timedelta(days=(change.date() - first.date()).days)
    return (
        f"repeats at {first:%H:%M} in {zone}, and at {moved.astimezone(zone):%H:%M} "
        f"from {change.day} {change:%B %Y} on, when the clocks change"
    )


NO_ZONE = CellProblem("has no time zone", "add an offset, a timezone column, or --timezone")
"""The problem of a local time whose zone is not known."""
_TOO_FAR = CellProblem("is too far away", "")


# ------------------------------------------------------------------ what is not read


_WRITTEN = re.compile(
    r"(?P<first>\d{1,4})(?P<sep>[/.-])(?P<second>\d{1,2})(?P=sep)(?P<third>\d{4}|\d{2})"
    r"(?:(?P<gap>,? |T)(?P<hour>\d{1,2})(?P<colon>[:.h])(?P<minute>\d{2})(?::(?P<seconds>\d{2}))?"
    r"(?P<space> ?)(?P<noon>[ap]\.?m\.?)?(?P<last> ?)(?P<zone>UTC|GMT|Z|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII | re.IGNORECASE,
)


class Reading(NamedTuple):
    """What a person may read in a date, and the format that reads it too; empty: none does."""

    wall: datetime
    form: str
    has_time: bool

    @property
    def words(self) -> str:
        """What to type."""
        seconds = "seconds" if self.wall.second else "minutes"
        written = repr(self.form) if self.form else repr(self.wall.isoformat(" ", seconds))
        return f"--date-format {written}" if self.form else written


def readings(raw: str) -> list[Reading]:
    """What a person may read in a date of numbers: two if day and month could be either.

    Two of the same moment have different formats, which matters for the other dates of a column.
    """
    found = _WRITTEN.fullmatch(raw) if len(raw) <= _LONGEST else None
    if found is None:
        return []
    if len(found["first"]) > 2:
        orders = [("%Y", "%m", "%d")]
    elif found["sep"] == ".":  # with dots nobody writes the month first
        orders = [("%d", "%m", "%Y" if len(found["third"]) == 4 else "%y")]
    elif len(found["third"]) == 4:
        orders = [("%d", "%m", "%Y"), ("%m", "%d", "%Y")]
    else:  # any of the three numbers may be the year
        return []
    meant = (_reading(raw, found, found["sep"].join(order)) for order in orders)
    return list(dict.fromkeys(each for each in meant if each is not None))


def _reading(raw: str, found: re.Match[str], form: str) -> Reading | None:
    """A date read in one order of day, month and year; None if there is no such date."""
    day = read_day(found["sep"].join(found.group("first", "second", "third")), form)
    if day is None:
        return None
    if found["hour"] is None:
        return Reading(datetime.combine(day, time()), form, has_time=False)
    noon, zone = (found["noon"] or "").lower(), (found["zone"] or "").upper()
    hour = int(found["hour"])
    if noon:
        hour = hour % 12 + (12 if noon[0] == "p" else 0) if 1 <= hour <= 12 else 24
    zone = zone if zone not in {"UTC", "GMT"} else "+00:00"
    text = f"{day}T{hour:02}:{found['minute']}:{found['seconds'] or '00'}{zone}"
    try:
        wall = datetime.fromisoformat(text)
    except ValueError:
        return None
    form += f"{found['gap']}{'%I' if noon else '%H'}{found['colon']}%M"
    form += ":%S" if found["seconds"] else ""
    form += f"{found['space']}{'%p' if noon else ''}{found['last']}{'%z' if zone else ''}"
    return Reading(wall, form if read_wall(raw, form) == wall else "", has_time=True)


def explain_unread(raw: str, *, has_clock: bool) -> CellProblem | None:
    """Explain how to have a date read that is not in one of the usual forms; None: nobody can.

    Args:
        raw: the date.
        has_clock: whether the time has a cell of its own.
    """
    found = readings(raw)
    if not found:
        return None
    time_too = ""
    if not found[0].has_time and not has_clock:
        time_too = ", and the time by a column, --column NAME=time, or --default time=09:00"
    what = f"{raw!r} is not a date this program reads"
    if len(found) == 1:
        say = "say" if found[0].form else "write it like"
        return CellProblem(what, f"{say} {found[0].words}{time_too}")
    days = [f"{each.wall.day} {each.wall:%B}" for each in found]
    meanings = [f"for {day}" for day in days]
    if days[0] == days[1]:
        meanings = ["if the day is first", "if the month is first"]
    else:
        what = f"{raw!r} may be {' or '.join(days)}"
    ways = (f"{each.words} {of}" for each, of in zip(found, meanings, strict=True))
    return CellProblem(what, f"say which is meant: {' or '.join(ways)}{time_too}")
