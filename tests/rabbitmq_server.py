"""A real RabbitMQ for the length of a test, where the machine has one: loopback only."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

DEBIANS = "/usr/lib/rabbitmq/bin"
"""Where Debian has the program itself; that of the PATH is for root alone."""


def find_rabbitmq() -> str | None:
    return shutil.which("rabbitmq-server", path=f"{DEBIANS}{os.pathsep}{os.environ['PATH']}")


def why_no_rabbitmq() -> str:
    """Why tests with a RabbitMQ are skipped; empty where there is one."""
    found = find_rabbitmq() and shutil.which("epmd")
    return "" if found else "there is no rabbitmq-server on this machine"


@contextmanager
def rabbitmq_server() -> Iterator[str]:
    """Run a RabbitMQ until the block ends; its address."""
    port, names, others = _free_ports(3)
    with tempfile.TemporaryDirectory(prefix="rabbitmq-") as folder:
        environment = os.environ | {
            "HOME": folder,
            "ERL_CRASH_DUMP_SECONDS": "0",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(names),
            "RABBITMQ_NODENAME": "test@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(others),
            "RABBITMQ_MNESIA_BASE": folder,
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false",
        }
        log = Path(folder) / "log"
        with (
            _running(["epmd"], environment, log),  # of its own: one that erl starts would stay
            _running([str(find_rabbitmq())], environment, log) as process,
        ):
            wait_until(lambda: process.poll() is not None or _answers(port), "RabbitMQ answers")
            assert process.poll() is None, log.read_text(encoding="utf-8")
            yield f"amqp://guest:guest@127.0.0.1:{port}//"


@contextmanager
def _running(
    command: list[str], environment: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as file:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):  # it ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=240) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return bool(connection.recv(8))
    except OSError:
        return False
