"""`export --analytics`: views and likes by post, as numbers."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_lab import Cli, write_campaign
from processes import Server

NAMES = ("Impressions", "Likes", "Comments")


@pytest.fixture
def file(cli: Cli, server: Server, tmp_path: Path) -> Path:
    soon = (datetime.now(UTC) + timedelta(days=400)).isoformat(timespec="seconds")
    file = write_campaign(
        tmp_path / "c.csv",
        ("x", soon, f"Out {tmp_path}", "now"),
        ("mastodon", soon, f"Out too {tmp_path}", "now"),
        ("x", soon, f"Not yet {tmp_path}", "schedule"),
        columns="channel,date,content,type",
    )
    assert cli("run", file, "--name", str(tmp_path)).code == 0
    return file


def wait_until_out(cli: Cli, file: Path) -> None:
    """The two posts of today, as the sandbox publishes them."""
    ids = {r["post_id"] for r in cli("status", file, "--json").document["rows"][:2]}
    for _ in range(200):
        listed = cli("posts", "list", "--state", "PUBLISHED", "--json").document
        if ids <= {post["id"] for post in listed}:
            cli("reconcile", file)
            return
    raise AssertionError("they were not published")


def test_an_export_with_figures_is_a_campaign_still(cli: Cli, file: Path, tmp_path: Path) -> None:
    wait_until_out(cli, file)
    path = tmp_path / "out.csv"
    exported = cli("export", "--analytics", path)
    assert exported.code == 0
    assert " without figures: " in exported.err
    text = path.read_text(encoding="utf-8")
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("# ")))
    (ours,) = [row for row in rows if f"Out {tmp_path}" in row["content"]]
    assert all(int(ours[f"figure {name}"]) >= 0 for name in NAMES)
    again = cli("plan", path)
    assert "needs_media: is set" in again.err
    assert "figure" not in again.err
    cli("export", "--analytics", tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    (ours,) = [row for row in told if f"Out {tmp_path}" in row.get("content", "")]
    assert set(ours["figures"]) == set(NAMES)
    assert "figures" not in cli("plan", tmp_path / "out.jsonl").err
