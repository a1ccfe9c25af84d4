"""Warnings about tags that Postiz probably does not know."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from postiz_async._campaign.read.read_options import warning
from postiz_async._campaign.read.rows import Row
from postiz_async._resources.api import OpenClient
from postiz_async._validation.messages import did_you_mean
from postiz_async.errors import PostizError, Problem

_LOOKED_BACK = timedelta(days=60)

_NOWHERE = (
    f"on no post of the last and next {_LOOKED_BACK.days} days: Postiz leaves out tags that it "
    "does not know"
)
_MAKE_IT = "make what is new in Postiz first; its API has no call for tags"


async def unknown_tags(postiz: OpenClient, rows: Sequence[Row]) -> list[Problem]:
    """Warnings about tags that no listed post has; Postiz drops tags that it does not know."""
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


def _meant(tag: str, known: Collection[str]) -> str:
    """A question whether another tag is meant, or several; empty if nothing is like it."""
    if "," in tag:
        return "separate several tags with ;"
    return did_you_mean(tag, known)
