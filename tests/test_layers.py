"""Who may import whom. Packages and modules of the top level stand in one order, low to high."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

import postiz_async

ROOT = Path(postiz_async.__file__).parent

LAYERS = (
    ("_unseen",),
    ("errors", "clock", "_extras", "_logs", "_media_types"),
    ("_concurrency", "models"),
    ("_quota",),
    ("providers", "_wire"),
    ("_transport", "stores", "_content"),
    ("_scheduler", "texts", "_validation"),
    ("_uploads",),
    ("_resources",),
    ("_delivery",),
    ("_campaign", "_outbox"),
    ("_api",),
    ("_settings",),
    ("_client",),
    ("_pool",),
    ("oauth", "webhooks", "testing", "blocking", "doctor", "types"),
    ("pytest_plugin", "__init__"),
    ("contrib",),
    ("_cli",),
    ("__main__",),
)
PARTS_OF_CAMPAIGNS = ("read", "journal", "options", "plan", "run", "after")
"""Each imports only from those before it."""
LEVEL = {name: level for level, layer in enumerate(LAYERS) for name in layer}

PURE = {
    "errors",
    "_extras",
    "_quota",
    "models",
    "providers",
    "_wire",
    "_content",
    "texts",
    "_validation",
}
PURE_MODULES = {
    "_scheduler.retry",
    "_campaign.after.report",
    "_campaign.plan.doubles",
    "_campaign.plan.packing",
    "_campaign.plan.plan",
    "_campaign.plan.row_state",
    "_campaign.read.cells",
    "_campaign.read.channel_cells",
    "_campaign.read.rows",
    "_campaign.read.settings_columns",
    "_campaign.read.dates",
    "_campaign.read.texts",
    "_campaign.read.header",
    "_campaign.run.already_stored",
    "_campaign.run.edits",
    "_campaign.run.isolate",
    "_delivery.record",
    "_delivery.transitions",
    "_campaign.run.conditions",
    "_campaign.journal.rows",
    "_delivery.outcomes",
    "_delivery.matching",
    "_resources.channel_names",
    "_resources.listing",
    "_resources.create_body",
}
IMPURE = {"aiohttp", "anyio", "asyncio", "socket", "sqlite3", "time", "random", "threading", "os"}
IMPURE_PARTS = {"clock", "_concurrency", "_transport", "stores"}


class Import(NamedTuple):
    module: str
    """Who imports, below the package."""
    target: str
    when: str
    """`always`, `types` (only for type checkers) or `late` (inside of a function)."""


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py"))


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def imports_of(path: Path) -> list[Import]:
    """All imports of a module, with relative ones refused."""
    found: list[Import] = []

    def visit(node: ast.AST, when: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):  # which has no statements
                continue
            now = when
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                now = "types"
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                now = "late"
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path} has a relative import"
                targets = [_target(child.module or "", alias.name) for alias in child.names]
                found.extend(Import(dotted(path), target, when) for target in targets)
            elif isinstance(child, ast.Import):
                found.extend(Import(dotted(path), alias.name, when) for alias in child.names)
            visit(child, now)

    visit(ast.parse(path.read_text(encoding="utf-8")), "always")
    return found


@cache
def _target(module: str, name: str) -> str:
    """The module that `from module import name` imports: `name` may be one itself."""
    folder = ROOT.joinpath(*module.split(".")[1:])
    is_module = (folder / f"{name}.py").is_file() or (folder / name).is_dir()
    return f"{module}.{name}" if module.startswith("postiz_async") and is_module else module


@cache
def ours(target: str) -> str | None:
    """The part of the package that a target belongs to; None for what is not ours."""
    if not target.startswith("postiz_async"):
        return None
    name = target.removeprefix("postiz_async").strip(".").partition(".")[0]
    is_module = (ROOT / name).is_dir() or (ROOT / f"{name}.py").is_file()
    return name if name and is_module else "__init__"


@cache
def all_imports() -> tuple[Import, ...]:
    return tuple(each for path in modules() for each in imports_of(path))


def test_every_module_has_its_layer() -> None:
    names = {dotted(path).partition(".")[0] for path in modules()}
    assert names - {"_sandbox"} <= set(LEVEL), "say in this test where a new module stands"


def is_upward(each: Import) -> bool:
    source, target = each.module.partition(".")[0], ours(each.target)
    if target is None or source in {target, "_sandbox"}:
        return False
    if target == "_sandbox":  # only doubles and the command line know it
        return LEVEL[source] < LEVEL["testing"]
    return LEVEL[target] >= LEVEL[source]


def test_a_module_imports_only_from_below() -> None:
    assert [each for each in all_imports() if is_upward(each)] == []


def test_a_part_of_a_campaign_imports_only_from_those_before_it() -> None:
    order = {name: place for place, name in enumerate(PARTS_OF_CAMPAIGNS)}
    for each in all_imports():
        source, part, *_ = *each.module.split("."), ""
        below, _, target = each.target.removeprefix("postiz_async.").partition(".")
        if source == below == "_campaign" and part in order:
            name = target.partition(".")[0]
            assert name in order, each
            assert order[name] <= order[part], each


def test_the_sandbox_uses_the_rules_and_nothing_that_sends() -> None:
    targets = {ours(each.target) for each in all_imports() if each.module.startswith("_sandbox")}
    rules = {"_content", "_media_types", "_validation", "errors", "models", "providers"}
    assert targets - {None} == {"_sandbox", "clock", "_wire", *rules}
    of_wire = {each.target for each in all_imports() if each.module.startswith("_sandbox")}
    assert {each for each in of_wire if "_wire" in each} == {"postiz_async._wire.endpoints"}


def test_only_the_transport_and_the_served_sandbox_import_aiohttp() -> None:
    users = {each.module for each in all_imports() if each.target.partition(".")[0] == "aiohttp"}
    modules = {"_transport.faults", "_transport.http"}
    assert users == {*modules, "_sandbox.http"}


def test_an_extra_is_imported_by_its_adapter_only() -> None:
    homes = {
        "fastapi": {"contrib.fastapi"},
        "starlette": {"contrib.mcp"},
        "mcp": {"contrib.mcp"},
        "uvicorn": {"contrib.mcp"},
        "pydantic": {"contrib.mcp", "models._pydantic"},
        "pydantic_core": {"models._pydantic"},
        "opentelemetry": {"contrib.opentelemetry"},
        "psycopg": {
            "stores._postgres",
            "stores._postgres_pool",
            "stores._postgres_connections",
            "stores._postgres_blocking",
            "_campaign.journal.database",
        },
        "asyncpg": set(),
        "sqlalchemy": {"stores._postgres_connections"},
    }
    for name, home in homes.items():
        assert {
            each.module for each in all_imports() if each.target.partition(".")[0] == name
        } == home


def test_the_tools_of_agents_use_public_names_only() -> None:
    for each in all_imports():
        if each.module.startswith("contrib.mcp") and ours(each.target) not in {None, "contrib"}:
            parts = each.target.split(".")[1:]
            assert parts == ["_extras"] or not any(part.startswith("_") for part in parts), each


def test_what_is_called_pure_has_neither_clock_nor_input_nor_output() -> None:
    for each in all_imports():
        if each.when == "types":
            continue
        if each.module.partition(".")[0] in PURE or each.module in PURE_MODULES:
            assert each.target.partition(".")[0] not in IMPURE, each
            assert ours(each.target) not in IMPURE_PARTS, each


def test_errors_carry_numbers_and_texts_only() -> None:
    assert not [each for each in all_imports() if each.module == "errors" and ours(each.target)]


def test_there_is_no_import_cycle() -> None:
    """Of modules; imports for type checkers and those inside of functions count like others."""
    graph: dict[str, set[str]] = {}
    for each in all_imports():
        target = each.target.removeprefix("postiz_async.")
        if ours(each.target) not in {None, "__init__"}:
            graph.setdefault(each.module, set()).add(target)
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path, module])
        if module not in done:
            for target in graph.get(module, ()):
                walk(target, (*path, module))
            done.add(module)

    for module in graph:
        walk(module, ())
