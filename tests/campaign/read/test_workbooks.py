"""Spreadsheets as campaigns: the cells as people see them, and all that can be wrong with them."""

from __future__ import annotations

import csv
import re
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import xlsxwriter
import xlwt
from hypothesis import given, settings, strategies as st
from spreadsheet_files import (
    COVERED,
    LINE_BREAK,
    Down,
    Error,
    Noted,
    NumberError,
    Shown,
    write_ods,
    write_xlsx,
)

from postiz_async._campaign.read.file_formats import Line
from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._campaign.read.source import ReadCampaign, read_campaign
from postiz_async._campaign.read.texts import cell_text
from postiz_async._campaign.read.workbooks import open_sheet
from postiz_async.errors import CampaignError

WHEN = datetime(2027, 1, 15, 9)  # noqa: DTZ001
BERLIN = ReadOptions(timezone="Europe/Berlin")
WRITERS: dict[str, Callable[..., Path]] = {"p.xlsx": write_xlsx, "p.ods": write_ods}
fewer = settings(max_examples=max(5, settings().max_examples // 4))  # each is read by a process
both = pytest.mark.parametrize("name", WRITERS)
HEAD = ["channel", "date", "content"]


def sheet_rows(path: Path, name: str | None = None) -> list[Line]:
    with open_sheet(path, name, lambda _: True) as sheet:
        return list(sheet.lines)


def faults(campaign: ReadCampaign) -> list[str]:
    return [str(problem) for problem in campaign.problems]


@both
def test_cells_are_read_as_people_see_them(tmp_path: Path, name: str) -> None:
    path = WRITERS[name](
        tmp_path / name,
        [
            ["channel", "date", "time", "content", "repeat_days", "short_link", "ref"],
            ["x", WHEN, None, "two\nlines  and more", 7, True, 12],
            ["x", date(2027, 7, 15), time(9, 30), "=no formula", None, False, 1.5],
            [None, None, None, None, None, None, None],
            ["x", "2027-01-16 09:00", "", "a text", "30", "true", "a"],
            ["x", "2027-01-16", "9:05", "<b> & \"q\" 'a' ☃🎉", None, None, None],
        ],
    )
    campaign = read_campaign(path, reading=BERLIN)
    assert campaign.problems == ()
    one, two, three, four = campaign.rows
    assert (one.content, one.date) == (
        "two\nlines  and more",
        datetime(2027, 1, 15, 8, tzinfo=UTC),
    )
    assert (one.repeat_days, one.short_link, one.ref) == (7, True, "12")
    assert (two.date, two.ref, two.short_link) == (
        datetime(2027, 7, 15, 7, 30, tzinfo=UTC),
        "1.5",
        False,
    )
    assert (three.number, three.repeat_days) == (5, 30)
    assert (four.date.hour, four.date.minute, four.content) == (8, 5, "<b> & \"q\" 'a' ☃🎉")
    assert [str(warning)[:50] for warning in campaign.warnings] == [
        "row 2, repeat_days: repeats at 09:00 in Europe/Ber",
        "row 3, content: begins with =, as a formula does, ",
        "row 5, repeat_days: repeats at 09:00 in Europe/Ber",
    ]


@both
def test_a_spreadsheet_means_what_its_csv_means(tmp_path: Path, name: str) -> None:
    rows = [HEAD, *(["x", f"2027-01-{n:02} 09:00", f"Grüße {n}"] for n in range(10, 30))]
    text = "\n".join(",".join(row) for row in rows)
    (tmp_path / "p.csv").write_text(text, encoding="utf-8")
    expected = read_campaign(tmp_path / "p.csv", reading=BERLIN).rows
    dated = [[a, datetime.fromisoformat(b), c] for a, b, c in rows[1:]]
    for lines in (rows, [HEAD, *dated]):
        path = WRITERS[name](tmp_path / name, lines)
        assert read_campaign(path, reading=BERLIN).rows == expected


@both
@pytest.mark.parametrize("error", ["#NAME?", "#REF!", "#N/A", "#DIV/0!", "#VALUE!"])
def test_what_a_formula_could_not_say_is_an_error(tmp_path: Path, name: str, error: str) -> None:
    path = WRITERS[name](
        tmp_path / name,
        [HEAD, ["x", WHEN, Error(error)], ["x", Error(error), "b"], ["x", WHEN, "c"]],
    )
    campaign = read_campaign(path, reading=BERLIN)
    assert faults(campaign) == [
        f"row {row}, {column}: is {error}, an error of the spreadsheet "
        "(repair the formula, or write the text)"
        for row, column in ((2, "content"), (3, "date"))
    ]
    assert [row.content for row in campaign.rows] == ["c"]


@pytest.mark.parametrize(
    "error", ["#WERT!", "#BEZUG!", "#NV", "#NOM?", "#¡REF!", "#WAARDE!", "Err:502", "#####"]
)
def test_errors_in_the_languages_of_spreadsheets(tmp_path: Path, error: str) -> None:
    path = write_xlsx(tmp_path / "p.xlsx", [HEAD, ["x", WHEN, error], ["x", WHEN, f"{error} in"]])
    campaign = read_campaign(path, reading=BERLIN)
    assert [problem.row for problem in campaign.problems] == [2]
    assert [row.content for row in campaign.rows] == [f"{error} in"]


@pytest.mark.parametrize("error", ["#N/A", "Err:502", "ERR:502", " #REF! ", "#VALUE!"])
@pytest.mark.parametrize("name", ["p.csv", "p.ods", "p.xlsx"])
def test_errors_are_told_in_each_column(tmp_path: Path, name: str, error: str) -> None:
    head = ["ref", "channel", "date", "content", "media", "tags", "settings", "thread 2"]
    head += ["time", "timezone", "tolerance"]
    fine = ["a", "x", "2027-01-15", "text", "", "", "", "", "09:00", "UTC", ""]
    lines = [[*fine[:place], error, *fine[place + 1 :]] for place in range(len(head))]
    path = tmp_path / name
    if name == "p.csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([head, *lines])
    else:
        WRITERS[name](path, [head, *lines])
    campaign = read_campaign(path)
    assert faults(campaign) == [
        f"row {row}, {column}: is {error.strip()}, an error of the spreadsheet "
        "(repair the formula, or write the text)"
        for row, column in enumerate(head, 2)
    ]


@both
def test_the_hour_24_is_refused_in_its_row_as_in_a_csv(tmp_path: Path, name: str) -> None:
    path = WRITERS[name](tmp_path / name, [HEAD, ["x", WHEN, "a"], ["x", WHEN, "b"]])
    with zipfile.ZipFile(path) as packed:
        parts = {each.filename: packed.read(each) for each in packed.infolist()}
    with zipfile.ZipFile(path, "w") as packed:
        for part, written in parts.items():
            changed = re.sub(rb"T09:00", b"T24:00", written, count=1)  # of the .ods
            iso = rb'<c r="B2" t="d"><v>2027-01-15T24:00:00</v>'  # which Excel writes as "strict"
            packed.writestr(part, re.sub(rb'<c r="B2"[^/]*<v>[^<]*</v>', iso, changed))
    campaign = read_campaign(path, reading=BERLIN)
    [fault] = faults(campaign)
    assert fault.startswith("row 2, date: is 2027-01-15")
    assert "which is no date or time that can be read" in fault
    assert [row.content for row in campaign.rows] == ["b"]


@both
def test_a_duration_of_a_day_or_more_is_no_time_of_day(tmp_path: Path, name: str) -> None:
    hours = [24, 25, 100]
    long = [Shown(each / 24, "[h]:mm", "") for each in hours]
    cells = long if name == "p.xlsx" else [timedelta(hours=each) for each in hours]
    rows = [["x", "2027-01-15", "a", each] for each in cells]
    path = WRITERS[name](tmp_path / name, [[*HEAD, "time"], *rows])
    assert faults(read_campaign(path, reading=BERLIN)) == [
        f"row {row}, time: is {timedelta(hours=each)}, which is no date or time that can be read "
        "(format the cells as text, and type the values again)"
        for row, each in enumerate(hours, 2)
    ]


@pytest.mark.parametrize("sign", ["\t", LINE_BREAK])
def test_a_sign_that_is_lost_in_an_ods_is_a_problem(tmp_path: Path, sign: str) -> None:
    path = write_ods(tmp_path / "p.ods", [HEAD, ["x", WHEN, f"a{sign}b"], ["x", WHEN, "c"]])
    campaign = read_campaign(path, reading=BERLIN)
    assert faults(campaign) == [
        "row 2, content: has a tab or a line break that is not read here (save the file as CSV)"
    ]
    assert [row.content for row in campaign.rows] == ["c"]


@both
def test_numbers_are_written_as_people_write_them(tmp_path: Path, name: str) -> None:
    numbers = [3, 3.0, 0.25, -7, 12345678901234500, 1e15 + 1, 1.5e300]
    path = WRITERS[name](tmp_path / name, [HEAD, *(["x", WHEN, each] for each in numbers)])
    said = [row.content for row in read_campaign(path, reading=BERLIN).rows]
    assert said[:4] == ["3", "3", "0.25", "-7"]
    assert said[4:] == ["12345678901234500", "1000000000000001", "1.5e+300"]


@pytest.mark.parametrize("error", ["#REF!", "Err:502"])
def test_an_error_that_openoffice_calls_a_number(tmp_path: Path, error: str) -> None:
    path = write_ods(tmp_path / "p.ods", [HEAD, ["x", WHEN, NumberError(error)], ["x", WHEN, 7]])
    campaign = read_campaign(path, reading=BERLIN)
    assert [problem.row for problem in campaign.problems] == [2]
    assert [row.content for row in campaign.rows] == ["7"]


def test_what_looks_like_an_error_in_a_hashtag_is_none(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "p.xlsx", [HEAD, ["x", WHEN, "#WOW!"], ["x", WHEN, "#NAME"]])
    assert len(read_campaign(path, reading=BERLIN).rows) == 2


def test_the_table_may_begin_anywhere(tmp_path: Path) -> None:
    rows: list[list[object]] = [[], [], ["", "", *HEAD], ["", "", "x", WHEN, "a"]]
    (row,) = read_campaign(write_xlsx(tmp_path / "p.xlsx", rows), reading=BERLIN).rows
    assert (row.number, row.content) == (4, "a")
    wrong = [*rows, ["", "", "x", Error("#REF!"), "b"]]
    campaign = read_campaign(write_xlsx(tmp_path / "p.xlsx", wrong), reading=BERLIN)
    assert [(problem.row, problem.where) for problem in campaign.problems] == [(5, "date")]


# ------------------------------------------------------------------ sheets


def test_a_sheet_is_chosen_by_its_name(tmp_path: Path) -> None:
    sheets = {"Plan": [HEAD, ["x", WHEN, "a"]], "Old ones": [HEAD, ["x", WHEN, "b"]]}
    path = write_xlsx(tmp_path / "p.xlsx", sheets=sheets)
    for said in ("Old ones", "old ones "):
        campaign = read_campaign(path, reading=ReadOptions(timezone="UTC", sheet=said))
        assert (campaign.rows[0].content, campaign.warnings) == ("b", ())
    with pytest.raises(CampaignError, match=r"has no sheet 'New'. It has: Plan, Old ones\."):
        read_campaign(path, reading=ReadOptions(sheet="New"))
    with pytest.raises(CampaignError, match=r"has no sheet 'Plans'\. Did you mean 'Plan'\?"):
        read_campaign(path, reading=ReadOptions(sheet="Plans"))


def test_of_several_sheets_the_first_with_a_known_header_is_read(tmp_path: Path) -> None:
    sheets: dict[str, Any] = {"Colours": [["green", "fine"]], "Nothing": []}
    path = write_xlsx(tmp_path / "p.xlsx", sheets=sheets)
    with pytest.raises(CampaignError, match=r"begins .* --sheet Colours or --sheet Nothing\.$"):
        read_campaign(path, reading=BERLIN)
    sheets |= {"Plan": [HEAD, ["x", WHEN, "a"]], "Old": [HEAD, ["x", WHEN, "b"]]}
    campaign = read_campaign(write_xlsx(path, sheets=sheets), reading=BERLIN)
    assert [row.content for row in campaign.rows] == ["a"]
    assert [str(warning) for warning in campaign.warnings] == [
        "file: has 4 sheets; 'Plan' is read (--sheet names it, or another)"
    ]


def test_a_hidden_sheet_is_taken_only_when_it_is_named(tmp_path: Path) -> None:
    sheets = {"Plan": [HEAD, ["x", WHEN, "a"]], "Lists": [["b"]]}
    path = write_xlsx(tmp_path / "p.xlsx", sheets=sheets, hidden="Lists")
    assert read_campaign(path, reading=BERLIN).rows[0].content == "a"
    with pytest.raises(CampaignError, match="has no column 'channel'"):
        read_campaign(path, reading=ReadOptions(sheet="Lists"))


def test_only_spreadsheets_have_sheets_and_only_texts_an_encoding(tmp_path: Path) -> None:
    sheet = write_xlsx(tmp_path / "p.xlsx", [HEAD, ["x", WHEN, "a"]])
    text = tmp_path / "p.csv"
    text.write_text("channel,date,content\n", encoding="utf-8")
    with pytest.raises(CampaignError, match="has no encoding"):
        read_campaign(sheet, reading=ReadOptions(encoding="cp1252"))
    with pytest.raises(CampaignError, match="is not a spreadsheet, so it has no sheet 'Plan'"):
        read_campaign(text, reading=ReadOptions(sheet="Plan"))


# ------------------------------------------------------------------ bad input


def encrypted(path: Path) -> None:
    """The beginning of what Excel makes of a workbook with a password: no zip any more."""
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1_528))


