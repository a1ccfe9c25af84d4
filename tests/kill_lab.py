"""Runs that are killed at random against a server at its worst: processes on both sides.

The runner is `python -m postiz_async run`, killed with SIGKILL, and the server `python -m
postiz_async sandbox` with faults on every route. Both are on one clock that runs `SPEED` times as
fast as the machine's: the hour of the quota, the 12 minutes in which a lost request settles, the
time-outs and what the server does late are all scaled by that one factor. On a busy machine many
answers come too late then, which is a fault like others. The wall clock of each run jumps by hours,
see `wall_jumps`.
"""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gateways import PAGE_STATUSES
from processes import (
    COMMAND,
    PATIENCE,
    child_environment,
    ended,
    launch,
    sandbox_process,
    wait_until,
)
from samples import PNG
from wall_jumps import with_jumps

from postiz_async._campaign.journal.rows import ADOPTED_UNSURE
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._delivery.matching import CLIENT_REF, row_ref
from postiz_async._delivery.outcomes import FOUND_UNSURE, RowState
from postiz_async._delivery.repair import MAY_LACK, UNSEEN_END

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from processes import Process, Server

    from postiz_async._campaign.journal.rows import RowRecord
    from postiz_async._campaign.journal.summary import Summary

SPEED = 400.0
LIMIT = 300
CREATES = (
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
    *(("error_after", 0.01, f"status={status}") for status in PAGE_STATUSES),
)
"""What goes wrong with a create: the kind, the share of all creates, and more."""
OTHERS = (("drop_answer", 0.02, ""), ("reset", 0.02, ""), ("error_before", 0.02, "status=503"))
"""What goes wrong with anything."""

CHANNELS = {
    "mastodon": "cmmastodon000000000000001",
    "telegram": "cmtelegram000000000000001",
    "threads": "cmthreads0000000000000001",
    "bluesky": "cmbluesky0000000000000001",
}
KILLS_OF_A_CAMPAIGN = 25
ATTEMPTS = 12
"""Runs in which a campaign has to come to its end when nobody kills any more."""


@dataclass
class Tally:
    """What was done and what came of it."""

    kills: int = 0
    campaigns: int = 0
    runs: int = 0
    rows: int = 0
    requests: int = 0
    open_rows: int = 0
    """Rows that a kill left in a request without an outcome."""
    states: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    called_refused: list[str] = field(default_factory=list)
    """Rows that are stored although the journal says that they were refused."""
    wrong: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    creates: int = 0
    refusals: int = 0
    seconds: float = 0.0

    def __add__(self, other: Tally) -> Tally:
        mine, theirs = vars(self), vars(other)
        return Tally(**{name: mine[name] + theirs[name] for name in mine})

    def __str__(self) -> str:
        struck = ", ".join(f"{kind} {count}" for kind, count in self.faults.most_common())
        ends = ", ".join(f"{count} {state}" for state, count in self.states.most_common())
        return (
            f"{self.kills} kills in {self.campaigns} campaigns ({self.runs} runs, "
            f"{self.seconds:.0f} s); they left {self.open_rows} rows without an outcome\n"
            f"{sum(self.faults.values())} faults: {struck}\n"
            f"{self.rows} rows: {ends}; {self.creates} creates reached the counter"
            f"{f' for {self.requests} requests' if self.requests else ''}\n"
            f"lost {len(self.lost)}, doubled {len(self.doubled)}, called refused although stored "
            f"{len(self.called_refused)}, otherwise wrong {len(self.wrong)}, "
            f"undecided {self.states['undecided']}, 429s {self.refusals}"
        )

    @property
    def troubles(self) -> list[str]:
        """What must not happen."""
        return [*self.lost, *self.doubled, *self.called_refused, *self.wrong]


