"""Channels: list, check, find a free slot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async.endpoints import FIND_SLOT, IS_CONNECTED, Call
from postiz_async.errors import InvalidPostError, Problem
from postiz_async.scheduler import CallOptions
from postiz_async.wire import parse_date

if TYPE_CHECKING:
    from datetime import datetime

    from postiz_async.channels import Channels
    from postiz_async.models.integrations import Integration
    from postiz_async.scheduler import Scheduler

__all__ = ["Integrations"]


class Integrations:
    """`postiz.integrations`: the connected social accounts. Nothing here costs quota."""

    def __init__(self, scheduler: Scheduler, channels: Channels) -> None:
        self._scheduler = scheduler
        self._channels = channels

    async def list(self) -> list[Integration]:
        """All channels of the organisation, disabled ones included, in no order.

        Retried: yes. Since v1.11.1.
        """
        return await self._channels.refresh()

    async def is_connected(self) -> bool:
        """Whether the server accepts the key.

        Retried: yes. Since v1.62.0.

        Raises:
            AuthenticationError: it does not.
        """
        answer, _ = await self._scheduler.call(Call(IS_CONNECTED), CallOptions())
        return answer.connected

    async def find_slot(self, channel: Integration | str) -> datetime:
        """The next free posting time of a channel, in UTC. Nothing is reserved.

        The channel is looked up first and the wait is bounded by 10 s, because the server never
        answers for a channel that it does not know, is disabled or has no posting times.

        Retried: no. Since v2.7.0.

        Raises:
            InvalidPostError: the channel does not exist or is disabled.
            APITimeoutError: the channel has no posting times, or the server is slow.
        """
        channel_id = channel if isinstance(channel, str) else channel.id
        known = await self._channels.find(channel_id)
        if known is None or known.disabled:
            what = "is disabled" if known else "does not exist in this organisation"
            raise InvalidPostError([Problem("channel", f"{channel_id!r} {what}")])
        answer, _ = await self._scheduler.call(
            Call(FIND_SLOT, params={"id": channel_id}), CallOptions()
        )
        return parse_date(answer.date)
