"""The plan of a marketing department as it is kept in Excel: everything that a campaign has not."""

from __future__ import annotations

import csv
import io
from datetime import date, time
from pathlib import Path

from samples import PNG
from spreadsheet_files import Noted, write_ods, write_xlsx

__all__ = ["HEADER", "POSTS", "write_plan"]

HEADER = [
    *("Kanäle", "Datum", "Uhrzeit", "Text", "Bild", "Alternativtext", "Link"),
    *("YouTube-Titel", "Reddit Subreddit", "Reddit-Titel", "Reddit type"),
    *("Status", "Verantwortlich", "Notiz"),
]
ABOVE = [
    ["Redaktionsplan März 2031", *[""] * 13],
    [""] * 14,
    ["Stand: 12.2.", "Anna", *[""] * 12],
    [""] * 14,
]
POSTS = 11
"""The posts that it plans: channels of rows."""


def _rows(picture: str, video: str, *, as_cells: bool) -> list[list[object]]:
    nine = time(9) if as_cells else "9 Uhr"
    day = date(2031, 3, 18) if as_cells else "18.3.2031"
    noted = Noted if as_cells else lambda value, _: value

    return [
        [
            *(noted("X, Mastodon", "Anna: auch LinkedIn?"), "15. März 2031", nine),
            *("Der Frühling ist da", picture, "Eine Tasse im Garten", ""),
            *("", "", "", "", "freigegeben", "Anna", ""),
        ],
        [
            *("twitter / Bluesky und Northwind News", "16. März 2031", "14.30 Uhr"),
            *("Unsere Röstung des Monats", "bilder\\sonne.png", "", ""),
            *("", "", "", "", "freigegeben", "Ben", "Link folgt"),
        ],
        [
            *("Threads", "16. März 2031", "15.30 Uhr"),
            *("Unsere Röstung des Monats", "", "", "https://example.com/roestung"),
            *("", "", "", "", "Entwurf", "Ben", ""),
        ],
        [
            *("Northwind Brewing School", "16. März 2031", "18 Uhr"),
            *(noted("So brühen wir", "Kürzen?"), video, "", ""),
            *("Brühen in drei Minuten", "", "", "", "freigegeben", "Cem", ""),
        ],
        [
            *("Reddit; Telegram", day, nine, "Fragt uns etwas", "", "", ""),
            *("", "r/coffee", "Wir rösten, fragt uns", "self", "freigegeben", "Cem", ""),
        ],
        [
            *("mastodon\nThreads", day, time(12, 15) if as_cells else "12:15"),
            *("Danke für alle Fragen", "", "", ""),
            *("", "", "", "", "freigegeben", "Anna", "intern"),
        ],
    ]


def write_plan(folder: Path, name: str, picture: str = "", video: str = "film.mp4") -> Path:
    """The plan, with its pictures beside it: .xlsx or .ods, or CSV UTF-8.

    Args:
        folder: where it is written.
        name: the name of its file.
        picture: the picture of its first row.
        video: the video of the row for YouTube.
    """
    (folder / "bilder").mkdir(exist_ok=True)
    (folder / "bilder" / "sonne.png").write_bytes(PNG)
    (folder / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + b"\0" * 500)
    path = folder / name
    is_csv = path.suffix == ".csv"
    rows = [*ABOVE, HEADER, *_rows(picture, video, as_cells=not is_csv)]
    if is_csv:
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=";").writerows(rows)
        path.write_bytes(out.getvalue().encode("utf-8-sig"))
        return path
    legend = [["Farbe", "Bedeutung"], ["grün", "freigegeben"], ["gelb", "Entwurf"]]
    if path.suffix == ".xlsx":
        return write_xlsx(path, sheets={"Plan": rows, "Legende": legend})
    return write_ods(path, rows)
