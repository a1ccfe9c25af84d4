"""Convert HTTP responses to values or errors. PURE."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from types import NoneType
from typing import Any, TypeGuard, TypeVar, cast

import msgspec

from postiz_async._wire.answers import (
    JSON,
    OF_FIREWALLS,
    json_object,
    proves_nothing_stored,
    read_retry_after,
)
from postiz_async._wire.endpoints import Endpoint
from postiz_async._wire.gateways import demand_of, title_of
from postiz_async._wire.requests import WireResponse, is_web_page
from postiz_async.errors import (
    APIConnectionError,
    APIResponse,
    APIResponseValidationError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ChannelTokenError,
    ConfigurationError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    PlanLimitError,
    PostizError,
    RateLimitError,
    ServerError,
)
from postiz_async.models._durations import describe_seconds
from postiz_async.models.posts import Post, PostList

T = TypeVar("T")

_decoders: dict[object, msgspec.json.Decoder[Any]] = {}


def decode(endpoint: Endpoint[T], response: WireResponse, *, has_answered: bool = False) -> T:
    """Decode the value of a successful answer.

    Args:
        endpoint: the route that was called.
        response: the answer.
        has_answered: see `failure`.

    Raises:
        PostizError: the answer is an error, see `failure`.
    """
    is_json = response.body[:1] in JSON
    if not 200 <= response.status < 300 or (not is_json and is_web_page(response)):
        raise _failed(endpoint, response, has_answered=has_answered)
    if endpoint.reply is NoneType or (endpoint.reply is object and not response.body):
        return cast("T", None)
    if response.is_cut:
        raise APIResponseValidationError(
            f"{endpoint.method} {endpoint.path} was answered with {response.status} and a body of "
            f"more than {endpoint.max_body:,} bytes, which is more than is read of this route. "
            "Is there something between you and Postiz that changes answers?"
        )
    try:
        decoder = _decoders.get(endpoint.reply) or _new_decoder(endpoint.reply)
        value: T = decoder.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise APIResponseValidationError(
            f"{endpoint.method} {endpoint.path} was answered with {response.status}, but the body "
            f"is not what the API promises: {cause}. "
            "Is there something between you and Postiz that changes answers?"
        ) from cause
    return value


LONG = 512 * 1024
"""Largest size in bytes that is decoded at once; a larger body would hold up other tasks."""

_LIST, _END, _TRIES = b'{"posts":[', b"]}", 8


def decoding(endpoint: Endpoint[T], response: WireResponse) -> Generator[None, None, T]:
    """Like `decode`, with a pause after each part of a long list of posts.

    A part ends with a post. A text that looks like the end of a post may be inside one, but then
    the part is not JSON, and a longer one is tried. Any other body is decoded at once.
    """
    body, view, posts = response.body, memoryview(response.body), list[Post]()
    start, end = len(_LIST), len(body) - len(_END)
    is_list = endpoint.reply is PostList and response.status == 200 and not response.is_cut
    if is_list and body.startswith(_LIST) and body.endswith(_END):
        decoder = _decoders.get(list[Post]) or _new_decoder(list[Post])
        between = b"}," + body[start : body.find(b":", start) + 1]
        stop, tries = start, 0
        while start < end and tries < _TRIES:
            found = body.find(between, max(stop, start + LONG), end)
            stop = found + 1 if found >= 0 else end
            try:
                posts += decoder.decode(b"".join((b"[", view[start:stop], b"]")))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                tries = tries + 1 if stop < end else _TRIES
            else:
                start, tries = stop + 1, 0
            yield
    return cast("T", PostList(posts=posts)) if start > end else decode(endpoint, response)


def _failed(endpoint: Endpoint[T], response: WireResponse, *, has_answered: bool) -> PostizError:
    error = failure(response, endpoint.meanings, has_answered=has_answered)
    assert error is not None  # noqa: S101  (it is no success)
    if endpoint.since and lacks_route(error):
        error = NotFoundError(
            error.text,
            response=error.response,
            hint=f"The route came with {endpoint.since}: this server is older, or the base URL is "
            "wrong.",
        )
    if not endpoint.quota or response.status >= 500 or proves_nothing_stored(response):
        return error
    if response.status not in OF_FIREWALLS:
        return APIConnectionError(str(error))
    error.may_be_stored = True
    return error


def _new_decoder(reply: type[object]) -> msgspec.json.Decoder[Any]:
    decoder = _decoders[reply] = msgspec.json.Decoder(reply)
    return decoder


def failure(
    response: WireResponse,
    meanings: Mapping[tuple[int, str], str] | None = None,
    free_in: float | None = None,
    *,
    has_answered: bool = False,
) -> PostizError | None:
    """The error that an answer means, or None for a success in JSON or without a body.

    Args:
        response: the answer.
        meanings: the hints of the endpoint that was called.
        free_in: seconds after which to try again, if the answer does not say.
        has_answered: whether the API has answered at this address before, so that it is right.
    """
    status = response.status
    is_page = is_web_page(response) and not has_answered
    if status == 304:
        return ConfigurationError(
            "The server answers 304 (not modified), although the request was not conditional. A "
            "cache between you and Postiz answers in its place: let it pass /public/v1 through."
        )
    if 300 <= status < 400 or (is_page and status < 500 and status not in {403, 413, 429}):
        return _wrong_place(response)
    if 200 <= status < 300:
        return None
    first_last = reversed(list(response.headers.items()))  # the first of a name counts
    headers = {name.lower(): value for name, value in first_last}
    kept = APIResponse(status, headers, response.body)
    wait = read_retry_after(response.headers, now=None)
    said = _Said.of(response)
    error, hint = _status_error(status, said, response)
    hint = (meanings or {}).get((status, said.text.strip()), hint)
    may_pass = issubclass(error, ServerError | RateLimitError)
    return error(
        said.text,
        response=kept,
        provider=said.provider,
        channel_name=said.name,
        hint=hint,
        retry_after=(free_in if wait is None else wait) if may_pass else None,
    )


def _status_error(
    status: int, said: _Said, response: WireResponse
) -> tuple[type[APIStatusError], str]:
    if status == 401:
        if not response.body:
            return ServerError, "The server could not look up the key: its fault, not the key's."
        return _unauthorized(said.text)
    if status == 402:
        return PlanLimitError, said.url or ""
    if status == 403:
        return PermissionDeniedError, (
            "Postiz itself answers none of these calls with 403. Ask whoever runs the firewall or "
            "proxy in front of it: it may want a header of its own (POSTIZ_HEADERS, headers=), "
            "or block your address, or words in the request."
        )
    if status == 404:
        return NotFoundError, _FOREIGN if said.text.startswith("{") else ""
    if status == 413:
        return PayloadTooLargeError, "A create request may have 102,400 bytes."
    if status == 429:
        wait = read_retry_after(response.headers, now=None)
        until = f" for {describe_seconds(wait)}" if wait is not None else ""
        return RateLimitError, (
            f"No more of these requests are taken{until}. That is not the quota of creates: a "
            "gateway before Postiz limits them, or a Postiz before v2.19.0 counts them too."
        )
    return (ServerError if status >= 500 else BadRequestError), ""


_FOREIGN = (
    "Postiz answers in other words. Another program seems to be at the base URL: "
    "`postiz-async doctor` tries the usual ones."
)


def _unauthorized(text: str) -> tuple[type[APIStatusError], str]:
    if text == "Channel disconnected due to expired token":
        return ChannelTokenError, "Connect the channel again in Postiz. The API key is fine."
    return AuthenticationError, _about_the_key(text)


def _about_the_key(text: str) -> str:
    """What to do about a refused key, depending on the server's message."""
    words = text.lower()
    if "subscription" in words:
        return "The organisation of this key has no subscription."
    if "oauth token" in words:
        return (
            "The access token of this user was replaced or revoked: each new approval ends the one "
            "before. Use the newest one, or send the user through OAuth again."
        )
    if "no api key" in words:
        return "The key did not arrive: a proxy on the way may remove the Authorization header."
    return "Check the API key in Postiz under Settings > Developers > Public API."


