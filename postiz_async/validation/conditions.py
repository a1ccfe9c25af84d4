"""Conditions about settings: data to questions. PURE."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from postiz_async.validation.javascript import as_list, as_object, is_truthy, same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from postiz_async.providers.rules import Condition

__all__ = ["holds"]


def holds(condition: Condition, values: Mapping[str, object]) -> bool:
    """Whether a condition holds for an object; an absent value is null."""
    steps = _steps(condition.field)
    found = list(_at(values, steps)) if len(steps) > 1 else [values.get(condition.field)]
    value = found[0] if found else None
    match condition.op:
        case "eq":
            return same(value, condition.value)
        case "ne":
            return not same(value, condition.value)
        case "truthy":
            return is_truthy(value)
        case "flag":
            return value is True or (isinstance(value, str) and value.lower() == "true")
        case "any_eq":
            return any(same(each, condition.value) for each in found)


@cache
def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def _at(value: object, steps: Sequence[str]) -> Iterator[object]:
    for place, step in enumerate(steps):
        if step == "*":
            for each in as_list(value):
                yield from _at(each, steps[place + 1 :])
            return
        value = as_object(value).get(step)
    yield value
