"""What has to be true of each page that we make, as a browser sees it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from axe_playwright_python.async_playwright import Axe
from processes import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, Page

__all__ = [
    "PAPER",
    "PHONE",
    "SCREEN",
    "accessibility_problems",
    "background",
    "broken_words",
    "misplaced",
    "opened",
    "tab_stops",
]

PHONE, SCREEN = 390, 1280
PAPER = 703
"""Pixels of a line on A4 between margins of 12 mm."""

_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")

_MISPLACED = """() => {
  const root = document.scrollingElement, found = [];
  if (root.scrollWidth > root.clientWidth)
    found.push(`the page is ${root.scrollWidth} wide`);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let text; text = walker.nextNode();) {
    const parent = text.parentElement;
    if (!text.data.trim() || !parent.checkVisibility()) continue;
    range.selectNodeContents(text);
    for (const rect of range.getClientRects()) {
      if (!rect.width) continue;
      const box = parent.closest("td, th, section, form, li, main, header, footer, body");
      const within = [[box, "runs out of"]];
      let hidden = false, scrolls = false;
      for (let each = parent; each && !hidden; each = each.parentElement) {
        const style = getComputedStyle(each);
        hidden = style.clipPath !== "none";
        scrolls ||= /auto|scroll/.test(style.overflowX) && each !== root;
        if (/hidden|clip/.test(style.overflowX) && !each.closest("[title]"))
          within.push([each, "is cut by"]);
      }
      if (hidden) break;
      if (!scrolls) within.push([root, "is beyond"]);
      for (const [each, how] of within) {
        const edge = each.getBoundingClientRect();
        if (rect.left < edge.left - 1.5 || rect.right > edge.right + 1.5)
          found.push(`${text.data.trim().slice(0, 60)} ${how} ${each.tagName}.${each.className}`);
      }
    }
  }
  return found;
}"""

_NAME = "each => `${each.tagName} ${each.textContent.trim().slice(0, 40)}`"
_FOCUSED = """() => {
  const name = NAME;
  const focused = document.activeElement;
  if (!focused || focused === document.body) return null;
  const style = getComputedStyle(focused), box = focused.getBoundingClientRect();
  const order = [...document.querySelectorAll("*")].indexOf(focused);
  return {
    name: [order, name(focused)],
    outline: { none: 0, auto: 2 }[style.outlineStyle] ?? parseFloat(style.outlineWidth),
    is_in_sight: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}""".replace("NAME", _NAME)

_INTERACTIVE = """() => {
  const name = NAME;
  const all = [...document.querySelectorAll("*")];
  const scrolls = each => each !== document.scrollingElement && each !== document.body
    && each.scrollWidth > each.clientWidth + 1
    && /auto|scroll/.test(getComputedStyle(each).overflowX);
  const kinds = "a[href], button, input, select, textarea, summary, [tabindex]";
  return all.flatMap((each, order) =>
    each.checkVisibility() && (each.matches(kinds) || scrolls(each)) ? [[order, name(each)]] : []);
}""".replace("NAME", _NAME)

_BACKGROUND = """() => {
  const painted = [document.body, document.documentElement].map(
    each => getComputedStyle(each).backgroundColor).find(each => each !== "rgba(0, 0, 0, 0)");
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.fillStyle = painted ?? "Canvas";
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data;
  return (r + g + b) / 765;
}"""


_BROKEN = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  const range = document.createRange();
  for (let text; text = walker.nextNode();) {
    if (!text.parentElement.checkVisibility()) continue;
    for (const word of text.data.matchAll(/[\\p{L}\\p{N}.]+/gu)) {
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map(each => Math.round(each.top)));
      if (lines.size > 1) found.push(word[0]);
    }
  }
  return found;
}"""


async def broken_words(page: Page) -> list[str]:
    """Words that begin on one line and end on another."""
    return list(await page.evaluate(_BROKEN))


@asynccontextmanager
async def opened(
    browser: Browser, page: str, *, width: int = SCREEN, may_say: str = "", **options: Any
) -> AsyncIterator[Page]:
    """A page in a window of its own; afterwards it has said nothing and asked for nothing.

    Args:
        browser: the browser.
        page: HTML, or where it is.
        width: of the window, in pixels.
        may_say: what is in messages that are to be expected.
        options: of the window, as `color_scheme`.
    """
    context = await browser.new_context(viewport={"width": width, "height": 900}, **options)
    context.set_default_timeout(PATIENCE * 1_000)
    said: list[str] = []
    try:
        shown = await context.new_page()
        shown.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        shown.on("pageerror", lambda error: said.append(f"error: {error}"))
        shown.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))
        if page.startswith(("http://", "file://")):
            await shown.goto(page)
        else:
            shown.on("request", lambda request: said.append(f"asks for {request.url}"))
            await shown.set_content(page)
        yield shown
        assert [each for each in said if not may_say or may_say not in each] == []
    finally:
        await context.close()


async def misplaced(page: Page) -> list[str]:
    """Texts that leave their place or the page, or are cut without a title that has them whole."""
    return await page.evaluate(_MISPLACED)


async def tab_stops(page: Page) -> list[str]:
    """Go through the page with the tab key, and the names of what it stops at.

    Every stop is in sight and has a frame; none is left out, and they come as they are written.
    """
    stops: list[dict[str, Any]] = []
    wanted = await page.evaluate(_INTERACTIVE)
    for _ in range(10 * len(wanted) + 10):
        await page.keyboard.press("Tab")
        stop = await page.evaluate(_FOCUSED)
        if stop is None:
            break
        if stops and stop["name"] == stops[-1]["name"]:  # the parts of a date, each with its frame
            continue
        assert stop["is_in_sight"], stop
        assert stop["outline"] >= 2, stop
        stops.append(stop)
    assert [stop["name"] for stop in stops] == wanted
    return [name for _, name in wanted]


async def accessibility_problems(page: Page) -> list[str]:
    """What axe finds, of whatever weight."""
    asked = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": [*_RULES]}}
    found = await Axe().run(page, options=asked)
    return [
        f"{problem['id']} ({problem['impact']}): {node['html'][:200]}"
        for problem in found.response["violations"]
        for node in problem["nodes"]
    ]


async def background(page: Page) -> float:
    """How bright the page is behind all, from 0 to 1."""
    return await page.evaluate(_BACKGROUND)
