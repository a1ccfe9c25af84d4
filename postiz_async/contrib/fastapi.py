"""FastAPI: a client for the life of the application, and its errors as HTTP answers.

    app = FastAPI(lifespan=partial(postiz_lifespan, store="postiz.sqlite"))
    add_exception_handlers(app)
    app.add_middleware(CancelOnDisconnect)

    @app.post("/announce")
    async def announce(text: str, postiz: PostizDep) -> list[str]:
        created = await postiz.posts.schedule(NewPost(CHANNEL, text), at=...)
        return [each.post_id for each in created]

Needs the extra `fastapi`.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from inspect import iscoroutinefunction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

from postiz_async._client import Postiz
from postiz_async._extras import importing
from postiz_async._logs import log_of
from postiz_async._pool import PostizPool
from postiz_async._resources.api import opened
from postiz_async._wire.secrets import Secret, hidden
from postiz_async.contrib.web import (
    MAX_WAIT,
    CancelOnDisconnect,
    Credentials,
    error_response,
    for_request,
    health,
)
from postiz_async.errors import (
    APIResponseValidationError,
    ConfigurationError,
    OAuthError,
    PostizError,
    UsageError,
)
from postiz_async.models._durations import read_seconds
from postiz_async.oauth import OAuth, check_callback, new_state
from postiz_async.webhooks import parse

with importing("fastapi", __name__):
    from fastapi import APIRouter, Depends, FastAPI, Request
    from fastapi.concurrency import run_in_threadpool
    from fastapi.responses import JSONResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from datetime import timedelta

    from postiz_async._outbox.base import OutboxBase
    from postiz_async._outbox.tickets import OutboxOptions, TicketEvent
    from postiz_async.models.oauth import Token
    from postiz_async.stores import Records

__all__ = [
    "CancelOnDisconnect",
    "Credentials",
    "PostizDep",
    "add_exception_handlers",
    "get_postiz",
    "oauth_router",
    "postiz_for",
    "postiz_lifespan",
    "postiz_router",
]

_log = logging.getLogger("postiz_async.web")

_LONGEST_DELIVERY = 1_000_000
"""Bytes of a webhook delivery that are read."""


@dataclass(frozen=True, slots=True)
class _AppState:
    client: Postiz | PostizPool
    max_wait: float | timedelta | Callable[[Request], float | timedelta | None] | None

    def budget(self, request: Request) -> float | timedelta | None:
        return self.max_wait(request) if callable(self.max_wait) else self.max_wait


@asynccontextmanager
async def postiz_lifespan(
    app: FastAPI,
    client: Postiz | PostizPool | None = None,
    *,
    store: Records | Path | Secret | str | None = None,
    outbox: OutboxOptions | Path | Secret | str | None = None,
    max_wait: float | timedelta | Callable[[Request], float | timedelta | None] | None = MAX_WAIT,
    drain: float | timedelta | None = 0.0,
    consumers: Mapping[str, Callable[[TicketEvent], Awaitable[None] | None]] | None = None,
) -> AsyncGenerator[None]:
    """Open a client (or a pool) for the lifetime of the application.

    It is a lifespan by itself, `FastAPI(lifespan=postiz_lifespan)`, or it is entered in one of
    yours. Handlers get the client as `PostizDep`; to use it elsewhere, make it and give it.

    Args:
        app: the application.
        client: a client with your own options, or a `PostizPool` for many organisations; None: a
            client for `POSTIZ_API_KEY` and `POSTIZ_API_URL`.
        store: where the worker processes share quota, idempotency keys and outbox: the path of a
            file (one host), or `postgresql://...` (many hosts); or a store of quota and keys
            alone, which is closed at the end.
        outbox: where `postiz.outbox` is if not in `store`, or `OutboxOptions`, as for `Postiz`.
        max_wait: seconds that a handler waits for the quota, or a function of the request.
        drain: seconds to wait for calls and outbox when the application stops.
        consumers: functions, sync or async, that are called with each ticket that ended, by the
            names under which the outbox remembers how far each of them is. Of all worker processes
            one calls at a time; a function that fails is called again.

    Raises:
        ConfigurationError: there are `consumers` and no outbox.
        UsageError: `store` or `outbox` is given together with a client, which has its own; or
            `max_wait` or `drain` is not a number of seconds.
    """
    if not callable(max_wait):
        max_wait = read_seconds("max_wait", max_wait, zero=True, endless=True)
    drain = read_seconds("drain", drain, zero=True, endless=True)
    if client is not None and (store is not None or outbox is not None):
        raise UsageError("Give store and outbox to the client, or let it be made here.")
    store, outbox = hidden(store), hidden(outbox)  # for all of the application's life in this frame
    async with AsyncExitStack() as stack:
        if client is None:
            if store is not None and not isinstance(store, Path | Secret):
                stack.push_async_callback(store.aclose)
            client = Postiz(store=store, outbox=outbox, drain=drain)
        await stack.enter_async_context(client)
        for name, handler in (consumers or {}).items():
            consuming = asyncio.create_task(_consumed(client.outbox, handler, name))
            stack.push_async_callback(asyncio.wait, [consuming])
            stack.callback(consuming.cancel)
        app.state.postiz_async = _AppState(client, max_wait)
        try:
            yield
        finally:
            del app.state.postiz_async


async def _consumed(
    outbox: OutboxBase, handler: Callable[[TicketEvent], Awaitable[None] | None], name: str
) -> None:
    try:
        await outbox.consume(handler, name=name)
    except PostizError:
        _log.exception("the consumer %r has ended", name)


def _state(request: Request) -> _AppState:
    found = getattr(request.app.state, "postiz_async", None)
    if not isinstance(found, _AppState):
        raise UsageError(
            "The application has no Postiz client: write FastAPI(lifespan=postiz_lifespan), or "
            "enter postiz_lifespan(app) in its lifespan."
        )
    return found


async def get_postiz(request: Request) -> Postiz:
    """The dependency behind `PostizDep`; a test overrides it with its own client.

        app.dependency_overrides[get_postiz] = lambda: postiz

    Args:
        request: the current request.

    Raises:
        UsageError: the application has no client, or a pool of many organisations.
    """
    state = _state(request)
    if isinstance(state.client, PostizPool):
        raise UsageError(
            "The application has a pool of many organisations: say whose client a request uses "
            "with Depends(postiz_for(...)) in place of PostizDep."
        )
    return _given(request, state, state.client)


_WHOSE = "postiz_organization"
"""The attribute of a request's state that has the name of its organisation, for the log."""


