"""Plays many runs in child processes, each of which has the package of one checkout.

A child reads a `Run` a line from its standard input and writes the `Result` as a line. Children of
different checkouts use the scenes and the world of this one.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from quota_cases import cases
from quota_scenes import Result

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future
    from contextlib import AbstractContextManager
    from typing import Self

    from quota_cases import Case

HERE = Path(__file__).resolve().parents[1]


class Run(NamedTuple):
    """One run of a case.

    `without`: the name of a rule that is switched off; `by`: of the baseline that plays.
    """

    case: str
    seed: int
    without: str | None = None
    by: str | None = None


class Children:
    """Child processes that play runs with the package of one checkout.

    Args:
        checkout: a directory with `postiz_async` in it.
        jobs: how many there are.
    """

    def __init__(self, checkout: Path, jobs: int) -> None:
        self._checkout = checkout
        self._jobs = jobs
        self._idle: queue.SimpleQueue[subprocess.Popen[str]] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(jobs)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for _ in range(self._jobs):
                self._idle.put(self._begun(stack))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._stack.close()

    def start(self, runs: Sequence[Run]) -> list[Future[Result]]:
        return [self._threads.submit(self._play, run) for run in runs]

    def _begun(self, stack: ExitStack) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(self._checkout), *filter(None, [os.environ.get("PYTHONPATH")])])
        child = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        stack.enter_context(child)
        package = Path(_line(child))
        if not package.is_relative_to(self._checkout):
            child.kill()
            raise SystemExit(f"{self._checkout} has no postiz_async; a child imports {package}")
        return child

    def _play(self, run: Run) -> Result:
        child = self._idle.get()
        try:
            assert child.stdin is not None
            child.stdin.write(json.dumps(run) + "\n")
            child.stdin.flush()
            return Result(**json.loads(_line(child)))
        finally:
            self._idle.put(child)


def _line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    line = child.stdout.readline()
    if not line:
        raise SystemExit(f"a child ended with status {child.wait()}; its error is above")
    return line.strip()


def _serve() -> None:
    """The life of a child: a run a line, a result a line, until there are no more."""
    import postiz_async  # noqa: PLC0415  (that of the checkout)

    logging.disable()
    print(Path(postiz_async.__file__).resolve(), flush=True)
    known = {case.name: case for case in cases(full=True)}
    for line in sys.stdin:
        run = Run(*json.loads(line))
        with _without(run.without):
            result = _played(known[run.case], run)
        print(json.dumps(asdict(result)), flush=True)


def _played(case: Case, run: Run) -> Result:
    if run.by is None:
        return case.run(run.seed)
    from quota_baselines import baseline  # noqa: PLC0415  (their libraries may be absent)

    return baseline(run.by, case.scene, run.seed)


def _without(rule: str | None) -> AbstractContextManager[object]:
    if rule is None:
        return nullcontext()
    from quota_ablations import ABLATIONS  # noqa: PLC0415  (they fit this checkout only)

    return ABLATIONS[rule]()


if __name__ == "__main__":
    _serve()
