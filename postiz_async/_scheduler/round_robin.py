"""Fair sharing of connections among organisations, which take turns.

When there are more calls than connections, the organisations take turns, one call
each; within one the calls go in the order in which they came. One organisation never holds all
connections, however slow its uploads are.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict

from msgspec.structs import replace

from postiz_async._transport import Transport
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.clock import Clock
from postiz_async.errors import APITimeoutError, Delivery


class RoundRobin:
    """Turns for waiting owners in rotation, a limited number at a time.

    Args:
        capacity: turns that can be held at once, at least 1; a quarter is out of reach of any
            single owner.
    """

    def __init__(self, capacity: int) -> None:
        self._free = capacity
        self._most = max(1, capacity - capacity // 4)
        self._held: Counter[str] = Counter()
        self._waiting: OrderedDict[str, OrderedDict[asyncio.Future[None], None]] = OrderedDict()

    async def take(self, owner: str) -> None:
        """Wait for a turn. If cancelled, the next owner gets it."""
        if self._free and self._held[owner] < self._most and owner not in self._waiting:
            self._hand_to(owner)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, OrderedDict())[turn] = None
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(owner)
            else:
                self._forget(owner, turn)
            raise

    def give_back(self, owner: str) -> None:
        """End a turn; the next owner in rotation gets it."""
        self._free += 1
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        self._serve()

    def _serve(self) -> None:
        while self._free and self._waiting:
            owner = next(iter(self._waiting))
            self._waiting.move_to_end(owner)
            if self._held[owner] >= self._most:
                if len(self._waiting) == 1:  # two owners cannot have so many
                    return
                continue
            turns = self._waiting[owner]
            while turns:
                turn, _ = turns.popitem(last=False)
                if not turn.cancelled():  # else its caller has not run since
                    self._hand_to(owner)
                    turn.set_result(None)
                    break
            if not turns:
                del self._waiting[owner]

    def _hand_to(self, owner: str) -> None:
        self._free -= 1
        self._held[owner] += 1

    def _forget(self, owner: str, turn: asyncio.Future[None]) -> None:
        turns = self._waiting.get(owner)
        if turns is not None:
            turns.pop(turn, None)
            if not turns:
                del self._waiting[owner]


class FairTransport:
    """A transport of one organisation that shares the connections of another transport fairly."""

    def __init__(self, shared: Transport, turns: RoundRobin, owner: str, clock: Clock) -> None:
        self._shared = shared
        self._turns = turns
        self._owner = owner
        self._clock = clock

    async def send(self, request: WireRequest) -> WireResponse:
        """Send a request after waiting for a turn; see `Transport.send`."""
        expires = request.expires
        if expires is None:
            await self._turns.take(self._owner)
        else:
            with self._clock.move_on_after(expires - self._clock.monotonic()) as patience:
                await self._turns.take(self._owner)
            if patience.cancelled_caught:
                raise self._too_late()
        try:
            if expires is not None:
                left = expires - self._clock.monotonic()
                if left <= 0:
                    raise self._too_late()
                timeout = left if request.timeout is None else min(request.timeout, left)
                request = replace(request, timeout=timeout)
            return await self._shared.send(request)
        finally:
            self._turns.give_back(self._owner)

    def _too_late(self) -> APITimeoutError:
        return APITimeoutError(
            "All connections of the pool were taken by other calls until it was too late for this "
            "one; it was not sent. Allow it more (timeout=), or the pool more connections=.",
            delivery=Delivery.NOT_SENT,
        )

    async def aclose(self) -> None:
        """Do nothing: the pool closes the shared transport."""
