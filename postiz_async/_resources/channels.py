"""Channels: list, check, settings, tools, connect, delete, free slots; and the list as cached."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from postiz_async._concurrency import run_to_completion
from postiz_async._scheduler.bound import BoundScheduler
from postiz_async._wire import encode_body, parse_date
from postiz_async._wire.endpoints import (
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
from postiz_async.errors import (
    APIStatusError,
    APITimeoutError,
    ConfigurationError,
    InvalidPostError,
    Problem,
)
from postiz_async.models.integrations import ToolCall

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from postiz_async._scheduler.calls import CallOptions
    from postiz_async.models.integrations import ChannelSettings, Customer, Integration

__all__ = [
    "Channels",
    "Integrations",
]


class Integrations:
    """`postiz.integrations`: the connected social accounts. Nothing here costs quota."""

    def __init__(self, bound: BoundScheduler, channels: Channels) -> None:
        self._bound = bound
        self._channels = channels

    async def list(self, *, group: str | None = None) -> builtins.list[Integration]:
        """The channels of the organisation, disabled ones included, in no order.

        Args:
            group: only those of the group with this id; older servers ignore it (v2.21.9).

        Retried: yes. Since v1.11.1.
        """
        if group is None:
            return await self._channels.refresh(self._bound)
        return await self._bound.call(Call(LIST_INTEGRATIONS, query=(("group", group),)))

    async def groups(self) -> builtins.list[Customer]:
        """The groups of channels; the web page calls them customers.

        Retried: yes. Since v2.21.9.
        """
        return await self._bound.call(Call(LIST_GROUPS))

    async def is_connected(self, *, retry: bool = True) -> bool:
        """Whether the server accepts the key.

        Args:
            retry: False for one attempt, when the caller repeats it by itself.

        Retried: yes. Since v1.62.0.

        Raises:
            AuthenticationError: it does not.
        """
        options = replace(self._bound.options, retry=retry)
        return (await self._bound.call(Call(IS_CONNECTED), options)).connected

    async def settings(self, channel: Integration | str) -> ChannelSettings:
        """Rules, length limit, settings schema and tools of a channel, as the server has them.

        Args:
            channel: the channel or its id.

        Retried: yes. Since v2.18.0.

        Raises:
            NotFoundError: there is no such channel (older servers: ServerError).
        """
        call = Call(CHANNEL_SETTINGS, params={"id": _id(channel)})
        return (await self._bound.call(call)).output

    async def trigger(
        self, channel: Integration | str, tool: str, data: Mapping[str, str] | None = None
    ) -> object:
        """Use a tool of a channel, such as looking up its boards. Returns whatever it gives.

        Args:
            channel: the channel or its id.
            tool: the name of the tool, one of those that `settings` lists.
            data: its arguments, which `settings` describes; None: none.

        Retried: yes. Since v2.18.0.

        Raises:
            NotFoundError: there is no such channel or tool.
            AuthenticationError: the channel's own social token has expired; the key is fine.
            ServerError: the network answered with an error.
        """
        body = encode_body(ToolCall(method_name=tool, data=data or {}))
        call = Call(TRIGGER_TOOL, params={"id": _id(channel)}, body=body)
        return (await self._bound.call(call)).output

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
        url = (await self._bound.call(call)).url
        if not url.startswith("http"):
            raise ConfigurationError(
                f"{provider} is not connected through an address. Use the web page of Postiz."
            )
        return url

    async def delete(self, channel: Integration | str) -> str:
        """Delete a channel, and in the background its posts. Returns its id.

        The server's answer contains the social tokens of the account; they are dropped unread.
        Retried: yes. Since v2.20.0.

        Args:
            channel: the channel or its id.

        Raises:
            ServerError: also for an unknown channel.
        """
        channel_id = _id(channel)
        try:
            call = Call(DELETE_INTEGRATION, params={"id": channel_id})
            return (await self._bound.call(call)).id
        finally:  # also when the answer was lost
            self._channels.forget(channel_id)

    async def find_slot(self, channel: Integration | str) -> datetime:
        """The next free posting time of a channel, in UTC. Nothing is reserved.

        For a channel that it does not know, that is disabled or that has no posting times, the
        server searches without end, and goes on when nobody waits any more. So the channels are
        listed anew before it is asked. That list does not show posting times: a channel without
        them costs the wait of 10 s, and the server half a core until it is restarted.

        Args:
            channel: the channel or its id.

        Retried: no. Since v2.7.0.

        Raises:
            InvalidPostError: the channel does not exist or is disabled; the server was not asked.
            APITimeoutError: most likely the channel has no posting times; do not ask again before
                it has some.
        """
        channel_id = _id(channel)
        bound = self._bound.begun()
        channels = {each.id: each for each in await self._channels.refresh(bound)}
        if channel_id not in channels:
            what = f"{channel_id!r} does not exist in this organisation"
            raise InvalidPostError([Problem("channel", what)])
        name = channels[channel_id].name
        if channels[channel_id].disabled:
            raise InvalidPostError(
                [Problem("channel", f"{name!r} is disabled in Postiz", hint="enable it there")]
            )
        try:
            answer = await bound.call(Call(FIND_SLOT, params={"id": channel_id}))
        except APITimeoutError as error:
            hint = (
                f"Most likely {name!r} has no posting times, and the server searches without end: "
                "give it some in Postiz, and do not ask again before."
            )
            raise APITimeoutError(error.message, delivery=error.delivery, hint=hint) from error
        return parse_date(answer.date)


def _id(channel: Integration | str) -> str:
    return channel if isinstance(channel, str) else channel.id


log = logging.getLogger("postiz_async")

CHANNELS_MAX_AGE = 600.0
"""Seconds for which the list is believed."""

_Headers = tuple[tuple[str, str], ...]


class _Terms(NamedTuple):
    """How a look-up is made that several callers share."""

    headers: _Headers
    timeout: float | None
    """Longer than the route's own; None: that."""


