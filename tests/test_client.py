from __future__ import annotations

import asyncio
import inspect
import logging
import pydoc
import re
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest

from postiz_async import (
    AdvancedOptions,
    APIConnectionError,
    AuthenticationError,
    ConfigurationError,
    DeliveryUnknownError,
    InvalidPostError,
    NewPost,
    Postiz,
    PostizError,
    PostizPool,
    Priority,
    UsageError,
)
from postiz_async._resources.api import opened
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.blocking import Postiz as PostizOfThreads
from postiz_async.clock import AcceleratedClock, JumpingClock
from postiz_async.stores.sqlite import SqliteStore
from postiz_async.testing import Sandbox
from postiz_async.testing._transport import SandboxTransport, sandbox_client

KEY = "k3y-" + "7" * 20


# ------------------------------------------------------------------ settings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTIZ_API_KEY", f"Bearer {KEY}")
    monkeypatch.setenv("POSTIZ_API_URL", "https://postiz.example.com/api/")
    assert Postiz().base_url == "https://postiz.example.com/api/public/v1"
    monkeypatch.delenv("POSTIZ_API_URL")
    assert Postiz().base_url == "https://api.postiz.com/public/v1"
    assert Postiz(base_url="http://localhost:3000").base_url == "http://localhost:3000/public/v1"


def test_without_a_key_nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTIZ_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="POSTIZ_API_KEY"):
        Postiz()
    monkeypatch.setenv("POSTIZ_API_KEY", KEY)
    with pytest.raises(ConfigurationError, match="no API key"):
        Postiz(api_key=" ")


def test_an_unknown_rhythm_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'burst' or 'smooth'"):
        Postiz(api_key=KEY, advanced=AdvancedOptions(pacing="steady"))  # type: ignore[arg-type]


# ------------------------------------------------------------------ opening and closing


def client_of(sandbox: MemoryServer, **options: object) -> Postiz:
    transport = SandboxTransport(sandbox)
    return Postiz(
        api_key=sandbox.organization.api_key,
        base_url="http://sandbox.invalid",
        advanced=AdvancedOptions(clock=sandbox.clock, transport=transport),
        **options,
    )


@pytest.mark.parametrize("name", ["on_attempt", "on_call"])
def test_what_is_no_function_is_no_hook(name: str) -> None:
    with pytest.raises(UsageError, match=rf"^{name} must be a function, not 'log'"):
        AdvancedOptions(**{name: "log"})  # type: ignore[arg-type]


async def test_a_closed_client_says_how_to_open_it() -> None:
    async with MemoryServer(clock=JumpingClock()) as sandbox:
        postiz = client_of(sandbox)
        for _ in range(2):
            for use in ("posts", "media", "channels", "analytics"):
                with pytest.raises(ConfigurationError, match="async with Postiz"):
                    getattr(postiz, use)
            async with postiz:
                assert await postiz.channels.is_connected()
                with pytest.raises(ConfigurationError, match="open already"):
                    await postiz.open()


async def test_a_client_that_is_opened_again_remembers_its_quota() -> None:
    async with MemoryServer(clock=JumpingClock(), limit=5) as sandbox:
        channel = sandbox.add_channel("mastodon").id
        local = client_of(sandbox)
        for _ in range(2):
            async with local as postiz:
                at = Sandbox().in_an_hour() + timedelta(days=2)
                for number in range(5):
                    await postiz.posts.schedule(NewPost(channel, f"{number}"), at=at)
        assert sandbox.refusals == 0
        assert len(sandbox.posts) == 10


def test_a_client_in_a_second_event_loop_says_so() -> None:
    local = Sandbox()

    async def opened() -> Postiz:
        client = sandbox_client(local._server)
        return await client.open()

    postiz = asyncio.run(opened())
    with pytest.raises(ConfigurationError, match="opened in another event loop"):
        asyncio.run(_channels(postiz))


