"""The Temporal kit on real servers: see `temporal_scenarios`, which are played in a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("temporalio", reason="temporalio is not installed")

import temporal_scenarios
from processes import PATIENCE, ROOT, child_environment
from temporal_server import (
    IN_OWN_NETWORK,
    dev_server,
    why_no_dev_server,
    why_no_skipping_server,
)

if TYPE_CHECKING:
    from temporal_scenarios import Scenario

PROGRAM = Path(temporal_scenarios.__file__)
FOLDERS = (ROOT, PROGRAM.parents[1], PROGRAM.parent)


def play(scenarios: list[Scenario], home: Path, address: str, *within: str) -> None:
    names = [scenario.__name__ for scenario in scenarios]
    played = subprocess.run(
        [*within, sys.executable, "-W", "error", str(PROGRAM), address, *names],
        env=child_environment(home, {"PYTHONPATH": os.pathsep.join(map(str, FOLDERS))}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=PATIENCE,
    )
    assert played.returncode == 0, played.stderr


@pytest.mark.skipif(bool(why_no_dev_server()), reason=why_no_dev_server())
@pytest.mark.parametrize(
    "scenarios",
    [
        temporal_scenarios.WITH_DEV_SERVER,
        pytest.param(temporal_scenarios.LONG, marks=pytest.mark.exhaustive),
    ],
    ids=["usual", "long"],
)
def test_with_a_development_server(scenarios: list[Scenario], tmp_path: Path) -> None:
    with dev_server("limit.historyCount.suggestContinueAsNew=40") as address:
        play(scenarios, tmp_path, address)


@pytest.mark.skipif(bool(why_no_skipping_server()), reason=why_no_skipping_server())
def test_with_a_server_that_skips_time(tmp_path: Path) -> None:
    play(temporal_scenarios.SKIPPING_TIME, tmp_path, "", *IN_OWN_NETWORK)
