"""The base of all values: frozen structs that convert to JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeAlias, cast

import msgspec
from msgspec import UNSET, inspect

from postiz_async.errors import InvalidInputError, Problem, UsageError

DATETIME = tuple(each for each in datetime.__mro__ if each.__module__ == "datetime")[:1]
"""`datetime` itself: freezegun replaces it in each module, and msgspec takes no subclass of it."""

if TYPE_CHECKING:
    DateTime: TypeAlias = datetime
else:
    DateTime = Annotated[DATETIME[0], "not replaced by freezegun"]

Names: TypeAlias = Literal["api", "python"]
"""The naming of dict keys: the API's (`publishDate`) or Python's (`publish_date`)."""


class Value(msgspec.Struct, frozen=True):
    """An immutable value, which pydantic and FastAPI accept as a type."""

    def to_dict(self, *, names: Names = "api") -> dict[str, object]:
        """The value as a dict that contains only JSON types; `json.dumps` accepts it.

        Dates become text in ISO 8601, tuples become lists, and unset fields are left out.

        Args:
            names: the names of the keys: "api" for those of the API (`publishDate`), or "python"
                for those of the attributes (`publish_date`).

        Raises:
            UsageError: `names` is neither.
            InvalidInputError: it contains something that JSON cannot represent.
        """
        decoded: dict[str, object] = msgspec.json.decode(self._encoded(names))
        return decoded

    def to_json(self, *, names: Names = "api") -> str:
        """The value as JSON, in one line.

        Args:
            names: the names of the keys: "api" for those of the API (`publishDate`), or "python"
                for those of the attributes (`publish_date`).

        Raises:
            UsageError: `names` is neither.
            InvalidInputError: it contains something that JSON cannot represent.
        """
        return self._encoded(names).decode()

    def _encoded(self, names: Names) -> bytes:
        if names not in {"api", "python"}:
            raise UsageError(f'names is {names!r}. Give "api" or "python".')
        value = self._for_json()
        try:
            return msgspec.json.encode(
                _by_attribute(value) if names == "python" else value, enc_hook=in_json
            )
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            message = f"cannot be written as JSON: {describe_json_error(error)}"
            raise InvalidInputError([Problem(type(self).__name__, message)]) from error

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Self:
        """The value described by a dict, such as one from `to_dict`.

        Args:
            data: a dict with the API's names or Python's, at each level; unknown keys are ignored.

        Raises:
            InvalidInputError: it describes no such value; the problem has the path.
        """
        try:
            return msgspec.convert(_by_api_names(data, _shape(cls)), cls)
        except (msgspec.ValidationError, RecursionError) as error:
            raise InvalidInputError([_problem(cls, error)]) from error

    def _for_json(self) -> Value:
        """The value to convert to JSON; a subclass may return another one."""
        return self

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> object:
        from postiz_async.models._pydantic import core_schema_of  # noqa: PLC0415 - costs pydantic

        return core_schema_of(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: object, handler: object) -> object:
        from postiz_async.models._pydantic import json_schema_of  # noqa: PLC0415 - costs pydantic

        return json_schema_of(cls, handler)


class Model(Value, frozen=True, kw_only=True, rename="camel"):
    """A value of the API. Unknown fields of an answer are ignored, absent ones have a default."""


def in_json(value: object) -> object:
    """Convert a value that msgspec cannot encode to a JSON type."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    if isinstance(value, datetime):  # a subclass
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"a {type(value).__name__} is not JSON serializable")


def _by_attribute(value: object) -> object:
    """Convert structs to dicts with the names of their attributes, at any depth."""
    if isinstance(value, msgspec.Struct):
        config = value.__struct_config__
        tag = {} if config.tag is None else {config.tag_field: config.tag}
        pairs = {name: getattr(value, name) for name in value.__struct_fields__}
        return tag | {
            name: _by_attribute(each) for name, each in pairs.items() if each is not UNSET
        }
    if isinstance(value, Mapping):
        mapping = cast("Mapping[object, object]", value)
        return {key: _by_attribute(each) for key, each in mapping.items()}
    if isinstance(value, list | tuple):
        return [_by_attribute(each) for each in cast("list[object]", value)]
    return value


@cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, inspect.Field]:
    """The fields of a struct, both by attribute name and by the API's name."""
    fields = cast("inspect.StructType", _shape(kind)).fields
    return {field.name: field for field in fields} | {field.encode_name: field for field in fields}


@cache
def _shape(kind: type[msgspec.Struct]) -> inspect.Type:
    return inspect.type_info(kind)


def _by_api_names(data: object, shape: inspect.Type) -> object:
    """Data of this shape with attribute names replaced by the API's names."""
    if isinstance(data, Mapping):
        mapping = cast("Mapping[str, object]", data)
        struct = _struct_for(mapping, shape)
        if struct is None:
            return mapping
        fields = _fields(struct.cls)
        known = {key: fields[key] for key in mapping if key in fields}
        named = {
            field.encode_name: _by_api_names(mapping[key], field.type)
            for key, field in known.items()
        }
        return {key: each for key, each in mapping.items() if key not in known} | named
    if isinstance(data, list | tuple):
        items = _items_of(shape)
        listed = cast("list[object]", data)
        return listed if items is None else [_by_api_names(each, items) for each in listed]
    return data


def _struct_for(data: Mapping[str, object], shape: inspect.Type) -> inspect.StructType | None:
    """The struct in this shape that fits the data: of several, the one with its tag; else None."""
    found = [each for each in _alternatives(shape) if isinstance(each, inspect.StructType)]
    tagged = [each for each in found if each.tag_field and data.get(each.tag_field) == each.tag]
    return next(iter(tagged or found), None)


def _items_of(shape: inspect.Type) -> inspect.Type | None:
    """The type of the items in a list of this shape; None if it is no list."""
    for each in _alternatives(shape):
        if isinstance(each, inspect.ListType | inspect.VarTupleType):
            return each.item_type
    return None


def _alternatives(shape: inspect.Type) -> tuple[inspect.Type, ...]:
    if isinstance(shape, inspect.Metadata):
        return _alternatives(shape.type)
    return shape.types if isinstance(shape, inspect.UnionType) else (shape,)


def _problem(kind: type[msgspec.Struct], error: Exception) -> Problem:
    """The problem for an error of msgspec, with a path such as `posts.0.content`."""
    message, _, path = describe_json_error(error).partition(" - at `$")
    where = path.rstrip("`").replace("[", ".").replace("]", "").removeprefix(".")
    return Problem(where or kind.__name__, f"{message[:1].lower()}{message[1:]}")


def describe_json_error(error: Exception) -> str:
    """The reason why a value is not valid JSON, in the form of the end of a sentence."""
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
