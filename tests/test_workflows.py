"""What GitHub and pre-commit read cannot run here: it fits its schemas, and calls what exists."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
GROUPS = PYPROJECT["dependency-groups"]
WORKFLOWS = {path.stem: path for path in sorted((GITHUB / "workflows").glob("*.yml"))}
SCHEMAS = {
    "vendor.github-workflows": [*WORKFLOWS.values()],
    "custom.github-workflows-require-timeout": [*WORKFLOWS.values()],
    "vendor.dependabot": [GITHUB / "dependabot.yml"],
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "vendor.github-issue-forms": [
        path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"
    ],
}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs() -> dict[str, dict[str, Any]]:
    return {
        f"{name}.{job}": made
        for name, path in WORKFLOWS.items()
        for job, made in read(path)["jobs"].items()
    }


def steps() -> list[dict[str, Any]]:
    return [step for job in jobs().values() for step in job.get("steps", [])]


COMMANDS = sorted({step["run"] for step in steps() if "run" in step})


def test_every_file_has_its_schema() -> None:
    checked = {path for files in SCHEMAS.values() for path in files}
    assert checked == set(GITHUB.rglob("*.yml"))


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_file_fits_its_schema(name: str) -> None:
    """The schemas are check-jsonschema's; its own start takes a second for each."""
    found = importlib.util.find_spec("check_jsonschema")
    if found is None or found.origin is None:
        pytest.skip("the group dev has the schemas")
    place = Path(found.origin).parent / "builtin_schemas" / f"{name.replace('.', '/')}.json"
    schema = json.loads(place.read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    for path in SCHEMAS[name]:
        # JSON has no key that is true: YAML 1.1 takes `on` for it
        document = {"on" if key is True else key: value for key, value in read(path).items()}
        assert [error.message for error in validator.iter_errors(document)] == [], path.name


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_command_calls_is_there(command: str) -> None:
    if bash := shutil.which("bash"):
        subprocess.run([bash, "-n", "-c", command], check=True)
    words = shlex.split(command)
    known = ("bash .ci/", "python -m pip install ", "python -m pytest", "test ", "gh release ")
    known += ("docker ", "until docker ")
    assert command.startswith(known), "say here what it is, and check it"
    if words[0] == "bash":
        assert (ROOT / words[1]).is_file()
    if "-c" in words and words[0] == "python":
        assert (ROOT / words[words.index("-c") + 1]).is_file()
    for extras in re.findall(r"'\.\[(.*?)\]'", command):
        assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    assert set(re.findall(r"--group (\S+)", command)) <= set(GROUPS)


def test_elsewhere_the_tests_run_as_the_readme_says() -> None:
    said = (ROOT / "README.md").read_text(encoding="utf-8").replace(".venv/bin/python", "python")
    run = [step["run"] for step in jobs()["ci.tests"]["steps"] if "run" in step]
    assert f"&& {' && '.join(run)}\n" in said


def test_each_python_and_system_is_tested() -> None:
    matrix = jobs()["ci.tests"]["strategy"]["matrix"]
    assert {*matrix["os"], *(each["os"] for each in matrix["include"])} == {
        "macos-latest",
        "ubuntu-latest",
        "windows-latest",
    }
    prefix = "Programming Language :: Python :: "
    claimed = {each.removeprefix(prefix) for each in PROJECT["classifiers"] if prefix in each}
    on_linux = jobs()["ci.everything"]["steps"][1]["with"]["python-version"].split()
    assert {each for each in claimed if "." in each} <= set(on_linux) & set(matrix["python"])
    assert on_linux[-1] == min(on_linux, key=lambda each: int(each.split(".")[1]))


def test_only_what_has_to_may_write() -> None:
    rights = {name: job["permissions"] for name, job in jobs().items() if "permissions" in job}
    writes = {
        (name, right)
        for name, each in rights.items()
        for right, level in each.items()
        if level == "write"
    }
    assert writes == {
        ("docs.deploy", "pages"),
        ("docs.deploy", "id-token"),
        ("release.publish", "id-token"),
        ("release.github-release", "contents"),
    }
    for path in WORKFLOWS.values():
        assert read(path)["permissions"] in ({}, {"contents": "read"}), path.name
        assert "secrets" not in path.read_text(encoding="utf-8"), "trusted publishing needs none"


def test_a_release_is_tested_and_built_before_it_is_published() -> None:
    assert set(jobs()["release.publish"]["needs"]) == {"ci", "build"}
    assert jobs()["release.github-release"]["needs"] == "publish"
    assert jobs()["release.ci"]["uses"] == "./.github/workflows/ci.yml"
    assert "workflow_call" in read(WORKFLOWS["ci"])[True]  # YAML 1.1 takes `on` for true


@pytest.mark.parametrize("uses", sorted({step["uses"] for step in steps() if "uses" in step}))
def test_an_action_is_pinned(uses: str) -> None:
    assert re.fullmatch(r"[\w-]+/[\w-]+@([0-9a-f]{40}|(release/)?v\d+(\.\d+)*)", uses)


def test_a_checkout_leaves_no_token_behind() -> None:
    made = [step["with"] for step in steps() if step.get("uses", "").startswith("actions/checkout")]
    assert made == [{"persist-credentials": False}] * len(made)


def test_hooks_call_the_tools_of_the_group_dev() -> None:
    [local] = read(ROOT / ".pre-commit-config.yaml")["repos"]
    dev = {re.split(r"[\[>]", each)[0] for each in GROUPS["dev"] if isinstance(each, str)}
    tools = {shlex.split(hook["entry"])[0] for hook in local["hooks"]}
    assert tools == {"mypy", "ruff", "typos"}
    assert tools <= dev
    scripts = [(ROOT / ".ci" / name).read_text(encoding="utf-8") for name in ("lint", "types")]
    assert {tool for tool in tools if not re.search(rf"\b{tool}\b", "\n".join(scripts))} == set()


def test_pre_commit_can_read_its_file() -> None:
    pytest.importorskip("pre_commit", reason="the group dev has it")
    command = [sys.executable, "-m", "pre_commit", "validate-config", ".pre-commit-config.yaml"]
    subprocess.run(command, cwd=ROOT, check=True)
