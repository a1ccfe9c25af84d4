"""Runs a program whose wall clock jumps by hours, ahead and back, at random moments.

Its arguments: a seed, how fast the clock of the program runs, and the program, a file or a module,
with its arguments. All else in the process goes by clocks that nobody sets.
"""

from __future__ import annotations

import random
import runpy
import sys
import threading
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

HOURS = (0.0, 0.2, -0.2, 1.0, -1.0, 6.0, -6.0, 24.0, -24.0, 24.0 * 60, -24.0 * 60)
"""By how much the clock is wrong."""

PAUSE = 0.3
"""Real seconds between two jumps, on average."""


def with_jumps(command: Sequence[str], seed: int, speed: float) -> list[str]:
    """A command of ours, run in a process whose wall clock jumps.

    Args:
        command: as `processes.launch` takes it.
        seed: of the jumps.
        speed: of the program's clock.
    """
    from processes import PYTHON  # noqa: PLC0415  (the program itself needs none of it)

    python = PYTHON if list(command[: len(PYTHON)]) == PYTHON else list(command[:1])
    program = list(command[len(python) :])
    if program[0] == "-m":
        program.pop(0)
    return [*python, __file__, str(seed), str(speed), *program]


def jump(seed: int, speed: float) -> None:
    """Let the wall clock of this process jump from now on."""
    dice, real = random.Random(seed), time.time  # noqa: S311
    ahead = 0.0

    def jumps() -> None:
        nonlocal ahead
        for _ in count():
            ahead = dice.choice(HOURS) * 3_600 / speed
            started.set()
            time.sleep(dice.expovariate(1 / PAUSE))

    started = threading.Event()
    time.time = lambda: real() + ahead
    threading.Thread(target=jumps, daemon=True).start()
    started.wait()


if __name__ == "__main__":
    _, seed, speed, *sys.argv = sys.argv
    jump(int(seed), float(speed))
    if sys.argv[0].endswith(".py"):
        sys.path.insert(0, str(Path(sys.argv[0]).parent))
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
