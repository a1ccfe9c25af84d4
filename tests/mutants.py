"""Which changes of the code no test would notice: a fresh random sample each time, by hand.

    python tests/mutants.py --per-module 5 'quota/*' scheduler

A mutant is one small change: a constant, a comparison, an operand, a statement or an argument left
out. Only tests that execute its line are run, quickest first, until one fails; to take very long
counts as noticed. Which tests execute which line is measured once for a state of the code (some
minutes), and kept in the folder for temporary files. The work tree is never changed. Some mutants
are equivalent to the code, and what only child processes execute is executed by no test here.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from executed_lines import PACKAGE, Tests

ROOT = Path(__file__).parents[1]
LONGEST = 240.0
"""Seconds of tests, as they took when they were measured, that are run for one mutant at most."""

NOT_RUN = 3
"""From this exit code on pytest could not run the tests; below it they passed or did not."""

# ------------------------------------------------------------------ which tests execute a line


def measured() -> Tests:
    """Measure, unless this was done for this state of the code."""
    state = hashlib.sha256()
    for path in tracked():
        state.update(f"{path}\0".encode() + (ROOT / path).read_bytes())
    folder = Path(tempfile.gettempdir()) / f"mutants-{state.hexdigest()[:16]}"
    if not (folder / "done").exists():
        print(f"measuring which tests execute which lines, into {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        pytest(ROOT, "-p", "executed_lines", "--timeout=1200", EXECUTED_LINES=str(folder))
        (folder / "done").touch()
    return Tests(folder)


def tracked() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(path for path in set(listed.stdout.splitlines()) if (ROOT / path).is_file())


def pytest(tree: Path, *arguments: str, timeout: float | None = None, **more: str) -> int:
    """Run the tests of a tree; -1 for those that take too long."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tree), str(tree / "tests")])}
    try:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
            cwd=tree,
            env=environment | more,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return -1


# ------------------------------------------------------------------ changes

SWAPS = {
    getattr(ast, old): [getattr(ast, new) for new in others]
    for old, *others in map(str.split, (
        "Lt LtE GtE", "LtE Lt Gt", "Gt GtE LtE", "GtE Gt Lt", "Eq NotEq", "NotEq Eq", "Is IsNot",
        "IsNot Is", "In NotIn", "NotIn In", "And Or", "Or And", "Add Sub", "Sub Add", "Mult Div",
        "Div Mult", "FloorDiv Div", "Mod Mult",
    ))
}  # fmt: skip


class Mutant(NamedTuple):
    module: Path
    lines: tuple[int, int]
    """Its own, and that of its statement."""
    start: int
    end: int
    """Bytes of the source."""
    text: bytes
    """What is put there."""
    old: str
    new: str

    def __str__(self) -> str:
        """Where, and both texts from shortly before their first difference."""
        pairs = enumerate(zip(self.old, self.new, strict=False))
        differ = next((n for n, (a, b) in pairs if a != b), min(len(self.old), len(self.new)))
        old, new = (text[max(0, differ - 20) : differ + 60] for text in (self.old, self.new))
        return f"{self.module.relative_to(PACKAGE)}:{self.lines[0]} {old} -> {new}"


def sample_of(module: Path, count: int, dice: random.Random) -> list[Mutant]:
    """Some changes of a module that compile."""
    source = module.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    every = list(changes(ast.parse(source), 1))
    dice.shuffle(every)
    found: list[Mutant] = []
    for node, new, line in every:
        if len(found) == count:
            break
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        text = f"({new})".encode() if isinstance(node, ast.expr) else new.encode()
        try:
            compile(source[:start] + text + source[end:], str(module), "exec")
        except (SyntaxError, ValueError):
            continue
        place = (node.lineno, line)
        found.append(Mutant(module, place, start, end, text, ast.unparse(node), new))
    return found


def changes(node: ast.AST, line: int) -> Iterator[tuple[ast.AST, str, int]]:
    """What to put in the place of which node; annotations, decorators and the like stay."""
    if isinstance(node, ast.expr):
        yield from ((node, new, line) for new in of_expression(node))
    elif isinstance(node, ast.stmt):
        line = node.lineno
        yield from ((node, new, line) for new in of_statement(node))
    if isinstance(node, ast.JoinedStr | ast.pattern) or (
        isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ):
        return
    for name, value in ast.iter_fields(node):
        if name not in {"annotation", "decorator_list", "returns", "type_params"}:
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _is_inert(child):
                    yield from changes(child, line)


def _is_inert(node: ast.AST) -> bool:
    is_doc = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    if isinstance(node, ast.keyword) and node.arg == "strict":  # it guards what is never so
        return True
    return is_doc or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")


