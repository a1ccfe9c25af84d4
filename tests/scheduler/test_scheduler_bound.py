"""A view's options hold for all that its call causes; a time-out is for the call."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from cancelling import CancelledAt
from msgspec.structs import replace
from samples import PNG
from world import lab, sent

from postiz_async import AdvancedOptions, NewPost, Postiz, PostizPool
from postiz_async._resources.api import opened
from postiz_async._sandbox import Fault, HttpRequest, MemoryServer
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.clock import JumpingClock
from postiz_async.errors import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    Delivery,
    DeliveryUnknownError,
    PostizError,
    ServerError,
)
from postiz_async.models.posts import Created
from postiz_async.testing._transport import SandboxTransport

PASS = {"X-Gateway": "let me in"}
LIST, CREATE = "GET /integrations", "POST /posts"


@dataclass
class Gateway:
    """A way to a sandbox that can be slow, or closed to requests without a header."""

    sandbox: MemoryServer
    slow: dict[str, float] = field(default_factory=dict)
    """Seconds that requests take before they arrive, by method and first part of the path."""
    unreachable: dict[str, int] = field(default_factory=dict)
    """How many requests of a kind find no connection."""
    is_closed: bool = False
    seen: list[WireRequest] = field(default_factory=list)
    latency: float = 0.0

    async def send(self, request: WireRequest) -> WireResponse:
        kind = kind_of(request)
        self.seen.append(request)
        if self.unreachable.get(kind, 0):
            self.unreachable[kind] -= 1
            raise APIConnectionError("No connection.", delivery=Delivery.NOT_SENT)
        clock = self.sandbox.clock
        most = math.inf if request.timeout is None else request.timeout
        began = clock.monotonic()
        with clock.move_on_after(most):
            await clock.sleep(self.slow.get(kind, self.latency))
            if self.is_closed and dict(request.headers).get("X-Gateway") != PASS["X-Gateway"]:
                words = b'{"msg": "the gateway wants a header"}'
                return WireResponse(401, {"content-type": "application/json"}, words)
            left = most - (clock.monotonic() - began)
            inner = SandboxTransport(self.sandbox)
            return await inner.send(_within(request, left))
        raise APITimeoutError(f"No answer within {most:g} s.", hint="Ask the doctor.")

    async def aclose(self) -> None:
        """There is nothing to close."""

    def count(self, kind: str) -> int:
        return sum(kind_of(request) == kind for request in self.seen)


def _within(request: WireRequest, seconds: float) -> WireRequest:
    return replace(request, timeout=None if seconds == math.inf else seconds)


def kind_of(request: WireRequest) -> str:
    path = request.url.partition("/public/v1/")[2].partition("?")[0]
    return f"{request.method} /{path.partition('/')[0]}"


@dataclass
class Stage:
    postiz: Postiz
    way: Gateway
    channel: str

    @property
    def clock(self) -> JumpingClock:
        assert isinstance(self.way.sandbox.clock, JumpingClock)
        return self.way.sandbox.clock

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    @property
    def later(self) -> datetime:
        return datetime.fromtimestamp(self.clock.time(), UTC) + timedelta(days=2)

    def schedule(self, view: Postiz) -> Awaitable[list[Created]]:
        return view.posts.schedule(NewPost(self.channel, "hello"), at=self.later)


@asynccontextmanager
async def stage(*, limit: int = 30, release: str = "HEAD") -> AsyncGenerator[Stage]:
    clock = JumpingClock()
    async with MemoryServer(
        clock=clock, limit=limit, release=release, work_per_post=0.0
    ) as sandbox:
        channel = sandbox.add_channel("mastodon").id
        way = Gateway(sandbox)
        client = Postiz(
            api_key=sandbox.organization.api_key,
            base_url="http://sandbox.invalid",
            advanced=AdvancedOptions(clock=sandbox.clock, transport=way),
        )
        async with client as postiz:
            yield Stage(postiz, way, channel)


# ------------------------------------------------------------------ a time-out is for the call


@pytest.mark.parametrize("hangs", [LIST, CREATE])
async def test_a_create_at_a_server_that_hangs_ends_with_its_timeout(hangs: str) -> None:
    async with stage() as it:
        it.way.slow[hangs] = math.inf
        with pytest.raises((APITimeoutError, DeliveryUnknownError)):
            await it.schedule(it.postiz.with_options(timeout=2, max_wait=0))
        assert it.now == pytest.approx(2)


async def test_look_up_and_create_have_one_timeout_together() -> None:
    async with stage() as it:
        it.way.slow = {LIST: 1.5, CREATE: math.inf}
        with pytest.raises(DeliveryUnknownError) as caught:
            await it.schedule(it.postiz.with_options(timeout=2))
        assert it.now == pytest.approx(2)
        why = caught.value.__cause__
        said = "No answer within 0.5 s. That was what was left of the 2 s. Ask the doctor."
        assert str(why) == said


async def test_attempts_and_the_pauses_between_them_have_one_timeout_together() -> None:
    async with stage() as it:
        it.way.sandbox.faults.add(Fault("error_before", status=503, times=None))
        it.way.latency = 0.7
        with pytest.raises((APITimeoutError, ServerError)):
            await it.postiz.with_options(timeout=2).channels.list()
        assert it.now <= 2.0 + 1e-6
        assert it.way.count(LIST) > 1


async def test_a_pause_longer_than_what_is_left_is_not_made() -> None:
    """The last failure says more than a time-out would."""
    async with stage() as it:
        it.way.unreachable[LIST] = 99
        with pytest.raises(APIConnectionError, match=r"No connection\."):
            await it.postiz.with_options(timeout=0.2).channels.list()
        assert (it.now, it.way.count(LIST)) == (0, 1)


async def test_an_hour_of_waiting_for_the_quota_is_not_part_of_the_timeout() -> None:
    async with stage(limit=1) as it:
        await it.schedule(it.postiz)
        await it.schedule(it.postiz.with_options(timeout=30))
        assert it.now > 3600
        assert len(it.way.sandbox.posts) == 2


async def test_time_before_a_wait_for_the_quota_is_part_of_it_and_time_behind_too() -> None:
    async with stage(limit=1) as it:
        await it.schedule(it.postiz)
        it.clock.advance(700)  # the list of channels is old now
        it.way.slow = {LIST: 1.5, CREATE: math.inf}
        with pytest.raises(DeliveryUnknownError):
            await it.schedule(it.postiz.with_options(timeout=2))
        sent = it.way.seen[-1]
        assert sent.timeout == pytest.approx(0.5)
        assert it.now > 3600


async def test_a_lock_out_is_no_part_of_the_timeout_either() -> None:
    async with stage(limit=1) as it:
        headers = {"authorization": "sandbox", "content-type": "application/json"}
        await it.way.sandbox.handle(HttpRequest("POST", "/public/v1/posts", (), headers, b"{}"))
        await it.schedule(it.postiz.with_options(timeout=5))
        assert it.way.sandbox.refusals == 1
        assert it.now > 3600


async def test_a_repetition_may_wait_for_the_quota_what_is_left_of_max_wait() -> None:
    """Not the time since the call began: no connection was no wait for a slot."""
    async with stage() as it:
        it.way.unreachable[CREATE] = 2
        await it.schedule(it.postiz.with_options(max_wait=0))
        assert it.way.count(CREATE) == 3


async def test_what_prepares_a_body_has_what_is_left() -> None:
    async with lab() as it:
        view = it.postiz.with_options(timeout=3)

        async def prepare() -> object:
            await it.clock.sleep(math.inf)
            raise AssertionError

        with pytest.raises(APITimeoutError, match="before its body was prepared") as caught:
            await sent(view, it.body(1), prepare=prepare)
        assert caught.value.delivery is Delivery.NOT_SENT
        assert it.clock.monotonic() == pytest.approx(3)
        assert not opened(it.postiz).scheduler.ledger.flights.open
        await it.create(2, max_wait=0)


async def test_a_call_may_take_longer_than_its_route_when_it_is_allowed_to() -> None:
    async with stage() as it:
        it.way.slow[LIST] = 200.0
        await it.schedule(it.postiz.with_options(timeout=300))
        assert it.way.count(LIST) == 1
        assert it.now == pytest.approx(200)


async def test_without_a_timeout_each_attempt_has_the_time_of_its_route() -> None:
    async with stage() as it:
        it.way.slow[LIST] = 40.0
        with pytest.raises(APITimeoutError):
            await it.postiz.channels.list()
        assert it.way.count(LIST) == 4
        assert 120 < it.now < 126


CALLS: dict[str, Callable[[Stage, Postiz], Awaitable[object]]] = {
    "schedule": lambda it, view: it.schedule(view),
    "publish_now": lambda it, view: view.posts.publish_now(NewPost(it.channel, "a")),
    "draft": lambda it, view: view.posts.draft(NewPost(it.channel, "a"), at=it.later),
    "replace": lambda it, view: view.posts.replace("x", NewPost(it.channel, "a"), at=it.later),
    "get": lambda _, view: view.posts.get("nobody"),
    "delete": lambda _, view: view.posts.delete("nobody"),
    "wait": lambda it, view: view.posts.wait_published("x", at=it.later - timedelta(days=2)),
    "list": lambda _, view: view.channels.list(),
    "list_group": lambda _, view: view.channels.list(group="g"),
    "find_slot": lambda it, view: view.channels.find_slot(it.channel),
    "upload": lambda _, view: view.media.upload(PNG),
    "upload_many": lambda _, view: view.media.upload_many([PNG, PNG + b"x"]),
    "upload_url": lambda _, view: view.media.upload("https://pictures.example.com/a.png"),
    "notifications": lambda _, view: view.notifications.list(),
    "analytics": lambda it, view: view.analytics.channel(it.channel),
}


@pytest.mark.parametrize("name", CALLS)
async def test_every_call_at_a_server_that_hangs_ends_with_its_timeout(name: str) -> None:
    async with stage() as it:
        it.way.latency = math.inf
        with pytest.raises((PostizError, ExceptionGroup)):
            await CALLS[name](it, it.postiz.with_options(timeout=2))
        assert it.now == pytest.approx(2)


@pytest.mark.parametrize("name", CALLS)
async def test_a_slow_server_and_several_requests_end_with_the_timeout_too(name: str) -> None:
    """1.4 s a request: what takes two of them does not fit into 2 s."""
    async with stage() as it:
        it.way.latency = 1.4
        with suppress(PostizError, ExceptionGroup):
            await CALLS[name](it, it.postiz.with_options(timeout=2))
        assert it.now <= 2.0 + 1e-6


async def test_a_source_that_is_silent_ends_with_the_timeout_of_its_upload() -> None:
    async with stage() as it:

        async def silent() -> AsyncIterator[bytes]:
            await it.clock.sleep(50)
            yield PNG

        with pytest.raises(APITimeoutError, match=r"2 s was over before the stream was looked at"):
            await it.postiz.with_options(timeout=2).media.upload(silent())
        assert it.now == pytest.approx(2)
        assert it.way.seen == []


async def test_a_wait_for_a_publication_has_a_timeout_of_its_own() -> None:
    async with stage() as it:
        (created,) = await it.schedule(it.postiz)
        at = it.later
        it.way.slow["GET /posts"] = math.inf
        began = it.now
        with pytest.raises(APITimeoutError):
            await it.postiz.posts.wait_published(created.post_id, at=at, timeout=7)
        assert it.now - began == pytest.approx(7)
        it.way.slow.clear()
        view = it.postiz.with_options(timeout=5)
        published = await view.posts.wait_published(created.post_id, at=at, timeout=4 * 86_400)
        assert published.state == "PUBLISHED"


async def test_each_piece_of_an_iteration_is_a_call() -> None:
    async with stage() as it:
        it.way.slow["GET /posts"] = 1.4
        start = it.later
        pieces = it.postiz.with_options(timeout=2).posts.list(
            start=start, end=start + timedelta(days=90)
        )
        assert [post async for post in pieces] == []
        assert it.way.count("GET /posts") > 2


async def test_in_a_pool_the_wait_for_a_connection_is_part_of_the_timeout() -> None:
    async with MemoryServer(clock=JumpingClock()) as sandbox:
        way = Gateway(sandbox, slow={"GET /notifications": 100.0, LIST: 1.0})
        pool = PostizPool(
            base_url="http://sandbox.invalid",
            connections=1,
            advanced=AdvancedOptions(clock=sandbox.clock, transport=way),
        )
        async with pool:
            postiz = await pool.client(sandbox.organization.api_key)
            slow = asyncio.create_task(postiz.with_options(timeout=200).notifications.list())
            await sandbox.clock.sleep(10)
            with pytest.raises(APITimeoutError, match="All connections of the pool") as caught:
                await postiz.with_options(timeout=2).channels.list()
            assert caught.value.delivery is Delivery.NOT_SENT
            assert sandbox.clock.monotonic() == pytest.approx(12)
            patient = asyncio.create_task(postiz.with_options(timeout=90).channels.list())
            await patient
            assert sandbox.clock.monotonic() == pytest.approx(101)
            assert way.seen[-1].timeout == pytest.approx(2)
            await slow


# ------------------------------------------------------------------ headers and max_wait


@pytest.mark.parametrize("name", CALLS)
async def test_a_gateways_header_is_on_each_request_that_a_call_causes(name: str) -> None:
    async with stage() as it:
        it.way.is_closed = True
        it.way.sandbox.faults.add(Fault("error_before", status=503))
        with suppress(PostizError, ExceptionGroup):
            await CALLS[name](it, it.postiz.with_options(headers=PASS, timeout=60))
        assert it.way.seen
        assert all(PASS.items() <= dict(request.headers).items() for request in it.way.seen)


async def test_the_rules_of_a_channel_are_asked_for_with_the_header_too() -> None:
    """And that they were refused to somebody without it is not remembered for all."""
    async with stage() as it:
        x = it.way.sandbox.add_channel("x").id
        it.way.is_closed = True
        long = NewPost(x, "word " * 200)
        view = it.postiz.with_options(headers=PASS)
        it.way.is_closed = False
        await it.postiz.channels.list()
        it.way.is_closed = True
        with pytest.raises(PostizError):
            await it.postiz.posts.schedule(long, at=it.later)
        asked = it.way.count("GET /integration-settings")
        with pytest.raises(PostizError):
            await view.posts.schedule(long, at=it.later)
        assert it.way.count("GET /integration-settings") == asked + 1
        assert PASS.items() <= dict(it.way.seen[-1].headers).items()


# ------------------------------------------------------------------ one look-up for many views


async def test_five_views_at_once_look_once() -> None:
    async with stage() as it:
        it.way.latency = 0.5
        views = [
            it.postiz,
            it.postiz.with_options(timeout=20),
            it.postiz.with_options(timeout=9, max_wait=60),
            it.postiz.with_options(headers=PASS),
            it.postiz.with_options(priority=3, headers={"X-Trace": "7"}),
        ]
        await asyncio.gather(*(it.schedule(view) for view in views))
        assert (it.way.count(LIST), it.way.count(CREATE)) == (1, 5)


async def test_a_caller_whose_time_is_over_takes_the_look_up_from_nobody() -> None:
    """Neither when it began the look-up nor when it joined it."""
    async with stage() as it:
        it.way.slow[LIST] = 3.0
        calls = [
            asyncio.ensure_future(it.schedule(it.postiz.with_options(timeout=seconds)))
            for seconds in (1.0, 4.0, 2.0, 20.0)
        ]
        ends: dict[int, float] = {}
        for place, call in enumerate(calls):
            call.add_done_callback(lambda _, place=place: ends.setdefault(place, it.now))
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [isinstance(each, APITimeoutError) for each in results] == [True, False, True, False]
        assert (ends[0], ends[2]) == (pytest.approx(1), pytest.approx(2))
        assert it.way.count(LIST) == 1
        assert "before the channels were listed" in str(results[0])


async def test_a_look_up_that_nobody_waits_for_is_ended() -> None:
    async with stage() as it:
        it.way.slow[LIST] = math.inf
        with pytest.raises(APITimeoutError):
            await it.schedule(it.postiz.with_options(timeout=1))
        assert asyncio.all_tasks() == {asyncio.current_task()}
        it.way.slow.clear()
        await it.schedule(it.postiz)
        assert it.way.count(LIST) == 2


async def test_a_look_up_that_fails_for_its_headers_is_made_again_with_others() -> None:
    async with stage() as it:
        it.way.is_closed, it.way.latency = True, 0.5
        plain = [asyncio.ensure_future(it.schedule(it.postiz)) for _ in range(3)]
        await it.clock.sleep(0.1)
        view = it.postiz.with_options(headers=PASS)
        passed = [asyncio.ensure_future(it.schedule(view)) for _ in range(3)]
        refused = await asyncio.gather(*plain, return_exceptions=True)
        assert all(isinstance(each, AuthenticationError) for each in refused)
        await asyncio.gather(*passed)
        assert it.way.count(LIST) == 2


async def test_a_failing_look_up_is_not_made_again_by_each_that_waits() -> None:
    async with stage() as it:
        it.way.sandbox.faults.add(Fault("error_before", status=503, times=None))
        results = await asyncio.gather(
            *(it.schedule(it.postiz) for _ in range(50)), return_exceptions=True
        )
        assert all(isinstance(each, ServerError) for each in results)
        assert it.way.count(LIST) == 4, "one call and its repetitions"


async def test_a_channel_that_was_connected_after_a_look_up_left_is_found() -> None:
    async with stage() as it:
        it.way.slow[LIST] = 1.0
        first = asyncio.ensure_future(it.schedule(it.postiz))
        await it.clock.sleep(0.5)
        it.way.sandbox.faults.add(Fault("late_answer", delay=2.0, route="list_channels"))
        await it.clock.sleep(1.0)  # the first list is on its way back
        new = it.way.sandbox.add_channel("bluesky").id
        await it.postiz.posts.draft(NewPost(new, "hello"), at=it.later)
        await first
        assert it.way.count(LIST) == 2


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_callers_of_one_look_up_that_are_cancelled_at_any_await(place: int) -> None:
    """One of three is cancelled; the others have their posts, and nothing is left behind."""
    stop = 0
    while True:
        stop += 1
        async with stage() as it:
            it.way.latency = 0.5
            timeouts = (None, 30.0, 300.0)
            views = [it.postiz.with_options(timeout=seconds) for seconds in timeouts]
            work = [it.schedule(view) for view in views]
            victim = CancelledAt(work[place], stop)  # type: ignore[arg-type]

            async def run(victim: CancelledAt = victim) -> None:
                await victim

            tasks = [
                asyncio.create_task(run() if number == place else each)  # type: ignore[arg-type]
                for number, each in enumerate(work)
            ]
            results = await asyncio.gather(*tasks, return_exceptions=True)
            others = [each for number, each in enumerate(results) if number != place]
            assert not any(isinstance(each, BaseException) for each in others), f"await {stop}"
            assert it.way.count(LIST) <= 2
            assert not opened(it.postiz).scheduler.ledger.flights.open
            assert asyncio.all_tasks() == {asyncio.current_task()}
            if not victim.reached:
                assert results[place] is None
                break
            assert isinstance(results[place], asyncio.CancelledError), f"await {stop}"
    assert stop > 3
