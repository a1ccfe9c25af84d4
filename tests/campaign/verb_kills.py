"""Campaigns whose runs, updates, shifts and pauses are killed, one in the middle of the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from campaign_kills import ATTEMPTS, EditKills, Record, write
from kill_lab import NAMED
from processes import COMMAND, ended

from postiz_async._campaign.journal.rows import ChosenDate
from postiz_async._delivery.outcomes import RowState

SLOTS = 'slots = "daily 9:00 18:00"\ntimezone = "UTC"\n'

VERBS = ("run", "update", "shift", "pause", "resume")


class VerbKills(EditKills):
    """Kills commands of one campaign after another; the campaign grows meanwhile.

    At the end each row is stored once, at the date that its shifts make of it or in the slot that
    the journal has, as a draft only if its file says so; posts of others are as they were.
    """

    def __init__(self, home: Path, seed: int, kills: int) -> None:
        super().__init__(home, seed, kills, "shift")

    def command(self, file: Path, verb: str) -> list[str]:
        more = {"run": [], "run again": ["--again"], "shift": ["--by", "1d", "--yes"]}
        return [*COMMAND, verb.split(maxsplit=1)[0], str(file), *more.get(verb, ["--yes"])]

    def campaign(self, file: Path, kills: int) -> None:
        records = self._records()
        for number, record in enumerate(self.dice.sample(records, 12)):
            if number < 4:
                record["type"] = "draft"
            else:
                del record["date"]  # the next free slot
        file.with_suffix(".toml").write_text(SLOTS, encoding="utf-8")
        write(file, records[: len(records) // 2])
        self.finish(file, "run")
        foreign = self._add_foreign(file, [record for record in records if "date" in record])
        theirs = self._told(foreign)
        write(file, records)
        shifts = 0
        before = self.tally.kills
        for _ in range(3 * kills):  # some end before they are killed
            if self.tally.kills == before + kills:
                break
            verb = self.dice.choice(VERBS)
            self.tally.edits[verb] += 1
            with ended(self.start_command(file, verb)) as process:
                more = 1 + self.dice.choice([0, 1, 2, 4, 8, 12])
                self.wait_for_work([process], more=more, moment=self.moment)
                self.kill(process)
                self.look_at_end(process)
            shifts += self._has_shifted(file, shifts)
        shifts += 1  # one that was begun is ended, or another is made
        for _ in range(ATTEMPTS):
            with ended(self.start_command(file, "shift")) as process:
                self.look_at_end(process)
            if self._has_shifted(file, shifts - 1):
                break
        for verb in ("update", "resume", "update"):
            self.finish(file, verb)
        self._judge_shifted(file, records, shifts)
        changed = [each for each in theirs if each not in self._told(foreign)]
        self.tally.foreign_lost += len(changed)

    def _told(self, ids: set[str]) -> list[list[object]]:
        """What these posts say, and when."""
        there = [post for post in self.server.posts if post["id"] in ids]
        return [[post[name] for name in ("id", "content", "date", "thread")] for post in there]

    def _has_shifted(self, file: Path, shifts: int) -> bool:
        """Whether one more shift than these has come to its end."""
        summary = self.summary(file)
        is_over = summary is not None and summary.state.shift is None
        return is_over and self._days(file) > shifts

    def _days(self, file: Path) -> int:
        """How often the journal has shifted, by the row that it moved most."""
        summary = self.summary(file)
        chosen = [] if summary is None else [*summary.chosen.values()]
        days = [
            (each.at - datetime.fromisoformat(each.written)) / timedelta(days=1)
            for each in chosen
            if each.written[:2] == "20"
        ]
        return round(max(days, default=0))

    def _judge_shifted(self, file: Path, records: Sequence[Record], shifts: int) -> None:
        self.tally.rows += len(records)
        summary = self.summary(file)
        assert summary is not None
        posts = {str(post["id"]): post for post in self.server.posts}
        rows = {row.ref: row for row in summary.rows}
        for record in records:
            row, chosen = rows[record["ref"]], summary.chosen.get(record["ref"])
            post = posts.pop(str(row.post_id), None)
            what = f"{file}, {shifts} shifts: {record}: {row}: {post}"
            if row.state is not RowState.STORED:
                self.tally.wrong.append(what)
            elif post is None:
                self.tally.lost.append(what)
            elif not _is_meant(post, record, chosen, shifts) and row.note not in NAMED:
                self.tally.wrong.append(what)
        theirs = {str(row.post_id) for row in self.rows_of(file.with_name("theirs.jsonl"))}
        ours = f"of {file.parent.name} "  # the campaign's posts name it
        more = [post for i, post in posts.items() if ours in post["content"] and i not in theirs]
        self.tally.doubled += [f"{file}: {post}" for post in more]


def _is_meant(post: Record, record: Record, chosen: ChosenDate | None, shifts: int) -> bool:
    if "date" in record:
        date = datetime.fromisoformat(record["date"]) + timedelta(days=shifts)
    else:
        assert chosen is not None
        date = chosen.at
    is_so = datetime.fromisoformat(post["date"]).replace(microsecond=0)
    thread = [part["content"] for part in post["thread"]]
    said = (date, record["content"], record.get("thread", []))
    if (is_so, post["content"], thread) != said:
        return False
    if "date" not in record and post["state"] == "PUBLISHED":  # its slot has come
        return True
    return (post["state"], post["has_job"]) == (
        ("DRAFT", False) if "type" in record else ("QUEUE", True)
    )
