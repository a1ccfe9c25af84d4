"""Problems of rows that a run left out, as the journal keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.summary import read_summary
from postiz_async.errors import Problem

pytestmark = pytest.mark.anyio


async def test_those_of_the_last_run_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "c.journal"
    problems = [
        Problem("date", "'\ud800' is not a date", 3, "write it otherwise"),
        Problem("row", "is too large", 4, severity="warning", stage="size"),
    ]
    async with await Journal.open(path, campaign="c", base_url="http://x") as journal:
        assert read_summary(path).left_out == ()
        await journal.leave_out(problems)
        assert read_summary(path).left_out == tuple(problems)
        await journal.leave_out(())
    assert read_summary(path).left_out == ()
