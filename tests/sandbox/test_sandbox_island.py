"""The sandbox is an island: it shares nothing with the client but the clock."""

from __future__ import annotations

import ast
from pathlib import Path

import postiz_async._sandbox

FOLDER = Path(postiz_async._sandbox.__file__).parent


def imported(path: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            modules.add(node.module or "")
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    return modules


def test_of_the_client_only_the_clock_is_imported() -> None:
    for path in FOLDER.rglob("*.py"):
        own = {name for name in imported(path) if name.startswith("postiz_async")}
        others = {name for name in own if not name.startswith("postiz_async._sandbox")}
        assert others <= {"postiz_async.clock"}, path.name


def test_only_the_http_adapter_needs_aiohttp() -> None:
    users = {path.name for path in FOLDER.rglob("*.py") if "aiohttp" in imported(path)}
    assert users == {"http.py"}
