"""Attributes that were called otherwise before, for those who still type the old names."""

from __future__ import annotations

from typing import TYPE_CHECKING

_NOW = {"batch": "campaign", "integrations": "channels"}


class Renamed:
    """Says what a renamed attribute is called now."""

    if not TYPE_CHECKING:  # or every name would be one, for a type checker

        def __getattr__(self, name: str) -> object:
            hint = f". It is called {_NOW[name]!r}." if name in _NOW else ""
            said = f"{type(self).__name__!r} object has no attribute {name!r}{hint}"
            raise AttributeError(said, name=name, obj=self)
