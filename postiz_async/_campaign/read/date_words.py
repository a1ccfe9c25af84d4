"""Read dates with names of months and weekdays, and days counted from now. PURE.

The names are in the languages of `columns`; their first letters, three or more, mean the same. No
date is guessed: a year has four digits, a word has one meaning.
"""

from __future__ import annotations

import re
import unicodedata
from calendar import day_name
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from typing import NamedTuple, TypeAlias

from postiz_async._campaign.read.dates import (
    describe_absence,
    read_day,
    read_time,
    read_wall,
    to_moment,
)
from postiz_async._campaign.read.texts import CellProblem, cell_text, shown

_MONTHS = {
    "en": "january february march april may june july august september october november december",
    "de": "januar/janner februar marz/maerz/mrz april mai juni juli august september oktober "
    "november dezember",
    "fr": "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre "
    "diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre "
    "dicembre",
    "pt": "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro "
    "dezembro",
    "nl": "januari februari maart/mrt april mei juni juli augustus september oktober november "
    "december",
    "pl": "stycznia/styczen lutego/luty marca/marzec kwietnia/kwiecien maja czerwca/czerwiec "
    "lipca/lipiec sierpnia/sierpien wrzesnia/wrzesien pazdziernika listopada grudnia/grudzien",
}
"""Names without accents, from January on."""
_WHOLE = {"maerz"}
"""Names whose first letters mean nothing: "mae" may be a slip for "mai"."""
_WEEKDAYS = {
    "en": "monday/mo tuesday/tu wednesday/we thursday/th friday/fr saturday/sa sunday/su",
    "de": "montag/mo dienstag/di mittwoch/mi donnerstag/do freitag/fr samstag/sa sonntag/so",
    "fr": "lundi/lu mardi/ma mercredi/me jeudi/je vendredi/ve samedi/sa dimanche/di",
    "es": "lunes/lu martes/ma miercoles/mi jueves/ju viernes/vi sabado/sa domingo/do",
    "it": "lunedi martedi mercoledi giovedi venerdi sabato domenica",
    "pt": "segunda-feira terca-feira quarta-feira quinta-feira sexta-feira sabado domingo",
    "nl": "maandag/ma dinsdag/di woensdag/wo donderdag/do vrijdag/vr zaterdag/za zondag/zo",
    "pl": "poniedzialek wtorek/wt sroda/sr czwartek piatek/pt sobota niedziela",
}

_LONGEST = 80
"""Characters of a date, at most."""
_LETTERS = re.compile(r"[^\W\d_]{2}")
_WORD = r"[a-z]+(?:-[a-z]+)*(?![a-z])"
_GAP = (
    r"[\s.,/-]*(?:(?:de|del|of|the|den|le|el|il|r|roku|at|um|a|las|as|alle|ore|om|o|godz)\b"
    r"[\s.,]*)*"
)
"""Signs and small words between the parts of a date."""
_PARTS = {
    "d": r"(?P<day>\d{1,2})(?:[snrt][tdh]|er|[eo\xba\xaa])?(?![a-z\d])",
    "m": rf"(?P<month>{_WORD})",
    "y": r"(?P<year>\d{4})(?![a-z\d])",
    "n": r"(?P<numbers>\d{4}-\d{2}-\d{2}|\d{1,2}\.\d{1,2}\.\d{4})(?![a-z\d])",
}
_WITH_NAMES = tuple(
    re.compile(
        rf"(?:(?P<weekday>{_WORD}){_GAP})?{_GAP.join(_PARTS[part] for part in order)}"
        rf"{_GAP}(?P<rest>.*)",
        re.ASCII | re.IGNORECASE,
    )
    for order in ("dmy", "mdy", "ymd", "n")
)


_Meanings: TypeAlias = Mapping[str, Mapping[int, set[str]]]


class _Names(NamedTuple):
    """Numbers of months and of weekdays (Monday is 0), with their languages, by their names."""

    months: _Meanings
    weekdays: _Meanings


@cache
def _names() -> _Names:
    """The names of all languages, and their first letters."""
    return _Names(_meanings(_MONTHS, first=1), _meanings(_WEEKDAYS, first=0))


def _meanings(languages: Mapping[str, str], first: int) -> _Meanings:
    table: defaultdict[str, dict[int, set[str]]] = defaultdict(dict)
    for language, names in languages.items():
        for number, spellings in enumerate(names.split(), first):
            for word in spellings.split("/"):
                for end in (*range(len(word) if word in _WHOLE else 3, len(word)), len(word)):
                    table[word[:end]].setdefault(number, set()).add(language)
    return dict(table)


def plain_text(text: str) -> str:
    """A text without accents and with single spaces; digits stay what they are."""
    split = unicodedata.normalize("NFD", " ".join(text.split())).translate(_STROKES)
    return "".join(letter for letter in split if not unicodedata.combining(letter))


_STROKES = str.maketrans("łŁ", "lL")


def read_named(text: str) -> datetime | date | CellProblem | None:
    """Parse a date with a name in it: `15. März 2031 9:00`, `Mo, 17.03.2031`, `March 15, 2031`.

    Returns:
        The local time, aware if the text has an offset; a date if it has no time; a problem if the
        day does not exist or is another weekday; None if it is not such a date.
    """
    plain = plain_text(text) if len(text) <= _LONGEST and _LETTERS.search(text) else ""
    found = next(filter(None, (form.fullmatch(plain) for form in _WITH_NAMES)), None)
    day = _named_day(found.groupdict(), shown(text)) if found else None
    if found is None or not isinstance(day, date):
        return day
    rest = found["rest"]
    clock = read_time(rest)
    if clock is None:
        return read_wall(f"{day} {rest}", None) if rest else day
    return datetime.combine(day, clock)


