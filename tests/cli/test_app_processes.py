"""What can only be seen from outside: signals, terminals, pipes, the demo."""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from cli_lab import Withholding, read_until_stopping, write_campaign
from processes import (
    COMMAND,
    PATIENCE,
    PYTHON,
    ROOT,
    Server,
    child_environment,
    ended,
    read_line,
    start,
    until,
    wait_until,
)
from spread import spread

if sys.platform != "win32":
    from terminals import on_terminal

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")

LATER = "2027-01-20 09:00Z"


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """A first request with sixty posts, and eight more."""
    first = [("mastodon", "2027-01-20 09:00Z", f"Hello {n}") for n in range(60)]
    others = [("mastodon", f"2027-01-2{n} 09:00Z", "Good morning") for n in range(1, 9)]
    return write_campaign(tmp_path / "c.csv", *first, *others)


@on_posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_lets_requests_in_flight_end(
    withholding: tuple[Withholding, dict[str, str]], long: Path, home: Path, number: signal.Signals
) -> None:
    sandbox, environment = withholding
    with ended(start(["run", str(long), "--json"], home, environment)) as process:
        await until(lambda: sandbox.creates)
        process.send_signal(number)
        err = await asyncio.to_thread(read_until_stopping, process.stderr)
        sandbox.may_answer.set()
        out, rest = await asyncio.to_thread(process.communicate, PATIENCE)
        err += rest
    assert process.returncode == 128 + number
    assert "Stopping: requests in flight end first. Ctrl-C again ends at once." in err
    assert "Stopped: 60 stored, 8 planned of 68 rows. Run the same command again" in err
    assert "Traceback" not in err
    document = json.loads(out)
    assert document["complete"] is False
    assert document["counts"] == {"stored": 60, "planned": 8}
    assert len(sandbox.posts) == 60


@on_posix
async def test_a_second_signal_ends_at_once(
    withholding: tuple[Withholding, dict[str, str]], long: Path, home: Path
) -> None:
    sandbox, environment = withholding
    with ended(start(["run", str(long)], home, environment)) as process:
        await until(lambda: sandbox.creates)
        process.send_signal(signal.SIGINT)
        await asyncio.to_thread(read_until_stopping, process.stdout)
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.to_thread(process.communicate, PATIENCE)
    assert process.returncode == 130, "although nothing was answered"
    assert "Traceback" not in out + err
    with ended(start(["status", str(long), "--json"], home, {})) as asked:
        document = json.loads(asked.communicate(timeout=PATIENCE)[0])
    assert document["counts"] == {"sending": 60, "planned": 8}


@on_posix
def test_a_signal_while_the_quota_is_waited_for(narrow: Server, tmp_path: Path, home: Path) -> None:
    rows = [("mastodon", f"2027-01-2{n} 09:00Z", "Hello") for n in range(1, 9)]
    file = write_campaign(tmp_path / "c.csv", *rows)
    with ended(start(["run", str(file)], home, narrow.environment)) as process:
        wait_until(lambda: narrow.state["posts"] >= 1, "the first is stored")
        with ended(start(["status", str(file)], home, {})) as asked:
            seen, _ = asked.communicate(timeout=PATIENCE)
        assert asked.returncode == 1
        assert " of 8 rows; " in seen
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err == ""
    assert "\x1b" not in out
    assert re.search(r"Stopped: \d stored, \d planned of 8 rows\.", out)
    assert narrow.state["refusals"] == 0


@on_posix
def test_the_sandbox_ends_with_a_signal(home: Path) -> None:
    with ended(start(["sandbox", "--port", "0"], home, {})) as process:
        read_line(process, lambda line: "POSTIZ_API_URL=" in line)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert (out, err) == ("", "Stopped.\n")


@on_posix
def test_bars_on_a_terminal(calm: Server, sample: Path, tmp_path: Path, home: Path) -> None:
    journal = tmp_path / "of-the-sample.journal"
    words = ["run", sample / "campaign.csv", "--journal", journal]
    environment = child_environment(home, calm.environment)
    told = on_terminal(words, environment, columns=80, anew=True)
    assert told.code == 0
    lines = re.split(r"[\r\n]+", told.text)
    last = lines[max(n for n, line in enumerate(lines) if line.startswith("uploads")) :]
    assert "17/17 files" in last[0]
    assert last[1].startswith("requests")
    assert re.search(r"94/94 +all sent", last[1])
    assert re.search(r"posts .* 225 stored", last[2])
    assert re.search(r"quota .* 99,\d{3} of 100,000 left, next window in [0-9:]+", last[3])
    assert last[4] == "225 stored of 225 rows; 94 create requests spent."
    assert max(len(line) for line in lines) <= 80 + len(str(tmp_path))
    assert told.screen.count("\x1b[?25l") == told.screen.count("\x1b[?25h") == 1


@on_posix
@pytest.mark.parametrize(
    ("extra", "colours", "bars"),
    spread(
        [({"TERM": "dumb"}, False, False), ({"NO_COLOR": "1"}, False, True), ({}, True, True)],
        every=3,
    ),
)
def test_what_a_terminal_can_show(
    server: Server,
    tmp_path: Path,
    home: Path,
    extra: dict[str, str],
    colours: bool,  # noqa: FBT001
    bars: bool,  # noqa: FBT001
) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", LATER, f"Hello {tmp_path}"))
    told = on_terminal(["run", file], child_environment(home, server.environment | extra))
    assert told.code == 0
    screen = told.screen
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]", screen)) is colours
    assert ("uploads" in screen) is bars
    if extra.get("TERM") == "dumb":
        assert "\x1b" not in screen


