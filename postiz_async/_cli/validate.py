"""The command `validate`: errors and warnings about a campaign."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce
from typing import Annotated, cast

import msgspec
from cyclopts import Parameter
from rich.text import Text

from postiz_async._cli.campaigns import MediaRoots, save_options
from postiz_async._cli.options import CampaignFile, Json, ReadAs, Save
from postiz_async._cli.output import Output, count, print_hanging
from postiz_async.documents import ValidateDocument, refused_document
from postiz_async.errors import InvalidPostError, Problem, group_problems
from postiz_async.types import Row

_HANG = len("warning  ")
_SHOWN = 40
"""Most characters of an offending text that are shown."""


async def validate(
    file: CampaignFile,
    /,
    *,
    media_root: MediaRoots = None,
    all_problems: Annotated[bool, Parameter(name="--all")] = False,
    json: Json = False,
    save: Save = False,
    read_as: ReadAs = ReadAs(),
) -> int:
    """Check a campaign as the server would, row by row. Sends nothing and spends nothing.

    Args:
        all_problems: Show all of them.
    """
    output = Output(as_json=json, says_results=True)
    reading = await read_as.options(file)
    async with (
        read_as.connection.client() as postiz,
        postiz.campaign(file, reading=reading, media_root=media_root or ()) as campaign,
    ):
        if save:
            await save_options(output, campaign)
        problems, warnings, rows = campaign.problems, campaign.warnings, campaign.rows
        columns = {own.strip().lower(): to for own, to in campaign.reading.columns.items()}
    unread = {each.row for each in problems if each.row} - {row.number for row in rows}
    read = len(rows) + len(unread)
    if json:
        said: ValidateDocument = {**refused_document(campaign), "rows": read}
        output.json(said)
        if problems:
            output.error(InvalidPostError(list(problems)), 2)
        return 2 if problems else 0
    found = [*problems, *warnings]
    _show(output, found, rows, columns, shown=None if all_problems else 50)
    counts = f"{count(len(problems), 'problem')}, {count(len(warnings), 'warning')}"
    output.say(f"{count(read, 'row')}: {counts}", "bold red" if problems else "bold green")
    return 2 if problems else 0


def _show(
    output: Output,
    found: list[Problem],
    rows: tuple[Row, ...],
    columns: Mapping[str, str],
    *,
    shown: int | None,
) -> None:
    by_number = {row.number: row for row in rows}
    groups = group_problems(found)
    for group in groups[:shown]:
        is_error = group.problem.severity == "error"
        line = Text().append(f"{group.problem.severity:{_HANG}}", "red" if is_error else "yellow")
        line.append(str(group))
        texts = {_offending(group.problem, by_number.get(number), columns) for number in group.rows}
        text = texts.pop() if len(texts) == 1 else ""
        if text and not _is_said(text.removesuffix("..."), str(group)):
            before = f"\n{'':{_HANG}}" if output.out.is_terminal else "  "
            line.append(before).append(text, "dim")
        print_hanging(output.out, line, hang=_HANG)
    if len(groups) > (shown or len(groups)):
        output.say(f"... and {len(groups) - (shown or 0)} more (--all, or --json)")


def _is_said(text: str, problem: str) -> bool:
    """Whether a problem quotes the text, and does not only contain it inside of a word."""
    return re.search(rf"(?<!\w){re.escape(text)}(?!\w)", problem) is not None


def _offending(problem: Problem, row: Row | None, columns: Mapping[str, str]) -> str:
    """The beginning of the text with a problem; `columns` maps column names to ours."""
    if row is None:
        return ""
    name, *steps = problem.where.split(".")
    name = columns.get(name.strip().lower(), name)
    value = reduce(_inside, steps, getattr(row, name, None))
    if name in {"media", "tags"} and isinstance(value, tuple):
        value = "; ".join(cast("tuple[str, ...]", value))
    elif isinstance(value, datetime):
        value = ""  # the problem names it
    elif value is None or isinstance(value, Mapping | list | tuple):
        value = msgspec.json.encode(value).decode() if value else ""
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _inside(value: object, step: str) -> object:
    """The value at a step of a path, or None."""
    if isinstance(value, Mapping):
        return cast("Mapping[str, object]", value).get(step)
    if not isinstance(value, list | tuple):
        return value
    items = cast("Sequence[object]", value)
    return items[int(step)] if step.isdecimal() and int(step) < len(items) else None
