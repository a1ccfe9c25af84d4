"""Answers at the edges: of what is believed, of what is repeated, and of what can be read."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from postiz_async import _wire as wire
from postiz_async._wire import WireResponse
from postiz_async.errors import BadRequestError, ConfigurationError, RateLimitError

NOW = 1_800_000_000.0


def answer(status: int, body: bytes = b"", **headers: str) -> WireResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return WireResponse(status, named, body)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_every_success_is_one(status: int) -> None:
    assert wire.failure(answer(status)) is None


def test_a_refusal_says_for_how_long_where_it_is_known() -> None:
    error = wire.failure(answer(429, retry_after="1200"))
    assert isinstance(error, RateLimitError)
    assert "are taken for 20 min." in str(error)
    assert "are taken." in str(wire.failure(answer(429)))


def test_of_a_redirect_no_more_is_repeated_than_a_person_reads() -> None:
    error = wire.failure(answer(302, location="https://host/" + "a" * 5_000))
    assert isinstance(error, ConfigurationError)
    assert "https://host/" + "a" * (200 - len("https://host/")) in str(error)
    assert len(str(error)) < 700


def test_an_error_that_is_nested_too_deeply_is_quoted_as_it_came() -> None:
    error = wire.failure(answer(400, b'{"message": ' + b"[" * 200_000))
    assert isinstance(error, BadRequestError)
    assert error.text.startswith('{"message": [[[')


@pytest.mark.parametrize(("reset", "seconds"), [(NOW - 5, 0.0), (NOW, 0.0), (NOW + 5, 5.0)])
def test_a_window_that_ended_already_ends_now(reset: float, seconds: float) -> None:
    headers = {"x-ratelimit-limit": "30", "x-ratelimit-remaining": "3"}
    response = WireResponse(201, headers | {"x-ratelimit-reset": f"{reset:.0f}"}, b"[]")
    reading = wire.observe(response, now=NOW).reading
    assert reading is not None
    assert reading.reset == seconds


@pytest.mark.parametrize(
    ("header", "seconds"), [("86400", 86_400.0), ("86401", None), ("200000", None)]
)
def test_no_wait_of_more_than_a_day_is_believed(header: str, seconds: float | None) -> None:
    assert wire.observe(answer(429, retry_after=header), now=NOW).retry_after == seconds


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that is not on UTC."""
    if not hasattr(time, "tzset"):
        pytest.skip("the zone of this system cannot be changed for a process")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("elsewhere")
def test_a_date_without_a_zone_is_utc_whatever_the_machine_is_on() -> None:
    response = answer(429, retry_after="Fri, 15 Jan 2027 08:03:20 -0000")
    assert wire.observe(response, now=NOW).retry_after == 200.0


@pytest.mark.parametrize(
    ("status", "seconds"), [(400, None), (401, None), (403, None), (404, None), (429, 7), (503, 7)]
)
def test_when_to_come_again_is_believed_only_where_that_may_help(
    status: int, seconds: float | None
) -> None:
    error = wire.failure(answer(status, b'{"message": "no"}', retry_after="7"))
    assert error is not None
    assert error.retry_after == seconds
