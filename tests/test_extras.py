"""How people install what they need is said in one way, and only as it works today."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from postiz_async import _extras
from postiz_async._extras import extra_needed

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
USERS = PROJECT["optional-dependencies"].keys() - {"test"}
BY_NAME = re.compile(
    r"(?:install[^\n&;|]*|uvx|(?:pipx|uv tool) run)['\" ]+postiz[-_]async(?![-\w.])"
)
"""An installation by a name on the index."""


def test_until_the_name_is_ours_people_install_from_a_clone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_extras, "PUBLISHED", False)
    assert extra_needed("PostgreSQL needs", "postgres") == (
        "PostgreSQL needs the postgres extra. In your clone of postiz_async: "
        "python -m pip install '.[postgres]'"
    )


def test_one_constant_changes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_extras, "PUBLISHED", True)
    assert extra_needed("PostgreSQL needs", "postgres") == (
        "PostgreSQL needs the postgres extra: python -m pip install 'postiz-async[postgres]'"
    )


def test_nothing_says_to_install_by_a_name_that_is_not_ours() -> None:
    """`_extras` says it, where its constant allows; once it does, the pages may."""
    assert BY_NAME.search("pip install 'postiz-async[xlsx]'")
    assert BY_NAME.search("uv tool install postiz-async")
    assert BY_NAME.search("uvx postiz-async demo")
    assert not BY_NAME.search("uvx --from . postiz-async demo")
    assert not BY_NAME.search("python -m pip install . && .venv/bin/postiz-async demo")
    folders = (ROOT / name for name in ("postiz_async", "docs", "examples"))
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    files = [*files, *ROOT.glob("*.md")]
    saying = {
        path.relative_to(ROOT).as_posix()
        for path in files
        if path.suffix in {".py", ".md", ".yaml", ".html", ".txt", ".json"}
        and BY_NAME.search(path.read_text(encoding="utf-8"))
    }
    assert _extras.PUBLISHED or saying == {"docs/make_install.py", "postiz_async/_extras.py"}


def test_the_pages_follow_the_constant() -> None:
    pages = runpy.run_path(str(ROOT / "docs" / "make_install.py"))["pages"]
    by_name, from_clone = pages(published=True), pages(published=False)
    for path, text in (by_name if _extras.PUBLISHED else from_clone).items():
        assert path.read_text(encoding="utf-8") == text, "run: python docs/make_install.py"
        assert by_name[path] != from_clone[path]
        assert BY_NAME.search(by_name[path])
        assert not BY_NAME.search(from_clone[path])


def test_each_extra_that_a_message_names_is_there() -> None:
    modules = (ROOT / "postiz_async").rglob("*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in modules)
    named = set(re.findall(r'extra_needed\(\s*"[^"]+",\s*"(\w+)"', text))
    named |= set(re.findall(r'importing\("(\w+)"', text))
    assert named == USERS


WITHOUT = """
import importlib, sys

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"fastapi", "opentelemetry"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hide())
for name in sys.argv[1:]:
    try:
        importlib.import_module(f"postiz_async.contrib.{name}")
    except ImportError as error:
        print(type(error).__name__, error.name, error)
"""


def test_an_import_without_its_extra_says_how_to_install_it() -> None:
    extras = {"fastapi": ("fastapi", "fastapi"), "opentelemetry": ("opentelemetry", "otel")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT, *extras],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [
        f"ModuleNotFoundError {package} No module named {package!r}. "
        + extra_needed(f"postiz_async.contrib.{name} needs", extra)
        for name, (package, extra) in extras.items()
    ]


@pytest.mark.parametrize("name", ["README.md", "docs/quick-start.md"])
def test_a_page_that_tells_how_to_install_lists_the_extras(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    assert {extra for extra in USERS if f"`{extra}`" not in page} == set()
