"""Campaigns whose runs and undos are killed, by one host or by several: see `kill_lab`."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kill_lab import NAMED, PAGES, Kills, Tally
from postgres_server import shared_server
from processes import COMMAND, Process, Server, ended, wait_until
from samples import PNG

from postiz_async import CampaignStatus
from postiz_async._campaign.journal.places import journal_at
from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._campaign.journal.summary import Summary, read_summary
from postiz_async._delivery.matching import CLIENT_REF, row_ref
from postiz_async._delivery.outcomes import RowState

SPEED = 400.0
CHANNELS = (
    "cmmastodon000000000000001",
    "cmtelegram000000000000001",
    "cmthreads0000000000000001",
    "cmbluesky0000000000000001",
)
ATTEMPTS = 12
"""Runs in which a campaign has to come to its end when nobody kills any more."""

OPEN = {RowState.PLANNED, RowState.SENDING, RowState.UNKNOWN}

Record = dict[str, Any]
"""A row of a campaign's file."""


@dataclass
class CampaignTally(Tally):
    """What was done and what came of it."""

    campaigns: int = 0
    runs: int = 0
    rows: int = 0
    requests: int = 0
    open_rows: int = 0
    """Rows that a kill left in a request without an outcome."""
    states: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        ends = ", ".join(f"{count} {state}" for state, count in self.states.most_common())
        return (
            f"{self.kills} kills in {self.campaigns} campaigns ({self.runs} runs, "
            f"{self.seconds:.0f} s); they left {self.open_rows} rows without an outcome\n"
            f"{self.struck}\n"
            f"{self.rows} rows: {ends}; {self.creates} creates reached the counter"
            f"{f' for {self.requests} requests' if self.requests else ''}\n"
            f"{self.verdict}, undecided {self.states['undecided']}, 429s {self.refusals}"
        )


@dataclass
class EditsTally(CampaignTally):
    edits: Counter[str] = field(default_factory=Counter)
    foreign_lost: int = 0
    foreign: int = 0

    def __str__(self) -> str:
        edits = ", ".join(f"{count} {kind}" for kind, count in self.edits.most_common())
        return (
            f"{self.kills} kills in {self.campaigns} campaigns ({self.runs} commands, "
            f"{self.seconds:.0f} s); {self.rows} rows: {edits}\n"
            f"{self.struck}\n"
            f"{self.verdict}, foreign posts gone {self.foreign_lost} of {self.foreign}, "
            f"429s {self.refusals}"
        )

    @property
    def troubles(self) -> list[str]:
        gone = [f"{self.foreign_lost} foreign posts are gone"] if self.foreign_lost else []
        return [*super().troubles, *gone]


