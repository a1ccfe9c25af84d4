"""Writes the types of the blocking client: `python docs/make_blocking.py`.

`postiz_async/blocking/_proxy.py` makes blocking classes of the asynchronous ones at run time. The
stub has their members, with the types that the asynchronous source says. A new resource or class is
found by itself.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import re
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from textwrap import dedent, indent
from typing import TYPE_CHECKING, Any, cast, get_overloads

from postiz_async import blocking
from postiz_async._client import Postiz
from postiz_async._pool import PostizPool
from postiz_async._wire.secrets import OfOneProcess, Secret
from postiz_async.blocking._proxy import class_of

if TYPE_CHECKING:
    from collections.abc import Iterator

STUB = Path(__file__).parents[1] / "postiz_async" / "blocking" / "__init__.pyi"
_WIDTH = 100

WORDS = {
    r" \| AsyncIterable\[.*": "",
    r"\bAsync(?:Iterator|Generator)\[": "Generator[",
    r"\bListing\[": "builtins.list[",
    r"\bCampaignRun\b": "Report",
    r"\bCredentialsOf\b": "Callable[[str], str | Secret]",
    r"Awaitable\[None\]( \| None(?=\]))?": "object",
    r"Awaitable\[(\w+)\]": r"\1",
}
"""Types that are others in synchronous code."""

IMPORTS = {
    "builtins": "import builtins",
    "typing": "from typing import ParamSpec, Self, TypeVar, overload",
    "Callable": "from collections.abc import Callable",
    "Generator": "from collections.abc import Generator",
    "Outcome": "from postiz_async._campaign.run.job import Outcome",
    "RawAnswer": "from postiz_async._scheduler.calls import RawAnswer",
    "Report": "from postiz_async._campaign.after.report import Report",
    "Secret": "from postiz_async._wire.secrets import Secret",
}
"""What is imported for `WORDS` and `BY_HAND`."""

BY_HAND = {
    "with_raw_response": (
        "self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs",
        "RawAnswer[_T]",
    ),
    "outcomes": ("self", "Generator[Outcome]"),
    "__enter__": ("self", "Self"),
    "__exit__": ("self, *_: object", "None"),
    "__len__": ("self", "int"),
}
"""Parameters and results of members that no asynchronous class has as they are."""


# ------------------------------------------------------------------ the source


@cache
def origins(module: str) -> dict[str, str]:
    """The statements that import what a module names, imported or defined there."""
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse(inspect.getsource(import_module(module)))):
        if isinstance(node, ast.ImportFrom):
            for each in node.names:
                said = each.name + (f" as {each.asname}" if each.asname else "")
                found[each.asname or each.name] = f"from {node.module} import {said}"
        elif isinstance(node, ast.Import):
            found |= {each.name: f"import {each.name}" for each in node.names}
        elif isinstance(node, ast.ClassDef):
            found[node.name] = f"from {module} import {node.name}"
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.setdefault(node.target.id, f"from {module} import {node.target.id}")
    return found


@cache
def declared(kind: type) -> dict[str, str]:
    """The docstrings of the attributes that a class declares."""
    body = cast("ast.ClassDef", ast.parse(dedent(inspect.getsource(kind))).body[0]).body
    return {
        ast.unparse(node.target): str(cast("ast.Constant", text.value).value)
        for node, text in pairwise(body)
        if isinstance(node, ast.AnnAssign) and isinstance(text, ast.Expr)
    }


def blocking_kind(statement: str) -> type | None:
    """The asynchronous class that a statement imports, if it has a blocking one."""
    if not statement.startswith("from postiz_async."):
        return None
    _, module, _, name = statement.split(" ")[:4]
    kind = getattr(import_module(module), name, None)
    is_made = isinstance(kind, type) and issubclass(kind, OfOneProcess) and kind is not Secret
    return kind if is_made else None


# ------------------------------------------------------------------ the stub


class Stub:
    """The stub, as far as it is written."""

    def __init__(self) -> None:
        self.imports = dict(IMPORTS)
        self.kinds: list[type] = [Postiz, PostizPool]
        self.classes: dict[str, str] = {}

    def text(self) -> str:
        """The whole stub."""
        for kind in self.kinds:  # which grow meanwhile
            self.classes[name_of(kind)] = "\n".join(self.lines(kind))
        public = ", ".join(f'"{name}"' for name in self.classes if name in blocking.__all__)
        head = (
            f'"""{blocking.__doc__}"""',
            "# Made by `python docs/make_blocking.py`.",
            "\n".join(sorted(set(self.imports.values()))),
            f"__all__ = [{public}]",
            '_T = TypeVar("_T")\n_P = ParamSpec("_P")',
        )
        return "\n\n".join((*head, *(self.classes[name] for name in sorted(self.classes)))) + "\n"

    def lines(self, kind: type) -> Iterator[str]:
        """A class, with its members in the order of their names."""
        made: Any = class_of(kind)
        yield f"class {name_of(kind)}:"
        said = inspect.cleandoc(made.__doc__)
        yield from docstring(
            said if "__init__" in vars(made) else said.partition("\n\nArgs:")[0], 1
        )
        for name, member in sorted(vars(made).items()):
            if isinstance(member, property):
                yield "    @property"
                yield f"    def {name}(self) -> {self.attribute(kind, name)}:"
                said = (declared(each).get(name) for each in kind.__mro__[:-1])
                yield from docstring(member.__doc__ or next(filter(None, said)), 2)
            elif name in BY_HAND:
                yield f"    def {name}({BY_HAND[name][0]}) -> {BY_HAND[name][1]}:"
                yield from docstring(member.__doc__ if not name.startswith("_") else "", 2)
            elif inspect.isfunction(member):
                yield from self.method(name, member)

    def method(self, name: str, member: Any) -> Iterator[str]:
        """A method, or its overloads."""
        original = inspect.unwrap(member)
        known = inspect.signature(member).parameters
        versions = get_overloads(original)
        for version in versions or [original]:
            shown = inspect.signature(version)
            words: list[str] = []
            for each in shown.parameters.values():
                if each.kind is each.KEYWORD_ONLY and not any(w.startswith("*") for w in words):
                    words.append("*")
                if each.name in known:
                    words.append(self.parameter(original.__module__, each))
            yield from ["    @overload"] if versions else []
            returns = self.said(original.__module__, shown.return_annotation)
            line = f"    def {name}({', '.join(words)}) -> {returns}:"
            if len(line) > _WIDTH:
                line = line.replace(
                    f"({', '.join(words)})",
                    "(\n" + ",\n".join(" " * 8 + w for w in words) + ",\n    )",
                )
            yield line
            yield from docstring("" if name == "__init__" else member.__doc__, 2)

    def parameter(self, module: str, each: inspect.Parameter) -> str:
        """A parameter with its type, and with its default where that can be written."""
        if each.name == "self":
            return "self"
        text = f"{each.name}: {self.said(module, each.annotation)}"
        if each.kind is each.VAR_POSITIONAL:
            return f"*{text}"
        if each.default is each.empty:
            return text
        is_plain = isinstance(each.default, str | int | float | tuple | None)
        return f"{text} = {each.default!r}".replace("'", '"') if is_plain else f"{text} = ..."

    def attribute(self, kind: type, name: str) -> str:
        """The type of a property, or of an attribute that a class declares."""
        found = inspect.getattr_static(kind, name, None)
        if isinstance(found, property):
            read = inspect.unwrap(cast("Any", found.fget))
            return self.said(read.__module__, read.__annotations__["return"])
        owner = next(each for each in kind.__mro__ if name in vars(each).get("__annotations__", {}))
        return self.said(owner.__module__, owner.__annotations__[name])

    def said(self, module: str, annotation: str) -> str:
        """A type of a module as the stub says it; what it names is imported."""
        for pattern, instead in WORDS.items():
            annotation = re.sub(pattern, instead, annotation)
        tree = ast.parse(annotation, mode="eval")
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                node.id = self.named(module, node.id)
        return ast.unparse(tree).replace("'", '"')

    def named(self, module: str, name: str) -> str:
        """A name of a module as the stub says it."""
        statement = origins(module).get(name) or self.imports.get(name)
        if statement is None:
            getattr(builtins, name)
            return name
        kind = blocking_kind(statement)
        if kind is not None:
            self.kinds += [kind] if kind not in self.kinds else []
            return name_of(kind)
        known = self.imports.setdefault(name, statement)
        if known != statement:
            raise ValueError(f"{name} has two meanings: {known}, {statement}")
        return name


def name_of(kind: type) -> str:
    """The name of a blocking class in the stub; one that nobody can import begins with `_`."""
    return kind.__name__ if kind.__name__ in blocking.__all__ else f"_{kind.__name__}"


def docstring(text: str, depth: int) -> Iterator[str]:
    """A docstring, or three dots."""
    text = inspect.cleandoc(text)
    end = '\n"""' if "\n" in text else '"""'
    yield indent(f'"""{text}{end}' if text else "...", "    " * depth)


if __name__ == "__main__":
    STUB.write_text(Stub().text(), encoding="utf-8")
