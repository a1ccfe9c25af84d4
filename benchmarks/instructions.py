"""Instructions of one call, which no other work on the machine changes: a list, a create.

Beside the times of `calls_per_second.py` and `admission.py`, with the same servers and the same
baseline, bare aiohttp. What is counted are instructions of the client's process in user mode, by
`perf stat` where the machine counts them, else by valgrind (cachegrind), which takes a minute or
two; where there is neither, nothing is measured. Each way is counted with few and with many calls;
the difference is what a call takes, warm. Run: python benchmarks/instructions.py
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import admission
import aiohttp
import calls_per_second
import msgspec
from figures import CHILD_ENVIRONMENT, Figure, note, skip

from postiz_async import AdvancedOptions, Created, Postiz
from postiz_async._resources.create_body import encode_create
from postiz_async.models.posts import PostList

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

CLIENTS, FEW, MANY = 4, 10, 40
"""Clients, each with a window of its own, and calls of each; no more than a window allows."""

KEY = calls_per_second.KEY
START, END = calls_per_second.START, calls_per_second.END
BASELINES = {
    "posts.list": "bare aiohttp, list",
    "posts.send, validate=False": "bare aiohttp, create",
    "posts.send": "bare aiohttp, create",
}

PERF = ("perf", "stat", "-x,", "-e", "instructions:u", "--")
VALGRIND = (
    "valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
)  # fmt: skip


# ------------------------------------------------------------------ the child


async def work(way: str, calls: int, url: str) -> None:
    """So many calls of each client, one after the other."""
    body = admission.create_body()
    headers = calls_per_second.headers_of(KEY)
    lists, creates = msgspec.json.Decoder(PostList), msgspec.json.Decoder(list[Created])
    async with aiohttp.ClientSession() as session:

        async def bare_list() -> object:
            target = f"{url}/public/v1/posts{calls_per_second.QUERY}"
            async with session.get(target, headers=headers) as response:
                return lists.decode(await response.read())

        async def bare_create() -> object:
            data, more = bytes(encode_create(body)), {"Content-Type": "application/json"}
            target = f"{url}/public/v1/posts"
            async with session.post(target, data=data, headers=headers | more) as response:
                return creates.decode(await response.read())

        for number in range(CLIENTS):
            async with Postiz(
                api_key=f"{number}{KEY}", base_url=url, advanced=AdvancedOptions(politeness=None)
            ) as postiz:
                ways: dict[str, Callable[[], Awaitable[object]]] = {
                    "bare aiohttp, list": bare_list,
                    "bare aiohttp, create": bare_create,
                    "posts.list": partial(postiz.posts.list, start=START, end=END),
                    "posts.send, validate=False": partial(postiz.posts.send, body, validate=False),
                    "posts.send": partial(postiz.posts.send, body),
                }
                for _ in range(calls):
                    await ways[way]()


# ------------------------------------------------------------------ the counter


def counter() -> tuple[str, ...] | None:
    """The command that counts instructions here; None, after the reason was told."""
    reasons: list[str] = []
    for command in (PERF, VALGRIND):
        if shutil.which(command[0]) is None:
            reasons.append(f"{command[0]} is not installed")
        elif counted([*command, sys.executable, "-c", "pass"]) is None:
            reasons.append(f"{command[0]} counts no instructions on this machine")
        else:
            return command
    skip(" and ".join(reasons))
    return None


def counted(command: list[str]) -> int | None:
    """The instructions of a command; None where they cannot be counted."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=CHILD_ENVIRONMENT | {"PYTHONHASHSEED": "0"},
    )
    found = re.search(r"(?m)^(\d+),[^,]*,instructions", done.stderr)
    found = found or re.search(r"I +refs: +([\d,]+)", done.stderr)
    return int(found[1].replace(",", "")) if found and done.returncode == 0 else None


@contextmanager
def serving(code: str) -> Iterator[str]:
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


def main() -> None:
    if sys.argv[1:]:
        way, calls, url = sys.argv[1:]
        asyncio.run(work(way, int(calls), url))
        return
    command = counter()
    if command is None:
        return

    def run(way: str, calls: int) -> int:
        url = lists if "list" in way else creates
        found = counted([*command, sys.executable, __file__, way, str(calls), url])
        assert found is not None, f"the child for {way} failed"
        return found

    with (
        serving(calls_per_second.SERVER) as lists,
        serving(admission.SERVER) as creates,
        ThreadPoolExecutor(2) as pool,
    ):
        names = sorted({*BASELINES, *BASELINES.values()})
        runs = {name: [pool.submit(run, name, calls) for calls in (FEW, MANY)] for name in names}
        each = {
            name: (many.result() - few.result()) / (CLIENTS * (MANY - FEW)) / 1000
            for name, (few, many) in runs.items()
        }
    print(f"thousands of instructions a call, by {command[0]}, and above bare aiohttp")
    for name in names:
        base = each[BASELINES.get(name, name)]
        print(f"  {name:30} {each[name]:8,.0f} {each[name] - base:+8,.0f}")
    for name, baseline in BASELINES.items():
        note(
            Figure(
                name=name,
                value=each[name],
                unit="thousand instructions",
                baseline=baseline,
                base=each[baseline],
                compared="above",
            )
        )


if __name__ == "__main__":
    main()
