"""The report of a campaign: counts, a table of rows, and a CSV of results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from postiz_async._campaign.after.tables import MAX_CELL, Table, local_cell
from postiz_async._campaign.journal.rows import OPEN_STATES, Finding, RowRecord
from postiz_async._campaign.read.columns import FIGURE
from postiz_async._campaign.read.rows import SaidRow
from postiz_async._content import plain_text
from postiz_async._delivery.outcomes import RowState
from postiz_async.errors import Problem
from postiz_async.models.insights import Figures


class RowLabel(NamedTuple):
    """The label of a state, or of a finding that outweighs the state.

    `sign` replaces the name where space is short, `tone` is the colour in a page. `advice` says
    what to do; empty if nothing. `one` follows "1 post" in titles. `many` follows "2 posts", where
    that is not `one` with the plural of its words.
    """

    name: str
    sign: str
    tone: str
    advice: str = ""
    one: str = ""
    many: str = ""


_STATES = (
    RowLabel(RowState.PUBLISHED, "●", "out"),
    RowLabel(RowState.STORED, "✓", "good"),
    RowLabel(RowState.PLANNED, "○", "open"),
    RowLabel(RowState.SENDING, "…", "open"),
    RowLabel(
        RowState.UNKNOWN,
        "¿",
        "doubt",
        "The answer was lost. Run the campaign again: the post is looked up, and sent again only "
        "if it is proved not to be there.",
        "got no answer yet",
    ),
    RowLabel(
        RowState.UNDECIDED,
        "?",
        "doubt",
        "Nobody could find out in time whether the post is stored, so it was not sent again. Look "
        "in Postiz at its date. If it is missing, give the row a later date, or take it out of "
        "the file, and run the campaign again.",
        "may be stored or not",
    ),
    RowLabel(
        RowState.REFUSED,
        "\N{MULTIPLICATION SIGN}",
        "bad",
        "Postiz refused the post, in these words. Correct the row in the campaign file and run the "
        "campaign again; only what is not stored is sent.",
        "was refused by Postiz",
    ),
    RowLabel(
        RowState.FAILED,
        "!",
        "bad",
        "The network refused the post when it was due. Correct what it says, then publish the "
        "post in Postiz, or give its row a new ref and a later date and run again.",
        "was refused by its network",
        "were refused by their networks",
    ),
    RowLabel(
        RowState.LATE,
        "►",
        "warn",
        "The date passed before a request could leave, so it was not sent. Give the row a later "
        "date and run again, or run with --late send or --late 15m.",
        "was not sent because its date had passed",
        "were not sent because their dates had passed",
    ),
    RowLabel(
        RowState.WITHDRAWING,
        "¬",
        "doubt",
        "It was to be deleted, and it is not certain yet that it is. Repeat the command that "
        "deletes it: postiz-async undo, or update --prune.",
        "was to be deleted and may still be there",
    ),
    RowLabel(RowState.WITHDRAWN, "↶", "open"),
    RowLabel(
        RowState.SKIPPED,
        "-",
        "open",
        "Not sent, because the row is not in the campaign file any more. Put it back if that was "
        "a mistake, and run again.",
        "was not sent because it is no longer in the file",
    ),
)
_FINDINGS = (
    RowLabel(
        Finding.STUCK,
        "▲",
        "warn",
        "The date is over and Postiz has not published the post. Look whether the part of Postiz "
        "that publishes is running. Do not send it again: it may still go out.",
        "is due and not published",
    ),
    RowLabel(
        Finding.DELETED,
        "÷",
        "warn",
        "Somebody deleted the post in Postiz; it stays so. To have it after all, give its row a "
        "new ref and run again.",
        "was deleted in Postiz",
    ),
    RowLabel(
        Finding.DOUBLED,
        "‖",
        "bad",
        "The post was stored more than once. Where it still is, delete the other one, which is "
        "named with its row, in Postiz.",
        "was stored more than once",
    ),
    RowLabel(
        Finding.DEDUPLICATED,
        "~",
        "open",
        "The post was stored more than once, as by two hosts at a time; the others were deleted. "
        "Nothing has to be done.",
        "was stored twice and is stored once now",
    ),
    RowLabel(
        Finding.HIDDEN,
        "◊",
        "warn",
        "The channel is gone from Postiz, which does not list its posts then. Connect it again "
        "and look with: postiz-async reconcile",
        "is on a channel that is gone",
        "are on channels that are gone",
    ),
    RowLabel(
        Finding.EQUAL,
        "=",
        "warn",
        "Somebody else stored the same text for the same moment. Delete one of the two in Postiz "
        "if that was not meant.",
        "equals one of somebody else",
    ),
    RowLabel(
        Finding.CHANGED,
        "≠",
        "warn",
        "The campaign file says something else than what is stored. postiz-async update changes "
        "the post.",
        "differs from the campaign file",
    ),
    RowLabel(
        Finding.UNTAGGED,
        "#",
        "warn",
        "Postiz leaves out tags that it does not know, and its API cannot make them. Make the tag "
        "in Postiz and add it to the posts there; or correct it in the campaign file, and "
        "postiz-async update changes the posts.",
        "was stored without a tag",
    ),
    RowLabel(
        Finding.EDITED,
        "↔",
        "open",
        "Somebody moved or edited the post in Postiz; it stays so. Nothing has to be done.",
        "was moved or edited in Postiz",
    ),
    RowLabel(
        Finding.SHIFTED,
        "→",
        "open",
        "The post was late and got a later date, as was asked for. Nothing has to be done.",
        "was late and got a later date",
    ),
)

KINDS: dict[str, RowLabel] = {kind.name: kind for kind in (*_STATES, *_FINDINGS)}
"""Labels by the value of the state or finding."""

_OUTWEIGHS = {Finding.STUCK, Finding.DELETED, Finding.DOUBLED, Finding.HIDDEN}
"""Findings and states that matter more than that a post was stored."""


def kind_of(row: RowRecord) -> RowLabel:
    """The state of a row, or a finding that outweighs it."""
    return KINDS[row.finding.value if row.finding in _OUTWEIGHS else row.state.value]


def findings(row: RowRecord) -> list[RowLabel]:
    """All remarks on a row that somebody should know."""
    kinds = [KINDS[name] for name in (row.state.value, row.finding.value) if name in KINDS]
    return [kind for kind in kinds if kind.advice]


_PLURALS = {"was": "were", "is": "are", "it": "they", "differs": "differ", "equals": "equal"}


def title_of(kind: RowLabel, number: int) -> str:
    """The title of a number of rows of one kind: `30 posts were refused by Postiz`."""
    one = kind.one or kind.name
    if number == 1:
        return f"1 post {one}"
    many = kind.many or " ".join(_PLURALS.get(word, word) for word in one.split())
    return f"{number:,} posts {many}"


# ------------------------------------------------------------------ the report


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a campaign. `requests` counts create requests of all runs of its journal."""

    rows: tuple[RowRecord, ...]
    counts: dict[str, int]
    requests: int
    left_out: tuple[Problem, ...] = ()
    """Problems of rows that `skip_invalid` left out, so that they are not in `rows`."""

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
        refused, and rows whose posts were moved, deleted, doubled or changed.
        """
        fine = {RowState.STORED, RowState.PUBLISHED, RowState.PLANNED, RowState.SENDING}
        fine.add(RowState.WITHDRAWN)
        return [row for row in self.rows if row.state not in fine or row.finding]

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

    def due(self, now: datetime) -> list[RowRecord]:
        """The rows whose posts are published, or should be by now.

        Args:
            now: the present, with a time zone.
        """
        gone = {Finding.DELETED, Finding.HIDDEN, Finding.STUCK}
        return [
            row
            for row in self.rows
            if row.post_id is not None
            and row.finding not in gone
            and (row.state is RowState.PUBLISHED or (row.state is RowState.STORED and row.at < now))
        ]

    def to_csv(
        self, figures: Figures | None = None, *, zone: tzinfo = UTC, excel: bool = False
    ) -> str:
        """A CSV with one line for each row: its text, channel, date, state, address, and the rest.

        `moved_from` is the date in the campaign, if the post has another; both are in the zone that
        `timezone` names. A cell that a spreadsheet would run (it begins with `=`, `+`, `-`, `@`, a
        tab or a line break, perhaps after quotes or spaces) has an apostrophe before it. Rows that
        were left out are listed with their problems: their state is `left out`.

        Args:
            figures: figures of the posts; each name becomes a column, `figure Likes`.
            zone: the zone of the dates.
            excel: with a byte order mark, and with `;` and decimal commas where the locale of this
                machine has them, as its Excel opens it. Else with commas.
        """
        table = self._table(figures, zone)
        return table.excel_csv() if excel else table.csv()

    def _table(self, figures: Figures | None, zone: tzinfo) -> Table:
        columns = _columns(figures)
        columns.insert(columns.index("date") + 1, "timezone")
        lines = self.to_records(figures)
        for line in lines:
            line["timezone"] = str(zone) if line["date"] else ""
        return Table(columns, ([_cell(line[name], zone) for name in columns] for line in lines))

    def to_records(self, figures: Figures | None = None) -> list[dict[str, object]]:
        """One flat dict a row, with the names of `to_csv`: `pandas.DataFrame(report.to_records())`.

        `date` and `moved_from` are datetimes in UTC. Missing values are None: `post_id`,
        `moved_from`, and figures of a post without figures. Rows that were left out have a `row`, a
        `note` and the state `left out`.

        Args:
            figures: figures of the posts; each name becomes a key, `figure Likes`.
        """
        columns = _columns(figures)
        records = [_record(row, columns, figures) for row in self.rows]
        nothing = dict.fromkeys(columns)
        return [*records, *(nothing | told for told in _left_out(self.left_out))]


LEFT_OUT = "left out"
"""The state of a row that was not sent because of its problems."""

_BEGINNING = 1_000
"""Characters shown of a text, at most."""


def said_by(row: RowRecord) -> SaidRow | None:
    """What was sent of a row, or would be; None if its journal does not know."""
    return SaidRow.read(row.said) if row.said else None


def text_of(row: RowRecord) -> str:
    """The beginning of a row's text, as readers see it."""
    said = said_by(row)
    text = "" if said is None else said.content[:_BEGINNING]
    return plain_text(text) if said is not None and said.format == "html" else text


