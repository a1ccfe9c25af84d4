"""The report of a campaign: what became of each row, the words for it, and a CSV of results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from postiz_async._campaign.after.tables import csv_table
from postiz_async._campaign.journal.rows import OPEN_STATES, UNSURE, Finding, RowRecord
from postiz_async._campaign.run.update_plan import NO_CHANGES, CampaignChanges
from postiz_async._delivery.outcomes import RowState
from postiz_async.errors import Problem


class RowLabel(NamedTuple):
    """The colour of a state or a finding in a page, and what to do about it; empty if nothing."""

    tone: str
    advice: str = ""


LEFT_OUT = "left out"
"""The state of a row that was not sent because of its problems."""

KINDS: Mapping[str, RowLabel] = {
    RowState.PUBLISHED: RowLabel("out"),
    RowState.STORED: RowLabel("good"),
    RowState.PLANNED: RowLabel("open"),
    RowState.SENDING: RowLabel("open"),
    RowState.UNKNOWN: RowLabel(
        "doubt",
        "The answer was lost. Run the campaign again: the post is looked up, and sent again only "
        "if it is proved not to be there.",
    ),
    RowState.UNDECIDED: RowLabel(
        "doubt",
        "Nobody could find out in time whether the post is stored, so it was not sent again. Look "
        "in Postiz at its date. If it is missing, give the row a later date, or take it out of "
        "the file, and run the campaign again.",
    ),
    RowState.REFUSED: RowLabel(
        "bad",
        "Postiz refused the post, in these words. Correct the row in the campaign file and run "
        "the campaign again; only what is not stored is sent.",
    ),
    RowState.FAILED: RowLabel(
        "bad",
        "The network refused the post when it was due. Correct what it says, then publish the "
        "post in Postiz, or give its row a new ref and a later date and run again.",
    ),
    RowState.LATE: RowLabel(
        "warn",
        "The date passed before a request could leave, so it was not sent. Give the row a later "
        "date and run again, or run with --late send or --late 15m.",
    ),
    RowState.WITHDRAWING: RowLabel(
        "doubt",
        "It was to be deleted, and it is not certain yet that it is. Repeat the command that "
        "deletes it: postiz-async undo, or run --prune.",
    ),
    RowState.WITHDRAWN: RowLabel("open"),
    RowState.SKIPPED: RowLabel(
        "open",
        "Not sent, because the row is not in the campaign file any more. Put it back if that was "
        "a mistake, and run again.",
    ),
    Finding.STUCK: RowLabel(
        "warn",
        "The date is over and Postiz has not published the post. Look whether the part of Postiz "
        "that publishes is running. Do not send it again: it may still go out.",
    ),
    Finding.DELETED: RowLabel(
        "warn",
        "Somebody deleted the post in Postiz; it stays so. To have it after all, give its row a "
        "new ref and run again.",
    ),
    Finding.DOUBLED: RowLabel(
        "bad",
        "The post is stored more than once. The next run deletes the other one, unless it was "
        "edited or is due soon: then delete it in Postiz.",
    ),
    Finding.DEDUPLICATED: RowLabel(
        "open",
        "The post was stored more than once, as by two hosts at a time; the others were deleted. "
        "Nothing has to be done.",
    ),
    Finding.HIDDEN: RowLabel(
        "warn",
        "The channel is gone from Postiz, which does not list its posts then. Connect it again "
        "and look with: postiz-async status",
    ),
    Finding.EQUAL: RowLabel(
        "warn",
        "Somebody else stored the same text for the same moment. Delete one of the two in Postiz "
        "if that was not meant.",
    ),
    Finding.CHANGED: RowLabel(
        "warn",
        "The campaign file says something else than what is stored. postiz-async plan says why "
        "a run leaves the post, or changes it.",
    ),
    Finding.UNTAGGED: RowLabel(
        "warn",
        "Postiz leaves out tags that it does not know, and its API cannot make them. Make the tag "
        "in Postiz and add it to the posts there; or correct it in the campaign file, and run "
        "again: the posts are changed.",
    ),
    Finding.DRAFT: RowLabel(
        "warn",
        "Somebody made the post a draft in Postiz, so it does not come out. Schedule it there, if "
        "that was not meant.",
    ),
    Finding.EDITED: RowLabel(
        "open",
        "Somebody moved or edited the post in Postiz; it stays so. Nothing has to be done.",
    ),
    Finding.SHIFTED: RowLabel(
        "open",
        "The post was late and got a later date, as was asked for. Nothing has to be done.",
    ),
    LEFT_OUT: RowLabel("bad", "The row has a problem. Correct it in the file and run again."),
}
"""By the value of a state or a finding."""

_OUTWEIGHS = {Finding.STUCK, Finding.DRAFT, Finding.DELETED, Finding.DOUBLED, Finding.HIDDEN}
"""Findings that matter more than that a post was stored."""

_BY_PEOPLE = {Finding.EDITED, Finding.DRAFT, Finding.DELETED, Finding.HIDDEN}


class ResultRow(NamedTuple):
    """A line of the result CSV. `reason` says why it is so, or what else was found."""

    number: int | None
    ref: str
    channel: str
    date: datetime | None
    state: str
    reason: str
    link: str


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a campaign. `requests` counts create requests of all runs of its journal."""

    rows: tuple[RowRecord, ...]
    counts: dict[str, int]
    requests: int
    left_out: tuple[Problem, ...] = ()
    """Problems of rows that `skip_invalid` left out, so that they are not in `rows`."""
    changes: CampaignChanges = NO_CHANGES
    """What this run changed of stored posts; nothing if there was none."""

    @property
    def complete(self) -> bool:
        """Whether every row is stored or withdrawn, and none was refused or stuck when due.

        Rows that were not sent and are not in the campaign any more do not count.
        """
        fine = {RowState.STORED, RowState.PUBLISHED, RowState.WITHDRAWN, RowState.SKIPPED}
        return all(row.state in fine and row.finding is not Finding.STUCK for row in self.rows)

    @property
    def doubled(self) -> int:
        """Rows with more than one post in Postiz, as far as is known and not undone.

        These are rows whose mark a further post bears, and rows that equal a post of somebody else.
        Deleted second posts, and posts that were sent once more on purpose, do not count.
        """
        return sum(row.finding in {Finding.DOUBLED, Finding.EQUAL} for row in self.rows)

    @property
    def touched(self) -> int:
        """Rows whose posts people moved, edited, made drafts or deleted, or whose channel left."""
        return sum(row.finding in _BY_PEOPLE for row in self.rows)

    @property
    def unsure(self) -> int:
        """Rows whose post may lack its thread, or may not be published; a run looks at it."""
        return sum(row.note in UNSURE for row in self.rows)

    @property
    def open(self) -> int:
        """Rows that a further run would still work on."""
        return sum(self.counts.get(state.value, 0) for state in OPEN_STATES)

    def advice(self, fate: RowState | Finding) -> str:
        """The advice for rows in a state or with a finding; empty if nothing is to be done.

        Args:
            fate: the state or the finding.
        """
        return KINDS[fate].advice

    def troubles(self) -> list[RowRecord]:
        """The rows that need attention.

        These are rows that are neither stored nor still to be sent, rows that their network
        refused, and rows whose posts were moved, deleted, doubled, changed or perhaps half made.
        """
        fine = {RowState.STORED, RowState.PUBLISHED, RowState.PLANNED, RowState.SENDING}
        fine.add(RowState.WITHDRAWN)
        return [
            row for row in self.rows if row.state not in fine or row.finding or row.note in UNSURE
        ]

    @property
    def moved(self) -> tuple[RowRecord, ...]:
        """The rows whose date was moved so that they share a request."""
        return tuple(
            row
            for row in self.rows
            if row.moved_from is not None
            and row.state is not RowState.PLANNED
            and row.finding in {Finding.NOTHING, Finding.UNTAGGED}
        )

    def to_csv(self, *, zone: tzinfo = UTC, excel: bool = False) -> str:
        """A CSV with one line a row: its number, ref, channel, date, state, reason and link.

        A cell that a spreadsheet would run (it begins with `=`, `+`, `-`, `@`, a tab or a line
        break, perhaps after quotes or spaces) has an apostrophe before it. Rows that were left out
        are listed with their problems: their state is `left out`.

        Args:
            zone: the zone of the dates, which have their offset: `2027-01-15 09:00:00+01:00`.
            excel: with a byte order mark, and with `;` where the locale of this machine has decimal
                commas, as its Excel opens it. Else with commas.
        """
        lines = ([_cell(value, zone) for value in row] for row in results_of(self))
        return csv_table(ResultRow._fields, lines, excel=excel)

    def to_records(self) -> list[dict[str, object]]:
        """One flat dict a row, with the names of `to_csv`: `pandas.DataFrame(report.to_records())`.

        `date` is a datetime in UTC. A row that was left out has neither a date nor a ref.
        """
        return [row._asdict() for row in results_of(self)]


def results_of(report: Report) -> list[ResultRow]:
    """What became of each row; those that were left out come last, with their problems."""
    by_row: dict[int | None, list[str]] = {}
    for problem in report.left_out:
        by_row.setdefault(problem.row, []).append(str(replace(problem, row=None)))
    left_out = (
        ResultRow(number, "", "", None, LEFT_OUT, "; ".join(said), "")
        for number, said in by_row.items()
    )
    return [*map(_result, report.rows), *left_out]


def _cell(value: object, zone: tzinfo) -> object:
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(" ", "seconds")
    return "" if value is None else value


def _result(row: RowRecord) -> ResultRow:
    fate = row.finding if row.finding in _OUTWEIGHS else row.state
    why = "; ".join(filter(None, (row.note, row.remark)))
    channel = row.name or row.channel
    return ResultRow(row.number, row.ref, channel, row.at, fate.value, why, row.link)


def make_report(
    rows: Iterable[RowRecord], requests: int, left_out: Iterable[Problem] = ()
) -> Report:
    """Make a report from a journal and from the problems of rows that were left out."""
    ordered = tuple(sorted(rows, key=lambda row: row.number))
    counts = dict(Counter(row.state.value for row in ordered))
    return Report(ordered, counts, requests, tuple(left_out))
