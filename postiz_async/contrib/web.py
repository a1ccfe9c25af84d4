"""For any web framework: a client for a request, answers to errors, health, cancellation.

`for_request` is a client as one request uses it, `error_response` turns an error of the library
into an HTTP response, `CancelOnDisconnect` is ASGI middleware that cancels a handler whose client
is gone.
"""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import anyio
import msgspec

from postiz_async._client import limited
from postiz_async._pool import PostizPool
from postiz_async._resources.api import opened
from postiz_async._wire.secrets import Secret
from postiz_async.errors import (
    APIConnectionError,
    APITimeoutError,
    BadRequestError,
    CampaignError,
    ConfigurationError,
    DeliveryUnknownError,
    HaltedError,
    IdempotencyError,
    InvalidInputError,
    NotFoundError,
    OAuthError,
    PayloadTooLargeError,
    PostizError,
    PostNotFoundError,
    QuotaError,
    StoreError,
    UploadError,
    UsageError,
)
from postiz_async.stores._addresses import open_store

if TYPE_CHECKING:
    from datetime import timedelta

    from postiz_async._client import Postiz

__all__ = [
    "MAX_WAIT",
    "CancelOnDisconnect",
    "Credentials",
    "ErrorResponse",
    "error_response",
    "for_request",
    "health",
    "open_store",
]

_log = logging.getLogger("postiz_async.web")

MAX_WAIT = 5.0
"""Seconds that a request waits for the quota by default."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The organisation of a request: arguments of `PostizPool.client`, the key as a `Secret`."""

    api_key: str | Secret
    organization: str | None = None
    base_url: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "api_key", Secret.of(self.api_key))


def for_request(client: Postiz, max_wait: float | timedelta | None = MAX_WAIT) -> Postiz:
    """A client for one request, with a limited wait for the quota.

    Campaigns and the outbox are those of the client, without this limit.

    Args:
        client: the open client.
        max_wait: seconds, or a `timedelta`, that a create may wait for the quota; then
            `QuotaWaitError`, at once if the wait is known to be longer. None: as long as necessary.
    """
    return limited(client, max_wait)


# ------------------------------------------------------------------ errors


