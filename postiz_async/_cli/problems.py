"""Describe the problems of a campaign, each with the text that it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import reduce
from typing import cast

import msgspec

from postiz_async import Campaign
from postiz_async._campaign.read.columns import column_named
from postiz_async._uploads.urls import shown_name
from postiz_async.errors import Problem, group_problems
from postiz_async.types import Row

_SHOWN = 40
"""Most characters of an offending text that are shown."""


def problem_lines(campaign: Campaign, found: Iterable[Problem]) -> Iterator[str]:
    """A line for each problem, and one for equal problems of several rows."""
    by_number = {row.number: row for row in campaign.rows}
    columns = {own.strip().lower(): to for own, to in campaign.reading.columns.items()}
    for group in group_problems(found):
        said = str(group)
        texts = {_offending(group.problem, by_number.get(number), columns) for number in group.rows}
        text = texts.pop() if len(texts) == 1 else ""
        is_new = text and not _is_said(text.removesuffix("..."), said)
        yield f"{said}  {text}" if is_new else said


def _is_said(text: str, problem: str) -> bool:
    """Whether a problem quotes the text, and does not only contain it inside of a word."""
    return re.search(rf"(?<!\w){re.escape(text)}(?!\w)", problem) is not None


def _offending(problem: Problem, row: Row | None, columns: Mapping[str, str]) -> str:
    """The beginning of the text with a problem; `columns` maps column names to ours."""
    if row is None:
        return ""
    name, *steps = problem.where.split(".")
    name = columns.get(name.strip().lower()) or column_named(name) or name
    value = reduce(_inside, steps, getattr(row, name, None))
    if name in {"media", "tags"} and isinstance(value, tuple):
        value = "; ".join(map(shown_name, cast("tuple[str, ...]", value)))
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
