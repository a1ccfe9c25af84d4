"""A summary of a journal, which can be read while a run is working on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from postiz_async._campaign.journal.file import JournalFile
from postiz_async._campaign.journal.places import JournalPlace
from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._campaign.journal.tables import (
    OPEN,
    SENT,
    Tables,
    read_kept,
    read_left_out,
    read_meta,
    read_rows,
)
from postiz_async._quota.snapshot import Snapshot
from postiz_async.clock import SystemClock
from postiz_async.errors import Problem
from postiz_async.stores import in_seconds


class Sent(NamedTuple):
    """A sent request: the time of sending (seconds since the epoch), and its number of rows."""

    at: float
    rows: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary of a journal.

    `contents` is the fingerprint of the file's rows (`Meta`). `requests` is the number of those
    that left, `unanswered` are those of them without a known outcome, the oldest first. `left_out`
    are the problems of rows that the last run left out.
    """

    base_url: str
    campaign: str
    contents: str
    rows: tuple[RowRecord, ...]
    requests: int
    unanswered: tuple[Sent, ...]
    kept: Snapshot | None
    left_out: tuple[Problem, ...]


def read_summary(place: JournalPlace | Path) -> Summary:
    """Read the summary of a journal. Changes nothing.

    Raises:
        CampaignError: there is no journal, or it cannot be read.
    """
    where = JournalFile(place) if isinstance(place, Path) else place
    return where.query(_summary, SystemClock())


def _summary(t: Tables) -> Summary:
    meta = read_meta(t)
    unanswered = t.execute(_UNANSWERED.format(s="{s}", which=OPEN))
    return Summary(
        base_url=meta.base_url,
        campaign=meta.campaign,
        contents=meta.contents,
        rows=tuple(read_rows(t)),
        requests=t.execute(_REQUESTS.format(s="{s}", which=SENT)).fetchall()[0][0],
        unanswered=tuple(Sent(in_seconds(at), posts) for at, posts in unanswered),
        kept=read_kept(t),
        left_out=read_left_out(t),
    )


_REQUESTS = """
SELECT count(*) FROM {s}campaign_requests WHERE campaign = :campaign {which}
"""

_UNANSWERED = """
SELECT sent_at, posts FROM {s}campaign_requests
WHERE campaign = :campaign {which} ORDER BY sent_at, number
"""
