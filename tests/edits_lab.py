"""Updates and undos that are killed at random against a server at its worst: see `kill_lab`.

A campaign is run, then its file is edited in every way a file can be, and `update --prune --yes`
(or `undo --yes`) is killed again and again and at last let go to its end. Beside it lie posts of
somebody else: at the same moments, on the same channels, some with the same texts.
"""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from kill_lab import CHANNELS, CREATES, LIMIT, SPEED, journal_of, rows_of
from processes import (
    COMMAND,
    PATIENCE,
    child_environment,
    ended,
    launch,
    sandbox_process,
    wait_until,
)
from wall_jumps import with_jumps

from postiz_async._delivery.outcomes import FOUND_UNSURE, RowState
from postiz_async._delivery.repair import MAY_LACK, UNSEEN_END

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from processes import Process, Server

KILLS_OF_A_CAMPAIGN = 8
ATTEMPTS = 12
OTHERS = (
    ("drop_answer", 0.20, "route=delete_post_group"),
    ("reset", 0.05, "route=delete_post_group"),
    ("error_after", 0.05, "route=delete_post_group:status=502"),
    ("drop_answer", 0.10, "route=change_post_status"),
    ("drop_answer", 0.10, "route=update_post_settings"),
    ("drop_answer", 0.01, ""),
    ("reset", 0.01, ""),
    ("error_before", 0.01, "status=503"),
)
UNSURE = {MAY_LACK, UNSEEN_END, FOUND_UNSURE}


@dataclass
class EditsTally:
    """What was done and what came of it."""

    kills: int = 0
    campaigns: int = 0
    commands: int = 0
    rows: int = 0
    edits: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    called_refused: list[str] = field(default_factory=list)
    """Rows that are stored although the journal says that they were refused."""
    wrong: list[str] = field(default_factory=list)
    foreign_lost: int = 0
    foreign: int = 0
    creates: int = 0
    refusals: int = 0
    seconds: float = 0.0

    @property
    def troubles(self) -> list[str]:
        """What must not happen."""
        gone = [f"{self.foreign_lost} foreign posts are gone"] if self.foreign_lost else []
        return [*self.lost, *self.doubled, *self.called_refused, *self.wrong, *gone]

    def __str__(self) -> str:
        struck = ", ".join(f"{kind} {count}" for kind, count in self.faults.most_common())
        edits = ", ".join(f"{count} {kind}" for kind, count in self.edits.most_common())
        return (
            f"{self.kills} kills in {self.campaigns} campaigns ({self.commands} commands, "
            f"{self.seconds:.0f} s); {self.rows} rows: {edits}\n"
            f"{sum(self.faults.values())} faults: {struck}\n"
            f"lost {len(self.lost)}, doubled {len(self.doubled)}, called refused although stored "
            f"{len(self.called_refused)}, otherwise wrong {len(self.wrong)}, "
            f"foreign posts gone {self.foreign_lost} of {self.foreign}, "
            f"429s {self.refusals}"
        )


def fault_options() -> Iterator[str]:
    left = 1.0
    for kind, share, more in CREATES:
        yield f"--fault={kind}:{100 * share / left:.3f}%:route=create_post:{more}".rstrip(":")
        left -= share
    for kind, share, more in OTHERS:
        yield f"--fault={kind}:{100 * share:.3f}%:{more}".rstrip(":")


def many_kills(home: Path, kills: int, seed: int, *, verb: str) -> EditsTally:
    """Kill so often.

    Args:
        home: a folder.
        kills: their number.
        seed: of the moments, the edits and the faults.
        verb: `update` or `undo`.
    """
    began = time.monotonic()
    lab = _Edits(home, seed, verb)
    tally = lab.work(kills)
    tally.seconds = time.monotonic() - began
    return tally


