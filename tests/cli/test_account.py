"""What `postiz-async quota` says first."""

from __future__ import annotations

import pytest

from postiz_async._cli.account import _left
from postiz_async._quota.view import Queued, Quota


@pytest.mark.parametrize(
    ("limit", "resets_in", "text"),
    [
        (30, 90.0, "12 of 30 requests left, new window in 01:30"),
        (
            30,
            None,
            "12 of 30 requests left, the window has ended, a new one starts with the next create",
        ),
        (None, None, "No answer has told the limit yet."),
    ],
)
def test_what_is_left(limit: int | None, resets_in: float | None, text: str) -> None:
    seen = Quota(
        limit=limit,
        remaining=None if limit is None else 12,
        resets_in=resets_in,
        next_in=0.0,
        bulk_waits_for=None,
        bulk_in=0.0,
        in_flight=0,
        queued=Queued(),
        blocked=False,
        blocked_for=0.0,
        as_of=1.0,
    )
    assert _left(seen) == text
