"""The command line is the first user of the public API."""

from __future__ import annotations

import ast
from pathlib import Path

from postiz_async import _cli

ROOT = Path(_cli.__file__).parents[1]

PRIVATE = {
    "_campaign.after.tables": "CSV as spreadsheets read it",
    "_campaign.read.columns": "the names of columns, for the texts beside problems",
    "_campaign.read.file_formats": "text with half characters, in which names of files may be",
    "_campaign.read.dates": "dates and time zones as campaigns write them",
    "_sandbox.http": "a sandbox in this event loop, at a port",
    "_transport": "proxies and certificates, with the option or variable that named them",
    "_uploads.urls": "URLs without what may be secret in them",
    "_wire": "addresses and headers before there is a client",
    "_validation.messages": "the word that a mistyped one may mean",
    "models._base": "where a text stops being JSON",
    "models._durations": "times like 15m",
    "stores._files": "files that are replaced as a whole",
    "_campaign.fill_dates": "dates that a table lacks, which a program chooses itself",
    "_outbox.places": "how an outbox stands, and what is removed from it",
    "_resources.api": "when a place in the queue leaves",
}
"""What it imports that is not for users, and what for."""


def imported(path: Path) -> set[str]:
    """The modules of the package that a module imports, below the package."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                is_module = is_there(name) and name.startswith("postiz_async.")
                found.add(name if is_module else node.module)
    ours = (name for name in found if name.startswith("postiz_async."))
    return {name.removeprefix("postiz_async.") for name in ours}


def is_there(name: str) -> bool:
    place = ROOT.joinpath(*name.split(".")[1:])
    return place.is_dir() or place.with_suffix(".py").is_file()


def test_it_imports_few_private_modules() -> None:
    modules = {each for path in (ROOT / "_cli").glob("*.py") for each in imported(path)}
    private = {name for name in modules if name.startswith("_") or "._" in name}
    private = {name for name in private if f"{name}.".partition(".")[0] != "_cli"}
    assert private == PRIVATE.keys()
