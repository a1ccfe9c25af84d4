"""Figures in the page of a campaign: the highest first, harmless, small."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from postiz_async._campaign.after.report import make_report
from postiz_async._campaign.after.report.data import Facts
from postiz_async._campaign.after.report.html import MOST_POSTS, figures_section, number
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._delivery.outcomes import RowState
from postiz_async.models.insights import Figures


def row(number: int, **more: object) -> RowRecord:
    values: dict[str, object] = {
        "ref": f"r{number}",
        "number": number,
        "fingerprint": "",
        "channel": "c",
        "seconds": 1_800_000_000.0 + number,
        "state": RowState.PUBLISHED,
        "post_id": f"p{number}",
    }
    return RowRecord(**(values | more))  # type: ignore[arg-type]


def facts(*rows: RowRecord) -> Facts:
    return Facts(campaign="c", server="s", rows=rows, made_at=0)


def test_the_highest_come_first_and_reasons_beneath() -> None:
    figures = Figures({"p1": {"Likes": 5}, "p2": {"Likes": 1250, "Views": 2.5}}, {"p3": "because"})
    section = figures_section(facts(row(1), row(2), row(3)), figures)
    assert section.index(">1,250<") < section.index(">5<")
    assert ">2.5<" in section
    assert "1 post without figures: because." in section


def test_names_and_reasons_of_a_server_are_harmless() -> None:
    figures = Figures({"p1": {'<script>"x': 1}}, {"p2": "<img src=x>"})
    section = figures_section(facts(row(1), row(2)), figures)
    assert "<script" not in section
    assert "<img" not in section


def test_a_section_stays_small() -> None:
    posts = {f"p{n}": {f"f{k}": n for k in range(9)} for n in range(MOST_POSTS + 50)}
    section = figures_section(facts(*(row(n) for n in range(MOST_POSTS + 50))), Figures(posts))
    assert section.count("<tr ") == MOST_POSTS + 2  # the head, and the totals
    assert "has others too: f4, f5, f6, f7, f8." in section
    nothing = figures_section(facts(row(1)), Figures({}))
    assert "<table" not in nothing
    assert "No post is due yet, so there are no figures." in nothing


def test_totals_are_of_all_posts_and_of_counts_only() -> None:
    posts = {f"p{n}": {"Likes": n, "Rate": n / 7} for n in range(MOST_POSTS + 50)}
    section = figures_section(facts(*(row(n) for n in range(MOST_POSTS + 50))), Figures(posts))
    total = section.partition('class="total"')[2]
    assert f"All {MOST_POSTS + 50} posts" in total
    assert f">{sum(range(MOST_POSTS + 50)):,}<" in total
    assert total.count("n f") == 2, "rates have no sum, and a cell"
    assert ">0.14" not in total
    assert 'class="total"' not in figures_section(facts(row(1)), Figures({"p1": {"Likes": 3}}))


@pytest.mark.parametrize(("value", "shown"), [(1250, "1,250"), (3.5, "3.5"), (0, "0")])
def test_numbers_for_people(value: float, shown: str) -> None:
    assert number(value) == shown


def test_what_is_due() -> None:
    rows = [
        row(1),
        row(2, state=RowState.STORED),
        row(3, state=RowState.STORED, seconds=2_000_000_000.0),
        row(4, finding=Finding.DELETED),
        row(5, state=RowState.FAILED),
        row(6, state=RowState.PLANNED, post_id=None),
    ]
    due = make_report(rows, 1).due(datetime.fromtimestamp(1_900_000_000, UTC))
    assert [each.number for each in due] == [1, 2]


def test_a_csv_has_a_column_for_each_figure() -> None:
    figures = Figures({"p1": {"Likes": -5, "=Views": 2.5}})
    lines = make_report([row(1), row(2)], 1).to_csv(figures).splitlines()
    assert lines[0].endswith(",moved_from,figure Likes,figure =Views,row,ref,post_id,channel_id")
    assert lines[1].endswith(",-5,2.5,1,r1,p1,c")
    assert lines[2].endswith(",,,2,r2,p2,c")
