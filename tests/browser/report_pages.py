"""Reports from fixed facts: one with everything, and those that are hard on a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from postiz_async._campaign.after.report import make_report
from postiz_async._campaign.after.report.page import html_page
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.read.rows import SaidRow
from postiz_async._delivery.outcomes import RowState
from postiz_async.errors import Problem

__all__ = ["FIRST", "PAGES", "PICTURED", "empty", "large", "mixed", "record"]

HOUR = 3_600
FIRST = datetime(2027, 1, 15, 9, tzinfo=UTC).timestamp()
CHANNELS = ("Northwind News", "Northwind on Mastodon", "Coffee, daily", "northwind.example")
LONG_NAME = "Northwind" * 22
LONG_LINK = "https://news.example.com/" + "a-very-long-way-to-say-it/" * 40 + "?utm=1"
ARABIC = "قهوة الصباح جاهزة ☕️ — افتتاح المتجر الجديد يوم الجمعة، الساعة 10:30 (PM)!"
HEBREW = "קפה של הבוקר ☕️: ההנחה 20% עד 15.01.2027, פרטים ב-https://example.com/he?x=1"
EMOJI = "👩‍👩‍👧‍👦🏳️‍🌈🇩🇪👍🏽 " * 6
BIDI = "Angebot \u202bעברית (abc) عربي\u202c 3 > 2 \u202e reversed \u2066 isolated"  # noqa: RUF001
HOSTILE = (
    "</script><script>document.title = 'taken'; console.error('ran')</script>",
    '"><img src=x onerror="console.error(\'ran\')">',
    "</title></style><style>body { display: none }</style><!--",
    "<svg onload=console.error('ran')> ${title} &lt;b&gt; \x00\x1b[31m",
)


def record(number: int, state: RowState = RowState.STORED, **said: Any) -> RowRecord:
    """A row; unless it is said otherwise, one each hour."""
    given = {"name": CHANNELS[number % 4], "date": FIRST + number * HOUR} | said
    date = given.pop("date")
    return RowRecord(f"r{number}", number, "f", f"c-{given['name']}", date, state, **given)


def page(
    records: Iterable[RowRecord], *, texts: Mapping[str, str] | None = None, **said: Any
) -> str:
    """The report of rows; their texts are by ref."""
    given = {
        "campaign": "spring.csv",
        "server": "https://postiz.example.com",
        "made_at": datetime.fromtimestamp(FIRST + 30 * HOUR, UTC),
        "zone": ZoneInfo("Europe/Berlin"),
    }
    rows = [
        replace(each, said=_said(texts[each.ref])) if texts and each.ref in texts else each
        for each in records
    ]
    return html_page(make_report(rows, 70, said.pop("problems", ())), **(given | said))


def _said(text: str) -> str:
    return SaidRow(content=text, date=datetime.fromtimestamp(FIRST, UTC), channel="x").write()


def empty() -> str:
    """Of a campaign that has no rows yet."""
    return page([])


def one() -> str:
    """Of a single post, which is out."""
    return page([record(2, RowState.PUBLISHED, link="https://x.example/1")])


def mixed() -> str:
    """Of a campaign in which everything has happened."""
    records = [
        *(record(n, RowState.PUBLISHED, post_id=f"p{n}", link=LONG_LINK) for n in range(2, 26)),
        *(record(n, RowState.STORED) for n in range(26, 60)),
        *(record(n, RowState.REFUSED, note="this network needs a picture") for n in range(60, 64)),
        record(64, RowState.REFUSED, note="posts[0].settings.title: is too short"),
        record(65, RowState.REFUSED, note="posts[0].value[0].content: 312 of 280 characters"),
        *(record(n, RowState.LATE, note="its date passed before a slot") for n in range(66, 82)),
        record(82, RowState.UNDECIDED, note="no answer, and the list could not be read"),
        record(83, RowState.UNKNOWN, note="the answer was lost"),
        record(84, RowState.FAILED, note="The session of the channel has ended", post_id="p84"),
        *(record(n, RowState.PLANNED) for n in range(85, 100)),
        record(100, RowState.STORED, finding=Finding.EDITED, remark="moved to Sun 17 Jan 12:00"),
        record(101, RowState.STORED, finding=Finding.DELETED, remark="is not in Postiz any more"),
        record(102, RowState.STORED, finding=Finding.DOUBLED, remark="a second one is stored"),
        record(103, RowState.WITHDRAWN),
        record(104, RowState.STORED, asked_seconds=FIRST + 103.5 * HOUR),
    ]
    texts = {each.ref: f"Post {each.number}: {'a cup of coffee, ' * 6}" for each in records}
    return page(
        records,
        texts=texts | {"r83": ARABIC, "r84": EMOJI},
        problems=[Problem("date", "is missing", 105)],
        remarks=["What people did to the posts since could not be looked at."],
    )


def fine() -> str:
    """Of a campaign without trouble, over more than a hundred days and 30 channels."""
    days = [record(n, date=FIRST + n * 20 * HOUR, name=f"Channel {n % 30}") for n in range(2, 142)]
    return page(days)


def right_to_left() -> str:
    """Of texts and names that are written from right to left, mixed, or pictures."""
    said = (ARABIC, HEBREW, EMOJI, BIDI)
    records = [
        record(n, RowState.REFUSED, note=said[n % 4], name=said[(n + 1) % 4]) for n in range(2, 10)
    ]
    records += [record(n, RowState.STORED, name=said[n % 4]) for n in range(10, 14)]
    texts = {each.ref: said[each.number % 4] for each in records}
    return page(records, campaign="حملة الربيع.csv", texts=texts, remarks=[HEBREW])


def long_words() -> str:
    """Of names and addresses without a space in them."""
    records = [
        record(2, RowState.REFUSED, note=f"cannot be read: {LONG_LINK}", name=LONG_NAME),
        record(3, RowState.REFUSED, note=f"{LONG_NAME}.jpg is missing", name=LONG_NAME),
        record(4, RowState.FAILED, note=LONG_NAME, name=LONG_NAME[:100], post_id="p4"),
        record(5, RowState.PUBLISHED, name=LONG_NAME[:50], link=LONG_LINK, post_id="p5"),
    ]
    return page(
        records,
        campaign=f"{LONG_NAME}.csv",
        server=f"https://{'postiz.' * 30}example.com/{LONG_NAME}",
        texts={each.ref: LONG_NAME for each in records},
        remarks=[f"{LONG_NAME} was read as a name."],
        problems=[Problem(LONG_NAME, LONG_NAME, 6)],
    )


def hostile() -> str:
    """Of texts that would be markup if they could."""
    records = [
        record(n, RowState.REFUSED if n < 6 else RowState.STORED, note=evil, name=evil, link=evil)
        for n, evil in enumerate(HOSTILE * 2, start=2)
    ]
    texts = {each.ref: HOSTILE[each.number % 4] for each in records}
    return page(records, campaign=HOSTILE[0], server=HOSTILE[1], texts=texts, remarks=list(HOSTILE))


def large(rows: int = 50_000) -> str:
    """Of so many rows."""
    states = list(RowState)
    records = [
        record(
            n,
            states[n % len(states)] if n % 9 == 0 else RowState.STORED,
            date=FIRST + n * 700,
            name=f"Channel {n % 70}",
            note=f"reason {n}" if n % 9 == 0 else "",
        )
        for n in range(2, rows + 2)
    ]
    texts = {each.ref: f"Post {each.number}: {HEBREW}" for each in records}
    return page(records, texts=texts)


PAGES = {
    made.__name__: made for made in (empty, one, mixed, fine, right_to_left, long_words, hostile)
}
"""Those that every rule is tried on."""

PICTURED = {"report": mixed}
"""Those of which pictures are kept."""
