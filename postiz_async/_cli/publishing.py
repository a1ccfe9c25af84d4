"""Published and failed posts, a line each as it happens, and the wait until all are out."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from rich.live import Live
from rich.text import Text

from postiz_async._cli.display_guard import DisplayGuard
from postiz_async._cli.output import count, near_moment
from postiz_async._cli.progress import LINE_EVERY
from postiz_async._cli.signals import SIGNAL_EXIT, run_until_stopped
from postiz_async.errors import BatchError, PostizError
from postiz_async.types import RowState

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from datetime import tzinfo

    from postiz_async import Batch, Outcome, Postiz, Waited
    from postiz_async._cli.output import Output
    from postiz_async.models.posts import PublishEvent


def event_line(at: float, state: str, where: str, what: str, zone: tzinfo) -> Text:
    """When a post was published or failed, where, and its address or the reason."""
    line = Text(f"{near_moment(at, zone)}  ")
    line.append(f"{state:9}", "green" if state == RowState.PUBLISHED else "red")
    line.append(f"  {where}  {' '.join(what.split())}".rstrip())
    return line


class PublishLines:
    """Says of each post of a campaign once what became of it.

    While the campaign is sent, posts are watched; then the wait for its end tells the others.

    Args:
        output: where to.
        postiz: where posts are watched.
        batch: whose posts are told.
        zone: of the dates.
    """

    def __init__(self, output: Output, postiz: Postiz, batch: Batch, zone: tzinfo) -> None:
        self._output = output
        self._postiz = postiz
        self._channels = {row.ref: row.integration for row in batch.rows}
        self._zone = zone
        self._stored: dict[str, Outcome] = {}
        self._early: dict[str, PublishEvent] = {}
        """Of posts that are not known to be the campaign's, and may be."""
        self._told: set[str] = set()
        self._guarded = DisplayGuard("what is published", logging.ERROR)

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[None]:
        """Tell what becomes of posts inside of the block."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _watch(self) -> None:
        with self._guarded():
            try:
                async with aclosing(self._postiz.posts.watch()) as events:
                    async for event in events:
                        self._happened(event)
            except PostizError as error:  # the run says it too, if it matters to it
                self._output.say(f"Posts are not watched any more: {error}", "yellow")

    async def stored(self, outcome: Outcome) -> None:
        """A row of the campaign became a post."""
        if outcome.post_id is not None:
            self._stored[outcome.post_id] = outcome
            event = self._early.pop(outcome.post_id, None)
            if event is not None:
                self._happened(event)

    def _happened(self, event: PublishEvent) -> None:
        outcome = self._stored.get(event.post.id)
        if outcome is None:
            self._early[event.post.id] = event
        else:
            state = RowState.PUBLISHED if event.is_published else RowState.FAILED
            self._say(outcome, state.value, event.link or event.reason)

    async def ended(self, outcome: Outcome) -> None:
        """The wait for the end of the campaign tells what became of a row."""
        is_over = outcome.state in {RowState.PUBLISHED, RowState.FAILED}
        state = outcome.state.value if is_over else "stuck"
        self._say(outcome, state, outcome.link or outcome.note)

    def _say(self, outcome: Outcome, state: str, what: str) -> None:
        post_id = outcome.post_id or outcome.ref
        if post_id in self._told:
            return
        self._told.add(post_id)
        where = f"row {outcome.row}, {self._channels.get(outcome.ref, '')}".rstrip(", ")
        now = self._postiz.clock.time()
        with self._guarded():
            self._output.show(event_line(now, state, where, what, self._zone))


async def wait_until_published(
    output: Output,
    batch: Batch,
    zone: tzinfo,
    on_outcome: Callable[[Outcome], Awaitable[None]] | None = None,
) -> int | None:
    """Wait until what is stored is out on its network; `on_outcome` is told of each post.

    Returns:
        The exit code of a wait that was stopped, None if it came to its end.
    """
    display = _Display(output, zone)
    work = batch.wait_published(on_outcome=on_outcome, on_look=display.saw)
    try:
        signal = await run_until_stopped(work, display.close)
    except PostizError as error:
        if isinstance(error, BatchError):
            raise
        code = 1
        output.error(error, code)
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

    def __init__(self, output: Output, zone: tzinfo) -> None:
        self._output = output
        self._zone = zone
        self._live: Live | None = None
        self._is_first = True
        self._said, self._said_at = "", 0.0
        self._guarded = DisplayGuard()

    async def saw(self, waited: Waited) -> None:
        """How far the wait is."""
        with self._guarded():
            self._show(waited)

    def _show(self, waited: Waited) -> None:
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
        live, self._live = self._live, None
        if live is not None:
            with self._guarded():
                live.stop()

    def _begin(self, waited: Waited) -> None:
        if not waited.waiting:
            return
        are = "is" if waited.waiting == 1 else "are"
        self._output.say(
            f"Waiting until {count(waited.waiting, 'post')} {are} out. "
            "Ctrl-C stops waiting; run again to go on."
        )
        if waited.counted:
            self._output.say(
                "This server counts looks too, so there are only two: when the last post is due, "
                "and once more a little later.",
                "yellow",
            )
        if self._output.shows_progress:
            self._live = Live(console=self._output.notes, auto_refresh=False)
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
