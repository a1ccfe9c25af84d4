from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from babel.dates import format_date
from hypothesis import given, strategies as st

from postiz_async._campaign.read.date_words import _names, read_named
from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._campaign.read.source import ReadCampaign, read_campaign
from postiz_async._campaign.read.texts import CellProblem

LANGUAGES = [
    "en",
    "en_GB",
    "en_AU",
    "de",
    "de_AT",
    "de_CH",
    "fr",
    "fr_CA",
    "es",
    "es_MX",
    "it",
    "pt",
]
LANGUAGES += ["pt_PT", "nl", "nl_BE", "pl"]
days = st.dates(date(2020, 1, 1), date(2060, 1, 1))


def read(folder: Path, *dates: str, head: str = "date", **options: Any) -> ReadCampaign:
    path = folder / "c.csv"
    lines = [f"channel;{head};content", *(f"x;{each};a" for each in dates)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return read_campaign(path, reading=ReadOptions(**({"timezone": "Europe/Berlin"} | options)))


def problem(text: str) -> str:
    found = read_named(text)
    assert isinstance(found, CellProblem)
    return found.message


@pytest.mark.parametrize("language", LANGUAGES)
@given(
    day=days, form=st.sampled_from(["full", "long", "d MMM y", "EEE, d MMM y", "EEEE d. LLLL y"])
)
def test_dates_as_each_language_writes_them_are_read_back(
    language: str, day: date, form: Any
) -> None:
    assert read_named(format_date(day, form, locale=language)) == day


def test_first_letters_that_may_be_a_slip_mean_nothing() -> None:
    assert read_named("1. Maerz 2028") == read_named("1. Mrz 2028") == date(2028, 3, 1)
    assert read_named("1 mae 2028") is read_named("1 maer 2028") is None


@given(
    day=days,
    language=st.sampled_from(LANGUAGES),
    clock=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    how=st.sampled_from([str, str.upper, str.lower, lambda text: text.replace(" ", "\xa0")]),
)
def test_times_stand_behind_the_day(day: date, language: str, clock: time, how: Any) -> None:
    text = how(f"{format_date(day, 'EEEE d MMMM y', locale=language)} {clock:%H:%M}")
    assert read_named(text) == datetime.combine(day, clock)


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("15. März 2031 9:00", "2031-03-15 09:00"),
        ("15. Maerz 2031 9 Uhr", "2031-03-15 09:00"),
        ("15. Mrz. 2031, 9.30 Uhr", "2031-03-15 09:30"),
        ("Samstag, den 15. März 2031 um 9:00 Uhr", "2031-03-15 09:00"),
        ("1. Jänner 2031 9:00", "2031-01-01 09:00"),
        ("15.3.2031 um 9 Uhr", "2031-03-15 09:00"),
        ("Sa, 15.03.2031 9:00", "2031-03-15 09:00"),
        ("Sat 2031-03-15 9:00", "2031-03-15 09:00"),
        ("15 March 2031 9:00", "2031-03-15 09:00"),
        ("15th of March, 2031 at 9:30 pm", "2031-03-15 21:30"),
        ("March 15, 2031 9:00", "2031-03-15 09:00"),
        ("15-Mar-2031 9:00", "2031-03-15 09:00"),
        ("Thurs Sept 4 2031 9:00", "2031-09-04 09:00"),
        ("2031 March 15 9:00", "2031-03-15 09:00"),
        ("sam. 1er mars 2031 à 9h30", "2031-03-01 09:30"),
        ("lunes, 17 de marzo de 2031 a las 9:00", "2031-03-17 09:00"),
        ("miercoles 19 marzo 2031 9:00", "2031-03-19 09:00"),
        ("1º marzo 2031 alle ore 9.30", "2031-03-01 09:30"),
        ("segunda-feira, 17 de março de 2031 às 9h", "2031-03-17 09:00"),
        ("zaterdag 15 maart 2031 om 9 uur", "2031-03-15 09:00"),
        ("poniedziałek, 17 marca 2031 r. o godz. 9:00", "2031-03-17 09:00"),
        ("wtorek 18 wrzesien 2031 9:00", None),
        ("Sat, 15 Mar 2031 09:00:00 +0100", "2031-03-15 09:00+01:00"),
    ],
)
def test_dates_as_people_write_them(text: str, local: str | None) -> None:
    found = read_named(text)
    assert (
        isinstance(found, CellProblem) if local is None else found == datetime.fromisoformat(local)
    )


