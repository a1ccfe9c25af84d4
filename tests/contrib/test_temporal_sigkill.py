"""Workers of Temporal that are killed; `benchmarks/temporal_kills.py` kills more of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("temporalio", reason="temporalio is not installed")

from temporal_server import why_no_dev_server
from temporal_worker_kills import ROWS, TemporalKills

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(sys.platform == "win32", reason="processes are killed as on POSIX"),
    pytest.mark.skipif(bool(why_no_dev_server()), reason=why_no_dev_server()),
]


def test_each_key_is_one_post_whoever_is_killed(tmp_path: Path) -> None:
    tally = TemporalKills(tmp_path, seed=11, keys=ROWS, kills=4).run()
    print(tally)
    assert tally.troubles == []
    assert tally.kills > 0
    assert tally.keys == tally.stored == ROWS
