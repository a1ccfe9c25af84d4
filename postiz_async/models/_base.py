"""What all values of the API have in common."""

from __future__ import annotations

import msgspec

__all__ = ["Model"]


class Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A frozen value. Unknown fields of an answer are ignored, absent ones take their default."""
