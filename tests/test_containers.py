"""The image and the example's containers: no engine builds them here, so their files are read."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from processes import PATIENCE, Server, sandbox_process

from postiz_async._cli.app import app

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = ROOT / "examples" / "fastapi_app" / "compose.yaml"
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = re.compile(r"[a-z]+:\d[\w.-]*")


def instructions() -> Iterator[tuple[str, str]]:
    """Each instruction with what follows it, without comments and files within."""
    text = re.sub(r"(<<'EOF'.*\n)(?s:.*?)\nEOF\n", r"\1", DOCKERFILE)
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    for line in text.replace("\\\n", " ").splitlines():
        name, _, rest = line.partition(" ")
        if name:
            yield name, " ".join(rest.split())


STAGES = [[("FROM", "")]]
for each in instructions():
    STAGES += [[each]] if each[0] == "FROM" else []
    STAGES[-1].append(each)
BUILD, FINAL = (dict(stage) for stage in STAGES[1:])


def understood(words: list[str]) -> None:
    """Our own command line takes these arguments."""
    app.parse_args(
        [word for word in words if word != "--quiet"], exit_on_error=False, print_error=False
    )


def test_hadolint_finds_nothing() -> None:
    found = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which(
        "hadolint"
    )
    if found is None:
        pytest.skip("the group dev has hadolint")
    done = subprocess.run([found, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def problems_of(document: object, name: str) -> list[str]:
    """What a schema of check-jsonschema finds wrong with a document."""
    found = importlib.util.find_spec("check_jsonschema")
    if found is None or found.origin is None:
        pytest.skip("the group dev has the schemas")
    place = Path(found.origin).parent / "builtin_schemas" / "vendor" / f"{name}.json"
    schema = json.loads(place.read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    return [error.message for error in validator.iter_errors(document)]


def test_compose_can_read_its_file() -> None:
    document = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    assert problems_of(document, "compose-spec") == []


def test_what_is_not_ours_is_pinned() -> None:
    bases = {value.partition(" ")[0] for name, value in instructions() if name == "FROM"}
    assert len(bases) == 1, "what the build stage made runs on another base"
    (base,) = bases
    images = {base, *(each["image"] for each in SERVICES.values() if "image" in each)}
    assert [image for image in images if not PINNED.fullmatch(image)] == []
    version = base.removeprefix("python:").partition("-")[0]
    assert f"Programming Language :: Python :: {version}" in PROJECT["classifiers"]


def test_what_is_copied_is_there_and_enough_to_build_the_wheel() -> None:
    copied = {
        source
        for name, value in instructions()
        if name == "COPY" and not value.startswith("--")
        for source in value.split()[:-1]
    }
    assert {source for source in copied if not (ROOT / source).exists()} == set()
    assert copied >= {"pyproject.toml", "postiz_async", "README.md", *PROJECT["license-files"]}
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == copied


def test_extras_are_those_of_the_package() -> None:
    asked = [BUILD["ARG"].partition("=")[2]]
    asked += [each["build"]["args"]["EXTRAS"] for each in SERVICES.values() if "build" in each]
    known = set(PROJECT["optional-dependencies"])
    assert {name for names in asked for name in names.split(",")} <= known


def test_it_runs_the_command_and_not_as_root() -> None:
    assert all(int(number) > 0 for number in FINAL["USER"].split(":"))
    [entry] = json.loads(FINAL["ENTRYPOINT"])
    assert entry in PROJECT["scripts"]
    understood(json.loads(FINAL["CMD"]))
    assert json.loads(FINAL["HEALTHCHECK"].partition("CMD ")[2]) == ["healthcheck"]
    assert "/opt/postiz-async/bin/healthcheck" in DOCKERFILE


def test_the_labels_agree_with_the_package() -> None:
    labels = dict(word.split("=", 1) for word in shlex.split(FINAL["LABEL"]))
    prefix = "org.opencontainers.image."
    assert {name.removeprefix(prefix): value for name, value in labels.items()} == {
        "title": PROJECT["name"],
        "description": PROJECT["description"],
        "source": PROJECT["urls"]["Homepage"],
        "documentation": PROJECT["urls"]["Documentation"],
        "licenses": PROJECT["license"],
    }


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with sandbox_process(tmp_path_factory.mktemp("sandbox")) as server:
        yield server


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("/opt/python /opt/postiz-async/bin/postiz-async sandbox --port PORT", 0),
        ("/opt/python /opt/postiz-async/bin/postiz-async -q sandbox --speed 600 --port=PORT", 0),
        ("/sbin/docker-init -- postiz-async sandbox --port PORT", 0),
        ("postiz-async sandbox --port FREE", 1),
        ("postiz-async sandbox --host ::1 --port FREE", 1),
        ("postiz-async run sandbox --store postgresql://database/postiz", 0),
        ("uvicorn app:app --port 8000", 0),
    ],
)
def test_only_a_sandbox_that_answers_not_is_unwell(
    sandbox: Server, tmp_path: Path, words: str, code: int
) -> None:
    found = re.search(r"<<'EOF' \S+/healthcheck\n(.*?)\nEOF\n", DOCKERFILE, re.DOTALL)
    assert found is not None
    first = tmp_path / "cmdline"
    port = sandbox.url.rpartition(":")[2]
    said = words.replace("PORT", port).replace("FREE", "1")
    first.write_bytes(said.replace(" ", "\0").encode() + b"\0")
    script = found[1].replace('"/proc/1/cmdline"', repr(str(first)))
    script = script.replace("timeout=5", f"timeout={PATIENCE}")
    assert str(first) in script
    assert str(PATIENCE) in script
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={"POSTIZ_SANDBOX_HOST": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == code, done.stderr


def test_commands_of_the_page_and_of_github_are_understood() -> None:
    page = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8").replace("\\\n", " ")
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    runs = [line.split() for line in re.findall(r"(?:\$|- run:) docker run (.*)", page + workflow)]
    assert len(runs) > 4
    for words in runs:
        understood(words[words.index("postiz-async") + 1 :] or json.loads(FINAL["CMD"]))
    assert f"runs as user {FINAL['USER'].partition(':')[0]}," in page
    assert f"at `{FINAL['WORKDIR']}` and a volume for the quota at `{FINAL['VOLUME']}`" in page


def test_the_workflow_of_the_page_plans_and_runs() -> None:
    page = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
    [text] = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    document = yaml.safe_load(text)
    document["on"] = document.pop(True)  # YAML 1.1 takes `on` for it
    assert problems_of(document, "github-workflows") == []
    [job] = document["jobs"].values()
    assert document["permissions"] == {"contents": "read"}
    assert text.count("secrets.") == 2
    assert "pull_request_target" not in text
    install, work = (step["run"] for step in job["steps"] if "run" in step)
    extras = set(re.findall(r"\[(.*?)\]", install)[0].split(","))
    assert extras <= set(PROJECT["optional-dependencies"])
    first, *lines = work.splitlines()
    assert first.startswith('echo "::stop-commands::$(')
    for command in ("plan", "run --yes"):
        assert f"'{command}'" in work
        for line in lines:
            understood(re.sub(r"\$\{\{.*?\}\}", command, line).split()[1:])


def test_the_example_runs_our_image_without_rights() -> None:
    ours = {name: each for name, each in SERVICES.items() if "build" in each}
    assert set(ours) == {"sandbox", "tables", "app"}
    for each in ours.values():
        assert (COMPOSE.parent / each["build"]["context"]).resolve() == ROOT
        assert each["read_only"]
        assert each["cap_drop"] == ["ALL"]
    for name in ("sandbox", "tables"):
        understood(ours[name]["command"])
    assert {port for each in SERVICES.values() for port in each.get("ports", [])} == {
        "127.0.0.1:8000:8000"
    }, "nothing is open to the network"
