"""Functions that live for one call: cold start, connections, and whether they share the quota.

Claims: with a store that they share, no invocation is refused (429), whether 4 come one after the
other or 12 at once; each opens at most 2 connections to the store; and until the answer to its
first create it takes at most 3 times the processor time of a process that does the same with bare
aiohttp. A function that is frozen in the middle of a create, while its caller
tries again with the same idempotency key, leaves one post. Baselines in the same run: bare
aiohttp, and the same functions without a store.

Each invocation is a new interpreter, against a sandbox that is served from this process. Needs a
PostgreSQL as the tests find it. Run: python benchmarks/serverless.py (a minute or two)
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from figures import CHILD_ENVIRONMENT, Figure, note, skip

from postiz_async.testing import Fault, SandboxServer, serve_sandbox

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from postgres_server import fresh_database, why_no_postgres

if TYPE_CHECKING:
    from collections.abc import Callable

COLD_STARTS = 5
AT_ONCE = 12

FUNCTION = """
import time
began = time.process_time()
import asyncio, json, os
from datetime import UTC, datetime, timedelta
from postiz_async import NewPost, OutboxOptions, Postiz, PostizError

async def handler(posts, key, hands_over, sends, **_):
    store, said = os.environ.get("STORE", ""), {"stored": 0, "errors": []}
    has_outbox = store.startswith("postgresql") and not sends
    outbox = OutboxOptions(store, sends=False) if has_outbox else None
    imported = time.process_time()
    async with Postiz(store=store or None, outbox=outbox, max_wait=5) as postiz:
        opened = time.process_time()
        for number in range(posts):
            try:
                new = NewPost(os.environ["CHANNEL"], f"post {number}")
                at = datetime(2031, 1, 15, 9, tzinfo=UTC) + timedelta(seconds=os.getpid())
                if key:
                    at = datetime(2031, 1, 15, 9, tzinfo=UTC)
                if hands_over:
                    await postiz.outbox.put(new, at=at)
                else:
                    await postiz.posts.schedule(new, at=at, idempotency_key=key)
                said["stored"] += 1
            except PostizError as error:
                said["errors"].append(f"{type(error).__name__}: {error}".splitlines()[0])
            said.setdefault("answered", time.process_time())
    return said | {"began": began, "imported": imported, "opened": opened}

asked = json.loads(os.environ["ASKED"])
said = asyncio.run(handler(**asked))
again = time.process_time()
if asked["again"]:
    said["warm"] = asyncio.run(handler(**asked))["answered"] - again
print(json.dumps(said))
"""

BARE = """
import time
began = time.process_time()
import asyncio, json, os
import aiohttp

async def handler():
    url, headers = os.environ["POSTIZ_API_URL"], {"Authorization": os.environ["POSTIZ_API_KEY"]}
    post = {"integration": {"id": os.environ["CHANNEL"]}, "settings": {"__type": "mastodon"},
            "value": [{"content": "post", "image": []}]}
    body = {"type": "schedule", "date": "2031-01-15T09:00:00Z", "shortLink": False, "tags": [],
            "posts": [post]}
    imported = time.process_time()
    async with aiohttp.ClientSession(headers=headers) as session:
        opened = time.process_time()
        async with session.get(f"{url}/public/v1/integrations") as answer:
            await answer.json()
        async with session.post(f"{url}/public/v1/posts", json=body) as answer:
            assert answer.status == 201, await answer.text()
        answered = time.process_time()
    return {"began": began, "imported": imported, "opened": opened, "answered": answered}

