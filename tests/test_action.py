"""The action for GitHub: its steps run here, in place of a runner, against a sandbox."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from cli_lab import write_campaign
from github_runner import Command, read_log
from postgres_server import shared_server, why_no_postgres
from processes import ROOT, child_environment, sandbox_process

from postiz_async._cli.app import app

ACTION: Any = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
PAGE = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
[WORKFLOW] = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
KEY = "sandbox-key-5d1f0c77"
WHEN = "2027-01-20T09:00:00Z"
HOSTILE = "x\n::add-mask::mastodon\n::error::no ##[set-output name=a]b"

needs_bash = pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("bash") is None, reason="the steps are for bash"
)


def test_both_files_fit_their_schemas() -> None:
    found = importlib.util.find_spec("check_jsonschema")
    if found is None or found.origin is None:
        pytest.skip("the group dev has the schemas")
    folder = Path(found.origin).parent / "builtin_schemas" / "vendor"
    workflow = yaml.safe_load(WORKFLOW)
    workflow["on"] = workflow.pop(True)  # YAML 1.1 takes `on` for it
    for name, document in {"github-actions": ACTION, "github-workflows": workflow}.items():
        schema = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        validator = jsonschema.validators.validator_for(schema)(schema)
        assert [error.message for error in validator.iter_errors(document)] == [], name


def test_no_input_is_part_of_a_script() -> None:
    """Each is a variable, so that bash cannot take it for a command."""
    assert [step for step in STEPS if "${{" in step.get("run", "")] == []
    named = re.findall(r"\$\{\{ inputs\.([\w-]+) \}\}", (ROOT / "action.yml").read_text("utf-8"))
    assert sorted(named) == sorted(ACTION["inputs"])
    assert [step["shell"] for step in STEPS if "run" in step] == ["bash", "bash"]
    uses = [step["uses"] for step in STEPS if "uses" in step]
    assert [each for each in uses if not re.fullmatch(r"[\w-]+/[\w-]+@v\d+", each)] == []


def test_it_installs_this_package() -> None:
    [install] = [step["run"] for step in STEPS if "pip install" in step.get("run", "")]
    assert '"${GITHUB_ACTION_PATH}[$EXTRAS]"' in install
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(ACTION["inputs"]["extras"]["default"].split(","))
    assert extras <= set(project["optional-dependencies"])
    assert "postgres" in extras
    python = ACTION["inputs"]["python-version"]["default"]
    assert f"Programming Language :: Python :: {python}" in project["classifiers"]


def test_the_workflow_of_the_page_plans_and_runs() -> None:
    workflow = yaml.safe_load(WORKFLOW)
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in WORKFLOW
    home = "OWNER/postiz-async"
    [job] = workflow["jobs"].values()
    [ours] = [step for step in job["steps"] if step["uses"].startswith(f"{home}@")]
    given = ours["with"]
    needed = {name for name, each in ACTION["inputs"].items() if each.get("required")}
    assert needed <= given.keys() <= ACTION["inputs"].keys()
    assert set(ours["env"]) == {"POSTIZ_API_URL", "POSTIZ_API_KEY", "POSTIZ_STORE"}
    assert WORKFLOW.count("secrets.") == 2
    assert set(re.findall(r"'(\w+)'", given["command"])) == {"pull_request", "plan", "run"}
    for command in ("plan", "run"):
        words = [command, given["campaign"], *given["arguments"].split()]
        app.parse_args(words, exit_on_error=False, print_error=False)


class Runner:
    """A machine that has nothing of the runs before."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.workspace = folder / "workspace"
        self.workspace.mkdir(parents=True)
        self.temp = folder / "temp"
        command = self.temp / "postiz-async" / "bin" / "postiz-async"
        command.parent.mkdir(parents=True)  # as the step before installs it
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m postiz_async "$@"\n')
        command.chmod(0o755)
        self._environment = child_environment(folder / "home", environment) | {
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_STEP_SUMMARY": str(self.temp / "summary"),
            "RUNNER_TEMP": str(self.temp),
        }
        self.commands: list[Command] = []
        self.log = ""

    @property
    def summary(self) -> str:
        return (self.temp / "summary").read_text(encoding="utf-8")

    def run(self, **given: str) -> int:
        """Run the last step of the action; returns its exit code."""
        inputs = {name: each.get("default", "") for name, each in ACTION["inputs"].items()} | given

        def evaluated(value: str) -> str:
            return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: inputs[match[1]], value)

        step = STEPS[-1]
        script = self.temp / "script.sh"
        script.write_text(step["run"], encoding="utf-8")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", script],
            cwd=self.workspace,
            env=self._environment | {name: evaluated(each) for name, each in step["env"].items()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.log = done.stdout
        self.commands, _ = read_log(done.stdout)
        assert KEY not in done.stdout
        return done.returncode


@needs_bash
def test_a_pull_request_gets_annotations_and_no_text_is_a_command(tmp_path: Path) -> None:
    with sandbox_process(tmp_path / "sandbox", api_key=KEY) as server:
        runner = Runner(tmp_path, server.environment)
        (runner.workspace / "posts").mkdir()
        write_campaign(
            runner.workspace / "posts" / "spring.csv",
            ["mastodon", WHEN, HOSTILE],
            ["mastodon", HOSTILE, HOSTILE],
            ["telegram", "##[add-mask]soon", "x"],
        )
        code = runner.run(
            command="plan", campaign="posts/spring.csv", arguments="--timezone\nUTC\n"
        )
        assert server.state["creates"] == 0
    assert code == 2
    assert "##[add-mask]soon" in runner.log, "which the runner would obey anywhere in a line"
    assert [(each.name, each.properties) for each in runner.commands] == [
        ("error", {"file": "posts/spring.csv", "line": line}) for line in ("5", "10")
    ]
    assert runner.summary.startswith("### postiz-async plan\n\n    2 problems, nothing was sent:\n")
    assert KEY not in runner.summary


@needs_bash
def test_without_a_database_nothing_is_run(tmp_path: Path) -> None:
    runner = Runner(tmp_path, {"POSTIZ_API_KEY": KEY, "POSTIZ_STORE": "postiz.sqlite"})
    assert runner.run(command="run", campaign="spring.csv") == 2
    [told] = runner.commands
    assert told.message.startswith("Set POSTIZ_STORE to a PostgreSQL")


@needs_bash
@pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())
@pytest.mark.exhaustive
def test_after_the_merge_each_row_is_sent_once_from_whatever_runner(tmp_path: Path) -> None:
    database = shared_server().new_database()
    rows = [["mastodon", WHEN, "One"], ["telegram", WHEN, "Two"]]
    with sandbox_process(tmp_path / "sandbox", api_key=KEY) as server:
        environment = server.environment | {"POSTIZ_STORE": database}

        def merge(name: str, *arguments: str) -> tuple[int, list[str]]:
            runner = Runner(tmp_path / name, environment)
            write_campaign(runner.workspace / "spring.csv", *rows)
            command, *others = arguments
            code = runner.run(command=command, campaign="spring.csv", arguments="\n".join(others))
            assert runner.commands == []
            return code, sorted(post["content"] for post in server.posts)

        assert merge("empty", "plan") == (0, [])
        assert merge("first", "run") == (0, ["One", "Two"])
        assert merge("again", "run") == (0, ["One", "Two"])
        rows.append(["bluesky", WHEN, "Three"])
        assert merge("review", "plan")[0] == 0
        assert merge("edited", "run") == (0, ["One", "Three", "Two"])
        rows[0][2] = "One, corrected"
        assert merge("corrected", "update", "--yes") == (0, ["One, corrected", "Three", "Two"])
        assert server.state["posts"] == 3
