"""Channels: list, check, settings, tools, connect, delete, free slots; a cache of the list."""

from __future__ import annotations

import asyncio
import builtins
import logging
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from copy import copy
from datetime import datetime
from functools import partial
from typing import NamedTuple, TypeVar

from msgspec.structs import force_setattr, replace

from postiz_async._concurrency import run_to_completion
from postiz_async._logs import log_of
from postiz_async._resources.channel_names import Resolver, is_id, merged
from postiz_async._scheduler.calls import wants_answer
from postiz_async._scheduler.scheduler import BoundScheduler
from postiz_async._wire import encode_body, parse_date
from postiz_async._wire.endpoints import (
    CHANNEL_SETTINGS,
    CONNECT_URL,
    DELETE_CHANNEL,
    FIND_SLOT,
    IS_CONNECTED,
    LIST_CHANNELS,
    LIST_GROUPS,
    NOT_CONNECTABLE,
    TRIGGER_TOOL,
    Call,
    Endpoint,
)
from postiz_async._wire.headers import Headers
from postiz_async._wire.secrets import OfOneProcess
from postiz_async.errors import (
    APIStatusError,
    APITimeoutError,
    BadRequestError,
    ChannelNotFoundError,
    ConfigurationError,
    InvalidInputError,
    InvalidPostError,
    Problem,
    QuotaError,
)
from postiz_async.models.channels import Channel, ChannelSettings, Group, ToolCall


