"""Calling again while the server cannot be reached."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from postiz_async.errors import APIConnectionError, ServerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from postiz_async.clock import Clock

__all__ = ["PAUSES", "patiently"]

T = TypeVar("T")

log = logging.getLogger("postiz_async.batch")

PAUSES = (5.0, 15.0, 60.0, 120.0, 300.0, 300.0, 300.0, 300.0)
"""Seconds between attempts while the server cannot be reached; then the job stops, resumable."""


async def patiently(clock: Clock, call: Callable[[], Awaitable[T]]) -> T:
    """Call again with growing pauses while the server cannot be reached or is broken."""
    for pause in PAUSES:
        try:
            return await call()
        except (APIConnectionError, ServerError) as error:
            log.warning("paused for %.0f s: %s", pause, error)
            await clock.sleep(pause)
    return await call()
