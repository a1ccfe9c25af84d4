"""The data of an HTML report: the journal, the campaign, and the quota windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from postiz_async._campaign.after.report import text_of
from postiz_async._campaign.journal.places import JournalPlace
from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._campaign.journal.summary import Sent, read_summary
from postiz_async._campaign.read.rows import Row
from postiz_async._quota import WINDOW
from postiz_async.errors import Problem
from postiz_async.models.insights import Figures


class WindowUse(NamedTuple):
    """The requests sent in one window, from `start` (seconds since the epoch) to its end."""

    start: float
    requests: int
    rows: int


def windows(sent: Iterable[Sent], length: float) -> list[WindowUse]:
    """The windows in which requests were sent, oldest first.

    The server opens a window with the first request after the one before is over, so they follow
    from the moments of sending, as far as nobody else used the quota.

    Args:
        sent: oldest first.
        length: of a window, in seconds.
    """
    found: list[WindowUse] = []
    for request in sent:
        if not found or request.at >= found[-1].start + length:
            found.append(WindowUse(request.at, 0, 0))
        start, requests, rows = found[-1]
        found[-1] = WindowUse(start, requests + 1, rows + request.rows)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The data of an HTML report.

    `names` (of channels) and `texts` are by ref. `made_at` is in seconds since the epoch, `window`
    in seconds. `zone` is the time zone of the dates, None for the machine's. `remarks` are about
    the run as a whole.
    """

    campaign: str
    server: str
    rows: Sequence[RowRecord]
    made_at: float
    sent: Sequence[Sent] = ()
    limit: int | None = None
    window: float = WINDOW
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    remarks: Sequence[str] = ()
    zone: tzinfo | None = None
    figures: Figures | None = None
    """Figures of published posts, if requested."""
    unread: int = 0
    """Numbers of rows that cannot be read, so that they have no ref."""

    def at(self, moment: float) -> datetime:
        """A moment in the time zone of the report."""
        return datetime.fromtimestamp(moment, UTC).astimezone(self.zone)

    def moment(self, moment: float) -> str:
        """A moment as text: `Fri 15 Jan 2027 09:00`."""
        at = self.at(moment)
        return f"{at:%a} {at.day} {at:%b %Y %H:%M}"

    def channel(self, row: RowRecord) -> str:
        """The campaign's name for the channel of a row, else its id."""
        return self.names.get(row.ref) or row.name or row.channel


def read_facts(
    journal: JournalPlace,
    *,
    made_at: float,
    rows: Sequence[Row] = (),
    problems: Iterable[Problem] = (),
    zone: tzinfo | None = None,
    remarks: Sequence[str] = (),
    figures: Figures | None = None,
) -> Facts:
    """Read the data of a journal, also while a run is working on it.

    Args:
        journal: the place of the journal.
        made_at: now, in seconds since the epoch.
        rows: rows of the campaign.
        problems: problems of the campaign, for rows that cannot be read.
        zone: the time zone of the dates; None for the machine's.
        remarks: remarks about the run as a whole.
        figures: figures of published posts, if requested.

    Raises:
        CampaignError: there is no journal, or it cannot be read.
    """
    summary = read_summary(journal)
    kept = summary.kept
    wrong = {problem.row for problem in problems if problem.row is not None}
    by_id: dict[str, str] = {}  # rows may write one channel in different ways
    for row in summary.rows:
        by_id.setdefault(row.channel, row.name or row.channel)
    return Facts(
        campaign=summary.campaign,
        server=summary.base_url.removesuffix("/public/v1"),
        rows=sorted(summary.rows, key=lambda row: (row.seconds, row.number)),
        made_at=made_at,
        sent=summary.sent,
        limit=kept.limit if kept is not None and kept.limit_read else None,
        window=kept.window if kept is not None else WINDOW,
        names={row.ref: by_id[row.channel] for row in summary.rows},
        texts={row.ref: text_of(row) for row in summary.rows},
        remarks=remarks,
        zone=zone,
        figures=figures,
        unread=len(wrong - {row.number for row in rows}),
    )
