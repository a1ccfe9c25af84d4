"""Iterate over the endings of tickets, from a cursor on, and miss none."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from typing import TYPE_CHECKING

from postiz_async._outbox.hand_over import HandOver
from postiz_async._outbox.tickets import TicketEvent
from postiz_async._outbox.turn import LONGEST_LOOK
from postiz_async._outbox.waiters import ENDINGS
from postiz_async.errors import CursorError

if TYPE_CHECKING:
    from postiz_async._outbox.waiters import Waiters
    from postiz_async.clock import Clock
    from postiz_async.stores._deliveries import Deliveries, Ending

_AT_ONCE = 100
"""Events read with one look at the store."""

_CURSOR = re.compile(r"([0-9a-f]{16})-([1-9][0-9]{0,17})-([0-9a-f]{16})", re.ASCII)
"""Digests of store and scope, the number of an ending, and a digest of its ticket."""

_ANEW = "To go on, read from the beginning (after=None): all events that are kept come once more."


class TicketEvents:
    """The endings of tickets in their order; an async iterator without end.

    It holds nothing between two events, so it may be left or dropped at any time. After an error
    or a cancellation it goes on where it was.

    Args:
        deliveries: the store.
        waiters: those of the outbox; the iteration ends when it closes.
        clock: the clock of the clients.
        scope: whose tickets; None: those of all named organisations.
        after: the cursor of the last event that was seen; None: there was none.

    Raises:
        CursorError: `after` is not a cursor.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        waiters: Waiters,
        clock: Clock,
        scope: str | None,
        after: str | None,
    ) -> None:
        self._deliveries = deliveries
        self._waiters = waiters
        self._clock = clock
        self._scope = scope
        self._last, self._ticket, self._origin = 0, "", ""
        if after is not None:
            match = _CURSOR.fullmatch(after) if isinstance(after, str) else None  # pyright: ignore[reportUnnecessaryIsInstance]
            if match is None:
                raise CursorError(f"{after!r} is not the cursor of an event.")
            self._origin, number, self._ticket = match.groups()
            self._last = int(number)
        self._found: deque[TicketEvent] = deque()

    def __aiter__(self) -> TicketEvents:
        return self

    async def __anext__(self) -> TicketEvent:
        if not self._waiters.is_closing:
            with self._waiters.until_closed():
                return await self._next()
        raise StopAsyncIteration

    async def _next(self) -> TicketEvent:
        while not self._found:
            with self._waiters.waiting(ENDINGS) as changed:
                await self._look()
                if not self._found:
                    self._waiters.listen()
                    with self._clock.move_on_after(LONGEST_LOOK):
                        await changed.wait()
        return self._found.popleft()

    async def _look(self) -> None:
        """Read on from the last event, and see that it is still the one that it was."""
        found = await self._deliveries.endings(self._last, _AT_ONCE, self._scope)
        origin = _digest(found.store, self._scope or "")
        if self._origin not in {"", origin}:
            raise CursorError(
                f"The cursor is not of {self._deliveries.where}, or of other organisations there."
            )
        known = [_digest(each.delivery.id) for each in found.endings if each.number == self._last]
        if self._last > found.last or known not in ([], [self._ticket]):
            raise CursorError(
                f"{self._deliveries.where} is older than the cursor: it was restored, and lost "
                f"changes. {_ANEW}"
            )
        if 0 < self._last < found.removed:
            raise CursorError(
                "Events after the cursor were removed, because the tickets ended longer ago than "
                f"OutboxOptions(keep=...). {_ANEW}"
            )
        new = found.endings[len(known) :]
        self._found.extend([self._event(origin, each) for each in new])
        self._origin = origin
        if new:
            self._last, self._ticket = new[-1].number, _digest(new[-1].delivery.id)

    def _event(self, origin: str, ending: Ending) -> TicketEvent:
        return TicketEvent(
            ticket=HandOver(self._deliveries, ending.delivery, self._clock).ticket(),
            organization=ending.organization,
            cursor=f"{origin}-{ending.number}-{_digest(ending.delivery.id)}",
        )


def _digest(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]
