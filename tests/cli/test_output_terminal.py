"""What a person reads on a narrow terminal, and that what is piped stays one line."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st
from rich.console import Console
from rich.text import Text

from postiz_async._campaign.after.report import make_report
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.read.columns import column_options
from postiz_async._cli.after_run import channel_table, show_report, standing
from postiz_async._cli.output import IS_QUIET, Output, column_widths, exit_code_of, print_hanging
from postiz_async._cli.progress import CountDisplay
from postiz_async._delivery.outcomes import RowState
from postiz_async.errors import DeliveryUnknownError, Marks

DATE = datetime(2027, 1, 20, 9, tzinfo=UTC).timestamp()
PATH = "bilder/unterordner/eine-sehr-lange-datei-" + "des-marketings-" * 4 + "1.jpg"
ID = "cmwxm9ipx0000urf9hv9sj0pe"


def terminal(width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)


def lines_of(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def hanging(text: str, width: int = 80, hang: int | None = None) -> list[str]:
    console = terminal(width)
    print_hanging(console, Text(text), hang)
    return lines_of(console)


@given(
    st.lists(st.text("abcdefghij/.", min_size=1, max_size=60), min_size=1, max_size=30),
    st.integers(30, 100),
)
def test_lines_are_indented_and_no_word_is_broken(words: list[str], width: int) -> None:
    lines = hanging(" ".join(words), width)
    assert [word for line in lines for word in line.split()] == words
    for number, line in enumerate(lines):
        assert number == 0 or line.startswith("  ")
        assert len(line) <= width or len(line.split()) == 1 or number == 0


@pytest.mark.parametrize(
    ("text", "hang", "indent"),
    [
        ("A remark that goes on and on and on and on", None, 2),
        ("  row 14, date: has passed and cannot be used any more", None, 4),
        ("     1  of them kept for single posts: a tenth", None, 8),
        ("error    2 rows (2, 6), content: is too long for the network", 9, 9),
    ],
)
def test_where_further_lines_begin(text: str, hang: int | None, indent: int) -> None:
    lines = hanging(text, 40, hang)
    assert len(lines) > 1
    assert {len(line) - len(line.lstrip()) for line in lines[1:]} == {indent}


def test_options_that_are_to_be_pasted_stay_on_one_line() -> None:
    options = column_options({f"Spalte {n}": "content" for n in range(6)} | {"It's": "date"})
    told = f"campaign.csv has no column 'channel' (row 1). Say what they are: {options}, please"
    lines = hanging(told, 60)
    assert sum(options in line for line in lines) == 1
    assert len(lines) > 2
    assert " ".join(line.strip() for line in lines) == told


def test_what_has_several_lines_becomes_one() -> None:
    assert hanging("  one\n\n  two \n") == ["  one two"]
    assert hanging("") == [""]


def test_what_is_piped_stays_one_line() -> None:
    console = Console(file=io.StringIO(), soft_wrap=True, width=80)
    print_hanging(console, Text("word " * 100))
    assert len(lines_of(console)) == 1


@pytest.mark.parametrize("width", [60, 80])
def test_ids_stay_whole_and_texts_stand_below(width: int) -> None:
    output = Output()
    output.out = terminal(width)
    channel = "Stadtwerke Bad Königshofen im Grabfeld, Pressestelle"
    output.table(
        ["date (UTC)", "state", "id", "channel", "text"],
        [
            ("11 Jan 2027 09:00", "PUBLISHED", ID, channel, "Neue Öffnungszeiten " * 9),
            ("12 Jan 2027 09:00", "QUEUE", ID, "🎈 Party 🎈", ""),
        ],
        whole={"date (UTC)", "state", "id"},
        below=True,
    )
    head, first, text, second = lines_of(output.out)
    assert head.split()[:4] == ["date", "(UTC)", "state", "id"]
    assert first.startswith(f"11 Jan 2027 09:00  PUBLISHED  {ID}  St")
    assert first.endswith("…")
    assert text.startswith("  Neue Öffnungszeiten Neue")
    assert text.endswith("…")
    assert second.startswith(f"12 Jan 2027 09:00  QUEUE      {ID}  ")
    assert max(map(len, [head, first, text, second])) <= width


def test_a_wide_terminal_has_all_on_one_line() -> None:
    output = Output()
    output.out = terminal(120)
    output.table(["id", "text"], [(ID, "Hello")], whole={"id"}, below=True)
    assert [line.split() for line in lines_of(output.out)] == [["id", "text"], [ID, "Hello"]]


CHANNELS = [("x", "Northwind on X", ID, "disabled"), ("telegram", "Northwind News", ID, "")]


def test_a_terminal_too_narrow_for_the_words_of_a_table_has_a_line_for_each_cell() -> None:
    output = Output()
    output.out = terminal(40)
    output.table(["provider", "name", "id", ""], CHANNELS)
    assert lines_of(output.out) == [
        "provider  x",
        "name      Northwind on X",
        f"id        {ID}",
        "          disabled",
        "",
        "provider  telegram",
        "name      Northwind News",
        f"id        {ID}",
    ]


def test_ids_that_have_no_room_beside_each_other_do_so_too() -> None:
    output = Output()
    output.out = terminal(40)
    row = ("11 Jan 2027 09:00", "PUBLISHED", ID, "News", "New hours from Monday to Friday")
    columns = ["date (UTC)", "state", "id", "channel", "text"]
    output.table(columns, [row], whole=set(columns[:3]), below=True)
    assert lines_of(output.out)[2:] == [
        f"id          {ID}",
        "channel     News",
        "text        New hours from Monday to",
        "            Friday",
    ]


def test_a_list_of_names_and_values_keeps_its_form() -> None:
    output = Output()
    output.out = terminal(40)
    output.table(["", ""], [("id", ID), ("published at", "https://x.example/" + "9" * 30)])
    assert lines_of(output.out) == [
        f"id            {ID}",
        f"published at  https://x.example/{'9' * 30}",
    ]


@given(
    st.lists(
        st.tuples(*[st.lists(st.text("abc", max_size=12), max_size=9).map(" ".join)] * 3),
        max_size=5,
    ),
    st.sets(st.sampled_from(["a", "b"])),
    st.integers(20, 120),
)
def test_no_word_of_a_table_is_broken(
    rows: list[tuple[str, str, str]], whole: set[str], room: int
) -> None:
    cells = [[Text(cell) for cell in row] for row in rows]
    widths = column_widths(["a", "b", "text"], cells, whole, room)
    least = [
        max([len(name), *(len(part) for row in rows for part in parts(row[place], name in whole))])
        for place, name in enumerate(["a", "b", "text"])
    ]
    if widths is None:
        assert sum(max(10, each) for each in least) + 4 > room
    else:
        assert sum(widths) + 4 <= room
        assert all(width >= each for width, each in zip(widths, least, strict=True))


def parts(cell: str, is_whole: object) -> list[str]:
    return [cell] if is_whole else cell.split()


def record(number: int, state: RowState, **more: object) -> RowRecord:
    date = DATE + number * 60
    return RowRecord(f"r{number}", number, "f", "c1", date, state, **more)  # type: ignore[arg-type]


def told(*rows: RowRecord) -> list[str]:
    output = Output()
    output.out = output.notes = terminal()
    show_report(output, make_report(rows, 3), UTC)
    return lines_of(output.out)


def test_a_reason_is_said_once_with_its_rows() -> None:
    why = f"{PATH} is not there any more"
    refused = [record(n, RowState.REFUSED, note=why, name="News") for n in (3, 4, *range(7, 17))]
    gone = record(5, RowState.STORED, finding=Finding.DELETED, remark="deleted in Postiz")
    lines = told(*refused, gone, record(6, RowState.STORED))
    assert lines == [
        "refused  12 rows (3, 4, 7-16), News, 20 Jan 09:03 to 20 Jan 2027 09:16 (UTC):",
        f"  {PATH}",
        "  is not there any more",
        "deleted  row 5, c1, Wed 20 Jan 2027 09:05 UTC: deleted in Postiz",
        "Postiz refused the post, in these words. Correct the row in the campaign file",
        "  and run the campaign again; only what is not stored is sent.",
        "1 stored, 12 refused, 1 deleted of 14 rows; 3 create requests spent.",
    ]


def test_each_row_counts_once() -> None:
    rows = [
        *(record(n, RowState.STORED, name="News") for n in range(220)),
        record(221, RowState.STORED, name="News", finding=Finding.EDITED),
        record(222, RowState.STORED, name="News", finding=Finding.DELETED),
        record(223, RowState.PUBLISHED, name="News", finding=Finding.DELETED),
        replace(record(224, RowState.STORED, name="Old", finding=Finding.HIDDEN), channel="c2"),
        record(225, RowState.FAILED, name="news"),
    ]
    output = Output()
    output.out = terminal()
    channel_table(output, rows)
    assert [line.split() for line in lines_of(output.out)] == [
        ["channel", "stored", "failed", "deleted", "hidden"],
        ["News", "221", "1", "2", "-"],
        ["Old", "-", "-", "-", "1"],
    ]
    assert standing(make_report(rows, 3)) == (
        "221 stored, 1 failed, 2 deleted, 1 hidden of 225 rows; 1 edited"
    )


def test_after_a_lost_answer_the_command_that_looks_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    marks = Marks(datetime(2027, 1, 31, 23, 59, tzinfo=UTC), ("c1",))
    lost = DeliveryUnknownError("The answer to a create of 1 post was lost.", marks=marks)
    Output().error(lost, exit_code_of(lost))
    assert exit_code_of(lost) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: The answer to a create of 1 post was lost.",
        "  On the command line: postiz-async posts list --from 2027-01-31 --to 2027-01-31",
    ]


@pytest.mark.parametrize(
    ("states", "text"),
    [
        ((), "0 stored of 0 rows"),
        ((RowState.PLANNED, RowState.STORED), "1 stored, 1 planned of 2 rows"),
        ((RowState.REFUSED,), "0 stored, 1 refused of 1 row"),
        ((RowState.PUBLISHED, RowState.STORED), "1 stored, 1 published of 2 rows"),
        ((RowState.PUBLISHED, RowState.PUBLISHED), "2 published of 2 rows"),
    ],
)
def test_what_is_stored_comes_first(states: tuple[RowState, ...], text: str) -> None:
    assert standing(make_report(map(record, range(len(states)), states), 1)) == text


def test_many_reasons_are_cut_and_counted() -> None:
    lines = told(*(record(n, RowState.REFUSED, note=f"reason {n // 2}") for n in range(2, 82)))
    assert len(lines) == 34
    assert lines[-4] == "... and 20 rows more (--json has all)"


def test_what_was_found_is_told_in_general_of_many_rows() -> None:
    moved = [record(3, RowState.STORED, finding=Finding.EDITED, remark="moved to noon")]
    equal = [
        record(n, RowState.STORED, finding=Finding.EQUAL, remark=f"another is stored: p{n}")
        for n in range(10, 10 + 200)
    ]
    lines = " ".join(line.strip() for line in told(*moved, *equal))
    assert lines == (
        "stored, edited  row 3, c1, Wed 20 Jan 2027 09:03 UTC: moved to noon "
        "stored, equal  200 rows (10-209), c1, 20 Jan 09:10 to 20 Jan 2027 12:29 (UTC): Somebody "
        "else stored the same text for the same moment. Delete one of the two in Postiz if that "
        "was not meant. (--json has each) "
        "201 stored of 201 rows; 1 edited; 200 equal; 3 create requests spent."
    )


@pytest.mark.parametrize("quiet", [False, True])
async def test_a_count_is_drawn_unless_it_is_to_be_quiet(quiet: bool) -> None:  # noqa: FBT001
    token = IS_QUIET.set(quiet)
    try:
        output = Output()
    finally:
        IS_QUIET.reset(token)
    output.notes = terminal()
    async with CountDisplay(output, "deleted", 3, UTC):
        pass
    assert ("0 of 3 deleted" in "".join(lines_of(output.notes))) is not quiet
