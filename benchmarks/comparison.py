"""A hundred posts by this library, a careful client, limiters, retry loops, the official command.

Claim: with this library each post is stored once and nothing is refused. Each way schedules the
posts, each at a date of its own on one channel, for an organisation with 30 creates an hour, and
after half an hour a person's post beside them. The server counts in windows, as since v2.20.0. In a
twentieth of the creates the connection breaks after the work was done, in another twentieth
before: nobody can tell one from the other. A run that takes a day is stopped.

The ways in Python have ten workers and a network of 0.2 s there and back, in virtual time. The
official command is run as a process for each post, again after five minutes when it fails, as a
shell script would do it; its server is on loopback, on a clock that is moved on instead of
sleeping. It is taken from npm into a temporary folder. Limiters need pyrate-limiter beside what
is installed. Run:
python benchmarks/comparison.py                        (without the command: half a minute)
python benchmarks/comparison.py --cli --json benchmarks/comparison.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import platform
import random
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from figures import Figure, note
from quota_baselines import bucket, open_gate, pyrate
from world import HOUR, LoopClock, VirtualLoop  # after the first, which knows the way to the tests

from postiz_async import CampaignRow, DeliveryUnknownError, NewPost, Priority
from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async._wire import WireRequest
from postiz_async.clock import Clock, JumpingClock, SystemClock
from postiz_async.errors import APIConnectionError
from postiz_async.testing import Fault
from postiz_async.testing._transport import SandboxTransport, sandbox_client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from postiz_async import Postiz
    from postiz_async.clock import Timer

LIMIT = 30
WORKERS = 10
LATENCY = 0.1
"""Seconds to the server, and back."""
LOST = 0.05
"""Share of creates whose connection breaks after the work, and of those where it does before."""
LONGEST = 24 * HOUR
FIRST = datetime(2031, 1, 1, tzinfo=UTC)
PERSON = 0.5 * HOUR
"""When a person wants to post."""
CLI = "postiz@2.1.0"
CLI_PAUSE = 300.0

Way: TypeAlias = "Callable[[MemoryServer, str, Sequence[str]], Awaitable[float]]"
"""Stores all texts but the last, and that for a person; returns how long the person waited."""


@dataclass(frozen=True)
class Outcome:
    """What became of the posts of one run."""

    stored: int
    doubled: int
    """Posts that are there beside the first of their text."""
    lost: int
    refused: int
    """Creates that were answered 429."""
    requests: int
    hours: float
    waited: float = math.nan
    """Minutes until the person's post was stored."""


def sandbox_on(clock: Clock, seed: int) -> tuple[MemoryServer, str]:
    sandbox = MemoryServer(clock=clock, limit=LIMIT, work_per_post=0.0, seed=seed)
    sandbox.faults.add(Fault("drop_answer", route="create_post", times=None, probability=LOST))
    sandbox.faults.add(Fault("reset", route="create_post", times=None, probability=LOST))
    return sandbox, sandbox.add_channel("mastodon").id


def outcome_of(
    sandbox: MemoryServer, texts: Sequence[str], seconds: float, waited: float = math.nan
) -> Outcome:
    kept = [post.content.removeprefix("<p>").removesuffix("</p>") for post in sandbox.posts]
    assert set(kept) <= set(texts)
    return Outcome(
        stored=len(set(kept)),
        doubled=len(kept) - len(set(kept)),
        lost=len(set(texts) - set(kept)),
        refused=sandbox.refusals,
        requests=len(sandbox.creates),
        hours=seconds / HOUR,
        waited=waited / 60,
    )


def date_of(text: str) -> datetime:
    return FIRST + timedelta(hours=int(text.removeprefix("post ")))


async def beside(
    clock: Clock, work: Awaitable[object], person: Callable[[], Awaitable[None]]
) -> float:
    """Do the work, and what a person wants meanwhile; the seconds that this took."""

    async def later() -> float:
        await clock.sleep(PERSON)
        began = clock.monotonic()
        await person()
        return clock.monotonic() - began

    _, waited = await asyncio.gather(work, later())
    return waited


# ------------------------------------------------------------------ this library


