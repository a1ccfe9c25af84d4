"""A German spreadsheet of 60 rows: each of its eight mistakes is named in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_lab import Cli
from german_spreadsheet import write_german
from spreadsheet_files import write_xlsx

pytestmark = pytest.mark.usefixtures("server")

AS_IT_IS = ["--column=Folge=thread", "--column=Notiz=", "--timezone=Europe/Berlin"]

MISTAKES = """\
3 rows (6, 8, 10), Kanal: there is no channel 'Mastodn' (did you mean 'mastodon'?)
row 13, Text: is #NAME?, an error of the spreadsheet (repair the formula, or write the text)
row 14, Bild: bilder\\mond.png does not exist (it is looked for in {folder})
row 15, Datum: '31.11.2031' does not exist: November 2031 has no day 31
row 16, Folge: is not a JSON list of texts (write ["Und noch etwas"], or use a column thread 2)
row 17, Uhrzeit: 'abends' is not a time of day (write it like 09:00)
row 18, Text: has neither text nor media (fill it in, or delete the row)
row 19, Datum: has passed (the server would publish it at once; use type now \
if you want that)"""

names = pytest.mark.parametrize("name", ["plan.csv", "plan.xlsx", "plan.ods"])


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


@names
def test_each_mistake_is_named_in_one_line_that_says_what_to_do(
    cli: Cli, tmp_path: Path, name: str
) -> None:
    path = write_german(tmp_path, name)
    result = cli("plan", path, *AS_IT_IS)
    assert result.code == 2
    assert result.out == ""
    head, *found, how = lines_of(result.err)
    assert head == "10 problems, nothing was sent:"
    assert how == "Correct them, or leave these rows out: --skip-invalid"
    assert "\n".join(found) == MISTAKES.format(folder=tmp_path.resolve())


@names
def test_without_its_mistakes_it_is_planned(cli: Cli, tmp_path: Path, name: str) -> None:
    path = write_german(tmp_path, name)
    options = [*AS_IT_IS, "--skip-invalid", "--json"]
    result = cli("plan", path, *options)
    assert result.code == 1
    assert (result.document["posts"], result.document["media_files"]) == (50, 1)


def test_the_sheet_that_is_read_is_named(cli: Cli, tmp_path: Path) -> None:
    head = ["channel", "date", "content"]
    sheets = {"Mai": [head, ["mastodon", "2031-05-01T09:00Z", "a"]], "Juni": [head]}
    path = write_xlsx(tmp_path / "plan.xlsx", sheets=sheets)
    planned = cli("plan", path)
    assert (planned.code, "file: has 2 sheets; 'Mai' is read (--sheet " in planned.out) == (0, True)
    assert "is read" not in cli("plan", path, "--sheet", "Mai").out


def test_options_are_said_once(cli: Cli, tmp_path: Path) -> None:
    path = write_german(tmp_path, "plan.xlsx")
    kept = 'timezone = "Europe/Berlin"\n[columns]\nFolge = "thread"\nNotiz = ""\n'
    (tmp_path / "plan.toml").write_text(kept, encoding="utf-8")
    for command in ("plan", "run"):
        assert lines_of(cli(command, path).err)[0] == "10 problems, nothing was sent:"
    (tmp_path / "plan.toml").write_text(kept.replace("timezone =", "timezon ="), "utf-8")
    result = cli("plan", path)
    assert result.code == 2
    assert "has the unknown key 'timezon'. Did you mean 'timezone'?" in result.err


def test_warnings_stand_beside_errors_and_equal_ones_are_one_line(cli: Cli, tmp_path: Path) -> None:
    head = ["channel", "date", "content", "tags"]
    rows = [["mastodon", f"2031-05-{n:02}T09:00Z", f"text {n}", "zzyzx-1234"] for n in
            range(1, 9)]  # fmt: skip
    rows.append(["mastodn", "2031-05-10T09:00Z", "a", ""])
    path = write_xlsx(tmp_path / "plan.xlsx", [head, *rows])
    result = cli("plan", path)
    assert (result.code, lines_of(result.err)[0]) == (2, "1 problem, nothing was sent:")
    (line,) = lines_of(result.out)
    assert line.startswith("warning: 8 rows (2-9), tags: 'zzyzx-1234' is on no post of the ")
    assert line.endswith(
        "(make what is new in Postiz first; its API has no call for tags; --ignore tags)"
    )
    assert [each["row"] for each in cli("plan", path, "--json").document["warnings"]] == [
        *range(2, 10)
    ]
    assert cli("plan", path, "--ignore", "tags").out == ""
    assert "Choose from" in cli("plan", path, "--ignore", "nonsense").err


def test_a_problem_shows_the_text_below_a_name_of_the_file(cli: Cli, tmp_path: Path) -> None:
    head = ["Kanal", "Datum", "Inhalt"]
    path = write_xlsx(tmp_path / "plan.xlsx", [head, ["x", "2031-05-10T09:00Z", "long " * 90]])
    names = ["Kanal=channel", "Datum=date", "Inhalt=content"]
    err = cli("plan", path, *(word for name in names for word in ("--column", name))).err
    (_, line) = err.splitlines()
    assert "row 2, Inhalt: " in line
    assert "  long long long" in line
