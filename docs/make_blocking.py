"""Writes the twins of `postiz_async/blocking` from the source: `python docs/make_blocking.py`.

For each class that `Postiz` or `PostizPool` leads to and that has something to await: the same
methods with the same arguments, types and docstrings. Mostly a decorator calls the asynchronous
method of the same name. A new resource or class is found by itself. Written by hand are the portal,
and what twins have in common (`_calls`, `_portal`, `_base`).
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

ROOT = Path(__file__).parents[1] / "postiz_async"
FOLDER = ROOT / "blocking"
_WIDTH = 100

OWNERS = {"Postiz", "PostizPool"}
"""They are made by users, and have a thread. What they lead to has a twin."""

ELSEWHERE = {"_sandbox", "_cli", "blocking", "contrib"}
"""Packages that have no class with a twin."""

AS_THEY_ARE = {"Clock"}
"""Classes with something to await that users bring themselves."""

BY_HAND = {"with_raw_response", "open", "aclose", "__aenter__", "__aexit__"}

LEFT_OUT = {"PoolOutbox": {"of"}}

PARTS = {"_resources": "_resources", "_campaign": "_campaigns", "_outbox": "_outboxes"}
"""Which modules have the twins of a package; those of clients are in `_clients`."""

LOADED = {"collections.abc", "contextlib", "datetime", "pathlib", "types", "typing"}
"""Modules that are loaded anyway, so that their types are imported as what is needed is."""

WITHOUT = {"connection"}
"""Arguments that only asynchronous code can give: an open transaction of its event loop."""

SAID = {"path": "The campaign's file, or its name.", "journal_path": "Its journal."}
"""Attributes that say nothing of themselves."""

HOW = {
    "A client for one API key.\n": "A blocking client for one API key, safe from any thread.\n",
    "channels = await postiz.channels.list()\n": """channels = postiz.channels.list()

    Without `with`, its first call opens it, and `close` closes it. The connections live in a thread
    of its own.
