"""An MCP server: tools with which agents use Postiz, exactly and within their scopes.

    allow = ["read", "draft", "schedule"]
    async with Postiz(store="postiz.sqlite", allow=allow) as postiz:
        await serve_stdio(postiz, McpOptions(allow=allow))

`postiz-async mcp` does this. Work that costs a create request, or that touches several posts, is
planned first and carried out by a second call with the id of the plan. Creates have idempotency
keys, made of what they say: however often a call is repeated, and from whichever process, its posts
are stored once.
"""

from __future__ import annotations

from postiz_async._extras import importing

with importing("mcp", __name__):
    from postiz_async.contrib.mcp._server import http_app, make_server, serve_http, serve_stdio
from postiz_async.contrib.mcp._desk import McpOptions

__all__ = ["McpOptions", "http_app", "make_server", "serve_http", "serve_stdio"]
