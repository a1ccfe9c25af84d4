"""Two hosts that run one campaign, are killed, lose their journals and get older copies back.

Everything is in one process on a clock that jumps: the server (the sandbox at its worst), and the
runs, which die as with `kill -9`: their journal is as it was on the disk at that moment, and what
the server does already goes on. See `campaign_lab.Lab.killed`. The wall clocks of the hosts jump by
hours, and now and then a host is started again.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from campaign_kills import client_refs, rows_at
from campaign_lab import START, WITH_DOUBLES, Lab, somewhere
from gateways import PAGE_STATUSES
from kill_lab import NAMED, Tally
from samples import PNG
from wall_jumps import HOURS

from postiz_async import NewPost
from postiz_async._campaign.after.report import Report
from postiz_async._campaign.journal.rows import Finding
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._delivery.matching import CLIENT_REF
from postiz_async._delivery.outcomes import RowState
from postiz_async._sandbox import Fault
from postiz_async.errors import CampaignError, PostizError

FAULTS = (
    Fault("drop_answer", route="create_post", times=None, probability=0.20),
    Fault("reset", route="create_post", times=None, probability=0.05),
    Fault("stop", route="create_post", times=None, probability=0.03, after_items=1, half=True),
    Fault("late_work", route="create_post", times=None, probability=0.03, delay=200.0),
    Fault("hang", route="create_post", times=None, probability=0.02, delay=500.0),
    *(
        Fault("error_after", route="create_post", times=None, probability=0.01, status=status)
        for status in PAGE_STATUSES
    ),
    Fault("drop_answer", route="delete_post_group", times=None, probability=0.2),
    Fault("reset", route="delete_post_group", times=None, probability=0.1),
    Fault("reset", route="change_post_status", times=None, probability=0.1),
    Fault("reset", route="list_posts", times=None, probability=0.03),
)
STEPS = 8
"""What happens to the hosts before they are left in peace."""

ATTEMPTS = 6
"""Runs of each in which they have to come to their end then."""

PROVIDERS = ("mastodon", "telegram", "threads")


@dataclass
class HostTally(Tally):
    """What was done and what came of it; wrong are also exit codes and journals that err."""

    rounds: int = 0
    runs: int = 0
    restored: int = 0
    rows: int = 0
    refused: int = 0
    """Runs that stopped because rows were in Postiz and nobody had said what to do."""
    deleted: int = 0
    """Doubles that a sweep removed."""
    told: list[str] = field(default_factory=list)
    """Doubles that no host may remove: nobody knows whether the first has its whole thread."""

    def __str__(self) -> str:
        return (
            f"{self.rounds} rounds, {self.runs} runs, {self.kills} of them killed, "
            f"{self.restored} journals restored or lost, {self.refused} runs asked first\n"
            f"{self.rows} rows: {self.verdict}; {self.deleted} doubles removed by a sweep, "
            f"{len(self.told)} left and told, 429s {self.refusals}"
        )


def campaign(dice: random.Random, lab: Lab) -> list[dict[str, Any]]:
    """Eight to fourteen moments, so at least as many requests, with one to four posts each."""
    dates = [START + timedelta(days=20, hours=7 * n) for n in range(dice.randint(8, 14))]
    channels = [lab.channel(provider) for provider in PROVIDERS]
    records = rows_at(dice, dates, channels, together=(1, 2, 3, 4))
    lab.write(records)
    for fault in FAULTS:
        lab.sandbox.faults.add(fault)
    return records


class Host:
    """One host: its folder with campaign and journal, and the copies that it made."""

    def __init__(self, lab: Lab, dice: random.Random, tally: HostTally) -> None:
        self.lab = lab
        self.dice = dice
        self.tally = tally

    def _begin(self) -> None:
        """A run, whose machine may have been started again, and whose wall clock jumps."""
        self.tally.runs += 1
        clock, host = self.lab.clock, self.lab.own_clock
        if self.dice.random() < 0.1:
            host.start_again(self.dice.choice([60.0, 1e7]))
        host.ahead = self.dice.choice(HOURS) * 3_600
        later = clock.monotonic() + self.dice.choice([0.5, 5.0, 60.0, 900.0])
        ahead = self.dice.choice(HOURS) * 3_600
        clock.call_at(later, partial(setattr, host, "ahead", ahead))

    async def run(self, **options: Any) -> int:
        """The exit code of a run that nobody kills, as the command line has it."""
        self._begin()
        try:
            report = await self.lab.run(existing="adopt", reading=WITH_DOUBLES, **options)
        except CampaignError:
            self.tally.refused += 1
            return 2
        except PostizError:
            return 1
        return 0 if is_success(report) else 1

    async def killed(self) -> None:
        """A run that dies at some moment, if it does not end before."""
        self._begin()
        with suppress(PostizError):
            self.tally.kills += await self.lab.killed(
                somewhere(self.dice, within=30), existing="adopt", reading=WITH_DOUBLES
            )

    def save(self) -> Path:
        """Copy the journal alone, as it is after a run or a kill."""
        copies = self.lab.folder / "copies"
        copies.mkdir(exist_ok=True)
        place = copies / f"{len(list(copies.iterdir()))}.journal"
        if self.lab.journal.exists():
            shutil.copy(self.lab.journal, place)
        return place

    def restore(self, copy: Path | None) -> None:
        """Put a copy in the place of the journal, or nothing."""
        for path in self.lab.folder.glob("campaign.journal*"):
            path.unlink()
        if copy is not None and copy.exists():
            shutil.copy(copy, self.lab.journal)
        self.tally.restored += 1


def is_success(report: Report) -> bool:
    """Whether the command line exits with 0."""
    return report.complete and not report.doubled


async def one_round(folder: Path, seed: int, *, release: str = "HEAD") -> HostTally:
    """One campaign on two hosts until it is at its end, and what came of it."""
    random.seed(seed)
    dice = random.Random(seed)  # noqa: S311
    tally = HostTally(rounds=1)
    limit = dice.choice([6, 30, 300])
    lab = Lab(folder, limit=limit, work_per_post=0.02, seed=seed, release=release)
    async with lab.sandbox:
        records = campaign(dice, lab)
        hosts = [Host(lab.host(name), dice, tally) for name in ("a", "b")]
        for host in hosts:
            (host.lab.folder / "a.png").write_bytes(PNG)
            host.lab.latency = dice.choice([0.02, 0.1, 0.4])
        await _live(hosts, dice)
        lab.sandbox.faults.clear()
        await lab.clock.sleep(1_000)  # what was late is done
        codes = await _finish(hosts)
        await lab.clock.sleep(1_000)
        what, lists_marks = f"seed {seed}, {release}", release == "HEAD"
        judge(tally, lab, records, hosts, codes, what, lists_marks=lists_marks)
    return tally


async def _live(hosts: Sequence[Host], dice: random.Random) -> None:
    """Runs, together or one by one, that are killed or not; copies are made and put back."""
    copies: list[Path | None] = [None]
    for _ in range(STEPS):
        step = dice.random()
        if step < 0.35:
            await asyncio.gather(*(host.killed() for host in hosts))
        elif step < 0.6:
            await dice.choice(hosts).killed()
        elif step < 0.7:
            await asyncio.gather(hosts[0].run(), hosts[1].killed())
        elif step < 0.85:
            copies.append(dice.choice(hosts).save())
        else:
            dice.choice(hosts).restore(dice.choice(copies))
        await hosts[0].lab.clock.sleep(dice.choice([0.0, 1.0, 60.0, 4_000.0]))


async def _finish(hosts: Sequence[Host]) -> list[int]:
    """Run both until nothing is left to be done; the exit codes of their last runs."""
    await asyncio.gather(*(host.run() for host in hosts))
    codes = [1 for _ in hosts]
    for _ in range(ATTEMPTS):
        codes = [await host.run() for host in hosts]
        if not any(codes):
            break
    return codes


def judge(
    tally: HostTally,
    lab: Lab,
    records: Sequence[dict[str, Any]],
    hosts: Sequence[Host],
    codes: Sequence[int],
    what: str,
    *,
    lists_marks: bool,
) -> None:
    """Hold what is stored against the campaign, and what the hosts say against what is stored."""
    tally.rows += len(records)
    tally.refusals += lab.sandbox.refusals
    posts: dict[str, list[Any]] = {}
    for post in lab.sandbox.posts:
        posts.setdefault(str(post.settings.get(CLIENT_REF)), []).append(post)
    marks = client_refs(lab.path.name, records)
    for record in records:
        there = posts.pop(marks[record["ref"]], [])
        if not there:
            tally.lost.append(f"{what}: {record}")
        elif len(there) > 1:
            ids = [post.id for post in there]
            is_told = "thread" in record and all(_tells(host, record["ref"], ids) for host in hosts)
            (tally.told if is_told else tally.doubled).append(f"{what}: {record}: {ids}")
    tally.wrong += [f"{what}: nobody's {each}" for each in posts.values()]
    is_once = not (tally.lost or tally.doubled or tally.told)
    if [code == 0 for code in codes] != [is_once for _ in codes]:
        tally.wrong.append(f"{what}: exit codes {codes}")
    for host in hosts:
        name = f"{what}, host {host.lab.folder.name}"
        _judge_journal(tally, lab, host, name, lists_marks=lists_marks)
    sent = sum(create.posts for create in lab.sandbox.creates if create.status == 201)
    tally.deleted += max(0, sent - len(lab.sandbox.posts))


def _tells(host: Host, ref: str, ids: Sequence[str]) -> bool:
    """Whether a host says that a row is stored twice, and names the posts that it does not hold."""
    row = next(row for row in read_summary(host.lab.journal).rows if row.ref == ref)
    others = [each for each in ids if each != row.post_id]
    is_held = len(others) < len(ids)
    return is_held and row.finding is Finding.DOUBLED and all(each in row.remark for each in others)


def _judge_journal(tally: HostTally, lab: Lab, host: Host, what: str, *, lists_marks: bool) -> None:
    posts = {post.id: post for post in lab.sandbox.posts}
    by_ref = {record["ref"]: record for record in read_records(host.lab.path)}
    for row in read_summary(host.lab.journal).rows:
        post = posts.get(row.post_id or "")
        if row.state is RowState.REFUSED:  # nothing here can be refused
            tally.called_refused.append(f"{what}: {row}")
            continue
        thread = by_ref[row.ref].get("thread", [])
        if post is None:
            # where no marks are listed, what the other host replaced is somebody's who deleted it
            if row.finding is not Finding.DELETED or lists_marks:
                tally.wrong.append(f"{what}: {row} is not there")
            continue
        is_whole = post.has_job and [part.content for part in post.thread] == thread
        if not is_whole and row.note not in NAMED:
            tally.wrong.append(f"{what}: {row} is not whole: {post}")


def read_records(path: Path) -> list[dict[str, Any]]:
    """The rows of a campaign file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# ------------------------------------------------------------------ the baseline