""",
    "It stays open when the client closes. None: all clients": (
        "It is closed with the client, in whose thread its connections live: give each\n"
        "            client its own store. None: all clients"
    ),
    "or a store, as for `Postiz`. With\n": (
        "or a store, as for `Postiz`,\n            which is closed with the pool. With\n"
    ),
    "an iterable or async iterable": "an iterable",
    "a function, sync or async, from the name of an organisation to its key or\n"
    "            token, with which the outbox sends; it is called each time. An async one has "
    "30 s, a\n            sync one must not block. No key is stored.": (
        "a function from the name of an organisation to its key or token, with which\n"
        "            the outbox sends; it is called each time, in a worker thread, and has 30 s.\n"
        "            No key is stored."
    ),
    "an async file, such as\n                FastAPI's `UploadFile`; an async iterator of bytes; "
    "a URL as text": "a URL as text",
    "the pool is not open in this event loop, or": "the pool is closed, or",
    "its event loop does not answer": "its thread does not answer",
    "leave the loop or cancel it": "leave the loop",
    "`await` gives a list, with one request. `async for` fetches a range of any length in pieces\n"
    "        that the server can handle.": (
        "Nothing is asked before it is used. `for` fetches a range of any length in pieces that\n"
        "        the server can handle; all else is that of a list, fetched with one request."
    ),
    "`await` gives all of them in a list; `async for` fetches a page at a time.": (
        "Nothing is asked before it is used: `for` fetches a page at a time, all else all."
    ),
    "cancelled and called again": "interrupted and called again",
    "cancelled, they are withdrawn": "interrupted, they are withdrawn",
    "aclose": "close",
    "Send what is unsent: to await for the report, or to iterate over as outcomes come.": (
        "Send what is unsent, and report; `outcomes` gives the outcomes as they come."
    ),
    """
            async for outcome in campaign.run():
                print(outcome.row, outcome.state)

        Leaving the loop, or cancelling, stops""": """
        An error, or Ctrl-C, stops""",
    "; may be asynchronous.": ".",
    "; may be\n                asynchronous.": ".",
    ";\n                may be asynchronous.": ".",
}
"""Words of docstrings that are said otherwise in synchronous code."""


# ------------------------------------------------------------------ the source


@dataclass(frozen=True)
class Source:
    """A module of the package, and where its names come from."""

    name: str
    tree: ast.Module
    lines: list[str]
    origins: dict[str, str]
    """The module that a name comes from; empty: it is one."""
    aliases: dict[str, str]
    """What a name is called there, if it is called otherwise."""


@cache
def source(module: str) -> Source:
    """A module as it is written."""
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    origins: dict[str, str] = {}
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            origins |= {each.asname or each.name: node.module or "" for each in node.names}
            aliases |= {each.asname: each.name for each in node.names if each.asname is not None}
        elif isinstance(node, ast.Import):
            origins |= {each.name: "" for each in node.names}
    for node in tree.body:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else []
        targets += node.targets if isinstance(node, ast.Assign) else []
        names = [each.id for each in targets if isinstance(each, ast.Name)]
        names += [node.name] if isinstance(node, ast.ClassDef) else []
        origins |= dict.fromkeys(names, f"postiz_async.{module}")
    return Source(module, tree, text.splitlines(), origins, aliases)


@cache
def classes() -> dict[str, tuple[Source, ast.ClassDef]]:
    """All classes of the package by their names, of which no two are equal."""
    found: dict[str, tuple[Source, ast.ClassDef]] = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if not ELSEWHERE & set(parts) and path.stem != "__init__":
            each = source(".".join(parts))
            nodes = (node for node in each.tree.body if isinstance(node, ast.ClassDef))
            found |= {node.name: (each, node) for node in nodes}
    return found


@cache
def twins() -> frozenset[str]:
    """The classes that have a twin: what the owners lead to, and the bases of those."""
    found: set[str] = set()
    coming = sorted(OWNERS)
    while coming:
        name = coming.pop()
        if name not in found:
            found.add(name)
            node = classes()[name][1]
            coming += [each for each in bases_of(node) if not is_protocol(each)]
            coming += [each for each in led_to(node) if has_something_to_await(each)]
    return frozenset(found)


def bases_of(node: ast.ClassDef) -> list[str]:
    """Bases of a class that are classes of the package."""
    names = [each.id for each in node.bases if isinstance(each, ast.Name)]
    return [name for name in names if name in classes() and name != "OfOneProcess"]  # as is `Twin`


def is_protocol(name: str) -> bool:
    """Whether a class says only what another one has."""
    return "Protocol" in [ast.unparse(each) for each in classes()[name][1].bases]


def led_to(node: ast.ClassDef) -> Iterator[str]:
    """Classes of the package that public attributes and results of methods are."""
    for each in node.body:
        hint = None
        if isinstance(each, ast.AnnAssign) and not ast.unparse(each.target).startswith("_"):
            hint = each.annotation
        elif isinstance(each, FUNCTIONS) and is_for_users(node, each):
            hint = each.returns
        names = re.findall(r"\w+", ast.unparse(hint)) if hint is not None else []
        yield from (name for name in names if name in classes() and name not in AS_THEY_ARE)


def has_something_to_await(name: str) -> bool:
    """Whether a class or one of its bases has."""
    node = classes()[name][1]
    awaited = (each.name for each in node.body if isinstance(each, FUNCTIONS) and is_awaited(each))
    return any(not each.startswith("_") or each == "__aenter__" for each in awaited) or any(
        has_something_to_await(base) for base in bases_of(node)
    )


def is_awaited(node: Function) -> bool:
    """Whether what a method returns can be awaited."""
    is_listing = node.returns is not None and ast.unparse(node.returns).startswith("Listing[")
    return isinstance(node, ast.AsyncFunctionDef) or is_listing


def module_of(name: str) -> str:
    """The module of a twin: that of all twins from one package."""
    return PARTS.get(classes()[name][0].name.partition(".")[0], "_clients")


# ------------------------------------------------------------------ one module


@dataclass
class Module:
    """A generated module, as far as it is written."""

    source: Source
    node: ast.ClassDef
    lines: list[str] = field(default_factory=list[str])
    types: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """What only type checkers import: modules and names."""
    values: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def said(self, node: ast.expr | None, *, needed: bool = False) -> str:
        """An annotation or a default as text; what it names is imported."""
        if node is None:
            return "None"
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not needed:
            node = ast.parse(node.value, mode="eval").body
        for each in ast.walk(node):
            if isinstance(each, ast.Name) and each.id in self.source.origins:
                self._use(each.id, needed=needed)
        return ast.unparse(node).replace("'", '"')

    def _use(self, name: str, *, needed: bool) -> None:
        if name in twins():
            self.values.add((f"postiz_async.blocking.{module_of(name)}", name))
            return
        alias = self.source.aliases.get(name)
        word = name if alias is None else f"{alias} as {name}"
        (self.values if needed else self.types).add((self.source.origins[name], word))

    def helper(self, *names: str) -> None:
        """Use something that is written by hand."""
        self.values |= {("postiz_async.blocking._base", name) for name in names}

    def type_of(self, node: ast.expr | None) -> str:
        """What a blocking method takes or returns where the asynchronous one has this."""
        if isinstance(node, ast.BinOp) and ast.unparse(node.right).startswith("AsyncIterable["):
            node = node.left
        text = self.said(node)
        for kind in ("AsyncIterator", "AsyncGenerator"):
            if text.startswith(f"{kind}["):
                self.types.discard(("collections.abc", kind))
                self.helper("BlockingIterator")
                text = f"BlockingIterator{text.removeprefix(kind)}"
        if text.startswith("Listing["):
            self.types.discard(("postiz_async._resources.listing", "Listing"))
            self.helper("BlockingListing")
            text = f"Blocking{text}"
        if "Awaitable[" in text:
            self.types.discard(("collections.abc", "Awaitable"))
            text = re.sub(r"Awaitable\[None\]( \| None(?=\]))?", "object", text)
            text = re.sub(r"Awaitable\[(\w+)\]", r"\1", text)
        return text


def text_of(part: str) -> str:
    """A whole generated module."""
    modules = [Module(*classes()[name]) for name in in_order(part)]
    bodies = [line for module in modules for line in ("", "", *class_body(module))]
    types = {each for module in modules for each in module.types}
    values = {each for module in modules for each in module.values}
    own = f"postiz_async.blocking.{part}"
    head = [
        f'"""The blocking twins of `{part}`. Made by `python docs/make_blocking.py`."""',
        "",
        "# Methods have no body where a decorator does the work.",
        "# pyright: reportReturnType=false",
        "",
        "from __future__ import annotations",
        "",
        *imports(types, {(where, name) for where, name in values if where != own}),
    ]
    return "\n".join([*head[: -1 if head[-1] == "" else None], *bodies]).rstrip() + "\n"


def in_order(part: str) -> list[str]:
    """The twins of a module, each after its bases."""
    names = sorted(name for name in twins() if module_of(name) == part)
    found: dict[str, None] = {}

    def add(name: str) -> None:
        for base in bases_of(classes()[name][1]):
            if base in names:
                add(base)
        found[name] = None

    for name in names:
        add(name)
    return list(found)


def imports(types: set[tuple[str, str]], values: set[tuple[str, str]]) -> Iterator[str]:
    """The imports, in the order of the formatter."""
    loaded = LOADED | {where for where, _ in values if where}
    values |= {each for each in types if each[0] in loaded}
    types -= values
    if types:
        values.add(("typing", "TYPE_CHECKING"))
    yield from import_block(values, "")
    if types:
        yield "if TYPE_CHECKING:"
        yield from import_block(types, "    ")


def import_block(names: set[tuple[str, str]], indent: str) -> Iterator[str]:
    """Imports of one block: the standard library, then the package."""
    for section in range(3):
        of = {each for each in names if _section(each[0] or each[1]) == section}
        modules = sorted(name for where, name in of if not where)
        yield from (f"{indent}import {name}" for name in modules)
        for where in sorted({where for where, _ in of if where}):
            words = sorted((n for w, n in of if w == where), key=_rank)
            yield from fitted(f"{indent}from {where} import ", words, brackets=True)
        if of:
            yield ""


def _section(module: str) -> int:
    """0 for the standard library, 2 for this package, 1 for what is between."""
    top = module.partition(".")[0]
    return 2 if top == "postiz_async" else int(top not in sys.stdlib_module_names)


def _rank(name: str) -> tuple[int, str, str]:
    bare = name.split(" as ", maxsplit=1)[0]
    return (0 if bare.isupper() else 1 if bare[0].isupper() else 2), bare.lower(), bare


def fitted(head: str, words: list[str], end: str = "", *, brackets: bool = False) -> list[str]:
    """Words after a head, on one line, or on one line below, or each on its own."""
    indent = " " * (len(head) - len(head.lstrip()))
    line = head + ", ".join(words) + end
    if len(line) <= _WIDTH:
        return [line]
    head, end = (f"{head}(", ")") if brackets else (head, end)
    within = f"{indent}    {', '.join(words)}"
    if len(within) <= _WIDTH and not brackets:
        return [head, within, f"{indent}{end}"]
    return [head, *(f"{indent}    {word}," for word in words), f"{indent}{end}"]


# ------------------------------------------------------------------ one class


def class_body(module: Module) -> Iterator[str]:
    """The class, with its members."""
    node, name = module.node, module.node.name
    bases = twin_bases(node)
    for each in bases:
        if each in twins():
            module.values.add((f"postiz_async.blocking.{module_of(each)}", each))
        else:
            module.helper(each)
    for decorator in (ast.unparse(each) for each in node.decorator_list):
        module.values.add((module.source.origins[decorator], decorator))
        yield f"@{decorator}"
    yield f"class {name}({', '.join(bases)}):"
    yield from docstring(module, node, "    ", is_class=name not in OWNERS)
    if name in OWNERS:
        yield from constructor(module)
    for member in members(module):
        yield from member


def twin_bases(node: ast.ClassDef) -> list[str]:
    """The bases of a twin: those of its class, and what is written by hand."""
    written = {each.name for each in node.body if isinstance(each, FUNCTIONS)}
    bases = [each for each in bases_of(node) if each in twins()]
    if node.name in OWNERS:
        return ["Owner", *bases]
    if "__aenter__" in written:
        return [*bases, "EnteredTwin"]
    bases = bases or ["Twin"]
    return ["WithRaw", *bases] if "with_raw_response" in written else bases


def members(module: Module) -> Iterator[list[str]]:
    """What users see of the class."""
    bases = {each.name for each in parents(module.node)}
    for given in module.node.body:
        each = given
        if isinstance(each, ast.FunctionDef) and ast.unparse(each.returns or each) == "CampaignRun":
            yield list(outcomes(module, each))
            each = as_awaited(each, "Report")
        if isinstance(each, ast.AnnAssign) and ast.unparse(each.annotation) in twins():
            yield list(attribute(module, each))
        if isinstance(each, FUNCTIONS):
            if each.name == "__init__" and module.node.name not in OWNERS:
                yield from public_attributes(module, each)
            decorators = [ast.unparse(d) for d in each.decorator_list]
            is_known = each.name in bases and ast.get_docstring(each) is None
            if (
                is_for_users(module.node, each)
                and not is_known
                and "abstractmethod" not in decorators
            ):
                yield list(method(module, each, decorators))


def as_awaited(node: ast.FunctionDef, returns: str) -> ast.AsyncFunctionDef:
    """A function that returns something to await, as if it were asynchronous."""
    text = ast.unparse(node).replace("def ", "async def ", 1)
    made = ast.parse(text).body[0]
    assert isinstance(made, ast.AsyncFunctionDef)  # noqa: S101
    made.returns, made.body = ast.Name(returns), node.body
    return made


def outcomes(module: Module, node: ast.FunctionDef) -> Iterator[str]:
    """What is iterated over, where asynchronous code iterates over what it can also await."""
    module.helper("BlockingIterator", "iterate")
    module.said(ast.Name("Outcome"))
    yield from (
        "",
        "    def outcomes(self) -> BlockingIterator[Outcome]:",
        '        """Send what is unsent, as `run`; yields each outcome as it comes.',
        "",
        "            for outcome in campaign.outcomes():",
        "                print(outcome.row, outcome.state)",
        "",
        "        Leaving the loop stops sending; requests in flight end first.",
        '        """',
        "        original = self._async",
        f"        return iterate(self._portal, lambda: aiter(original.{node.name}()))",
    )