async def campaign(sandbox: MemoryServer, channel: str, texts: Sequence[str]) -> float:
    *most, last = texts
    rows = [CampaignRow(channel=channel, at=date_of(text), content=text) for text in most]
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "posts.journal"
        async with (
            sandbox_client(sandbox, latency=LATENCY) as postiz,
            postiz.campaign(rows, journal=journal) as campaign,
        ):
            person = partial(_with_key, postiz, channel, last)
            return await beside(sandbox.clock, campaign.run(), person)


async def with_keys(sandbox: MemoryServer, channel: str, texts: Sequence[str]) -> float:
    *most, last = texts
    async with sandbox_client(sandbox, latency=LATENCY) as postiz:
        work = by_workers(most, partial(_with_key, postiz, channel, priority=Priority.BULK))
        return await beside(sandbox.clock, work, partial(_with_key, postiz, channel, last))


async def _with_key(
    postiz: Postiz, channel: str, text: str, *, priority: Priority = Priority.INTERACTIVE
) -> None:
    while True:
        try:
            await postiz.posts.schedule(
                NewPost(channel, text), at=date_of(text), priority=priority, idempotency_key=text
            )
        except DeliveryUnknownError as error:
            await postiz.clock.sleep(error.retry_after or 0.0)  # its date is years ahead
        else:
            return


# ------------------------------------------------------------------ others in Python


async def by_workers(texts: Sequence[str], work: Callable[[str], Awaitable[None]]) -> None:
    todo = iter(texts)

    async def worker() -> None:
        for text in todo:
            await work(text)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(WORKERS, len(texts))):
            group.create_task(worker())


def by_limiter(
    limiter_of: Callable[[], Callable[[], Awaitable[object]]],
    *,
    honours: bool = True,
    repeats: bool = True,
) -> Way:
    """A limiter, and a loop that sends again what failed, with pauses that grow.

    `honours`: after a 429 it waits as Retry-After says. `repeats`: what was lost goes again.
    """

    async def way(sandbox: MemoryServer, channel: str, texts: Sequence[str]) -> float:
        limiter, dice = limiter_of(), random.Random(len(texts))
        *most, last = texts
        transport = SandboxTransport(sandbox, latency=LATENCY)

        async def send(text: str) -> None:
            request = request_for(sandbox, channel, text)
            for attempt in range(10_000):
                await limiter()
                pause = min(60.0, 0.5 * 2.0 ** min(attempt, 10)) * dice.uniform(0.5, 1.0)
                try:
                    answer = await transport.send(request)
                except APIConnectionError:
                    if not repeats:
                        return
                else:
                    if answer.status == 201:
                        return
                    assert answer.status == 429, answer.body
                    if honours:
                        pause = float(answer.headers["retry-after"])
                await asyncio.sleep(pause)

        return await beside(sandbox.clock, by_workers(most, send), partial(send, last))

    return way


def request_for(
    sandbox: MemoryServer, channel: str, text: str, milliseconds: int = 0
) -> WireRequest:
    post = {
        "integration": {"id": channel},
        "value": [{"content": text, "image": []}],
        "settings": {"__type": "mastodon"},
    }
    body = {
        "type": "schedule",
        "date": f"{date_of(text):%Y-%m-%dT%H:%M:%S}.{milliseconds:03}Z",
        "shortLink": False,
        "tags": [],
        "posts": [post],
    }
    return WireRequest(
        method="POST",
        url="http://sandbox.invalid/public/v1/posts",
        headers=(
            ("Authorization", sandbox.organization.api_key),
            ("Content-Type", "application/json"),
        ),
        body=json.dumps(body).encode(),
        timeout=30.0,
    )


# ------------------------------------------------------------------ a careful client

_TABLES = """
CREATE TABLE posts (key TEXT PRIMARY KEY, mark INTEGER NOT NULL, state TEXT NOT NULL);
CREATE TABLE creates (at REAL NOT NULL);
"""
SETTLED = 60.0
"""Seconds after a lost answer until it looks whether the post is there."""


