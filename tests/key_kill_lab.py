"""Processes that make the same calls and are killed, against a server that loses answers.

Each call is made until it is answered. Server and processes are on one clock that runs `SPEED`
times as fast as the machine's: time-outs, the minutes in which a lost request settles, pauses. The
wall clock of each process jumps by hours, see `wall_jumps`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gateways import PAGE_STATUSES
from postgres_server import postgres_server
from processes import PATIENCE, PYTHON, child_environment, ended, launch, sandbox_process
from redis_server import redis_server
from wall_jumps import with_jumps

from postiz_async.stores.postgres import PostgresStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processes import Process, Server

SPEED = 100.0
LIMIT = 1_000_000
FAULTS = (
    "drop_answer:10%:route=create_post",
    *(f"error_after:1%:route=create_post:status={status}" for status in PAGE_STATUSES),
)
WORKER = str(Path(__file__).with_name("key_kill_worker.py"))

StoreKind = Literal["sqlite", "redis", "postgres"]


@dataclass
class KeyTally:
    """What was done and what came of it."""

    keys: int = 0
    wanted: int = 0
    """Calls that had to be answered."""
    calls: int = 0
    """Calls that were made, those that were killed or failed among them."""
    answers: int = 0
    looks: int = 0
    """Requests for a list of posts."""
    kills: int = 0
    creates: int = 0
    """Creates that reached the server."""
    lost_answers: int = 0
    posts: int = 0
    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    called_refused: list[str] = field(default_factory=list)
    """Keys of which a post is stored although a call was refused."""
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.wanted} calls with {self.keys} keys in {self.seconds:.0f} s: "
            f"{self.answers} answers, for which {self.calls} calls were made; {self.kills} kills, "
            f"{self.lost_answers} answers lost, {self.looks} looks\n"
            f"{self.creates} creates reached the server, {self.posts} posts are stored: "
            f"doubled {len(self.doubled)}, lost {len(self.lost)}, called refused although stored "
            f"{len(self.called_refused)}, otherwise wrong {len(self.wrong)}"
        )

    @property
    def troubles(self) -> list[str]:
        """What must not happen."""
        return [*self.doubled, *self.lost, *self.called_refused, *self.wrong]


@contextmanager
def store_of(kind: StoreKind, home: Path) -> Iterator[str]:
    """The address of a store that is used by nobody else."""
    with ExitStack() as stack:
        if kind == "redis":
            yield stack.enter_context(redis_server()).url
        elif kind == "postgres":
            url = stack.enter_context(postgres_server()).url
            asyncio.run(_make_tables(url))
            yield url
        else:
            yield str(home / "quota.sqlite")


async def _make_tables(url: str) -> None:
    async with aclosing(PostgresStore(url)) as store:
        await store.init()


@dataclass(kw_only=True)
class KeyKills:
    """One run. Without `has_keys` the processes look into a table and try again after errors."""

    home: Path
    processes: int
    calls: int
    keys: int
    kills: int
    seed: int
    speed: float = SPEED
    store: StoreKind = "sqlite"
    has_keys: bool = True
    tally: KeyTally = field(default_factory=KeyTally)

    def run(self) -> KeyTally:
        """Kill so often, whenever so many answers are there, and let them come to their end."""
        began = time.monotonic()
        self.home.mkdir(parents=True)
        self.dice = random.Random(self.seed)  # noqa: S311
        self.files = self._distribute()
        options = ["--speed", str(self.speed), "--limit", str(LIMIT), "--seed", str(self.seed)]
        with (
            store_of(self.store, self.home) as store,
            sandbox_process(
                self.home / "sandbox", *options, *(f"--fault={fault}" for fault in FAULTS)
            ) as server,
            ExitStack() as stack,
        ):
            self._work(server, store, stack)
            self._judge(server)
        self.tally.seconds = time.monotonic() - began
        return self.tally

    def _distribute(self) -> list[Path]:
        """A file of calls for each process; the calls of one key are in all of them."""
        names = [f"order-{number % self.keys}" for number in range(self.calls)]
        self.dice.shuffle(names)
        self.tally.wanted, self.tally.keys = self.calls, self.keys
        files = [self.home / f"{place}.calls" for place in range(self.processes)]
        for place, file in enumerate(files):
            lines = [f"{n} {name}" for n, name in enumerate(names) if n % self.processes == place]
            file.write_text("\n".join(lines))
        return files

    # -------------------------------------------------------------- processes

    def _work(self, server: Server, store: str, stack: ExitStack) -> None:
        environment = child_environment(
            self.home, server.environment | {"POSTIZ_SANDBOX_CLOCK": "timeouts"}
        )
        way = "keys" if self.has_keys else "table"
        moments = sorted(self.dice.sample(range(self.calls * 9 // 10), self.kills))

        def start(file: Path) -> Process:
            command = [*PYTHON, WORKER, str(file), store, way]
            command = with_jumps(command, self.dice.getrandbits(32), self.speed)
            process = launch(command, environment)
            return stack.enter_context(ended(process))

        running = {file: start(file) for file in self.files}
        last, count = time.monotonic(), 0
        while running:
            if self._answers() > count:
                last, count = time.monotonic(), self._answers()
            if time.monotonic() > last + PATIENCE:
                self.tally.wrong.append(f"nothing was answered for {PATIENCE:.0f} s")
                return
            time.sleep(self.dice.uniform(0.005, 0.05))
            for file, process in tuple(running.items()):
                if process.poll() is not None:
                    self._look_at_end(process)
                    del running[file]
            while running and moments and self._answers() >= moments[0]:
                moments.pop(0)
                file = self.dice.choice(list(running))
                running[file].kill()
                running[file].wait(PATIENCE)
                self.tally.kills += 1
                running[file] = start(file)

    def _answers(self) -> int:
        notes = [file.with_suffix(".notes") for file in self.files]
        return sum(each.read_bytes().count(b"answered") for each in notes if each.exists())

    def _look_at_end(self, process: Process) -> None:
        _, err = process.communicate(timeout=PATIENCE)
        if process.returncode:
            self.tally.wrong.append(f"a process ended with {process.returncode}: {err}")

    # -------------------------------------------------------------- what came of it

    def _judge(self, server: Server) -> None:
        tally = self.tally
        answers: dict[str, set[str]] = defaultdict(set)
        refused: set[str] = set()
        answered: set[int] = set()
        for file in self.files:
            keys = dict(line.split() for line in file.read_text("utf-8").splitlines())
            for line in file.with_suffix(".notes").read_text("utf-8").splitlines():
                kind, *words = line.split()
                tally.calls += kind == "called"
                tally.looks += kind == "looked"
                if kind == "refused":
                    refused.add(words[0])
                if kind == "answered":
                    answered.add(int(words[0]))
                    answers[keys[words[0]]].add(words[1])
        tally.answers = len(answered)
        tally.creates, tally.lost_answers = server.state["creates"], sum(server.struck.values())
        posts: dict[str, list[str]] = defaultdict(list)
        for post in server.posts:
            posts[str(post["content"])].append(post["id"])
        tally.posts = sum(map(len, posts.values()))
        tally.called_refused += sorted(refused & posts.keys())
        for key in (f"order-{number}" for number in range(self.keys)):
            self._judge_key(key, answers[key], posts[key])

    def _judge_key(self, key: str, answers: set[str], posts: list[str]) -> None:
        what = f"{key} of seed {self.seed}: answers {sorted(answers)}, stored {sorted(posts)}"
        if len(posts) > 1:
            self.tally.doubled.append(what)
        elif not posts:
            self.tally.lost.append(what)
        elif answers != set(posts):
            self.tally.wrong.append(what)
