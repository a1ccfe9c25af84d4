"""What notebooks show of a plan, a report and a quota, in a page in Chromium."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from report_pages import ARABIC, FIRST, HOSTILE, LONG_LINK, LONG_NAME, record

from postiz_async import Quota
from postiz_async._campaign.after.report import make_report
from postiz_async._campaign.journal.rows import Finding
from postiz_async._campaign.read.rows import Row
from postiz_async._delivery.outcomes import RowState
from postiz_async.types import Forecast

pytest.importorskip("playwright", reason="the group browser has it")

from page_checks import PHONE, SCREEN, accessibility_problems, misplaced, opened

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LIGHT, DARK = "color: #1b2129; background: #fff", "color: #e7ebf0; background: #111"
PAGE = (
    '<!doctype html><html lang="en"><title>Notebook</title><style>body {{ {} }}</style>'
    "<main><h1>Notebook</h1>{}</main></html>"
)


_LINES = """each => {
  const range = document.createRange();
  range.selectNodeContents(each);
  return range.getClientRects().length;
}"""


class _Shown(Protocol):
    def _repr_html_(self) -> str: ...


def _quota() -> Quota:
    said: dict[str, Any] = {
        "limit": 30,
        "remaining": 4,
        "resets_in": 1213.0,
        "next_in": 3.0,
        "in_flight": 2,
        "queued": {"bulk": 212},
        "bulk_waits_for": "reserved",
        "bulk_in": 60.0,
        "blocked": True,
        "blocked_for": 90.0,
        "as_of": datetime.fromtimestamp(FIRST, UTC),
    }
    return Quota.from_dict(said)


def _plan() -> Forecast:
    at = datetime.fromtimestamp(FIRST, UTC)
    late = tuple(Row(number=n, ref="", channel="", date=at) for n in range(2, 99, 2))
    return Forecast(431, 5_000, 30, limit_known=False, windows=15, finish=at, late=late)


def _report() -> _Shown:
    said = (ARABIC, HOSTILE[0], HOSTILE[1], LONG_LINK, LONG_NAME)
    rows = [
        record(
            n, RowState.REFUSED, note=said[n % 5], name=said[(n + 1) % 5], finding=Finding.EDITED
        )
        for n in range(2, 40)
    ]
    return make_report(rows, 7)


@pytest.mark.parametrize("colours", [LIGHT, DARK])
@pytest.mark.parametrize("width", [PHONE, SCREEN])
@pytest.mark.parametrize("made", [_quota, _plan, _report])
async def test_it_is_legible_whatever_the_colours_of_the_notebook(
    browser: Browser, made: Any, width: int, colours: str
) -> None:
    shown: _Shown = made()
    async with opened(browser, PAGE.format(colours, shown._repr_html_()), width=width) as page:
        assert await misplaced(page) == []
        assert await accessibility_problems(page) == []
        words = [page.get_by_text(word, exact=True).first for word in ("refused", "row", "Free")]
        lines = [await word.evaluate(_LINES) for word in words if await word.count()]
        assert set(lines) <= {1}, "no short word is broken"