def foreign_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("a.txt", "b")


def locked_document(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("content.xml", b"\x8f\x01")
        packed.writestr("META-INF/manifest.xml", "<a><manifest:encryption-data/></a>")


def broken_zip(path: Path) -> None:
    write_xlsx(path, [HEAD])
    path.write_bytes(path.read_bytes()[:-40])


def broken_xml(path: Path) -> None:
    write_ods(path, [HEAD])
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("content.xml", "<a><b></a>")


def text(path: Path) -> None:
    path.write_text("channel,date\n", encoding="utf-8")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def no_cells(path: Path) -> None:
    write_xlsx(path)


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("p.xlsx", encrypted, "has a password"),
        ("p.ods", locked_document, "has a password"),
        ("p.xlsx", foreign_zip, "cannot be read"),
        ("p.xlsx", broken_zip, "cannot be read"),
        ("p.ods", broken_xml, "cannot be read"),
        ("p.xlsx", text, "cannot be read"),
        ("p.xlsx", empty, "is empty (0 bytes)"),
        ("p.xlsx", no_cells, "is empty: it has no header"),
        ("p.xlsx", Path.mkdir, "is a directory"),
        ("p.ods", lambda _: None, "There is no file"),
        ("p.xls", encrypted, "Save it as CSV"),
        ("p.csv", encrypted, "is not text"),
        ("p.csv", no_cells, "is not text"),
        ("p.jsonl", no_cells, "is not text"),
    ],
)
def test_what_is_no_spreadsheet(
    tmp_path: Path, name: str, make: Callable[[Path], Any], words: str
) -> None:
    path = tmp_path / name
    make(path)
    with pytest.raises(CampaignError) as caught:
        read_campaign(path)
    assert words in str(caught.value)


