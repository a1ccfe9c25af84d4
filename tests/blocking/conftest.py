from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from postiz_async.blocking import Postiz

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postiz_async.pytest_plugin import SandboxServer


@pytest.fixture(autouse=True)
def with_interrupts(interrupts: None) -> None:
    """In each of these tests."""


@pytest.fixture
def channel(postiz_sandbox_server: SandboxServer) -> str:
    return postiz_sandbox_server.add_channel("mastodon").id


@pytest.fixture
def postiz(postiz_sandbox_server: SandboxServer) -> Iterator[Postiz]:
    with Postiz(
        api_key=postiz_sandbox_server.api_key, base_url=postiz_sandbox_server.url
    ) as client:
        yield client


@pytest.fixture
def at() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
