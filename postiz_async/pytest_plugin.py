"""Fixtures for the tests of programs that use this library.

* `postiz_sandbox`: a Postiz in memory, on a clock that jumps (`postiz_async.testing.Sandbox`).
* `postiz`: an open client of it, in tests that pytest-asyncio or anyio runs.
* `postiz_sandbox_server`: a Postiz over HTTP on loopback (`postiz_async.testing.SandboxServer`),
  for programs that make their own client or are not asynchronous.

The marker `postiz` says how they begin: `@pytest.mark.postiz(limit=90, channels="all")`. Each test
begins as a new process does, with an unknown quota.
"""

from __future__ import annotations

import inspect
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from postiz_async._client import Postiz
    from postiz_async.testing import Sandbox, SandboxServer

__all__ = ["postiz", "postiz_sandbox", "postiz_sandbox_server"]

_MARKER = (
    "postiz(*, limit=30, channels=(), organizations=(), tags=(), release='HEAD', api_key=None, "
    "start=None, speed=1.0, window=3600.0): how postiz_sandbox and postiz_sandbox_server begin; "
    "speed and window are for the latter."
)
_OF_ASYNCIO = "postiz_of_asyncio"
_READS_FORMS = r"ignore:unread_data\(\) is deprecated:DeprecationWarning:aiohttp\.multipart"
"""Of a form that comes in pieces, which the sandbox reads."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known; aiohttp's own use of what it has deprecated is no fault of a test."""
    config.addinivalue_line("markers", _MARKER)
    config.addinivalue_line("filterwarnings", _READS_FORMS)
    plugins = config.pluginmanager
    if sys.modules.get("pytest_asyncio.plugin") in plugins.get_plugins():
        plugins.register(_fixtures_of_asyncio(), _OF_ASYNCIO)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Forget what the clients of a test learnt: the next one's server may have the same address."""
    if "postiz_async.stores._local_ledger" not in sys.modules:
        return
    from postiz_async.clock import SystemClock  # noqa: PLC0415  (only when it is used)
    from postiz_async.stores._local_ledger import ledgers_of_process  # noqa: PLC0415

    ledgers_of_process(SystemClock()).forget()


@pytest.fixture
def postiz(request: pytest.FixtureRequest) -> Postiz:
    """An open client of `postiz_sandbox`."""
    if "anyio_backend" in request.fixturenames:
        client: Postiz = request.getfixturevalue("_postiz_of_anyio")
    elif request.config.pluginmanager.hasplugin(_OF_ASYNCIO):
        client = request.getfixturevalue("_postiz_of_asyncio")
    else:
        pytest.fail("postiz needs pytest-asyncio, or a test marked anyio", pytrace=False)
    return client


@pytest.fixture
async def _postiz_of_anyio(postiz_sandbox: Sandbox) -> AsyncGenerator[Postiz]:
    async with postiz_sandbox.client() as client:
        yield client


def _fixtures_of_asyncio() -> object:
    """A plugin with the fixture that pytest-asyncio runs, in both of its modes."""
    import pytest_asyncio  # noqa: PLC0415  (only when it is used)

    class Fixtures:
        @pytest_asyncio.fixture
        async def _postiz_of_asyncio(self, postiz_sandbox: Sandbox) -> AsyncGenerator[Postiz]:
            async with postiz_sandbox.client() as client:
                yield client

    return Fixtures()


@pytest.fixture
def postiz_sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """A Postiz in memory with 30 creates an hour and no channel, unless the marker says more."""
    from postiz_async.testing import Sandbox  # noqa: PLC0415  (only when it is used)

    said = _said(request, Sandbox)
    with _mistakes_told():
        return Sandbox(**said)


@pytest.fixture
def postiz_sandbox_server(request: pytest.FixtureRequest) -> Generator[SandboxServer]:
    """A Postiz over HTTP with 30 creates an hour and no channel, unless the marker says more."""
    from postiz_async.testing import serve_sandbox  # noqa: PLC0415  (only when it is used)

    said = _said(request, serve_sandbox)
    with ExitStack() as stack:
        with _mistakes_told():
            server = stack.enter_context(serve_sandbox(**said))
        yield server


@contextmanager
def _mistakes_told() -> Generator[None]:
    """Tell in a line what cannot be, without the frames of this package."""
    try:
        yield
    except ValueError as error:
        pytest.fail(f"@pytest.mark.postiz: {error}", pytrace=False)


def _said(request: pytest.FixtureRequest, made_by: Callable[..., object]) -> dict[str, Any]:
    """What the markers of a test say, the nearest last; those of its class and module hold too."""
    said: dict[str, Any] = {}
    known = list(inspect.signature(made_by).parameters)
    for marker in reversed(list(request.node.iter_markers("postiz"))):
        if marker.args:
            pytest.fail("@pytest.mark.postiz takes names: channels='all'", pytrace=False)
        said |= marker.kwargs
    unknown = [name for name in said if name not in known]
    if unknown:
        told = f"@pytest.mark.postiz: {request.fixturename} takes no {unknown[0]!r}"
        pytest.fail(f"{told}, but {', '.join(known)}", pytrace=False)
    return said