@dataclass
class Careful:
    """What a careful developer writes for one process.

    A table of keys, the creates of the last hour, dates whose milliseconds tell one post from
    another, and a look at Postiz before anything is sent again.
    """

    sandbox: MemoryServer
    channel: str
    table: sqlite3.Connection

    def __post_init__(self) -> None:
        self.table.executescript(_TABLES)
        self.transport = SandboxTransport(self.sandbox, latency=LATENCY)
        self.turn = asyncio.Lock()

    async def send(self, text: str) -> None:
        mark = int(text.removeprefix("post ")) % 999 + 1
        self.table.execute("INSERT OR IGNORE INTO posts VALUES (?, ?, 'new')", (text, mark))
        request = request_for(self.sandbox, self.channel, text, mark)
        while True:
            [(state,)] = self.table.execute("SELECT state FROM posts WHERE key = ?", (text,))
            if state == "stored" or (state == "sent" and await self.is_there(text, mark)):
                return self.keep(text, "stored")
            await self.slot()
            self.keep(text, "sent")
            try:
                answer = await self.transport.send(request)
            except APIConnectionError:
                await asyncio.sleep(SETTLED)
                continue
            self.keep(text, "stored" if answer.status == 201 else "new")
            if answer.status == 429:
                await asyncio.sleep(float(answer.headers["retry-after"]))

    def keep(self, text: str, state: str) -> None:
        self.table.execute("UPDATE posts SET state = ? WHERE key = ?", (state, text))

    async def slot(self) -> None:
        clock, query = self.sandbox.clock, "SELECT count(*), min(at) FROM creates WHERE at > ?"
        async with self.turn:
            while True:
                since = clock.time() - HOUR
                [(count, first)] = self.table.execute(query, (since,))
                if count < LIMIT:
                    break
                await asyncio.sleep(first - since + 1.0)
            self.table.execute("INSERT INTO creates VALUES (?)", (clock.time(),))

    async def is_there(self, text: str, mark: int) -> bool:
        answer = await self.transport.send(listing_of(self.sandbox, date_of(text)))
        moment = f"{date_of(text):%Y-%m-%dT%H:%M:%S}.{mark:03}Z"
        posts = json.loads(answer.body)["posts"]
        return any(post["publishDate"] == moment for post in posts)


async def careful(sandbox: MemoryServer, channel: str, texts: Sequence[str]) -> float:
    *most, last = texts
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(sqlite3.connect(Path(folder) / "posts.sqlite", isolation_level=None)) as table,
    ):
        client = Careful(sandbox, channel, table)
        return await beside(
            sandbox.clock, by_workers(most, client.send), partial(client.send, last)
        )


def listing_of(sandbox: MemoryServer, at: datetime) -> WireRequest:
    """A request for the posts around a moment."""
    start, end = (f"{at + timedelta(hours=n):%Y-%m-%dT%H:%M:%S.000Z}" for n in (-1, 1))
    return WireRequest(
        method="GET",
        url=f"http://sandbox.invalid/public/v1/posts?startDate={start}&endDate={end}",
        headers=(("Authorization", sandbox.organization.api_key),),
        body=b"",
        timeout=30.0,
    )


# ------------------------------------------------------------------ the official command


class MovedClock(Clock):
    """The machine's clock, moved on by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._clock = SystemClock()

    def time(self) -> float:
        return self._clock.time() + self.ahead

    def monotonic(self) -> float:
        return self._clock.monotonic() + self.ahead

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        return self._clock.call_at(when - self.ahead, callback)


def installed_cli(folder: Path) -> Path | str:
    """The official command, or why there is none."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "node and npm are not on this machine"
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", CLI]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"npm cannot install {CLI}: {done.stderr.strip().splitlines()[-1]}"
    return folder / "node_modules" / ".bin" / "postiz"


async def by_command(command: Path, home: Path, texts: Sequence[str], seed: int) -> Outcome:
    clock = MovedClock()
    sandbox, channel = sandbox_on(clock, seed)
    began = clock.monotonic()
    async with sandbox, serve(sandbox) as served:
        environment = os.environ | {
            "HOME": str(home),
            "POSTIZ_API_KEY": sandbox.organization.api_key,
            "POSTIZ_API_URL": served.url,
        }
        for text in texts:
            words = ["posts:create", "-c", text, "-s", date_of(text).isoformat(), "-i", channel]
            while clock.monotonic() - began < LONGEST:
                process = await asyncio.create_subprocess_exec(
                    command,
                    *words,
                    env=environment,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                )
                if await process.wait() == 0:
                    break
                clock.ahead += CLI_PAUSE
        return outcome_of(sandbox, texts, clock.monotonic() - began)


