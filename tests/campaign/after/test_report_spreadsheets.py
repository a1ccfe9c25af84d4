"""CSV files of ours hold words of strangers, and people open them in spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from campaign_lab import START, Lab, at
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
def test_what_is_escaped_comes_back_to_the_letter(cells: Sequence[str]) -> None:
    from postiz_async._campaign.read.file_formats import csv_line, without_escape  # noqa: PLC0415

    (read,) = csv.reader(io.StringIO(csv_line(cells), newline=""), strict=True)
    assert not [cell for cell in read if cell.lstrip(" '\"")[:1] in STARTS and cell[:1] != "'"]
    assert [without_escape(cell) for cell in read] == cells


NAMES = ["=1+1", "@brewers", "'=quoted", "'plain", "-x"]
TAGS = ["+sale", "'@home"]


async def test_an_export_is_safe_in_a_spreadsheet_and_read_as_it_was(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    ids = [lab.channel("mastodon", name=name) for name in NAMES]
    for tag in TAGS:
        lab.sandbox.add_tag(tag)
    lab.write(
        {"channel": id_, "date": at(24 + n), "content": f"={n}", "tags": TAGS}
        for n, id_ in enumerate(ids)
    )
    exported = tmp_path / "out.csv"
    async with lab.sandbox:
        await lab.run()
        async with lab.client() as postiz:
            span = {"start": START, "end": START + timedelta(days=60)}
            await postiz.export(exported, naming="name", **span)
    text = exported.read_text(encoding="utf-8")
    cells = [cell for line in csv.reader(io.StringIO(text, newline="")) for cell in line]
    assert not [cell for cell in cells if cell.startswith(STARTS)]
    exported.write_text(text.replace(",yes,", ",,"), encoding="utf-8")
    rows = read_campaign(exported).rows
    assert [row.channel for row in rows] == NAMES
    assert [row.content for row in rows] == [f"={n}" for n in range(len(NAMES))]
    assert {tuple(sorted(row.tags)) for row in rows} == {tuple(sorted(TAGS))}


def test_the_apostrophes_of_a_campaign_that_is_no_export_are_its_own(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("channel,date,content\nc1,2031-01-15 09:00Z,'@anna' said so\n")
    assert read_campaign(path).rows[0].content == "'@anna' said so"
