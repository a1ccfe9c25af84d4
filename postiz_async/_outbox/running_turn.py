"""A turn as it goes on in a process, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from postiz_async._delivery.pauses import pause_after, trouble_of
from postiz_async._outbox.turns import LEASE

if TYPE_CHECKING:
    from postiz_async._outbox.forbidden import ForbiddenHandOvers
    from postiz_async._outbox.sender import OutboxSender
    from postiz_async._outbox.turn_tickets import TurnTickets
    from postiz_async._outbox.turns import Turn
    from postiz_async.clock import Clock, Timer
    from postiz_async.errors import PostizError


UNREADABLE_PAUSE = 60.0
"""Seconds until the next turn of an organisation that has a ticket of another version."""

SLOW_CLIENT = 1.0
"""Seconds after which a turn that waits for its client leaves its place to another one."""


@dataclass(slots=True)
class RunningTurn:
    """A turn as it goes on in this process."""

    turn: Turn
    clock: Clock
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    sender: OutboxSender | None = None
    tickets: TurnTickets | None = None
    is_lost: bool = False
    lease_end: Timer | None = None
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock.monotonic()

    @property
    def only_waits(self) -> bool:
        """Whether it waits for a slow client or a slot, or to know what became of what it sent."""
        tickets = self.tickets
        if tickets is None:
            return self.clock.monotonic() - self.began >= SLOW_CLIENT
        return (bool(tickets.in_doubt) or tickets.only_waits) and not tickets.sending

    def wake(self) -> None:
        """There may be a new ticket."""
        if self.sender is not None and self.tickets is not None:
            self.tickets.look_again()
            self.sender.wake()

    def compare(self, wakes: int) -> None:
        """Look again if another process counted new tickets of which no NOTIFY told."""
        if self.tickets is not None and self.tickets.wakes != wakes:
            self.wake()

    def has_lease_from(self, asked: float) -> None:
        """Lose the turn when its lease ends, even while a renewal hangs.

        Args:
            asked: when the lease was asked for, on the monotonic clock.
        """
        self.forget_lease()
        self.lease_end = self.clock.call_at(asked + LEASE, self.lose)

    def forget_lease(self) -> None:
        """The turn is over."""
        if self.lease_end is not None:
            self.lease_end.cancel()

    def lose(self) -> None:
        """It is another sender's turn: nothing more is sent in this one."""
        self.is_lost = True
        self.scope.cancel()


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """How a turn ends; see `Turns.end`."""

    again_in: float | None
    wakes: int | None = None
    failures: int = 0
    trouble: str = ""
    leaves_alone: bool = False
    """Whether all that is left is what cannot be sent now, as far as `wakes` counts."""

    @classmethod
    def idle(
        cls, tickets: TurnTickets, forbidden: ForbiddenHandOvers, forbidden_pause: float
    ) -> TurnEnd:
        """Nothing is left but what a firewall forbids, or another version may be able to read."""
        if forbidden:
            pause, trouble = forbidden_pause, forbidden.trouble
        elif tickets.unreadable:
            pause, trouble = UNREADABLE_PAUSE, next(iter(tickets.unreadable.values()))
        else:
            return cls(again_in=None, wakes=tickets.wakes)
        return cls(again_in=pause, wakes=tickets.wakes, trouble=trouble, leaves_alone=True)

    @classmethod
    def in_trouble(cls, error: PostizError, failures: int) -> TurnEnd:
        """It met an error, as the `failures` turns before it did."""
        wait = pause_after(error, failures + 1)
        return cls(again_in=wait, failures=failures + 1, trouble=trouble_of(error))
