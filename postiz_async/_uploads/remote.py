"""Stream files from other hosts through this process.

A URL may come from a stranger. So nothing but http and https is followed, and no connection is
made to an address that is not public: each one is judged when its socket is made, after the name
was looked up and after each redirect. No proxy is used, for it would look the name up itself.

Nor may a stranger hold an upload up: a server that keeps it waiting for more than `MAX_FETCH`, or
that sends less than `LEAST_RATE` while it is waited for, is given up. What the upload spends on
its way to Postiz is not counted.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from postiz_async._transport.fetch import Fetched, fetch
from postiz_async._uploads.inspect import refuse
from postiz_async._uploads.sources import HEAD, Sink, Source
from postiz_async._uploads.urls import is_public, shown
from postiz_async.errors import UploadError, by_reader
from postiz_async.models._durations import describe_seconds, in_seconds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection

    from postiz_async.clock import Clock


MAX_REDIRECTS = 5

LEAST_RATE = 1024
"""Bytes a second that are expected, on the average of `RATE_OVER` seconds of waiting."""

RATE_OVER = 30.0
"""Seconds over which the rate is averaged; at least `stall_timeout`."""

ANSWERS_WITHIN = 120.0
"""Seconds to the head of an answer, redirects included; at least `stall_timeout`."""

MAX_FETCH = 3600.0
"""Seconds of waiting for one file."""

_REDIRECTS = {301, 302, 303, 307, 308}


class Remote(Source):
    """A source that reads a URL, with a new GET for each attempt.

    Args:
        url: an http or https URL.
        allow_private: whether it may lead to addresses that are not public; or the names of the
            hosts that may.
        stall_timeout: seconds without a byte after which it is given up.
        clock: measures how slow it is.
        advice: what to do if it leads to an address that is not public and is meant.
    """

    can_be_hashed = False

    def __init__(
        self,
        url: str,
        *,
        allow_private: bool | Collection[str],
        stall_timeout: float,
        clock: Clock,
        advice: str = "",
    ) -> None:
        self.name = shown(url)
        self._advice = advice or f"say {by_reader('--allow-private', 'allow_private=True')}"
        self._url = url
        self._allow_private = allow_private
        self._stall_timeout = stall_timeout
        self._clock = clock
        self._opened: AsyncExitStack | None = None
        self._fetched: Fetched | None = None
        self._looked_at: list[bytes] = []

    async def look(self) -> bytes:
        self._fetched = await self._fetch()
        self.size = self._fetched.size
        head = b""
        async for chunk in self._fetched.chunks:
            self._looked_at.append(chunk)
            head += chunk
            if len(head) >= HEAD:
                break
        return head[:HEAD]

    async def chunks(self, digest: Sink) -> AsyncGenerator[bytes]:
        fetched, begun = self._fetched, self._looked_at
        self._fetched, self._looked_at = None, []
        if fetched is None:
            fetched = await self._fetch()
        for chunk in begun:
            digest.update(chunk)
            yield chunk
        async for chunk in fetched.chunks:
            digest.update(chunk)
            yield chunk

    async def aclose(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.aclose()

    async def _fetch(self) -> Fetched:
        """The answer to the URL, whose bytes have to come fast enough."""
        began, most = self._clock.monotonic(), max(ANSWERS_WITHIN, self._stall_timeout)
        with self._clock.move_on_after(most):
            fetched = await self._followed()
            waited = self._clock.monotonic() - began
            return replace(fetched, chunks=self._watched(fetched, waited))
        raise UploadError(
            f"{self.name} had not begun to answer after {in_seconds(most)}. Give another address, "
            "or fetch the file yourself and upload it from there."
        )

    async def _watched(self, fetched: Fetched, waited: float) -> AsyncGenerator[bytes]:
        """The bytes of an answer, within the time limits; `waited` is the time to its head."""
        clock, over = self._clock, max(RATE_OVER, self._stall_timeout)
        size, slow, received = 0, 0.0, 0
        asked = clock.monotonic()
        async for chunk in fetched.chunks:
            seconds = clock.monotonic() - asked
            size, waited = size + len(chunk), waited + seconds
            slow, received = slow + seconds, received + len(chunk)
            if slow >= over:
                if received < LEAST_RATE * slow:
                    raise self._too_slow(received, slow, size)
                slow, received = 0.0, 0
            if waited > MAX_FETCH:
                raise self._too_slow(size, waited, size)
            yield chunk
            asked = clock.monotonic()

    def _too_slow(self, received: int, seconds: float, size: int) -> UploadError:
        return UploadError(
            f"{self.name} is too slow: {received:,} bytes in {describe_seconds(seconds)} of "
            f"waiting, given up after {size:,}. At least {LEAST_RATE:,} a second are expected, and "
            f"the whole file within {describe_seconds(MAX_FETCH)}. Try again later, or fetch the "
            "file yourself and upload it from there."
        )

    async def _followed(self) -> Fetched:
        """Follow the URL and its redirects to an answer."""
        url = self._url
        for _ in range(MAX_REDIRECTS + 1):
            await self.aclose()
            _check(url)
            async with AsyncExitStack() as stack:
                fetched = await stack.enter_async_context(
                    fetch(
                        url,
                        name=shown(url),
                        may_connect=self._may_connect,
                        stall_timeout=self._stall_timeout,
                        advice=self._advice,
                    )
                )
                self._opened = stack.pop_all()
            if fetched.status in _REDIRECTS and fetched.location:
                url = _next(url, fetched.location)
                continue
            if fetched.status != 200:
                raise UploadError(f"{shown(url)} answered {fetched.status}, not with a file.")
            return fetched
        raise UploadError(
            f"{self.name} redirects more than {MAX_REDIRECTS} times. Give the address of the file."
        )

    def _may_connect(self, host: str, address: str) -> bool:
        if is_public(address):
            return True
        if isinstance(self._allow_private, bool):
            return self._allow_private
        return host.lower() in {name.lower() for name in self._allow_private}


def _next(url: str, location: str) -> str:
    """The absolute URL of a redirect."""
    try:
        return urljoin(url, location)
    except ValueError:
        return location


def _check(url: str) -> None:
    """Refuse anything but an http or https URL."""
    try:
        parts = urlsplit(url)
        is_fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_fine = False
    if not is_fine:
        raise refuse(f"{shown(url)!r} is not the address of a file on the web")
