"""`Campaign`: a campaign with its journal, and the job that sends it.

Behind it, `known` is what is known of a campaign, `running` plans and sends,
and `changing` plans and makes the changes of what was sent.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Self

from postiz_async._campaign.after.report import Report, make_report
from postiz_async._campaign.after.report.page import html_page
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._campaign.known import Known
from postiz_async._campaign.options import CampaignOptions
from postiz_async._campaign.origin import Origin, check_campaign
from postiz_async._campaign.outcomes import CampaignRun, Outcomes
from postiz_async._campaign.plan.plan import ChannelPlan
from postiz_async._campaign.read.read_options import FileOptions, ReadOptions
from postiz_async._campaign.run.job import Outcome, RunProgress, checked_hook
from postiz_async._campaign.run.update_plan import ChangeOptions
from postiz_async._campaign.running import Running
from postiz_async._campaign.sent import SentCampaign
from postiz_async._concurrency import in_thread
from postiz_async.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import tzinfo

    from postiz_async._campaign.plan.plan import PlannedRequest
    from postiz_async._campaign.read.rows import CampaignSource, Row
    from postiz_async._campaign.run.edits import Edits
    from postiz_async._campaign.run.update_plan import Plan
    from postiz_async._resources.api import OpenClient
    from postiz_async.models.channels import Channel


class Campaign(SentCampaign):
    """A campaign: its plan, its run, and its report.

        async with postiz.campaign("campaign.csv") as campaign:
            print(await campaign.plan())
            report = await campaign.run()

    Entering reads and checks everything: the rows, their media, the channels, the journal of an
    earlier run. Nothing is sent before all is known.

    After a run, `requests`, `edits`, `is_resumed` and what else depends on the journal read it
    again. `plan` does that in a thread; without it the first of them does, in the event loop, which
    it holds up where the rows are many.

    `Postiz.campaign` makes one, and says what the arguments mean.
    """

    remarks: list[str]
    """Notes on the run as a whole."""

    def __init__(
        self, postiz: OpenClient, source: CampaignSource, options: CampaignOptions
    ) -> None:
        origin = Origin.of(source, options, postiz.base_url)
        super().__init__(postiz, origin.path, origin.journal, options)
        self.remarks: list[str] = []
        self._known = known = Known(postiz, origin, options, self._journal)
        self._running = Running(postiz, known, self._doubts, self.remarks)

    async def open(self) -> Self:
        """Open the campaign, as `async with` does: read and check everything.

        Raises:
            CampaignError: the campaign or the journal cannot be used.
        """
        known, source = self._known, self._known.origin.source
        kept = await in_thread(partial(FileOptions.saved, source))
        known.options = known.options.with_kept(kept)
        known.origin = Origin.of(source, known.options, self._postiz.base_url)
        known.journal.place = known.origin.journal
        checked = await check_campaign(self._postiz, known.origin, known.options)
        known.know(checked)
        return self

    async def aclose(self) -> None:
        """End a run that was left, then close the journal. Closing twice does no harm."""
        try:
            await self._running.stop()
        finally:
            await super().aclose()

    async def _settle(self) -> None:
        await self._running.settle()

    # -------------------------------------------------------------- what is known

    @property
    def reading(self) -> ReadOptions:
        """How the file is read, as given, and as the file next to it says."""
        return self._known.options.reading

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the campaign; `plan` and `run` refuse if there is any problem."""
        return self._known.problems

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Warnings: accepted by the server, but probably mistakes; nothing stops for them."""
        return self._known.warnings

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows that could be read."""
        return self._known.rows

    @property
    def adopted(self) -> list[Row]:
        """Rows that the last `plan` found in Postiz: a run adopts them and does not send them.

        These are rows that the journal knows; with `existing="adopt"`, all rows.
        """
        return [row for row in self.rows if row.ref in self._known.adopting]

    @property
    def channels(self) -> list[Channel]:
        """The channels that the campaign uses."""
        return list({c.id: c for c in self._known.checked.channels.values()}.values())

    @property
    def by_channel(self) -> list[ChannelPlan]:
        """For each channel of the file, what is in Postiz and what has still to be sent."""
        return self._known.by_channel

    @property
    def requests(self) -> list[PlannedRequest]:
        """The requests that have still to be sent, the most urgent first."""
        return self._known.requests

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier run left a journal."""
        return bool(self._known.checked.records)

    @property
    def progress(self) -> RunProgress:
        """What a run is doing, besides the outcomes of its rows."""
        return self._running.progress

    @property
    def edits(self) -> Edits:
        """The differences between the campaign and what was sent of it; a run applies them."""
        return self._known.edits

    @property
    def is_done(self) -> bool:
        """Whether a run has nothing to send, to look up or to write down, changes apart."""
        return self._known.is_done

    # -------------------------------------------------------------- running

    async def plan(self, *, prune: bool = False, force: bool = False) -> Plan:
        """Plan what a run would send and change, with its cost and its end. Does nothing of it.

        Looks in Postiz for the rows as a run does.

        Args:
            prune: as for `run`.
            force: as for `run`.

        Raises:
            InvalidPostError: the campaign has problems.
            CampaignConflictError: rows are in Postiz already, and `existing` is "refuse".
        """
        return await self._running.plan(ChangeOptions(prune=prune, force=force))

    def run(
        self,
        on_outcome: Callable[[Outcome], Awaitable[None] | None] | None = None,
        *,
        prune: bool = False,
        keep: bool = False,
        force: bool = False,
    ) -> CampaignRun:
        """Make Postiz contain what the campaign says, and report.

            report = await campaign.run()

        Unsent rows are sent. Stored posts whose rows say something else now are changed; a post
        whose row moved to another channel is deleted and sent anew, so that there are never two.
        What people changed in Postiz is left and reported (`Report.changes`). `plan` shows all of
        it before; `CampaignRun` says how to iterate over outcomes instead.
        Interrupting it stops sending; requests in flight end first, and the next run goes on.

        Args:
            on_outcome: called with each `Outcome` once it is known; may be asynchronous. What it
                raises stops the run and is raised here.
            prune: delete posts that are to come and whose rows are not in the campaign any more.
            keep: keep posts that are to come and whose rows are not in the campaign any more, or
                say something else, and drafts that somebody made of posts. It is written down, and
                no later run asks.
            force: overwrite what people edited in Postiz, and send anew what they deleted, if the
                row says something else now.

        Raises:
            InvalidPostError: the campaign has problems; nothing was sent.
            CampaignConflictError: there are such posts, and neither `prune` nor `keep` is given; or
                drafts among the next ones, or, with `existing="adopt"`, older versions of rows, and
                `keep` is not given; or rows are in Postiz already, and `existing` is "refuse".
            PostizError: the job had to stop; run it again to go on.
            UsageError: `on_outcome` is not a function of one argument, or a run is under way.
        """
        saw = checked_hook("on_outcome", on_outcome)
        how = ChangeOptions(prune=prune, keep=keep, force=force)
        return CampaignRun(Outcomes(partial(self._running.begin, how), saw), self.report)

    async def report(self) -> Report:
        """The outcome of each row, as recorded in the journal.

        Raises:
            CampaignError: the campaign was never run, or its journal is gone since.
        """
        await self._settle()
        await self._journal.require_kept()
        summary = await in_thread(partial(read_summary, self._journal.place))
        report = make_report(summary.rows, summary.requests, self.problems)
        return replace(report, changes=self._running.changes)

    async def html_report(self, *, zone: tzinfo | None = None) -> str:
        """The outcome of the campaign as an HTML page without external resources.

        Args:
            zone: the time zone of its dates; None for the machine's.

        Raises:
            CampaignError: the campaign was never run.
        """
        report = await self.report()
        page = partial(
            html_page,
            report,
            campaign=self._known.origin.campaign,
            server=self._postiz.base_url.removesuffix("/public/v1"),
            made_at=datetime.fromtimestamp(self._postiz.clock.time(), UTC),
            zone=zone,
            remarks=tuple(self.remarks),
        )
        return await in_thread(page)

    @property
    def _rows_read(self) -> Sequence[Row]:
        return self.rows