def is_for_users(of: ast.ClassDef, node: Function) -> bool:
    """Whether a method is public, and a twin of it is made here."""
    text = " ".join((ast.get_docstring(node) or "").split())
    return (
        (not node.name.startswith("_") or node.name == "__len__")
        and node.name not in BY_HAND | LEFT_OUT.get(of.name, set())
        and "other parts of this package" not in text
    )


def parents(node: ast.ClassDef) -> Iterator[Function]:
    """Methods of the classes that a class has twins of among its bases."""
    for name in bases_of(node):
        base = classes()[name][1]
        yield from (each for each in base.body if isinstance(each, FUNCTIONS))
        yield from parents(base)


def public_attributes(module: Module, init: Function) -> Iterator[list[str]]:
    """Attributes that `__init__` sets, as properties."""
    documented = dict(zip(init.body, [*init.body[1:], None], strict=True))
    for each in init.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Attribute):
            name = each.target.attr
            if name.startswith("_"):
                continue
            after = documented[each]
            module.helper("kept")
            text = SAID.get(name, "")
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                text = str(after.value.value)
            yield [
                "",
                "    @property",
                "    @kept",
                f"    def {name}(self) -> {module.type_of(each.annotation)}:",
                f'        """{text}"""',
            ]


def attribute(module: Module, node: ast.AnnAssign) -> Iterator[str]:
    """A resource of a client."""
    assert isinstance(node.target, ast.Name)  # noqa: S101
    kind, name = module.said(node.annotation), node.target.id
    place = module.node.body.index(node) + 1
    text = module.node.body[place]
    yield ""
    yield "    @property"
    yield f"    def {name}(self) -> {kind}:"
    if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
        yield f'        """{text.value.value}"""'
    yield f"        return {kind}(self._portal, self._async.{name})"