def many_kills(
    home: Path,
    kills: int,
    seed: int,
    *,
    speed: float = SPEED,
    priorities: int = 3,
    series: type[Series] | None = None,
) -> Tally:
    """Kill so often, in several campaigns at a time, each against a server of its own."""
    made = series or Series
    began = time.monotonic()
    shares = [kills // priorities + (n < kills % priorities) for n in range(priorities)]
    with ThreadPoolExecutor(priorities) as pool:
        tallies = pool.map(
            lambda n: made(home / f"priority{n}", seed * priorities + n, speed).work(shares[n]),
            range(priorities),
        )
        total = sum(tallies, start=Tally())
    total.seconds = time.monotonic() - began
    return total


def fault_options() -> Iterator[str]:
    """The faults for the command line; the first that strikes is the only one, so shares add up."""
    left = 1.0
    for kind, share, more in CREATES:
        yield f"--fault={kind}:{100 * share / left:.3f}%:route=create_post:{more}".rstrip(":")
        left -= share
    for kind, share, more in OTHERS:
        yield f"--fault={kind}:{100 * share:.3f}%:{more}".rstrip(":")


class Series:
    """One server, and campaigns against it, one after another."""

    def __init__(self, home: Path, seed: int, speed: float) -> None:
        self.home = home
        self.speed = speed
        self.seed = seed
        self.dice = random.Random(seed)  # noqa: S311
        self.tally = Tally()

    def work(self, kills: int) -> Tally:
        """Kill so often."""
        release = ["HEAD", "v2.23.0"][self.seed % 2]  # the newest release lists no settings
        options = ["--speed", str(self.speed), "--limit", str(LIMIT), "--seed", str(self.seed)]
        options += ["--release", release]
        with sandbox_process(self.home / "sandbox", *options, *fault_options()) as server:
            while self.tally.kills < kills:
                most = min(kills - self.tally.kills, KILLS_OF_A_CAMPAIGN)
                self._campaign(server, most, is_urgent=self.tally.campaigns % 2 == self.seed % 2)
            self.tally.faults.update(server.struck)
            self.tally.creates = server.state["creates"]
            self.tally.refusals = server.state["refusals"]
        return self.tally

    def _campaign(self, server: Server, kills: int, *, is_urgent: bool) -> None:
        self.tally.campaigns += 1
        folder = self.home / f"campaign{self.tally.campaigns}"
        folder.mkdir()
        file = folder / "campaign.jsonl"
        records = list(campaign(self.dice, server.now, 8 * kills, is_urgent=is_urgent))
        file.write_text("\n".join(json.dumps(record) for record in records))
        (folder / "a.png").write_bytes(PNG)
        self.kill_often(file, server, kills, is_urgent=is_urgent)
        self.finish(file, server)
        self.judge(file, server, records)

    def kill_often(self, file: Path, server: Server, kills: int, *, is_urgent: bool) -> None:
        """Kill so often, unless the campaign comes to its end."""
        for _ in range(kills):
            # rows that are in no journal yet when their dates pass are refused
            if not self._killed(file, server, spared=is_urgent and not self.rows_of(file)):
                break

    # -------------------------------------------------------------- what it is about

    def name(self, file: Path) -> str:
        """The campaign's."""
        return file.name

    def summary(self, file: Path) -> Summary | None:
        """What its journal knows, if there is one yet."""
        journal = journal_of(file)
        return read_summary(journal) if journal.exists() else None

    def rows_of(self, file: Path) -> Sequence[RowRecord]:
        """The rows that its journal knows."""
        summary = self.summary(file)
        return () if summary is None else summary.rows

    # -------------------------------------------------------------- runs

    def command(self, file: Path) -> list[str]:
        """What is killed."""
        return [*COMMAND, "run", str(file), "--skip-invalid", "--ignore", "doubles"]

    def start(self, file: Path, server: Server) -> Process:
        self.tally.runs += 1
        environment = server.environment | {"POSTIZ_SANDBOX_CLOCK": "timeouts"}
        command = with_jumps(self.command(file), self.dice.getrandbits(32), self.speed)
        return launch(command, child_environment(self.home, environment))

    def _killed(self, file: Path, server: Server, *, spared: bool) -> bool:
        """Whether a run was still at work when it was killed; a spared one has planned by then."""
        before = server.state["requests"]
        with ended(self.start(file, server)) as process:
            if spared:
                wait_until(
                    lambda: process.poll() is not None or bool(self.rows_of(file)),
                    "the rows are planned",
                )
            elif self.dice.random() < 0.9:
                wait_until(
                    lambda: process.poll() is not None or server.state["requests"] > before,
                    "a request arrives",
                )
            time.sleep(self.dice.uniform(0, 0.4))
            was_working = process.poll() is None
            process.kill()
            _, err = process.communicate(timeout=PATIENCE)
        self.look_for_traceback(err)
        self.tally.kills += was_working
        self.count_open(file)
        return was_working or process.returncode != 0

    def count_open(self, file: Path) -> None:
        """Count the rows that a kill left without an outcome."""
        states = Counter(row.state for row in self.rows_of(file))
        self.tally.open_rows += states[RowState.SENDING] + states[RowState.UNKNOWN]

    def finish(self, file: Path, server: Server) -> None:
        """Run until nothing is left to be done; an outage may stop a run before that."""
        err = "it takes too long"
        for _ in range(ATTEMPTS):
            with ended(self.start(file, server)) as process:
                try:
                    _, err = process.communicate(timeout=PATIENCE)
                except subprocess.TimeoutExpired:  # a busy machine; it is killed once more
                    continue
            self.look_for_traceback(err)
            rows = self.rows_of(file)
            if rows and not any(row.state in OPEN for row in rows):
                return
            if process.returncode == 2 and not rows:  # every date has passed
                return
        self.tally.wrong.append(f"{file}: not at its end after {ATTEMPTS} runs: {err}")

    def look_for_traceback(self, err: str) -> None:
        if "Traceback" in err:
            self.tally.wrong.append(err)

    # -------------------------------------------------------------- what came of it

    def judge(self, file: Path, server: Server, records: Sequence[dict[str, Any]]) -> None:
        self.tally.rows += len(records)
        summary = self.summary(file)
        if summary is None:  # all dates passed before a run could begin
            self.tally.states["never planned"] += len(records)
            return
        marks = client_refs(self.name(file), records)
        posts: dict[str, list[dict[str, Any]]] = {}
        for post in server.posts:
            posts.setdefault(str(post["settings"].get(CLIENT_REF)), []).append(post)
        rows = {row.ref: row for row in summary.rows}
        self.tally.requests += summary.requests
        for record in records:
            row = rows.get(record["ref"])
            self.tally.states[row.state.value if row is not None else "never planned"] += 1
            self._judge_row(record, row, posts.get(marks[record["ref"]], []))

    def _judge_row(
        self, record: dict[str, Any], row: RowRecord | None, posts: Sequence[dict[str, Any]]
    ) -> None:
        what = f"campaign {self.tally.campaigns} of seed {self.seed}: {record}: {row}: {posts}"
        is_stored = row is not None and row.state is RowState.STORED
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


def journal_of(file: Path) -> Path:
    """Where the journal of a campaign is."""
    return file.with_suffix(".journal")


def rows_of(file: Path) -> Sequence[RowRecord]:
    """What the journal of a campaign knows, if there is one yet."""
    journal = journal_of(file)
    return read_summary(journal).rows if journal.exists() else ()


NAMED = {MAY_LACK, UNSEEN_END, FOUND_UNSURE, ADOPTED_UNSURE}
"""What a row says of a post that may be half made."""

OPEN = {RowState.PLANNED, RowState.SENDING, RowState.UNKNOWN}


def client_refs(name: str, records: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The mark of each row's post, by ref."""
    return {
        record["ref"]: row_ref(
            name,
            record["ref"],
            channel=record["channel"],
            date=datetime.fromisoformat(record["date"]).astimezone(UTC),
            texts=("text", record["content"], *record.get("thread", ())),
        )
        for record in records
    }


def campaign(
    dice: random.Random, now: datetime, moments: int, *, is_urgent: bool
) -> Iterator[dict[str, Any]]:
    """So many moments with one to six posts each: threads, media, equal texts.

    Of an urgent one many dates come while it is run.
    """
    number = 0
    for moment in range(moments):
        minutes = 6 * moment + 20 if is_urgent else 300 * (moment + 4)
        date = now.replace(microsecond=0) + timedelta(minutes=minutes)
        for _ in range(dice.choice([1, 2, 3, 4, 6])):
            number += 1
            record: dict[str, Any] = {
                "ref": f"row-{number}",
                "channel": dice.choice(list(CHANNELS.values())),
                "date": date.isoformat(),
                "content": dice.choice([f"post {number}", f"a < b & {number}", "good morning"]),
            }
            if dice.random() < 0.3:
                record["thread"] = [f"second of {number}", "third"]
            if dice.random() < 0.1:
                record["media"] = "a.png"
            yield record
