"""Displays of work in progress, whose errors are reported once and do not end the work."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import contextmanager
from typing import Self

from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from postiz_async._cli.output import Output

log = logging.getLogger("postiz_async.cli")

REFRESH = 0.1
"""Real seconds between two looks at the work."""
LINE_EVERY = 10.0
"""Real seconds between two lines without a terminal, while something happens."""


class DisplayGuard:
    """Reports the first error of a display on standard error, and lets the work go on."""

    def __init__(self) -> None:
        self._is_told = False

    @contextmanager
    def __call__(self) -> Generator[None]:
        """Run a block for the display; an exception only ends the block."""
        try:
            yield
        except Exception as error:
            if not self._is_told:
                self._is_told = True
                kind = type(error).__name__
                said = "progress is not shown any more (%s: %s); the work goes on"
                log.warning(said, kind, error)
                log.debug("the error of the display", exc_info=True)


class StatusDisplay(ABC):
    """The state of some work: a picture that is redrawn on a terminal, or else occasional lines.

    Args:
        output: where to show it.
        line_every: seconds between two lines at least, if there is no terminal.
        is_transient: whether the picture goes away at the end.
    """

    def __init__(
        self, output: Output, line_every: float = LINE_EVERY, *, is_transient: bool = False
    ) -> None:
        self._output = output
        self._line_every = line_every
        self._repeats = math.inf
        """A line is said again without news after this many times `line_every`."""
        self._said: object = None
        """The news of the last line."""
        self._said_at = time.monotonic()
        self._live: Live | None = None
        if output.shows_progress:
            self._live = Live(console=output.notes, auto_refresh=False, transient=is_transient)
        self._ticker: asyncio.Task[None] | None = None
        self._guarded = DisplayGuard()

    async def __aenter__(self) -> Self:
        await self.show()
        self._ticker = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
        with self._guarded():
            await self._close()

    async def _close(self) -> None:
        if self._live is not None:
            self._live.stop()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(min(REFRESH, self._line_every))
            await self.show()

    async def show(self) -> None:
        """Redraw the picture, or say a line if it is time for one."""
        with self._guarded():
            await self._show()

    async def _show(self) -> None:
        if self._live is not None:
            self._live.start()
            self._live.update(await self._picture(), refresh=True)
            return
        news = self._news()
        pause = self._line_every * (1 if news != self._said else self._repeats)
        if time.monotonic() - self._said_at >= pause:
            self._said, self._said_at = news, time.monotonic()
            self._output.say(await self._line())

    @abstractmethod
    async def _line(self) -> str:
        """The line with the present numbers."""

    async def _picture(self) -> RenderableType:
        """The picture with the present numbers."""
        return Text(await self._line())

    def _news(self) -> object:
        """A value that changes when there is something new to say; by default there never is."""
        return True
