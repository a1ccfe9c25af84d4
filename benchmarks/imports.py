"""What importing the client and opening one costs, beside aiohttp and a session of it.

Claims: a process that only imports the client takes at most 1.15 times the processor time of one
that only imports aiohttp, which the client needs anyway; and one that opens a client and closes it
at most 1.25 times that of one that does so with a session of aiohttp. Neither loads a package of
the command line. Each is a new interpreter, all by turns. Their time is what an installed package
takes, whose bytecode is there.
Beside it the same without what an interpreter takes that imports nothing, and httpx2 where it is
installed. Run: python benchmarks/imports.py
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys

from figures import CHILD_ENVIRONMENT, Figure, note

ROUNDS = 11
OURS = "from postiz_async import Postiz, NewPost"
NOTHING, AIOHTTP, HTTPX = "pass", "import aiohttp", "import httpx2"
OPEN = "import asyncio; {}; exec('async def main():\\n async with {}: pass'); asyncio.run(main())"
SESSION = OPEN.format(AIOHTTP, "aiohttp.ClientSession()")
CLIENT = OPEN.format(OURS, 'Postiz(api_key="k", base_url="http://x.invalid")')
NOT_LOADED = {"cyclopts", "markdown_it", "rich", "tzlocal"}
"""Packages of the command line, and some that few programs need."""
NAMES = {SESSION: "an open aiohttp.ClientSession", CLIENT: "an open Postiz"}


def seconds(code: str) -> float:
    """Seconds of the processor that a new interpreter takes to run it."""
    process = subprocess.Popen([sys.executable, "-c", code], env=CHILD_ENVIRONMENT)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, code
    return used.ru_utime + used.ru_stime


def main() -> None:
    asked = f"{CLIENT}; import sys; print(*sys.modules)"
    loaded = subprocess.check_output(
        [sys.executable, "-c", asked], env=CHILD_ENVIRONMENT, text=True
    )
    assert not NOT_LOADED & set(loaded.split()), "the library loads packages of the command line"
    ways = [NOTHING, AIOHTTP, OURS, SESSION, CLIENT]
    if importlib.util.find_spec("httpx2") is not None:
        ways.append(HTTPX)
    times: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(ROUNDS + 1):
        for way in ways:
            taken = seconds(way)
            if number:  # the first round may compile
                times[way].append(taken)
    cost = {way: statistics.median(taken) for way, taken in times.items()}
    print(f"seconds of the processor, median of {ROUNDS} interpreters, and without an idle one's")
    for way, taken in cost.items():
        ratio = taken / cost[AIOHTTP]
        name, alone = NAMES.get(way, way), taken - cost[NOTHING]
        print(f"  {name:44} {taken:6.3f}   {ratio:5.2f} x aiohttp {alone:9.3f}")
    whole = Figure(
        name="a process that imports the client",
        value=cost[OURS],
        unit="s",
        baseline=AIOHTTP,
        base=cost[AIOHTTP],
        compared="ratio",
        target=1.15,
    )
    imported = Figure(
        name="the import alone",
        value=cost[OURS] - cost[NOTHING],
        unit="s",
        baseline=AIOHTTP,
        base=cost[AIOHTTP] - cost[NOTHING],
        compared="ratio",
    )
    opened = Figure(
        name="a process that opens a client",
        value=cost[CLIENT],
        unit="s",
        baseline=NAMES[SESSION],
        base=cost[SESSION],
        compared="ratio",
        target=1.25,
    )
    for figure in (whole, imported, opened):
        note(figure)
    print(f"goals {whole.goal}; {opened.goal}")


if __name__ == "__main__":
    main()
