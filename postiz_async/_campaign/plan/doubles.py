"""Find rows that repeat another row, or a post in Postiz, on one channel within a day. PURE.

A repetition at the same moment is a mistake, and the later row is refused. At another time of the
day it may be intended, so there is a warning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import (
    Callable,
    Collection,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TypeVar

import msgspec
from msgspec import structs

from postiz_async._campaign.journal.rows import IN_FLIGHT, RowRecord
from postiz_async._campaign.plan.row_state import is_there
from postiz_async._campaign.read.read_options import warning
from postiz_async._campaign.read.rows import Row, SaidRow
from postiz_async._delivery.matching import listed_settings
from postiz_async._delivery.outcomes import RowState
from postiz_async._resources.matching import seen_text, sent_text, stored_at
from postiz_async.errors import Problem, by_reader, row_ranges
from postiz_async.models._durations import describe_seconds
from postiz_async.models.channels import Channel
from postiz_async.models.posts import Post
from postiz_async.texts import render

DAY = timedelta(days=1)

_NAMED = 3
"""Number of warnings that each name the repeated row or post; more share one line."""

_IN_DOUBT = {*IN_FLIGHT, RowState.UNDECIDED}


T = TypeVar("T")


def alike(
    rows: Sequence[T],
    rough: Callable[[T], Hashable],
    key: Callable[[T], Hashable] | None = None,
) -> list[list[T]]:
    """Group rows with equal keys; rows with a unique key are left out.

    Args:
        rows: rows of a campaign, or posts, few of which share a key.
        rough: a cheap key that tells most of them apart.
        key: the exact key; `rough` itself if None.
    """
    hashes = [hash(rough(row)) for row in rows]
    twice = {one for one, other in pairwise(sorted(hashes)) if one == other}
    groups: defaultdict[Hashable, list[T]] = defaultdict(list)
    for row, number in zip(rows, hashes, strict=True) if twice else ():
        if number in twice:
            groups[rough(row), key and key(row)].append(row)
    return [group for group in groups.values() if len(group) > 1]


def repeated_rows(
    asked: Sequence[Row],
    rows: Iterable[Row],
    records: Mapping[str, RowRecord],
    channel_of: Callable[[str], str],
) -> list[Problem]:
    """Errors and warnings about rows that repeat each other or rows that were sent.

    Args:
        asked: rows that are still to be sent, or changed.
        rows: all of the file.
        records: the records of the journal.
        channel_of: channel ids by their names in the campaign.
    """
    sent: list[Row] = []
    if records and asked:
        sent = list(_sent_rows(asked, rows, records, channel_of))
    refs_sent = {row.ref for row in sent}
    former = {id(row) for before, row in pairwise(sent) if before.ref == row.ref}
    every = [*sent, *(row for row in asked if row.ref not in refs_sent)] if sent else asked
    moments = alike(every, lambda row: (channel_of(row.channel), row.date))
    found = list(_nearly_equal(moments, refs_sent))
    near: dict[int, tuple[str, timedelta]] = {}
    for group in alike(every, lambda row: (channel_of(row.channel), row.content), _rest):
        group.sort(key=lambda row: (row.date, row.ref not in refs_sent, row.number))
        first = group[0]
        for before, row in pairwise(group):
            gap = row.date - before.date
            is_near = timedelta(0) < gap < DAY and row.number != before.number
            first = row if gap else first
            if not gap and row.ref not in refs_sent:
                is_sent, is_former = first.ref in refs_sent, id(first) in former
                found.append(_same_moment(row, first, is_sent=is_sent, is_former=is_former))
            elif is_near and row.ref not in refs_sent:
                near[row.number] = f"row {before.number}", -gap
            elif is_near and before.ref not in refs_sent:
                near.setdefault(before.number, (f"row {row.number}", gap))
    return [*found, *_within_a_day(near, "another row")]


def _sent_rows(
    asked: Iterable[Row],
    rows: Iterable[Row],
    records: Mapping[str, RowRecord],
    channel_of: Callable[[str], str],
) -> Iterator[Row]:
    """Rows that are, or may be, stored: each as in the file now, and then as it was sent."""
    refs = {row.ref for row in asked}
    moments = {(channel_of(row.channel), row.date.timestamp()) for row in asked}
    for row in rows:
        record = records.get(row.ref)
        if record is None or not (is_there(record) or record.state in _IN_DOUBT):
            continue
        if row.ref in refs and record.state not in IN_FLIGHT:
            continue
        yield row
        if (record.channel, record.seconds) in moments:  # edited in the file, or moved in Postiz
            said = SaidRow.read(record.said)
            yield structs.replace(
                row,
                channel=record.channel,
                date=datetime.fromtimestamp(record.seconds, UTC),
                content=said.content,
                media=said.media or (),
                settings=said.settings,
                type=said.type,
                thread=said.thread,
                post=said.post,
            )


def repeated_posts(
    rows: Sequence[Row], posts: Iterable[Post], channels: Mapping[str, Channel]
) -> list[Problem]:
    """Warnings about rows whose text is in Postiz on their channel within a day.

    Args:
        rows: rows that will be sent.
        posts: posts that do not belong to the campaign.
        channels: the channels, by the refs of rows.
    """
    kinds = {row.short_link for row in rows}
    by_text: defaultdict[Hashable, list[Post]] = defaultdict(list)
    days: set[tuple[str, date | None]] = set()
    for post in posts:
        if post.channel is not None:
            where, at = post.channel.id, stored_at(post)
            near_by = (at + by * DAY for by in (-1, 0, 1))
            days.update((where, None if post.interval_in_days else d.date()) for d in near_by)
            for short in kinds:
                by_text[where, short, seen_text(post.content, short_link=short)].append(post)
    near: dict[int, tuple[str, timedelta]] = {}
    for row in rows:
        channel = channels[row.ref]
        if not days & {(channel.id, row.date.date()), (channel.id, None)}:
            continue
        text = sent_text(render(row.body, channel.provider), short_link=row.short_link)
        gaps = [
            (abs(gap), gap, post.id)
            for post in by_text.get((channel.id, row.short_link, text), ())
            if abs(gap := _gap(row, post)) < DAY and _goes_there(row, post)
        ]
        if gaps:
            _, gap, post_id = min(gaps)
            near[row.number] = f"the post {post_id} in Postiz", gap
    return list(_within_a_day(near, "a post in Postiz"))


def older_versions(
    rows: Sequence[Row], posts: Iterable[Post], channels: Mapping[str, Channel]
) -> list[Problem]:
    """Warnings about rows at whose moment their channel has a post that says something else.

    Args:
        rows: rows that will be sent.
        posts: posts that do not belong to the campaign.
        channels: the channels, by the refs of rows.
    """
    there = {
        (post.channel.id, stored_at(post).replace(microsecond=0)): post.id
        for post in posts
        if post.channel is not None
    }
    return [
        Problem(
            "row",
            f"the post {there[place]} is on its channel at its moment, and says something else",
            row.number,
            hint="an older version of the row?",
            severity="warning",
        )
        for row in rows
        if (place := (channels[row.ref].id, row.date)) in there
    ]


def explain_older(older: Sequence[Problem]) -> str:
    """Explain why a run stops before rows that other versions of them seem to be there for."""
    one = len(older) == 1
    rows, have, them = ("row", "has", "it") if one else ("rows", "have", "them")
    keep = by_reader("--keep", "keep=True")
    return (
        f"{len(older):,} {rows} ({row_ranges(each.row or 0 for each in older)}) {have} the channel "
        "and the moment of posts in Postiz that say something else, while other rows were found "
        "there: these may be older versions. Nothing was sent. Delete them in Postiz, or send "
        f"{them} beside them with {keep}."
    )


def _gap(row: Row, post: Post) -> timedelta:
    """How much later than a row a post is due; for a repeating post, by its nearest date."""
    at = stored_at(post).replace(microsecond=0)
    if post.interval_in_days:
        every = timedelta(days=post.interval_in_days)
        at += max(0, round((row.date - at) / every)) * every
    return at - row.date


def _rest(row: Row) -> Hashable:
    """The other values of equal rows, besides channel and text."""
    settings = row.settings and msgspec.json.encode(row.settings, order="deterministic")
    return row.type, row.thread, row.media, row.post, settings


def _goes_there(row: Row, post: Post) -> bool:
    """Whether the settings of a row, such as a forum or a board, match those of a post."""
    if not row.settings:
        return True
    theirs = listed_settings(post.settings)
    return all(theirs.get(name, value) == value for name, value in row.settings.items())


def _same_moment(row: Row, first: Row, *, is_sent: bool, is_former: bool) -> Problem:
    sent = ", which was sent already" if is_sent else ""
    hint = "delete one, or send both with --ignore doubles"
    if is_former:
        sent = " does in Postiz"
        hint = f"run --skip-invalid changes that first; else {hint}"
    message = f"says the same as row {first.number}{sent}, on the same channel at the same moment"
    return Problem("row", message, row.number, hint)


def _nearly_equal(same_moment: Iterable[Iterable[Row]], sent: Collection[str]) -> Iterator[Problem]:
    """Warnings about rows with equal texts at one moment, except for case or spaces."""
    for here in same_moment:
        first: dict[tuple[object, ...], Row] = {}
        for row in here:
            same = first.setdefault((as_read(row), row.type, row.media, row.uploaded), row)
            is_other = (same.content, same.thread) != (row.content, row.thread)
            if is_other and row.ref not in sent:
                message = (
                    f"says the same as row {same.number} except for case or spaces, on the same "
                    "channel at the same moment"
                )
                yield warning(
                    "doubles",
                    "row",
                    message,
                    row.number,
                    "both are sent; delete one if it is a mistake",
                )


def _within_a_day(found: Mapping[int, tuple[str, timedelta]], general: str) -> Iterator[Problem]:
    """Warnings by row number: the row or post with the same text, and the time between them."""
    for number, (other, gap) in found.items():
        message = f"has the same text as {general} within a day on the same channel"
        if len(found) <= _NAMED:
            seconds = gap.total_seconds()
            when = f"{describe_seconds(abs(seconds))} {'later' if seconds > 0 else 'earlier'}"
            when = when if gap else "at the same moment"
            message = f"has the same text as {other}, {when} on the same channel"
        yield warning("doubles", "row", message, number, "delete one if it is a mistake")


def as_read(row: Row) -> tuple[str, ...]:
    """The texts in lower case and with single spaces."""
    return tuple(" ".join(text.casefold().split()) for text in (row.content, *row.thread))
