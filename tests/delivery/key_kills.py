"""Processes that make the same calls and are killed: see `kill_lab`.

Each call is made until it is answered.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kill_lab import Kills, Progress, Tally, spread
from postgres_server import postgres_server
from processes import PATIENCE, PYTHON, Process

from postiz_async.stores.postgres import PostgresStore

SPEED = 100.0
WORKER = str(Path(__file__).with_name("key_kill_worker.py"))

StoreKind = Literal["sqlite", "postgres"]


@dataclass
class KeyTally(Tally):
    """What was done and what came of it."""

    keys: int = 0
    wanted: int = 0
    """Calls that had to be answered."""
    calls: int = 0
    """Calls that were made, those that were killed or failed among them."""
    answers: int = 0
    looks: int = 0
    """Requests for a list of posts."""
    posts: int = 0

    def __str__(self) -> str:
        return (
            f"{self.wanted} calls with {self.keys} keys in {self.seconds:.0f} s: "
            f"{self.answers} answers, for which {self.calls} calls were made; {self.kills} kills, "
            f"{self.faults.total()} answers lost, {self.looks} looks\n{self.covered}\n"
            f"{self.creates} creates reached the server, {self.posts} posts are stored: "
            f"{self.verdict}"
        )


@contextmanager
def store_of(kind: StoreKind, home: Path) -> Iterator[str]:
    """The address of a store that is used by nobody else."""
    with ExitStack() as stack:
        if kind == "postgres":
            url = stack.enter_context(postgres_server()).url
            asyncio.run(_make_tables(url))
            yield url
        else:
            yield str(home / "quota.sqlite")


async def _make_tables(url: str) -> None:
    async with aclosing(PostgresStore(url)) as store:
        await store.init()


class KeyKills(Kills[KeyTally]):
    """One run.

    Args:
        processes: their number.
        calls: so many in all.
        keys: so many different ones.
        kills: whenever so many answers are there.
        covers: how often a page stands in front of the server for a while.
        store: that all share.
        has_keys: otherwise the processes look into a table, and try again after errors.
    """

    def __init__(
        self,
        home: Path,
        seed: int,
        *,
        processes: int,
        calls: int,
        keys: int,
        kills: int,
        covers: int = 0,
        speed: float = SPEED,
        store: StoreKind = "sqlite",
        has_keys: bool = True,
    ) -> None:
        super().__init__(home, seed, speed, KeyTally(wanted=calls, keys=keys))
        self.kills = kills
        self.covers = covers
        self.store: StoreKind = store
        self.way = "keys" if has_keys else "table"
        self.files = [self.home / f"{place}.calls" for place in range(processes)]

    def work(self) -> None:
        self._distribute()
        self.place = self.stack.enter_context(store_of(self.store, self.home))
        self._make_calls()
        self._judge()

    def _distribute(self) -> None:
        """Write a file of calls for each process; the calls of one key are in all of them."""
        names = [f"order-{number % self.tally.keys}" for number in range(self.tally.wanted)]
        self.dice.shuffle(names)
        count = len(self.files)
        for place, file in enumerate(self.files):
            lines = [f"{n} {name}" for n, name in enumerate(names) if n % count == place]
            file.write_text("\n".join(lines))

    # -------------------------------------------------------------- processes

    def _make_calls(self) -> None:
        """Kill so often, and let the processes come to their end."""
        most = self.tally.wanted * 9 // 10
        moments = sorted(self.dice.sample(range(most), self.kills))
        covers = spread(self.covers, most) if self.covers else []
        running = {file: self._started(file) for file in self.files}
        progress = Progress()
        while running:
            if progress.stands_still(self._answers()):
                self.tally.wrong.append(f"nothing was answered for {PATIENCE:.0f} s")
                return
            time.sleep(self.dice.uniform(0.005, 0.05))
            for file, process in tuple(running.items()):
                if process.poll() is not None:
                    self.look_at_end(process, 0)
                    del running[file]
            if running and covers and self._answers() >= covers[0]:
                covers.pop(0)
                self.cover(lambda: self._answers() < self.tally.wanted)
            while running and moments and self._answers() >= moments[0]:
                moments.pop(0)
                file = self.dice.choice(list(running))
                self.kill(running[file])
                running[file].wait(PATIENCE)
                running[file] = self._started(file)

    def _started(self, file: Path) -> Process:
        return self.keep([*PYTHON, WORKER, str(file), self.place, self.way])

    def _answers(self) -> int:
        notes = [file.with_suffix(".notes") for file in self.files]
        return sum(each.read_bytes().count(b"answered") for each in notes if each.exists())

    # -------------------------------------------------------------- what came of it

    def _judge(self) -> None:
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
        posts: dict[str, list[str]] = defaultdict(list)
        for post in self.server.posts:
            posts[str(post["content"])].append(post["id"])
        tally.posts = sum(map(len, posts.values()))
        tally.called_refused += sorted(refused & posts.keys())
        for key in (f"order-{number}" for number in range(tally.keys)):
            self._judge_key(key, answers[key], posts[key])

    def _judge_key(self, key: str, answers: set[str], posts: list[str]) -> None:
        what = f"{key} of seed {self.seed}: answers {sorted(answers)}, stored {sorted(posts)}"
        if len(posts) > 1:
            self.tally.doubled.append(what)
        elif not posts:
            self.tally.lost.append(what)
        elif answers != set(posts):
            self.tally.wrong.append(what)
