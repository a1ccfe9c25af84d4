"""The command `mcp`: a server of tools for agents."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from typing import Annotated

from cyclopts import Parameter
from cyclopts.types import ExistingDirectory

from postiz_async import OutboxOptions, Secret
from postiz_async._cli.connection import Connection, find_target, open_client, state_folder, zone_of
from postiz_async._cli.options import store_of
from postiz_async._wire import SCOPES, checked_allow
from postiz_async.errors import ConfigurationError, Scope

_HOST = "127.0.0.1"


async def mcp(
    *,
    allow: str = "read,draft",
    channel: list[str] | None = None,
    most_posts_a_day: int | None = None,
    media_root: ExistingDirectory | None = None,
    max_wait: float = 20.0,
    store: Annotated[Secret | None, Parameter(accepts_keys=False)] = None,
    schema: str = "postiz_async",
    http: int | None = None,
    connection: Connection = Connection(),
) -> None:
    """Serve tools for agents (MCP), on standard input or over HTTP.

    Needs the extra mcp. See docs/agents.md.

    Args:
        allow: Scopes of the tools, with commas: read, draft, schedule, publish, update, delete,
            media.
        channel: Only this channel: id, name or provider; can be repeated.
        most_posts_a_day: Refuse posts beyond this number on one day (UTC).
        media_root: The folder below which files may be uploaded; by default none.
        max_wait: Seconds that a call waits for the quota; then its posts go to the outbox.
        store: Where quota, keys and outbox are kept: a file, or postgresql://...; else
            POSTIZ_STORE, else a file of this user's commands.
        schema: The schema of its tables in PostgreSQL.
        http: Serve HTTP on this port of 127.0.0.1 (0: any), with the token of POSTIZ_MCP_TOKEN,
            else one that is printed.
    """
    try:
        from postiz_async.contrib.mcp import (  # noqa: PLC0415
            McpOptions,
            http_app,
            serve_http,
            serve_stdio,
        )
    except ImportError as error:  # which names the extra
        raise ConfigurationError(str(error)) from None
    target = find_target(connection)
    scopes: list[Scope] = [each for each in SCOPES if each in allow.replace(",", " ").split()]
    wrong = [each for each in allow.replace(",", " ").split() if each not in SCOPES]
    if wrong:
        raise ConfigurationError(f"--allow has {wrong[0]!r}; the scopes are {', '.join(SCOPES)}.")
    allowed = checked_allow(scopes, "--allow of postiz-async mcp")
    options = McpOptions(
        allow=scopes,
        channels=channel or (),
        most_posts_a_day=most_posts_a_day,
        media_root=media_root,
        max_wait=max_wait,
        timezone=zone_of(connection),
    )
    place = store_of(store) or Secret(str(state_folder() / "quota.sqlite"))
    outbox = OutboxOptions(place, schema=schema)
    opening = open_client(target, store=place, schema=schema, outbox=outbox, allowed=allowed)
    async with opening as postiz:
        if channel:
            await postiz.channels.find(*channel)  # refuses what is not there before anyone calls
        if http is None:
            await serve_stdio(postiz, options)
            return
        token = Secret(os.environ.get("POSTIZ_MCP_TOKEN", "") or secrets.token_urlsafe(24))
        with socket.create_server((_HOST, http)) as listener:
            print(f"http://{_HOST}:{listener.getsockname()[1]}/mcp", file=sys.stderr)
            if not os.environ.get("POSTIZ_MCP_TOKEN"):
                print(f"Authorization: Bearer {token.reveal()}", file=sys.stderr)
            await serve_http(http_app(postiz, options, token=token), listener)
