"""`plan --annotations`: what GitHub shows beside the rows, and that no row commands GitHub."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from cli_lab import Cli, write_campaign
from github_runner import read_log
from hypothesis import example, given, strategies as st
from processes import Server
from spreadsheet_files import write_xlsx

from postiz_async._cli.annotations import Annotations
from postiz_async._cli.output import printable

WHEN = "2030-01-15T09:00:00Z"


class Annotation(NamedTuple):
    """One problem as GitHub shows it."""

    level: str
    file: str
    line: int | None
    message: str


def parsed(text: str) -> list[Annotation]:
    """What a runner makes of the text: annotations, and nothing besides."""
    commands, log = read_log(text)
    assert log == []
    return [
        Annotation(
            each.name,
            each.properties["file"],
            int(each.properties["line"]) if "line" in each.properties else None,
            each.message,
        )
        for each in commands
    ]


def annotations(cli: Cli, file: Path, *options: str, code: int = 2) -> list[Annotation]:
    to = file.with_name("annotations")
    result = cli("plan", file, "--annotations", to, *options)
    assert result.code == code, result
    return parsed(to.read_text(encoding="utf-8"))


def test_each_problem_is_at_the_line_on_which_its_row_begins(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    file = write_campaign(
        tmp_path / "c.csv",
        ["mastodon", WHEN, "One\nof three\r\nlines"],
        ["mastodon", "soon", "Row 3"],
        [],
        ["nobody", WHEN, "Row 5"],
    )
    found = annotations(cli, file)
    assert {(each.level, each.file) for each in found} == {("error", file.as_posix())}
    lines = file.read_bytes().split(b"\n")
    for each, (row, said) in zip(found, [(3, b"soon"), (5, b"nobody")], strict=True):
        assert each.message.startswith(f"row {row}, ")
        assert each.line is not None
        assert said in lines[each.line - 1]


def test_what_several_rows_have_is_said_once(cli: Cli, server: Server, tmp_path: Path) -> None:
    rows = [["mastodon", WHEN, f"Row {n}", "nowhere.png"] for n in (2, 3, 4)]
    file = write_campaign(tmp_path / "c.csv", *rows, columns="channel,date,content,media")
    [found] = annotations(cli, file)
    assert found.line == 2
    assert found.message.startswith("3 rows (2-4), media: nowhere.png does not exist")


def test_the_line_of_excel_counts(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text(f"sep=;\n\nchannel;date;content\nmastodon;{WHEN};Fine\nmastodon;soon;Bad\n")
    [found] = annotations(cli, file)
    assert found.line == 5


def test_a_quotation_mark_that_is_never_closed(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text(f'channel,date,content\nmastodon,{WHEN},"a\nb"\nmastodon,{WHEN},"Open\n\n')
    [found] = annotations(cli, file)
    assert found.line == 4
    assert "never closed" in found.message


@pytest.mark.parametrize(("name", "line"), [("c.jsonl", 3), ("c.json", None)])
def test_lines_of_json_are_rows_and_items_of_an_array_are_not(
    cli: Cli, server: Server, tmp_path: Path, name: str, line: int | None
) -> None:
    dates = [WHEN, WHEN, "soon"]
    rows = [
        json.dumps({"channel": "mastodon", "date": date, "content": f"Row {number}"})
        for number, date in enumerate(dates)
    ]
    file = tmp_path / name
    file.write_text("\n".join(rows) if line else "[" + ",\n".join(rows) + "]")
    [found] = annotations(cli, file)
    assert found.line == line
    assert found.message.startswith("row 3, date: ")


def test_a_spreadsheet_has_rows_and_no_lines(cli: Cli, server: Server, tmp_path: Path) -> None:
    rows = [["channel", "date", "content"], ["mastodon", "soon", "Bad"]]
    file = write_xlsx(tmp_path / "c.xlsx", rows)
    [found] = annotations(cli, file)
    assert found.line is None
    assert found.message.startswith("row 2, date: ")


def test_warnings_and_rows_that_would_be_late(cli: Cli, narrow: Server, tmp_path: Path) -> None:
    rows = [["mastodon", f"2027-01-14T09:{n}:00Z", f"Row {n}", "Nowhere"] for n in range(10, 60)]
    file = write_campaign(tmp_path / "c.csv", *rows, columns="channel,date,content,tags")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in narrow.environment.items():
            environment.setenv(name, value)
        found = annotations(cli, file, code=1)
    assert [each.level for each in found] == ["warning", "error"]
    assert found[0].line == 2
    assert "would be late" in found[1].message
    assert found[1].line is not None
    assert found[1].line > 2


def test_a_file_that_cannot_be_read(cli: Cli, server: Server, tmp_path: Path) -> None:
    [found] = annotations(cli, write_campaign(tmp_path / "c.csv", columns="a,b"))
    assert (found.level, found.line) == ("error", None)


def test_nothing_wrong_is_an_empty_file(cli: Cli, server: Server, tmp_path: Path) -> None:
    assert (
        annotations(cli, write_campaign(tmp_path / "c.csv", ["mastodon", WHEN, "x"]), code=0) == []
    )


HOSTILE = [
    "::set-env name=PATH::/tmp",
    "x\n::add-mask::a",
    "x\r::stop-commands::y\r\n::error::z",
    "##[set-output name=a]b",
    "100%0A::warning::no",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_the_text_of_a_row_is_no_command(
    cli: Cli, server: Server, tmp_path: Path, text: str
) -> None:
    file = write_campaign(tmp_path / "c.csv", [text, WHEN, text], ["mastodon", text, text])
    found = annotations(cli, file)
    assert [each.line for each in found] == [2, 2 + len(re.findall("\n", text)) * 2 + 1]


def test_nor_is_the_name_of_a_file(cli: Cli, server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "a,line=7::error"
    folder.mkdir()
    file = write_campaign(folder / "::x 50%.csv", ["mastodon", "soon", "x"])
    [found] = annotations(cli, file)
    assert (found.file, found.line) == (file.as_posix(), 2)


@example("100%0A::warning::a\r\n::error::b", "100%2C,line=1")
@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_text_and_any_name_are_one_command(message: str, name: str) -> None:
    made = Annotations(Path(name.replace("\0", "")))
    made.add("error", message)
    [found] = parsed(made.text)
    assert found.message == printable(message)
    assert found.file == printable(Path(name.replace("\0", "")).as_posix())


def test_below_the_workspace_of_a_runner_files_are_named_from_there(
    cli: Cli, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    (tmp_path / "posts").mkdir()
    monkeypatch.chdir(tmp_path / "posts")
    write_campaign(tmp_path / "posts" / "c.csv", ["mastodon", "soon", "x"])
    to = tmp_path / "annotations"
    assert cli("plan", "c.csv", "--annotations", to).code == 2
    assert [each.file for each in parsed(to.read_text("utf-8"))] == ["posts/c.csv"]
