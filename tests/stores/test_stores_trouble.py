"""Stores that cannot be used: what is said, and that nothing of it is a secret."""

from __future__ import annotations

import asyncio
import locale
import os
import socket
import sqlite3
import subprocess
import tempfile
import traceback
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from processes import PATIENCE, PYTHON, child_environment
from redis import asyncio as redis_client
from redis_server import RedisServer, redis_server, why_no_redis
from stores_lab import version_of

from postiz_async.errors import ConfigurationError, StoreError
from postiz_async.stores._sqlite_files import open_shared
from postiz_async.stores.redis import _LIFETIME, _PREFIX, RedisStore
from postiz_async.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postiz_async.stores import Records

PASSWORD = "hunter2-is-secret"
NOBODY = 65534

tells_of_no_room = pytest.mark.skipif(
    int(version("redis").partition(".")[0]) < 8,
    reason="redis-py before 8 reads no answer of a server without room: the connection is lost",
)
needs_redis = pytest.mark.skipif(
    bool(why_no_redis()),
    reason=why_no_redis(),
)
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


# ------------------------------------------------------------------ Redis


@needs_redis
async def test_a_password_that_is_wrong_or_missing() -> None:
    with redis_server("--requirepass", "the right one") as server:
        bare = RedisStore(f"redis://127.0.0.1:{server.port}/0")
        assert "it wants a password" in await refusal(bare)
        wrong = RedisStore(f"redis://:{PASSWORD}@127.0.0.1:{server.port}/0")
        assert "it refuses this user or password" in await refusal(wrong)
        right = RedisStore(f"redis://:the%20right%20one@127.0.0.1:{server.port}/0")
        assert (await right.swap("name", "", 0, b"state", keep=None))[0]
        await right.aclose()


@needs_redis
async def test_a_user_who_may_not_and_a_database_that_is_not_there() -> None:
    with redis_server() as server:
        control = redis_client.Redis(host="127.0.0.1", port=server.port)
        rules = ["on", f">{PASSWORD}", "~*", "+ping", "+hello", "+client"]
        await control.execute_command("ACL", "SETUSER", "bob", *rules)
        await control.aclose()
        bob = RedisStore(f"redis://bob:{PASSWORD}@127.0.0.1:{server.port}/0")
        assert "its user may not do this" in await refusal(bob)
        beyond = RedisStore(f"redis://127.0.0.1:{server.port}/99")
        assert "no database of that number" in await refusal(beyond)


@needs_redis
async def test_a_redis_that_is_full_and_one_with_a_foreign_key() -> None:
    with redis_server("--maxmemory-policy", "noeviction") as server:
        control = redis_client.Redis(host="127.0.0.1", port=server.port)
        store = RedisStore(server.url)
        assert (await store.swap("name", "", 0, b"state", keep=None))[0]
        await control.config_set("maxmemory", 1)
        assert "its memory is full" in await refusal(store, await version_of(store))
        assert (await store.get("name", "")).value == b"state"
        await store.aclose()
        await control.config_set("maxmemory", 0)
        await control.set(_PREFIX + "name:", "text")
        assert "another program has a key of that name" in await refusal(RedisStore(server.url))
        await control.aclose()


@needs_redis
async def test_a_replica() -> None:
    with (
        redis_server() as primary,
        redis_server("--replicaof", "127.0.0.1", str(primary.port)) as replica,
    ):
        control = redis_client.Redis(host="127.0.0.1", port=replica.port)
        async with asyncio.timeout(PATIENCE):
            while (await control.info("replication"))["master_link_status"] != "up":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await control.aclose()
        assert "it is a read-only replica" in await refusal(RedisStore(replica.url))


def _cluster_port() -> int:
    """A free port; the bus of a cluster has one 10,000 above it."""
    for port in range(21_000 + os.getpid() % 1_500, 22_768, 7):  # both below those that are given
        with socket.socket() as one, socket.socket() as two:
            try:
                one.bind(("127.0.0.1", port))
                two.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return port
    pytest.skip("no free port for a cluster")


