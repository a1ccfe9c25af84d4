"""A constant that modules share by name has one value and one unit in the whole package."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import postiz_async

ROOT = Path(postiz_async.__file__).parent


def assigned(module: ast.Module) -> Iterator[tuple[str, str]]:
    """The public constants of a module, each with the expression of its value."""
    for node in module.body:
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            pairs = [(node.target, node.value)]
        elif isinstance(node, ast.Assign):
            pairs = [pair for target in node.targets for pair in unpacked(target, node.value)]
        else:
            continue
        for target, value in pairs:
            if isinstance(target, ast.Name) and target.id.isupper() and target.id[0] != "_":
                yield target.id, ast.unparse(value)


def unpacked(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def test_two_public_constants_of_one_name_have_one_value() -> None:
    values: defaultdict[str, set[str]] = defaultdict(set)
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(ROOT.rglob("*.py")):
        for name, value in assigned(ast.parse(path.read_text(encoding="utf-8"))):
            if not value.startswith(("TypeVar(", "ParamSpec(")):
                values[name].add(value)
                places[name].append(str(path.relative_to(ROOT)))
    assert {name: places[name] for name, found in values.items() if len(found) > 1} == {}
