from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from postiz_async import CampaignRow
from postiz_async._campaign.read.channel_cells import ChannelWords
from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._campaign.read.repeats import MOST_DATES, find_dates
from postiz_async._campaign.read.source import ReadCampaign, read_campaign, read_source
from postiz_async._campaign.read.texts import CellProblem

START = datetime(2031, 1, 15, 9, 30)  # noqa: DTZ001  (a Wednesday)
WEEK = timedelta(weeks=1)
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
BERLIN = ZoneInfo("Europe/Berlin")


def days(text: str, start: datetime = START) -> str:
    found = find_dates(text, start)
    assert isinstance(found, list), found
    assert {each.time() for each in found} == {start.time()}
    return " ".join(f"{each:%m-%d}" for each in found)


def problem(text: str) -> str:
    found = find_dates(text, START)
    assert isinstance(found, CellProblem)
    assert found.hint
    return found.message


def read(folder: Path, *rows: str, head: str = "ref;date;repeat", **options: Any) -> ReadCampaign:
    path = folder / "c.csv"
    lines = [f"channel;content;{head}", *(f"x;a;{each}" for each in rows)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return read_campaign(path, reading=ReadOptions(**({"timezone": "Europe/Berlin"} | options)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mon, thu until 2031-01-27", "01-16 01-20 01-23 01-27"),
        ("Mon & Thu until 27 January 2031", "01-16 01-20 01-23 01-27"),
        ("montags und donnerstags bis 27.1.2031", "01-16 01-20 01-23 01-27"),
        ("Mo, Do bis 27.1.2031", "01-16 01-20 01-23 01-27"),
        ("mo-do bis 20.1.2031", "01-15 01-16 01-20"),
        ("every monday until 2031-01-27", "01-20 01-27"),
        ("every week until 2031-01-29", "01-15 01-22 01-29"),
        ("jeden Tag 3 mal", "01-15 01-16 01-17"),
        ("jede Woche montags 2 mal", "01-20 01-27"),
        ("Montag und Donnerstag bis 27.1.2031", "01-16 01-20 01-23 01-27"),
        ("lunes jueves until 2031-01-27", "01-16 01-20 01-23 01-27"),
        ("segunda-feira until 2031-01-27", "01-20 01-27"),
        ("mon-fri until 2031-01-20", "01-15 01-16 01-17 01-20"),
        ("mon \u2013 wed, sat 4 times", "01-15 01-18 01-20 01-21"),
        ("sat-mon 4 times", "01-18 01-19 01-20 01-25"),
        ("daily 3 times", "01-15 01-16 01-17"),
        ("every 3 days until 2031-01-22", "01-15 01-18 01-21"),
        ("weekly until 2031-01-29", "01-15 01-22 01-29"),
        ("every 2 weeks 3 times", "01-15 01-29 02-12"),
        ("Alle 2 Wochen, 3 mal", "01-15 01-29 02-12"),
        ("every 2 weeks on mon and thu 4 times", "01-16 01-27 01-30 02-10"),
        ("FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20310127", "01-16 01-20 01-23 01-27"),
        ("RRULE:FREQ=MONTHLY;COUNT=3;BYDAY=1MO", "02-03 03-03 04-07"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3", "01-31 02-28 03-31"),
        ("FREQ=YEARLY;COUNT=2;", "01-15 01-15"),
    ],
)
def test_a_series_begins_with_the_row_and_keeps_its_time(text: str, found: str) -> None:
    assert days(text) == found


@given(
    on=st.sets(st.integers(0, 6), min_size=1),
    weeks=st.integers(1, 4),
    count=st.integers(1, 60),
    start=st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1)),  # noqa: DTZ001
)
def test_weekdays_are_those_that_are_named(
    on: set[int], weeks: int, count: int, start: datetime
) -> None:
    start = start.replace(microsecond=0)
    words = ", ".join(DAYS[day] for day in sorted(on))
    found = find_dates(f"every {weeks} weeks {words} {count} times", start)
    assert isinstance(found, list)
    assert len(found) == count
    assert found[0] >= start
    assert {each.weekday() for each in found} <= on
    monday = start - timedelta(days=start.weekday())
    assert all((each - monday) // WEEK % weeks == 0 for each in found)
    last = f"{found[-1]:%Y-%m-%d}"
    assert find_dates(f"every {weeks} weeks {words} until {last}", start) == found


@given(st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1)), st.integers(0, 20))  # noqa: DTZ001
def test_a_later_start_within_a_series_and_a_later_end_keep_the_other_dates(
    start: datetime, skipped: int
) -> None:
    until = f"{start + 30 * WEEK:%Y-%m-%d}"
    whole = find_dates(f"mon, fri until {until}", start)
    assert isinstance(whole, list)
    assert find_dates(f"mon, fri until {until}", whole[skipped]) == whole[skipped:]
    longer = find_dates(f"mon, fri until {start + 40 * WEEK:%Y-%m-%d}", start)
    assert isinstance(longer, list)
    assert longer[: len(whole)] == whole


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mon, thu", "has no end"),
        ("FREQ=WEEKLY", "has no end"),
        ("FREQ=WEEKLY;COUNT=2;UNTIL=20310127", "says two ends"),
        ("weekly until 2131-01-15", "goes on for more than 10 years"),
        ("daily until 2035-01-15", f"makes more than {MOST_DATES} posts"),
        ("weekly 5200 times", f"makes more than {MOST_DATES} posts"),
        ("weekly until 2030-01-15", "has no dates from 2031-01-15 to 2030-01-15"),
        ("FREQ=YEARLY;INTERVAL=4;COUNT=9", "has 3 dates from 2031-01-15 to 2041-01-22"),
        ("weekly until 3/4/2031", "'3/4/2031' is not a day"),
        ("weekly until Mo, 15.3.2031", "'mo, 15.3.2031' is a Saturday, not a Monday"),
        ("di 3 times", "'di' may mean Tuesday or Sunday"),
        ("ma, di 3 times", "may mean"),
        ("FREQ=WEEKLY;COUNT=3;BYDAY=XX", "is not a rule of iCalendar"),
        ("FREQ=WEEKLY;UNTIL=20311399", "is not a rule of iCalendar"),
    ],
)
def test_a_series_that_is_probably_a_mistake_is_refused(text: str, why: str) -> None:
    assert why in problem(text)


