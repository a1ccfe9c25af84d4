"""A sample SaaS: many organisations, three web workers, one store address, one worker killed.

Claim: every post is stored once, without a refusal (429), and every ticket's end is told: to a
reader that goes on from its cursor each exactly once, to the application's consumer at least once,
and twice at most for the event that it was at when its worker was killed (`kill -9`), or halted for
longer than its lease; both in the same order for each organisation. 20 organisations have 65 posts
each and 30 fit into a window, so each waits twice. The store is a PostgreSQL, Postiz a
`postiz-async sandbox` whose windows last `--window` seconds. The worker that is killed is the one
that bills at that moment. Run:
python benchmarks/sample_saas.py                                (five minutes)
python benchmarks/sample_saas.py --organizations 3 --posts 7 --limit 4 --window 6 --speed 3
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import ClientError
from figures import Figure, note, skip

from postiz_async import AdvancedOptions, OutboxOptions, PostizPool
from postiz_async.clock import AcceleratedClock
from postiz_async.stores.postgres import ddl

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "contrib"))
from postgres_server import postgres_server, why_no_postgres
from processes import PATIENCE, Server, ended, read_line, reading, start, until
from web_lab import workers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import ClientSession
    from postgres_server import PostgresServer

APP = Path(__file__).parent / "workers" / "saas"
KEY = "sandbox-{}"
"""The key of an organisation, as the sandbox derives it from the name."""
WORKERS = 3
BILLED = (
    "CREATE TABLE billed (number serial, organization text NOT NULL, ticket text NOT NULL, "
    "state text NOT NULL, process integer NOT NULL)"
)
READERS = 4
"""How often the reader of events begins, each time from the cursor of the last one."""


@dataclass
class Run:
    """What happens, and what was seen."""

    options: argparse.Namespace
    server: Server
    place: PostgresServer
    database: str
    tickets: dict[str, str] = field(default_factory=dict[str, str])
    """The ticket of each text."""
    seen: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    """Organisation, ticket and state of each event that the reader saw."""
    is_killed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def total(self) -> int:
        return int(self.options.organizations * self.options.posts)

    def billed(self) -> list[tuple[str, str, str, int]]:
        """Organisation, ticket, state and process of each event that was billed."""
        query = "SELECT organization, ticket, state, process FROM billed ORDER BY number"
        return self.place.run(query, database=self.database.rpartition("/")[2])

    async def hand_over(self, session: ClientSession, organization: str) -> None:
        """Send the requests of an organisation; one without an answer is repeated.

        The last one is sent after the kill, so that something is left for another worker to bill.
        """
        at = (datetime.now(UTC) + timedelta(days=30)).isoformat()
        for number in range(self.options.posts):
            text = f"{organization} {number}"
            if number == self.options.posts - 1:
                await self.is_killed.wait()
            while text not in self.tickets:
                try:
                    async with session.post(
                        f"/{organization}/posts", params={"text": text, "at": at}
                    ) as answer:
                        if answer.status == 202:
                            self.tickets[text] = await answer.json()
                except ClientError:  # its worker was killed
                    await asyncio.sleep(0.1)

    async def read(self) -> None:
        """Read the events, with a new reader now and then."""
        cursor = None
        for reader in range(1, READERS + 1):
            async with PostizPool(
                base_url=self.server.url,
                outbox=OutboxOptions(self.database, sends=False),
                credentials=KEY.format,
                advanced=AdvancedOptions(clock=AcceleratedClock(self.options.speed)),
            ) as pool:
                events = pool.outbox.events(after=cursor)
                while len(self.seen) < self.total * reader // READERS:
                    event = await anext(events)
                    told = event.organization, event.ticket.id, event.ticket.state.value
                    self.seen.append(told)
                    cursor = event.cursor

    async def kill(self) -> None:
        """Kill the worker that bills, when a quarter is billed."""
        await until(lambda: len(self.billed()) >= self.total // 4)
        os.kill(self.billed()[-1][3], signal.SIGKILL)
        self.is_killed.set()


@contextmanager
def serving(folder: Path, options: argparse.Namespace) -> Iterator[Server]:
    """A sandbox with these organisations, in a process of its own."""
    command = ["sandbox", "--port", "0", "--limit", str(options.limit)]
    command += ["--window", str(options.window), "--speed", str(options.speed)]
    command += [f"--organization=org{place}" for place in range(options.organizations)]
    with ended(start(command, folder, {})) as process:
        line = read_line(process, lambda line: "POSTIZ_API_URL=" in line)
        with reading(process):
            yield Server(line.partition("POSTIZ_API_URL=")[2].split()[0], "")


async def run(options: argparse.Namespace) -> bool:
    """One run; whether all claims held."""
    with (
        tempfile.TemporaryDirectory() as path,
        postgres_server(max_connections="200") as place,
        serving(Path(path), options) as server,
    ):
        it = Run(options, server, place, place.new_database(ddl(), BILLED))
        environment = {"POSTIZ_API_URL": server.url, "POSTIZ_STORE": it.database}
        environment["SPEED"] = str(options.speed)
        async with workers(APP, WORKERS, Path(path), environment) as session:
            began = time.monotonic()
            names = [f"org{place}" for place in range(options.organizations)]
            optimum = (math.ceil(options.posts / options.limit) - 1) * options.window
            async with asyncio.timeout(3 * optimum / options.speed + PATIENCE):
                await asyncio.gather(
                    *(it.hand_over(session, name) for name in names), it.read(), it.kill()
                )
                seconds = time.monotonic() - began
                await until(lambda: {row[1] for row in it.billed()} >= {*it.tickets.values()})
        posts = Counter(post["content"] for post in server.posts)
        refusals = server.state["refusals"]
        billed = it.billed()
    return judge(it, posts, billed, refusals, seconds * options.speed, optimum)


def judge(
    it: Run,
    posts: Counter[str],
    billed: list[tuple[str, str, str, int]],
    refusals: int,
    seconds: float,
    optimum: float,
) -> bool:
    """Print what was found, and say whether it is as claimed."""
    tickets = {*it.tickets.values()}
    told = [(organization, ticket) for organization, ticket, _, _ in billed]
    seen = [(organization, ticket) for organization, ticket, _ in it.seen]
    states = Counter(state for _, _, state in it.seen)
    figures = {
        "not stored": len(it.tickets.keys() - posts.keys()),
        "doubled": sum(posts.values()) - len(posts),
        "refusals": refusals,
        "events missed by the reader": len(tickets - {ticket for _, ticket in seen}),
        "events told twice to the reader": len(seen) - len({*seen}),
        "events missed by the consumer": len(tickets - {ticket for _, ticket in told}),
        "organisations in another order": sum(
            [t for o, t in seen if o == name] != [t for o, t in dict.fromkeys(told) if o == name]
            for name in {organization for organization, _ in seen}
        ),
        "ends other than stored": it.total - states["stored"],
    }
    for name, value in figures.items():
        print(f"{name:34} {value}")
        note(Figure(name=name, value=value, unit="", target=0))
    repeated = len(told) - len({*told})
    changes = sum(one[3] != other[3] for one, other in pairwise(billed))
    print(f"{'repeated to the consumer':34} {repeated} ({changes} at most: changes of the process)")
    note(Figure(name="events repeated to the consumer", value=repeated, unit="", target=changes))
    print(f"{it.total:,} posts in {seconds:.1f} s of the windows; optimum {optimum:.1f} s")
    ratio = Figure(
        name="time",
        value=seconds,
        unit="s",
        baseline="optimum",
        base=optimum,
        compared="ratio",
    )
    note(ratio)
    return not any(figures.values()) and repeated <= changes and changes > 0


def main(arguments: list[str] | None = None) -> bool:
    """Run it with these arguments; whether all claims held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--organizations", type=int, default=20)
    parser.add_argument("--posts", type=int, default=65, help="of each organisation")
    parser.add_argument("--limit", type=int, default=30, help="creates in a window")
    parser.add_argument("--window", type=float, default=120.0, help="seconds")
    parser.add_argument("--speed", type=float, default=1.0, help="of the clocks")
    options = parser.parse_args(arguments)
    if why_no_postgres():
        skip(why_no_postgres())
        return True
    return asyncio.run(run(options))


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
