"""A sandbox over HTTP, from a thread with an event loop of its own."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager, contextmanager
from functools import partial, wraps
from inspect import getmembers_static
from typing import TYPE_CHECKING, Any

from anyio.from_thread import BlockingPortal, start_blocking_portal

from postiz_async._sandbox import MemoryServer
from postiz_async.clock import AcceleratedClock, Anchor, Clock, SystemClock
from postiz_async.models._durations import read_seconds
from postiz_async.testing._controls import Channels, SandboxControls, epoch, fill, names_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterable
    from datetime import datetime, timedelta

    from postiz_async._sandbox import Organization


class SandboxServer(SandboxControls):
    """A sandbox that a thread serves on loopback.

    A client of it is `Postiz(api_key=server.api_key, base_url=server.url)`. Its methods may be
    called from any thread: the work is done in the server's own, between two requests.

    Attributes:
        clock: the server's clock; clients of a server with its own `start` or `speed` need it
            too: `Postiz(..., advanced=AdvancedOptions(clock=server.clock))`.
    """

    def __init__(self, portal: BlockingPortal, server: MemoryServer, url: str) -> None:
        super().__init__(server)
        self.clock: Clock = server.clock
        self._url = url
        self._portal = portal
        self._controls = SandboxControls(server)

    @property
    def url(self) -> str:
        """The `base_url` of its clients."""
        return self._url

    def environment(self, organization: Organization | str | None = None) -> dict[str, str]:
        """The variables by which a client finds the server: `POSTIZ_API_URL`, `POSTIZ_API_KEY`.

        For the command line, `POSTIZ_SANDBOX_CLOCK` too, where the server has a clock of its own.

        Args:
            organization: the organisation, or its name; None: the first one.
        """
        owner = self._portal.call(self._find_organization, organization)
        said = {"POSTIZ_API_URL": self.url, "POSTIZ_API_KEY": owner.api_key}
        is_own = isinstance(self.clock, AcceleratedClock)
        return said | {"POSTIZ_SANDBOX_CLOCK": "1"} if is_own else said


def _in_its_thread(member: Any) -> Any:
    """A method or property of the controls for a server, whose thread does the work."""
    if isinstance(member, property):
        return property(_in_its_thread(member.fget))

    @wraps(member)
    def call(self: SandboxServer, *args: object, **named: object) -> object:
        work = partial(member, self._controls, *args, **named)  # pyright: ignore[reportPrivateUsage]
        return self._portal.call(work)  # pyright: ignore[reportPrivateUsage]

    return call


for _name, _member in getmembers_static(SandboxControls):
    if not _name.startswith("_"):
        setattr(SandboxServer, _name, _in_its_thread(_member))


@contextmanager
def serve_sandbox(
    *,
    limit: int = 30,
    window: float | timedelta = 3600.0,
    api_key: str | None = None,
    release: str = "HEAD",
    start: datetime | None = None,
    speed: float = 1.0,
    channels: Channels = (),
    organizations: Iterable[str] = (),
    tags: Iterable[str] = (),
) -> Generator[SandboxServer]:
    """Serve a sandbox on loopback for the length of a `with` block.

    Args:
        limit: create requests per window.
        window: seconds, or a `timedelta`, that a window and a lock-out last.
        api_key: the key of its first organisation; None: `sandbox`, or one derived from the name
            in `organizations`.
        release: the server's release: `v2.20.0`, `v2.23.0`, `HEAD`, the main branch, which was
            recorded, or `next`, with what was merged or proposed since.
        start: the initial time of its clock; None: the machine's time.
        speed: how many times as fast its clock runs; 1 is the machine's.
        channels: providers of which each organisation has a channel in the beginning; `all`: of
            each that the release knows.
        organizations: names of the organisations, each of which has a key of its own; without any
            there is one.
        tags: names of the tags that each organisation has in the beginning.
    """
    clock, names = _clock(start, speed), names_of(organizations)
    sandbox = MemoryServer(
        api_key=api_key,
        clock=clock,
        limit=limit,
        window=read_seconds("window", window),
        release=release,
        organizations=names,
    )
    fill(SandboxControls(sandbox), channels, tags)
    with (
        start_blocking_portal(name="postiz_sandbox_server") as portal,
        portal.wrap_async_context_manager(_serving(sandbox)) as url,
    ):
        yield SandboxServer(portal, sandbox, url)


def _clock(start: datetime | None, speed: float) -> Clock:
    if start is None and speed == 1:
        return SystemClock()
    now = time.time()
    return AcceleratedClock(speed, anchor=Anchor(now, now if start is None else epoch(start)))


@asynccontextmanager
async def _serving(sandbox: MemoryServer) -> AsyncGenerator[str]:
    from postiz_async._sandbox.http import serve  # noqa: PLC0415  (aiohttp is slow)

    async with sandbox, serve(sandbox) as served:
        yield served.url
