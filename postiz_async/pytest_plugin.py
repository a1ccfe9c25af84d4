"""Fixtures for the tests of programs that use this library.

* `postiz_sandbox`: a Postiz in memory, on a clock that jumps (`postiz_async.testing.LocalPostiz`).
* `postiz_server`: a Postiz over HTTP on loopback (`ServedPostiz`), for programs that make their own
  client or are not asynchronous.

Each test begins as a new process does, with an unknown quota.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from postiz_async._sandbox import Sandbox
    from postiz_async.testing import LocalPostiz

__all__ = ["ServedPostiz", "postiz_sandbox", "postiz_server"]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Forget what the clients of a test learnt: the next one's server may have the same address."""
    if "postiz_async.stores._local_ledger" not in sys.modules:
        return
    from postiz_async.clock import SystemClock  # noqa: PLC0415  (only when it is used)
    from postiz_async.stores._local_ledger import ledgers_of_process  # noqa: PLC0415

    ledgers_of_process(SystemClock()).forget()


@dataclass(frozen=True, slots=True)
class ServedPostiz:
    """A sandbox that a thread serves: `Postiz(api_key=server.api_key, base_url=server.url)`."""

    url: str
    api_key: str
    sandbox: Sandbox


@pytest.fixture
def postiz_sandbox() -> LocalPostiz:
    """A Postiz in memory with 30 creates an hour and no channel."""
    from postiz_async.testing import LocalPostiz  # noqa: PLC0415  (only when it is used)

    return LocalPostiz()


@pytest.fixture
def postiz_server() -> Generator[ServedPostiz]:
    """A Postiz over HTTP with 30 creates an hour and no channel."""
    import anyio.to_thread  # noqa: PLC0415  (only when it is used)

    from postiz_async._sandbox import Sandbox  # noqa: PLC0415
    from postiz_async._sandbox.http import serve  # noqa: PLC0415

    sandbox = Sandbox(limit=30)
    ready, leave = threading.Event(), threading.Event()
    urls: list[str] = []

    async def run() -> None:
        async with sandbox, serve(sandbox) as served:
            urls.append(served.url)
            ready.set()
            await anyio.to_thread.run_sync(leave.wait)

    thread = threading.Thread(target=anyio.run, args=(run,), name="postiz_server")
    thread.start()
    try:
        if not ready.wait(10):
            pytest.fail("the sandbox did not start within 10 s")
        yield ServedPostiz(urls[0], sandbox.organization.api_key, sandbox)
    finally:
        leave.set()
        thread.join(10)