class Naive(Host):
    """Notes what was answered in a file, and sends again what was not."""

    async def run(self, **_: Any) -> int:
        self.tally.runs += 1
        async with self.lab.client() as postiz:
            await self._send(postiz)
        return 0

    async def killed(self) -> None:
        self.tally.runs += 1
        died = asyncio.Event()

        def die() -> None:
            self.lab.transport.is_dead = True
            died.set()
            task.cancel()

        async def work() -> None:
            async with self.lab.client() as postiz:
                somewhere(self.dice, within=30)(self.lab.transport, die)
                await self._send(postiz)

        task = asyncio.create_task(work())
        with suppress(asyncio.CancelledError):
            await task
        self.tally.kills += died.is_set()

    async def _send(self, postiz: Any) -> None:
        notes = self.lab.journal
        done = set(notes.read_text("utf-8").split()) if notes.exists() else set()
        for record in read_records(self.lab.path):
            at = datetime.fromisoformat(record["date"])
            mark = {"naive_ref": record["ref"]}
            thread = tuple(record.get("thread", ()))
            post = NewPost(record["channel"], record["content"], (), mark, thread)
            while record["ref"] not in done:
                try:
                    await postiz.posts.schedule(post, at=at, validate=False)
                except PostizError:
                    await self.lab.clock.sleep(5)
                else:
                    done.add(record["ref"])
                    with notes.open("a") as out:
                        out.write(f"{record['ref']}\n")


async def naive_round(folder: Path, seed: int) -> HostTally:
    """The same with hosts that note what was answered."""
    random.seed(seed)
    dice = random.Random(seed)  # noqa: S311
    tally = HostTally(rounds=1)
    lab = Lab(folder, limit=dice.choice([30, 300]), work_per_post=0.02, seed=seed)
    async with lab.sandbox:
        records = campaign(dice, lab)
        hosts = [Naive(lab.host(name), dice, tally) for name in ("a", "b")]
        await _live(hosts, dice)
        lab.sandbox.faults.clear()
        await _finish(hosts)
        await lab.clock.sleep(1_000)
        stored = Counter(str(post.settings.get("naive_ref")) for post in lab.sandbox.posts)
    tally.rows += len(records)
    tally.refusals += lab.sandbox.refusals
    for record in records:
        if stored[record["ref"]] > 1:
            tally.doubled.append(record["ref"])
        elif not stored[record["ref"]]:
            tally.lost.append(record["ref"])
    return tally