async def test_what_is_open_in_another_event_loop_is_left_as_it_is(
    postiz_sandbox: Sandbox, tmp_path: Path
) -> None:
    def in_a_loop_of_its_own(call: Callable[[], Any]) -> None:
        with pytest.raises(UsageError, match="another event loop"):
            asyncio.run(call())

    channel, at = postiz_sandbox.add_channel("mastodon"), postiz_sandbox.in_an_hour()
    async with postiz_sandbox.client(outbox=tmp_path / "outbox.sqlite") as postiz:
        await postiz.channels.list()
        for call in (
            partial(postiz.outbox.put, NewPost(channel, "x"), at=at),
            partial(postiz.outbox.put, NewPost(channel, "x"), at=at, idempotency_key="k"),
            postiz.outbox.counts,
            postiz.aclose,
        ):
            await asyncio.to_thread(in_a_loop_of_its_own, call)
        assert await postiz.outbox.counts() == {}
        assert await postiz.channels.list()


async def _channels(postiz: Postiz) -> None:
    await postiz.channels.list()


def test_without_asyncio_nothing_is_opened() -> None:
    opening = Postiz(api_key=KEY).open()
    with pytest.raises(ConfigurationError, match="runs on asyncio"):
        opening.send(None)


async def test_a_call_that_waits_at_closing_fails() -> None:
    async with MemoryServer(clock=JumpingClock(), limit=1) as sandbox:
        channel = sandbox.add_channel("mastodon").id
        local = client_of(sandbox)
        at = Sandbox().in_an_hour() + timedelta(days=2)
        async with local as postiz:
            await postiz.posts.schedule(NewPost(channel, "first"), at=at)
            call = asyncio.create_task(postiz.posts.schedule(NewPost(channel, "x"), at=at))
            await sandbox.clock.sleep(1)
        with pytest.raises(ConfigurationError, match="closed while this call waited"):
            await call
        assert len(sandbox.posts) == 1
        assert sandbox.clock.monotonic() < 3600


async def test_a_call_in_flight_at_closing_counts_as_spent() -> None:
    async with MemoryServer(clock=JumpingClock(), limit=5, work_per_post=3.0) as sandbox:
        channel = sandbox.add_channel("mastodon").id
        local = client_of(sandbox)
        at = Sandbox().in_an_hour() + timedelta(days=2)
        async with local as postiz:
            await postiz.posts.schedule(NewPost(channel, "first"), at=at)
            call = asyncio.create_task(postiz.posts.schedule(NewPost(channel, "x"), at=at))
            await sandbox.clock.sleep(1)
            await local.aclose()
        async with local as postiz:
            assert (await postiz.quota()).remaining == 3
        await call


# ------------------------------------------------------------------ one call, many ways to fail


async def test_a_wrong_key_says_where_to_look() -> None:
    async with MemoryServer(clock=JumpingClock(), api_key="right") as sandbox:
        transport = SandboxTransport(sandbox)
        async with Postiz(
            api_key="wrong",
            base_url="http://h",
            advanced=AdvancedOptions(clock=sandbox.clock, transport=transport),
        ) as postiz:
            with pytest.raises(AuthenticationError, match="Settings > Developers"):
                await postiz.channels.is_connected()


async def test_a_base_url_without_api_is_explained() -> None:
    async with MemoryServer(base="container") as sandbox, serve(sandbox) as served:
        async with Postiz(api_key="sandbox", base_url=f"{served.url}/api") as postiz:
            assert await postiz.channels.is_connected()
        async with Postiz(api_key="sandbox", base_url=served.url) as postiz:
            with pytest.raises(ConfigurationError, match="https://your-host/api"):
                await postiz.channels.is_connected()


# ------------------------------------------------------------------ the key is a secret


def files_in(folder: Path) -> list[tuple[str, bytes]]:
    return [(path.name, path.read_bytes()) for path in folder.iterdir()]


class Saying:
    """A transport that gives one answer, or raises, for ever."""

    def __init__(self, answer: WireResponse | Exception) -> None:
        self.answer = answer

    async def send(self, _: WireRequest) -> WireResponse:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def aclose(self) -> None:
        """Nothing is open."""


