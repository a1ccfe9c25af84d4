"""Senders of one outbox in PostgreSQL that are killed and stopped, while everything else breaks.

One database, four senders that send for four organisations, and a server that loses a fifth of all
answers to creates, carries some out late and some by half: see `kill_lab`. Orders come all the
time, each with a hand-over in one transaction, and some are rolled back. Connections to the
database break before the answer to a COMMIT, or to a sender's swap.
"""

from __future__ import annotations

import asyncio
import random
import signal
import threading
import time
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from kill_lab import NAMED, PAGES, Kills, Progress, Tally, fault_texts, spread
from outbox_worker import clock_of
from pool_sandbox import PROVIDERS, channel_of, key_of
from pool_worker import LISTED, LISTENS
from postgres_proxy import Proxy, proxy
from postgres_server import postgres_server
from processes import (
    PATIENCE,
    PYTHON,
    Server,
    child_environment,
    ended,
    launch,
    reading,
    wait_until,
)

from postiz_async import AdvancedOptions, Channel, NewPost, OutboxOptions, PostizPool
from postiz_async._delivery.record import read_record
from postiz_async.errors import StoreError
from postiz_async.stores.postgres import ddl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_server import PostgresServer
    from processes import Process

SPEED = 60.0
SENDERS = 4
ORGANIZATIONS = ("acme", "globex", "initech", "umbrella")
ROLLED_BACK = 0.2
CUT_AT_COMMIT, CUT_AT_SWAP = 0.1, 0.2
"""Shares of the transactions and of the orders at which a connection breaks."""

OPEN_AT_MOST = 40
"""Tickets that wait before a further order: what a turn begins at once has to fit its lease."""

FAULTS = (
    ("drop_answer", 0.20, ""),
    ("late_work", 0.025, "delay=60"),
    ("late_work", 0.025, "delay=400"),
    ("stop", 0.02, "after_items=0:half"),
    ("stop", 0.02, "after_items=1:half"),
    ("stop", 0.01, "after_items=1"),
    *PAGES,
)

HERE = Path(__file__).parent


@dataclass
class SenderTally(Tally):
    """What was done and what came of it."""

    tickets: int = 0
    posts: int = 0
    """Posts of committed tickets."""
    rolled_back: int = 0
    restarts: int = 0
    stops: int = 0
    cuts: int = 0
    """Connections that broke before the answer to a COMMIT or a swap."""
    takeovers: int = 0
    lost_turns: int = 0
    look_ups: int = 0
    lists: int = 0
    requests: int = 0
    stored: int = 0
    """Posts that the server has."""
    unsure: int = 0
    """Tickets that name a post which may be half made."""
    never_handed_over: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        struck = self.faults
        return (
            f"{self.kills} kills, {self.restarts} restarts of PostgreSQL, {self.stops} senders "
            f"stopped and continued, {self.cuts} connections cut, in {self.seconds:.0f} s\n"
            f"{self.tickets} tickets committed, with {self.posts} posts; {self.rolled_back} "
            "rolled back\n"
            f"{self.requests} requests, {self.creates} creates among them; 429s {self.refusals}\n"
            f"answers lost {struck['drop_answer']}, carried out late {struck['late_work']}, by "
            f"half {struck['stop']}, behind a page {struck['error_after']}, pages in place of work "
            f"{struck['html']}\n{self.covered}\n"
            f"{self.takeovers} turns taken over, {self.lost_turns} noticed as lost by who had "
            f"them, {self.look_ups} look-ups, {self.lists} requests for a list of posts\n"
            f"{self.stored} posts are stored: {self.verdict}, of rolled back tickets "
            f"{len(self.never_handed_over)}, reported as perhaps not whole {self.unsure}"
        )

    @property
    def troubles(self) -> list[str]:
        exceeded = ["the quota was exceeded"] if self.refusals else []
        return [*super().troubles, *self.never_handed_over, *exceeded]


