"""What the server accepts and then fails on, with a 500 that costs a slot. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async.errors import Problem
from postiz_async.validation.dates import crashes, is_iso_date

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postiz_async.validation.body import Body

__all__ = ["failures"]

_GOOD_DATE = "write it as 2030-03-01T10:00:00Z"


def failures(body: Body) -> Iterator[Problem]:
    """Dates that are none, characters that no database stores."""
    date = body.values.get("date")
    if isinstance(date, str) and crashes(date) and is_iso_date(date):
        message = f"{date[:40]!r} makes the server fail"
        yield Problem("date", message, hint=_GOOD_DATE, stage="failure")
    yield from _nul_characters(body)


def _nul_characters(body: Body) -> Iterator[Problem]:
    for post in body.posts:
        for place, entry in enumerate(post.entries):
            content = entry["content"]
            if isinstance(content, str) and "\0" in content:
                message = "has a NUL character, which no database stores"
                yield Problem(f"{post.path}value.{place}.content", message, stage="failure")
