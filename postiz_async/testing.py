"""A client and a sandbox in one event loop, without sockets.

    async with Sandbox(clock=JumpingClock()) as sandbox, sandbox_client(sandbox) as postiz:
        ...

Tests of programs that use the library take `LocalPostiz`, which has both.
"""

from __future__ import annotations

import hashlib
import math
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from postiz_async._client import Postiz
from postiz_async._sandbox import ConnectionLost, Fault, HttpRequest, Sandbox, UploadedFile
from postiz_async._wire import WireRequest, WireResponse
from postiz_async._wire.endpoints import FilePart
from postiz_async._wire.secrets import Secret
from postiz_async.clock import JumpingClock
from postiz_async.errors import APIConnectionError, APITimeoutError
from postiz_async.models._durations import in_seconds
from postiz_async.models.integrations import Integration

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Literal

    from postiz_async._outbox.tickets import OutboxOptions
    from postiz_async._sandbox import StoredPost
    from postiz_async.stores import QuotaStore

__all__ = [
    "Fault",
    "LocalPostiz",
    "Sandbox",
    "SandboxTransport",
    "WireRequest",
    "WireResponse",
    "sandbox_client",
]

_HEAD = 8192


class SandboxTransport:
    """A transport that calls a sandbox in the same event loop.

    Args:
        sandbox: the server.
        latency: seconds of the sandbox's clock from sending to arrival, and back again.
    """

    def __init__(self, sandbox: Sandbox, *, latency: float | Callable[[], float] = 0.0) -> None:
        self._sandbox = sandbox
        self._latency = latency

    async def send(self, request: WireRequest) -> WireResponse:
        clock = self._sandbox.clock
        arrived = await _arrive(request)
        with clock.move_on_after(math.inf if request.timeout is None else request.timeout):
            await clock.sleep(self._one_way())
            try:
                response = await self._sandbox.handle(arrived)
            except ConnectionLost as cause:
                raise APIConnectionError("The connection to the sandbox broke.") from cause
            await clock.sleep(self._one_way())
            headers = {name.lower(): value for name, value in response.headers}
            return WireResponse(response.status, headers, response.body)
        raise APITimeoutError(
            f"The sandbox did not answer within {in_seconds(request.timeout or 0.0)}."
        )

    def _one_way(self) -> float:
        return self._latency() if callable(self._latency) else self._latency

    async def aclose(self) -> None:
        """There is nothing to close."""


async def _arrive(request: WireRequest) -> HttpRequest:
    """The request as a server sees it."""
    parts = urlsplit(request.url)
    headers = {
        name.lower(): value.reveal() if isinstance(value, Secret) else value
        for name, value in request.headers
    }
    upload: UploadedFile | None = None
    body = b""
    if isinstance(request.body, FilePart):
        upload = await _upload(request.body)
        headers["content-type"] = "multipart/form-data; boundary=in-memory"
    elif isinstance(request.body, Secret):
        body = request.body.reveal().encode()
    elif request.body is not None:
        body = request.body
    query = tuple(parse_qsl(parts.query, keep_blank_values=True))
    return HttpRequest(request.method, parts.path, query, headers, body, upload)


async def _upload(part: FilePart) -> UploadedFile:
    digest, size, head = hashlib.sha256(), 0, b""
    async for chunk in part.open():
        digest.update(chunk)
        size += len(chunk)
        if len(head) < _HEAD:
            head += chunk[: _HEAD - len(head)]
    return UploadedFile("file", part.filename, size, digest.hexdigest(), head)


def sandbox_client(
    sandbox: Sandbox,
    *,
    latency: float | Callable[[], float] = 0.0,
    transport: SandboxTransport | None = None,
    quota: QuotaStore | None = None,
    pacing: Literal["burst", "smooth"] = "burst",
    reserve: int | None = None,
    validate: bool = True,
    outbox: OutboxOptions | Path | str | None = None,
) -> Postiz:
    """A client of the sandbox's first organisation, on the sandbox's clock.

    Clients with one `transport` share the quota, as in one process. One without has a transport of
    its own, with this `latency`, and is as in a process of its own.
    """
    return Postiz(
        api_key=sandbox.organization.api_key,
        base_url="http://sandbox.invalid",
        clock=sandbox.clock,
        transport=transport or SandboxTransport(sandbox, latency=latency),
        quota=quota,
        pacing=pacing,
        reserve=reserve,
        validate=validate,
        outbox=outbox,
    )


class LocalPostiz:
    """A sandbox in memory and clients for it, on a clock that jumps when everybody waits.

    Works in any event loop; the sandbox is started with the first client and ends with the last.

    Args:
        limit: create requests an hour.
        api_key: the key of its organisation.
        release: the server's release, such as `v2.18.0`; `HEAD` is the newest known.
    """

    def __init__(self, *, limit: int = 30, api_key: str = "sandbox", release: str = "HEAD") -> None:
        self.clock: JumpingClock = JumpingClock()
        self.sandbox: Sandbox = Sandbox(
            api_key=api_key, clock=self.clock, limit=limit, release=release
        )
        self._clients = 0
        self._ways: dict[float, SandboxTransport] = {}

    def add_channel(self, provider: str, *, name: str | None = None) -> Integration:
        """Connect a channel.

        Args:
            provider: identifier such as `linkedin`.
            name: what it is called.
        """
        made = self.sandbox.add_integration(provider, name=name)
        return Integration(id=made.id, name=made.name, provider=made.provider)

    @property
    def posts(self) -> Sequence[StoredPost]:
        """The posts that are stored and not deleted, without the parts of their threads."""
        return self.sandbox.posts

    @property
    def refusals(self) -> int:
        """How many requests were answered with 429."""
        return self.sandbox.refusals

    def in_an_hour(self) -> datetime:
        """A moment that posts can be scheduled for."""
        return datetime.fromtimestamp(self.clock.time() + 3600, UTC)

    @asynccontextmanager
    async def client(
        self,
        *,
        latency: float = 0.0,
        quota: QuotaStore | None = None,
        outbox: OutboxOptions | Path | str | None = None,
    ) -> AsyncGenerator[Postiz]:
        """An open client. `latency` is in seconds of the clock, each way.

        Clients of one latency share the quota, as the clients of a process do; with
        `quota=MemoryStore()` a client is as in a process of its own.

        Args:
            latency: seconds on the clock between a request and its answer.
            quota: a store that several clients share; None: they share the quota of the process
                on this clock.
            outbox: the file of `postiz.outbox`; None: there is no outbox.
        """
        async with AsyncExitStack() as stack:
            if not self._clients:
                await self.sandbox.__aenter__()
            self._clients += 1
            stack.push_async_exit(self._left)
            way = self._ways.setdefault(latency, SandboxTransport(self.sandbox, latency=latency))
            client = sandbox_client(self.sandbox, transport=way, quota=quota, outbox=outbox)
            yield await stack.enter_async_context(client)

    async def _left(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clients -= 1
        if not self._clients:
            await self.sandbox.__aexit__(kind, error, trace)
