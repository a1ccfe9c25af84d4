"""Print tables, problems and JSON for all commands; plain without a terminal."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo

import msgspec
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType
from rich.prompt import Confirm
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from postiz_async._campaign.read.file_formats import readable
from postiz_async._cli.results import Result, error_result
from postiz_async.errors import (
    APIConnectionError,
    CampaignConflictError,
    ConfigurationError,
    DeliveryUnknownError,
    InvalidInputError,
    PostizError,
    Problem,
    QuotaError,
    ServerError,
    group_problems,
)

MAX_SHOWN = 50
"""Most problems that are listed; equal ones of several rows count as one."""
UNDECIDED = 3
"""The exit code of a run that has to be told what to do, and has sent nothing."""
PASSING = (
    APIConnectionError,
    DeliveryUnknownError,
    QuotaError,
    ServerError,
)
"""Errors that may be temporary, so that input and settings need not be wrong."""
IS_QUIET: ContextVar[bool] = ContextVar("IS_QUIET", default=False)
"""Whether `--quiet` was given."""

GAP = 2
"""Spaces between two columns."""
_LEAST = 10
"""The least width of a column of texts, unless they are shorter."""
_ROOMY = 110
"""The width of a line with room for the text of a post next to all other columns."""
_START = re.compile(r" *([\d,]+  )?")
_STEERING = [
    *(*range(9), *range(11, 32), *range(127, 160)),
    *(0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)),
]
"""Characters that control a terminal, or change the order in which others are shown."""
_UNPRINTABLE = dict.fromkeys(_STEERING, "\N{REPLACEMENT CHARACTER}")
_ESCAPED = {code: f"\\u{code:04x}" for code in _STEERING if code >= 127}


class SafeConsole(Console):
    """The console for all output: removes characters that would control the terminal.

    Each text that is printed is one line: a line break in it comes from a file or a server.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        lines = (_one_line(each) if isinstance(each, str | Text) else each for each in objects)
        super().print(*lines, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable(text), style, control)


