"""Calls to HTTP requests, HTTP responses to values, readings or errors. PURE.

The only place that knows the API's JSON and header names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import SplitResult, quote, urlsplit

import msgspec

from postiz_async.endpoints import FilePart
from postiz_async.errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    InvalidPostError,
    NotFoundError,
    PayloadTooLargeError,
    PlanLimitError,
    PostizError,
    Problem,
    RateLimitError,
    ServerError,
    UnexpectedAnswerError,
    describe_seconds,
)
from postiz_async.quota import Reading
from postiz_async.retry import Outcome

if TYPE_CHECKING:
    from postiz_async.endpoints import Call, Endpoint

__all__ = [
    "CLOUD_URL",
    "Cost",
    "Observation",
    "Secret",
    "WireRequest",
    "WireResponse",
    "api_root",
    "clean_key",
    "decode",
    "encode",
    "encode_body",
    "failure",
    "format_date",
    "observe",
    "parse_date",
    "transient",
]

T = TypeVar("T")

CLOUD_URL = "https://api.postiz.com"
"""The base URL of the hosted service."""

_PREFIX = "/public/v1"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_BEARER = re.compile(r"^bearer(\s+|$)", re.IGNORECASE)
_NO_ADDRESS = re.compile(r"[\s\x00-\x1f\x7f\\]")
_TIMESTAMP = 1_000_000_000
_MAX_LIMIT = 1_000_000
_encoder = msgspec.json.Encoder()


class Secret(str):
    """A text that shows itself to nobody who only looks: its `repr` is three stars.

    So it stays out of the values of local variables that a traceback or an error reporter shows.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class WireRequest(msgspec.Struct, frozen=True, gc=False):
    """An HTTP request as data; the body of a file is opened anew for each attempt."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | FilePart | None
    timeout: float | None
    """Seconds from sending to the whole answer; None: only a stalled transfer ends it."""

    def __repr__(self) -> str:
        return f"WireRequest({self.method} {self.url})"  # the headers have the key


class WireResponse(msgspec.Struct, frozen=True, gc=False):
    """An HTTP response as data. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"WireResponse({self.status}, {len(self.body)} bytes)"


class Cost(Enum):
    """What an answer to a create means for the quota."""

    COUNTED = "counted"
    FREE = "free"
    """Refused before the server counts: 401, 404, 413, malformed JSON."""
    REFUSED = "refused"
    """429."""
    UNKNOWN = "unknown"
    """A proxy answered: the server may or may not have seen the request."""


class Observation(msgspec.Struct, frozen=True, gc=False):
    """What an answer says about the quota."""

    cost: Cost
    reading: Reading | None = None
    retry_after: float | None = None
    server_time: float | None = None
    """The server's clock, seconds since the epoch, from the `Date` header."""


# ------------------------------------------------------------------ settings


def api_root(base_url: str) -> str:
    """The URL below which all routes live, from any form in which people write it.

    Accepts the server with or without `/public/v1` and with or without a trailing slash.

    Raises:
        ConfigurationError: it is not an http or https URL, or carries a query or a password.
    """
    text = base_url.strip()
    parts = _split_url(text)
    if parts is None:
        # a text without dots and slashes may be the key in the wrong place, "@" a password
        shown = f" {text!r}" if re.search(r"[./:]", text) and "@" not in text else ""
        raise ConfigurationError(
            f"The base URL{shown} is not a web address. "
            "Write it like https://api.postiz.com or https://postiz.example.com/api."
        )
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigurationError(
            "The base URL must not contain a query, a fragment or a password; "
            "the API key is a setting of its own (api_key, POSTIZ_API_KEY)."
        )
    host = _ascii_host(parts)
    port = f":{parts.port}" if parts.port is not None else ""
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
    path = path.removesuffix(_PREFIX).rstrip("/")
    return f"{parts.scheme}://{host}{port}{path}{_PREFIX}"


def _split_url(text: str) -> SplitResult | None:
    """The parts of a web address, or None when it is none."""
    try:
        text.encode()
        parts = urlsplit(text)
        is_web = parts.scheme in {"http", "https"} and bool(_ascii_host(parts))
        is_fine = is_web and parts.port != 0 and not _NO_ADDRESS.search(text)
    except ValueError:  # UnicodeError is one
        return None
    return parts if is_fine else None


def _ascii_host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host.encode("idna").decode()


def clean_key(api_key: str) -> Secret:
    """The key as the server wants it: bare, without white space around it or `Bearer`.

    Raises:
        ConfigurationError: it is empty or has characters that no header can carry.
    """
    key = Secret(_BEARER.sub("", api_key.strip()))
    if not key:
        raise ConfigurationError(
            "There is no API key. Find it in Postiz under Settings > Developers > Public API, "
            "and pass api_key=... or set POSTIZ_API_KEY."
        )
    if any(not 0x21 <= ord(char) <= 0x7E for char in key):
        raise ConfigurationError(
            "The API key contains a space, a line break or a character outside ASCII. "
            "Copy it again from Postiz under Settings > Developers > Public API."
        )
    return key


# ------------------------------------------------------------------ requests


