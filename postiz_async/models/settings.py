"""The settings of a post that are specific to its provider."""

from __future__ import annotations

from collections.abc import Mapping

from postiz_async.models._base import Value


class ProviderSettings(Value, frozen=True, kw_only=True, tag_field="__type"):
    """The settings of one provider; the structs of `postiz_async.providers` derive from it."""

    @classmethod
    def provider(cls) -> str:
        """The identifier of the provider, such as `linkedin-page`."""
        return str(cls.__struct_config__.tag)


class RawSettings(Value, frozen=True):
    """Settings as the API names them, for a provider that the library does not know yet."""

    provider: str
    values: Mapping[str, object]
