"""Print how large the package is, and fail if it is larger than .ci/size.toml allows."""

import ast
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def code_lines(path: Path) -> int:
    """The lines of a module that are neither docstrings, comments nor blank."""
    source = path.read_text("utf-8")
    documented = [node for node in ast.walk(ast.parse(source)) if isinstance(node, DOCUMENTED)]
    docstrings = [node.body[0] for node in documented if ast.get_docstring(node, clean=False)]
    skipped = {n for each in docstrings for n in range(each.lineno, (each.end_lineno or 0) + 1)}
    numbered = ((n, line.strip()) for n, line in enumerate(source.splitlines(), 1))
    return sum(n not in skipped and line != "" and line[0] != "#" for n, line in numbered)


def lines(paths: list[Path]) -> int:
    """The lines of files."""
    return sum(path.read_bytes().count(b"\n") for path in paths)


def files(folder: str, *endings: str) -> list[Path]:
    """The files below a folder with one of these endings."""
    return sorted(path for path in (ROOT / folder).rglob("*") if path.suffix in endings)


modules = files("postiz_async", ".py")
sizes = {"code": sum(map(code_lines, modules)), "tests": lines(files("tests", ".py"))}
ceilings = tomllib.loads((ROOT / ".ci/size.toml").read_text("utf-8"))
pages = sorted((ROOT / "docs").glob("*.md"))
print(f"code: {sizes['code']:,} lines in {len(modules)} modules, at most {ceilings['code']:,}")
print(f"tests: {sizes['tests']:,} lines, at most {ceilings['tests']:,}")
print(f"not counted: {lines(files('postiz_async', '.pyi')):,} lines of stubs;")
data = files("postiz_async", ".txt", ".json", ".csv", ".css", ".html")
print(f"  {sum(path.stat().st_size for path in data):,} bytes of data beside the code;")
print(f"  {sum(len(path.read_text('utf-8').split()) for path in pages):,} words in docs/*.md")
sys.exit(any(sizes[name] > ceilings[name] for name in ceilings))