def _given(request: Request, state: _AppState, client: Postiz) -> Postiz:
    """The client as a request may use it."""
    setattr(request.state, _WHOSE, opened(client).organization)
    return for_request(client, state.budget(request))


PostizDep = Annotated[Postiz, Depends(get_postiz)]
"""The application's client, as this request may use it."""


def postiz_for(
    credentials: Callable[..., Credentials | Awaitable[Credentials]],
) -> Callable[..., AsyncGenerator[Postiz]]:
    """A dependency that gives each request the client of its own organisation.

        async def whose(user: CurrentUser) -> Credentials:
            return Credentials(user.postiz_token, organization=user.organization_id)

        TenantPostiz = Annotated[Postiz, Depends(postiz_for(whose))]

    Clients come from the application's `PostizPool`, by key, so requests of one organisation never
    see another's data or spend its quota. The pool keeps a client open for the duration of a
    request. To override it in a test, keep a reference to what this function returns.

    Args:
        credentials: a dependency that returns the key or token of a request.
    """

    async def dependency(request: Request, found: object) -> AsyncGenerator[Postiz]:
        state = _state(request)
        if not isinstance(state.client, PostizPool):
            raise UsageError("postiz_for needs postiz_lifespan(app, PostizPool(...)).")
        if not isinstance(found, Credentials):
            raise UsageError(
                "The function that postiz_for was given returned no Credentials but "
                f"{type(found).__name__}. Let it return `Credentials(key, organization=...)`."
            )
        client = await state.client.client(
            found.api_key, organization=found.organization, base_url=found.base_url
        )
        used = opened(client)
        used.needed_by += 1
        try:
            yield _given(request, state, client)
        finally:
            used.needed_by -= 1

    dependency.__annotations__ |= {
        "request": Request,
        "found": Annotated[Credentials, Depends(credentials)],
        "return": AsyncGenerator[Postiz],
    }
    return dependency


def add_exception_handlers(app: FastAPI) -> None:
    """Answer errors of the library as `postiz_async.contrib.web.error_response` says.

    A `UsageError` is a bug in the application, such as a missing `outbox=`. It is not handled, so
    it is logged with its traceback and answered with 500.

    Args:
        app: the application whose handlers may raise errors of this library.
    """
    app.add_exception_handler(PostizError, _on_error)


async def _on_error(request: Request, error: Exception) -> Response:
    if isinstance(error, UsageError):
        raise error  # as any bug of the application: logged with its traceback, and 500
    answer = error_response(cast("PostizError", error))
    if answer.status in {502, 504} or isinstance(error, ConfigurationError):
        log = log_of(_log, getattr(request.state, _WHOSE, ""))
        log.warning("%s %s: %s", request.method, request.url.path, error)
    return JSONResponse(answer.body, answer.status, answer.headers)


