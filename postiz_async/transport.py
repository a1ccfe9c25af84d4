"""Bytes to the server and back. The only client module that imports aiohttp."""

from __future__ import annotations

import socket
import ssl
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from postiz_async.durations import in_seconds
from postiz_async.endpoints import FilePart
from postiz_async.errors import (
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    Delivery,
    UploadError,
)
from postiz_async.stalls import Watch
from postiz_async.wire import WireRequest, WireResponse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from aiohttp.abc import AbstractStreamWriter

__all__ = ["AiohttpTransport", "Fetched", "Transport", "fetch"]

KEEP_ALIVE = 4.0
"""Seconds after which an idle connection is closed; the server closes its end after 5."""

CONNECT_TIMEOUT = 10.0
"""Seconds to make a connection."""

STALL_TIMEOUT = 60.0
"""Seconds without a byte after which an answer without a time-out of its own ends."""

PIECE = 64 * 1024
"""Bytes of an upload that are handed over at a time."""


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

    Proxies are taken from the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY) when it is made;
    a password for the server in a .netrc file is not, because the API key takes its place.

    Args:
        connections: connections kept at most.
        speed: how many times as fast as the machine's the clock runs that time-outs are meant on.
    """

    def __init__(self, *, connections: int = 100, speed: float = 1.0) -> None:
        self._speed = speed
        self._proxies = _proxies()
        self._routes: dict[tuple[str, str], str | None] = {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            middlewares=(_once,),
        )

    async def send(self, request: WireRequest) -> WireResponse:
        if self._session.closed:
            raise APIConnectionError("The client is closed.", delivery=Delivery.NOT_SENT)
        if not isinstance(request.body, FilePart):
            return await self._send(request, request.body)
        chunks = request.body.open()
        watch = Watch(request.body.stall_timeout)
        try:
            with watch.over():
                return await self._send(request, _multipart(request.body, chunks, watch))
            raise watch.verdict(_host(request))
        finally:
            with suppress(RuntimeError):  # a cancelled writer is about to close it
                await chunks.aclose()

    async def _send(
        self, request: WireRequest, data: bytes | aiohttp.MultipartWriter | None
    ) -> WireResponse:
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),  # as wire encoded it, to the letter
                headers=dict(request.headers),
                data=data,
                allow_redirects=False,
                timeout=_timeout(request.timeout, self._speed, watched=isinstance(data, _Form)),
                proxy=self._proxy(request.url),
            ) as response:
                content, is_cut = await _read(response, request.max_body)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return WireResponse(response.status, headers, content, is_cut)
        except (aiohttp.ClientError, OSError, ValueError) as cause:
            raise _connection_error(request, cause) from cause

    def _proxy(self, url: str) -> str | None:
        """The proxy on the way to the host of `url`, which is asked for once."""
        if not self._proxies:
            return None
        parts = urlsplit(url)
        server = (parts.scheme, parts.netloc)
        if server not in self._routes:
            direct = proxy_bypass(parts.netloc)
            self._routes[server] = None if direct else self._proxies.get(parts.scheme)
        return self._routes[server]

    async def aclose(self) -> None:
        await self._session.close()


class _BrokenError(aiohttp.ClientError):
    """The connection broke after it was made."""


async def _once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a GET, PUT or DELETE again by itself when a connection breaks.

    A PUT that schedules a published post publishes it again: who may repeat is decided above.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as cause:
        raise _BrokenError(type(cause).__name__) from cause


def _proxies() -> dict[str, str]:
    """The proxies of the environment by scheme.

    Raises:
        ConfigurationError: one is of a kind that cannot be used.
    """
    found = {scheme: url for scheme, url in getproxies().items() if scheme in {"http", "https"}}
    for scheme, url in found.items():
        found[scheme] = url if "://" in url else f"http://{url}"
        kind = found[scheme].partition("://")[0]
        if kind not in {"http", "https"}:
            raise ConfigurationError(
                f"The proxy in {scheme.upper()}_PROXY is a {kind} proxy; only http proxies can be "
                "used. Change it, or add the server to NO_PROXY."
            )
    return found


def _connection_error(request: WireRequest, cause: Exception) -> APIConnectionError:
    """What a fault below HTTP means, in words for people."""
    text, delivery = _fault(request, cause)
    is_late = isinstance(cause, (TimeoutError, aiohttp.ConnectionTimeoutError))
    kind = APITimeoutError if is_late else APIConnectionError
    hint = "`postiz-async doctor` looks for the cause."
    return kind(text, delivery=delivery, hint=hint)


def _fault(request: WireRequest, cause: Exception) -> tuple[str, Delivery]:
    """What happened, and whether bytes went out."""
    host = _host(request)
    match cause:
        case aiohttp.ConnectionTimeoutError():
            return f"No connection to {host} within {CONNECT_TIMEOUT:g} s.", Delivery.NOT_SENT
        case TimeoutError():
            within = f" within {in_seconds(request.timeout)}" if request.timeout else ""
            return f"{host} did not answer{within}.", Delivery.UNKNOWN
        case aiohttp.ClientProxyConnectionError():
            why = cause.strerror or cause
            return f"No connection to the proxy on the way to {host}: {why}.", Delivery.NOT_SENT
        case aiohttp.ClientConnectorSSLError() if _speaks_no_tls(cause):
            plain = host.replace("https", "http", 1)
            said = f"No connection to {host}: the server there does not use TLS."
            return f"{said} If that is intended, use {plain}", Delivery.NOT_SENT
        case aiohttp.ClientConnectorError():
            return f"No connection to {host}: {cause.strerror or cause}.", Delivery.NOT_SENT
        case aiohttp.ClientHttpProxyError():
            why = f"{cause.status} {cause.message}"
            return f"The proxy on the way to {host} refused: {why}.", Delivery.NOT_SENT
        case aiohttp.InvalidURL():
            return f"{host} is not a server name.", Delivery.NOT_SENT
        case _:
            name = type(cause.__cause__ or cause).__name__
            return f"The connection to {host} broke before the answer: {name}.", Delivery.UNKNOWN


_NO_TLS = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"}
"""What releases of OpenSSL call an answer in plain HTTP."""


def _speaks_no_tls(cause: BaseException) -> bool:
    error = cause.__cause__
    return isinstance(error, ssl.SSLError) and error.reason in _NO_TLS


@lru_cache(maxsize=256)
def _timeout(total: float | None, speed: float, *, watched: bool) -> aiohttp.ClientTimeout:
    """`watched`: something else sees to it that bytes move."""
    return aiohttp.ClientTimeout(
        total=None if total is None else total / speed,
        connect=None,
        sock_connect=CONNECT_TIMEOUT,
        sock_read=STALL_TIMEOUT if total is None and not watched else None,
    )


async def _read(response: aiohttp.ClientResponse, most: int) -> tuple[bytes, bool]:
    """The body, or its beginning where it is longer than `most` bytes, and whether it was cut."""
    plain = "Content-Encoding" not in response.headers
    if plain and response.content_length is not None and response.content_length <= most:
        return await response.read(), False
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(1 << 16):
        chunks.append(chunk[: most - size])
        size += len(chunk)
        if size > most:
            response.close()
            return b"".join(chunks), True
    return b"".join(chunks), False


def _host(request: WireRequest) -> str:
    scheme, _, rest = request.url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


# ------------------------------------------------------------------ uploads


class _Form(aiohttp.MultipartWriter):
    """The body of an upload."""


def _multipart(part: FilePart, chunks: AsyncGenerator[bytes], watch: Watch) -> _Form:
    form = _Form("form-data")
    payload = _FileBody(part, chunks, watch)
    payload.set_content_disposition("form-data", name="file", filename=part.filename)
    form.append_payload(payload)
    return form


class _FileBody(aiohttp.payload.AsyncIterablePayload):
    """A file on its way, piece by piece and with its length, if that is known."""

    def __init__(self, part: FilePart, chunks: AsyncGenerator[bytes], watch: Watch) -> None:
        super().__init__(chunks, content_type=part.content_type)
        self._size = part.size
        self._chunks = chunks
        self._watch = watch

    async def write(self, writer: AbstractStreamWriter) -> None:
        watch = self._watch
        watch.began(writer)
        async for chunk in self._chunks:
            watch.phase = "server"
            view = memoryview(chunk)
            for start in range(0, len(view), PIECE):
                await writer.write(view[start : start + PIECE])
            watch.phase = "source"
        watch.phase = "answer"


# ------------------------------------------------------------------ other servers


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer of some web server. `size` is in bytes, None if the server does not say."""

    status: int
    location: str
    size: int | None
    chunks: AsyncIterator[bytes] = field(repr=False)


