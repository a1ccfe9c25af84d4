"""Campaigns measured: planning 100,000 rows, the fewest requests, the journal, a whole job.

Goals, each with its baseline in the same run:
    plan      reading, checking and planning 100,000 rows takes at most 2.2 s and 130 MB
    requests  a plan needs no more requests than the lower bound, dates as written or moved
    journal   writing down costs at most 1 ms a row
    job       5,000 rows on 12 channels: makespan / optimum at most 1.005, no 429
    memory    a job of 50,000 rows takes at most 100 MB, and 400 bytes for each row it has done
The rows are for twelve channels of as many providers. Times of the plan are those of the
processor, so that other work on the machine counts little; memory is the peak of the process.
Run: python benchmarks/plan.py [section ...]
"""

from __future__ import annotations

import asyncio
import csv
import itertools
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import msgspec
from figures import Figure, note

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/campaign"))
from journal_lab import ends, leaves

from postiz_async import AdvancedOptions
from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._campaign.read.rows import CampaignRow
from postiz_async._campaign.run.send import build_body
from postiz_async._delivery.matching import client_ref
from postiz_async._sandbox import MemoryServer
from postiz_async._wire import WireResponse
from postiz_async.clock import JumpingClock
from postiz_async.models.posts import PostRequest
from postiz_async.testing._transport import SandboxTransport, sandbox_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postiz_async._campaign.campaign import Campaign
    from postiz_async._wire import WireRequest
    from postiz_async.models.media import Media

LIMIT = 30
START = datetime(2027, 1, 1, 8, tzinfo=UTC)
TEXT = (
    "We open our new shop at noon, with coffee, cake and music. Come by and say hello to us all! "
)
SETTINGS = {"x": {"who_can_reply_post": "everyone"}, "discord": {"channel": "general"}}
CHANNELS = (
    "mastodon", "bluesky", "x", "linkedin", "facebook", "telegram",
    "threads", "discord", "linkedin-page", "gmb", "vk", "nostr",
)  # fmt: skip


def rows(channels: list[str], count: int) -> Iterator[dict[str, str]]:
    """Every channel posts each half hour, a minute after the one before it."""
    for n in range(count):
        turn, channel = divmod(n, len(channels))
        moment = START + timedelta(days=10, minutes=30 * turn + channel)
        settings = SETTINGS.get(CHANNELS[channel], {})
        yield {
            "channel": channels[channel],
            "date": moment.isoformat(),
            "content": f"{n} {TEXT}",
            "settings": json.dumps(settings) if settings else "",
            "ref": f"r{n}",
        }


def sandbox() -> MemoryServer:
    return MemoryServer(clock=JumpingClock(START.timestamp()), limit=LIMIT, work_per_post=0.0)


def channels_of(server: MemoryServer) -> list[str]:
    return [server.add_channel(provider).id for provider in CHANNELS]


def written(path: Path, records: Iterator[dict[str, str]]) -> Path:
    first = next(records)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, first)
        writer.writeheader()
        writer.writerows(itertools.chain([first], records))
    return path


