"""What a public signature names can be imported from a public module."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from functools import cache
from types import ModuleType

import pytest

import postiz_async

WITHIN = {"FileFacts", "SaidRow"}
"""Of members for the package itself: `media.upload_inspected` and `Row.said`."""

ALIASES = {"Accounts", "Address", "Connector", "Link", "OrUnset", "Scalar", "Server"}
"""Other names of a type of Python or aiohttp, which is what one gives."""

OPTIONAL = {"postiz_async.pytest_plugin", "postiz_async.__main__"}


def is_private(module: str) -> bool:
    return any(part.startswith("_") for part in module.split("."))


@cache
def modules() -> tuple[tuple[ModuleType, ...], tuple[ModuleType, ...]]:
    """The public modules, and the private ones; what is of the commands or the sandbox is left."""
    found = pkgutil.walk_packages(postiz_async.__path__, "postiz_async.")
    names = [each.name for each in found if each.name not in OPTIONAL]
    names = [name for name in names if not re.search(r"\._(cli|sandbox)\b", name)]
    loaded = [postiz_async, *map(importlib.import_module, names)]
    public = tuple(each for each in loaded if not is_private(each.__name__))
    return public, tuple(each for each in loaded if is_private(each.__name__))


def public_names(module: ModuleType) -> list[str]:
    names = getattr(module, "__all__", None) or vars(module)
    return [name for name in names if not name.startswith("_")]


@cache
def reachable() -> frozenset[str]:
    return frozenset(name for module in modules()[0] for name in public_names(module))


@cache
def defined_inside() -> frozenset[str]:
    """The classes and aliases of private modules."""
    found: set[str] = set()
    for module in modules()[1]:
        text = inspect.getsource(module)
        found.update(re.findall(r"^class ([A-Z]\w*)", text, re.MULTILINE))
        found.update(re.findall(r"^    ([A-Z]\w*): TypeAlias", text, re.MULTILINE))
        found.update(re.findall(r"^([A-Z]\w*): TypeAlias", text, re.MULTILINE))
    return frozenset(found)


def named_in(thing: object) -> set[str]:
    """The words of the annotations of a function, or of the public members of a class."""
    hints: list[object] = []
    if inspect.isclass(thing):
        for base in thing.__mro__:
            if not base.__module__.startswith("postiz_async"):
                continue
            own = vars(base).get("__annotations__", {})
            hints += [hint for name, hint in own.items() if not name.startswith("_")]
            for name, member in vars(base).items():
                if name.startswith("_") and name not in {"__iter__", "__aiter__"}:
                    continue
                inner = member.fget if isinstance(member, property) else member
                inner = getattr(inner, "__func__", inner)
                if inspect.isfunction(inner):
                    hints += inner.__annotations__.values()
    elif inspect.isfunction(thing):
        hints += thing.__annotations__.values()
    return {word for hint in hints for word in re.findall(r"[A-Za-z_]\w*", str(hint))}


SURFACE = sorted(
    {
        (module.__name__, name)
        for module in modules()[0]
        for name in public_names(module)
        if is_private(getattr(getattr(module, name), "__module__", "") or "")
        or getattr(getattr(module, name), "__module__", "").startswith("postiz_async")
    }
)


@pytest.mark.parametrize("module", sorted({module for module, _ in SURFACE}))
def test_what_a_public_signature_names_has_a_public_path(module: str) -> None:
    missing: dict[str, list[str]] = {}
    for where, name in SURFACE:
        if where == module:
            thing = getattr(importlib.import_module(module), name)
            inside = (named_in(thing) & defined_inside()) - reachable() - WITHIN - ALIASES
            for word in sorted(inside):
                missing.setdefault(word, []).append(name)
    assert missing == {}
