"""The calls that the page of tasks names are there, and take what it gives them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import postiz_async
from postiz_async.testing import Sandbox

PAGE = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")
CODES = [code for code in re.findall(r"`([^`]+)`", PAGE) if code.startswith("postiz.")]


def calls() -> Iterator[ast.Call]:
    for code in CODES:
        for node in ast.walk(ast.parse(re.sub(r"\(\.\.\., ", "(", code))):
            if isinstance(node, ast.Call):
                yield node


def found(path: ast.expr, postiz: postiz_async.Postiz) -> Any:
    if not isinstance(path, ast.Attribute):
        assert isinstance(path, ast.Name)
        return postiz if path.id == "postiz" else getattr(postiz_async, path.id)
    if path.attr == "outbox":  # which this client was not given
        return postiz_async.types.Outbox
    return getattr(found(path.value, postiz), path.attr)


async def test_the_calls_of_the_page_are_there(postiz_sandbox: Sandbox) -> None:
    async with postiz_sandbox.client() as postiz:
        for call in calls():
            takes = inspect.signature(found(call.func, postiz)).parameters
            assert {keyword.arg for keyword in call.keywords} <= set(takes), ast.unparse(call)
    assert len(CODES) > 30
