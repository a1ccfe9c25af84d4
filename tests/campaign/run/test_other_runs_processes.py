"""Two hosts run one campaign at the same moment: processes, each with a home and a journal."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from processes import COMMAND, child_environment

from postiz_async._campaign.journal.summary import read_summary
from postiz_async._sandbox import HttpRequest, MemoryServer, Response
from postiz_async._sandbox.http import serve

pytestmark = pytest.mark.exhaustive

COUNT = 50
TEXTS = [f"post {n}" for n in range(COUNT)]
PATIENCE = 600.0


class Held(MemoryServer):
    """Answers the first lists and creates of two hosts when it has both.

    Args:
        lists: how many lists of each host; the second is the look before its first create.
        creates: how many creates of each host, which sends its first one alone.
    """

    def __init__(self, lists: int, creates: int, **options: Any) -> None:
        super().__init__(limit=300, **options)
        self.seen: Counter[str] = Counter()
        self.both = {
            method: [anyio.Event() for _ in range(rounds)]
            for method, rounds in (("GET", lists), ("POST", creates))
        }

    async def handle(self, request: HttpRequest) -> Response:
        response = await super().handle(request)
        if request.path.endswith("/posts"):
            place, is_second = divmod(self.seen[request.method], 2)
            self.seen[request.method] += 1
            for both in self.both[request.method][place : place + 1]:
                if is_second:
                    both.set()
                await both.wait()
        return response


@asynccontextmanager
async def held_server(
    lists: int, creates: int = 0, **options: Any
) -> AsyncGenerator[tuple[Held, str]]:
    async with Held(lists, creates, **options) as sandbox, serve(sandbox) as served:
        yield sandbox, served.url


def write_campaign(path: Path, channels: list[str]) -> None:
    """Fifty rows of one day in ten requests."""
    day = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=30)
    records = [
        {
            "channel": channels[n % len(channels)],
            "date": (day + timedelta(minutes=n // 5)).isoformat(),
            "content": text,
        }
        for n, text in enumerate(TEXTS)
    ]
    path.write_text("\n".join(json.dumps(record) for record in records), encoding="utf-8")


async def run(home: Path, url: str, key: str, *more: str) -> int:
    """`postiz-async run` on a host of its own; its exit code."""
    environment = child_environment(home, {"POSTIZ_API_URL": url, "POSTIZ_API_KEY": key})
    file = str(home / "campaign.jsonl")
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "run",
        file,
        *more,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out = b""
    try:
        out, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    assert b"Traceback" not in out, out.decode()
    return process.returncode


@pytest.fixture
def homes(tmp_path: Path) -> list[Path]:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    return folders


@pytest.mark.timeout(2 * PATIENCE)
@pytest.mark.parametrize("rounds", [1, 2])
async def test_two_processes_that_start_at_the_same_moment_store_each_row_once(
    homes: list[Path], rounds: int
) -> None:
    async with held_server(rounds) as (sandbox, url):
        channels = [sandbox.add_channel(name).id for name in ("mastodon", "telegram")]
        write_campaign(homes[0] / "campaign.jsonl", channels)
        shutil.copy(homes[0] / "campaign.jsonl", homes[1])
        key = sandbox.organization.api_key
        codes = await asyncio.gather(*(run(home, url, key) for home in homes))
        assert Counter(post.content for post in sandbox.posts) == Counter(TEXTS)
        assert set(codes) <= {0, 1}  # who looked while the other was at work tells of doubles
        ids = {post.id for post in sandbox.posts}
        assert sandbox.refusals == 0
        for home in homes:
            assert await run(home, url, key) == 0
            rows = read_summary(home / "campaign.journal").rows
            assert {row.post_id for row in rows} <= ids
        assert {post.id for post in sandbox.posts} == ids


@pytest.mark.timeout(2 * PATIENCE)
async def test_where_marks_are_not_listed_no_exit_code_hides_a_double(homes: list[Path]) -> None:
    async with held_server(2, 1, release="v2.23.0") as (sandbox, url):
        channels = [sandbox.add_channel(name).id for name in ("mastodon", "telegram")]
        write_campaign(homes[0] / "campaign.jsonl", channels)
        shutil.copy(homes[0] / "campaign.jsonl", homes[1])
        key = sandbox.organization.api_key
        codes = await asyncio.gather(*(run(home, url, key) for home in homes))
        contents = Counter(post.content for post in sandbox.posts)
        assert max(contents.values()) == 2  # both had sent the first before they could know
        assert 0 not in codes
