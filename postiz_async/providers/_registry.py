"""All providers; write and read their settings. PURE."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import TypeAlias, cast

import msgspec

from postiz_async.errors import InvalidInputError, Problem
from postiz_async.models._base import describe_json_error
from postiz_async.models.settings import ProviderSettings, RawSettings
from postiz_async.providers._blogs import BLOGS, AnyBlog
from postiz_async.providers._communities import COMMUNITIES, AnyCommunity
from postiz_async.providers._microblogs import MICROBLOGS, AnyMicroblog
from postiz_async.providers._schema import Provider, fields_of
from postiz_async.providers._social import SOCIAL, AnySocial
from postiz_async.providers._visual import VISUAL, AnyVisual

AnySettings: TypeAlias = AnyMicroblog | AnySocial | AnyVisual | AnyCommunity | AnyBlog
"""The settings of all providers that the library knows."""

PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {each.identifier: each for each in (*MICROBLOGS, *SOCIAL, *VISUAL, *COMMUNITIES, *BLOGS)}
)
"""The rules and settings of each provider, by its identifier (`channel.provider`)."""


_OTHER_NAMES = {"twitter": "x", "warpcast": "wrapcast", "google": "gmb", "google business": "gmb"}
PROVIDER_WORDS: Mapping[str, str] = MappingProxyType(
    {each.name.casefold(): key for key, each in PROVIDERS.items()}
    | {key: key for key in PROVIDERS}
    | _OTHER_NAMES
)
"""The identifiers of providers by what they are called, in lower case."""


def closest_provider(name: str) -> str | None:
    """The identifier of the provider that an unknown name most likely means."""
    close = get_close_matches(name[:40].casefold(), PROVIDER_WORDS, n=1)
    return PROVIDER_WORDS[close[0]] if close else None


def missing_without_defaults(provider: str) -> tuple[str, ...]:
    """The settings without which a post cannot be sent, as the server names them.

    Empty for a provider whose settings all have defaults, and for an unknown one.
    """
    known = PROVIDERS.get(provider)
    if known is None:
        return ()
    fields = fields_of(known.settings)
    return tuple(field.name for field in fields if field.required and field.default is None)


def default_settings(provider: str) -> ProviderSettings | None:
    """The settings of a post that gives none; None if some are required."""
    if provider not in PROVIDERS or missing_without_defaults(provider):
        return None
    return PROVIDERS[provider].settings()


@cache
def required_defaults(provider: str) -> Mapping[str, object]:
    """Required fields with a neutral value, which a mapping of settings may leave out."""
    known = PROVIDERS.get(provider)
    fields = () if known is None else fields_of(known.settings)
    needed = (field for field in fields if field.required or field.required_when is not None)
    defaults = {field.name: field.default for field in needed if field.default is not None}
    return MappingProxyType(defaults)


def provider_of(settings: ProviderSettings | RawSettings) -> str:
    """The identifier of the provider that settings belong to."""
    return settings.provider if isinstance(settings, RawSettings) else settings.provider()


def write_settings(
    settings: ProviderSettings | RawSettings | Mapping[str, object],
) -> dict[str, object]:
    """Settings in the form of the API, with `__type` if they name their provider.

    Raises:
        InvalidInputError: a struct contains something that JSON cannot represent.
    """
    if isinstance(settings, RawSettings):
        return {**settings.values, "__type": settings.provider}
    if not isinstance(settings, ProviderSettings):
        return dict(settings)
    try:
        values = msgspec.json.decode(msgspec.json.encode(settings), type=dict[str, object])
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        where = ".".join(["settings", *_unwritable(settings)])
        problem = Problem(where, f"cannot be written as JSON: {describe_json_error(error)}")
        raise InvalidInputError([problem]) from error
    media = {field.name for field in fields_of(type(settings)) if field.media}
    return {name: _medium(each) if name in media else each for name, each in values.items()}


def _unwritable(settings: ProviderSettings) -> Iterator[str]:
    """The first field that JSON cannot represent."""
    for field in msgspec.structs.fields(settings):
        try:
            msgspec.json.encode(getattr(settings, field.name))
        except (TypeError, ValueError, OverflowError, RecursionError):
            yield field.encode_name
            return


def _medium(value: object) -> object:
    """A medium without the fields that the server does not use."""
    if not isinstance(value, dict):
        return value
    medium = cast("dict[str, object]", value)
    kept = ("id", "path", "alt", "thumbnail")
    return {name: medium[name] for name in kept if medium.get(name) is not None}


def read_settings(
    provider: str, settings: str | bytes | Mapping[str, object]
) -> AnySettings | RawSettings:
    """The settings of a stored post, as JSON text or a mapping. Never fails.

    Keys that the struct does not know are left out. Returns `RawSettings` for an unknown provider
    and for values that the struct cannot contain; they are empty if a text is not a JSON object.
    """
    values = _object(settings) if isinstance(settings, str | bytes) else settings
    try:
        plain = cast("dict[str, object]", _without_nulls(values))
        known: AnySettings = msgspec.convert({**plain, "__type": provider}, AnySettings)
    except (msgspec.ValidationError, RecursionError):
        return RawSettings(provider, values)
    return known


def _object(text: str | bytes) -> dict[str, object]:
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}


def _without_nulls(value: object) -> object:
    """The value without nulls, which mean absence to the server and do not exist in a struct."""
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        return {name: _without_nulls(each) for name, each in items if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in cast("list[object]", value)]
    return value
