"""Bytes to the server and back. The only client module that imports aiohttp."""

from __future__ import annotations

import socket
import ssl
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Protocol

import aiohttp
from yarl import URL

from postiz_async._concurrency import StallWatchdog
from postiz_async._wire import WireRequest, WireResponse
from postiz_async._wire.endpoints import FilePart
from postiz_async._wire.proxies import Proxies
from postiz_async._wire.secrets import Secret, bare, redact, redact_text, stripped
from postiz_async.errors import (
    APIConnectionError,
    APITimeoutError,
    Delivery,
    PostizError,
    UploadError,
)
from postiz_async.models._durations import in_seconds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

    from aiohttp.abc import AbstractStreamWriter

    from postiz_async._wire.proxies import Proxy

__all__ = ["AiohttpTransport", "Fetched", "Transport", "fetch"]

KEEP_ALIVE = 4.0
"""Seconds after which an idle connection is closed; the server closes its end after 5."""

CONNECT_TIMEOUT = 10.0
"""Seconds to make a connection."""

STALL_TIMEOUT = 60.0
"""Seconds without a byte after which an answer without a time-out of its own ends."""

PIECE = 64 * 1024
"""Bytes of an upload that are handed over at a time."""


SHORTEST_SECRET = 8
"""Characters of a secret that is looked for in answers: shorter ones may be words of the answer."""


