"""A number of seconds that makes no sense is refused where it is given, by its name."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from samples import PNG

from postiz_async import AdvancedOptions, NewPost, Postiz, PostizPool
from postiz_async.clock import AcceleratedClock, Clock, JumpingClock, SystemClock
from postiz_async.contrib.fastapi import postiz_lifespan
from postiz_async.contrib.web import for_request
from postiz_async.errors import ConfigurationError
from postiz_async.models._durations import in_seconds, read_seconds
from postiz_async.models.posts import PostRequest
from postiz_async.testing import Sandbox

AT = datetime(2031, 1, 1, tzinfo=UTC)
REQUEST = PostRequest(type="draft", date="2031-01-01T00:00:00.000Z", posts=[])
NONSENSE = [math.nan, -1.0, -math.inf, "5", timedelta(seconds=-5), True, 10**400]


@pytest.fixture
async def postiz(tmp_path: Path) -> AsyncIterator[Postiz]:
    local = Sandbox()
    local.add_channel("mastodon")
    async with local.client(outbox=tmp_path / "outbox.sqlite") as client:
        yield client


async def _lifespan(**options: object) -> None:
    async with postiz_lifespan(FastAPI(), Postiz(api_key="k"), **options):  # type: ignore[arg-type]
        pass


def post(postiz: Postiz) -> NewPost:
    return NewPost("nobody", f"hello {postiz}")


WAITED: dict[str, tuple[str, str, Callable[[Postiz, object], Awaitable[object]]]] = {
    # the argument, what it may be, how it is given
    "schedule": (
        "max_wait",
        "0 or more, or None",
        lambda it, n: it.posts.schedule(post(it), at=AT, max_wait=n),  # type: ignore[arg-type]
    ),
    "publish_now": (
        "max_wait",
        "0 or more, or None",
        lambda it, n: it.posts.publish_now(post(it), max_wait=n),  # type: ignore[arg-type]
    ),
    "draft": (
        "max_wait",
        "0 or more, or None",
        lambda it, n: it.posts.draft(post(it), at=AT, max_wait=n),  # type: ignore[arg-type]
    ),
    "replace": (
        "max_wait",
        "0 or more, or None",
        lambda it, n: it.posts.replace("x", post(it), at=AT, max_wait=n),  # type: ignore[arg-type]
    ),
    "create": (
        "max_wait",
        "0 or more, or None",
        lambda it, n: it.posts.send(REQUEST, max_wait=n),  # type: ignore[arg-type]
    ),
    "wait_published": (
        "timeout",
        "more than 0, or None",
        lambda it, n: it.posts.wait_published("x", at=AT, timeout=n),  # type: ignore[arg-type]
    ),
    "outbox_wait": (
        "timeout",
        "0 or more, or None",
        lambda it, n: it.outbox.wait("x", timeout=n),  # type: ignore[arg-type]
    ),
    "upload": (
        "stall_timeout",
        "more than 0",
        lambda it, n: it.media.upload(PNG, stall_timeout=n),  # type: ignore[arg-type]
    ),
    "upload_many": (
        "stall_timeout",
        "more than 0",
        lambda it, n: it.media.upload_many([PNG], stall_timeout=n),  # type: ignore[arg-type]
    ),
    "aclose": (
        "drain",
        "0 or more, or None",
        lambda it, n: it.aclose(drain=n),  # type: ignore[arg-type]
    ),
    "pool_aclose": (
        "drain",
        "0 or more, or None",
        lambda _, n: PostizPool().aclose(drain=n),  # type: ignore[arg-type]
    ),
    "lifespan_max_wait": ("max_wait", "0 or more, or None", lambda _, n: _lifespan(max_wait=n)),
    "lifespan_drain": ("drain", "0 or more, or None", lambda _, n: _lifespan(drain=n)),
}

MADE: dict[str, tuple[str, str, Callable[[Postiz, object], object]]] = {
    "with_options_timeout": (
        "timeout",
        "more than 0, or None",
        lambda it, n: it.with_options(timeout=n),  # type: ignore[arg-type]
    ),
    "with_options_max_wait": (
        "max_wait",
        "0 or more, or None",
        lambda it, n: it.with_options(max_wait=n),  # type: ignore[arg-type]
    ),
    "request_client": (
        "max_wait",
        "0 or more, or None",
        lambda it, n: for_request(it, max_wait=n),  # type: ignore[arg-type]
    ),
    "client_timeout": (
        "timeout",
        "more than 0, or None",
        lambda _, n: Postiz(api_key="key", timeout=n),  # type: ignore[arg-type]
    ),
    "pool_timeout": (
        "timeout",
        "more than 0, or None",
        lambda _, n: PostizPool(timeout=n),  # type: ignore[arg-type]
    ),
    "client_drain": (
        "drain",
        "0 or more, or None",
        lambda _, n: Postiz(api_key="k", drain=n),  # type: ignore[arg-type]
    ),
    "client_window": (
        "window",
        "more than 0",
        lambda _, n: Postiz(api_key="k", advanced=AdvancedOptions(window=n)),  # type: ignore[arg-type]
    ),
    "pool_drain": (
        "drain",
        "0 or more, or None",
        lambda _, n: PostizPool(drain=n),  # type: ignore[arg-type]
    ),
}


def wrong_for(allowed: str) -> list[object]:
    """What is refused where `allowed` is."""
    wrong: list[object] = list(NONSENSE)
    if "0 or more" not in allowed:
        wrong.append(0.0)
    if "None" not in allowed:
        wrong += [math.inf, None]
    return wrong


@pytest.mark.parametrize("where", WAITED)
async def test_a_call_refuses_what_is_no_time(postiz: Postiz, where: str) -> None:
    name, allowed, give = WAITED[where]
    for value in wrong_for(allowed):
        with pytest.raises(ConfigurationError) as caught:
            await give(postiz, value)
        assert str(caught.value).startswith(f"{name} is {value!r}, which is not a time to wait.")
        assert str(caught.value).endswith(f"number of seconds or a timedelta, {allowed}.")
    assert postiz.is_open, "what could not be closed in that time is open"


@pytest.mark.parametrize("where", MADE)
async def test_options_and_settings_refuse_what_is_no_time(postiz: Postiz, where: str) -> None:
    name, allowed, give = MADE[where]
    for value in wrong_for(allowed):
        with pytest.raises(ConfigurationError) as caught:
            give(postiz, value)
        assert str(caught.value).startswith(f"{name} is {value!r}, which is not a time to wait.")
        assert str(caught.value).endswith(f"number of seconds or a timedelta, {allowed}.")


async def test_a_campaign_has_no_negative_patience(postiz: Postiz, tmp_path: Path) -> None:
    campaign = postiz.campaign(tmp_path / "campaign.csv")
    with pytest.raises(ConfigurationError, match=r"patience is .*, 0 or more"):
        await campaign.wait_published(patience=timedelta(seconds=-1))


@pytest.mark.parametrize("politeness", [math.nan, math.inf, -math.inf])
def test_no_number_is_no_politeness(politeness: float) -> None:
    with pytest.raises(ConfigurationError, match="politeness must be more than 0 calls a second"):
        Postiz(api_key="k", advanced=AdvancedOptions(politeness=politeness))


@pytest.mark.parametrize("seconds", [1, 0.001, 1e300, 5.0])
def test_a_finite_number_above_0_is_fine_everywhere(seconds: float) -> None:
    assert read_seconds("timeout", seconds) == seconds


def test_whoever_may_wait_not_at_all_or_for_ever_can_say_so() -> None:
    assert read_seconds("max_wait", 0, zero=True) == 0
    assert read_seconds("drain", math.inf, endless=True) == math.inf
    assert read_seconds("drain", None, endless=True) == math.inf
    assert read_seconds("timeout", None, none=True) is None


def test_a_duration_is_a_number_or_a_timedelta() -> None:
    assert read_seconds("drain", timedelta(minutes=2)) == 120


async def test_a_look_at_a_ticket_may_take_no_time(postiz: Postiz) -> None:
    ticket = await postiz.outbox.put(NewPost(*await postiz.channels.list(), "hello"), at=AT)
    assert (await postiz.outbox.wait(ticket.id, timeout=0)).id == ticket.id


@pytest.mark.parametrize("clock", [JumpingClock, SystemClock, lambda: AcceleratedClock(10)])
async def test_a_clock_waits_for_no_nan(clock: Callable[[], Clock]) -> None:
    with pytest.raises(ValueError, match="NaN"):
        await clock().sleep(math.nan)
    with pytest.raises(ValueError, match="NaN"), clock().move_on_after(math.nan):
        pass


async def test_less_than_no_time_is_no_time() -> None:
    clock = JumpingClock()
    with clock.move_on_after(-math.inf) as scope:
        await clock.sleep(5)
    assert scope.cancelled_caught
    assert clock.monotonic() == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.0, "2 s"), (1.9999, "2 s"), (0.35, "0.35 s"), (2100.0, "2100 s")]
)
def test_seconds_as_they_are_typed(seconds: float, text: str) -> None:
    assert in_seconds(seconds) == text
