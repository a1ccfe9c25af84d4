from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC

import msgspec

from postiz_async._campaign.after.report import make_report
from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._delivery.outcomes import RowState
from postiz_async._wire import parse_date
from postiz_async.errors import Problem
from postiz_async.models.insights import Figures

DATE = parse_date("2027-01-15T08:00:00.000Z")


def record(number: int, state: RowState, **more: str) -> RowRecord:
    return RowRecord(f"r{number}", number, "f", "c1", DATE.timestamp(), state, **more)  # type: ignore[arg-type]


ALL = [record(number, state) for number, state in enumerate(RowState, 2)]


def test_counts_troubles_and_what_a_further_run_would_do() -> None:
    report = make_report(reversed(ALL), requests=3)
    assert [row.number for row in report.rows] == [row.number for row in ALL]
    assert report.counts == {state.value: 1 for state in RowState}
    assert not report.complete
    assert report.open == 3
    troubles = {row.state for row in report.troubles()}
    fine = {RowState.STORED, RowState.PUBLISHED, RowState.PLANNED, RowState.SENDING}
    assert troubles == set(RowState) - fine - {RowState.WITHDRAWN}


def test_a_report_of_stored_rows_is_complete() -> None:
    report = make_report([record(2, RowState.STORED), record(3, RowState.STORED)], requests=1)
    assert (report.complete, report.open, report.troubles()) == (True, 0, [])
    gone = record(4, RowState.SKIPPED)
    assert make_report([*report.rows, gone], requests=1).complete


def test_rows_that_were_left_out_have_their_problems_in_the_csv() -> None:
    wrong = [Problem("date", "is missing", 4, "write one"), Problem("content", "is long", 4)]
    report = make_report([record(2, RowState.STORED)], 1, [*wrong, Problem("media", "=gone", 9)])
    figures = Figures({"cm1": {"Likes": 3.0}})
    [stored, both, gone] = csv.DictReader(io.StringIO(report.to_csv(figures)))
    assert stored["state"] == "stored"
    assert {name: value for name, value in both.items() if value} == {
        "row": "4",
        "state": "left out",
        "note": "date: is missing (write one); content: is long",
    }
    assert (gone["row"], gone["state"], gone["note"]) == ("9", "left out", "media: =gone")
    assert report.complete


def test_records_are_flat_and_have_the_columns_of_the_csv() -> None:
    shifted = record(3, RowState.STORED, post_id="cm1", link="https://x.com/1", name="Brewers")
    rows = [
        record(2, RowState.REFUSED, note="no"),
        replace(shifted, asked_seconds=DATE.timestamp()),
    ]
    figures = Figures({"cm1": {"Likes": 3.0}})
    report = make_report(rows, requests=1)
    records = report.to_records(figures)
    assert records == [
        {
            "text": "", "channel": "c1", "date": DATE, "state": "refused", "link": "",
            "note": "no", "finding": "", "remark": "", "moved_from": None, "figure Likes": None,
            "row": 2, "ref": "r2", "post_id": None, "channel_id": "c1",
        },
        {
            "text": "", "channel": "Brewers", "date": DATE, "state": "stored",
            "link": "https://x.com/1", "note": "", "finding": "", "remark": "", "moved_from": DATE,
            "figure Likes": 3.0, "row": 3, "ref": "r3", "post_id": "cm1", "channel_id": "c1",
        },
    ]  # fmt: skip
    assert records[0]["date"].tzinfo is UTC  # type: ignore[attr-defined]
    assert type(records[0]["state"]) is str
    [first, _] = csv.DictReader(io.StringIO(report.to_csv(figures)))
    assert list(first) == [*list(records[0])[:3], "timezone", *list(records[0])[3:]]
    assert list(report.to_records()[0]) == [name for name in records[0] if "figure" not in name]
    assert make_report([], requests=0).to_records() == []
    said = json.loads(json.dumps(report, default=msgspec.to_builtins))
    assert said["rows"][1]["post_id"] == "cm1"
