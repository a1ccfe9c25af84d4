"""The JSON schemas in which the server describes the settings of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from postiz_async._validation.constraints import LOOSE_URL_PATTERN
from postiz_async._validation.javascript import holds
from postiz_async.providers._schema import Check, SettingsField

Schema = dict[str, object]

_TEXT: Schema = {"type": "string"}
_GIVEN: Schema = {"not": {"type": "null"}}
_URL: Schema = {"format": "url", "type": "string"}
_MEDIA: Schema = {
    "properties": {"id": _GIVEN | _TEXT, "path": _GIVEN | _TEXT, "alt": _TEXT, "thumbnail": _URL},
    "type": "object",
    "required": ["id", "path"],
}

_ADDED: dict[Check, Callable[[SettingsField], Schema]] = {
    "defined": lambda _: _GIVEN,
    "enum": lambda field: _TEXT | {"enum": field.enum},
    "boolean": lambda _: {"type": "boolean"},
    "string": lambda _: _TEXT,
    "number": lambda _: {"type": "number"},
    "list": lambda _: {"type": "array"},
    "min_length": lambda field: _TEXT | {"minLength": field.minimum},
    "max_length": lambda field: _TEXT | {"maxLength": field.maximum},
    "minimum": lambda field: {"type": "number", "minimum": field.minimum},
    "maximum": lambda field: {"type": "number", "maximum": field.maximum},
    "min_items": lambda field: {"type": "array", "minItems": field.minimum},
    "max_items": lambda field: {"type": "array", "maxItems": field.maximum},
    "total": lambda _: {"$ref": "#/definitions/Array"},
    "pattern": lambda field: _matching(field.pattern or ""),
    "loose_url": lambda _: _matching(LOOSE_URL_PATTERN),
    "is_url": lambda _: _URL,
    "each_number": lambda _: {"type": "array", "items": {"type": "number"}},
}
"""What each test adds to the schema of a field."""


def _matching(pattern: str) -> Schema:
    return _TEXT | {"pattern": pattern.replace("/", r"\/")}


def schema_of(fields: Iterable[SettingsField]) -> Schema:
    """The schema of an object with these fields."""
    fields = tuple(fields)
    schema: Schema = {
        "properties": {field.name: _property(field) for field in fields},
        "type": "object",
    }
    names = {field.name for field in fields}
    required = [each.name for each in fields if each.required or _is_always(each, names)]
    return schema | {"required": required} if required else schema


def _is_always(field: SettingsField, names: set[str]) -> bool:
    """Whether a field is required since the other field that decides it is not there yet."""
    when = field.required_when
    return when is not None and when.field not in names and holds(when, {})


def _property(field: SettingsField) -> Schema:
    if field.media:
        return _MEDIA
    schema: Schema = schema_of(field.fields) if field.fields else {}
    if field.kind == "list" and field.fields:
        schema = {"items": schema, "type": "array"}
    for check in field.checks:
        schema |= _ADDED[check](field) if check in _ADDED else {}
    return schema
