"""Stores that cannot be used: what is said, and that nothing of it is a secret."""

from __future__ import annotations

import locale
import os
import sqlite3
import subprocess
import tempfile
import traceback
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from processes import PYTHON, child_environment
from stores_lab import version_of

from postiz_async.errors import StoreError
from postiz_async.stores._sqlite_files import open_shared
from postiz_async.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postiz_async.stores import Records

PASSWORD = "hunter2-is-secret"
NOBODY = 65534

needs_posix = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")


async def refusal(store: Records, version: int = 0, value: bytes = b"state") -> str:
    """What a change is refused with; whatever is shown of it to a user is one of ours."""
    try:
        with pytest.raises(StoreError) as caught:
            await store.swap("name", "", version, value, keep=None)
    finally:
        await store.aclose()
    shown = "".join(traceback.format_exception(caught.value))
    assert "direct cause" not in shown
    assert "another exception" not in shown
    assert PASSWORD not in shown
    assert "Nothing is sent" in shown
    return str(caught.value)


# ------------------------------------------------------------------ SQLite


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Who is root may write everywhere; be somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody can look into."""
    with tempfile.TemporaryDirectory(prefix="postiz-async-") as made:
        Path(made).chmod(0o755)
        yield Path(made)
        Path(made).chmod(0o755)


def _close_for_writing(folder: Path) -> None:
    folder.chmod(0o555)


async def _used(path: Path, value: bytes = b"state") -> SqliteStore:
    store = SqliteStore(path)
    assert (await store.swap("name", "", 0, value, keep=None))[0]
    return store


@needs_posix
async def test_a_file_that_may_not_be_written(folder: Path) -> None:
    path = folder / "quota.sqlite"
    await (await _used(path)).aclose()
    path.chmod(0o444)
    _close_for_writing(folder)
    with ordinary_user():
        said = await refusal(SqliteStore(path), 1)
    assert str(path) in said
    assert "Let this user write to the file and to its folder" in said


@needs_posix
async def test_a_file_that_may_not_be_read(folder: Path) -> None:
    path = folder / "quota.sqlite"
    await (await _used(path)).aclose()
    path.chmod(0)
    with ordinary_user():
        assert "may write to its folder" in await refusal(SqliteStore(path), 1)


@needs_posix
async def test_a_folder_that_may_not_be_written(folder: Path) -> None:
    _close_for_writing(folder)
    with ordinary_user():
        assert "may write to its folder" in await refusal(SqliteStore(folder / "quota.sqlite"))
        inner = SqliteStore(folder / "not there" / "quota.sqlite")
        assert "Permission denied. Check that its folder" in await refusal(inner)


IN_TURKISH = """
import asyncio, locale, sys
from postiz_async.stores.sqlite import SqliteStore

locale.setlocale(locale.LC_ALL, "tr_TR.UTF-8")

async def main():
    store = SqliteStore(sys.argv[1])
    for _ in range(2):
        version = (await store.get("name", "")).version
        assert (await store.swap("name", "", version, b"state", keep=None))[0]
        version = (await store.get("quota", "key")).version
        assert (await store.swap("quota", "key", version, b"record", keep=60.0))[0]
    assert not (await store.swap("name", "", 0, b"state", keep=None))[0]
    assert not (await store.swap("quota", "key", 0, b"record", keep=60.0))[0]
    await store.aclose()

asyncio.run(main())
"""


def test_the_language_of_the_machine_does_not_matter(tmp_path: Path) -> None:
    """In Turkish the small letter of `I` is another: until 3.13 Python does not know INSERT."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "tr_TR.UTF-8")
    except locale.Error:
        pytest.skip("this machine does not know Turkish")
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    command = [*PYTHON, "-c", IN_TURKISH, str(tmp_path / "quota.sqlite")]
    subprocess.run(command, check=True, env=child_environment(tmp_path))


