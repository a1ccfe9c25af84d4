"""A workbook of 60 rows as people send it, in three formats: nothing wrong of it is stored."""

from __future__ import annotations

import csv
import io
import shlex
import sys
import time as clock
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cli_lab import Cli
from processes import Server
from samples import PNG
from spread import spread
from spreadsheet_files import write_ods, write_xlsx

HEAD = ["Kanal", "Datum", "Uhrzeit", "Text", "Bild", "Erster Kommentar", "Link", "Notiz"]
FIRST = date(2031, 5, 1)
BERLIN = ZoneInfo("Europe/Berlin")
MISTAKES = """\
row 13, Bild: bilder\\mond.png does not exist (it is looked for in {folder})
row 22, Text: post is too long, please fix it (501 of 500 characters on Mastodon, as the server \
counts)  GrünGrünGrünGrünGrünGrünGrünGrünGrünG...
row 61: says the same as row 32, on the same channel at the same moment (delete one, or send \
both with --ignore doubles)"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="TZ is of POSIX")


@pytest.fixture(autouse=True)
def in_berlin(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    del server  # it is there
    monkeypatch.setenv("TZ", "Europe/Berlin")
    clock.tzset()


def plan(folder: Path, *, as_cells: bool) -> list[list[Any]]:
    """The rows below the header: 59 posts and one that was pasted twice."""
    rows: list[list[Any]] = []
    for n in range(59):
        day, hour = FIRST + timedelta(days=n // 2), time(9 if n % 2 == 0 else 15, 30)
        rows.append(
            [
                "mastodon" if n % 2 == 0 else "Northwind News",
                day if as_cells else f"{day.day}.{day.month}.{day.year}",
                hour if as_cells else f"{hour:%H:%M} Uhr",
                f"Schöne Grüße aus {folder.name}, Folge {n + 1}",
                "bilder\\sonne.png" if n % 10 == 1 else "",
                "Mehr dazu im Café" if n % 4 == 0 else "",
                f"https://example.com/folge-{n + 1}" if n % 5 == 0 else "",
                "Anna fragen" if n == 40 else "",
            ]
        )
    rows[11][4] = "bilder\\mond.png"
    rows[20][3] = "Grün" * 125 + "!"
    rows[20][6] = ""
    return [*rows, rows[30]]


def write(folder: Path, name: str, rows: list[list[Any]]) -> Path:
    (folder / "bilder").mkdir(exist_ok=True)
    (folder / "bilder" / "sonne.png").write_bytes(PNG)
    path, table = folder / name, [HEAD, *rows]
    if path.suffix == ".csv":
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=";").writerows(table)
        path.write_bytes(out.getvalue().encode("utf-8-sig"))
        return path
    return write_xlsx(path, table) if path.suffix == ".xlsx" else write_ods(path, table)


@pytest.mark.parametrize(
    "name", spread(["Redaktionsplan.xlsx", "Redaktionsplan.csv", "Redaktionsplan.ods"], every=3)
)
def test_each_mistake_is_one_line_and_nothing_wrong_is_stored(
    cli: Cli, server: Server, tmp_path: Path, name: str
) -> None:
    as_cells = not name.endswith(".csv")
    path = write(tmp_path, name, plan(tmp_path, as_cells=as_cells))
    before = server.state

    first = cli("plan", path)
    assert first.code == 2
    assert "Notiz is not a column of a campaign (row 1)." in first.err
    options = shlex.split(first.err[first.err.index("--column") :])
    assert options == ["--column", "Notiz="]
    for command in ("plan", "run"):
        lines = refused(cli, command, path, *options)
        assert "\n".join(lines) == MISTAKES.format(folder=tmp_path.resolve())
    assert server.state == before | {"requests": server.state["requests"]}, "nothing was stored"

    rows = plan(tmp_path, as_cells=as_cells)[:-1]
    rows[11][4], rows[20][3] = "bilder\\sonne.png", f"Kürzer {tmp_path.name}"
    write(tmp_path, name, rows)
    path.with_suffix(".toml").write_text('[columns]\nNotiz = ""\n', encoding="utf-8")
    told = cli("plan", path)
    assert told.code == 0
    assert "1 May 09:30 to 30 May 2031 09:30 (Europe/Berlin)" in told.out
    assert cli("run", path).code == 0
    posts = [post for post in server.posts if tmp_path.name in post["content"]]
    assert len(posts) == 59
    dates = {datetime.fromisoformat(post["date"]).replace(microsecond=0) for post in posts}
    meant = {datetime.combine(row[1], row[2], BERLIN) for row in plan(tmp_path, as_cells=True)}
    assert dates == meant
    assert sum(len(post["thread"]) for post in posts) == 15
    assert sum("https://example.com/folge-" in post["content"] for post in posts) == 11
    assert sum(len(post["media"]) for post in posts) == 6


def refused(cli: Cli, *command: str | Path) -> list[str]:
    """The problems of a campaign, one a line."""
    result = cli(*command)
    assert result.code == 2
    head, *lines = (line.strip() for line in result.err.splitlines())
    assert head.endswith("nothing was sent:")
    return [line for line in lines if not line.startswith("Correct them")]
