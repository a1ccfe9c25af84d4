"""`postiz-async mcp` as a process: over pipes, over HTTP, killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_lab import Agent, parameters
from processes import COMMAND, PATIENCE, child_environment, ended

from postiz_async.testing import Fault, SandboxServer, serve_sandbox

KEY = "pk-1f6d2a90c7e84b55"
POST = {"channel": "mastodon", "text": "Hello"}


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with serve_sandbox(api_key=KEY, channels=["mastodon"]) as made:
        yield made


def tomorrow(server: SandboxServer) -> str:
    day = datetime.fromtimestamp(server.clock.time(), UTC) + timedelta(days=20)
    return day.replace(microsecond=0).isoformat()


async def test_two_over_pipes_on_one_store_with_the_scopes_that_are_given(
    server: SandboxServer, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    options = ("--allow", "read,draft,schedule", "--max-wait", str(PATIENCE))
    run = parameters(server, tmp_path, *options, log=log)
    async with Client(run) as client, Client(run) as other:
        each, at = Agent(client), tomorrow(server)
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert "schedule" in names
        assert "delete" not in names
        assert (await each.call("channels"))["channels"][0]["provider"] == "mastodon"
        done = await each.done("schedule", posts=[POST], at=at)
        assert done["state"] == "stored"
        again = await Agent(other).done("schedule", posts=[POST], at=at)
        assert again["posts"] == done["posts"]
        said = await each.fails("draft", posts=[{**POST, "text": "a" * 10_000_000}], at=at)
        assert "262,144 bytes" in said
        seen = str([await each.call(name) for name in ("channels", "quota", "list_posts")])
        server.add_fault(Fault("error_before", route="list_posts", times=None, status=401))
        seen += await each.fails("list_posts")
    seen += log.read_text(encoding="utf-8") + str(done)
    assert KEY not in seen
    assert len(server.posts) == 1


@pytest.fixture
def served(server: SandboxServer, tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a server over HTTP, and the header that it wants."""
    environment = child_environment(tmp_path, server.environment())
    command = [*COMMAND, "mcp", "--http", "0"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    with ended(process):
        assert process.stderr is not None
        url = process.stderr.readline().strip()
        name, _, value = process.stderr.readline().strip().partition(": ")
        yield url, {name: value}


async def test_over_http_with_a_token(
    server: SandboxServer, served: tuple[str, dict[str, str]]
) -> None:
    url, header = served
    assert url.startswith("http://127.0.0.1:")
    async with httpx2.AsyncClient(timeout=PATIENCE) as plain:
        for headers, status in (
            ({}, 401),
            ({"Authorization": "Bearer no"}, 401),
            ({**header, "Host": "evil.example.com"}, 421),
            ({**header, "Origin": "https://evil.example.com"}, 403),
        ):
            assert (await plain.post(url, json={}, headers=headers)).status_code == status
    async with (
        httpx2.AsyncClient(headers=header, timeout=PATIENCE) as allowed,
        Client(streamable_http_client(url, http_client=allowed)) as client,
    ):
        tools = (await client.list_tools()).tools  # by default
        assert [t.name for t in tools if not t.annotations.read_only_hint] == ["draft", "confirm"]
        done = await Agent(client).done("draft", posts=[POST], at=tomorrow(server))
        assert done["state"] == "stored"
    assert len(server.posts) == 1


@pytest.mark.exhaustive
async def test_a_call_that_is_given_up_loses_nothing(tmp_path: Path) -> None:
    options = ("--allow", "read,schedule,delete", "--max-wait", "3000")
    with serve_sandbox(api_key=KEY, channels=["mastodon"]) as server:
        server.lock_out()
        async with Client(parameters(server, tmp_path, *options)) as client:
            each, at = Agent(client), tomorrow(server)
            for _ in range(2):
                plan = await each.call("schedule", posts=[POST], at=at)
                with pytest.raises(MCPError):
                    await client.call_tool("confirm", {"plan": plan["plan"]}, 2.0)
        async with Client(parameters(server, tmp_path, *options[:2], "--max-wait", "0")) as client:
            kept = await Agent(client).done("schedule", posts=[POST], at=at)
            assert kept["state"] == "planned"
            assert (await Agent(client).call("withdraw", ticket=kept["ticket"]))["withdrawn"]
        assert not server.posts


@pytest.fixture
def fast_server() -> Iterator[SandboxServer]:
    """What was lost is looked up soon; a plan lives for ten seconds."""
    with serve_sandbox(api_key=KEY, channels=["mastodon"], speed=60) as made:
        yield made


@pytest.mark.exhaustive
async def test_a_killed_process_doubles_and_loses_nothing(
    fast_server: SandboxServer, tmp_path: Path
) -> None:
    """Each call is repeated until it is answered, by the next process."""
    server, loop = fast_server, asyncio.get_running_loop()
    server.add_fault(Fault("drop_answer", route="create_post", times=None, probability=0.3))
    pid = tmp_path / "pid"
    run = parameters(server, tmp_path, "--allow", "read,draft,schedule")
    script = ["-c", f'echo $$ > {pid}; exec "$@"', "sh", run.command]
    run = run.model_copy(update={"command": "sh", "args": [*script, *run.args]})
    at, texts = tomorrow(server), [f"Post {number}" for number in range(4)]
    for place, text in enumerate(texts):
        tool = "draft" if place % 2 else "schedule"
        is_stored, kills = False, 0
        for attempt in range(100):
            with suppress(ExceptionGroup, MCPError), ExitStack() as stack:
                async with Client(run, read_timeout_seconds=PATIENCE) as client:
                    plan = await Agent(client).call(tool, posts=[{**POST, "text": text}], at=at)
                    if attempt < 2:
                        later, kills = 0.02 + 0.05 * place * (attempt + 1), kills + 1
                        dying = loop.call_later(later, kill, pid)
                        stack.callback(dying.cancel)  # not the next one, or a stranger
                    done = await client.call_tool("confirm", {"plan": plan["plan"]})
                    said = done.structured_content or {}
                    is_stored = not done.is_error and said["state"] == "stored"
            if is_stored and kills == 2:
                break
        else:
            pytest.fail(f"{text} was never stored")
    assert sorted(post.content for post in server.posts) == texts


def kill(pid: Path) -> None:
    with suppress(ProcessLookupError):
        os.kill(int(pid.read_text(encoding="utf-8")), signal.SIGKILL)
