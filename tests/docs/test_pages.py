"""The pages are true: links lead somewhere, commands exist, what is made from the code is new."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from spread import spread

from postiz_async._cli.app import app
from postiz_async.errors import PostizError

ROOT = Path(__file__).parents[2]
PAGES = [
    *(
        ROOT / f"{name}.md"
        for name in ("README", "AGENTS", "CODE_OF_CONDUCT", "CONTRIBUTING", "SECURITY")
    ),
    ROOT / "llms.txt",
    *sorted((ROOT / "skills").rglob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
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
    named |= set(re.findall(r"^::: (\S+)", text, re.MULTILINE))  # on the site, with all they have
    titles = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    return named | {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", TEXTS[page], flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" not in target:
            name, _, anchor = target.partition("#")
            there = (page.parent / name).resolve() if name else page
            assert there.exists(), target
            assert not anchor or anchor in anchors(there.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_of_the_repository_is_there(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", TEXTS[page], flags=re.DOTALL)
    named = set(re.findall(r"\b(?:tests|benchmarks|examples|docs)/[\w./-]*\w", prose))
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_each_step_of_the_argument_names_a_test() -> None:
    text = TEXTS[ROOT / "docs" / "exactness.md"]
    steps = re.findall(r"^\d+\. .*\n(?:   .*\n)*", text, re.MULTILINE)
    assert steps
    assert [step for step in steps if "`tests/" not in step] == []


def test_the_documentation_lists_each_page() -> None:
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", TEXTS[ROOT / "docs" / "README.md"]))
    assert listed == {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}


@pytest.mark.parametrize("line", spread(COMMANDS, every=2))
def test_a_command_of_the_pages_is_understood(line: str) -> None:
    """Parsed only: every command and option exists and takes what is given."""
    words = [word for word in shlex.split(line) if word != "--quiet"]
    app.parse_args(words, exit_on_error=False, print_error=False)


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
