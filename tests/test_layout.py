"""Where things are: the tree of the package, its names, and its tests beside it."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

import postiz_async

ROOT = Path(postiz_async.__file__).parent
TESTS = Path(__file__).parent

FOLDERS = {
    "browser": "the pages that we make, in Chromium",
    "conformance": "the sandbox beside the packages that it imitates",
    "docs": "the pages of docs/ and README.md",
    "examples": "the applications of examples/",
    "fuzz": "what makes hostile input, for other tests and by hand",
    "sample_app": "a program as users write it, for the type checkers",
    "scenarios": "the quota through the whole client",
}
"""Folders of tests that are not called after a package, and why."""

ALONE = {
    "test_architecture": "the page at the top level",
    "test_benchmarks": "benchmarks/run.py, and what it runs",
    "test_concepts": "what stands once",
    "test_constants": "one name, one value",
    "test_containers": "the Dockerfile, the example's containers, and docs/containers.md",
    "test_facts": "tests/facts, and the script that makes it",
    "test_hover": "what an editor shows",
    "test_exports": "what `from postiz_async import ...` gives",
    "test_layers": "who may import whom",
    "test_layout": "this file",
    "test_leaks": "secrets, wherever they come by",
    "test_no_timing": "reads the tests",
    "test_pickles": "what may go to another process",
    "test_packaging": "pyproject.toml, and what is built by it",
    "test_private_files": "all files that anything writes",
    "test_sample_saas": "benchmarks/sample_saas.py, in small",
    "test_two_models": "client and sandbox, both beside facts",
    "test_workflows": "what GitHub and pre-commit read",
}
"""Tests of the top level that are not called after one of its modules, and why."""


def modules(folder: Path = ROOT) -> set[str]:
    """Modules and packages in a folder, without the underscore of what is not for users."""
    found = packages(folder) | {path.stem for path in folder.glob("*.py")}
    return found | {name.removeprefix("_") for name in found}


def packages(folder: Path = ROOT) -> set[str]:
    """Packages in a folder, by their names."""
    return {path.parent.name for path in folder.glob("*/__init__.py")}


def all_packages() -> set[str]:
    """All packages below ours: `_campaign/read`."""
    paths = (path.parent.relative_to(ROOT) for path in ROOT.rglob("*/__init__.py"))
    return {path.as_posix() for path in paths} - {"."}


def folder_of_tests(package: str) -> str:
    """The tests of `_campaign/read` are in `campaign/read`."""
    return "/".join(part.removeprefix("_") for part in package.split("/"))


def test_a_class_name_has_one_meaning() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in ROOT.rglob("*.py"):
        for name in re.findall(
            r"^ *class (\w+)[:([]", path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            places[name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_a_folder_of_tests_is_called_after_a_package() -> None:
    folders = {path.parent.relative_to(TESTS).as_posix() for path in TESTS.rglob("*/test_*.py")}
    folders |= {path.parent.name for path in TESTS.glob("*/*.py")}
    assert folders - set(map(folder_of_tests, all_packages())) == FOLDERS.keys()


@pytest.mark.parametrize("package", sorted(all_packages()))
def test_a_file_of_tests_is_called_after_what_it_tests(package: str) -> None:
    """After a module of the package or after the package, perhaps with what of it."""
    folder = TESTS / folder_of_tests(package)
    subjects = {folder.name, *modules(ROOT / package)}
    files = {path.stem for path in folder.glob("test_*.py")}
    assert {name for name in files if subject_of(name, subjects) is None} == set()


def test_so_is_one_of_the_top_level() -> None:
    files = {path.stem for path in TESTS.glob("test_*.py")}
    assert {name for name in files if subject_of(name, modules()) is None} == ALONE.keys()


def subject_of(file: str, subjects: set[str]) -> str | None:
    """The module that a file is called after: `test_journal_crash` after `journal`."""
    words = file.removeprefix("test_").split("_")
    names = ("_".join(words[:count]) for count in range(len(words), 0, -1))
    return next((name for name in names if name in subjects), None)


def test_what_tests_share_can_be_imported_by_one_name() -> None:
    names = [path.stem for path in TESTS.rglob("*.py") if not path.stem.startswith("test_")]
    assert [name for name in names if name != "conftest" and names.count(name) > 1] == []