def test_blank_rows_with_a_format_cost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "p.xlsx"
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet, bold = book.add_worksheet(), book.add_format({"bold": True})
        sheet.write_row(0, 0, HEAD)
        sheet.write_row(1, 0, ["x", "2027-01-15 09:00", "a"])
        for row in range(2, 60_000):
            sheet.write_blank(row, 0, None, bold)
    assert len(sheet_rows(path)) == 2
    assert len(sheet_rows(write_ods(tmp_path / "p.ods", [HEAD]))) == 1


def test_one_cell_in_the_last_corner_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "p.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEAD)
        sheet.write_string(1_048_575, 16_383, "stray")
    with pytest.raises(CampaignError, match="cell XFD1048576 is filled, far from the others"):
        read_campaign(path)


def test_a_workbook_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "p.xlsx", [HEAD, ["x", WHEN, "a"]])
    reading = open_sheet(path, None, lambda _: True, seconds=0.0)
    with pytest.raises(CampaignError, match=r"p\.xlsx cannot be read: .* Save it as CSV"), reading:
        pass


def test_the_other_process_gets_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTIZ_API_KEY", "secret-words-of-a-key")
    reader = tmp_path / "reader"
    seen = tmp_path / "seen"
    reader.write_text(f'#!/bin/sh\n(env; echo "$@") > {seen}\n', encoding="utf-8")
    reader.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(reader))
    path = write_xlsx(tmp_path / "p.xlsx", [HEAD])
    with pytest.raises(CampaignError, match="cannot be read"):
        read_campaign(path)
    assert "sheet_reader" in seen.read_text("utf-8")
    assert "secret" not in seen.read_text("utf-8")