ANSWERS = [
    WireResponse(200, {"content-type": "text/html"}, b"<html>"),
    WireResponse(200, {}, b"{"),
    WireResponse(307, {"location": "/auth"}, b""),
    WireResponse(400, {}, b'{"msg":"no"}'),
    WireResponse(401, {}, b'{"msg":"Invalid API key"}'),
    WireResponse(401, {}, b""),
    WireResponse(500, {}, b'{"statusCode":500}'),
    APIConnectionError("broke"),
]


def everything_about(error: BaseException) -> Iterator[str]:
    """All that a careless log or an eager error reporter shows of an error."""
    while True:
        yield repr(error)
        yield str(error)
        yield repr(vars(error))
        yield "".join(traceback.format_exception(error))
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        # frames of this test hold the key itself
        shown.stack = traceback.StackSummary.from_list(
            [frame for frame in shown.stack if frame.filename != __file__]
        )
        yield "".join(shown.format())
        if error.__cause__ is None:
            return
        error = error.__cause__


def variables_that_show(secret: str, error: BaseException) -> list[str]:
    """Those of the library's frames; what is half made has no representation yet."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return [
        f"{frame.f_code.co_qualname}: {name}"
        for frame in frames
        if frame.f_code.co_filename != __file__
        for name, value in frame.f_locals.items()
        if name not in {"self", "__class__"} and secret in repr(value)
    ]


@pytest.mark.parametrize("make", [Postiz, PostizPool, PostizOfThreads])
@pytest.mark.parametrize("wrong", ["max_retries", "proxy", "header", "environment"])
def test_no_wrong_argument_shows_another(
    make: Callable[..., object], wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "a-password-of-nobody"
    key = {} if make is PostizPool else {"api_key": secret}
    given: dict[str, Any] = {"proxy": f"http://me:{secret}@host:1", "headers": {"X-A": secret}}
    if wrong == "max_retries":
        given["max_retries"] = -1
    elif wrong == "proxy":
        given["proxy"] += "0/@"
    elif wrong == "header":
        given["headers"]["X-B"] = f"{secret}\n"
    else:
        monkeypatch.setenv("POSTIZ_HEADERS", secret)
        monkeypatch.setenv("POSTIZ_PROXY", given["proxy"])
        given = {}
    given |= {"outbox": f"postgresql://me:{secret}@host/db"} if make is not PostizPool else {}
    with pytest.raises(ConfigurationError) as caught:
        make(**given, **key)
    assert not variables_that_show(secret, caught.value)


async def test_no_wrong_option_shows_a_header() -> None:
    secret = "a-password-of-nobody"
    async with sandbox_client(MemoryServer()) as postiz:
        with pytest.raises(ConfigurationError) as caught:
            postiz.with_options(headers={"X-A": secret}, max_retries=-1)
    assert not variables_that_show(secret, caught.value)


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
async def test_no_error_shows_the_key(
    answer: WireResponse | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    calls = 0
    async with Postiz(
        api_key=KEY,
        base_url="http://h",
        advanced=AdvancedOptions(clock=JumpingClock(), transport=Saying(answer)),
    ) as postiz:
        at = Sandbox().in_an_hour()
        for call in (
            postiz.channels.list,
            lambda: postiz.posts.list(start=at, end=at),
            lambda: postiz.posts.schedule(NewPost("c", "x"), at=at),
            lambda: postiz.posts.delete("x"),
            postiz.posts.probe,
        ):
            try:
                await call()
            except PostizError as error:
                calls += 1
                logging.getLogger("test").exception("it failed")
                for text in everything_about(error):
                    assert KEY not in text
    assert calls >= 4
    assert KEY not in caplog.text


async def test_no_object_shows_the_key(tmp_path: Path) -> None:
    async with MemoryServer(api_key=KEY, clock=JumpingClock()) as sandbox:
        store = SqliteStore(tmp_path / "quota.sqlite")
        async with sandbox_client(sandbox, store=store) as postiz:
            channel = sandbox.add_channel("mastodon").id
            await postiz.posts.schedule(NewPost(channel, "x"), at=Sandbox().in_an_hour())
            seen = [
                postiz,
                opened(postiz).scheduler,
                opened(postiz).scheduler.identity,
                postiz.posts,
            ]
            seen += [postiz.with_options(timeout=1), store, await postiz.quota()]
            assert KEY not in repr(seen)
            assert KEY not in repr([getattr(thing, "__dict__", "") for thing in seen])
        names_and_bytes = files_in(tmp_path)
        await store.aclose()
        assert names_and_bytes
        assert KEY not in str(names_and_bytes)


async def test_no_log_line_over_loopback_shows_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with MemoryServer(api_key=KEY) as sandbox, serve(sandbox) as served:
        clock = AcceleratedClock(100)
        async with Postiz(
            api_key=KEY, base_url=served.url, advanced=AdvancedOptions(clock=clock)
        ) as postiz:
            sandbox.faults.add(Fault("reset", route="list_channels", times=9))
            with pytest.raises(APIConnectionError):
                await postiz.channels.list()
    assert "request 1 list_channels" in caplog.text
    assert KEY not in caplog.text


# ------------------------------------------------------------------ waiting


async def test_lost_and_strange_answers_of_a_create_are_told_apart() -> None:
    async with MemoryServer(clock=JumpingClock()) as sandbox, sandbox_client(sandbox) as postiz:
        channel = sandbox.add_channel("mastodon").id
        at = Sandbox().in_an_hour()
        for fault in (
            Fault("drop_answer", route="create_post"),
            Fault("reset", route="create_post"),
            Fault("late_answer", route="create_post", delay=900.0),
            Fault("error_after", route="create_post", status=502),
            Fault("stop", route="create_post"),
        ):
            sandbox.faults.add(fault)
            with pytest.raises(DeliveryUnknownError) as caught:
                await postiz.posts.schedule(
                    NewPost(channel, "x"), at=at, priority=Priority.INTERACTIVE
                )
            assert caught.value.marks.channels == (channel,)
            assert abs(caught.value.marks.date - at) < timedelta(milliseconds=1)
            assert "posts.find(error.marks)" in str(caught.value)
        with pytest.raises(InvalidPostError):
            await postiz.posts.schedule(NewPost("unknown", "x"), at=at)


async def test_an_answer_with_fewer_posts_than_were_sent_is_unknown() -> None:
    answer = WireResponse(201, {}, b"[]")
    async with Postiz(
        api_key=KEY,
        base_url="http://h",
        advanced=AdvancedOptions(clock=JumpingClock(), transport=Saying(answer)),
    ) as postiz:
        local = Sandbox()
        channel = local.add_channel("x")
        with pytest.raises(DeliveryUnknownError, match="stored 0 of 2 posts"):
            await postiz.posts.schedule(
                NewPost(channel, "a"),
                NewPost(channel, "b"),
                at=local.in_an_hour(),
                validate=False,
            )


# ------------------------------------------------------------------ what tools see of it


@pytest.mark.parametrize("instance", [True, False])
async def test_a_mock_of_the_client_has_its_resources_with_their_signatures(
    instance: bool,  # noqa: FBT001
) -> None:
    mock = create_autospec(Postiz, instance=instance)
    mock.posts.schedule.return_value = []
    assert (
        await mock.posts.schedule(NewPost("channel", "Hello"), at=datetime(2027, 1, 1, tzinfo=UTC))
        == []
    )
    with pytest.raises(TypeError, match="missing a required argument: 'at'"):
        mock.posts.schedule(NewPost("channel", "Hello"))
    with pytest.raises(AttributeError):
        mock.posts.scheduled  # noqa: B018


def test_python_shows_the_resources_of_a_client_open_or_not() -> None:
    names = {"posts", "media", "channels", "analytics", "notifications", "users"}
    closed = Postiz(api_key="key")
    assert names <= {*dir(Postiz)} & {*dir(closed)}
    assert names <= dict(inspect.getmembers(Postiz)).keys()
    assert "base_url" in dict(inspect.getmembers(closed))
    shown = pydoc.plain(pydoc.render_doc(Postiz))
    assert names <= {*re.findall(r"^ \|  (\w+) = <class", shown, re.MULTILINE)}
    assert not hasattr(closed, "posts")
