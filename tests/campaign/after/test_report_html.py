"""The page of a campaign: complete, harmless whatever posts say, small whatever their number."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from campaign_lab import START, Lab, at
from hypothesis import given, strategies as st
from work import grows_with_its_input

from postiz_async._campaign.after.report import KINDS, findings, kind_of, title_of
from postiz_async._campaign.after.report.charts import (
    MOST_SPANS,
    CalendarEntry,
    calendar,
    cut,
    requests_table,
)
from postiz_async._campaign.after.report.data import (
    Facts,
    WindowUse,
    read_facts,
    windows,
)
from postiz_async._campaign.after.report.html import TROUBLES, html_report
from postiz_async._campaign.journal.file import JournalFile
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.journal.summary import Sent
from postiz_async._delivery.outcomes import RowState
from postiz_async.errors import CampaignError

DAY = 86_400
FIRST = datetime(2027, 1, 15, 9, tzinfo=UTC).timestamp()
HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(2)'>",
    "</title></style><style>@import url(https://evil.example/x.css)</style>",
    "${title} $style",
    "<!-- --> ]]> &lt;b&gt; \x00\x1b[31m \u202e\u2066 end",
)
VOID = {"meta", "br"}


class Page(HTMLParser):
    """Reads a page strictly: what is opened has to be closed, nothing may load or run."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.classes: list[str] = []
        self.of: dict[str, str] = {}
        """The text of what has a class, by the class."""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
            self.classes.append(dict(attrs).get("class") or "")
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name not in {"src", "action", "formaction", "srcdoc", "data", "ping"}
            if name == "href":
                self.links.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()
            self.classes.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.classes.pop()

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            assert not re.search(r"url\(|@import", data)
        else:
            self.words.append(data)
            for name in self.classes:
                self.of[name] = self.of.get(name, "") + data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


class Table:
    """A table of a page: the names of its columns, the text and the label of each cell."""

    def __init__(self, kind: str) -> None:
        self.is_cards = kind == "cards"
        self.columns: list[str] = []
        self.rows: list[list[str]] = []
        self.labels: list[list[str]] = []
        self.roles: list[str] = []


