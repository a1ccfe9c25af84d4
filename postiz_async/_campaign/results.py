"""What a campaign tells once it was run: how it went, and whether its posts are published."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING

from postiz_async._campaign.after.reconcile import open_existing, reconcile, sweep_journal
from postiz_async._campaign.after.report import make_report
from postiz_async._campaign.after.report.data import read_facts
from postiz_async._campaign.after.report.html import html_report
from postiz_async._campaign.after.wait_published import PATIENCE, wait_published
from postiz_async._campaign.run.undo import Selection, undo_journal
from postiz_async._concurrency import in_thread
from postiz_async._delivery.journal_file import read_summary
from postiz_async._wire.secrets import OfOneProcess
from postiz_async.errors import BatchError, by_reader
from postiz_async.models._durations import check_seconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from datetime import datetime, timedelta, tzinfo
    from pathlib import Path

    from postiz_async._campaign.after.reconcile import Reconciled
    from postiz_async._campaign.after.report import Report
    from postiz_async._campaign.after.wait_published import Waited
    from postiz_async._campaign.read.rows import Row
    from postiz_async._campaign.run.job import Outcome
    from postiz_async._campaign.run.undo import Undone
    from postiz_async._delivery.client import BatchClient
    from postiz_async._delivery.journal import Journal
    from postiz_async.errors import Problem


class RunResults(OfOneProcess, ABC):
    """What a batch knows about its run: the base of `Batch`."""

    journal_path: Path
    remarks: list[str]
    _postiz: BatchClient
    _journal: Journal | None

    @property
    @abstractmethod
    def rows(self) -> tuple[Row, ...]:
        """The rows that could be read."""

    @property
    @abstractmethod
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the campaign."""

    async def report(self) -> Report:
        """What became of each row, as the journal knows it.

        Raises:
            BatchError: the campaign was never run, or its journal is gone since.
        """
        if self._journal is not None and not await in_thread(self.journal_path.is_file):
            adopt = by_reader("--adopt", 'existing="adopt"')
            raise BatchError(
                f"{self.journal_path} was removed or moved while the campaign was run, so what "
                "became of each row cannot be told. What was sent is in Postiz. Put the journal "
                f"back, or run the campaign again with {adopt}: it takes over what is there."
            )
        summary = await in_thread(partial(read_summary, self.journal_path))
        return make_report(summary.rows, summary.requests, self.problems)

    async def html_report(self, *, zone: tzinfo | None = None) -> str:
        """What became of the campaign as a page without external resources.

        Args:
            zone: of its dates; None for the machine's.

        Raises:
            BatchError: the campaign was never run.
        """
        reading = partial(
            read_facts,
            self.journal_path,
            made_at=self._postiz.clock.time(),
            rows=self.rows,
            problems=self.problems,
            zone=zone,
            remarks=tuple(self.remarks),
        )
        return await in_thread(lambda: html_report(reading()))

    async def reconcile(self, *, delete_doubles: bool = True) -> Reconciled:
        """Hold what is stored against the server: what people moved, deleted or doubled.

        Sends no post; `report` says what was found. Every run ends with it where reads are free.

        Args:
            delete_doubles: whether a post that was stored twice by us loses the one too many, if
                nobody edited that one and it is not due within ten minutes.

        Raises:
            BatchError: the campaign was never run, or another process works on it.
            PostizError: the server could not be asked.
        """
        if self._journal is not None:
            return await sweep_journal(self._postiz, self._journal, delete_doubles=delete_doubles)
        return await reconcile(self._postiz, self.journal_path, delete_doubles=delete_doubles)

    async def undo(
        self,
        *,
        after: datetime | None = None,
        channel: str | None = None,
        rows: Collection[int] | None = None,
        edited: bool = False,
        dry_run: bool = False,
        on_outcome: Callable[[Outcome], Awaitable[None]] | None = None,
    ) -> Undone:
        """Delete the posts of this journal that are still to come; all of them, if nothing is said.

        What is published stays, and what people edited in Postiz, unless `edited` says so. A later
        run does not send these rows, unless the batch is made with `existing="again"`. It may be
        cancelled and called again.

        Args:
            after: only posts of this moment and later.
            channel: only those of this channel: its id, its name, or its provider if it has one.
            rows: only these rows, as the file counts them.
            edited: delete what people edited in Postiz, too.
            dry_run: delete nothing, and say what would be deleted.
            on_outcome: called with the `Outcome` of each row whose post is deleted; None: no calls.

        Raises:
            BatchError: the campaign was never run, or another process works on it.
            ConfigurationError: there is no such channel, or its name is not that of one.
            PostizError: the server could not be asked; call it again to go on.
        """
        undoing = partial(
            undo_journal,
            selection=Selection(after, channel, rows, {row.ref: row.number for row in self.rows}),
            edited=edited,
            dry_run=dry_run,
            on_outcome=on_outcome,
        )
        if self._journal is not None:
            return await undoing(self._postiz, self._journal)
        async with await open_existing(self._postiz, self.journal_path) as journal:
            return await undoing(self._postiz, journal)

    async def wait_published(
        self,
        *,
        patience: timedelta = PATIENCE,
        on_outcome: Callable[[Outcome], Awaitable[None]] | None = None,
        on_look: Callable[[Waited], Awaitable[None]] | None = None,
    ) -> Waited:
        """Wait until what is stored is published or failed; to be called after a run.

        Ends when each post is out, refused by its network, deleted, or `patience` over its date.
        What was seen is in the journal, so it may be cancelled and called again; `report` tells.

        Args:
            patience: how long after its date a post is waited for.
            on_outcome: called with the `Outcome` of each post that is published or failed;
                None: no calls.
            on_look: called after each look at the server; None: no calls.

        Raises:
            BatchError: the campaign was never run, or another process works on it.
            ConfigurationError: `patience` is negative.
            PostizError: the server could not be asked for half an hour.
        """
        check_seconds("patience", patience.total_seconds(), zero=True)
        waiting = partial(wait_published, patience=patience, on_outcome=on_outcome, on_look=on_look)
        if self._journal is not None:
            return await waiting(self._postiz, self._journal)
        async with await open_existing(self._postiz, self.journal_path) as journal:
            return await waiting(self._postiz, journal)
