"""`docs/sandbox.md`: its scripts run as they stand, and what it calls stable is pinned."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from openapi_lab import DOCUMENT
from processes import PATIENCE, child_environment, ended, read_line, start

from postiz_async._cli import local
from postiz_async.testing import Fault, FaultKind, serve_sandbox

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
CHANNEL = "cmmastodon000000000000001"

STABLE = {
    "--port": "4007",
    "--host": "127.0.0.1",
    "--limit": "30",
    "--window": "3600",
    "--speed": "1",
    "--start": "now",
    "--organization": "one",
    "--api-key": "sandbox",
    "--oauth-app": "none",
    "--fault": "none",
    "--release": "HEAD",
    "--seed": "0",
    "--sample": "none",
    "--json": "no",
}
"""The options and their defaults. Who changes one says in the changelog what to do."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def table(title: str) -> str:
    """The rows of the table whose first column has this title."""
    return PAGE[PAGE.index(f"| {title} |") :].partition("\n\n")[0]


def codes(title: str) -> list[list[str]]:
    """What stands as code in the first column of a table, row by row."""
    cells = [line.split("|")[1] for line in table(title).splitlines()[2:]]
    return [re.findall(r"`([^`]+)`", cell) for cell in cells]


def test_its_scripts_run(tmp_path: Path) -> None:
    for program in ("bash", "curl"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} on the PATH")
    command = tmp_path / "bin" / "postiz-async"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m postiz_async "$@"\n', "utf-8")
    command.chmod(0o755)
    environment = child_environment(tmp_path)
    environment["PATH"] = f"{command.parent}:{environment['PATH']}"
    begin, calls, fault = blocks("bash")
    script = f"""set -euo pipefail
trap 'kill $!' EXIT
{begin}{calls}
{fault}
curl -fsS "$POSTIZ_API_URL/sandbox/state"
"""
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said, rest = [], done.stdout
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        said.append(value)
        rest = rest[end:].lstrip()
    channels, [created], stored, state = said
    assert CHANNEL in {each["id"] for each in channels}
    assert created["integration"] == CHANNEL
    assert [post["content"] for post in stored["posts"]] == ["Hello"]
    assert (state["creates"], state["refusals"]) == (1, 0)


def test_its_javascript_runs(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on the PATH")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.lstrip("v").partition(".")[0]) < 20:
        pytest.skip(f"Node.js {version.stdout.strip()} is too old for node --test")
    [text] = blocks("javascript")
    file = tmp_path / "posts.test.mjs"
    file.write_text(text, encoding="utf-8")
    with serve_sandbox() as server:
        server.add_channel("mastodon", id=CHANNEL)
        environment = child_environment(tmp_path, server.environment())
        done = subprocess.run(
            [node, "--test", str(file)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "pass 2" in done.stdout
        assert [post.content for post in server.posts] == ["Hello"]
        assert server.refusals == 1


def in_words(default: object) -> str:
    if default is None or default is False:
        return "none" if default is None else "no"
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_the_options_are_those_that_it_calls_stable() -> None:
    said = {"--start": "now", "--organization": "one", "--api-key": "sandbox"}
    taken = inspect.signature(local.sandbox).parameters.items()
    defaults = {f"--{name.replace('_', '-')}": in_words(each.default) for name, each in taken}
    assert defaults | said == STABLE


def test_the_line_that_a_script_waits_for_and_the_end(tmp_path: Path) -> None:
    with ended(start(["sandbox", "--quiet", "--port", "0"], tmp_path, {})) as process:
        line = read_line(process, lambda _: True)
        assert re.fullmatch(
            r"export POSTIZ_API_URL=http://127\.0\.0\.1:\d+ POSTIZ_API_KEY=sandbox "
            r"POSTIZ_SANDBOX_CLOCK=1\n",
            line,
        )
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130


def test_the_document_that_it_prints(tmp_path: Path) -> None:
    with ended(start(["sandbox", "--port", "0", "--json"], tmp_path, {})) as process:
        lines: list[str] = []
        read_line(process, lambda line: lines.append(line) or line == "}\n")
    said = json.loads("".join(lines))
    assert sorted(said) == ["limit", "now", "organizations", "speed", "url", "window"]
    [organization] = said["organizations"]
    assert sorted(organization) == ["channels", "environment", "name"]
    assert len(organization["channels"]) == 13
    assert {tuple(sorted(each)) for each in organization["channels"]} == {
        ("id", "name", "provider")
    }


def test_its_own_routes_are_those_of_the_document() -> None:
    documented = {
        f"{method.upper()} {path}"
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
        if path.startswith("/sandbox/")
    }
    assert {row[0] for row in codes("Route")} == documented


def test_it_has_each_kind_of_fault_and_each_word() -> None:
    assert [row[0] for row in codes("Kind")] == list(get_args(FaultKind))
    words = [word for row in codes("Word") for word in row]
    names = {word.partition("=")[0] for word in words}
    options = {each.name for each in fields(Fault)} - {"kind", "probability"}
    assert names == options | {"20%"}
    for word in words:
        Fault.parse(f"stop:{word}")
