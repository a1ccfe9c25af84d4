"""What keeps hand-overs, from both sides: that of handing over and asking, and that of sending.

`OutboxFile` is both for the processes of one host. In PostgreSQL the first is `HandOverTable` and
the second `TurnTickets`: a sender has an organisation's tickets for as long as its turn lasts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from postiz_async._delivery.client import Accounts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from postiz_async._delivery.journal_file import RowState
    from postiz_async._outbox.tickets import OutboxEntry
    from postiz_async.models.posts import CreatePost


class Ahead(NamedTuple):
    """What a hand-over waits for, as far as that is written down."""

    before: int
    """Hand-overs that leave before it; beyond a thousand they are not counted."""
    planned: int
    """All that wait for its quota, this one included; counted in the same way."""
    rests: float = 0.0
    """Seconds for which nothing is sent for its organisation, which is in trouble."""
    trouble: str = ""
    """What that is; empty: nothing."""


class Asked(Protocol):
    """Hand-overs, as those see them who ask.

    Each method raises `StoreError` when what keeps them cannot be used.
    """

    @property
    def worker(self) -> str:
        """Who asks. Entries that have it as their owner are sent by this process."""
        ...

    async def get(self, ticket: str) -> OutboxEntry | None:
        """The hand-over with this ticket, or None."""
        ...

    async def counts(self) -> Mapping[RowState, int]:
        """How many hand-overs are in which state, whoever sends them."""
        ...

    async def withdraw(self, ticket: str) -> bool:
        """End a hand-over that has not left. Returns whether it had not."""
        ...


class HandOvers(Asked, Protocol):
    """The hand-overs of one quota, as those see them who hand over."""

    async def put(
        self,
        ticket: str,
        body: CreatePost,
        due: float,
        *,
        dated: bool,
        owned: bool,
        connection: object = None,
    ) -> tuple[OutboxEntry, Ahead]:
        """Write a hand-over down; when this returns it would survive a loss of power.

        Args:
            ticket: its id. Where there is one with it, that is left as it is.
            body: the request, marked.
            due: in seconds since the epoch.
            dated: whether that is its date, and not the moment of the hand-over.
            owned: whether this process sends.
            connection: the caller's, in whose transaction it is written; None: in its own.

        Returns:
            The hand-over with this id, and what it waits for.
        """
        ...

    async def ahead(self, entry: OutboxEntry) -> Ahead:
        """What a hand-over waits for."""
        ...


class Tickets(Accounts, Protocol):
    """The hand-overs of one quota, as a sender sees them.

    Each method raises `StoreError` when what keeps them cannot be used; what it was to write is
    then not certain, and is found by the next `take_stock`.
    """

    @property
    def planned(self) -> int:
        """How many wait for the quota, whoever sends them; beyond a thousand not counted."""
        ...

    async def take_stock(self, known: Collection[int], most: int) -> tuple[int, list[OutboxEntry]]:
        """What is to be done: everything in doubt, and of the rest the earliest.

        Args:
            known: numbers of what is being done already.
            most: how many planned ones to look at.

        Returns:
            How many were taken over from senders that are gone, and the entries not known.
        """
        ...

    async def get(self, ticket: str) -> OutboxEntry | None:
        """The hand-over with this ticket, or None."""
        ...

    async def age(self, entry: OutboxEntry) -> float:
        """For how many seconds at least its request has been gone."""
        ...

    async def intend(
        self, entry: OutboxEntry, at: datetime, used: Iterable[datetime], wall: float
    ) -> CreatePost | None:
        """Mark a request and write down that it is about to be sent; None: it must not be.

        Args:
            entry: what is to be sent.
            at: its date, without a mark.
            used: moments that others use in that second.
            wall: the time on the server's clock.
        """
        ...

    async def repeat(self, entry: OutboxEntry, wall: float) -> None:
        """The same request is about to be sent once more."""
        ...

    async def doubt(self, entry: OutboxEntry, note: str) -> None:
        """The answer to its request was lost."""
        ...

    async def plan_again(
        self, entry: OutboxEntry, *, post_ids: tuple[str | None, ...], due: float | None = None
    ) -> None:
        """What is not stored of it was proved not stored: it is to be sent, perhaps later."""
        ...

    async def end(
        self,
        entry: OutboxEntry,
        state: RowState,
        note: str,
        post_ids: tuple[str | None, ...],
    ) -> None:
        """Write down how it ended."""
        ...


class Backend(Protocol):
    """What sends hand-overs, and opens and closes the place where they are."""

    @property
    def sends(self) -> bool:
        """Whether this process sends, or only hands over."""
        ...

    @property
    def trouble(self) -> str:
        """What holds the sending up; empty: nothing."""
        ...

    @property
    def pauses_for(self) -> float:
        """Seconds in which nothing is sent for certain."""
        ...

    async def open(self) -> None:
        """Make the place usable.

        Raises:
            StoreError: it cannot be used.
        """
        ...

    async def run(self) -> None:
        """Send until cancelled; requests whose first byte is out are waited for."""
        ...

    def wake(self) -> None:
        """There is something new to send."""
        ...

    async def until_idle(self) -> None:
        """Wait until everything that this process has to send is over."""
        ...

    async def aclose(self) -> None:
        """Leave what is not over to others, and let go of the place."""
        ...
