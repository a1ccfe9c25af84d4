"""Request classes of the server as data, and functions that convert and check by them. PURE.

`converted` converts values to their declared types; `check` tests them. Both follow the server's
order: problems inside of a field come before problems of the field. Most objects are valid, which
`is_good` finds out in one pass: each rule is stated once, in a `Field`, from which a msgspec type
is made, and tests for the rules that a type cannot express.
"""

from __future__ import annotations

from functools import cache, partial, reduce
from operator import is_
from types import GenericAlias
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

import msgspec
from msgspec import UNSET, UnsetType

from postiz_async._validation.constraints import (
    BOOLEAN,
    CONTENT,
    DATE,
    DEFINED,
    EXTENSION,
    LIST,
    NOT_EMPTY,
    NUMBER,
    TEXT,
    URL,
    nested,
    nested_text,
)
from postiz_async._validation.javascript import (
    ABSENT,
    as_given,
    as_object,
    is_list,
    is_object,
    is_truthy,
    to_boolean,
    to_content,
    to_list,
    to_number,
    to_text,
)
from postiz_async._validation.messages import hint_for
from postiz_async.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from postiz_async._validation.constraints import Constraint, Passes

    Tests: TypeAlias = tuple[tuple[str, tuple[Passes, ...]], ...]


Values: TypeAlias = "Mapping[str, object]"


class Type(NamedTuple):
    """A declared type: the Python types that need no conversion, and the conversion."""

    plain: frozenset[type]
    convert: Callable[[object], object]


AS_TEXT = Type(frozenset({str}), to_text)
AS_NUMBER = Type(frozenset({int, float}), to_number)
AS_BOOLEAN = Type(frozenset({bool}), to_boolean)
AS_CONTENT = Type(frozenset({str}), to_content)
AS_LIST = Type(frozenset({list}), to_list)


AS_GIVEN = Type(frozenset({object}), as_given)


class Field(NamedTuple):
    """A field of an object: its constraints in the server's order, its type, its inner shape.

    `skips` tells whether a value is not checked although it is present or required.
    """

    name: str
    constraints: tuple[Constraint, ...]
    type: Type | None = None
    optional: bool = True
    skips: Callable[[object, Values], bool] | None = None
    inside: Shape | None = None
    each: bool = False


class Shape:
    """The fields of an object, in the server's order."""

    __slots__ = ("conversions", "fields")

    def __init__(self, *fields: Field) -> None:
        self.fields = fields
        self.conversions = {
            field.name: (field.type, field.inside)
            for field in fields
            if field.type is not None or field.inside is not None
        }


_PASSED: Mapping[object, frozenset[str]] = {
    str: frozenset({"defined", "string"}),
    bool: frozenset({"defined", "boolean"}),
    list: frozenset({"defined", "list", "nested"}),
}
"""The kinds of constraints that every value of a Python type passes."""

_LIST: frozenset[object] = frozenset({list})


def _either(one: object, other: object) -> object:
    return one | other  # type: ignore[operator, no-any-return, unused-ignore]


@cache
def _quick(shape: Shape) -> tuple[type[msgspec.Struct], Tests]:
    """A type for objects that need no conversion, and the tests that it does not include."""
    declared: list[tuple[str, object] | tuple[str, object, object]] = []
    tests: list[tuple[str, tuple[Passes, ...]]] = []
    for name, constraints, of, optional, _, inside, _ in shape.fields:
        plain: frozenset[object] = _LIST if of is None else of.plain
        passed = [_PASSED.get(each, frozenset()) for each in plain]
        left = [each.passes for each in constraints if not all(each.kind in p for p in passed)]
        python = reduce(_either, plain)
        if inside is not None:
            item, of_items = _quick(inside)
            python = GenericAlias(list, (item,))
            left += [partial(_all_pass, of_items) if of_items else LIST.passes]
        elif of is None:
            left.append(LIST.passes)  # msgspec takes a tuple for one
        declared.append((name, _either(python, UnsetType), UNSET) if optional else (name, python))
        if left:
            tests.append((name, tuple(left)))
    return msgspec.defstruct("Plain", declared, kw_only=True), tuple(tests)


def judged(shape: Shape, given: Values, path: str, found: list[Problem]) -> Values:
    """The converted object, after `check` has added its problems to `found`."""
    if is_good(shape, given):
        return given
    values = converted(shape, given)
    check(shape, values, path, found)
    return values


def is_good(shape: Shape, values: Values) -> bool:
    """Whether an object needs no conversion and passes all tests; False if in doubt."""
    plain, tests = _quick(shape)
    try:
        msgspec.convert(values, plain)
    except (msgspec.ValidationError, UnicodeError):
        return False
    return _passes(tests, values)


def _passes(tests: Tests, values: Values) -> bool:
    for name, of_field in tests:
        if name in values:
            value = values[name]
            for passes in of_field:
                if not passes(value, values):
                    return False
    return True


