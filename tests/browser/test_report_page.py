"""The report of a campaign in Chromium: legible, reachable and harmless, whatever is in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from campaign_lab import Lab, at
from report_pages import HOSTILE, PAGES, large, mixed

pytest.importorskip("playwright", reason="the group browser has it")

from page_checks import (
    PAPER,
    PHONE,
    SCREEN,
    accessibility_problems,
    background,
    broken_words,
    misplaced,
    opened,
    tab_stops,
)

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

each_page = pytest.mark.parametrize("name", PAGES)


@each_page
@pytest.mark.parametrize("width", [320, PHONE, 768, SCREEN])
async def test_nothing_is_cut_or_beyond_the_edge(browser: Browser, name: str, width: int) -> None:
    async with opened(browser, PAGES[name](), width=width) as page:
        assert await misplaced(page) == []


@pytest.mark.parametrize("name", ["empty", "one", "mixed", "fine"])
@pytest.mark.parametrize("width", [SCREEN, 1600])
async def test_no_word_is_broken(browser: Browser, name: str, width: int) -> None:
    async with opened(browser, PAGES[name](), width=width) as page:
        assert await broken_words(page) == []


async def test_a_broken_word_is_noticed(browser: Browser) -> None:
    words = "<p style='width: 4em; overflow-wrap: anywhere'>one northwind.example two"
    async with opened(browser, words, may_say="Failed") as page:
        assert await broken_words(page) == ["northwind.example"]


async def test_no_empty_cell_is_seen_on_a_phone(browser: Browser) -> None:
    async with opened(browser, mixed(), width=PHONE) as page:
        cells = await page.locator(".rows td:empty").all()
        assert cells
        assert not any([await cell.is_visible() for cell in cells])


@each_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(browser: Browser, name: str, scheme: str) -> None:
    for width in (PHONE, SCREEN):
        async with opened(browser, PAGES[name](), width=width, color_scheme=scheme) as page:
            assert await accessibility_problems(page) == []
            assert (await background(page) < 0.2) is (scheme == "dark")


@each_page
async def test_the_keyboard_reaches_everything_in_order(browser: Browser, name: str) -> None:
    for width in (PHONE, SCREEN):
        async with opened(browser, PAGES[name](), width=width) as page:
            await tab_stops(page)


async def test_it_is_read_out_as_it_is_seen(browser: Browser) -> None:
    """Titles in order, tables with heads, states in words."""
    async with opened(browser, mixed(), width=PHONE) as page:
        said = await page.locator("body").aria_snapshot()
    assert '- heading "spring.csv" [level=1]' in said
    assert '- heading "Timeline" [level=2]' in said
    assert '- rowheader "Coffee, daily"' in said
    assert '- columnheader "state"' in said
    line = "row 65 date Mon 18 Jan 2027 03:00 channel Northwind on Mastodon text Post 65: "
    assert re.search(f'- .?row "{line}.* state refused ', said)
    assert "Dates in Europe/Berlin" in said


@each_page
async def test_print_is_light_and_whole(browser: Browser, name: str) -> None:
    async with opened(browser, PAGES[name](), width=PAPER, color_scheme="dark") as page:
        await page.emulate_media(media="print")
        assert await background(page) == 1
        assert await misplaced(page) == []
        assert await accessibility_problems(page) == []


async def test_a_pdf_has_every_row(browser: Browser) -> None:
    pypdf = pytest.importorskip("pypdf", reason="the group browser has it")
    from io import BytesIO  # noqa: PLC0415

    async with opened(browser, mixed()) as page:
        pages = pypdf.PdfReader(BytesIO(await page.pdf(format="A4"))).pages
    text = " ".join(page.extract_text() for page in pages)
    said = {int(number) for number in re.findall(r"Post (\d+):", text)}
    assert said == set(range(2, 105)) - {83, 84}, "these two are Arabic and pictures"
    assert "Rows by date" in text


async def test_colours_that_the_system_forces_leave_it_legible(browser: Browser) -> None:
    async with opened(browser, mixed(), forced_colors="active") as page:
        assert await misplaced(page) == []
        assert await accessibility_problems(page) == []
        assert await tab_stops(page)
        bar = await page.locator(".bars i").first.evaluate(
            "each => getComputedStyle(each).backgroundColor"
        )
        assert bar == "rgb(58, 120, 216)", "a bar is nothing without its colour"


async def test_nothing_moves(browser: Browser) -> None:
    async with opened(browser, mixed(), reduced_motion="reduce") as page:
        moving = "[...document.querySelectorAll('*')].filter(each => { const style = "
        moving += "getComputedStyle(each); return style.animationName !== 'none' "
        moving += "|| style.transitionDuration !== '0s' || style.scrollBehavior !== 'auto' })"
        assert await page.evaluate(f"{moving}.length") == 0


async def test_what_would_be_markup_is_text(browser: Browser) -> None:
    async with opened(browser, PAGES["hostile"]()) as page:
        assert await page.locator("script, img, main svg, iframe").count() == 0
        assert await page.title() == f"{HOSTILE[0]}: campaign report"
        seen = await page.locator("main").inner_text()
        for evil in HOSTILE[:3]:
            assert evil[:40] in seen


async def test_fifty_thousand_rows_open_and_can_be_used(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(large(), encoding="utf-8")
    assert path.stat().st_size < 1_000_000
    for width in (PHONE, SCREEN):
        async with opened(browser, path.as_uri(), width=width) as page:
            assert await misplaced(page) == []
            assert await page.evaluate("document.querySelectorAll('*').length") < 20_000
            assert await page.get_by_role("heading", name="Rows to look at").is_visible()


async def test_the_report_of_a_real_run(browser: Browser, tmp_path: Path) -> None:
    """With rows that were refused, late, published and failed."""
    lab = Lab(tmp_path)
    lab.judge = _refuse_coffee
    async with lab.sandbox:
        out, broken = lab.channel("mastodon"), lab.channel("telegram")
        texts = [f"post {n}" for n in range(8)] + ["coffee", "a broken channel", "too soon"]
        lab.write(
            {
                "channel": broken if "broken" in text else out,
                "date": at(0.01 if "soon" in text else 1 + n / 60),
                "content": text,
            }
            for n, text in enumerate(texts)
        )
        lab.sandbox.change_channel(broken, failure="the token has expired")
        async with lab.client() as postiz, lab.campaign(postiz) as campaign:
            await lab.clock.sleep(60)
            await campaign.run()
            await campaign.wait_published()
            report = await campaign.report()
            made = await campaign.html_report()
    assert report.counts.keys() == {"published", "refused", "failed", "late"}
    for width in (PHONE, SCREEN):
        async with opened(browser, made, width=width) as page:
            assert "the token has expired" in await page.locator("main").inner_text()
            assert await misplaced(page) == []
            assert await accessibility_problems(page) == []
            stops = await tab_stops(page)
            assert len(stops) == report.counts["published"]
            assert all(stop.startswith("A open row ") for stop in stops)


def _refuse_coffee(posts: list[dict[str, Any]]) -> dict[str, Any] | None:
    if any(post["value"][0]["content"] == "coffee" for post in posts):
        return {"statusCode": 400, "message": "no posts about coffee", "error": "Bad Request"}
    return None