def constructor(module: Module) -> Iterator[str]:
    """`__init__` of what users make."""
    name = module.node.name
    init = next(
        each
        for each in module.node.body
        if isinstance(each, ast.FunctionDef) and each.name == "__init__"
    )
    module.values.add((f"postiz_async.{module.source.name}", f"{name} as Async{name}"))
    module.helper("making")
    yield ""
    yield f"    @making(Async{name})"
    yield from fitted("    def __init__(", parameters(module, init), ") -> None: ...")


def parameters(module: Module, node: Function) -> list[str]:
    """The parameters, with types and defaults."""
    args = node.args
    defaults = [None] * (len(args.args) - len(args.defaults)) + list(args.defaults)
    words = [
        parameter(module, each, default) for each, default in zip(args.args, defaults, strict=True)
    ]
    if args.vararg is not None:
        words.append("*" + parameter(module, args.vararg, None))
    elif args.kwonlyargs:
        words.append("*")
    words += [
        parameter(module, each, default)
        for each, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
        if each.arg not in WITHOUT
    ]
    return words


def parameter(module: Module, arg: ast.arg, default: ast.expr | None) -> str:
    """One parameter."""
    if arg.arg == "self":
        return "self"
    kind = module.type_of(arg.annotation)
    if "CredentialsOf" in kind:
        module.types.discard(("postiz_async._outbox.pool_outbox", "CredentialsOf"))
        module.types |= {("collections.abc", "Callable"), ("postiz_async._wire.secrets", "Secret")}
        kind = kind.replace("CredentialsOf", "Callable[[str], str | Secret]")
    end = "" if default is None else f" = {module.said(default, needed=True)}"
    return f"{arg.arg}: {kind}{end}"