def lacks_route(error: PostizError | None) -> TypeGuard[NotFoundError]:
    """Whether the server lacks the route, not only the object: it answers `Cannot GET /...`."""
    return isinstance(error, NotFoundError) and error.text.startswith("Cannot ")


def in_front(response: WireResponse) -> APIConnectionError:
    """The error for an answer that `hides` Postiz at an address at which it has answered."""
    status, is_page, demand = response.status, is_web_page(response), demand_of(response)
    what = "a page" if is_page else "an answer"
    if 300 <= status < 400:
        what = "a redirect"
    text = title_of(response) if is_page or not response.body else _Said.of(response).text
    named = f", '{' '.join(text.split())[:100]}'" if text else ""
    return APIConnectionError(
        f"Somebody in front of Postiz answers: {what}, {status}{named}.",
        hint=_HAS_ANSWERED if demand is None else demand.advice,
    )


_HAS_ANSWERED = "Postiz has answered at this address before: is it being restarted?"


def _wrong_place(response: WireResponse) -> ConfigurationError:
    what = "a redirect" if 300 <= response.status < 400 else "a web page"
    target = response.headers.get("location", "")[:200].encode("ascii", "backslashreplace")
    to = f" to {target.decode()}" if target else ""
    title = title_of(response)
    named = f": {title}" if title and not target else ""
    return ConfigurationError(
        f"The server answers with {what}{to} ({response.status}{named}), not with the API. "
        f"{_way_to_the_api(response, target)} `postiz-async doctor` tries the usual ones."
    )