def of_expression(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=bool()):
            yield str(not node.value)
        case ast.Constant(value=int() | float()):
            text = ast.unparse(node)
            yield from (f"{text} * 10", f"{text} + 1") if node.value else ("10", "1")
        case ast.BinOp(op=op) if type(op) in SWAPS:
            yield ast.unparse(ast.BinOp(node.left, SWAPS[type(op)][0](), node.right))
        case ast.IfExp(body=body, orelse=orelse):
            yield from (ast.unparse(body), ast.unparse(orelse))
        case ast.Call(args=args, keywords=keywords):
            for n in [n for n, each in enumerate(keywords) if not _is_inert(each)]:
                yield ast.unparse(ast.Call(node.func, args, [*keywords[:n], *keywords[n + 1 :]]))
            if len(args) > 1:
                yield ast.unparse(ast.Call(node.func, args[:-1], keywords))
        case _:
            yield from of_condition(node)


def of_condition(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Compare(ops=[op], left=left, comparators=right):
            for other in SWAPS[type(op)]:
                yield ast.unparse(ast.Compare(left, [other()], right))
        case ast.BoolOp(op=op, values=values):
            yield ast.unparse(ast.BoolOp(SWAPS[type(op)][0](), values))
            for n in range(len(values)):
                rest = [*values[:n], *values[n + 1 :]]
                yield ast.unparse(ast.BoolOp(op, rest) if len(rest) > 1 else rest[0])
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield ast.unparse(node.operand)


def of_statement(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.Raise() | ast.Break() | ast.Continue():
            yield "pass"
        case ast.Assign() | ast.AugAssign():
            yield "pass"
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
            yield "return None"


# ------------------------------------------------------------------ judgement


@dataclass
class Trees:
    """Copies of the tree, one for each core, that mutants are put into."""

    folder: Path
    free: SimpleQueue[Path]
    ticks: int = 0

    @classmethod
    def make(cls, folder: Path, count: int) -> Trees:
        trees = cls(folder, SimpleQueue())
        for number in range(count):
            tree = folder / f"tree{number}"
            for path in tracked():
                (tree / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / path, tree / path)
            trees.free.put(tree)
        return trees

    def is_noticed(self, mutant: Mutant, tests: Mapping[str, float]) -> bool:
        tree = self.free.get()
        path = tree / mutant.module.relative_to(ROOT)
        source = mutant.module.read_bytes()
        names, patience = tree / "mutants.txt", 120 + 10 * sum(tests.values())
        names.write_text("\n".join(tests), encoding="utf-8")
        try:
            self._write(path, source[: mutant.start] + mutant.text + source[mutant.end :])
            chosen = ("-x", "-n0", "-p", "no:randomly", f"@{names}")
            code = pytest(tree, *chosen, timeout=patience)
            if code < NOT_RUN:
                return code != 0
            self._write(path, source)
            control = pytest(tree, *chosen, timeout=patience)
            assert control == 0, (
                f"these tests do not run without a mutant either: {[*tests][:3]} ..."
            )
            return True
        finally:
            self._write(path, source)
            self.free.put(tree)

    def _write(self, path: Path, source: bytes) -> None:
        """A compiled file is told from another by seconds and size only."""
        path.write_bytes(source)
        self.ticks += 2
        os.utime(path, (1_000_000_000 + self.ticks,) * 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", default=["*"], help="such as quota/* or scheduler")
    parser.add_argument("--per-module", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.randrange(2**16))  # noqa: S311
    options = parser.parse_args()
    print(f"seed {options.seed}")
    dice = random.Random(options.seed)  # noqa: S311
    sample: list[Mutant] = []
    for module in sorted((PACKAGE).rglob("*.py")):
        name = module.relative_to(PACKAGE).with_suffix("").as_posix()
        if any(fnmatch(name, pattern) for pattern in options.modules):
            sample += sample_of(module, options.per_module, dice)
    tests = measured()
    chosen = [tests.of(mutant.module, mutant.lines, LONGEST) for mutant in sample]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        trees = Trees.make(Path(folder), os.cpu_count() or 1)

        def judge(place: int) -> bool:
            is_noticed = bool(chosen[place]) and trees.is_noticed(sample[place], chosen[place])
            if not is_noticed:
                print(f"{'survived' if chosen[place] else 'executed by no test'}: {sample[place]}")
            return is_noticed

        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            noticed = list(pool.map(judge, range(len(sample))))
    for module in dict.fromkeys(mutant.module for mutant in sample):
        of = [seen for seen, mutant in zip(noticed, sample, strict=True) if mutant.module == module]
        print(f"{sum(of):4} of {len(of):4} noticed: {module.relative_to(PACKAGE)}")
    print(f"{sum(noticed)} of {len(noticed)} noticed ({sum(noticed) / max(1, len(noticed)):.0%})")


if __name__ == "__main__":
    main()
