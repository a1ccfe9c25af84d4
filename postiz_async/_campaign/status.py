"""The progress of a campaign, read from its journal without a server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import NamedTuple

from postiz_async._campaign.after.report import Report, make_report
from postiz_async._campaign.after.report.page import html_page
from postiz_async._campaign.journal.places import JournalPlace
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._campaign.origin import sent_place
from postiz_async._campaign.read.read_options import FileOptions, ReadOptions, merged_reading
from postiz_async._campaign.run.resume import FileComparison, compare_file
from postiz_async._delivery.lookup import Doubts
from postiz_async._quota import SILENT
from postiz_async._wire.secrets import Secret


class RecordedQuota(NamedTuple):
    """The quota as a run last saw it, and when that was."""

    limit: int
    remaining: int
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStatus:
    """The progress of a campaign, read from its journal, even while a run is working on it.

        status = CampaignStatus.read("campaign.csv")
        print(status.report.counts)

    It needs no client, and no server is asked. Its methods read files.
    """

    path: Path
    journal_path: Path | None
    """The path of the journal; None: it is in a database."""
    name: str
    """The name of the campaign, which marks its posts."""
    base_url: str
    """The root of the API to which the campaign was sent."""
    report: Report
    doubts: Doubts
    """Requests whose answers are missing; a run or an update looks them up."""
    quota: RecordedQuota | None
    _place: JournalPlace

    @classmethod
    def read(
        cls,
        path: Path | str,
        *,
        journal: Path | Secret | str | None = None,
        name: str | None = None,
        schema: str = "postiz_async",
    ) -> CampaignStatus:
        """Read the journal of a campaign.

        Args:
            path: the campaign, or its journal (`.journal`).
            journal: the journal: a path, or the address of a PostgreSQL database; None: next to
                the campaign.
            name: the name of the campaign in a database; None: the name saved beside the file,
                else the name of the file.
            schema: the schema of the tables in PostgreSQL.

        Raises:
            CampaignError: there is no journal, or it cannot be read.
            StoreError: the database cannot be used.
        """
        file = Path(path)
        place = sent_place(file, journal, name, schema)
        summary = read_summary(place)
        doubts = Doubts()
        for sent in summary.unanswered:
            doubts.add(sent.rows, sent.at + SILENT)
        kept, quota = summary.kept, None
        if kept is not None and kept.limit_read:
            seen_at = datetime.fromtimestamp(kept.as_of, UTC)
            quota = RecordedQuota(kept.limit, kept.remaining, seen_at)
        return cls(
            path=file,
            journal_path=place.path,
            name=summary.campaign,
            base_url=summary.base_url,
            report=make_report(summary.rows, summary.requests, summary.left_out),
            doubts=doubts,
            quota=quota,
            _place=place,
        )

    def compare(self, *, reading: ReadOptions | None = None) -> FileComparison:
        """Compare the file with what was sent of it.

        Args:
            reading: how to read the file, besides what is saved next to it.

        Raises:
            CampaignError: the file cannot be read.
        """
        now = datetime.now(UTC)
        rows, reading = self.report.rows, self._reading(reading)
        return compare_file(self.path, rows, reading=reading, now=now)

    def html_report(self, *, zone: tzinfo | None = None) -> str:
        """The outcome of the campaign as an HTML page without external resources.

        Args:
            zone: the time zone of its dates; None for the machine's.
        """
        return html_page(
            self.report,
            campaign=self.name,
            server=self.base_url.removesuffix("/public/v1"),
            made_at=datetime.now(UTC),
            zone=zone,
        )

    def _reading(self, said: ReadOptions | None) -> ReadOptions:
        return merged_reading(said or ReadOptions(), FileOptions.saved(self.path))
