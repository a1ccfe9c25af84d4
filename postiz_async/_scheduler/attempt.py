"""One attempt at a call: encode, send, decode, report. Without quota and retries."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, TypeVar

from postiz_async import _wire as wire
from postiz_async._logs import Log, log_of
from postiz_async._scheduler.calls import CallOptions, CallTime, time_out
from postiz_async._scheduler.hooks import Attempt, AttemptHook, log, tell_attempt
from postiz_async.errors import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    Delivery,
    by_reader,
)
from postiz_async.models._durations import in_seconds

if TYPE_CHECKING:
    from postiz_async._quota import RateHeaders
    from postiz_async._transport import Transport
    from postiz_async._wire import Observation, WireResponse
    from postiz_async._wire.endpoints import Call
    from postiz_async._wire.requests import Fields
    from postiz_async._wire.secrets import Secret
    from postiz_async.clock import Clock
    from postiz_async.errors import PostizError


T = TypeVar("T")


@cache
def user_agent() -> str:
    """The `User-Agent` header: the versions of this library, Python and aiohttp."""
    from importlib.metadata import version  # noqa: PLC0415  (only who calls needs it)

    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return f"postiz-async/{version('postiz-async')} Python/{python} aiohttp/{version('aiohttp')}"


@dataclass(frozen=True, slots=True)
class Identity:
    """The API root, the key and the organisation's name."""

    root: str
    key: Secret
    organization: str = ""


_TIME_OUT = (
    "; with_options(timeout=...), in place of a time-out around the call, says what to look for"
)
_CANCELLED = (
    "request %d, a create of %d posts, was cancelled on its way: they may be stored, so look "
    "before you repeat it. With an idempotency key it may be repeated%s."
)