def peak() -> float:
    """The most memory that this process ever had, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


# ------------------------------------------------------------------ plan


async def plan(folder: Path, count: int = 100_000) -> None:
    async with sandbox() as server:
        path = written(folder / "c.csv", rows(channels_of(server), count))
        began = time.process_time()
        with path.open(encoding="utf-8", newline="") as file:
            for record in csv.DictReader(file):
                json.dumps({"posts": [record], "date": record["date"], "tags": []})
        base = time.process_time() - began
        for align in ("0", "15m"):
            async with sandbox_client(server) as postiz:
                began = time.process_time()
                async with postiz.campaign(path, align=align) as campaign:
                    entered = time.process_time() - began
                    forecast = await campaign.plan()
                    taken = time.process_time() - began
            has_goal = align == "0"
            name = f"plan of {count:,} rows" + ("" if has_goal else f", align {align}")
            speed = Figure(
                name=name,
                value=taken,
                unit="s",
                baseline="csv and json alone",
                base=base,
                target=2.2 if has_goal else None,
            )
            memory = Figure(
                name=f"{name}: memory", value=peak(), unit="MB", target=130 if has_goal else None
            )
            note(speed)
            note(memory)
            print(
                f"plan      {count:,} rows, align {align:3}: {taken:.2f} s (reading and checking "
                f"{entered:.2f} s; {speed.goal or 'no goal'}), {memory.value:.0f} MB "
                f"({memory.goal or 'no goal'}), {forecast.requests:,} requests; csv and json "
                f"alone {base:.2f} s"
            )


# ------------------------------------------------------------------ requests


async def requests(folder: Path, count: int = 5_000) -> None:
    async with sandbox() as server, sandbox_client(server) as postiz:
        path = written(folder / "c.csv", rows(channels_of(server), count))
        for align in ("0", "15m", "1h"):
            async with postiz.campaign(path, align=align) as campaign:
                bound = optimum(campaign, moves=align != "0")
                needed = len(campaign.requests)
            figure = note(
                Figure(
                    name=f"requests for {count:,} rows, align {align}",
                    value=needed,
                    unit="requests",
                    baseline="lower bound",
                    base=bound,
                    compared="ratio",
                    target=1,
                )
            )
            print(
                f"requests  {count:,} rows, align {align:3}: {needed:,} requests, lower bound "
                f"{bound:,}, ratio {figure.judged:.3f}; one post a request {count:,}: {figure.goal}"
            )


def optimum(campaign: Campaign, *, moves: bool) -> int:
    """Requests that no plan of these rows can do without, which all fit into one.

    Posts of one channel with different dates never share a request, nor do different dates unless
    they move.
    """
    dates: defaultdict[str, set[datetime]] = defaultdict(set)
    for row in campaign.rows:
        dates[row.channel if moves else ""].add(row.asked_for)
    return max(map(len, dates.values()))


# ------------------------------------------------------------------ journal


async def journal(folder: Path, count: int = 6_000) -> None:
    async with sandbox() as server, sandbox_client(server) as postiz:
        given = [
            CampaignRow(row["channel"], row["content"], at=row["date"])
            for row in rows(channels_of(server), count)
        ]
        async with postiz.campaign(given, journal=folder / "x.journal", align="15m") as campaign:
            bodies = list(_bodies(campaign))
    records = [
        RowRecord(ref, n, "f" * 24, "c", 0.0)
        for n, ref in enumerate(ref for _, refs in bodies for ref in refs)
    ]
    began = time.perf_counter()
    async with await Journal.open(folder / "j.journal", campaign="c", base_url="http://x") as book:
        await book.put(records)
        for body, refs in bodies:
            request = await leaves(book, msgspec.json.decode(body, type=PostRequest), refs, 0.0)
            await ends(request, {ref: f"id-{ref}" for ref in refs})
    ours = time.perf_counter() - began
    began = time.perf_counter()
    with (folder / "log").open("wb") as file:
        for body, refs in bodies:
            for entry in (body, msgspec.json.encode(refs)):
                file.write(entry)
                file.flush()
                os.fsync(file.fileno())
    base = time.perf_counter() - began
    figure = note(
        Figure(
            name="journal, a row",
            value=1000 * ours / count,
            unit="ms",
            baseline="a file that is synchronised as often",
            base=1000 * base / count,
            target=1,
        )
    )
    print(
        f"journal   {count:,} rows in {len(bodies):,} requests: {1000 * ours / count:.3f} ms a "
        f"row; a plain file that is synchronised as often {1000 * base / count:.3f} ms: "
        f"{figure.goal}"
    )


def _bodies(campaign: Campaign) -> Iterator[tuple[bytes, tuple[str, ...]]]:
    channels = {row.ref: channel for row in campaign.rows for channel in campaign.channels
                if channel.id == row.channel}  # fmt: skip
    for request in campaign.requests:
        body = build_body(
            request,
            request.date,
            client_ref=lambda row: client_ref("c", row.ref),
            channels=channels,
            medium=_no_medium,
        )
        yield msgspec.json.encode(body), tuple(row.ref for row in request.rows)


def _no_medium(name: str) -> Media:
    raise AssertionError(name)


# ------------------------------------------------------------------ job


async def job(folder: Path, count: int = 5_000) -> None:
    async with sandbox() as server, sandbox_client(server, latency=0.2) as postiz:
        path = written(folder / "c.csv", rows(channels_of(server), count))
        async with postiz.campaign(path, align="15m") as campaign:
            bound = optimum(campaign, moves=True)
            began = time.process_time()
            report = await campaign.run()
            taken = time.process_time() - began
        first, *_, last = (create.at for create in server.creates)
        best = (-(-bound // LIMIT) - 1) * 3600
        alone = -(-count // LIMIT) - 1
        assert report.complete
        makespan = note(
            Figure(
                name=f"a job of {count:,} rows",
                value=(last - first) / 3600,
                unit="h",
                baseline="optimum",
                base=best / 3600,
                compared="ratio",
                target=1.005,
            )
        )
        refusals = note(
            Figure(name="429s of the job", value=server.refusals, unit="refusals", target=0)
        )
        print(
            f"job       {count:,} rows on 12 channels, align 15m: {len(server.creates):,} requests "
            f"(lower bound {bound:,}), {makespan.value:.2f} h, makespan/optimum "
            f"{makespan.judged:.4f} ({makespan.goal}), {server.refusals} refusals (429: "
            f"{refusals.goal}), {taken:.1f} s of processor time; one post a request {alone} h"
        )


# ------------------------------------------------------------------ memory


class OnDisk(SandboxTransport):
    """Answers creates and lists as the sandbox would, but keeps the posts in a file.

    So the peak of the process is the client's, with the look at the end, which lists them all.
    """

    def __init__(self, server: MemoryServer, path: Path) -> None:
        super().__init__(server, latency=0.1)
        self.count = 0
        self._posts = sqlite3.connect(path, isolation_level=None)
        self._posts.execute("PRAGMA synchronous = OFF")
        self._posts.execute("PRAGMA cache_size = -100")  # in kB: it is not memory of the client
        self._posts.execute("CREATE TABLE posts (date TEXT, post TEXT)")
        self._posts.execute("CREATE INDEX by_date ON posts (date)")

    async def send(self, request: WireRequest) -> WireResponse:
        if request.method == "GET" and "/posts" in request.url:
            asked = parse_qs(urlsplit(request.url).query)
            between = asked["startDate"][0], asked["endDate"][0]
            query = "SELECT post FROM posts WHERE date BETWEEN ? AND ?"
            found = ",".join(post for (post,) in self._posts.execute(query, between))
            return WireResponse(200, {}, f'{{"posts": [{found}]}}'.encode())
        if request.method != "POST" or not isinstance(request.body, bytes):
            return await super().send(request)
        body = json.loads(request.body)
        answer: list[dict[str, str]] = []
        for post in body["posts"]:
            self.count += 1
            answer.append({"postId": f"p{self.count:09}", "integration": post["integration"]["id"]})
            listed = {
                "id": answer[-1]["postId"],
                "content": post["value"][0]["content"],
                "publishDate": body["date"],
                "state": "QUEUE",
                "group": f"g{self.count:09}",
                "settings": json.dumps(post["settings"]),
                "integration": {"id": post["integration"]["id"]},
            }
            self._posts.execute(
                "INSERT INTO posts VALUES (?, ?)", (body["date"], json.dumps(listed))
            )
        return WireResponse(201, {}, json.dumps(answer).encode())


async def memory(folder: Path, count: int = 50_000) -> None:
    from postiz_async._client import Postiz  # noqa: PLC0415
    from postiz_async._transport import http  # noqa: F401, PLC0415  (a client of a server has it)

    async with sandbox() as server:
        path = written(folder / "c.csv", rows(channels_of(server), count))
        async with (
            Postiz(
                api_key=server.organization.api_key,
                base_url="http://sandbox.invalid",
                advanced=AdvancedOptions(
                    clock=JumpingClock(START.timestamp()),
                    transport=OnDisk(server, folder / "posts"),
                ),
            ) as postiz,
            postiz.campaign(path, align="15m") as campaign,
        ):
            await campaign.plan()
            planned, stored = peak(), 0
            sizes: dict[int, float] = {}
            async for _ in campaign.run():
                stored += 1
                if stored in {count // 10, count}:
                    sizes[stored] = peak()
            begun, run = sizes[count // 10], sizes[count]
            grown = (run - begun) * 1e6 / (0.9 * count)
            whole = note(
                Figure(name=f"a job of {count:,} rows: memory", value=peak(), unit="MB", target=100)
            )
            each = note(
                Figure(name="memory for each row done", value=grown, unit="bytes", target=400)
            )
            print(
                f"memory    {stored:,} of {count:,} rows: {planned:.0f} MB planned, {begun:.0f} MB "
                f"after a tenth, {run:.0f} MB after the last: {grown:,.0f} bytes a row "
                f"({each.goal}; it has {path.stat().st_size / count:.0f} in the file); "
                f"{peak():.0f} MB with the sweep ({whole.goal})"
            )


SECTIONS = {
    "plan": plan,
    "requests": requests,
    "journal": journal,
    "job": job,
    "memory": memory,
}


def main() -> None:
    named = sys.argv[1:]
    if len(named) == 1:  # each section has a process of its own, so that its memory is its own
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(SECTIONS[named[0]](Path(folder)))
        return
    for name in named or SECTIONS:
        subprocess.run([sys.executable, __file__, name], check=True)


if __name__ == "__main__":
    main()
