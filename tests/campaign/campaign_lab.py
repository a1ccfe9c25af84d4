"""A campaign, a sandbox and a clock that jumps, and what a killed job leaves behind."""

from __future__ import annotations

import asyncio
import copy
import json
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import structs
from processes import PATIENCE
from world import HostClock

from postiz_async import AdvancedOptions
from postiz_async._campaign.after.mend import sweep_journal
from postiz_async._campaign.after.report import Report
from postiz_async._campaign.campaign import Campaign
from postiz_async._campaign.journal.file import JournalFile
from postiz_async._campaign.journal.journal import open_existing
from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._client import Postiz
from postiz_async._delivery.outcomes import RowState
from postiz_async._resources.api import opened
from postiz_async._sandbox import MemoryServer
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.clock import JumpingClock
from postiz_async.errors import PostizError
from postiz_async.testing._transport import SandboxTransport

START = datetime(2027, 1, 1, 8, tzinfo=UTC)


WITH_DOUBLES = ReadOptions(ignore=("doubles",))
"""Rows that say the same on one channel are meant."""


def counted(report: Report) -> dict[str, int]:
    """The rows of a report by their states; those that are published by now count as stored."""
    states = (RowState.STORED if r.state is RowState.PUBLISHED else r.state for r in report.rows)
    return dict(Counter(state.value for state in states))


class Watched(SandboxTransport):
    """Counts what is sent and does something before or after the answer to a certain request."""

    judge: Callable[[list[dict[str, Any]]], dict[str, Any] | None] | None = None
    """Looks at the posts of a create and may refuse them with a body of an error."""

    def __init__(self, sandbox: MemoryServer, latency: float) -> None:
        super().__init__(sandbox, latency=latency)
        self.is_dead = False
        self.refuses_uploads = False
        self.answers: tuple[int, bytes] | None = None
        """What is answered to each create instead of asking the server."""
        self.answered = 0
        self.sent: list[WireRequest] = []
        self.before: dict[int, Callable[[], None]] = {}
        self.after: dict[int, Callable[[], None]] = {}

    async def send(self, request: WireRequest) -> WireResponse:
        if self.is_dead:  # a process that is gone sends nothing more
            raise asyncio.CancelledError
        self.sent.append(request)
        number = len(self.sent)
        self.before.pop(number, _nothing)()
        if request.url.endswith("/upload") and self.refuses_uploads:
            return WireResponse(400, {}, b'{"message": "Unsupported file type."}')
        if self.answers is not None and request.method == "POST":
            self.answered += 1
            return WireResponse(self.answers[0], {}, self.answers[1])
        refusal = self._refusal(request)
        if refusal is not None and refusal.get("statusCode") == 413:  # a proxy's, say
            return WireResponse(413, {}, json.dumps(refusal).encode())
        if refusal is not None:  # an empty create costs what a refused one costs
            request = structs.replace(request, body=b"{}")
        response = await super().send(request)
        if refusal is not None and response.status == 400:
            response = structs.replace(response, body=json.dumps(refusal).encode())
        self.after.pop(number, _nothing)()
        return response

    def _refusal(self, request: WireRequest) -> dict[str, Any] | None:
        if self.judge is None or request.method != "POST" or not isinstance(request.body, bytes):
            return None
        return self.judge(json.loads(request.body).get("posts", []))


def _nothing() -> None:
    """What mostly happens."""


def somewhere(dice: random.Random, *, within: int) -> Callable[[Watched, Callable[[], None]], None]:
    """Dies before or after the answer to one of the next requests, or at some second."""

    def arm(transport: Watched, die: Callable[[], None]) -> None:
        number = len(transport.sent) + dice.randint(1, within)
        place = dice.choice(["before", "after", "time"])
        if place == "before":
            transport.before[number] = die
        elif place == "after":
            transport.after[number] = die
        else:
            clock = transport._sandbox.clock
            clock.call_at(clock.monotonic() + dice.choice([0.1, 0.5, 2.0, 20.0, 900.0]), die)

    return arm


