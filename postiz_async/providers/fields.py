"""What is known about the fields of a settings struct, read from its annotations. PURE.

The law: the struct is the only source. `Meta` says what msgspec knows as well; `Server` beside it
what the server does that `Meta` has no word for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import UnionType
from typing import Annotated, Literal, Union, cast, get_args, get_origin

import msgspec
from msgspec import Meta, UnsetType

from postiz_async.models.media import Media
from postiz_async.providers.rules import (
    Check,
    Condition,
    FieldKind,
    Scalar,
    SettingsField,
)

__all__ = ["Server", "fields_of"]


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """What the server does with a field; the names are those of `SettingsField`.

    `checks` replaces the usual tests of the field's kind; `total` is a maximum for all of a list.
    """

    checks: tuple[Check, ...] | None = None
    required_when: Condition | None = None
    checked_when: Condition | None = None
    advised_when: Condition | None = None
    nullable: bool = True
    skip_empty: bool = False
    skip_reference: bool = False
    known: tuple[str, ...] = ()
    total: int | None = None
    message: str | None = None
    message_of: tuple[Check, ...] = ()
    unreleased: bool = False


@cache
def fields_of(settings: type[msgspec.Struct]) -> tuple[SettingsField, ...]:
    """The fields of a settings struct, or of one inside of it, in the server's order."""
    return tuple(_field(info) for info in msgspec.structs.fields(settings))


class _Shape(msgspec.Struct, frozen=True, kw_only=True):
    kind: FieldKind
    enum: tuple[str, ...] = ()
    fields: tuple[SettingsField, ...] = ()
    item: Literal["object", "number"] | None = None
    media: bool = False


def _field(info: msgspec.structs.FieldInfo) -> SettingsField:
    hints = _members(info.type)
    optional = UnsetType in hints
    hint, meta, server = _annotation(next(each for each in hints if each is not UnsetType))
    shape = _shape(hint)
    required = not optional and server.required_when is None
    return SettingsField(
        name=info.encode_name,
        attribute=info.name,
        description=meta.description or "",
        kind=shape.kind,
        checks=_checks(shape, meta, server, required=required),
        required=required,
        required_when=server.required_when,
        checked_when=server.checked_when,
        advised_when=server.advised_when,
        nullable=server.nullable and optional and server.required_when is None,
        skip_empty=server.skip_empty,
        skip_reference=server.skip_reference,
        minimum=_first(meta.min_length, meta.ge),
        maximum=_first(meta.max_length, meta.le, server.total),
        enum=shape.enum,
        known=server.known,
        pattern=meta.pattern,
        fields=shape.fields,
        item=shape.item,
        media=shape.media,
        message=server.message,
        message_of=server.message_of,
        default=_default(info.default),
        unreleased=server.unreleased,
    )


def _members(hint: object) -> tuple[object, ...]:
    return get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)


def _annotation(hint: object) -> tuple[object, Meta, Server]:
    if get_origin(hint) is not Annotated:
        return hint, Meta(), Server()
    inner, *notes = get_args(hint)
    meta = next((note for note in notes if isinstance(note, Meta)), Meta())
    server = next((note for note in notes if isinstance(note, Server)), Server())
    return inner, meta, server


_PLAIN: dict[object, FieldKind] = {str: "string", bool: "boolean", int: "number", float: "number"}


def _shape(hint: object) -> _Shape:
    if get_origin(hint) is Literal:
        return _Shape(kind="enum", enum=get_args(hint))
    if get_origin(hint) is Sequence:
        item = get_args(hint)[0]
        if item in _PLAIN:
            return _Shape(kind="list", item="number")
        return _Shape(kind="list", item="object", fields=fields_of(item))
    if hint is Media:
        return _Shape(kind="object", media=True)
    if hint in _PLAIN:
        return _Shape(kind=_PLAIN[hint])
    return _Shape(kind="object", fields=fields_of(cast("type[msgspec.Struct]", hint)))


def _checks(shape: _Shape, meta: Meta, server: Server, *, required: bool) -> tuple[Check, ...]:
    if server.checks is not None:
        return server.checks
    defined: list[Check] = ["defined"] if required and shape.kind != "list" else []
    tested: list[Check] = [check for fact, check in _usual(shape, meta, server) if fact is not None]
    return tuple(defined + tested)


def _usual(shape: _Shape, meta: Meta, server: Server) -> Sequence[tuple[object, Check]]:
    """The tests of a kind in the server's order, each with the fact without which it is none."""
    listed: Sequence[tuple[object, Check]] = [(True, "list"), (True, "nested")]
    if shape.item == "number":
        listed = [(True, "each_number"), (True, "list")]
    bounds: dict[FieldKind, Sequence[tuple[object, Check]]] = {
        "string": [
            (meta.pattern, "pattern"),
            (meta.max_length, "max_length"),
            (meta.min_length, "min_length"),
            (True, "string"),
        ],
        "number": [(meta.le, "maximum"), (meta.ge, "minimum"), (True, "number")],
        "boolean": [(True, "boolean")],
        "enum": [(True, "enum")],
        "list": [
            (meta.min_length, "min_items"),
            (meta.max_length, "max_items"),
            (server.total, "total"),
            *listed,
        ],
        "object": [(True, "nested")],
    }
    return bounds[shape.kind]


def _first(*bounds: float | None) -> float | None:
    return next((bound for bound in bounds if bound is not None), None)


def _default(value: object) -> Scalar:
    return value if isinstance(value, str | bool | int | float) else None
