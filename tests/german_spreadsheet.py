"""A spreadsheet as a German marketing department writes it: 60 rows with eight mistakes in them."""

from __future__ import annotations

import csv
import io
from datetime import date, time, timedelta
from pathlib import Path

from samples import PNG
from spreadsheet_files import Error, write_ods, write_xlsx

__all__ = ["HEADER", "german_rows", "write_german"]

HEADER = ["Kanal", "Datum", "Uhrzeit", "Text", "Bild", "Schlagworte", "Folge", "Notiz"]
FIRST = date(2031, 11, 3)


def german_rows(*, as_cells: bool) -> list[list[object]]:
    """The rows below the header.

    Args:
        as_cells: dates and errors as a workbook has them; else as it writes them into a CSV file.
    """
    rows: list[list[object]] = []
    for n in range(60):
        day, hour = FIRST + timedelta(days=n // 2), time(9 if n % 2 == 0 else 15, 30)
        rows.append(
            [
                "mastodon" if n % 2 == 0 else "telegram",
                day if as_cells else f"{day:%d.%m.%Y}",
                hour if as_cells else f"{hour:%H:%M}",
                f"Schöne Grüße aus dem Café, Folge {n + 1}",
                "bilder\\sonne.png" if n % 10 == 0 else "",
                "",
                "",
                "intern" if n % 7 == 0 else "",
            ]
        )
    rows[4][0] = rows[6][0] = rows[8][0] = "Mastodn"  # 1: a channel that is not there
    rows[11][3] = Error("#NAME?")  # 2: a formula that failed
    rows[12][4] = "bilder\\mond.png"  # 3: a picture that is not there
    rows[13][1] = "31.11.2031"  # 4: a day that does not exist
    rows[14][6] = "Und noch etwas"  # 5: a thread as plain text
    rows[15][2] = "abends"  # 6: a time in words
    rows[16][3] = ""  # 7: nothing to say
    rows[17][1] = date(2021, 11, 3) if as_cells else "03.11.2021"  # 8: long past
    return rows


def write_german(folder: Path, name: str) -> Path:
    """The spreadsheet, with its pictures beside it: .xlsx, .ods, or CSV UTF-8."""
    (folder / "bilder").mkdir(exist_ok=True)
    (folder / "bilder" / "sonne.png").write_bytes(PNG)
    path = folder / name
    if path.suffix == ".xlsx":
        return write_xlsx(path, [HEADER, *german_rows(as_cells=True)])
    if path.suffix == ".ods":
        return write_ods(path, [HEADER, *german_rows(as_cells=True)])
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";")
    writer.writerow(HEADER)
    writer.writerows(german_rows(as_cells=False))
    writer.writerows([[""] * len(HEADER)] * 40)  # what Excel leaves behind
    path.write_bytes(out.getvalue().encode("utf-8-sig"))
    return path
