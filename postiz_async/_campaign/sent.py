"""Work on a campaign after it was sent, by its journal, with or without its file."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Self

from postiz_async._campaign.after.look import PATIENCE, rows_today
from postiz_async._campaign.after.report import make_report
from postiz_async._campaign.after.wait_published import WaitResult, wait_published
from postiz_async._campaign.journal.file import of_another_server
from postiz_async._campaign.journal.journal import CampaignJournal, Journal, open_existing
from postiz_async._campaign.journal.places import JournalPlace
from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._campaign.options import CampaignOptions
from postiz_async._campaign.read.read_options import FileOptions
from postiz_async._campaign.read.rows import Row
from postiz_async._campaign.run.job import JobContext, Outcome, checked_hook
from postiz_async._campaign.run.resume import compare_file
from postiz_async._campaign.run.undo import Selection, UndoResult, read_rows, undo_journal
from postiz_async._campaign.run.update_plan import ChangeOptions
from postiz_async._campaign.status import CampaignStatus, read_status
from postiz_async._concurrency import in_thread
from postiz_async._delivery.lookup import Doubts
from postiz_async._delivery.pauses import trouble_of
from postiz_async._resources.api import OpenClient
from postiz_async._wire.secrets import OfOneProcess
from postiz_async.errors import CampaignError, PostizError, describe_rows
from postiz_async.models._durations import read_seconds


class SentCampaign(OfOneProcess):
    """A campaign that was run, opened by its journal; its file may be invalid or missing.

        async with postiz.sent_campaign("campaign.csv") as sent:
            print(await sent.undo(channel="x", dry_run=True))

    Entering opens the journal. While a journal file is open, no other process can work on the
    campaign. `Postiz.sent_campaign` creates this object, whose `status` needs no entering.
    """

    path: Path
    """The campaign's file, or its name."""
    journal_path: Path | None
    """The path of the journal; None: it is in a database."""

    def __init__(
        self, postiz: OpenClient, path: Path, place: JournalPlace, options: CampaignOptions
    ) -> None:
        self.path, self.journal_path = path, place.path
        self._journal = CampaignJournal(postiz, place)
        self._postiz = postiz
        self._options = options
        self._doubts = Doubts()

    async def open(self) -> Self:
        """Open the campaign, as `async with` does.

        Raises:
            CampaignError: it cannot be used, or another process works on it.
        """
        kept = await in_thread(partial(FileOptions.saved, self.path))
        self._options = self._options.with_kept(kept)
        await self._journal.existing()
        return self

    async def aclose(self) -> None:
        """Close the journal. Closing twice does no harm."""
        await self._journal.aclose()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def has_journal(self) -> bool:
        """Whether the campaign has a journal.

        Raises:
            StoreError: the database that has its journal cannot be used.
        """
        return await self._journal.is_there()

    @property
    def doubts(self) -> Doubts:
        """The requests that are being looked up now, because their answers were lost."""
        return self._doubts

    async def status(self) -> CampaignStatus:
        """Ask Postiz what became of the posts: published, failed, and what people did to them.

        Changes nothing there; second posts and half-made ones are named, and the next run deletes
        or repairs them. What is found is written into the journal for `report`, unless another
        process works on it. If Postiz cannot be asked, the result says why, and what the journal
        says. It also works beside a run of another process, if the campaign is not entered:
        `await postiz.sent_campaign("campaign.csv").status()`.

        Raises:
            CampaignError: the campaign was never run, or its journal cannot be read.
            StoreError: the database that has its journal cannot be used.
        """
        await self._settle()
        postiz, place = self._postiz, self._journal.place
        status = await in_thread(partial(read_status, self.path, place))
        before = {row.ref: row for row in status.report.rows}
        has_stored = any(row.post_id is not None for row in before.values())
        postiz.scheduler.has_answered = postiz.scheduler.has_answered or has_stored
        asked_at = postiz.scheduler.server_now()
        try:
            if status.base_url != postiz.base_url:
                raise of_another_server(place, status.base_url, postiz.base_url)
            changed = await rows_today(postiz, self._journal.ask, before)
        except PostizError as error:
            return replace(status, remarks=(trouble_of(error),))
        after = {**before, **{row.ref: row for row in changed}}
        report = make_report(after.values(), status.report.requests, status.report.left_out)
        # that a post stands for another row, or one that was not sent, is left to a run
        found = [row for row in changed if row.post_id == before[row.ref].post_id]
        remarks = await self._write_down(found) if found else ()
        return replace(status, report=report, asked_at=asked_at, remarks=remarks)

    async def _write_down(self, found: Iterable[RowRecord]) -> tuple[str, ...]:
        """Write findings into the journal; returns a remark on why that could not be done."""
        try:
            async with self._ran_journal() as journal:
                await journal.found(found)
        except CampaignError as error:
            is_held = isinstance(error.__cause__, BlockingIOError)
            why = "A run is at work" if is_held else str(error).rstrip(".")
            return (f"{why}, so what was found in Postiz is not written into the journal.",)
        return ()

    async def undo(
        self,
        *,
        after: datetime | None = None,
        channel: str | None = None,
        rows: Collection[int] | str | None = None,
        force: bool = False,
        dry_run: bool = False,
        on_outcome: Callable[[Outcome], Awaitable[None] | None] | None = None,
    ) -> UndoResult:
        """Delete the posts of this journal that are still to come: all, or a selection.

        What is published stays, and so do posts that people edited in Postiz, unless `force` is
        given. A later run does not send these rows, unless they say something else or the campaign
        is made with `existing="again"`. An undo may be cancelled and called again.

        Args:
            after: only posts of this moment and later.
            channel: only those of this channel: its id, its name, or its provider if it has one.
            rows: only these rows, as the file counts them, or as a text like `"2,5,12-14"`.
            force: delete what people edited in Postiz, too.
            dry_run: delete nothing, and say what would be deleted.
            on_outcome: called with the `Outcome` of each row whose post is deleted; may be
                asynchronous.

        Raises:
            CampaignError: the campaign was never run, or another process works on it.
            ChannelNotFoundError: there is no such channel, or several have its name.
            ConfigurationError: `rows` has another form, or it is not certain what is meant.
            PostizError: the server could not be asked; call it again to go on.
        """
        how = ChangeOptions(checked_hook("on_outcome", on_outcome), force=force, dry_run=dry_run)
        asked = read_rows(rows) if isinstance(rows, str) else rows
        if not dry_run:
            self._postiz.scheduler.require("delete")
        async with self._ran_journal() as journal:
            job = JobContext.of(self._postiz, journal, self._doubts)
            numbers = await self._numbers(journal, asked)
            return await undo_journal(job, Selection(after, channel, asked, numbers), how)

    async def wait_published(
        self,
        *,
        patience: float | timedelta = PATIENCE,
        on_outcome: Callable[[Outcome], Awaitable[None] | None] | None = None,
        on_look: Callable[[WaitResult], Awaitable[None] | None] | None = None,
    ) -> WaitResult:
        """Wait until each stored post is published or failed; call this after a run.

        Ends when each post is out, refused by its network, deleted, or `patience` over its date.
        What was seen is in the journal, so it may be cancelled and called again; `report`
        shows it.

        Args:
            patience: how long after its date a post is waited for, seconds or a `timedelta`.
            on_outcome: called with the `Outcome` of each post that is published or failed;
                may be asynchronous.
            on_look: called after each look at the server; may be asynchronous.

        Raises:
            CampaignError: the campaign was never run, or another process works on it.
            UsageError: `patience` is no duration, or is negative.
            PostizError: the server could not be asked for half an hour.
        """
        seconds = read_seconds("patience", patience, zero=True)
        saw, looked = checked_hook("on_outcome", on_outcome), checked_hook("on_look", on_look)
        async with self._ran_journal() as journal:
            return await wait_published(
                self._postiz, journal, patience=seconds, on_outcome=saw, on_look=looked
            )

    @asynccontextmanager
    async def _ran_journal(self) -> AsyncGenerator[Journal]:
        """The journal of a run, opened for the block if it is not open."""
        await self._settle()
        if self._journal.opened is not None:
            yield self._journal.opened
        else:
            async with await open_existing(self._postiz, self._journal.place) as journal:
                yield journal

    async def _settle(self) -> None:
        """Wait for the end of a run that stops."""

    @property
    def _rows_read(self) -> Sequence[Row] | None:
        """The rows of the file, if it was read."""
        return None

    async def _numbers(
        self, journal: Journal, asked: Collection[int] | None
    ) -> Mapping[str, int] | None:
        """The present row numbers in the file, by ref; None: those in the journal.

        Raises:
            CampaignError: it is not certain which rows are meant.
        """
        if self._rows_read is not None:
            return {row.ref: row.number for row in self._rows_read}
        is_file = self.path != self.journal_path and await in_thread(self.path.exists)
        if asked is None or not is_file:
            return None
        records = list((await journal.rows()).values())
        now = self._postiz.scheduler.server_now()
        comparing = partial(compare_file, reading=self._options.reading, now=now)
        found = await in_thread(lambda: comparing(self.path, records))
        unread = [number for number in found.edits.unread if number in asked]
        if unread:
            raise CampaignError(
                f"--rows: {describe_rows(unread)} of {self.path} cannot be read, so it is not "
                "certain which posts are meant. Say --timezone, --column and the like as for the "
                "run; plan says what is wrong."
            )
        return {row.ref: row.number for row in found.rows}