def postiz_router(
    *, webhook_path: str | None = "/postiz/webhook", health_path: str | None = "/postiz/health"
) -> APIRouter:
    """Two routes: one for webhook deliveries, one for the health of the client.

    Deliveries have no signature and are often empty, so they are only hints: each lets
    `posts.wait_published` check at once. Make the path hard to guess and enter it in Postiz; it is
    not in the application's schema (`/openapi.json`).

    Args:
        webhook_path: the path for deliveries; None: no such route.
        health_path: the path that returns `contrib.web.health`, with 503 while it is not ready;
            None: no such route.
    """
    router = APIRouter()
    if webhook_path is not None:
        router.add_api_route(
            webhook_path, _delivered, methods=["POST"], status_code=204, include_in_schema=False
        )
    if health_path is not None:
        router.add_api_route(health_path, _healthy, methods=["GET"])
    return router


async def _delivered(request: Request) -> Response:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_DELIVERY:
            return Response(status_code=413)
    try:
        _log.info("a webhook was delivered with %d posts", len(parse(bytes(body))) if body else 0)
    except APIResponseValidationError as error:
        _log.info("a webhook was delivered that says nothing: %s", error)
    client = _state(request).client
    waiting = client if isinstance(client, PostizPool) else client.posts
    waiting.look_again()
    return Response(status_code=204)


async def _healthy(request: Request) -> JSONResponse:
    said = await health(_state(request).client)
    return JSONResponse(said, 200 if said["ready"] else 503)


# ------------------------------------------------------------------ OAuth

_COOKIE = "postiz_oauth"
_COOKIE_SECONDS = 3_600
"""How long a user may take to sign in to Postiz and agree."""


def oauth_router(
    oauth: OAuth,
    organization: Callable[..., str | Awaitable[str]],
    save_token: Callable[[str, Token], object],
    *,
    connect_path: str = "/postiz/connect",
    callback_path: str = "/postiz/callback",
    after: str = "/",
) -> APIRouter:
    """Two routes that let users connect their Postiz organisation: consent and callback.

        app.include_router(oauth_router(OAuth(), current_organization, save_token))

    The state is in a cookie (HttpOnly, SameSite=Lax, Secure over https) and signed for the
    organisation, so that neither a forged callback nor one of another account connects anything.
    Errors reach the exception handlers of the application: an `OAuthError` means that the user has
    to begin again at `connect_path`.

    Args:
        oauth: your application, with its client secret; the callback that is stored for it at
            Postiz has to lead to `callback_path`.
        organization: a dependency that returns your name of the organisation that the user of a
            request may connect, and that refuses everybody else.
        save_token: called with this name and the token; an async function, or one that is called
            in a thread. If it returns a `Response`, that is the answer.
        connect_path: the path to which your pages link; it redirects to Postiz.
        callback_path: the path to which Postiz redirects.
        after: where the user is sent when the token is saved.

    Raises:
        ConfigurationError: there is no client secret.
    """
    if not oauth.client_secret:
        raise ConfigurationError(
            "There is no client secret: pass OAuth(client_secret=...) or set POSTIZ_CLIENT_SECRET."
        )
    key = Secret.of(oauth.client_secret)

    def signed(nonce: str, name: object) -> str:
        if not isinstance(name, str) or not name:
            raise UsageError(
                "The dependency that oauth_router was given has to return the name of an "
                f"organisation, and not {name!r}."
            )
        made = hmac.digest(key.reveal().encode(), f"{nonce} {name}".encode(), "sha256")
        return f"{nonce}.{made.hex()}"

    whose = Depends(organization)

    async def connect(request: Request, name: str = whose) -> Response:
        state = signed(new_state(), name)
        answer = RedirectResponse(oauth.authorize_url(state), 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(
            _COOKIE, state, _COOKIE_SECONDS, secure=secure, httponly=True, samesite="lax"
        )
        return answer

    async def callback(request: Request, name: str = whose) -> Response:
        state = request.cookies.get(_COOKIE, "")
        known = signed(state.partition(".")[0], name)
        if state and not hmac.compare_digest(state.encode(), known.encode()):
            raise OAuthError(
                "the state was made for another account: begin again in the one that you use now"
            )
        token = await oauth.exchange(check_callback(request.url.query, state))
        saved: object = await (
            save_token(name, token)
            if iscoroutinefunction(save_token)
            else run_in_threadpool(save_token, name, token)
        )
        answer = saved if isinstance(saved, Response) else RedirectResponse(after, 303)
        answer.delete_cookie(_COOKIE)
        return answer

    router = APIRouter(include_in_schema=False)
    router.add_api_route(connect_path, connect, methods=["GET"])
    router.add_api_route(callback_path, callback, methods=["GET"])
    return router
