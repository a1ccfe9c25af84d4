"""Work that a jumping clock cannot see, such as the answer of a database."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


class _Unseen(threading.local):
    """The number of operations in this thread's event loop that a jumping clock cannot see."""

    count = 0


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
