"""Serves what a person may take for the API, and prints the addresses as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack

from aiohttp import web

from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve


async def page(_: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>Postiz</title>", content_type="text/html")


async def well(_: web.Request) -> web.Response:
    return web.Response(text="I am well, and no Postiz")


async def main(api_key: str) -> None:
    async with AsyncExitStack() as stack:
        container = await stack.enter_async_context(MemoryServer(api_key=api_key, base="container"))
        two = await stack.enter_async_context(MemoryServer(api_key=api_key))
        two.add_channel("mastodon")
        other = two.add_organization(api_key="the-key-of-somebody-else")
        two.add_channel("mastodon", organization=other)
        alike = await stack.enter_async_context(MemoryServer(api_key=api_key))
        for name in ("One", "Two"):
            alike.add_channel("mastodon", name=name)
        urls = {
            "two of a kind": (await stack.enter_async_context(serve(alike))).url,
            "container": (await stack.enter_async_context(serve(container))).url,
            "two organisations": (await stack.enter_async_context(serve(two))).url,
        }
        for name, handler in (("web page", page), ("another service", well)):
            application = web.Application()
            application.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(application)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            urls[name] = f"http://127.0.0.1:{runner.addresses[0][1]}"
        print(json.dumps(urls), flush=True)
        await asyncio.Event().wait()


asyncio.run(main(sys.argv[1]))