@pytest.mark.parametrize(
    "text",
    [
        "7",
        "sometimes",
        "3 times",
        "until 2031-03-01",
        "daily mon 3 times",
        "monthly 3 times",
        "every 0 weeks 3 times",
        "every 2 monday 3 times",
        "every other monday 3 times",
        "mars 3 times",
        "weekly 0 times",
        "weekly \u0663 times",
        "weekly \u200f3 times",
        "mon tue-wed-thu 3 times",
        "=",
        "=;=",
        "FREQ=HOURLY;COUNT=3",
        "FREQ=DAILY;BYHOUR=1,2;COUNT=3",
        "FREQ=DAILY;BYMONTHDAY=31;COUNT=3",  # searched for long
        "FREQ=MONTHLY;BYMONTHDAY=32;COUNT=3",
        "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR;COUNT=3",
        "FREQ=MONTHLY;BYDAY=6MO;COUNT=3",
        "FREQ=WEEKLY;INTERVAL=0;COUNT=3",
        "FREQ=WEEKLY;COUNT=3\nEXDATE:20310101",
        "mon " * 40_000,
        "FREQ=WEEKLY;" * 20_000,
    ],
)
def test_what_is_not_a_repetition_is_refused_with_an_example(text: str) -> None:
    assert problem(text).endswith("does not say how the row repeats")


@given(st.text(max_size=60))
def test_any_text_is_a_series_or_a_problem(text: str) -> None:
    for each in (text, f"weekly {text}", f"mon {text} 3 times", f"FREQ=WEEKLY;COUNT=3;{text}"):
        assert isinstance(find_dates(each, START), list | CellProblem)


# ------------------------------------------------------------------ rows