def test_wide_and_long_sheets_whose_cells_are_near_are_read(tmp_path: Path) -> None:
    row = [*HEAD, *(f"note {n}" for n in range(60))]
    path = write_xlsx(tmp_path / "p.xlsx", [row, ["x", WHEN, "a", *(["b"] * 60)]])
    reading = ReadOptions(timezone="UTC", columns=dict.fromkeys(row[3:], ""))
    assert len(read_campaign(path, reading=reading).rows) == 1


@both
def test_a_cell_that_is_merged_with_the_one_above_is_a_problem(tmp_path: Path, name: str) -> None:
    rows = [
        HEAD,
        [Down("x", 3), Down(WHEN, 2), "a"],
        [COVERED, COVERED, "b"],
        [COVERED, WHEN + timedelta(days=1), "c"],
        ["mastodon", WHEN, "d"],
    ]
    campaign = read_campaign(WRITERS[name](tmp_path / name, rows), reading=BERLIN)
    assert [(row.channel, row.content) for row in campaign.rows] == [("x", "a"), ("mastodon", "d")]
    why = "is merged with the cell above (split the merged cells, and fill in each)"
    assert faults(campaign) == [
        f"row 3, channel: {why}",
        f"row 3, date: {why}",
        f"row 4, channel: {why}",
    ]