@asynccontextmanager
async def fetch(
    url: str,
    *,
    name: str,
    may_connect: Callable[[str, str], bool],
    stall_timeout: float,
) -> AsyncGenerator[Fetched]:
    """GET something that is not the API: without key, cookies, proxy, or following redirects.

    Args:
        url: where.
        name: what messages call it.
        may_connect: judges each connection by the host that is meant and the address that its
            name led to.
        stall_timeout: seconds without a byte after which it is over.

    Raises:
        UploadError: no answer, or it broke off; from iterating over its chunks too.
    """
    refused = False

    def make_socket(info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        nonlocal refused
        family, kind, protocol, _, place = info
        if not may_connect(target.host or "", str(place[0])):
            refused = True
            raise PermissionError(f"{place[0]} is not public")
        return socket.socket(family, kind, protocol)

    timeout = aiohttp.ClientTimeout(
        total=None, connect=None, sock_connect=CONNECT_TIMEOUT, sock_read=stall_timeout
    )
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(socket_factory=make_socket, force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=timeout,
        headers={"Accept-Encoding": "identity"},
    ) as session:
        try:
            target = URL(url)  # parsed once: what is judged is what is asked
            async with session.get(target, allow_redirects=False) as response:
                location = response.headers.get("Location", "")
                chunks = _chunks(response, name, stall_timeout)
                yield Fetched(response.status, location, response.content_length, chunks)
        except (aiohttp.ClientError, OSError, ValueError) as cause:
            if refused:
                raise UploadError(
                    f"{name} leads to an address of a private network or of this machine, and was "
                    "not fetched. If it is yours, say allow_private=True."
                ) from None
            raise _fetch_error(name, cause, stall_timeout) from None  # it tells the whole URL


async def _chunks(
    response: aiohttp.ClientResponse, name: str, stall_timeout: float
) -> AsyncGenerator[bytes]:
    try:
        async for chunk in response.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, OSError, ValueError) as cause:
        raise _fetch_error(name, cause, stall_timeout) from None


def _fetch_error(name: str, cause: Exception, stall_timeout: float) -> UploadError:
    if isinstance(cause, aiohttp.ClientConnectorError):
        why = f"no connection: {cause.strerror or cause}"
    elif isinstance(cause, ValueError):
        why = "it is no address"
    elif isinstance(cause, TimeoutError):
        why = f"it gave no byte for {stall_timeout:g} s"
    else:
        why = f"its answer broke off ({type(cause).__name__})"
    return UploadError(f"{name} could not be fetched: {why}. Is the address right and up?")
