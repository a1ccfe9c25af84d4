"""Processes that make the same calls with idempotency keys, and are killed at random.

`benchmarks/idempotency.py` has many more calls, other stores, and a baseline.
POSTIZ_KILL_SEED=7 kills at the same moments again.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest
from key_kills import KeyKills


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("kills", [2, pytest.param(8, marks=pytest.mark.exhaustive)])
def test_killed_again_and_again_a_key_has_one_post_and_each_call_its_answer(
    tmp_path: Path, kills: int
) -> None:
    seed = int(os.environ.get("POSTIZ_KILL_SEED", random.randrange(2**16)))  # noqa: S311
    calls, keys = 15 * kills, 4 * kills
    tally = KeyKills(tmp_path, seed, processes=2, calls=calls, keys=keys, kills=kills).run()
    print(f"\nseed {seed}: {tally}")
    assert tally.troubles == []
    assert (tally.answers, tally.posts) == (calls, keys)
