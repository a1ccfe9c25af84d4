"""Readers of events in any order of ends, crashes, removals and jumps of the clock."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from outbox_lab import OutboxLab
from postgres_lab import Place
from postgres_server import why_no_postgres
from test_events import end, prune, web

from postiz_async.errors import CursorError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from postiz_async import Postiz, TicketEvent

ORGANIZATIONS = ("acme", "globex")
READERS = st.integers(0, 3)


@dataclass
class Reader:
    """A reader of an organisation, and how far it is."""

    organization: str
    client: int
    cursor: str | None = None
    """What it stored last."""
    stored: int = 0
    """The number of events up to its cursor."""
    place: int = 0
    """The number of events up to the last one that it saw."""
    events: AsyncIterator[TicketEvent] | None = None
    last: str | None = None


@dataclass
class Log:
    """What has ended, in order, and how much of that was removed."""

    tickets: list[str] = field(default_factory=list[str])
    removed: int = 0


class Events(RuleBasedStateMachine):
    is_in_postgres = False

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.folder = TemporaryDirectory()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        place = Place.made() if self.is_in_postgres else None
        self.lab = OutboxLab(Path(self.folder.name), database=place)
        self.logs = {name: Log() for name in ORGANIZATIONS}
        self.readers = [Reader(ORGANIZATIONS[n % 2], n) for n in range(4)]
        self.do(self.open())

    async def open(self) -> None:
        """Two processes for each organisation."""
        await self.stack.enter_async_context(self.lab.sandbox)
        self.clients: list[Postiz] = [
            await self.stack.enter_async_context(web(self.lab, reader.organization))
            for reader in self.readers
        ]

    @rule(number=READERS, count=st.integers(1, 4))
    def some_end(self, number: int, count: int) -> None:
        log = self.logs[self.readers[number].organization]
        log.tickets += self.do(end(self.lab, self.clients[number], *range(count)))

    @rule(number=READERS, count=st.integers(1, 5))
    def it_reads(self, number: int, count: int) -> None:
        self.do(self.reads(self.readers[number], count))

    async def reads(self, reader: Reader, count: int) -> None:
        log = self.logs[reader.organization]
        for _ in range(count):
            if len(log.tickets) == max(reader.place, 0 if reader.cursor else log.removed):
                return
            events = reader.events
            if events is None:
                events = self.clients[reader.client].outbox.events(after=reader.cursor)
                reader.events = events
            try:
                event = await anext(events)
            except CursorError:
                assert 0 < reader.place < log.removed
                reader.cursor = reader.last = reader.events = None
                reader.stored = reader.place = 0
                continue
            place = log.tickets.index(event.ticket.id)
            assert place in ({reader.place} if reader.place else {0, log.removed})
            assert event.organization == reader.organization
            reader.place, reader.last = place + 1, event.cursor

    @rule(number=READERS)
    def it_stores_its_cursor(self, number: int) -> None:
        reader = self.readers[number]
        reader.cursor, reader.stored = reader.last, reader.place

    @rule(number=READERS)
    def it_crashes(self, number: int) -> None:
        reader = self.readers[number]
        reader.events, reader.place, reader.last = None, reader.stored, reader.cursor

    @rule()
    def what_ended_is_removed(self) -> None:
        self.do(prune(self.lab))
        for log in self.logs.values():
            log.removed = len(log.tickets)

    @precondition(lambda self: hasattr(self, "lab"))
    @rule(seconds=st.sampled_from([1.0, 3_600.0, 86_400.0]))
    def time_passes(self, seconds: float) -> None:
        self.lab.clock.advance(seconds)

    def teardown(self) -> None:
        try:
            if hasattr(self, "clients"):
                for reader in self.readers:
                    self.do(self.reads(reader, 1_000))
                    log = self.logs[reader.organization]
                    assert reader.place == len(log.tickets) or log.removed == len(log.tickets)
        finally:
            self.do(self.stack.aclose())
            self.loop.close()
            self.folder.cleanup()


class InPostgres(Events):
    is_in_postgres = True


@pytest.mark.parametrize("machine", [Events, InPostgres])
def test_no_event_is_skipped_in_silence(machine: type[Events]) -> None:
    if machine is InPostgres and why_no_postgres():
        pytest.skip(why_no_postgres())
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=25, max_examples=4))


@pytest.mark.exhaustive
@pytest.mark.parametrize("machine", [Events, InPostgres])
def test_so_it_is_in_more_lives(machine: type[Events]) -> None:
    if machine is InPostgres and why_no_postgres():
        pytest.skip(why_no_postgres())
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=40, max_examples=40))
