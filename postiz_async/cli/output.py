"""What all commands print: tables, problems, JSON; plain where nobody looks."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, TextIO

import msgspec
from rich.console import Console
from rich.prompt import Confirm
from rich.table import Table
from rich.text import Text

from postiz_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from postiz_async.errors import Problem

__all__ = ["Output", "clock_time", "confirm", "count", "date_range", "moment", "short_moment"]

MAX_PROBLEMS = 50
_PIPE_WIDTH = 160


class Output:
    """Results to stdout, everything else to stderr, so that `--json` can be piped."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.out = _console(sys.stdout, stderr=False)
        self.err = _console(sys.stderr, stderr=True)
        self.notes = self.err if as_json else self.out
        """Where progress and remarks go."""

    def json(self, value: object) -> None:
        """Print a value as JSON on stdout."""
        text = msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2)
        print(text.decode())

    def say(self, text: str, style: str = "") -> None:
        """A remark, not a result."""
        self.notes.print(Text(text, style=style))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
        """Print a result as a table."""
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*row)
        self.out.print(table)

    def problems(self, problems: Sequence[Problem]) -> None:
        """Print what is wrong with a campaign."""
        plural = "s" if len(problems) != 1 else ""
        self.err.print(
            Text(f"{len(problems)} problem{plural}, nothing was sent:", style="bold red")
        )
        for problem in problems[:MAX_PROBLEMS]:
            self.err.print(Text(f"  {problem}"))
        if len(problems) > MAX_PROBLEMS:
            self.err.print(Text(f"  ... and {len(problems) - MAX_PROBLEMS} more (--json has all)"))


def _console(stream: TextIO, *, stderr: bool) -> Console:
    """A console as wide as the terminal; a wide one where lines are not looked at but read."""
    is_looked_at = stream.isatty()
    return Console(
        stderr=stderr,
        highlight=False,
        soft_wrap=not is_looked_at,
        width=None if is_looked_at else _PIPE_WIDTH,
    )


def short_moment(when: datetime, zone: tzinfo = UTC) -> str:
    """A date in a table: `15 Jan 2027 09:00`."""
    at = when.astimezone(zone)
    return f"{at.day:2} {at:%b %Y %H:%M}"


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is destroyed; without a terminal `--yes` has to be given.

    Raises:
        ConfigurationError: the answer was no, or nobody can answer.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigurationError(f"{question} Nobody can answer here; say --yes.")
    if not Confirm.ask(question, default=False, console=Console(stderr=True)):
        raise ConfigurationError("Nothing was done.")


def moment(when: datetime | float, zone: tzinfo = UTC) -> str:
    """A date for people: `Fri 15 Jan 2027 09:00 UTC`."""
    at = when.astimezone(zone) if isinstance(when, datetime) else datetime.fromtimestamp(when, zone)
    return f"{at:%a} {at.day} {at:%b %Y %H:%M %Z}"


def date_range(first: datetime, last: datetime, zone: tzinfo = UTC) -> str:
    """Two dates for people, with their zone."""
    start, end = first.astimezone(zone), last.astimezone(zone)
    return f"{start.day} {start:%b %Y %H:%M} to {end.day} {end:%b %Y %H:%M} ({end:%Z})"


def clock_time(seconds: float) -> str:
    """A countdown: `31:20`, `1:02:03`."""
    total = max(0, round(seconds))
    hours, rest = divmod(total, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes:02d}:{secs:02d}"


def count(number: int, noun: str) -> str:
    """`1 post`, `2,480 posts`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
