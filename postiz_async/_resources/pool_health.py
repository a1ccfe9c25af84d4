"""The health of a `PostizPool` and its organisations, for its users."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait as wait_for
from contextlib import suppress
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar

import anyio

from postiz_async._quota.state import ledger_name
from postiz_async._quota.view import Queued, Quota
from postiz_async._resources.api import OpenClient
from postiz_async.errors import StoreError
from postiz_async.models._base import Value
from postiz_async.models._durations import describe_seconds
from postiz_async.stores import Records

T = TypeVar("T")

LOOK = 3.0
"""Seconds at most to query store and outbox, because a health route has to answer."""

TELL = 1.0
"""Seconds that another thread waits for an answer from the event loop of a pool."""

_NOBODY = ledger_name("", "nobody")
"""The name of a quota that does not exist, for a query that tests the store."""


class OrganizationHealth(Value, frozen=True, kw_only=True):
    """The state of one organisation of a pool, as this process knows it.

    `organization` is the name that `pool.client(organization=...)` was given, empty if none.
    `calls` are under way, those that wait for a slot among them. `trouble` is what holds the
    organisation up: a refused key, a lock-out, or what the outbox met; empty: nothing.
    """

    organization: str
    base_url: str
    quota: Quota
    calls: int
    trouble: str


class PoolHealth(Value, frozen=True, kw_only=True):
    """The state of a pool at one moment.

    `organizations` are those with an open client in this process, in trouble first, then those
    with the most calls; `total` is how many there are, also where not all are listed. `clients`,
    `calls` (under way), `queued` (of them, those that wait for a slot), `in_flight` (creates of all
    processes that share the quotas), `refused` (organisations whose key was refused by the last
    answer) and `blocked` (others that are locked out) count all.

    `outbox` has the numbers of tickets by their states, None without an outbox; `troubles` what
    holds single organisations up, by their names, also those for which another process sends.
    `trouble` is what holds all of them up, such as a store that is away; empty: nothing.
    """

    organizations: tuple[OrganizationHealth, ...]
    total: int
    clients: int
    calls: int
    queued: Queued
    in_flight: int
    refused: int
    blocked: int
    outbox: dict[str, int] | None
    troubles: dict[str, str]
    trouble: str

    @property
    def is_ready(self) -> bool:
        """Whether work can be taken on: nothing holds all organisations up."""
        return not self.trouble


class Found(NamedTuple):
    """The answers of store and outbox: tickets by their states, troubles by organisations."""

    tickets: dict[str, int] | None = None
    troubles: Mapping[str, str] = MappingProxyType({})
    trouble: str = ""


NOT_LOOKED = Found()


class _PoolOutbox(Protocol):
    @property
    def trouble(self) -> str: ...
    async def counts(self) -> Mapping[Any, int]: ...
    async def troubles(self) -> Mapping[str, str]: ...


async def look(store: Records | None, outbox: _PoolOutbox | None) -> Found:
    """Ask the store of the quotas and the database of the outbox, for `LOOK` seconds at most."""
    tickets = None if outbox is None else dict[str, int]()
    with anyio.move_on_after(LOOK):
        try:
            if store is not None:
                await store.get(_NOBODY, "")
            if outbox is None:
                return NOT_LOOKED
            tickets = {state.value: count for state, count in (await outbox.counts()).items()}
            return Found(tickets, await outbox.troubles(), outbox.trouble)
        except StoreError as error:
            return Found(tickets, trouble=str(error))
    return Found(tickets, trouble=f"the store did not answer within {LOOK:g} s")


def call_in_loop(loop: asyncio.AbstractEventLoop, ask: Callable[[], T]) -> T | None:
    """Call a function in an event loop, from any thread, and return its result.

    Args:
        loop: the event loop.
        ask: the function, which must not wait for anything.

    Returns:
        None when the loop has ended, or does not answer within `TELL` seconds.

    Raises what `ask` raises.
    """
    if running_loop() is loop:
        return ask()
    told = Future[T]()
    try:
        loop.call_soon_threadsafe(_tell, told, ask)
    except RuntimeError:  # the loop is closed
        return None
    wait_for([told], TELL)
    return told.result() if told.done() else None


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread; None: there is none."""
    with suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None


def _tell(told: Future[T], ask: Callable[[], T]) -> None:
    try:
        told.set_result(ask())
    except Exception as error:  # noqa: BLE001  (raised where it is asked for)
        told.set_exception(error)


class _ClientsOfOne:
    """The clients of one organisation: a key and a token of it, for example."""

    def __init__(self, clients: list[OpenClient], troubles: Mapping[str, str]) -> None:
        self.client = clients[-1]
        self.queue = self.client.scheduler.queue
        self.calls = sum(client.scheduler.under_way for client in clients)
        ledger = self.queue.handle.ledger
        self.blocked_for = max(0.0, ledger.window.blocked_until - self.queue.handle.now())
        self.in_flight = len(ledger.flights.open)
        self.refusal = self.client.scheduler.key_refusal()
        self.trouble = troubles.get(self.client.organization, "")
        if self.refusal and not self.trouble:
            self.trouble = f"Postiz refuses its key: {self.refusal}"
        elif self.blocked_for and not self.trouble:
            self.trouble = f"locked out by the server for {describe_seconds(self.blocked_for)}"

    @property
    def rank(self) -> tuple[bool, int, str, str]:
        return not self.trouble, -self.calls, self.client.organization, self.client.quota_name

    def shown(self) -> OrganizationHealth:
        return OrganizationHealth(
            organization=self.client.organization,
            base_url=self.client.base_url,
            quota=self.queue.view(),
            calls=self.calls,
            trouble=self.trouble,
        )


def standing(
    clients: Iterable[OpenClient],
    found: Found,
    *,
    most: int,
) -> PoolHealth:
    """The health of a pool with these clients, with details of the organisations that are listed.

    Args:
        clients: those of a pool.
        found: the answers of store and outbox.
        most: how many organisations and troubles are listed.
    """
    by_quota = defaultdict[str, list["OpenClient"]](list)
    for client in clients:
        by_quota[client.quota_name].append(client)
    known = dict(found.troubles)
    organizations = sorted(
        (_ClientsOfOne(each, known) for each in by_quota.values()), key=attrgetter("rank")
    )
    queued = [each.queue.queued for each in organizations if each.queue.waiting]
    for each in organizations:
        if each.trouble and (name := each.client.organization):
            known.setdefault(name, each.trouble)
    return PoolHealth(
        organizations=tuple(each.shown() for each in organizations[:most]),
        total=len(organizations),
        clients=sum(map(len, by_quota.values())),
        calls=sum(each.calls for each in organizations),
        queued=Queued(
            interactive=sum(each.interactive for each in queued),
            bulk=sum(each.bulk for each in queued),
        ),
        in_flight=sum(each.in_flight for each in organizations),
        refused=sum(bool(each.refusal) for each in organizations),
        blocked=sum(each.blocked_for > 0 and not each.refusal for each in organizations),
        outbox=found.tickets,
        troubles=dict(list(known.items())[:most]),
        trouble=found.trouble,
    )