class ErrorResponse(msgspec.Struct, frozen=True):
    """The HTTP response to an error. `detail` is JSON; `retry_after` is in whole seconds."""

    status: int
    detail: str | list[dict[str, object]]
    retry_after: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """`Retry-After`, if there is one."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    @property
    def body(self) -> dict[str, object]:
        """The body of a JSON response."""
        said: dict[str, object] = {"detail": self.detail}
        return said if self.retry_after is None else said | {"retry_after": self.retry_after}


def error_response(error: PostizError) -> ErrorResponse:
    """The response to the caller of a web application: what the caller can fix, and no more.

    | error                                         | answer                               |
    |-----------------------------------------------|--------------------------------------|
    | `QuotaError`                                  | 503, `Retry-After` rounded up        |
    | `InvalidInputError`                           | 422, each problem with its path      |
    | `BadRequestError`, `PayloadTooLargeError`     | 422, 413, in the words of the server |
    | `IdempotencyError`                            | 422, each path that differs          |
    | `NotFoundError`, `PostNotFoundError`          | 404                                  |
    | `OAuthError`                                  | 400                                  |
    | `UploadError`                                 | 422 without details                  |
    | `CampaignError`                               | 422 without details                  |
    | the same, if its file or journal is at fault  | 503 without details                  |
    | `APITimeoutError`; other connection errors    | 504; 502                             |
    | `DeliveryUnknownError`                        | 502, and not to repeat it blindly    |
    | the same of a call with an idempotency key    | 502, `Retry-After`: do repeat it     |
    | `StoreError`                                  | 503, `Retry-After`                   |
    | `UsageError`: a bug of the application        | 500 without details; it is logged    |
    | `ConfigurationError` (also: closing)          | 503 without details                  |
    | others: our key, our plan, a broken server    | 502 without details                  |

    Args:
        error: what a call raised.
    """
    match error:
        case QuotaError() | StoreError():
            why = next(why for kind, why in _LATER if isinstance(error, kind))
            return ErrorResponse(503, why, _whole_seconds(error))
        case InvalidInputError():
            return ErrorResponse(
                422, [_problem(p.where, p.message, p.hint) for p in error.problems]
            )
        case BadRequestError():
            return ErrorResponse(422, [_problem("", error.text, "")])
        case IdempotencyError():
            return ErrorResponse(422, [_problem(path, _USED, "") for path in error.differs])
        case DeliveryUnknownError() if error.retry_after is not None:
            return ErrorResponse(502, _NOT_KNOWN_YET, _whole_seconds(error))
        case PayloadTooLargeError() | NotFoundError():
            return ErrorResponse(error.status_code, error.text)
        case PostNotFoundError():
            return ErrorResponse(404, f"There is no post or ticket {error.id!r}.")
        case _:
            if isinstance(error, UsageError):
                _log.error("a bug of the application", exc_info=error)
            cause = error.__cause__ if isinstance(error, CampaignError) else None
            if isinstance(
                cause, OSError | sqlite3.Error
            ):  # not what the campaign says, but its place
                error = ConfigurationError(str(error))
            return next(answer for kind, answer in _PLAIN if isinstance(error, kind))


_LATER: tuple[tuple[type[PostizError], str], ...] = (
    (HaltedError, "Posts are halted at the moment."),
    (QuotaError, "The hourly quota of posts has no free slot at the moment."),
    (StoreError, "The state of the quota cannot be reached."),
)
_USED = "differs from what this idempotency key was used for"
_NOT_KNOWN_YET = "Postiz' answer was lost. Repeat the same request to learn what became of it."

_PLAIN: tuple[tuple[type[PostizError], ErrorResponse], ...] = (
    (OAuthError, ErrorResponse(400, "The account was not connected. Begin again.")),
    (CampaignError, ErrorResponse(422, "The campaign cannot be used as it is.")),
    (UploadError, ErrorResponse(422, "The file or the address of the upload could not be read.")),
    (APITimeoutError, ErrorResponse(504, "Postiz did not answer in time.")),
    (APIConnectionError, ErrorResponse(502, "Postiz cannot be reached.")),
    (
        DeliveryUnknownError,
        ErrorResponse(
            502, "Postiz' answer was lost: the post may be stored. Look before repeating."
        ),
    ),
    (UsageError, ErrorResponse(500, "The application has an error; Postiz is not the cause.")),
    (
        ConfigurationError,
        ErrorResponse(
            503, "This application is closing, or its settings for Postiz have to be corrected."
        ),
    ),
    (PostizError, ErrorResponse(502, "Postiz does not carry this out at the moment.")),
)


def _whole_seconds(error: PostizError) -> int:
    """The `Retry-After` of an error that has one."""
    return max(1, math.ceil(error.retry_after or 0))


def _problem(where: str, message: str, hint: str) -> dict[str, object]:
    """A problem in the format of FastAPI's own validation errors."""
    loc: list[object] = ["body", *(int(p) if p.isdigit() else p for p in where.split(".") if p)]
    said: dict[str, object] = {"loc": loc, "msg": message, "type": "postiz"}
    return said | {"hint": hint} if hint else said


# ------------------------------------------------------------------ health


async def health(client: Postiz | PostizPool) -> dict[str, object]:
    """Whether posts can be sent, for a health endpoint. Sends nothing to the server.

    Args:
        client: the client or the pool of the application.

    Returns:
        `status` (`ok`, `blocked` while the organisation is locked out, `trouble` while the key is
        refused, the outbox cannot send, or the store of the quota is unavailable), `ready` (False
        while the store is unavailable, so that no work can be accepted), `quota` and `outbox` if
        there are any, `organization` if the client was given a name; for a pool the numbers of all
        its organisations, and `troubles`: the problems of single ones, by their names. JSON values.
    """
    try:
        return await (_of_pool(client) if isinstance(client, PostizPool) else _of_client(client))
    except StoreError as error:
        return _away(str(error))


