"""A sandbox in the event loop of a test."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from postiz_async._pool import PostizPool
from postiz_async._sandbox import Sandbox
from postiz_async.clock import JumpingClock
from postiz_async.testing._controls import Channels, SandboxControls, epoch, fill, names_of
from postiz_async.testing._transport import SANDBOX_URL, SandboxTransport, sandbox_client

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from postiz_async._client import Postiz
    from postiz_async._outbox.tickets import OutboxOptions
    from postiz_async._sandbox import Organization
    from postiz_async.stores import Records


T = TypeVar("T")


class LocalPostiz(SandboxControls):
    """A sandbox in memory and clients for it, on a clock that jumps when everybody waits.

    Works in any event loop of asyncio; the sandbox is started with the first client and ends with
    the last.

    Args:
        limit: create requests an hour.
        api_key: the key of its first organisation; None: `sandbox`, or one derived from the name
            in `organizations`.
        release: the server's release, such as `v2.18.0`; `HEAD` is the newest that was recorded,
            `next` has what was merged since.
        start: the initial time of its clock, such as `datetime.now(UTC)`; None: 08:00 UTC on 15
            January 2027, the same day whenever the test runs.
        channels: providers of which each organisation has a channel in the beginning; `all`: of
            each that the release knows.
        organizations: names of the organisations, each of which has a key of its own; without any
            there is one.
        tags: names of the tags that each organisation has in the beginning.

    Attributes:
        clock: the clock of client and server; `await clock.sleep(3600)` lets an hour pass at
            once, with all that happens in it.
        sandbox: the server.
    """

    def __init__(
        self,
        *,
        limit: int = 30,
        api_key: str | None = None,
        release: str = "HEAD",
        start: datetime | None = None,
        channels: Channels = (),
        organizations: Iterable[str] = (),
        tags: Iterable[str] = (),
    ) -> None:
        self.clock: JumpingClock = JumpingClock() if start is None else JumpingClock(epoch(start))
        names = names_of(organizations)
        self.sandbox: Sandbox = Sandbox(
            api_key=api_key, clock=self.clock, limit=limit, release=release, organizations=names
        )
        fill(self.sandbox, channels, tags)
        self._clients = 0
        self._ways: dict[float, SandboxTransport] = {}

    def apply(self, work: Callable[[Sandbox], T]) -> T:
        return work(self.sandbox)

    @asynccontextmanager
    async def client(
        self,
        organization: Organization | str | None = None,
        *,
        latency: float = 0.0,
        store: Records | Path | str | None = None,
        outbox: OutboxOptions | Path | str | None = None,
    ) -> AsyncGenerator[Postiz]:
        """An open client. `latency` is in seconds of the clock, each way.

        Clients of one latency share the quota, as the clients of a process do; with
        `store=MemoryStore()` a client is as in a process of its own.

        Args:
            organization: the organisation of the client, or its name; None: the first one.
            latency: seconds on the clock between a request and its answer.
            store: a store that several clients share, or the path of a file, which has an outbox
                too; None: they share the quota of the process on this clock.
            outbox: the file of `postiz.outbox`; None: it is in the file of `store`, if any.
        """
        owner = self.sandbox.find_organization(organization)
        async with AsyncExitStack() as stack:
            way = await self._way(stack, latency)
            client = sandbox_client(
                self.sandbox, transport=way, store=store, outbox=outbox, organization=owner
            )
            yield await stack.enter_async_context(client)

    @asynccontextmanager
    async def pool(
        self, *, latency: float = 0.0, store: Records | None = None
    ) -> AsyncGenerator[PostizPool]:
        """An open pool; the keys for its clients are those of `sandbox.organizations`.

        It has no outbox: that of a pool is in PostgreSQL, whose clock does not jump.

        Args:
            latency: seconds on the clock between a request and its answer.
            store: a store that several pools share; None: the quotas are this pool's.
        """
        async with AsyncExitStack() as stack:
            way = await self._way(stack, latency)
            pool = PostizPool(base_url=SANDBOX_URL, clock=self.clock, transport=way, store=store)
            yield await stack.enter_async_context(pool)

    async def _way(self, stack: AsyncExitStack, latency: float) -> SandboxTransport:
        """The transport to the sandbox, which runs as long as one of these stacks is open."""
        if not self._clients:
            await self.sandbox.__aenter__()
        self._clients += 1
        stack.push_async_exit(self._left)
        return self._ways.setdefault(latency, SandboxTransport(self.sandbox, latency=latency))

    async def _left(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._clients -= 1
        if not self._clients:
            await self.sandbox.__aexit__(kind, error, trace)