def _named_day(parts: Mapping[str, str | None], said: str) -> date | CellProblem | None:
    """The day of a date with names; None if a word is not a name, or has several meanings."""
    iso, month, weekday = parts.get("numbers"), parts.get("month"), parts["weekday"]
    months = set(_names().months.get(month.casefold()) or ()) if month else set[int]()
    weekdays = set(_names().weekdays.get(weekday.casefold()) or ()) if weekday else _ANY
    if len(months) == 1:
        iso = f"{parts['year']}-{min(months):02}-{parts['day']:0>2}"
    if not iso or not weekdays:
        return None
    day = read_day(iso, None)
    if day is None:
        absent = describe_absence(iso, None)
        return CellProblem(f"{said!r} does not exist: {absent}", "") if absent else None
    if day.weekday() in weekdays:
        return day
    names = " or ".join(f"a {day_name[each]}" for each in sorted(weekdays))
    return CellProblem(f"{said!r} is a {day:%A}, not {names}", "correct the day or the weekday")


_ANY = frozenset(range(7))


# ------------------------------------------------------------------ from now


_FROM_TODAY = {
    "today": 0,
    "heute": 0,
    "tomorrow": 1,
    "morgen": 1,
    "day after tomorrow": 2,
    "ubermorgen": 2,
    "uebermorgen": 2,
}
_FROM_NOW = re.compile(
    rf"(?:(?:\+|in )(?P<count>\d{{1,3}}) ?(?P<unit>d(?:ays?)?|w(?:eeks?)?|tag(?:en?)?|wochen?)"
    rf"|(?P<today>{'|'.join(_FROM_TODAY)})"
    rf"|(?:(?P<next>next|nachste[rnms]?|naechste[rnms]?|kommende[rnms]?) )?(?P<weekday>{_WORD})"
    rf")(?![a-z\d]){_GAP}(?P<rest>.*)",
    re.ASCII,
)


class FromNow(NamedTuple):
    """A day counted from today, with a local time, or None if the text has none.

    `weekday` is the first such day from `days` after today on.
    """

    days: int
    weekday: int | None
    clock: time | None

    @property
    def words(self) -> str:
        """One text for all that mean the same: `next friday 14:00`, `tomorrow 09:00`, `+3d`."""
        day = {0: "today", 1: "tomorrow"}.get(self.days, f"+{self.days}d")
        if self.weekday is not None:
            day = f"{'next ' if self.days else ''}{day_name[self.weekday].lower()}"
        return f"{day} {cell_text(self.clock)}" if self.clock else day

    def local(self, now: datetime) -> datetime:
        """The local time that is meant at a moment in the zone that counts; the time is known."""
        clock = self.clock or time()
        day = now.date() + timedelta(days=self.days)
        if self.weekday is not None:
            day += timedelta(days=(self.weekday - day.weekday()) % 7)
            if datetime.combine(day, clock) <= now.replace(tzinfo=None):
                day += timedelta(days=7)
        return datetime.combine(day, clock)


def weekdays_of(words: Sequence[str]) -> list[int] | CellProblem | None:
    """The weekdays that words of plain text mean, in the languages that know all of them.

    Returns:
        Numbers, Monday is 0; a problem if a word is ambiguous; None if one is no weekday.
    """
    known = _names().weekdays
    meanings = [known.get(word) or known.get(_singular(word)) or {} for word in words]
    languages = [set[str]().union(*each.values()) for each in meanings]
    common = set[str].intersection(*languages) if languages else set[str]()
    found: list[int] = []
    for word, meaning in zip(words, meanings, strict=True):
        days = [day for day, where in meaning.items() if not common or where & common]
        if len(days) > 1:
            names = " or ".join(day_name[day] for day in sorted(days))
            return CellProblem(f"{shown(word)!r} may mean {names}", "write the weekday out")
        if not days:
            return None
        found += days
    return found


def _singular(word: str) -> str:
    """A weekday without the s of its plural, as in `sundays` and `sonntags`."""
    return word[:-1] if len(word) > len("sunday") and word[-1] == "s" else word


def read_from_now(text: str) -> FromNow | CellProblem | None:
    """Parse `friday 14:00`, `next friday 14:00`, `tomorrow 9:00`, `+3d 9:00`, `in 2 weeks 9:00`.

    A weekday is today if it is that day and the time is still to come; with `next` it is after
    today. All may be German, and the weekday in any of the languages.

    Returns:
        A problem if the weekday is ambiguous; None if it is not such a date.
    """
    plain = plain_text(text).casefold() if len(text) <= _LONGEST else ""
    found = _FROM_NOW.fullmatch(plain)
    clock = read_time(found["rest"]) if found else None
    if found is None or (found["rest"] and clock is None):
        return None
    if found["count"]:
        return FromNow(int(found["count"]) * (7 if found["unit"][0] == "w" else 1), None, clock)
    if found["today"]:
        return FromNow(_FROM_TODAY[found["today"]], None, clock)
    weekdays = weekdays_of([found["weekday"]])
    if not isinstance(weekdays, list):
        return weekdays
    return FromNow(bool(found["next"]), weekdays[0], clock)


def resolve(words: str, now: datetime, zone: tzinfo | None) -> datetime | CellProblem | None:
    """The moment that words like `next friday 14:00` mean now in a zone; None for other words."""
    found = read_from_now(words)
    if not isinstance(found, FromNow):
        return found
    local = found.local(now.astimezone(zone or UTC))
    moment = to_moment(local, zone)
    if isinstance(moment, CellProblem):
        return CellProblem(f"{cell_text(local)} {moment.message}", moment.hint)
    return moment
