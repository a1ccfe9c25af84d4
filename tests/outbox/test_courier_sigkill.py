"""Real processes on one outbox and one quota; one is killed with SIGKILL while it sends."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest
from processes import (
    PATIENCE,
    PYTHON,
    Process,
    child_environment,
    ended,
    launch,
    sandbox_process,
    wait_until,
)
from wall_jumps import with_jumps

LIMIT, SPEED = 10, 900
WORKER = str(Path(__file__).with_name("outbox_worker.py"))


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_while_sending_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    options = ("--limit", str(LIMIT), "--speed", str(SPEED))
    with sandbox_process(tmp_path / "sandbox", *options) as server:

        def start(*numbers: int) -> Process:
            command = [*PYTHON, WORKER, str(tmp_path), *map(str, numbers)]
            return launch(
                with_jumps(command, numbers[0], SPEED),
                child_environment(tmp_path, server.environment),
            )

        with ended(start(*range(12))) as victim:
            assert victim.stdout is not None
            accepted = [int(victim.stdout.readline()) for _ in range(8)]
            wait_until(lambda: server.state["creates"] >= 3, "three creates have arrived")
            victim.kill()
            more, _ = victim.communicate(timeout=PATIENCE)
            accepted += [int(line) for line in more.split()]
        with ended(start(*range(12, 16))) as one, ended(start(*range(16, 20))) as two:
            for survivor in (one, two):
                _, err = survivor.communicate(timeout=PATIENCE)
                assert survivor.returncode == 0, err
        stored = Counter(str(post["content"]) for post in server.posts)
        state = server.state
    assert set(stored.values()) == {1}
    assert set(stored) >= {f"post {number}" for number in (*accepted, *range(12, 20))}
    assert state["refusals"] == 0
