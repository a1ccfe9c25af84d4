"""Programs in processes of their own, without the start of one.

Most of the time of a short program goes into importing what it needs. Here a process that has
done so once is forked for each program: it has an environment, pipes and signals of its own and is
killed like any other. Terminals, names of files that are not UTF-8 and the start itself are tested
with real starts.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing import connection
from multiprocessing.context import ForkServerContext
from multiprocessing.util import get_temp_dir
from pathlib import Path
from typing import Self, TextIO

__all__ = ["Forked"]

_one_at_a_time = threading.Lock()
"""multiprocessing reads the exit code of a process wherever another one is started."""


_ROOM = 60
"""Bytes for the folder of the socket's folder: the path of a socket has at most 104."""


@cache
def _server() -> ForkServerContext:
    if len(os.fsencode(tempfile.gettempdir())) > _ROOM:
        usual, tempfile.tempdir = tempfile.tempdir, "/tmp"  # noqa: S108
        try:
            get_temp_dir()  # which multiprocessing keeps
        finally:
            tempfile.tempdir = usual
    context = multiprocessing.get_context("forkserver")
    needed = ["postiz_async._cli.app", "postiz_async._sandbox.http", "postiz_async.stores.sqlite"]
    context.set_forkserver_preload(needed)
    return context


def _run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *ends: connection.Connection,
) -> None:
    if len(ends) == 1:
        os.login_tty(os.dup(ends[0].fileno()))
        sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115
    else:
        for number, end in enumerate(ends, 1):
            os.dup2(end.fileno(), number)
    for end in ends:
        end.close()
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    sys.stdout, sys.stderr = (open(n, "w", encoding=encoding) for n in (1, 2))  # noqa: PTH123, SIM115
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` has it ignored
    warnings.simplefilter("error")
    sys.argv = list(arguments)
    if arguments[0].endswith(".py"):
        sys.path.insert(0, str(Path(arguments[0]).parent))
        runpy.run_path(arguments[0], run_name="__main__")
    else:
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


class Forked:
    """What tests use of `subprocess.Popen`, for `python -W error` with these arguments.

    Args:
        arguments: the name of a module or the path of a program, and its arguments.
        environment: all of it.
        terminal: where it reads and writes; without one its output goes into pipes.
    """

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], terminal: int | None = None
    ) -> None:
        pipes = [os.pipe(), os.pipe()] if terminal is None else []
        theirs = [os.dup(terminal)] if terminal is not None else [end for _, end in pipes]
        ends = [connection.Connection(end, readable=False) for end in theirs]
        self.stdout, self.stderr = [open(end, encoding="utf-8") for end, _ in pipes] or [None] * 2  # noqa: PTH123, SIM115
        given = (list(arguments), dict(environment), *ends)
        with _one_at_a_time:
            self._process = _server().Process(target=_run, args=given, daemon=True)
            self._process.start()
        for end in ends:
            end.close()
        self.pid = self._process.pid or 0
        self._readers: list[threading.Thread] = []

    @property
    def returncode(self) -> int | None:
        with _one_at_a_time:
            return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        connection.wait([self._process.sentinel], timeout)
        code = self.returncode
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        with _one_at_a_time:
            self._process.kill()

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """All that it writes until its end."""
        said = ["", ""]

        def read(place: int, pipe: TextIO) -> None:
            said[place] = pipe.read()

        for place, pipe in enumerate((self.stdout, self.stderr)):
            reader = threading.Thread(target=read, args=(place, pipe), daemon=True)
            reader.start()
            self._readers.append(reader)
        for reader in self._readers:
            reader.join(timeout)
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        self.wait(timeout)
        return said[0], said[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.close()
        self.stderr.close()
        self.wait()
