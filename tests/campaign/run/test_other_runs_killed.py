"""Two hosts with copies of a journal that are killed, restored and started again at random.

POSTIZ_HOST_ROUNDS=300 is a long night, POSTIZ_HOST_SEED=7 begins with that seed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from host_kills import one_round

pytestmark = pytest.mark.exhaustive

ROUNDS = int(os.environ.get("POSTIZ_HOST_ROUNDS", "20"))
FIRST = int(os.environ.get("POSTIZ_HOST_SEED", "0"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(ROUNDS))
async def test_each_row_is_stored_once_and_the_exit_codes_say_so(
    tmp_path: Path, number: int
) -> None:
    tally = await one_round(tmp_path, FIRST + number)
    print(f"\nseed {FIRST + number}: {tally}")
    assert tally.troubles == []
