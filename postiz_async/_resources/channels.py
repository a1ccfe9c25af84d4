"""Channels: list, check, settings, tools, connect, delete, free slots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from postiz_async._resources.channel_names import Resolver, is_id
from postiz_async._wire import encode_body, parse_date
from postiz_async._wire.endpoints import (
    CHANNEL_SETTINGS,
    CONNECT_URL,
    DELETE_INTEGRATION,
    FIND_SLOT,
    IS_CONNECTED,
    LIST_GROUPS,
    LIST_INTEGRATIONS,
    NOT_CONNECTABLE,
    TRIGGER_TOOL,
    Call,
)
from postiz_async.errors import (
    APITimeoutError,
    BadRequestError,
    ConfigurationError,
    InvalidPostError,
    Problem,
)
from postiz_async.models.integrations import ToolCall
from postiz_async.providers._registry import PROVIDERS, closest_provider

if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping
    from datetime import datetime

    from postiz_async._resources.channel_list import Channels
    from postiz_async._scheduler.bound import BoundScheduler
    from postiz_async.models.integrations import ChannelSettings, Customer, Integration


class Integrations:
    """`postiz.integrations`: the connected social accounts. Nothing here costs quota.

    A channel can be given as an `Integration`, or by its id, its name or its provider if no other
    channel has the same. Names and providers are looked up in the list of channels.
    """

    def __init__(self, bound: BoundScheduler, channels: Channels) -> None:
        self._bound = bound
        self._channels = channels

    async def list(self, *, group: str | None = None) -> builtins.list[Integration]:
        """The channels of the organisation, including disabled ones, in no particular order.

        Args:
            group: only channels of the group with this id (`Integration.customer`); servers
                before v2.21.9 ignore it.

        Retried: yes. Since v1.11.1.
        """
        if group is None:
            return await self._channels.fresh(self._bound)
        return await self._bound.call(Call(LIST_INTEGRATIONS, query=(("group", group),)))

    async def find(self, *channels: str) -> builtins.list[Integration]:
        """Channels by id, by name, or by provider if no other channel has it.

        Args:
            channels: a word for each.

        Raises:
            InvalidPostError: with a problem for each word that means no channel, several, one that
                is disabled, or one that another word means too.
        """
        resolver = Resolver(await self.list())
        problems: builtins.list[Problem] = []
        meant: dict[str, Integration] = {}
        for word in channels:
            found = resolver.find(word)
            if isinstance(found, Problem):
                problems.append(found)
            elif found.id in meant:
                what = f"{word!r} is named twice: {found.name!r}"
                problems.append(Problem("integration", what))
            else:
                meant[found.id] = found
        if problems:
            raise InvalidPostError(problems)
        return list(meant.values())

    async def groups(self) -> builtins.list[Customer]:
        """The groups of channels, which the web page and `posts.list` call customers.

        Retried: yes. Since v2.21.9.
        """
        return await self._bound.call(Call(LIST_GROUPS))

    async def is_connected(self, *, retry: bool = True) -> bool:
        """Whether the server accepts the key.

        Args:
            retry: False for a single attempt, if the caller does its own retries.

        Retried: yes. Since v1.62.0.

        Raises:
            AuthenticationError: it does not.
        """
        options = replace(self._bound.options, retry=retry)
        return (await self._bound.call(Call(IS_CONNECTED), options)).connected

    async def settings(self, channel: Integration | str) -> ChannelSettings:
        """Rules, length limit, settings schema and tools of a channel, as the server reports them.

        Args:
            channel: the channel, its id, name or provider.

        Retried: yes. Since v2.18.0.

        Raises:
            InvalidPostError: no channel, or several, have this name or provider.
            NotFoundError: no channel has this id (older servers: ServerError).
        """
        bound = self._bound.begun()
        channel_id = await self._channels.id_of(bound, channel)
        return (await bound.call(Call(CHANNEL_SETTINGS, params={"id": channel_id}))).output

    async def trigger(
        self, channel: Integration | str, tool: str, data: Mapping[str, str] | None = None
    ) -> object:
        """Use a tool of a channel, for example to look up its boards. Returns its JSON output.

        Args:
            channel: the channel, its id, name or provider.
            tool: the name of a tool that `settings` lists.
            data: its arguments, as described by `settings`; None: none.

        Retried: yes. Since v2.18.0.

        Raises:
            InvalidPostError: no channel, or several, have this name or provider.
            NotFoundError: no channel has this id, or there is no such tool.
            AuthenticationError: the channel's own social token has expired; the key is fine.
            ServerError: the network answered with an error.
        """
        body = encode_body(ToolCall(method_name=tool, data=data or {}))
        bound = self._bound.begun()
        channel_id = await self._channels.id_of(bound, channel)
        return (await bound.call(Call(TRIGGER_TOOL, params={"id": channel_id}, body=body))).output

    async def connect_url(self, provider: str, *, refresh: str | None = None) -> str:
        """The URL where a person connects an account of `provider`; valid for an hour.

        Args:
            provider: identifier such as `linkedin`.
            refresh: the platform's own id of an account to reconnect.

        Retried: yes. Since v2.20.0.

        Raises:
            ConfigurationError: accounts of this provider are connected with a form in the web page,
                not through a URL.
            BadRequestError: the server has no such provider.
            PlanLimitError: the plan has no room for another channel.
        """
        query = (("refresh", refresh),) if refresh is not None else ()
        call = Call(CONNECT_URL, params={"provider": provider}, query=query)
        try:
            url = (await self._bound.call(call)).url
        except BadRequestError as error:
            if error.text != NOT_CONNECTABLE:
                raise
            hint = _not_there(provider)
            raise BadRequestError(
                error.text, status_code=error.status_code, body=error.body, hint=hint
            ) from None
        if not url.startswith("http"):
            raise ConfigurationError(
                f"{provider} is not connected through an address. Use the web page of Postiz."
            )
        return url

    async def delete(self, channel: Integration | str) -> str:
        """Delete a channel, and in the background its posts. Returns its id.

        The server's answer contains the social tokens of the account; they are discarded. Retried:
        yes. Since v2.20.0.

        Args:
            channel: the channel or its id. Names and providers are refused here, because their
                meaning can change.

        Raises:
            InvalidPostError: it is not an id of a channel; nothing was deleted.
            ServerError: also for an unknown channel.
        """
        bound = self._bound.begun()
        channel_id = channel if isinstance(channel, str) else channel.id
        if not is_id(channel_id):
            await self._refuse_name(bound, channel_id)
        try:
            call = Call(DELETE_INTEGRATION, params={"id": channel_id})
            return (await bound.call(call)).id
        finally:  # also when the answer was lost
            self._channels.forget(channel_id)

    async def _refuse_name(self, bound: BoundScheduler, word: str) -> None:
        found = await self._channels.meant(bound, word, "channel")
        if isinstance(found, Problem):
            raise InvalidPostError([found])
        if found.id != word:
            hint = f"{found.name!r} on {found.provider} has the id {found.id}"
            what = f"a channel is deleted by its id only, not as {word!r}"
            raise InvalidPostError([Problem("channel", what, hint=hint)])

    async def find_slot(self, channel: Integration | str) -> datetime:
        """The next free posting time of a channel, in UTC. Nothing is reserved.

        For a channel that is unknown, disabled or without posting times, the server searches
        without end, even after the client has disconnected. So the list of channels is always
        fetched first. It does not show posting times: a channel without them costs a wait of 10 s,
        and half a core of the server until it is restarted.

        Args:
            channel: the channel, its id, name or provider.

        Retried: no. Since v2.7.0.

        Raises:
            InvalidPostError: the channel does not exist, is disabled, or is one of several with
                this name or provider; the server was not asked.
            APITimeoutError: most likely the channel has no posting times; do not call this again
                before it has some.
        """
        bound = self._bound.begun()
        word = channel if isinstance(channel, str) else channel.id
        found = Resolver(await self._channels.fresh(bound)).find(word, "channel")
        if isinstance(found, Problem):
            raise InvalidPostError([found])
        try:
            answer = await bound.call(Call(FIND_SLOT, params={"id": found.id}))
        except APITimeoutError as error:
            hint = (
                f"Most likely {found.name!r} has no posting times, and the server searches without "
                "end: give it some in Postiz, and do not ask again before."
            )
            raise APITimeoutError(error.message, delivery=error.delivery, hint=hint) from error
        return parse_date(answer.date)


def _not_there(provider: str) -> str:
    """Why a server cannot connect accounts of a provider, and what to do."""
    known = PROVIDERS.get(provider)
    if known is not None:
        lacks = f"This server does not have the provider {provider!r}"
        if not known.since:
            return f"{lacks}: no release of Postiz has it yet."
        return f"{lacks}, which came with {known.since}: ask its operator for an update."
    close = closest_provider(provider)
    meant = f" Did you mean {close!r}?" if close else ""
    return (
        f"No provider is called {provider[:40]!r}, so the server cannot connect its accounts."
        f"{meant} `postiz-async providers` lists those there are."
    )
