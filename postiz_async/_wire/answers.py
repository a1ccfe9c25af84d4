"""Find out who sent an answer, what it proves, and what it costs. PURE.

Only an answer of Postiz itself proves anything. A proxy or firewall may answer in its place long
before the server is done, or after it has stored everything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import TypeVar

import msgspec

from postiz_async._quota import WINDOW, RateHeaders
from postiz_async._wire.endpoints import Endpoint
from postiz_async._wire.requests import WireResponse, is_web_page

T = TypeVar("T")

# ------------------------------------------------------------------ who answered


JSON = frozenset({b"[", b"{"})
"""The first bytes with which a body of Postiz begins, unless it is empty."""

_REFUSALS = frozenset({400, 401, 402, 403, 404})


def proves_nothing_stored(response: WireResponse) -> bool:
    """Whether an answer to a create proves that nothing of it is stored: S4 of docs/exactness."""
    status, body = response.status, response.body
    if status == 413 or (status == 401 and not body):  # before the server looks at the request
        return True
    if status == 429:
        return is_refusal(status, body) and b"ThrottlerException" in body
    return status in _REFUSALS and is_refusal(status, body)


def is_answer(response: WireResponse) -> bool:
    """Whether Postiz itself sent the answer."""
    if 200 <= response.status < 300:
        return response.body[:1] in JSON
    return proves_nothing_stored(response) or is_refusal(response.status, response.body)


OF_FIREWALLS = frozenset({400, 403, 404})
"""Statuses with which a gateway mostly says that it let nothing through. With any other one it
answers in the place of a server that it waits for."""


def hides(endpoint: Endpoint[T], response: WireResponse) -> bool:
    """Whether somebody in front of Postiz answered in its place, and not only to this request.

    A refusal by a firewall or a limit concerns the request.
    """
    status, reply = response.status, endpoint.reply
    if is_answer(response) or status in {403, 413, 429}:
        return False
    if status < 300 and (reply is NoneType or (reply is object and not response.body)):
        return is_web_page(response)
    if endpoint.quota:
        return status not in OF_FIREWALLS
    return not 400 <= status < 500 or is_web_page(response)


def is_refusal(status: int, body: bytes) -> bool:
    """Whether a body has one of the shapes in which Postiz refuses with this status."""
    said = json_object(body)
    if said is None:
        return False
    if set(said) == {"msg"}:
        return isinstance(said["msg"], str)
    return said.get("statusCode") == status and isinstance(said.get("message"), str | list)


def json_object(body: bytes) -> Mapping[str, object] | None:
    """A body decoded as a JSON object; None if it is not one."""
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


# ------------------------------------------------------------------ what it says of the quota


_TIMESTAMP, _TIMESTAMP_MS = 1e9, 1e11
"""From these values on, a reset is a moment in seconds or milliseconds since the epoch."""

_MAX_LIMIT = 1_000_000


class QuotaEffect(Enum):
    """The effect of a create on the quota, according to its answer."""

    COUNTED = "counted"
    FREE = "free"
    """Refused before the server counts: 401, 404, 413, malformed JSON."""
    REFUSED = "refused"
    """429 of the throttler."""
    TURNED_AWAY = "turned away"
    """429 of a proxy, which wants no more requests for a while."""
    UNKNOWN = "unknown"
    """A proxy answered: the server may or may not have seen the request."""


class Observation(msgspec.Struct, frozen=True, gc=False):
    """The information about the quota in an answer."""

    cost: QuotaEffect
    reading: RateHeaders | None = None
    retry_after: float | None = None
    server_time: float | None = None
    """The server's clock, seconds since the epoch, from the `Date` header."""
    is_own: bool = True
    """Whether Postiz itself sent the answer."""


def observe(response: WireResponse, *, now: float) -> Observation:
    """Read the information about the quota from an answer to a create.

    Args:
        response: the answer.
        now: wall time in seconds since the epoch, for headers that name a moment, where the answer
            does not say what time it is.
    """
    headers = response.headers
    server_time = _http_date(headers.get("date", ""))
    now = now if server_time is None else server_time
    reading = _reading(headers, now) if "x-ratelimit-limit" in headers else None
    retry_after = read_retry_after(headers, now=now) if "retry-after" in headers else None
    is_own = is_answer(response)
    if response.status == 429:
        is_locked = proves_nothing_stored(response)
        if retry_after is None:
            retry_after = _lock_out(reading, is_locked=is_locked)
        cost = QuotaEffect.REFUSED if is_locked else QuotaEffect.TURNED_AWAY
        return Observation(cost, None, retry_after, server_time, is_own)
    if not is_own:
        return Observation(QuotaEffect.UNKNOWN, None, retry_after, server_time, is_own)
    cost = _unread_cost(response) if reading is None else QuotaEffect.COUNTED
    return Observation(cost, reading, retry_after, server_time)


def _lock_out(reading: RateHeaders | None, *, is_locked: bool) -> float | None:
    """Seconds of a lock-out without `Retry-After`; None if they are not known."""
    if reading is not None and reading.remaining == 0:
        return reading.reset
    return WINDOW if is_locked else None


def _unread_cost(response: WireResponse) -> QuotaEffect:
    """The effect of an answer of Postiz without rate headers on the quota."""
    status = response.status
    if status >= 500:  # before it counted
        return QuotaEffect.UNKNOWN
    if status in {401, 404, 413} or (status == 400 and b" JSON" in response.body):
        return QuotaEffect.FREE
    return QuotaEffect.COUNTED


def _reading(headers: Mapping[str, str], now: float) -> RateHeaders | None:
    """The three rate headers, or None when one is absent or no sensible number."""
    try:
        limit = float(headers["x-ratelimit-limit"])
        remaining = float(headers["x-ratelimit-remaining"])
        reset = float(headers["x-ratelimit-reset"])
    except (KeyError, ValueError):
        return None
    if reset > _TIMESTAMP:
        moment = reset / 1000 if reset > _TIMESTAMP_MS else reset
        reset = max(0.0, moment - now)
    if not 1 <= limit <= _MAX_LIMIT or not 0 <= remaining <= limit or not 0 <= reset <= 86_400:
        return None
    return RateHeaders(int(limit), int(remaining), reset)


def read_retry_after(headers: Mapping[str, str], *, now: float | None) -> float | None:
    """`Retry-After` in seconds; given as a date it needs `now`, else the `Date` header."""
    raw = headers.get("retry-after")
    seconds = _number(raw)
    if seconds is None and raw:
        moment = _http_date(raw)
        start = now if now is not None else _http_date(headers.get("date", ""))
        if moment is not None and start is not None:
            seconds = moment - start
    if seconds is None or not 0 <= seconds <= 86_400:
        return None
    return seconds


def _number(raw: str | None) -> float | None:
    try:
        value = float(raw) if raw is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@lru_cache(maxsize=64)
def _http_date(raw: str) -> float | None:
    try:
        moment = parsedate_to_datetime(raw)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
