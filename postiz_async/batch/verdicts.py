"""Each row of a campaign held against the server's rules, with the names of its columns.

Rows are judged many at a time, as posts of one request, which takes half as long as one by one.
What the server says of a post does not depend on the posts beside it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio.lowlevel

from postiz_async.batch.check import stand_in, too_large
from postiz_async.compose import build_body, foreign_settings
from postiz_async.errors import InvalidPostError
from postiz_async.validation import MediaFacts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postiz_async.batch.check import Checked
    from postiz_async.batch.rows import Row
    from postiz_async.errors import Problem
    from postiz_async.models.posts import PostItem, PostType
    from postiz_async.vetting import Preflight

__all__ = ["column_of", "verdicts"]

_PATH = re.compile(r"posts\.(\d+)\.(?:(value)\.(\d+)(?:\.(\w+))?|(\w+))(.*)", re.DOTALL)
_POST = re.compile(r"posts\.(\d+)\.")

_AT_ONCE = 200
"""Rows that are judged together, at most."""

_ROOM = 60_000
"""Bytes that they may take as they are sent; a request of 102,400 is refused for its size."""


async def verdicts(rows: Iterable[Row], checked: Checked, vetting: Preflight) -> list[Problem]:
    """What the server would refuse, and what would be regretted, row by row.

    Args:
        rows: rows with a channel and with media that could be read.
        checked: knows both, and is told the sizes of the rows.
        vetting: judges requests.
    """
    found: list[Problem] = []
    groups: dict[tuple[object, ...], _Group] = {}
    for row in rows:
        foreign = foreign_settings(row.settings, checked.channels[row.ref])
        if foreign is not None:
            found.append(replace(foreign, row=row.number))
            continue
        try:
            item = checked.item_of(row)
        except InvalidPostError as error:
            found += [replace(problem, row=row.number) for problem in error.problems]
            continue
        size = checked.size_of(row)
        wrong = too_large(row, size)
        if wrong is not None:
            found.append(wrong)
            continue
        group = groups.setdefault((row.type == "draft", row.tags, row.short_link), _Group())
        if not group.has_room(size):
            found += await group.judge(checked, vetting)
            group.clear()
            await anyio.lowlevel.checkpoint()  # others may want to work meanwhile
        group.add(row, item, size)
    for group in groups.values():
        found += await group.judge(checked, vetting)
    return found


class _Group:
    """Rows that share what a request says of all its posts, as many as are judged together."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.items: list[PostItem] = []
        self.size = 0

    def has_room(self, size: int) -> bool:
        return not self.rows or (len(self.rows) < _AT_ONCE and self.size + size <= _ROOM)

    def add(self, row: Row, item: PostItem, size: int) -> None:
        self.rows.append(row)
        self.items.append(item)
        self.size += size

    def clear(self) -> None:
        self.rows, self.items, self.size = [], [], 0

    async def judge(self, checked: Checked, vetting: Preflight) -> list[Problem]:
        first = self.rows[0]
        kind: PostType = "draft" if first.type == "draft" else "schedule"
        tags, short = first.tags, first.short_link
        body = build_body(kind, first.date, self.items, tags=tags, short_link=short)
        media = [
            stand_in(name, checked.facts[name])
            for name in dict.fromkeys(name for row in self.rows for name in row.media)
        ]
        facts = {m.path: MediaFacts(width=m.width, height=m.height, size=m.size) for m in media}
        found: list[Problem] = []
        for problem in await vetting.problems(body, media=facts):
            post = _POST.match(problem.where)
            whose = [self.rows[int(post[1])]] if post else self.rows
            where = column_of(problem.where)
            found += [replace(problem, where=where, row=row.number) for row in whose]
        return found


def column_of(path: str) -> str:
    """Where a problem of a post of a request stands in a campaign."""
    match = _PATH.fullmatch(path)
    if match is None:
        return path
    _, value, number, field, other, rest = match.groups()
    if not value:
        return f"{other}{rest}"
    if field == "image":
        return "media" if number == "0" else f"thread.{int(number) - 1}.media"
    return "content" if number == "0" else f"thread.{int(number) - 1}"
