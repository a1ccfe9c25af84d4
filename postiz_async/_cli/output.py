"""What all commands print: tables, problems, JSON; plain where nobody looks."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, TextIO
from zoneinfo import ZoneInfo

import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.prompt import Confirm
from rich.table import Table
from rich.text import Text

from postiz_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from postiz_async.errors import Problem

__all__ = [
    "Output",
    "ask",
    "clock_time",
    "confirm",
    "count",
    "date_range",
    "moment",
    "near_moment",
    "printable",
    "problem_lines",
    "problem_objects",
    "row_ranges",
    "short_moment",
]

MAX_SHOWN = 50
_UNPRINTABLE = dict.fromkeys(
    [*range(9), *range(11, 32), *range(127, 160)], "\N{REPLACEMENT CHARACTER}"
)


class Output:
    """Results to stdout, everything else to stderr, so that `--json` can be piped."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.out = _console(sys.stdout, stderr=False)
        self.err = _console(sys.stderr, stderr=True)
        self.notes = self.err if as_json else self.out
        """Where progress and remarks go."""

    def json(self, value: object) -> None:
        """Print a value as JSON on stdout, in UTF-8 whatever the terminal."""
        text = msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2) + b"\n"
        buffer = getattr(sys.stdout, "buffer", None)
        if buffer is None:
            print(text.decode(), end="")
            return
        sys.stdout.flush()
        buffer.write(text)
        buffer.flush()

    def say(self, text: str, style: str = "") -> None:
        """A remark, not a result."""
        self.notes.print(Text(printable(text), style=style))

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[str | Text]],
        *,
        numbers: Collection[str] = (),
        whole: Collection[str] = (),
    ) -> None:
        """Print a result as a table; `numbers` names the columns that are aligned to the right.

        Cells of numbers and of `whole`, which are copied, are not broken to several lines.
        Without a terminal each row is one line, whatever its length.
        """
        cells = [[_cell(cell) for cell in row] for row in rows]
        if not self.out.is_terminal:
            self._plain_table(columns, cells, numbers)
            return
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column in columns:
            is_number = column in numbers
            table.add_column(
                column,
                justify="right" if is_number else "left",
                overflow="fold",
                no_wrap=is_number or column in whole,
            )
        for row in cells:
            table.add_row(*row)
        self.out.print(table)

    def _plain_table(
        self, columns: Sequence[str], cells: list[list[Text]], numbers: Collection[str]
    ) -> None:
        lines = [list(columns), *([" ".join(text.plain.split()) for text in row] for row in cells)]
        widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            padded: list[str] = []
            for name, text, width in zip(columns, line, widths, strict=True):
                space = " " * (width - cell_len(text))
                padded.append(space + text if name in numbers else text + space)
            self.out.print(Text("  ".join(padded).rstrip()))

    def problems(self, problems: Sequence[Problem]) -> None:
        """Say what is wrong with the input."""
        found = f"{count(len(problems), 'problem')}, nothing was sent:"
        self.err.print(Text(found, style="bold red"))
        lines = problem_lines(problems)
        for line in lines[:MAX_SHOWN]:
            self.err.print(Text(printable(f"  {line}")))
        if len(lines) > MAX_SHOWN:
            self.err.print(Text(f"  ... and {len(lines) - MAX_SHOWN} more (--json has all)"))

    def fault(self, message: str) -> None:
        """Say on stderr what went wrong."""
        self.err.print(Text(printable(f"error: {message}"), style="red"))

    def error(self, message: str, *, kind: str, problems: Sequence[Problem] = ()) -> None:
        """Say what went wrong; with `--json` also as the one document on stdout."""
        if problems:
            self.problems(problems)
        else:
            self.fault(message)
        if self.as_json:
            said: dict[str, object] = {"kind": kind, "message": message}
            if problems:
                said["problems"] = problem_objects(problems)
            self.json({"error": said})


def problem_objects(problems: Iterable[Problem]) -> list[dict[str, object]]:
    """Problems for programs."""
    return [
        {"row": p.row, "column": p.where, "message": p.message, "hint": p.hint} for p in problems
    ]