class Output:
    """Writes results to stdout, everything else to stderr, so that `--json` can be piped.

    Args:
        as_json: whether the result is for a program.
        says_results: whether all remarks are the result itself, which `--quiet` keeps.
    """

    def __init__(self, *, as_json: bool = False, says_results: bool = False) -> None:
        self.as_json = as_json
        self._says_results = says_results
        self._quiet = IS_QUIET.get()
        self.out = _console(sys.stdout, stderr=False)
        self.err = _console(sys.stderr, stderr=True)
        self.notes = self.err if as_json else self.out
        """The console for progress and remarks."""

    @property
    def shows_progress(self) -> bool:
        """Whether progress bars are shown: on a terminal that can draw them, without `--quiet`."""
        return self.notes.is_terminal and not self.notes.is_dumb_terminal and not self._quiet

    def json(self, value: object) -> None:
        """Print a value as JSON on stdout, in UTF-8 whatever the terminal."""
        text = msgspec.json.format(encoded(value), indent=2)
        _write_utf8(sys.stdout, text + b"\n")

    def document(self, make: Callable[[], object]) -> None:
        """Print the document of the command with `--json`."""
        if self.as_json:
            self.json(make())

    def answer(self, value: object, text: str) -> None:
        """Print what was done or found: as JSON, or in words for people."""
        if self.as_json:
            self.json(value)
        else:
            self.say(text)

    def say(self, text: str, style: str = "") -> None:
        """Print a remark, which `--quiet` drops."""
        if not self._quiet or (self._says_results and not self.as_json):
            self.result(text, style)

    def say_some(self, lines: Sequence[str], most: int = MAX_SHOWN, style: str = "") -> None:
        """Print the first `most` lines as indented remarks; `--json` has all of them."""
        for line in lines[:most]:
            self.say(f"  {line}", style)
        if len(lines) > most:
            self.say(f"  ... and {len(lines) - most:,} more (--json has all)")

    def result(self, text: str, style: str = "") -> None:
        """Print the result of a command in words; dropped with both `--json` and `--quiet`."""
        if self.as_json and self._quiet:
            return
        print_hanging(self.notes, Text(text, style=style))

    def show(self, line: Text) -> None:
        """Print a result in one line, however long; its parts have styles of their own."""
        self.notes.print(line, soft_wrap=True)

    def file(self, content: str) -> None:
        """Print the content of a file: exactly and in UTF-8, unless on a terminal."""
        if self.out.is_terminal:
            for line in content.splitlines():
                self.show(Text(line))
        else:
            _write_utf8(sys.stdout, content.encode())

    def json_line(self, value: object) -> None:
        """Print a value as one line of JSON, for results without an end."""
        _write_utf8(sys.stdout, encoded(value) + b"\n")

    def listing(
        self, value: object, columns: Sequence[str], rows: Iterable[Sequence[str | Text]]
    ) -> None:
        """Print a result: as JSON, or as a table for people."""
        if self.as_json:
            self.json(value)
        else:
            self.table(columns, rows)

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[str | Text]],
        *,
        numbers: Collection[str] = (),
        whole: Collection[str] = (),
        below: bool = False,
    ) -> None:
        """Print a result as a table; without a terminal each row is one line, however long.

        On a terminal too narrow for its words each row is several lines, one for each cell.

        Args:
            columns: the names of the columns.
            rows: rows with a cell for each column.
            numbers: columns that are aligned to the right, and not broken to several lines.
            whole: columns whose cells are copied, so that they are not broken either; the first
                ones, if the last cells are to stand below.
            below: whether the last cells go below their rows if a line has no room.
        """
        cells = [[_cell(cell) for cell in row] for row in rows]
        if not self.out.is_terminal:
            self._plain_table(columns, cells, numbers)
            return
        unbroken = {*numbers, *whole}
        if below and self.out.width < _ROOMY:
            self._two_lines(columns, cells, unbroken)
            return
        widths = column_widths(columns, cells, unbroken, self.out.width)
        if widths is None:
            self._records(columns, cells)
            return
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
        for column, width in zip(columns, widths, strict=True):
            justify: JustifyMethod = "right" if column in numbers else "left"
            table.add_column(column, justify=justify, overflow="fold", width=width)
        for row in cells:
            table.add_row(*row)
        self.out.print(table)

    def _two_lines(
        self, columns: Sequence[str], cells: list[list[Text]], whole: Collection[str]
    ) -> None:
        """Print each row with its last cell below; cells after the last `whole` one may be cut."""
        heads = columns[:-1]
        kept = max((place for place, name in enumerate(heads, 1) if name in whole), default=0)
        parts = _padded(heads[:kept], [row[:kept] for row in cells], ())
        if max(map(cell_len, parts)) >= self.out.width:
            self._records(columns, cells)
            return
        lines = _padded(heads, [row[:-1] for row in cells], ())
        for number, (line, text) in enumerate(
            zip(lines, ["", *(row[-1].plain for row in cells)], strict=True)
        ):
            style = "" if number else "bold"
            self.out.print(Text(line, style), no_wrap=True, overflow="ellipsis")
            if text:
                self.out.print(Text(f"  {text}", "dim"), no_wrap=True, overflow="ellipsis")

    def _records(self, columns: Sequence[str], cells: list[list[Text]]) -> None:
        """Print each row as lines of a name and a cell, if one line has no room for all."""
        lines = [list(zip(columns, row, strict=True)) for row in cells]
        if not any(columns):  # the names are in the first cells
            lines = [[(row[0].plain, row[1]) for row in cells]]
        label = max(map(cell_len, (name for line in lines for name, _ in line)), default=0)
        for number, line in enumerate(lines):
            if number:
                self.out.print()
            for name, cell in line:
                if cell.plain.strip():
                    head = Text(name + " " * (label - cell_len(name) + GAP), "bold")
                    text = Text(" ".join(cell.plain.split()), cell.style)
                    print_hanging(self.out, head + text, label + GAP)

    def _plain_table(
        self, columns: Sequence[str], cells: list[list[Text]], numbers: Collection[str]
    ) -> None:
        for line in _padded(columns, cells, numbers):
            self.out.print(Text(line))

    def problems(self, problems: Sequence[Problem], lines: Sequence[str] = ()) -> None:
        """Print problems of the input: of a campaign, of posts, or of the command itself.

        Args:
            problems: the problems.
            lines: a text for each, or for equal ones; by default their own.
        """
        first = problems[0]
        if len(problems) == 1 and first.row is None and "." not in first.where:
            self.fault(str(first))
            return
        found = f"{count(len(problems), 'problem')}, nothing was sent:"
        self.err.print(Text(found, style="bold red"))
        lines = lines or list(map(str, group_problems(problems)))
        for line in lines[:MAX_SHOWN]:
            print_hanging(self.err, Text(f"  {line}"))
        if len(lines) > MAX_SHOWN:
            self.err.print(Text(f"  ... and {len(lines) - MAX_SHOWN:,} more (--json has all)"))

    def error(self, error: PostizError, exit_code: int) -> None:
        """Print an error on stderr; with `--json` as one line of JSON."""
        if self.as_json:
            self._json_error(error_result(error, exit_code))
        elif isinstance(error, InvalidInputError):
            self.problems(error.problems)
        else:
            self.fault(str(error))
            if isinstance(error, DeliveryUnknownError):
                day = error.marks.date.date()
                look = f"  On the command line: postiz-async posts list --from {day} --to {day}"
                print_hanging(self.err, Text(look, style="red"))

    def failure(self, kind: str, message: str, exit_code: int, *, text: str = "") -> None:
        """Print another failure on stderr, like `error`; `text` is shown to people instead."""
        if self.as_json:
            self._json_error({"type": kind, "message": message, "exit_code": exit_code})
        elif text:
            self.err.print(Text(text))
        else:
            self.fault(message)

    def fault(self, message: str) -> None:
        """Print an error message on stderr for people."""
        print_hanging(self.err, Text(f"error: {message}", style="red"))

    def _json_error(self, error: Result) -> None:
        _write_utf8(sys.stderr, encoded({"error": error}) + b"\n")


