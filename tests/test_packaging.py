"""What the index shows, and what is in the files that people install."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from users_environment import HIDDEN

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
HOME = PROJECT["urls"]["Homepage"]
VERSION = PROJECT["version"]
TEXTS = {".md", ".py", ".toml", ".yml", ".yaml", ".html", ""}


def test_the_repository_has_one_address() -> None:
    """Homepage says it; whatever else names it follows."""
    owner, name = HOME.removeprefix("https://github.com/").split("/")
    places = [*PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"], "pyproject.toml"]
    files = [
        path
        for place in places
        for path in [ROOT / place, *(ROOT / place).rglob("*")]
        if path.is_file() and path.suffix in TEXTS
    ]
    named = {
        address
        for path in files
        for address in re.findall(
            r"github\.com/([\w.-]+/postiz[-_]async)\b", path.read_text(encoding="utf-8")
        )
    }
    assert named == {f"{owner}/{name}"}
    assert all(url.startswith(HOME) for url in PROJECT["urls"].values())
    assert [each["email"] for each in PROJECT["authors"]] == [f"{owner}@users.noreply.github.com"]


def test_links_of_the_repository_lead_to_files() -> None:
    for url in PROJECT["urls"].values():
        if kind := re.match(r"/(?:blob|tree)/main/(.+)", url.removeprefix(HOME)):
            assert (ROOT / kind[1]).exists(), url


def test_the_page_on_the_index_has_absolute_links_only() -> None:
    pytest.importorskip("hatch_fancy_pypi_readme", reason="the group dev makes the page")
    asked = [sys.executable, "-m", "hatchling", "metadata"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)
    page = json.loads(done.stdout)["readme"]["text"]
    links = re.findall(r'(?:\]\(|\b(?:href|src|srcset)=")([^)"\s]+)', page)
    assert [link for link in links if not link.startswith("https://")] == []
    ours = [link.removeprefix(f"{HOME}/") for link in links if link.startswith(HOME)]
    assert len(ours) > 10
    for link in ours:
        kind, tag, path = link.partition("#")[0].split("/", 2)
        assert kind in {"blob", "raw"}
        assert tag == f"v{VERSION}", "links of a release lead to the files of that release"
        assert (ROOT / path).is_file(), link
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert HOME not in readme, "in the repository links are relative"


@pytest.mark.parametrize(
    ("written", "kind", "count"),
    [
        ("![a](docs/a.svg)", "raw", 1),
        ("[![a](docs/a.svg)](docs/a.md)", "raw", 2),
        ('<source srcset="docs/a.svg"><img src="docs/a.svg">', "raw", 2),
        ('<a href="docs/a.md#b">', "blob", 1),
        ("[a](docs/a.md#b)", "blob", 1),
        ("[a](#b) [c](https://example.org/d) [e](mailto:f@example.org)", "blob", 0),
    ],
)
def test_pictures_and_links_become_absolute(written: str, kind: str, count: int) -> None:
    text = written
    rules = PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]
    for rule in rules:
        text = re.sub(rule["pattern"], rule["replacement"], text)
    assert text.count(HOME) == count
    assert not count or f"{HOME}/{kind}/v$HFPR_VERSION/docs/a." in text


def test_the_version_is_said_once() -> None:
    modules = (ROOT / "postiz_async").rglob("*.py")
    quoted = f'"{VERSION}"'
    assert [path for path in modules if quoted in path.read_text(encoding="utf-8")] == []
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d[^\]]*)\] - \d{4}-\d\d-\d\d$", log, re.MULTILINE)
    assert released[:1] == [VERSION]


def test_fragments_become_a_section_of_the_changelog(tmp_path: Path) -> None:
    pytest.importorskip("towncrier", reason="the group dev has it")
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    folder = tmp_path / PYPROJECT["tool"]["towncrier"]["directory"]
    shutil.copytree(ROOT / folder.relative_to(tmp_path), folder)
    build = [
        sys.executable,
        "-m",
        "towncrier",
        "build",
        "--version",
        "99.0",
        "--date",
        "2031-01-02",
    ]
    draft = subprocess.run([*build, "--draft"], cwd=tmp_path, capture_output=True, check=True)
    assert draft.stdout.startswith(b"## [99.0] - 2031-01-02"), "whatever fragments there are"
    (folder / "+one.changed.md").write_text("Zebras are\nfaster.\n", encoding="utf-8")
    (folder / "+two.added.md").write_text("Zebras.\n", encoding="utf-8")
    before = (tmp_path / "CHANGELOG.md").read_text(encoding="utf-8")
    subprocess.run([*build, "--yes"], cwd=tmp_path, capture_output=True, check=True)
    after = (tmp_path / "CHANGELOG.md").read_text(encoding="utf-8")
    head, _, section = after.partition("\n## [99.0] - 2031-01-02\n\n### Added\n\n")
    section, found, old = section.partition(f"## [{VERSION}]")
    assert "- Zebras.\n" in section
    assert "### Changed\n\n" in section
    assert "- Zebras are\n  faster.\n" in section
    assert found
    assert before.startswith(head)
    assert before.endswith(f"## [{VERSION}]{old}")
    assert [path.name for path in folder.iterdir()] == ["README.md"]


def test_classifiers_say_what_is_run() -> None:
    prefix = "Programming Language :: Python :: 3."
    said = {each[len(prefix) - 2 :] for each in PROJECT["classifiers"] if each.startswith(prefix)}
    loop = re.search(
        r"^for version in (.*); do$", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE
    )
    assert loop is not None
    assert said <= set(loop[1].split())
    assert PROJECT["requires-python"] == f">={min(said, key=lambda v: int(v.split('.')[1]))}"


def test_no_group_of_developers_names_the_package() -> None:
    """A group that did would be answered by an index: by whoever takes the name there first."""
    listed = [each for group in PYPROJECT["dependency-groups"].values() for each in group]
    assert [each for each in listed if PROJECT["name"] in each] == []
    assert {each["include-group"] for each in listed if isinstance(each, dict)} <= set(
        PYPROJECT["dependency-groups"]
    )


def test_constraints_name_each_package() -> None:
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    lists += PYPROJECT["dependency-groups"].values()
    listed = [each for some in lists for each in some if isinstance(each, str)]
    names = {re.split(r"[^\w.-]", each)[0].lower().replace("_", "-") for each in listed}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert names - {line.partition("==")[0] for line in lines} == {PROJECT["name"]}


def tracked() -> list[str]:
    """The files of the repository, whatever else lies in the clone."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    listed = ["git", "-c", "safe.directory=*", "ls-files", "-z"]  # it may be another user's
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).exists()]


