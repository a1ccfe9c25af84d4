"""Processes that share an outbox and keys, with faults, kills, lies about leases, and old copies.

Leases, notifications and memory only save work. That each post is stored once rests on swaps, on
unique marks and posts, on written intents and on look-ups.
"""

from __future__ import annotations

import asyncio
import inspect
import tempfile
from collections import Counter
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import hypothesis.strategies as st
import pytest
from delivery_machine import PROCESSES, DeliveryMachine
from hypothesis import settings
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from outbox_lab import SHORT, OutboxLab
from postgres_lab import Place
from postgres_server import why_no_postgres

from postiz_async import PostizError
from postiz_async._outbox.base import close_outbox, open_outbox
from postiz_async._outbox.outbox import Outbox
from postiz_async._outbox.places import deliveries_of
from postiz_async._resources.api import opened
from postiz_async._sandbox import Fault
from postiz_async.errors import StoreError
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from postiz_async import Postiz
    from postiz_async._wire import WireRequest, WireResponse
    from postiz_async.stores._deliveries import Deliveries, Scope

HOURS = 24.0 * 60
"""Until posts are due: none is late."""

Lie = Literal["none", "ended", "everlasting"]

LIES = st.sampled_from(["ended", "everlasting", "none"])


class Trusted:
    """A store of deliveries, which may say that leases have ended, or that they never do."""

    def __init__(self, lab: OutboxLab) -> None:
        self.lie: Lie = "none"
        self.is_dead = False
        self._lab = lab
        self._real: Deliveries = deliveries_of(lab.options(), lab.host)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)
        return self._mortal(method) if inspect.iscoroutinefunction(method) else method

    def _mortal(self, method: Any) -> Any:
        async def call(*arguments: Any, **options: Any) -> Any:
            self._check()
            answer = await method(*arguments, **options)
            self._check()
            return answer

        return call

    def _check(self) -> None:
        if self.is_dead:
            raise StoreError("its process is dead")

    async def aclose(self) -> None:
        await self._real.aclose()

    async def line(
        self, holder: str, seconds: float, limit: int, only: str | None = None
    ) -> list[Scope]:
        self._check()
        if self.lie == "ended":
            await self._lab.clock.sleep(5)
            self._lab.run("UPDATE scopes SET ready_at = 0")
        return await self._real.line(holder, seconds, limit, only)

    async def hold(self, scopes: Collection[str], holder: str, seconds: float) -> set[str]:
        self._check()
        held = await self._real.hold(scopes, holder, seconds)
        return held if self.lie == "none" else {*scopes}

    async def take(self, scope: str, holder: str, *rest: Any) -> Any:
        self._check()
        taken = await self._real.take(scope, holder, *rest)
        if taken is None and self.lie != "none":
            self._lab.run(f"UPDATE scopes SET holder = '{holder}'")
            taken = await self._real.take(scope, holder, *rest)
        return taken


class Line(SandboxTransport):
    """Of a process that may die."""

    is_dead = False

    async def send(self, request: WireRequest) -> WireResponse:
        if self.is_dead:
            raise asyncio.CancelledError
        answer = await super().send(request)
        if self.is_dead:
            raise asyncio.CancelledError
        return answer


class Worker:
    """A process that hands over, calls and sends."""

    postiz: Postiz
    outbox: Outbox

    def __init__(self, lab: OutboxLab, quota: MemoryStore) -> None:
        self.store = Trusted(lab)
        self._line = Line(lab.sandbox, latency=0.5)
        self._lab = lab
        self._quota = quota
        self._stack = AsyncExitStack()

    async def open(self) -> Worker:
        client = self._lab.client(store=self._quota, transport=self._line, sends=False)
        self.postiz = await self._stack.enter_async_context(client)
        self.outbox = Outbox(opened(self.postiz), self.store, self._lab.options())
        await open_outbox(self.outbox)
        return self

    async def close(self) -> None:
        with suppress(PostizError):
            await close_outbox(self.outbox)
        await self._stack.aclose()

    async def die(self) -> None:
        """Nothing more is sent or written."""
        self.store.is_dead = self._line.is_dead = True
        await self.close()


