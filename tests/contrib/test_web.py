"""Errors as answers, whatever the framework."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from postiz_async import AdvancedOptions, NewPost, Postiz, PostizPool, errors
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async.clock import JumpingClock
from postiz_async.contrib.web import error_response, health, open_store
from postiz_async.errors import Marks, PostizError, Problem
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from postiz_async.stores import Kept

KEY = "a-secret-key"
MARKS = Marks(datetime(2027, 1, 1, tzinfo=UTC), ("channel",))


def caused(error: PostizError, cause: Exception) -> PostizError:
    error.__cause__ = cause
    return error


CASES: list[tuple[PostizError, int]] = [
    (errors.QuotaWaitError(KEY, retry_after=12.2), 503),
    (errors.RateLimitError(KEY, response=errors.APIResponse(429), retry_after=0.0), 503),
    (errors.InvalidPostError([Problem("posts.0.channel", "is none")]), 422),
    (errors.InvalidInputError([Problem("media", "does not exist")]), 422),
    (errors.ChannelNotFoundError([Problem("channel", "is none")], word="none"), 422),
    (errors.BadRequestError("no such tag", response=errors.APIResponse(400)), 422),
    (errors.PayloadTooLargeError("too large", response=errors.APIResponse(413)), 413),
    (errors.NotFoundError("not there", response=errors.APIResponse(404)), 404),
    (errors.AuthenticationError(f"Invalid API key {KEY}", response=errors.APIResponse(401)), 502),
    (errors.ChannelTokenError(KEY, response=errors.APIResponse(401)), 502),
    (errors.OAuthError(KEY), 400),
    (errors.PostNotFoundError(KEY, id="1"), 404),
    (errors.PlanLimitError(KEY, response=errors.APIResponse(402)), 502),
    (errors.ServerError(KEY, response=errors.APIResponse(500)), 502),
    (errors.APITimeoutError(KEY), 504),
    (errors.APIConnectionError(KEY), 502),
    (errors.DeliveryUnknownError(KEY, marks=MARKS), 502),
    (errors.DeliveryUnknownError(KEY, marks=MARKS, retry_after=12.2), 502),
    (errors.IdempotencyError(KEY, ("at", "posts.0.content")), 422),
    (errors.APIResponseValidationError(KEY), 502),
    (errors.PublishError(KEY, post_id="1"), 502),
    (errors.StoreError(KEY), 503),
    (errors.ConfigurationError(KEY), 503),
    (errors.UsageError(KEY), 500),
    (errors.CampaignError(KEY), 422),
    (caused(errors.CampaignError(KEY), PermissionError(KEY)), 503),
    (caused(errors.CampaignError(KEY), UnicodeDecodeError("utf-8", b"", 0, 1, KEY)), 422),
    (errors.UploadError(KEY), 422),
    (errors.HaltedError(by=KEY, at=datetime(2031, 1, 1, tzinfo=UTC)), 503),
]


def client_of(sandbox: MemoryServer, folder: Path | None = None) -> Postiz:
    """A client, which has an outbox if there is a folder for it."""
    return Postiz(
        api_key=sandbox.organization.api_key,
        base_url="http://sandbox.invalid",
        outbox=folder / "outbox.sqlite" if folder is not None else None,
        advanced=AdvancedOptions(clock=sandbox.clock, transport=SandboxTransport(sandbox)),
    )


@pytest.mark.parametrize(("error", "status"), CASES, ids=lambda case: type(case).__name__)
def test_each_error_has_its_answer(error: PostizError, status: int) -> None:
    answer = error_response(error)
    assert answer.status == status
    assert KEY not in str(answer.body)


def test_a_bug_of_the_application_is_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(errors.UsageError) as raised:
        _ = PostizPool().outbox
    assert error_response(raised.value).status == 500
    assert "This pool has no open outbox" in caplog.text
    assert "_ = PostizPool().outbox" in caplog.text


async def test_a_client_whose_key_is_refused_is_in_trouble() -> None:
    async with (
        MemoryServer() as sandbox,
        Postiz(
            api_key="wrong",
            base_url="http://sandbox.invalid",
            organization="acme",
            advanced=AdvancedOptions(transport=SandboxTransport(sandbox)),
        ) as postiz,
    ):
        assert (await health(postiz))["status"] == "ok"
        with pytest.raises(errors.AuthenticationError):
            await postiz.channels.list()
        said = await health(postiz)
    assert (said["status"], said["ready"]) == ("trouble", True)
    assert said["organization"] == "acme"


async def test_a_channel_whose_token_has_expired_says_nothing_against_the_key() -> None:
    async with MemoryServer() as sandbox, client_of(sandbox) as postiz:
        channel = sandbox.add_channel("discord").id
        sandbox.change_channel(channel, refresh_needed=True)
        with pytest.raises(errors.ChannelTokenError, match="Connect the channel again") as caught:
            await postiz.channels.trigger(channel, "channels")
        assert caught.value.status_code == 401
        assert "content-type" in caught.value.response.headers
        assert not isinstance(caught.value, errors.AuthenticationError)
        assert (await health(postiz))["status"] == "ok"


async def test_an_outbox_has_its_counts_and_its_trouble(tmp_path: Path) -> None:
    clock = JumpingClock()
    async with MemoryServer(clock=clock) as sandbox, client_of(sandbox, tmp_path) as postiz:
        channel = sandbox.add_channel("mastodon").id
        at = datetime.fromtimestamp(clock.time(), UTC) + timedelta(days=1)
        sent = await postiz.outbox.put(NewPost(channel, "sent"), at=at)
        await postiz.outbox.wait(sent.id)
        said = await health(postiz)
        assert (said["status"], said["outbox"]) == ("ok", {"stored": 1})
        sandbox.faults.add(Fault("reset", times=None))
        waiting = await postiz.outbox.put(NewPost(channel, "waiting"), at=at)
        await postiz.outbox.wait(waiting.id, timeout=60)
        said = await health(postiz)
        assert (said["status"], said["ready"]) == ("trouble", True)
        assert said["outbox"] == {"stored": 1, "planned": 1}
        sandbox.faults.clear()
        await postiz.outbox.wait(waiting.id)
        assert (await health(postiz))["status"] == "ok"


class Away(MemoryStore):
    """A store of which the log may know more than the world."""

    async def get(self, scope: str, key: str, /) -> Kept:
        raise errors.StoreError(f"store.internal does not answer: {scope}{key}")


async def test_while_the_store_is_away_nothing_can_be_taken_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        MemoryServer() as sandbox,
        Postiz(
            api_key=KEY,
            base_url="http://sandbox.invalid",
            store=Away(),
            advanced=AdvancedOptions(transport=SandboxTransport(sandbox)),
        ) as postiz,
    ):
        assert await health(postiz) == {"status": "trouble", "ready": False}
    assert "not ready: store.internal does not answer" in caplog.text


async def test_a_lock_out_is_said_beside_an_outbox(tmp_path: Path) -> None:
    clock = JumpingClock()
    async with (
        MemoryServer(clock=clock, limit=1) as sandbox,
        client_of(sandbox, tmp_path) as postiz,
    ):
        new = NewPost(sandbox.add_channel("mastodon").id, "hello")
        async with client_of(sandbox) as other:
            await other.posts.publish_now(new)
        with pytest.raises(errors.QuotaError):
            await postiz.with_options(max_wait=0).posts.publish_now(new)
        said = await health(postiz)
        assert (said["status"], said["ready"], said["outbox"]) == ("blocked", True, {})
        await clock.sleep(3_700)
        assert (await health(postiz))["status"] == "ok"


def test_the_wait_is_rounded_up_and_never_nothing() -> None:
    assert error_response(CASES[0][0]).headers == {"Retry-After": "13"}
    assert error_response(CASES[1][0]).headers == {"Retry-After": "1"}
    assert error_response(CASES[5][0]).headers == {}
    away = errors.StoreError(KEY)
    assert error_response(away).retry_after == away.retry_after == 60


def test_a_call_with_a_key_may_be_repeated_after_a_while() -> None:
    lost = errors.DeliveryUnknownError(KEY, marks=MARKS, retry_after=12.2)
    assert error_response(lost).headers == {"Retry-After": "13"}
    assert "Repeat the same request" in str(error_response(lost).detail)
    never = errors.DeliveryUnknownError(KEY, marks=MARKS)
    assert error_response(never).headers == {}
    assert "Look before repeating" in str(error_response(never).detail)


def test_a_key_that_was_used_for_something_else_says_for_what() -> None:
    said = error_response(errors.IdempotencyError(KEY, ("at", "posts.0.content"))).detail
    assert [each["loc"] for each in said] == [["body", "at"], ["body", "posts", 0, "content"]]  # type: ignore[index]


def test_a_problem_has_its_path() -> None:
    problem = Problem("posts.2.settings.title", "is missing", hint="say one")
    [said] = error_response(errors.InvalidPostError([problem])).detail
    assert said == {
        "loc": ["body", "posts", 2, "settings", "title"],
        "msg": "is missing",
        "type": "postiz",
        "hint": "say one",
    }


def test_a_store_by_its_address() -> None:
    store = MemoryStore()
    assert open_store(store) is store
    for file in (Path("quota.sqlite"), "quota.sqlite", "sqlite:quota.sqlite"):
        assert repr(open_store(file)) == "SqliteStore('quota.sqlite')"
    for scheme in ("postgresql", "postgres"):
        assert repr(open_store(f"{scheme}://me:pw@h:1/d")).startswith("PostgresStore('h:1/d'")