print(json.dumps(asyncio.run(handler())))
"""


class Functions:
    """Invocations against one sandbox, with one store or none."""

    def __init__(self, sandbox: SandboxServer, store: str = "") -> None:
        self.sandbox = sandbox
        channel = sandbox.channel("mastodon").id
        self.environment = CHILD_ENVIRONMENT | sandbox.environment() | {"CHANNEL": channel}
        if store:
            self.environment["STORE"] = store

    def start(
        self,
        posts: int = 1,
        *,
        key: str | None = None,
        hands_over: bool = False,
        sends: bool = False,
        again: bool = False,
        code: str = FUNCTION,
    ) -> subprocess.Popen[str]:
        asked = {"posts": posts, "key": key, "hands_over": hands_over, "sends": sends}
        asked["again"] = again
        return subprocess.Popen(
            [sys.executable, "-c", code],
            env=self.environment | {"ASKED": json.dumps(asked)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def invoke(self, posts: int = 1, **options: Any) -> dict[str, Any]:
        return said_by(self.start(posts, **options))


def said_by(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate()
    assert process.returncode == 0, err
    said: dict[str, Any] = json.loads(out)
    return said


PARTS = ("python", "imports", "opening", "call", "whole", "warm")


def parts_of(said: dict[str, Any]) -> list[float]:
    """Seconds of the processor for each part of a cold start, and for another call after it."""
    moments = [0.0, *(said[name] for name in ("began", "imported", "opened", "answered"))]
    parts = [later - sooner for sooner, later in pairwise(moments)]
    return [*parts, said["answered"], said.get("warm", 0.0)]


def cold_starts(ways: dict[str, Callable[[], dict[str, Any]]]) -> dict[str, float]:
    """Print a table, and return the median of each way from start to answer."""
    taken: dict[str, list[list[float]]] = {name: [] for name in ways}
    for number in range(COLD_STARTS + 1):
        for name, invoke in ways.items():
            parts = parts_of(invoke())
            if number:  # the first may compile, and makes tables
                taken[name].append(parts)
    medians = {
        name: [statistics.median(part) for part in zip(*starts, strict=True)]
        for name, starts in taken.items()
    }
    print(f"seconds of the processor, median of {COLD_STARTS} interpreters")
    print(f"  {'':36}" + "".join(f"{part:>9}" for part in PARTS))
    for name, parts in medians.items():
        print(f"  {name:36}" + "".join(f"{part:9.3f}" for part in parts))
    return {name: parts[PARTS.index("whole")] for name, parts in medians.items()}


# ------------------------------------------------------------------ connections


def connected_to_postgres(url: str) -> int:
    """Connections that were opened so far; a session counts when it ends, and a moment later."""
    time.sleep(1.5)
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    return int(row[0])


def connections(invoke: Callable[[], object], count: Callable[[], int]) -> int:
    """Connections of one invocation."""
    before = count()
    invoke()
    return count() - before - 1


# ------------------------------------------------------------------ the quota


def one_after_the_other(functions: Functions) -> None:
    """Four invocations of ten creates, in a window of thirty."""
    stored = sum(functions.invoke(10)["stored"] for _ in range(4))
    print(f"    4 x 10 in a row: {stored} stored, {functions.sandbox.refusals} refused by Postiz")


def all_at_once(functions: Functions) -> None:
    """Twelve invocations of three creates, in a window of thirty."""
    running = [functions.start(3) for _ in range(AT_ONCE)]
    said = [said_by(process) for process in running]
    errors = sorted({error.partition(":")[0] for each in said for error in each["errors"]})
    stored = sum(each["stored"] for each in said)
    print(
        f"    {AT_ONCE} x 3 at once: {stored} stored, {functions.sandbox.refusals} refused by "
        f"Postiz; others: {', '.join(errors) or 'none'}"
    )


def frozen(functions: Functions) -> int:
    """Freeze a function whose create is under way, and let its caller try again meanwhile."""
    sandbox = functions.sandbox
    sandbox.add_fault(Fault("late_answer", delay=2.0, route="create_post"))
    first = functions.start(key="order-1")
    while not sandbox.posts:
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGSTOP)
    again = functions.invoke(key="order-1")
    os.kill(first.pid, signal.SIGCONT)
    thawed = said_by(first)
    later = functions.invoke(key="order-1")
    for name, said in (("tried again", again), ("thawed", thawed), ("later", later)):
        print(f"    {name}: {said['errors'] or 'stored'}")
    return len(sandbox.posts)


def main() -> None:
    if why_no_postgres():
        skip(why_no_postgres())
        return
    with ExitStack() as stack:
        stores: dict[str, Callable[[], str]] = {
            "no store": lambda: "",
            "PostgreSQL": fresh_database,
        }

        def fresh(store: str, limit: int = 30) -> Functions:
            served = serve_sandbox(channels=["mastodon"], limit=limit)
            return Functions(stack.enter_context(served), store)

        roomy = {name: fresh(store(), limit=10_000) for name, store in stores.items()}
        in_postgres = roomy["PostgreSQL"]

        def hand_over(**options: Any) -> dict[str, Any]:
            return in_postgres.invoke(hands_over=True, **options)

        ways: dict[str, Callable[[], dict[str, Any]]] = {
            "bare aiohttp": lambda: roomy["no store"].invoke(code=BARE)
        }
        ways |= {name: partial(functions.invoke, again=True) for name, functions in roomy.items()}
        ways["PostgreSQL, hands over to the outbox"] = partial(hand_over, again=True)
        whole = cold_starts(ways)
        database = in_postgres.environment["STORE"]
        opened = {
            "PostgreSQL": connections(in_postgres.invoke, lambda: connected_to_postgres(database)),
            "PostgreSQL, hands over": connections(
                hand_over, lambda: connected_to_postgres(database)
            ),
            "PostgreSQL, also sends": connections(
                lambda: in_postgres.invoke(sends=True), lambda: connected_to_postgres(database)
            ),
        }
        print(f"connections of an invocation to {opened}")
        for name, store in stores.items():
            print(f"{name}, in a window of 30 creates")
            row, crowd = fresh(store()), fresh(store())
            one_after_the_other(row)
            all_at_once(crowd)
            if name == "no store":
                continue
            start = Figure(
                name=f"start to first answer, {name}",
                value=whole[name],
                unit="s",
                baseline="bare aiohttp",
                base=whole["bare aiohttp"],
                compared="ratio",
                target=3.0,
            )
            refused = row.sandbox.refusals + crowd.sandbox.refusals
            posts = frozen(fresh(store()))
            figures = (
                start,
                Figure(name=f"connections, {name}", value=opened[name], unit="", target=2),
                Figure(name=f"refused, {name}", value=refused, unit="creates", target=0),
                Figure(name=f"posts of a frozen create, {name}", value=posts, unit="", target=1),
            )
            for figure in figures:
                note(figure)
                print(f"  {figure.name}: {figure.judged:g} {figure.goal}")


if __name__ == "__main__":
    main()
