"""Typed values of the API: frozen msgspec structs without behaviour."""

from __future__ import annotations

import msgspec


class Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A frozen value. Unknown fields of an answer are ignored, absent ones take their default."""
