"""Warnings about probable mistakes in a campaign; each kind can be turned off.

PURE, but for the look at the tags in Postiz.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TypeVar

from postiz_async._campaign.plan.doubles import as_read
from postiz_async._campaign.read.read_options import Advice, warning
from postiz_async._campaign.read.rows import Row
from postiz_async._resources.api import OpenClient
from postiz_async._validation.messages import did_you_mean
from postiz_async.errors import PostizError, Problem
from postiz_async.models._durations import describe_seconds
from postiz_async.models.channels import Channel

T = TypeVar("T")

_CLOSE = timedelta(hours=1)
_APART = timedelta(hours=4)
_RHYTHM = 5
"""Number of posts from which a channel is considered to have a rhythm."""

_LOOKED_BACK = timedelta(days=60)

_NOWHERE = (
    f"on no post of the last and next {_LOOKED_BACK.days} days: Postiz leaves out tags that it "
    "does not know"
)
_MAKE_IT = "make what is new in Postiz first; its API has no call for tags"


async def advice(
    postiz: OpenClient,
    rows: Sequence[Row],
    channels: Mapping[str, Channel],
    ignore: Collection[Advice],
) -> list[Problem]:
    """The warnings about valid rows.

    Args:
        postiz: lists posts, whose tags are known to Postiz.
        rows: rows of a campaign.
        channels: the channels, by the refs of rows.
        ignore: kinds of warnings that are turned off.
    """
    found: list[Problem] = []
    if "rhythm" not in ignore:
        found += _against_rhythm(rows, channels)
    if "tags" not in ignore and any(row.tags for row in rows):
        found += await _unknown_tags(postiz, rows)
    return found


def _against_rhythm(rows: Iterable[Row], channels: Mapping[str, Channel]) -> Iterator[Problem]:
    """Posts within an hour after another one on a channel where this is unusual."""
    by_channel: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.type == "schedule":
            by_channel[channels[row.ref].id].append(row)
    for of_channel in by_channel.values():
        for row, later, gap, usual in close_together(of_channel, lambda row: row.date):
            if usual is not None and as_read(row) != as_read(later):
                when = describe_seconds(gap.total_seconds()) + " after" if gap else "when"
                message = (
                    f"is published {when} row {row.number} on {channels[row.ref].name!r}, whose "
                    f"posts are usually {describe_seconds(usual.total_seconds())} apart"
                )
                yield warning("rhythm", "date", message, later.number, "is the date right?")


def close_together(
    of_channel: Iterable[T], date_of: Callable[[T], datetime]
) -> Iterator[tuple[T, T, timedelta, timedelta | None]]:
    """Pairs within an hour on a channel, unless it usually has less than four hours between two.

    Args:
        of_channel: rows or posts of one channel.
        date_of: returns the date of one.

    Returns:
        Each pair, with the time between the two, and the usual time; None: too few to tell.
    """
    ordered = sorted(of_channel, key=date_of)
    gaps = [date_of(later) - date_of(each) for each, later in pairwise(ordered)]
    usual = None
    if len(ordered) >= _RHYTHM:
        usual = timedelta(seconds=median(gap.total_seconds() for gap in gaps))
    if usual is None or usual >= _APART:
        for (each, later), gap in zip(pairwise(ordered), gaps, strict=True):
            if gap < _CLOSE:
                yield each, later, gap, usual


def _meant(tag: str, known: Collection[str]) -> str:
    """A question whether another tag is meant, or several; empty if nothing is like it."""
    if "," in tag:
        return "separate several tags with ;"
    return did_you_mean(tag, known)


async def _unknown_tags(postiz: OpenClient, rows: Sequence[Row]) -> list[Problem]:
    """Tags that no listed post has; Postiz drops tags that it does not know."""
    now = postiz.scheduler.server_now()
    start, end = now - _LOOKED_BACK, now + _LOOKED_BACK
    try:
        posts = await postiz.posts.list(start=start, end=end)
    except PostizError as error:
        message = f"cannot be held against those in Postiz: {error}"
        return [warning("tags", "tags", message, None)]
    known = {tag for post in posts for tag in post.tags}
    hints: dict[str, str] = {}
    found: list[Problem] = []
    for row in rows:
        tags = tuple(tag for tag in dict.fromkeys(row.tags) if tag not in known)
        if not tags:
            continue
        hint = " ".join(hints.setdefault(tag, _meant(tag, known)) for tag in tags)
        are = "is" if len(tags) == 1 else "are"
        message = f"{', '.join(map(repr, tags))} {are} {_NOWHERE}"
        found.append(warning("tags", "tags", message, row.number, f"{hint} {_MAKE_IT}".strip()))
    return found
