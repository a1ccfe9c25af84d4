"""Bytes to the server and back. The only client module that imports aiohttp."""

from __future__ import annotations

from typing import Protocol

import aiohttp

from postiz_async.endpoints import FilePart
from postiz_async.errors import APIConnectionError, APITimeoutError, Delivery
from postiz_async.wire import WireRequest, WireResponse

__all__ = ["AiohttpTransport", "Transport"]

KEEP_ALIVE = 4.0
"""Seconds after which an idle connection is closed; the server closes its end after 5."""

CONNECT_TIMEOUT = 10.0
"""Seconds to make a connection."""

STALL_TIMEOUT = 60.0
"""Seconds without a byte after which a transfer without a time-out of its own ends."""

MAX_BODY = 64 * 1024 * 1024
"""Bytes of an answer that are read; a longer one is no answer of this API."""


class Transport(Protocol):
    """Sends one request and returns one response. Never retries, never follows a redirect."""

    async def send(self, request: WireRequest) -> WireResponse:
        """Send the request.

        Raises:
            APIConnectionError: no usable answer; `delivery` says whether bytes went out.
            APITimeoutError: the answer did not come in time.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class AiohttpTransport:
    """The real transport. Make it inside the running event loop.

    Args:
        connections: connections kept at most.
    """

    def __init__(self, *, connections: int = 100) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            trust_env=True,
        )

    async def send(self, request: WireRequest) -> WireResponse:
        body = request.body
        data = _multipart(body) if isinstance(body, FilePart) else body
        try:
            async with self._session.request(
                request.method,
                request.url,
                headers=dict(request.headers),
                data=data,
                allow_redirects=False,
                timeout=_timeout(request.timeout),
            ) as response:
                content = await _read(response)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return WireResponse(response.status, headers, content)
        except aiohttp.ConnectionTimeoutError as cause:
            raise APITimeoutError(
                f"No connection to {_host(request)} within {CONNECT_TIMEOUT:g} s.",
                delivery=Delivery.NOT_SENT,
            ) from cause
        except TimeoutError as cause:
            within = f" within {request.timeout:g} s" if request.timeout else ""
            raise APITimeoutError(f"{_host(request)} did not answer{within}.") from cause
        except aiohttp.ClientConnectorError as cause:
            raise APIConnectionError(
                f"No connection to {_host(request)}: {cause.strerror or cause}.",
                delivery=Delivery.NOT_SENT,
            ) from cause
        except aiohttp.InvalidURL as cause:
            raise APIConnectionError(
                f"{_host(request)} is not a server name.", delivery=Delivery.NOT_SENT
            ) from cause
        except (aiohttp.ClientError, OSError, ValueError) as cause:
            raise APIConnectionError(
                f"The connection to {_host(request)} broke before the answer: "
                f"{type(cause).__name__}."
            ) from cause

    async def aclose(self) -> None:
        await self._session.close()


def _timeout(total: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=total,
        connect=None,
        sock_connect=CONNECT_TIMEOUT,
        sock_read=STALL_TIMEOUT if total is None else None,
    )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(1 << 16):
        size += len(chunk)
        if size > MAX_BODY:
            response.close()
            raise aiohttp.ClientPayloadError("the answer is too large")
        chunks.append(chunk)
    return b"".join(chunks)


def _multipart(part: FilePart) -> aiohttp.MultipartWriter:
    writer = aiohttp.MultipartWriter("form-data")
    payload = aiohttp.payload.AsyncIterablePayload(part.open(), content_type=part.content_type)
    payload.set_content_disposition("form-data", name="file", filename=part.filename)
    writer.append_payload(payload)
    return writer


def _host(request: WireRequest) -> str:
    scheme, _, rest = request.url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
