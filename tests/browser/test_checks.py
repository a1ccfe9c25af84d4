"""The checks of pages find what is wrong with a page that is wrong on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from report_pages import long_words, mixed

pytest.importorskip("playwright", reason="the group browser has it")

from page_checks import PHONE, accessibility_problems, misplaced, opened, tab_stops

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

HEAD = '<!doctype html><html lang="en"><title>t</title><main><h1>t</h1>'


async def test_a_text_that_leaves_its_place_is_found(browser: Browser) -> None:
    without = long_words().replace("overflow-wrap", "no-wrap")
    async with opened(browser, without, width=PHONE) as page:
        found = await misplaced(page)
    assert any("the page is" in each for each in found)
    assert any("is beyond HTML" in each for each in found)
    cut = f"{HEAD}<p style='width: 9em; overflow: hidden; white-space: nowrap'>{'word ' * 20}"
    async with opened(browser, cut) as page:
        assert "is cut by P" in str(await misplaced(page))


@pytest.mark.parametrize(
    ("inner", "rule"),
    [
        ("<input>", "label"),
        ("<p style='color: #999; background: #aaa'>pale", "color-contrast"),
        ("<h4>too deep</h4>", "heading-order"),
    ],
)
async def test_what_axe_looks_for_is_found(browser: Browser, inner: str, rule: str) -> None:
    async with opened(browser, HEAD + inner) as page:
        assert rule in str(await accessibility_problems(page))


async def test_a_stop_that_nobody_sees_is_found(browser: Browser) -> None:
    bare = mixed().replace("</style>", ":focus-visible { outline: none !important }</style>")
    async with opened(browser, bare) as page:
        with pytest.raises(AssertionError, match="outline"):
            await tab_stops(page)
    back = f"{HEAD}<a href='#a' tabindex='2'>second</a><a href='#b' tabindex='1'>first</a>"
    async with opened(browser, back) as page:
        with pytest.raises(AssertionError, match="second"):
            await tab_stops(page)


async def test_what_a_page_says_in_the_console_is_found(browser: Browser) -> None:
    with pytest.raises(AssertionError, match="warning: look"):
        async with opened(browser, f"{HEAD}<script>console.warn('look')</script>"):
            pass
