"""One world for simulations: virtual time, a server that counts, clients of a key, and others.

A `World` has a network of random delays and as many clients as are opened in it. A `Lab` has one
open client, whose network takes a fixed time and can be interfered with.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import selectors
from bisect import bisect
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from msgspec.structs import replace
from throttle_in_memory import MemoryThrottle

from postiz_async import AdvancedOptions, NewPost, Postiz, Priority
from postiz_async._quota.snapshot import Snapshot
from postiz_async._resources.api import opened
from postiz_async._resources.create import job_call
from postiz_async._sandbox import Fault, HttpRequest, MemoryServer
from postiz_async._sandbox.faults import FaultKind
from postiz_async._sandbox.throttle import Throttle
from postiz_async._transport import Transport
from postiz_async._wire import WireRequest, WireResponse, format_date
from postiz_async.clock import Clock, JumpingClock, Timer
from postiz_async.errors import DeliveryUnknownError, ServerError, StoreError
from postiz_async.models.posts import ChannelRef, ContentItem, Created, PostItem, PostRequest
from postiz_async.stores import Kept, Records
from postiz_async.testing._transport import SandboxTransport

HOUR = 3600.0
FIRST = datetime(2035, 1, 1, tzinfo=UTC)

Storage = Literal["redis", "memory"]
"""How the server counts: in windows, or each create for an hour."""


def date_of(number: int) -> datetime:
    """When post `number` is due: each has a minute of its own."""
    return FIRST + timedelta(minutes=number)


# ------------------------------------------------------------------ what is possible at best


def optimum(creates: int, limit: int) -> float:
    """Seconds from the first to the last of so many creates, alone on the key."""
    return (-(-creates // limit) - 1) * HOUR


def polite_optimum(creates: int, limit: int, others: Sequence[float]) -> float:
    """The same beside others, of somebody who knows when they come and leaves them their slots."""
    for window in itertools.count():
        if creates <= limit:
            return window * HOUR
        came = bisect(others, (window + 1) * HOUR) - bisect(others, window * HOUR)
        creates -= max(0, limit - came)
    raise AssertionError


def arrivals(rate: float, dice: random.Random, until: float) -> Iterator[float]:
    """Random moments, `rate` an hour."""
    moment = 0.0
    while rate and (moment := moment + dice.expovariate(rate / HOUR)) < until:
        yield moment


def one_way(dice: random.Random) -> float:
    """Seconds to the server, or back: 0.1 on average."""
    return 0.02 + dice.expovariate(1 / 0.08)


# ------------------------------------------------------------------ time


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer when nothing is left to do.

    Args:
        turn: seconds that a turn takes at least; in real time none takes no time.
    """

    def __init__(self, turn: float = 0.0) -> None:
        self.now = 0.0
        self.turn = turn
        super().__init__(_Jump(self))

    def time(self) -> float:
        return self.now


