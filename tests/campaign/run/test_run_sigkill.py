"""A run that is killed at random moments and started again loses nothing and doubles nothing.

POSTIZ_KILLS=200 kills more often, POSTIZ_KILL_SEED=7 kills at the same moments again.
"""

from __future__ import annotations

import os
import random
import sys
from typing import TYPE_CHECKING

import pytest
from kill_lab import many_kills
from postgres_server import why_no_postgres
from shared_kill_lab import SharedSeries

if TYPE_CHECKING:
    from pathlib import Path

KILLS = int(os.environ.get("POSTIZ_KILLS", "5"))


@pytest.mark.timeout(600 + 30 * KILLS)
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_again_and_again_and_finished(tmp_path: Path) -> None:
    seed = int(os.environ.get("POSTIZ_KILL_SEED", random.randrange(2**16)))  # noqa: S311
    tally = many_kills(tmp_path, KILLS, seed)
    print(f"\nseed {seed}: {tally}")
    assert tally.troubles == []
    assert tally.kills == KILLS
    assert tally.refusals == 0


@pytest.mark.exhaustive
@pytest.mark.timeout(600 + 60 * KILLS)
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())
def test_hosts_that_run_a_campaign_together_are_killed_one_by_one(tmp_path: Path) -> None:
    seed = int(os.environ.get("POSTIZ_KILL_SEED", random.randrange(2**16)))  # noqa: S311
    tally = many_kills(tmp_path, KILLS, seed, priorities=1, series=SharedSeries, speed=200.0)
    print(f"\nseed {seed}: {tally}")
    assert tally.troubles == []
    assert tally.refusals == 0
