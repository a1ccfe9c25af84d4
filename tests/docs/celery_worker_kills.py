"""Workers of Celery that are killed again and again, while a fifth of all answers is lost.

Two workers of the program of docs/task-queues.md, with two processes each, take tasks from a Redis.
At random moments a process of a pool is killed, or a worker itself, of which the processes live on
for a while. What Redis' transport loses, because it takes a task from its list before it writes
down that it has it, the sender sends again; the id of the task is its key, so that does no harm.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from celery import Celery
from kill_lab import Kills, Progress, Tally
from processes import ROOT, child_environment
from recipe_texts import recipe
from redis_server import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEED = 60.0
WORKERS = 2
QUIET = 8.0
"""Seconds without a result after which the sender sends again what has none."""
FOLDERS = (ROOT, ROOT / "tests", ROOT / "tests/docs", ROOT / "tests/outbox")
CLIENT = 'Postiz(store=os.environ["POSTIZ_STORE"])'
ON_SANDBOX_TIME = 'advanced=AdvancedOptions(clock=clock_of(os.environ["POSTIZ_API_URL"]))'
APP = 'app = Celery("announcements", broker=REDIS, backend=REDIS)\n'
CHANGES = {
    "import NewPost, PostizError\n": (
        "import AdvancedOptions, NewPost, PostizError\nfrom outbox_worker import clock_of\n"
    ),
    CLIENT: CLIENT.replace(")", f", {ON_SANDBOX_TIME})"),
    APP: f"{APP}app.conf.broker_transport_options = {{'visibility_timeout': 3.0}}\n",
    "retry_after, 900) + random.uniform(0, 5)": "retry_after, 1.5) + random.uniform(0, 0.5)",
}
"""Celery waits in real seconds."""


@dataclass
class CeleryTally(Tally):
    """What was done and what came of it."""

    keys: int = 0
    workers: int = 0
    """Kills of workers; the others are of processes of their pools."""
    ended: int = 0
    """Workers that Celery ended itself."""
    sent_again: int = 0
    stored: int = 0

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.workers} of workers and {self.kills - self.workers} of "
            f"their processes, in {self.seconds:.0f} s; {self.ended} workers ended by themselves\n"
            f"{self.keys} keys, {self.creates} creates; {self.struck}\n"
            f"{self.stored} posts are stored: {self.verdict}; tasks that the sender sent again "
            f"{self.sent_again}"
        )


class CeleryKills(Kills[CeleryTally]):
    """One run.

    Args:
        keys: tasks, each of which creates a post.
        kills: of workers and of processes.
    """

    creates = (("drop_answer", 0.20, ""),)

    def __init__(
        self, home: Path, seed: int, *, keys: int, kills: int, speed: float = SPEED
    ) -> None:
        super().__init__(home, seed, speed, CeleryTally(keys=keys))
        self.kills = kills

    def work(self) -> None:
        self.home.joinpath("announcements.py").write_text(
            recipe("celery", CHANGES), encoding="utf-8"
        )
        self.redis = self.stack.enter_context(redis_server())
        self.app = self.stack.enter_context(_sender(self.redis.url))
        self.at = (self.server.now + timedelta(days=20)).isoformat(timespec="seconds")
        self.workers = [self._started(place) for place in range(WORKERS)]
        ids = [f"task-{number}" for number in range(self.tally.keys)]
        rounds = [ids[place :: self.kills + 1] for place in range(self.kills + 1)]
        for round_ in rounds[:-1]:
            self._send(round_)
            self.wait_for_work(self.workers, moment=0.6, most=10.0)
            self._kill_one()
        self._send(rounds[-1])
        self._drain(ids)
        self._judge(ids)

    def _send(self, ids: list[str]) -> None:
        for each in ids:
            arguments = ("mastodon", f"text of {each}", self.at)
            self.app.send_task("announcements.announce", arguments, task_id=each)

    def _started(self, place: int) -> subprocess.Popen[str]:
        folder = self.home / f"worker{place}"
        folder.mkdir(exist_ok=True)
        paths = os.pathsep.join(map(str, (self.home, *FOLDERS)))
        environment = self.server.environment | {"PYTHONPATH": paths}
        store = str(self.home / "postiz.sqlite")
        environment |= {"REDIS_URL": self.redis.url, "POSTIZ_STORE": store}
        name = ("--hostname", f"worker{place}@%h", "--concurrency", "2", "--loglevel", "INFO")
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        with (folder / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                (sys.executable, "-m", "celery", "--app", "announcements", "worker", *name, *quiet),
                cwd=folder,
                env=child_environment(folder, environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                encoding="utf-8",
                start_new_session=True,
            )
        self.stack.callback(_kill_all, worker)
        return worker

    def _kill_one(self) -> None:
        self._start_ended()
        place = self.dice.randrange(WORKERS)
        worker = self.workers[place]
        children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
        processes = children.read_text(encoding="utf-8").split()
        self.tally.kills += 1
        if processes and self.dice.random() < 0.5:
            with suppress(ProcessLookupError):
                os.kill(int(self.dice.choice(processes)), signal.SIGKILL)
            return
        self.tally.workers += 1
        worker.kill()
        worker.wait()
        self.workers[place] = self._started(place)

    def _start_ended(self) -> None:
        """Start the workers that Celery ended, as whoever runs them does."""
        for place, worker in enumerate(self.workers):
            if worker.poll() is not None:
                self.tally.ended += 1
                self.workers[place] = self._started(place)

    def _drain(self, ids: list[str]) -> None:
        """Wait until each task has its result; as long as something ends now and then."""
        progress, left, since = Progress(), set(ids), time.monotonic()
        while left:
            self._start_ended()
            ended = {each for each in left if _state(self.app, each) in {"SUCCESS", "FAILURE"}}
            left -= ended
            if progress.stands_still(len(left)):
                self.tally.wrong.append(f"{len(left)} tasks do not come to their end: {left}")
                return
            if ended:
                since = time.monotonic()
            elif time.monotonic() > since + QUIET:
                lost = [each for each in left if _state(self.app, each) == "PENDING"]
                self.tally.sent_again += len(lost)
                self._send(lost)
                since = time.monotonic()
            time.sleep(0.1)

    def _judge(self, ids: list[str]) -> None:
        tally, posts = self.tally, defaultdict[str, list[str]](list)
        for post in self.server.posts:
            posts[post["content"]].append(post["id"])
        tally.stored = sum(map(len, posts.values()))
        for each in ids:
            found, meta = posts.pop(f"text of {each}", []), _meta(self.app, each)
            what = f"{each} of seed {self.seed}: {meta}: {found}"
            if len(found) > 1:
                tally.doubled.append(what)
            elif not found:
                tally.lost.append(what)
            elif meta["result"] != found[0]:
                tally.wrong.append(what)
        tally.wrong += [f"nobody sent {text}" for text in posts]


@contextmanager
def _sender(url: str) -> Iterator[Celery]:
    """An app that sends tasks, and reads their results."""
    app = Celery(broker=url, backend=url, set_as_current=False)
    try:
        yield app
    finally:
        app.backend.result_consumer.stop()
        app.backend.client.close()
        app.close()


def _kill_all(worker: subprocess.Popen[str]) -> None:
    """Kill a worker and the processes of its pool, as the end of a container does."""
    try:
        os.killpg(worker.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        worker.wait()


def _meta(app: Celery, task_id: str) -> dict[str, Any]:
    return app.backend.get_task_meta(task_id, cache=False)


def _state(app: Celery, task_id: str) -> str:
    return str(_meta(app, task_id)["status"])
