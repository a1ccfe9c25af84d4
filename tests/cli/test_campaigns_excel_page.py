"""The page for people who come from Excel: its table and its commands, in its order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from cli_lab import Cli
from processes import Server
from spreadsheet_files import write_xlsx

PAGE = (Path(__file__).parents[2] / "docs" / "from-excel.md").read_text(encoding="utf-8")


def test_its_commands_do_what_it_says(
    cli: Cli, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"^\| (ref|easter-\d) \| (.*) \|$", PAGE, re.MULTILINE)
    table = [[first, *rest.split(" | ")] for first, rest in lines]
    assert len(table) == 4
    texts = {row[-1] for row in table[1:]}
    write_xlsx(tmp_path / "plan.xlsx", table)
    commands = re.findall(r"^\$ postiz-async (.*)$", PAGE, re.MULTILINE)
    assert len(commands) == 11
    for line in commands:
        if line.startswith("run plan.xlsx --yes"):
            table[1][-1] = "Our opening hours at easter"
            write_xlsx(tmp_path / "plan.xlsx", table)
        words = shlex.split(line)
        done = cli(*words)
        assert done.code == 0, (line, done)
        stored = {post["content"]: post["state"] for post in server.posts}
        if words[0] == "run" and "--yes" not in words:
            assert texts <= stored.keys()
            assert (tmp_path / "plan.result.csv").is_file()
        if words[0] == "report":
            assert (tmp_path / "plan.report.html").is_file()
        if words[0] == "run" and "--yes" in words:
            assert "Our opening hours at easter" in stored
            assert "Our easter opening hours" not in stored
        if words[0] == "posts":
            state = {"pause": "DRAFT", "resume": "QUEUE"}[words[1]]
            assert stored["Two days to go"] == state
        if words[0] == "undo":
            assert "Nothing was deleted" in done.out
    assert (tmp_path / "dated.csv").is_file()