def _way_to_the_api(response: WireResponse, target: bytes) -> str:
    if b"/public/v1" in target:
        return "Use the address that it points to as base URL."
    demand = demand_of(response)
    if demand is not None and demand.what:
        return f"{demand.what[0].upper()}{demand.what[1:]}. {demand.advice}"
    base = "Your base URL probably lacks" if demand is None else "Or your base URL lacks"
    address = (
        f"{base} /api: the official container serves the API at https://your-host/api, the cloud "
        "at https://api.postiz.com."
    )
    return address if demand is None else f"{demand.advice} {address}"


@dataclass(frozen=True, slots=True)
class _Said:
    """The texts of an error body, in any of its shapes."""

    text: str
    provider: str | None = None
    name: str | None = None
    url: str | None = None

    @classmethod
    def of(cls, response: WireResponse) -> _Said:
        if is_web_page(response):
            fallback = title_of(response)
        else:
            fallback = response.body[:300].decode("utf-8", "replace").strip()
        fallback = fallback or f"(HTTP {response.status} without a text)"
        body = json_object(response.body) or {}
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


def transient(
    response: WireResponse,
    meanings: Mapping[tuple[int, str], str] | None = None,
    free_in: float | None = None,
) -> tuple[FailureKind, PostizError] | None:
    """How an attempt failed and its error; None if a repetition cannot help.

    Args:
        response: the answer.
        meanings: the hints of the endpoint that was called.
        free_in: seconds after which to try again, if the answer does not say.
    """
    status = response.status
    if status < 401 or (status == 401 and response.body):
        return None
    if status == 401:
        failed = FailureKind.KEY_LOOKUP
    elif status in {429, 502, 503, 504}:
        failed = FailureKind.BUSY
    elif status >= 500:
        failed = FailureKind.BROKEN
    else:
        return None
    error = failure(response, meanings, free_in)
    return (failed, error) if error is not None else None


def parse_date(text: str) -> datetime:
    """A date of an answer; without a zone it means UTC.

    Raises:
        APIResponseValidationError: it is not a date.
    """
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise APIResponseValidationError(
            f"The server sent {text[:40]!r} where a date belongs."
        ) from None


class FailureKind(Enum):
    """How an attempt failed."""

    NOT_SENT = "not sent"
    """The connection could not be made."""
    NO_ANSWER = "no answer"
    """Sent, and the answer was lost or late."""
    BUSY = "busy"
    """429 on a route without quota, or 502 to 504: a proxy or a restart."""
    BROKEN = "broken"
    """500: often a lasting fault."""
    KEY_LOOKUP = "key look-up"
    """401 with an empty body: the server could not look up the key; nothing was carried out."""