def test_the_sdist_has_all_that_is_in_the_repository() -> None:
    tops = {name.partition("/")[0] for name in tracked()}
    included = set(PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
    assert tops - included == {".gitignore", "pyproject.toml"}  # which hatchling adds
    assert included <= tops


def test_a_clone_is_the_same_on_each_system() -> None:
    names = tracked()
    folded = Counter(name.casefold() for name in names)
    assert [name for name, count in folded.items() if count > 1] == [], "one file on macOS"
    assert [name for name in names if re.search(r'[<>:"\\|?*\x00-\x1f]|[. ](?:/|$)', name)] == []
    reserved = re.compile(r"(?:^|/)(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|/|$)", re.IGNORECASE)
    assert [name for name in names if reserved.search(name)] == [], "devices of Windows"
    assert max(map(len, names)) < 120, "Windows allows 260 with the folder of the clone"
    with_cr = [name for name in names if b"\r\n" in (ROOT / name).read_bytes()[:100_000]]
    assert [name for name in with_cr if Path(name).suffix in TEXTS] == []


INSTALLERS = {
    "pip": [
        [sys.executable, "-m", "venv", "env"],
        ["env/bin/python", "-m", "pip", "install", "--quiet", "{wheel}"],
        ["env/bin/postiz-async", "demo"],
    ],
    "uv": [["uvx", "--quiet", "--from", "{wheel}", "postiz-async", "demo"]],
}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("installer", INSTALLERS)
def test_the_wheel_alone_has_the_demo(installer: str, tmp_path: Path) -> None:
    if "POSTIZ_DIST" not in os.environ:
        pytest.skip("POSTIZ_DIST is not set to a folder that .ci/dist filled")
    if installer == "uv" and shutil.which("uvx") is None:
        pytest.skip("uvx is not on the path")
    [wheel] = Path(os.environ["POSTIZ_DIST"]).glob("*.whl")
    environment = os.environ | HIDDEN | {"UV_CACHE_DIR": str(tmp_path / "cache")}
    for command in INSTALLERS[installer]:
        words = [word.format(wheel=wheel) for word in command]
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert "225 stored of 225 rows; 94 create requests spent." in done.stderr + done.stdout
