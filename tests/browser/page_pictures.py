"""Pictures of the report in `pictures/`, and how far a page is from them.

    python tests/browser/page_pictures.py    # make them again, and look at them before you commit

Texts are set in the font that Pillow brings along, so that machines with other fonts break lines at
the same places. Pictures are kept at half their size, and compared by squares of 8 pixels.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageFont, ImageStat

if TYPE_CHECKING:
    from playwright.async_api import Browser

__all__ = ["PICTURES", "SIZES", "difference", "kept", "taken"]

PICTURES = Path(__file__).parent / "pictures"
SIZES = {390: 1600, 1280: 1200}
"""Heights by width, in pixels: the top of the page, where nothing names a version."""

_COLOURS = 128
_SQUARE = 8


async def taken(browser: Browser, page: str, width: int, scheme: str) -> Image.Image:
    """A picture of the top of a page."""
    font = base64.b64encode(_font()).decode()
    style = f"@font-face {{ font-family: Same; src: url(data:font/ttf;base64,{font}) }} "
    style += "* { font-family: Same, sans-serif !important }"
    context = await browser.new_context(
        viewport={"width": width, "height": SIZES[width]}, color_scheme=scheme, bypass_csp=True
    )
    context.set_default_timeout(240_000)
    try:
        shown = await context.new_page()
        await shown.set_content(page)
        await shown.add_style_tag(content=style)
        await shown.evaluate("document.fonts.ready")
        picture = Image.open(BytesIO(await shown.screenshot())).convert("RGB")
    finally:
        await context.close()
    return picture.reduce(2).quantize(_COLOURS)


def kept(name: str, width: int, scheme: str) -> Path:
    """Where the picture of a page is that is to be equalled."""
    return PICTURES / f"{name}-{width}-{scheme}.png"


def difference(one: Image.Image, other: Image.Image) -> float:
    """How far two pictures are from each other: the mean of all colours, of 255."""
    squares = [each.convert("RGB").reduce(_SQUARE // 2) for each in (one, other)]
    return sum(ImageStat.Stat(ImageChops.difference(*squares)).mean) / 3


def _font() -> bytes:
    font = ImageFont.load_default(size=12)
    assert isinstance(font, ImageFont.FreeTypeFont)
    assert isinstance(font.path, BytesIO)
    return font.path.getvalue()


async def _make() -> None:
    from chromium import launched, place  # noqa: PLC0415
    from report_pages import PICTURED  # noqa: PLC0415

    path = place()
    if path is None:
        sys.exit("There is no browser: set POSTIZ_CHROMIUM to one.")
    PICTURES.mkdir(exist_ok=True)
    async with launched(path) as browser:
        for name, width, scheme in product(PICTURED, SIZES, ("light", "dark")):
            picture = await taken(browser, PICTURED[name](), width, scheme)
            picture.save(kept(name, width, scheme), optimize=True)
            print(kept(name, width, scheme))


if __name__ == "__main__":
    asyncio.run(_make())
