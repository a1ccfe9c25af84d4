"""Displays of work in progress, whose errors are reported once and do not end the work."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import contextmanager
from typing import Self

from rich.live import Live
from rich.table import Table

from postiz_async._cli.output import Output

log = logging.getLogger("postiz_async.cli")


class DisplayGuard:
    """Reports the first error of a display on standard error, and lets the work go on.

    Args:
        what: the thing that is displayed.
        level: the log level of the report; `--quiet`, which drops progress, keeps errors.
    """

    def __init__(self, what: str = "progress", level: int = logging.WARNING) -> None:
        self._what = what
        self._level = level
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
                said = "%s is not shown any more (%s: %s); the work goes on"
                log.log(self._level, said, self._what, kind, error)
                log.debug("the error of the display", exc_info=True)


class TickingDisplay(ABC):
    """A display with bars that are redrawn on a terminal, or else an occasional line.

    Args:
        output: where to show it.
        line_every: seconds between two lines at least, if there is no terminal.
        is_transient: whether the bars go away at the end.
    """

    def __init__(self, output: Output, line_every: float, *, is_transient: bool = False) -> None:
        self._output = output
        self._line_every = line_every
        self._is_transient = is_transient
        self._live: Live | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._guarded = DisplayGuard()

    async def __aenter__(self) -> Self:
        if self._output.shows_progress:
            self._live = Live(
                await self._picture(),
                console=self._output.notes,
                auto_refresh=False,
                transient=self._is_transient,
            )
            self._live.start()
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

    @abstractmethod
    async def _picture(self) -> Table:
        """The bars with the present numbers."""

    @abstractmethod
    async def _tick(self) -> None:
        """Show news until cancelled."""
