"""The command line and the sandbox as processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from forked import Forked

ROOT = Path(__file__).parent.parent
PYTHON = [sys.executable, "-W", "error"]
COMMAND = [*PYTHON, "-m", "postiz_async"]
PATIENCE = 240.0
"""Seconds after which something that was waited for is given up, on however busy a machine."""

_DROPPED = (
    *("POSTIZ_", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_"),
    "PYTHONDONTWRITEBYTECODE",  # a start takes twice as long without
)

Process = subprocess.Popen[str] | Forked
P = TypeVar("P", bound=Process)

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def child_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment in which nothing of the user's is seen or changed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
    return kept | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_STATE_HOME": str(home / "state"),
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm-256color",
        "TZ": "UTC",
    } | dict(extra or {})  # fmt: skip


@dataclass(frozen=True)
class Server:
    """A sandbox in another process."""

    url: str
    api_key: str = field(repr=False)
    clocked: bool = True

    @property
    def environment(self) -> dict[str, str]:
        return {
            "POSTIZ_API_URL": self.url,
            "POSTIZ_API_KEY": self.api_key,
            "POSTIZ_SANDBOX_CLOCK": "1" if self.clocked else "",
        }

    def _look(self, page: str) -> dict[str, object]:
        with _direct.open(f"{self.url}/sandbox/{page}", timeout=PATIENCE) as answer:
            return json.load(answer)

    @property
    def state(self) -> dict[str, int]:
        """Counts of posts, requests, creates, refusals, uploads."""
        return self._look("state")  # type: ignore[return-value]

    @property
    def posts(self) -> list[dict[str, Any]]:
        return self._look("posts")["posts"]  # type: ignore[return-value]

    @property
    def struck(self) -> dict[str, int]:
        """How often each kind of fault struck."""
        return self._look("faults")["struck"]  # type: ignore[return-value]

    def add_fault(self, text: str) -> None:
        """Set up a further fault, in the form of the command line."""
        with _direct.open(f"{self.url}/sandbox/faults", text.encode(), timeout=PATIENCE):
            pass

    @property
    def now(self) -> datetime:
        """What its clock shows."""
        said: dict[str, float] = self._look("clock")  # type: ignore[assignment]
        shown = said["shown"] + (time.time() - said["real"]) * said["speed"]
        return datetime.fromtimestamp(shown, UTC)


def read_line(process: Process, wanted: Callable[[str], bool]) -> str:
    """The first line of a process that is wanted."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        if wanted(line):
            return line
        seen.append(line)
    raise AssertionError(f"the process ended, having said {seen}")


@contextmanager
def ended(process: P) -> Iterator[P]:
    """End a process and its pipes with the block."""
    try:
        with process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        process.wait()


@contextmanager
def reading(process: Process) -> Iterator[list[str]]:
    """Errors as they are said: a process whose pipe is full waits. Kills it in the end."""
    said: list[str] = []
    pipe = process.stderr
    assert pipe is not None
    reader = threading.Thread(target=lambda: said.extend(pipe), daemon=True)
    reader.start()
    try:
        yield said
    finally:
        process.kill()
        reader.join(PATIENCE)


@contextmanager
def sandbox_process(
    home: Path, *options: str, api_key: str = "sandbox-key-5d1f0c77"
) -> Iterator[Server]:
    """`postiz-async sandbox` on a free port, on a clock that starts the day before the sample."""
    home.mkdir(parents=True, exist_ok=True)
    common = ["--port", "0", "--start", "2027-01-14T09:00", "--api-key", api_key]
    with ended(start(["sandbox", *common, *options], home, {})) as process:
        line = read_line(process, lambda line: "POSTIZ_API_URL=" in line)
        url = line.partition("POSTIZ_API_URL=")[2].split()[0]
        with reading(process) as said:
            yield Server(url, api_key)
    assert "Traceback" not in "".join(said)


def start(arguments: Sequence[str], home: Path, environment: Mapping[str, str]) -> Process:
    """The command line as a process with its output in pipes."""
    return launch([*COMMAND, *arguments], child_environment(home, environment))


def launch(command: Sequence[str], environment: Mapping[str, str]) -> Process:
    """A process with its output in pipes; our own programs are spared the start of Python."""
    if sys.platform != "win32":
        for python in ([*PYTHON, "-m"], PYTHON):
            if list(command[: len(python)]) == python:
                return Forked(command[len(python) :], environment)
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


async def until(holds: Callable[[], object]) -> None:
    """Look again and again until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """The same where there is no event loop; `what` is told when it never does."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.01)
