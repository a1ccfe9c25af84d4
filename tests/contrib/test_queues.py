"""What the adapters for task queues share: seconds until a retry, keys, the client of a task."""

from __future__ import annotations

from datetime import timedelta

import pytest

from postiz_async import (
    AdvancedOptions,
    APIConnectionError,
    InvalidPostError,
    NewPost,
    Postiz,
    PostizError,
    PostizPool,
    UsageError,
)
from postiz_async.contrib._queues import (
    USED_KEYS,
    TaskKeys,
    WorkerClient,
    seconds_until_retry,
    task_client,
)
from postiz_async.errors import QuotaWaitError
from postiz_async.testing import Sandbox

DAY = 86_400.0
WORDS = {"one": "the client", "many": "the pool"}


@pytest.mark.parametrize(
    ("wait", "least", "most"),
    [(0.0, 0.0, 1.0), (2.0, 2.0, 3.0), (3_600.0, 3_600.0, 3_636.0), (9e9, DAY, DAY + 30.0)],
)
def test_tasks_that_wait_for_the_same_moment_are_spread(
    wait: float, least: float, most: float
) -> None:
    error = QuotaWaitError("full", retry_after=wait)
    seconds = [seconds_until_retry(error) or 0.0 for _ in range(200)]
    assert all(least <= each <= most for each in seconds)
    assert max(seconds) - min(seconds) > 0.3  # four within 40 ms were seen without it


def test_an_error_without_retry_after_is_never_retried() -> None:
    full = QuotaWaitError("full", retry_after=90.0)
    wrong = InvalidPostError([])
    assert seconds_until_retry(wrong) is None
    assert seconds_until_retry(ValueError("another's")) is None
    assert seconds_until_retry(ExceptionGroup("both", [full, wrong])) is None


def test_a_group_waits_for_its_last_error() -> None:
    errors: list[Exception] = [APIConnectionError("away"), QuotaWaitError("full", retry_after=90.0)]
    nested = ExceptionGroup("all", [*errors, ExceptionGroup("inner", errors)])
    assert 90.0 <= (seconds_until_retry(nested) or 0.0) <= 91.0


class ForeignError(Exception):
    """Of another library, which also has a `retry_after`."""

    retry_after = 7.0


def test_only_errors_of_ours_are_asked_when_to_retry() -> None:
    assert seconds_until_retry(ForeignError()) is None
    assert 7.0 <= (seconds_until_retry(ForeignError(), (PostizError, ForeignError)) or 0.0) <= 8.0


def test_the_keys_of_a_task_follow_from_its_id() -> None:
    keys = TaskKeys("order-1")
    assert [keys.next(), keys.next(), keys.next()] == ["order-1", "order-1#2", "order-1#3"]
    assert keys.named("teaser") == "order-1:teaser"


def test_a_long_id_is_hashed_so_that_keys_are_short_and_differ() -> None:
    one, other = TaskKeys("x" * 250 + "1"), TaskKeys("x" * 250 + "2")
    assert len(one.named("teaser")) < 255
    assert one.next() != other.next()
    assert TaskKeys("x" * 200).next() == "x" * 200


async def test_a_client_of_a_task_keeps_its_keys_with_other_options() -> None:
    sandbox = Sandbox(channels=["mastodon"])
    advanced = AdvancedOptions(clock=sandbox.clock, transport=sandbox.transport())
    postiz = Postiz(api_key=sandbox.api_key, base_url=sandbox.url, advanced=advanced)
    worker = WorkerClient(given=postiz, max_wait=timedelta(seconds=2), **WORDS)
    await worker.open()
    at = sandbox.in_an_hour()
    try:
        for _ in range(2):  # delivered twice
            api = task_client(worker.client, TaskKeys("order-1"), worker.max_wait)
            await api.posts.schedule(NewPost("mastodon", "one"), at=at)
            await api.with_options(timeout=60).posts.schedule(NewPost("mastodon", "two"), at=at)
    finally:
        await worker.aclose()
    assert sorted(post.content for post in sandbox.posts) == ["one", "two"]


async def test_tasks_are_for_one_organisation_or_for_many() -> None:
    one = WorkerClient(given=lambda: Postiz(api_key="k"), **WORDS)
    many = WorkerClient(credentials=lambda _: "k", base_url="http://sandbox.invalid", **WORDS)
    for worker in (one, many):
        await worker.open()
    try:
        with pytest.raises(UsageError, match="use the client in place of"):
            await one.client_of("acme")
        with pytest.raises(UsageError, match="use the pool in place of"):
            many.client  # noqa: B018
        assert one.client.is_open
        assert (await many.client_of("acme")).base_url == "http://sandbox.invalid/public/v1"
    finally:
        await one.aclose()
        await many.aclose()
    assert not one.is_open
    with pytest.raises(UsageError, match="credentials="):
        WorkerClient(given=PostizPool(), **WORDS)


async def test_credentials_that_fail_are_logged_with_their_organisation(
    caplog: pytest.LogCaptureFixture,
) -> None:
    keys = {"acme": "old", "globex": "old-secret"}
    worker = WorkerClient(credentials=keys.__getitem__, base_url="http://sandbox.invalid", **WORDS)
    await worker.open()
    token = USED_KEYS.set({})
    try:
        for name in tuple(keys):
            await worker.client_of(name)
        assert not await worker.has_new_key()
        del keys["acme"]
        assert not await worker.has_new_key()
        keys["globex"] = "new-secret"
        assert await worker.has_new_key(), "of the other one"
    finally:
        USED_KEYS.reset(token)
        await worker.aclose()
    text = "'acme': the key was refused, and credentials failed when asked for a new one"
    assert caplog.messages == [text, text]
    assert "secret" not in caplog.text
