"""What the display of a run says of the quota."""

from __future__ import annotations

import pytest

from postiz_async._cli.progress import _held, _quota_text
from postiz_async._quota.view import Queued, Quota


def quota(**changes: object) -> Quota:
    values: dict[str, object] = {
        "limit": 30,
        "remaining": 13,
        "resets_in": 600.0,
        "next_in": 0.0,
        "bulk_waits_for": None,
        "bulk_in": 0.0,
        "in_flight": 0,
        "queued": Queued(bulk=40),
        "blocked": False,
        "blocked_for": 0.0,
        "as_of": 0.0,
    }
    return Quota(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "text", "held"),
    [
        (quota(), "13 of 30 left, next window in 10:00", ""),
        (
            quota(bulk_waits_for="reserved", bulk_in=510.0),
            "13 of 30 left, next window in 10:00",
            "held back for interactive calls, 08:30 more",
        ),
        (
            quota(bulk_waits_for="others", bulk_in=510.0),
            "13 of 30 left, next window in 10:00",
            "held back for other clients, 08:30 more",
        ),
        (
            quota(bulk_waits_for="others", bulk_in=510.0, queued=Queued()),
            "13 of 30 left, next window in 10:00",
            "",
        ),
        (
            quota(bulk_waits_for="used up", bulk_in=602.0, remaining=0),
            "0 of 30 left, next window in 10:00",
            "",
        ),
        (quota(resets_in=None), "13 of 30 left", ""),
        (quota(limit=None, remaining=None), "not read yet", ""),
        (
            quota(blocked=True, blocked_for=60.0, bulk_waits_for="reserved", bulk_in=510.0),
            "locked out, next request in 01:00",
            "",
        ),
    ],
)
def test_it_says_for_whom_slots_are_left(seen: Quota, text: str, held: str) -> None:
    """Both fit beside a bar on a line of 80 characters."""
    assert _quota_text(seen) == text
    assert _held(seen) == held
    assert max(len(text), len(held)) <= 48
