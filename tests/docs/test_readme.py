"""Every Python block of README and docs runs as it stands, against a sandbox on loopback."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from postgres_server import fresh_database, why_no_postgres
from processes import PATIENCE
from spreadsheet_files import write_xlsx

from postiz_async._campaign.read.columns import COLUMNS
from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._campaign.read.source import read_campaign
from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async.errors import CampaignError

ROOT = Path(__file__).parents[2]
OWN_TESTS = {"oauth.md", "testing.md"}  # in `test_oauth_page.py`, `test_testing.py`
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name not in OWN_TESTS),
]


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


STORED = {
    "README.md-0": (2, 1),
    "bulk-jobs.md-0": (3, 2),
    "idempotency.md-0": (1, 1),
    "idempotency.md-1": (1, 1),
}
"""Posts and create requests that blocks leave behind."""


@contextmanager
def postiz() -> Generator[tuple[MemoryServer, str]]:
    """A sandbox that a thread serves, and its address."""
    sandbox = MemoryServer(api_key="readme", limit=30, tags=["news"])
    for provider in ("mastodon", "telegram", "discord", "x"):
        sandbox.add_channel(provider)
    ready, leave = threading.Event(), threading.Event()
    urls: list[str] = []

    async def run() -> None:
        async with sandbox, serve(sandbox) as served:
            urls.append(served.url)
            ready.set()
            await anyio.to_thread.run_sync(leave.wait)

    thread = threading.Thread(target=anyio.run, args=(run,))
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield sandbox, urls[0]
    finally:
        leave.set()
        thread.join(PATIENCE)


ELSEWHERE = re.compile("^from (airflow|arq|dagster|prefect)[. ]", re.MULTILINE)
"""Packages of blocks that do not go with ours: `test_recipes.py` runs these."""


@pytest.mark.parametrize(("name", "text"), blocks("python"), ids=[n for n, _ in blocks("python")])
def test_python_block_runs(
    name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if found := ELSEWHERE.search(text):
        pytest.skip(f"{found[1]} does not go with our packages; test_recipes.py runs this")
    (tmp_path / "block.py").write_text(text, encoding="utf-8")
    (tmp_path / "campaign.csv").write_text(blocks("csv")[0][1], encoding="utf-8")
    sample = ROOT / "postiz_async" / "_sandbox" / "sample"
    shutil.copy(next(sample.glob("*.jpg")), tmp_path / "sunrise.jpg")
    monkeypatch.chdir(tmp_path)
    if "POSTIZ_STORE" in text:
        if why_no_postgres():
            pytest.skip(why_no_postgres())
        monkeypatch.setenv("POSTIZ_STORE", fresh_database())
    with postiz() as (sandbox, url):
        monkeypatch.setenv("POSTIZ_API_KEY", "readme")
        monkeypatch.setenv("POSTIZ_API_URL", url)
        if "def test_" in text:
            run_as_test()
        else:
            runpy.run_path("block.py", run_name="__main__")
    if name in STORED:
        assert (len(sandbox.posts), len(sandbox.creates)) == STORED[name]


def run_as_test() -> None:
    Path("pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n", encoding="utf-8")
    plugins = ["-p", "postiz_async.pytest_plugin", "-p", "pytest_asyncio.plugin"]
    command = [sys.executable, "-m", "pytest", *plugins, "block.py"]
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "PYTHONPATH": str(ROOT)}
    environment = os.environ | alone
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.parametrize("text", [text for _, text in blocks("csv")])
def test_a_csv_example_is_a_valid_campaign(text: str, tmp_path: Path) -> None:
    path = tmp_path / "campaign.csv"
    path.write_text(text, encoding="utf-8")
    assert not read_campaign(path).problems


def test_what_the_page_on_spreadsheets_shows_is_what_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = " ".join((ROOT / "docs" / "spreadsheets.md").read_text(encoding="utf-8").split())
    head = ["Kanal", "Datum", "Uhrzeit", "Text", "Notiz"]
    rows = [["mastodon", "05/12/2031 09:00", "", "Grüße", ""]]
    monkeypatch.chdir(tmp_path)
    path = write_xlsx(Path("plan.xlsx"), [head, *rows])
    with pytest.raises(CampaignError) as caught:
        read_campaign(path)
    assert f"error: {caught.value}" in page
    columns = dict(zip(head, ["channel", "date", "time", "content", ""], strict=True))
    campaign = read_campaign(path, reading=ReadOptions(columns=columns, timezone="UTC"))
    (problem,) = campaign.problems
    assert str(replace(problem, where="Datum")) in page


def test_the_page_names_every_column() -> None:
    text = (ROOT / "docs" / "bulk-jobs.md").read_text(encoding="utf-8")
    table = text[text.index("| Column |") :]
    assert {name for name in COLUMNS if f"`{name}`" in table} == set(COLUMNS)