# ------------------------------------------------------------------ one method


def method(module: Module, node: Function, decorators: list[str]) -> Iterator[str]:
    """A method or a property that calls its twin."""
    yield ""
    returns = module.type_of(node.returns)
    is_overload = "overload" in decorators
    if is_overload:
        module.values.add(("typing", "overload"))
    yield from (f"    @{each}" for each in decorators if each in {"property", "overload"})
    if not is_overload and node.name != "__len__":
        yield f"    @{forwarding(module, node, decorators, returns)}"
    end = f") -> {returns}:" + (" ..." if is_overload else "")
    yield from fitted(f"    def {node.name}(", parameters(module, node), end)
    if not is_overload:
        if ast.get_docstring(node) is not None:
            yield from docstring(module, node, "        ")
        if node.name == "__len__":
            yield "        return len(self._twin)"


def forwarding(module: Module, node: Function, decorators: list[str], returns: str) -> str:
    """The decorator with which a method calls its twin."""
    functions = callbacks(node)
    if "property" in decorators:
        is_kept = module.node.name in OWNERS and returns not in twins()
        name = "kept" if is_kept else "looked_up"
    elif returns.startswith("BlockingIterator["):
        name = "iterated"
    elif returns.startswith("BlockingListing["):
        name = "listing"
    elif not isinstance(node, ast.AsyncFunctionDef):
        name = "called"
    else:
        name = "serving" if functions else "awaited"
    module.helper(name)
    how = ", ".join(f'{each}="{way}"' for each, way in functions.items())
    return f"{name}({how})" if name == "serving" else name


