"""Calls of routes that the library does not know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import unquote

from msgspec import Raw

from postiz_async._resources.builder import surely_not_stored, text_of_lost
from postiz_async._resources.create_body import marks_of
from postiz_async._scheduler.scheduler import BoundScheduler
from postiz_async._validation.javascript import as_list, as_object
from postiz_async._wire import encode_body
from postiz_async._wire.endpoints import CREATE_POST, ENDPOINTS, LIST_POSTS, Call, Endpoint, Replay
from postiz_async.errors import DeliveryUnknownError, Marks, PostizError, Scope, UsageError

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

_WRONG = frozenset("?#\\{}")
"""Characters of no path: with them a create could look like something else."""


def call_of(
    method: str,
    path: str,
    *,
    json: object,
    params: Mapping[str, str] | None,
    idempotent: bool | None,
) -> Call[Any]:
    """The call of any route below the root of the API; `POST /posts` is a create like any other.

    Raises:
        UsageError: the method or the path is none, a parameter is no text, or a create is said to
            be idempotent.
        InvalidInputError: JSON cannot represent `json`.
    """
    method = method.upper()
    if method not in _METHODS:
        raise UsageError(f"method is {method!r}. Give one of {', '.join(_METHODS)}.")
    segments = path.removeprefix("/").removesuffix("/").split("/")
    is_odd = any(unquote(each) in {"", ".", ".."} or not each.isprintable() for each in segments)
    if is_odd or " " in path or not path.isascii() or _WRONG & set(path):
        raise UsageError(
            f"path is {path!r}. Give one below the root of the API, such as '/posts'; a query "
            "belongs in params=."
        )
    query = dict(params or {})
    if not all(isinstance(each, str) for pair in query.items() for each in pair):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"params is {query!r}. Give names and values as text.")
    is_repeatable = method == "GET" if idempotent is None else idempotent
    endpoint = Endpoint(
        name=f"{method.lower()}_{segments[0].lower()}",
        method=method,
        path="/" + "/".join(segments),
        reply=object,
        replay=(Replay.SAFE if method == "GET" else Replay.IDEMPOTENT)
        if is_repeatable
        else Replay.ONCE,
        scope=_scope(method, segments),
        since="",
        max_body=LIST_POSTS.max_body,
    )
    is_create = method == "POST" and [unquote(each).lower() for each in segments] == ["posts"]
    if is_create:
        if idempotent:
            raise UsageError("POST /posts stores posts each time, so it cannot be idempotent.")
        endpoint = replace(cast("Endpoint[Any]", CREATE_POST), reply=object)
    return Call(
        endpoint,
        query=tuple(query.items()),
        body=None if json is None else encode_body(json),
        posts=len(as_list(as_object(json).get("posts"))) if is_create else 0,
    )


def _scope(method: str, segments: list[str]) -> Scope | None:
    """The scope of a known route; an unknown one that does not read may do anything."""
    names = [unquote(each).lower() for each in segments]
    for endpoint in ENDPOINTS:
        parts = endpoint.path.strip("/").split("/")
        pairs = zip(parts, names, strict=False)
        is_same = method == endpoint.method and len(parts) == len(names)
        if is_same and all(part in {name, "{id}", "{group}", "{provider}"} for part, name in pairs):
            return endpoint.scope
    return "read" if method == "GET" else "delete" if method == "DELETE" else "publish"


async def answer_of(bound: BoundScheduler, call: Call[Any]) -> Any:
    """The decoded answer; a create whose answer was lost raises `DeliveryUnknownError`."""
    try:
        return await bound.call(call)
    except PostizError as error:
        is_create = call.endpoint.name == CREATE_POST.name
        if not is_create or surely_not_stored(error) or error.may_be_stored:
            raise
        now = bound.scheduler.server_time()
        try:
            marks = marks_of(call.body or Raw(b"{}"), now)
        except (LookupError, TypeError, ValueError):  # a body of any form
            marks = Marks(datetime.fromtimestamp(now, UTC), channels=())
        raise DeliveryUnknownError(text_of_lost(error, call.posts), marks=marks) from error
