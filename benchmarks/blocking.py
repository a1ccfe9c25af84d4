"""What a blocking call costs above an asynchronous one, and 50 threads beside 50 tasks.

Claims: a call costs at most 150 us more than its `await`; threads that call at once do not lock
each other out; closing ends all calls that wait. Baselines in the same run: the same calls awaited,
and the same through anyio's own blocking portal. The server is a transport that answers at once, so
that what is measured is ours. Run: python benchmarks/blocking.py
"""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypedDict

from anyio.from_thread import start_blocking_portal
from figures import Figure, note

from postiz_async import AdvancedOptions, ConfigurationError, NewPost, Postiz, blocking
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

START, END = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)
CALLS, ROUNDS, AT_ONCE, EACH = 100, 30, 50, 100
MOST = 150
"""Microseconds above the await."""

REFUSED = b'{"statusCode":429,"message":"ThrottlerException: Too Many Requests"}'
CHANNELS = (
    b'[{"id":"c","name":"c","identifier":"mastodon","picture":"","disabled":false,"profile":"c"}]'
)


class AtOnce:
    """A server that answers at once: an empty list, or that the window is used up."""

    async def send(self, request: WireRequest) -> WireResponse:
        if request.method == "POST":
            return WireResponse(429, {"retry-after": "3600"}, REFUSED)
        return WireResponse(200, {}, CHANNELS if "integrations" in request.url else b'{"posts":[]}')

    async def aclose(self) -> None:
        """There is nothing to close."""


class Arguments(TypedDict):
    """Those of each client."""

    api_key: str
    base_url: str
    advanced: AdvancedOptions
    store: MemoryStore


def arguments() -> Arguments:
    return {
        "api_key": "key",
        "base_url": "http://localhost:1",
        "advanced": AdvancedOptions(transport=AtOnce(), politeness=None),
        "store": MemoryStore(),
    }


def best(times: list[float]) -> float:
    """Seconds of one call in the best round: what others do on the machine slows the rest."""
    return min(times) / CALLS


async def awaited() -> list[float]:
    times = []
    async with Postiz(**arguments()) as postiz:
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            for _ in range(CALLS):
                await postiz.posts.list(start=START, end=END)
            times.append(time.perf_counter() - begun)
    return times


def timed(call: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(CALLS):
            call()
        times.append(time.perf_counter() - begun)
    return times


def through_anyio() -> list[float]:
    async def listed() -> object:
        return await postiz.posts.list(start=START, end=END)

    with start_blocking_portal() as portal:
        postiz = Postiz(**arguments())
        portal.call(postiz.open)
        try:
            return timed(lambda: portal.call(listed))
        finally:
            portal.call(postiz.aclose)


async def tasks() -> float:
    """Calls a second of 50 tasks."""
    async with Postiz(**arguments()) as postiz:

        async def work() -> None:
            for _ in range(EACH):
                await postiz.posts.list(start=START, end=END)

        begun = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())
        return AT_ONCE * EACH / (time.perf_counter() - begun)


def threads() -> float:
    """Calls a second of 50 threads."""
    with blocking.Postiz(**arguments()) as postiz, ThreadPoolExecutor(AT_ONCE) as pool:

        def work(_: int) -> None:
            for _ in range(EACH):
                len(postiz.posts.list(start=START, end=END))

        begun = time.perf_counter()
        list(pool.map(work, range(AT_ONCE)))
        return AT_ONCE * EACH / (time.perf_counter() - begun)


def ended() -> tuple[int, float]:
    """How many of 50 waiting calls closing ends with an error of ours, and after what time."""
    postiz = blocking.Postiz(**arguments(), validate=False)
    begun = threading.Barrier(AT_ONCE + 1)

    def work(_: int) -> BaseException | None:
        begun.wait()
        return failure(lambda: postiz.posts.draft(NewPost("c", "text"), at=END))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = [pool.submit(work, number) for number in range(AT_ONCE)]
        begun.wait()
        while postiz.quota().queued.interactive < AT_ONCE and not any(m.done() for m in made):
            time.sleep(0.01)
        closing = time.perf_counter()
        postiz.close()
        wait(made)
        seconds = time.perf_counter() - closing
    errors = [each.result() for each in made]
    return sum(isinstance(error, ConfigurationError) for error in errors), seconds


def failure(call: Callable[[], object]) -> BaseException | None:
    try:
        call()
    except BaseException as error:  # noqa: BLE001
        return error
    return None


def main() -> None:
    base = best(asyncio.run(awaited()))
    with blocking.Postiz(**arguments()) as postiz:
        ours = best(timed(lambda: len(postiz.posts.list(start=START, end=END))))
        nothing = best(timed(lambda: postiz.is_open))
    theirs = best(through_anyio())
    print("one call                         us   above the await")
    print(f"  awaited                  {base * 1e6:8.0f}")
    print(f"  blocking                 {ours * 1e6:8.0f}  {(ours - base) * 1e6:+8.0f}")
    print(f"  through anyio's portal   {theirs * 1e6:8.0f}  {(theirs - base) * 1e6:+8.0f}")
    print(f"  a call that does nothing {nothing * 1e6:8.0f}")
    print(f"{AT_ONCE} at once              calls a second")
    print(f"  tasks                    {asyncio.run(tasks()):8,.0f}")
    print(f"  threads                  {threads():8,.0f}")
    count, seconds = ended()
    print(f"closing ended {count} of {AT_ONCE} waiting calls in {seconds * 1e3:.0f} ms")
    one = Figure(
        name="a blocking call",
        value=ours * 1e6,
        unit="us",
        baseline="the same awaited",
        base=base * 1e6,
        compared="above",
        target=MOST,
    )
    portal = Figure(
        name="through anyio's portal",
        value=theirs * 1e6,
        unit="us",
        baseline="the same awaited",
        base=base * 1e6,
        compared="above",
    )
    closed = Figure(
        name=f"of {AT_ONCE} waiting calls, ended by closing",
        value=count,
        unit="calls",
        target=AT_ONCE,
        better="more",
    )
    for figure in (one, portal, closed):
        note(figure)
    print(f"above the await: {one.goal} us; waiting calls that closing ends: {closed.goal}")


if __name__ == "__main__":
    main()
