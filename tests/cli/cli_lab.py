"""Running commands in this process, and campaigns to run them on."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["Cli", "Result", "write_campaign"]


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


if TYPE_CHECKING:
    Cli = Callable[..., Result]


def write_campaign(path: Path, *rows: Sequence[str], columns: str = "") -> Path:
    """A CSV file; each row is integration, date, content unless the columns are named."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((columns or "integration,date,content").split(","))
        writer.writerows(rows)
    return path
