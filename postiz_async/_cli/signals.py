"""Handle Ctrl-C and SIGTERM while a campaign runs.

The first signal waits for the requests in flight, so that their answers are recorded. The second
ends at once; that is safe too, because the journal survives any crash.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from types import FrameType

SIGNAL_EXIT = 128
"""The exit code of a program stopped by a signal is this plus the signal's number."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = b"\x1b[?25h\r\n"


async def run_until_stopped(
    work: Coroutine[object, object, object], notice: Callable[[], object]
) -> int | None:
    """Do the work. A signal cancels it after a notice; a second one ends the process.

    Returns:
        The number of the signal that stopped it, or None.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    received: list[int] = []
    is_over = False

    def stop() -> None:
        if is_over:  # the signal came at the last moment: the work is already done
            return
        notice()
        if task is not None:
            task.cancel()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            _end_at_once(number)
        loop.call_soon_threadsafe(stop)

    with _handling(on_signal):
        try:
            await work
        except asyncio.CancelledError:
            if not received:
                raise
            if task is not None:
                task.uncancel()
            return received[0]
        finally:
            is_over = True
    return None


@contextmanager
def _handling(on_signal: Callable[[int, FrameType | None], None]) -> Generator[None]:
    """Handle the signals that are not ignored; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, on_signal) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _end_at_once(number: int) -> None:
    """End the process at once, after restoring the cursor of the terminal."""
    for stream in (1, 2):
        with suppress(OSError):
            if os.isatty(stream):
                os.write(stream, _SHOW_CURSOR)
                break
    os._exit(SIGNAL_EXIT + number)
