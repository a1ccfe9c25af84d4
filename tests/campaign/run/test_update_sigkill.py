"""An update that is killed at random moments and made again leaves what the file says.

POSTIZ_KILLS=200 kills more often, POSTIZ_KILL_SEED=7 kills at the same moments again.
"""

from __future__ import annotations

import os
import random
import sys
from typing import TYPE_CHECKING

import pytest
from edits_lab import many_kills

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.exhaustive

KILLS = int(os.environ.get("POSTIZ_KILLS", "5"))


@pytest.mark.timeout(600 + 30 * KILLS)
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_again_and_again_and_finished(tmp_path: Path) -> None:
    seed = int(os.environ.get("POSTIZ_KILL_SEED", random.randrange(2**16)))  # noqa: S311
    tally = many_kills(tmp_path, KILLS, seed, verb="update")
    print(f"\nseed {seed}: {tally}")
    assert tally.troubles == []
    assert tally.kills == KILLS
    assert tally.refusals == 0
