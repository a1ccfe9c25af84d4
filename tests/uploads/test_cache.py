from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from samples import PNG

from postiz_async import AdvancedOptions
from postiz_async._client import Postiz
from postiz_async._sandbox import MemoryServer
from postiz_async.testing._transport import SandboxTransport

KEY = "sandbox-key-5d1f0c77"


@pytest.fixture
def sandbox_in_memory(sandbox_in_memory: MemoryServer) -> MemoryServer:
    sandbox_in_memory.add_organization(api_key=KEY)
    return sandbox_in_memory


@asynccontextmanager
async def client(
    sandbox: MemoryServer, key: str = KEY, url: str = "http://sandbox.invalid"
) -> AsyncGenerator[Postiz]:
    async with Postiz(
        api_key=key,
        base_url=url,
        advanced=AdvancedOptions(clock=sandbox.clock, transport=SandboxTransport(sandbox)),
    ) as opened:
        yield opened


async def test_another_run_finds_what_was_uploaded_in_the_last_day(
    sandbox_in_memory: MemoryServer, tmp_path: Path
) -> None:
    cache = tmp_path / "new folder" / "uploads.sqlite"
    async with client(sandbox_in_memory) as postiz:
        first = await postiz.media.upload(PNG, cache=cache)
    for hours, found in ((23.9, True), (0.2, False), (1, True)):
        await sandbox_in_memory.clock.sleep(hours * 3600)
        async with client(sandbox_in_memory) as postiz:
            assert (await postiz.media.upload(PNG) == first) is False, "only when asked for"
        async with client(sandbox_in_memory) as postiz:
            (media,) = await postiz.media.upload_many([PNG], cache=str(cache))
            assert (media == first) is found
            first = media
    with closing(sqlite3.connect(cache)) as file:
        assert file.execute("SELECT count(*) FROM media").fetchone() == (1,), "old ones are gone"
    assert KEY.encode() not in cache.read_bytes()
    assert b"sandbox.invalid" not in cache.read_bytes()


async def test_another_key_or_server_finds_nothing(
    sandbox_in_memory: MemoryServer, tmp_path: Path
) -> None:
    cache = tmp_path / "uploads.sqlite"
    for key, url in (
        (KEY, "http://sandbox.invalid"),
        ("sandbox", "http://sandbox.invalid"),
        (KEY, "http://another.invalid"),
    ):
        async with client(sandbox_in_memory, key, url) as postiz:
            await postiz.media.upload(PNG, cache=cache)
    assert len(sandbox_in_memory.uploads) == 3


async def uploads_fine(sandbox: MemoryServer, cache: Path, caplog: pytest.LogCaptureFixture) -> str:
    """Two uploads go on without the cache; what was said, which is one thing."""
    caplog.set_level(logging.WARNING, "postiz_async")
    before = len(sandbox.uploads)
    async with client(sandbox) as postiz:
        await postiz.media.upload_many([PNG + b"1", PNG + b"2"], cache=cache)
    assert len(sandbox.uploads) == before + 2
    (record,) = caplog.records
    assert str(cache) in record.getMessage()
    assert record.getMessage().endswith("Uploads go on without it.")
    assert record.exc_info is None
    return record.getMessage()


async def test_a_full_disk_breaks_no_upload_and_is_said_once(
    sandbox_in_memory: MemoryServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        said = await uploads_fine(sandbox_in_memory, tmp_path / "uploads.sqlite", caplog)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "Make room on its disk" in said


async def test_a_file_that_is_something_else_breaks_no_upload(
    sandbox_in_memory: MemoryServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "notes.txt").write_text("dear diary " * 100)
    said = await uploads_fine(sandbox_in_memory, tmp_path / "notes.txt", caplog)
    assert "not a database" in said
    assert (tmp_path / "notes.txt").read_text("utf-8") == "dear diary " * 100
    caplog.clear()
    await uploads_fine(sandbox_in_memory, tmp_path, caplog)
    caplog.clear()
    await uploads_fine(sandbox_in_memory, tmp_path / "notes.txt" / "uploads.sqlite", caplog)


async def test_a_medium_that_cannot_be_read_is_uploaded_again(
    sandbox_in_memory: MemoryServer, tmp_path: Path
) -> None:
    cache = tmp_path / "uploads.sqlite"
    async with client(sandbox_in_memory) as postiz:
        await postiz.media.upload(PNG, cache=cache)
    with closing(sqlite3.connect(cache)) as file, file:
        file.execute("UPDATE media SET medium = '{}'")
    async with client(sandbox_in_memory) as postiz:
        await postiz.media.upload(PNG, cache=cache)
    async with client(sandbox_in_memory) as postiz:
        await postiz.media.upload(PNG, cache=cache)
    assert len(sandbox_in_memory.uploads) == 2