class Attempts:
    """Makes attempts with one key.

    Args:
        transport: sends requests.
        clock: the clock of the client.
        identity: root URL, key, the organisation's name.
        hook: called after every attempt.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        identity: Identity,
        hook: AttemptHook | None = None,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._root = identity.root
        self._key = identity.key
        self._organization = identity.organization
        self.log: Log = log_of(log, identity.organization)
        self._own: Fields = ()
        """The headers of each request, made for the first one."""
        self._hook = hook
        self._numbers = itertools.count(1)
        self._hidden: tuple[float, str] | None = None
        """When somebody answered in the place of Postiz, and what; None: it has answered since."""
        self._server_ahead: float | None = None
        """Seconds by which the server's clock is ahead of our monotonic one, by its answers."""
        self._key_refusal = ""

    def server_time(self) -> float:
        """The server's wall clock, by its last answer; without one, this host's clock."""
        if self._server_ahead is None:
            return self._clock.time()
        return self._clock.monotonic() + self._server_ahead

    def server_now(self) -> datetime:
        """The moment of `server_time`."""
        return datetime.fromtimestamp(self.server_time(), UTC)

    def knows_server_time(self) -> bool:
        """Whether an answer has told the server's time."""
        return self._server_ahead is not None

    def is_hidden(self) -> bool:
        """Whether the last answer was sent by somebody in front of Postiz."""
        return self._hidden is not None

    def key_refusal(self) -> str:
        """The server's words if it last refused the key; empty if it accepts the key."""
        return self._key_refusal

    async def send(
        self,
        call: Call[T],
        options: CallOptions,
        time: CallTime,
        *,
        expires: float = math.inf,
    ) -> tuple[WireResponse, Observation]:
        """Make one attempt; return the answer and what it says about the quota.

        Args:
            call: the call to send.
            options: options of the call.
            time: the remaining time of the call.
            expires: when its first byte must not leave any more, on the clock's `monotonic()`.

        Raises:
            APIConnectionError: there was no answer.
        """
        timeout = time_out(call, time, options.longer)
        if timeout is not None and timeout <= 0:
            raise time.over("it could be sent")
        time.sent_at = sent_at = self._clock.monotonic()
        leaves = None
        if expires < math.inf:
            leaves = partial(self._leaves, min(expires, time.until))
            leaves()
        expires = min(time.until, expires)
        self._own = self._own or wire.own_headers(self._key, user_agent())
        request = wire.encode(
            call,
            root=self._root,
            headers=self._own + options.headers,
            timeout=timeout,
            expires=None if expires == math.inf else expires,
            leaves=leaves,
        )
        number = next(self._numbers)
        try:
            response = await self._transport.send(request)
        except (APIConnectionError, asyncio.CancelledError) as error:
            self._report(number, call, options, time, None, error)
            if isinstance(error, APITimeoutError):
                _say_how_much_was_left(error, timeout, time)
            if isinstance(error, asyncio.CancelledError) and call.posts:
                advice = by_reader("", _TIME_OUT)
                self.log.warning(_CANCELLED, number, call.posts, advice)
            raise
        now = self._clock.time()
        seen = wire.observe(response, now=now)
        if seen.server_time is not None:
            self._server_ahead = seen.server_time - self._clock.monotonic()
        elif self._server_ahead is None:  # answers may never tell the server's time
            self._server_ahead = now - self._clock.monotonic()
        if response.status == 401 or not seen.is_own or self._key_refusal or self._hidden:
            self._look_closer(call, response, sent_at, is_own=seen.is_own)
        if self._hook is not None or self.log.isEnabledFor(logging.INFO):
            self._report(number, call, options, time, response, None, seen.reading)
        return response, seen

    def _leaves(self, expires: float) -> None:
        if self._clock.monotonic() >= expires:
            raise APITimeoutError(
                "This process stood still, or was very busy, when a request was about to leave, "
                "and others may have taken it over since. It was not sent.",
                delivery=Delivery.NOT_SENT,
            )
        if self._hidden is not None:  # what left before it was noticed is enough
            raise APIConnectionError(
                f"{self._hidden[1]} Nothing was sent.", delivery=Delivery.NOT_SENT
            )

    def _look_closer(
        self, call: Call[T], response: WireResponse, sent_at: float, *, is_own: bool
    ) -> None:
        """Note who answers, and whether the key is accepted."""
        if response.status == 401 or (self._key_refusal and response.status < 300):
            self._look_at_key(wire.failure(response))
        if wire.hides(call.endpoint, response):
            self._hidden = self._clock.monotonic(), wire.in_front(response).message
        elif is_own and self._hidden is not None and sent_at >= self._hidden[0]:
            self._hidden = None

    def _look_at_key(self, error: PostizError | None) -> None:
        """Note whether an answer accepts or refuses the key; a server error shows neither."""
        if isinstance(error, AuthenticationError):
            if not self._key_refusal and self._organization:  # needs a name to report
                self.log.warning("Postiz at %s refuses its key: %s", self._root, error.text)
            self._key_refusal = error.text
        elif error is None:
            self._key_refusal = ""

    def _report(
        self,
        number: int,
        call: Call[T],
        options: CallOptions,
        time: CallTime,
        response: WireResponse | None,
        error: BaseException | None,
        reading: RateHeaders | None = None,
    ) -> None:
        """Report an attempt to the log and the hook."""
        attempt = Attempt(
            endpoint=call.endpoint.name,
            number=number,
            posts=call.posts,
            seconds=self._clock.monotonic() - time.sent_at,
            status=response.status if response is not None else None,
            error=type(error).__name__ if error is not None else None,
            reading=reading,
            call=options.trace.call if options.trace is not None else 0,
            organization=self._organization,
        )
        tell_attempt(self._hook, attempt, self.log)


def _say_how_much_was_left(error: APITimeoutError, given: float | None, time: CallTime) -> None:
    """Explain in the error that an attempt had less time than the whole call was given."""
    if given is not None and time.timeout is not None and given < 0.99 * time.timeout:
        error.message += f" That was what was left of the {in_seconds(time.timeout)}."
