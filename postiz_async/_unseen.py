"""Work that a jumping clock cannot see, such as the answer of a database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager


class _Unseen(threading.local):
    """The number of operations in this thread's event loop that a jumping clock cannot see."""

    count = 0
    when_over: Callable[[], object] | None = None
    """Called once, when none of them is left."""


unseen = _Unseen()


@contextmanager
def unseen_work() -> Generator[None]:
    """Stop jumping clocks in the block, which awaits something that they cannot see.

    An example is the answer of a database. Use it for short waits where no clock is at hand.
    """
    unseen.count += 1
    try:
        yield
    finally:
        unseen.count -= 1
        if not unseen.count and unseen.when_over is not None:
            unseen.when_over()
