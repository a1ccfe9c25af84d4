"""Plays one run of this client in virtual time, in the world of the tests."""

from __future__ import annotations

import asyncio
import itertools
import math
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

from quota_scenes import CRASHES, LATE, Result, best_of, blocked_seconds, fate_of, patience, stream

# after quota_scenes, which knows the way to the tests
from world import (
    HOUR,
    DriftingClock,
    Mortal,
    date_of,
    meanwhile,
    optimum,
    send_all,
    torn_off,
    world,
)
from world_troubles import (
    DelayedStore,
    Gateway,
    NappingClock,
    NappingTransport,
    StandingTransport,
    window_end,
)

from postiz_async import AdvancedOptions, NewPost, PostizPool, Priority
from postiz_async._sandbox.throttle import Throttle
from postiz_async.stores.memory import MemoryStore

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Coroutine, Iterator

    from quota_scenes import Fate, Scene
    from world import World

    from postiz_async import Postiz
    from postiz_async._sandbox.throttle import ThrottleDecision
    from postiz_async.stores import Records


def play(scene: Scene, seed: int) -> Result:
    """This client, whoever else takes part, and what goes wrong."""
    return asyncio.run(_play(scene, seed))


async def _play(scene: Scene, seed: int) -> Result:
    async with world(scene.creates, limit=scene.limit, storage=scene.storage, seed=seed) as it:
        await it.use_up(scene.used)
        if scene.used:
            await it.clock.sleep(600)
        it.began = it.clock.monotonic()
        return await _Run(it, scene, seed).to_its_end()


# ------------------------------------------------------------------ others


class _Others:
    """Clients that we cannot see."""

    def __init__(self, it: World, *, rude: bool) -> None:
        self.calls = 0
        self.refused = 0
        self._it = it
        self._rude = rude

    async def come(self, moments: list[float]) -> None:
        """Each calls at its moment; it ends when all were let in or gave up."""
        async with asyncio.TaskGroup() as group:
            for moment in moments:
                await self._it.clock.sleep_until(self._it.began + moment)
                group.create_task(self._call())

    async def _call(self) -> None:
        self.calls += 1
        if await self._knock():
            return
        self.refused += 1
        while self._rude:
            await self._it.clock.sleep(60)
            if await self._knock():
                return

    async def _knock(self) -> bool:
        let_in = await self._it.knock()
        self._it.others_refused += not let_in
        return let_in


class _People:
    """Interactive calls of our own process."""

    def __init__(self, it: World) -> None:
        self.waits: list[float] = []
        """Seconds; infinity while the call is under way, and for ever if it failed."""
        self._it = it
        self._closed = False

    async def come(self, postiz: Postiz, moments: list[float]) -> None:
        """Call at moments from the start on."""
        async with asyncio.TaskGroup() as group:
            for moment in moments:
                await self._it.clock.sleep_until(self._it.began + moment)
                group.create_task(self._call(postiz))

    async def come_at_window_ends(self, postiz: Postiz, count: int, dice: random.Random) -> None:
        """Call so often within the last `LATE` seconds of each window of the server."""
        clock = self._it.clock
        async with asyncio.TaskGroup() as group:
            while True:
                end = window_end(self._it.throttle)
                if end is None or end - LATE <= clock.monotonic():
                    await clock.sleep(5)
                    continue
                for before in sorted((dice.uniform(2, LATE) for _ in range(count)), reverse=True):
                    await clock.sleep_until(end - before)
                    group.create_task(self._call(postiz))
                await clock.sleep_until(end)

    async def _call(self, postiz: Postiz) -> None:
        if self._closed:
            return
        before, place = self._it.clock.monotonic(), len(self.waits)
        self.waits.append(math.inf)
        post = NewPost(self._it.channel, f"urgent post {place}")
        await postiz.posts.schedule(post, at=date_of(1_000_000 + place))
        self.waits[place] = self._it.clock.monotonic() - before

    async def close(self) -> None:
        """No call comes any more; those under way have two hours."""
        self._closed = True
        clock, until = self._it.clock, self._it.clock.monotonic() + 2 * HOUR
        while math.inf in self.waits and clock.monotonic() < until:
            await clock.sleep(10)


# ------------------------------------------------------------------ one run


