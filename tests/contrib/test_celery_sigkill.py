"""Workers of Celery that are killed; `benchmarks/celery_kills.py` does it for longer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from celery_worker_kills import CeleryKills
from redis_server import why_no_redis

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a pool in /proc"),
    pytest.mark.skipif(bool(why_no_redis()), reason=why_no_redis()),
]


def test_what_killed_workers_created_is_there_once(tmp_path: Path) -> None:
    tally = CeleryKills(tmp_path, 7, keys=60, kills=6).run()
    assert tally.troubles == []
    assert (tally.stored, tally.kills) == (60, 6)