def exit_code_of(error: PostizError) -> int:
    """The exit code of an error: 1 if it may pass, 3 if the user has to decide, else 2."""
    if isinstance(error, CampaignConflictError):
        return UNDECIDED
    return 1 if isinstance(error, PASSING) else 2


def encoded(value: object) -> bytes:
    """A value as one line of JSON, without characters that control a terminal."""
    try:
        text = msgspec.json.encode(value, order="sorted").decode()
    except UnicodeEncodeError:  # it names a file, and the bytes of the name are no text here
        plain = msgspec.to_builtins(value, order="sorted")
        text = readable(json.dumps(plain, ensure_ascii=False))
    return text.translate(_ESCAPED).encode()


def _write_utf8(stream: TextIO, text: bytes) -> None:
    """Write to a stream in UTF-8, whatever the terminal."""
    buffer = getattr(stream, "buffer", None)
    if buffer is None:
        print(text.decode(), end="", file=stream)
        return
    stream.flush()
    buffer.write(text)
    buffer.flush()


def _padded(
    columns: Sequence[str], cells: Sequence[Sequence[Text]], numbers: Collection[str]
) -> Iterator[str]:
    """A table as lines, with the header first."""
    lines = [list(columns), *([" ".join(text.plain.split()) for text in row] for row in cells)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded: list[str] = []
        for name, text, width in zip(columns, line, widths, strict=True):
            space = " " * (width - cell_len(text))
            padded.append(space + text if name in numbers else text + space)
        yield "  ".join(padded).rstrip()


def column_widths(
    columns: Sequence[str],
    cells: Sequence[Sequence[Text]],
    whole: Collection[str],
    room: int,
) -> list[int] | None:
    """The widths of the columns at which no word is broken.

    Args:
        columns: the names of the columns.
        cells: rows with a cell for each column.
        whole: columns whose cells are not broken at spaces either.
        room: the width of a line in characters.

    Returns:
        None if a line has not enough room.
    """
    least: list[int] = []
    most: list[int] = []
    for place, name in enumerate(columns):
        texts = [name, *(row[place].plain for row in cells)]
        lines = max(cell_len(line) for text in texts for line in text.splitlines() or [""])
        words = max(cell_len(word) for text in texts for word in text.split() or [""])
        most.append(lines)
        least.append(lines if name in whole else max(words, min(lines, _LEAST)))
    spare = room - GAP * (len(columns) - 1) - sum(least)
    if spare < 0:
        return None
    widths = list(least)
    by_need = sorted(range(len(columns)), key=lambda place: most[place] - least[place])
    for left, place in zip(range(len(columns), 0, -1), by_need, strict=True):
        more = min(most[place] - least[place], spare // left)
        widths[place] += more
        spare -= more
    return widths


def print_hanging(console: Console, text: Text, hang: int | None = None) -> None:
    """Print a text with a hanging indent.

    Lines are broken only on a terminal: a text that is piped stays one line.

    Args:
        console: where to print it.
        text: the text.
        hang: characters of the indent; None for two more than the first line has, or the place
            where the text continues after a number.
    """
    if not console.is_terminal:
        console.print(text)
        return
    line = _one_line(text)
    start = _START.match(line.plain)
    found = start.end() if start else 0
    rest = hang if hang is not None else found if start and start[1] else found + 2
    head, tail = line[:rest], line[rest:]
    parts = _wrapped(tail, max(20, console.width - rest))
    for number, part in enumerate(parts):
        before = head if number == 0 else Text(" " * rest)
        console.print(before + part, soft_wrap=True)


def _one_line(text: str | Text) -> Text:
    line = Text(text) if isinstance(text, str) else text
    if "\n" in line.plain:
        line = line.copy()
        line.plain = _BREAK.sub(" ", line.plain)
    return line


_BREAK = re.compile(r"\s*\n\s*")
_OPTION = r"""--(?:column|default) (?:'[^']*'|"[^"]*"|[^\s'"])+"""
_WORD = re.compile(rf"(?:{_OPTION}(?: {_OPTION})*|\S+)\s*")
"""Matches text that stays on one line: a word, or options that belong together."""


def _wrapped(text: Text, width: int) -> list[Text]:
    """Lines of at most `width` characters; a longer word, such as a path, stays whole."""
    breaks: list[int] = []
    used = 0
    for word in _WORD.finditer(text.plain):
        if used and used + cell_len(word[0].rstrip()) > width:
            breaks.append(word.start())
            used = 0
        used += cell_len(word[0])
    lines = list(text.divide(breaks))
    for line in lines:
        line.rstrip()
    return lines


def printable(text: str) -> str:
    """A text of unknown origin without characters that control a terminal."""
    return readable(text).translate(_UNPRINTABLE)


def _cell(value: str | Text) -> Text:
    return _one_line(value if isinstance(value, Text) else printable(value))


def _console(stream: TextIO | None, *, stderr: bool) -> SafeConsole:
    """A console as wide as the terminal; without a terminal no line is cut."""
    is_looked_at = stream is not None and stream.isatty()
    return SafeConsole(
        stderr=stderr,
        highlight=False,
        soft_wrap=not is_looked_at,
        force_terminal=is_looked_at,
        no_color=None if is_looked_at else True,
    )


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is destroyed; without a terminal `--yes` is required.

    Raises:
        ConfigurationError: the answer was no, or there is no terminal to ask on.
    """
    if yes:
        return
    agreed = ask(question)
    if agreed is None:
        raise ConfigurationError(f"{question} There is no terminal to ask on; say --yes.")
    if not agreed:
        raise ConfigurationError("Nothing was done.")


def can_ask() -> bool:
    """Whether there is a terminal to ask on."""
    return sys.stdin is not None and sys.stdin.isatty()


def ask(question: str, *, default: bool = False) -> bool | None:
    """Ask whether the user agrees; None if there is no terminal to ask on.

    Args:
        question: the question.
        default: what an empty answer means.
    """
    if not can_ask():
        return None
    said = Text(f"{question} [{'Y/n' if default else 'y/N'}]")
    try:
        return Confirm.ask(
            said,
            default=default,
            show_choices=False,
            show_default=False,
            console=SafeConsole(stderr=True),
        )
    except EOFError:
        return False


def short_moment(when: datetime, zone: tzinfo) -> str:
    """A date in a table: `15 Jan 2027 09:00`."""
    at = when.astimezone(zone)
    return f"{at.day:2} {at:%b %Y %H:%M}"


def moment(when: datetime | float, zone: tzinfo) -> str:
    """A date for people: `Fri 15 Jan 2027 09:00 UTC`."""
    return f"{bare_moment(when, zone)} {_zone_name(_at(when, zone))}"


def bare_moment(when: datetime | float, zone: tzinfo) -> str:
    """A date for people without its zone: `Fri 15 Jan 2027 09:00`."""
    at = _at(when, zone)
    return f"{at:%a} {at.day} {at:%b %Y %H:%M}"


def near_moment(when: datetime | float, zone: tzinfo) -> str:
    """A date for people without year and zone: `Fri 15 Jan 09:00`."""
    at = _at(when, zone)
    return f"{at:%a} {at.day} {at:%b %H:%M}"


def date_range(first: datetime, last: datetime, zone: tzinfo) -> str:
    """Two dates for people, with their zone: `15 Jan 09:00 to 28 Jan 2027 21:00 (UTC)`."""
    start, end = first.astimezone(zone), last.astimezone(zone)
    year = "" if start.year == end.year else f"{start:%Y} "
    since = f"{start.day} {start:%b} {year}{start:%H:%M} to " if start != end else ""
    zones = "/".join(dict.fromkeys([_zone_name(start), _zone_name(end)]))
    return f"{since}{end.day} {end:%b %Y %H:%M} ({zones})"


def _at(when: datetime | float, zone: tzinfo) -> datetime:
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
    """A number with its noun: `1 post`, `2,480 posts`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def command_on(path: Path, verb: str) -> str:
    """A command for a campaign that can be pasted into a shell."""
    return f"postiz-async {verb} {shlex.quote(str(path))}"
