"""The blocking twin of `SentCampaign`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from postiz_async._campaign.after.wait_published import PATIENCE
from postiz_async.blocking._base import EnteredTwin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime, timedelta
    from pathlib import Path

    from postiz_async._campaign.after.reconcile import ReconcileResult
    from postiz_async._campaign.after.wait_published import WaitResult
    from postiz_async._campaign.run.job import Outcome
    from postiz_async._campaign.run.undo import UndoResult
    from postiz_async._campaign.sent import SentCampaign as AsyncSentCampaign
    from postiz_async._delivery.lookup import Doubts


class SentCampaign(EnteredTwin):
    """A campaign that was run, opened by its journal; its file may be invalid or missing.

        with postiz.sent_campaign("campaign.csv") as sent:
            print(sent.undo(channel="x", dry_run=True))

    Entering opens the journal. While a journal file is open, no other process can work on the
    campaign. `Postiz.sent_campaign` creates this object. `CampaignStatus` shows the progress.
    """

    @property
    def _async(self) -> AsyncSentCampaign:
        return cast("AsyncSentCampaign", self._twin)

    @property
    def path(self) -> Path:
        """The campaign's file, or its name."""
        return self._async.path

    @property
    def journal_path(self) -> Path | None:
        """The path of the journal; None: it is in a database."""
        return self._async.journal_path

    def has_journal(self) -> bool:
        """Whether the campaign has a journal.

        Raises:
            StoreError: the database that has its journal cannot be used.
        """
        return self._portal.call(self._async.has_journal)

    @property
    def doubts(self) -> Doubts:
        """The requests that are being looked up now, because their answers were lost."""
        original = self._async
        return self._portal.call_sync(lambda: original.doubts)

    def reconcile(self, *, delete_doubles: bool = False) -> ReconcileResult:
        """Compare what is stored with the server: posts that people moved, deleted or doubled.

        Sends no post; `report` and `CampaignStatus` say what was found. Every run ends with it
        where reads are free.

        Args:
            delete_doubles: delete the second post of a row that was stored twice, if nobody edited
                it and it is not due within ten minutes.

        Raises:
            CampaignError: the campaign was never run, or another process works on it.
            PostizError: the server could not be asked.
        """
        return self._portal.call(self._async.reconcile, delete_doubles=delete_doubles)

    def undo(
        self,
        *,
        after: datetime | None = None,
        channel: str | None = None,
        rows: Collection[int] | str | None = None,
        edited: bool = False,
        dry_run: bool = False,
        on_outcome: Callable[[Outcome], object] | None = None,
    ) -> UndoResult:
        """Delete the posts of this journal that are still to come: all, or a selection.

        What is published stays, and so do posts that people edited in Postiz, unless `edited` is
        given. A later run does not send these rows, unless the campaign is made with
        `existing="again"`. An undo may be interrupted and called again.

        Args:
            after: only posts of this moment and later.
            channel: only those of this channel: its id, its name, or its provider if it has one.
            rows: only these rows, as the file counts them, or as a text like `"2,5,12-14"`.
            edited: delete what people edited in Postiz, too.
            dry_run: delete nothing, and say what would be deleted.
            on_outcome: called with the `Outcome` of each row whose post is deleted.

        Raises:
            CampaignError: the campaign was never run, or another process works on it.
            ChannelNotFoundError: there is no such channel, or several have its name.
            ConfigurationError: `rows` has another form, or it is not certain what is meant.
            PostizError: the server could not be asked; call it again to go on.
        """
        call = self._portal.new_call()
        work = partial(
            self._async.undo,
            after=after,
            channel=channel,
            rows=rows,
            edited=edited,
            dry_run=dry_run,
            on_outcome=call.awaited(on_outcome),
        )
        return call.run(work)

    def wait_published(
        self,
        *,
        patience: float | timedelta = PATIENCE,
        on_outcome: Callable[[Outcome], object] | None = None,
        on_look: Callable[[WaitResult], object] | None = None,
    ) -> WaitResult:
        """Wait until each stored post is published or failed; call this after a run.

        Ends when each post is out, refused by its network, deleted, or `patience` over its date.
        What was seen is in the journal, so it may be interrupted and called again; `report`
        shows it.

        Args:
            patience: how long after its date a post is waited for, seconds or a `timedelta`.
            on_outcome: called with the `Outcome` of each post that is published or failed.
            on_look: called after each look at the server.

        Raises:
            CampaignError: the campaign was never run, or another process works on it.
            UsageError: `patience` is no duration, or is negative.
            PostizError: the server could not be asked for half an hour.
        """
        call = self._portal.new_call()
        work = partial(
            self._async.wait_published,
            patience=patience,
            on_outcome=call.awaited(on_outcome),
            on_look=call.awaited(on_look),
        )
        return call.run(work)
