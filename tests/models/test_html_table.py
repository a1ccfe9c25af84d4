"""What notebooks show: small tables that are escaped and take the colours of the page."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from postiz_async import Quota
from postiz_async._campaign.after.report import make_report
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.read.rows import Row
from postiz_async._delivery.outcomes import RowState
from postiz_async.models._html_table import date_cell, html_table, span_cell
from postiz_async.types import Forecast

EVIL = '<script>alert("x")</script> & \' more'
AT = datetime(2030, 1, 1, 9, tzinfo=UTC)


def quota(**said: object) -> Quota:
    nothing = ("limit", "remaining", "resets_in", "bulk_waits_for", "bulk_in", "as_of")
    zero = {"next_in": 0.0, "in_flight": 0, "queued": {}, "blocked": False, "blocked_for": 0.0}
    return Quota.from_dict({**dict.fromkeys(nothing), **zero, **said})


def forecast(*late: int) -> Forecast:
    rows = tuple(Row(number=number, ref="", channel="", date=AT) for number in late)
    return Forecast(431, 5_000, 30, limit_known=not late, windows=15, finish=AT, late=rows)


def row(number: int, **said: object) -> RowRecord:
    state = RowState.REFUSED if said else RowState.STORED
    return RowRecord("r", number, "f", "c1", AT.timestamp(), state, **said)  # type: ignore[arg-type]


def cells(html: str) -> list[list[str]]:
    """The texts of its rows; it is well-formed, and nothing of it reaches out or runs."""
    tree = ET.fromstring(html)  # noqa: S314 - what we made
    assert not re.search(r"<(?!/?(?:div|table|caption|thead|tbody|tr|th|td)\b)", html)
    assert "url(" not in html
    assert "color:#" not in html
    assert "color:inherit;background:none" in html
    return [["".join(cell.itertext()) for cell in line] for line in tree.iter("tr")]


def test_texts_are_escaped() -> None:
    assert cells(html_table(EVIL, [(EVIL, EVIL)])) == [[EVIL, EVIL]]
    assert cells(html_table("", [("1", EVIL)], (EVIL, "b"))) == [[EVIL, "b"], ["1", EVIL]]
    shown = make_report([row(2, note=EVIL, name=EVIL)], 1)._repr_html_()
    assert "<script" not in shown
    assert cells(shown)[-1] == ["2", EVIL, "2030-01-01 09:00 UTC", "refused", EVIL]


def test_a_quota() -> None:
    unknown = dict(cells(quota()._repr_html_()))
    assert unknown["Free"] == "not known"
    assert unknown["Next call"] == "now"
    assert unknown["As of"] == "no answer yet"
    assert "Locked out" not in unknown
    said = {"limit": 30, "remaining": 4, "resets_in": 1213.0, "bulk_waits_for": "reserved"}
    more = {"bulk_in": 60.0, "blocked": True, "blocked_for": 90.0, "as_of": AT}
    known = dict(cells(quota(**said, **more, queued={"bulk": 212})._repr_html_()))
    assert known == {
        "Free": "4 of 30",
        "Window ends in": "20 min 13 s",
        "Next call": "now",
        "In flight": "0",
        "Waiting": "single posts: 0, bulk: 212",
        "Bulk waits for": "reserved, 1 min",
        "Locked out": "1 min 30 s",
        "As of": "2030-01-01 09:00 UTC",
    }


def test_a_plan() -> None:
    known = dict(cells(forecast()._repr_html_()))
    assert known["Posts"] == "5,000"
    assert known["Limit"] == "30 in each window"
    assert known["Too late"] == "0"
    guessed = dict(cells(forecast(4, 7, 8, 9)._repr_html_()))
    assert guessed["Limit"] == "30 in each window, as long as no other is known"
    assert guessed["Too late"] == "4 (rows 4, 7-9)"


def test_a_report() -> None:
    fine = make_report([row(2), row(3)], 1)
    assert cells(fine._repr_html_()) == [["stored", "2"], ["create requests", "1"]]
    bad = [row(number, note="no", finding=Finding.EDITED) for number in range(2, 52)]
    shown = make_report(bad, 7)._repr_html_()
    lines = cells(shown)
    assert lines[2] == ["row", "channel", "date", "state", "problem"]
    assert lines[3] == ["2", "c1", "2030-01-01 09:00 UTC", "refused", "edited no"]
    assert len(lines) == 3 + 20
    assert "50 to look at, the first 20" in shown


@pytest.mark.parametrize("value", [quota(), forecast(), make_report([], 0)])
def test_the_text_says_what_it_is_as_before(value: object) -> None:
    assert repr(value).startswith(f"{type(value).__name__}(")


def test_cells() -> None:
    assert (date_cell(None), date_cell(AT), date_cell(AT.timestamp())) == (
        "", "2030-01-01 09:00 UTC", "2030-01-01 09:00 UTC",
    )  # fmt: skip
    assert (span_cell(None), span_cell(0), span_cell(90)) == ("not known", "now", "1 min 30 s")
