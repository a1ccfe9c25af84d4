"""`report --analytics`, `export --analytics`: views and likes by post, as numbers."""

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


def test_a_report_with_figures(cli: Cli, file: Path, tmp_path: Path) -> None:
    wait_until_out(cli, file)
    result = tmp_path / "result.csv"
    shown = cli("report", file, "--analytics", "--result", result)
    assert shown.code == 0
    lines = shown.out.splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("row"))
    head, first = lines[place : place + 2]
    assert head.split() == ["row", "channel", *NAMES]
    numbers = [int(cell) for cell in first.split()[-3:]]
    assert "1 post without figures: its network has no figures" in shown.out
    with result.open(encoding="utf-8-sig", newline="") as lines:
        out, other, later = csv.DictReader(lines)
    assert [int(out[f"figure {name}"]) for name in NAMES] == numbers
    assert [other[f"figure {name}"] for name in NAMES] == ["", "", ""]
    assert later["figure Likes"] == ""
    page = file.with_suffix(".report.html").read_text(encoding="utf-8")
    assert "<h2>Figures</h2>" in page
    assert f">{numbers[1]:,}</td>" in page
    told = cli("report", file, "--analytics", "--json").document
    assert [told["rows"][0]["figures"][name] for name in NAMES] == numbers
    assert "its network has" in told["rows"][1]["no_figures"]
    assert not {"figures", "no_figures"} & told["rows"][2].keys()


def test_a_report_without_figures_asks_no_server(
    cli: Cli, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSTIZ_API_KEY")
    assert cli("report", file).code == 0
    assert "<h2>Figures</h2>" not in file.with_suffix(".report.html").read_text(encoding="utf-8")
    refused = cli("report", file, "--analytics")
    assert refused.code == 2
    assert "There is no API key" in refused.err


def test_figures_are_asked_for_where_the_campaign_was_run(
    cli: Cli, file: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSTIZ_SANDBOX_CLOCK")
    refused = cli("report", file, "--analytics", "--url", "http://127.0.0.1:9")
    assert refused.code == 2
    assert (
        f"was run at {server.url}/public/v1, and the key is for http://127.0.0.1:9" in refused.err
    )


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


def test_nothing_is_due_yet(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = write_campaign(tmp_path / "l.csv", ("x", "2032-01-20 09:00Z", f"Late {tmp_path}"))
    cli("run", file)
    assert "No post of this campaign is due yet" in cli("report", file, "--analytics").out
