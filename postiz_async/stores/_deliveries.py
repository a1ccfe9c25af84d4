"""What keeps the deliveries of an outbox: in SQLite for one host, in PostgreSQL for any number.

A store knows bytes and the columns that it is asked by. A delivery changes by compare-and-swap of
its version, and what spans deliveries is a unique index: in a scope no two have one mark or one
post. So whatever a store says of holders only saves work, and may be wrong without doing harm.

A scope is the quota of an organisation. It is ready when nobody holds it and it does not rest, or
rests without failures and something was put since. It has work when a delivery of it that is not
over has an `until` that has passed. All times are seconds of the store's own clock, as the client's
clock counts them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import timedelta

PLANNED = "planned"
"""The state of what waits to be sent; what is neither that nor over is in doubt."""

MOST_COUNTED = 1_000
"""Deliveries of a scope beyond which they are not counted."""


def clean(words: str) -> str:
    """Words as a column takes them: of a server's some may be no text for a database."""
    return words.replace("\0", "").encode("utf-8", "replace").decode()


class TakenError(Exception):
    """Another delivery of the scope has this mark, or one of these posts. Nothing was written."""


class DeliveryColumns(NamedTuple):
    """What a store is asked by; the rest of a delivery is in its value."""

    state: str
    is_over: bool
    due: float
    """Seconds since the epoch: planned deliveries are in the order of it, and of their numbers."""
    is_dated: bool
    """Whether that is the date of its posts, and not when it was put."""
    until: float = 0.0
    """Planned: from when on it may be sent. In doubt: until when somebody is at work on it."""
    mark: int | None = None
    """Milliseconds since the epoch."""
    post_ids: tuple[str, ...] = ()


class NewDelivery(NamedTuple):
    """A planned delivery that is put, without a mark and posts.

    `id` is unique in the store, `body` does not change any more.
    """

    id: str
    body: bytes
    value: bytes
    columns: DeliveryColumns


class KeptDelivery(NamedTuple):
    """A delivery as a store has it; see `Kept`. Numbers grow in the order of putting."""

    value: bytes
    version: int
    time: float
    number: int
    scope: str
    id: str
    body: bytes


class Ahead(NamedTuple):
    """What a delivery waits for, and whose it is."""

    before: int
    """Planned deliveries of its scope that are due before it, `MOST_COUNTED` at most."""
    planned: int
    """All of them, this one included, if it is one."""
    rests: float
    """Seconds for which its scope rests because of failures."""
    trouble: str
    """What that is; empty: nothing."""
    organization: str
    base_url: str


class Scope(NamedTuple):
    """The work of one organisation, which its holder has for a while."""

    name: str
    organization: str
    base_url: str
    failures: int
    """Times in a row that its work was ended by trouble."""
    trouble: str
    was_left: bool
    """Its last holder did not let go of it."""


class ScopeWork(NamedTuple):
    """What there is to be done in a scope."""

    deliveries: list[KeptDelivery]
    planned: int
    """As `Ahead.planned`."""


class Overview(NamedTuple):
    """How an outbox stands."""

    states: Mapping[str, int]
    organizations: int
    held: int
    """Organisations that somebody sends for at this moment."""
    waiting: int
    """Organisations with deliveries that are not over, which nobody sends for at this moment."""
    oldest: float | None
    """The `due` of the first planned delivery."""
    troubles: Mapping[str, str]
    """What holds organisations up, by their names; a thousand at most."""


