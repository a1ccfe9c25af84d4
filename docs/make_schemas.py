"""Writes `docs/schemas/` from the types of what commands print: `python docs/make_schemas.py`."""

from __future__ import annotations

import json
from pathlib import Path

from postiz_async.schemas import OUTPUTS, schema_of

FOLDER = Path(__file__).with_name("schemas")


def pages() -> dict[Path, str]:
    """Each file and what it says."""
    return {
        FOLDER / f"{command.replace(' ', '-')}.json": json.dumps(
            schema_of(command), indent=2, sort_keys=True
        )
        + "\n"
        for command in OUTPUTS
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    made = pages()
    for old in FOLDER.glob("*.json"):
        if old not in made:
            old.unlink()
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