def _all_pass(tests: Tests, items: object, _: object) -> bool:
    if type(items) is not list:
        return False
    for each in cast("list[object]", items):  # noqa: SIM110 - much quicker
        if not _passes(tests, as_object(each)):
            return False
    return True


def converted(shape: Shape, given: Values) -> Values:
    """An object with its values in their declared types; the object itself if they all are."""
    changed: dict[str, object] = {}
    conversions = shape.conversions
    for name, value in given.items():
        if name not in conversions:
            continue
        declared, inside = conversions[name]
        if declared is not None:
            if type(value) not in declared.plain:
                changed[name] = declared.convert(value)
        elif inside is not None:
            now = _inside(inside, value)
            if now is not value:
                changed[name] = now
    return {**given, **changed} if changed else given


def _inside(shape: Shape, value: object) -> object:
    if is_object(value):
        return converted(shape, value)
    if not value or not is_list(value):
        return value
    now = [converted(shape, each) if is_object(each) else each for each in value]
    return value if all(map(is_, now, value)) else now


def check(shape: Shape, values: Values, path: str, found: list[Problem]) -> None:
    """Add the problems of a converted object. `path` ends with a dot, or is empty."""
    for field in shape.fields:
        value = values.get(field.name, ABSENT)
        if value is ABSENT and field.optional:
            continue
        if field.skips is not None and field.skips(value, values):
            continue
        if field.inside is not None:
            _check_inside(field, field.inside, value, path, found)
        for constraint in field.constraints:
            if not constraint.passes(value, values):
                found += (_problem(f"{path}{field.name}", constraint, value),)


def _problem(where: str, constraint: Constraint, value: object) -> Problem:
    hint = hint_for(constraint.kind, value, constraint.known)
    return Problem(where, constraint.text, hint=hint, stage="body")


def _check_inside(
    field: Field, shape: Shape, value: object, path: str, found: list[Problem]
) -> None:
    where = f"{path}{field.name}"
    if is_object(value):
        check(shape, value, f"{where}.", found)
    elif is_list(value):
        for index, each in enumerate(value):
            if is_object(each):
                check(shape, each, f"{where}.{index}.", found)
            else:
                _check_odd(field, shape, each, f"{where}.{index}", found)


def _check_odd(field: Field, shape: Shape, value: object, path: str, found: list[Problem]) -> None:
    """Check a value that should be an object: of a list the objects in it; others are refused."""
    for where, each in _leaves(value, path):
        if is_object(each):
            check(shape, converted(shape, each), f"{where}.", found)
        else:
            text, hint = nested_text(field.name, each=field.each), hint_for("nested", each)
            found.append(Problem(where, text, hint=hint, stage="body"))


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    """The values in nested lists of any depth, without recursion."""
    waiting = [(path, value)]
    while waiting:
        where, each = waiting.pop()
        if is_list(each):
            waiting += [(f"{where}.{n}", inner) for n, inner in enumerate(each)][::-1]
        else:
            yield where, each


def _is_null(value: object, _: object) -> bool:
    return value is None


def _is_falsy(value: object, _: object) -> bool:
    return not is_truthy(value)


def _objects(
    name: str, *constraints: Constraint, inside: Shape, declared: Type | None = None
) -> Field:
    every = (*constraints, nested(name, each=True))
    return Field(name, every, declared, optional=False, inside=inside, each=True)


MEDIA = Shape(
    Field("id", (DEFINED, TEXT), AS_TEXT, optional=False),
    Field("path", (DEFINED, EXTENSION, TEXT), AS_TEXT, optional=False),
    Field("alt", (TEXT,), AS_TEXT, skips=_is_null),
    Field("thumbnail", (URL,), AS_TEXT, skips=_is_falsy),
)

ENTRY = Shape(
    Field("content", (DEFINED, CONTENT, TEXT), AS_CONTENT, optional=False),
    Field("id", (TEXT,), AS_TEXT, skips=_is_null),
    Field("delay", (NUMBER,), AS_NUMBER, skips=_is_null),
    _objects("image", LIST, inside=MEDIA),
)

POST = Shape(
    _objects("value", DEFINED, LIST, NOT_EMPTY, inside=ENTRY),
    Field("group", (TEXT,), AS_TEXT, skips=_is_null),
)
"""A post without its channel, which is looked up before, and the settings, which depend on it."""

ROOT = Shape(
    Field("order", (TEXT,), AS_TEXT, skips=_is_null),
    Field("shortLink", (DEFINED, BOOLEAN), AS_BOOLEAN, optional=False),
    Field("inter", (NUMBER,), AS_NUMBER, skips=_is_null),
    Field("republish", (BOOLEAN,), AS_BOOLEAN, skips=_is_null),
    Field("date", (DEFINED, DATE), AS_TEXT, optional=False),
    _objects("tags", DEFINED, LIST, inside=Shape(), declared=AS_LIST),
)
"""The request without its posts, of which there must be at least one."""