@on_posix
@pytest.mark.parametrize(
    "arguments", spread([["channels"], ["--help"], ["channels", "--json"]], every=3)
)
def test_a_reader_that_goes_away(server: Server, home: Path, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, *arguments],
        env=child_environment(home, server.environment),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode == 1


def test_an_alphabet_that_the_terminal_lacks(server: Server, tmp_path: Path, home: Path) -> None:
    file = write_campaign(tmp_path / "c.csv", ("カナ", LATER, "Hello"))
    environment = server.environment | {"PYTHONIOENCODING": "ascii"}
    with ended(start(["plan", str(file)], home, environment)) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert out == ""
    assert "row 2, channel: there is no channel '??'" in err
    with ended(start(["plan", str(file), "--json"], home, environment)) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert "カナ" in json.loads(out)["problems"][0]["message"]


COMMANDS = """
import sys
from postiz_async._cli.app import run

words = sys.argv[1:]
while words:
    end = words.index("END")
    assert run(words[:end]) == 0
    sys.stdout.flush()
    sys.stdout.buffer.write(b"\\0")
    words = words[end + 1:]
"""


@on_posix
def test_a_console_without_unicode_in_a_narrow_window(
    server: Server, tmp_path: Path, home: Path
) -> None:
    """What is written to files is UTF-8 all the same, and names of files are what they are."""
    text = "Grüße aus Köln 👍 カフェ"
    file = os.fsdecode("Grüße.csv".encode())  # these bytes, wherever the tests run
    write_campaign(tmp_path / file, ("mastodon", LATER, text))
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    console = {"PYTHONIOENCODING": "cp1252", "COLUMNS": "40"}
    environment = child_environment(home, server.environment | locale | console)
    commands = [
        *("run", file, "END"),
        *("report", file, "--html", "page.html", "END"),
        *("status", file, "--json", "END"),
        *("posts", "list", "--from", "2027-01-20", "--to", "2027-01-21", "--csv", "END"),
    ]
    done = subprocess.run(
        [*PYTHON, "-c", COMMANDS, *commands],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.stderr == b""
    assert done.returncode == 0
    for_people, _, document, table, end = done.stdout.split(b"\0")
    assert end == b""
    said = for_people.decode("cp1252")
    assert "1 stored of 1 row;" in said
    assert "What became of each row: Grüße.result.csv" in said
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert f">{text}<" in page
    assert ">Grüße.csv<" in page
    assert any(post["content"] == text for post in server.posts)
    assert json.loads(document)["campaign"] == "Grüße.csv"
    assert text in table.decode()


WITHOUT_EXTRAS = """
import sys, tomllib
from importlib.machinery import PathFinder
from importlib.metadata import packages_distributions, requires
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

with open(sys.argv.pop(1), "rb") as file:
    lines = tomllib.load(file)["project"]["dependencies"]
needed = set()
while lines:
    each = Requirement(lines.pop())
    name = canonicalize_name(each.name)
    if name not in needed and (each.marker is None or each.marker.evaluate({"extra": ""})):
        needed.add(name)
        lines += requires(name) or ()
hidden = {
    top
    for top, by in packages_distributions().items()
    if not needed.intersection(map(canonicalize_name, by))
} - {"postiz_async"}
assert "pytest" in hidden and not hidden & {"aiohttp", "rich"}

find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: (
    None if name.partition(".")[0] in hidden else find(name, *rest)
)
from postiz_async.__main__ import main
main()
"""


def test_the_demo(home: Path) -> None:
    """It needs the packages that an installation without extras brings, and no others."""
    options = ["--speed", "3600", "--json"]
    done = subprocess.run(
        [*PYTHON, "-c", WITHOUT_EXTRAS, ROOT / "pyproject.toml", "demo", *options],
        env=child_environment(home),
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    err = done.stderr
    assert done.returncode == 0, err
    document = json.loads(done.stdout)
    assert document["complete"] is True
    assert document["counts"] == {"stored": 225}
    assert document["requests"] == 94
    seen = document["sandbox"]
    assert (seen["posts"], seen["creates"], seen["refusals"]) == (225, 94, 0)
    assert seen["uploads"] == 17
    assert seen["hours"] >= 3  # 94 requests at 30 an hour; a slow machine adds some
    assert "Traceback" not in err
    assert "reservation" not in err  # which is over in no time on this clock
    assert not list(home.iterdir())  # it keeps nothing
    shown = picture_of_the_demo()
    for line in err.splitlines()[:3]:
        assert re.search(re.sub(r"\d+", r"\\d+", re.escape(line)), shown), line  # a port, the speed
    assert "225 stored of 225 rows; 94 create requests spent." in shown
    assert "The sandbox holds 225 posts and 17 files; it refused 0 requests (429)." in shown
    for channel, posts in Counter(row["name"] for row in document["rows"]).items():
        assert re.search(rf"{channel} .* {posts}  \d", shown), channel


def picture_of_the_demo() -> str:
    """The lines that docs/images/demo.svg shows in the end."""
    svg = (ROOT / "docs" / "images" / "demo.svg").read_text(encoding="utf-8")
    svg = re.sub(r'<g class="demo-past.*', "", svg)
    lines: dict[str, str] = {}
    for line, words in re.findall(r'<text [^>]* y="([\d.]+)"[^>]*>([^<]*)</text>', svg):
        lines[line] = lines.get(line, "") + html.unescape(words).replace("\xa0", " ")
    return "".join(lines.values())
