"""Dates that are written otherwise: what reads them, and what can be meant so or so."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given, settings, strategies as st
from spread import spread

from postiz_async._campaign.read.dates import (
    check_date_format,
    describe_absence,
    read_time,
    read_wall,
    readings,
    says_hour,
)
from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._campaign.read.source import ReadCampaign, read_campaign
from postiz_async.errors import CampaignError

FORMATS = [
    "%d.%m.%y %H:%M",
    "%m/%d/%Y %I:%M %p",
    "%d/%m/%Y %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%d-%m-%Y %H.%M",
    "%d/%m/%Y %H:%M%z",
    "%m/%d/%Y, %Hh%M",
]


def read(folder: Path, *dates: str, head: str = "date", **options: Any) -> ReadCampaign:
    path = folder / "c.csv"
    lines = [f"channel;{head};content", *(f"x;{each};a" for each in dates)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return read_campaign(path, reading=ReadOptions(**({"timezone": "UTC"} | options)))


@pytest.mark.parametrize("form", spread(FORMATS, every=3))
@given(
    moment=st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_a_date_of_numbers_is_read_by_the_one_format_that_fits(form: str, moment: datetime) -> None:
    assume(moment.day > 12)
    moment = moment.replace(microsecond=0, second=moment.second if "%S" in form else 0)
    (found,) = readings(moment.strftime(form))
    wall = read_wall(moment.strftime(form), found.form)
    assert wall is not None
    assert wall.replace(tzinfo=UTC) == moment == found.wall.replace(tzinfo=UTC)


@pytest.mark.parametrize("date", ["05/12/2026 09:00", "12-05-2026 9:00 PM", "5/12/2026"])
def test_an_order_that_can_be_meant_so_or_so_is_refused_with_both(
    tmp_path: Path, date: str
) -> None:
    (problem,) = read(tmp_path, date).problems
    first, second = readings(date)
    day, other = ("5 December", "12 May")[:: 1 if date[0] != "1" else -1]
    assert problem.message == f"{date!r} may be {day} or {other}"
    assert problem.hint.startswith(
        f"say which is meant: --date-format {first.form!r} for {day} or --date-format "
        f"{second.form!r} for {other}"
    )
    times = {"time": "9:00"} if first.form.endswith("Y") else {}
    for each in (first, second):
        (row,) = read(tmp_path, date, date_format=each.form, defaults=times).rows
        assert row.date.date() == each.wall.date()


def test_a_day_after_the_twelfth_settles_the_order(tmp_path: Path) -> None:
    either, sure = read(tmp_path, "05/12/2026 09:00", "13/12/2026 09:00").problems
    assert " or " in either.hint
    assert str(sure) == (
        "row 3, date: '13/12/2026 09:00' is not a date this program reads "
        "(say --date-format '%d/%m/%Y %H:%M')"
    )


@pytest.mark.parametrize(
    ("form", "text", "absent"),
    [
        (None, "2027-02-30 09:00", "February 2027 has no day 30"),
        (None, "2027-02-29", "February 2027 has no day 29"),
        (None, "2028-02-29 24:01", "there is no hour 24"),
        (None, "2028-02-29 24:00", "there is no hour 24"),
        (None, "2027-13-01T09:00:00.000Z", "there is no month 13"),
        (None, "2027-04-31T09:00+02:00", "April 2027 has no day 31"),
        (None, "2027-01-15 09:60", "there is no minute 60"),
        (None, "2027-01-15 09:00:61", "there is no second 61"),
        (None, "2027-01-15 09:00+25:00", ""),
        (None, "31.11.2027 09:00", "November 2027 has no day 31"),
        (None, "12.24.2027 09:00", "there is no month 24"),
        (None, "31/11/2027 09:00", ""),
        (None, "2027-02-30 25:00", ""),
        (None, "soon", ""),
        (None, "01 " * 1_000, ""),
        ("%d.%m.%Y %H:%M", "31.11.2027 09:00", "November 2027 has no day 31"),
        ("%d.%m.%y %H:%M", "00.11.27 09:00", "November 2027 has no day 00"),
        ("%m/%d/%Y %I:%M %p", "12/05/2027 13:00 PM", "there is no hour 13"),
        ("%d. %B %Y, %H Uhr", "30. February 2027, 9 Uhr", "February 2027 has no day 30"),
    ],
)
def test_what_a_date_lacks_is_said(form: str | None, text: str, absent: str) -> None:
    assert describe_absence(text, form) == absent


@given(
    year=st.integers(2020, 2060),
    month=st.integers(0, 14),
    day=st.integers(0, 33),
    hour=st.integers(0, 25),
    form=st.sampled_from([None, "%Y-%m-%d %H:%M", "%d.%m.%y %H:%M"]),
)
def test_only_dates_that_cannot_be_read_lack_something(
    year: int, month: int, day: int, hour: int, form: str | None
) -> None:
    text = f"{year}-{month:02}-{day:02} {hour:02}:00"
    if form == "%d.%m.%y %H:%M":
        text = f"{day:02}.{month:02}.{year % 100} {hour:02}:00"
    mistakes = (not 1 <= month <= 12) + (not 1 <= day <= 31) + (hour > 23)
    is_read = read_wall(text, form) is not None
    if is_read or mistakes == 0:
        assert bool(describe_absence(text, form)) is not is_read
    elif mistakes == 1 and day < 29:
        assert describe_absence(text, form)


def test_a_day_that_does_not_exist_is_told_also_beside_a_time(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, "2027-02-30;9:00", head="date;time").problems
    assert str(problem) == "row 2, date: '2027-02-30' does not exist: February 2027 has no day 30"


@pytest.mark.parametrize(
    ("date", "written"),
    [
        ("2027-01-15 09:00 UTC", "2027-01-15 09:00+00:00"),
        ("2027-01-15 09:00+01", "2027-01-15 09:00+01:00"),
        ("15/01/2027 9:00 p.m.", "2027-01-15 21:00"),
        ("15.01.2027 12:30:05 a.m.", "2027-01-15 00:30:05"),
    ],
)
def test_what_no_format_reads_rightly_is_to_be_written_otherwise(
    tmp_path: Path, date: str, written: str
) -> None:
    (problem,) = read(tmp_path, date).problems
    assert problem.hint == f"write it like {written!r}"
    assert read(tmp_path, written).rows


@pytest.mark.parametrize("date", ["soon", "46361.375", "5. December 2026 9:00", "26-12-05 9:00"])
def test_what_nobody_can_read_is_named_with_an_example(tmp_path: Path, date: str) -> None:
    (problem,) = read(tmp_path, date).problems
    assert problem.message == f"{date!r} is not a date this program reads"
    assert problem.hint == "write it like 2027-01-15 09:00"


def test_days_without_times_ask_for_them(tmp_path: Path) -> None:
    dates = ["13/12/2026", "14/12/2026"]
    problem, _ = read(tmp_path, *dates).problems
    assert problem.hint == (
        "say --date-format '%d/%m/%Y', and the time by a column, --column NAME=time, or "
        "--default time=09:00"
    )
    options: dict[str, Any] = {"date_format": "%d/%m/%Y", "defaults": {"time": "9:30"}}
    assert [row.date for row in read(tmp_path, *dates, **options).rows] == [
        datetime(2026, 12, day, 9, 30, tzinfo=UTC) for day in (13, 14)
    ]


# ------------------------------------------------------------------ times of their own


@pytest.mark.parametrize(
    ("form", "day", "clock"),
    [
        (None, "2026-12-13", "09:30"),
        (None, "2026-12-13", "9:30"),
        (None, "2026-12-13", "9.30 Uhr"),
        (None, "13.12.2026", "9:30 Uhr"),
        ("%d.%m.%Y", "13.12.2026", "9h30"),
        ("%d.%m.%Y %H:%M", "13.12.2026", "9:30"),
        ("%m/%d/%Y %I:%M %p", "12/13/2026", "9:30 AM"),
    ],
)
def test_date_and_time_in_two_columns(
    tmp_path: Path, form: str | None, day: str, clock: str
) -> None:
    columns = {"Tag": "date", "Uhrzeit": "time"}
    (row,) = read(
        tmp_path, f"{day};{clock}", head="Tag;Uhrzeit", columns=columns, date_format=form
    ).rows
    assert row.date == datetime(2026, 12, 13, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cells", "where", "words"),
    [
        ("2026-12-13;soon", "time", "'soon' is not a time of day"),
        ("2026-12-13;25:00", "time", "'25:00' is not a time of day"),
        ("2026-12-13;", "time", "is empty"),
        ("2027-03-28;2:30", "date", "2027-03-28 02:30 does not exist in Europe/Berlin"),
        ("2026-12-13 09:00;10:00", "date", "'2026-12-13 09:00' is not a date this program reads"),
    ],
)
def test_times_that_are_wrong(tmp_path: Path, cells: str, where: str, words: str) -> None:
    (problem,) = read(tmp_path, cells, head="date;time", timezone="Europe/Berlin").problems
    assert problem.where == where
    assert words in problem.message


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%d.%m.%Y %H:%M"])
def test_a_cell_of_days_or_of_times_that_is_wrong_is_named(tmp_path: Path, form: str) -> None:
    dates = ["13.12.2026;9:00", "14.12.2026;", "31.11.2026;9:00"]
    campaign = read(tmp_path, *dates, head="date;time", date_format=form)
    assert len(campaign.rows) == 1
    whole = "31.11.2026 9:00" if "%H" in form else "31.11.2026"
    assert [
        f"{problem.row} {problem.where}: {problem.message}" for problem in campaign.problems
    ] == [
        "3 time: is empty",
        f"4 date: '{whole}' does not exist: November 2026 has no day 31",
    ]


def test_a_default_time_is_for_dates_that_have_none(tmp_path: Path) -> None:
    campaign = read(tmp_path, "2026-12-13", "2026-12-14 17:00", defaults={"time": "09:00"})
    assert [row.date.hour for row in campaign.rows] == [9, 17]


def test_a_format_without_the_hour_needs_a_column_of_times(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, "13.12.2026", date_format="%d.%m.%Y").problems
    assert str(problem).startswith("row 2, date: has no time (")
    with pytest.raises(CampaignError, match="does not say the hour"):
        read(tmp_path, "13.12.2026 09:00", date_format="%d.%m.%Y %I:%M")


@pytest.mark.parametrize(
    ("text", "hour"),
    [("9am", 9), ("9 PM", 21), ("12am", 0), ("12 pm", 12), ("9 Uhr", 9), ("9h", 9), (" 23h ", 23)],
)
def test_a_whole_hour_needs_a_word_behind_it(text: str, hour: int) -> None:
    assert read_time(text) == time(hour)


@pytest.mark.parametrize("text", ["9", "0am", "13pm", "24h", "9 o'clock", "9:5", "9:60", ""])
def test_what_is_no_time_of_day(text: str) -> None:
    assert read_time(text) is None


@given(st.times())
def test_times_are_read_as_people_write_them(moment: time) -> None:
    whole = moment.replace(microsecond=0)
    minute = whole.replace(second=0)
    assert read_time(f"{whole:%H:%M:%S}") == whole
    for form in ("%H:%M", "%H.%M", "%Hh%M", "%H:%M Uhr", "%I:%M %p", "%I:%M%p"):
        assert read_time(minute.strftime(form)) == minute


@pytest.mark.parametrize(
    "text", ["", "9", "24:00", "9:60", "13 pm", "0 am", "a", "9:5", "\u0669:00"]
)
def test_what_is_no_time(text: str) -> None:
    assert read_time(text) is None


# ------------------------------------------------------------------ formats and hints


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("%d.%m.%Y %H:%M %Z", "drops the zone that it reads"),
        ("%d.%m.%Y %I:%M %p %Z", "drops the zone that it reads"),
        ("%d.%m.%Y %z", "drops the zone that it reads"),
        ("%d.%m.%Y %H:%M %p", "%p goes with %I"),
        ("%d.%m.%Y %p", "%p goes with %I"),
        ("%d.%m.%Y %X %p", "%p goes with %I"),
        ("%d.%m.%Y %H %I:%M %p", "%p goes with %I"),
        ("%d.%m.%Y %H:%M %d", "cannot be read"),
    ],
)
def test_a_format_that_would_drop_something_it_reads_is_refused(
    tmp_path: Path, form: str, words: str
) -> None:
    with pytest.raises(CampaignError) as refused:
        read(tmp_path, "13.12.2026", date_format=form, defaults={"time": "9:30"})
    assert words in str(refused.value)


@pytest.mark.parametrize("form", ["%d.%m.%Y %H:%M%%Z", "%d.%m.%Y %H:%M%%p", "%d.%m.%Y %I %p%z"])
def test_a_format_that_drops_nothing_is_taken(form: str) -> None:
    check_date_format(form)


ZONES = {
    "": timezone(timedelta(hours=9)),
    "Z": UTC,
    " Z": UTC,
    " UTC": UTC,
    " (UTC)": UTC,
    " GMT": UTC,
    " CET": timezone(timedelta(hours=1)),
    "+01": timezone(timedelta(hours=1)),
    " +1": timezone(timedelta(hours=1)),
    "-03": timezone(timedelta(hours=-3)),
    "+0100": timezone(timedelta(hours=1)),
    " -05:30": timezone(timedelta(hours=-5, minutes=-30)),
}
"""What may stand behind a time, and the zone that it means; without one it is that of `TOKYO`."""
TOKYO: dict[str, Any] = {"timezone": "Asia/Tokyo"}
DAYS = [
    "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%d.%m.%y", "%d/%m/%y", "%y-%m-%d", "%y/%m/%d",
    "%Y-%m-%d", "%d.%m.%Y", "%G-W%V-%u", "%G-W%V", "%Y-%j", "%Y%m%d", "%d %b %y", "%B %d, %Y",
    "%a %d/%m/%Y", "%d/%m", "week %V/%m/%Y",
]  # fmt: skip
CLOCKS = [
    "%H:%M", "%H:%M:%S", "%H.%M", "%Hh%M", "%H:%M Uhr", "%H:%M h", "%H%M", "%I:%M %p", "%I:%M%p",
    "%I:%M p.m.", "%I.%M p", "%I:%M in the evening", "%I %p", "%I p.m.", "%H:%M:%S.%f", "kl. %H.%M",
]  # fmt: skip
WAYS = [
    "{day} {clock}",
    "{clock} {day}",
    "{day}, {clock}",
    "{day}T{clock}",
    "{day} à {clock}",
    "{day}",
]
EITHER = [datetime(2027, 5, 5, 9), datetime(2027, 3, 4, 9)]  # noqa: DTZ001
MORNING = {"p.m.": "a.m.", " p": " a", "evening": "morning"}


def written(moment: datetime, day: str, clock: str, way: str, zone: str) -> str:
    """A moment as somebody writes it."""
    if moment.hour < 12 and "%p" not in clock and "%I" in clock:
        for word, other in MORNING.items():
            clock = clock.replace(word, other)
    return moment.strftime(way.format(day=day, clock=clock + zone))


@settings(max_examples=100)
@given(
    st.lists(
        st.datetimes(datetime(2026, 1, 1), datetime(2032, 1, 1)),  # noqa: DTZ001
        min_size=1,
        max_size=3,
    ),
    st.sampled_from(DAYS),
    st.sampled_from(CLOCKS),
    st.sampled_from(WAYS),
    st.sampled_from(list(ZONES)),
)
@example([datetime(2027, 1, 15, 9)], "%d/%m/%Y", "%H:%M", "{day} {clock}", " UTC")  # noqa: DTZ001
@example([datetime(2027, 1, 15, 9)], "%Y-%m-%d", "%H:%M", "{day} {clock}", "+01")  # noqa: DTZ001
@example([datetime(2027, 1, 15, 21)], "%d/%m/%Y", "%I:%M p.m.", "{day} {clock}", "")  # noqa: DTZ001
@example([datetime(2027, 2, 1)], "%G-W%V-%u", "%H:%M", "{day}", "")  # noqa: DTZ001
@example([datetime(2027, 12, 5, 9)], "%d/%m/%Y", "%H:%M", "{day} {clock}", "Z")  # noqa: DTZ001
@example([datetime(2027, 12, 15, 9, 10)], "%d-%m-%Y", "%H:%M", "{clock} {day}", "")  # noqa: DTZ001
@example(EITHER, "%m/%d/%Y", "%H:%M", "{day} {clock}", "")
@example(EITHER, "%d/%m/%Y", "%H:%M", "{day} {clock}", "")
@example([datetime(2026, 1, 1), datetime(2026, 1, 2)], "%m/%d/%Y", "%H:%M", "{day} {clock}", "")  # noqa: DTZ001
def test_what_a_hint_says_gives_the_moment_that_a_person_reads(
    tmp_path_factory: pytest.TempPathFactory,
    walls: list[datetime],
    day: str,
    clock: str,
    way: str,
    zone: str,
) -> None:
    """Typed as it stands, for cells of days with a time of their own; or it is a problem."""
    folder = tmp_path_factory.getbasetemp()
    has_clock = "clock" in way
    walls = [
        each.replace(
            minute=each.minute if has_clock and "%M" in clock else 0,
            hour=each.hour if has_clock else 9,
            second=each.second if has_clock and "%S" in clock else 0,
            microsecond=0,
        )
        for each in walls
    ]
    cells = [written(each, day, clock, way, zone) for each in walls]
    meant = [each.replace(tzinfo=ZONES[zone if has_clock else ""]) for each in walls]
    first = read(folder, *cells, **TOKYO)
    assert first.problems or [row.date for row in first.rows] == meant
    for problem in first.problems:
        hint, wall = problem.hint, walls[(problem.row or 2) - 2]
        options = re.findall(
            r"--date-format ('[^']*'|\S+)(?: for (\d+ \w+)| (if the \w+ is first))?", hint
        )
        first_part = "day" if day.find("%d") < day.find("%m") else "month"
        meant_by = {("", ""), (f"{wall.day} {wall:%B}", ""), ("", f"if the {first_part} is first")}
        chosen = [form for form, *of in options if tuple(of) in meant_by]
        assert bool(chosen) == bool(options), (cells, hint)
        if chosen:
            [form] = shlex.split(chosen[0])
            defaults = {} if says_hour(form) else {"time": "09:00"}
            found = read(folder, *cells, date_format=form, defaults=defaults, **TOKYO)
            assert found.problems or [row.date for row in found.rows] == meant, (cells, hint)
        for text, of in re.findall(r"'(\d{4}-\d\d-\d\d[^']*)'(?: for (\d+ \w+))?", hint):
            if of in {"", f"{wall.day} {wall:%B}"}:
                (row,) = read(folder, text, **TOKYO).rows
                assert row.date == meant[(problem.row or 2) - 2], (cells, hint)


# ------------------------------------------------------------------ zones


@pytest.mark.parametrize("name", ["Factory", "localtime", "posixrules", "right/Europe/Berlin"])
def test_a_name_that_is_no_place_is_no_zone(tmp_path: Path, name: str) -> None:
    """`Factory` is a zone of no hours, `localtime` another one on each machine."""
    (problem,) = read(tmp_path, f"2027-01-15 09:00;{name}", head="date;timezone").problems
    assert problem.message == f"{name!r} is not a time zone"
    for options in ({"timezone": name}, {"timezones": {"x": name}}):
        with pytest.raises(CampaignError, match=f"There is no time zone '{name}'"):
            read(tmp_path, "2027-01-15 09:00", **options)
