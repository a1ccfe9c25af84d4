"""What others on the machine may read: nothing, and not for a moment."""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import stat
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from processes import PATIENCE

from postiz_async import NewPost
from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.lock import FileLock
from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async.clock import JumpingClock
from postiz_async.stores.sqlite import SqliteStore
from postiz_async.testing._transport import sandbox_client

pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")

URL = "https://postiz.example.com/public/v1"


@pytest.fixture(params=[0o022, 0o000, 0o077], ids=["022", "000", "077"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


class Watched:
    """Sees each file that SQLite opens for writing, before SQLite does."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.exposed: list[str] = []
        self.opened = 0

    def look(self, name: str) -> None:
        path = Path(unquote(name.removeprefix("file://").partition("?")[0]))
        if str(path).startswith(self.folder) and "mode=ro" not in name:
            self.opened += 1
            if not path.exists() or mode(path) & 0o077:
                self.exposed.append(name)


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Not an audit hook, which stays for the life of the process and slows what is traced."""
    watched, connect = Watched(str(tmp_path)), sqlite3.connect

    def seen(database: str | Path, **options: Any) -> sqlite3.Connection:
        watched.look(str(database))
        return connect(database, **options)

    monkeypatch.setattr(sqlite3, "connect", seen)
    return watched


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def give_to(mode_bits: int, folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if path.is_file():
            path.chmod(mode_bits)


def open_to_others(folder: Path) -> dict[str, str]:
    """Everything below a folder that group or others may do something with."""
    return {
        str(path.relative_to(folder)): oct(mode(path))
        for path in folder.rglob("*")
        if mode(path) & 0o077
    }


async def use_store(folder: Path) -> set[str]:
    store = SqliteStore(folder / "state" / "quota.sqlite")
    await store.swap("name", "", 0, b"x", keep=None)
    found = open_to_others(folder), names(folder / "state")
    await store.aclose()
    assert found[0] == {}
    return found[1]


async def use_journal(folder: Path) -> set[str]:
    path = folder / "c.journal"
    async with await Journal.open(path, campaign="c.csv", base_url=URL) as journal:
        await journal.put([])
        await journal.put([RowRecord("a", 1, "f", "c1", 1.0)])
        assert open_to_others(folder) == {}
        return names(folder)


async def use_outbox(folder: Path) -> set[str]:
    async with MemoryServer(clock=JumpingClock()) as sandbox:
        channel = sandbox.add_channel("mastodon").id
        async with sandbox_client(sandbox, outbox=folder / "boxes" / "out.sqlite") as postiz:
            at = datetime.fromtimestamp(sandbox.clock.time(), UTC) + timedelta(days=2)
            await postiz.outbox.put(NewPost(channel, "x"), at=at)
            assert open_to_others(folder) == {}
            await postiz.quota()
            return names(folder / "boxes")


@pytest.mark.parametrize(
    ("use", "made"),
    [
        (use_store, {"quota.sqlite", "quota.sqlite-wal", "quota.sqlite-shm"}),
        (use_journal, {"c.journal", "c.journal-wal", "c.journal-shm", "c.journal.lock"}),
        (use_outbox, {"out.sqlite", "out.sqlite-wal", "out.sqlite-shm"}),
    ],
)
async def test_a_new_file_of_ours_is_its_owners_alone_from_the_first_moment(
    use: Callable[[Path], Awaitable[set[str]]],
    made: set[str],
    tmp_path: Path,
    umask: int,
    watched: Watched,
) -> None:
    assert made <= await use(tmp_path)
    assert open_to_others(tmp_path) == {}
    assert watched.opened
    assert watched.exposed == []


async def test_a_missing_folder_is_made_for_its_owner_with_those_above(
    tmp_path: Path, umask: int
) -> None:
    store = SqliteStore(tmp_path / "a" / "b" / "quota.sqlite")
    await store.swap("name", "", 0, b"x", keep=None)
    await store.aclose()
    assert [mode(tmp_path / name) for name in ("a", "a/b")] == [0o700, 0o700]


@pytest.mark.parametrize("use", [use_store, use_journal])
async def test_what_an_earlier_version_left_readable_is_tightened(
    use: Callable[[Path], Awaitable[set[str]]], tmp_path: Path
) -> None:
    await use(tmp_path)
    give_to(0o644, tmp_path)
    await use(tmp_path)
    assert open_to_others(tmp_path) == {}


async def test_what_a_killed_process_left_beside_a_file_is_tightened_with_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "quota.sqlite"
    store = SqliteStore(path)
    await store.swap("name", "", 0, b"x", keep=None)
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).chmod(0o666)
    second = SqliteStore(path)
    assert (await second.get("name", "")).value == b"x"
    assert open_to_others(tmp_path) == {}
    await second.aclose()
    await store.aclose()


async def test_what_is_shared_with_a_group_on_purpose_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "quota.sqlite"
    store = SqliteStore(path)
    _, kept = await store.swap("name", "", 0, b"x", keep=None)
    await store.aclose()
    path.chmod(0o660)
    await store.swap("name", "", kept.version, b"y", keep=None)
    assert {mode(tmp_path / name) for name in names(tmp_path)} == {0o660}
    await store.aclose()


async def test_a_folder_that_is_there_already_stays_as_it_is(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    there.chmod(0o755)
    await use_journal(there)
    assert mode(there) == 0o755


def test_who_may_not_read_a_lock_cannot_hold_it(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "c.lock"
    path.touch(0o644)
    path.chmod(0o644)
    lock = FileLock(path)
    assert mode(path) == 0o600
    lock.release()


async def test_a_file_behind_a_link_is_made_as_private(tmp_path: Path, umask: int) -> None:
    (tmp_path / "there").mkdir(mode=0o700)
    link = tmp_path / "quota.sqlite"
    link.symlink_to(tmp_path / "there" / "real.sqlite")
    store = SqliteStore(link)
    await store.swap("name", "", 0, b"x", keep=None)
    await store.aclose()
    assert mode(tmp_path / "there" / "real.sqlite") == 0o600


async def test_names_that_a_uri_would_take_apart_are_names(tmp_path: Path) -> None:
    for name in ("a?mode=memory", "b#c", "d%41", "e f", os.fsdecode("ü".encode())):
        store = SqliteStore(tmp_path / name)
        await store.swap("name", "", 0, b"x", keep=None)
        await store.aclose()
        with closing(sqlite3.connect(tmp_path / name)) as file:
            assert file.execute("SELECT count(*) FROM records").fetchone() == (1,)
    assert len(names(tmp_path)) == 5


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a campaign, and a server and a place for state for commands in this process."""
    loop, over = asyncio.new_event_loop(), asyncio.Event()
    urls: queue.Queue[str] = queue.Queue()

    async def main() -> None:
        async with MemoryServer(api_key="a-key-of-mine") as sandbox, serve(sandbox) as served:
            sandbox.add_channel("mastodon", id="c1")
            urls.put(served.url)
            await over.wait()

    server = threading.Thread(target=lambda: loop.run_until_complete(main()))
    server.start()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("POSTIZ_API_KEY", "a-key-of-mine")
    monkeypatch.setenv("POSTIZ_API_URL", urls.get(timeout=PATIENCE))
    (tmp_path / "work").mkdir(0o755)
    (tmp_path / "work" / "c.csv").write_text("channel,date,content\nc1,2099-01-20 09:00Z,Hello\n")
    yield tmp_path / "work"
    loop.call_soon_threadsafe(over.set)
    server.join(PATIENCE)
    loop.close()


@pytest.mark.skipif(sys.platform == "darwin", reason="the folder of state is elsewhere")
def test_what_commands_write_is_their_users_alone(commands: Path, umask: int) -> None:
    from postiz_async._cli.app import run  # noqa: PLC0415  (imports all commands)

    state = commands.parent / "state" / "postiz-async"
    file = commands / "c.csv"
    there = names(commands)
    assert run(["run", str(file)]) == 0
    assert run(["report", str(file), "--result", str(commands / "r.csv")]) == 0
    made = names(commands) - there
    assert {"c.journal", "c.result.csv", "c.report.html", "r.csv"} <= made
    assert {name: oct(mode(commands / name)) for name in made} == dict.fromkeys(made, "0o600")
    assert mode(state) == 0o700
    assert open_to_others(state) == {}
    state.chmod(0o755)  # as an earlier version left it
    (commands / "c.result.csv").chmod(0o644)  # as somebody does who wants others to look at it
    assert run(["run", str(file)]) == 0
    assert mode(state) == 0o700
    assert mode(commands / "c.result.csv") == 0o644