class Outboxes(DeliveryMachine):
    lab: OutboxLab
    is_in_postgres = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.workers: list[Worker] = []
        self.tickets: dict[str, str] = {}
        """The text of each."""
        self.withdrawn: set[str] = set()
        self.calls: list[asyncio.Task[None]] = []
        self.keys: dict[str, datetime] = {}
        """For when each call is."""
        self.count = 0
        self.has_copy = False
        self.copies = 0

    @initialize(
        release=st.sampled_from(["HEAD", "v2.23.0"]),
        limit=st.sampled_from([3, 1, 30]),
        lies=st.lists(LIES, min_size=PROCESSES, max_size=PROCESSES),
        count=st.sampled_from([7, 0, 2]),
    )
    def begin(self, release: str, limit: int, lies: list[Lie], count: int) -> None:
        """With hand-overs that all processes may have, and begin at one time: Postiz was away."""
        self.lab = OutboxLab(
            Path(self.folder.name),
            database=Place.made() if self.is_in_postgres else None,
            release=release,
            limit=limit,
            window=SHORT,
        )
        self.can_restore = release == "HEAD"  # its list has the marks
        self.quota = MemoryStore()
        self.do(self.lab.sandbox.__aenter__())
        self.open_all()
        self.posts_are_handed_over(0, 1)
        self.time_passes(60.0)  # then the limit is known, without which a 429 may be met
        for worker, lie in zip(self.workers, lies, strict=True):
            worker.store.lie = lie
        self.lab.sandbox.faults.add(Fault("reset", route="create_post", times=None))
        self.posts_are_handed_over(0, count)
        self.time_passes(60.0)
        self.lab.sandbox.faults.clear()

    def open_all(self) -> None:
        for _ in range(PROCESSES):
            self.workers.append(self.do(Worker(self.lab, self.quota).open()))

    # -------------------------------------------------------------- what people do

    @rule(number=st.integers(0, PROCESSES - 1), count=st.integers(1, 3))
    def posts_are_handed_over(self, number: int, count: int) -> None:
        for _ in range(count):
            self.count += 1
            text = str(self.count)
            try:
                put = self.workers[number].outbox.put(
                    self.lab.post(text), at=self.lab.at(HOURS), idempotency_key=text
                )
                self.tickets[self.do(put).id] = text
            except PostizError:  # Postiz is away
                continue
            self.has_copy = False

    @rule(number=st.integers(0, PROCESSES - 1))
    def somebody_calls_with_the_same_key(self, number: int) -> None:
        """As that of a hand-over, which is another one."""
        self.count += 1
        key = str(self.count)
        self.keys[key] = self.lab.at(HOURS)
        self.calls.append(self.loop.create_task(self.called(self.workers[number], key)))

    async def called(self, worker: Worker, key: str) -> None:
        with suppress(PostizError, asyncio.CancelledError):
            await worker.postiz.posts.schedule(
                self.lab.post(f"of a call {key}"), at=self.keys[key], idempotency_key=key
            )

    @precondition(lambda self: self.tickets)
    @rule(number=st.integers(0, PROCESSES - 1), data=st.data())
    def one_is_withdrawn(self, number: int, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.tickets)))
        if self.do(self.workers[number].outbox.withdraw(ticket)):
            self.withdrawn.add(ticket)
            self.has_copy = False

    # -------------------------------------------------------------- what goes wrong

    @rule(number=st.integers(0, PROCESSES - 1))
    def a_process_dies(self, number: int) -> None:
        self.do(self.workers[number].die())
        self.workers[number] = self.do(Worker(self.lab, self.quota).open())

    @rule(number=st.integers(0, PROCESSES - 1), lie=LIES)
    def a_store_says_of_leases(self, number: int, lie: Lie) -> None:
        self.workers[number].store.lie = lie

    @rule(number=st.integers(0, PROCESSES - 1))
    def what_is_over_is_removed(self, number: int) -> None:
        """As after a long time; whoever asks for it later finds nothing."""
        worker = self.workers[number]
        over = [ticket for ticket in self.tickets if self.do(worker.outbox.get(ticket)).is_over]
        stored = {ticket for ticket in over if self.do(worker.outbox.get(ticket)).state == "stored"}
        if {*over} == stored | self.withdrawn:
            self.do(worker.store.prune(timedelta(seconds=-1)))
            for ticket in over:
                text = f"post {self.tickets.pop(ticket)}"
                assert self.stored[text] == (ticket in stored)
                self.withdrawn.discard(ticket)

    @precondition(lambda self: not self.copies)
    @rule()
    def a_copy_is_taken(self) -> None:
        self.close_all()
        self.lab.keep()
        self.has_copy, self.copies = True, 1
        self.open_all()

    @precondition(lambda self: self.has_copy and self.can_restore)
    @rule()
    def the_copy_is_put_back(self) -> None:
        """When nothing is on its way that nobody could find yet."""
        self.close_all()
        self.lab.sandbox.faults.clear()
        self.do(self.lab.clock.sleep(1_000))
        self.lab.restore()
        self.has_copy = False
        self.open_all()

    def close_all(self) -> None:
        for worker in self.workers:
            self.do(worker.close())
        self.workers.clear()

    # -------------------------------------------------------------- what holds

    @property
    def stored(self) -> Counter[str]:
        return Counter(post.content for post in self.lab.sandbox.posts)

    @invariant()
    def no_post_is_there_twice(self) -> None:
        if self.workers:
            assert set(self.stored.values()) <= {1}
            assert self.lab.sandbox.refusals == 0

    def teardown(self) -> None:
        try:
            if self.workers:
                self.finish()
                self.do(self.lab.sandbox.__aexit__(None, None, None))
        finally:
            self.loop.close()
            self.folder.cleanup()

    def finish(self) -> None:
        """Everything comes to its end, and nothing goes wrong any more."""
        self.lab.sandbox.faults.clear()
        self.time_passes(2 * SHORT)
        for worker in self.workers:
            worker.store.lie = "none"
        for call in self.calls:
            self.do(ended(call))
        for key in sorted(self.keys):
            self.do(self.is_answered(key))
        for ticket, text in self.tickets.items():
            self.do(self.is_over(ticket, text))
        assert set(self.stored.values()) <= {1}
        self.close_all()

    async def is_answered(self, key: str) -> None:
        while not self.stored[f"post of a call {key}"]:
            await self.called(self.workers[0], key)
            await self.lab.clock.sleep(60)

    async def is_over(self, ticket: str, text: str) -> None:
        ended = await self.workers[0].outbox.wait(ticket)
        if ticket in self.withdrawn:
            assert (ended.state, self.stored[f"post {text}"]) == ("withdrawn", 0)
        elif ended.state != "undecided":
            assert (ended.state, self.stored[f"post {text}"]) == ("stored", 1), ended


async def ended(call: asyncio.Task[None]) -> None:
    await asyncio.wait([call])


def test_each_post_is_stored_once() -> None:
    run_state_machine_as_test(Outboxes, settings=settings(stateful_step_count=15, max_examples=2))


class InPostgres(Outboxes):
    is_in_postgres = True


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
@pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())
@pytest.mark.parametrize(("machine", "lives"), [(Outboxes, 12), (InPostgres, 6)])
def test_so_is_each_in_more_lives(machine: type[Outboxes], lives: int) -> None:
    run_state_machine_as_test(
        machine, settings=settings(stateful_step_count=15, max_examples=lives)
    )
