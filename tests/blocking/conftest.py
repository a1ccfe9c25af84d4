from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from postiz_async.blocking import Postiz

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postiz_async.pytest_plugin import ServedPostiz


@pytest.fixture(autouse=True)
def with_interrupts(interrupts: None) -> None:
    """In each of these tests."""


@pytest.fixture
def channel(postiz_server: ServedPostiz) -> str:
    return postiz_server.add_channel("mastodon").id


@pytest.fixture
def postiz(postiz_server: ServedPostiz) -> Iterator[Postiz]:
    with Postiz(api_key=postiz_server.api_key, base_url=postiz_server.url) as client:
        yield client


@pytest.fixture
def at() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
