"""What a cell says: as it is shown, or a problem that says why it cannot be read so."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from cli_lab import Cli, write_campaign
from processes import Server
from spreadsheet_files import Shown, Uncalculated, write_ods, write_xlsx

WHEN = "2031-05-01T09:00Z"
HEAD = ["channel", "date", "content"]
PERCENT = Shown(0.25, "0%", "25 %")
MONEY = Shown(1234.5, '#,##0.00\\ "€"', "1.234,50 €")
GROUPED = Shown(1234, "#,##0", "1.234")
UNSHOWN = [
    (PERCENT, "is 0.25 in the file, which the spreadsheet shows as '0%'"),
    (MONEY, "is 1234.5 in the file"),
    (GROUPED, "is 1234 in the file"),
]

pytestmark = pytest.mark.usefixtures("server")


def said(result: object) -> str:
    return " ".join(str(result).split())


@pytest.mark.parametrize(("cell", "words"), UNSHOWN)
def test_a_number_of_a_workbook_that_is_shown_otherwise_is_refused(
    cli: Cli, server: Server, tmp_path: Path, cell: Shown, words: str
) -> None:
    path = write_xlsx(tmp_path / "p.xlsx", [HEAD, ["mastodon", WHEN, cell]])
    before = server.state["creates"]
    for command in ("plan", "run"):
        refused = cli(command, path)
        assert refused.code == 2
        assert f"row 2, content: {words}" in said(refused.err)
        assert "format the cells as text" in said(refused.err)
    assert server.state["creates"] == before


@pytest.mark.parametrize("cell", [PERCENT, MONEY, GROUPED])
def test_a_number_of_an_open_document_that_is_shown_otherwise_is_refused(
    cli: Cli, tmp_path: Path, cell: Shown
) -> None:
    refused = cli("plan", write_ods(tmp_path / "p.ods", [HEAD, ["mastodon", WHEN, cell]]))
    assert refused.code == 2
    words = f"is {cell.value} in the file, which the spreadsheet shows as {cell.text!r}"
    assert f"row 2, content: {words}" in said(refused.err)


@pytest.mark.parametrize("name", ["p.xlsx", "p.ods"])
@pytest.mark.parametrize("cell", [True, date(2031, 12, 24)])
def test_what_is_no_text_is_not_sent_as_one(
    cli: Cli, tmp_path: Path, name: str, cell: object
) -> None:
    write = write_xlsx if name.endswith("x") else write_ods
    path = write(tmp_path / name, [HEAD, ["mastodon", WHEN, cell]])
    refused = cli("plan", path)
    assert refused.code == 2
    assert "row 2, content: is " in said(refused.err)
    assert "format the cells as text" in said(refused.err)


@pytest.mark.parametrize("name", ["p.xlsx", "p.ods"])
def test_truth_values_and_plain_numbers_are_fine_where_they_belong(
    cli: Cli, tmp_path: Path, name: str
) -> None:
    write = write_xlsx if name.endswith("x") else write_ods
    head = [*HEAD, "short_link", "repeat_days", "ref"]
    path = write(tmp_path / name, [head, ["mastodon", WHEN, 1234.5, True, 7, 12]])
    assert cli("plan", path, "--ignore", "repeats").code == 0


@pytest.mark.parametrize("name", ["p.xlsx", "p.ods"])
def test_a_formula_without_a_value_is_named_as_one(cli: Cli, tmp_path: Path, name: str) -> None:
    write = write_xlsx if name.endswith("x") else write_ods
    rows = [["mastodon", WHEN, Uncalculated('="a"&"b"')], ["mastodon", Uncalculated("=B2+1"), "b"]]
    refused = cli("plan", write(tmp_path / name, [HEAD, *rows]))
    assert refused.code == 2
    for place in ("row 2, content", "row 3, date"):
        assert f"{place}: is a formula without a value" in said(refused.err)
    assert "open the file in the spreadsheet program and save it" in said(refused.err)
    assert "is missing" not in refused.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Schöne GrÃ¼ÃŸe", "'Ã¼' where 'ü' was meant"),
        ("Itâ€™s here", "'â€™' where '\u2019' was meant"),
        ("Hooray ðŸŽ‰", "'ðŸŽ‰' where '🎉' was meant"),
        ("Frohe Weihnachten ??", "?? where an emoji may have been"),
        ("?? Neu im Laden", "?? where an emoji may have been"),
        ("Gr\ufffd\ufffde", "\ufffd where a letter was"),
    ],
)
def test_letters_that_were_lost_are_warned_of(
    cli: Cli, tmp_path: Path, text: str, words: str
) -> None:
    path = write_campaign(tmp_path / "p.csv", ("mastodon", WHEN, text))
    told = cli("plan", path)
    assert told.code == 0
    assert f"warning: row 2, content: has {words}" in said(told.out)
    assert "--ignore encoding" in said(told.out)
    assert "warning" not in cli("plan", path, "--ignore", "encoding").out


@pytest.mark.parametrize(
    "text",
    [
        "Grüße — “à demain…”",
        "Was??",
        "Il a été…” dit-elle",
        "Ça va ? Oui !",
        "Ñandú ÄÖÜ \u043f\u0440",
        "5 €",
    ],
)
def test_letters_that_are_meant_are_not(cli: Cli, tmp_path: Path, text: str) -> None:
    path = write_campaign(tmp_path / "p.csv", ("mastodon", WHEN, text))
    assert "warning" not in cli("plan", path).out


def test_a_part_of_a_thread_that_lost_its_letters_is_named(cli: Cli, tmp_path: Path) -> None:
    row = ("mastodon", WHEN, "fine", "fine", "GrÃ¼ÃŸe")
    head = "channel,date,content,thread 2,Kommentar 2"
    path = write_campaign(tmp_path / "p.csv", row, columns=head)
    told = cli("plan", path, "--column", "Kommentar 2=thread 3").out
    assert "row 2, Kommentar 2: has 'Ã¼'" in said(told)


@pytest.mark.parametrize("option", ["--column=Notitz=", "--column=Erster Text=content"])
def test_a_column_that_is_mapped_is_named_as_it_was_written(
    cli: Cli, tmp_path: Path, option: str
) -> None:
    path = write_campaign(tmp_path / "p.csv", ("mastodon", WHEN, "Hi"))
    name = option.split("=")[1]
    assert f"has no column {name!r}, which was mapped" in said(cli("plan", path, option).err)


def test_a_mapped_column_is_named_so_in_every_problem(cli: Cli, tmp_path: Path) -> None:
    head = "Kanal,Datum,Beitrag,Erster Kommentar,Notiz"
    rows = [
        ("pinterest", "gestern", "Hi", "", ""),
        ("mastodon", WHEN, "a" * 501, "", ""),
        ("mastodon", WHEN, "fine", "b" * 501, ""),
    ]
    path = write_campaign(tmp_path / "p.csv", *rows, columns=head)
    mapped = ["Kanal=channel", "Datum=date", "Beitrag=content", "Erster Kommentar=thread 2"]
    options = [f"--column={each}" for each in [*mapped, "Notiz="]]
    told = said(cli("plan", path, *options).err)
    for place in ("row 2, Datum", "row 3, Beitrag", "row 4, Erster Kommentar"):
        assert place in told, told


def test_a_channel_that_was_given_a_zone_is_named_as_it_was_written(
    cli: Cli, tmp_path: Path
) -> None:
    path = write_campaign(tmp_path / "p.csv", ("mastodon", WHEN, "Hi"))
    zones = '[timezones]\n"Northwind News" = "Asia/Tokyo"\n'
    (tmp_path / "p.toml").write_text(zones, encoding="utf-8")
    told = cli("plan", path).err
    assert "has no row for 'Northwind News'" in said(told)
