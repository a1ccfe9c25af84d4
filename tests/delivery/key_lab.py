"""A sandbox, one store, and processes that call with idempotency keys and can be killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from world import HostClock

from postiz_async import AdvancedOptions, APITimeoutError, DeliveryUnknownError, NewPost, Postiz
from postiz_async._delivery.matching import CLIENT_REF
from postiz_async._delivery.record import DeliveryRecord, KeyMarks, read_record
from postiz_async._quota.state import ledger_name
from postiz_async._sandbox import Fault, MemoryServer, StoredPost
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.clock import Clock, JumpingClock
from postiz_async.errors import Delivery, StoreError
from postiz_async.models.posts import Created
from postiz_async.stores import Kept
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing._transport import SandboxTransport

START = datetime(2027, 1, 1, 8, tzinfo=UTC)
URL = "http://sandbox.invalid"
KEY = "order-123"


class ClockedStore(MemoryStore):
    """A store with a clock, as PostgreSQL has one."""

    def __init__(self, clock: Clock, ahead: float = 0.0) -> None:
        super().__init__()
        self._clock = clock
        self._ahead = ahead

    async def get(self, scope: str, key: str, /) -> Kept:
        return self._told(key, await super().get(scope, key))

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        done, kept = await super().swap(scope, key, version, value, keep=keep)
        return done, self._told(key, kept)

    def _told(self, key: str, kept: Kept) -> Kept:
        if not key:  # the ledger
            return kept
        return kept._replace(time=self._clock.time() + self._ahead)


class Process:
    """One client with its store and its way to the server, which end with it as by `kill -9`.

    `steps` counts what it does outside of itself: before and after each of these it can die, or
    its callers can be cancelled.
    """

    def __init__(self, dies_at: int | None = None) -> None:
        self.steps = 0
        self.dies_at = dies_at
        self.cancels_at: int | None = None
        self.stops_at: int | None = None
        self.stops_for = 0.0
        """Seconds for which it is stopped at that step, as by SIGSTOP."""
        self.is_dead = False
        self.store_fails: Callable[[str, int], bool] = lambda _, __: False
        """Whether an operation fails: `read`, `swap` or `swapped` (it is done then), and which."""
        self.operations = 0
        self.sent: list[WireRequest] = []
        self.swallows = 0
        """Creates that are swallowed on their way."""
        self.stopped_for: dict[str, float] = {}
        """Seconds for which it is stopped before its next request of a kind, by the end of its
        URL, and after its next change of a record (`swapped`)."""
        self.postiz: Postiz
        self._tasks: set[asyncio.Task[Any]] = set()

    def step(self) -> None:
        if not self.is_dead:
            self.steps += 1
            if self.steps == self.dies_at:
                self.die()
            if self.steps == self.cancels_at:
                self.cancel()
        if self.is_dead:
            raise asyncio.CancelledError

    async def may_be_swallowed(self, clock: Clock, request: WireRequest) -> None:
        """A create that nobody ever sees, and a connection that does not break."""
        if self.swallows and request.url.endswith("/posts") and request.method == "POST":
            self.swallows -= 1
            assert request.timeout is not None
            await clock.sleep(request.timeout)
            raise APITimeoutError("no answer")

    async def may_be_stopped(self, clock: Clock, kind: str) -> None:
        for ending in [each for each in self.stopped_for if kind.endswith(each)]:
            await clock.sleep(self.stopped_for.pop(ending))

    async def passes(self, clock: Clock) -> None:
        """A step that it may be stopped at."""
        self.step()
        if self.steps == self.stops_at:
            self.stops_at = None
            await clock.sleep(self.stops_for)

    def die(self) -> None:
        self.is_dead = True
        self.cancel()

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def run(self, call: Coroutine[Any, Any, list[Created]]) -> list[Created] | None:
        """The answer; None: it died before, or was cancelled."""
        task = asyncio.create_task(call)
        self._tasks.add(task)
        try:
            with suppress(asyncio.CancelledError):
                return await task
        finally:
            self._tasks.discard(task)
        assert self.is_dead or self.cancels_at is not None
        return None


class ProcessTransport(SandboxTransport):
    def __init__(self, sandbox: MemoryServer, process: Process, latency: float, own: Clock) -> None:
        super().__init__(sandbox, latency=latency)
        self._process = process
        self._clock = sandbox.clock
        self._own_clock = own

    async def send(self, request: WireRequest) -> WireResponse:
        await self._process.passes(self._clock)
        await self._process.may_be_stopped(self._clock, request.url.partition("?")[0])
        if request.expires is not None and self._own_clock.monotonic() >= request.expires:
            raise APITimeoutError("it was stopped for too long", delivery=Delivery.NOT_SENT)
        self._process.sent.append(request)
        await self._process.may_be_swallowed(self._clock, request)
        response = await super().send(request)
        await self._process.passes(self._clock)
        return response


class ProcessStore:
    """The store of all as one process sees it. Its quota is not in question here."""

    def __init__(self, store: MemoryStore, process: Process, clock: Clock) -> None:
        self._store = store
        self._process = process
        self._clock = clock

    async def get(self, scope: str, key: str, /) -> Kept:
        if not key:  # the ledger
            return await self._store.get(scope, key)
        await self._before("read")
        kept = await self._store.get(scope, key)
        await self._process.passes(self._clock)
        return kept

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        if not key:  # the ledger
            return await self._store.swap(scope, key, version, value, keep=keep)
        await self._before("swap")
        done = await self._store.swap(scope, key, version, value, keep=keep)
        await self._process.passes(self._clock)
        await self._process.may_be_stopped(self._clock, "swapped")
        self._fail("swapped")
        return done

    async def _before(self, what: str) -> None:
        await self._process.passes(self._clock)
        await asyncio.sleep(0)
        self._process.operations += 1
        self._fail(what)

    def _fail(self, what: str) -> None:
        if self._process.store_fails(what, self._process.operations):
            raise StoreError("the store is away")

    async def aclose(self) -> None:
        """There is nothing to let go of."""


class KeyLab:
    def __init__(self, *, with_clock: bool = False, **options: Any) -> None:
        self.clock = JumpingClock(start=START.timestamp())
        self.sandbox = MemoryServer(
            clock=self.clock, **({"limit": 30, "work_per_post": 0.0} | options)
        )
        self.host = HostClock(self.clock)
        """Where the processes are that are not on a host of their own."""
        self.channel = self.sandbox.add_channel("mastodon").id
        self.store: MemoryStore = ClockedStore(self.clock) if with_clock else MemoryStore()
        self.is_of_one_host = not with_clock
        self.quota = ledger_name(f"{URL}/public/v1", self.sandbox.organization.api_key)

    @asynccontextmanager
    async def process(
        self,
        *,
        dies_at: int | None = None,
        latency: float = 0.1,
        ahead: float = 0.0,
        store: MemoryStore | None = None,
        api_key: str | None = None,
        keep: timedelta = timedelta(days=30),
        **options: Any,
    ) -> AsyncGenerator[Process]:
        """A client of a new process. `ahead` is what its host's clock shows too much.

        A store with a clock is shared by processes that have a host each.
        """
        process = Process(dies_at)
        clock = self.host if self.is_of_one_host else HostClock(self.clock, ahead)
        async with Postiz(
            api_key=api_key or self.sandbox.organization.api_key,
            base_url=URL,
            store=ProcessStore(store or self.store, process, self.clock),
            advanced=AdvancedOptions(
                clock=clock,
                transport=ProcessTransport(self.sandbox, process, latency, clock),
                idempotency_keep=keep,
            ),
            **options,
        ) as postiz:
            process.postiz = postiz
            yield process

    def schedule(
        self, process: Process, *texts: str, key: str = KEY, hours: float = 24.0, **options: Any
    ) -> Coroutine[Any, Any, list[Created]]:
        """The call that most of the tests make."""
        posts = [NewPost(self.channel, text) for text in texts or ("a post",)]
        at = START + timedelta(hours=hours)
        return process.postiz.posts.schedule(*posts, at=at, idempotency_key=key, **options)

    def fault(self, kind: str, **options: Any) -> None:
        options = {"route": "create_post"} | options
        self.sandbox.faults.add(Fault(kind, **options))  # type: ignore[arg-type]

    async def record(self, key: str = KEY) -> DeliveryRecord:
        return read_record((await self.store.get(self.quota, key)).value)

    async def until_sent(self, key: str = KEY) -> None:
        """Wait until a call with the key is about to send, or sends."""
        while (await self.record(key)).state != "leaving":
            await self.clock.sleep(0.5)

    @property
    def statuses(self) -> list[int]:
        return [create.status for create in self.sandbox.creates]

    def of_key(self, key: str = KEY, place: int = 0) -> list[StoredPost]:
        """The posts that have the mark of a key."""
        ref = KeyMarks(self.quota, key).ref(place)
        return [post for post in self.sandbox.posts if post.settings.get(CLIENT_REF) == ref]


def ids(created: list[Created] | None) -> list[str]:
    return [each.post_id for each in created or ()]


async def in_the_end(
    clock: Clock, call: Callable[[], Coroutine[Any, Any, list[Created]]], *, calls: int = 5
) -> list[Created]:
    """The answer to a caller who comes again when he is told to."""
    for _ in range(calls):
        try:
            return await call()
        except DeliveryUnknownError as error:
            pause = error.retry_after
        assert pause is not None
        await clock.sleep(pause)
    raise AssertionError("never answered")
