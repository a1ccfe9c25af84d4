"""The blocking twin of `Campaign`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from postiz_async.blocking._base import BlockingIterator, iterate
from postiz_async.blocking._sent_campaign import SentCampaign

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo
    from pathlib import Path

    from postiz_async._campaign.after.report import Report
    from postiz_async._campaign.campaign import Campaign as AsyncCampaign
    from postiz_async._campaign.plan.plan import ChannelPlan, Forecast, PlannedRequest
    from postiz_async._campaign.read.read_options import ReadOptions
    from postiz_async._campaign.read.rows import Row
    from postiz_async._campaign.run.edits import Edits
    from postiz_async._campaign.run.job import Outcome, RunProgress
    from postiz_async._campaign.run.update_plan import UpdateResult
    from postiz_async.errors import Problem
    from postiz_async.models.channels import Channel


class Campaign(SentCampaign):
    """A campaign: its plan, its run, and its report.

        with postiz.campaign("campaign.csv") as campaign:
            print(campaign.plan())
            report = campaign.run()

    Entering reads and checks everything: the rows, their media, the channels, the journal of an
    earlier run. Nothing is sent before all is known.

    After a run, `requests`, `changed`, `is_resumed` and what else depends on the journal read it
    again. `plan` does that in a thread; without it the first of them does, in the event loop, which
    it holds up where the rows are many.

    `Postiz.campaign` makes one, and says what the arguments mean.
    """

    @property
    def _async(self) -> AsyncCampaign:
        return cast("AsyncCampaign", self._twin)

    @property
    def remarks(self) -> list[str]:
        """Notes on the run as a whole."""
        return self._async.remarks

    def save_options(self) -> Path:
        """Save the options of a file next to it, as `campaign.toml`, which every command reads.

        Returns:
            The path of the saved file.

        Raises:
            CampaignError: the campaign is not a file, or the file next to it cannot be written.
        """
        return self._portal.call(self._async.save_options)

    @property
    def reading(self) -> ReadOptions:
        """How the file is read, as given and as saved next to it."""
        original = self._async
        return self._portal.call_sync(lambda: original.reading)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the campaign; `plan` and `run` refuse if there is any problem."""
        original = self._async
        return self._portal.call_sync(lambda: original.problems)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Warnings: accepted by the server, but probably mistakes; nothing stops for them."""
        original = self._async
        return self._portal.call_sync(lambda: original.warnings)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows that could be read."""
        original = self._async
        return self._portal.call_sync(lambda: original.rows)

    @property
    def adopted(self) -> list[Row]:
        """Rows that the last `plan` found in Postiz: a run adopts them and does not send them.

        These are rows that the journal knows; with `existing="adopt"`, all rows.
        """
        original = self._async
        return self._portal.call_sync(lambda: original.adopted)

    @property
    def channels(self) -> list[Channel]:
        """The channels that the campaign uses."""
        original = self._async
        return self._portal.call_sync(lambda: original.channels)

    @property
    def by_channel(self) -> list[ChannelPlan]:
        """For each channel of the file, what is in Postiz and what has still to be sent."""
        original = self._async
        return self._portal.call_sync(lambda: original.by_channel)

    @property
    def requests(self) -> list[PlannedRequest]:
        """The requests that have still to be sent, the most urgent first."""
        original = self._async
        return self._portal.call_sync(lambda: original.requests)

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier run left a journal."""
        original = self._async
        return self._portal.call_sync(lambda: original.is_resumed)

    @property
    def progress(self) -> RunProgress:
        """What a run is doing, besides the outcomes of its rows."""
        original = self._async
        return self._portal.call_sync(lambda: original.progress)

    @property
    def changed(self) -> list[Row]:
        """Rows that differ in the file from what was stored; the posts stay as stored."""
        original = self._async
        return self._portal.call_sync(lambda: original.changed)

    @property
    def edits(self) -> Edits:
        """The differences between the campaign and what was sent of it; `update` applies them."""
        original = self._async
        return self._portal.call_sync(lambda: original.edits)

    @property
    def is_done(self) -> bool:
        """Whether a run has nothing to send, to look up or to write down."""
        original = self._async
        return self._portal.call_sync(lambda: original.is_done)

    def icalendar(self) -> str:
        """The planned and stored posts as a calendar file (RFC 5545).

        Rows with problems, refused ones and those that were deleted in Postiz are left out.
        """
        return self._portal.call_sync(self._async.icalendar)

    def plan(self) -> Forecast:
        """Plan what has still to be sent, with its cost and its end. Sends nothing.

        Looks in Postiz for the rows as a run does, unless the server counts reads.

        Raises:
            InvalidPostError: the campaign has problems.
            CampaignError: rows are in Postiz already, and `existing` is "refuse".
        """
        return self._portal.call(self._async.plan)

    def outcomes(self) -> BlockingIterator[Outcome]:
        """Send what is unsent, as `run`; yields each outcome as it comes.

            for outcome in campaign.outcomes():
                print(outcome.row, outcome.state)

        Leaving the loop stops sending; requests in flight end first.
        """
        original = self._async
        return iterate(self._portal, lambda: aiter(original.run()))

    def run(self, on_outcome: Callable[[Outcome], object] | None = None) -> Report:
        """Send what is unsent, and report; `outcomes` gives the outcomes as they come.

            report = campaign.run()

        An error, or Ctrl-C, stops sending; requests in flight end first, and the next
        run goes on.

        Args:
            on_outcome: called with each `Outcome` once it is known. What it
                raises stops the run and is raised here.

        Raises:
            InvalidPostError: the campaign has problems; nothing was sent.
            CampaignError: rows are in Postiz already, and `existing` is "refuse".
            PostizError: the job had to stop; run it again to go on.
            UsageError: `on_outcome` is not a function of one argument, or a run is under way.
        """
        call = self._portal.new_call()
        work = partial(self._async.run, on_outcome=call.awaited(on_outcome))
        return call.run(work)

    def update(
        self,
        *,
        prune: bool = False,
        force: bool = False,
        dry_run: bool = False,
        on_outcome: Callable[[Outcome], object] | None = None,
    ) -> UpdateResult:
        """Change stored posts to what the campaign says now, and send new rows.

        What people changed in Postiz meanwhile is left and reported, unless `force` is given. A row
        that moved to another channel is deleted and sent anew, so that there are never two posts.
        An update may be killed and called again.

        Args:
            prune: delete posts whose row is not in the campaign any more.
            force: overwrite what people edited in Postiz, and send anew what they deleted.
            dry_run: change nothing, and return what would be done and what it costs.
            on_outcome: called with each `Outcome` once it is known.

        Raises:
            CampaignError: the campaign was never run, or another process works on it.
            InvalidPostError: the campaign has problems; nothing was changed.
            PostizError: the job had to stop; call it again to go on.
        """
        call = self._portal.new_call()
        work = partial(
            self._async.update,
            prune=prune,
            force=force,
            dry_run=dry_run,
            on_outcome=call.awaited(on_outcome),
        )
        return call.run(work)

    def report(self) -> Report:
        """The outcome of each row, as recorded in the journal.

        Raises:
            CampaignError: the campaign was never run, or its journal is gone since.
        """
        return self._portal.call(self._async.report)

    def html_report(self, *, zone: tzinfo | None = None) -> str:
        """The outcome of the campaign as an HTML page without external resources.

        Args:
            zone: the time zone of its dates; None for the machine's.

        Raises:
            CampaignError: the campaign was never run.
        """
        return self._portal.call(self._async.html_report, zone=zone)