_FOR_PEOPLE: Mapping[str, Callable[[RowRecord], object]] = {
    "text": text_of,
    "channel": lambda row: row.name or row.channel,
    "date": lambda row: row.at,
    "state": lambda row: row.state.value,
    "link": lambda row: row.link,
    "note": lambda row: row.note,
    "finding": lambda row: row.finding.value,
    "remark": lambda row: row.remark,
    "moved_from": lambda row: row.moved_from,
}
_FOR_PROGRAMS: Mapping[str, Callable[[RowRecord], object]] = {
    "row": lambda row: row.number,
    "ref": lambda row: row.ref,
    "post_id": lambda row: row.post_id,
    "channel_id": lambda row: row.channel,
}
"""Columns of a result by name; between the two are those with figures."""


def _columns(figures: Figures | None) -> list[str]:
    names = figures.names if figures is not None else []
    return [*_FOR_PEOPLE, *(f"{FIGURE} {name}" for name in names), *_FOR_PROGRAMS]


def _record(row: RowRecord, columns: Iterable[str], figures: Figures | None) -> dict[str, object]:
    known: Mapping[str, float] = {} if figures is None else figures.of(row.post_id)
    cells: dict[str, object] = {f"{FIGURE} {name}": number for name, number in known.items()}
    cells |= {name: of(row) for name, of in {**_FOR_PEOPLE, **_FOR_PROGRAMS}.items()}
    return {name: cells.get(name) for name in columns}


def _left_out(problems: Iterable[Problem]) -> Iterator[dict[str, object]]:
    """The values for each row with problems; its note has all of them."""
    by_row: dict[int | None, list[str]] = {}
    for problem in problems:
        by_row.setdefault(problem.row, []).append(str(replace(problem, row=None)))
    for number, said in by_row.items():
        yield {"row": number, "state": LEFT_OUT, "note": "; ".join(said)}


def _cell(value: object, zone: tzinfo) -> object:
    if isinstance(value, datetime):
        return local_cell(value, zone)
    if isinstance(value, str) and len(value) >= MAX_CELL:
        return f"{value[: MAX_CELL - 2]}…"  # and an apostrophe may come before it
    return "" if value is None else value


def make_report(
    rows: Iterable[RowRecord], requests: int, left_out: Iterable[Problem] = ()
) -> Report:
    """Make a report from a journal and from the problems of rows that were left out."""
    ordered = tuple(sorted(rows, key=lambda row: row.number))
    counts = dict(Counter(row.state.value for row in ordered))
    return Report(ordered, counts, requests, tuple(left_out))
