"""Campaigns in spreadsheets, measured against the same campaign as CSV.

Claim: 100,000 rows of an .xlsx are read, checked and planned in at most twice the time of the
same CSV, in at most 500 MB. Each is a process of its own; the times are those of the processor, the
best of three. Reading alone is compared with openpyxl, where that is installed.
Run: python benchmarks/spreadsheets.py [rows]
"""

from __future__ import annotations

import asyncio
import csv
import importlib.util
import itertools
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import xlsxwriter
from figures import Figure, note
from plan import peak, rows, sandbox

from postiz_async._campaign.read.workbooks import open_sheet
from postiz_async.testing._transport import sandbox_client

if TYPE_CHECKING:
    from collections.abc import Iterable

FILES = ("c.csv", "c.xlsx", "c.ods")
SAME_IDS = [f"channel-{n:02}" for n in range(12)]


def written(folder: Path, count: int) -> None:
    """The same campaign in each form; dates are dates where a form has them."""
    first, *_ = rows(SAME_IDS, 1)
    head = list(first)
    with (folder / "c.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        for record in rows(SAME_IDS, count):
            moment = datetime.fromisoformat(str(record["date"]))
            writer.writerow([*(record | {"date": f"{moment:%Y-%m-%d %H:%M}"}).values()])
    with xlsxwriter.Workbook(folder / "c.xlsx", {"constant_memory": True}) as book:
        sheet = book.add_worksheet("Plan")
        form = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        sheet.write_row(0, 0, head)
        for number, record in enumerate(rows(SAME_IDS, count), 1):
            for column, (name, value) in enumerate(record.items()):
                if name == "date":
                    moment = datetime.fromisoformat(str(value)).replace(tzinfo=None)
                    sheet.write_datetime(number, column, moment, form)
                elif value:
                    sheet.write_string(number, column, str(value))
    names = {
        "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
        "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
        "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    }
    spaces = " ".join(f'xmlns:{name}="{uri}"' for name, uri in names.items())
    with zipfile.ZipFile(folder / "c.ods", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        with packed.open("content.xml", "w") as file:
            file.write(f"<office:document-content {spaces}><office:body>".encode())
            file.write(b'<office:spreadsheet><table:table table:name="Plan">')
            for record in itertools.chain([dict(zip(head, head, strict=True))],
                                          rows(SAME_IDS, count)):  # fmt: skip
                file.write(_ods_row(record.items()).encode())
            file.write(b"</table:table></office:spreadsheet></office:body>")
            file.write(b"</office:document-content>")


def _ods_row(cells: Iterable[tuple[str, object]]) -> str:
    return f"<table:table-row>{''.join(itertools.starmap(_ods_cell, cells))}</table:table-row>"


def _ods_cell(name: str, value: object) -> str:
    if name == "date" and value != name:
        said = datetime.fromisoformat(str(value)).strftime("%Y-%m-%dT%H:%M:%S")
        kind = f'office:value-type="date" office:date-value="{said}"'
    else:
        kind = 'office:value-type="string"' if value else ""
    return f"<table:table-cell {kind}><text:p>{escape(str(value))}</text:p></table:table-cell>"


async def planned(path: Path) -> None:
    """Plan a file; print seconds of the processor, MB and requests."""
    async with sandbox() as server:
        named = [server.add_channel("mastodon", id=id_).id for id_ in SAME_IDS]
        assert named == SAME_IDS
        async with sandbox_client(server) as postiz:
            began = time.process_time()
            async with postiz.campaign(path, timezone="UTC") as campaign:
                forecast = await campaign.plan()
            taken = time.process_time() - began
    print(json.dumps([taken, peak(), forecast.posts]))


def read(path: Path, how: str) -> None:
    """Read the rows of a sheet alone."""
    began = time.process_time()
    if how == "openpyxl":
        import openpyxl  # noqa: PLC0415

        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        count = sum(1 for _ in book.worksheets[0].iter_rows(values_only=True))
    else:
        with open_sheet(path, None, lambda _: True) as sheet:
            count = sum(1 for _ in sheet.lines)
    print(json.dumps([time.process_time() - began, peak(), count]))


def measured(*arguments: object) -> tuple[float, float, int]:
    """The best of three processes."""
    runs: list[tuple[float, float, int]] = []
    for _ in range(1 if "openpyxl" in arguments else 3):
        command = [sys.executable, __file__, *map(str, arguments)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        taken, memory, count = json.loads(done.stdout)
        runs.append((taken, memory, count))
    return min(runs)


def main() -> None:
    match sys.argv[1:]:
        case ["plan", name]:
            asyncio.run(planned(Path(name)))
            return
        case ["read", name, how]:
            read(Path(name), how)
            return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        written(Path(folder), count)
        print(f"{count:,} rows          plan    ratio      memory       size")
        base = 0.0
        for name in FILES:
            path = Path(folder) / name
            taken, memory, posts = measured("plan", path)
            base = base or taken
            held = ""
            if name == "c.xlsx":
                speed = Figure(
                    name=f"plan of {count:,} rows of an .xlsx",
                    value=taken,
                    unit="s",
                    baseline="the same CSV",
                    base=base,
                    compared="ratio",
                    target=2.0,
                )
                weight = Figure(name="its memory", value=memory, unit="MB", target=500)
                held = f"{note(speed).goal}, {note(weight).goal}"
            print(
                f"{name:16} {taken:7.2f} s {taken / base:8.2f} {memory:8.0f} MB "
                f"{path.stat().st_size / 1e6:7.1f} MB  {posts:,} posts {held}"
            )
        for how in ("us", "openpyxl"):
            if how == "us" or importlib.util.find_spec("openpyxl"):
                taken, memory, _ = measured("read", Path(folder) / "c.xlsx", how)
                print(f"rows by {how:8} {taken:7.2f} s          {memory:8.0f} MB")


if __name__ == "__main__":
    main()
