"""One browser for all tests of pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser

pytest.register_assert_rewrite("page_checks")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Import nothing of it for a run that leaves it out."""
    asked = config.option.markexpr
    return None if not asked or "browser" in asked.replace("not browser", "") else True


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Started once."""
    from chromium import NAMES, launched, place  # noqa: PLC0415

    path = place()
    if path is None:
        pytest.skip(f"no browser: neither POSTIZ_CHROMIUM nor {', '.join(NAMES)}")
    async with launched(path) as started:
        yield started
