"""A client and a sandbox in one event loop, without sockets between them."""

from __future__ import annotations

import math
from contextlib import aclosing
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, urlsplit

from postiz_async._client import Postiz
from postiz_async._concurrency import STORE_RATE, stalled
from postiz_async._sandbox import (
    ConnectionLost,
    HttpRequest,
    MemoryServer,
    Organization,
    UploadedFile,
)
from postiz_async._sandbox.messages import UploadReader
from postiz_async._settings import AdvancedOptions
from postiz_async._wire import WireRequest, WireResponse
from postiz_async._wire.endpoints import FilePart
from postiz_async._wire.secrets import Secret
from postiz_async.errors import APIConnectionError, APITimeoutError, UploadError
from postiz_async.models._durations import in_seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from postiz_async._outbox.tickets import OutboxOptions
    from postiz_async._transport import Transport
    from postiz_async.clock import Clock
    from postiz_async.stores import Records


SANDBOX_URL = "http://sandbox.invalid"
"""The base URL of clients of a sandbox; nothing is sent to it."""


class SandboxTransport:
    """A transport that calls a sandbox in the same event loop.

    Args:
        sandbox: the server.
        latency: seconds of the sandbox's clock from sending to arrival, and back again.
    """

    def __init__(
        self, sandbox: MemoryServer, *, latency: float | Callable[[], float] = 0.0
    ) -> None:
        self._sandbox = sandbox
        self._latency = latency

    async def send(self, request: WireRequest) -> WireResponse:
        """Bring a request to the sandbox and wait for its answer.

        Args:
            request: what a client sends.

        Raises:
            APIConnectionError: a fault broke the connection, or it is too late to send.
            APITimeoutError: there was no answer in time, on the sandbox's clock.
        """
        clock = self._sandbox.clock
        arrived = await _arrive(request, clock)
        if request.leaves is not None:
            request.leaves()
        timeout = math.inf if request.timeout is None else request.timeout
        late: APITimeoutError | UploadError = APITimeoutError(
            f"The sandbox did not answer within {in_seconds(timeout)}."
        )
        if isinstance(request.body, FilePart) and isinstance(arrived.file, UploadedFile):
            patience = request.body.stall_timeout + arrived.file.size / STORE_RATE
            if patience < timeout:
                timeout = patience
                late = stalled("answer", "The sandbox", patience, arrived.file.size)
        with clock.move_on_after(timeout):
            await clock.sleep(self._one_way())
            try:
                response = await self._sandbox.handle(arrived)
            except ConnectionLost as cause:
                raise APIConnectionError("The connection to the sandbox broke.") from cause
            await clock.sleep(self._one_way())
            headers = {name.lower(): value for name, value in response.headers}
            return WireResponse(response.status, headers, response.body)
        raise late

    def _one_way(self) -> float:
        return self._latency() if callable(self._latency) else self._latency

    async def aclose(self) -> None:
        """Do nothing: no connection is open."""


async def _arrive(request: WireRequest, clock: Clock) -> HttpRequest:
    """The request as a server sees it."""
    parts = urlsplit(request.url)
    headers = {
        name.lower(): value.reveal() if isinstance(value, Secret) else value
        for name, value in request.headers
    }
    upload: UploadedFile | None = None
    body = b""
    if isinstance(request.body, FilePart):
        upload = await _upload(request.body, clock)
        headers["content-type"] = "multipart/form-data; boundary=in-memory"
    elif isinstance(request.body, Secret):
        body = request.body.reveal().encode()
    elif request.body is not None:
        body = request.body
    query = tuple(parse_qsl(parts.query, keep_blank_values=True))
    return HttpRequest(request.method, parts.path, query, headers, body, upload)


async def _upload(part: FilePart, clock: Clock) -> UploadedFile:
    reader, moved_at = UploadReader(), clock.monotonic()
    async with aclosing(part.open()) as chunks:
        async for chunk in chunks:
            if clock.monotonic() - moved_at > part.stall_timeout:
                raise stalled("source", "The sandbox", part.stall_timeout, reader.size)
            moved_at = clock.monotonic()
            reader.add(chunk)
    return reader.file("file", part.filename)


def sandbox_client(
    sandbox: MemoryServer,
    *,
    latency: float | Callable[[], float] = 0.0,
    transport: Transport | None = None,
    store: Records | Path | str | None = None,
    pacing: Literal["burst", "smooth"] = "burst",
    reserve: int | None = None,
    validate: bool = True,
    outbox: OutboxOptions | Path | str | None = None,
    organization: Organization | None = None,
) -> Postiz:
    """A client of the sandbox, on the sandbox's clock; open it with `async with`.

    Clients with one `transport` share the quota, as in one process. One without has a transport of
    its own, with this `latency`, and is as in a process of its own.

    Args:
        sandbox: the server.
        latency: seconds of the clock from sending to arrival, and back again.
        transport: the way to the sandbox that several clients share.
        store: a store that several clients share, or the path of a file.
        pacing: `burst` sends what the window allows at once, `smooth` spreads it.
        reserve: slots of a window that bulk work leaves to interactive calls.
        validate: whether posts are checked before they are sent.
        outbox: the file of `postiz.outbox`; None: it is in the file of `store`, if any.
        organization: the organisation whose key the client has; None: the first one.
    """
    return Postiz(
        api_key=(organization or sandbox.organization).api_key,
        base_url=SANDBOX_URL,
        store=store,
        validate=validate,
        outbox=outbox,
        advanced=AdvancedOptions(
            pacing=pacing,
            reserve=reserve,
            clock=sandbox.clock,
            transport=transport or SandboxTransport(sandbox, latency=latency),
        ),
    )