@both
def test_rows_that_merged_cells_cover_completely_are_none(tmp_path: Path, name: str) -> None:
    rows = [HEAD, [Down("x", 3), Down(WHEN, 3), Down("a", 3)], [COVERED] * 3, [COVERED] * 3]
    campaign = read_campaign(WRITERS[name](tmp_path / name, rows), reading=BERLIN)
    assert [row.number for row in campaign.rows] == [2]
    assert campaign.problems == ()


@both
def test_comments_are_no_part_of_their_cells(tmp_path: Path, name: str) -> None:
    rows = [HEAD, [Noted("x", "Anna: really?"), WHEN, Noted("a", "Too short")], ["x", WHEN, "b"]]
    path = WRITERS[name](tmp_path / name, rows)
    found = [list(map(cell_text, line.cells)) for line in sheet_rows(path)]
    assert found[1] == ["x", "2027-01-15 09:00", "a"]


# ------------------------------------------------------------------ .xls


def test_an_old_workbook_is_read_as_the_others_are(tmp_path: Path) -> None:
    path, book = tmp_path / "p.xls", xlwt.Workbook()
    other, sheet = book.add_sheet("Other"), book.add_sheet("Plan")
    other.write(0, 0, 0.5, xlwt.easyxf(num_format_str="0%"))
    for column, name in enumerate([*HEAD, "ref"]):
        sheet.write(0, column, name)
    form = xlwt.easyxf(num_format_str="dd.mm.yyyy hh:mm")
    cells: list[tuple[object, Any]] = [
        ("plain", None),
        (12, None),
        (0.25, xlwt.easyxf(num_format_str="0%")),
        (1234, xlwt.easyxf(num_format_str="#,##0.00")),
        (xlwt.Formula("1/0"), None),
    ]
    for row, (cell, style) in enumerate(cells, 1):
        sheet.write(row, 0, "x")
        sheet.write(row, 1, WHEN, form)
        sheet.write(row, 2, cell, *([style] if style else []))
        sheet.write(row, 3, row)
    sheet.write(6, 0, "x")
    sheet.write(6, 1, WHEN, form)
    sheet.row(6).set_cell_error(2, "#REF!")
    sheet.write_merge(7, 8, 0, 0, "x")
    sheet.write(7, 1, WHEN, form)
    sheet.write(7, 2, "top")
    sheet.write(8, 2, "below")
    book.save(path)
    unsaid, failed = b"\3\0\0\0\0\0\xff\xff", b"\2\0\7\0\0\0\xff\xff"  # as Excel keeps #DIV/0!
    path.write_bytes(path.read_bytes().replace(unsaid, failed))
    reading = ReadOptions(timezone="Europe/Berlin", sheet="Plan")
    campaign = read_campaign(path, reading=reading)
    assert [row.content for row in campaign.rows] == ["plain", "12", "top"]
    assert [fault.partition(" (")[0] for fault in faults(campaign)] == [
        "row 4, content: is 0.25 in the file, which the spreadsheet shows as '0%'",
        "row 5, content: is 1234 in the file, which the spreadsheet shows as '#,##0.00'",
        "row 6, content: is #DIV/0!, an error of the spreadsheet",
        "row 7, content: is #REF!, an error of the spreadsheet",
        "row 9, channel: is merged with the cell above",
    ]


