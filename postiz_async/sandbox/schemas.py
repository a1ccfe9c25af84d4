"""Settings as the JSON schema that the server makes of its declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postiz_async.sandbox.fields import FieldRule

__all__ = ["schema_of"]

_WORD = {"not": {"type": "null"}, "type": "string"}
_MEDIA: dict[str, object] = {
    "properties": {
        "id": _WORD,
        "path": _WORD,
        "alt": {"type": "string"},
        "thumbnail": {"format": "url", "type": "string"},
    },
    "type": "object",
    "required": ["id", "path"],
}


def schema_of(fields: Iterable[FieldRule]) -> dict[str, object]:
    """The schema of an object with these fields."""
    fields = tuple(fields)
    schema: dict[str, object] = {
        "properties": {field.name: _property(field) for field in fields},
        "type": "object",
    }
    required = [each.name for each in fields if not each.optional and each.when is None]
    return schema | {"required": required} if required else schema


def _property(field: FieldRule) -> dict[str, object]:
    if field.type == "media":
        return _MEDIA
    schema: dict[str, object] = {}
    if field.is_many:
        schema = {"items": schema_of(field.fields), "type": "array"}
    elif field.fields:
        schema = schema_of(field.fields)
    for check in field.checks:
        schema |= check.schema
    return schema
