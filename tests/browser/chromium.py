"""A Chromium: Debian's or the system's, or the one that `POSTIZ_CHROMIUM` names."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

__all__ = ["NAMES", "launched", "place"]

NAMES = ("chromium", "chromium-browser", "google-chrome")

_FLAGS = ["--disable-lcd-text", "--font-render-hinting=none", "--hide-scrollbars"]


def place() -> str | None:
    """Where it is, if there is one."""
    return next(filter(None, (os.environ.get("POSTIZ_CHROMIUM"), *map(shutil.which, NAMES))), None)


@asynccontextmanager
async def launched(path: str) -> AsyncIterator[Browser]:
    """The browser, started without a window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=_FLAGS, timeout=240_000
        )
        try:
            yield browser
        finally:
            await browser.close()