LONGEST_ESCAPE = 8
"""Bytes that a character of a secret takes at most, in the forms in which it is looked for."""


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

    Whatever comes back is free of the secrets that were sent, and no exception leads to them.

    Args:
        connections: connections kept at most.
        speed: how many times as fast as the machine's the clock runs that time-outs are meant on.
    """

    def __init__(self, *, connections: int = 100, speed: float = 1.0) -> None:
        self._speed = speed
        self._proxies = Proxies()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            middlewares=(_once,),
        )

    async def send(self, request: WireRequest) -> WireResponse:
        if self._session.closed:
            raise APIConnectionError("The client is closed.", delivery=Delivery.NOT_SENT)
        proxy = self._proxies.on_the_way_to(request.url)
        carried = request.carried()
        if proxy is not None:
            carried += proxy.secrets
        secrets = [each for each in carried if len(each) >= SHORTEST_SECRET]
        try:
            return await self._exchange(request, proxy, secrets)
        except BaseException as cause:  # noqa: BLE001  (it is raised again)
            error = _shown(request, cause, secrets)
        try:
            raise error  # not above: there the cause would come along, and what it has seen
        finally:
            del error

    async def _exchange(
        self, request: WireRequest, proxy: Proxy | None, secrets: Sequence[Secret]
    ) -> WireResponse:
        """Send and read. Exceptions from here have the key in their tracebacks."""
        if not isinstance(request.body, FilePart):
            body = request.body
            data = body.reveal().encode() if isinstance(body, Secret) else body
            return await self._send(request, data, proxy, secrets)
        chunks = request.body.open()
        watch = StallWatchdog(request.body.stall_timeout)
        try:
            with watch.over():
                form = _multipart(request.body, chunks, watch)
                return await self._send(request, form, proxy, secrets)
            raise watch.verdict(_host(request))
        finally:
            with suppress(RuntimeError):  # a cancelled writer is about to close it
                await chunks.aclose()

    async def _send(
        self,
        request: WireRequest,
        data: bytes | aiohttp.MultipartWriter | None,
        proxy: Proxy | None,
        secrets: Sequence[Secret],
    ) -> WireResponse:
        headers = {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in request.headers
        }
        to_proxy = proxy.headers() if proxy is not None else {}
        is_tunnel = request.url.startswith("https:")
        async with self._session.request(
            request.method,
            URL(request.url, encoded=True),  # as wire encoded it, to the letter
            headers=headers if is_tunnel else headers | to_proxy,
            data=data,
            allow_redirects=False,
            timeout=_timeout(request.timeout, self._speed, watched=isinstance(data, _Form)),
            proxy=proxy.url if proxy is not None else None,
            proxy_headers=to_proxy if is_tunnel else None,
        ) as response:
            most = request.max_body
            further = max(map(len, secrets), default=0) * LONGEST_ESCAPE
            content, is_cut = await _read(response, most + further)
            headers, content = _redacted(response, content, secrets)
            if is_cut:  # maybe in the middle of a secret
                content = content[: len(content) - further]
            is_cut |= len(content) > most
            return WireResponse(response.status, headers, content[:most], is_cut)

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


def _redacted(
    response: aiohttp.ClientResponse, content: bytes, secrets: Sequence[Secret]
) -> tuple[dict[str, str], bytes]:
    """The headers by their names in lower case, and the body; without secrets anywhere."""
    seen = b"\n".join([*chain.from_iterable(response.raw_headers), content])
    headers = response.headers.items()
    if redact(seen, secrets) is seen:  # as nearly always
        return {name.lower(): value for name, value in headers}, content
    return {
        redact_text(name, secrets).lower(): redact_text(value, secrets) for name, value in headers
    }, redact(content, secrets)


def _shown(request: WireRequest, cause: BaseException, secrets: Sequence[Secret]) -> BaseException:
    """What is raised for a fault, without anything that leads to the secrets."""
    is_ours = isinstance(cause, PostizError)
    if isinstance(cause, aiohttp.ClientError | OSError | ValueError) and not is_ours:
        return _connection_error(request, cause, secrets)
    return stripped(cause, secrets)


def _connection_error(
    request: WireRequest, cause: Exception, secrets: Sequence[Secret]
) -> APIConnectionError:
    """What a fault below HTTP means, in words for people."""
    text, delivery = _fault(request, cause)
    is_late = isinstance(cause, (TimeoutError, aiohttp.ConnectionTimeoutError))
    kind = APITimeoutError if is_late else APIConnectionError
    hint = "`postiz-async doctor` looks for the cause."
    error = kind(redact_text(text, secrets), delivery=delivery, hint=hint)
    below = cause.__cause__ if isinstance(cause, _BrokenError) else None
    error.__cause__ = bare(below or cause, secrets)
    return error


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


def _multipart(part: FilePart, chunks: AsyncGenerator[bytes], watch: StallWatchdog) -> _Form:
    form = _Form("form-data")
    payload = _FileBody(part, chunks, watch)
    payload.set_content_disposition("form-data", name="file", filename=part.filename)
    form.append_payload(payload)
    return form


class _FileBody(aiohttp.payload.AsyncIterablePayload):
    """A file on its way, piece by piece and with its length, if that is known."""

    def __init__(self, part: FilePart, chunks: AsyncGenerator[bytes], watch: StallWatchdog) -> None:
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
    host, refused, why = "", False, ""

    def make_socket(info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        nonlocal refused
        family, kind, protocol, _, place = info
        if not may_connect(host, str(place[0])):
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
            host = target.host or ""
            async with session.get(target, allow_redirects=False) as response:
                location = response.headers.get("Location", "")
                chunks = _chunks(response.content, name, stall_timeout)
                yield Fetched(response.status, location, response.content_length, chunks)
        except (aiohttp.ClientError, OSError, ValueError) as cause:
            why = _why_not(cause, stall_timeout)
    if refused:
        raise UploadError(
            f"{name} leads to an address of a private network or of this machine, and was "
            "not fetched. If it is yours, say allow_private=True."
        )
    if why:
        raise _not_fetched(name, why)


async def _chunks(
    content: aiohttp.StreamReader, name: str, stall_timeout: float
) -> AsyncGenerator[bytes]:
    try:
        async for chunk in content.iter_any():
            yield chunk
    except (aiohttp.ClientError, OSError, ValueError) as cause:
        why = _why_not(cause, stall_timeout)
    else:
        return
    raise _not_fetched(name, why)


def _why_not(cause: Exception, stall_timeout: float) -> str:
    if isinstance(cause, aiohttp.ClientConnectorError):
        return f"no connection: {cause.strerror or cause}"
    if isinstance(cause, ValueError):
        return "it is not an address"
    if isinstance(cause, TimeoutError):
        return f"it gave no byte for {stall_timeout:g} s"
    return f"its answer broke off ({type(cause).__name__})"


def _not_fetched(name: str, why: str) -> UploadError:
    return UploadError(f"{name} could not be fetched: {why}. Is the address right and up?")