@needs_redis
async def test_a_node_of_a_cluster() -> None:
    cluster = ("--cluster-enabled", "yes")
    with redis_server(*cluster, port=_cluster_port()) as one:
        assert "Redis Cluster, which is not supported" in await refusal(RedisStore(one.url))
        with redis_server(*cluster, port=_cluster_port()) as two:
            for server, slots in ((one, range(8192)), (two, range(8192, 16384))):
                control = redis_client.Redis(host="127.0.0.1", port=server.port)
                await control.execute_command("CLUSTER", "ADDSLOTS", *slots)
                if server is two:
                    await control.execute_command("CLUSTER", "MEET", "127.0.0.1", one.port)
                await control.aclose()
            for server in (one, two):  # each hears of the other's slots by itself
                await _is_whole(server)
            said = [await _attempt(server.url) for server in (one, two)]
            assert sorted(map(bool, said)) == [False, True], "one of them has the key"
            assert "Redis Cluster, which is not supported" in "".join(said)


async def _is_whole(server: RedisServer) -> None:
    control = redis_client.Redis(host="127.0.0.1", port=server.port)
    async with asyncio.timeout(PATIENCE):
        while "cluster_state:ok" not in str(await control.execute_command("CLUSTER", "INFO")):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await control.aclose()


async def _attempt(url: str) -> str:
    store = RedisStore(url)
    try:
        await store.swap("name", "", 0, b"state", keep=None)
    except StoreError as error:
        return str(error)
    finally:
        await store.aclose()
    return ""


