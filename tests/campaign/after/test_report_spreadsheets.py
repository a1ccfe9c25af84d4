"""CSV files of ours hold words of strangers, and people open them in spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from campaign_lab import START
from hypothesis import given, settings, strategies as st

from postiz_async._campaign.after.report import make_report
from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._campaign.read.source import read_campaign
from postiz_async._delivery.outcomes import RowState

STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
RUN = [
    '=HYPERLINK("https://evil.example";"see")',
    "+1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    '"=1',
    "'=1",
    " =1",
    "\uff1d1",
]
HARMLESS = ["", "plain", "'quoted'", '"quoted"', "a=b", "''", "'", "5"]


def result_cells(text: str) -> list[str]:
    row = RowRecord("ref", 2, "f", "c1", START.timestamp(), RowState.REFUSED, note=text, name=text)
    lines = list(csv.DictReader(io.StringIO(make_report([row], requests=1).to_csv())))
    return [lines[0]["reason"], lines[0]["channel"] if text else ""]


@pytest.mark.parametrize("text", RUN)
def test_no_cell_of_a_result_runs(text: str) -> None:
    assert result_cells(text) == [f"'{text}"] * 2


@pytest.mark.parametrize("text", HARMLESS)
def test_other_cells_of_a_result_are_what_they_are(text: str) -> None:
    assert result_cells(text) == [text] * 2


texts = st.text() | st.text("='+-@\t\r\n\" a", max_size=5)


@settings(deadline=None)
@given(st.lists(texts, min_size=1, max_size=5))
def test_no_text_runs_and_others_stay_to_the_letter(cells: Sequence[str]) -> None:
    from postiz_async._campaign.read.file_formats import csv_line  # noqa: PLC0415

    (read,) = csv.reader(io.StringIO(csv_line(cells), newline=""), strict=True)
    assert not [cell for cell in read if cell.lstrip(" '\"")[:1] in STARTS and cell[:1] != "'"]
    for cell, own in zip(read, cells, strict=True):
        assert cell in {own, f"'{own}"}


def test_the_apostrophes_of_a_campaign_are_its_own(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("channel,date,content\nc1,2031-01-15 09:00Z,'@anna' said so\n")
    assert read_campaign(path).rows[0].content == "'@anna' said so"
