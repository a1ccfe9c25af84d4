"""Applications served by a real uvicorn, in this process or in workers of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from aiohttp import ClientError, ClientSession, TCPConnector
from ports import own_port
from processes import PATIENCE, child_environment

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from pathlib import Path

    from fastapi import FastAPI


_ATTEMPTS = 5


def _session(port: int) -> ClientSession:
    """Each request has its own connection: uvicorn closes idle ones after 5 s, which is also how
    long a handler waits, so that a POST may meet one that is being closed."""
    return ClientSession(f"http://127.0.0.1:{port}", connector=TCPConnector(force_close=True))


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncGenerator[ClientSession]:
    """A session whose base is the application, served on loopback in this event loop."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", ws="none"))
    task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        while not server.started:
            await asyncio.sleep(0.005)
            if task.done():
                raise AssertionError("uvicorn did not start")
        port = sock.getsockname()[1]
        async with _session(port) as session:
            yield session
    finally:
        server.should_exit = True
        await task
        sock.close()


@asynccontextmanager
async def workers(
    folder: Path, count: int, home: Path, environment: Mapping[str, str]
) -> AsyncGenerator[ClientSession]:
    """The same for `app` in `app.py` of a folder, served by so many worker processes."""
    command = (sys.executable, "-m", "uvicorn", "app:app", "--app-dir", str(folder))
    command += ("--workers", str(count), "--log-level", "warning", "--port")
    patient = {"UVICORN_TIMEOUT_WORKER_HEALTHCHECK": "60"}  # a worker is killed after 5 s otherwise
    variables = child_environment(home, {**patient, **environment})
    for _ in range(_ATTEMPTS):
        port = own_port()
        process = await asyncio.create_subprocess_exec(
            *(*command, str(port)), env=variables, start_new_session=True
        )
        try:
            async with _session(port) as session:
                if not await _is_up(session, process):
                    continue  # somebody else took the port meanwhile
                yield session
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(PATIENCE):
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return
    raise AssertionError("uvicorn ended")


async def _is_up(session: ClientSession, process: asyncio.subprocess.Process) -> bool:
    """Whether it answers before it ends."""
    async with asyncio.timeout(PATIENCE):
        while process.returncode is None:
            try:
                async with session.get("/health"):
                    return process.returncode is None
            except ClientError:
                await asyncio.sleep(0.05)
    return False


async def call(session: ClientSession, method: str, path: str, **options: Any) -> tuple[int, Any]:
    """Status and JSON of an answer."""
    async with session.request(method, path, **options) as answer:
        return answer.status, await answer.json() if answer.status != 204 else None
