"""Write what is wrong with a campaign as workflow commands, which GitHub shows beside the rows."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import anyio.to_thread

from postiz_async import Campaign
from postiz_async._campaign.read.source import row_lines
from postiz_async._cli.after_run import write_file
from postiz_async._cli.forecasts import late_line
from postiz_async._cli.output import Output, printable
from postiz_async._cli.problems import described
from postiz_async.errors import PostizError
from postiz_async.types import Forecast


class Annotations:
    """The annotations of one file, as lines of text."""

    def __init__(self, file: Path) -> None:
        root, path = os.environ.get("GITHUB_WORKSPACE", ""), file.absolute()
        is_inside = bool(root) and path.is_relative_to(root)
        self._file = (path.relative_to(root) if is_inside else file).as_posix()
        self._lines: Sequence[int] = ()
        self.text = ""

    async def take(self, campaign: Campaign) -> None:
        """Add the problems and warnings of a campaign; equal ones stand at their first row."""
        path, reading = campaign.path, campaign.reading
        self._lines = await anyio.to_thread.run_sync(row_lines, path, reading)
        for group, text in described(campaign, [*campaign.problems, *campaign.warnings]):
            self.add(group.problem.severity, text, *group.rows[:1])

    def take_late(self, forecast: Forecast) -> None:
        """Add the rows that would be late."""
        if forecast.late:
            self.add("error", late_line(forecast), forecast.late[0].number)

    def add(self, level: Literal["error", "warning"], message: str, row: int = 0) -> None:
        """Add one, at the line on which the row begins if the file has lines."""
        line = f",line={self._lines[row - 1]}" if 0 < row <= len(self._lines) else ""
        place = _escaped(self._file).replace(":", "%3A").replace(",", "%2C")
        self.text += f"::{level} file={place}{line}::{_escaped(message)}\n"


def _escaped(text: str) -> str:
    """A text without line breaks, behind which another command could stand."""
    return printable(text).replace("%", "%25").replace("\n", "%0A")  # it has no \r any more


@asynccontextmanager
async def annotated(output: Output, file: Path, to: Path | None) -> AsyncGenerator[Annotations]:
    """Collect the annotations of a command on a file, with its error, and write them at the end."""
    made = Annotations(file)
    try:
        yield made
    except PostizError as error:
        made.add("error", str(error))
        raise
    finally:
        if to is not None:
            await write_file(output, to, made.text)
