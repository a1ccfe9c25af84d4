"""Files that somebody made to end the process: each is refused in words, and nothing is sent."""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from cli_lab import Cli
from hostile_files import KINDS, document, ods_rows, rows_of, text_cell, workbook, write_hostile
from processes import PATIENCE, PYTHON, ROOT, Server, ended, launch
from spread import spread

READ = [*PYTHON, str(ROOT / "tests" / "fuzz" / "read_hostile.py")]
ALL = 200
PART = 20
MOST = 512
"""MB that a process may take for any of them."""


def outcomes(command: str, files: Sequence[Path]) -> list[Any]:
    """What became of each file, in a process that reads one after the other."""
    with ended(launch([*READ, command, *map(str, files)], os.environ)) as process:
        out, err = process.communicate(PATIENCE)
    found = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 0, (process.returncode, found[-1:], err)
    return [each for each in found if "code" in each]


@pytest.mark.skipif(sys.platform == "win32", reason="it does not tell how much memory is taken")
@pytest.mark.parametrize("part", spread(range(ALL // PART), every=ALL // PART))
@pytest.mark.timeout(1200)  # two commands read many files each, on a machine that may be busy
def test_hostile_files_are_refused(server: Server, tmp_path: Path, part: int) -> None:
    files = list(write_hostile(tmp_path, range(part * PART, (part + 1) * PART)))
    before = server.state
    found = [each for command in ("run", "plan") for each in outcomes(command, files)]
    assert len(found) == 2 * PART
    wrong = {
        each["file"]: each["said"][-500:]
        for each in found
        if each["code"] != 2 or "Traceback" in each["said"] or len(each["said"]) > 50_000
    }
    assert wrong == {}
    assert max(each["peak"] for each in found) < MOST
    assert (server.state["posts"], server.state["creates"]) == (before["posts"], before["creates"])


@pytest.mark.exhaustive
def test_all_kinds_of_hostile_files_are_written(tmp_path: Path) -> None:
    kinds = {
        path.parent.name.partition("-")[2] for path in write_hostile(tmp_path, range(len(KINDS)))
    }
    assert kinds == {kind.__name__ for kind in KINDS}


def only_row(*cells: str) -> bytes:
    return workbook(rows_of(*cells))


FINE = (text_cell("A2", "nowhere"), text_cell("B2", "2031-03-01 09:00Z"))


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        (
            "x.ods",
            document(ods_rows('<text:p>a<text:s text:c="9999999999"/></text:p>')),
            "x.ods cannot be read: it is damaged, too large, no workbook or has a password. Save",
        ),
        (
            "x.ods",
            document(ods_rows('<text:p>a<text:s text:c="200000"/></text:p>')),
            "x.ods cannot be read: cell C2 has more than 131,072 characters. Save it as CSV",
        ),
        (
            "x.ods",
            document(ods_rows(row='table:number-rows-repeated="50000000"')),
            "x.ods cannot be read: cell A50000001 is filled, far from the others. Save it as CSV",
        ),
        (
            "x.xlsx",
            only_row(*FINE, text_cell("XFD1048576", "x")),
            "x.xlsx cannot be read: ",
        ),
        (
            "x.xlsx",
            only_row(*FINE, text_cell("C2", "a" * 140_000)),
            "x.xlsx cannot be read: cell C2 has more than 131,072 characters. Save it as CSV",
        ),
        ("x.docx", b"", "is empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # a file holds when it was made
)
def test_a_refusal_names_the_cell(
    cli: Cli, server: Server, tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    result = cli("plan", path)
    assert result.code == 2
    assert said in result.err


@pytest.mark.parametrize(
    ("name", "folder", "said"),
    [
        ("x.docx", "word/document.xml", "is not text"),
        ("x.xlsx", "word/document.xml", "cannot be read"),
        ("x.csv", "ppt/presentation.xml", "is not text"),
        ("x.json", "xl/workbook.xml", "is not text"),
    ],
)
def test_what_was_given_by_mistake_is_named(
    cli: Cli, server: Server, tmp_path: Path, name: str, folder: str, said: str
) -> None:
    path = tmp_path / name
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(folder, "<a/>")
    result = cli("plan", path)
    assert (result.code, said in result.err) == (2, True), result.err


def test_an_ods_under_the_name_of_an_xlsx_is_read_as_what_it_is(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(document(ods_rows()))
    assert "there is no channel 'nowhere'" in cli("plan", path).err


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such files")
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".xlsx", ".ods"])
def test_what_is_no_file_is_not_waited_for(
    cli: Cli, server: Server, tmp_path: Path, suffix: str
) -> None:
    pipe, folder, device = (tmp_path / f"{name}{suffix}" for name in ("pipe", "folder", "device"))
    os.mkfifo(pipe)
    folder.mkdir()
    device.symlink_to("/dev/zero")
    for path, said in ((pipe, "a pipe"), (device, "a device"), (folder, "is a directory")):
        result = cli("plan", path)
        assert (result.code, said in result.err) == (2, True), result.err


@contextmanager
def each_call(work: Callable[[], None]) -> Iterator[None]:
    """Do something whenever a function of Python is called, in this thread or in a new one.

    Another thread might not get its turn while a file is read.
    """
    before = sys.getprofile()

    def see(_: FrameType, event: str, __: object) -> None:
        if event == "call":
            work()

    threading.setprofile(see)
    sys.setprofile(see)
    try:
        yield
    finally:
        sys.setprofile(before)
        threading.setprofile(before)


def touched(path: Path, times: Iterator[int]) -> None:
    """Give a file a modification time that it has not had."""
    time = next(times)
    os.utime(path, (time, time))


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.xlsx"])
def test_a_file_that_changes_while_it_is_read_is_not_believed(
    cli: Cli, server: Server, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    if name == "x.xlsx":
        path.write_bytes(workbook(rows_of(*FINE)))
    elif name == "x.csv":
        path.write_text("channel,date,content\nnowhere,2031-03-01 09:00Z,a\n")
    else:
        path.write_text('{"channel": "nowhere", "date": "2031-03-01 09:00Z", "content": "a"}\n')
    with each_call(partial(touched, path, itertools.count(1))):
        result = cli("plan", path)
    assert (result.code, "was changed while it was read" in result.err) == (2, True), result.err


@pytest.mark.parametrize(
    "options", ["columns = " + "[" * 9_999, "a = 1" * 999_999, "a = " + "9" * 9_999, "a\0", "pipe"]
)
def test_hostile_options_beside_a_file_are_refused(
    cli: Cli, server: Server, tmp_path: Path, options: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("channel,date,content\nnowhere,2031-03-01 09:00Z,a\n", encoding="utf-8")
    if options != "pipe":
        path.with_suffix(".toml").write_text(options, encoding="utf-8")
    elif sys.platform == "win32":
        pytest.skip("it has no such files")
    else:
        os.mkfifo(path.with_suffix(".toml"))
    result = cli("plan", path)
    assert (result.code, "x.toml, which says how" in result.err) == (2, True), result.err
