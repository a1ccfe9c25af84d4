"""The pages are true: links lead somewhere, commands exist, what is made from the code is new."""

from __future__ import annotations

import inspect
import re
import runpy
import shlex
from pathlib import Path

import pytest

import postiz_async
from postiz_async._cli.app import app
from postiz_async.errors import PostizError

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
COMMANDS = sorted(
    {
        re.split(r" (?:#|> )", f"{line} # ")[0].strip()
        for text in TEXTS.values()
        for line in re.findall(r"^\$ postiz-async ?(.*)", text, re.MULTILINE)
    }
)


def anchors(text: str) -> set[str]:
    named = set(re.findall(r'<a id="([^"]+)">', text))
    titles = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    return named | {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", TEXTS[page], flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" not in target:
            name, _, anchor = target.partition("#")
            there = (page.parent / name).resolve() if name else page
            assert there.exists(), target
            assert not anchor or anchor in anchors(there.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_pages_is_understood(line: str) -> None:
    """Parsed only: every command and option exists and takes what is given."""
    _, globally, *_ = app.meta.parse_args(shlex.split(line), exit_on_error=False, print_error=False)
    app.parse_args(globally.args, exit_on_error=False, print_error=False)


def test_the_reference_is_as_the_docstrings_are() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_reference.py"))["page"]()
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert page == made, "run: python docs/make_reference.py"


def test_the_reference_has_each_public_name() -> None:
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    for name in postiz_async.__all__:
        thing = getattr(postiz_async, name)
        is_error = isinstance(thing, type) and issubclass(thing, PostizError)
        assert is_error or inspect.ismodule(thing) or f"### `{name}`\n" in page, name


def test_the_page_of_errors_has_each_of_them() -> None:
    def names(kind: type[PostizError]) -> set[str]:
        return {kind.__name__}.union(*map(names, kind.__subclasses__()))

    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    table = page[page.index("| Error |") :]
    missing = {
        name
        for name in names(PostizError) - {"PostizError", "APIStatusError", "QuotaError"}
        if not name.startswith("_") and f"`{name}`" not in table
    }
    assert not missing
