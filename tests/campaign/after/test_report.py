from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from postiz_async._campaign.after.report import make_report
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._delivery.outcomes import RowState
from postiz_async._wire import parse_date
from postiz_async.errors import Problem

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
    [stored, both, gone] = csv.DictReader(io.StringIO(report.to_csv()))
    assert stored["state"] == "stored"
    assert {name: value for name, value in both.items() if value} == {
        "number": "4",
        "state": "left out",
        "reason": "date: is missing (write one); content: is long",
    }
    assert (gone["number"], gone["state"], gone["reason"]) == ("9", "left out", "media: =gone")
    assert report.complete


def test_records_are_flat_and_have_the_columns_of_the_csv() -> None:
    rows = [
        record(2, RowState.REFUSED, note="no", remark="again"),
        record(3, RowState.STORED, link="https://x.com/1", name="Brewers", post_id="cm1"),
        replace(record(4, RowState.STORED), finding=Finding.DELETED, remark="gone"),
    ]
    report = make_report(rows, requests=1)
    records = report.to_records()
    names = ("number", "ref", "channel", "date", "state", "reason", "link")
    assert records == [
        dict(zip(names, values, strict=True))
        for values in (
            (2, "r2", "c1", DATE, "refused", "no; again", ""),
            (3, "r3", "Brewers", DATE, "stored", "", "https://x.com/1"),
            (4, "r4", "c1", DATE, "deleted", "gone", ""),
        )
    ]
    assert records[0]["date"].tzinfo is UTC  # type: ignore[attr-defined]
    assert type(records[0]["state"]) is str
    assert report.to_csv().splitlines()[0] == ",".join(names)
    assert make_report([], requests=0).to_records() == []
    said = json.loads(json.dumps(report, default=msgspec.to_builtins))
    assert said["rows"][1]["post_id"] == "cm1"


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        ("2027-01-14T23:00:00Z", "2027-01-15 00:00:00+01:00"),
        ("2027-10-31T00:30:00Z", "2027-10-31 02:30:00+02:00"),
        ("2027-10-31T01:30:00.250Z", "2027-10-31 02:30:00+01:00"),
    ],
)
def test_a_date_has_its_offset(at: str, shown: str) -> None:
    row = replace(record(2, RowState.STORED), seconds=datetime.fromisoformat(at).timestamp())
    report = make_report([row], 1)
    [line] = csv.DictReader(io.StringIO(report.to_csv(zone=ZoneInfo("Europe/Berlin"))))
    assert line["date"] == shown