class _Run:
    """One run: the lives of our process, one after another, beside all that happens."""

    def __init__(self, it: World, scene: Scene, seed: int) -> None:
        self.it = it
        self.scene = scene
        self.fate: Fate = fate_of(scene, seed)
        self.best = best_of(scene, self.fate)
        self.others = _Others(it, rude=scene.rude)
        self.people = _People(it)
        self._lives = stream(seed, "lives")
        self._odds = stream(seed, "odds")
        self._store = MemoryStore()
        self._gateway = Gateway(
            it.clock,
            most=scene.a_minute,
            outages=[(it.began + start, length) for start, length in self.fate.deploys],
            pages=scene.pages,
        )
        self._result: Result | None = None

    async def to_its_end(self) -> Result:
        async with AsyncExitStack() as stack:
            self._set_up()
            for work in (
                self.others.come(self.fate.others),
                *(self._at(moment, change) for moment, change in self._changes()),
            ):
                await stack.enter_async_context(meanwhile(work))
            if self.scene.wall_step:
                await stack.enter_async_context(meanwhile(self._step_the_wall()))
            for end in self._ends():
                if await self._live(end):
                    break
                await self.it.clock.sleep(self._lives.uniform(2, 8))
        return self._result or self._judged(is_done=False)

    def _judged(self, *, is_done: bool) -> Result:
        it = self.it
        refused = [create.at for create in it.sandbox.creates if create.status == 429]
        return Result(
            self.best,
            it.elapsed if is_done else None,
            it.refusals,
            blocked_seconds(refused, it.clock.monotonic(), self.scene.window),
            self.people.waits,
            self.others.calls,
            self.others.refused,
            len(it.minutes) - len(set(it.minutes)),
        )

    # -------------------------------------------------------------- trouble

    def _set_up(self) -> None:
        it, scene = self.it, self.scene
        if scene.counter:
            it.count_with(scene.counter(self._odds))
        if scene.lost:
            it.fault("drop_answer", probability=scene.lost / 2)
            it.fault("reset", probability=scene.lost / 2)
        if scene.stripped:
            it.fault("strip_headers")

    def _changes(self) -> Iterator[tuple[float, Callable[[], None]]]:
        """What happens to the server, and when."""
        it, scene = self.it, self.scene
        for moment, limit in self.fate.limits:
            yield moment, partial(self._limit, limit)
        for moment in self.fate.server_restarts:
            yield moment, partial(it.restart_counter, scene.limit, scene.storage)

    def _limit(self, limit: int) -> None:
        self.it.throttle.limit = limit

    async def _at(self, moment: float, change: Callable[[], None]) -> None:
        await self.it.clock.sleep_until(self.it.began + moment)
        change()

    async def _step_the_wall(self) -> None:
        for step in itertools.cycle((self.scene.wall_step, -self.scene.wall_step)):
            await self.it.clock.sleep(1700)
            self.it.clock.step_wall(step)

    # -------------------------------------------------------------- our process

    def _ends(self) -> Iterator[float]:
        """When the lives end, in seconds from the start; the last one with our patience."""
        last = patience(self.best)
        yield from self.scene.restarts
        if self.scene.crash_loop:
            yield from (CRASHES * life for life in range(1, int(last / CRASHES)))
        yield last

    async def _live(self, end: float) -> bool:
        """One life; says whether all came to its end."""
        it, scene = self.it, self.scene
        hold = Mortal(self._slow_store())
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(self._client(hold if scene.shares else None, place))
                for place in range(scene.processes)
            ]
            if scene.learnt is not None:
                await self._learn(clients[0], scene.learnt)
            for work in self._visits(clients[0]):
                await stack.enter_async_context(meanwhile(work))
            is_done = await it.work_until(
                it.began + end,
                clients,
                kill=hold.kill,
                workers=scene.workers,
                announced=len(clients) == 1,  # it knows what is to come, as a campaign does
            )
            if is_done:
                self._result = self._judged(is_done=True)
                await self.people.close()
        return is_done

    def _visits(self, postiz: Postiz) -> Iterator[Coroutine[None, None, None]]:
        if self.scene.interactive:
            yield self.people.come(postiz, self.fate.interactive)
        if count := self.scene.at_window_ends:
            yield self.people.come_at_window_ends(postiz, count, self._odds)

    def _client(self, store: Records | None, place: int) -> Postiz:
        it, scene = self.it, self.scene
        network = self._gateway.before(it.network(scene.way))
        if scene.stands_still and place == scene.processes - 1:
            stops = [(it.began + start, length) for start, length in self.fate.stops]
            clock = NappingClock(it.clock, stops, stands_still=False)
            standing = StandingTransport(network, clock)
            return it.client(store, clock=clock, reserve=scene.reserve, transport=standing)
        if scene.naps:
            clock = NappingClock(it.clock, self.fate.naps, stands_still=scene.naps == "stops")
            transport = NappingTransport(network, clock)
            return it.client(store, clock=clock, reserve=scene.reserve, transport=transport)
        drifting = None
        if scene.drift or scene.wall_ahead:
            drifting = DriftingClock(it.clock, scene.drift, ahead=scene.wall_ahead)
        return it.client(store, clock=drifting, reserve=scene.reserve, transport=network)

    def _slow_store(self) -> Records:
        delay = self.scene.store_delay
        if delay is None:
            return self._store
        return DelayedStore(self._store, self.it.clock, lambda: delay(self._odds))

    async def _learn(self, postiz: Postiz, limit: int) -> None:
        """The client meets another limit than it will find two hours later."""
        it = self.it
        it.throttle.limit = limit
        await postiz.posts.schedule(NewPost(it.channel, "long ago"), at=date_of(2_000_000))
        await it.clock.sleep(2 * HOUR)
        it.throttle.limit = self.scene.limit
        it.began = it.clock.monotonic()


