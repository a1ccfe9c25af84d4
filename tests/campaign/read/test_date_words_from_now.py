"""The days that words mean on a given day. On 17 January 2031, a Friday, at 10:00 unless said."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from postiz_async._campaign.read.date_words import FromNow, read_from_now
from postiz_async._campaign.read.texts import CellProblem

FRIDAY = "2031-01-17 10:00"
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
ZONES = [ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Pacific/Apia", "UTC")]
moments = st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.sampled_from(ZONES))  # noqa: DTZ001


def meant(text: str, now: str = FRIDAY) -> str:
    found = read_from_now(text)
    assert isinstance(found, FromNow), found
    local = found.local(datetime.fromisoformat(now).replace(tzinfo=ZoneInfo("Europe/Berlin")))
    return f"{local:%a %Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("friday 14:00", "Fri 2031-01-17 14:00"),  # is still to come
        ("friday 9:00", "Fri 2031-01-24 09:00"),  # is over
        ("friday 10:00", "Fri 2031-01-24 10:00"),  # is now
        ("next friday 14:00", "Fri 2031-01-24 14:00"),
        ("next friday 9:00", "Fri 2031-01-24 09:00"),
        ("saturday 9:00", "Sat 2031-01-18 09:00"),
        ("next saturday 9:00", "Sat 2031-01-18 09:00"),
        ("thursday 9:00", "Thu 2031-01-23 09:00"),
        ("Fri, 2 pm", "Fri 2031-01-17 14:00"),
        ("Next  Friday at 14:00", "Fri 2031-01-24 14:00"),
        ("today 14:00", "Fri 2031-01-17 14:00"),
        ("today 9:00", "Fri 2031-01-17 09:00"),  # is over, as the plan says
        ("tomorrow 9:00", "Sat 2031-01-18 09:00"),
        ("day after tomorrow 9:00", "Sun 2031-01-19 09:00"),
        ("+3d 9:00", "Mon 2031-01-20 09:00"),
        ("+0d 23:59", "Fri 2031-01-17 23:59"),
        ("+ 3 days 9:00", None),
        ("+2w 9:00", "Fri 2031-01-31 09:00"),
        ("in 2 weeks 9:00", "Fri 2031-01-31 09:00"),
        ("in 1 day, 9:00", "Sat 2031-01-18 09:00"),
        ("nächsten Freitag 14:00", "Fri 2031-01-24 14:00"),
        ("Naechster Freitag um 14 Uhr", "Fri 2031-01-24 14:00"),
        ("kommenden Montag 9.30 Uhr", "Mon 2031-01-20 09:30"),
        ("Freitag 14 Uhr", "Fri 2031-01-17 14:00"),
        ("heute 14 Uhr", "Fri 2031-01-17 14:00"),
        ("morgen 9 Uhr", "Sat 2031-01-18 09:00"),
        ("Übermorgen um 9 Uhr", "Sun 2031-01-19 09:00"),
        ("in 2 Wochen 9:00", "Fri 2031-01-31 09:00"),
        ("in 3 Tagen 9h30", "Mon 2031-01-20 09:30"),
        ("viernes a las 14:00", "Fri 2031-01-17 14:00"),
        ("lundi 9h", "Mon 2031-01-20 09:00"),
        ("środa 9:00", "Wed 2031-01-22 09:00"),
    ],
)
def test_words_mean_one_day(text: str, local: str | None) -> None:
    if local is None:
        assert read_from_now(text) is None
    else:
        assert meant(text) == local


@pytest.mark.parametrize(
    ("text", "now", "local"),
    [
        ("tomorrow 9:00", "2031-01-31 10:00", "Sat 2031-02-01 09:00"),
        ("tomorrow 9:00", "2031-12-31 23:59", "Thu 2032-01-01 09:00"),
        ("in 2 weeks 9:00", "2028-02-15 10:00", "Tue 2028-02-29 09:00"),
        ("next friday 9:00", "2031-02-28 10:00", "Fri 2031-03-07 09:00"),
        # clocks go forward on 30 March and back on 26 October
        ("tomorrow 9:00", "2031-03-29 10:00", "Sun 2031-03-30 09:00"),
        ("+1d 2:30", "2031-03-29 10:00", "Sun 2031-03-30 02:30"),  # which is refused
        ("+1w 9:00", "2031-03-27 10:00", "Thu 2031-04-03 09:00"),
        ("sunday 9:00", "2031-10-26 08:59", "Sun 2031-10-26 09:00"),
        ("sunday 9:00", "2031-10-26 09:00", "Sun 2031-11-02 09:00"),
    ],
)
def test_days_are_counted_over_the_ends_of_months_and_clock_changes(
    text: str, now: str, local: str
) -> None:
    assert meant(text, now) == local


@given(now=moments, day=st.integers(0, 6), clock=st.times().map(lambda at: at.replace(second=0)))
def test_a_weekday_is_the_first_that_is_still_to_come(now: datetime, day: int, clock: time) -> None:
    clock = clock.replace(microsecond=0)
    found, later = (read_from_now(f"{how}{DAYS[day]} {clock:%H:%M}") for how in ("", "next "))
    assert isinstance(found, FromNow)
    assert isinstance(later, FromNow)
    first, here = found.local(now), now.replace(tzinfo=None)
    assert here < first <= here + timedelta(days=7)
    assert (first.weekday(), first.time()) == (day, clock)
    assert later.local(now) == (first + timedelta(days=7) if first.date() == now.date() else first)


@given(now=moments, days=st.integers(0, 999), clock=st.times())
def test_days_and_weeks_are_counted_from_today(now: datetime, days: int, clock: time) -> None:
    clock = clock.replace(second=0, microsecond=0)
    for text in (f"+{days}d", f"in {days} days", f"in {days} Tagen"):
        found = read_from_now(f"{text} {clock:%H:%M}")
        assert isinstance(found, FromNow)
        assert found.local(now) == datetime.combine(now.date() + timedelta(days=days), clock)
        assert read_from_now(found.words) == found


def test_one_text_is_kept_for_all_that_mean_the_same() -> None:
    texts = ["next friday 14:00", " NEXT Friday  at 2 pm", "nächsten Freitag um 14 Uhr"]
    assert {_words(text) for text in texts} == {"next friday 14:00"}
    assert {_words(text) for text in ("tomorrow 9:00", "Morgen 9 Uhr", "+1d 9:00")} == {
        "tomorrow 09:00"
    }
    assert _words("friday 14:00") == "friday 14:00"


def _words(text: str) -> str:
    found = read_from_now(text)
    assert isinstance(found, FromNow)
    return found.words


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "soon 9:00",
        "next soon 9:00",
        "next tomorrow 9:00",
        "last friday 9:00",
        "friday 25:00",
        "friday or saturday 9:00",
        "friday the 13th 9:00",
        "march 9:00",
        "+1000d 9:00",
        "+3h 9:00",
        "-3d 9:00",
        "in a week 9:00",
        "in 2 months 9:00",
        "\u200ffriday 9:00",
        "+\u0663d 9:00",
        "+\uff13d 9:00",
        "",
        "next " * 30_000,
        "friday " * 30_000,
    ],
)
def test_what_may_mean_something_else_is_not_read(text: str) -> None:
    assert read_from_now(text) is None


def test_a_short_name_of_two_weekdays_is_refused() -> None:
    assert read_from_now("di 9:00") == CellProblem(
        "'di' may mean Tuesday or Sunday", "write the weekday out"
    )


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for each in (text, f"friday {text}", f"+3d{text}"):
        found: Any = read_from_now(each)
        assert found is None or isinstance(found, FromNow | CellProblem)
        if isinstance(found, FromNow):
            assert found.local(datetime(2031, 1, 17, tzinfo=UTC))
