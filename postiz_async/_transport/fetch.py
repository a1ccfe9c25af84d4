"""GET from servers other than the API, such as those of media; no secret is sent to them."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from postiz_async._transport.faults import CONNECT_TIMEOUT
from postiz_async.errors import UploadError


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer of a host. `size` is in bytes, None if the server does not say."""

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
    advice: str,
) -> AsyncGenerator[Fetched]:
    """GET a URL outside of the API: without key, cookies or proxy, and without following redirects.

    Args:
        url: the URL.
        name: its name in messages.
        may_connect: decides on each connection, given the host and the address that its name
            resolved to.
        stall_timeout: seconds without a byte after which the request fails.
        advice: what to do if a connection was refused that is meant.

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
            target = URL(url)  # parsed once, so that the host checked is the host called
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
            f"not fetched. If it is yours, {advice}."
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
