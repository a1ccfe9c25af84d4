"""The MCP server: the size of its definitions, its start, and posts of a process that is killed.

Claim: all definitions of tools take at most 2,839 tokens (o200k, npm `gpt-tokenizer`); in 200 calls
of tools with a fifth of all answers of Postiz lost, and the server killed fifty times, each call
repeated until it is answered, each post is stored once; and the scenarios of npm
`@modelcontextprotocol/conformance` pass that concern a server of tools. The start to the first
answer is measured beside npm `postiz-mcp`, where `--npm` has it. Run:
python benchmarks/agents.py                            (three minutes; tokens need --npm)
npm install --prefix /tmp/npm gpt-tokenizer @modelcontextprotocol/conformance node@22
python benchmarks/agents.py --npm /tmp/npm
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from figures import CHILD_ENVIRONMENT, Figure, note, skip
from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters

from postiz_async import Postiz
from postiz_async.contrib.mcp import McpOptions, http_app, serve_http
from postiz_async.testing import Fault, SandboxServer, serve_sandbox

if TYPE_CHECKING:
    from postiz_async.errors import Scope

ALL: list[Scope] = ["read", "draft", "schedule", "publish", "update", "delete", "media"]
SCENARIOS = (
    "server-initialize",
    "ping",
    "tools-list",
    "tools-call-error",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
)
"""Those for what the server has: tools, and neither prompts nor resources."""
TOKENS = """
const {encode} = require("gpt-tokenizer/encoding/o200k_base");
console.log(encode(require("fs").readFileSync(0, "utf8")).length);
"""
SPEED = 120.0
PATIENCE = 240.0


def parameters(
    server: SandboxServer, home: Path, *, pid: Path | None = None
) -> StdioServerParameters:
    state = {"HOME": str(home), "XDG_STATE_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    environment = {**CHILD_ENVIRONMENT, **server.environment(), **state}
    command = [sys.executable, "-m", "postiz_async", "mcp", "--allow", ",".join(ALL)]
    if pid is not None:
        command = ["sh", "-c", f'echo $$ > {pid}; exec "$@" 2>/dev/null', "sh", *command]
    return StdioServerParameters(command=command[0], args=command[1:], env=environment)


async def definitions(run: StdioServerParameters) -> bytes:
    async with Client(run, read_timeout_seconds=PATIENCE) as client:
        tools = (await client.list_tools()).tools
    said = [tool.model_dump(mode="json", exclude_none=True, by_alias=True) for tool in tools]
    return msgspec.json.encode(said)


async def start(run: StdioServerParameters, rounds: int) -> float:
    """Seconds from the start of a process to its first answer, at the median."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        async with Client(run, read_timeout_seconds=PATIENCE) as client:
            await client.list_tools()
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


class Tally(msgspec.Struct):
    """What was done until each post was said to be stored."""

    calls: int = 0
    kills: int = 0
    errors: int = 0


async def killed(server: SandboxServer, home: Path, posts: int, kills: int, seed: int) -> Tally:
    """Create posts with a server that is killed, each until it is said to be stored."""
    chance, tally, pid = random.Random(seed), Tally(), home / "pid"
    run = parameters(server, home, pid=pid)
    day = datetime.fromtimestamp(server.clock.time(), UTC) + timedelta(days=60)
    at = day.replace(microsecond=0).isoformat()
    left = [(f"Post {n}", "draft" if n % 4 == 0 else "schedule") for n in range(posts)]
    while left or tally.kills < kills:
        with suppress(ExceptionGroup, MCPError):
            async with Client(run, read_timeout_seconds=PATIENCE) as client:
                if tally.kills < kills:
                    asyncio.get_running_loop().call_later(chance.uniform(0.0, 0.6), kill, pid)
                    tally.kills += 1
                for text, tool in list(left) or [("Post 0", "draft")]:
                    post = {"channel": "mastodon", "text": text}
                    plan = await client.call_tool(tool, {"posts": [post], "at": at})
                    tally.calls += 2
                    if plan.is_error or plan.structured_content is None:
                        tally.errors += 1
                        continue
                    done = await client.call_tool(
                        "confirm", {"plan": plan.structured_content["plan"]}
                    )
                    said = done.structured_content or {}
                    tally.errors += done.is_error
                    if said.get("state") == "stored" and (text, tool) in left:
                        left.remove((text, tool))
    return tally


def kill(pid: Path) -> None:
    with suppress(ProcessLookupError):
        os.kill(int(pid.read_text(encoding="utf-8")), signal.SIGKILL)


