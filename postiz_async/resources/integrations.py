"""Channels: list, check, settings, tools, connect, delete, free slots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async.endpoints import (
    CHANNEL_SETTINGS,
    CONNECT_URL,
    DELETE_INTEGRATION,
    FIND_SLOT,
    IS_CONNECTED,
    LIST_GROUPS,
    LIST_INTEGRATIONS,
    TRIGGER_TOOL,
    Call,
)
from postiz_async.errors import APITimeoutError, ConfigurationError, InvalidPostError, Problem
from postiz_async.models.integrations import ToolCall
from postiz_async.wire import encode_body, parse_date

if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping
    from datetime import datetime

    from postiz_async.caller import BoundScheduler
    from postiz_async.channels import Channels
    from postiz_async.models.integrations import ChannelSettings, Customer, Integration

__all__ = ["Integrations"]


class Integrations:
    """`postiz.integrations`: the connected social accounts. Nothing here costs quota."""

    def __init__(self, caller: BoundScheduler, channels: Channels) -> None:
        self._caller = caller
        self._channels = channels

    async def list(self, *, group: str | None = None) -> builtins.list[Integration]:
        """The channels of the organisation, disabled ones included, in no order.

        Args:
            group: only those of the group with this id; older servers ignore it (v2.21.9).

        Retried: yes. Since v1.11.1.
        """
        if group is None:
            return await self._channels.refresh(self._caller)
        return await self._caller.call(Call(LIST_INTEGRATIONS, query=(("group", group),)))

    async def groups(self) -> builtins.list[Customer]:
        """The groups of channels; the web page calls them customers.

        Retried: yes. Since v2.21.9.
        """
        return await self._caller.call(Call(LIST_GROUPS))

    async def is_connected(self) -> bool:
        """Whether the server accepts the key.

        Retried: yes. Since v1.62.0.

        Raises:
            AuthenticationError: it does not.
        """
        return (await self._caller.call(Call(IS_CONNECTED))).connected

    async def settings(self, channel: Integration | str) -> ChannelSettings:
        """Rules, length limit, settings schema and tools of a channel, as the server has them.

        Retried: yes. Since v2.18.0.

        Raises:
            NotFoundError: there is no such channel (older servers: ServerError).
        """
        call = Call(CHANNEL_SETTINGS, params={"id": _id(channel)})
        return (await self._caller.call(call)).output

    async def trigger(
        self, channel: Integration | str, tool: str, data: Mapping[str, str] | None = None
    ) -> object:
        """Use a tool of a channel, such as looking up its boards. Returns whatever it gives.

        Retried: yes. Since v2.18.0.

        Raises:
            NotFoundError: there is no such channel or tool.
            AuthenticationError: the channel's own social token has expired; the key is fine.
            ServerError: the network answered with an error.
        """
        body = encode_body(ToolCall(method_name=tool, data=data or {}))
        call = Call(TRIGGER_TOOL, params={"id": _id(channel)}, body=body)
        return (await self._caller.call(call)).output

    async def connect_url(self, provider: str, *, refresh: str | None = None) -> str:
        """The address at which a person connects an account of `provider`; good for an hour.

        Args:
            provider: identifier such as `linkedin`.
            refresh: the platform's own id of the account that is to be connected again.

        Retried: yes. Since v2.20.0.

        Raises:
            ConfigurationError: the provider is connected with a form in the web page, not by an
                address.
            PlanLimitError: the plan has no room for another channel.
        """
        query = (("refresh", refresh),) if refresh is not None else ()
        call = Call(CONNECT_URL, params={"provider": provider}, query=query)
        url = (await self._caller.call(call)).url
        if not url.startswith("http"):
            raise ConfigurationError(
                f"{provider} is not connected through an address. Use the web page of Postiz."
            )
        return url

    async def delete(self, channel: Integration | str) -> str:
        """Delete a channel, and in the background its posts. Returns its id.

        The server's answer contains the social tokens of the account; they are dropped unread.
        Retried: yes. Since v2.20.0.

        Raises:
            ServerError: also for an unknown channel.
        """
        channel_id = _id(channel)
        try:
            call = Call(DELETE_INTEGRATION, params={"id": channel_id})
            return (await self._caller.call(call)).id
        finally:  # also when the answer was lost
            self._channels.forget(channel_id)

    async def find_slot(self, channel: Integration | str) -> datetime:
        """The next free posting time of a channel, in UTC. Nothing is reserved.

        For a channel that it does not know, that is disabled or that has no posting times, the
        server searches without end, and goes on when nobody waits any more. So the channels are
        listed anew before it is asked. That list does not show posting times: a channel without
        them costs the wait of 10 s, and the server half a core until it is restarted.

        Retried: no. Since v2.7.0.

        Raises:
            InvalidPostError: the channel does not exist or is disabled; the server was not asked.
            APITimeoutError: most likely the channel has no posting times; do not ask again before
                it has some.
        """
        channel_id = _id(channel)
        caller = self._caller.begun()
        channels = {each.id: each for each in await self._channels.refresh(caller)}
        if channel_id not in channels:
            what = f"{channel_id!r} does not exist in this organisation"
            raise InvalidPostError([Problem("channel", what)])
        name = channels[channel_id].name
        if channels[channel_id].disabled:
            raise InvalidPostError(
                [Problem("channel", f"{name!r} is disabled in Postiz", hint="enable it there")]
            )
        try:
            answer = await caller.call(Call(FIND_SLOT, params={"id": channel_id}))
        except APITimeoutError as error:
            hint = (
                f"Most likely {name!r} has no posting times, and the server searches without end: "
                "give it some in Postiz, and do not ask again before."
            )
            raise APITimeoutError(error.message, delivery=error.delivery, hint=hint) from error
        return parse_date(answer.date)


def _id(channel: Integration | str) -> str:
    return channel if isinstance(channel, str) else channel.id
