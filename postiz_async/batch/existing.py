"""Rows that are in Postiz already when there is no journal that knows of them. PURE."""

from __future__ import annotations

from collections import defaultdict
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

__all__ = ["adopted_body", "adopted_record", "already_there", "how_to_go_on"]

_NAMED = 12


def already_there(
    rows: Iterable[Row], channels: Mapping[str, Integration], listed: Iterable[Post]
) -> dict[str, Post]:
    """The listed post of each row that seems to be stored, by ref; no post stands for two rows.

    Same channel, same second, and the text as the server keeps it. Rows of type `now` have no
    date by which they could be known.
    """
    by_place: defaultdict[tuple[str, datetime], list[Post]] = defaultdict(list)
    for post in sorted(listed, key=lambda post: post.id):
        if post.integration is not None:
            by_place[post.integration.id, stored_at(post).replace(microsecond=0)].append(post)
    there: dict[str, Post] = {}
    for row in rows:
        place = (channels[row.ref].id, row.date.replace(microsecond=0))
        posts = by_place.get(place, []) if row.type != "now" else []
        sent = render(row.body, channels[row.ref].provider) if posts else ""
        short = row.short_link
        found = next((p for p in posts if same_text(sent, p.content, short_link=short)), None)
        if found is not None:
            there[row.ref] = found
            posts.remove(found)
    return there


def how_to_go_on(there: Mapping[str, Post], rows: Iterable[Row], journal: Path) -> str:
    """Why a run without a journal stops, and the two ways out."""
    numbers = [row.number for row in rows if row.ref in there]
    named = ", ".join(str(number) for number in numbers[:_NAMED])
    more = " ..." if len(numbers) > _NAMED else ""
    are = "row is" if len(numbers) == 1 else "rows are"
    return (
        f"{len(numbers):,} {are} in Postiz already ({named}{more}: same channel, second and "
        f"text), and there is no journal {journal} that knows of it. Nothing was sent. "
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
    )


def adopted_body(row: Row, post: Post, channel: Integration) -> CreatePost:
    """A request as it might have been sent; without a mark, because nobody knows of one."""
    item = PostItem(
        integration=IntegrationRef(id=channel.id),
        value=[ContentItem(content=post.content)],
        settings={},
    )
    date = format_date(stored_at(post))
    return CreatePost(type=row.type, date=date, posts=[item], short_link=row.short_link)
