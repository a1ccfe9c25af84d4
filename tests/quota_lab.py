"""A server with a small quota, a client, and what tests of waiting and sending need."""

from __future__ import annotations

import asyncio
import selectors
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from postiz_async import Postiz
from postiz_async.client import opened
from postiz_async.clock import Clock, JumpingClock
from postiz_async.models.posts import ContentItem, CreatePost, IntegrationRef, PostItem
from postiz_async.sandbox import Fault, HttpRequest, Sandbox
from postiz_async.testing import SandboxTransport
from postiz_async.wire import format_date

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from postiz_async.clock import Timer
    from postiz_async.models.posts import Created
    from postiz_async.quota.snapshot import Snapshot
    from postiz_async.sandbox.faults import FaultKind
    from postiz_async.stores import QuotaStore
    from postiz_async.wire import WireRequest, WireResponse

__all__ = ["Lab", "LoopClock", "NotebookKeeper", "Scripted", "VirtualLoop", "lab"]


@dataclass
class Lab:
    """One organisation and one client of it."""

    sandbox: Sandbox
    clock: Clock
    postiz: Postiz
    channel: str
    way: Scripted
    left: list[int] = field(default_factory=list)
    """Numbers of the creates in the order in which they were answered."""

    def body(self, number: int, posts: int = 1, channel: str | None = None) -> CreatePost:
        item = PostItem(
            integration=IntegrationRef(id=channel or self.channel),
            value=[ContentItem(content=f"post {number}")],
            settings={"__type": "mastodon"},
        )
        date = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
        return CreatePost(type="schedule", date=format_date(date), posts=[item] * posts)

    async def create(self, number: int, *, posts: int = 1, **options: object) -> list[Created]:
        created = await self.postiz.posts.create(self.body(number, posts), **options)  # type: ignore[arg-type]
        self.left.append(number)
        return created

    def start(self, number: int, **options: object) -> asyncio.Task[list[Created]]:
        return asyncio.create_task(self.create(number, **options))

    async def use_up(self, count: int) -> None:
        """Creates of somebody else on the same key."""
        headers = {"authorization": "sandbox", "content-type": "application/json"}
        for _ in range(count):
            request = HttpRequest("POST", "/public/v1/posts", (), headers, b"{}")
            await self.sandbox.handle(request)

    def fault(self, kind: FaultKind, **options: object) -> None:
        self.sandbox.faults.add(Fault(kind, route="create_post", **options))  # type: ignore[arg-type]

    @property
    def minutes(self) -> list[int]:
        """The numbers of the stored creates, one for each post, in the order of storing."""
        start = datetime(2030, 1, 1, tzinfo=UTC)
        return [int((post.date - start).total_seconds()) // 60 for post in self.sandbox.posts]

    @property
    def free(self) -> int | None:
        return opened(self.postiz).scheduler.queue.view().remaining


@asynccontextmanager
async def lab(
    *,
    limit: int = 30,
    latency: float = 0.1,
    reserve: int | None = None,
    store: QuotaStore | None = None,
    clock: Clock | None = None,
    pacing: Literal["burst", "smooth"] = "burst",
) -> AsyncGenerator[Lab]:
    """A laboratory; `latency` is each way."""
    clock = clock or JumpingClock()
    async with Sandbox(clock=clock, limit=limit, work_per_post=0.0) as sandbox:
        channel = sandbox.add_integration("mastodon").id
        way = Scripted(SandboxTransport(sandbox, latency=latency))
        client = Postiz(
            api_key=sandbox.organization.api_key,
            base_url="http://sandbox.invalid",
            clock=clock,
            transport=way,
            reserve=reserve,
            quota=store,
            pacing=pacing,
            validate=False,
        )
        async with client as postiz:
            yield Lab(sandbox, clock, postiz, channel, way)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer when nothing is left to do."""

    def __init__(self) -> None:
        self.now = 0.0
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
            self._loop.now += timeout
        return events


class LoopClock(Clock):
    """The time of the running event loop."""

    def time(self) -> float:
        return 1_800_000_000.0 + self.monotonic()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        return asyncio.get_running_loop().call_at(when, callback)


class NotebookKeeper:
    """A store that writes into a common notebook what it was given."""

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
