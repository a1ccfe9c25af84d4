"""`benchmarks/sample_saas.py` in small: a worker is killed, and every end is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from postgres_server import why_no_postgres

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import sample_saas


@pytest.mark.exhaustive
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())
def test_a_sample_saas_stores_and_tells_everything(capfd: pytest.CaptureFixture[str]) -> None:
    small = ["--organizations", "3", "--posts", "7", "--limit", "4"]
    held = sample_saas.main([*small, "--window", "6", "--speed", "3"])
    assert held, capfd.readouterr().out
