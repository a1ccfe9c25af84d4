"""A run that is killed at random moments and started again loses nothing and doubles nothing.

Runner and sandbox are processes of their own; the kills are SIGKILL, so nothing is cleaned up.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from processes import PATIENCE, ended, sandbox_process, start, wait_until

from postiz_async.delivery.journal import read_summary

if TYPE_CHECKING:
    from pathlib import Path

    from processes import Server

KILLS = 3
SPEED = 1800
ROWS, REQUESTS, UPLOADS = 225, 94, 17
"""Of the sample campaign; the requests are the fewest that it can be sent in."""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_three_times_and_finished(tmp_path: Path) -> None:
    seed = random.randrange(2**32)  # noqa: S311
    dice = random.Random(seed)  # noqa: S311
    began = time.monotonic()
    sample = tmp_path / "sample"
    file = sample / "campaign.csv"
    lost: list[int] = []
    with sandbox_process(
        tmp_path / "sandbox", "--speed", str(SPEED), "--sample", str(sample)
    ) as server:
        for _ in range(KILLS):
            kill_while_sending(file, tmp_path, server, dice)
            counts = Counter(row.state.value for row in read_summary(journal(file)).rows)
            lost.append(counts["sending"] + counts["unknown"])
        with ended(start(["run", str(file), "--json"], tmp_path, server.environment)) as process:
            out, err = process.communicate(timeout=2 * PATIENCE)
        posts, state = server.posts, server.state
    assert process.returncode == 0, err
    report = json.loads(out)
    print(
        f"\nseed {seed}: {KILLS} kills left {lost} rows without an outcome; {state['creates']} "
        f"creates ({report['requests']} intents, plan {REQUESTS}), {state['posts']} posts, "
        f"{state['uploads']} uploads, {state['refusals']} refusals, "
        f"{time.monotonic() - began:.1f} s"
    )
    refs = Counter(str(post["settings"]["client_ref"]) for post in posts)
    assert len(refs) == ROWS
    assert set(refs.values()) == {1}
    assert report["counts"] == {"stored": ROWS}
    assert {row["post_id"] for row in report["rows"]} == {post["id"] for post in posts}
    assert state["refusals"] == 0
    assert state["creates"] == REQUESTS
    # A request whose intent was written down and that was killed before its first byte left is
    # written down a second time; at most four are under way at once.
    assert REQUESTS <= report["requests"] <= REQUESTS + 4 * KILLS
    # An upload whose answer was lost is repeated; at most three are under way at once.
    assert UPLOADS <= state["uploads"] <= UPLOADS + 3 * KILLS


def journal(file: Path) -> Path:
    return file.with_suffix(".journal")


def kill_while_sending(file: Path, home: Path, server: Server, dice: random.Random) -> None:
    """Start the campaign, and kill it a moment after one of the next requests arrived."""
    goal = server.state["creates"] + dice.randrange(1, 24)
    with ended(start(["run", str(file)], home, server.environment)) as process:
        wait_until(
            lambda: server.state["creates"] >= goal or process.poll() is not None,
            f"{goal} creates have arrived",
        )
        time.sleep(dice.uniform(0, 0.02))
        was_working = process.poll() is None
        process.kill()
        out, err = process.communicate(timeout=PATIENCE)
    assert was_working, out + err