@needs_redis
async def test_a_redis_that_goes_and_comes_back() -> None:
    with redis_server() as server:
        store = RedisStore(server.url)
        assert (await store.swap("name", "", 0, b"state", keep=None))[0]
    assert "Is it running" in await refusal(store, 1)
    with redis_server(port=server.port):
        assert (await store.get("name", ""))[:2] == (None, 0), "this one keeps nothing on disk"
        assert (await store.swap("name", "", 0, b"again", keep=None))[0]
        await store.aclose()


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no time-out end a connection or a call on a machine that stands still."""
    monkeypatch.setattr("postiz_async.stores.redis._TIMEOUT", PATIENCE)
    monkeypatch.setattr("postiz_async.stores._connection_slots.WAIT", PATIENCE)
    monkeypatch.setattr("postiz_async.stores._connection_slots.NO_ROOM_FOR", PATIENCE)


@needs_redis
@pytest.mark.parametrize(("address", "most"), [("", 32), ("?max_connections=3", 3)])
async def test_many_calls_at_once_wait_for_a_connection(
    monkeypatch: pytest.MonkeyPatch, address: str, most: int
) -> None:
    be_patient(monkeypatch)
    with redis_server() as server:
        control = redis_client.Redis(host="127.0.0.1", port=server.port)
        before = (await control.info("stats"))["total_connections_received"]
        store = RedisStore(server.url + address)
        swaps = await asyncio.gather(
            *(store.swap(f"{n}", "", 0, b"state", keep=None) for n in range(1600))
        )
        assert all(done for done, _ in swaps)
        opened = (await control.info("stats"))["total_connections_received"] - before
        assert opened <= most
        await store.aclose()
        await control.aclose()


@needs_redis
@tells_of_no_room
@pytest.mark.parametrize("address", ["", "?max_connections=1000"])
async def test_calls_share_the_connections_that_a_small_redis_has_room_for(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    be_patient(monkeypatch)
    with redis_server("--maxclients", "5") as server:
        store = RedisStore(server.url + address)
        swaps = await asyncio.gather(
            *(store.swap(f"{n}", "", 0, b"state", keep=None) for n in range(100))
        )
        assert all(done for done, _ in swaps)
        await store.aclose()


@needs_redis
@tells_of_no_room
async def test_a_redis_that_has_no_room_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with redis_server("--maxclients", "2") as server:
        others = [redis_client.Redis(host="127.0.0.1", port=server.port) for _ in range(2)]
        for other in others:
            await other.ping()
        store = RedisStore(server.url)
        waits = asyncio.create_task(store.swap("name", "", 0, b"state", keep=None))
        await asyncio.sleep(0.1)
        await others.pop().aclose()
        assert (await waits)[0], "there is room again"
        await store.aclose()
        others.append(redis_client.Redis(host="127.0.0.1", port=server.port))
        await others[-1].ping()
        monkeypatch.setattr("postiz_async.stores._connection_slots.NO_ROOM_FOR", 0.1)
        store = RedisStore(server.url + "?max_connections=2")
        calls = [store.get("name", "") for _ in range(9)]
        refused = await asyncio.gather(*calls, return_exceptions=True)
        for error in refused:
            assert isinstance(error, StoreError)
            assert "it has no room for more clients (maxclients)" in str(error)
            assert "?max_connections=" in str(error)
        for each in (store, *others):
            await each.aclose()


@needs_redis
@tells_of_no_room
async def test_the_only_connection_is_tried_again_where_there_was_no_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("postiz_async.stores._connection_slots.NO_ROOM_FOR", 0.1)
    monkeypatch.setattr("postiz_async.stores._connection_slots.WAIT", 5.0)
    with redis_server("--maxclients", "1") as server:
        other = redis_client.Redis(host="127.0.0.1", port=server.port)
        await other.ping()
        store = RedisStore(server.url + "?max_connections=1")
        for _ in range(2):
            with pytest.raises(StoreError, match="it has no room for more clients"):
                await store.get("name", "")
        await other.aclose()
        async with asyncio.timeout(PATIENCE):
            while not await has_room(store):
                pass
        await store.aclose()


async def has_room(store: RedisStore) -> bool:
    """Redis hears a moment later that a client is gone."""
    with suppress(StoreError):
        return (await store.get("name", "")).version == 0
    return False


@needs_redis
async def test_who_came_first_has_a_connection_first() -> None:
    with redis_server() as server:
        store, served = RedisStore(server.url + "?max_connections=1"), list[int]()

        async def read(number: int) -> None:
            await store.get("name", "")
            served.append(number)

        await asyncio.gather(*(read(number) for number in range(50)))
        assert served == list(range(50))
        await store.aclose()


async def test_nobody_waits_for_a_connection_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postiz_async.stores._connection_slots.WAIT", 0.05)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        store = RedisStore(f"redis://127.0.0.1:{deaf.getsockname()[1]}/0?max_connections=1")
        first = asyncio.create_task(store.get("first", ""))
        await asyncio.sleep(0)  # it has the only connection now
        with pytest.raises(StoreError, match="none of its 1 connections was free within"):
            await store.swap("name", "", 0, b"state", keep=None)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await store.aclose()  # not before: it breaks what is under way


@needs_redis
async def test_who_is_cancelled_while_waiting_for_a_connection_takes_none() -> None:
    with redis_server() as server:
        store = RedisStore(server.url + "?max_connections=2")
        for round_ in range(20):
            calls = [asyncio.create_task(store.get(f"{n}", "")) for n in range(20)]
            for _ in range(round_):
                await asyncio.sleep(0)
            for call in calls[::2]:
                call.cancel()
            done = await asyncio.gather(*calls, return_exceptions=True)
            assert not [each for each in done[1::2] if isinstance(each, BaseException)]
        await store.aclose()


async def test_a_redis_that_does_not_answer() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        port = deaf.getsockname()[1]
        url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0?socket_timeout=0.05"
        assert "no answer within" in await refusal(RedisStore(url))


async def test_a_server_that_shows_what_it_was_sent() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"-ERR unknown command, with args beginning with: " + PASSWORD.encode())
        writer.write(b"\r\n" * 2)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        said = await refusal(RedisStore(f"redis://:{PASSWORD}@127.0.0.1:{port}/0"))
        assert f"127.0.0.1:{port}" in said


@needs_redis
async def test_a_state_outlives_its_window() -> None:
    with redis_server() as server:
        store = RedisStore(server.url)
        for _ in range(2):
            version = (await store.get("name", "")).version
            assert (await store.swap("name", "", version, b"state", keep=None))[0]
            left = await store._redis.ttl(_PREFIX + "name:")
            assert 2 * 3600 < _LIFETIME - 60 < left <= _LIFETIME
        await store.aclose()


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{PASSWORD}/with-slash@host:6379/0",
        f"redis://:{PASSWORD}#hash@host:6379/0",
        f"redis://:12/{PASSWORD}@host/0",
        f"redis://:{PASSWORD}@host:port/0",
        f"redis://:{PASSWORD}@host:6379/0?decode_responses=yes",
        f"redis://:{PASSWORD}@host:6379/0?socket_timeout=long",
        f"{PASSWORD}@host:6379",
    ],
)
def test_an_address_that_cannot_be_used_stays_untold(url: str) -> None:
    with pytest.raises(ConfigurationError, match="redis://:password@host:6379/0") as caught:
        RedisStore(url)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
