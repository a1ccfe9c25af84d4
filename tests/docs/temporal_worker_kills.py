"""Temporal's workers that are killed, while a fifth of all answers is lost.

A development server of Temporal, workers on one host that run the program of docs/task-queues.md,
and `kill_lab`: each workflow has a key of its own. Temporal tries again as much sooner as the clock
of the sandbox is faster.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kill_lab import PAGES, Kills, Tally
from processes import PATIENCE, PYTHON, ROOT
from recipe_texts import recipe
from temporal_server import dev_server

if TYPE_CHECKING:
    from processes import Process

SPEED = 60.0
WORKERS = 3
PROGRAM = str(Path(__file__).parent / "engines" / "temporal_kill_worker.py")
FOLDERS = (ROOT, ROOT / "tests", ROOT / "tests/docs", ROOT / "tests/outbox")
CLIENT = 'Postiz(store=os.environ["POSTIZ_STORE"])'
ON_SANDBOX_TIME = 'advanced=AdvancedOptions(clock=clock_of(os.environ["POSTIZ_API_URL"]))'


@dataclass
class TemporalTally(Tally):
    """What was done and what came of it."""

    keys: int = 0
    stored: int = 0

    def __str__(self) -> str:
        return (
            f"{self.kills} kills in {self.seconds:.0f} s; {self.keys} keys, {self.stored} posts, "
            f"{self.creates} creates, 429s {self.refusals}\n{self.struck}\n{self.verdict}"
        )


class TemporalKills(Kills[TemporalTally]):
    """Workflows whose workers are killed.

    Args:
        home: a folder.
        seed: of the moments and faults.
        keys: workflows, each of which creates a post.
        kills: how many workers are killed.
        speed: of all clocks but Temporal's.
    """

    creates = (("drop_answer", 0.20, ""), *PAGES)

    def __init__(
        self, home: Path, seed: int, *, keys: int, kills: int, speed: float = SPEED
    ) -> None:
        super().__init__(home, seed, speed, TemporalTally(keys=keys))
        self.kills = kills

    def work(self) -> None:
        """Let all workflows come to their end, whoever is killed meanwhile."""
        changes = {
            "import NewPost, Postiz, PostizError\n": (
                "import AdvancedOptions, NewPost, Postiz, PostizError\n"
                "    from outbox_worker import clock_of\n"
            ),
            CLIENT: CLIENT.replace(")", f", {ON_SANDBOX_TIME})"),
            "timedelta(seconds=seconds)": f"timedelta(seconds=seconds / {self.speed})",
            "timedelta(minutes=5)": f"timedelta(seconds={600 / self.speed})",
            "worker = Worker(client,": "worker = Worker(client, max_concurrent_activities=10,",
        }
        self.home.joinpath("announcements.py").write_text(
            recipe("temporalio", changes), encoding="utf-8"
        )
        self.address = self.stack.enter_context(dev_server())
        keys = self.tally.keys
        self._order(0)
        ordering = self._begun(str(keys))
        workers = [self._begun() for _ in range(WORKERS)]
        for nth in range(1, self.kills + 1):  # work is left, however slow this process is
            self._order(nth * keys // (self.kills + 1))
            self.wait_for_work([ordering], of="creates", most=10.0)
            place = self.dice.randrange(WORKERS)
            if not self.kill(workers[place]):
                self.tally.wrong.append(f"a worker ended by itself: {self._log('work')[-2000:]}")
            workers[place] = self._begun()
        self._order(keys)
        if ordering.wait(4 * PATIENCE):
            self.tally.wrong.append(self._log("order")[-2000:])
        else:
            self._judge()

    def _order(self, keys: int) -> None:
        new = self.home / "ordered.new"
        new.write_text(str(keys), encoding="utf-8")
        new.replace(self.home / "ordered")

    def _begun(self, *keys: str) -> Process:
        return self.keep(
            [*PYTHON, PROGRAM, str(self.home), *keys],
            TEMPORAL_ADDRESS=self.address,
            POSTIZ_STORE=str(self.home / "postiz.sqlite"),
            PYTHONPATH=os.pathsep.join(map(str, FOLDERS)),
        )

    def _log(self, what: str) -> str:
        return (self.home / f"log-{what}").read_text(encoding="utf-8", errors="replace")

    def _judge(self) -> None:
        tally = self.tally
        posts: dict[str, list[str]] = defaultdict(list)
        for post in self.server.posts:
            posts[post["content"]].append(post["id"])
        outcomes = json.loads((self.home / "outcomes.json").read_text(encoding="utf-8"))
        tally.stored = sum(map(len, posts.values()))
        for text, id_, error in outcomes:
            found = posts.pop(text, [])
            what = f"{text} of seed {self.seed}: {found}, told {id_} {error}"
            if not found:
                tally.lost.append(what)
            elif len(found) > 1:
                tally.doubled.append(what)
            elif error:
                tally.called_refused.append(what)
            elif found != [id_]:
                tally.wrong.append(what)
        tally.wrong += [f"nobody ordered {text}" for text in posts]
