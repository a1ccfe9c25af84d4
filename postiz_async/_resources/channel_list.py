"""The channels of a client and their rules, as last told; many who need them ask once."""

from __future__ import annotations

import asyncio
import logging
import sys
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from msgspec.structs import force_setattr, replace

from postiz_async._concurrency import run_to_completion
from postiz_async._resources.channel_names import Resolver, is_id
from postiz_async._scheduler.bound import BoundScheduler, wants_answer
from postiz_async._wire.endpoints import CHANNEL_SETTINGS, LIST_INTEGRATIONS, Call
from postiz_async.errors import APIStatusError, InvalidPostError, Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from postiz_async._wire.endpoints import Endpoint
    from postiz_async._wire.headers import Headers
    from postiz_async.models.integrations import ChannelSettings, Customer, Integration


T = TypeVar("T")

log = logging.getLogger("postiz_async")

CHANNELS_MAX_AGE = 600.0
"""Seconds for which the list is believed."""

_LISTED = "the channels were listed"


class _Terms(NamedTuple):
    """What a look-up that several callers share asks for, and how."""

    route: str
    channel: str
    """Whose rules are asked for; empty: the list is."""
    headers: Headers
    retries: int
    timeout: float | None
    """Longer than the route's own; None: that."""


class _LookUp:
    """A look-up under way, and how many wait for it."""

    def __init__(self, terms: _Terms) -> None:
        self.terms = terms
        self.task: asyncio.Task[None]
        self.waiting = 0
        self.has_left = False
        """Its answer may be older than a caller that comes now."""


class _KnownRules(NamedTuple):
    """What the server said about a channel, when, and to a request with which headers."""

    at: float
    headers: Headers
    answer: ChannelSettings | None


