"""Rows that are in Postiz already when there is no journal that knows of them. PURE."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from postiz_async.delivery.records import RowRecord, State
from postiz_async.models.posts import ContentItem, CreatePost, IntegrationRef, PostItem
from postiz_async.resources.finding import same_text, stored_at
from postiz_async.texts import render
from postiz_async.wire import format_date

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from postiz_async.batch.rows import Row
    from postiz_async.models.integrations import Integration
    from postiz_async.models.posts import Post

__all__ = ["adopted_body", "adopted_record", "already_there", "how_to_go_on", "may_move"]

_NAMED = 12


def already_there(
    rows: Iterable[Row],
    channels: Mapping[str, Integration],
    listed: Iterable[Post],
    align: timedelta = timedelta(0),
) -> dict[str, Post]:
    """The listed post of each row that seems to be stored, by ref; no post stands for two rows.

    Same channel, same second, and the text as the server keeps it; where a date may move, the
    nearest that it may have moved to. Rows of type `now` have no date by which they could be known.
    """
    by_channel: defaultdict[str, list[tuple[datetime, Post]]] = defaultdict(list)
    for post in listed:
        if post.integration is not None:
            second = stored_at(post).replace(microsecond=0)
            by_channel[post.integration.id].append((second, post))
    for posts in by_channel.values():
        posts.sort(key=_place)
    there: dict[str, Post] = {}
    taken: set[str] = set()
    for row in sorted(rows, key=lambda row: may_move(row, align)):
        posts = by_channel.get(channels[row.ref].id, []) if row.type != "now" else []
        slack = may_move(row, align)
        first = bisect_left(posts, row.date - slack, key=_second)
        last = bisect_right(posts, row.date + slack, key=_second)
        near = sorted(posts[first:last], key=lambda p: abs(p[0] - row.date))
        sent = render(row.body, channels[row.ref].provider) if near else ""
        for _, post in near:
            is_same = same_text(sent, post.content, short_link=row.short_link)
            if is_same and post.id not in taken:
                there[row.ref] = post
                taken.add(post.id)
                break
    return there


def may_move(row: Row, align: timedelta) -> timedelta:
    """How far the date of a row may be from what it asks for."""
    if row.type != "schedule" or not 1 < row.date.year < 9999:
        return timedelta(0)
    return align if row.tolerance is None else row.tolerance


def _second(placed: tuple[datetime, Post]) -> datetime:
    return placed[0]


def _place(placed: tuple[datetime, Post]) -> tuple[datetime, str]:
    return placed[0], placed[1].id


def how_to_go_on(
    there: Mapping[str, Post], rows: Iterable[Row], journal: Path, *, is_new: bool
) -> str:
    """Why a run stops that has no journal, or rows that are new to it, and the two ways out."""
    numbers = [row.number for row in rows if row.ref in there]
    named = ", ".join(str(number) for number in numbers[:_NAMED])
    more = " ..." if len(numbers) > _NAMED else ""
    who = f"there is no journal {journal} that knows of it"
    if not is_new:
        who = f"no ref in the journal {journal} is theirs"
    are = "row is" if len(numbers) == 1 else "rows are"
    return (
        f"{len(numbers):,} {are} in Postiz already ({named}{more}: same channel, second and "
        f"text), and {who}. Nothing was sent. "
        'Take them over as stored with --adopt (existing="adopt"), or send them once more with '
        '--again (existing="again").'
    )


def adopted_record(row: Row, post: Post, channel: Integration) -> RowRecord:
    """What the journal says of a row that is taken over."""
    return RowRecord(
        row.ref,
        row.number,
        row.fingerprint,
        channel.id,
        stored_at(post).timestamp(),
        State.STORED,
        post_id=post.id,
        note="was in Postiz already",
        name=row.integration,
        moved_from=_asked_for(row, stored_at(post)),
    )


def _asked_for(row: Row, there: datetime) -> float | None:
    is_there = row.date.replace(microsecond=0) == there.replace(microsecond=0)
    return None if is_there else row.date.timestamp()


def adopted_body(row: Row, post: Post, channel: Integration) -> CreatePost:
    """A request as it might have been sent; without a mark, because nobody knows of one."""
    item = PostItem(
        integration=IntegrationRef(id=channel.id),
        value=[ContentItem(content=post.content)],
        settings={},
    )
    date = format_date(stored_at(post))
    return CreatePost(type=row.type, date=date, posts=[item], short_link=row.short_link)
