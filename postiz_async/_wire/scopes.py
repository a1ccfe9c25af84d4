"""Scopes: what a client is allowed to do. PURE."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar, get_args

import msgspec

from postiz_async._wire.endpoints import Call
from postiz_async._wire.responses import parse_date
from postiz_async.errors import APIResponseValidationError, Scope, ScopeError, UsageError

T = TypeVar("T")

SCOPES: tuple[Scope, ...] = get_args(Scope)

_OF_BODY: dict[tuple[str, str], Scope] = {
    ("type", "draft"): "draft",
    ("type", "schedule"): "schedule",
    ("type", "update"): "update",
    ("status", "draft"): "update",
}
_DATED = {"schedule", "update"}


class _Intent(msgspec.Struct):
    """The fields of a body that say what it does."""

    type: str = ""
    status: str = ""
    date: str = ""


class Allowed(frozenset[Scope]):
    """The allowed scopes. `source` is the setting that restricts them, in words."""

    source: str = "allow"


def checked_allow(
    allow: Collection[Scope] | None, source: str = "Postiz(allow=...)"
) -> Allowed | None:
    """The scopes that a user allows; None: everything.

    Raises:
        UsageError: there is no such scope, or `read` is missing.
    """
    if allow is None or isinstance(allow, Allowed):
        return allow
    wrong = [allow] if isinstance(allow, str) else [each for each in allow if each not in SCOPES]
    if wrong:
        raise UsageError(f"{source}: {wrong[0]!r} is not a list of {', '.join(SCOPES)}.")
    if "read" not in allow:
        raise UsageError(
            f"{source} lacks 'read', without which neither channels nor lost answers can be looked "
            "up. Add it."
        )
    allowed = Allowed(allow)
    allowed.source = source
    return allowed


def require(allowed: Allowed | None, *scopes: Scope) -> None:
    """Refuse work that is not allowed.

    Raises:
        ScopeError: a scope is missing.
    """
    if allowed is not None:
        for scope in scopes:
            if scope not in allowed:
                has: tuple[Scope, ...] = tuple(each for each in SCOPES if each in allowed)
                raise ScopeError(scope, allowed=has, source=allowed.source)


def scope_of(call: Call[T], now: float | None = None) -> Scope:
    """The scope of a call.

    Args:
        call: the call.
        now: the server's time, at which posts with a past date are published at once; None: the
            date was checked before.
    """
    if call.endpoint.scope is not None:
        return call.endpoint.scope
    try:
        body = msgspec.json.decode(call.body or b"", type=_Intent)
        if not call.endpoint.quota:
            return _OF_BODY.get(("status", body.status), "publish")
        scope = _OF_BODY.get(("type", body.type), "publish")
        if scope in _DATED and now is not None and parse_date(body.date).timestamp() <= now:
            return "publish"
    except (msgspec.MsgspecError, APIResponseValidationError):
        return "publish"  # whatever it does
    return scope