class Channels:
    """The channels of one key; renewed after ten minutes, and when one is not among them."""

    not_found: frozenset[str] = frozenset()
    """Channels for which the server refused a create, because it does not have them."""

    def __init__(self) -> None:
        self._by_id: dict[str, Integration] = {}
        self._read_at: float | None = None
        self._begun_last = self._read_last = 0
        self._look_ups: dict[_Terms, _LookUp] = {}
        self._rules: dict[str, _KnownRules] = {}

    async def fresh(self, bound: BoundScheduler) -> list[Integration]:
        """As the server tells them from now on; those who ask at the same moment ask once."""
        if wants_answer() or bound.options.timeout is not None:
            return await self._refresh(bound)  # its own answer, or why its time was not enough
        await self._shared(bound, LIST_INTEGRATIONS, self._refresh, newer=True)
        return list(self._by_id.values())

    async def _refresh(self, bound: BoundScheduler) -> list[Integration]:
        self._begun_last += 1
        number = self._begun_last
        listed = await bound.call(Call(LIST_INTEGRATIONS))
        if number > self._read_last:  # else a later one was answered before
            self._read_last = number
            customers: dict[Customer | None, Customer | None] = {}
            for channel in listed:  # a pool may keep a million
                force_setattr(channel, "provider", sys.intern(channel.provider))
                customer = customers.setdefault(channel.customer, channel.customer)
                force_setattr(channel, "customer", customer)
            self._by_id = {channel.id: channel for channel in listed}
            self._read_at = bound.scheduler.clock.monotonic()
        return listed

    async def find(self, bound: BoundScheduler, channel_id: str) -> Integration | None:
        """The channel with this id, or None if the server does not know it."""
        return (await self.of(bound, [channel_id])).get(channel_id)

    async def of(self, bound: BoundScheduler, channel_ids: Iterable[str]) -> dict[str, Integration]:
        """Those of the channels that the server knows, by id."""
        wanted = set(channel_ids)
        if self._is_stale(bound) or not wanted <= self._by_id.keys():
            await self._ask_unless(bound, lambda: wanted <= self._by_id.keys())
        return {key: self._by_id[key] for key in wanted & self._by_id.keys()}

    async def meant(
        self, bound: BoundScheduler, channel: Integration | str, where: str
    ) -> Integration | Problem:
        """The channel of this id, name or provider, also a disabled one; or why there is none."""
        if not isinstance(channel, str):
            return channel
        if channel in self._by_id and not self._is_stale(bound):
            return self._by_id[channel]
        await self._ask_unless(bound, lambda: not isinstance(self._match(channel), Problem))
        return self._match(channel, where)

    def remembered(self, channel: Integration | str) -> Integration | None:
        """The channel as it was last listed, however long ago; None: it was not, or is several."""
        found = self._match(channel) if isinstance(channel, str) else channel
        return None if isinstance(found, Problem) else found

    async def id_of(
        self, bound: BoundScheduler, channel: Integration | str, where: str = "channel"
    ) -> str:
        """The id of a channel; what has the form of one is not looked up.

        Raises:
            InvalidPostError: no channel, or several, have this name or provider.
        """
        if not isinstance(channel, str):
            return channel.id
        if is_id(channel):
            return channel
        found = await self.meant(bound, channel, where)
        if isinstance(found, Problem):
            raise InvalidPostError([found])
        return found.id

    def forget(self, channel_id: str) -> None:
        """Know nothing of a channel, so that the server is asked before it is used again."""
        self._by_id.pop(channel_id, None)
        self._rules.pop(channel_id, None)

    def _match(self, word: str, where: str = "") -> Integration | Problem:
        return self._by_id.get(word) or Resolver(tuple(self._by_id.values())).match(word, where)

    def _is_stale(self, bound: BoundScheduler) -> bool:
        now = bound.scheduler.clock.monotonic()
        return self._read_at is None or now - self._read_at > CHANNELS_MAX_AGE

    # -------------------------------------------------------------- rules of a channel

    async def rules(self, bound: BoundScheduler, channel_id: str) -> ChannelSettings | None:
        """What the server says about posts of a channel; None where it does not tell."""
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
        """Renew the list if it is old, or does not show what is wanted."""
        if not self._is_stale(bound) and is_known():
            return
        if not await self._shared(bound, LIST_INTEGRATIONS, self._refresh) and not is_known():
            await self._shared(bound, LIST_INTEGRATIONS, self._refresh)

    async def _shared(
        self,
        bound: BoundScheduler,
        route: Endpoint[T],
        ask: Callable[[BoundScheduler], Awaitable[object]],
        channel: str = "",
        *,
        newer: bool = False,
    ) -> bool:
        """Wait for a look-up that others began; without one, or when it fails, for our own.

        Args:
            bound: makes it.
            route: the route that it asks.
            ask: asks it.
            channel: whose rules are asked for.
            newer: not for one whose request has left.

        Returns:
            Whether its request left after we were asked.
        """
        if bound.scheduler.is_counted(route.name):
            await ask(bound)  # shared, it would wait for the quota by one max_wait only
            return True
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
        """A look-up of its own, which the time of none of its callers bounds."""
        free = BoundScheduler(bound.scheduler, replace(bound.options, timeout=terms.timeout))
        look_up = self._look_ups[terms] = _LookUp(terms)

        async def run() -> None:
            look_up.has_left = True
            await ask(free)

        def ended(task: asyncio.Task[None]) -> None:
            self._forget(look_up)
            if not task.cancelled():
                task.exception()  # asyncio warns of those that nobody looked at

        look_up.task = asyncio.create_task(run(), name="postiz_async.resources.channels")
        look_up.task.add_done_callback(ended)
        return look_up

    async def _wait(self, bound: BoundScheduler, look_up: _LookUp) -> None:
        """Wait until it has ended, as long as there is time; whoever leaves last ends it."""
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
    return _Terms(route.name, channel, options.headers, options.retries, timeout)


def _for_one(shared: BaseException) -> BaseException:
    """The error of a look-up for one of those who waited: its traceback leads to this one only."""
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
    except APIStatusError as error:  # a server before v2.18.0, or one that cannot tell
        log.info("the server does not tell the rules of channel %s: %s", channel_id, error)
        return None
