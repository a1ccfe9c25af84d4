from __future__ import annotations

import copy
import inspect
import pickle
import pkgutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest
from celery import Celery
from celery.backends.base import Backend

import postiz_async
from postiz_async import errors
from postiz_async._cli.results import error_result
from postiz_async._resources.api import absent
from postiz_async.errors import (
    APIConnectionError,
    APIResponse,
    APITimeoutError,
    BadRequestError,
    Delivery,
    InvalidPostError,
    Marks,
    PostizError,
    Problem,
    QuotaError,
    QuotaWaitError,
    RateLimitError,
    ServerError,
)

DOCS = Path(__file__).parents[1] / "docs"
MARKS = Marks(datetime(2027, 1, 1, tzinfo=UTC), ("c1", "c2"))


def tree() -> list[type[PostizError]]:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    return [kind for kind in kinds if issubclass(kind, PostizError)]


def every_class() -> set[type[PostizError]]:
    """Those of the tree, and those that other modules derive from them."""
    for module in pkgutil.walk_packages(postiz_async.__path__, "postiz_async."):
        import_module(module.name)
    return {kind for kind in derived(PostizError) if kind.__module__.startswith("postiz_async.")}


def derived(kind: type[PostizError]) -> Iterator[type[PostizError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from derived(each)


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
    limited = RateLimitError("full", response=APIResponse(429), retry_after=12.5)
    for error in (QuotaWaitError("full", retry_after=12.5), limited):
        assert isinstance(error, QuotaError)
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
    error = ServerError("broken", response=APIResponse(500, body=b"x" * 10_000))
    assert len(error.body) == 4096


def test_a_status_error_says_status_place_and_hint() -> None:
    error = BadRequestError(
        "too long", response=APIResponse(400), provider="x", channel_name="Mine", hint="Shorten it."
    )
    assert str(error) == "400 [Mine on x]: too long\n  Shorten it."


NO = APIResponse(400, {"x-request-id": "7"}, b"{}")
PROBLEMS = [Problem("date", "is naive"), Problem("type", "is wrong", 3)]
EVERY: list[tuple[PostizError, float | None]] = [
    (errors.PostizError("plain"), None),
    (errors.ConfigurationError("wrong"), None),
    (errors.UsageError("not open"), None),
    (absent("no outbox"), None),
    (errors.ScopeError("draft", allowed=("read",), source="Postiz(allow=...)"), None),
    (errors.InvalidInputError(PROBLEMS), None),
    (errors.InvalidPostError(PROBLEMS), None),
    (errors.ChannelNotFoundError(PROBLEMS, word="new", close=("News",)), None),
    (errors.PostNotFoundError("gone", id="p1"), None),
    (errors.UploadError("changed"), None),
    (errors.CampaignError("no file"), None),
    (errors.CampaignConflictError("rows are gone", rows=(2, 7)), None),
    (errors.OAuthError("access_denied", is_refusal=True), None),
    (errors.APIConnectionError("gone", delivery=Delivery.NOT_SENT, hint="Try."), 60.0),
    (errors.APITimeoutError("late"), 60.0),
    (errors.DeliveryUnknownError("lost", marks=MARKS, retry_after=9.0), 9.0),
    (errors.DeliveryUnknownError("lost", marks=MARKS), None),
    (errors.IdempotencyError("order-1", ("at", "posts.0.content")), None),
    (errors.APIStatusError("no", response=NO), None),
    (errors.BadRequestError("no", response=NO, provider="x", channel_name="n"), None),
    (errors.AuthenticationError("no", response=NO), None),
    (errors.ChannelTokenError("no", response=NO), None),
    (errors.PlanLimitError("no", response=NO), None),
    (errors.PermissionDeniedError("no", response=NO), None),
    (errors.NotFoundError("no", response=NO), None),
    (errors.PayloadTooLargeError("no", response=NO), None),
    (errors.RateLimitError("no", response=NO, retry_after=1200.0), 1200.0),
    (errors.ServerError("no", response=NO), 60.0),
    (errors.ServerError("no", response=NO, retry_after=5.0), 5.0),
    (errors.PublishError("refused", post_id="p1"), None),
    (errors.APIResponseValidationError("no list"), None),
    (errors.StoreError("away", may_be_done=True), 60.0),
    (errors.CursorError("not the cursor of an event"), None),
    (errors.QuotaError("full", retry_after=3.0), 3.0),
    (errors.QuotaWaitError("wait", retry_after=3.0), 3.0),
    (errors.HaltedError(by="anna@desk", at=datetime(2031, 1, 1, 9, tzinfo=UTC)), 60.0),
]


def test_every_class_is_among_the_examples() -> None:
    assert {type(error) for error, _ in EVERY} == every_class()


CELERY = Backend(app=Celery(set_as_current=False), serializer="json")
WAYS: dict[str, Callable[[PostizError], Any]] = {
    "pickle": lambda error: pickle.loads(pickle.dumps(error)),  # noqa: S301
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "json": lambda error: CELERY.exception_to_python(
        CELERY.decode(CELERY.encode(CELERY.prepare_exception(error)))
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("error", "_"), EVERY)
def test_an_error_survives_the_way_to_another_process(
    error: PostizError, _: object, way: str
) -> None:
    twin = WAYS[way](error)
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert vars(twin) == vars(error)
    assert (twin.retry_after, twin.may_be_stored) == (error.retry_after, error.may_be_stored)
    assert twin.args == error.args


@pytest.mark.parametrize("way", WAYS)
def test_what_an_error_was_told_later_survives_too(way: str) -> None:
    error = errors.PermissionDeniedError("no", response=APIResponse(403))
    error.may_be_stored = True
    error.hint = "A firewall answered."
    error.add_note("upload 2 of 3: a.png")
    twin = WAYS[way](error)
    assert twin.may_be_stored
    assert str(twin) == "403: no\n  A firewall answered."
    assert vars(twin) == vars(error)


class _OwnError(errors.QuotaWaitError):
    """One of a user."""

    def __init__(self, budget: object) -> None:
        self.budget = budget
        super().__init__(f"{budget} are used", retry_after=3.0)


@pytest.mark.parametrize("way", WAYS)
def test_an_error_of_a_user_survives_too(way: str) -> None:
    twin = WAYS[way](_OwnError(7))
    assert type(twin) is _OwnError
    assert (str(twin), twin.budget, twin.retry_after) == ("7 are used", 7, 3.0)
    odd = WAYS[way](_OwnError(_OwnError))
    assert "_OwnError" in str(odd.args[1]["budget"]), "as text where JSON has no such value"


@pytest.mark.parametrize(("error", "seconds"), EVERY)
def test_an_error_says_when_to_try_again_and_none_where_that_fails_as_well(
    error: PostizError, seconds: float | None
) -> None:
    assert error.retry_after == seconds


@pytest.mark.parametrize(("error", "seconds"), EVERY)
def test_an_error_has_a_document(error: PostizError, seconds: float | None) -> None:
    said = error_result(error, 2)
    assert (said["type"], said["message"]) == (type(error).__name__, str(error))
    assert said.get("retry_after") == seconds
    assert said.get("status_code") == getattr(error, "status_code", None)
    assert msgspec.json.decode(msgspec.json.encode(said)).keys() == said.keys()
    assert "" not in said.values()
    assert None not in said.values()
    assert "response" not in said