def problem_lines(problems: Iterable[Problem]) -> list[str]:
    """Problems for people: `12 rows (3, 4, 7-16), date: ...` where rows share one."""
    rows: dict[Problem, list[int]] = {}
    for problem in problems:
        same = rows.setdefault(replace(problem, row=None, stage=""), [])
        if problem.row is not None:
            same.append(problem.row)
    return [
        f"{count(len(numbers), 'row')} ({row_ranges(numbers)}), {problem}"
        if len(numbers) > 1
        else str(replace(problem, row=numbers[0] if numbers else None))
        for problem, numbers in rows.items()
    ]


def row_ranges(numbers: Iterable[int], most: int = 12) -> str:
    """Numbers of rows for people: `3, 4, 7-16`; what follows the first ranges is cut off."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    parts = [
        str(first) if first == last else f"{first}{', ' if last == first + 1 else '-'}{last}"
        for first, last in ranges[:most]
    ]
    return ", ".join(parts) + (", ..." if len(ranges) > most else "")


def printable(text: str) -> str:
    """A text of unknown origin without the characters that steer a terminal."""
    return text.translate(_UNPRINTABLE)


def _cell(value: str | Text) -> Text:
    if isinstance(value, Text):
        return value
    return Text(printable(value))


def _console(stream: TextIO | None, *, stderr: bool) -> Console:
    """A console as wide as the terminal; where lines are not looked at but read, none is cut."""
    is_looked_at = stream is not None and stream.isatty()
    return Console(
        stderr=stderr,
        highlight=False,
        soft_wrap=not is_looked_at,
        force_terminal=is_looked_at,
        no_color=None if is_looked_at else True,
    )


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is destroyed; without a terminal `--yes` has to be given.

    Raises:
        ConfigurationError: the answer was no, or nobody can answer.
    """
    if yes:
        return
    agreed = ask(question)
    if agreed is None:
        raise ConfigurationError(f"{question} Nobody can answer here; say --yes.")
    if not agreed:
        raise ConfigurationError("Nothing was done.")


def ask(question: str) -> bool | None:
    """Whether a person agrees; None where there is none who could be asked."""
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    try:
        return Confirm.ask(Text(question), default=False, console=Console(stderr=True))
    except EOFError:
        return False


def short_moment(when: datetime, zone: tzinfo = UTC) -> str:
    """A date in a table: `15 Jan 2027 09:00`."""
    at = when.astimezone(zone)
    return f"{at.day:2} {at:%b %Y %H:%M}"


def moment(when: datetime | float, zone: tzinfo | None = UTC) -> str:
    """A date for people: `Fri 15 Jan 2027 09:00 UTC`; in the machine's zone if that is None."""
    at = _at(when, zone)
    return f"{at:%a} {at.day} {at:%b %Y %H:%M} {_zone_name(at)}"


def near_moment(when: float, zone: tzinfo | None = UTC) -> str:
    """A date that is not far: `Fri 15 Jan 09:00`."""
    at = _at(when, zone)
    return f"{at:%a} {at.day} {at:%b %H:%M}"


def date_range(first: datetime, last: datetime, zone: tzinfo | None = UTC) -> str:
    """Two dates for people, with their zone: `15 Jan 09:00 to 28 Jan 2027 21:00 (UTC)`."""
    start, end = first.astimezone(zone), last.astimezone(zone)
    year = "" if start.year == end.year else f"{start:%Y} "
    since = f"{start.day} {start:%b} {year}{start:%H:%M} to " if start != end else ""
    zones = "/".join(dict.fromkeys([_zone_name(start), _zone_name(end)]))
    return f"{since}{end.day} {end:%b %Y %H:%M} ({zones})"


def _at(when: datetime | float, zone: tzinfo | None) -> datetime:
    moment = when if isinstance(when, datetime) else datetime.fromtimestamp(when, UTC)
    return moment.astimezone(zone)


def _zone_name(at: datetime) -> str:
    return at.tzinfo.key if isinstance(at.tzinfo, ZoneInfo) else f"{at:%Z}"


def clock_time(seconds: float) -> str:
    """A countdown: `31:20`, `1:02:03`."""
    total = max(0, round(seconds))
    hours, rest = divmod(total, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes:02d}:{secs:02d}"


def count(number: int, noun: str) -> str:
    """`1 post`, `2,480 posts`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
