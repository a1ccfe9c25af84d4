"""Routes beside the API, for tests and demos that run in another process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from postiz_async.clock import AcceleratedClock
from postiz_async.sandbox.exchange import Response, json_response

if TYPE_CHECKING:
    from postiz_async.sandbox.server import Sandbox

__all__ = ["control"]


def control(sandbox: Sandbox, path: str) -> Response:
    """Answer a request below `/sandbox/`."""
    if path == "/sandbox/clock":
        return json_response(200, _clock(sandbox))
    if path == "/sandbox/state":
        return json_response(200, _counts(sandbox))
    if path == "/sandbox/posts":
        return json_response(200, {"posts": sandbox.posts})
    if path == "/sandbox/faults":
        return json_response(200, {"struck": sandbox.faults.struck})
    return json_response(404, {"msg": "the sandbox has no such page"})


def _clock(sandbox: Sandbox) -> dict[str, float]:
    """What another process needs to show the same time."""
    clock = sandbox.clock
    if isinstance(clock, AcceleratedClock):
        anchor = clock.anchor
        return {"speed": clock.speed, "real": anchor.real, "shown": anchor.shown}
    return {"speed": 1.0, "real": time.time(), "shown": clock.time()}


def _counts(sandbox: Sandbox) -> dict[str, int]:
    return {
        "posts": len(sandbox.posts),
        "requests": sandbox.requests,
        "creates": len(sandbox.creates),
        "refusals": sandbox.refusals,
        "uploads": len(sandbox.uploads),
    }