class _LookUp:
    """A look-up under way, and how many wait for it."""

    def __init__(self, terms: _Terms, task: asyncio.Task[list[Integration]]) -> None:
        self.terms = terms
        self.task = task
        self.waiting = 0


class _KnownRules(NamedTuple):
    """What the server said about a channel, when, and to a request with which headers."""

    at: float
    headers: _Headers
    answer: ChannelSettings | None


class Channels:
    """The channels of one key; renewed after ten minutes, and when an id is not among them."""

    def __init__(self) -> None:
        self._by_id: dict[str, Integration] = {}
        self._read_at: float | None = None
        self._look_ups: dict[_Terms, _LookUp] = {}
        self._rules: dict[str, _KnownRules] = {}

    async def refresh(self, bound: BoundScheduler) -> list[Integration]:
        """Ask the server."""
        listed = await bound.call(Call(LIST_INTEGRATIONS))
        self._by_id = {channel.id: channel for channel in listed}
        self._read_at = bound.scheduler.clock.monotonic()
        return list(self._by_id.values())

    async def find(self, bound: BoundScheduler, channel_id: str) -> Integration | None:
        """The channel with this id, or None if the server does not know it."""
        if channel_id in self._by_id and not self._is_stale(bound):
            return self._by_id[channel_id]
        return (await self.of(bound, [channel_id])).get(channel_id)

    async def of(self, bound: BoundScheduler, channel_ids: Iterable[str]) -> dict[str, Integration]:
        """Those of the channels that the server knows, by id."""
        wanted = set(channel_ids)
        if self._is_stale(bound) or not wanted <= self._by_id.keys():
            was_begun = bool(self._look_ups)
            await self._renewed(bound)
            if was_begun and not wanted <= self._by_id.keys():
                await self._renewed(bound)  # that one was sent before we were asked
        return {key: self._by_id[key] for key in wanted & self._by_id.keys()}

    def forget(self, channel_id: str) -> None:
        """Know nothing of a channel, so that the server is asked before it is used again."""
        self._by_id.pop(channel_id, None)
        self._rules.pop(channel_id, None)

    def _is_stale(self, bound: BoundScheduler) -> bool:
        now = bound.scheduler.clock.monotonic()
        return self._read_at is None or now - self._read_at > CHANNELS_MAX_AGE

    # -------------------------------------------------------------- one look-up for many

    async def _renewed(self, bound: BoundScheduler) -> None:
        """Wait for a look-up that others began; without one, or when it fails, for our own."""
        if bound.scheduler.is_counted(LIST_INTEGRATIONS.name):
            await self.refresh(bound)  # shared, it would wait for the quota by one max_wait only
            return
        ours = _terms(bound.options)
        theirs = (each for each in self._look_ups.values() if each.terms.timeout is None)
        if ours not in self._look_ups and (look_up := next(theirs, None)) is not None:
            await self._wait(bound, look_up)
            if look_up.task.exception() is None:
                return
        look_up = self._look_ups.get(ours) or self._begun(bound, ours)
        await self._wait(bound, look_up)
        look_up.task.result()  # raises

    def _begun(self, bound: BoundScheduler, terms: _Terms) -> _LookUp:
        """A look-up of its own, which the time of none of its callers bounds."""
        free = BoundScheduler(bound.scheduler, replace(bound.options, timeout=terms.timeout))
        task = asyncio.create_task(self.refresh(free), name="postiz_async.resources.channels")
        look_up = self._look_ups[terms] = _LookUp(terms, task)

        def ended(task: asyncio.Task[list[Integration]]) -> None:
            self._forget(look_up)
            if not task.cancelled():
                task.exception()  # asyncio warns of those that nobody looked at

        task.add_done_callback(ended)
        return look_up

    async def _wait(self, bound: BoundScheduler, look_up: _LookUp) -> None:
        """Wait until it has ended, as long as there is time; whoever leaves last ends it."""
        task = look_up.task
        look_up.waiting += 1
        try:
            await bound.time.bounded(asyncio.wait([task]), "the channels were listed")
        finally:
            look_up.waiting -= 1
            if not look_up.waiting and not task.done():
                self._forget(look_up)
                task.cancel()
                await run_to_completion(_ended(task))

    def _forget(self, look_up: _LookUp) -> None:
        if self._look_ups.get(look_up.terms) is look_up:
            del self._look_ups[look_up.terms]

    # -------------------------------------------------------------- rules of a channel

    async def rules(self, bound: BoundScheduler, channel_id: str) -> ChannelSettings | None:
        """What the server says about posts of a channel; None where it does not tell."""
        now = bound.scheduler.clock.monotonic()
        last, headers = self._rules.get(channel_id), bound.options.headers
        if (
            last is not None
            and now - last.at <= CHANNELS_MAX_AGE
            and (last.answer is not None or last.headers == headers)
        ):
            return last.answer
        answer = await _asked(bound, channel_id)
        self._rules[channel_id] = _KnownRules(now, headers, answer)
        return answer


def _terms(options: CallOptions) -> _Terms:
    own = LIST_INTEGRATIONS.timeout or 0.0
    is_longer = options.timeout is not None and options.timeout > own
    return _Terms(options.headers, options.timeout if is_longer else None)


async def _ended(task: asyncio.Task[list[Integration]]) -> None:
    await asyncio.wait([task])


async def _asked(bound: BoundScheduler, channel_id: str) -> ChannelSettings | None:
    call = Call(CHANNEL_SETTINGS, params={"id": channel_id})
    try:
        return (await bound.call(call)).output
    except APIStatusError as error:  # a server before v2.18.0, or one that cannot tell
        log.info("the server does not tell the rules of channel %s: %s", channel_id, error)
        return None
