"""The store interface of an outbox's deliveries; SQLite serves one host, PostgreSQL many.

A store sees a delivery as bytes and some columns that can be queried. A delivery changes by
compare-and-swap of its version. Rules across deliveries are unique indexes: no two deliveries of a
scope have the same mark or post. Holders of scopes only save work, and may be wrong without harm.

A scope is the quota of an organisation. It is ready when nobody holds it and it does not rest, or
rests without failures and something was put since. It has work when a delivery of it that is not
over has an `until` that has passed. All times are seconds of the store's own clock, as the client's
clock counts them.

Endings are numbered one by one, whatever their scopes. An ending becomes visible after those with
lower numbers, so a reader that goes on from the last number it saw misses none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import timedelta

    from postiz_async.stores import Records

Topic: TypeAlias = Literal["deliveries", "endings"]
"""Which changes a store tells: deliveries that senders may work on, or those that have ended."""

PLANNED = "planned"
"""The state of a delivery that waits to be sent; others are in doubt until they have ended."""

MOST_COUNTED = 1_000
"""Largest number to which the deliveries of a scope are counted."""


def clean(words: str) -> str:
    """A text that a database can store; a server's words may contain other characters."""
    return words.replace("\0", "").encode("utf-8", "replace").decode()


class TakenError(Exception):
    """Another delivery of the scope has this mark or one of these posts. Nothing was written."""


class DeliveryColumns(NamedTuple):
    """The columns of a delivery that a store can query; all else is in its value."""

    state: str
    is_over: bool
    due: float
    """Seconds since the epoch; planned deliveries are ordered by it, then by number."""
    is_dated: bool
    """Whether `due` is the date of the posts, and not the time of `put`."""
    until: float = 0.0
    """Planned: may be sent from then on. In doubt: belongs to a holder until then."""
    mark: int | None = None
    """The mark of the delivery, in milliseconds since the epoch."""
    post_ids: tuple[str, ...] = ()


class NewDelivery(NamedTuple):
    """A planned delivery to be put; it has no mark and no posts yet.

    `id` is unique in the store, `body` never changes.
    """

    id: str
    body: bytes
    value: bytes
    columns: DeliveryColumns


class KeptDelivery(NamedTuple):
    """A delivery as read from a store; see `Kept`. Numbers grow in the order of `put`."""

    value: bytes
    version: int
    time: float
    number: int
    scope: str
    id: str
    body: bytes


class Ending(NamedTuple):
    """A delivery that has ended."""

    number: int
    """The place of its ending among all of the store."""
    organization: str
    delivery: KeptDelivery


class Endings(NamedTuple):
    """Some of the endings in a store."""

    store: str
    """A random name of the store."""
    last: int
    """The number of the last ending in the store, of all scopes."""
    removed: int
    """The highest number that `prune` removed in the scopes that were asked for; 0: none."""
    endings: list[Ending]


class Ahead(NamedTuple):
    """The queue in front of a delivery, and the organisation of its scope."""

    before: int
    """Planned deliveries of the scope that are due earlier, at most `MOST_COUNTED`."""
    planned: int
    """All planned deliveries of the scope, this one included if it is planned."""
    rests: float
    """Seconds for which the scope rests because of failures."""
    trouble: str
    """The cause of these failures; empty: there were none."""
    organization: str
    base_url: str


class Scope(NamedTuple):
    """One organisation's deliveries, which a sender holds for a while."""

    name: str
    organization: str
    base_url: str
    failures: int
    """Turns in a row that ended with an error."""
    trouble: str
    was_left: bool
    """Whether the last holder died without giving the scope back."""


class ScopeWork(NamedTuple):
    """The deliveries of a scope that can be worked on now."""

    deliveries: list[KeptDelivery]
    planned: int
    """All planned deliveries of the scope."""


class ScopeOverview(NamedTuple):
    """The open deliveries of a scope, and what holds them up."""

    organization: str
    base_url: str
    trouble: str
    """The reason why nothing can be sent; empty: there is none."""
    is_held: bool
    """Whether a sender holds the scope at this moment."""
    states: Mapping[str, int]
    """The number of open deliveries in each state."""
    due: float | None
    """The `due` of the first planned delivery; None: there is none."""
    age: float
    """Seconds since the planned delivery that has waited longest was put; 0: there is none."""


