"""Workers of one outbox in a file that are killed again and again, while all else breaks too.

Claim: each post whose `put` returned is stored exactly once, and none twice. Some processes share
the file and the quota; each hands posts over and sends for all. In each round one of them is killed
with SIGKILL at a random moment, and another one started. A fifth of all answers to creates is lost
after the work, some are carried out minutes late, some by half, and pages take the place of some;
ten times a page answers all requests for a while.
Some processes are stopped beyond their leases and continued. Their wall clocks jump by hours.

Baseline in the same run, for a tenth of the kills: a table of what is to be sent, whose rows are
marked when their create was answered. Run:
python benchmarks/outbox_file_kills.py                     (300 kills; some minutes)
python benchmarks/outbox_file_kills.py --kills 50 --seed 7
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from figures import Figure, note

from postiz_async import NewPost, Postiz, PostizError
from postiz_async._cli.connection import Connection, find_target
from postiz_async._delivery.record import read_record
from postiz_async._outbox.sending import LEASE

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/outbox"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/stores"))
from kill_lab import NAMED, Kills, Tally, spread
from processes import PATIENCE, PYTHON
from sender_kills import FAULTS

from postiz_async import AdvancedOptions

if TYPE_CHECKING:
    from processes import Process

SPEED = 60.0
PROCESSES, POSTS = 3, 4
WORKER = str(Path(__file__).parents[1] / "tests/outbox/outbox_worker.py")


@dataclass
class FileTally(Tally):
    """What was done and what came of it."""

    stops: int = 0
    stored: int = 0
    accepted: int = 0
    """Posts whose `put` returned."""

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.stops} processes stopped and continued, in "
            f"{self.seconds:.0f} s; {self.creates} creates, of which went wrong "
            f"{dict(self.faults)}\n{self.covered}\n"
            f"{self.accepted} posts were accepted, {self.stored} are stored: {self.verdict}"
        )


class Worker:
    """A process, and the posts that it says are accepted."""

    def __init__(self, process: Process, accepted: set[int]) -> None:
        self.process = process
        self._accepted = accepted
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):  # one that was killed may have written half of it
                self._accepted.add(int(line))

    def wait(self) -> str:
        """What it said when it ended."""
        assert self.process.stderr is not None
        said = self.process.stderr.read()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return said


class FileKills(Kills[FileTally]):
    """One run.

    Args:
        kills: of workers.
        stops: how often a worker is stopped beyond its lease.
        covers: how often a page stands in front of the server for a while.
        has_outbox: otherwise the processes send what a table has.
    """

    creates = FAULTS

    def __init__(
        self,
        home: Path,
        seed: int,
        *,
        kills: int,
        stops: int,
        covers: int,
        speed: float,
        has_outbox: bool,
    ) -> None:
        super().__init__(home, seed, speed, FileTally())
        self.kills = kills
        self.stops = stops
        self.covers = covers
        self.program = [WORKER] if has_outbox else [__file__, "--naive"]
        self.has_outbox = has_outbox
        self.handed, self.accepted = 0, set[int]()

    def _started(self) -> Worker:
        numbers = range(self.handed, self.handed + POSTS)
        self.handed += POSTS
        command = [*PYTHON, *self.program, str(self.home), *map(str, numbers)]
        return Worker(self.keep(command), self.accepted)

    def work(self) -> None:
        workers = [self._started() for _ in range(PROCESSES)]
        stops = {*spread(self.stops, self.kills)} if self.stops else set[int]()
        covers = {*spread(self.covers, self.kills)} if self.covers else set[int]()
        for round_ in range(self.kills):
            # what waits for a lost request to settle sends nothing for a while
            processes = [worker.process for worker in workers]
            self.wait_for_work(processes, of="creates", most=5.0)
            place = self.dice.randrange(PROCESSES)
            self.kill(workers[place].process)
            self._look_at_end(workers[place])
            workers[place] = self._started()
            if round_ in stops:
                self._stop(self.dice.choice(workers))
            if round_ in covers:
                self.cover(self._has_planned)
        workers.append(self._started())  # sends what is left
        for worker in workers:
            self._look_at_end(worker)
        self._judge()

    def _has_planned(self) -> bool:
        with closing(sqlite3.connect(self.home / "outbox.sqlite", timeout=60)) as file:
            planned = "SELECT count(*) FROM deliveries WHERE state = 'planned'"
            return bool(file.execute(planned).fetchone() != (0,))

    def _stop(self, worker: Worker) -> None:
        if worker.process.poll() is None:
            worker.process.send_signal(signal.SIGSTOP)
            time.sleep(3 * LEASE / self.speed)
            worker.process.send_signal(signal.SIGCONT)
            self.tally.stops += 1

    def _look_at_end(self, worker: Worker) -> None:
        said = worker.wait()
        if worker.process.returncode not in {0, -signal.SIGKILL}:
            self.tally.wrong.append(f"ended with {worker.process.returncode}: {said[-2000:]}")

    def _judge(self) -> None:
        tally, there = self.tally, self.server.posts
        tally.accepted = len(self.accepted)
        posts = Counter(str(post["content"]) for post in there)
        tally.stored = posts.total()
        for number in range(self.handed):
            text = f"post {number}"
            what = f"{text} of seed {self.seed}"
            if posts[text] > 1:
                tally.doubled.append(f"{what}: {posts[text]} times")
            elif not posts[text] and number in self.accepted:
                tally.lost.append(what)
        if self.has_outbox:
            self._judge_outbox({str(post["id"]) for post in there})

    def _judge_outbox(self, stored: set[str]) -> None:
        """Each ticket is stored, and has the post that the server has."""
        with sqlite3.connect(self.home / "outbox.sqlite") as file:
            records = [
                read_record(value) for (value,) in file.execute("SELECT value FROM deliveries")
            ]
        told = {post.id for record in records for post in record.posts}
        for record in records:
            if record.state != "stored" and record.note not in NAMED:
                self.tally.wrong.append(f"of seed {self.seed}: {record}")
        if told != stored:
            self.tally.wrong.append(
                f"of seed {self.seed}: told {told - stored}, kept {stored - told}"
            )


# ------------------------------------------------------------------ the baseline


async def send_naively(folder: Path, numbers: list[int]) -> None:
    """Write down what is to be sent; send what is not marked; mark what was answered."""
    table = sqlite3.connect(folder / "naive.sqlite", timeout=60, isolation_level=None)
    table.execute("CREATE TABLE IF NOT EXISTS posts (number INTEGER PRIMARY KEY, sent INTEGER)")
    target = find_target(Connection())
    async with Postiz(
        api_key=target.key, base_url=target.root, advanced=AdvancedOptions(clock=target.clock)
    ) as postiz:
        channels = await postiz.channels.list()
        channel = next(each for each in channels if each.provider == "mastodon")
        at = datetime.fromtimestamp(postiz.clock.time(), UTC) + timedelta(days=80)
        for number in numbers:
            table.execute("INSERT INTO posts VALUES (?, 0)", [number])
            print(number, flush=True)
        unsent = "SELECT number FROM posts WHERE NOT sent ORDER BY random() LIMIT 1"
        while found := table.execute(unsent).fetchone():
            try:
                await postiz.posts.schedule(NewPost(channel, f"post {found[0]}"), at=at)
            except PostizError:
                await postiz.clock.sleep(5)
            else:
                table.execute("UPDATE posts SET sent = 1 WHERE number = ?", found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--stops", type=int, default=6)
    parser.add_argument("--covers", type=int, default=10, help="pages that stand for a while")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**16))
    parser.add_argument("--speed", type=float, default=SPEED, help="slower on a busy machine")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        naive = FileKills(
            Path(folder) / "naive",
            options.seed,
            kills=max(1, options.kills // 10),
            stops=0,
            covers=0,
            speed=options.speed,
            has_outbox=False,
        ).run()
        print(f"\nbaseline\n{naive}", flush=True)
        tally = FileKills(
            Path(folder) / "ours",
            options.seed,
            kills=options.kills,
            stops=options.stops,
            covers=options.covers,
            speed=options.speed,
            has_outbox=True,
        ).run()
    print(f"\npostiz_async\n{tally}")
    note(
        Figure(
            name="of 1,000 posts lost, doubled or wrong",
            value=1000 * len(tally.troubles) / tally.accepted,
            unit="posts",
            baseline="a table whose rows are marked when answered",
            base=1000 * len(naive.troubles) / naive.accepted,
            target=0,
        )
    )
    note(Figure(name="posts accepted", value=tally.accepted, unit="posts"))
    note(Figure(name="kills", value=tally.kills, unit="kills"))
    for trouble in tally.troubles:
        print(trouble)
    sys.exit(1 if tally.troubles else 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--naive"]:
        asyncio.run(send_naively(Path(sys.argv[2]), [int(text) for text in sys.argv[3:]]))
    else:
        main()