def callbacks(node: Function) -> dict[str, str]:
    """How what a method takes is used in the thread of the caller.

    Functions are `told`, or `awaited` when the method waits for them; iterables are `taken`.
    """
    found: dict[str, str] = {}
    for each in [*node.args.args, *node.args.kwonlyargs]:
        kind = ast.unparse(each.annotation) if each.annotation is not None else ""
        if "Callable[" in kind or kind.startswith("Progress"):
            found[each.arg] = "awaited" if "Awaitable[" in kind else "told"
        elif kind.startswith("Iterable["):
            found[each.arg] = "taken"
    return found


# ------------------------------------------------------------------ docstrings


def docstring(
    module: Module,
    node: ast.ClassDef | Function,
    indent: str,
    *,
    is_class: bool = False,
) -> Iterator[str]:
    """The docstring, as it is said in synchronous code."""
    first = node.body[0]
    assert isinstance(first, ast.Expr), f"{node.name} has no docstring"  # noqa: S101
    text = "\n".join(module.source.lines[first.lineno - 1 : first.end_lineno])
    text = spoken(text)
    if is_class and "\n    Args:\n" in text:
        text = text[: text.index("\n    Args:\n")].rstrip()
        text += f'\n{indent}"""' if "\n" in text else '"""'
    yield from text.splitlines()


def spoken(text: str) -> str:
    """A docstring, turned."""
    for word in WITHOUT:
        text = re.sub(rf"\n +{word}: .*(?:\n {{16,}}.*)*(?:\n {{16,}}.*)*", "", text)
    text = re.sub(r"\n +ConfigurationError: the connection is in no transaction.*", "", text)
    for before, after in HOW.items():
        text = text.replace(before, after)
    for word in ("with", "for", "def"):
        text = text.replace(f"async {word} ", f"{word} ")
    return text.replace("await ", "")


def pages() -> dict[Path, str]:
    """All generated modules, by their paths."""
    return {FOLDER / f"{part}.py": text_of(part) for part in {module_of(name) for name in twins()}}


def is_made(path: Path) -> bool:
    """Whether a module says that it was made here."""
    return "Made by `python docs/make_blocking.py`" in path.read_text(encoding="utf-8")


if __name__ == "__main__":
    made = pages()
    for path in FOLDER.glob("*.py"):
        if is_made(path) and path not in made:
            path.unlink()
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