class Channels(OfOneProcess):
    """`postiz.channels`: the connected social accounts. Nothing here costs quota.

    A channel can be given as a `Channel`, or by its id, its name or its provider if no other
    channel has the same. Names and providers are looked up in the list of channels.
    """

    def __init__(self, bound: BoundScheduler, channels: ChannelCache) -> None:
        self._bound = bound
        self._channels = channels

    async def list(self, *, group: Group | str | None = None) -> builtins.list[Channel]:
        """The channels of the organisation, including disabled ones, in no particular order.

        Args:
            group: only channels of this group (`Channel.group`), or of that with this id; servers
                before v2.21.9 ignore it.

        Retried: yes. Since v1.11.1.
        """
        if group is None:
            return await self._channels.fresh(self._bound)
        group_id = group if isinstance(group, str) else group.id
        return await self._bound.call(Call(LIST_CHANNELS, query=(("group", group_id),)))

    async def find(self, *channels: Channel | str) -> builtins.list[Channel]:
        """Channels by id, by name, or by provider if no other channel has it.

        Args:
            channels: a channel, or its id, name or provider, for each.

        Raises:
            ChannelNotFoundError: with a problem for each word that means no channel, or several.
            InvalidPostError: a word means a channel that is disabled, or that another one means.
        """
        resolver = Resolver(await self.list())
        errors: builtins.list[InvalidPostError] = []
        meant: dict[str, Channel] = {}
        for channel in channels:
            word = channel if isinstance(channel, str) else channel.id
            found = resolver.find(word)
            if isinstance(found, InvalidPostError):
                errors.append(found)
            elif found.id in meant:
                what = f"{word!r} is named twice: {found.name!r}"
                errors.append(InvalidPostError([Problem("channel", what)]))
            else:
                meant[found.id] = found
        if errors:
            raise merged(errors)
        return list(meant.values())

    async def groups(self) -> builtins.list[Group]:
        """The groups of channels; the web page calls them customers.

        Retried: yes. Since v2.21.9.
        """
        return await self._bound.call(Call(LIST_GROUPS))

    async def is_connected(self) -> bool:
        """Whether the server accepts the key.

        Retried: yes. Since v1.62.0.

        Raises:
            AuthenticationError: it does not.
        """
        return (await self._bound.call(Call(IS_CONNECTED))).connected

    async def settings(self, channel: Channel | str) -> ChannelSettings:
        """Rules, length limit, settings schema and tools of a channel, as the server reports them.

        Args:
            channel: the channel, its id, name or provider.

        Retried: yes. Since v2.18.0.

        Raises:
            ChannelNotFoundError: no channel, or several, have this name or provider.
            NotFoundError: no channel has this id (older servers: ServerError).
        """
        bound = self._bound.begun()
        channel_id = await self._channels.id_of(bound, channel)
        return (await bound.call(Call(CHANNEL_SETTINGS, params={"id": channel_id}))).output

    async def trigger(
        self, channel: Channel | str, tool: str, data: Mapping[str, str] | None = None
    ) -> object:
        """Use a tool of a channel, for example to look up its boards. Returns its JSON output.

        Args:
            channel: the channel, its id, name or provider.
            tool: the name of a tool that `settings` lists.
            data: its arguments, as described by `settings`; None: none.

        Retried: yes. Since v2.18.0.

        Raises:
            ChannelNotFoundError: no channel, or several, have this name or provider.
            NotFoundError: no channel has this id, or there is no such tool.
            ChannelTokenError: the channel's own social token has expired; the key is fine.
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
            raise BadRequestError(error.text, response=error.response, hint=hint) from None
        if not url.startswith("http"):
            raise ConfigurationError(
                f"{provider} is not connected through an address. Use the web page of Postiz."
            )
        return url

    async def delete(self, channel: Channel | str) -> str:
        """Delete a channel, and in the background its posts. Returns its id.

        The server's answer contains the social tokens of the account; they are discarded. Retried:
        yes. Since v2.20.0.

        Args:
            channel: the channel or its id. Names and providers are refused here, because their
                meaning can change.

        Raises:
            InvalidInputError: it is not an id of a channel; nothing was deleted.
            ServerError: also for an unknown channel.
        """
        bound = self._bound.begun()
        channel_id = channel if isinstance(channel, str) else channel.id
        if not is_id(channel_id):
            await self._refuse_name(bound, channel_id)
        try:
            call = Call(DELETE_CHANNEL, params={"id": channel_id})
            return (await bound.call(call)).id
        finally:  # also when the answer was lost
            self._channels.forget(channel_id)

    async def _refuse_name(self, bound: BoundScheduler, word: str) -> None:
        found = await self._channels.meant(bound, word, "channel")
        if isinstance(found, ChannelNotFoundError):
            raise found
        if found.id != word:
            hint = f"{found.name!r} on {found.provider} has the id {found.id}"
            what = f"a channel is deleted by its id only, not as {word!r}"
            raise InvalidInputError([Problem("channel", what, hint=hint)])

    async def find_slot(self, channel: Channel | str) -> datetime:
        """The next free posting time of a channel, in UTC. Nothing is reserved.

        For a channel that is unknown, disabled or without posting times, the server searches
        without end, even after the client has disconnected. So the list of channels is always
        fetched first. It does not show posting times: a channel without them costs a wait of 10 s,
        and half a core of the server until it is restarted.

        Args:
            channel: the channel, its id, name or provider.

        Retried: no. Since v2.7.0.

        Raises:
            ChannelNotFoundError: the channel does not exist, or is one of several with this name or
                provider; the server was not asked.
            InvalidPostError: it is disabled.
            APITimeoutError: most likely the channel has no posting times; do not call this again
                before it has some.
        """
        bound = self._bound.begun()
        word = channel if isinstance(channel, str) else channel.id
        found = Resolver(await self._channels.fresh(bound)).find(word, "channel")
        if isinstance(found, InvalidPostError):
            raise found
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
    from postiz_async.providers._registry import PROVIDERS, closest_provider  # noqa: PLC0415  (large)

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


# ------------------------------------------------------------------ the list, which many share


T = TypeVar("T")

log = logging.getLogger("postiz_async")

CHANNELS_MAX_AGE = 600.0
"""Seconds for which the cached list is used."""

_LISTED = "the channels were listed"


class _Terms(NamedTuple):
    """The terms of a look-up: callers with equal terms share it."""

    route: str
    channel: str
    """The id of the channel whose rules to ask for; empty: ask for the list."""
    headers: Headers
    retries: int
    timeout: float | None
    """A time limit longer than the route's own; None: the route's own."""


class _LookUp:
    """A look-up in progress, and the number of callers that wait for it."""

    def __init__(self, terms: _Terms) -> None:
        self.terms = terms
        self.task: asyncio.Task[None]
        self.waiting = 0
        self.has_left = False
        """Whether its request was sent, so that its answer may be older than a new call."""


class _KnownRules(NamedTuple):
    """The cached rules of a channel, with their age and the headers of the request."""

    at: float
    headers: Headers
    answer: ChannelSettings | None


class ChannelCache:
    """The cached channels of one key; renewed after ten minutes, or if one is missing."""

    not_found: frozenset[str] = frozenset()
    """Channels for which the server refused a create, because it does not have them."""

    def __init__(self) -> None:
        self._by_id: dict[str, Channel] = {}
        self._read_at: float | None = None
        self._begun_last = self._read_last = 0
        self._look_ups: dict[_Terms, _LookUp] = {}
        self._rules: dict[str, _KnownRules] = {}

    async def fresh(self, bound: BoundScheduler) -> list[Channel]:
        """Fetch the list from the server; simultaneous callers share one request."""
        if wants_answer() or bound.options.timeout is not None:
            return await self._refresh(bound)  # its own answer, or why its time was not enough
        await self._shared(bound, LIST_CHANNELS, self._refresh, newer=True)
        return list(self._by_id.values())

    async def _refresh(self, bound: BoundScheduler) -> list[Channel]:
        self._begun_last += 1
        number = self._begun_last
        listed = await bound.call(Call(LIST_CHANNELS))
        if number > self._read_last:  # else a later one was answered before
            self._read_last = number
            groups: dict[Group | None, Group | None] = {}
            for channel in listed:  # a pool may keep a million
                force_setattr(channel, "provider", sys.intern(channel.provider))
                group = groups.setdefault(channel.group, channel.group)
                force_setattr(channel, "group", group)
            self._by_id = {channel.id: channel for channel in listed}
            self._read_at = bound.scheduler.clock.monotonic()
        return listed

    async def find(self, bound: BoundScheduler, channel_id: str) -> Channel | None:
        """The channel with this id, or None if the server does not know it."""
        return (await self.of(bound, [channel_id])).get(channel_id)

    async def of(self, bound: BoundScheduler, channel_ids: Iterable[str]) -> dict[str, Channel]:
        """The given channels that the server knows, by id."""
        wanted = set(channel_ids)
        if self._is_stale(bound) or not wanted <= self._by_id.keys():
            await self._ask_unless(bound, lambda: wanted <= self._by_id.keys())
        return {key: self._by_id[key] for key in wanted & self._by_id.keys()}

    async def meant(
        self, bound: BoundScheduler, channel: Channel | str, where: str
    ) -> Channel | ChannelNotFoundError:
        """The channel with this id, name or provider, even if disabled; else the error."""
        if not isinstance(channel, str):
            return channel
        if channel in self._by_id and not self._is_stale(bound):
            return self._by_id[channel]
        await self._ask_unless(
            bound, lambda: not isinstance(self._match(channel), ChannelNotFoundError)
        )
        return self._match(channel, where)

    def remembered(self, channel: Channel | str) -> Channel | None:
        """The channel in the last list, however old that is; None if it is missing or ambiguous."""
        found = self._match(channel) if isinstance(channel, str) else channel
        return None if isinstance(found, ChannelNotFoundError) else found

    async def id_of(
        self, bound: BoundScheduler, channel: Channel | str, where: str = "channel"
    ) -> str:
        """The id of a channel; a word in the form of an id is not looked up.

        Raises:
            ChannelNotFoundError: no channel, or several, have this name or provider.
        """
        if not isinstance(channel, str):
            return channel.id
        if is_id(channel):
            return channel
        found = await self.meant(bound, channel, where)
        if isinstance(found, ChannelNotFoundError):
            raise found
        return found.id

    def forget(self, channel_id: str) -> None:
        """Drop a channel from the cache, so that the server is asked before it is used again."""
        self._by_id.pop(channel_id, None)
        self._rules.pop(channel_id, None)

    def _match(self, word: str, where: str = "") -> Channel | ChannelNotFoundError:
        return self._by_id.get(word) or Resolver(tuple(self._by_id.values())).match(word, where)

    def _is_stale(self, bound: BoundScheduler) -> bool:
        now = bound.scheduler.clock.monotonic()
        return self._read_at is None or now - self._read_at > CHANNELS_MAX_AGE

    # -------------------------------------------------------------- rules of a channel

    async def rules(self, bound: BoundScheduler, channel_id: str) -> ChannelSettings | None:
        """The server's rules for posts of a channel; None if it does not tell them."""
        known = self._known_rules(bound, channel_id)
        if known is None:
            ask = partial(self._ask_rules, channel_id=channel_id)
            await self._shared(bound, CHANNEL_SETTINGS, ask, channel_id)
            known = self._known_rules(bound, channel_id) or await ask(bound)
        return known.answer

    def _known_rules(self, bound: BoundScheduler, channel_id: str) -> _KnownRules | None:
        known = self._rules.get(channel_id)
        if known is None or bound.scheduler.clock.monotonic() - known.at > CHANNELS_MAX_AGE:
            return None
        told = known.answer is not None or known.headers == bound.options.headers
        return known if told else None

    async def _ask_rules(self, bound: BoundScheduler, channel_id: str) -> _KnownRules:
        now = bound.scheduler.clock.monotonic()
        answer = await _asked(bound, channel_id)
        known = self._rules[channel_id] = _KnownRules(now, bound.options.headers, answer)
        return known

    # -------------------------------------------------------------- one look-up for many

    async def _ask_unless(self, bound: BoundScheduler, is_known: Callable[[], bool]) -> None:
        """Renew the list if it is old, or does not contain what is wanted."""
        if not self._is_stale(bound) and is_known():
            return
        if not await self._shared(bound, LIST_CHANNELS, self._refresh) and not is_known():
            await self._shared(bound, LIST_CHANNELS, self._refresh)

    async def _shared(
        self,
        bound: BoundScheduler,
        route: Endpoint[T],
        ask: Callable[[BoundScheduler], Awaitable[object]],
        channel: str = "",
        *,
        newer: bool = False,
    ) -> bool:
        """Wait for a look-up that other callers began; if there is none or it fails, begin one.

        Args:
            bound: makes the look-up.
            route: the route of the look-up.
            ask: sends its request.
            channel: the id of the channel whose rules to ask for; empty: ask for the list.
            newer: do not wait for a look-up whose request was already sent.

        Returns:
            Whether its request was sent after this call began.
        """
        ours = _terms(bound, route, channel)
        under_way = {
            terms: each
            for terms, each in self._look_ups.items()
            if terms[:2] == ours[:2] and not (newer and each.has_left)
        }
        theirs = (each for terms, each in under_way.items() if terms.timeout is None)
        look_up = under_way.get(ours)
        if look_up is None and (other := next(theirs, None)) is not None:
            is_newer = not other.has_left
            await self._wait(bound, other)
            if other.task.exception() is None:
                return is_newer
            look_up = self._look_ups.get(ours)
        look_up = look_up or self._begun(bound, ours, ask)
        is_newer = not look_up.has_left
        await self._wait(bound, look_up)
        error = look_up.task.exception()
        if error is not None:
            raise _for_one(error)
        return is_newer

    def _begun(
        self,
        bound: BoundScheduler,
        terms: _Terms,
        ask: Callable[[BoundScheduler], Awaitable[object]],
    ) -> _LookUp:
        """Begin a look-up in a task of its own, without the time limits of its callers."""
        free = BoundScheduler(bound.scheduler, replace(bound.options, timeout=terms.timeout))
        look_up = self._look_ups[terms] = _LookUp(terms)

        async def run() -> None:
            look_up.has_left = True
            await ask(free)

        def ended(task: asyncio.Task[None]) -> None:
            self._forget(look_up)
            if not task.cancelled():
                task.exception()  # retrieved, or asyncio would log a warning

        look_up.task = asyncio.create_task(run(), name="postiz_async.resources.channels")
        look_up.task.add_done_callback(ended)
        return look_up

    async def _wait(self, bound: BoundScheduler, look_up: _LookUp) -> None:
        """Wait for a look-up within the caller's time; the last caller to leave cancels it."""
        task = look_up.task
        look_up.waiting += 1
        try:
            what = "the rules of a channel were told" if look_up.terms.channel else _LISTED
            await bound.time.bounded(asyncio.wait([task]), what)
        finally:
            look_up.waiting -= 1
            if not look_up.waiting and not task.done():
                self._forget(look_up)
                task.cancel()
                await run_to_completion(_ended(task))

    def _forget(self, look_up: _LookUp) -> None:
        if self._look_ups.get(look_up.terms) is look_up:
            del self._look_ups[look_up.terms]


def _terms(bound: BoundScheduler, route: Endpoint[T], channel: str) -> _Terms:
    own, options = route.timeout or 0.0, bound.options
    is_longer = options.timeout is not None and options.timeout > own
    timeout = options.timeout if is_longer else None
    return _Terms(route.name, channel, options.headers, options.max_retries, timeout)


def _for_one(shared: BaseException) -> BaseException:
    """A look-up's error for one of its callers, with a traceback of this caller only."""
    error = copy(shared).with_traceback(shared.__traceback__)
    error.__cause__, error.__context__ = shared.__cause__, shared.__context__
    error.__suppress_context__ = shared.__suppress_context__
    return error


async def _ended(task: asyncio.Task[None]) -> None:
    await asyncio.wait([task])


async def _asked(bound: BoundScheduler, channel_id: str) -> ChannelSettings | None:
    call = Call(CHANNEL_SETTINGS, params={"id": channel_id})
    try:
        return (await bound.call(call)).output
    except QuotaError:
        raise
    except APIStatusError as error:  # a server before v2.18.0, or one that cannot tell
        whose = log_of(log, bound.scheduler.identity.organization)
        whose.info("the server does not tell the rules of channel %s: %s", channel_id, error)
        return None
