"""Calls of routes that the library does not know."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from postiz_async._wire import encode_body
from postiz_async._wire.endpoints import CREATE_POST, Call, Endpoint, Replay
from postiz_async.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

_WRONG = frozenset("?#\\{}")
"""Characters of no path: with them a create could look like something else."""


def call_of(
    method: str,
    path: str,
    *,
    json: Mapping[str, object] | None,
    params: Mapping[str, str] | None,
    idempotent: bool | None,
) -> Call[Any]:
    """The call of any route below the root of the API; `POST /posts` is a create like any other.

    Raises:
        UsageError: the method or the path is none, or a create is said to be idempotent.
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
            "belongs into params=."
        )
    endpoint = Endpoint(
        name=f"{method.lower()}_{segments[0].lower()}",
        method=method,
        path="/" + "/".join(segments),
        reply=object,
        replay=Replay.SAFE if method == "GET" else Replay.IDEMPOTENT if idempotent else Replay.ONCE,
        since="",
    )
    if idempotent is False:
        endpoint = replace(endpoint, replay=Replay.ONCE)
    posts: object = (json or {}).get("posts")
    is_create = method == "POST" and [unquote(each).lower() for each in segments] == ["posts"]
    if is_create:
        if idempotent:
            raise UsageError("POST /posts stores posts each time, so it cannot be idempotent.")
        endpoint = replace(cast("Endpoint[Any]", CREATE_POST), reply=object)
    return Call(
        endpoint,
        query=tuple((params or {}).items()),
        body=None if json is None else encode_body(json),
        posts=len(cast("list[object]", posts)) if is_create and isinstance(posts, list) else 0,
    )
