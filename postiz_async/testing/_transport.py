"""A client and a sandbox in one event loop, without sockets between them."""

from __future__ import annotations

import math
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING
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
    from typing import Unpack

    from postiz_async._transport import Transport
    from postiz_async.clock import Clock
    from postiz_async.testing._options import ClientOptions


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
    server: MemoryServer,
    *,
    transport: Transport | None = None,
    organization: Organization | None = None,
    latency: float | Callable[[], float] = 0.0,
    **options: Unpack[ClientOptions],
) -> Postiz:
    """A client of a server in memory, on its clock; open it with `async with`.

    Clients with one `transport` share the quota, as in one process. One without has a transport of
    its own, with this `latency`, and is as in a process of its own.

    Args:
        server: the server.
        transport: the transport that several clients share.
        organization: the organisation whose key the client has; None: the first one.
        latency: seconds of the clock from sending to arrival, and back again.
        options: of `Postiz`.
    """
    usual: ClientOptions = {
        "api_key": (organization or server.organization).api_key,
        "base_url": SANDBOX_URL,
    }
    transport = transport or SandboxTransport(server, latency=latency)
    options["advanced"] = advanced_for(server, transport, options.get("advanced"))
    return Postiz(**(usual | options))


def advanced_for(
    server: MemoryServer, transport: Transport, given: AdvancedOptions | None
) -> AdvancedOptions:
    """Advanced options with a server's clock and this transport, unless others are given."""
    given = given or AdvancedOptions()
    return replace(given, clock=given.clock or server.clock, transport=given.transport or transport)
