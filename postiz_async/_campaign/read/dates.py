"""Parse the dates of a campaign, and find the format that reads a column of dates. PURE."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from postiz_async._campaign.read.texts import CellProblem
from postiz_async._wire import POST_YEARS
from postiz_async.errors import CampaignError, ConfigurationError, Problem

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


# ------------------------------------------------------------------ formats


class FoundFormat(NamedTuple):
    """A format, and the number of dates it reads."""

    form: str
    read: int


_TOKEN = re.compile(r"\d+|[^\W\d_]+|.", re.DOTALL)
_OFFSET = re.compile(r"(?:Z|[+-]\d{2}:?\d{2})$")
_ORDERS = (("%d", "%m", "%Y"), ("%m", "%d", "%Y"), ("%Y", "%m", "%d"))
_SURE = re.compile(
    r"(?:%[dm]([/.-])%[dm]\1%Y|%Y([/.-])%m\2%d|%d\.%m\.%y)"
    r"(?:(?:,? |T| à )(?:%H[:.h]%M|%H:%M:%S|%I:%M(?::%S)? ?%p)(?: Uhr)?(?: ?%z)?)?"
)
"""The formats that are proposed: in others a word or a number may mean something else."""


def find_formats(dates: Sequence[str]) -> list[FoundFormat]:
    """Find the formats that read most of some dates; several if day and month are ambiguous.

    Candidates are derived from a few of the dates. Two orders of day and month are returned only if
    both read equally many dates.
    """
    samples = _samples(dates)
    forms = dict.fromkeys(form for text in samples for form in _forms(text))
    forms = forms or dict.fromkeys(form for text in samples for form in _forms(text, is_day=True))
    found: list[FoundFormat] = []
    for form in forms:
        read = sum(read_wall(text, form) is not None for text in dates)
        if read:
            found.append(FoundFormat(form, read))
    most = max((each.read for each in found), default=0)
    best = [each for each in found if each.read == most]
    return [each for place, each in enumerate(best) if _is_new(each, best[:place], dates)]


def explain_dates(undated: Sequence[tuple[int, str]]) -> tuple[Problem, set[int]] | None:
    """Explain which format reads a column of dates of which none was read, if one reads most.

    Args:
        undated: the rows with their dates.

    Returns:
        One problem, and the rows that it covers.
    """
    formats = find_formats([text for _, text in undated])
    if not formats or formats[0].read * 2 < len(undated):
        return None
    rows = {row for row, text in undated if read_wall(text, formats[0].form) is not None}
    covered = [(row, text) for row, text in undated if row in rows]
    number, text = next((each for each in covered if _is_ambiguous(each[1], formats)), covered[0])
    readings = [
        (f"--date-format {each.form!r}", moment)
        for each in formats
        if (moment := read_wall(text, each.form)) is not None
    ]
    hint = f"say {readings[0][0]}"
    if not says_hour(formats[0].form):
        hint += ", and the time by a column, --column NAME=time, or --default time=09:00"
    if len(readings) > 1:
        meanings = (f"{option} for {moment.day} {moment:%B}" for option, moment in readings)
        hint = f"say which is meant: {' or '.join(meanings)}"
    if len(rows) < len(undated):
        hint += f"; that reads {len(rows):,} of them"
    one = f"{text!r} is not a date this program reads"
    many = f"none of the {len(undated):,} dates can be read as they are written, like {text!r}"
    return Problem("date", one if len(undated) == 1 else many, number, hint), rows


def _is_ambiguous(text: str, formats: Sequence[FoundFormat]) -> bool:
    """Whether each of several formats reads another date in a text."""
    moments = {read_wall(text, each.form) for each in formats} - {None}
    return len(moments) == len(formats) > 1


def looks_like_date(text: str) -> bool:
    """Whether a text is a date in any format, with or without a time."""
    return len(text) <= _LONGEST and any(
        read_wall(text, form) is not None for form in _forms(text, is_day=True)
    )


def _samples(dates: Sequence[str]) -> list[str]:
    """Up to three dates with different patterns of digits and other characters."""
    ways: dict[str, str] = {}
    for text in dates:
        if len(text) <= _LONGEST:
            ways.setdefault(re.sub(r"\d+", "0", text), text)
        if len(ways) == 3:
            break
    return list(ways.values())


def _is_new(each: FoundFormat, before: Sequence[FoundFormat], dates: Sequence[str]) -> bool:
    """Whether a format reads some date differently from each earlier format."""
    return all(
        any(read_wall(text, each.form) != read_wall(text, other.form) for text in dates)
        for other in before
    )


def _forms(text: str, *, is_day: bool = False) -> Iterator[str]:
    """The possible formats of a date, derived from its text."""
    offset = _OFFSET.search(text)
    tokens = _TOKEN.findall(text[: offset.start()] if offset else text)
    numbers = [place for place, token in enumerate(tokens) if token.isdecimal()]
    has_noon = any(token.casefold() in {"am", "pm"} for token in tokens)
    clock = ("%I" if has_noon else "%H", "%M", "%S")
    for order in _ORDERS:
        rest = numbers[len(order) :]
        if len(numbers) < len(order) or len(rest) > 3 or not (rest or is_day):
            continue
        signs = dict(zip(numbers, (*order, *clock), strict=False))
        if any(len(tokens[place]) > (4 if sign == "%Y" else 2) for place, sign in signs.items()):
            continue
        year = next(place for place, sign in signs.items() if sign == "%Y")
        if len(tokens[year]) <= 2:
            signs[year] = "%y"
            if order[0] == "%Y":
                continue
        form = "".join(
            signs.get(place) or ("%p" if token.casefold() in {"am", "pm"} else token)
            for place, token in enumerate(tokens)
        ) + ("%z" if offset else "")
        if _SURE.fullmatch(form) and (is_day or says_hour(form)):
            yield form