def many_kills(
    home: Path,
    kills: int,
    seed: int,
    *,
    speed: float = SPEED,
    series: type[RunKills] | None = None,
    at_a_time: int = 3,
) -> CampaignTally:
    """Kill so often, in several campaigns at a time, each against a server of its own."""
    made = series or RunKills
    began = time.monotonic()
    shares = [kills // at_a_time + (n < kills % at_a_time) for n in range(at_a_time)]
    with ThreadPoolExecutor(at_a_time) as pool:
        tallies = pool.map(
            lambda n: made(home / f"series{n}", seed * at_a_time + n, shares[n], speed).run(),
            range(at_a_time),
        )
        total = sum(tallies, start=CampaignTally())
    total.seconds = time.monotonic() - began
    return total


class CampaignKills(Kills[CampaignTally]):
    """Campaigns against one server, one after another.

    Args:
        kills: how often their commands are killed.
    """

    creates = (
        ("drop_answer", 0.20, ""),
        ("late_work", 0.02, "delay=60"),
        ("late_work", 0.02, "delay=400"),
        ("hang", 0.01, "delay=200"),
        ("stop", 0.01, "after_items=0:half"),
        ("stop", 0.01, "after_items=1:half"),
        ("stop", 0.01, "after_items=2:half"),
        ("stop", 0.01, "after_items=3:half"),
        ("stop", 0.01, "after_items=1"),
        ("reset", 0.03, ""),
        ("error_before", 0.02, "status=500"),
        ("empty_401", 0.02, ""),
        *PAGES,
    )
    limit = 300
    kills_of_a_campaign = 25
    moment = 0.4
    """Seconds within which a kill comes after a request."""

    def __init__(self, home: Path, seed: int, kills: int, speed: float = SPEED) -> None:
        super().__init__(home, seed, speed, self.new_tally())
        self.kills = kills

    def new_tally(self) -> CampaignTally:
        return CampaignTally()

    @contextmanager
    def serving(self, *options: str) -> Iterator[Server]:
        release = ["HEAD", "v2.23.0"][self.seed % 2]  # the newest release lists no settings
        with super().serving("--release", release, *options) as server:
            yield server

    def work(self) -> None:
        while self.tally.kills < self.kills:
            self.tally.campaigns += 1
            folder = self.home / f"campaign{self.tally.campaigns}"
            folder.mkdir()
            (folder / "a.png").write_bytes(PNG)
            left = self.kills - self.tally.kills
            self.campaign(folder / "campaign.jsonl", min(left, self.kills_of_a_campaign))

    def campaign(self, file: Path, kills: int) -> None:
        """One campaign, and so many kills unless it comes to its end."""
        raise NotImplementedError

    # -------------------------------------------------------------- commands

    def command(self, file: Path, verb: str) -> list[str]:
        """What is killed."""
        raise NotImplementedError

    def is_at_its_end(self, file: Path, code: int) -> bool:
        """Whether a command that ended so has done all."""
        raise NotImplementedError

    def start_command(self, file: Path, verb: str) -> Process:
        self.tally.runs += 1
        return self.start(self.command(file, verb))

    def finish(self, file: Path, verb: str) -> None:
        """Run until nothing is left to be done; an outage may stop a run before that."""
        err = "it takes too long"
        for _ in range(ATTEMPTS):
            with ended(self.start_command(file, verb)) as process:
                try:
                    err = self.look_at_end(process)
                except subprocess.TimeoutExpired:  # a busy machine; it is killed once more
                    continue
            if self.is_at_its_end(file, process.returncode or 0):
                return
        self.tally.wrong.append(f"{file}: {verb} not at its end after {ATTEMPTS} runs: {err}")

    # -------------------------------------------------------------- what its journal knows

    def name(self, file: Path) -> str:
        """The campaign's."""
        return file.name

    def summary(self, file: Path) -> Summary | None:
        """What its journal knows, if there is one yet."""
        journal = file.with_suffix(".journal")
        return read_summary(journal) if journal.exists() else None

    def rows_of(self, file: Path) -> Sequence[RowRecord]:
        """The rows that its journal knows."""
        summary = self.summary(file)
        return () if summary is None else summary.rows


class RunKills(CampaignKills):
    """Kills runs; each second campaign is urgent: many of its dates come while it is run."""

    others = (("drop_answer", 0.02, ""), ("reset", 0.02, ""), ("error_before", 0.02, "status=503"))

    def campaign(self, file: Path, kills: int) -> None:
        is_urgent = self.tally.campaigns % 2 == self.seed % 2
        now = self.server.now.replace(microsecond=0)
        first, apart = (20, 6) if is_urgent else (1_200, 300)
        dates = [now + timedelta(minutes=first + apart * n) for n in range(8 * kills)]
        records = self.rows(dates)
        write(file, records)
        self.kill_often(file, kills, is_urgent=is_urgent)
        self.finish(file, "run")
        self.judge(file, records)

    def rows(self, dates: Sequence[datetime]) -> list[Record]:
        """The rows of a campaign."""
        return rows_at(self.dice, dates, CHANNELS)

    def kill_often(self, file: Path, kills: int, *, is_urgent: bool) -> None:
        """Kill so often, unless the campaign comes to its end."""
        for _ in range(kills):
            with ended(self.start_command(file, "run")) as process:
                # rows that are in no journal yet when their dates pass are refused
                if is_urgent and not self.rows_of(file):
                    self.wait_for_rows(file, process)
                    time.sleep(self.dice.uniform(0.0, self.moment))
                elif self.dice.random() < 0.9:
                    self.wait_for_work([process])
                else:
                    time.sleep(self.dice.uniform(0.0, self.moment))
                was_working = self.kill(process)
                self.look_at_end(process)
            self.count_open(file)
            if not was_working and process.returncode == 0:
                break

    def wait_for_rows(self, file: Path, process: Process) -> None:
        wait_until(
            lambda: process.poll() is not None or bool(self.rows_of(file)), "the rows are planned"
        )

    def count_open(self, file: Path) -> None:
        """Count the rows that a kill left without an outcome."""
        states = Counter(row.state for row in self.rows_of(file))
        self.tally.open_rows += states[RowState.SENDING] + states[RowState.UNKNOWN]

    def command(self, file: Path, verb: str) -> list[str]:
        return [*COMMAND, verb, str(file), "--skip-invalid", "--ignore", "doubles"]

    def is_at_its_end(self, file: Path, code: int) -> bool:
        rows = self.rows_of(file)
        # 2 without rows: every date has passed
        return not any(row.state in OPEN for row in rows) if rows else code == 2

    def judge(self, file: Path, records: Sequence[Record]) -> None:
        """Hold what is stored against the campaign, and its journal against what is stored."""
        self.tally.rows += len(records)
        summary = self.summary(file)
        if summary is None:  # all dates passed before a run could begin
            self.tally.states["never planned"] += len(records)
            return
        marks = client_refs(self.name(file), records)
        posts: dict[str, list[dict[str, Any]]] = {}
        for post in self.server.posts:
            posts.setdefault(str(post["settings"].get(CLIENT_REF)), []).append(post)
        rows = {row.ref: row for row in summary.rows}
        self.tally.requests += summary.requests
        for record in records:
            row = rows.get(record["ref"])
            self.tally.states[row.state.value if row is not None else "never planned"] += 1
            self._judge_row(record, row, posts.get(marks[record["ref"]], []))

    def _judge_row(
        self, record: Record, row: RowRecord | None, posts: Sequence[dict[str, Any]]
    ) -> None:
        what = f"campaign {self.tally.campaigns} of seed {self.seed}: {record}: {row}: {posts}"
        is_stored = row is not None and row.state in {RowState.STORED, RowState.PUBLISHED}
        if len(posts) > 1:
            self.tally.doubled.append(what)
        elif is_stored and not posts:
            self.tally.lost.append(what)
        elif posts and row is not None and row.state is RowState.REFUSED:
            self.tally.called_refused.append(what)
        elif is_stored and row is not None:
            (post,) = posts
            thread = [part["content"] for part in post["thread"]]
            is_whole = thread == record.get("thread", []) and (
                post["has_job"] or post["state"] == "PUBLISHED"
            )
            if post["id"] != row.post_id or not (is_whole or row.note in NAMED):
                self.tally.wrong.append(what)
        elif posts and (row is None or row.state is not RowState.UNDECIDED):
            self.tally.wrong.append(what)


class SharedRunKills(RunKills):
    """Three hosts run each campaign, with its journal in PostgreSQL; one is killed at a time.

    A second of the database is as long as `speed` seconds of the hosts, so a host that is slow on a
    busy machine loses what it holds to others all the time.
    """

    hosts = 3

    def work(self) -> None:
        from postiz_async.stores.postgres import ddl  # noqa: PLC0415  (an extra)

        self.schema = f"kills_{self.home.name}_{self.seed}"
        self.url = shared_server().address("postgres")
        shared_server().run(ddl(self.schema))
        super().work()

    def name(self, file: Path) -> str:
        return file.parent.name

    def command(self, file: Path, verb: str) -> list[str]:
        shared = ["--store", self.url, "--schema", self.schema, "--name", self.name(file)]
        return [*super().command(file, verb), *shared]

    def summary(self, file: Path) -> Summary | None:
        place = journal_at(self.url, self.schema, self.name(file), None)
        return read_summary(place) if place.is_there else None

    def kill_often(self, file: Path, kills: int, *, is_urgent: bool) -> None:
        with ExitStack() as hosts:

            def start() -> Process:
                return hosts.enter_context(ended(self.start_command(file, "run")))

            running = [start()]
            if is_urgent:
                self.wait_for_rows(file, running[0])
            running += [start() for _ in range(self.hosts - 1)]
            for _ in range(kills):
                self.wait_for_work(running)
                doomed = running.pop(self.dice.randrange(len(running)))
                was_working = self.kill(doomed)
                self.look_at_end(doomed)
                self.count_open(file)
                if not was_working and doomed.returncode == 0:
                    break
                running.append(start())
            for host in running:
                self.look_at_end(host)


class EditKills(CampaignKills):
    """Kills runs that change posts, or undos.

    A campaign is run, then its file is edited in every way a file can be. Beside it lie posts of
    somebody else: at the same moments, on the same channels, some with the same texts.

    Args:
        verb: `change` or `undo`.
    """

    others = (
        ("drop_answer", 0.20, "route=delete_post_group"),
        ("reset", 0.05, "route=delete_post_group"),
        ("error_after", 0.05, "route=delete_post_group:status=502"),
        ("drop_answer", 0.10, "route=change_post_status"),
        ("drop_answer", 0.10, "route=update_post_settings"),
        ("drop_answer", 0.01, ""),
        ("reset", 0.01, ""),
        ("error_before", 0.01, "status=503"),
    )
    kills_of_a_campaign = 8
    moment = 0.1
    tally: EditsTally

    def __init__(self, home: Path, seed: int, kills: int, verb: str) -> None:
        super().__init__(home, seed, kills)
        self.verb = verb

    def new_tally(self) -> EditsTally:
        return EditsTally()

    def command(self, file: Path, verb: str) -> list[str]:
        more = {
            "run": ["run"],
            "change": ["run", "--prune", "--yes"],
            "undo": ["undo", "--yes"],
            "run again": ["run", "--again"],
        }
        return [*COMMAND, *more[verb], str(file)]

    def is_at_its_end(self, file: Path, code: int) -> bool:
        if code != 1 or self.verb == "undo":
            return code == 0
        status = CampaignStatus.read(file)  # a run that found equal posts of others ends with 1
        edits = status.compare().edits
        return not (edits.new or edits.changed or edits.gone or status.report.open)

    def campaign(self, file: Path, kills: int) -> None:
        before = self._records()
        write(file, before)
        self.finish(file, "run")
        foreign = self._add_foreign(file, before)
        known = {str(row.post_id) for row in self.rows_of(file)}
        after = [] if self.verb == "undo" else list(self._edited(before))
        write(file, after or before)
        for _ in range(kills):
            with ended(self.start_command(file, self.verb)) as process:
                more = 1 + self.dice.choice([0, 2, 5, 10, 20, 40])
                self.wait_for_work([process], more=more, moment=self.moment)
                was_working = self.kill(process)
                self.look_at_end(process)
            if not was_working and process.returncode in {0, 1}:
                break
        self.finish(file, self.verb)
        self._judge(file, after, foreign, known)

    def _records(self) -> list[Record]:
        campaign, now = self.tally.campaigns, self.server.now.replace(microsecond=0)
        dates = [now + timedelta(hours=300 * campaign + 200 + 30 * n) for n in range(6)]
        records = rows_at(self.dice, dates, CHANNELS, together=(5,), media=0.0)
        for number, record in enumerate(records):
            record["content"] = f"post {number} of campaign{campaign} for all"
        return records

    def _edited(self, before: Sequence[Record]) -> Iterator[Record]:
        for number, record in enumerate(before):
            kind = self.dice.choice(
                ["same", "text", "date", "channel", "gone", "thread", "draft", "settings", "text"]
            )
            self.tally.edits[kind] += 1
            later = datetime.fromisoformat(record["date"]) + timedelta(hours=5)
            others = [each for each in CHANNELS if each != record["channel"]]
            edits: dict[str, Record] = {
                "text": {"content": f"{record['content']}, better"},
                "date": {"date": later.isoformat()},
                "channel": {"channel": self.dice.choice(others)},
                "thread": {"thread": [f"other part {number}", "and the last"]},
                "draft": {"type": "draft"},
                "settings": {"settings": {"who": f"{number}"}},
            }
            if kind != "gone":
                yield record | edits.get(kind, {})

    def _add_foreign(self, file: Path, records: Sequence[Record]) -> set[str]:
        """Posts beside those of the campaign, from a campaign of another name."""
        theirs = file.with_name("theirs.jsonl")
        write(
            theirs,
            [
                record
                | {
                    "ref": f"theirs-{n}",
                    "content": self.dice.choice([record["content"], f"hi {n}"]),
                }
                for n, record in enumerate(self.dice.sample(list(records), 8))
            ],
        )
        self.finish(theirs, "run again")
        ids = {str(row.post_id) for row in self.rows_of(theirs) if row.post_id is not None}
        self.tally.foreign += len(ids)
        return ids

    def _judge(
        self, file: Path, records: Sequence[Record], foreign: set[str], known: set[str]
    ) -> None:
        rows = self.rows_of(file)
        there = {str(post["id"]): post for post in self.server.posts}
        self.tally.rows += len(known)
        self.tally.foreign_lost += len(foreign - there.keys())
        stored = {str(row.post_id): row for row in rows if row.state is RowState.STORED}
        self.tally.lost += [f"{file}: {row}" for i, row in stored.items() if i not in there]
        refused = [row for row in rows if row.state is RowState.REFUSED]
        self.tally.called_refused += [f"{file}: {row}" for row in refused]  # nothing here can be
        wanted = Counter(json.dumps(_said(record)) for record in records)
        have = Counter(json.dumps(_is(there[post_id])) for post_id in stored if post_id in there)
        unsure = sum(row.note in NAMED for row in rows)
        if (wanted - have).total() > unsure or (have - wanted).total() > unsure:
            what = f"{file} of seed {self.seed}"
            self.tally.wrong.append(f"{what}: missing {wanted - have}, too many {have - wanted}")
        name = f"of {file.parent.name} "  # the campaign's posts name it
        ours = {i for i, post in there.items() if name in post["content"] or i in known} - foreign
        self.tally.doubled += [f"{file}: {there[i]}" for i in ours - stored.keys()]


def _said(record: Record) -> list[Any]:
    state = "DRAFT" if record.get("type") == "draft" else "QUEUE"
    date = datetime.fromisoformat(record["date"]).isoformat()
    settings = record.get("settings", {}).get("who", "")
    where = [record["channel"], date, record["content"], record.get("thread", [])]
    return [*where, state, settings, state == "QUEUE"]


def _is(post: dict[str, Any]) -> list[Any]:
    date = datetime.fromisoformat(post["date"]).replace(microsecond=0).isoformat()
    thread = [part["content"] for part in post["thread"]]
    settings = post["settings"].get("who", "")
    where = [post["channel_id"], date, post["content"], thread]
    return [*where, post["state"], settings, post["has_job"]]


# ------------------------------------------------------------------ files of campaigns


def rows_at(
    dice: random.Random,
    dates: Iterable[datetime],
    channels: Sequence[str],
    *,
    together: Sequence[int] = (1, 2, 3, 4, 6),
    media: float = 0.1,
) -> list[Record]:
    """So many posts at each date: threads, media, equal texts."""
    records: list[Record] = []
    for date in dates:
        for _ in range(dice.choice(together)):
            number = len(records) + 1
            record: Record = {
                "ref": f"row-{number}",
                "channel": dice.choice(channels),
                "date": date.isoformat(),
                "content": dice.choice([f"post {number}", f"a < b & {number}", "good morning"]),
            }
            if dice.random() < 0.3:
                record["thread"] = [f"second of {number}", "third"]
            if dice.random() < media:
                record["media"] = "a.png"
            records.append(record)
    return records


def write(file: Path, records: Iterable[Record]) -> None:
    file.write_text("\n".join(json.dumps(record) for record in records), encoding="utf-8")


def said_date(record: Record) -> str:
    """The date of a row in UTC."""
    return datetime.fromisoformat(record["date"]).astimezone(UTC).isoformat()


def client_refs(name: str, records: Iterable[Record]) -> dict[str, str]:
    """The mark of each row's post, by ref."""
    return {
        record["ref"]: row_ref(
            name,
            record["ref"],
            channel=record["channel"],
            date=said_date(record),
            texts=("text", record["content"], *record.get("thread", ())),
        )
        for record in records
    }
