"""`postiz_async.types`: names of types that live elsewhere."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import get_args

from postiz_async import types


def test_it_names_what_is_defined_elsewhere_and_nothing_else() -> None:
    tree = ast.parse(Path(types.__file__).read_text(encoding="utf-8"))
    imported = [
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname is None
    ]
    others = [node for node in tree.body if not isinstance(node, ast.ImportFrom)]
    assert [type(node) for node in others] == [ast.Expr, ast.Assign]  # docstring and `__all__`
    assert sorted(imported) == types.__all__ == sorted(types.__all__)


def test_values_are_compared_with_them() -> None:
    assert types.RowState("stored") is types.RowState.STORED
    assert "adopt" in get_args(types.Existing)
    assert types.Doubts().requests == 0


def test_no_extra_is_needed_for_them() -> None:
    extras = {"psycopg", "redis", "rich", "cyclopts", "fastapi", "xlsxwriter", "aiohttp"}
    script = f"import sys, postiz_async.types; print({extras!r} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
