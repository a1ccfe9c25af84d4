"""A client of the SDK, connected to a server of ours."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp import Client
from mcp.client.stdio import StdioServerParameters
from processes import COMMAND, child_environment

from postiz_async.contrib.mcp import McpOptions, make_server
from postiz_async.testing import Sandbox, SandboxServer

if TYPE_CHECKING:
    from postiz_async.types import Scope

START = datetime(2027, 1, 1, 8, tzinfo=UTC)
AT = (START + timedelta(days=1)).isoformat()
ALL: tuple[Scope, ...] = ("read", "draft", "schedule", "publish", "update", "delete", "media")


class Agent:
    """Calls tools, and looks at what each answers."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, *, fails: bool = False, **arguments: Any) -> dict[str, Any]:
        """Call a tool that succeeds, or one that fails."""
        result = await self.client.call_tool(tool, arguments)
        assert result.is_error is fails, result
        [text] = result.content
        assert "\n" not in text.text
        assert "Traceback" not in text.text
        assert isinstance(result.structured_content, dict)
        return result.structured_content

    async def fails(self, tool: str, **arguments: Any) -> str:
        """Call a tool that fails; return its message."""
        return str((await self.call(tool, fails=True, **arguments))["message"])

    async def done(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Plan work and carry it out."""
        return await self.confirm(await self.call(tool, **arguments))

    async def confirm(self, plan: dict[str, Any], *, fails: bool = False) -> dict[str, Any]:
        """Carry out a plan, which succeeds or fails."""
        return await self.call("confirm", plan=plan["plan"], fails=fails)


def sandbox() -> Sandbox:
    return Sandbox(start=START, channels=("mastodon", "x"))


@asynccontextmanager
async def agent(
    local: Sandbox, store: Path, allow: tuple[Scope, ...] = ALL, **options: Any
) -> AsyncGenerator[Agent]:
    async with local.client(store=store, allow=allow) as postiz:
        server = make_server(postiz, McpOptions(allow=allow, **options))
        async with Client(server) as client:
            yield Agent(client)


def parameters(
    server: SandboxServer, home: Path, *options: str, log: Path | None = None
) -> StdioServerParameters:
    """`postiz-async mcp` as a process of its own, over standard input and output."""
    environment = child_environment(home, server.environment())
    command = [*COMMAND, "mcp", *options]
    if log is not None:  # what it says besides
        command = ["sh", "-c", f'exec "$@" 2>>{log}', "sh", *command]
    return StdioServerParameters(command=command[0], args=command[1:], env=environment)
