"""The blocking twin of `Renamed`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from postiz_async.blocking._base import Twin

if TYPE_CHECKING:
    from postiz_async._renamed import Renamed as AsyncRenamed


class Renamed(Twin):
    """Says what a renamed attribute is called now."""

    @property
    def _async(self) -> AsyncRenamed:
        return cast("AsyncRenamed", self._twin)
