"""The report of a campaign in Chromium: legible, reachable and harmless, whatever is in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from campaign_lab import Lab, at
from processes import PATIENCE
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
    unfold,
)
from playwright.async_api import expect

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
        await unfold(page)
        assert await misplaced(page) == []


@pytest.mark.parametrize("name", ["empty", "one", "mixed", "fine"])
@pytest.mark.parametrize("width", [SCREEN, 1600])
async def test_no_word_is_broken(browser: Browser, name: str, width: int) -> None:
    async with opened(browser, PAGES[name](), width=width) as page:
        await unfold(page)
        assert await broken_words(page) == []


async def test_a_broken_word_is_noticed(browser: Browser) -> None:
    words = "<p style='width: 4em; overflow-wrap: anywhere'>one northwind.example two"
    async with opened(browser, words, may_say="Failed") as page:
        assert await broken_words(page) == ["northwind.example"]


async def test_no_card_is_empty_and_figures_have_totals(browser: Browser) -> None:
    for name in ("empty", "one", "mixed"):
        async with opened(browser, PAGES[name](), width=PHONE) as page:
            assert "0" not in await page.locator(".tile b").all_inner_texts()
            cells = await page.locator(".cards td:empty").all()
            assert not any([await cell.is_visible() for cell in cells])
    async with opened(browser, mixed()) as page:
        last = page.get_by_role("table", name="Figures").get_by_role("row").last
        assert (await last.inner_text()).split("\t")[1:] == [
            "All 10 posts", "", "2,405", "81,250", "30"
        ]  # fmt: skip


@each_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(browser: Browser, name: str, scheme: str) -> None:
    for width in (PHONE, SCREEN):
        async with opened(browser, PAGES[name](), width=width, color_scheme=scheme) as page:
            await unfold(page)
            assert await accessibility_problems(page) == []
            assert (await background(page) < 0.2) is (scheme == "dark")


@each_page
async def test_the_keyboard_reaches_everything_in_order(browser: Browser, name: str) -> None:
    for width in (PHONE, SCREEN):
        async with opened(browser, PAGES[name](), width=width) as page:
            await tab_stops(page)


async def test_a_figure_and_a_day_lead_to_their_posts(browser: Browser) -> None:
    async with opened(browser, mixed()) as page:
        await page.get_by_role("link", name="16 ► late").press("Enter")
        title = page.get_by_role("heading", name="16 posts were not sent")
        await expect(title).to_be_in_viewport(timeout=PATIENCE * 1_000)
        row = page.get_by_role("row", name="Sun 17 Jan 2027 10:00")
        assert not await row.is_visible()
        await page.get_by_role("link", name="Sun 17 Jan").press("Enter")
        await row.wait_for(state="visible")


async def test_it_is_read_out_as_it_is_seen(browser: Browser) -> None:
    """Titles in order, tables with names and heads, signs with words."""
    async with opened(browser, mixed(), width=PHONE) as page:
        said = await page.locator("body").aria_snapshot()
    assert '- heading "spring.csv" [level=1]' in said
    assert '- heading "6 posts were refused by Postiz" [level=3]' in said
    assert '- table "4 posts were refused by Postiz"' in said
    assert '- columnheader "why"' in said
    assert '- region "Calendar"' in said
    assert re.search(r'cell "● 3 published ✓ 3 stored"', said.replace("\u202f", " "))
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
    assert "All posts by date" in text


async def test_colours_that_the_system_forces_leave_it_legible(browser: Browser) -> None:
    async with opened(browser, mixed(), forced_colors="active") as page:
        assert await misplaced(page) == []
        assert await accessibility_problems(page) == []
        assert await tab_stops(page)
        bar = await page.locator(".share i").first.evaluate(
            "each => getComputedStyle(each).backgroundColor"
        )
        assert bar == "rgb(58, 120, 216)", "the share of each state is told by these colours alone"


async def test_nothing_moves(browser: Browser) -> None:
    async with opened(browser, mixed(), reduced_motion="reduce") as page:
        moving = "[...document.querySelectorAll('*')].filter(each => { const style = "
        moving += "getComputedStyle(each); return style.animationName !== 'none' "
        moving += "|| style.transitionDuration !== '0s' || style.scrollBehavior !== 'auto' })"
        assert await page.evaluate(f"{moving}.length") == 0


async def test_what_would_be_markup_is_text(browser: Browser) -> None:
    async with opened(browser, PAGES["hostile"]()) as page:
        await unfold(page)
        assert await page.locator("script, img, main svg, iframe").count() == 0
        assert await page.title() == f"{HOSTILE[0]}: campaign report"
        seen = await page.locator("main").inner_text()
        for evil in HOSTILE[:3]:
            assert evil[:40] in seen


@pytest.mark.parametrize("width", [PHONE, SCREEN])
async def test_the_beginning_of_a_name_is_seen(browser: Browser, width: int) -> None:
    """Also of one that is written from right to left, and of one that is cut."""
    async with opened(browser, PAGES["right_to_left"](), width=width) as page:
        assert await page.evaluate(_FIRST_LETTERS) == [True] * 4


_FIRST_LETTERS = """() => [...document.querySelectorAll(".cal thead span")].map(each => {
  const range = document.createRange(), box = each.getBoundingClientRect();
  range.setStart(each.firstChild, 0);
  range.setEnd(each.firstChild, 1);
  const letter = range.getBoundingClientRect();
  const middle = (letter.top + letter.bottom) / 2;
  return middle > box.top && middle < box.bottom;
})"""


async def test_fifty_thousand_rows_open_and_can_be_used(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(large(), encoding="utf-8")
    assert path.stat().st_size < 1_000_000
    for width in (PHONE, SCREEN):
        async with opened(browser, path.as_uri(), width=width) as page:
            assert await misplaced(page) == []
            assert await page.evaluate("document.querySelectorAll('*').length") < 20_000
            await page.locator("summary").first.press("Enter")
            assert await page.get_by_role("table", name="posts were refused").first.is_visible()


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
            stops = {"A 1 × refused", "A 1 ! failed", "A 1 ► late"}  # noqa: RUF001
            assert stops | {"SUMMARY All posts by date"} < {*await tab_stops(page)}, "and a day"


def _refuse_coffee(posts: list[dict[str, Any]]) -> dict[str, Any] | None:
    if any(post["value"][0]["content"] == "coffee" for post in posts):
        return {"statusCode": 400, "message": "no posts about coffee", "error": "Bad Request"}
    return None
