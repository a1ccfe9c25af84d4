"""Commands that are killed at random moments and started again lose nothing and double nothing.

POSTIZ_KILLS=200 kills more often, POSTIZ_KILL_SEED=7 kills at the same moments again.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest
from campaign_kills import EditKills, SharedRunKills, many_kills
from postgres_server import why_no_postgres
from verb_kills import VerbKills

KILLS = int(os.environ.get("POSTIZ_KILLS", "3"))

pytestmark = [
    pytest.mark.timeout(600 + 60 * KILLS),
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL"),
]


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("POSTIZ_KILL_SEED", random.randrange(2**16)))  # noqa: S311


def test_a_run_is_killed_again_and_again_and_finished(tmp_path: Path, seed: int) -> None:
    tally = many_kills(tmp_path, KILLS, seed)
    print(f"\nseed {seed}: {tally}")
    assert tally.troubles == []
    assert tally.kills == KILLS
    assert tally.refusals == 0


@pytest.mark.exhaustive
@pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())
def test_hosts_that_run_a_campaign_together_are_killed_one_by_one(
    tmp_path: Path, seed: int
) -> None:
    tally = many_kills(tmp_path, KILLS, seed, at_a_time=1, series=SharedRunKills, speed=200.0)
    print(f"\nseed {seed}: {tally}")
    assert tally.troubles == []
    assert tally.refusals == 0


@pytest.mark.exhaustive
def test_verbs_are_killed_one_in_the_middle_of_the_other(tmp_path: Path, seed: int) -> None:
    """Runs while dates and types change: each row once, at its date, and no other."""
    tally = VerbKills(tmp_path, seed, KILLS).run()
    print(f"\nseed {seed}: {tally}")
    assert tally.troubles == []
    assert tally.kills == KILLS
    assert tally.refusals == 0


@pytest.mark.exhaustive
@pytest.mark.parametrize("verb", ["change", "undo"])
def test_changes_are_killed_again_and_again_and_finished(
    tmp_path: Path, seed: int, verb: str
) -> None:
    """A run leaves what the file says, an undo deletes what is ours, and neither more."""
    tally = EditKills(tmp_path, seed, KILLS, verb).run()
    print(f"\nseed {seed}: {tally}")
    assert tally.troubles == []
    assert tally.kills == KILLS
    assert tally.refusals == 0
