"""The life of a client's thread: many callers, closing, forks, the end of the process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest
from processes import PATIENCE

from postiz_async import AdvancedOptions, CampaignRow, ConfigurationError, NewPost, UsageError
from postiz_async._resources.api import opened
from postiz_async._sandbox import MemoryServer
from postiz_async.blocking import Postiz, _proxy
from postiz_async.clock import JumpingClock
from postiz_async.testing import Sandbox
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from postiz_async.pytest_plugin import SandboxServer
    from postiz_async.types import Attempt

NOWHERE = {"api_key": "key", "base_url": "http://127.0.0.1:9"}


def threads() -> int:
    return sum(each.name == "postiz_async.blocking" for each in threading.enumerate())


# ------------------------------------------------------------------ opening and closing


def test_the_first_call_opens_and_close_closes() -> None:
    postiz = Postiz(**NOWHERE)
    assert (postiz.is_open, repr(postiz)[:16]) == (False, "<blocking Postiz")
    postiz.quota()
    assert (postiz.is_open, threads()) == (True, 1)
    postiz.close()
    postiz.close()
    assert not postiz.is_open
    for call in (postiz.quota, lambda: postiz.posts, lambda: postiz.with_options(timeout=1)):
        with pytest.raises(UsageError, match=r"closed.*open\(\)"):
            call()
    assert postiz.open() is postiz
    with pytest.raises(ConfigurationError, match="open already"):
        postiz.open()
    with pytest.raises(ConfigurationError, match="drain"):
        postiz.close(drain=-1)
    assert postiz.quota().queued.interactive == 0
    postiz.close()


def test_a_hook_that_exits_ends_its_call_alone() -> None:
    def leave(_: object) -> None:
        raise SystemExit(3)

    sandbox = Sandbox(channels=["mastodon"])
    hooked, plain = (
        Postiz(
            api_key=sandbox.api_key,
            base_url=sandbox.url,
            advanced=AdvancedOptions(
                clock=sandbox.clock, transport=sandbox.transport(), on_attempt=hook
            ),
        )
        for hook in (leave, None)
    )
    with plain, hooked:
        with pytest.raises(SystemExit):
            hooked.channels.list()
        assert len(plain.channels.list()) == 1


def test_a_hook_closes_its_client_in_the_background() -> None:
    sandbox = Sandbox(channels=["mastodon"])
    postiz = Postiz(
        api_key=sandbox.api_key,
        base_url=sandbox.url,
        advanced=AdvancedOptions(
            clock=sandbox.clock,
            transport=sandbox.transport(),
            on_attempt=lambda _: postiz.close(),
        ),
    )
    with suppress(ConfigurationError):
        postiz.channels.list()
    while postiz.is_open:
        time.sleep(0.001)
    with pytest.raises(UsageError, match="closed"):
        postiz.quota()


def test_hasattr_says_what_a_closed_client_lacks() -> None:
    with Postiz(**NOWHERE) as postiz:
        assert hasattr(postiz, "posts")
        assert not hasattr(postiz, "outbox")
    assert not any(hasattr(postiz, name) for name in ("posts", "outbox"))


def test_what_cannot_be_opened_says_so_each_time(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    postiz = Postiz(**NOWHERE, outbox=tmp_path / "folder")
    for _ in range(2):
        with pytest.raises(Exception, match="folder"):
            postiz.quota()


def test_many_threads_open_one_client_once() -> None:
    postiz = Postiz(**NOWHERE)
    gate = threading.Barrier(20)

    def ask(_: int) -> None:
        gate.wait(PATIENCE)
        postiz.quota()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(ask, range(20)))
    assert threads() == 1
    postiz.close()


def test_many_threads_call_at_once(postiz: Postiz, channel: str, at: datetime) -> None:
    def work(number: int) -> int:
        if number % 5 == 0:
            postiz.posts.draft(NewPost(channel, f"post {number}"), at=at)
        return len(postiz.channels.list())

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(work, range(100))) == [1] * 100
    assert postiz.quota().remaining == 10


def test_closing_ends_all_calls_of_all_threads(
    postiz_sandbox_server: SandboxServer, channel: str, at: datetime, tmp_path: Path
) -> None:
    postiz = Postiz(api_key=postiz_sandbox_server.api_key, base_url=postiz_sandbox_server.url)
    [created] = postiz.posts.schedule(NewPost(channel, "first"), at=at)
    for number in range(29):
        postiz.posts.draft(NewPost(channel, f"post {number}"), at=at)
    rows = [{"channel": channel, "date": at, "content": "row"}]
    started = threading.Barrier(6)

    def run_a_campaign() -> None:
        with postiz.campaign(rows, journal=tmp_path / "journal") as campaign:
            campaign.run()

    def iterate_a_run() -> None:
        with postiz.campaign(rows, journal=tmp_path / "other") as campaign:
            list(campaign.outcomes())

    calls: list[Callable[[], object]] = [
        lambda: postiz.posts.draft(NewPost(channel, "one more"), at=at),
        lambda: list(postiz.posts.watch()),
        lambda: postiz.posts.wait_published(created.post_id, at=at),
        run_a_campaign,
        iterate_a_run,
    ]

    def make(call: Callable[[], object]) -> BaseException | None:
        started.wait(PATIENCE)
        try:
            call()
        except BaseException as error:  # noqa: BLE001
            return error
        return None

    with ThreadPoolExecutor(5) as pool:
        made = [pool.submit(make, call) for call in calls]
        watched = [pool.submit(lambda: list(postiz.quota_changes()))]
        started.wait(PATIENCE)
        while postiz.quota().queued.interactive + postiz.quota().queued.bulk < 3:
            pass
        postiz.close()
        errors = [each.result(PATIENCE) for each in made]
        assert all(isinstance(error, ConfigurationError) for error in errors), errors
        assert all("closed" in str(error) for error in errors), errors
        del watched


def test_changes_of_the_quota_end_with_the_client() -> None:
    postiz = Postiz(**NOWHERE)
    changes = postiz.quota_changes()
    next(changes)
    thread = threading.Timer(0.05, postiz.close)
    thread.start()
    assert list(changes) == []
    thread.join()


# ------------------------------------------------------------------ iterators


def test_an_iterator_that_is_dropped_is_closed() -> None:
    with Postiz(**NOWHERE) as postiz:
        postiz.quota()
        watchers = opened(postiz._target).scheduler.queue._watchers

        def watching() -> int:
            return int(postiz._portal.run(lambda: len(watchers)))

        for _ in postiz.quota_changes():
            assert watching() == 1
            break
        assert watching() == 0
        with closing(postiz.quota_changes()) as changes:
            next(changes)
            assert watching() == 1
        assert watching() == 0
        assert list(changes) == []
        changes = postiz.quota_changes()
        next(changes)
        circle: list[Any] = [changes]
        circle.append(circle)
        del changes, circle
        import gc  # noqa: PLC0415

        gc.collect()
        assert watching() == 0


def test_a_client_that_is_closed_in_its_loop_comes_to_its_end() -> None:
    """As when garbage is collected there."""
    postiz = Postiz(**NOWHERE)
    postiz.open()

    async def close() -> bool:
        postiz.close()
        [closing] = [each for each in asyncio.all_tasks() if "Portal.aclose" in repr(each)]
        ended, _ = await asyncio.wait([closing], timeout=PATIENCE)
        return closing in ended and not closing.cancelled()

    assert _proxy._wait(close)
    with pytest.raises(ConfigurationError):
        postiz.channels.list()


def test_an_iterator_is_for_one_thread_at_a_time() -> None:
    with Postiz(**NOWHERE) as postiz:
        changes = postiz.quota_changes()
        next(changes)
        waiting = threading.Thread(target=lambda: list(changes))
        waiting.start()
        while not changes.gi_running:
            pass
        with pytest.raises(ValueError, match="already executing"):
            next(changes)
        postiz.close()
        waiting.join()


# ------------------------------------------------------------------ where it cannot be called


def test_a_hook_that_calls_its_client_is_told() -> None:
    found: list[BaseException] = []
    clock = JumpingClock()
    sandbox = MemoryServer(api_key="key", clock=clock)

    def hook(_: Attempt) -> None:
        for call in (postiz.quota, postiz.open):
            try:
                call()
            except UsageError as error:
                found.append(error)

    postiz = Postiz(
        api_key="key",
        base_url="http://sandbox.invalid",
        advanced=AdvancedOptions(clock=clock, transport=SandboxTransport(sandbox), on_attempt=hook),
    )
    with postiz:
        assert postiz.channels.list() == []
    assert len(found) == 2
    assert all("A hook runs in the event loop" in str(error) for error in found)


def test_a_function_that_nobody_would_await_is_refused(
    postiz: Postiz, channel: str, at: datetime, tmp_path: Path
) -> None:
    async def tell(*_: object) -> None: ...

    with pytest.raises(UsageError, match="given to this call is an `async def` function"):
        postiz.media.upload(b"", progress=tell)
    rows = [CampaignRow(channel=channel, at=at, content="a")]
    with (
        postiz.campaign(rows, journal=tmp_path / "j") as campaign,
        pytest.raises(UsageError, match="given to this call is an `async def` function"),
    ):
        campaign.run(tell)


def test_time_may_jump_in_tests() -> None:
    clock = JumpingClock()
    sandbox = MemoryServer(api_key="key", clock=clock, limit=2)
    channel = sandbox.add_channel("mastodon").id
    way = SandboxTransport(sandbox)
    with Postiz(
        api_key="key",
        base_url="http://sandbox.invalid",
        advanced=AdvancedOptions(clock=clock, transport=way),
    ) as postiz:
        from datetime import UTC, datetime, timedelta  # noqa: PLC0415

        at = datetime.fromtimestamp(clock.time(), UTC) + timedelta(days=1)
        for number in range(3):
            postiz.posts.draft(NewPost(channel, f"post {number}"), at=at)
    assert clock.monotonic() >= 3600


async def test_it_works_in_the_thread_of_a_running_loop(postiz: Postiz, channel: str) -> None:
    asyncio.get_running_loop()
    assert [each.id for each in postiz.channels.list()] == [channel]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_process_is_told_to_open_its_own(postiz: Postiz, channel: str) -> None:
    unopened = Postiz(api_key="key", base_url=postiz.base_url)
    iterator = postiz.quota_changes()
    next(iterator)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        said = "nothing"
        try:
            try:
                postiz.channels.list()
            except ConfigurationError as error:
                said = str(error)
            del iterator
            postiz.close()
            try:
                postiz.open()
            except ConfigurationError as error:
                said += str(error)
            unopened.quota()
            unopened.close()
            said += " done"
        except BaseException as error:  # noqa: BLE001
            said = repr(error)
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    assert said.count("before the fork") == 2, said
    assert said.endswith("done"), said
    assert [each.id for each in postiz.channels.list()] == [channel]


# ------------------------------------------------------------------ clients that nobody closes


def test_a_client_that_is_dropped_is_closed() -> None:
    postiz = Postiz(**NOWHERE).open()
    client = postiz._target
    with pytest.warns(ResourceWarning, match="was not closed"):
        del postiz
    while client.is_open:
        time.sleep(0.001)


END = """
import sys, threading
from contextlib import suppress
from postiz_async import ConfigurationError
from postiz_async.blocking import Postiz, _proxy
postiz = Postiz(api_key="key", base_url="http://127.0.0.1:9", outbox=sys.argv[1])
postiz.quota()
def wait():
    with suppress(ConfigurationError):
        for _ in postiz.posts.watch():
            pass
threading.Thread(target=wait, daemon=True).start()
print("done")
"""


@pytest.mark.parametrize("options", [[], ["-X", "dev"]])
def test_a_program_that_forgets_to_close_ends(options: list[str], tmp_path: Path) -> None:
    command = [sys.executable, *options, "-c", END, str(tmp_path / "outbox.sqlite")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout == "done\n"
    assert done.stderr.count("was not closed") == len(options) // 2
    assert "Traceback" not in done.stderr
    assert options or not done.stderr


def test_threads_that_call_while_others_close_all_end() -> None:
    for _ in range(5):
        postiz = Postiz(**NOWHERE)
        gate = threading.Barrier(9)

        def call(postiz: Postiz = postiz, gate: threading.Barrier = gate) -> Exception:
            gate.wait(PATIENCE)
            try:
                while True:
                    next(postiz.quota_changes())
            except ConfigurationError as error:
                return error

        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(call) for _ in range(8)]
            closers = [threading.Thread(target=postiz.close) for _ in range(2)]
            gate.wait(PATIENCE)
            for closer in closers:
                closer.start()
            assert all(each.result(PATIENCE) for each in calls)
        for closer in closers:
            closer.join(PATIENCE)
