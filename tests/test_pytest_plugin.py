"""The fixtures that users get with the package."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from processes import PATIENCE, PYTHON, child_environment
from spread import spread

from postiz_async import NewPost, Postiz, webhooks
from postiz_async._sandbox import Fault
from postiz_async.errors import APIResponseValidationError
from postiz_async.testing import Sandbox, SandboxServer


def run_pytest(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Tests in a process of their own, with no plugin but ours and what the options name."""
    (folder / "test_mine.py").write_text(text, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    plugins = ("-p", "postiz_async.pytest_plugin", "-p", "no:cacheprovider")
    return subprocess.run(
        [*PYTHON, "-m", "pytest", "-q", *plugins, *options],
        cwd=folder,
        env=child_environment(folder, alone),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


async def test_an_hour_passes_at_once(postiz_sandbox: Sandbox) -> None:
    channel = postiz_sandbox.add_channel("mastodon")
    started = postiz_sandbox.clock.monotonic()
    async with postiz_sandbox.client(latency=0.2) as postiz:
        at = postiz_sandbox.in_an_hour()
        for number in range(31):
            await postiz.posts.draft(NewPost(channel, f"post {number}"), at=at)
    assert len(postiz_sandbox.posts) == 31
    assert postiz_sandbox.refusals == 0
    assert postiz_sandbox.clock.monotonic() - started > 3600


async def test_two_clients_of_one_sandbox(postiz_sandbox: Sandbox) -> None:
    postiz_sandbox.add_channel("mastodon")
    async with postiz_sandbox.client() as one, postiz_sandbox.client() as two:
        assert await one.channels.list() == await two.channels.list()


async def test_who_leaves_first_does_not_end_the_work_of_the_others(
    postiz_sandbox: Sandbox,
) -> None:
    channel = postiz_sandbox.add_channel("mastodon")
    clock, at = postiz_sandbox.clock, postiz_sandbox.in_an_hour()
    async with postiz_sandbox.client() as one, AsyncExitStack() as stack:
        # opened after `one`, and still at work when it closes
        two = await stack.enter_async_context(postiz_sandbox.client())
        post = NewPost(channel, "slow")
        postiz_sandbox.add_fault(Fault("late_work", route="create_post", delay=5.0))
        work = asyncio.create_task(two.posts.schedule(post, at=at))
        await clock.sleep(1.0)
        others = stack.pop_all()
    assert not one.is_open
    async with others:
        await work
    assert len(postiz_sandbox.posts) == 1


async def test_a_server_in_another_thread(postiz_sandbox_server: SandboxServer) -> None:
    channel = postiz_sandbox_server.add_channel("telegram")
    async with Postiz(
        api_key=postiz_sandbox_server.api_key, base_url=postiz_sandbox_server.url
    ) as postiz:
        assert [each.id for each in await postiz.channels.list()] == [channel.id]


@pytest.mark.postiz(limit=2, channels="all")
class TestMarked:
    """The nearest marker holds, and of those further away what it says nothing of."""

    @pytest.mark.postiz(limit=1, organizations=["acme", "globex"])
    async def test_in_memory(self, postiz_sandbox: Sandbox) -> None:
        theirs = postiz_sandbox.channel("x", organization="globex")
        assert theirs != postiz_sandbox.channel("x")
        assert postiz_sandbox.organization.name == "acme"
        began = postiz_sandbox.clock.monotonic()
        async with postiz_sandbox.client() as postiz:
            for number in range(2):
                post = NewPost(postiz_sandbox.channel("mastodon"), f"post {number}")
                await postiz.posts.schedule(post, at=postiz_sandbox.in_an_hour())
        assert postiz_sandbox.clock.monotonic() - began >= 3600

    async def test_served(self, postiz_sandbox_server: SandboxServer) -> None:
        async with Postiz(
            api_key=postiz_sandbox_server.api_key, base_url=postiz_sandbox_server.url
        ) as postiz:
            post = NewPost(postiz_sandbox_server.channel("mastodon"), "Hello")
            await postiz.posts.schedule(post, at=postiz_sandbox_server.in_an_hour())
            assert (await postiz.quota()).limit == 2


def test_the_plugin_loads_nothing_heavy() -> None:
    code = (
        "import sys, postiz_async.pytest_plugin;"
        "heavy = {'aiohttp', 'msgspec', 'anyio', 'rich'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_webhook_deliveries() -> None:
    assert webhooks.parse(b"[]") == []
    (post,) = webhooks.parse(
        b'[{"id":"p1","content":"<p>x</p>","publishDate":"2026-02-06T13:09:00.000Z",'
        b'"releaseURL":null,"state":"PUBLISHED","integration":{"id":"c1","name":"n",'
        b'"providerIdentifier":"x","picture":null,"type":"social"},"new":1}]'
    )
    assert post.channel is not None
    assert (post.id, post.state, post.channel.provider) == ("p1", "PUBLISHED", "x")
    for body in (b"", b"{}", b"[1]", b"\xff", b"[" * 100_000):
        with pytest.raises(APIResponseValidationError):
            webhooks.parse(body)


MISTAKEN = """
import pytest

@pytest.mark.postiz("all")
def test_without_a_name(postiz_sandbox): ...

@pytest.mark.postiz(chanels="all")
def test_with_a_wrong_name(postiz_sandbox): ...

@pytest.mark.postiz(channels="mastodn")
def test_of_no_provider(postiz_sandbox): ...

@pytest.mark.postiz(start="today")
def test_of_no_moment(postiz_sandbox_server): ...

@pytest.mark.postiz(speed=600)
def test_of_another_fixture(postiz_sandbox): ...
"""


def test_a_mistaken_marker_is_told_in_a_line(tmp_path: Path) -> None:
    said = run_pytest(tmp_path, MISTAKEN, "--strict-markers").stdout
    assert "takes names: channels='all'" in said
    assert "postiz_sandbox takes no 'chanels', but limit, api_key, release, start, " in said
    assert "postiz_sandbox takes no 'speed', but limit, api_key, release, start, " in said
    assert "Traceback" not in said
    assert "@pytest.mark.postiz: This release of Postiz has no provider 'mastodn'; did you" in said
    assert "@pytest.mark.postiz: start must be a datetime with a time zone, as datetime" in said
    assert "5 errors" in said
    assert "pytest_plugin.py" not in said


CLIENT = """
import pytest
from postiz_async import NewPost, Postiz

{mark}

@pytest.mark.postiz(channels=["mastodon"])
async def test_a_client(postiz, postiz_sandbox):
    await postiz.posts.schedule(NewPost("mastodon", "Hello"), at=postiz_sandbox.in_an_hour())
    assert [post.content for post in postiz_sandbox.posts] == ["Hello"]

@pytest.mark.postiz(organizations=["acme"])
async def test_a_client_of_the_first_organization(postiz):
    assert isinstance(postiz, Postiz) and postiz.is_open
    assert await postiz.channels.list() == []
"""
ASYNCIO = ("-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function")
ANYIO = "pytestmark = pytest.mark.anyio\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'"


@pytest.mark.parametrize(
    ("mark", "options"),
    spread(
        [
            ("", (*ASYNCIO, "-o", "asyncio_mode=auto")),
            ("pytestmark = pytest.mark.asyncio", ASYNCIO),
            (ANYIO, ("-p", "anyio")),
            (ANYIO, ("-p", "anyio", *ASYNCIO)),
        ],
        every=2,
    ),
)
def test_a_client_in_each_mode(tmp_path: Path, mark: str, options: tuple[str, ...]) -> None:
    said = run_pytest(tmp_path, CLIENT.format(mark=mark), *options).stdout
    assert "2 passed" in said, said


def test_a_client_without_a_plugin_for_asynchronous_tests(tmp_path: Path) -> None:
    said = run_pytest(tmp_path, "def test_a_client(postiz): ...").stdout
    assert "postiz needs pytest-asyncio, or a test marked anyio" in said
    assert "pytest_plugin.py" not in said
