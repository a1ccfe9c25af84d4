"""The page of the example application in Chromium, served by it and used as by its users."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from report_pages import ARABIC, EMOJI, HOSTILE, LONG_NAME
from web_lab import call, workers

from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve

pytest.importorskip("playwright", reason="the group browser has it")

from page_checks import (
    PHONE,
    SCREEN,
    accessibility_problems,
    background,
    misplaced,
    opened,
    tab_stops,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(sys.platform == "win32", reason="a process group of its own"),
]

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi_app"
TEXTS = (ARABIC, EMOJI, LONG_NAME, HOSTILE[0], "A cup of coffee\n\nwith two paragraphs")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def address(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Where the page is, with a list of posts that are hard on it."""
    folder = tmp_path_factory.mktemp("example")
    async with MemoryServer(limit=len(TEXTS) + 1) as sandbox, serve(sandbox) as served:
        channel = sandbox.add_channel("mastodon", name=LONG_NAME).id
        sandbox.add_channel("x", name=ARABIC)
        environment = {
            "POSTIZ_API_KEY": sandbox.organization.api_key,
            "POSTIZ_API_URL": served.api_url,
            "DATA": str(folder),
        }
        async with workers(EXAMPLE, 2, folder, environment) as session:
            async with session.get("/") as answer:
                address = str(answer.url)
            for hours, text in enumerate(TEXTS, start=1):
                at = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
                body = {"channel": channel, "text": text, "at": at}
                assert (await call(session, "POST", "/posts", json=body))[0] == 201
            yield address


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, PHONE, SCREEN])
async def test_it_is_legible(browser: Browser, address: str, width: int, scheme: str) -> None:
    async with opened(browser, address, width=width, color_scheme=scheme) as page:
        await page.locator("#posts li").nth(len(TEXTS) - 1).wait_for()
        assert await misplaced(page) == []
        assert await accessibility_problems(page) == []
        assert (await background(page) < 0.2) is (scheme == "dark")
        texts = await page.locator("#posts p").all_text_contents()
        assert texts[-len(TEXTS) :] == list(TEXTS)


async def test_the_keyboard_is_enough(browser: Browser, address: str) -> None:
    """A post is handed over with it, and what has become of it is told and listed."""
    async with opened(browser, address, timezone_id="Asia/Kolkata") as page:
        await page.locator("option").nth(1).wait_for(state="attached")
        stops = await tab_stops(page)
        assert [stop.split()[0] for stop in stops] == ["TEXTAREA", "SELECT", "INPUT", "BUTTON"]
        assert "times in Asia/" in await page.locator("h2").inner_text()
        await page.get_by_label("Text").press_sequentially("by keyboard")
        await page.get_by_label("Channel").press("ArrowDown")
        await page.get_by_role("button", name="Announce").press("Enter")
        await page.get_by_role("status").get_by_text("stored").wait_for()
        await page.locator("#posts p", has_text="by keyboard").wait_for()
        assert await page.get_by_label("Text").input_value() == ""
        await page.get_by_text("quota: 0 of 6 left").wait_for()


async def test_colours_that_the_system_forces_leave_it_legible(
    browser: Browser, address: str
) -> None:
    async with opened(browser, address, forced_colors="active") as page:
        await page.locator("#posts li").first.wait_for()
        assert await accessibility_problems(page) == []
        assert len(await tab_stops(page)) == 4


async def test_what_is_refused_is_said_in_the_page(browser: Browser, address: str) -> None:
    async with opened(browser, address, may_say="status of 4") as page:
        await page.locator("option").first.wait_for(state="attached")
        await page.evaluate("document.querySelector('option').value = 'gone'")
        await page.get_by_label("Text").fill("for a channel that is gone")
        await page.get_by_role("button", name="Announce").click()
        await page.get_by_role("status").get_by_text("gone").wait_for()
        assert await page.get_by_role("button", name="Announce").is_enabled()
        assert await page.get_by_label("Text").input_value() == "for a channel that is gone"
        assert await accessibility_problems(page) == []


async def test_the_limit_of_a_text_that_is_too_long_is_in_the_page(
    browser: Browser, address: str
) -> None:
    async with opened(browser, address, may_say="status of 4") as page:
        await page.locator("option").first.wait_for(state="attached")
        await page.get_by_label("Text").fill("a" * 600)
        await page.get_by_role("button", name="Announce").click()
        await page.get_by_role("status").get_by_text("600 of 500 characters").wait_for()
