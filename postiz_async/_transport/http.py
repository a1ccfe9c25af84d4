"""The real transport, which sends requests with aiohttp."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from itertools import chain
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from postiz_async._concurrency import StallWatchdog
from postiz_async._transport.faults import CONNECT_TIMEOUT, BrokenError, connection_error, host_of
from postiz_async._transport.settings import ConnectionSettings
from postiz_async._wire import WireRequest, WireResponse
from postiz_async._wire.endpoints import FilePart
from postiz_async._wire.headers import HiddenText
from postiz_async._wire.proxies import Proxies, Proxy
from postiz_async._wire.secrets import Secret, redact, redact_text, stripped
from postiz_async.errors import APIConnectionError, Delivery, PostizError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
    from types import SimpleNamespace

    from aiohttp.abc import AbstractStreamWriter


_SHORT = 16 * 1024
"""Largest size in bytes of a body that is searched for secrets in one pass with its headers."""

_HUGE = 4 * 1024 * 1024
"""Bytes of a body that are searched for secrets before other tasks get a turn."""

_SHOWN = 300
"""The lowest status of answers that are shown to people as they are."""

KEEP_ALIVE = 4.0
"""Seconds after which an idle connection is closed; the server closes its end after 5."""

STALL_TIMEOUT = 60.0
"""Seconds without a byte after which an answer without a time-out of its own ends."""

PIECE = 64 * 1024
"""Bytes of an upload that are passed to aiohttp at a time."""


SHORTEST_SECRET = 8
"""Characters of a secret that is looked for in answers: shorter ones may be words of the answer."""


LONGEST_ESCAPE = 16
"""Bytes that a character of a secret takes at most, in the forms in which it is looked for."""


class AiohttpTransport:
    """The real transport. Make it inside the running event loop.

    Without a proxy of its own it takes those of the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY)
    when it is made; a password for the server in a .netrc file is not taken, because the API key
    has its place.

    Secrets that were sent are removed from answers, and no exception refers to them.

    Args:
        settings: how connections are made.

    Raises:
        ConfigurationError: a proxy of the environment cannot be used.
    """

    def __init__(self, settings: ConnectionSettings = ConnectionSettings()) -> None:  # noqa: B008
        self._is_closed = False
        self._answered: set[str] = set()
        """Hosts that have answered a request."""
        self._speed = settings.speed
        self._proxies = Proxies() if settings.proxies is None else settings.proxies
        self._connector = aiohttp.TCPConnector(
            limit=settings.connections,
            keepalive_timeout=KEEP_ALIVE,
            ssl=True if settings.ssl is None else settings.ssl,
        )
        self._session = self._opened(is_own=True)
        self._traced: aiohttp.ClientSession | None = None
        """For requests with `leaves`, made for the first one: traces cost each request time."""

    def _opened(
        self, *, is_own: bool, traces: list[aiohttp.TraceConfig] | None = None
    ) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=self._connector,
            connector_owner=is_own,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            middlewares=(_once,),
            trace_configs=traces,
        )

    async def send(self, request: WireRequest) -> WireResponse:
        if self._is_closed:
            raise APIConnectionError("The client is closed.", delivery=Delivery.NOT_SENT)
        proxy = self._proxies.on_the_way_to(request.url) if self._proxies.any else None
        secrets = [
            value
            for _, value in request.headers
            if isinstance(value, Secret) and len(value) >= SHORTEST_SECRET
        ]
        if request.secrets or proxy is not None:
            further = (*request.secrets, *(proxy.secrets if proxy is not None else ()))
            secrets += [each for each in further if len(each) >= SHORTEST_SECRET]
        host = host_of(request)
        try:
            if isinstance(request.body, FilePart):
                answer = await self._upload(request, request.body, proxy, secrets)
            else:
                answer = await _answer(  # without a name for the response, which knows the key
                    await self._asked(request, request.body, proxy, STALL_TIMEOUT),
                    request,
                    proxy,
                    secrets,
                )
        except BaseException as cause:  # noqa: BLE001  (it is raised again)
            has_answered = host in self._answered
            error = _shown(request, cause, secrets, proxy, has_answered=has_answered)
        else:
            self._answered.add(host)
            return answer
        try:
            raise error  # outside of the except block, so that the cause is not attached
        finally:
            del error

    async def _upload(
        self, request: WireRequest, part: FilePart, proxy: Proxy | None, secrets: Sequence[Secret]
    ) -> WireResponse:
        """Send a file and read the answer. Tracebacks of exceptions from here contain the key."""
        chunks = part.open()
        watch = StallWatchdog(part.stall_timeout)
        try:
            with watch.over():
                form = _multipart(part, chunks, watch)
                asked = self._asked(request, form, proxy, None)  # limited by the watchdog
                return await _answer(await asked, request, proxy, secrets)
            raise watch.verdict(host_of(request))
        finally:
            with suppress(RuntimeError):  # a cancelled writer is about to close it
                await chunks.aclose()

    def _asked(
        self,
        request: WireRequest,
        body: bytes | Secret | _Form | None,
        proxy: Proxy | None,
        stall: float | None,
    ) -> Awaitable[aiohttp.ClientResponse]:
        """An awaitable that sends the request and returns the head of the answer."""
        headers = {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in request.headers
        }
        is_tunnel, to_proxy = False, None
        if proxy is not None:
            is_tunnel, to_proxy = request.url.startswith("https:"), proxy.headers()
            headers |= {} if is_tunnel else to_proxy
        session = self._session
        if request.leaves is not None:
            session = self._traced = self._traced or self._opened(is_own=False, traces=[_leaves])
        return session.request(
            request.method,
            URL(request.url, encoded=True),  # as wire encoded it, to the letter
            headers=headers,
            data=body.reveal().encode() if isinstance(body, Secret) else body,
            allow_redirects=False,
            timeout=_timeout(request.timeout, self._speed, stall),
            proxy=proxy.url if proxy is not None else None,
            proxy_headers=to_proxy if is_tunnel else None,
            middlewares=() if request.method == "POST" else None,  # aiohttp repeats no POST
            trace_request_ctx=request.leaves,
        )

    async def aclose(self) -> None:
        self._is_closed = True
        if self._traced is not None:
            await self._traced.close()
        await self._session.close()


async def _once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a GET, PUT or DELETE again by itself when a connection breaks.

    A PUT that schedules a published post publishes it again, so the caller decides on repetitions.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as cause:
        raise BrokenError(type(cause).__name__) from cause


async def _about_to_leave(
    _: aiohttp.ClientSession,
    context: SimpleNamespace,
    __: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    """Call `leaves`; despite this event's name, aiohttp is connected and writes the head next."""
    if context.trace_request_ctx is not None:
        context.trace_request_ctx()