class _Edits:
    def __init__(self, home: Path, seed: int, verb: str) -> None:
        self.home = home
        self.verb = verb
        self.dice = random.Random(seed)  # noqa: S311
        self.seed = seed
        self.tally = EditsTally()

    def work(self, kills: int) -> EditsTally:
        release = ["HEAD", "v2.23.0"][self.seed % 2]  # the newest release lists no settings
        options = ["--speed", str(SPEED), "--limit", str(LIMIT), "--seed", str(self.seed)]
        with sandbox_process(
            self.home / "sandbox", *options, "--release", release, *fault_options()
        ) as server:
            while self.tally.kills < kills:
                self._campaign(server, min(kills - self.tally.kills, KILLS_OF_A_CAMPAIGN))
            self.tally.faults.update(server.struck)
            self.tally.creates = server.state["creates"]
            self.tally.refusals = server.state["refusals"]
        return self.tally

    def _campaign(self, server: Server, kills: int) -> None:
        self.tally.campaigns += 1
        folder = self.home / f"campaign{self.tally.campaigns}"
        folder.mkdir()
        file = folder / "campaign.jsonl"
        before = list(_records(self.dice, server.now, self.tally.campaigns))
        _write(file, before)
        self._finish(file, server, "run")
        foreign = self._add_foreign(folder, server, before)
        known = {str(row.post_id) for row in rows_of(file)}
        after = before if self.verb == "undo" else list(self._edited(before))
        _write(file, after)
        for _ in range(kills):
            if not self._killed(file, server):
                break
        self._finish(file, server, self.verb)
        self._judge(file, server, [] if self.verb == "undo" else after, foreign, known)

    def _edited(self, before: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for number, record in enumerate(before):
            kind = self.dice.choice(
                ["same", "text", "date", "channel", "gone", "thread", "draft", "settings", "text"]
            )
            self.tally.edits[kind] += 1
            edit: dict[str, Any] = {}
            if kind == "text":
                edit = {"content": f"{record['content']}, better"}
            elif kind == "date":
                date = datetime.fromisoformat(record["date"]) + timedelta(hours=5)
                edit = {"date": date.isoformat()}
            elif kind == "channel":
                others = [c for c in CHANNELS.values() if c != record["channel"]]
                edit = {"channel": self.dice.choice(others)}
            elif kind == "thread":
                edit = {"thread": [f"other part {number}", "and the last"]}
            elif kind == "draft":
                edit = {"type": "draft"}
            elif kind == "settings":
                edit = {"settings": {"who": f"{number}"}}
            if kind != "gone":
                yield record | edit

    # -------------------------------------------------------------- commands

    def _command(self, file: Path, verb: str) -> list[str]:
        more = {"run": [], "update": ["--prune", "--yes"], "undo": ["--yes"]}[verb]
        return [*COMMAND, verb, str(file), *more]

    def _start(self, file: Path, server: Server, verb: str) -> Process:
        self.tally.commands += 1
        environment = server.environment | {"POSTIZ_SANDBOX_CLOCK": "timeouts"}
        command = with_jumps(self._command(file, verb), self.dice.getrandbits(32), SPEED)
        return launch(command, child_environment(self.home, environment))

    def _killed(self, file: Path, server: Server) -> bool:
        before = server.state["requests"]
        with ended(self._start(file, server, self.verb)) as process:
            skip = self.dice.choice([0, 2, 5, 10, 20, 40])
            wait_until(
                lambda: process.poll() is not None or server.state["requests"] > before + skip,
                "a request arrives",
            )
            time.sleep(self.dice.uniform(0, 0.1))
            was_working = process.poll() is None
            process.kill()
            _, err = process.communicate(timeout=PATIENCE)
        self._look_for_traceback(err)
        self.tally.kills += was_working
        return was_working or process.returncode not in {0, 1}

    def _finish(self, file: Path, server: Server, verb: str) -> None:
        """Run a command until it says that all is done."""
        out = err = ""
        for _ in range(ATTEMPTS):
            with ended(self._start(file, server, verb)) as process:
                try:
                    out, err = process.communicate(timeout=PATIENCE)
                except subprocess.TimeoutExpired:  # a busy machine; it is killed once more
                    continue
            self._look_for_traceback(err)
            if process.returncode == 0:
                return
        self.tally.wrong.append(f"{file}: {verb} is not at its end: {out} {err}")

    def _look_for_traceback(self, err: str) -> None:
        if "Traceback" in err:
            self.tally.wrong.append(err)

    # -------------------------------------------------------------- posts of somebody else

    def _add_foreign(
        self, folder: Path, server: Server, records: Sequence[dict[str, Any]]
    ) -> set[str]:
        """Posts beside those of the campaign, from a campaign of another name."""
        file = folder / "theirs.jsonl"
        theirs = [
            record | {"ref": f"theirs-{n}", "content": self.dice.choice([record["content"], "hi"])}
            for n, record in enumerate(self.dice.sample(list(records), 8))
        ]
        _write(file, theirs)
        command = [*COMMAND, "run", str(file), "--again"]
        for _ in range(ATTEMPTS):  # a firewall's page stops a run
            with ended(
                launch(command, child_environment(self.home, server.environment))
            ) as process:
                process.communicate(timeout=PATIENCE)
            if process.returncode == 0:
                break
        ids = {str(row.post_id) for row in rows_of(file) if row.post_id is not None}
        self.tally.foreign += len(ids)
        return ids

    # -------------------------------------------------------------- what came of it

    def _judge(
        self,
        file: Path,
        server: Server,
        records: Sequence[dict[str, Any]],
        foreign: set[str],
        known: set[str],
    ) -> None:
        rows = {row.ref: row for row in rows_of(file)}
        there = {str(post["id"]): post for post in server.posts}
        self.tally.rows += len(known)
        self.tally.foreign_lost += len(foreign - there.keys())
        stored = {str(r.post_id): r for r in rows.values() if r.state is RowState.STORED}
        self.tally.lost += [f"{file}: {row}" for i, row in stored.items() if i not in there]
        refused = [row for row in rows.values() if row.state is RowState.REFUSED]
        self.tally.called_refused += [f"{file}: {row}" for row in refused]  # nothing here can be
        wanted = Counter(json.dumps(_said(record)) for record in records)
        have = Counter(json.dumps(_is(there[post_id])) for post_id in stored if post_id in there)
        unsure = sum(row.note in UNSURE for row in rows.values())
        if (wanted - have).total() > unsure or (have - wanted).total() > unsure:
            what = f"{file} of seed {self.seed}"
            self.tally.wrong.append(f"{what}: missing {wanted - have}, too many {have - wanted}")
        ours = _of_this_campaign(there, journal_of(file), known) - foreign
        self.tally.doubled += [f"{file}: {there[i]}" for i in ours - stored.keys()]


def _of_this_campaign(there: dict[str, dict[str, Any]], journal: Path, known: set[str]) -> set[str]:
    """Posts that the campaign made: their texts name it."""
    name = f"of {journal.parent.name} "
    return {i for i, post in there.items() if name in post["content"] or i in known}


def _records(dice: random.Random, now: datetime, campaign: int) -> Iterator[dict[str, Any]]:
    for number in range(30):
        hours = 300 * campaign + 200 + 30 * (number // 5)
        date = now.replace(microsecond=0) + timedelta(hours=hours)
        record: dict[str, Any] = {
            "ref": f"row-{number}",
            "channel": dice.choice(list(CHANNELS.values())),
            "date": date.isoformat(),
            "content": f"post {number} of campaign{campaign} for all",
        }
        if dice.random() < 0.2:
            record["thread"] = [f"second of {number}"]
        yield record


def _write(file: Path, records: Sequence[dict[str, Any]]) -> None:
    file.write_text("\n".join(json.dumps(record) for record in records), encoding="utf-8")


def _said(record: dict[str, Any]) -> list[Any]:
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
