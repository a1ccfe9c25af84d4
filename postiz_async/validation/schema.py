"""Settings of a provider that the library does not know, held against a JSON schema. PURE.

The schema says less than the server tests (which field counts when, which texts fit), so what it
finds is advice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from postiz_async.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["schema_problems"]

_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "number": (int, float),
    "integer": (int,),
    "array": (list, tuple),
    "object": (Mapping,),
}


def schema_problems(
    path: str, settings: Mapping[str, object], schema: Mapping[str, object]
) -> Iterator[Problem]:
    """What the schema has to say about settings.

    Args:
        path: where the settings stand: `posts.0.settings`.
        settings: what is to be sent.
        schema: the `settings` of `postiz.integrations.settings(channel)`.
    """
    required = schema.get("required")
    names = cast("list[object]", required) if isinstance(required, list) else []
    for name in names:
        if settings.get(str(name)) is None:
            yield _advice(path, str(name), "is required by the server's schema and is missing")
    for name, field in _mapping(schema.get("properties")).items():
        value = settings.get(name)
        if value is not None:
            yield from _wrong_value(path, name, value, _mapping(field))


def _wrong_value(
    path: str, name: str, value: object, field: Mapping[str, object]
) -> Iterator[Problem]:
    allowed = field.get("enum")
    if isinstance(allowed, list):
        choices = cast("list[object]", allowed)
        if value not in choices:
            yield _advice(path, name, f"is one of {choices}, not {value!r}")
        return
    types = _JSON_TYPES.get(str(field.get("type")))
    if types is not None and (not isinstance(value, types) or _is_bool_for_number(value, types)):
        yield _advice(path, name, f"is a {field['type']} in the server's schema")


def _is_bool_for_number(value: object, types: tuple[type, ...]) -> bool:
    return isinstance(value, bool) and bool not in types


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _advice(path: str, name: str, message: str) -> Problem:
    return Problem(f"{path}.{name}", message, severity="warning")
