"""Celery's workers as processes, and an app that sends them tasks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from celery import Celery
from processes import PATIENCE, child_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE = Path(__file__).parent
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")


@contextmanager
def worker(
    folder: Path,
    environment: Mapping[str, str],
    *options: str,
    app: str = "celery_worker",
    is_killed: bool = False,
) -> Iterator[Path]:
    """Run a worker until the block ends, which it has to do on SIGTERM if not killed; its log."""
    log = folder / "worker.log"
    process = start_worker(folder, environment, *options, app=app)
    try:
        yield log
        assert process.poll() is None, log.read_text(encoding="utf-8")
        if not is_killed:
            process.terminate()
            process.wait(PATIENCE)
    finally:
        kill_worker(process)


def start_worker(
    folder: Path, environment: Mapping[str, str], *options: str, app: str
) -> subprocess.Popen[str]:
    common = ("--loglevel", "INFO", *QUIET)
    with (folder / "worker.log").open("ab") as log:
        return subprocess.Popen(
            (sys.executable, "-m", "celery", "--app", app, "worker", *common, *options),
            cwd=HERE,
            env=child_environment(folder, {"FOLDER": str(folder), **environment}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            encoding="utf-8",
            start_new_session=True,
        )


def kill_worker(process: subprocess.Popen[str]) -> None:
    """Kill a worker and the processes of its pool, as the end of a container does."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()


@contextmanager
def sender(url: str, *, broker: str = "", **conf: Any) -> Iterator[Celery]:
    """An app that sends tasks, and reads their results."""
    app = Celery(broker=broker or url, backend=url, set_as_current=False)
    app.conf.update(conf)
    try:
        yield app
    finally:
        app.backend.result_consumer.stop()
        app.backend.client.close()
        app.close()