@dataclass(frozen=True)
class Order:
    """What one transaction hands over: posts on the channels of an organisation."""

    number: int
    organization: str
    posts: int
    thread: tuple[str, ...]

    @property
    def texts(self) -> list[str]:
        return [f"{self.organization} {self.number} {place}" for place in range(self.posts)]

    def made(self) -> list[NewPost]:
        return [
            NewPost(
                Channel(
                    id=channel_of(self.organization, provider),
                    name=self.organization,
                    provider=provider,
                ),
                text,
                thread=list(self.thread),
            )
            for provider, text in zip(PROVIDERS, self.texts, strict=False)
        ]


class Orders:
    """Takes orders in transactions, each with a hand-over, until it is told to end."""

    def __init__(self, place: PostgresServer, database: str, server: Server, seed: int) -> None:
        self.known: dict[int, Order] = {}
        self.committed: set[int] = set()
        """Those whose COMMIT was answered; that of others may have been carried out."""
        self.rolled_back: set[int] = set()
        self.end = threading.Event()
        self.cuts = 0
        self.all_sent = threading.Event()
        self.way = Future[str]()
        """The address of the database, over connections that break."""
        self._place = place
        self._database = database
        self._server = server
        self._dice = random.Random(seed)  # noqa: S311

    async def run(self) -> None:
        """Take orders until the end, and be the way to the database until all are sent."""
        port = f":{self._place.port}/"
        async with proxy(self._place.port) as orders, proxy(self._place.port) as senders:
            self.way.set_result(self._database.replace(port, f":{senders.port}/"))
            way = self._database.replace(port, f":{orders.port}/")
            while not self.end.is_set():
                with suppress(StoreError, psycopg.Error):  # the database is started again
                    async with (
                        await psycopg.AsyncConnection.connect(way) as connection,
                        self._pool() as pool,
                    ):
                        while not self.end.is_set():
                            if self._dice.random() < CUT_AT_SWAP:
                                self._cut(senders, b"changed AS (UPDATE")
                            await self._take(pool, connection, orders)
                await asyncio.sleep(0.02)
            senders.break_after = b""
            await asyncio.to_thread(self.all_sent.wait)

    def _cut(self, way: Proxy, after: bytes) -> None:
        self.cuts += not way.break_after
        way.break_after = after

    def _pool(self) -> PostizPool:
        async def credentials(organization: str) -> str:
            return key_of(organization)

        return PostizPool(
            base_url=self._server.url,
            outbox=OutboxOptions(self._database, sends=False),
            credentials=credentials,
            advanced=AdvancedOptions(clock=clock_of(self._server.url)),
        )

    async def _take(
        self,
        pool: PostizPool,
        connection: psycopg.AsyncConnection[tuple[Any, ...]],
        way: Proxy,
    ) -> None:
        dice = self._dice
        if await self._waiting(connection) > OPEN_AT_MOST:
            await asyncio.sleep(0.1)
            return
        order = Order(
            number=len(self.known),
            organization=dice.choice(ORGANIZATIONS),
            posts=dice.choice([1, 1, 2]),
            thread=("second", "third") if dice.random() < 0.2 else (),
        )
        self.known[order.number] = order
        now = datetime.fromtimestamp(clock_of(self._server.url).time(), UTC)
        at = now.replace(microsecond=0) + timedelta(days=20, minutes=dice.randrange(1000))
        insert = "INSERT INTO orders (number, ticket) VALUES (%s, %s)"
        ticket = await pool.outbox.put(
            *order.made(), organization=order.organization, at=at, connection=connection
        )
        await connection.execute(insert, (order.number, ticket.id))
        if dice.random() < ROLLED_BACK:
            await connection.rollback()
            self.rolled_back.add(order.number)
        else:
            if dice.random() < CUT_AT_COMMIT:
                self._cut(way, b"COMMIT")
            await connection.commit()
            self.committed.add(order.number)
        await asyncio.sleep(dice.uniform(0.0, 0.2))

    async def _waiting(self, connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> int:
        found = await connection.execute(
            "SELECT count(*) FROM postiz_async.deliveries WHERE ended_at IS NULL"
        )
        row = await found.fetchone()
        await connection.rollback()
        return int(row[0]) if row else 0


class SenderKills(Kills[SenderTally]):
    """One run.

    Args:
        kills: of senders.
        restarts: of PostgreSQL.
        stops: for how many seconds of the clock a sender is stopped, each time.
        covers: how often a page stands in front of the server for a while.
    """

    creates = FAULTS

    def __init__(
        self,
        home: Path,
        seed: int,
        *,
        kills: int,
        restarts: int,
        stops: tuple[float, ...],
        covers: int = 0,
        speed: float = SPEED,
    ) -> None:
        super().__init__(home, seed, speed, SenderTally())
        self.kills = kills
        self.restarts = restarts
        self.stops = stops
        self.covers = covers

    # -------------------------------------------------------------- processes

    @contextmanager
    def serving(self, *_: str) -> Iterator[Server]:
        """A server of several organisations."""
        program, names = str(HERE / "pool_sandbox.py"), ",".join(ORGANIZATIONS)
        command = [*PYTHON, program, str(self.speed), str(self.seed), names]
        command += fault_texts(self.creates)
        with ended(launch(command, child_environment(self.home))) as process:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            with reading(process) as said:
                yield Server(url, "")
        assert "Traceback" not in "".join(said)

    def work(self) -> None:
        self.place = self.stack.enter_context(postgres_server(max_connections="200"))
        self.database = self.place.new_database(
            ddl(), "CREATE TABLE orders (number integer PRIMARY KEY, ticket text NOT NULL)"
        )
        orders = Orders(self.place, self.database, self.server, self.seed)
        with ThreadPoolExecutor(1) as threads:
            taking = threads.submit(asyncio.run, orders.run())
            try:
                self.way = orders.way.result(PATIENCE)
                self.senders = [self._started(place) for place in range(SENDERS)]
                self._break_things()
                wait_until(
                    lambda: taking.done() or len(orders.committed) > self.kills,
                    "there are enough orders",
                )
                orders.end.set()
                self._drain()
                for sender in self.senders:
                    if any(LISTENS in line for line in sender.stdout or ()):
                        sender.send_signal(signal.SIGTERM)
                    self.look_at_end(sender, 0)
            finally:
                orders.end.set()
                orders.all_sent.set()
            taking.result(PATIENCE)
        self.tally.cuts = orders.cuts
        self._judge(orders)

    def _started(self, place: int) -> Process:
        return self.keep([*PYTHON, str(HERE / "pool_worker.py"), self.way, str(self._log(place))])

    def _log(self, place: int) -> Path:
        return self.home / f"sender{place}.log"

    def _break_things(self) -> None:
        """Kill a sender in each round; restarts and stops are spread over the rounds."""
        restarts = spread(self.restarts, self.kills)
        stops = dict(zip(spread(len(self.stops), self.kills), self.stops, strict=True))
        covers = spread(self.covers, self.kills) if self.covers else []
        for round_ in range(self.kills):
            self.wait_for_work(self.senders)
            place = self.dice.randrange(SENDERS)
            if self.kill(self.senders[place]):
                self.senders[place].wait(PATIENCE)
            else:
                self.tally.wrong.append(f"sender {place} ended by itself")
                self.look_at_end(self.senders[place])
            self.senders[place] = self._started(place)
            if round_ in stops:
                self._stop(self.dice.choice(self.senders), stops[round_])
            if round_ in covers:
                self.cover(self._has_planned)
            if round_ in restarts:
                time.sleep(self.dice.uniform(0.0, 0.2))
                self.place.restart(self.dice.choice(["fast", "immediate"]))
                self.tally.restarts += 1

    def _has_planned(self) -> bool:
        planned = "SELECT count(*) FROM postiz_async.deliveries WHERE state = 'planned'"
        return self._asked(planned) != [(0,)]

    def _stop(self, sender: Process, seconds: float) -> None:
        self.wait_for_work(self.senders)
        sender.send_signal(signal.SIGSTOP)
        time.sleep(seconds / self.speed)
        sender.send_signal(signal.SIGCONT)
        self.tally.stops += 1

    def _drain(self) -> None:
        """Wait until everything is sent; as long as something ends now and then."""
        unsent = "FROM postiz_async.deliveries WHERE ended_at IS NULL"
        progress = Progress()
        while count := self._asked(f"SELECT count(*) {unsent}")[0][0]:
            if progress.stands_still(count):
                rows = self._asked(f"SELECT scope, state, value {unsent} LIMIT 5")
                self.tally.wrong.append(f"{count} tickets do not come to their end: {rows}")
                return
            time.sleep(0.05)

    def _asked(self, statement: str) -> list[tuple[Any, ...]]:
        return self.place.run(statement, database=self.database.rpartition("/")[2])

    # -------------------------------------------------------------- what came of it

    def _judge(self, orders: Orders) -> None:
        tally = self.tally
        self._count()
        rows = dict(self._asked("SELECT number, ticket FROM orders"))
        kept = {
            ticket: read_record(value)
            for ticket, value in self._asked("SELECT id, value FROM postiz_async.deliveries")
        }
        tickets = {
            ticket: (str(each.state), each.note, [post.id for post in each.posts])
            for ticket, each in kept.items()
        }
        if set(rows.values()) != tickets.keys():
            tally.wrong.append("orders and tickets were not committed together")
        if not orders.committed <= rows.keys() or orders.rolled_back & rows.keys():
            tally.wrong.append("a commit or rollback was not kept")
        tally.tickets, tally.rolled_back = len(rows), len(orders.rolled_back)
        posts: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for post in self.server.posts:
            posts[post["content"]].append(post)
        tally.stored = sum(map(len, posts.values()))
        for number, order in orders.known.items():
            if number in rows:
                self._judge_order(order, tickets[rows[number]], posts)
            else:
                texts = [text for text in order.texts if posts.pop(text, [])]
                tally.never_handed_over += texts
        tally.wrong += [f"nobody handed over {text}" for text in posts]

    def _judge_order(
        self,
        order: Order,
        ticket: tuple[str, str, list[str]],
        posts: dict[str, list[dict[str, Any]]],
    ) -> None:
        tally, (state, note, ids) = self.tally, ticket
        tally.posts += order.posts
        tally.unsure += note in NAMED
        found = [posts.pop(text, []) for text in order.texts]
        what = f"{order} of seed {self.seed}: {ticket}: {found}"
        if any(len(each) > 1 for each in found):
            tally.doubled.append(what)
        elif any(found) and state == "refused":
            tally.called_refused.append(what)
        elif not all(found):
            tally.lost.append(what)
        elif state != "stored" or [post["id"] for [post] in found] != ids:
            tally.wrong.append(what)
        else:
            channels = [post["channel_id"] for [post] in found]
            mine = [channel_of(order.organization, each) for each in PROVIDERS][: order.posts]
            is_whole = all(
                [part["content"] for part in post["thread"]] == list(order.thread)
                and (post["has_job"] or post["state"] == "PUBLISHED")
                for [post] in found
            )
            if channels != mine or not (is_whole or note in NAMED):
                tally.wrong.append(what)

    def _count(self) -> None:
        tally = self.tally
        tally.requests = self.server.state["requests"]
        for place in range(SENDERS):
            text = self._log(place).read_text(encoding="utf-8")
            tally.takeovers += text.count("over from a sender that is gone")
            tally.lost_turns += text.count("another sender took")
            tally.lists += text.count(LISTED)
            tally.look_ups += sum(
                "request" in line and line.endswith("stored") for line in text.splitlines()
            )
            if "Traceback" in text:
                at = text.index("Traceback")
                tally.wrong.append(f"sender {place}: {text[max(0, at - 300) : at + 2000]}")
