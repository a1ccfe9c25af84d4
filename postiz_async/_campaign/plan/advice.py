"""Warnings about probable mistakes in a campaign; each kind can be turned off.

PURE, but for the look at the tags in Postiz.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from postiz_async._campaign.plan.doubles import as_read
from postiz_async._campaign.read.read_options import warning
from postiz_async._wire.endpoints import LIST_POSTS
from postiz_async.errors import PostizError, Problem
from postiz_async.models._durations import describe_seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from postiz_async._campaign.read.read_options import Advice
    from postiz_async._campaign.read.rows import Row
    from postiz_async._delivery.client import CampaignClient
    from postiz_async.models.channels import Channel


_CLOSE = timedelta(hours=1)
_APART = timedelta(hours=4)
_RHYTHM = 5
"""Number of posts from which a channel is considered to have a rhythm."""

_LOOKED_BACK = timedelta(days=60)

_FEW_TAGS, _MOST_TAGS = 3, 20
"""Unknown tags that get a warning each; tags named in one warning if there are more."""


async def advice(
    postiz: CampaignClient,
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
        if len(of_channel) < _RHYTHM:
            continue
        ordered = sorted(of_channel, key=lambda row: row.date)
        gaps = [later.date - row.date for row, later in pairwise(ordered)]
        usual = timedelta(seconds=median(gap.total_seconds() for gap in gaps))
        if usual < _APART:
            continue
        for (row, later), gap in zip(pairwise(ordered), gaps, strict=True):
            if gap < _CLOSE and as_read(row) != as_read(later):
                when = describe_seconds(gap.total_seconds()) + " after" if gap else "when"
                message = (
                    f"is published {when} row {row.number} on {channels[row.ref].name!r}, whose "
                    f"posts are usually {describe_seconds(usual.total_seconds())} apart"
                )
                yield warning("rhythm", "date", message, later.number, "is the date right?")


def _hint_of_tag(tag: str) -> str:
    if "," in tag:
        return "separate several tags with ;"
    return "create it in Postiz if it is new"


async def _unknown_tags(postiz: CampaignClient, rows: Sequence[Row]) -> list[Problem]:
    """Tags that no listed post has; Postiz drops tags that it does not know."""
    if postiz.scheduler.is_counted(LIST_POSTS.name):
        return []
    now = datetime.fromtimestamp(postiz.scheduler.server_time(), UTC)
    start, end = now - _LOOKED_BACK, now + _LOOKED_BACK
    try:
        posts = await postiz.posts.list(start=start, end=end)
    except PostizError as error:
        message = f"cannot be held against those in Postiz: {error}"
        return [warning("tags", "tags", message, None)]
    known = {tag for post in posts for tag in post.tags}
    unknown = [(row.number, tag) for row in rows for tag in row.tags if tag not in known]
    tags = list(dict.fromkeys(tag for _, tag in unknown))
    nowhere = (
        f"on no post of the last and next {_LOOKED_BACK.days} days: Postiz leaves out tags that it "
        "does not know"
    )
    if len(tags) <= _FEW_TAGS:
        return [
            warning("tags", "tags", f"{tag!r} is {nowhere}", number, _hint_of_tag(tag))
            for number, tag in unknown
        ]
    names = ", ".join(map(repr, tags[:_MOST_TAGS]))
    more = f" and {len(tags) - _MOST_TAGS:,} more" if len(tags) > _MOST_TAGS else ""
    message = f"these are {nowhere}: {names}{more}"
    hint = "create them in Postiz if they are new"
    numbers = dict.fromkeys(number for number, _ in unknown)
    return [warning("tags", "tags", message, number, hint) for number in numbers]
