"""Campaigns whose file changes again and again while runs are killed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from campaign_kills import EditKills, Record, write
from kill_lab import NAMED
from processes import COMMAND, ended

from postiz_async._delivery.outcomes import RowState

VERBS = ("run", "dates", "types")
"""A run as before, and changes of dates, which cost requests, or of types, which cost none."""


class VerbKills(EditKills):
    """Kills commands of one campaign after another; its rows move by days, or become
    drafts and are scheduled again, meanwhile.

    At the end each row is stored once, at the date of its file, as a draft only if its file says
    so; posts of others are as they were.
    """

    def __init__(self, home: Path, seed: int, kills: int) -> None:
        super().__init__(home, seed, kills, "change")

    def command(self, file: Path, verb: str) -> list[str]:
        again = ["--again"] if verb == "run again" else []
        return [*COMMAND, "run", "--yes", *again, str(file)]

    def campaign(self, file: Path, kills: int) -> None:
        records = self._records()
        for record in self.dice.sample(records, 4):
            record["type"] = "draft"
        sent = records[: len(records) // 2]  # an equal post of others stops what is not sent yet
        write(file, sent)
        self.finish(file, "run")
        foreign = self._add_foreign(file, sent)
        theirs = self._told(foreign)
        write(file, records)
        before = self.tally.kills
        for _ in range(3 * kills):  # some end before they are killed
            if self.tally.kills == before + kills:
                break
            verb = self.dice.choice(VERBS)
            self.tally.edits[verb] += 1
            self._edit(records, verb)
            write(file, records)
            with ended(self.start_command(file, verb)) as process:
                more = 1 + self.dice.choice([0, 1, 2, 4, 8, 12])
                self.wait_for_work([process], more=more, moment=self.moment)
                self.kill(process)
                self.look_at_end(process)
        for _ in range(2):
            self.finish(file, "dates")
        self._judge_dates(file, records)
        changed = [each for each in theirs if each not in self._told(foreign)]
        self.tally.foreign_lost += len(changed)

    def _edit(self, records: Sequence[Record], verb: str) -> None:
        if verb == "dates":
            for record in records:
                later = datetime.fromisoformat(record["date"]) + timedelta(days=1)
                record["date"] = later.isoformat()
        elif verb == "types":
            for record in self.dice.sample(list(records), len(records) // 2):
                record["type"] = "schedule" if record.get("type") == "draft" else "draft"

    def _told(self, ids: set[str]) -> list[list[object]]:
        """What these posts say, and when."""
        there = [post for post in self.server.posts if post["id"] in ids]
        return [[post[name] for name in ("id", "content", "date", "thread")] for post in there]

    def _judge_dates(self, file: Path, records: Sequence[Record]) -> None:
        self.tally.rows += len(records)
        summary = self.summary(file)
        assert summary is not None
        posts = {str(post["id"]): post for post in self.server.posts}
        rows = {row.ref: row for row in summary.rows}
        for record in records:
            row = rows.get(record["ref"])
            if row is None:
                self.tally.lost.append(f"{file}: {record}: never planned")
                continue
            post = posts.pop(str(row.post_id), None)
            what = f"{file}: {record}: {row}: {post}"
            if row.state is not RowState.STORED:
                self.tally.wrong.append(what)
            elif post is None:
                self.tally.lost.append(what)
            elif not _is_meant(post, record) and row.note not in NAMED:
                self.tally.wrong.append(what)
        theirs = {str(row.post_id) for row in self.rows_of(file.with_name("theirs.jsonl"))}
        ours = f"of {file.parent.name} "  # the campaign's posts name it
        more = [post for i, post in posts.items() if ours in post["content"] and i not in theirs]
        self.tally.doubled += [f"{file}: {post}" for post in more]


def _is_meant(post: Record, record: Record) -> bool:
    is_so = datetime.fromisoformat(post["date"]).replace(microsecond=0)
    thread = [part["content"] for part in post["thread"]]
    date = datetime.fromisoformat(record["date"])
    if (is_so, post["content"], thread) != (date, record["content"], record.get("thread", [])):
        return False
    return (post["state"], post["has_job"]) == (
        ("DRAFT", False) if record.get("type") == "draft" else ("QUEUE", True)
    )
