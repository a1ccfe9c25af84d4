from __future__ import annotations

import csv
import io

import pytest

from postiz_async._batch.check import Resolver
from postiz_async._batch.report import make_report
from postiz_async._batch.rows import Row
from postiz_async._delivery.journal import RowRecord, RowState
from postiz_async._wire import parse_date
from postiz_async.errors import Problem
from postiz_async.models.integrations import Integration

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


def test_the_csv_can_be_read_back_whatever_the_server_said() -> None:
    note = 'it said "no",\nand then; more'
    rows = [record(2, RowState.REFUSED, note=note), record(3, RowState.STORED, post_id="cm1")]
    lines = list(csv.DictReader(io.StringIO(make_report(rows, requests=1).to_csv())))
    assert lines[0]["note"] == note
    assert (lines[1]["state"], lines[1]["post_id"]) == ("stored", "cm1")
    assert lines[1]["date"] == "2027-01-15T08:00:00+00:00"


# ------------------------------------------------------------------ which channel is meant

CHANNELS = [
    Integration(id="cm1", name="Brewers", provider="mastodon"),
    Integration(id="cm2", name="Roasters", provider="x"),
    Integration(id="cm3", name="roasters", provider="telegram"),
    Integration(id="cm4", name="x", provider="discord"),
    Integration(id="cm5", name="Old", provider="bluesky", disabled=True),
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("cm1", "cm1"),
        ("Brewers", "cm1"),
        ("BREWERS", "cm1"),
        ("mastodon", "cm1"),
        ("Mastodon", "cm1"),
        ("cm3", "cm3"),
        ("x", "cm4"),  # a name is meant before a provider
        ("telegram", "cm3"),
    ],
)
def test_a_channel_is_meant_by_id_name_or_provider_in_this_order(wanted: str, found: str) -> None:
    row = Row(number=2, ref="r", integration=wanted, date=DATE)
    channel = Resolver(CHANNELS).resolve(row)
    assert isinstance(channel, Integration)
    assert channel.id == found


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("Roasters", "fits 2 channels ('Roasters' (cm2), 'roasters' (cm3))"),
        ("Old", "the channel 'Old' is disabled"),
        ("bluesky", "the channel 'Old' is disabled"),
        ("Brewer", "there is no channel 'Brewer' (do you mean 'Brewers'?)"),
        ("nothing like it", "postiz-async integrations lists them"),
    ],
)
def test_a_channel_that_cannot_be_told_is_a_problem(wanted: str, words: str) -> None:
    row = Row(number=7, ref="r", integration=wanted, date=DATE)
    problem = Resolver(CHANNELS).resolve(row)
    assert isinstance(problem, Problem)
    assert (problem.row, problem.where) == (7, "integration")
    assert words in str(problem)
