from __future__ import annotations

from datetime import UTC, datetime

import pytest

from postiz_async import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    DeliveryUnknownError,
    IdempotencyError,
    InvalidPostError,
    Marks,
    QuotaWaitError,
    RateLimitError,
    ServerError,
    StoreError,
)
from postiz_async.contrib.queues import retry_in
from postiz_async.errors import APIResponse

MARKS = Marks(datetime(2027, 1, 1, tzinfo=UTC), ("channel",))


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (QuotaWaitError("full", retry_after=12.5), 12.5),
        (RateLimitError("locked out", response=APIResponse(429), retry_after=3600.0), 3600.0),
        (DeliveryUnknownError("lost", marks=MARKS, retry_after=3.0), 3.0),
        (DeliveryUnknownError("lost", marks=MARKS), None),
        (APIConnectionError("away"), 30.0),
        (APITimeoutError("late"), 30.0),
        (ServerError("broken", response=APIResponse(503)), 30.0),
        (StoreError("away"), 30.0),
        (AuthenticationError("no", response=APIResponse(401)), None),
        (IdempotencyError("key", ("at",)), None),
        (InvalidPostError([]), None),
        (ValueError(), None),
    ],
)
def test_what_is_worth_another_try_is_told_when(error: Exception, seconds: float | None) -> None:
    assert retry_in(error, pause=30.0) == seconds


def test_a_minute_is_the_pause_where_nobody_says_another() -> None:
    assert retry_in(StoreError("away")) == 60.0
