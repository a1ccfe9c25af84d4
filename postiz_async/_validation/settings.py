"""Check settings by the server's tests, or for an unknown provider by a JSON schema. PURE.

The results are cached, because settings are often equal. A JSON schema says less than the server
tests (when a field counts, which texts fit), so its problems are only warnings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec

from postiz_async._validation import constraints
from postiz_async._validation.javascript import (
    ABSENT,
    as_list,
    as_object,
    holds,
    is_list,
    is_object,
    is_truthy,
)
from postiz_async._validation.media import applying
from postiz_async._validation.messages import did_you_mean, read_as_true, shown, warning
from postiz_async._validation.schema import (
    AS_BOOLEAN,
    AS_NUMBER,
    AS_TEXT,
    MEDIA,
    Field,
    Shape,
    check,
    converted,
)
from postiz_async.errors import Problem
from postiz_async.providers._registry import PROVIDERS
from postiz_async.providers._schema import fields_of

if TYPE_CHECKING:
    from postiz_async._validation.constraints import Constraint
    from postiz_async.models.settings import ProviderSettings
    from postiz_async.providers._schema import Check, Limit, MediaRule, Provider, SettingsField

    Skips = Callable[[object, Mapping[str, object]], bool]


_TYPES = {"string": AS_TEXT, "enum": AS_TEXT, "number": AS_NUMBER, "boolean": AS_BOOLEAN}

_CONSTRAINTS: dict[Check, Callable[[SettingsField], Constraint]] = {
    "defined": lambda _: constraints.DEFINED,
    "enum": lambda field: constraints.enum(field.enum),
    "boolean": lambda _: constraints.BOOLEAN,
    "string": lambda _: constraints.TEXT,
    "number": lambda _: constraints.NUMBER,
    "list": lambda _: constraints.LIST,
    "min_length": lambda field: constraints.min_length(field.minimum or 0),
    "max_length": lambda field: constraints.max_length(field.maximum or 0),
    "minimum": lambda field: constraints.minimum(field.minimum or 0),
    "maximum": lambda field: constraints.maximum(field.maximum or 0),
    "min_items": lambda field: constraints.min_items(field.minimum or 0),
    "max_items": lambda field: constraints.max_items(field.maximum or 0),
    "total": lambda field: constraints.max_total(field.maximum or 0),
    "pattern": lambda field: constraints.pattern(field.pattern or "", field.name),
    "is_url": lambda _: constraints.URL,
    "loose_url": lambda _: constraints.LOOSE_URL,
    "each_number": lambda field: constraints.each_number(field.name),
    "nested": lambda field: constraints.nested(field.name, each=field.kind == "list"),
}


@cache
def shape_of(settings: type[ProviderSettings]) -> Shape:
    """The shape of a provider's settings, by their struct."""
    return _shape(fields_of(settings))


def _shape(fields: tuple[SettingsField, ...]) -> Shape:
    return Shape(*(_field(field) for field in fields))


def _field(field: SettingsField) -> Field:
    tests = tuple(_worded(check, field) for check in field.checks)
    if field.kind == "string" and "string" not in field.checks:
        tests += (constraints.NO_OBJECT,)
    return Field(
        field.name,
        tests,
        _TYPES.get(field.kind),
        optional=not field.required and field.required_when is None,
        skips=_skips(field),
        inside=MEDIA if field.media else _shape(field.fields) if field.fields else None,
        each=field.kind == "list",
    )


def _worded(check: Check, field: SettingsField) -> Constraint:
    """A constraint, with the server's own message for this field if there is one."""
    constraint = _CONSTRAINTS[check](field)
    if field.message is None or (field.message_of and check not in field.message_of):
        return constraint
    return constraint._replace(text=field.message)


# ------------------------------------------------------------------ what is not looked at


def _skips(field: SettingsField) -> Skips | None:
    always_looked_at = not (
        field.nullable
        or field.skip_empty
        or field.skip_reference
        or field.checked_when
        or field.required_when
    )
    return None if always_looked_at else partial(_is_skipped, field)


def _is_skipped(field: SettingsField, value: object, values: Mapping[str, object]) -> bool:
    if field.checked_when is not None and not holds(field.checked_when, values):
        return True
    if value is ABSENT or value is None:
        is_wanted = field.required_when is not None and holds(field.required_when, values)
        return not is_wanted and (value is ABSENT or field.nullable)
    if field.skip_empty and not is_truthy(value):
        return True
    return field.skip_reference and isinstance(value, str) and "(post:" in value


# ------------------------------------------------------------------ advice

_OWN_SETTINGS = frozenset({"__type", "client_ref"})


