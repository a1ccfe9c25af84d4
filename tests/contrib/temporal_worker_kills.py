"""Temporal's workers that are killed in campaigns, while a fifth of all answers is lost.

A development server of Temporal, workers on one host, and `kill_lab`: each row of each campaign
has a key of its own.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kill_lab import PAGES, Kills, Tally
from processes import PATIENCE, PYTHON
from temporal_server import dev_server

if TYPE_CHECKING:
    from processes import Process

SPEED = 60.0
WORKERS = 3
ROWS = 50
"""Rows of a campaign."""

PROGRAM = str(Path(__file__).with_name("temporal_kill_worker.py"))


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
    """Campaigns whose workers are killed.

    Args:
        home: a folder.
        seed: of the moments and faults.
        keys: rows of all campaigns; a multiple of `ROWS`.
        kills: how many workers are killed.
        speed: of all clocks but Temporal's.
    """

    creates = (("drop_answer", 0.20, ""), *PAGES)

    def __init__(
        self, home: Path, seed: int, *, keys: int, kills: int, speed: float = SPEED
    ) -> None:
        super().__init__(home, seed, speed, TemporalTally())
        self.campaigns = keys // ROWS
        self.kills = kills

    def work(self) -> None:
        """Let all campaigns come to their end, whoever is killed meanwhile."""
        self.address = self.stack.enter_context(dev_server())
        ordering = self._begun(str(self.campaigns), str(ROWS))
        workers = [self._begun() for _ in range(WORKERS)]
        pause = max(1, 2 * self.campaigns * ROWS // (3 * self.kills))
        for _ in range(self.kills):
            self.wait_for_work([ordering], more=pause, of="creates")
            if ordering.poll() is not None:
                break
            place = self.dice.randrange(WORKERS)
            if not self.kill(workers[place]):
                self.tally.wrong.append(f"a worker ended by itself: {self._log('work')[-2000:]}")
            workers[place] = self._begun()
        if ordering.wait(4 * PATIENCE):
            self.tally.wrong.append(self._log("order")[-2000:])
        else:
            self._judge()

    def _begun(self, *numbers: str) -> Process:
        return self.keep([*PYTHON, PROGRAM, str(self.home), self.address, *numbers])

    def _log(self, what: str) -> str:
        return (self.home / f"log-{what}").read_text(encoding="utf-8", errors="replace")

    def _judge(self) -> None:
        tally = self.tally
        posts: dict[str, list[str]] = defaultdict(list)
        for post in self.server.posts:
            posts[post["content"]].append(post["id"])
        outcomes = json.loads((self.home / "outcomes.json").read_text(encoding="utf-8"))
        tally.keys, tally.stored = len(outcomes), sum(map(len, posts.values()))
        for text, ids, error in outcomes:
            found = posts.pop(text, [])
            what = f"{text} of seed {self.seed}: {found}, told {ids} {error}"
            if not found:
                tally.lost.append(what)
            elif len(found) > 1:
                tally.doubled.append(what)
            elif error:
                tally.called_refused.append(what)
            elif found != ids:
                tally.wrong.append(what)
        tally.wrong += [f"nobody ordered {text}" for text in posts]