class Tables(HTMLParser):
    """Reads the tables of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Table] = []
        self._cell: list[str] | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "table":
            self.found.append(Table(said.get("class") or ""))
        if not self.found:
            return
        table = self.found[-1]
        if role := said.get("role"):
            table.roles.append(role)
        if tag in {"th", "td"}:
            self._cell = table.columns if said.get("scope") == "col" else None
        if tag == "th" and self._cell is not None:
            self._cell.append("")
        if tag == "td":
            if not table.labels or len(table.labels[-1]) == len(table.columns):
                table.rows.append([])
                table.labels.append([])
            self._cell = table.rows[-1]
            self._cell.append("")
            table.labels[-1].append(said.get("data-label") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"th", "td"}:
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell[-1] += data


def row(number: int, state: RowState, **more: object) -> RowRecord:
    given = {"name": "Northwind News", "seconds": FIRST + number * 3_600} | more
    moment = float(str(given.pop("seconds")))
    return RowRecord(f"r{number}", number, "f", "c1", moment, state, **given)  # type: ignore[arg-type]


def facts(records: list[RowRecord], **more: object) -> Facts:
    given: dict[str, object] = {
        "campaign": "spring.csv",
        "server": "https://postiz.example.com",
        "made_at": FIRST,
        "zone": UTC,
    }
    return Facts(rows=records, **(given | more))  # type: ignore[arg-type]


def page(records: list[RowRecord], **more: object) -> Page:
    return Page(html_report(facts(records, **more)))


# ------------------------------------------------------------------ what it says


def test_every_state_and_finding_has_a_sign_a_colour_and_if_needed_an_advice() -> None:
    assert set(KINDS) == {each.value for each in (*RowState, *Finding) if each.value}
    assert len({kind.sign for kind in KINDS.values()}) == len(KINDS), "not told by colour alone"
    fine = {RowState.PUBLISHED, RowState.STORED, RowState.PLANNED, RowState.SENDING}
    fine.add(RowState.WITHDRAWN)
    assert {name for name, kind in KINDS.items() if not kind.advice} == {s.value for s in fine}


def test_a_finding_outweighs_a_state_only_where_it_undoes_it() -> None:
    assert kind_of(row(2, RowState.STORED, finding=Finding.DELETED)).name == "deleted"
    assert kind_of(row(2, RowState.STORED, finding=Finding.EDITED)).name == "stored"
    said = findings(row(2, RowState.FAILED, finding=Finding.EDITED))
    assert [kind.name for kind in said] == ["failed", "edited"]


def test_a_campaign_without_trouble_is_told_in_one_sentence() -> None:
    shown = page([row(n, RowState.STORED) for n in range(2, 5)])
    assert "All 3 posts are stored." in shown.text
    assert "What to look at" not in shown.text
    assert "spring.csv" in shown.text
    assert "https://postiz.example.com" in shown.text
    assert "15 January 2027" in shown.text
    assert "Made Fri 15 Jan 2027 09:00" in shown.text


def test_troubles_come_with_reason_and_advice_the_worst_first() -> None:
    shown = page(
        [
            row(2, RowState.STORED),
            row(3, RowState.LATE, note="its date passed"),
            row(4, RowState.REFUSED, note="it needs a picture"),
            row(5, RowState.UNDECIDED),
            row(6, RowState.STORED, finding=Finding.EDITED, remark="moved by somebody"),
            row(7, RowState.PLANNED),
        ],
        texts={"r4": "A cup of coffee"},
        remarks=["The list was slow."],
    )
    assert "2 of 6 posts stored" in shown.text
    assert "1 still to be sent" in shown.text
    assert "4 posts to look at" in shown.text
    for words in ("it needs a picture", "A cup of coffee", "its date passed", "moved by somebody"):
        assert words in shown.text
    assert "Correct the row in the campaign file" in shown.text
    assert "The list was slow." in shown.text
    order = [shown.text.index(name) for name in ("it needs a picture", "its date passed")]
    assert order == sorted(order)


def test_reasons_of_many_rows_are_summed_up() -> None:
    bad = [row(n, RowState.REFUSED, note="it needs a picture") for n in range(2, 202)]
    shown = page([*bad, row(300, RowState.REFUSED, note="too long")])
    assert "200 rows (2-201): it needs a picture" in shown.text
    assert shown.text.count("it needs a picture") == 1, "said once"
    assert f"The first {TROUBLES} posts" in shown.text
    assert "The result CSV has all." in shown.text
    assert "201 posts were refused by Postiz" in shown.text


def test_a_reason_of_its_own_stands_beside_its_row() -> None:
    """Shared reasons come first; rows that share none have theirs in a column."""
    shared = [row(n, RowState.REFUSED, note="no session") for n in (3, 4, 5, 9)]
    alone = [row(n, RowState.REFUSED, note=f"word {n} is not allowed") for n in (6, 7)]
    tables = Tables(html_report(facts([*alone, *shared])))
    with_why = [table for table in tables.found if "why" in table.columns]
    assert [[cells[-1] for cells in table.rows] for table in with_why] == [
        ["word 6 is not allowed", "word 7 is not allowed"]
    ]
    shown = page([*alone, *shared])
    assert shown.text.index("4 rows (3-5, 9): no session") < shown.text.index("Other reasons:")


def test_every_kind_of_trouble_has_a_title_in_words() -> None:
    troubles = {name: kind for name, kind in KINDS.items() if kind.advice}
    assert {name: title_of(kind, 1_200) for name, kind in troubles.items()} == {
        "unknown": "1,200 posts got no answer yet",
        "undecided": "1,200 posts may be stored or not",
        "refused": "1,200 posts were refused by Postiz",
        "failed": "1,200 posts were refused by their networks",
        "late": "1,200 posts were not sent because their dates had passed",
        "withdrawing": "1,200 posts were to be deleted and may still be there",
        "skipped": "1,200 posts were not sent because they are no longer in the file",
        "stuck": "1,200 posts are due and not published",
        "deleted": "1,200 posts were deleted in Postiz",
        "doubled": "1,200 posts were stored more than once",
        "deduplicated": "1,200 posts were stored twice and are stored once now",
        "hidden": "1,200 posts are on channels that are gone",
        "equal": "1,200 posts equal one of somebody else",
        "changed": "1,200 posts differ from the campaign file",
        "untagged": "1,200 posts were stored without a tag",
        "edited": "1,200 posts were moved or edited in Postiz",
        "shifted": "1,200 posts were late and got a later date",
    }
    for kind in troubles.values():
        assert kind.one
        assert title_of(kind, 1) == f"1 post {kind.one}"


def test_that_all_is_deleted_is_said_first() -> None:
    """Also of a single post, and of what was published before."""
    gone = {"finding": Finding.DELETED, "remark": "deleted in Postiz; it is not sent again"}
    for states, said in [
        ([RowState.STORED], "The post was deleted in Postiz after being stored."),
        ([RowState.STORED, RowState.PUBLISHED], "All 2 posts were deleted in Postiz after"),
    ]:
        shown = page([row(n, state, **gone) for n, state in enumerate(states)])
        assert shown.of["verdict"].startswith(said)
        assert " are stored" not in shown.text
    some = page([row(2, RowState.STORED, **gone), row(3, RowState.STORED), row(4, RowState.LATE)])
    said = "1 of 3 posts stored. 1 stored, but deleted in Postiz since. 2 posts to look at."
    assert some.of["verdict"] == said


@given(st.lists(st.tuples(st.sampled_from(RowState), st.sampled_from(Finding)), max_size=30))
def test_each_row_is_counted_in_one_tile(found: list[tuple[RowState, Finding]]) -> None:
    rows = [row(n, state, finding=finding) for n, (state, finding) in enumerate(found)]
    shown = page(rows, sent=[Sent(FIRST, 7)])
    if not rows:
        assert "tiles" not in shown.of
        return
    total, *others, requests = [int(number) for number in re.findall(r"\d+", shown.of["tiles"])]
    assert 0 not in {total, *others}, "no tile is empty"
    assert total == len(rows)
    assert sum(others) == len(rows)
    assert requests == 1


def test_another_number_of_rows_in_the_file_is_explained() -> None:
    rows = [row(n, RowState.STORED) for n in (2, 3, 4)]
    file = {"r2": "a", "r4": "a", "r5": "a", "r6": "a"}
    shown = page(rows, names=file).text
    assert "The file has 4 rows. 2 of them are not in this report: added or edited" in shown
    assert "1 row of this report is not in the file any more." in shown
    for same in ({"r2": "a", "r3": "a", "r4": "a"}, {}, {"x1": "read in another way"}):
        assert "The file has" not in page(rows, names=same).text
        assert "any more" not in page(rows, names=same).text


def test_another_number_of_posts_in_requests_is_explained() -> None:
    rows = [row(n, RowState.STORED) for n in (2, 3, 4)]
    again = page(rows, sent=[Sent(FIRST, 3), Sent(FIRST, 1)]).text
    assert "2 create requests with 4 posts" in again
    assert "The report has 3 rows: a post counts here each time that it was sent" in again
    assert "The report has" not in page(rows, sent=[Sent(FIRST, 3)]).text


def test_what_looks_like_cards_is_a_table_for_screen_readers() -> None:
    """A browser forgets what a table is once its cells are blocks, unless their roles say it."""
    rows = [row(n, RowState.REFUSED, note=f"reason {n % 2 or n}") for n in range(2, 8)]
    found = Tables(html_report(facts(rows, texts={"r3": "Guten Tag"}))).found
    assert [table.columns for table in found if table.is_cards] == [
        ["row", "date", "channel", "text"],
        ["row", "date", "channel", "why"],  # none of these has a text
        ["date", "channel", "text", "state", "row"],
    ]
    for table in found:
        if table.is_cards:
            assert table.labels == [table.columns] * len(table.rows)
            assert set(table.roles) == {"table", "rowgroup", "row", "columnheader", "cell"}
    assert sum(len(table.rows) for table in found if table.is_cards) == 12


def test_dates_that_were_moved_to_share_requests_are_told() -> None:
    moved = [row(n, RowState.STORED, asked_seconds=FIRST + n * 3_600 - 60 * n) for n in (2, 3)]
    assert "2 posts moved to share requests, by 3 min at most." in page(moved).text


def test_an_empty_journal_has_a_page_too() -> None:
    assert "The campaign has no rows yet." in page([]).text


# ------------------------------------------------------------------ hostile content


@pytest.mark.parametrize("evil", HOSTILE)
def test_what_posts_files_and_servers_say_stays_text(evil: str) -> None:
    records = [
        row(2, RowState.REFUSED, note=evil, name=evil),
        row(3, RowState.STORED, remark=evil, finding=Finding.EQUAL, name=evil),
        row(4, RowState.PUBLISHED, link=f"https://x.example/{evil}", name=evil),
    ]
    names = {"campaign": evil, "server": evil, "remarks": [evil], "texts": {"r2": evil, "r3": evil}}
    text = html_report(facts(records, **names))
    shown = Page(text)
    assert "script" not in shown.tags
    assert "img" not in shown.tags
    assert shown.tags.count("style") == 1
    assert "\x00" not in text
    assert "\x1b" not in text
    assert "default-src 'none'" in text
    links = [link for link in shown.links if not link.startswith("#")]
    assert all(link.startswith("https://x.example/") for link in links)
    if "alert(1)" in evil:
        assert evil in shown.text, "it can be read"


@pytest.mark.parametrize(
    ("link", "kept"),
    [
        ("https://x.example/1", ["https://x.example/1"]),
        ("https://x.example/1,https://x.example/2", ["https://x.example/1"]),
        ("javascript:alert(1)", []),
        ("data:text/html,x", []),
        ("", []),
    ],
)
def test_only_addresses_of_web_pages_become_links(link: str, kept: list[str]) -> None:
    shown = page([row(2, RowState.PUBLISHED, link=link)])
    assert [each for each in shown.links if not each.startswith("#")] == kept


@pytest.mark.parametrize(
    ("sign", "length"),
    [
        ("👩‍👩‍👧‍👦", 7),
        ("🏳️‍🌈", 4),
        ("🇩🇪", 2),
        ("👍🏽", 2),
        ("e\u0301", 2),
        ("\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", 7),
    ],
)
def test_a_text_is_not_cut_within_a_sign(sign: str, length: int) -> None:
    assert len(sign) == length
    for most in range(2, 30):
        whole = (most - 1) // length
        said = f"<bdi>{sign * whole}…</bdi>"
        assert cut(sign * 30, most) == said


def test_a_letter_with_accents_without_end_is_cut_all_the_same() -> None:
    assert len(cut("a" + "\u0301" * 1_000, 90)) < 110


# ------------------------------------------------------------------ the calendar


def entries(days: list[date], channel: str = "x") -> list[CalendarEntry]:
    return [CalendarEntry(day, channel, KINDS["stored"]) for day in days]


def test_days_without_posts_are_shown_unless_they_are_many() -> None:
    start = date(2027, 1, 28)
    near = Page(calendar(entries([start, start + timedelta(days=3)]), anchors=True))
    assert "Thu 28 Jan" in near.text
    assert "Fri 29 Jan" in near.text
    assert "January 2027" in near.text
    assert near.links == ["#d-2027-01-28", "#d-2027-01-31"]
    far = Page(calendar(entries([start, start + timedelta(days=10)]), anchors=False))
    assert "9 days without posts" in far.text
    assert "February 2027" in far.text
    assert "Fri 29 Jan" not in far.text


@pytest.mark.parametrize(("span", "first"), [(99, "day"), (100, "week"), (700, "month")])
def test_long_campaigns_are_shown_by_week_or_month(span: int, first: str) -> None:
    days = [date(2027, 1, 4) + timedelta(days=n) for n in range(span + 1)]
    text = Page(calendar(entries(days), anchors=False)).text
    assert text.startswith(first)
    assert sum(map(int, re.findall(r"✓\s(\d+)", text))) == len(days)


def test_channels_beyond_the_busiest_share_a_column() -> None:
    many = [
        CalendarEntry(date(2027, 1, 4), f"channel {n}", KINDS["stored"])
        for n in range(60)
        for _ in range(60 - n)
    ]
    text = Page(calendar(many, anchors=False)).text
    assert "channel 0 channel 1 channel 2 " in text
    assert "channel 40" not in text
    assert "36 others" in text


def test_dates_are_in_the_zone_of_the_reader() -> None:
    late = datetime(2027, 1, 15, 23, 30, tzinfo=UTC).timestamp()
    shown = page([row(2, RowState.STORED, seconds=late)], zone=ZoneInfo("Europe/Berlin"))
    assert "Sat 16 Jan" in shown.text
    assert "Dates in Europe/Berlin" in shown.text


# ------------------------------------------------------------------ the windows


def test_windows_begin_with_the_first_request_after_the_one_before() -> None:
    moments = [0.0, 10.0, 3_599.0, 3_600.0, 9_000.0]
    found = windows([Sent(at, 2) for at in moments], 3_600.0)
    assert found == [WindowUse(0.0, 3, 6), WindowUse(3_600.0, 1, 2), WindowUse(9_000.0, 1, 2)]


def lines_of(table: str) -> list[tuple[str, int, int, float]]:
    """Each line of a table of requests: its span, requests, posts, and the length of its bar."""
    found = re.findall(
        r'<th scope="row">(.*?)</th><td class="n">([\d,]+)</td><td class="n">([\d,]+)</td>'
        r'<td><i style="width:([\d.]+)%">',
        table,
    )
    assert len(found) == table.count("<i ")
    return [
        (span, int(requests.replace(",", "")), int(posts.replace(",", "")), float(bar))
        for span, requests, posts, bar in found
    ]


def test_many_windows_are_shown_by_day_and_none_is_lost() -> None:
    few = [WindowUse(FIRST + n * 3_600, 30, 60) for n in range(MOST_SPANS)]
    assert len(lines_of(requests_table(few, 30, UTC))) == MOST_SPANS
    for count in (MOST_SPANS + 1, 1_700, 30_000):
        many = [WindowUse(FIRST + n * 3_600, 30, 60) for n in range(count)]
        made = requests_table(many, 30, UTC)
        told = lines_of(made)
        assert 2 <= len(told) <= MOST_SPANS
        assert sum(requests for _, requests, _, _ in told) == 30 * count
        assert sum(posts for _, _, posts, _ in told) == 60 * count
        Page(made)


@pytest.mark.parametrize("count", [1, 2, MOST_SPANS, 200])
def test_each_bar_is_as_long_as_it_counts(count: int) -> None:
    found = [WindowUse(FIRST + n * 3_600, n + 1, 60) for n in range(count)]
    lines = lines_of(requests_table(found, 30, UTC))
    most = max(30 if count <= MOST_SPANS else 0, *(requests for _, requests, _, _ in lines))
    for _, requests, _, bar in lines:
        assert bar == pytest.approx(100 * requests / most, abs=0.1)


def test_a_line_names_its_window_or_its_day() -> None:
    found = [WindowUse(FIRST, 30, 60), WindowUse(FIRST + 3 * DAY, 2, 4)]
    spans = [span for span, *_ in lines_of(requests_table(found, None, UTC))]
    assert spans == ["15 Jan 09:00", "18 Jan 09:00"]
    found += [WindowUse(FIRST + 2 * DAY + n * 60, 1, 1) for n in range(MOST_SPANS)]
    days = lines_of(requests_table(sorted(found), None, UTC))
    assert [span for span, *_ in days] == [f"{day} Jan 2027" for day in range(15, 19)]
    assert [requests for _, requests, _, _ in days] == [30, 0, MOST_SPANS, 2]


@pytest.mark.parametrize(("hours", "limit"), [(1, None), (MOST_SPANS, 30), (MOST_SPANS + 1, 30)])
def test_a_line_is_explained_where_there_is_one(hours: int, limit: int | None) -> None:
    sent = [Sent(FIRST + n * 3_600, 3) for n in range(hours)]
    shown = html_report(facts([row(2, RowState.STORED)], sent=sent, limit=limit))
    assert ("The dashed line is the limit" in shown) == ('style="--limit:100.0%"' in shown)
    assert ("; at Fri 15 Jan 2027 09:00." in shown) == (hours == 1)


def test_the_page_tells_the_requests_by_window() -> None:
    sent = [Sent(FIRST + n * 100, 3) for n in range(40)]
    shown = page([row(2, RowState.STORED)], sent=sent, limit=30)
    assert "40 create requests with 120 posts (3.0 each) in 2 windows of 60 minutes" in shown.text
    assert "at most 36 of the 30 allowed in one" in shown.text


# ------------------------------------------------------------------ size, and the way there


def large_campaign(count: int) -> Facts:
    states = list(RowState)
    records = [
        row(
            n,
            states[n % 10] if n % 9 == 0 else RowState.STORED,
            seconds=FIRST + n * 700,
            name=f"c{n % 70}",
        )
        for n in range(count)
    ]
    sent = [Sent(FIRST + n * 120, 3) for n in range(count // 3)]
    return facts(records, sent=sent, texts={r.ref: HOSTILE[0] for r in records})


def test_a_page_is_work_that_grows_with_the_rows_only() -> None:
    campaigns = {count: large_campaign(count) for count in (2_000, 8_000)}
    assert grows_with_its_input(lambda count: html_report(campaigns[count]), 2_000)


@pytest.mark.exhaustive
def test_fifty_thousand_rows_make_a_small_page() -> None:
    text = html_report(large_campaign(50_000))
    assert len(text) < 1_000_000
    Page(text)


async def test_a_page_from_a_run(tmp_path: Path) -> None:
    lab = Lab(tmp_path, limit=4)
    lab.judge = refuse_post_3
    async with lab.sandbox:
        channel = lab.channel("mastodon")
        lab.write(
            {"channel": channel, "date": at(0.5 + n / 60), "content": f"post {n}"}
            for n in (*range(4, 12), 3, 2)
        )
        async with lab.client() as postiz, lab.campaign(postiz) as campaign:
            with pytest.raises(CampaignError, match="has not been run"):
                await campaign.html_report()
            report = await campaign.run()
            shown = Page(await campaign.html_report(zone=UTC))
        assert report.counts.keys() == {"stored", "refused", "late"}
        assert f"{report.counts['stored']} of 10 posts stored" in shown.text
        assert "no posts about coffee" in shown.text
        assert "its date passed before a slot was free" in shown.text
        assert "of the 4 allowed in one" in shown.text
        assert "post 11" in shown.text
        facts = read_facts(JournalFile(lab.journal), made_at=START.timestamp())
        assert (len(facts.sent), facts.limit) == (report.requests, 4)


async def test_a_channel_that_rows_write_in_different_ways_is_one(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.channel("mastodon")
    async with lab.sandbox:
        lab.write(
            {"channel": written, "date": at(1 + n / 60), "content": f"post {n}"}
            for n, written in enumerate(("mastodon", "Mastodon", "mastodon "))
        )
        await lab.run()
        facts = read_facts(JournalFile(lab.journal), made_at=START.timestamp())
    assert [facts.channel(row) for row in facts.rows] == ["mastodon"] * 3


def refuse_post_3(posts: list[dict[str, Any]]) -> dict[str, Any] | None:
    if any(post["value"][0]["content"] == "post 3" for post in posts):
        return {"statusCode": 400, "message": "no posts about coffee", "error": "Bad Request"}
    return None