_leaves = aiohttp.TraceConfig()
_leaves.on_request_headers_sent.append(_about_to_leave)


async def _answer(
    response: aiohttp.ClientResponse,
    request: WireRequest,
    proxy: Proxy | None,
    secrets: Sequence[Secret],
) -> WireResponse:
    """The answer without secrets, cut to the number of bytes that the request allows."""
    is_cut, most, further = False, request.max_body, 0
    if response.status == 407 and proxy is not None and not request.url.startswith("https:"):
        response.close()
        raise aiohttp.ClientHttpProxyError(
            response.request_info, (), status=407, message=response.reason or ""
        )
    is_here = response.content.is_eof() and "Content-Encoding" not in response.headers
    if is_here and not isinstance(request.body, FilePart):  # of which more may be on its way
        content = response.content.read_nowait()
    else:
        further = max(map(len, secrets), default=0) * LONGEST_ESCAPE
        content, is_cut = await _read(response, most + further)
    is_free = len(content) > _HUGE and await _is_free_of(secrets, content)
    headers, shown = _redacted(response, b"" if is_free else content, secrets)
    if is_free:
        shown = content
    if is_cut:  # maybe in the middle of a secret
        shown = shown[: len(shown) - further]
    if len(shown) > most:
        is_cut, shown = True, shown[:most]
    return WireResponse(response.status, headers, shown, is_cut)


async def _is_free_of(secrets: Sequence[Secret], content: bytes) -> bool:
    """Whether a huge body has no secret; other tasks run in between."""
    further = max(map(len, secrets), default=0) * LONGEST_ESCAPE
    for start in range(0, len(content), _HUGE):
        part = content[start : start + _HUGE + further]
        if any(secret.hide(part) is not part for secret in secrets):
            return False
        await asyncio.sleep(0)
    return True


def _redacted(
    response: aiohttp.ClientResponse, content: bytes, secrets: Sequence[Secret]
) -> tuple[Mapping[str, str], bytes]:
    """The headers and the body, without secrets anywhere."""
    is_long = len(content) > _SHORT
    head = b"\n".join((*chain.from_iterable(response.raw_headers), b"" if is_long else content))
    for secret in secrets:
        if secret.hide(head) is not head or (is_long and secret.hide(content) is not content):
            break
    else:  # as nearly always
        return response.headers, content
    if response.status < _SHOWN and "json" in response.content_type:
        secrets = [each for each in secrets if not isinstance(each, HiddenText)]
    first_last = reversed(list(response.headers.items()))  # the first of a name counts, as above
    return {
        redact_text(name, secrets).lower(): redact_text(value, secrets)
        for name, value in first_last
    }, redact(content, secrets)


def _shown(
    request: WireRequest,
    cause: BaseException,
    secrets: Sequence[Secret],
    proxy: Proxy | None,
    *,
    has_answered: bool,
) -> BaseException:
    """The error to raise for a fault, without anything that refers to the secrets."""
    is_ours = isinstance(cause, PostizError)
    if isinstance(cause, aiohttp.ClientError | OSError | ValueError) and not is_ours:
        return connection_error(request, cause, secrets, proxy, has_answered=has_answered)
    return stripped(cause, secrets)


@lru_cache(maxsize=256)
def _timeout(total: float | None, speed: float, stall: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=None if total is None else total / speed,
        connect=None,
        sock_connect=CONNECT_TIMEOUT,
        sock_read=stall if total is None else None,
    )


async def _read(response: aiohttp.ClientResponse, most: int) -> tuple[bytes, bool]:
    """The body, up to `most` bytes, and whether it was cut."""
    body, size = BytesIO(), 0
    async with response:
        async for chunk in response.content.iter_any():
            body.write(chunk[: most - size])
            size += len(chunk)
            if size > most:
                response.close()
                break
    return body.getvalue(), size > most


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
    """The body of a file for aiohttp, sent piece by piece, with its length if that is known."""

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