@contextlib.contextmanager
def over_http(home: Path) -> Iterator[str]:
    """The address of a server in a process of its own, for which no token is needed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, __file__, "--serve", str(port)]
    with subprocess.Popen(command, cwd=home, env=CHILD_ENVIRONMENT) as process:
        try:
            for _ in range(600):
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()


async def serve(port: int) -> None:
    with serve_sandbox(channels=["mastodon"]) as server, tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store.sqlite"
        key, url = server.api_key, server.url
        async with Postiz(api_key=key, base_url=url, store=store, allow=ALL) as postiz:
            with socket.create_server(("127.0.0.1", port)) as listener:
                await serve_http(http_app(postiz, McpOptions(allow=ALL)), listener)


def conformance(npm: Path, home: Path) -> list[str]:
    """The scenarios that fail."""
    script = npm / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    with over_http(home) as url:
        return [
            scenario
            for scenario in SCENARIOS
            if subprocess.run(
                [node(npm), script, "server", "--url", url, "--scenario", scenario],
                cwd=home,
                capture_output=True,
                timeout=PATIENCE,
                check=False,
            ).returncode
        ]


def node(npm: Path) -> str:
    own = npm / "node_modules" / "node" / "bin" / "node"
    return str(own) if own.exists() else "node"


def with_npm(npm: Path, said: bytes, home: Path) -> None:
    counting = [node(npm), "-e", TOKENS]
    counted = subprocess.run(counting, cwd=npm, input=said, capture_output=True, check=True)
    tokens = int(counted.stdout)
    print(f"{tokens:,} tokens")
    note(Figure(name="definitions, o200k", value=tokens, unit="tokens", target=2_839))
    failing = conformance(npm, home)
    print(f"conformance: {len(SCENARIOS) - len(failing)} of {len(SCENARIOS)} scenarios")
    note(Figure(name="scenarios that fail", value=len(failing), unit="scenarios", target=0))
    for scenario in failing:
        print(f"  fails: {scenario}")


async def beside(npm: Path, rounds: int, server: SandboxServer) -> tuple[float, int] | None:
    """The start of `postiz-mcp`, and the bytes of its definitions."""
    manifest = npm / "node_modules" / "postiz-mcp" / "package.json"
    if not manifest.exists():
        return None
    main = next(iter(json.loads(manifest.read_text())["bin"].values()))
    environment = {**CHILD_ENVIRONMENT, **server.environment()}
    script = str(manifest.parent / main)
    run = StdioServerParameters(command=node(npm), args=[script], env=environment)
    return await start(run, rounds), len(await definitions(run))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=100)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**16))
    parser.add_argument("--npm", type=Path, help="a folder with node_modules")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve))
        return
    print(f"seed {options.seed}", flush=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        serve_sandbox(channels=["mastodon"], limit=90, speed=SPEED) as server,
    ):
        home = Path(folder)
        run = parameters(server, home)
        said = asyncio.run(definitions(run))
        print(f"definitions of all tools: {len(said):,} bytes")
        note(Figure(name="definitions", value=len(said), unit="bytes"))
        ours = asyncio.run(start(run, options.rounds))
        print(f"start to the first answer: {ours:.2f} s")
        if options.npm is None:
            skip("tokens and conformance: they need --npm")
        else:
            with_npm(options.npm.resolve(), said, home)
            theirs = asyncio.run(beside(options.npm.resolve(), options.rounds, server))
            if theirs is None:
                skip("postiz-mcp: it is not below --npm")
            else:
                print(f"postiz-mcp: {theirs[0]:.2f} s, {theirs[1]:,} bytes")
        note(Figure(name="start to the first answer", value=ours, unit="s"))
        fault = Fault("drop_answer", route="create_post", times=None, probability=0.2)
        server.add_fault(fault)
        tally = asyncio.run(killed(server, home, options.posts, options.kills, options.seed))
        texts = [post.content for post in server.posts]
    wrong = options.posts - len(set(texts)), len(texts) - len(set(texts))
    print(f"{tally.calls} calls, {tally.kills} kills, {tally.errors} errors answered")
    print(f"{len(texts)} posts stored; lost: {wrong[0]}, doubled: {wrong[1]}")
    note(Figure(name="lost or doubled", value=sum(wrong), unit="posts", target=0))
    sys.exit(1 if any(wrong) else 0)


if __name__ == "__main__":
    main()
