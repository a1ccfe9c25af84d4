"""Find the dates of a row that repeats, like `mon, thu until 2031-03-31`. PURE.

Words become the parts of a rule of iCalendar (RFC 5545), which may also be in the cell itself;
dateutil finds its dates. A series begins at the row's date, keeps its local time, and has an end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import TYPE_CHECKING, cast

from postiz_async._campaign.read.date_words import plain_text, read_named, weekdays_of
from postiz_async._campaign.read.dates import read_day
from postiz_async._campaign.read.texts import CellProblem, shown

if TYPE_CHECKING:
    from dateutil.rrule import rrule

MOST_DATES = 500
"""Posts of one row on one channel, at most; more are probably a mistyped year."""
MAX_YEARS = 10
"""Years that a series may take."""
_LIKE = "write it like 'mon, thu until 2031-03-31' or 'every 2 weeks 10 times'"
_LONGEST = 200

_CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_PARTS = {
    "FREQ": re.compile("DAILY|WEEKLY|MONTHLY|YEARLY"),
    "INTERVAL": re.compile("[1-9][0-9]{0,2}"),
    "BYDAY": re.compile("(?:(?:^|,)[-+]?[1-5]?[A-Z]{2})+"),
    "BYMONTHDAY": re.compile("(?:(?:^|,)[-+]?(?:[12][0-9]|3[01]|[1-9]))+"),
    "WKST": re.compile("[A-Z]{2}"),
    "UNTIL": re.compile("[0-9]{8}"),
    "COUNT": re.compile("[1-9][0-9]{0,3}"),
}
_BY = {"WEEKLY": {"BYDAY"}, "MONTHLY": {"BYDAY", "BYMONTHDAY"}}
"""The parts of a rule that are read. Others make several posts a day, or are searched for long."""
_WORDS = re.compile(
    r"(?P<every>(?:(?P<daily>daily|taglich)|weekly|wochentlich|(?:every|alle|jede[nrs]?) "
    r"(?:(?P<interval>[1-9]\d?) )?(?:(?P<days>days?|tage?)|weeks?|wochen?))(?![a-z]))?"
    r"(?P<on>[a-z ,;.+&-]*?)"
    r"(?:[ ,]+(?:(?:until|bis) (?P<until>.+)|(?P<count>[1-9]\d{0,3}) ?(?:times|mal|x)))?",
    re.ASCII,
)
_HYPHEN = re.compile(r" ?[-\u2013] ?")
_BETWEEN = re.compile(r"[ ,;.+&]+|\b(?:and|und|on|am|every|jede[nrs]?)\b")


def find_dates(text: str, start: datetime) -> list[datetime] | CellProblem:
    """Find the local dates of a series, or what is wrong with it.

    Args:
        text: how the row repeats.
        start: the local date of the row, from which the series begins.
    """
    try:
        parts = _parts(text) if len(text) <= _LONGEST else None
        if isinstance(parts, CellProblem):
            return parts
        if parts is None or not _is_rule(parts):
            return CellProblem(f"{shown(text)!r} does not say how the row repeats", _LIKE)
        return _dates(parts, start)
    except ValueError:
        return CellProblem(f"{shown(text)!r} is not a rule of iCalendar", _LIKE)


def _is_rule(parts: Mapping[str, str]) -> bool:
    by = {name for name in parts if name.startswith("BY")}
    return (
        all(name in _PARTS and _PARTS[name].fullmatch(value) for name, value in parts.items())
        and len(by) <= 1
        and by <= _BY.get(parts.get("FREQ", ""), set())
    )


def _parts(text: str) -> dict[str, str] | CellProblem | None:
    """The parts of the rule that a text means; a problem of its end; None if it is no rule."""
    if "=" in text:
        rule = text.strip().upper().removeprefix("RRULE:").removesuffix(";")
        return {name: value for name, _, value in (each.partition("=") for each in rule.split(";"))}
    found = _WORDS.fullmatch(_HYPHEN.sub("-", plain_text(text).casefold()))
    if found is None:
        return None
    days = _weekdays(filter(None, _BETWEEN.split(found["on"])))
    if not isinstance(days, set):
        return days
    is_daily = bool(found["daily"] or found["days"])
    if (days and is_daily) or not (days or found["every"]):
        return None
    parts = {"FREQ": "DAILY" if is_daily else "WEEKLY", "INTERVAL": found["interval"] or "1"}
    if days:
        parts["BYDAY"] = ",".join(_CODES[day] for day in sorted(days))
    if found["count"]:
        parts["COUNT"] = found["count"]
    if found["until"]:
        until = read_day(found["until"], None) or read_named(found["until"])
        if not isinstance(until, date):
            message = f"{shown(found['until'])!r} is not a day"
            return until or CellProblem(message, "write it like 2031-03-31")
        parts["UNTIL"] = f"{until:%Y%m%d}"
    return parts


def _weekdays(words: Iterable[str]) -> set[int] | CellProblem | None:
    """The weekdays of words like `mon` and `mon-fri`; None if one of them is another word."""
    spans = [[word] if weekdays_of([word]) else word.split("-") for word in words]
    numbers = weekdays_of([name for span in spans for name in span])
    if not isinstance(numbers, list) or any(len(span) > 2 for span in spans):
        return numbers if isinstance(numbers, CellProblem) else None
    found: set[int] = set()
    for span in spans:
        first, last = numbers[0], numbers[len(span) - 1]
        del numbers[: len(span)]
        found |= {(first + by) % 7 for by in range((last - first) % 7 + 1)}
    return found


def _dates(parts: dict[str, str], start: datetime) -> list[datetime] | CellProblem:
    """The dates of a rule."""
    from dateutil.rrule import rrulestr  # noqa: PLC0415  (few files have series)

    count, until = int(parts.pop("COUNT", 0)), parts.pop("UNTIL", "")
    if bool(count) == bool(until):
        return CellProblem("says two ends" if count else "has no end", _LIKE)
    longest = start + timedelta(days=MAX_YEARS * 366)
    last = datetime.combine(date.fromisoformat(until), time.max) if until else longest
    if last > longest:
        return CellProblem(f"goes on for more than {MAX_YEARS} years", "is the end right?")
    written = ";".join(f"{name}={value}" for name, value in parts.items())
    rule = cast("rrule", rrulestr(written, dtstart=start))
    dates = list(islice(rule.replace(until=last), min(count, MOST_DATES) or MOST_DATES + 1))
    if max(count, len(dates)) > MOST_DATES:
        return CellProblem(f"makes more than {MOST_DATES} posts", "is the end right?")
    if len(dates) < (count or 1):
        span = f"from {start:%Y-%m-%d} to {last:%Y-%m-%d}"
        return CellProblem(f"has {len(dates) or 'no'} dates {span}", "is the end right?")
    return dates
