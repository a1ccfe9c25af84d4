"""`serve_sandbox`: a sandbox in a thread, and what tests say to it from theirs."""

from __future__ import annotations

import asyncio
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from typing import TYPE_CHECKING, ClassVar

import pytest
from processes import PATIENCE

from postiz_async import AdvancedOptions, NewPost, Postiz, QuotaWaitError, UsageError
from postiz_async.testing import Fault, serve_sandbox

if TYPE_CHECKING:
    from postiz_async.testing import SandboxServer


def client_of(server: SandboxServer, organization: str | None = None) -> Postiz:
    said = server.environment(organization)
    return Postiz(api_key=said["POSTIZ_API_KEY"], base_url=said["POSTIZ_API_URL"])


@pytest.mark.postiz(channels=["mastodon"], organizations=["acme", "globex"])
async def test_what_happens_is_said_from_another_thread(
    postiz_sandbox_server: SandboxServer,
) -> None:
    channel = postiz_sandbox_server.channel("mastodon")
    async with (
        client_of(postiz_sandbox_server) as acme,
        client_of(postiz_sandbox_server, "globex") as globex,
    ):
        await acme.posts.schedule(NewPost(channel, "Hello"), at=postiz_sandbox_server.in_an_hour())
        (published,) = postiz_sandbox_server.publish()
        postiz_sandbox_server.lock_out("globex")
        theirs = NewPost(postiz_sandbox_server.channel("mastodon", organization="globex"), "Hello")
        with pytest.raises(QuotaWaitError):
            await globex.with_options(max_wait=1).posts.schedule(
                theirs, at=postiz_sandbox_server.in_an_hour()
            )
    assert published.state == "PUBLISHED"
    assert (len(postiz_sandbox_server.posts), postiz_sandbox_server.refusals) == (1, 1)


class ChannelId(str):
    """An id that notes in which threads it was put into a set."""

    hashed_in: ClassVar[set[int]] = set()
    __slots__ = ()

    def __hash__(self) -> int:
        self.hashed_in.add(threading.get_ident())
        return super().__hash__()


def test_the_work_is_done_in_the_thread_of_the_server(postiz_sandbox_server: SandboxServer) -> None:
    """So that nothing is changed under a request; also when many threads ask at once."""
    with ThreadPoolExecutor(8) as pool:
        names = [f"organisation {number}" for number in range(40)]
        made = list(pool.map(postiz_sandbox_server.add_organization, names))
        hook = partial(postiz_sandbox_server.add_webhook, "http://127.0.0.1/")
        list(pool.map(hook, map(ChannelId, names)))
    assert len({each.api_key for each in made}) == 40
    assert len(ChannelId.hashed_in) == 1
    assert threading.get_ident() not in ChannelId.hashed_in


def test_what_goes_wrong_in_the_thread_is_raised_here(postiz_sandbox_server: SandboxServer) -> None:
    with pytest.raises(ValueError, match="no provider 'nowhere'"):
        postiz_sandbox_server.add_channel("nowhere")
    postiz_sandbox_server.add_fault(Fault("reset"))
    assert len(postiz_sandbox_server.faults) == 1


def test_a_server_for_a_module_of_tests() -> None:
    with serve_sandbox(api_key="mine", channels="all") as server:
        assert server.environment() == {"POSTIZ_API_URL": server.url, "POSTIZ_API_KEY": "mine"}
        assert server.organization.name == "Organisation 1"
        assert server.channel("bluesky").name == "My bluesky"


@pytest.mark.postiz(channels=["x"], start=datetime(2027, 1, 14, 9, tzinfo=UTC), speed=900)
async def test_a_clock_of_its_own_that_clients_share(postiz_sandbox_server: SandboxServer) -> None:
    """A wait of a quarter of an hour takes a second of the machine.

    That it was refused is not asked: on a machine that stands still for this second it is not.
    """
    clock = postiz_sandbox_server.clock
    free_at = clock.monotonic() + 900
    postiz_sandbox_server.lock_out(seconds=900)
    assert postiz_sandbox_server.in_an_hour().year == 2027
    assert postiz_sandbox_server.environment()["POSTIZ_SANDBOX_CLOCK"] == "1"
    options = {"api_key": postiz_sandbox_server.api_key, "base_url": postiz_sandbox_server.url}
    async with Postiz(advanced=AdvancedOptions(clock=clock), **options) as postiz:
        post = NewPost(postiz_sandbox_server.channel("x"), "Hello")
        await postiz.posts.schedule(post, at=postiz_sandbox_server.in_an_hour())
        assert clock.monotonic() >= free_at


def test_a_webhook_is_called_when_a_post_is_published(postiz_sandbox_server: SandboxServer) -> None:
    called: Queue[str] = Queue()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            called.put(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Listener) as listener:
        thread = threading.Thread(target=listener.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{listener.server_port}/hook"
        postiz_sandbox_server.add_webhook(url)
        channel = postiz_sandbox_server.add_channel("mastodon")
        asyncio.run(store(postiz_sandbox_server, NewPost(channel, "Hello")))
        assert called.empty()
        postiz_sandbox_server.publish()
        assert called.get(timeout=PATIENCE) == "/hook"
        thread.join(PATIENCE)


async def store(server: SandboxServer, post: NewPost) -> None:
    async with client_of(server) as postiz:
        await postiz.posts.schedule(post, at=server.in_an_hour())


async def test_a_short_window_is_waited_for_by_a_client_as_it_is() -> None:
    with serve_sandbox(limit=1, window=timedelta(seconds=1), channels=["mastodon"]) as server:
        post = NewPost(server.channel("mastodon"), "Hello")
        async with client_of(server) as postiz:
            for _ in range(2):
                await postiz.posts.schedule(post, at=server.in_an_hour())
        assert (len(server.posts), server.refusals) == (2, 0)


@pytest.mark.parametrize("window", [0, -1, math.inf, "5"])
def test_a_window_that_is_no_time_is_refused(window: float) -> None:
    with pytest.raises(UsageError, match="window is"), serve_sandbox(window=window):
        pass
