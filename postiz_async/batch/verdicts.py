"""Each row of a campaign held against the server's rules, with the names of its columns."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from postiz_async.compose import build_body, build_item
from postiz_async.models.media import Media
from postiz_async.models.posts import NewPost
from postiz_async.uploads import POSTABLE
from postiz_async.validation import MediaFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from postiz_async.batch.rows import Row
    from postiz_async.errors import Problem
    from postiz_async.models.integrations import Integration
    from postiz_async.models.posts import PostType
    from postiz_async.uploads import FileFacts
    from postiz_async.vetting import Vetting

__all__ = ["column_of", "verdicts"]

_PATH = re.compile(r"posts\.0\.(?:(value)\.(\d+)(?:\.(\w+))?|(\w+))(.*)", re.DOTALL)


async def verdicts(
    rows: Iterable[Row],
    channels: Mapping[str, Integration],
    facts: Mapping[str, FileFacts],
    vetting: Vetting,
) -> list[Problem]:
    """What the server would refuse, and what would be regretted, row by row.

    Args:
        rows: rows with a channel and with media that could be read.
        channels: the channel of each row by ref.
        facts: what the media files are, by name.
        vetting: judges requests.
    """
    found: list[Problem] = []
    for row in rows:
        media = [_stand_in(place, facts[name]) for place, name in enumerate(row.media)]
        post = NewPost(channels[row.ref], row.body, media, row.settings, row.parts)
        item = build_item(post, channels[row.ref])
        kind: PostType = "draft" if row.type == "draft" else "schedule"
        body = build_body(kind, row.date, [item], tags=row.tags, short_link=row.short_link)
        sizes = {m.path: MediaFacts(width=m.width, height=m.height, size=m.size) for m in media}
        found += [_of_row(row, problem) for problem in await vetting.problems(body, media=sizes)]
    return found


def _of_row(row: Row, problem: Problem) -> Problem:
    return replace(problem, where=column_of(problem.where), row=row.number)


def column_of(path: str) -> str:
    """Where a problem of a request with one post stands in a campaign."""
    match = _PATH.fullmatch(path)
    if match is None:
        return path
    value, number, field, other, rest = match.groups()
    if not value:
        return f"{other}{rest}"
    if field == "image":
        return "media" if number == "0" else f"thread.{int(number) - 1}.media"
    return "content" if number == "0" else f"thread.{int(number) - 1}"


def _stand_in(place: int, facts: FileFacts) -> Media:
    """A medium that is not uploaded yet, with the suffix that the server will give it."""
    return Media(
        id="0" * 36,
        path=f"https://upload.invalid/{place}{POSTABLE[facts.mime]}",
        width=facts.width,
        height=facts.height,
        size=facts.size,
    )
