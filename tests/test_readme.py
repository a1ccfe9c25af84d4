"""Every Python block of README and docs runs as it stands, against a sandbox on loopback."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from postiz_async.batch.source import COLUMNS, read_campaign
from postiz_async.sandbox import Sandbox
from postiz_async.sandbox.http import serve

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language: str) -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for number, text in enumerate(
            re.findall(
                rf"^```{language}\n(.*?)^```",
                page.read_text(encoding="utf-8"),
                re.MULTILINE | re.DOTALL,
            )
        ):
            found.append((f"{page.name}-{number}", text))
    return found


STORED = {"README.md-0": (2, 1), "bulk-jobs.md-0": (3, 2)}
"""Posts and create requests that blocks leave behind."""


@pytest.mark.parametrize(("name", "text"), blocks("python"), ids=[n for n, _ in blocks("python")])
async def test_python_block_runs(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "block.py").write_text(text, encoding="utf-8")
    (tmp_path / "campaign.csv").write_text(blocks("csv")[0][1], encoding="utf-8")
    sample = ROOT / "postiz_async" / "sandbox" / "sample"
    shutil.copy(next(sample.glob("*.jpg")), tmp_path / "sunrise.jpg")
    async with Sandbox(api_key="readme", limit=30, tags=["news"]) as sandbox:
        for provider in ("mastodon", "telegram", "discord", "x"):
            sandbox.add_integration(provider)
        async with serve(sandbox) as served:
            is_test = "def test_" in text
            how = ["-m", "pytest", "-o", "asyncio_mode=auto"] if is_test else ["-W", "error"]
            process = await asyncio.create_subprocess_exec(
                sys.executable, *how, "block.py",
                cwd=tmp_path,
                env=os.environ | {
                    "POSTIZ_API_KEY": "readme",
                    "POSTIZ_API_URL": served.url,
                    "PYTHONPATH": str(ROOT),
                },
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    if is_test:
        assert b"1 passed" in out
    if name in STORED:
        assert (len(sandbox.posts), len(sandbox.creates)) == STORED[name]


def test_the_csv_example_is_a_valid_campaign(tmp_path: Path) -> None:
    path = tmp_path / "campaign.csv"
    path.write_text(blocks("csv")[0][1], encoding="utf-8")
    assert not read_campaign(path).problems


def test_the_page_names_every_column() -> None:
    text = (ROOT / "docs" / "bulk-jobs.md").read_text(encoding="utf-8")
    table = text[text.index("| Column |") :]
    assert {name for name in COLUMNS if f"`{name}`" in table} == set(COLUMNS)
