"""What an editor shows over a public name: each argument says there what it means."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from pkgutil import resolve_name

from postiz_async.errors import PostizError

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
PUBLIC = sorted(
    name
    for page in REFERENCE.glob("*.md")
    if page.stem != "types"  # which nobody makes
    for name in re.findall(r"^::: (\S+)", page.read_text(encoding="utf-8"), re.MULTILINE)
)
ELSEWHERE = re.compile(r"\bsee `", re.IGNORECASE)


def _callables(name: str) -> Iterator[tuple[str, Callable[..., object], str]]:
    """All that can be called with arguments, and the text that says what these mean."""
    thing = resolve_name(name)
    if not inspect.isclass(thing):
        if inspect.isfunction(thing):
            yield name, thing, thing.__doc__ or ""
        return
    made = vars(thing).get("__init__")
    if made is not None and _is_made_by_users(thing) and _is_written(made):
        yield name, made, thing.__doc__ or ""
    for each, member in inspect.getmembers(thing, inspect.isroutine):
        if not each.startswith("_") and member.__doc__ and _is_written(member):
            yield f"{name}.{each}", member, member.__doc__ or ""


def _is_made_by_users(kind: type) -> bool:
    """Whether its constructor is called by users, and not for them."""
    given = {"bound", "client", "context", "portal", "postiz"}
    is_looked_at = kind.__name__ in {"Faults", "Organization"}
    is_looked_at |= issubclass(kind, PostizError)
    return not is_looked_at and not inspect.signature(kind).parameters.keys() & given


def _is_written(function: object) -> bool:
    """Whether it is in a file of the package, and not made for a dataclass."""
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    return code is not None and "postiz_async" in code.co_filename


def _described(text: str) -> dict[str, str]:
    """What a docstring says of each argument."""
    _, _, after = text.partition("Args:\n")
    found: dict[str, str] = {}
    indent, name = None, ""
    for line in after.splitlines():
        if not line.strip():
            break
        here = len(line) - len(line.lstrip())
        indent = here if indent is None else indent
        if here < indent:
            break
        first, colon, rest = line.strip().partition(":")
        if here == indent and colon:
            name = first.lstrip("*")
            found[name] = rest
        else:
            found[name] += " " + line.strip()
    return found


def test_each_argument_is_described_where_it_is_given() -> None:
    missing, elsewhere = [], []
    for place, function, text in chain.from_iterable(map(_callables, PUBLIC)):
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError):
            continue
        if ELSEWHERE.search(text) or "postiz_async._" in text:
            elsewhere.append(place)
        described = _described(text)
        for each in parameters:
            if each in {"self", "cls"} or each.startswith("_"):
                continue
            if each not in described:
                missing.append(f"{place}({each})")
            elif ELSEWHERE.search(described[each]):
                elsewhere.append(f"{place}({each}): {described[each].strip()}")
    assert (missing, elsewhere) == ([], [])