class _Jump(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events:
            assert timeout is not None, "everybody waits for ever"
            self._loop.now += max(timeout, self._loop.turn)
        return events


class LoopClock(Clock):
    """The time of the running event loop."""

    def time(self) -> float:
        return 1_800_000_000.0 + self.monotonic()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        return asyncio.get_running_loop().call_at(when, callback)


class DriftingClock(Clock):
    """A clock that runs faster than another by this share of the time, or shows another day."""

    def __init__(self, base: Clock, drift: float, *, ahead: float = 0.0) -> None:
        self._base = base
        self._rate = 1 + drift
        self._ahead = ahead

    def time(self) -> float:
        return self._base.time() + self._ahead

    def monotonic(self) -> float:
        return self._base.monotonic() * self._rate

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        return self._base.call_at(when / self._rate, callback)


class HostClock(Clock):
    """A machine's clocks beside those of the server: as fast, and each shows a time of its own.

    Args:
        clock: the one that jumps.
        ahead: seconds that its wall clock shows too much; may be set at any time.
        has_boot_id: whether anything tells one run of the machine from the next.
    """

    speed = math.inf
    _starts = itertools.count(1)

    def __init__(
        self, clock: JumpingClock, ahead: float = 0.0, *, has_boot_id: bool = True
    ) -> None:
        self.ahead = ahead
        self._clock = clock
        self._has_boot_id = has_boot_id
        self.start_again(uptime=1_000_000.5)

    def start_again(self, uptime: float = 60.0) -> None:
        """The machine was switched off and on, so many seconds ago."""
        start = next(self._starts)
        self._boot_id = f"start {start}" if self._has_boot_id else ""
        self._shift = uptime * start - self._clock.monotonic()

    def time(self) -> float:
        return self._clock.time() + self.ahead

    def monotonic(self) -> float:
        return self._clock.monotonic() + self._shift

    @property
    def boot_id(self) -> str:
        return self._boot_id

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        at = when - self._shift
        while at + self._shift < when:  # rounded: it would be called before, without end
            at = math.nextafter(at, math.inf)
        return self._clock.call_at(at, callback)


# ------------------------------------------------------------------ stores


class Mortal:
    """A process's hold of a store: once it is killed, it writes nothing any more."""

    def __init__(self, store: Records) -> None:
        self._store = store
        self.killed = False

    async def get(self, scope: str, key: str, /) -> Kept:
        return await self._store.get(scope, key)

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        if self.killed:
            raise StoreError("killed")
        return await self._store.swap(scope, key, version, value, keep=keep)

    def kill(self) -> None:
        self.killed = True

    async def aclose(self) -> None:
        """The store is others' too."""


AHEAD = 12_345.0
"""Seconds by which a store's clock is ahead of the clients'."""


class OnClock:
    """A store that tells the time of a test's clock in the place of its own.

    Args:
        store: keeps the states.
        clock: shared by all processes.
        hold: stops the clock while bytes are on their way.
    """

    def __init__(
        self,
        store: Records,
        clock: Clock,
        hold: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._store = store
        self._clock = clock
        self._hold = hold

    async def get(self, scope: str, key: str, /) -> Kept:
        with self._hold():
            return self._shown(await self._store.get(scope, key))

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        with self._hold():
            done, state = await self._store.swap(scope, key, version, value, keep=keep)
        return done, self._shown(state)

    def _shown(self, state: Kept) -> Kept:
        speed = self._clock.speed if math.isfinite(self._clock.speed) else 1.0
        return state._replace(time=self._clock.monotonic() / speed + AHEAD)

    async def aclose(self) -> None:
        await self._store.aclose()


class NotebookKeeper:
    """A snapshot store that writes into a common notebook what it was given."""

    def __init__(self, notes: list[object], *, broken: int = 0) -> None:
        self.notes = notes
        self.kept: Snapshot | None = None
        self.broken = broken

    async def load(self) -> Snapshot | None:
        return self.kept

    async def save(self, kept: Snapshot) -> None:
        await asyncio.sleep(0)
        if self.broken:
            self.broken -= 1
            raise OSError("the disk is full")
        self.kept = kept
        self.notes.append(kept)


# ------------------------------------------------------------------ clients at work


async def send_all(
    postiz: Postiz,
    channel: str,
    numbers: Iterable[int],
    *,
    workers: int,
    priority: Priority,
    announced: bool = False,
    answered: set[int] | None = None,
) -> None:
    """Schedule a post for each number, `workers` at once; returns when all are stored.

    The recipe of a careful user: what became of a lost answer is looked up, and then sent again.
    `announced`: it says how many are to come, as a batch does. `answered`: each has an idempotency
    key, and is added to these when its call is answered.
    """
    todo, queue = deque(numbers), opened(postiz).scheduler.queue

    async def worker() -> None:
        while todo:
            if announced:
                queue.expect(-1)
            number = todo.popleft()
            if answered is None:
                await _store(postiz, channel, number, priority)
            else:
                await _store_once(postiz, channel, number, priority)
                answered.add(number)

    if announced:
        queue.announcers += 1
        queue.expect(len(todo))
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    queue.announcers -= announced


async def _store(postiz: Postiz, channel: str, number: int, priority: Priority) -> None:
    post, at = NewPost(channel, f"post {number}"), date_of(number)
    while True:
        try:
            await postiz.posts.schedule(post, at=at, priority=priority)
        except DeliveryUnknownError:
            if await _is_stored(postiz, at):
                return
        else:
            return


async def _store_once(postiz: Postiz, channel: str, number: int, priority: Priority) -> None:
    post, key = NewPost(channel, f"post {number}"), f"key {number}"
    while True:
        try:
            await postiz.posts.schedule(
                post, at=date_of(number), priority=priority, idempotency_key=key
            )
        except DeliveryUnknownError as error:
            await opened(postiz).clock.sleep(error.retry_after or 60)
        else:
            return


async def _is_stored(postiz: Postiz, at: datetime) -> bool:
    while True:
        try:
            listed = await postiz.posts.list(start=at, end=at)
        except ServerError:  # it is deployed, for longer than a call is tried again
            await opened(postiz).clock.sleep(60)
        else:
            return any(post.publish_date == at for post in listed)


async def torn_off(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks; if one failed by itself, so does this."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


# ------------------------------------------------------------------ the world


@dataclass(kw_only=True)
class World:
    """A server, its clock, and one channel of one organisation."""

    sandbox: MemoryServer
    clock: JumpingClock
    channel: str
    dice: random.Random
    creates: int = 0
    """How many posts are to be stored; their numbers are 0, 1, 2 ..."""
    others_sent: int = 0
    others_refused: int = 0
    began: float = 0.0

    # -------------------------------------------------------------- clients

    def network(self, way: Callable[[random.Random], float] = one_way) -> SandboxTransport:
        """A way to the server; `way` draws the seconds there, and those back."""
        return SandboxTransport(self.sandbox, latency=lambda: way(self.dice))

    def client(
        self,
        store: Records | None = None,
        *,
        clock: Clock | None = None,
        reserve: int | None = None,
        transport: Transport | None = None,
    ) -> Postiz:
        """A client of the key, with a network of 0.2 s there and back on average."""
        return Postiz(
            api_key=self.sandbox.organization.api_key,
            base_url="http://sandbox.invalid",
            store=store,
            advanced=AdvancedOptions(
                clock=clock or self.clock, transport=transport or self.network(), reserve=reserve
            ),
        )

    async def work(
        self,
        clients: Sequence[Postiz],
        numbers: Sequence[int],
        *,
        workers: int = 50,
        priority: Priority = Priority.BULK,
        announced: bool = False,
    ) -> None:
        """Share the numbers among open clients; ends when all posts are stored."""
        async with asyncio.TaskGroup() as group:
            for place, postiz in enumerate(clients):
                mine = numbers[place :: len(clients)]
                each = max(1, workers // len(clients))
                work = send_all(
                    postiz, self.channel, mine, workers=each, priority=priority, announced=announced
                )
                group.create_task(work)

    async def work_until(
        self,
        moment: float,
        clients: Sequence[Postiz],
        *,
        kill: Callable[[], None],
        workers: int = 50,
        priority: Priority = Priority.BULK,
        announced: bool = False,
    ) -> bool:
        """Send what is not stored yet; at `moment` of the clock all calls are torn off.

        Says whether the end came before that.
        """
        work = asyncio.create_task(
            self.work(
                clients, self.missing, workers=workers, priority=priority, announced=announced
            )
        )
        alarm = asyncio.create_task(self.clock.sleep_until(moment))
        await asyncio.wait([work, alarm], return_when=asyncio.FIRST_COMPLETED)
        is_done = work.done()
        if not is_done:
            kill()
        await torn_off(work, alarm)
        return is_done

    # -------------------------------------------------------------- others

    async def knock(self) -> bool:
        """A create of somebody else on the same key; says whether it was let in."""
        headers = {"authorization": "sandbox", "content-type": "application/json"}
        request = HttpRequest("POST", "/public/v1/posts", (), headers, b"{}")
        return (await self.sandbox.handle(request)).status != 429

    async def use_up(self, count: int) -> None:
        """So many creates of somebody else."""
        for _ in range(count):
            await self.knock()

    @asynccontextmanager
    async def neighbour(self, moments: Sequence[float]) -> AsyncGenerator[None]:
        """Somebody who creates at these moments of the clock, meanwhile."""

        async def live() -> None:
            for moment in moments:
                await self.clock.sleep_until(moment)
                self.others_sent += 1
                self.others_refused += not await self.knock()

        async with meanwhile(live()):
            yield

    # -------------------------------------------------------------- trouble

    @asynccontextmanager
    async def at(self, moment: float, change: Callable[[], object]) -> AsyncGenerator[None]:
        """Something happens at `moment` of the clock, if the block lasts so long."""

        async def happen() -> None:
            await self.clock.sleep_until(moment)
            change()

        async with meanwhile(happen()):
            yield

    def fault(
        self,
        kind: FaultKind,
        *,
        route: str | None = "create_post",
        times: int | None = None,
        **options: float,
    ) -> None:
        """Something goes wrong from now on, with creates, if nothing else is said."""
        self.sandbox.faults.add(Fault(kind, route=route, times=times, **options))  # type: ignore[arg-type]

    @property
    def throttle(self) -> Throttle:
        return self.sandbox._pipeline._throttle

    def restart_counter(self, limit: int, storage: Storage) -> None:
        """The counter starts anew, as one in the memory of a server's process does."""
        self.count_with(Throttle(limit) if storage == "redis" else MemoryThrottle(limit))

    def count_with(self, throttle: Throttle) -> None:
        """Another counter takes the place of the one that was there."""
        self.sandbox._pipeline._throttle = throttle

    # -------------------------------------------------------------- what came of it

    @property
    def minutes(self) -> list[int]:
        """The numbers of the stored posts, each as often as it is stored, in this order."""
        return [int((post.date - FIRST).total_seconds()) // 60 for post in self.sandbox.posts]

    @property
    def missing(self) -> list[int]:
        return sorted(set(range(self.creates)) - set(self.minutes))

    @property
    def is_exact(self) -> bool:
        """Nothing was lost, nothing doubled."""
        return sorted(self.minutes) == list(range(self.creates))

    @property
    def refusals(self) -> int:
        """Our creates that were refused with 429."""
        return self.sandbox.refusals - self.others_refused

    @property
    def elapsed(self) -> float:
        """Seconds of the clock since the start."""
        return self.clock.monotonic() - self.began


@asynccontextmanager
async def meanwhile(work: Awaitable[None]) -> AsyncGenerator[None]:
    """What goes on beside the block, and ends with it."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        await torn_off(task)


@asynccontextmanager
async def world(
    creates: int, *, limit: int = 30, storage: Storage = "redis", seed: int = 1
) -> AsyncGenerator[World]:
    """A server where so many posts are to be stored."""
    clock, dice = JumpingClock(), random.Random(seed)  # noqa: S311
    sandbox = MemoryServer(clock=clock, limit=limit, work_per_post=0.0, seed=seed)
    async with sandbox:
        channel = sandbox.add_channel("mastodon").id
        made = World(sandbox=sandbox, clock=clock, channel=channel, dice=dice, creates=creates)
        made.restart_counter(limit, storage)
        yield made


# ------------------------------------------------------------------ one client


class Scripted:
    """A transport with a say before each create; `say` may raise or wait."""

    def __init__(self, inner: SandboxTransport) -> None:
        self.say: Callable[[], Awaitable[None]] | None = None
        self._inner = inner

    async def send(self, request: WireRequest) -> WireResponse:
        if request.method == "POST" and self.say is not None:
            await self.say()
        return await self._inner.send(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


OF_JOBS = {"due", "finish", "prepare", "set_aside", "max_retries"}


async def sent(postiz: Postiz, body: PostRequest, **options: object) -> list[Created]:
    """Send a request, also with options that only this package's own jobs have."""
    ours = {name: value for name, value in options.items() if name in OF_JOBS}
    theirs = {name: value for name, value in options.items() if name not in OF_JOBS}
    if not ours:
        return await postiz.posts.send(body, **theirs)  # type: ignore[arg-type]
    call = job_call(postiz.posts, None)
    asked = {"finish": False, "max_retries": None, "priority": None} | theirs | ours
    return await replace(call, **asked).send(await call.check(body))


@dataclass(kw_only=True)
class Lab(World):
    """A world with one client, which is open."""

    postiz: Postiz
    way: Scripted
    left: list[int] = field(default_factory=list)
    """Numbers of the creates in the order in which they were answered."""

    def body(self, number: int, posts: int = 1, channel: str | None = None) -> PostRequest:
        item = PostItem(
            channel=ChannelRef(id=channel or self.channel),
            value=[ContentItem(content=f"post {number}")],
            settings={"__type": "mastodon"},
        )
        return PostRequest(type="schedule", date=format_date(date_of(number)), posts=[item] * posts)

    async def create(self, number: int, *, posts: int = 1, **options: object) -> list[Created]:
        created = await sent(self.postiz, self.body(number, posts), **options)
        self.left.append(number)
        return created

    def start(self, number: int, **options: object) -> asyncio.Task[list[Created]]:
        return asyncio.create_task(self.create(number, **options))

    @property
    def free(self) -> int | None:
        return opened(self.postiz).scheduler.queue.view().remaining


@asynccontextmanager
async def lab(
    *,
    limit: int = 30,
    latency: float = 0.1,
    reserve: int | None = None,
    store: Records | None = None,
    clock: Clock | None = None,
    pacing: Literal["burst", "smooth"] = "burst",
) -> AsyncGenerator[Lab]:
    """A laboratory; `latency` is each way."""
    clock = clock or JumpingClock()
    async with MemoryServer(clock=clock, limit=limit, work_per_post=0.0) as sandbox:
        channel = sandbox.add_channel("mastodon").id
        way = Scripted(SandboxTransport(sandbox, latency=latency))
        client = Postiz(
            api_key=sandbox.organization.api_key,
            base_url="http://sandbox.invalid",
            store=store,
            validate=False,
            advanced=AdvancedOptions(clock=clock, transport=way, reserve=reserve, pacing=pacing),
        )
        async with client as postiz:
            yield Lab(
                sandbox=sandbox,
                clock=clock,  # type: ignore[arg-type]
                channel=channel,
                dice=random.Random(1),  # noqa: S311
                postiz=postiz,
                way=way,
            )
