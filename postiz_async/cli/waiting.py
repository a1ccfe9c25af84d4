"""`run --wait-published`: what a person sees until the posts of a campaign are out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.live import Live
from rich.text import Text

from postiz_async.cli.output import Output, count, near_moment
from postiz_async.cli.progress import LINE_EVERY
from postiz_async.cli.stopping import SIGNAL_EXIT, run_until_stopped
from postiz_async.errors import BatchError, PostizError

if TYPE_CHECKING:
    from datetime import tzinfo

    from postiz_async.batch.confirm import Waited
    from postiz_async.batch.session import Batch

__all__ = ["wait_until_published"]


async def wait_until_published(output: Output, batch: Batch, zone: tzinfo | None) -> int | None:
    """Wait until what is stored is out on its network.

    Returns:
        The exit code of a wait that was stopped, None if it came to its end.
    """
    display = _Display(output, zone)
    work = batch.wait_published(on_look=display.saw)
    try:
        signal = await run_until_stopped(work, display.close)
    except PostizError as error:
        if isinstance(error, BatchError):
            raise
        output.fault(str(error))
        code = 1
    else:
        if signal is None:
            return None
        code = SIGNAL_EXIT + signal
    finally:
        display.close()
    output.say(
        "Stopped waiting; nothing is lost. Run the same command again to go on.", "bold yellow"
    )
    return code


class _Display:
    """One line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self, output: Output, zone: tzinfo | None) -> None:
        self._output = output
        self._zone = zone
        self._live: Live | None = None
        self._is_first = True
        self._said, self._said_at = "", 0.0

    async def saw(self, waited: Waited) -> None:
        """How far the wait is."""
        if self._is_first:
            self._is_first = False
            self._begin(waited)
        if self._live is not None:
            self._live.update(Text(self._line(waited)), refresh=True)
        elif waited.waiting and _standing(waited) != self._said:
            self._say(waited)
        if not waited.waiting:
            self.close()
            self._output.say(_standing(waited), "green" if waited.is_fine else "yellow")

    def _say(self, waited: Waited) -> None:
        if time.monotonic() - self._said_at >= LINE_EVERY or not self._said:
            self._output.say(self._line(waited))
            self._said, self._said_at = _standing(waited), time.monotonic()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _begin(self, waited: Waited) -> None:
        if not waited.waiting:
            return
        are = "is" if waited.waiting == 1 else "are"
        self._output.say(
            f"Waiting until {count(waited.waiting, 'post')} {are} out. "
            "Ctrl-C when you like; run again to go on."
        )
        if waited.counted:
            self._output.say(
                "This server counts looks too, so there are only two: when the last post is due, "
                "and once more a little later.",
                "yellow",
            )
        console = self._output.notes
        if console.is_terminal and not console.is_dumb_terminal:
            self._live = Live(console=console, auto_refresh=False)
            self._live.start()

    def _line(self, waited: Waited) -> str:
        parts = [_standing(waited), f"{waited.waiting:,} to come"]
        if waited.next_look is not None:
            parts.append(f"next look {near_moment(waited.next_look, self._zone)}")
        if waited.ends is not None:
            parts.append(f"ends by {near_moment(waited.ends, self._zone)}")
        return ", ".join(parts)


def _standing(waited: Waited) -> str:
    """`12 published, 1 failed`."""
    others = ((waited.failed, "failed"), (waited.stuck, "stuck"), (waited.gone, "gone"))
    return ", ".join(
        [f"{waited.published:,} published", *(f"{n:,} {what}" for n, what in others if n)]
    )
