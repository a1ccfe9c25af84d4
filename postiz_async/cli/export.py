"""`posts export`: posts in the columns of a campaign."""

from __future__ import annotations

import csv
import sys
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

import msgspec
from cyclopts import Parameter

from postiz_async.cli.output import Output, count
from postiz_async.cli.ranges import End, Start, State, day_range
from postiz_async.cli.settings import Connection, find_target, open_client
from postiz_async.errors import InvalidPostError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postiz_async.models.posts import Post

__all__ = ["export"]


async def export(
    *,
    start: Start = None,
    end: End = None,
    state: State = None,
    format: Annotated[Literal["csv", "jsonl"], Parameter(help="The form.")] = "csv",  # noqa: A002
    to: Annotated[Path | None, Parameter(help="A file; standard output if not given.")] = None,
    connection: Connection = Connection(),  # noqa: B008
) -> int:
    """Write posts as CSV or JSON lines. The server returns neither media nor thread parts."""
    output = Output(as_json=True)
    async with open_client(find_target(connection)) as postiz:
        first, last = day_range(postiz, start, end)
        posts = [
            p
            async for p in postiz.posts.iter(
                start=first, end=last, state=state, collapse_repeats=True
            )
        ]
    if to is None:
        _write(posts, sys.stdout, format)
    else:
        try:
            with to.open("w", encoding="utf-8", newline="") as file:
                _write(posts, file, format)
        except OSError as error:
            problem = Problem("--to", f"{to} cannot be written: {error.strerror}")
            raise InvalidPostError([problem]) from error
    output.say(
        f"{count(len(posts), 'post')}; media and thread parts are not in it, because the server "
        "does not return them, nor settings before releases after 2.23.0."
    )
    return 0


_EXPORTED: tuple[str, ...] = (
    "integration",
    "date",
    "type",
    "content",
    "settings",
    "tags",
    "repeat_days",
    "ref",
)


def _exported(post: Post) -> dict[str, str]:
    """A post in the columns of a campaign."""
    return {
        "integration": post.integration.id if post.integration is not None else "",
        "date": post.publish_date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "type": "draft" if post.state == "DRAFT" else "schedule",
        "content": post.content,
        "settings": post.settings or "",
        "tags": ";".join(tag.tag.name for tag in post.tags),
        "repeat_days": str(post.interval_in_days or ""),
        "ref": post.id,
    }


def _write(posts: Iterable[Post], file: TextIO, form: str) -> None:
    if form == "jsonl":
        for post in posts:
            values = {key: value for key, value in _exported(post).items() if value}
            file.write(msgspec.json.encode(values).decode() + "\n")
        return
    writer = csv.DictWriter(file, _EXPORTED, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_exported(post) for post in posts)
