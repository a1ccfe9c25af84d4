"""The programs of docs/task-queues.md, as tests run them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "task-queues.md").read_text(encoding="utf-8")
_BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def recipe(engine: str, changes: Mapping[str, str] | None = None) -> str:
    """The program of an engine, with these changes, each of which is needed once."""
    package = re.compile(rf"^from {engine}[. ]", re.MULTILINE)
    text = next(block for block in _BLOCKS if package.search(block))
    for old, new in (changes or {}).items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text
