from __future__ import annotations

import copy
import inspect
import pickle
from datetime import UTC, datetime

import pytest

from postiz_async import errors
from postiz_async._wording import describe_seconds
from postiz_async.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    BadRequestError,
    Delivery,
    DeliveryUnknownError,
    IdempotencyError,
    InvalidPostError,
    Marks,
    PostizError,
    Problem,
    PublishError,
    QuotaError,
    QuotaWaitError,
    RateLimitError,
    ServerError,
    StoreError,
)

MARKS = Marks(datetime(2027, 1, 1, tzinfo=UTC), ("c1", "c2"))


def tree() -> list[type[PostizError]]:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    return [kind for kind in kinds if issubclass(kind, PostizError)]


def test_every_error_is_drawn_in_the_tree() -> None:
    for kind in tree():
        assert kind.__name__ in (errors.__doc__ or "")
        assert kind.__doc__


def test_the_drawing_shows_who_is_below_whom() -> None:
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        name = line.strip("│├└─ ").partition(" ")[0]
        if not name.endswith("Error"):
            continue
        depth = line.index(name)
        while path and path[-1][0] >= depth:
            path.pop()
        if path:
            parent = getattr(errors, path[-1][1])
            assert parent in getattr(errors, name).__bases__, name
        path.append((depth, name))


def test_a_time_out_is_also_a_timeout_error_and_its_fate_unknown() -> None:
    error = APITimeoutError("late")
    assert isinstance(error, TimeoutError)
    assert isinstance(error, APIConnectionError)
    assert error.delivery is Delivery.UNKNOWN


def test_both_quota_errors_say_after_how_many_seconds() -> None:
    for kind in (QuotaWaitError, RateLimitError):
        error: QuotaError = kind("full", retry_after=12.5)
        assert error.retry_after == 12.5


def test_an_invalid_post_lists_every_problem_with_its_place() -> None:
    problems = [
        Problem("posts.0.value.0.content", "is too long"),
        Problem("type", "'Draft' is not a type of post", 14, "did you mean 'draft'?"),
    ]
    assert str(InvalidPostError(problems)).splitlines() == [
        "2 problems, nothing was sent",
        "  posts.0.value.0.content: is too long",
        "  row 14, type: 'Draft' is not a type of post (did you mean 'draft'?)",
    ]
    assert str(InvalidPostError(problems[:1])).startswith("1 problem, nothing")


def test_a_status_error_keeps_the_start_of_the_body_only() -> None:
    error = ServerError("broken", status_code=500, body=b"x" * 10_000)
    assert len(error.body) == 4096


def test_a_status_error_says_status_place_and_hint() -> None:
    error = BadRequestError(
        "too long", status_code=400, provider="x", channel_name="Mine", hint="Shorten it."
    )
    assert str(error) == "400 [Mine on x]: too long\n  Shorten it."


@pytest.mark.parametrize(
    "error",
    [
        APIConnectionError("gone", delivery=Delivery.NOT_SENT),
        APITimeoutError("late"),
        BadRequestError("no", status_code=400, body=b"{}", provider="x", channel_name="n"),
        DeliveryUnknownError("lost", marks=MARKS, retry_after=9.0),
        IdempotencyError("order-1", ("at", "posts.0.content")),
        PublishError("refused", post_id="p1"),
        StoreError("away", may_be_done=True),
        InvalidPostError([Problem("date", "is naive"), Problem("type", "is wrong", 3)]),
        QuotaWaitError("wait", retry_after=3.0),
        PostizError("plain"),
    ],
)
def test_an_error_survives_the_way_to_another_process(error: PostizError) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert twin.__dict__ == error.__dict__


def test_a_status_error_is_no_connection_error() -> None:
    assert not issubclass(APIStatusError, APIConnectionError)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (1213, "20 min 13 s"),
        (1800, "30 min"),
        (11_100, "3 h 05 min"),
        (10_800, "3 h"),
        (187_200, "2 d 4 h"),
        (172_800, "2 d"),
    ],
)
def test_durations_are_written_for_people(seconds: float, words: str) -> None:
    assert describe_seconds(seconds) == words