def test_days_without_times_say_what_to_do(tmp_path: Path) -> None:
    days = [["x", date(2027, 1, 15 + n), f"{n}"] for n in range(3)]
    path = write_xlsx(tmp_path / "p.xlsx", [HEAD, *days])
    campaign = read_campaign(path, reading=BERLIN)
    assert campaign.rows == ()
    assert faults(campaign) == [
        f"row {row}, date: has no time (write it after the day, add a column of times, or "
        "say --default time=09:00)"
        for row in (2, 3, 4)
    ]
    reading = ReadOptions(timezone="UTC", defaults={"time": "09:00"})
    assert [row.date.hour for row in read_campaign(path, reading=reading).rows] == [9, 9, 9]


@both
def test_a_day_among_moments_is_midnight_with_a_warning(tmp_path: Path, name: str) -> None:
    path = WRITERS[name](
        tmp_path / name,
        [HEAD, ["x", WHEN, "a"], ["x", datetime(2027, 1, 16), "b"]],  # noqa: DTZ001
    )
    campaign = read_campaign(path, reading=ReadOptions(timezone="UTC"))
    assert [row.date.hour for row in campaign.rows] == [9, 0]
    (warning,) = campaign.warnings
    assert str(warning).startswith("row 3, date: has no time, and is taken for midnight (write")


@both
def test_an_empty_cell_in_a_column_of_times_is_not_midnight(tmp_path: Path, name: str) -> None:
    day = date(2027, 1, 16)
    rows = [["x", day, "a", time(9, 30)], ["x", day, "b", time()], ["x", day, "c", ""]]
    path = WRITERS[name](tmp_path / name, [[*HEAD, "time"], *rows])
    campaign = read_campaign(path, reading=ReadOptions(timezone="UTC"))
    assert [str(problem) for problem in campaign.problems] == [
        "row 4, time: is empty (fill it in, or say --default time=09:00)"
    ]
    assert [f"{row.date:%H:%M}" for row in campaign.rows] == ["09:30", "00:00"]
    assert campaign.warnings == ()


# ------------------------------------------------------------------ laws

_texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=30,
).filter(lambda text: text.strip() == text and "  " not in text)
_cells = (
    _texts
    | st.booleans()
    | st.integers(-(10**9), 10**9).map(float)
    | st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(  # noqa: DTZ001
        lambda moment: moment.replace(microsecond=0)
    )
    | st.times().map(lambda moment: moment.replace(microsecond=0))
)


@fewer
@given(cells=st.lists(_cells, min_size=1, max_size=8), name=st.sampled_from(list(WRITERS)))
def test_any_cells_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, cells: list[object], name: str
) -> None:
    path = WRITERS[name](tmp_path_factory.mktemp("sheets") / name, [cells])
    ((number, read),) = sheet_rows(path)
    assert number == 1
    assert [cell_text(cell) for cell in read] == [cell_text(_midnight(cell)) for cell in cells]


