"""The command that fills empty dates in."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_lab import Cli
from processes import Server

pytestmark = pytest.mark.usefixtures("server")
TABLE = "Datum;Kanal;Text\n;mastodon;eins\n18.01.2031 09:00;mastodon;zwei\n;x;drei\n"
SLOTS = ("--slots", "mon-fri 9:00", "--channel-slots", "x=sat 11:00", "--start", "2031-01-16")


def test_a_table_without_dates_is_filled_in_and_run(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    table, new = tmp_path / "table.csv", tmp_path / "new.csv"
    table.write_text(TABLE, encoding="utf-8")
    berlin = ("--timezone", "Europe/Berlin")
    planned = cli("plan", table, *berlin)
    assert planned.code == 2
    assert "the command postiz-async dates fills in free times" in " ".join(planned.err.split())
    done = cli("dates", table, *SLOTS, *berlin, "-o", new)
    assert done.code == 0
    assert "row 2: mastodon, Thu 16 Jan 2031 09:00 Europe/Berlin" in done.out
    assert "row 4: x, Sat 18 Jan 2031 11:00 Europe/Berlin" in done.out
    assert f"plan {new} --timezone Europe/Berlin" in " ".join(done.out.split())
    assert table.read_text(encoding="utf-8") == TABLE
    assert "18.01.2031 09:00,mastodon,zwei\n" in new.read_text(encoding="utf-8-sig")
    before = server.state["creates"]
    assert cli("run", new, *berlin).code == 0
    again = cli("dates", table, *SLOTS, *berlin, "-o", tmp_path / "other.csv", "--json")
    assert [each["date"] for each in again.document["rows"]] == [
        "2031-01-17T09:00:00+01:00",
        "2031-01-25T11:00:00+01:00",
    ]
    assert server.state["creates"] == before + 3  # of three moments


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ((), 'Say when posts are published: --slots "mon-fri 9:00'),
        (("--slots", "9"), "--slots is '9': '9' at character 1 is neither a day"),
        (("--slots", "9:00", "--channel-slots", "x"), "--channel-slots is 'x'; write it like"),
        (("--slots", "9:00", "--channel-slots", "nobody=9:00"), "there is no channel 'nobody'"),
        (("--slots", "9:00", "-o", "{table}"), "table.csv is there already. Name a new file."),
        (("--slots", "9:00", "-o", "new.xlsx"), "new.xlsx would be no CSV file; name it .csv."),
        (("--slots", "9:00", "-o", "{folder}/a/b.csv"), "cannot be written: No such file"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    cli: Cli, tmp_path: Path, more: tuple[str, ...], words: str
) -> None:
    table = tmp_path / "table.csv"
    table.write_text(TABLE, encoding="utf-8")
    said = [each.format(table=table, folder=tmp_path) for each in more]
    given = said if "-o" in said else [*said, "-o", str(tmp_path / "new.csv")]
    wrong = cli("dates", table, *given)
    assert wrong.code == 2
    assert words in " ".join(wrong.err.split())
    assert list(tmp_path.glob("*.csv")) == [table]


def test_options_beside_the_table_go_with_it(cli: Cli, tmp_path: Path) -> None:
    table, new = tmp_path / "table.csv", tmp_path / "new.csv"
    table.write_text("When,channel,content\n,x,a\n", encoding="utf-8")
    options = 'timezone = "Asia/Tokyo"\n[columns]\nWhen = "date"\n'
    table.with_suffix(".toml").write_text(options, encoding="utf-8")
    done = cli("dates", table, "--slots", "9:00", "--start", "2031-01-16", "-o", new)
    assert "row 2: x, Thu 16 Jan 2031 09:00 Asia/Tokyo" in done.out
    assert f"Copy {table.with_suffix('.toml')} to {new.with_suffix('.toml')} before" in " ".join(
        done.out.split()
    )
