"""What a thread that waits for a call sees and does meanwhile."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import signal
import sys
import threading
import time
import traceback
import weakref
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from leak_lab import leaks
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from samples import PNG

from postiz_async import (
    AdvancedOptions,
    AuthenticationError,
    CampaignError,
    NewPost,
    PostizError,
    PostNotFoundError,
)
from postiz_async._campaign.read import source
from postiz_async._resources.api import opened
from postiz_async._sandbox import Fault
from postiz_async.blocking import Postiz
from postiz_async.blocking._proxy import _loop_of
from postiz_async.contrib.opentelemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from postiz_async.pytest_plugin import SandboxServer
    from postiz_async.types import Outcome

MAIN = threading.main_thread().ident


def test_functions_given_to_a_call_are_called_in_its_thread(
    postiz: Postiz, channel: str, at: datetime, tmp_path: Path
) -> None:
    threads: list[int] = []
    posts: list[str] = []

    def saw(outcome: Outcome) -> None:
        threads.append(threading.get_ident())
        posts.append(postiz.posts.get(outcome.post_id or "").content)  # no deadlock

    rows = ({"channel": channel, "date": at, "content": each} for each in ("one", "two"))
    with postiz.campaign(rows, journal=tmp_path / "journal") as campaign:
        campaign.run(saw)
    assert sorted(posts) == ["one", "two"]
    assert set(threads) == {threading.get_ident()}


def test_rows_are_taken_in_the_thread_that_gives_them(
    postiz: Postiz, channel: str, at: datetime, tmp_path: Path
) -> None:
    threads: list[int] = []

    def rows() -> object:
        for each in postiz.channels.list():  # a source may ask the client
            threads.append(threading.get_ident())
            yield {"channel": each.id, "date": at, "content": each.name}

    with postiz.campaign(rows(), journal=tmp_path / "journal") as campaign:  # type: ignore[arg-type]
        assert [row.number for row in campaign.rows] == [1]
    assert threads == [threading.get_ident()]


def test_rows_without_end_are_taken_as_far_as_a_campaign_may_reach(
    postiz: Postiz, channel: str, at: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MAX_ROWS", 700)
    numbers = count(1)
    rows = ({"channel": channel, "date": at, "content": f"post {n}"} for n in numbers)
    campaign = postiz.campaign(rows, journal=tmp_path / "journal")
    with pytest.raises(CampaignError, match="more than 700 rows"):
        campaign.__enter__()
    assert next(numbers) == 1_001


def test_a_list_of_rows_can_be_entered_again(
    postiz: Postiz, channel: str, at: datetime, tmp_path: Path
) -> None:
    rows = [{"channel": channel, "date": at, "content": f"post {n}"} for n in range(501)]
    campaign = postiz.campaign(rows, journal=tmp_path / "journal")
    for _ in range(2):
        with campaign:
            assert [row.content for row in campaign.rows] == [row["content"] for row in rows]


class MistakeError(Exception):
    pass


@pytest.mark.parametrize("number", [0, 3, 600])
def test_an_error_of_a_generator_of_rows_comes_out_where_it_is_entered(
    postiz: Postiz, channel: str, at: datetime, tmp_path: Path, number: int
) -> None:
    def rows() -> Iterator[dict[str, object]]:
        for n in range(number):
            yield {"channel": channel, "date": at, "content": f"post {n}"}
        raise MistakeError

    with pytest.raises(MistakeError), postiz.campaign(rows(), journal=tmp_path / "journal"):
        pass
    assert opened(postiz._target).scheduler.under_way == 0


def test_a_function_that_raises_stop_iteration_ends_the_call(
    postiz: Postiz, channel: str, at: datetime, tmp_path: Path
) -> None:
    """No future takes that error, so the work waited for an answer that never came."""
    nothing: Iterator[str] = iter(())
    rows = [{"channel": channel, "date": at, "content": "one"}]
    with postiz.campaign(rows, journal=tmp_path / "journal") as campaign:
        with pytest.raises(RuntimeError, match="raised StopIteration"):
            campaign.run(lambda _: next(nothing))
        assert campaign.report().counts == {"stored": 1}


def test_an_error_of_such_a_function_ends_the_call(
    postiz: Postiz, channel: str, at: datetime, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise MistakeError

    with postiz.campaign(
        [{"channel": channel, "date": at, "content": "one"}], journal=tmp_path / "journal"
    ) as campaign:
        with pytest.raises(MistakeError):
            campaign.run(fail)
        assert campaign.report().counts == {"stored": 1}
    with pytest.raises(MistakeError):
        postiz.media.upload(PNG, progress=fail)
    assert opened(postiz._target).scheduler.under_way == 0


def test_an_error_leads_to_the_line_of_the_user_first(postiz: Postiz) -> None:
    with pytest.raises(PostNotFoundError) as raised:
        postiz.posts.get("none")
    error = raised.value
    assert (error.__cause__, error.__context__) == (None, None)
    frames = traceback.extract_tb(error.__traceback__)
    assert frames[0].filename == __file__


@pytest.mark.parametrize("source", [5, []], ids=["wrong", "empty"])
def test_no_password_is_in_the_frames_of_a_campaign_that_cannot_be_made(
    postiz: Postiz, source: Any
) -> None:
    password = "hunter2pw"
    journal = f"postgresql://u:{password}@h/db"
    for args, more in ((source,), {}), ((), {"source": source}):
        with pytest.raises((PostizError, TypeError)) as raised:
            postiz.campaign(*args, **more, journal=journal, wrong=1)
        assert leaks(raised.value, password) == []


def test_an_error_is_let_go_without_the_help_of_the_collector(postiz: Postiz) -> None:
    async def fail() -> None:
        raise MistakeError

    seen: list[weakref.ref[MistakeError]] = []
    gc.disable()
    try:
        try:
            postiz._portal.run(fail)
        except MistakeError as error:
            seen.append(weakref.ref(error))
        assert seen[0]() is None
    finally:
        gc.enable()


def test_an_error_of_a_block_is_the_same_outside(
    postiz: Postiz, channel: str, at: datetime, tmp_path: Path
) -> None:
    rows = [{"channel": channel, "date": at + timedelta(hours=n), "content": "x"} for n in (0, 1)]
    mistake = MistakeError()
    with postiz.campaign(rows, journal=tmp_path / "journal") as campaign:
        with pytest.raises(MistakeError) as raised:  # noqa: PT012
            for _ in campaign.outcomes():
                raise mistake
        assert raised.value is mistake
        assert (mistake.__cause__, mistake.__context__) == (None, None)
        assert all(
            frame.filename.endswith(("test_proxy_calls.py", "contextlib.py", "_proxy.py"))
            for frame in traceback.extract_tb(mistake.__traceback__)
        )
        assert campaign.run().counts == {"stored": 2}


def test_what_stops_a_run_is_raised_where_its_outcomes_are_taken(
    postiz: Postiz, channel: str, at: datetime, tmp_path: Path, postiz_sandbox_server: SandboxServer
) -> None:
    rows = [{"channel": channel, "date": at, "content": "x"}]
    with postiz.campaign(rows, journal=tmp_path / "journal") as campaign:
        postiz_sandbox_server.organization.api_key = "another"
        with pytest.raises(AuthenticationError):
            list(campaign.outcomes())


def test_the_context_of_the_thread_reaches_the_call(postiz_sandbox_server: SandboxServer) -> None:
    spans, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    telemetry = Telemetry(tracer_provider=tracers)
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user")
    seen: list[str] = []

    with Postiz(
        api_key=postiz_sandbox_server.api_key,
        base_url=postiz_sandbox_server.url,
        advanced=AdvancedOptions(
            on_call=telemetry.on_call, on_attempt=lambda _: seen.append(user.get())
        ),
    ) as postiz:
        user.set("ada")
        with tracers.get_tracer("test").start_as_current_span("request") as request:
            postiz.channels.list()
    assert seen == ["ada"]
    mine = [span for span in spans.get_finished_spans() if span.name != "request"]
    assert mine
    assert {span.parent.span_id for span in mine if span.parent} == {
        request.get_span_context().span_id
    }


# ------------------------------------------------------------------ Ctrl-C


def interrupt() -> None:
    """What Ctrl-C does."""
    assert MAIN is not None
    signal.pthread_kill(MAIN, signal.SIGINT)


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals to a thread")


def test_ctrl_c_ends_a_call_that_waits_for_the_quota(
    postiz: Postiz, channel: str, at: datetime
) -> None:
    for number in range(30):
        postiz.posts.draft(NewPost(channel, f"post {number}"), at=at)

    def when_it_waits() -> None:
        for quota in postiz.quota_changes():
            if quota.queued.interactive:
                interrupt()
                return

    thread = threading.Thread(target=when_it_waits)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        postiz.posts.draft(NewPost(channel, "one more"), at=at)
    thread.join()
    quota = postiz.quota()
    assert (quota.queued.interactive, quota.in_flight, quota.remaining) == (0, 0, 0)
    assert opened(postiz._target).scheduler.under_way == 0


def test_ctrl_c_settles_a_call_that_is_on_its_way(
    postiz: Postiz, channel: str, at: datetime, postiz_sandbox_server: SandboxServer
) -> None:
    postiz.posts.probe()  # from now on the limit is known
    postiz_sandbox_server.add_fault(Fault("late_answer", route="create_post", delay=3600.0))

    def when_it_flies() -> None:
        while not postiz_sandbox_server.posts:
            pass
        interrupt()

    thread = threading.Thread(target=when_it_flies)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        postiz.posts.draft(NewPost(channel, "hello"), at=at)
    thread.join()
    quota = postiz.quota()
    assert (quota.in_flight, quota.limit, quota.remaining) == (0, 30, 28)


def test_a_second_ctrl_c_does_not_wait(postiz: Postiz, channel: str, at: datetime) -> None:
    begun, leave = threading.Event(), threading.Event()

    async def stubborn() -> None:
        try:
            begun.set()
            await postiz.clock.sleep(3600)
        finally:
            interrupt()  # the second
            while not leave.is_set():
                await postiz.clock.sleep(0.001)

    thread = threading.Thread(target=lambda: (begun.wait(), interrupt()))
    thread.start()
    with pytest.raises(KeyboardInterrupt) as raised:
        postiz._portal.run(stubborn)
    thread.join()
    assert isinstance(raised.value.__context__, KeyboardInterrupt)
    leave.set()
    assert [each.id for each in postiz.channels.list()] == [channel]


def when_two_wait(loop: asyncio.AbstractEventLoop) -> threading.Event:
    """Keep a loop busy; interrupt this thread when it waits for the loop to begin and to cancel."""
    ready: Any = loop._ready  # type: ignore[attr-defined]
    begun, goes_on, before = threading.Event(), threading.Event(), list[object]()

    def be_busy() -> None:
        before.extend(ready)
        begun.set()
        goes_on.wait()

    def when_it_waits() -> None:
        for number in (1, 2):
            while len(ready) < len(before) + number:
                time.sleep(0.001)
            if number == 1:
                interrupt()
        goes_on.set()

    loop.call_soon_threadsafe(be_busy)
    begun.wait()
    threading.Thread(target=when_it_waits).start()
    return goes_on


def test_ctrl_c_before_the_work_has_begun_ends_the_call(
    postiz: Postiz, postiz_sandbox_server: SandboxServer, channel: str, at: datetime
) -> None:
    """As when the loop is busy with other calls."""
    postiz.channels.list()
    when_two_wait(_loop_of(os.getpid()))
    with pytest.raises(KeyboardInterrupt):
        postiz.posts.draft(NewPost(channel, "hello"), at=at)
    assert (postiz.quota().in_flight, postiz_sandbox_server.posts) == (0, ())


def test_ctrl_c_before_closing_has_begun_closes(postiz: Postiz) -> None:
    postiz.quota()
    when_two_wait(_loop_of(os.getpid()))
    with pytest.raises(KeyboardInterrupt):
        postiz.close()
    assert not postiz.is_open


def test_a_block_whose_generator_the_loop_collects_is_left(
    postiz: Postiz, channel: str, at: datetime, tmp_path: Path
) -> None:
    rows = [{"channel": channel, "date": at, "content": f"row {n}"} for n in range(3)]

    def outcomes() -> Iterator[Outcome]:
        with postiz.campaign(rows, journal=tmp_path / "journal") as campaign:
            yield from campaign.outcomes()

    begun = [outcomes()]
    next(begun[0])
    postiz._portal.run(begun.clear)
    while not all(call.done() for call in tuple(postiz._portal._calls)):  # left in the background
        time.sleep(0.001)
    with postiz.campaign(rows, journal=tmp_path / "journal") as campaign:
        campaign.run()
        assert campaign.report().counts == {"stored": 3}


def test_ctrl_c_leaves_the_block_of_a_run(
    postiz: Postiz, channel: str, at: datetime, tmp_path: Path
) -> None:
    rows = [
        {"channel": channel, "date": at + timedelta(hours=n), "content": f"row {n}"}
        for n in range(40)
    ]
    with postiz.campaign(rows, journal=tmp_path / "journal") as campaign:
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012
            for outcome in campaign.outcomes():
                if outcome.row == 3:
                    interrupt()
        counts = campaign.report().counts
        assert counts["stored"] >= 3
        assert counts["stored"] + counts.get("planned", 0) == 40


@pytest.mark.parametrize("receiver", ["the thread that waits", "another"])
def test_what_a_signal_raises_does_the_same(
    postiz: Postiz, channel: str, at: datetime, receiver: str
) -> None:
    """Such as the time limit of a Celery task.

    Python runs handlers in the main thread, which nothing wakes if another thread got the signal.
    """

    def limit(*_: object) -> None:
        raise MistakeError

    def when_it_waits() -> None:
        assert MAIN is not None
        for quota in postiz.quota_changes():
            if quota.queued.interactive:
                is_woken = receiver == "the thread that waits"
                signal.pthread_kill(MAIN if is_woken else threading.get_ident(), signal.SIGUSR1)
                return

    for number in range(30):
        postiz.posts.draft(NewPost(channel, f"post {number}"), at=at)
    before = signal.signal(signal.SIGUSR1, limit)
    try:
        thread = threading.Thread(target=when_it_waits)
        thread.start()
        with pytest.raises(MistakeError):
            postiz.posts.draft(NewPost(channel, "one more"), at=at)
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert postiz.quota().queued.interactive == 0