def _midnight(cell: object) -> object:
    """A date at midnight is a day in a workbook, which does not know the difference."""
    is_whole = isinstance(cell, datetime) and not (cell.hour or cell.minute or cell.second)
    return cell.date() if is_whole and isinstance(cell, datetime) else cell


@fewer
@given(moment=st.datetimes(datetime(2027, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001
def test_dates_are_exact_to_the_second(
    tmp_path_factory: pytest.TempPathFactory, moment: datetime
) -> None:
    whole = moment.replace(microsecond=0) + timedelta(seconds=moment.hour == 0)
    path = write_xlsx(tmp_path_factory.mktemp("sheets") / "p.xlsx", [HEAD, ["x", whole, "a"]])
    (row,) = read_campaign(path, reading=ReadOptions(timezone="UTC")).rows
    assert row.date.replace(tzinfo=None) == whole


@both
def test_a_date_with_a_time_needs_no_column_of_times(tmp_path: Path, name: str) -> None:
    rows = [["x", WHEN, "a", time(9, 30)], ["x", WHEN, "b", "10:00"], ["x", WHEN, "c", None]]
    path = WRITERS[name](tmp_path / name, [[*HEAD, "time"], *rows])
    campaign = read_campaign(path, reading=ReadOptions(timezone="UTC", defaults={"time": "09:30"}))
    says = "time: says the time, and so does the date 2027-01-15 09:00"
    assert faults(campaign) == [f"row {row}, {says}" for row in (2, 3)]
    assert [(row.content, f"{row.date:%H:%M}") for row in campaign.rows] == [("c", "09:00")]


# ------------------------------------------------------------------ damage

DAMAGE = {
    "a version of zip that nobody knows": (6, b"\xff\xff"),
    "a password": (8, b"\x01\x00"),
    "a patch": (8, b"\x20\x00"),
    "an unknown compression": (10, b"\x63\x00"),
    "fewer bytes than there are": (20, b"\x05\0\0\0"),
    "another sum": (16, b"\0\0\0\0"),
    "another place": (42, b"\xff\xff\xff\x7f"),
}
"""Of the entries of a zip file: where something else stands, and what."""


@both
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_spreadsheet_is_named(tmp_path: Path, name: str, damage: str) -> None:
    path = WRITERS[name](tmp_path / name, [HEAD, ["x", WHEN, "a"]])
    data = bytearray(path.read_bytes())
    spot, value = DAMAGE[damage]
    entry = data.find(b"PK\x01\x02")
    while entry != -1:
        data[entry + spot : entry + spot + len(value)] = value
        entry = data.find(b"PK\x01\x02", entry + 4)
    path.write_bytes(data)
    with pytest.raises(CampaignError) as caught:
        read_campaign(path, reading=ReadOptions(timezone="UTC"))
    assert str(caught.value).startswith(f"{path} ")


@both
@fewer
@given(at=st.integers(min_value=8), value=st.integers(0, 255))
def test_a_spreadsheet_with_a_wrong_byte_is_read_or_named(name: str, at: int, value: int) -> None:
    with TemporaryDirectory() as folder:
        path = WRITERS[name](Path(folder) / name, [HEAD, ["x", WHEN, "a"]])
        data = bytearray(path.read_bytes())
        data[8 + at % (len(data) - 8)] = value
        path.write_bytes(data)
        with suppress(CampaignError):
            read_campaign(path, reading=ReadOptions(timezone="UTC"))


def test_a_spreadsheet_whose_parts_lie_elsewhere_cannot_be_read(tmp_path: Path) -> None:
    """Python says so with an error of the operating system, newer ones with another."""
    path = tmp_path / "p.ods"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("content.xml", "<office/>")
    data = bytearray(path.read_bytes())
    data[-6] += 1  # where the list of parts begins
    path.write_bytes(data)
    with pytest.raises(CampaignError, match="cannot be read"):
        read_campaign(path, reading=ReadOptions(timezone="UTC"))
