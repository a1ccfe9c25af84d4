"""Thousands of sheets as people write them: each row is read as it was meant, or is a problem."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from spreadsheet_files import write_ods, write_xlsx

from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._campaign.read.source import read_campaign
from postiz_async.errors import CampaignError

BERLIN = ZoneInfo("Europe/Berlin")
SHEETS, WORKBOOKS = 1_900, 100
SEED = 2027
MONTHS = "January February March April May June July August September October November December"
HEADERS = {
    "channel": ("channel", "Kanal", "Réseau", "Platform", "canal"),
    "date": ("date", "Datum", "Fecha", "Date", "Termin"),
    "time": ("time", "Uhrzeit", "Heure", "hora"),
    "content": ("content", "Text", "Beitrag", "Texte", "caption"),
}
CHANNELS = ("mastodon", "X", "Telegram", "bluesky")
WORDS = (
    *("Grüße", "sale", "10:30", "3,5 %", '"now"', "it's", "a;b", "x,y", "tab\there", "=SUM", "007"),
    *("🎉", "naïve", "C:\\new", "# tag", "{name}", "1/2/2027", "<b>", "&amp;", "\u2013", "\u2019"),
)


def plain(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def day_of_year(at: datetime) -> str:
    return f"{at.day} {MONTHS.split()[at.month - 1]} {at.year} {at:%H:%M}"


DATES = {
    "iso": plain,
    "iso with T": lambda at: f"{at:%Y-%m-%dT%H:%M}",
    "offset": lambda at: at.astimezone(BERLIN).isoformat(timespec="minutes"),
    "utc": lambda at: f"{at.astimezone(UTC):%Y-%m-%dT%H:%MZ}",
    "german": lambda at: f"{at:%d.%m.%Y %H:%M}",
    "short german": lambda at: f"{at.day}.{at.month}.{at.year} {at.hour}:{at:%M}",
    "american": lambda at: f"{at:%m/%d/%Y %H:%M}",
    "british": lambda at: f"{at:%d/%m/%Y %H:%M}",
    "dashes": lambda at: f"{at:%d-%m-%Y %H:%M}",
    "in words": day_of_year,
    "two digits": lambda at: f"{at:%d.%m.%y %H:%M}",
    "half a day": lambda at: f"{at:%Y-%m-%d %I:%M %p}",
    "with its zone": lambda at: f"{plain(at.astimezone(UTC))} UTC",
    "a day alone": lambda at: f"{at:%d.%m.%Y}",
}
TIMES = {
    "24": lambda at: f"{at:%H:%M}",
    "dot": lambda at: f"{at.hour}.{at:%M}",
    "h": lambda at: f"{at.hour}h{at:%M}",
    "pm": lambda at: f"{int(f'{at:%I}')}:{at:%M} {at:%p}".lower(),
    "full": lambda at: f"{at:%H:%M}:00",
    "words": lambda at: f"half past {at:%I}",
}


@dataclass(frozen=True)
class Meant:
    """A row as its author means it."""

    channel: str
    at: datetime
    text: str


class Sheet:
    """A sheet that somebody may have made, and what is meant by it."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.rows = [self._meant() for _ in range(dice.randint(1, 6))]
        self.style = dice.choice(list(DATES))
        self.clock = dice.choice([None, None, *TIMES])
        fields = ["channel", "date", *(["time"] if self.clock else []), "content"]
        dice.shuffle(fields)
        self.fields = fields
        self.names = [dice.choice(HEADERS[each]) for each in fields]
        self.numbers: dict[int, Meant] = {}

    def _meant(self) -> Meant:
        dice = self.dice
        at = datetime(2027, 1, 1, 0, 0, tzinfo=BERLIN) + timedelta(
            days=dice.randrange(700), hours=dice.randrange(4, 23), minutes=dice.choice([0, 5, 30])
        )
        text = " ".join(dice.choice(WORDS) for _ in range(dice.randint(1, 9)))
        if dice.random() < 0.2:
            text = f"{text}\n{dice.choice(WORDS)}"
        return Meant(dice.choice(CHANNELS), at, text)

    def table(self) -> list[list[object]]:
        """The cells; `numbers` has what is meant by the number of each row then."""
        lines: list[list[object]] = []
        if self.dice.random() < 0.05:
            lines.append(["Plan of the year", *[""] * (len(self.fields) - 1)])
        extra = self.dice.random() < 0.05
        lines.append([*self.names, *(["Notiz"] if extra else [])])
        for row in self.rows:
            if self.dice.random() < 0.05:
                lines.append([""] * len(self.fields))
            lines.append([*(self._cell(row, each) for each in self.fields), *(["x"] * extra)])
            self.numbers[len(lines)] = row
        return lines

    def _cell(self, row: Meant, name: str) -> str:
        if name == "channel":
            return row.channel
        if name == "content":
            return row.text
        if name == "time" and self.clock is not None:
            return TIMES[self.clock](row.at)
        if self.clock is None:
            return DATES[self.style](row.at)
        return DATES[self.style](row.at).replace("T", " ").partition(" ")[0]

    def write(self, path: Path) -> Path:
        """Write it as this file, whose ending says how."""
        table = self.table()
        if path.suffix == ".xlsx":
            return write_xlsx(path, table)
        if path.suffix == ".ods":
            return write_ods(path, table)
        out = io.StringIO()
        quoting = self.dice.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
        ends = self.dice.choice(["\n", "\r\n"])
        sign = self.dice.choice(",;\t")
        csv.writer(out, delimiter=sign, quoting=quoting, lineterminator=ends).writerows(table)
        encoding = self.dice.choice(["utf-8", "utf-8-sig", "utf-16", "cp1252"])
        path.write_bytes(out.getvalue().encode(encoding, "replace"))
        for number, row in self.numbers.items():  # as the program that saved it left it
            text = row.text.encode(encoding, "replace").decode(encoding)
            self.numbers[number] = replace(row, text=text.removeprefix("\ufeff"))
        return path


def judged(sheet: Sheet, path: Path) -> str:
    """Whether a sheet was read whole, in part, or refused; nothing of it is read wrongly."""
    try:
        found = read_campaign(path, reading=ReadOptions(timezone="Europe/Berlin"))
    except CampaignError:
        return "refused"
    wrong = {problem.row for problem in found.problems}
    read = {row.number: row for row in found.rows if row.number not in wrong}
    what = path.read_bytes() if path.suffix == ".csv" else sheet.numbers
    assert read.keys() | wrong >= sheet.numbers.keys(), what
    for number, row in read.items():
        meant = sheet.numbers[number]
        assert row.date == meant.at, (number, meant, row, what)
        assert row.content == meant.text, (number, meant, row, what)
        assert row.channel.lower() == meant.channel.lower(), (number, meant, row, what)
    return "part" if wrong else "whole"


@pytest.mark.exhaustive
def test_no_date_is_read_wrongly_and_no_text_is_dropped(tmp_path: Path) -> None:
    dice = random.Random(SEED)  # noqa: S311
    told: Counter[str] = Counter()
    for n in range(SHEETS + WORKBOOKS):
        ending = "csv" if n < SHEETS else dice.choice(["xlsx", "ods"])
        sheet = Sheet(dice)
        told[judged(sheet, sheet.write(tmp_path / f"{n}.{ending}"))] += 1
    print(f"\nseed {SEED}: {dict(told)}")
    assert told["whole"] > SHEETS / 5, told
    assert told["refused"] < SHEETS / 2, told
