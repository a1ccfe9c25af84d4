"""Published and failed posts, a line each as it happens: `run --watch` and `posts watch`."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from rich.text import Text

from postiz_async._cli.display_guard import DisplayGuard
from postiz_async._cli.output import near_moment, printable
from postiz_async._delivery.journal import RowState
from postiz_async.errors import PostizError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import tzinfo

    from postiz_async._batch.batch import Batch
    from postiz_async._batch.job import Outcome
    from postiz_async._cli.output import Output
    from postiz_async._client import Postiz
    from postiz_async.models.posts import PublishEvent

__all__ = ["PublishLines", "event_line"]


def event_line(at: float, state: str, where: str, what: str, zone: tzinfo | None) -> Text:
    """When a post was published or failed, where, and its address or the reason."""
    line = Text(f"{near_moment(at, zone)}  ")
    line.append(f"{state:9}", "green" if state == RowState.PUBLISHED else "red")
    line.append(printable(f"  {where}  {' '.join(what.split())}".rstrip()))
    return line


class PublishLines:
    """Says of each post of a campaign once what became of it.

    While the campaign is sent, posts are watched; then the wait for its end tells the others.

    Args:
        output: where to.
        postiz: where posts are watched.
        batch: whose posts are told.
        zone: of the dates; None for the machine's.
    """

    def __init__(self, output: Output, postiz: Postiz, batch: Batch, zone: tzinfo | None) -> None:
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
