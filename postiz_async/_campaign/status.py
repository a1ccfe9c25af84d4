"""What became of a campaign: as its journal has it, and as Postiz has it today."""

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
from postiz_async.errors import CampaignError


class RecordedQuota(NamedTuple):
    """The quota as a run last saw it, and when that was."""

    limit: int
    remaining: int
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStatus:
    """What became of a campaign, even while a run is working on it.

        status = await postiz.sent_campaign("campaign.csv").status()
        print(status.asked_at, status.report.counts)

    `SentCampaign.status` asks Postiz; `CampaignStatus.read` needs no client, and reads what the
    journal says. Its methods read files.
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
    """Requests whose answers are missing; a run looks them up."""
    quota: RecordedQuota | None
    asked_at: datetime | None = None
    """When Postiz was asked; None: it was not, and this is what the journal says."""
    remarks: tuple[str, ...] = ()
    """Why Postiz could not be asked, or why what was found is not in the journal."""

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
        return read_status(file, sent_place(file, journal, name, schema))

    def compare(self, *, reading: ReadOptions | None = None) -> FileComparison:
        """Compare the file with what was sent of it.

        Args:
            reading: how to read the file, besides what is saved next to it.

        Raises:
            CampaignError: the file cannot be read.
        """
        if self.path == self.journal_path:
            raise CampaignError(
                f"{self.path} is the journal, so it is not known what the file says now."
            )
        how = merged_reading(reading or ReadOptions(), FileOptions.saved(self.path))
        now = datetime.now(UTC)
        return compare_file(self.path, self.report.rows, reading=how, now=now)

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


def read_status(file: Path, place: JournalPlace) -> CampaignStatus:
    """Read the journal of a campaign."""
    summary = read_summary(place)
    doubts = Doubts()
    for sent in summary.unanswered:
        doubts.add(sent.rows, sent.at + SILENT)
    kept, quota = summary.kept, None
    if kept is not None and kept.limit_read:
        seen_at = datetime.fromtimestamp(kept.as_of, UTC)
        quota = RecordedQuota(kept.limit, kept.remaining, seen_at)
    return CampaignStatus(
        path=file,
        journal_path=place.path,
        name=summary.campaign,
        base_url=summary.base_url,
        report=make_report(summary.rows, summary.requests, summary.left_out),
        doubts=doubts,
        quota=quota,
    )
