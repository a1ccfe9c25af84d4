"""What the reference shows beside what the source says: an extension of Griffe, for the site.

What is for other parts of the package is hidden, and so are constructors that only the package
calls; the fields of a msgspec struct are its arguments; a default that is a constant has its value.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from griffe import (
    AliasResolutionError,
    Class,
    Expr,
    ExprCall,
    ExprKeyword,
    Extension,
    Function,
    Module,
    Parameter,
    ParameterKind,
    Parameters,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

VALUE = "postiz_async.models._base.Value"
"""Whose methods each value has, so that one page says them for all."""
MADE_FOR_USERS = {"bound", "client", "context", "portal", "postiz"}
"""Parameters of constructors that the package calls, and users do not."""
LOOKED_AT = {"Faults", "Organization"}
"""Classes of the sandbox of which users get objects."""

BY_NAME, BY_PLACE = ParameterKind.keyword_only, ParameterKind.positional_or_keyword


class PublicSurface(Extension):
    """The package as its users see it."""

    def on_package(self, *, pkg: Module, **_: object) -> None:
        """Griffe has read all modules of a package.

        Args:
            pkg: the package.
        """
        classes = [thing for thing in _things(pkg) if isinstance(thing, Class)]
        for kind in filter(_is_struct, classes):
            kind.set_member("__init__", _init_of_struct(kind))
        for kind in classes:
            _hide_members(kind)
            _hide_constructor(kind)
        for thing in _things(pkg):
            if isinstance(thing, Function):
                _put_values(thing)


def _things(place: Module | Class) -> Iterator[Class | Function]:
    for member in place.members.values():
        if isinstance(member, Class | Function):
            yield member
        if isinstance(member, Module | Class):
            yield from _things(member)


def _is_struct(kind: Class) -> bool:
    return any(str(base) == "msgspec.Struct" for each in _line(kind) for base in each.bases)


def _line(kind: Class) -> list[Class]:
    """A class and its bases in the package, the first base first."""
    return [*reversed(kind.mro()), kind]


def _init_of_struct(kind: Class) -> Function:
    fields: dict[str, Parameter] = {}
    for each in _line(kind):
        is_named = "kw_only=True" in each.source.partition(":\n")[0]
        for name, field in each.attributes.items():
            if field.annotation is not None and "instance-attribute" in field.labels:
                fields[name] = Parameter(
                    name,
                    annotation=field.annotation,
                    kind=BY_NAME if is_named else BY_PLACE,
                    default=_default(field.value),
                )
    given = sorted(fields.values(), key=lambda field: field.kind is BY_NAME)
    itself = Parameter("self", kind=BY_PLACE)
    return Function("__init__", parent=kind, parameters=Parameters(itself, *given))


def _default(value: str | Expr | None) -> str | Expr | None:
    if isinstance(value, ExprCall) and str(value.function) == "field":
        given = (each for each in value.arguments if isinstance(each, ExprKeyword))
        return next((each.value for each in given if each.name == "default"), None)
    return value


def _hide_members(kind: Class) -> None:
    for name, member in list(kind.members.items()):
        text = " ".join(member.docstring.value.split()) if member.docstring else ""
        if "other parts of this package" in text or (kind.path == VALUE and name[0] != "_"):
            kind.del_member(name)


def _hide_constructor(kind: Class) -> None:
    init = kind.members.get("__init__")
    if isinstance(init, Function) and (
        kind.name in LOOKED_AT or MADE_FOR_USERS & {each.name for each in init.parameters}
    ):
        for each in _line(kind):  # or that of a base would be shown
            each.members.pop("__init__", None)
        if kind.docstring:
            kind.docstring.value = re.sub(r"\n\nArgs:\n(?: .*\n?)*", "", kind.docstring.value)


def _put_values(function: Function) -> None:
    for parameter in function.parameters:
        name = str(parameter.default)
        constant = function.module.members.get(name) if name.isupper() else None
        with suppress(AliasResolutionError):  # of another package
            if constant is not None and constant.is_attribute and constant.value:
                parameter.default = constant.value
