"""A sandbox in the event loop of a test."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from postiz_async._pool import PostizPool
from postiz_async._sandbox import MemoryServer
from postiz_async.clock import JumpingClock
from postiz_async.models._durations import read_seconds
from postiz_async.testing._controls import Channels, SandboxControls, epoch, fill, names_of
from postiz_async.testing._transport import (
    SANDBOX_URL,
    SandboxTransport,
    advanced_for,
    sandbox_client,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable
    from datetime import datetime, timedelta
    from typing import Self, Unpack

    from postiz_async._client import Postiz
    from postiz_async._sandbox import Organization
    from postiz_async._transport import Transport
    from postiz_async.testing._options import ClientOptions, PoolOptions


class Sandbox(SandboxControls):
    """A sandbox in memory and clients for it, on a clock that jumps when everybody waits.

    Works in any event loop of asyncio. When the last of its clients closes, requests that still
    hang end; `async with` it as well if you make clients yourself.

    Args:
        limit: create requests an hour.
        api_key: the key of its first organisation; None: `sandbox`, or one derived from the name
            in `organizations`.
        release: the server's release: `v2.20.0`, `v2.23.0`, `HEAD`, the main branch, which was
            recorded, or `next`, with what was merged or proposed since.
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
        server = MemoryServer(
            api_key=api_key, clock=self.clock, limit=limit, release=release, organizations=names
        )
        super().__init__(server)
        fill(self, channels, tags)
        self._users = 0
        self._transports: dict[float, Transport] = {}

    async def __aenter__(self) -> Self:
        self._users += 1
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._users -= 1
        if not self._users:
            await self._server.__aexit__(kind, error, trace)

    @property
    def url(self) -> str:
        """The `base_url` of its clients."""
        return SANDBOX_URL

    @asynccontextmanager
    async def client(
        self,
        organization: Organization | str | None = None,
        *,
        latency: float | timedelta = 0.0,
        **options: Unpack[ClientOptions],
    ) -> AsyncGenerator[Postiz]:
        """An open client.

        Clients of one latency share the quota, as the clients of a process do; with
        `store=MemoryStore()` a client is as in a process of its own.

        Args:
            organization: the organisation of the client, or its name; None: the first one.
            latency: time on the clock from sending a request to its arrival, and back again.
            options: those of `Postiz`. Key, URL, clock and transport are the sandbox's, unless
                you give others.
        """
        owner = self._find_organization(organization)
        transport = self.transport(latency=latency)
        client = sandbox_client(self._server, transport=transport, organization=owner, **options)
        async with self, client:
            yield client

    @asynccontextmanager
    async def pool(
        self, *, latency: float | timedelta = 0.0, **options: Unpack[PoolOptions]
    ) -> AsyncGenerator[PostizPool]:
        """An open pool; the keys for its clients are those of `organizations`.

        Args:
            latency: time on the clock from sending a request to its arrival, and back again.
            options: those of `PostizPool`. URL, clock and transport are the sandbox's, unless you
                give others. An outbox would be in PostgreSQL, whose clock does not jump.
        """
        usual: PoolOptions = {"base_url": self.url}
        transport = self.transport(latency=latency)
        options["advanced"] = advanced_for(self._server, transport, options.get("advanced"))
        async with self, PostizPool(**(usual | options)) as pool:
            yield pool

    def transport(self, *, latency: float | timedelta = 0.0) -> Transport:
        """A transport to the sandbox, for a client that you make yourself.

        The client needs the sandbox's clock, too:
        `Postiz(..., base_url=sandbox.url, advanced=AdvancedOptions(clock=..., transport=...))`.

        Args:
            latency: time on the clock between a request and its answer.
        """
        seconds = read_seconds("latency", latency, zero=True)
        return self._transports.setdefault(seconds, SandboxTransport(self._server, latency=seconds))
