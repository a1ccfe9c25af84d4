"""The blocking twin of `Batch`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from postiz_async.blocking._base import BlockingIterator, EnteredTwin, outcomes
from postiz_async.blocking._checked_batch import CheckedBatch

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from postiz_async._campaign.after.report import Report
    from postiz_async._campaign.batch import Batch as AsyncBatch
    from postiz_async._campaign.plan.plan import Forecast
    from postiz_async._campaign.run.job import Outcome
    from postiz_async._campaign.run.update_plan import Updated


class Batch(CheckedBatch, EnteredTwin):
    """A campaign and what became of it.

        with postiz.batch("campaign.csv") as batch:
            print(batch.plan())
            report = batch.run_all()

    Entering reads and checks everything: the rows, their media, the channels, the journal of an
    earlier run. Nothing is sent before all is known.

    After a run, `requests`, `changed`, `is_resumed` and what else depends on the journal read it
    again. `plan` does that in a thread; without it the first of them does, in the event loop, which
    it holds up where the rows are many.

    `Postiz.batch` makes one, and says what the arguments mean.
    """

    @property
    def _async(self) -> AsyncBatch:
        return cast("AsyncBatch", self._twin)

    @property
    def path(self) -> Path:
        """The campaign's file, or its name."""
        return self._async.path

    @property
    def journal_path(self) -> Path:
        """Its journal."""
        return self._async.journal_path

    @property
    def remarks(self) -> list[str]:
        """Notes on the run as a whole."""
        return self._async.remarks

    def save_options(self) -> Path:
        """Save what describes the file next to it, as `campaign.toml`, which every command reads.

        Returns:
            Where it is kept.

        Raises:
            BatchError: the campaign is not a file, or the file next to it cannot be written.
        """
        return self._portal.call(self._async.save_options)

    def plan(self) -> Forecast:
        """What is still to be sent, what it costs and when it is done. Sends nothing.

        Looks in Postiz for the rows as a run does, unless the server counts reads.

        Raises:
            InvalidPostError: the campaign has problems.
            BatchError: rows are in Postiz already, and `existing` is "refuse".
        """
        return self._portal.call(self._async.plan)

    def run(self) -> AbstractContextManager[BlockingIterator[Outcome]]:
        """Send what is unsent; yields the outcomes as they come.

        Leaving the block stops sending; requests in flight end first.

        Raises:
            InvalidPostError: the campaign has problems; nothing was sent.
            BatchError: rows are in Postiz already, and `existing` is "refuse".
            PostizError: the job had to stop; run it again to go on.
        """
        return outcomes(self._portal, self._async.run)

    def run_all(self, on_outcome: Callable[[Outcome], object] | None = None) -> Report:
        """Send what is unsent and report. Raises what `run` raises.

        Args:
            on_outcome: called with each `Outcome` once it is known; None: no calls. What it
                raises stops the run and is raised here; the next run goes on.
        """
        call = self._portal.new_call()
        work = partial(self._async.run_all, on_outcome=call.awaited(on_outcome))
        return call.run(work)

    def update(
        self,
        *,
        prune: bool = False,
        force: bool = False,
        dry_run: bool = False,
        on_outcome: Callable[[Outcome], object] | None = None,
    ) -> Updated:
        """Let Postiz have what the campaign says now: stored posts are changed, new ones sent.

        What people changed in Postiz meanwhile is left and named, unless `force` says otherwise.
        A row that moved to another channel is deleted and sent anew, so that there are never two.
        It may be killed and called again.

        Args:
            prune: delete posts whose row is not in the campaign any more.
            force: overwrite what people edited in Postiz, and send anew what they deleted.
            dry_run: do nothing, and say what would be done and what it costs.
            on_outcome: called with each `Outcome` once it is known; None: no calls.

        Raises:
            BatchError: the campaign was never run, or another process works on it.
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
