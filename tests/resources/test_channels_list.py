"""How often the channels and their rules are looked up by calls that need them at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from traceback import extract_tb

import pytest

from postiz_async import (
    APIConnectionError,
    ConfigurationError,
    InvalidPostError,
    NewPost,
    Postiz,
)
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async._transport import WireRequest, WireResponse
from postiz_async.clock import JumpingClock
from postiz_async.testing._transport import SandboxTransport, sandbox_client

AT_ONCE = 5
LIST, RULES = "GET integrations", "GET integration-settings"


class Counting(SandboxTransport):
    """A way to the sandbox that counts requests by method and first part of the path."""

    def __init__(self, sandbox: MemoryServer) -> None:
        super().__init__(sandbox, latency=0.5)
        self.seen: Counter[str] = Counter()
        self.lacks = ""
        """The route that the server does not have."""

    async def send(self, request: WireRequest) -> WireResponse:
        path = request.url.partition("/public/v1/")[2].partition("?")[0]
        route = f"{request.method} {path.partition('/')[0]}"
        self.seen[route] += 1
        if route == self.lacks:
            body = b'{"message":"Cannot GET it","error":"Not Found","statusCode":404}'
            return WireResponse(404, {"content-type": "application/json"}, body)
        return await super().send(request)


@dataclass
class Cold:
    """A client that has asked for nothing yet, and how it asks."""

    postiz: Postiz
    sandbox: MemoryServer
    seen: Counter[str]
    way: Counting

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.sandbox.clock.time() + 7_200, UTC)

    def post(self, channel: str, text: str = "hello") -> Awaitable[object]:
        return self.postiz.posts.schedule(NewPost(channel, text), at=self.at)


@asynccontextmanager
async def cold() -> AsyncGenerator[Cold]:
    async with MemoryServer(clock=JumpingClock(), limit=90) as sandbox:
        way = Counting(sandbox)
        async with sandbox_client(sandbox, transport=way) as postiz:
            yield Cold(postiz, sandbox, way.seen, way)


async def at_once(make: Callable[[], Awaitable[object]]) -> list[object]:
    return list(await asyncio.gather(*(make() for _ in range(AT_ONCE)), return_exceptions=True))


async def test_calls_at_once_look_the_channels_up_once() -> None:
    async with cold() as it:
        channel = it.sandbox.add_channel("mastodon", name="Brewers").id
        words = [channel, "brewers", "Brewers", "mastodon", channel]
        await asyncio.gather(*(it.post(word) for word in words))
        assert it.seen == {LIST: 1, "POST posts": 5}


@pytest.mark.parametrize("word", ["nobody", "c" + "0" * 24])
async def test_so_do_those_that_find_nothing(word: str) -> None:
    async with cold() as it:
        it.sandbox.add_channel("mastodon")
        errors = await at_once(lambda: it.post(word))
        assert all(isinstance(each, InvalidPostError) for each in errors)
        assert it.seen == {LIST: 1}


async def test_so_do_lists_and_free_slots() -> None:
    async with cold() as it:
        channel = it.sandbox.add_channel("mastodon").id
        lists = await at_once(it.postiz.channels.list)
        assert [[each.id for each in listed] for listed in lists] == [[channel]] * AT_ONCE  # type: ignore[attr-defined]
        assert it.seen == {LIST: 1}
        await at_once(lambda: it.postiz.channels.find_slot("mastodon"))
        assert it.seen == {LIST: 2, "GET find-slot": 5}


async def test_a_list_is_never_older_than_the_question() -> None:
    async with cold() as it:
        it.sandbox.add_channel("mastodon")
        early = asyncio.ensure_future(it.postiz.channels.list())
        it.sandbox.faults.add(Fault("late_answer", delay=5.0, route="list_channels"))
        await it.sandbox.clock.sleep(1.0)  # read, and its answer is late
        it.sandbox.add_channel("telegram")
        assert len(await it.postiz.channels.list()) == 2
        assert not early.done()
        assert len(await early) == 2, "what was told later holds"
        await it.post("telegram")
        assert it.seen == {LIST: 2, "POST posts": 1}


async def test_each_raw_list_has_its_answer() -> None:
    async with cold() as it:
        it.sandbox.add_channel("mastodon")
        answers = await at_once(lambda: it.postiz.with_raw_response(it.postiz.channels.list()))
        assert not any(isinstance(each, ConfigurationError) for each in answers)
        assert it.seen == {LIST: AT_ONCE}


async def test_rules_of_a_channel_are_asked_for_once() -> None:
    async with cold() as it:
        it.sandbox.add_channel("x")
        other = it.sandbox.add_channel("x", name="other").id
        errors = await at_once(lambda: it.post("My x", "long " * 80))
        assert all(isinstance(each, InvalidPostError) for each in errors)
        assert it.seen == {LIST: 1, RULES: 1}
        await at_once(lambda: it.post(other, "long " * 80))
        assert it.seen == {LIST: 1, RULES: 2}


async def test_rules_that_the_server_does_not_tell_are_asked_for_once_too() -> None:
    async with cold() as it:
        it.sandbox.add_channel("x")
        it.way.lacks = RULES
        await at_once(lambda: it.post("x", "long " * 80))
        assert it.seen[RULES] <= 1


async def test_a_caller_of_rules_who_has_no_time_ends_them_for_nobody() -> None:
    async with cold() as it:
        it.sandbox.add_channel("x")
        await it.postiz.channels.list()
        it.sandbox.faults.add(Fault("late_answer", delay=3.0, route="get_channel_settings"))
        views = [it.postiz.with_options(timeout=seconds) for seconds in (1.0, 20.0)]
        new = NewPost("x", "long " * 80)
        calls = (view.posts.schedule(new, at=it.at) for view in views)
        short, patient = await asyncio.gather(*calls, return_exceptions=True)
        assert "before the rules of a channel were told" in str(short)
        assert isinstance(patient, InvalidPostError)
        assert it.seen[RULES] == 1


async def test_who_has_retries_does_not_fail_with_one_who_has_none() -> None:
    async with cold() as it:
        channel = it.sandbox.add_channel("mastodon", name="ours")
        it.sandbox.faults.add(Fault("reset", route="list_channels"))
        none = it.postiz.with_options(max_retries=0).posts
        first = asyncio.create_task(none.schedule(NewPost("ours", "one"), at=it.at))
        await asyncio.sleep(0)
        await asyncio.gather(*(it.post("ours") for _ in range(AT_ONCE)))
        with pytest.raises(APIConnectionError):
            await first
        assert len(it.sandbox.posts) == AT_ONCE
        assert {post.channel_id for post in it.sandbox.posts} == {channel.id}
        assert it.seen[LIST] == 2


async def test_each_who_shares_a_look_up_has_an_error_of_its_own() -> None:
    async with cold() as it:
        it.sandbox.faults.add(Fault("reset", times=4, route="list_channels"))

        async def first() -> object:
            return await it.post("ours")

        async def second() -> object:
            return await it.post("ours")

        errors = await asyncio.gather(first(), second(), return_exceptions=True)
        assert it.seen[LIST] == 4
        assert [str(error) for error in errors] == [str(errors[0])] * 2
        for error, caller, other in zip(errors, (first, second), (second, first), strict=True):
            assert isinstance(error, APIConnectionError)
            names = [frame.name for frame in extract_tb(error.__traceback__)]
            assert (names.count(caller.__name__), names.count(other.__name__)) == (1, 0)
