"""The report looks as it did when somebody last looked at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from report_pages import PICTURED, mixed

pytest.importorskip("playwright", reason="the group browser has it")

from page_pictures import PICTURES, SIZES, difference, kept, taken
from PIL import Image

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TOLERANCE = 2.0
"""Of 255. Other fonts for signs that the font lacks make less than 0.5."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("name", PICTURED)
async def test_it_looks_as_it_did(browser: Browser, name: str, width: int, scheme: str) -> None:
    now = await taken(browser, PICTURED[name](), width, scheme)
    before = Image.open(kept(name, width, scheme))
    assert now.size == before.size
    far = difference(now, before)
    assert far < TOLERANCE, f"{far:.1f}: look at it; to make it again see page_pictures.py"


@pytest.mark.parametrize(
    ("part", "instead"),
    [("<style>", "<style media='speech'>"), (".bars {", ".none {"), ("section {", ".none {")],
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", SIZES)
async def test_a_page_that_lost_a_part_of_its_style_is_far_from_it(
    browser: Browser, width: int, scheme: str, part: str, instead: str
) -> None:
    page = mixed()
    assert part in page
    broken = await taken(browser, page.replace(part, instead), width, scheme)
    assert difference(broken, Image.open(kept("report", width, scheme))) > 2 * TOLERANCE


async def test_pictures_are_few_and_small() -> None:
    sizes = [path.stat().st_size for path in PICTURES.iterdir()]
    assert len(sizes) == 4
    assert max(sizes) < 60_000