async def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    store = await _used(tmp_path / "a" / "b" / "quota.sqlite")
    await store.aclose()
    assert (tmp_path / "a" / "b" / "quota.sqlite").is_file()


async def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    said = await refusal(SqliteStore(tmp_path / "file" / "quota.sqlite"))
    assert "Check that its folder can be made" in said


async def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    store = await _used(tmp_path / "quota.sqlite")
    assert store._connection is not None
    store._connection.execute("PRAGMA max_page_count = 3")
    said = await refusal(store, await version_of(store), b"x" * 50_000)
    assert "The disk is full: make room" in said
    assert (await store.get("name", "")).value == b"state"
    await store.aclose()


def test_a_write_of_another_process_is_waited_for(tmp_path: Path) -> None:
    connection = open_shared(tmp_path / "quota.sqlite", 1, 1, "CREATE TABLE t (x)")
    assert connection.execute("PRAGMA busy_timeout").fetchone() == (5000,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


@pytest.mark.parametrize(
    ("code", "times", "opens"),
    [
        (sqlite3.SQLITE_BUSY, 2, True),
        (sqlite3.SQLITE_BUSY | 2 << 8, 1, True),  # while somebody recovers it
        (sqlite3.SQLITE_IOERR, 1, False),
    ],
)
def test_two_that_make_a_file_at_once_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, times: int, *, opens: bool
) -> None:
    """Of two that switch to WAL at once SQLite fails one, whatever the time to wait."""
    left = [times]

    class Beaten(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            if "journal_mode = WAL" in arguments[0] and left[0]:
                left[0] -= 1
                error = sqlite3.OperationalError("another one was quicker")
                error.sqlite_errorcode = code
                raise error
            return super().execute(*arguments)

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Beaten))
    with nullcontext() if opens else pytest.raises(sqlite3.OperationalError):
        open_shared(tmp_path / "quota.sqlite", 1, 1, "CREATE TABLE t (x)").close()
    assert left == [0]


@contextmanager
def tiny_disk(place: Path) -> Iterator[Path]:
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=320k", "tmpfs", str(place)]
    try:
        made = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if made.returncode:
        pytest.skip("may not mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


async def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with tiny_disk(tmp_path / "disk") as disk:
        store = await _used(disk / "quota.sqlite")
        version = await version_of(store)
        assert "The disk is full: make room" in await refusal(store, version, b"x" * 200_000)
        assert (await store.swap("name", "", version, b"small", keep=None))[0], (
            "it works again without a restart"
        )
        await store.aclose()


@needs_posix
async def test_a_write_that_fails(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    store = await _used(tmp_path / "quota.sqlite")
    version = await version_of(store)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
    try:
        said = await refusal(store, version, b"x" * 200_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "disk" in said
    assert (await store.get("name", "")).value == b"state"
    await store.aclose()


async def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "quota.sqlite"
    await (await _used(path)).aclose()
    content = bytearray(path.read_bytes())
    content[100:] = bytes(byte ^ 0x5A for byte in content[100:])
    path.write_bytes(content)
    assert "It is damaged: move it away" in await refusal(SqliteStore(path), 1)


async def test_a_file_that_another_program_keeps_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postiz_async.stores._sqlite_files.BUSY_MS", 100)
    path = tmp_path / "quota.sqlite"
    store = await _used(path)
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    assert "Another program keeps it locked" in await refusal(store, 1)
    other.rollback()
    other.close()
    assert (await store.swap("name", "", await version_of(store), b"free", keep=None))[0]
    await store.aclose()


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be deleted")
async def test_a_file_that_is_deleted_while_it_is_open(tmp_path: Path) -> None:
    """Two processes, one with the deleted file and one with a new one, would not see each other."""
    path = tmp_path / "quota.sqlite"
    first = await _used(path)
    path.unlink()
    second = await _used(path, b"new")
    assert (await first.get("name", "")).value == b"new"
    await first.aclose()
    await second.aclose()
