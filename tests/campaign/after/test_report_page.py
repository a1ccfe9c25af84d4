"""The page of a campaign: complete, harmless whatever posts say, small whatever their number."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from campaign_lab import Lab, at
from hypothesis import given, strategies as st
from work import grows_with_its_input

from postiz_async._campaign.after.report import KINDS, LEFT_OUT, Report, make_report
from postiz_async._campaign.after.report.page import MOST_CHANNELS, MOST_ROWS, html_page
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.read.rows import SaidRow
from postiz_async._delivery.outcomes import RowState
from postiz_async.errors import CampaignError, Problem

MADE = datetime(2027, 1, 15, 9, tzinfo=UTC)
FIRST = MADE.timestamp()
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
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name not in {"src", "action", "formaction", "srcdoc", "data", "ping"}
            if name == "href":
                self.links.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            assert not re.search(r"url\(|@import", data)
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def row(number: int, state: RowState = RowState.STORED, text: str = "", **more: Any) -> RowRecord:
    given = {"name": "Northwind News", "seconds": FIRST + number * 3_600} | more
    if text:
        said = SaidRow(content=text, date=MADE, channel="x", format=given.pop("format", "text"))
        given["said"] = said.write()
    seconds = given.pop("seconds")
    return RowRecord(f"r{number}", number, "f", f"c-{given['name']}", seconds, state, **given)


def made(report: Report, **more: Any) -> str:
    given = {
        "campaign": "spring.csv",
        "server": "https://postiz.example.com",
        "made_at": MADE,
        "zone": UTC,
    }
    return html_page(report, **(given | more))


def page(*rows: RowRecord, **more: Any) -> Page:
    return Page(made(make_report(rows, 3), **more))


def lines(shown: str) -> list[list[str]]:
    """The cells of each line of the table of rows, as text."""
    table = shown.partition('<table class="rows"')[2]
    return [
        [
            " ".join(unescape(re.sub("<[^>]*>", " ", cell)).split())
            for cell in line.split("</td>")[:-1]
        ]
        for line in table.split('<tr role="row">')[2:]
    ]


# ------------------------------------------------------------------ what it says


def test_every_state_and_finding_has_a_colour_and_if_needed_an_advice() -> None:
    names = {each.value for each in (*RowState, *Finding) if each.value}
    assert set(KINDS) == {*names, LEFT_OUT}
    fine = {RowState.PUBLISHED, RowState.STORED, RowState.PLANNED, RowState.SENDING}
    fine.add(RowState.WITHDRAWN)
    assert {name for name, kind in KINDS.items() if not kind.advice} == {s.value for s in fine}
    style = made(make_report([], 0))
    assert {kind.tone for kind in KINDS.values() if f"\n.{kind.tone} {{" not in style} == set()


def test_a_campaign_without_trouble() -> None:
    shown = page(*(row(n) for n in range(2, 5))).text
    assert "spring.csv A campaign at https://postiz.example.com" in shown
    assert "Made Fri 15 Jan 2027 09:00. Dates in UTC." in shown
    assert "3 stored" in shown
    assert "3 create requests spent." in shown
    assert "Nothing: every row is as it should be." in shown


def test_each_row_has_its_date_channel_text_state_reason_and_link() -> None:
    rows = [
        row(5, RowState.PUBLISHED, "<p>Tea &amp; cake</p>", format="html", link="https://x.com/1"),
        row(3, RowState.REFUSED, "A cup of coffee", note="it needs a picture", name="Our X"),
        row(4, finding=Finding.EDITED, remark="moved by somebody"),
        row(2, finding=Finding.DELETED, remark="is gone"),
    ]
    problems = [Problem("date", "is missing", 9), Problem("content", "is long", 9)]
    shown = made(make_report(rows, 3, [*problems, Problem("file", "is odd")]))
    assert lines(shown) == [
        ["2", "Fri 15 Jan 2027 11:00", "Northwind News", "", "deleted is gone"],
        ["3", "Fri 15 Jan 2027 12:00", "Our X", "A cup of coffee", "refused it needs a picture"],
        ["4", "Fri 15 Jan 2027 13:00", "Northwind News", "", "stored edited moved by somebody"],
        ["5", "Fri 15 Jan 2027 14:00", "Northwind News", "Tea & cake", "published open row 5"],
        ["", "", "", "", "left out file: is odd"],
        ["9", "", "", "", "left out date: is missing; content: is long"],
    ]
    assert 'data-label="state"' in shown


def test_troubles_come_with_advice_the_worst_first() -> None:
    rows = [row(2), row(3, RowState.LATE), *(row(n, RowState.REFUSED) for n in (4, 5))]
    rows.append(row(6, finding=Finding.EDITED))
    shown = page(*rows, remarks=["The list was slow."]).text
    assert "2 stored 2 refused 1 late" in shown
    assert "The list was slow." in shown
    advice = shown.partition("What to do")[2].partition("Timeline")[0]
    assert re.findall(r"(\d+ [a-z]+) [A-Z]", advice) == ["2 refused", "1 late", "1 edited"]
    assert "Correct the row in the campaign file" in advice


@given(st.lists(st.tuples(st.sampled_from(RowState), st.sampled_from(Finding)), max_size=30))
def test_each_row_is_counted_once_at_a_glance(found: list[tuple[RowState, Finding]]) -> None:
    shown = page(*(row(n, state, finding=what) for n, (state, what) in enumerate(found))).text
    glance = shown.partition("Dates in UTC.")[2].partition("3 create requests")[0]
    assert sum(map(int, re.findall(r"\d+", glance))) == len(found)
    assert found or "The campaign has no rows yet." in shown


def test_dates_are_in_the_zone_of_the_reader() -> None:
    late = datetime(2027, 1, 15, 23, 30, tzinfo=UTC).timestamp()
    shown = page(row(2, seconds=late), zone=ZoneInfo("Europe/Berlin")).text
    assert "Sat 16 Jan 2027 00:30" in shown
    assert "16 January 2027 Northwind News" in shown
    assert "Dates in Europe/Berlin" in shown


# ------------------------------------------------------------------ timeline


def bars(shown: str) -> list[tuple[str, float, int]]:
    found = re.findall(r'<i class="(\w+)" style="left:([\d.]+)%;height:(\d+)%">', shown)
    return [(tone, float(left), int(height)) for tone, left, height in found]


def test_a_channel_has_its_numbers_and_a_bar_for_each_part_of_the_time() -> None:
    rows = [
        *(row(n, seconds=FIRST) for n in range(2, 6)),
        row(6, RowState.PUBLISHED, seconds=FIRST + 43_200),
        row(7, RowState.LATE, seconds=FIRST + 43_210),
        row(8, name="Our X", seconds=FIRST + 86_400),
    ]
    shown = made(make_report(rows, 1))
    assert bars(shown) == [("good", 0.0, 100), ("warn", 50.0, 50), ("good", 98.3, 25)]
    text = Page(shown).text
    assert "channel 15 January 2027 to 16 January 2027" in text
    assert "Northwind News 1 published 4 stored 1 late Our X 1 stored" in text


def test_a_single_moment_is_a_bar_too() -> None:
    shown = made(make_report([row(2)], 1))
    assert bars(shown) == [("good", 0.0, 100)]
    assert "channel 15 January 2027 Northwind News" in Page(shown).text


def test_channels_beyond_the_busiest_share_a_line() -> None:
    many = MOST_CHANNELS + 20
    rows = [row(100 * n + k, name=f"channel {n}") for n in range(many) for k in range(many - n)]
    text = page(*rows).text.partition("Timeline")[2].partition("Rows")[0]
    others = sum(many - n for n in range(MOST_CHANNELS, many))
    assert f"channel 0 {many} stored channel 1 " in text
    assert f"channel {MOST_CHANNELS} " not in text
    assert text.rstrip().endswith(f"all other channels {others} stored")


@pytest.mark.parametrize("words", ["1970", "allowed"])
async def test_no_date_and_no_limit_is_told_that_nobody_knows(tmp_path: Path, words: str) -> None:
    """Requests were dated 1 Jan 1970, and so all of them counted in one window of the quota."""
    lab = Lab(tmp_path, limit=30)
    async with lab.sandbox:
        channel = lab.channel("mastodon")
        lab.write(
            {"channel": channel, "date": at(24 + n / 60), "content": f"post {n}"} for n in range(54)
        )
        async with lab.client() as postiz, lab.campaign(postiz) as campaign:
            await campaign.run()
            text = Page(await campaign.html_report(zone=UTC)).text
    assert "54 create requests spent" in text
    assert words not in text


# ------------------------------------------------------------------ hostile content


@pytest.mark.parametrize("evil", HOSTILE)
def test_what_posts_files_and_servers_say_stays_text(evil: str) -> None:
    rows = [
        row(2, RowState.REFUSED, evil, note=evil, name=evil),
        row(3, remark=evil, finding=Finding.EQUAL, name=evil),
        row(4, RowState.PUBLISHED, link=f"https://x.example/{evil}", name=evil),
    ]
    report = make_report(rows, 1, [Problem("content", evil, 9)])
    text = made(report, campaign=evil, server=evil, remarks=[evil])
    shown = Page(text)
    assert "script" not in shown.tags
    assert "img" not in shown.tags
    assert shown.tags.count("style") == 1
    assert "\x00" not in text
    assert "\x1b" not in text
    assert "default-src 'none'" in text
    assert all(link.startswith("https://x.example/") for link in shown.links)
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
    assert page(row(2, RowState.PUBLISHED, link=link)).links == kept


@pytest.mark.parametrize("sign", ["👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "👍🏽", "e\u0301"])
def test_a_text_is_cut_between_signs(sign: str) -> None:
    [line] = lines(made(make_report([row(2, text=sign * 90)], 1)))
    assert 60 < len(line[3]) <= 90
    assert line[3] == sign * (len(line[3]) // len(sign)) + "…"


def test_a_letter_with_accents_without_end_is_cut_all_the_same() -> None:
    [line] = lines(made(make_report([row(2, text="a" + "\u0301" * 900)], 1)))
    assert len(line[3]) <= 90


# ------------------------------------------------------------------ size, and the way there


def large_campaign(count: int) -> Report:
    states = list(RowState)
    return make_report(
        (
            row(
                n,
                states[n % 10] if n % 9 == 0 else RowState.STORED,
                HOSTILE[0],
                seconds=FIRST + n * 700,
                name=f"c{n % 70}",
            )
            for n in range(count)
        ),
        count,
    )


def test_of_many_rows_those_are_listed_that_need_attention() -> None:
    rows = [row(n, RowState.LATE if n % 9 == 0 else RowState.STORED) for n in range(MOST_ROWS + 1)]
    shown = made(make_report(rows, 1))
    assert [line[0] for line in lines(shown)] == [str(n) for n in range(0, MOST_ROWS + 1, 9)]
    assert "Rows to look at" in shown
    assert "The result CSV has all rows." in shown
    assert len(lines(made(make_report(rows[1:], 1)))) == MOST_ROWS
    late = [row(n, RowState.LATE) for n in range(MOST_ROWS + 1)]
    assert len(lines(made(make_report(late, 1)))) == MOST_ROWS


def test_a_page_is_work_that_grows_with_the_rows_only() -> None:
    campaigns = {count: large_campaign(count) for count in (2_000, 8_000)}
    assert grows_with_its_input(lambda count: made(campaigns[count]), 2_000)


@pytest.mark.exhaustive
def test_fifty_thousand_rows_make_a_small_page() -> None:
    text = made(large_campaign(50_000))
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
            shown = Page(await campaign.html_report(zone=UTC)).text
        assert report.counts.keys() == {"published", "refused", "late"}
        for state, number in report.counts.items():
            assert f"{number} {state}" in shown
        assert "no posts about coffee" in shown
        assert "its date passed before a slot was free" in shown
        assert f"{report.requests} create requests spent" in shown
        assert "post 11" in shown


async def test_a_channel_that_rows_write_in_different_ways_is_one(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.channel("mastodon")
    async with lab.sandbox:
        lab.write(
            {"channel": written, "date": at(1 + n / 60), "content": f"post {n}"}
            for n, written in enumerate(("mastodon", "Mastodon", "mastodon "))
        )
        async with lab.client() as postiz, lab.campaign(postiz) as campaign:
            await campaign.run()
            shown = Page(await campaign.html_report(zone=UTC)).text
    assert "mastodon 3 stored" in shown.partition("Timeline")[2]


def refuse_post_3(posts: list[dict[str, Any]]) -> dict[str, Any] | None:
    if any(post["value"][0]["content"] == "post 3" for post in posts):
        return {"statusCode": 400, "message": "no posts about coffee", "error": "Bad Request"}
    return None