def test_each_date_is_a_row_with_a_ref_of_its_own(tmp_path: Path) -> None:
    campaign = read(tmp_path, "tips;2031-03-24 9:00;mon until 2031-04-07", ";2031-03-24 9:00;")
    assert not campaign.problems
    assert [row.ref for row in campaign.rows[:3]] == [
        "tips@2031-03-24",
        "tips@2031-03-31",
        "tips@2031-04-07",
    ]
    assert [row.number for row in campaign.rows] == [2, 2, 2, 3]
    # the local time stays when the clocks change on 30 March
    assert [row.date.hour for row in campaign.rows] == [8, 7, 7, 8]
    assert {row.date.astimezone(BERLIN).time() for row in campaign.rows} == {time(9)}


@given(
    start=st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
def test_local_times_stay_in_any_zone(
    start: datetime, zone: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    start = start.replace(hour=12, second=0, microsecond=0)  # where no clock changes
    row = f";{start:%Y-%m-%d %H:%M};daily 400 times"
    campaign = read(tmp_path_factory.mktemp("c"), row, timezone=zone)
    local = [row.date.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for row in campaign.rows]
    assert local == [start + timedelta(days=n) for n in range(400)]
    assert len({row.ref for row in campaign.rows}) == 400


def test_rows_without_a_ref_keep_theirs_when_the_end_or_the_start_moves(tmp_path: Path) -> None:
    refs = [row.ref for row in read(tmp_path, ";2031-03-24 9:00;mon 5 times").rows]
    later = [row.ref for row in read(tmp_path, ";2031-03-31 9:00;mon until 2031-05-01").rows]
    assert later[:4] == refs[1:]


@pytest.mark.parametrize(
    ("row", "where", "why"),
    [
        (";2031-03-23 2:30;sun 3 times", "repeat", "2031-03-30 02:30 does not exist in Europe"),
        (";2031-03-23T09:00+01:00;weekly 3 times", "repeat", "needs a date with a time zone"),
        (";2031-03-23 9:00;weekly", "repeat", "has no end"),
        (";soon;weekly 3 times", "date", "'soon' is not a date"),
    ],
)
def test_a_problem_of_a_series_is_named_once(
    tmp_path: Path, row: str, where: str, why: str
) -> None:
    campaign = read(tmp_path, row)
    (found,) = campaign.problems
    assert (found.where, found.row) == (where, 2)
    assert found.message.startswith(why)
    assert not campaign.rows


@pytest.mark.parametrize("cells", ["now;", "schedule;7"])
def test_a_series_is_neither_published_now_nor_repeated_for_ever(
    tmp_path: Path, cells: str
) -> None:
    row = f"2031-03-23 9:00;weekly 3 times;{cells}"
    (found,) = read(tmp_path, row, head="date;repeat;type;repeat_days").problems
    assert found.message == "goes neither with type now nor with repeat_days"


def test_moments_in_utc_repeat_in_utc(tmp_path: Path) -> None:
    campaign = read(tmp_path, ";2031-03-24T09:00Z;mon 2 times")
    assert [row.date.hour for row in campaign.rows] == [9, 9]


def test_two_rows_of_one_ref_are_refused(tmp_path: Path) -> None:
    row = "tips;2031-03-24 9:00;mon 2 times"
    problems = read(tmp_path, row, row).problems
    assert {(each.where, each.row) for each in problems} == {("ref", 3)}


async def test_a_program_gives_series_too() -> None:
    row = CampaignRow(
        "x", "a", at=datetime(2031, 3, 24, 9, tzinfo=BERLIN), repeat="mon 2 times", ref="tips"
    )
    campaign = await read_source([row], Path("c"), ReadOptions(), ChannelWords.of())
    assert [(row.ref, row.date) for row in campaign.rows] == [
        ("tips@2031-03-24", datetime(2031, 3, 24, 8, tzinfo=UTC)),
        ("tips@2031-03-31", datetime(2031, 3, 31, 7, tzinfo=UTC)),
    ]


def test_series_on_several_channels_are_one_row_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(
        "channel;content;date;repeat\nX, Mastodon;a;2031-03-24 9:00Z;mon 2 times", encoding="utf-8"
    )
    campaign = read_campaign(path)
    assert len(campaign.rows) == len({row.ref for row in campaign.rows}) == 4
