"""The list of channels and their rules, cached: it costs no quota but a round trip."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from postiz_async.endpoints import CHANNEL_SETTINGS, LIST_INTEGRATIONS, Call
from postiz_async.errors import APIStatusError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postiz_async.caller import Caller
    from postiz_async.models.integrations import ChannelSettings, Integration

__all__ = ["Channels"]

log = logging.getLogger("postiz_async")

MAX_AGE = 600.0
"""Seconds for which the list is believed."""


class Channels:
    """The channels of one key; renewed after ten minutes, and when an id is not among them."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._by_id: dict[str, Integration] = {}
        self._read_at: float | None = None
        self._told: dict[str, tuple[float, ChannelSettings | None]] = {}

    async def refresh(self) -> list[Integration]:
        """Ask the server."""
        listed = await self._caller.call(Call(LIST_INTEGRATIONS))
        self._by_id = {channel.id: channel for channel in listed}
        self._read_at = self._caller.clock.monotonic()
        return list(self._by_id.values())

    async def find(self, channel_id: str) -> Integration | None:
        """The channel with this id, or None if the server does not know it."""
        return (await self.of([channel_id])).get(channel_id)

    @property
    def _is_stale(self) -> bool:
        now = self._caller.clock.monotonic()
        return self._read_at is None or now - self._read_at > MAX_AGE

    async def of(self, channel_ids: Iterable[str]) -> dict[str, Integration]:
        """Those of the channels that the server knows, by id."""
        wanted = set(channel_ids)
        if self._is_stale or not wanted <= self._by_id.keys():
            await self.refresh()
        return {key: self._by_id[key] for key in wanted & self._by_id.keys()}

    def forget(self, channel_id: str) -> None:
        """Know nothing of a channel, so that the server is asked before it is used again."""
        self._by_id.pop(channel_id, None)
        self._told.pop(channel_id, None)

    async def told(self, channel_id: str) -> ChannelSettings | None:
        """What the server says about posts of a channel; None where it does not tell."""
        now = self._caller.clock.monotonic()
        read_at, answer = self._told.get(channel_id, (None, None))
        if read_at is None or now - read_at > MAX_AGE:
            answer = await self._ask(channel_id)
            self._told[channel_id] = now, answer
        return answer

    async def _ask(self, channel_id: str) -> ChannelSettings | None:
        call = Call(CHANNEL_SETTINGS, params={"id": channel_id})
        try:
            return (await self._caller.call(call)).output
        except APIStatusError as error:  # a server before v2.18.0, or one that cannot tell
            log.info("the server does not tell the rules of channel %s: %s", channel_id, error)
            return None
