"""The blocking twins of `_campaigns`. Made by `python docs/make_blocking.py`."""

# Methods have no body where a decorator does the work.
# pyright: reportReturnType=false

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from postiz_async._campaign.after.wait_published import PATIENCE, WaitResult
from postiz_async.blocking._base import (
    BlockingIterator,
    EnteredTwin,
    Twin,
    awaited,
    called,
    iterate,
    kept,
    looked_up,
    serving,
)

if TYPE_CHECKING:
    from postiz_async._campaign.after.reconcile import ReconcileResult
    from postiz_async._campaign.after.report import Report
    from postiz_async._campaign.after.report.pages import Audience
    from postiz_async._campaign.plan.plan import ChannelPlan, Forecast, PlannedRequest
    from postiz_async._campaign.read.header import Understood
    from postiz_async._campaign.read.read_options import ReadOptions
    from postiz_async._campaign.read.rows import Row
    from postiz_async._campaign.run.bulk import PostChanges
    from postiz_async._campaign.run.edits import Edits
    from postiz_async._campaign.run.job import Outcome, RunProgress
    from postiz_async._campaign.run.undo import UndoResult
    from postiz_async._campaign.run.update_plan import UpdateResult
    from postiz_async._delivery.lookup import Doubts
    from postiz_async.errors import Problem
    from postiz_async.models.channels import Channel
    from postiz_async.models.posts import PostFinding, StoredType


