"""The list of channels, cached: it costs no quota but a round trip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async.endpoints import LIST_INTEGRATIONS, Call

if TYPE_CHECKING:
    from postiz_async.caller import Caller
    from postiz_async.models.integrations import Integration

__all__ = ["Channels"]

MAX_AGE = 600.0
"""Seconds for which the list is believed."""


class Channels:
    """The channels of one key; renewed after ten minutes, and when an id is not among them."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._by_id: dict[str, Integration] = {}
        self._read_at: float | None = None

    async def refresh(self) -> list[Integration]:
        """Ask the server."""
        listed = await self._caller.call(Call(LIST_INTEGRATIONS))
        self._by_id = {channel.id: channel for channel in listed}
        self._read_at = self._caller.clock.monotonic()
        return list(self._by_id.values())

    async def find(self, channel_id: str) -> Integration | None:
        """The channel with this id, or None if the server does not know it."""
        now = self._caller.clock.monotonic()
        stale = self._read_at is None or now - self._read_at > MAX_AGE
        if stale or channel_id not in self._by_id:
            await self.refresh()
        return self._by_id.get(channel_id)
