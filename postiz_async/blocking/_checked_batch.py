"""The blocking twin of `CheckedBatch`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from postiz_async.blocking._run_results import RunResults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postiz_async._campaign.checked_batch import CheckedBatch as AsyncCheckedBatch
    from postiz_async._campaign.plan.plan import ChannelPlan, PlannedRequest
    from postiz_async._campaign.read.rows import Row
    from postiz_async._campaign.run.edits import Edits
    from postiz_async._delivery.lookup import Doubts
    from postiz_async.errors import Problem
    from postiz_async.models.integrations import Integration


class CheckedBatch(RunResults):
    """A campaign held against channels, files and its journal: the base of `Batch`."""

    @property
    def _async(self) -> AsyncCheckedBatch:
        return cast("AsyncCheckedBatch", self._twin)

    @property
    def timezone(self) -> str | None:
        """The zone of dates that have none."""
        original = self._async
        return self._portal.call_sync(lambda: original.timezone)

    @property
    def labels(self) -> Mapping[str, str]:
        """What the file calls columns of a campaign, where it calls them something else."""
        original = self._async
        return self._portal.call_sync(lambda: original.labels)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the campaign; `plan` and `run` refuse while there is any."""
        original = self._async
        return self._portal.call_sync(lambda: original.problems)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What the server accepts but probably is not meant; nothing stops for it."""
        original = self._async
        return self._portal.call_sync(lambda: original.warnings)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows that could be read."""
        original = self._async
        return self._portal.call_sync(lambda: original.rows)

    @property
    def adopted(self) -> list[Row]:
        """Rows that the last `plan` found in Postiz: a run takes them over and does not send them.

        Those are rows of which the journal knows, and with `existing="adopt"` all of them.
        """
        original = self._async
        return self._portal.call_sync(lambda: original.adopted)

    @property
    def channels(self) -> list[Integration]:
        """The channels that the campaign uses."""
        original = self._async
        return self._portal.call_sync(lambda: original.channels)

    @property
    def by_channel(self) -> list[ChannelPlan]:
        """For each channel of the file, what is in Postiz and what is still to be sent."""
        original = self._async
        return self._portal.call_sync(lambda: original.by_channel)

    @property
    def requests(self) -> list[PlannedRequest]:
        """What is still to be sent, the most urgent first."""
        original = self._async
        return self._portal.call_sync(lambda: original.requests)

    @property
    def lower_bound(self) -> int:
        """The number of requests below which no plan can get under the same limits."""
        original = self._async
        return self._portal.call_sync(lambda: original.lower_bound)

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier run left a journal."""
        original = self._async
        return self._portal.call_sync(lambda: original.is_resumed)

    @property
    def media_files(self) -> int:
        """Distinct media contents of the rows that are still to be sent."""
        original = self._async
        return self._portal.call_sync(lambda: original.media_files)

    @property
    def uploads_done(self) -> int:
        """Media of this run that are uploaded."""
        original = self._async
        return self._portal.call_sync(lambda: original.uploads_done)

    @property
    def trouble(self) -> str:
        """Why a run pauses until Postiz is back, in one line; empty while it does not."""
        original = self._async
        return self._portal.call_sync(lambda: original.trouble)

    @property
    def doubts(self) -> Doubts:
        """The requests that are looked up now, because their answers were lost."""
        original = self._async
        return self._portal.call_sync(lambda: original.doubts)

    @property
    def changed(self) -> list[Row]:
        """Rows that the file gives differently than they were stored; they stay as stored."""
        original = self._async
        return self._portal.call_sync(lambda: original.changed)

    @property
    def edits(self) -> Edits:
        """What the campaign says differently than what was sent of it; `update` carries it out."""
        original = self._async
        return self._portal.call_sync(lambda: original.edits)

    @property
    def has_news(self) -> bool:
        """Whether it is news to the journal which rows the file changes, or which are left out."""
        original = self._async
        return self._portal.call_sync(lambda: original.has_news)

    def icalendar(self) -> str:
        """What is planned and what is stored, each at its date, as a calendar file (RFC 5545).

        Rows with problems, refused ones and those that were deleted in Postiz are left out.
        """
        return self._portal.call_sync(self._async.icalendar)