# ------------------------------------------------------------------ all of them

OURS: dict[str, Way] = {
    "postiz_async, a campaign": campaign,
    "postiz_async, calls with idempotency keys": with_keys,
}
OTHERS: dict[str, Way] = {
    "by hand: keys, a count, marks and looks": careful,
    "retry loop, as Retry-After says": by_limiter(open_gate),
    "retry loop, pauses up to a minute": by_limiter(open_gate, honours=False),
    "aiolimiter, 30 in 3,600 s, retries": by_limiter(partial(bucket, LIMIT, HOUR)),
    "aiolimiter, 1 in 120 s, retries": by_limiter(partial(bucket, 1, HOUR / LIMIT)),
    "pyrate-limiter, 30 an hour, retries": by_limiter(pyrate),
    "pyrate-limiter, no retry of lost answers": by_limiter(pyrate, repeats=False),
}


def play(name: str, posts: int, seed: int) -> Outcome:
    """One run of one way in Python."""
    texts = [f"post {number}" for number in range(posts + 1)]

    async def run(clock: Clock, way: Way) -> Outcome:
        sandbox, channel = sandbox_on(clock, seed)
        began, waited = clock.monotonic(), LONGEST
        async with sandbox:
            with suppress(TimeoutError):
                async with asyncio.timeout(LONGEST):
                    waited = await way(sandbox, channel, texts)
            return outcome_of(sandbox, texts, clock.monotonic() - began, waited)

    if name in OURS:
        return asyncio.run(run(JumpingClock(), OURS[name]))
    with asyncio.Runner(loop_factory=partial(VirtualLoop, turn=1e-6)) as runner:
        return runner.run(run(LoopClock(), OTHERS[name]))


def mean(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    rows = [asdict(outcome) for outcome in outcomes]
    means = {key: statistics.mean(row[key] for row in rows) for key in rows[0]}
    return {key: None if math.isnan(value) else round(value, 2) for key, value in means.items()}


def ways(
    posts: int, seeds: Sequence[int], *, cli: bool
) -> Iterator[tuple[str, dict[str, float | None]]]:
    """The mean of each way that can be had here; why another one cannot is printed."""
    for name in (*OURS, *OTHERS):
        try:
            yield name, mean([play(name, posts, seed) for seed in seeds])
        except ModuleNotFoundError as error:
            print(f"skipped: {name}: {error}")
    if not cli:
        print(f"skipped: {CLI}: --cli was not given")
        return
    with tempfile.TemporaryDirectory() as folder:
        command = installed_cli(Path(folder))
        if isinstance(command, str):
            print(f"skipped: {CLI}: {command}")
            return
        texts = [f"post {number}" for number in range(posts + 1)]
        outcome = asyncio.run(by_command(command, Path(folder), texts, seeds[0]))
        yield f"{CLI} in a loop, again after 5 minutes", mean([outcome])


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("aiolimiter", "pyrate-limiter"):
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--posts", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--cli", action="store_true", help="also the official command, once")
    parser.add_argument("--json", type=Path, help="write it here too")
    given = parser.parse_args()
    seeds = range(given.seed, given.seed + given.seeds)
    print(f"{'':46}  waited stored doubled  lost   429s requests  hours")
    rows: list[dict[str, Any]] = []
    for name, row in ways(given.posts, seeds, cli=given.cli):
        rows.append({"way": name} | row)
        waited = "" if row["waited"] is None else f"{row['waited']:.2f}"
        print(
            f"{name:46} {waited:>7} "
            f"{row['stored']:6.1f} {row['doubled']:7.1f} {row['lost']:5.1f} "
            f"{row['refused']:6.1f} {row['requests']:8.1f} {row['hours']:6.2f}"
        )
    ours, *others = rows
    wrong = [row["doubled"] + row["lost"] + row["refused"] for row in (ours, *others)]
    note(
        Figure(
            name="a campaign: doubled, lost and refused",
            value=wrong[0],
            unit="posts",
            baseline="the best of the others that keep no keys",
            base=min(wrong[3:]),
            target=0,
        )
    )
    if given.json:
        document = {
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "posts": given.posts,
            "seeds": given.seeds,
            "versions": versions(),
            "rows": rows,
        }
        given.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