class Lab:
    """One campaign file, the server that it is for, and fresh clients."""

    def __init__(self, folder: Path, *, latency: float = 0.1, **options: Any) -> None:
        self.folder = folder
        self.clock = JumpingClock(start=START.timestamp())
        self.own_clock = HostClock(self.clock)
        self.sandbox = MemoryServer(
            clock=self.clock, **({"limit": 30, "work_per_post": 0.0} | options)
        )
        self.latency = latency
        self.path = folder / "campaign.jsonl"
        self.journal = folder / "campaign.journal"
        self.transport = Watched(self.sandbox, latency)
        self.judge: Callable[[list[dict[str, Any]]], dict[str, Any] | None] | None = None

    def channel(self, provider: str, **options: Any) -> str:
        return self.sandbox.add_channel(provider, **options).id

    def write(self, records: Iterable[dict[str, Any]]) -> None:
        text = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
        self.path.write_text(text, encoding="utf-8")

    def client(self, *, reserve: int | None = None, **options: Any) -> Postiz:
        """A client that remembers nothing."""
        self.transport = Watched(self.sandbox, self.latency)
        self.transport.judge = self.judge
        return Postiz(
            api_key=self.sandbox.organization.api_key,
            base_url="http://sandbox.invalid",
            advanced=AdvancedOptions(
                clock=self.own_clock, transport=self.transport, reserve=reserve
            ),
            **options,
        )

    async def run(self, *, keep: bool = False, **options: Any) -> Report:
        """A run of a new process, to its end."""
        async with self.client() as postiz, self.campaign(postiz, **options) as campaign:
            return await campaign.run(keep=keep)

    def campaign(self, postiz: Postiz, **options: Any) -> Campaign:
        return postiz.campaign(self.path, journal=self.journal, **options)

    async def killed(
        self,
        arm: Callable[[Watched, Callable[[], None]], None],
        act: Callable[[Campaign], Awaitable[object]] | None = None,
        **options: Any,
    ) -> bool:
        """A run that dies where `arm` says, as with `kill -9`: the disk stays as it was then.

        What the server does already goes on. `act` is what the batch does in the place of a run.
        Returns whether it died before its end.
        """
        died = asyncio.Event()

        def die() -> None:
            if not died.is_set() and not task.done():
                self._freeze()
                self.transport.is_dead = True
                died.set()
                task.cancel()

        async def work() -> None:
            async with self.client() as postiz, self.campaign(postiz, **options) as campaign:
                arm(self.transport, die)
                await (campaign.run() if act is None else act(campaign))

        task = asyncio.create_task(work())
        with suppress(asyncio.CancelledError):
            await task
        if died.is_set():
            self._thaw()
        return died.is_set()

    async def killed_somewhere(
        self, dice: random.Random, within: int, work: Callable[[Postiz], Awaitable[object]]
    ) -> bool:
        """Whether work without a journal died before its end, as with `kill -9`."""
        died = asyncio.Event()

        async def act() -> None:
            async with self.client() as postiz:
                transport = self.transport

                def die() -> None:
                    transport.is_dead = True
                    died.set()
                    task.cancel()

                somewhere(dice, within=within)(transport, die)
                await work(postiz)

        task = asyncio.create_task(act())
        with suppress(asyncio.CancelledError, PostizError):
            await task
        return died.is_set()

    def _freeze(self) -> None:
        with self._written_by_nobody():
            self._copy(self.folder, self.folder / "frozen")

    @contextmanager
    def _written_by_nobody(self) -> Iterator[None]:
        """Keep a thread of the run from writing: its files are copied one after the other."""
        journal = self.folder / "campaign.journal"
        if not journal.exists():
            yield
            return
        connecting = sqlite3.connect(journal, timeout=PATIENCE, isolation_level=None)
        with closing(connecting) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield

    def _thaw(self) -> None:
        for path in self.folder.glob("campaign.journal*"):
            path.unlink()
        self._copy(self.folder / "frozen", self.folder)

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        shutil.rmtree(target, ignore_errors=True) if target.name == "frozen" else None
        target.mkdir(exist_ok=True)
        for path in source.glob("campaign.journal*"):
            if not path.name.endswith((".lock", "-shm")):
                shutil.copy(path, target / path.name)

    def host(self, name: str) -> Lab:
        """Another host: the same server, and a folder of its own with the same campaign file."""
        other = copy.copy(self)
        other.own_clock = HostClock(self.clock)
        other.folder = self.folder / name
        other.folder.mkdir()
        other.path = other.folder / self.path.name
        other.journal = other.folder / self.journal.name
        shutil.copy(self.path, other.path)
        return other

    # -------------------------------------------------------------- what came of it

    @property
    def creates(self) -> list[int]:
        """The statuses of the creates that the server answered."""
        return [create.status for create in self.sandbox.creates]

    def contents(self) -> Counter[str]:
        return Counter(post.content for post in self.sandbox.posts)

    def assert_each_once(self, contents: Iterable[str]) -> None:
        assert self.contents() == Counter(contents)
        assert self.sandbox.refusals == 0


async def swept(postiz: Postiz, lab: Lab) -> dict[str, int]:
    """The rows of the journal after a sweep, by finding; those that it took over by their note."""
    client = opened(postiz)
    async with await open_existing(client, JournalFile(lab.journal)) as journal:
        before = await journal.rows()
        await sweep_journal(client, journal)
        after = await journal.rows()
    return dict(Counter(_found(row, before[ref]) for ref, row in after.items() if row.post_id))


def _found(row: RowRecord, before: RowRecord) -> str:
    taken_over = "adopted" if row.post_id != before.post_id else "fine"
    return row.finding.value or taken_over


def lists_of(lab: Lab) -> int:
    """How many lists the last client asked for."""
    asked = [urlsplit(each.url).path for each in lab.transport.sent if each.method == "GET"]
    return sum(path.endswith("/posts") for path in asked)


def at(hours: float) -> str:
    """A date so many hours after the start, as a campaign writes it."""
    return (START + timedelta(seconds=round(hours * 3600))).isoformat()


def rows(channels: list[str], count: int, *, hours: float = 24.0, step: float = 1.0) -> list[Any]:
    """Rows on several channels, two each moment, so that requests carry a few posts."""
    return [
        {
            "channel": channels[number % len(channels)],
            "date": at(hours + step * (number // (2 * len(channels)))),
            "content": f"post {number}",
        }
        for number in range(count)
    ]


def with_bad(channels: list[str], count: int, *places: int) -> list[dict[str, Any]]:
    """Rows of one moment, of which some are to be refused."""
    return [
        {
            "channel": channels[n % len(channels)],
            "date": at(9),
            "content": f"bad {n}" if n in places else f"post {n}",
        }
        for n in range(count)
    ]


def bad(posts: list[dict[str, Any]]) -> list[int]:
    """The places of posts that the server refuses."""
    return [n for n, post in enumerate(posts) if post["value"][0]["content"].startswith("bad")]


def refuse_bad(posts: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What a server says of them that names none."""
    return {"msg": "no"} if bad(posts) else None
