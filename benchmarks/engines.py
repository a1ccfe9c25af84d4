"""Many organisations through each engine, with workers that never wait for the quota.

Claim: everything is stored once, without a refusal (429), within 2 % of the optimum, and no worker
is held while the quota is empty. 50 organisations have 65 posts each, and 30 fit into a window, so
each waits twice; two windows are the optimum. The engines run one after the other, each with two
workers, a broker of its own and a `postiz-async sandbox` whose windows last `--window` seconds;
`outbox` is a plain outbox in PostgreSQL with two senders. `held` is the number of slots of workers
that were taken, on average, by tasks that found the quota empty. Run:
python benchmarks/engines.py                                    (ten minutes for each engine)
python benchmarks/engines.py --window 120 celery                (four minutes)
python benchmarks/engines.py --organizations 4 --posts 13 --limit 6 --window 10     (a try)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from figures import CHILD_ENVIRONMENT, Figure, note, skip

from postiz_async import NewPost, OutboxOptions, PostizPool
from postiz_async.stores.postgres import ddl

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parent / "workers"))
from held import KEY, seconds_held
from postgres_server import postgres_server, why_no_postgres
from processes import PATIENCE, Server, ended, read_line, reading, start
from redis_server import redis_server, why_no_redis
from temporal_server import dev_server, why_no_dev_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import TypeAlias

    Engine: TypeAlias = Callable[["Job"], AbstractContextManager[Callable[[], None]]]

WORKERS = Path(__file__).parent / "workers"


@dataclass(frozen=True)
class Job:
    """What is to be posted, and where."""

    folder: Path
    server: Server
    organizations: int
    posts: int
    limit: int
    window: float

    @property
    def total(self) -> int:
        return self.organizations * self.posts

    @property
    def optimum(self) -> float:
        """Seconds until the first moment at which the last post may leave."""
        return (math.ceil(self.posts / self.limit) - 1) * self.window

    def tasks(self) -> Iterator[tuple[str, str, str]]:
        """Organisation, text and date of each post; the organisations take turns."""
        at = (datetime.now(UTC) + timedelta(days=2)).isoformat(timespec="seconds")
        for number in range(self.posts):
            for place in range(self.organizations):
                yield f"org{place}", f"org{place} {number}", at

    def started(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """A process of an engine."""
        own = {"POSTIZ_API_URL": self.server.url, "FOLDER": str(self.folder)}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                (sys.executable, *command),
                cwd=WORKERS,
                env=CHILD_ENVIRONMENT | own | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def run(self, *command: str) -> None:
        """Run a process of an engine to its end."""
        with ended(self.started(*command)) as process:  # type: ignore[type-var]
            assert process.wait(PATIENCE) == 0, (self.folder / "log").read_text(encoding="utf-8")

    @contextmanager
    def running(self, *command: str, **environment: str) -> Iterator[None]:
        """A process of an engine, until the block ends."""
        process = self.started(*command, **environment)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()


# ------------------------------------------------------------------ the engines


@contextmanager
def outbox(job: Job) -> Iterator[Callable[[], None]]:
    with postgres_server() as place, ExitStack() as stack:
        database = place.new_database(ddl())
        for _ in range(2):
            stack.enter_context(job.running("outbox_sender.py", database))

        async def put() -> None:
            options = OutboxOptions(database, sends=False)
            url = job.server.url
            async with PostizPool(base_url=url, outbox=options, credentials=KEY.format) as pool:
                for organization, text, at in job.tasks():
                    post = NewPost("mastodon", text)
                    await pool.outbox.put(
                        post, organization=organization, at=datetime.fromisoformat(at)
                    )

        yield lambda: asyncio.run(put())


@contextmanager
def taskiq(job: Job) -> Iterator[Callable[[], None]]:
    worker = ("-m", "taskiq", "worker", "taskiq_tasks:broker", "--workers", "2")
    scheduler = ("-m", "taskiq", "scheduler", "taskiq_tasks:scheduler", "--update-interval", "1")
    with (
        redis_server() as redis,
        job.running(*worker, "--log-level", "WARNING", REDIS_URL=redis.url),
        job.running(*scheduler, "--log-level", "WARNING", REDIS_URL=redis.url),
    ):
        from taskiq.kicker import AsyncKicker  # noqa: PLC0415  (only this engine)
        from taskiq_redis import RedisStreamBroker  # noqa: PLC0415

        async def kick() -> None:
            broker = RedisStreamBroker(redis.url)
            await broker.startup()
            for task in job.tasks():
                await AsyncKicker[..., str]("announce", broker, {}).kiq(*task)
            await broker.shutdown()

        yield lambda: asyncio.run(kick())


@contextmanager
def celery(job: Job) -> Iterator[Callable[[], None]]:
    command = ("-m", "celery", "--app", "celery_tasks", "worker", "--concurrency", "2")
    with (
        redis_server() as redis,
        job.running(*command, "--loglevel", "WARNING", REDIS_URL=redis.url),
    ):
        from celery import Celery  # noqa: PLC0415  (only this engine)

        def send() -> None:
            with Celery(broker=redis.url, set_as_current=False) as app:
                for task in job.tasks():
                    app.send_task("announce", task)

        yield send


@contextmanager
def temporal(job: Job) -> Iterator[Callable[[], None]]:
    tasks, program = job.folder / "tasks.json", "temporal_worker.py"
    with (
        dev_server() as address,
        job.running(program, address),
        job.running(program, address),
    ):

        def start_campaigns() -> None:
            tasks.write_text(json.dumps([*job.tasks()]), encoding="utf-8")
            job.run(program, address, str(tasks))

        yield start_campaigns


ENGINES: dict[str, Engine] = {
    "outbox": outbox,
    "taskiq": taskiq,
    "celery": celery,
    "temporal": temporal,
}
"""Each starts an engine and gives the function that hands all posts over."""
NEEDS: dict[str, Callable[[], str]] = {
    "outbox": why_no_postgres,
    "taskiq": why_no_redis,
    "celery": why_no_redis,
    "temporal": why_no_dev_server,
}


# ------------------------------------------------------------------ one run


@contextmanager
def serving(folder: Path, options: argparse.Namespace, *more: str) -> Iterator[Server]:
    """A sandbox with these organisations, in a process of its own."""
    command = ["sandbox", "--port", "0", "--limit", str(options.limit)]
    command += ["--window", str(options.window)]
    command += more
    command += [f"--organization=org{place}" for place in range(options.organizations)]
    with ended(start(command, folder, {})) as process:
        line = read_line(process, lambda line: "POSTIZ_API_URL=" in line)
        with reading(process):
            yield Server(line.partition("POSTIZ_API_URL=")[2].split()[0], "")


def run(name: str, options: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory() as path, serving(folder := Path(path), options) as server:
        job = Job(
            folder, server, options.organizations, options.posts, options.limit, options.window
        )
        with ENGINES[name](job) as hand_over:
            time.sleep(options.ahead)  # its workers are ready
            began = time.monotonic()
            hand_over()
            last = time.monotonic()
            while (count := server.state["posts"]) < job.total:
                if time.monotonic() > began + 3 * job.optimum + PATIENCE:
                    break
                time.sleep(0.1)
            seconds, handed = time.monotonic() - began, last - began
        held = sum(seconds_held(folder)) / seconds
        texts = len({post["content"] for post in server.posts})
        refusals = server.state["refusals"]
        print(
            f"{name:9} {texts:6,} of {job.total:,} {refusals:9} {seconds:9.1f} s "
            f"{seconds / job.optimum:7.3f} {held:6.2f}   (handed over in {handed:.1f} s)",
            flush=True,
        )
        if texts != job.total:
            print((folder / "log").read_text(encoding="utf-8")[-3000:])
    note(Figure(name=f"{name}: not stored", value=job.total - texts, unit="posts", target=0))
    note(Figure(name=f"{name}: doubled", value=count - texts, unit="posts", target=0))
    note(Figure(name=f"{name}: refusals", value=refusals, unit="calls", target=0))
    note(
        Figure(
            name=f"{name}: time",
            value=seconds,
            unit="s",
            baseline="optimum",
            base=job.optimum,
            compared="ratio",
            target=1.02,
        )
    )
    note(Figure(name=f"{name}: slots held", value=held, unit="slots", target=0.1))
    return texts == count == job.total and refusals == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engines", nargs="*", metavar="engine", help="else all")
    parser.add_argument("--organizations", type=int, default=50)
    parser.add_argument("--posts", type=int, default=65, help="of each organisation")
    parser.add_argument("--limit", type=int, default=30, help="creates in a window")
    parser.add_argument("--window", type=float, default=300.0, help="seconds")
    parser.add_argument("--ahead", type=float, default=5.0, help="seconds for workers to start")
    options = parser.parse_args()
    print(f"{'engine':9} {'stored':>15} {'refusals':>9} {'time':>11} {'optimum':>7} {'held':>6}")
    fine = True
    for name in options.engines or ENGINES:
        if name not in ENGINES:
            parser.error(f"{name} is not one of {', '.join(ENGINES)}")
        if why := NEEDS[name]():
            skip(f"{name}: {why}")
        else:
            fine &= run(name, options)
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
