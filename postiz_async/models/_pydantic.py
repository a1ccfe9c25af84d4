"""Values as types of pydantic, and so of FastAPI: validation, JSON and its schema.

Imported only when pydantic asks for the schema of a value, so pydantic is installed.
"""

from __future__ import annotations

from inspect import cleandoc
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

import msgspec
from msgspec import inspect
from pydantic import TypeAdapter
from pydantic_core import PydanticCustomError, SchemaSerializer, ValidationError, core_schema

from postiz_async.errors import InvalidInputError
from postiz_async.models._docstrings import described_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pydantic_core.core_schema import CoreSchema, SerializationInfo

    class Portable(Protocol):
        """The methods of `models._base.Value` that this module uses."""

        @classmethod
        def from_dict(cls, data: Mapping[str, object]) -> Self: ...
        def to_dict(self) -> dict[str, object]: ...


_DEFINITIONS = "#/$defs/"
_DICTS = SchemaSerializer(core_schema.any_schema())


def core_schema_of(kind: type[Portable]) -> CoreSchema:
    """The pydantic schema of a value: with the API's names, and as a component of its own."""

    def read(data: object) -> Portable:
        if isinstance(data, kind):
            return data
        try:
            return kind.from_dict(cast("Mapping[str, object]", data))
        except InvalidInputError as error:
            raise _refused(kind, data, error) from None

    def write(value: Portable, info: SerializationInfo) -> object:
        left_out: dict[str, Any] = {"include": info.include, "exclude": info.exclude}
        said: object = _DICTS.to_python(value.to_dict(), **left_out)
        return _without_none(said) if info.exclude_none else said

    return core_schema.no_info_plain_validator_function(
        read,
        ref=f"{kind.__module__}.{kind.__qualname__}:{id(kind)}",
        serialization=core_schema.plain_serializer_function_ser_schema(write, info_arg=True),
    )


def _without_none(said: object) -> object:
    if isinstance(said, dict):
        items = cast("dict[str, object]", said).items()
        return {key: _without_none(each) for key, each in items if each is not None}
    if isinstance(said, list):
        return [_without_none(each) for each in cast("list[object]", said)]
    return said


def _refused(kind: type[Portable], data: object, error: InvalidInputError) -> ValidationError:
    """The error for pydantic, with the path of the problem, so that FastAPI's answer has it too."""
    [problem] = error.problems
    path = [] if problem.where == kind.__name__ else problem.where.split(".")
    place = tuple(int(part) if part.isdecimal() else part for part in path)
    said = PydanticCustomError("postiz_value", cast("Any", problem.message))
    return ValidationError.from_exception_data(
        kind.__name__, [{"type": said, "loc": place, "input": data}]
    )


def json_schema_of(kind: type[msgspec.Struct], handler: object) -> dict[str, object]:
    """The JSON schema of a value, with references to the values that it contains.

    Pydantic keeps each of these as one component, wherever else it is used.
    """
    generate = cast("Callable[[CoreSchema], dict[str, dict[str, object]]]", handler)
    _, components = msgspec.json.schema_components(
        [kind], ref_template=_DEFINITIONS + "{name}", schema_hook=_anything
    )
    structs = {each.__name__: each for each in _structs_in(inspect.type_info(kind))}

    def resolved(schema: object) -> object:
        if isinstance(schema, list):
            return [resolved(each) for each in cast("list[object]", schema)]
        if isinstance(schema, str) and schema.startswith(_DEFINITIONS):
            inner = TypeAdapter[object](structs[schema.removeprefix(_DEFINITIONS)]).core_schema
            # pydantic makes a component only of a schema inside of another one
            return generate(core_schema.list_schema(inner))["items"]["$ref"]
        if not isinstance(schema, dict):
            return schema
        node = cast("dict[str, object]", schema)
        name = str(node.get("$ref", "")).removeprefix(_DEFINITIONS)
        if name in components and name not in structs:  # an enumeration
            return resolved(components[name])
        return {key: resolved(each) for key, each in node.items()}

    own = cast("dict[str, object]", resolved(components[kind.__name__]))
    _tell_fields(kind, own)
    return own | {"description": _described(kind)}


def _tell_fields(kind: type[msgspec.Struct], schema: dict[str, object]) -> None:
    """Say what fields mean, and which texts are dates: msgspec does if it requires a zone."""
    texts = described_fields(kind)
    properties = cast("dict[str, dict[str, object]]", schema.get("properties", {}))
    for field in cast("inspect.StructType", inspect.type_info(kind)).fields:
        if field.name in texts:
            properties[field.encode_name]["description"] = texts[field.name]
        types = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
        if any(isinstance(each, inspect.DateTimeType) for each in types):
            said = properties[field.encode_name]
            choices = cast("list[dict[str, object]]", said.get("anyOf", [said]))
            next(each for each in choices if each["type"] == "string")["format"] = "date-time"


def _described(kind: type[msgspec.Struct]) -> str:
    """The docstring of a struct, without its `Args`."""
    return cleandoc(kind.__doc__ or "").partition("\n\nArgs:")[0]


def _anything(kind: type) -> dict[str, object]:
    """The schema of `object`, which is any JSON."""
    if kind is object:
        return {"title": "Any JSON"}  # an empty one would be taken for none
    raise NotImplementedError


def _structs_in(shape: inspect.Type) -> Iterator[type[msgspec.Struct]]:
    """The structs that a type contains, including itself."""
    if isinstance(shape, inspect.StructType):
        yield shape.cls
        for field in shape.fields:
            yield from _structs_in(field.type)
    for name in ("type", "item_type", "value_type"):
        inner = getattr(shape, name, None)
        if isinstance(inner, inspect.Type):
            yield from _structs_in(inner)
    for name in ("types", "item_types"):
        for inner in getattr(shape, name, ()):
            yield from _structs_in(inner)