def encode_body(body: msgspec.Struct) -> msgspec.Raw:
    """A request body as JSON."""
    try:
        return msgspec.Raw(_encoder.encode(body))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        problem = Problem("body", f"cannot be written as JSON: {error}")
        raise InvalidPostError([problem]) from error


def encode(
    call: Call[T],
    *,
    root: str,
    key: str,
    user_agent: str,
    timeout: float | None,
    headers: tuple[tuple[str, str], ...] = (),
) -> WireRequest:
    """The HTTP request of a call. `headers` are added to our own and cannot replace them.

    Raises:
        InvalidPostError: a path parameter is empty, a dot segment or has control characters.
        ConfigurationError: a header that was added cannot be sent.
    """
    path = call.endpoint.path
    for name, value in call.params.items():
        path = path.replace("{" + name + "}", _segment(name, value))
    query = "&".join(f"{_quoted(key)}={_value(key, value)}" for key, value in call.query)
    url = f"{root}{path}?{query}" if query else f"{root}{path}"
    own = [("User-Agent", user_agent), ("Accept", "application/json")]
    if key:
        own.insert(0, ("Authorization", key))
    body: bytes | FilePart | None = call.file
    if call.body is not None:
        body = bytes(call.body)
        own.append(("Content-Type", "application/json"))
    headers = (*own, *_added(headers))
    return WireRequest(call.endpoint.method, url, headers, body, timeout)


_OUR_HEADERS = {
    "accept",
    "authorization",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
}


