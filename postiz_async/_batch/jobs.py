"""`Postiz.batch` and `Postiz.export`: campaigns of an open client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async._resources.api import Api

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

    from postiz_async._batch.batch import Batch
    from postiz_async._batch.export import Exported, Naming
    from postiz_async._batch.media_files import MediaRoot
    from postiz_async._batch.options import Existing, Late, OnDoubt
    from postiz_async._batch.read_options import ReadOptions
    from postiz_async._batch.source import CampaignSource

__all__ = ["CampaignJobs"]


class CampaignJobs(Api):
    """The resources of the API, and campaigns."""

    def batch(
        self,
        source: CampaignSource,
        *,
        journal: Path | str | None = None,
        campaign: str | None = None,
        timezone: str | None = None,
        reading: ReadOptions | None = None,
        media_root: MediaRoot = (),
        align: timedelta | str | None = None,
        late: Late = "skip",
        skip_invalid: bool = False,
        on_doubt: OnDoubt = "skip",
        existing: Existing = "refuse",
        exact_seconds: bool = False,
        as_new: bool = False,
    ) -> Batch:
        """A campaign as a job that can be planned, run, killed and resumed.

        What `Batch.save_options` kept beside the file holds where nothing else is said here.

        Args:
            source: a file (CSV, a spreadsheet, or JSON), or an iterable or async iterable of
                `CampaignRow` or mappings, which is read once. To go on after a crash, give the
                same rows and the same journal again.
            journal: where it is written down what became of each row; beside the file if None.
                Rows that come from no file need one, because without it a run that was killed
                could neither go on nor be started again without storing posts twice.
            campaign: its name, with which its posts are marked, the same on every host that runs
                it; that of the file, without its folder, if None, and that of the journal for
                rows that come from no file. A journal keeps the name that it was made with.
            timezone: the zone of dates without one; None: such dates are refused.
            reading: columns, defaults, dates, zones and templates, where they are not the usual.
            media_root: a folder, or several, from which the campaign may take media beside its own
                folder (rows of a program: the working directory). What a cell says leads nowhere
                else, neither by `..` nor by a symbolic link; a `Path` that a program gives may.
            align: how far dates may move so that more posts share a request, like `"15m"`; a row's
                `tolerance` comes before it.
            late: what to do with a row whose date passes before a slot is free: `skip` keeps it
                unsent and reports it, `send` publishes it at once, a `timedelta` moves it to
                that long after that moment.
            skip_invalid: leave rows with problems out instead of refusing the whole campaign.
            on_doubt: what to do with a row whose answer was lost and whose date comes before its
                absence can be proved: `skip` ends it undecided, `send` sends it again as soon as
                there are signs of its absence, at the risk of publishing it twice.
            existing: what to do with rows that no journal knows and that are in Postiz already, and
                with equal posts that do not bear the mark of a row: `refuse` stops before they are
                sent, `adopt` takes them over as stored, `again` sends the rows once more, and those
                that `undo` has withdrawn. What an
                earlier run or another host stored of a row that the journal knows is taken over
                without a word.
            exact_seconds: send dates without milliseconds. What is lost is in `remarks`.
            as_new: rows without a `ref` that look like edits of rows that were sent are posts of
                their own. Without it they are not sent; `update` changes the posts that are there.

        Raises:
            ConfigurationError: rows cannot move by `late` or `align`, rows that come from no file
                have no journal, a media root is not a folder, or the campaign's name is empty.
            BatchError: the campaign or the journal cannot be used.
            InvalidPostError: from `plan` and `run`, with all problems.
        """
        from postiz_async._batch.batch import Batch  # noqa: PLC0415  (not every client needs it)

        return Batch(
            self._client,
            source,
            journal=journal,
            campaign=campaign,
            timezone=timezone,
            reading=reading,
            media_root=media_root,
            align=align,
            late=late,
            skip_invalid=skip_invalid,
            on_doubt=on_doubt,
            existing=existing,
            exact_seconds=exact_seconds,
            as_new=as_new,
        )

    async def export(
        self,
        path: Path | str,
        *,
        start: datetime,
        end: datetime,
        state: str | None = None,
        integration: str | None = None,
        tag: str | None = None,
        naming: Naming = "id",
        analytics: bool = False,
        excel: bool = False,
        timezone: str | None = None,
        overwrite: bool = False,
    ) -> Exported:
        """Write posts that are in Postiz into a campaign file, to be filled in and run.

        Postiz returns neither media nor thread parts, and up to v2.23.0 no settings: `batch`
        refuses each row, by `needs_media`, until they are filled in. Costs no quota since v2.19.0.

        Args:
            path: JSON lines or an `.xlsx` by its name, else CSV.
            start: the first moment, with a time zone.
            end: the last moment.
            state: only `QUEUE`, `PUBLISHED`, `ERROR` or `DRAFT`.
            integration: only this channel, by id.
            tag: only posts with this tag, by name.
            naming: what the file calls channels: `id`, or `name` where it is theirs alone.
            analytics: whether to ask for figures of published posts, such as views and likes.
            excel: as spreadsheets want CSV, with local dates and names; an `.xlsx` always is.
            timezone: of the dates for spreadsheets; UTC if None.
            overwrite: whether the file may be there already.

        Raises:
            BatchError: the file is there already, or cannot be written.
            ConfigurationError: there is no such zone, or the extra `xlsx` is missing.
        """
        from postiz_async._batch.export import Which, export_posts  # noqa: PLC0415  (as with `batch`)

        which = Which(start=start, end=end, state=state, integration=integration, tag=tag)
        which["naming"], which["timezone"], which["analytics"] = naming, timezone, analytics
        return await export_posts(self._client, path, overwrite=overwrite, excel=excel, **which)
