"""A client and a sandbox in one event loop, without sockets.

async with Sandbox(clock=JumpingClock()) as sandbox, sandbox_client(sandbox) as postiz:
...
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from postiz_async.client import Postiz
from postiz_async.endpoints import FilePart
from postiz_async.errors import APIConnectionError, APITimeoutError
from postiz_async.sandbox import ConnectionLost, Request, UploadedFile
from postiz_async.wire import WireRequest, WireResponse

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from postiz_async.sandbox import Sandbox
    from postiz_async.stores import QuotaStore

__all__ = ["SandboxTransport", "sandbox_client"]

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
        with clock.move_on_after(request.timeout or float("inf")):
            await clock.sleep(self._one_way())
            try:
                response = await self._sandbox.handle(arrived)
            except ConnectionLost as cause:
                raise APIConnectionError("The connection to the sandbox broke.") from cause
            await clock.sleep(self._one_way())
            headers = {name.lower(): value for name, value in response.headers}
            return WireResponse(response.status, headers, response.body)
        raise APITimeoutError(f"The sandbox did not answer within {request.timeout:g} s.")

    def _one_way(self) -> float:
        return self._latency() if callable(self._latency) else self._latency

    async def aclose(self) -> None:
        """There is nothing to close."""


async def _arrive(request: WireRequest) -> Request:
    """The request as a server sees it."""
    parts = urlsplit(request.url)
    headers = {name.lower(): value for name, value in request.headers}
    upload: UploadedFile | None = None
    body = b""
    if isinstance(request.body, FilePart):
        upload = await _upload(request.body)
        headers["content-type"] = "multipart/form-data; boundary=in-memory"
    elif request.body is not None:
        body = request.body
    query = tuple(parse_qsl(parts.query, keep_blank_values=True))
    return Request(request.method, parts.path, query, headers, body, upload)


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
    quota_store: QuotaStore | None = None,
    pacing: Literal["burst", "smooth"] = "burst",
    reserve: int | None = None,
) -> Postiz:
    """A client of the sandbox's first organisation, on the sandbox's clock."""
    return Postiz(
        api_key=sandbox.organization.api_key,
        base_url="http://sandbox.invalid",
        clock=sandbox.clock,
        transport=SandboxTransport(sandbox, latency=latency),
        quota_store=quota_store,
        pacing=pacing,
        reserve=reserve,
    )