@pytest.mark.parametrize(
    "text",
    [
        "15 March 31",
        "15 March",
        "March 2031",
        "15 Jui 2031 9:00",  # juin or juillet
        "15 Ma 2031 9:00",
        "15 Smarch 2031",
        "Caturday, 15.03.2031 9:00",
        "Mo, 05/12/2031 9:00",
        "15 16 March 2031",
        "15 March 2031 noon",
        "15 March 2031 9:00 Berlin",
        "15 March 2031 25:00",
        "115 March 2031",
        "15 March 20315",
        "\uff11\uff15. März 2031",
        "\u0661\u0665 March 2031",
        "²5. März 2031",
        "\u200f15. März 2031 9:00",  # may be shown in another order than it is stored
        "15. \u202eMärz 2031",
        "the the the",
        "",
        "de " * 40,
        "a-" * 60_000,
        "le el il " * 10_000 + "15 March 2031",
    ],
)
def test_what_may_mean_something_else_is_not_read(text: str) -> None:
    assert read_named(text) is None


def test_a_wrong_weekday_is_named_with_the_right_one(tmp_path: Path) -> None:
    assert problem("Mo, 15.03.2031") == "'Mo, 15.03.2031' is a Saturday, not a Monday"
    assert problem("lunes 15 de marzo de 2031").endswith("is a Saturday, not a Monday")
    assert read_named("Di, 18.03.2031") == date(2031, 3, 18)
    assert read_named("di 16.03.2031") == date(2031, 3, 16)  # dimanche
    assert problem("Di, 19.03.2031").endswith("is a Wednesday, not a Tuesday or a Sunday")
    (found,) = read(tmp_path, "Mo, 15.03.2031 9:00").problems
    assert (found.where, found.row) == ("date", 2)
    assert found.message.endswith("is a Saturday, not a Monday")


def test_a_day_that_does_not_exist_is_explained() -> None:
    assert problem("30. Februar 2031 9:00").endswith("exist: February 2031 has no day 30")
    assert problem("Mo, 15.13.2031").endswith("does not exist: there is no month 13")


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_a_date_or_none(before: str, behind: str) -> None:
    for text in (before, f"{before}15. März 2031{behind}"):
        found = read_named(text)
        assert found is None or isinstance(found, CellProblem | date)


def test_cells_with_names_are_dates_of_a_campaign(tmp_path: Path) -> None:
    campaign = read(
        tmp_path,
        "15. März 2031 9:00",
        "March 15, 2031 9:00",
        "15 marca 2031 9:00",
        "15.3.2031 9:00",
    )
    assert not campaign.problems
    assert {row.date for row in campaign.rows} == {datetime(2031, 3, 15, 8, tzinfo=UTC)}


def test_the_time_may_have_a_column_of_its_own(tmp_path: Path) -> None:
    campaign = read(tmp_path, "Sa, 15. März 2031;9 Uhr", head="date;time")
    assert campaign.rows[0].date == datetime(2031, 3, 15, 8, tzinfo=UTC)
    (found,) = read(tmp_path, "15. März 2031 9:00;10:00", head="date;time").problems
    assert "says the time, and so does the date" in found.message
    (found,) = read(tmp_path, "15. März 2031").problems
    assert found.message == "has no time"
    defaulted = read(tmp_path, "15. März 2031", "15. März 2031 9:00", defaults={"time": "10:00"})
    assert [row.date.hour for row in defaulted.rows] == [9, 8]


def test_local_times_that_clock_changes_skip_are_refused(tmp_path: Path) -> None:
    (found,) = read(tmp_path, "So, 30. März 2031 2:30").problems
    assert "does not exist in Europe/Berlin" in found.message


def test_a_format_that_is_given_reads_all_dates(tmp_path: Path) -> None:
    campaign = read(tmp_path, "15 März 2031 9:00", date_format="%d/%m/%Y %H:%M")
    assert campaign.problems


def test_names_are_loaded_once_for_all_cells(tmp_path: Path) -> None:
    read(tmp_path, "15. März 2031 9:00")
    before = _names.cache_info().misses
    read(tmp_path, *(f"{n % 28 + 1}. März 2031 9:00" for n in range(500)))
    assert _names.cache_info().misses == before
