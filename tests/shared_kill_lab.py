"""Campaigns that three hosts run together, with their journals in PostgreSQL, killed at random.

As `kill_lab`, with three processes at a time: one of them is killed and started again, while the
others go on. A second of the database is as long as `speed` seconds of the hosts, so a host that is
slow on a busy machine loses what it holds to others all the time.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from kill_lab import Series
from postgres_server import shared_server
from processes import PATIENCE, ended, wait_until

from postiz_async._campaign.journal.places import journal_at
from postiz_async._campaign.journal.summary import read_summary
from postiz_async.stores.postgres import ddl

if TYPE_CHECKING:
    from pathlib import Path

    from processes import Process, Server

    from postiz_async._campaign.journal.summary import Summary

HOSTS = 3


class SharedSeries(Series):
    """One server, and campaigns against it that several hosts run, one after another."""

    def __init__(self, home: Path, seed: int, speed: float) -> None:
        super().__init__(home, seed, speed)
        self.schema = f"kills_{home.name}_{seed}"
        self.url = shared_server().address("postgres")
        shared_server().run(ddl(self.schema))

    def name(self, file: Path) -> str:
        return file.parent.name

    def command(self, file: Path) -> list[str]:
        shared = ["--store", self.url, "--schema", self.schema, "--name", self.name(file)]
        return [*super().command(file), *shared]

    def summary(self, file: Path) -> Summary | None:
        place = journal_at(self.url, self.schema, self.name(file), None)
        return read_summary(place) if place.is_there else None

    def kill_often(self, file: Path, server: Server, kills: int, *, is_urgent: bool) -> None:
        """Kill one of the hosts at a time, and start another one in its place."""
        with ExitStack() as hosts:
            running: list[Process] = []

            def start() -> None:
                running.append(hosts.enter_context(ended(self.start(file, server))))

            start()
            if is_urgent:
                wait_until(
                    lambda: running[0].poll() is not None or bool(self.rows_of(file)),
                    "the rows are planned",
                )
            while len(running) < HOSTS:
                start()
            for _ in range(kills):
                before = server.state["requests"]
                wait_until(
                    lambda: (
                        server.state["requests"] > before  # noqa: B023  (called at once)
                        or all(host.poll() is not None for host in running)
                    ),
                    "a request arrives",
                )
                time.sleep(self.dice.uniform(0, 0.4))
                doomed = running.pop(self.dice.randrange(len(running)))
                was_working = doomed.poll() is None
                doomed.kill()
                self.look_at(doomed)
                self.tally.kills += was_working
                self.count_open(file)
                if not was_working and doomed.returncode == 0:
                    break
                start()
            for host in running:
                self.look_at(host)

    def look_at(self, host: Process) -> None:
        """Wait for the end of a host, and look what it said."""
        _, err = host.communicate(timeout=PATIENCE)
        self.look_for_traceback(err)