# ------------------------------------------------------------------ a pool


def play_pool(scene: Scene, seed: int) -> Result:
    """Two organisations of one pool: the work of one crashes all the time, the other is judged."""
    return asyncio.run(_play_pool(scene, seed))


async def _play_pool(scene: Scene, seed: int) -> Result:
    best = optimum(scene.creates, scene.limit)
    async with world(scene.creates, limit=scene.limit, storage=scene.storage, seed=seed) as it:
        other = it.sandbox.add_organization(api_key="other")
        channel = it.sandbox.add_channel("mastodon", organization=other).id
        async with PostizPool(
            base_url="http://sandbox.invalid",
            connections=10,
            advanced=AdvancedOptions(clock=it.clock, transport=it.network()),
        ) as pool:
            job = send_all(
                await pool.client(other.api_key),
                channel,
                range(scene.creates, 2 * scene.creates),
                workers=scene.workers,
                priority=Priority.BULK,
                announced=True,
            )
            async with meanwhile(_crash_loop(it, pool, patience(best))):
                work = asyncio.create_task(job)
                alarm = asyncio.create_task(it.clock.sleep_until(patience(best)))
                await asyncio.wait([work, alarm], return_when=asyncio.FIRST_COMPLETED)
                is_done, makespan = work.done(), it.elapsed
                await torn_off(work, alarm)
        refused = [create.at for create in it.sandbox.creates if create.status == 429]
        return Result(
            best,
            makespan if is_done else None,
            it.refusals,
            blocked_seconds(refused, makespan),
            doubled=len(it.minutes) - len(set(it.minutes)),
        )


async def _crash_loop(it: World, pool: PostizPool, until: float) -> None:
    """The first organisation's work and its client end each `CRASHES` seconds and begin again."""
    for life in range(1, int(until / CRASHES)):
        postiz = await pool.client(it.sandbox.organization.api_key)
        if await it.work_until(CRASHES * life, [postiz], kill=lambda: None, announced=True):
            return
        await postiz.aclose()
        await it.clock.sleep(5)


# ------------------------------------------------------------------ killed with calls in flight


class _DeadlyThrottle(Throttle):
    """Does something at the eighth request of each window, before its answer leaves."""

    kill: Callable[[], object]

    def hit(self, key: str, now: float) -> ThrottleDecision:
        decision = super().hit(key, now)
        if dict(decision.headers).get("X-RateLimit-Remaining") == str(self.limit - 8):
            self.kill()
        return decision


def play_killed(scene: Scene, seed: int) -> Result:
    """Calls with idempotency keys.

    The process is killed each `CRASHES` seconds, and amidst the first calls of each window.
    """
    return asyncio.run(_play_killed(scene, seed))


async def _play_killed(scene: Scene, seed: int) -> Result:
    best, lives = optimum(scene.creates, scene.limit), stream(seed, "lives")
    answered, everything = set[int](), range(scene.creates)
    async with world(scene.creates, limit=scene.limit, storage=scene.storage, seed=seed) as it:
        store, throttle, makespan = MemoryStore(), _DeadlyThrottle(scene.limit), math.inf
        it.count_with(throttle)
        for life in range(1, int(patience(best) / CRASHES)):
            hold = Mortal(store)
            async with it.client(hold) as postiz:
                work = asyncio.ensure_future(
                    send_all(
                        postiz,
                        it.channel,
                        [number for number in everything if number not in answered],
                        workers=scene.workers,
                        priority=Priority.BULK,
                        announced=True,
                        answered=answered,
                    )
                )
                alarm = asyncio.ensure_future(it.clock.sleep_until(it.began + CRASHES * life))
                throttle.kill = alarm.cancel
                await asyncio.wait([work, alarm], return_when=asyncio.FIRST_COMPLETED)
                makespan = it.elapsed
                if work.done():
                    break
                hold.kill()
                await torn_off(work, alarm)
            await it.clock.sleep(lives.uniform(2, 8))
        refused = [create.at for create in it.sandbox.creates if create.status == 429]
        return Result(
            best,
            makespan if len(answered) == scene.creates else None,
            it.refusals,
            blocked_seconds(refused, it.elapsed),
            doubled=len(it.minutes) - len(set(it.minutes)),
        )
