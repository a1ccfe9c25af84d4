"""Slots: days of the week with times of day, at which posts are published. PURE.

`mon-fri 9:00 13:00; sat 11:00` is an example; times without days are for each day.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from postiz_async._campaign.read.dates import read_time, to_moment
from postiz_async._wire import POST_YEARS
from postiz_async.errors import ConfigurationError

SLOTS_LIKE = "mon-fri 9:00 13:00; sat 11:00"
"""An example of slots."""

_DAY = timedelta(days=1)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EACH_DAY = frozenset(range(7))
_PART = re.compile(r"[^;\n]+")
_NAME = r"[^\W\d_]+\.?"
_WORD = re.compile(
    rf"{_NAME} *[-\u2013] *{_NAME}|[\d:.]+ *(?:[ap]m|uhr|h)\b|[^\s,;]+", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Slots:
    """Times of day by weekday, Monday first, in order."""

    times: tuple[tuple[time, ...], ...]

    def after(self, moment: datetime, zone: tzinfo) -> Iterator[datetime]:
        """The slots after a moment, in UTC and in order, as far as posts can be dated.

        A time that the clocks of the zone skip or repeat is no slot: a table cannot say it.
        """
        day = moment.astimezone(zone).date()
        while day.year in POST_YEARS:
            for at in self.times[day.weekday()]:
                slot = to_moment(datetime.combine(day, at), zone)
                if isinstance(slot, datetime) and slot > moment:
                    yield slot
            day += _DAY


def read_slots(text: str) -> Slots:
    """Read days of the week with times of day.

    Raises:
        ConfigurationError: the text says something else.
    """
    times: defaultdict[int, set[time]] = defaultdict(set)
    for part in _PART.finditer(text):
        days, is_timed = _EACH_DAY, True
        for word in _WORD.finditer(text, *part.span()):
            found, at = _days(word[0].casefold()), read_time(word[0].replace(" ", ""))
            if found:
                days = found if is_timed else days | found
                is_timed = False
            elif at is None or at.second:
                where = f"{word[0]!r} at character {word.start() + 1}"
                raise _unreadable(text, f"{where} is neither a day of the week nor a time of day")
            else:
                is_timed = True
                for day in days:
                    times[day].add(at)
        if not is_timed:
            raise _unreadable(text, f"{part[0].strip()!r} ends without a time of day")
    if not times:
        raise _unreadable(text, "it has no time of day")
    return Slots(tuple(tuple(sorted(times[day])) for day in range(7)))


def _days(word: str) -> frozenset[int]:
    """The weekdays of a word: one, a range that may go over Sunday, or all; empty: it is none."""
    if word == "daily":
        return _EACH_DAY
    days = [_day(part.strip(" .")) for part in re.split("[-\u2013]", word)]
    first, last = days[0], days[-1]
    if first is None or last is None:
        return frozenset()
    return frozenset((first + by) % 7 for by in range((last - first) % 7 + 1))


def _day(name: str) -> int | None:
    """The weekday with a name or the beginning of one, Monday is 0; None if there is none."""
    found = [place for place, day in enumerate(_WEEKDAYS) if day.startswith(name)]
    return found[0] if len(found) == 1 and len(name) > 1 else None


def _unreadable(text: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"--slots is {text!r}: {why}. Write it like {SLOTS_LIKE!r}.")
