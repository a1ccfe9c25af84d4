"""The list of channels and their rules, cached: it costs no quota but a round trip.

The cache is shared by all views of a client, and so is a look-up under way. It is made with the
headers of the view that began it, and ends when the last caller that waits for it has gone: a
caller whose time is over, or who is cancelled, takes it from nobody. It may fail because of its
headers; so who has others then looks with them.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from postiz_async.caller import BoundScheduler
from postiz_async.endpoints import CHANNEL_SETTINGS, LIST_INTEGRATIONS, Call
from postiz_async.errors import APIStatusError
from postiz_async.shields import run_to_completion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postiz_async.models.integrations import ChannelSettings, Integration
    from postiz_async.options import CallOptions

__all__ = ["Channels"]

log = logging.getLogger("postiz_async")

MAX_AGE = 600.0
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


class _Told(NamedTuple):
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
        self._told: dict[str, _Told] = {}

    async def refresh(self, caller: BoundScheduler) -> list[Integration]:
        """Ask the server."""
        listed = await caller.call(Call(LIST_INTEGRATIONS))
        self._by_id = {channel.id: channel for channel in listed}
        self._read_at = caller.clock.monotonic()
        return list(self._by_id.values())

    async def find(self, caller: BoundScheduler, channel_id: str) -> Integration | None:
        """The channel with this id, or None if the server does not know it."""
        return (await self.of(caller, [channel_id])).get(channel_id)

    async def of(
        self, caller: BoundScheduler, channel_ids: Iterable[str]
    ) -> dict[str, Integration]:
        """Those of the channels that the server knows, by id."""
        wanted = set(channel_ids)
        if self._is_stale(caller) or not wanted <= self._by_id.keys():
            was_begun = bool(self._look_ups)
            await self._renewed(caller)
            if was_begun and not wanted <= self._by_id.keys():
                await self._renewed(caller)  # that one was sent before we were asked
        return {key: self._by_id[key] for key in wanted & self._by_id.keys()}

    def forget(self, channel_id: str) -> None:
        """Know nothing of a channel, so that the server is asked before it is used again."""
        self._by_id.pop(channel_id, None)
        self._told.pop(channel_id, None)

    def _is_stale(self, caller: BoundScheduler) -> bool:
        now = caller.clock.monotonic()
        return self._read_at is None or now - self._read_at > MAX_AGE

    # -------------------------------------------------------------- one look-up for many

    async def _renewed(self, caller: BoundScheduler) -> None:
        """Wait for a look-up that others began; without one, or when it fails, for our own."""
        if caller.scheduler.is_counted(LIST_INTEGRATIONS.name):
            await self.refresh(caller)  # shared, it would wait for the quota by one max_wait only
            return
        ours = _terms(caller.options)
        theirs = (each for each in self._look_ups.values() if each.terms.timeout is None)
        if ours not in self._look_ups and (look_up := next(theirs, None)) is not None:
            await self._wait(caller, look_up)
            if look_up.task.exception() is None:
                return
        look_up = self._look_ups.get(ours) or self._begun(caller, ours)
        await self._wait(caller, look_up)
        look_up.task.result()  # raises

    def _begun(self, caller: BoundScheduler, terms: _Terms) -> _LookUp:
        """A look-up of its own, which the time of none of its callers bounds."""
        free = BoundScheduler(caller.scheduler, replace(caller.options, timeout=terms.timeout))
        task = asyncio.create_task(self.refresh(free), name="postiz_async.channels")
        look_up = self._look_ups[terms] = _LookUp(terms, task)

        def ended(task: asyncio.Task[list[Integration]]) -> None:
            self._forget(look_up)
            if not task.cancelled():
                task.exception()  # asyncio warns of those that nobody looked at

        task.add_done_callback(ended)
        return look_up

    async def _wait(self, caller: BoundScheduler, look_up: _LookUp) -> None:
        """Wait until it has ended, as long as there is time; whoever leaves last ends it."""
        task = look_up.task
        look_up.waiting += 1
        try:
            await caller.time.bounded(asyncio.wait([task]), "the channels were listed")
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

    async def told(self, caller: BoundScheduler, channel_id: str) -> ChannelSettings | None:
        """What the server says about posts of a channel; None where it does not tell."""
        now = caller.clock.monotonic()
        last, headers = self._told.get(channel_id), caller.options.headers
        if (
            last is not None
            and now - last.at <= MAX_AGE
            and (last.answer is not None or last.headers == headers)
        ):
            return last.answer
        answer = await _asked(caller, channel_id)
        self._told[channel_id] = _Told(now, headers, answer)
        return answer


def _terms(options: CallOptions) -> _Terms:
    own = LIST_INTEGRATIONS.timeout or 0.0
    is_longer = options.timeout is not None and options.timeout > own
    return _Terms(options.headers, options.timeout if is_longer else None)


async def _ended(task: asyncio.Task[list[Integration]]) -> None:
    await asyncio.wait([task])


async def _asked(caller: BoundScheduler, channel_id: str) -> ChannelSettings | None:
    call = Call(CHANNEL_SETTINGS, params={"id": channel_id})
    try:
        return (await caller.call(call)).output
    except APIStatusError as error:  # a server before v2.18.0, or one that cannot tell
        log.info("the server does not tell the rules of channel %s: %s", channel_id, error)
        return None