def _away(reason: str) -> dict[str, object]:
    """The state while the store is unavailable; the reason is only logged, as it may name hosts."""
    _log.warning("not ready: %s", reason)
    return {"status": "trouble", "ready": False}


async def _of_client(client: Postiz) -> dict[str, object]:
    quota = await client.quota()
    said: dict[str, object] = {
        "status": "blocked" if quota.blocked else "ok",
        "ready": True,
        "quota": msgspec.to_builtins(quota),
    }
    if hasattr(client, "outbox"):
        counts = await client.outbox.counts()
        trouble = client.outbox.trouble
        said["outbox"] = {state.value: count for state, count in counts.items()}
        said["status"] = "trouble" if trouble else said["status"]
    if opened(client).scheduler.key_refusal():
        said["status"] = "trouble"
    if name := opened(client).organization:
        said["organization"] = name
    return said


async def _of_pool(pool: PostizPool) -> dict[str, object]:
    found = await pool.health()
    said: dict[str, object] = {"status": "ok", "ready": True}
    if not found.is_ready:
        said = _away(found.trouble)
    said |= {
        "organizations": found.total,
        "clients": found.clients,
        "calls": found.calls,
        "queued": msgspec.to_builtins(found.queued),
        "in_flight": found.in_flight,
        "refused": found.refused,
        "blocked": found.blocked,
        "troubles": found.troubles,
    }
    return said if found.outbox is None else said | {"outbox": found.outbox}


# ------------------------------------------------------------------ clients that are gone

_Message: TypeAlias = MutableMapping[str, object]
_Receive: TypeAlias = Callable[[], Awaitable[_Message]]
_Send: TypeAlias = Callable[[_Message], Awaitable[None]]
_App: TypeAlias = Callable[[_Message, _Receive, _Send], Awaitable[None]]


class CancelOnDisconnect:
    """ASGI middleware that cancels a handler when the client of its request disconnects.

    Frameworks do not cancel such a handler. With this, a call that waits for the quota gives up its
    place at once; a create whose first byte was sent counts as spent.

        app.add_middleware(CancelOnDisconnect)

    Args:
        app: the application.
    """

    def __init__(self, app: _App) -> None:
        self._app = app

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Run the application for one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with anyio.CancelScope() as running:
            listener = _DisconnectListener(receive, running)

            async def send_on(message: _Message) -> None:
                if message["type"] == "http.response.body" and not message.get("more_body"):
                    await listener.close()  # work after the answer must not be cancelled
                await send(message)

            try:
                await self._app(scope, listener.receive, send_on)
            finally:
                await listener.close()
        if running.cancelled_caught:
            _log.info("a client is gone, its handler was cancelled")


class _DisconnectListener:
    """Listens for the end of a connection, and passes the request's body on.

    It reads ahead by at most one message, so a large body is not kept in memory.
    """

    def __init__(self, receive: _Receive, running: anyio.CancelScope) -> None:
        self._receive = receive
        self._running = running
        self._messages: asyncio.Queue[_Message] = asyncio.Queue(maxsize=1)
        self._task = asyncio.create_task(self._listen())

    async def receive(self) -> _Message:
        """The next message, for the application."""
        return await self._messages.get()

    async def close(self) -> None:
        """Stop listening."""
        self._task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()

    async def _listen(self) -> None:
        while True:
            try:
                message = await self._receive()
            except Exception:
                self._running.cancel()  # else the application waits for ever; `close` raises it
                raise
            if message["type"] == "http.disconnect":
                self._running.cancel()
                return
            await self._messages.put(message)
