"""What follows from the settings of a post alone, remembered: they are often equal. PURE."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from postiz_async._validation.javascript import as_object, holds
from postiz_async._validation.media import applying
from postiz_async._validation.schema import check, converted
from postiz_async._validation.settings import settings_warnings, shape_of
from postiz_async.providers._registry import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postiz_async.errors import Problem
    from postiz_async.providers._schema import Limit, MediaRule, Provider


_REMEMBERED = 128
"""Settings that are remembered. None are larger than a request may be."""


class SettingsVerdict(NamedTuple):
    """What follows from settings.

    Args:
        is_good: they need no conversion, and the request classes accept them.
        is_quiet: nothing is to be said about them.
        rules: those about media and parts that count.
        limit: of the characters, the first that counts.
    """

    is_good: bool
    is_quiet: bool
    rules: tuple[MediaRule, ...]
    limit: Limit | None


def verdict_of(provider: Provider, settings: Mapping[str, object]) -> SettingsVerdict:
    """The verdict on settings as they came."""
    return _verdict(provider.identifier, _encoder.encode(settings))


_encoder = msgspec.json.Encoder()


@lru_cache(maxsize=_REMEMBERED)
def _verdict(identifier: str, written: bytes) -> SettingsVerdict:
    provider = PROVIDERS[identifier]
    given = as_object(msgspec.json.decode(written))
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


forget_settings = _verdict.cache_clear


def _counts(limit: Limit, settings: Mapping[str, object]) -> bool:
    return not limit.verified if limit.when is None else holds(limit.when, settings)