def settings_warnings(
    provider: Provider, given: Mapping[str, object], path: str
) -> Iterator[Problem]:
    """Warnings about settings and values that the network refuses. `path` ends with a dot."""
    told = given.get("__type")
    if told is not None and told != provider.identifier:
        message = f"{shown(told)} is ignored: the channel is one of {provider.identifier}"
        yield warning(f"{path}__type", message)
    names = _names(provider.settings)
    for name in given:
        if name not in names and not name.startswith("plug-"):
            message = f"is not a setting of {provider.name}: ignored"
            yield warning(f"{path}{name}", message, did_you_mean(name, names - _OWN_SETTINGS))
    telling = _telling(provider.settings)
    if telling:
        yield from _fields(telling, given, path)


@cache
def _telling(settings: type[ProviderSettings]) -> tuple[SettingsField, ...]:
    """The fields about which `_fields` may have a warning."""
    return tuple(
        field
        for field in fields_of(settings)
        if field.advised_when is not None or field.kind == "boolean" or field.known or field.fields
    )


@cache
def _names(settings: type[ProviderSettings]) -> frozenset[str]:
    return _OWN_SETTINGS | {field.name for field in fields_of(settings)}


def _fields(
    fields: Iterable[SettingsField], given: Mapping[str, object], path: str
) -> Iterator[Problem]:
    for field in fields:
        value = given.get(field.name)
        advised = field.advised_when
        if advised is not None and not is_truthy(value) and holds(advised, given):
            yield warning(f"{path}{field.name}", "is missing: accepted, but it cannot work")
        if value is None:
            continue
        if field.kind == "boolean" and isinstance(value, str):
            yield from read_as_true(value, f"{path}{field.name}")
        if value in field.broken:
            message = f"{shown(value)} is never published: the network refuses it"
            hint = f"one of {', '.join(field.known)}"
            yield Problem(f"{path}{field.name}", message, hint=hint)
        elif field.known and value not in field.known:
            hint = did_you_mean(value, field.known)
            message = f"{shown(value)} is not known: newer servers refuse it"
            yield warning(f"{path}{field.name}", message, hint)
        if field.fields:
            yield from _inside(field, value, f"{path}{field.name}")


def _inside(field: SettingsField, value: object, path: str) -> Iterator[Problem]:
    if is_object(value):
        yield from _fields(field.fields, value, f"{path}.")
    for place, each in enumerate(as_list(value)):
        if is_list(each):
            yield warning(f"{path}.{place}", "is a list where an object belongs")
        yield from _fields(field.fields, as_object(each), f"{path}.{place}.")


# ------------------------------------------------------------------ what follows from settings

_REMEMBERED = 128
"""Number of cached settings. None are larger than a request may be."""


class SettingsVerdict(NamedTuple):
    """The result of checking settings.

    Args:
        is_good: whether they need no conversion, and the request classes accept them.
        is_quiet: whether there are no warnings about them.
        rules: the rules about media and parts that apply.
        limit: the first limit of characters that applies.
    """

    is_good: bool
    is_quiet: bool
    rules: tuple[MediaRule, ...]
    limit: Limit | None


def verdict_of(provider: str, settings: Mapping[str, object]) -> SettingsVerdict:
    """The verdict on settings as given, for a provider by its identifier."""
    try:
        return _verdict(provider, _encoder.encode(settings))
    except UnicodeEncodeError:  # half a surrogate pair
        return _verdict_on(PROVIDERS[provider], settings)


_encoder = msgspec.json.Encoder()


@lru_cache(maxsize=_REMEMBERED)
def _verdict(identifier: str, written: bytes) -> SettingsVerdict:
    return _verdict_on(PROVIDERS[identifier], as_object(msgspec.json.decode(written)))


def _verdict_on(provider: Provider, given: Mapping[str, object]) -> SettingsVerdict:
    shape = shape_of(provider.settings)
    settings = converted(shape, given)
    wrong: list[Problem] = []
    check(shape, settings, "", wrong)
    return SettingsVerdict(
        is_good=settings is given and not wrong,
        is_quiet=next(settings_warnings(provider, given, ""), None) is None,
        rules=tuple(applying(provider.rules, settings)),
        limit=next((each for each in provider.limits if _counts(each, settings)), None),
    )


def _counts(limit: Limit, settings: Mapping[str, object]) -> bool:
    return not limit.verified if limit.when is None else holds(limit.when, settings)


# ------------------------------------------------------------------ of an unknown provider

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
    """Warnings of a JSON schema about settings.

    Args:
        path: the path of the settings: `posts.0.settings`.
        settings: the settings to send.
        schema: the `settings` of `postiz.channels.settings(channel)`.
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
    is_odd_bool = types is not None and isinstance(value, bool) and bool not in types
    if types is not None and (is_odd_bool or not isinstance(value, types)):
        yield _advice(path, name, f"is a {field['type']} in the server's schema")


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _advice(path: str, name: str, message: str) -> Problem:
    return warning(f"{path}.{name}", message)