class SentCampaign(EnteredTwin):
    """A campaign that was run, opened by its journal; its file may be invalid or missing.

        with postiz.sent_campaign("campaign.csv") as sent:
            print(sent.undo(channel="x", dry_run=True))

    Entering opens the journal. While a journal file is open, no other process can work on the
    campaign. `Postiz.sent_campaign` creates this object. `CampaignStatus` shows the progress.
    """

    @property
    @kept
    def path(self) -> Path:
        """The campaign's file, or its name."""

    @property
    @kept
    def journal_path(self) -> Path | None:
        """The path of the journal; None: it is in a database."""

    @awaited
    def has_journal(self) -> bool:
        """Whether the campaign has a journal.

        Raises:
            StoreError: the database that has its journal cannot be used.
        """

    @property
    @looked_up
    def doubts(self) -> Doubts:
        """The requests that are being looked up now, because their answers were lost."""

    @awaited
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

    @serving(on_outcome="awaited")
    def undo(
        self,
        *,
        after: datetime | None = None,
        channel: str | None = None,
        rows: Collection[int] | str | None = None,
        force: bool = False,
        dry_run: bool = False,
        on_outcome: Callable[[Outcome], object] | None = None,
    ) -> UndoResult:
        """Delete the posts of this journal that are still to come: all, or a selection.

        What is published stays, and so do posts that people edited in Postiz, unless `force` is
        given. A later run does not send these rows, unless the campaign is made with
        `existing="again"`. An undo may be interrupted and called again.

        Args:
            after: only posts of this moment and later.
            channel: only those of this channel: its id, its name, or its provider if it has one.
            rows: only these rows, as the file counts them, or as a text like `"2,5,12-14"`.
            force: delete what people edited in Postiz, too.
            dry_run: delete nothing, and say what would be deleted.
            on_outcome: called with the `Outcome` of each row whose post is deleted.

        Raises:
            CampaignError: the campaign was never run, or another process works on it.
            ChannelNotFoundError: there is no such channel, or several have its name.
            ConfigurationError: `rows` has another form, or it is not certain what is meant.
            PostizError: the server could not be asked; call it again to go on.
        """

    @serving(on_outcome="awaited", on_look="awaited")
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
    @kept
    def remarks(self) -> list[str]:
        """Notes on the run as a whole."""

    @awaited
    def save_options(self, *, given: bool = True) -> Path:
        """Save the options of a file next to it, as `campaign.toml`, which every command reads.

        Args:
            given: whether all options that were given are saved; else only those that were saved
                before, and how the file was understood: its columns, sheet and time zone.

        Returns:
            The path of the saved file.

        Raises:
            CampaignError: the campaign is not a file, or the file next to it cannot be written.
        """

    @property
    @looked_up
    def reading(self) -> ReadOptions:
        """How the file is read, as given, as saved next to it, and as guessed."""

    @property
    @looked_up
    def understood(self) -> Understood | None:
        """How the columns of the file were understood; None for JSON and rows of a program."""

    @property
    @looked_up
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the campaign; `plan` and `run` refuse if there is any problem."""

    @property
    @looked_up
    def warnings(self) -> tuple[Problem, ...]:
        """Warnings: accepted by the server, but probably mistakes; nothing stops for them."""

    @property
    @looked_up
    def rows(self) -> tuple[Row, ...]:
        """The rows that could be read."""

    @property
    @looked_up
    def series(self) -> dict[int, list[datetime]]:
        """The dates of all posts of each row that repeats, by the number of the row."""

    @property
    @looked_up
    def chosen(self) -> list[Row]:
        """Rows that say no absolute date and are still to be sent, with the dates chosen for them.

        `plan` chooses these dates and writes them down.
        """

    @property
    @looked_up
    def adopted(self) -> list[Row]:
        """Rows that the last `plan` found in Postiz: a run adopts them and does not send them.

        These are rows that the journal knows; with `existing="adopt"`, all rows.
        """

    @property
    @looked_up
    def channels(self) -> list[Channel]:
        """The channels that the campaign uses."""

    @property
    @looked_up
    def by_channel(self) -> list[ChannelPlan]:
        """For each channel of the file, what is in Postiz and what has still to be sent."""

    @property
    @looked_up
    def requests(self) -> list[PlannedRequest]:
        """The requests that have still to be sent, the most urgent first."""

    @property
    @looked_up
    def is_resumed(self) -> bool:
        """Whether an earlier run left a journal."""

    @property
    @looked_up
    def paused_at(self) -> datetime | None:
        """When the campaign was paused; None: it is not paused."""

    @property
    @looked_up
    def is_held(self) -> bool:
        """Whether the campaign is paused, or being resumed."""

    @property
    @looked_up
    def unfinished_shift(self) -> timedelta | None:
        """The span of a shift that has not ended: the next `shift` or `update` ends it."""

    @property
    @looked_up
    def shifted(self) -> Mapping[timedelta, Sequence[int]]:
        """The numbers of rows that were shifted, by how far."""

    @property
    @looked_up
    def progress(self) -> RunProgress:
        """What a run is doing, besides the outcomes of its rows."""

    @property
    @looked_up
    def changed(self) -> list[Row]:
        """Rows that differ in the file from what was stored; the posts stay as stored."""

    @property
    @looked_up
    def edits(self) -> Edits:
        """The differences between the campaign and what was sent of it; `update` applies them."""

    @property
    @looked_up
    def is_done(self) -> bool:
        """Whether a run has nothing to send, to look up or to write down."""

    @called
    def icalendar(self) -> str:
        """The planned and stored posts as a calendar file (RFC 5545).

        Rows with problems, refused ones and those that were deleted in Postiz are left out.
        """

    @awaited
    def plan(self) -> Forecast:
        """Plan what has still to be sent, with its cost and its end. Sends nothing.

        Looks in Postiz for the rows as a run does.

        Raises:
            InvalidPostError: the campaign has problems.
            CampaignError: rows are in Postiz already, and `existing` is "refuse".
        """

    def outcomes(self) -> BlockingIterator[Outcome]:
        """Send what is unsent, as `run`; yields each outcome as it comes.

            for outcome in campaign.outcomes():
                print(outcome.row, outcome.state)

        Leaving the loop stops sending; requests in flight end first.
        """
        original = self._async
        return iterate(self._portal, lambda: aiter(original.run()))

    @serving(on_outcome="awaited")
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

    @serving(on_outcome="awaited")
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

    @serving(on_outcome="awaited")
    def shift(
        self,
        by: timedelta | str,
        *,
        rows: Collection[int] | str | None = None,
        channel: str | None = None,
        force: bool = False,
        dry_run: bool = False,
        on_outcome: Callable[[Outcome], object] | None = None,
    ) -> UpdateResult:
        """Move the dates of rows that are not published; stored posts change as by `update`.

        The file stays as it is: the new dates are in the journal, and hold while the file says the
        same date. What people changed in Postiz is left and reported, and keeps its date. A shift
        may be killed and called again: while one has not ended, any further one continues it
        (`unfinished_shift`) and moves nothing else.

        Args:
            by: the span, such as `1d`, `2w` or `-36h`; days and weeks keep the local time.
            rows: only these rows, as the file counts them, or as a text like `"2,5,12-14"`.
            channel: only those of this channel: its id, its name, or its provider if it has one.
            force: also move posts that people edited in Postiz, and overwrite their edits.
            dry_run: change nothing, and return what would be done and what it costs.
            on_outcome: called with each `Outcome` once it is known.

        Raises:
            ConfigurationError: `by` is no span, `rows` has another form, or none of them exists.
            ChannelNotFoundError: there is no such channel, or several have its name.
            CampaignError: the campaign was never run, or another process works on it.
            InvalidPostError: the campaign has problems; nothing was changed.
            PostizError: the job had to stop; call it again to go on.
        """

    @serving(on_outcome="awaited")
    def pause(
        self,
        *,
        force: bool = False,
        dry_run: bool = False,
        on_outcome: Callable[[Outcome], object] | None = None,
    ) -> UpdateResult:
        """Make drafts of the posts that are still to come, and send nothing more.

        Runs of other hosts that share the journal stop at their next request. Later runs send
        nothing until `resume`. What people changed in Postiz, and what is due within a quarter of
        an hour, is left and reported. A pause may be killed and called again.

        Args:
            force: also make drafts of posts that people edited in Postiz; their edits stay.
            dry_run: change nothing, and return what would be done and what it costs.
            on_outcome: called with each `Outcome` once it is known.

        Raises:
            CampaignError: the campaign was never run, or another process works on it.
            PostizError: the job had to stop; call it again to go on.
        """

    @serving(on_outcome="awaited")
    def resume(
        self,
        *,
        by: timedelta | str | None = None,
        force: bool = False,
        dry_run: bool = False,
        on_outcome: Callable[[Outcome], object] | None = None,
    ) -> UpdateResult:
        """Schedule again what a pause made drafts, and send what was held back.

        Posts get the dates that they had. A post whose date has passed stays a draft and is
        reported as `late`. A resumption may be killed and called again.

        Args:
            by: also move all dates by this span, as `shift` does; after a resumption that left
                drafts, only theirs.
            force: also schedule posts that people edited in Postiz meanwhile; their edits stay,
                unless the dates move.
            dry_run: change nothing, and return what would be done and what it costs.
            on_outcome: called with each `Outcome` once it is known.

        Raises:
            ConfigurationError: `by` is no span.
            CampaignError: the campaign was never run, or another process works on it.
            InvalidPostError: the campaign has problems; nothing was changed.
            PostizError: the job had to stop; call it again to go on.
        """

    @awaited
    def report(self) -> Report:
        """The outcome of each row, as recorded in the journal.

        Raises:
            CampaignError: the campaign was never run, or its journal is gone since.
        """

    @awaited
    def html_report(self, *, zone: tzinfo | None = None, audience: Audience = "operator") -> str:
        """The outcome of the campaign as an HTML page without external resources.

        Args:
            zone: the time zone of its dates; None for the machine's.
            audience: who reads it: `client` has the posts with small pictures of their media (extra
                `pictures`) and no word about requests, ids and reasons. A log record says which
                pictures are left out.

        Raises:
            CampaignError: the campaign was never run.
            ConfigurationError: there is no such audience.
        """


class PostSelection(Twin):
    """The stored posts that match a filter, whoever stored them.

        wrong = postiz.stored_posts(start=first, end=last, channel="tiktok")
        would = wrong.edit(settings={"privacy_level": "SELF_ONLY"}, dry_run=True)
        wrong.edit(settings={"privacy_level": "SELF_ONLY"}, planned=would)

    `Postiz.stored_posts` creates this object. Nothing is asked before a method is called, and each
    looks anew. Posts of a campaign are better changed in its file, with `Campaign.update`: it
    reports what is changed here as edited by people.
    """

    @serving(on_outcome="awaited")
    def delete(
        self,
        *,
        dry_run: bool = False,
        planned: PostChanges | None = None,
        on_outcome: Callable[[Outcome], object] | None = None,
    ) -> PostChanges:
        """Delete the posts that are still to come; with `state="ERROR"`, those that failed.

        Published posts stay, and so do repeating ones, which `posts.delete` deletes. A post whose
        group has other posts too stays unless all of them match, because Postiz deletes whole
        groups. A deletion may be killed and called again. Costs no quota since v2.19.0.

        Args:
            dry_run: delete nothing, and return what would be deleted.
            planned: the result of a dry run: only its posts are deleted, unless somebody changed
                them meanwhile.
            on_outcome: called with the `Outcome` of each post that is deleted, whose `ref` is the
                id of the post.

        Raises:
            ChannelNotFoundError: there is no such channel, or several have its name.
            PostizError: the job had to stop; call it again to go on.
        """

    @serving(on_outcome="awaited")
    def edit(
        self,
        *,
        settings: Mapping[str, object] | None = None,
        kind: StoredType | None = None,
        dry_run: bool = False,
        planned: PostChanges | None = None,
        on_outcome: Callable[[Outcome], object] | None = None,
    ) -> PostChanges:
        """Change settings or the type of the posts that are still to come.

        No other change is possible without sending a post anew, and Postiz lists neither the media
        nor the thread that it would lose: for that, change the campaign and update it. Settings
        need a server after v2.23.0, for the same reason, and lose the milliseconds of the date. An
        edit may be killed and called again. Costs no quota since v2.19.0.

        Args:
            settings: new values by name, or by a path such as `subreddit.0.value.title`.
            kind: `draft` makes the posts drafts, `schedule` schedules drafts.
            dry_run: change nothing, and return what would be changed.
            planned: the result of a dry run of the same edit: only its posts are changed, unless
                somebody changed them meanwhile.
            on_outcome: called with the `Outcome` of each post that is changed, whose `ref` is the
                id of the post.

        Raises:
            ChannelNotFoundError: there is no such channel, or several have its name.
            InvalidInputError: there is nothing to change, or no such type.
            PostizError: the job had to stop; call it again to go on.
        """

    @awaited
    def check(self, *, timezone: str | None = None) -> list[PostFinding]:
        """Find posts that will fail, and what looks like a mistake.

        Found are posts that their network refused, that are overdue, that wait on a disabled
        channel, or whose listed text or settings the server would refuse; the same text twice on a
        channel, two posts on a channel within an hour, and days without a post on which the channel
        usually has one. Media and threads are not listed, and so not checked; nor does Postiz tell
        which channel has to be connected again. Costs no quota since v2.19.0.

        Args:
            timezone: the zone of the days; None: UTC.

        Returns:
            First what fails, then the rest, each in order of date.

        Raises:
            ChannelNotFoundError: there is no such channel, or several have its name.
            ConfigurationError: there is no such zone.
        """

    @awaited
    def icalendar(self, *, name: str = "Postiz") -> str:
        """The posts as a calendar file (RFC 5545). Costs no quota since v2.19.0.

        Args:
            name: the name of the calendar.

        Raises:
            ChannelNotFoundError: there is no such channel, or several have its name.
        """