def _added(headers: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """The headers of a caller without those that are ours."""
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigurationError(
                f"The header {name!r} cannot be sent: its name or its value has characters that "
                "no header can carry."
            )
    return [(name, value) for name, value in headers if name.lower() not in _OUR_HEADERS]


@lru_cache(maxsize=1024)
def _quoted(text: str) -> str:
    return quote(text, safe=":")


def _value(name: str, value: str) -> str:
    try:
        return _quoted(value)
    except UnicodeEncodeError:
        raise InvalidPostError([Problem(name, f"{value!r} is not valid Unicode text")]) from None


def _segment(name: str, value: str) -> str:
    """A path parameter as exactly one segment."""
    if value in {"", ".", ".."} or any(ord(char) < 0x20 or ord(char) == 0x7F for char in value):
        raise InvalidPostError(
            [
                Problem(
                    name, f"{value!r} cannot be an id: it is empty, dots or has control characters"
                )
            ]
        )
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise InvalidPostError([Problem(name, f"{value!r} is not valid Unicode text")]) from None


def format_date(moment: datetime) -> str:
    """A date as it is sent: UTC with milliseconds and `Z`.

    Raises:
        InvalidPostError: it has no zone, so nobody can know which moment is meant.
    """
    if moment.utcoffset() is None:
        raise InvalidPostError(
            [
                Problem(
                    "date",
                    f"{moment.isoformat(sep=' ')} has no time zone",
                    hint="for example datetime.now(UTC) + timedelta(hours=1)",
                )
            ]
        )
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:
        raise InvalidPostError([Problem("date", f"{moment} is out of range")]) from None
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_date(text: str) -> datetime:
    """A date of an answer; without a zone it means UTC.

    Raises:
        UnexpectedAnswerError: it is no date.
    """
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnexpectedAnswerError(
            f"The server sent {text[:40]!r} where a date belongs."
        ) from None


# ------------------------------------------------------------------ responses


def decode(endpoint: Endpoint[T], response: WireResponse) -> T:
    """The value of a success.

    Raises:
        PostizError: one of the tree's errors, see `failure`.
    """
    error = failure(response)
    if isinstance(error, NotFoundError) and error.text.startswith("Cannot "):
        raise NotFoundError(
            error.text,
            status_code=error.status_code,
            body=error.body,
            hint=f"The route needs Postiz {endpoint.since} or newer: this server is older, or the "
            "base URL is wrong.",
        )
    if error is not None:
        raise error
    if endpoint.reply is NoneType:
        return cast("T", None)
    try:
        return _decoder(endpoint.reply).decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise UnexpectedAnswerError(
            f"{endpoint.method} {endpoint.path} was answered with {response.status}, but the body "
            f"is not what the API promises: {cause}. "
            "Is there something between you and Postiz that changes answers?"
        ) from cause


_decoders: dict[object, msgspec.json.Decoder[object]] = {}


def _decoder(reply: type[T]) -> msgspec.json.Decoder[T]:
    decoder = _decoders.get(reply)
    if decoder is None:
        decoder = _decoders[reply] = msgspec.json.Decoder(reply)
    return decoder  # type: ignore[return-value]


def failure(response: WireResponse) -> PostizError | None:
    """The error that an answer means, or None for a success in JSON or without a body."""
    status = response.status
    is_page = _is_web_page(response)
    if 300 <= status < 400 or (is_page and status < 500 and status not in {413, 429}):
        return _wrong_place(response)
    if 200 <= status < 300:
        return None
    said = _Said.of(response)
    if status == 429:
        wait = _retry_after(response.headers, now=None)
        seconds = wait if wait is not None else 0.0
        until = f" for {describe_seconds(seconds)}" if wait is not None else ""
        return RateLimitError(
            f"429: every create of the organisation is refused{until}. Something went over the "
            "quota: this key, another key of the organisation, or another program.",
            retry_after=seconds,
        )
    error, hint = _status_error(status, said, response)
    return error(
        said.text,
        status_code=status,
        body=response.body,
        provider=said.provider,
        channel_name=said.name,
        hint=hint,
    )


def _status_error(
    status: int, said: _Said, response: WireResponse
) -> tuple[type[APIStatusError], str]:
    if status == 401:
        if not response.body:
            return ServerError, "The server could not look up the key: its fault, not the key's."
        return AuthenticationError, (
            "Check the API key in Postiz under Settings > Developers > Public API."
            if "subscription" not in said.text.lower()
            else "The organisation of this key has no subscription."
        )
    if status == 402:
        return PlanLimitError, said.url or ""
    if status == 404:
        return NotFoundError, ""
    if status == 413:
        return PayloadTooLargeError, "A create request may have 102,400 bytes."
    if status >= 500:
        return ServerError, ""
    return BadRequestError, ""


def _is_web_page(response: WireResponse) -> bool:
    kind = response.headers.get("content-type", "").lower()
    if "html" in kind:
        return True
    return "json" not in kind and response.body[:200].lstrip()[:1] == b"<"


def _wrong_place(response: WireResponse) -> ConfigurationError:
    what = "a redirect" if 300 <= response.status < 400 else "a web page"
    target = response.headers.get("location", "")
    to = f" to {target[:100]}" if target else ""
    return ConfigurationError(
        f"The server answers with {what}{to} ({response.status}), not with the API. "
        "Your base URL probably lacks /api: the official container serves the API at "
        "https://your-host/api, the cloud at https://api.postiz.com."
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """The words of an error body, whichever of its shapes it has."""

    text: str
    provider: str | None = None
    name: str | None = None
    url: str | None = None

    @classmethod
    def of(cls, response: WireResponse) -> _Said:
        fallback = response.body[:300].decode("utf-8", "replace").strip()
        fallback = fallback if not _is_web_page(response) else ""
        fallback = fallback or f"(HTTP {response.status} without a text)"
        try:
            body = msgspec.json.decode(response.body, type=dict[str, object])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return cls(fallback)
        for key in ("msg", "message", "error_description", "error"):
            text = _as_text(body.get(key))
            if text:
                return cls(
                    text, *(_as_text(body.get(k)) or None for k in ("provider", "name", "url"))
                )
        return cls(fallback)


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return "; ".join(str(item) for item in cast("list[object]", value))
    return ""


def transient(response: WireResponse) -> tuple[Outcome, PostizError] | None:
    """How an attempt failed in the terms of `retry`; None for what no repetition can mend."""
    status = response.status
    if status < 401 or (status == 401 and response.body):
        return None
    if status == 401:
        failed = Outcome.KEY_LOOKUP
    elif status in {429, 502, 503, 504}:
        failed = Outcome.BUSY
    elif status >= 500:
        failed = Outcome.BROKEN
    else:
        return None
    error = failure(response)
    return (failed, error) if error is not None else None


def observe(response: WireResponse, *, now: float) -> Observation:
    """What an answer to a create says about the quota.

    Args:
        response: the answer.
        now: wall time in seconds since the epoch, for headers that name a moment.
    """
    headers = response.headers
    server_time = _http_date(headers.get("date", ""))
    reading = _reading(headers, now)
    retry_after = _retry_after(headers, now=now)
    if response.status == 429:
        if retry_after is None and reading is not None and reading.remaining == 0:
            retry_after = reading.reset
        return Observation(Cost.REFUSED, None, retry_after, server_time)
    if reading is not None:
        return Observation(Cost.COUNTED, reading, retry_after, server_time)
    return Observation(_unread_cost(response), None, retry_after, server_time)


def _unread_cost(response: WireResponse) -> Cost:
    """What an answer without rate headers costs."""
    status = response.status
    if status >= 500:  # a proxy, or the server before it counted
        return Cost.UNKNOWN
    if status in {401, 404, 413} or 300 <= status < 400 or _is_web_page(response):
        return Cost.FREE
    if status == 400 and b" JSON" in response.body:
        return Cost.FREE
    return Cost.COUNTED


def _reading(headers: Mapping[str, str], now: float) -> Reading | None:
    """The three rate headers, or None when one is absent or no sensible number."""
    limit = _number(headers.get("x-ratelimit-limit"))
    remaining = _number(headers.get("x-ratelimit-remaining"))
    reset = _number(headers.get("x-ratelimit-reset"))
    if limit is None or remaining is None or reset is None:
        return None
    if reset > _TIMESTAMP:
        reset = max(0.0, reset - now)
    if not 1 <= limit <= _MAX_LIMIT or remaining < 0 or not 0 <= reset <= 86_400:
        return None
    return Reading(int(limit), min(int(remaining), int(limit)), reset)


def _retry_after(headers: Mapping[str, str], *, now: float | None) -> float | None:
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
