"""Cancellation at a given await of some work."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any

__all__ = ["CancelledAt"]


class CancelledAt:
    """Awaits `work`, whose task is cancelled while it waits for the `stop`-th time."""

    def __init__(self, work: Coroutine[Any, Any, object], stop: int) -> None:
        self._work = work
        self._left = stop
        self.reached = False

    def __await__(self) -> Generator[Any, Any, object]:
        steps = self._work.__await__()
        error: BaseException | None = None
        while True:
            try:
                waits_for = steps.send(None) if error is None else steps.throw(error)
            except StopIteration as done:
                return done.value
            error = None
            self._left -= 1
            if self._left == 0:
                self.reached = True
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                yield waits_for
            except BaseException as caught:  # noqa: BLE001  (whatever it is, the work gets it)
                error = caught
