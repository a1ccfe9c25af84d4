"""What is wrong with a campaign is said with row and column before anything is sent."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_lab import Cli, write_campaign
from processes import Server
from spread import spread

LATER = "2027-01-20 09:00Z"
WIDE = "channel,date,timezone,content,media,settings,tags,type,thread"


@pytest.fixture(autouse=True)
def nothing_is_sent(server: Server) -> Iterator[None]:
    before = server.state
    yield
    after = server.state
    assert (after["creates"], after["uploads"]) == (before["creates"], before["uploads"])


def wide(**cells: str) -> list[str]:
    filled = {"channel": "mastodon", "date": LATER, "content": "Hello"} | cells
    return [filled.get(name, "") for name in WIDE.split(",")]


BAD_ROWS = {
    "a date of another order": ({"date": "15/01/2027 09:00"}, "date", "15/01/2027 09:00"),
    "a date that has passed": ({"date": "2020-01-15 09:00Z"}, "date", "has passed"),
    "a day that does not exist": ({"date": "2027-02-30 09:00Z"}, "date", "2027-02-30"),
    "an unknown zone": ({"date": "2027-01-15 09:00", "timezone": "Mars/X"}, "timezone", "Mars/X"),
    "a skipped hour": (
        {"date": "2027-03-28 02:30", "timezone": "Europe/Berlin"},
        "date",
        "2027-03-28 02:30",
    ),
    "an unknown channel": ({"channel": "mastodonn"}, "channel", "'mastodon'"),
    "a misspelt name": ({"channel": "Northwind Newz"}, "channel", "'Northwind News'"),
    "a missing file": ({"media": "none.jpg"}, "media", "none.jpg does not exist"),
    "a folder as medium": ({"media": "."}, "media", "directory"),
    "no text": ({"content": ""}, "content", "neither text nor media"),
    "settings that are no JSON": ({"settings": "{"}, "settings", "JSON"),
    "an unknown type": ({"type": "later"}, "type", "later"),
    "a thread that is not a list": ({"thread": '"x"'}, "thread", "list"),
}


@pytest.mark.parametrize("name", spread(BAD_ROWS, every=3))
def test_a_bad_row(cli: Cli, tmp_path: Path, name: str) -> None:
    cells, column, text = BAD_ROWS[name]
    file = write_campaign(tmp_path / "c.csv", wide(), wide(**cells), columns=WIDE)
    for verb in ("plan", "run"):
        result = cli(verb, file)
        assert result.code == 2
        assert result.out == ""
        head, line, *_ = result.err.splitlines()
        assert head == "1 problem, nothing was sent:"
        assert line.startswith(f"  row 3, {column}: ")
        assert text in line
    assert not file.with_suffix(".journal").exists()


def test_problems_for_programs(cli: Cli, tmp_path: Path) -> None:
    file = write_campaign(
        tmp_path / "c.csv",
        ("mastodon", "15/01/2027 09:00", "Hello"),
        ("mastodonn", LATER, "Hello"),
    )
    for verb in ("plan", "run"):
        result = cli(verb, file, "--json")
        assert result.code == 2
        problems = result.document["problems"]
        assert [(p["row"], p["where"]) for p in problems] == [(2, "date"), (3, "channel")]
        assert all(
            set(p) == {"row", "where", "message", "hint", "severity", "stage"} for p in problems
        )
        assert "15/01/2027" in problems[0]["message"]
        assert "'mastodon'" in problems[1]["hint"]


def test_all_problems_at_once_but_no_flood(cli: Cli, tmp_path: Path) -> None:
    rows = [(f"mastodon {n}", LATER, "Hello") for n in range(1, 71)]
    file = write_campaign(tmp_path / "c.csv", *rows)
    result = cli("plan", file)
    assert result.err.splitlines()[0] == "70 problems, nothing was sent:"
    assert result.err.splitlines()[-1] == "  ... and 20 more (--json has all)"
    assert len(cli("plan", file, "--json").document["problems"]) == 70


def test_an_unknown_column(cli: Cli, tmp_path: Path) -> None:
    columns = "channel,date,content,medai"
    row = ("mastodon", LATER, "Hello", "x.jpg")
    file = write_campaign(tmp_path / "c.csv", row, columns=columns)
    result = cli("run", file)
    assert result.code == 2
    assert result.err.rstrip().endswith(
        "medai is not a column of a campaign (row 1). Say what is "
        "meant, or NAME= to leave it out: --column medai=media"
    )


def test_a_missing_column(cli: Cli, tmp_path: Path) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "Hello"), columns="channel,content")
    result = cli("run", file)
    assert result.code == 2
    assert "no column 'date' (row 1)" in result.err


def test_a_row_with_too_many_cells(cli: Cli, tmp_path: Path) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", LATER, "Hello", "a comma too many"))
    result = cli("run", file)
    assert result.code == 2
    assert "row 2, columns: has 4 cells" in result.err


def test_another_encoding_is_a_problem_that_says_what_to_type(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    rows = "".join(f"mastodon,{LATER},café {n}\n" for n in range(9))
    file.write_bytes(f"channel,date,content\n{rows}".encode("cp1252"))
    result = cli("plan", file)
    assert result.code == 2
    assert "9 rows (2-10), content: is not UTF-8" in result.err
    assert "--encoding cp1252" in result.err
    assert cli("plan", file, "--encoding", "cp1252").code == 0


def test_rows_of_two_encodings_are_named(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    line = f"mastodon,{LATER},café\n"
    file.write_bytes(b"channel,date,content\n" + line.encode() + line.encode("latin-1"))
    result = cli("run", file)
    assert result.code == 2
    assert "not UTF-8" in result.err
    assert "row 3, content" in result.err
    assert "at character 4" in result.err


@pytest.mark.parametrize("data", [b"", b"\n", b"channel,date,content\n", b"\xef\xbb\xbf"])
def test_a_file_without_rows(cli: Cli, tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "c.csv"
    file.write_bytes(data)
    result = cli("run", file)
    assert result.code == 2
    assert str(file) in result.err
    assert "empty" in result.err or "no rows" in result.err


@pytest.mark.parametrize("verb", ["plan", "run", "status"])
def test_a_folder_and_a_file_that_is_not_there(cli: Cli, tmp_path: Path, verb: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for path, text in ((folder, "directory"), (tmp_path / "none.csv", "There is no")):
        result = cli(verb, path)
        assert result.code == 2
        if verb != "status":
            assert text in result.err
        assert path.stem in result.err


def test_names_that_steer_a_terminal_do_not(cli: Cli, tmp_path: Path) -> None:
    file = write_campaign(tmp_path / "c.csv", ("\x1b[2Jmastodon", LATER, "Hello"))
    result = cli("run", file)  # the fixture looks for escapes
    assert result.code == 2
    assert "row 2, channel" in result.err


@pytest.mark.parametrize("change", ["a new row", "no file", "another file"])
def test_a_campaign_that_changes_between_plan_and_run(
    cli: Cli, sample: Path, tmp_path: Path, change: str
) -> None:
    picture = tmp_path / "p.png"
    shutil.copy(sample / "steam.gif", picture)
    columns = "channel,date,content,media"
    row = ("mastodon", LATER, "Hello", "p.png")
    file = write_campaign(tmp_path / "c.csv", row, columns=columns)
    assert cli("plan", file).code == 0
    if change == "a new row":
        bad = ("mastodon", "soon", "Hello", "")
        write_campaign(file, row, bad, columns=columns)
    elif change == "no file":
        picture.unlink()
    else:
        picture.write_text("no picture any more")
    result = cli("run", file)
    assert result.code == 2
    expected = "row 3, date" if change == "a new row" else "row 2, media"
    assert expected in result.err


def test_no_good_row_is_left(cli: Cli, tmp_path: Path) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "soon", "Hello"))
    result = cli("run", file, "--skip-invalid")
    assert result.code == 2
    assert "row 2, date" in result.err
    assert not file.with_suffix(".journal").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["plan"],
        ["nonsense"],
        ["plan", "a.csv", "--nonsense"],
        ["plan", "a.csv", "b.csv"],
        ["sandbox", "--speed", "0"],
        ["sandbox", "--speed", "nan"],
        ["sandbox", "--port", "70000"],
        ["sandbox", "--limit", "0"],
        ["sandbox", "--start", "soon"],
        ["demo", "--speed", "inf"],
        ["posts", "list", "--from", "15/01/2027"],
    ],
)
def test_a_command_that_is_not_understood(cli: Cli, words: list[str]) -> None:
    result = cli(*words)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert "--help" in result.err
    assert result.err.count("\n") == 1
    told = cli(*words, "--json") if words[0] in {"plan", "run"} else None
    if told is not None:
        assert told.error["type"] == "UsageError"
        assert told.out == ""


def test_a_port_that_is_taken(cli: Cli, server: Server) -> None:
    result = cli("sandbox", "--port", server.url.rpartition(":")[2])
    assert result.code == 2
    assert "is in use" in result.err


def test_a_folder_that_the_sample_cannot_be_copied_to(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = cli("sandbox", "--port", "0", "--sample", tmp_path / "file" / "folder")
    assert result.code == 2
    assert "cannot be copied" in result.err


@pytest.mark.parametrize("name", spread([".", "/", "./"], every=3))
@pytest.mark.parametrize("verb", ["plan", "run", "status", "report", "run --journal"])
def test_a_folder_is_no_campaign_and_no_journal(
    cli: Cli, server: Server, tmp_path: Path, verb: str, name: str
) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", LATER, "Hello"))
    command, *option = verb.split()
    result = cli(command, *([file, *option] if option else []), name)
    assert result.code == 2
    assert "is a directory" in result.err


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_a_journal_is_no_campaign(cli: Cli, server: Server, tmp_path: Path, verb: str) -> None:
    file = write_campaign(tmp_path / "c.journal", ("mastodon", LATER, "Hello"))
    result = cli(verb, file)
    assert result.code == 2
    assert "is named as a journal" in result.err


def test_a_plan_tells_what_may_be_regretted(cli: Cli, server: Server, tmp_path: Path) -> None:
    spaced = [("mastodon", LATER, f"Hello{' ' * n}there") for n in range(1, 9)]
    result = cli("plan", write_campaign(tmp_path / "c.csv", *spaced))
    assert result.code == 0
    assert "warning: 7 rows (3-9): says the same as row 2 except for case or spaces" in result.out
    assert result.out.count("says the same") == 1
    document = cli("plan", tmp_path / "c.csv", "--json").document
    assert [each["row"] for each in document["warnings"]] == [*range(3, 10)]


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_media_of_another_folder(
    cli: Cli, server: Server, sample: Path, tmp_path: Path, verb: str
) -> None:
    picture = next(sample.glob("*.png"))
    path = write_campaign(
        tmp_path / "c.csv",
        ("mastodon", "2027-01-20 09:00Z", f"{tmp_path}", str(picture)),
        columns="channel,date,content,media",
    )
    before = server.state
    result = cli(verb, path)
    assert result.code == 2
    said = " ".join((result.err + result.out).split())
    assert "outside of the campaign's folder" in said
    assert "--media-root" in said
    assert server.state == before | {"requests": server.state["requests"]}
    if verb != "run":
        assert cli(verb, path, "--media-root", picture.parent).code == 0


CELL = "a" * 200_000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'mastodon,2027-01-20 09:00Z,"open\nand on',
            "row 2, csv: has a quotation mark that is never",
        ),
        (
            f"mastodon,2027-01-20 09:00Z,{CELL}",
            "row 2, csv: has a cell of more than 131,072 characters",
        ),
        ('mastodon,2027-01-20 09:00Z,"a" b', "row 2, csv: has text after a closing quotation mark"),
    ],
)
def test_a_table_that_cannot_be_split_is_told_in_words(
    cli: Cli, tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"channel,date,content\n{text}\n", encoding="utf-8")
    wrong = cli("plan", path)
    assert wrong.code == 2
    assert words in wrong.err
    assert not {"unexpected end", "field larger", "expected after"} & set(wrong.err.split(": "))


def test_columns_between_pipes_are_told(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"channel|date|content\nmastodon|{LATER}|Hello\n", encoding="utf-8")
    wrong = cli("plan", path)
    assert wrong.code == 2
    assert "separates its columns by |; save it with ; or tabs" in wrong.err
    assert "--column" not in wrong.err


def test_what_a_network_does_not_publish_of_a_thread_is_named_by_its_column(
    cli: Cli, sample: Path, tmp_path: Path
) -> None:
    shutil.copy(sample / "pour-over-guide.png", tmp_path / "p.png")
    cells = {"thread": '["one", "two"]', "media": "p.png", "settings": '{"board": "1"}'}
    row = wide(channel="pinterest", **cells)
    told = cli("plan", write_campaign(tmp_path / "c.csv", row, columns=WIDE))
    for part in ("thread 2", "thread 3"):
        assert f"row 2, {part}: Pinterest does not publish comments" in told.err
    assert "has 3 parts" not in told.err


def test_messages_of_a_command_name_its_options_and_nothing_of_python(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    away = write_campaign(
        tmp_path / "m.csv",
        ("mastodon", LATER, "x", "/etc/hostname"),
        columns="channel,date,content,media",
    )
    assert "allow its folder: --media-root DIR)" in cli("plan", away).err
    said = cli("plan", away, "--json").document["problems"][0]
    assert said["hint"].endswith("allow its folder: --media-root DIR")
    none = cli("status", write_campaign(tmp_path / "n.csv", ("mastodon", LATER, "x")))
    assert "or its journal lies elsewhere (--journal)." in none.err