class Deliveries(Protocol):
    """The store of an outbox's deliveries.

    Each method raises `StoreError` when the store cannot be used; then nothing is written, unless
    the error says `may_be_done`.
    """

    @property
    def where(self) -> str:
        """The location of the store, for messages; without a password."""
        ...

    @property
    def records(self) -> Records:
        """The records in the same place."""
        ...

    async def open(self) -> None:
        """Check that the store can be used."""
        ...

    async def aclose(self) -> None:
        """Close the store."""
        ...

    # ------------------------------------------------------------ one delivery

    async def put(
        self, scope: str, new: NewDelivery, *, connection: object = None
    ) -> tuple[KeptDelivery, Ahead]:
        """Write a new delivery; once this returns, it survives a loss of power.

        An existing delivery with the same id is returned unchanged. The scope has to be registered.

        Args:
            scope: the name of the quota.
            new: the delivery.
            connection: a connection of the caller, in whose transaction the delivery is written;
                None: in a new one. With a connection, the queue in front may be unknown, and counts
                as empty.

        Raises:
            UsageError: the store takes no such connection, or it is in no transaction.
        """
        ...

    async def get(self, delivery: str, scope: str | None = None) -> KeptDelivery | None:
        """The delivery with this id, in this scope or (None) in any."""
        ...

    async def swap(
        self, number: int, version: int, value: bytes, columns: DeliveryColumns
    ) -> tuple[bool, KeptDelivery | None]:
        """Replace value and columns of the delivery if it still has `version`.

        An ended delivery is kept until `prune` removes it. A swap that was done and repeated
        because the connection broke counts as done.

        Returns:
            True and the delivery, or False and the delivery as it is now; None: there is none.

        Raises:
            TakenError: another delivery of the scope has the mark, or one of the posts.
        """
        ...

    async def ahead(self, scope: str, number: int, due: float) -> Ahead:
        """The queue in front of a delivery with this number and `due`."""
        ...

    async def known(
        self, scope: str, post_ids: Collection[str], marks: Collection[int]
    ) -> tuple[set[str], set[int]]:
        """Which of these posts and marks belong to deliveries of the scope."""
        ...

    # ------------------------------------------------------------ the work of scopes

    async def register(self, scope: str, organization: str, base_url: str) -> None:
        """Create a scope; an existing one stays unchanged. Cheap when repeated."""
        ...

    async def key_owner(self, scope: str, key_name: str) -> str | None:
        """Note that an organisation uses a key. Returns another organisation that uses it already.

        Args:
            scope: the scope of the organisation.
            key_name: a name for server and key that reveals neither.
        """
        ...

    async def line(
        self, holder: str, seconds: float, limit: int, only: str | None = None
    ) -> list[Scope]:
        """Take scopes that are ready and have work, those that waited longest first.

        Args:
            holder: a unique name for the new holder.
            seconds: for how long they are held.
            limit: how many at most.
            only: the only scope to take; None: any with a named organisation.
        """
        ...

    async def next_in(self, only: str | None = None) -> float:
        """Seconds until a scope may be ready or have work; infinity if nothing is scheduled.

        Ready scopes without work do not count.

        Args:
            only: as for `line`.
        """
        ...

    async def hold(self, scopes: Collection[str], holder: str, seconds: float) -> set[str]:
        """Renew the hold of scopes. Returns those that this holder still has."""
        ...

    async def take(
        self, scope: str, holder: str, seconds: float, limit: int, besides: Collection[int] = ()
    ) -> ScopeWork | None:
        """Take the deliveries of a held scope that can be worked on now, and renew the hold.

        All deliveries in doubt whose `until` has passed, then planned ones likewise, in order.

        Args:
            scope: its name.
            holder: the holder of the scope.
            seconds: for how long the hold is renewed.
            limit: planned deliveries, at most.
            besides: numbers of deliveries to leave out.

        Returns:
            None: this holder does not have the scope any more.
        """
        ...

    async def rest(
        self, scope: str, holder: str, seconds: float, *, failures: int = 0, trouble: str = ""
    ) -> None:
        """Give back a scope; nothing happens if another holder has it by now.

        Args:
            scope: its name.
            holder: the holder of the scope.
            seconds: after which the scope is ready again; without failures, also when something is
                put.
            failures: see `Scope`.
            trouble: the cause of the failures; empty: there were none.
        """
        ...

    async def rouse(self, scope: str, *, failed: bool = False) -> None:
        """Make a resting scope ready.

        Args:
            scope: its name.
            failed: even if it rests because of failures.
        """
        ...

    async def has_work(
        self, holder: str, only: str | None = None, besides: Collection[int] = ()
    ) -> bool:
        """Whether work is left for this holder, or in scopes that nobody holds.

        Planned deliveries with a future `until` do not count, nor deliveries of scopes that others
        hold.

        Args:
            holder: see `line`.
            only: as for `line`.
            besides: numbers of deliveries that do not count.
        """
        ...

    # ------------------------------------------------------------ all of it

    async def counts(self, scope: str | None = None) -> Mapping[str, int]:
        """Count the deliveries in each state, of one scope or of all."""
        ...

    async def overview(self, only: str | None = None) -> Sequence[ScopeOverview]:
        """The open deliveries of one scope or of all, and their troubles, by organisation."""
        ...

    async def endings(self, first: int, limit: int, only: str | None = None) -> Endings:
        """The endings from the number `first` on, in order, with their deliveries as they are now.

        Args:
            first: the lowest number.
            limit: how many at most.
            only: as for `line`.
        """
        ...

    async def abandoned(self, only: str) -> int:
        """Count open deliveries of other scopes that have no organisation name and no holder."""
        ...

    async def prune(self, keep: timedelta) -> int:
        """Remove deliveries that ended longer ago, in pieces. Returns their number."""
        ...

    def changes(
        self, topic: Topic = "deliveries"
    ) -> AbstractAsyncContextManager[AsyncIterator[Sequence[str]]]:
        """Yield names of scopes with changes, as hints; empty: any scope."""
        ...
