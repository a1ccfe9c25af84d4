"""`run`: what it says before it sends."""

from __future__ import annotations

import shlex
from pathlib import Path

from cli_lab import Cli, write_campaign
from processes import Server


def test_a_run_tells_a_few_of_what_may_be_regretted_and_a_plan_all(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    days = [f"2028-01-{n:02} 09:00Z" for n in range(1, 8)]
    twice = [("mastodon", day, text) for text in ("Hello", "hello") for day in days]
    file = write_campaign(tmp_path / "my posts.csv", *twice)
    assert cli("plan", file).out.count("says the same") == 7
    out = cli("run", file).out
    assert out.count("says the same") == 5
    assert f"... and 2 warnings more: postiz-async plan {shlex.quote(str(file))}" in out