class Deliveries(Protocol):
    """Has the deliveries of an outbox.

    Each method raises `StoreError` when the store cannot be used; what was to be written is then
    not, or, where the error says `may_be_done`, perhaps.
    """

    @property
    def where(self) -> str:
        """Where it is, for messages; without a password."""
        ...

    async def open(self) -> None:
        """See that it can be used."""
        ...

    async def aclose(self) -> None:
        """Let go of it."""
        ...

    # ------------------------------------------------------------ one delivery

    async def put(
        self, scope: str, new: NewDelivery, *, connection: object = None
    ) -> tuple[KeptDelivery, Ahead]:
        """Write a delivery down; what this returned for would survive a loss of power.

        Where there is one with its id, that is left as it is, and returned. The scope has to be
        registered.

        Args:
            scope: the name of the quota.
            new: the delivery.
            connection: of the caller's, in whose transaction it is written; None: in its own. What
                it waits for may be unknown then (nothing before it).

        Raises:
            UsageError: the store takes no such connection, or it is in no transaction.
        """
        ...

    async def get(self, delivery: str, scope: str | None = None) -> KeptDelivery | None:
        """The delivery with this id, of this scope or of any."""
        ...

    async def swap(
        self, number: int, version: int, value: bytes, columns: DeliveryColumns
    ) -> tuple[bool, KeptDelivery | None]:
        """Put `value` and `columns` in the place of the delivery as `version` has it.

        A delivery that is over is kept until `prune` removes it. Where the statement was repeated
        because the connection broke, a swap that was done is told as done.

        Returns:
            True and the delivery, or False and as it is now; None: it is gone.

        Raises:
            TakenError: another one of its scope has the mark, or one of the posts.
        """
        ...

    async def ahead(self, scope: str, number: int, due: float) -> Ahead:
        """What the delivery of a scope waits for that has this number and `due`."""
        ...

    async def known(
        self, scope: str, post_ids: Collection[str], marks: Collection[int]
    ) -> tuple[set[str], set[int]]:
        """Which of these posts and marks are of deliveries of the scope."""
        ...

    # ------------------------------------------------------------ the work of scopes

    async def register(self, scope: str, organization: str, base_url: str) -> None:
        """See that there is a scope; one that is there is left as it is. Cheap when repeated."""
        ...

    async def key_owner(self, scope: str, key_name: str) -> str | None:
        """Note that a scope's organisation uses a key, unless another one does: its name then.

        Args:
            scope: of the organisation.
            key_name: a name of server and key that tells neither.
        """
        ...

    async def line(
        self, holder: str, seconds: float, limit: int, only: str | None = None
    ) -> list[Scope]:
        """Take scopes that are ready and have work, those first that waited longest.

        Args:
            holder: who takes them, a name that no other one ever has.
            seconds: for how long they are held.
            limit: how many at most.
            only: no other scope than this; None: all whose organisations have a name.
        """
        ...

    async def next_in(self, only: str | None = None) -> float:
        """Seconds until a scope may be ready, or have work, by the times that are written down.

        Scopes that are ready and without work do not count; infinity: there is none.

        Args:
            only: as for `line`.
        """
        ...

    async def hold(self, scopes: Collection[str], holder: str, seconds: float) -> set[str]:
        """Go on holding scopes. Returns those that are still this holder's."""
        ...

    async def take(
        self, scope: str, holder: str, seconds: float, limit: int, besides: Collection[int] = ()
    ) -> ScopeWork | None:
        """What there is to be done in a scope, which is held for longer by that.

        All in doubt whose `until` has passed, then planned ones likewise, in order.

        Args:
            scope: its name.
            holder: who has it.
            seconds: for how long it goes on holding it.
            limit: planned ones at most.
            besides: numbers of those that are at work already.

        Returns:
            None: somebody else holds it, or nobody.
        """
        ...

    async def rest(
        self, scope: str, holder: str, seconds: float, *, failures: int = 0, trouble: str = ""
    ) -> None:
        """Let go of a scope; nothing happens when it is another holder's by now.

        Args:
            scope: its name.
            holder: who had it.
            seconds: after which it is ready again; without failures, when something is put, too.
            failures: see `Scope`.
            trouble: what it was; empty: nothing.
        """
        ...

    async def rouse(self, scope: str) -> None:
        """Make a scope ready that rests without failures."""
        ...

    async def has_work(
        self, holder: str, only: str | None = None, besides: Collection[int] = ()
    ) -> bool:
        """Whether anything is left to be done, now or later, by this holder or by nobody yet.

        What is planned and has an `until` to come does not count, nor what others hold.

        Args:
            holder: see `line`.
            only: as for `line`.
            besides: numbers of deliveries that do not count.
        """
        ...

    # ------------------------------------------------------------ all of it

    async def counts(self, scope: str | None = None) -> Mapping[str, int]:
        """How many deliveries of a scope, or of all, are in which state."""
        ...

    async def overview(self) -> Overview:
        """How all of it stands."""
        ...

    async def abandoned(self, only: str) -> int:
        """How many deliveries wait that are of other scopes without a name, which nobody holds."""
        ...

    async def prune(self, keep: timedelta) -> int:
        """Remove what has been over for longer, in pieces. Returns how many they were."""
        ...

    def changes(self) -> AbstractAsyncContextManager[AsyncIterator[Sequence[str]]]:
        """Names of scopes in which something was put or changed; empty: in any. Only a hint."""
        ...
