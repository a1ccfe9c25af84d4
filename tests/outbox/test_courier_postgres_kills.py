"""Real processes on one outbox in PostgreSQL, killed with SIGKILL at random moments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from postgres_server import why_no_postgres
from sender_kills import SenderKills

from postiz_async._outbox.sending import LEASE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres()),
]

SPEED = 100.0


def test_many_senders_that_are_killed_lose_and_double_nothing(tmp_path: Path) -> None:
    tally = SenderKills(tmp_path, 7, kills=10, restarts=2, stops=(3 * LEASE,), speed=SPEED).run()
    assert tally.troubles == [], tally
    assert (tally.kills, tally.restarts, tally.stops) == (10, 2, 1)
    assert tally.tickets > 10
