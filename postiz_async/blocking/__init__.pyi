"""Synchronous code: a client that waits, for Flask, Django views, scripts, notebooks and Celery.

    with Postiz() as postiz:
        postiz.posts.schedule(NewPost(channel, "Hello"), at=at)

Everything has the name, the arguments and the errors that it has in `postiz_async`, without
`await`; `aclose` is called `close`. What is given and returned is the same, so the rest is imported
from there. A client may be used by any number of threads. Functions given to a call are called in
the thread that makes it, while it waits; hooks of a client in the thread of the event loop.
"""

# Made by `python docs/make_blocking.py`.

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Generator
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import datetime
from datetime import timedelta
from datetime import tzinfo
from msgspec import UnsetType
from pathlib import Path
from postiz_async._campaign.after.report import Report
from postiz_async._campaign.after.wait_published import WaitResult
from postiz_async._campaign.options import Existing
from postiz_async._campaign.plan.plan import ChannelPlan
from postiz_async._campaign.plan.plan import PlannedRequest
from postiz_async._campaign.read.media_files import MediaRoot
from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._campaign.read.rows import CampaignSource
from postiz_async._campaign.read.rows import Row
from postiz_async._campaign.run.bulk import PostChanges
from postiz_async._campaign.run.edits import Edits
from postiz_async._campaign.run.job import Outcome
from postiz_async._campaign.run.job import RunProgress
from postiz_async._campaign.run.undo import UndoResult
from postiz_async._campaign.run.update_plan import Plan
from postiz_async._campaign.status import CampaignStatus
from postiz_async._delivery.lookup import Doubts
from postiz_async._delivery.options import Late
from postiz_async._delivery.options import OnDoubt
from postiz_async._delivery.outcomes import RowState
from postiz_async._outbox.tickets import OutboxOptions
from postiz_async._outbox.tickets import Ticket
from postiz_async._outbox.tickets import TicketEvent
from postiz_async._quota.view import Quota
from postiz_async._resources.pool_health import PoolHealth
from postiz_async._scheduler.calls import RawAnswer
from postiz_async._settings import AdvancedOptions
from postiz_async._uploads import Progress
from postiz_async._uploads import UploadSource
from postiz_async._wire.secrets import Secret
from postiz_async.clock import Clock
from postiz_async.errors import Marks
from postiz_async.errors import Problem
from postiz_async.errors import Scope
from postiz_async.models.channels import Channel
from postiz_async.models.channels import ChannelSettings
from postiz_async.models.channels import Group
from postiz_async.models.insights import Figures
from postiz_async.models.insights import Metric
from postiz_async.models.insights import Notification
from postiz_async.models.insights import PostAnalytics
from postiz_async.models.media import ListedMedia
from postiz_async.models.media import Media as StoredMedia
from postiz_async.models.posts import Created
from postiz_async.models.posts import MissingRelease
from postiz_async.models.posts import NewPost
from postiz_async.models.posts import Post
from postiz_async.models.posts import PostRequest
from postiz_async.models.posts import PostState
from postiz_async.models.posts import PostType
from postiz_async.models.posts import PublishEvent
from postiz_async.models.posts import StoredType
from postiz_async.models.users import Membership
from postiz_async.models.video import SlidesVideo
from postiz_async.models.video import Veo3Video
from postiz_async.stores import Records
from ssl import SSLContext
from typing import Any
from typing import Literal
from typing import ParamSpec, Self, TypeVar, overload
from typing import Self
import builtins

__all__ = ["Postiz", "PostizPool", "Campaign", "Outbox"]

_T = TypeVar("_T")
_P = ParamSpec("_P")

class Campaign:
    """A campaign: its plan, its run, and its report.

        with postiz.campaign("campaign.csv") as campaign:
            print(campaign.plan())
            report = campaign.run()

    Entering reads and checks everything: the rows, their media, the channels, the journal of an
    earlier run. Nothing is sent before all is known.

    After a run, `requests`, `edits`, `is_resumed` and what else depends on the journal read it
    again. `plan` does that in a thread; without it the first of them does, in the event loop, which
    it holds up where the rows are many.

    `Postiz.campaign` makes one, and says what the arguments mean.
    """
    def __enter__(self) -> Self:
        ...
    def __exit__(self, *_: object) -> None:
        ...
    @property
    def adopted(self) -> list[Row]:
        """Rows that the last `plan` found in Postiz: a run adopts them and does not send them.

        These are rows that the journal knows; with `existing="adopt"`, all rows.
        """
    @property
    def by_channel(self) -> list[ChannelPlan]:
        """For each channel of the file, what is in Postiz and what has still to be sent."""
    @property
    def channels(self) -> list[Channel]:
        """The channels that the campaign uses."""
    def close(self) -> None:
        """End a run that was left, then close the journal. Closing twice does no harm."""
    @property
    def doubts(self) -> Doubts:
        """The requests that are being looked up now, because their answers were lost."""
    @property
    def edits(self) -> Edits:
        """The differences between the campaign and what was sent of it; a run applies them."""
    def has_journal(self) -> bool:
        """Whether the campaign has a journal.

        Raises:
            StoreError: the database that has its journal cannot be used.
        """
    def html_report(self, *, zone: tzinfo | None = None) -> str:
        """The outcome of the campaign as an HTML page without external resources.

        Args:
            zone: the time zone of its dates; None for the machine's.

        Raises:
            CampaignError: the campaign was never run.
        """
    @property
    def is_done(self) -> bool:
        """Whether a run has nothing to send, to look up or to write down, changes apart."""
    @property
    def is_resumed(self) -> bool:
        """Whether an earlier run left a journal."""
    @property
    def journal_path(self) -> Path | None:
        """The path of the journal; None: it is in a database."""
    def open(self) -> Self:
        """Open the campaign, as `with` does: read and check everything.

        Raises:
            CampaignError: the campaign or the journal cannot be used.
        """
    def outcomes(self) -> Generator[Outcome]:
        """Send what is unsent, as `run`; yields each outcome as it comes.

            for outcome in campaign.outcomes():
                print(outcome.row, outcome.state)

        Leaving the loop stops sending; requests in flight end first.
        """
    @property
    def path(self) -> Path:
        """The campaign's file, or its name."""
    def plan(self, *, prune: bool = False, force: bool = False) -> Plan:
        """Plan what a run would send and change, with its cost and its end. Does nothing of it.

        Looks in Postiz for the rows as a run does.

        Args:
            prune: as for `run`.
            force: as for `run`.

        Raises:
            InvalidPostError: the campaign has problems.
            CampaignConflictError: rows are in Postiz already, and `existing` is "refuse".
        """
    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the campaign; `plan` and `run` refuse if there is any problem."""
    @property
    def progress(self) -> RunProgress:
        """What a run is doing, besides the outcomes of its rows."""
    @property
    def reading(self) -> ReadOptions:
        """How the file is read, as given, and as the file next to it says."""
    @property
    def remarks(self) -> list[str]:
        """Notes on the run as a whole."""
    def report(self) -> Report:
        """The outcome of each row, as recorded in the journal.

        Raises:
            CampaignError: the campaign was never run, or its journal is gone since.
        """
    @property
    def requests(self) -> list[PlannedRequest]:
        """The requests that have still to be sent, the most urgent first."""
    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows that could be read."""
    def run(
        self,
        on_outcome: Callable[[Outcome], object] | None = None,
        *,
        prune: bool = False,
        keep: bool = False,
        force: bool = False,
    ) -> Report:
        """Make Postiz contain what the campaign says, and report.

            report = campaign.run()

        Unsent rows are sent. Stored posts whose rows say something else now are changed; a post
        whose row moved to another channel is deleted and sent anew, so that there are never two.
        What people changed in Postiz is left and reported (`Report.changes`). `plan` shows all of
        it before; `CampaignRun` says how to iterate over outcomes instead.
        Interrupting it stops sending; requests in flight end first, and the next run goes on.

        Args:
            on_outcome: called with each `Outcome` once it is known. What it
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
    def status(self) -> CampaignStatus:
        """Ask Postiz what became of the posts: published, failed, and what people did to them.

        Changes nothing there; second posts and half-made ones are named, and the next run deletes
        or repairs them. What is found is written into the journal for `report`, unless another
        process works on it. If Postiz cannot be asked, the result says why, and what the journal
        says. It also works beside a run of another process, if the campaign is not entered:
        `postiz.sent_campaign("campaign.csv").status()`.

        Raises:
            CampaignError: the campaign was never run, or its journal cannot be read.
            StoreError: the database that has its journal cannot be used.
        """
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
        given. A later run does not send these rows, unless they say something else or the campaign
        is made with `existing="again"`. An undo may be cancelled and called again.

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
    def wait_published(
        self,
        *,
        patience: float | timedelta = ...,
        on_outcome: Callable[[Outcome], object] | None = None,
        on_look: Callable[[WaitResult], object] | None = None,
    ) -> WaitResult:
        """Wait until each stored post is published or failed; call this after a run.

        Ends when each post is out, refused by its network, deleted, or `patience` over its date.
        What was seen is in the journal, so it may be cancelled and called again; `report`
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
    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Warnings: accepted by the server, but probably mistakes; nothing stops for them."""

class Outbox:
    """Posts that were handed over durably, and the task that sends them.

    The client makes, opens and closes it: `Postiz(outbox="outbox.sqlite")`.
    """
    def by_key(self, idempotency_key: str) -> Ticket | None:
        """Return the ticket of an idempotency key of `put`; None if there is none (any more).

        Args:
            idempotency_key: the key.

        Raises:
            InvalidPostError: it cannot be a key.
        """
    def consume(self, handler: Callable[[TicketEvent], object], *, name: str) -> None:
        """Call a function for each ticket that ended, in order, until the client closes.

        The place is stored in the outbox after each call, so the next process goes on from there:
        each event is handled at least once. Of all processes that do this under the same name one
        works at a time; if it dies, another one takes over after half a minute at most. If the
        function raises an error, it is called again with the same event after a second, then twice
        as long each time, up to five minutes; later events wait. What it has not done when the
        client closes, the next process does again.

        Args:
            handler: the function.
            name: a name for what the function does, such as `billing`. A new name begins with the
                oldest event that is kept.

        Raises:
            CursorError: some events after the place were removed. Choose another name to go on.
            UsageError: `handler` is no function, or `name` is no text.
        """
    def counts(self) -> Mapping[RowState, int]:
        """Count the tickets in each state, of all processes that share store and quota.

        Raises:
            StoreError: the outbox cannot be used, or has tickets of another version.
        """
    def events(self, *, after: str | None = None) -> Generator[TicketEvent]:
        """Iterate over the tickets that ended, in any process, in the order in which they did.

            for event in postiz.outbox.events(after=cursor):
                print(event.ticket.id, event.ticket.state)
                cursor = event.cursor  # store it when you are done with the event

        It waits for further ones, and ends when the client closes. After an error or a cancellation
        the same iterator goes on where it was. Tickets are kept for `OutboxOptions(keep=...)` after
        their end: whoever is away for longer is told, by a `CursorError`.

        Args:
            after: the cursor of the last event that you have seen; None: from the oldest one kept.

        Raises:
            CursorError: `after` is not a cursor of these events, or some after it were removed;
                also from the iterator.
            StoreError: from the iterator, when the store cannot be read.
        """
    def get(self, ticket: Ticket | str) -> Ticket:
        """Return the current state of a hand-over, whichever process works on it.

        Args:
            ticket: the ticket or its id.

        Raises:
            PostNotFoundError: there is no such ticket, or it was over too long ago.
        """
    def put(
        self,
        *posts: NewPost,
        at: datetime | None = None,
        tags: Sequence[str] = (),
        short_link: bool = False,
        idempotency_key: str | None = None,
    ) -> Ticket:
        """Hand posts over, to be sent in one request as soon as the quota allows.

        When it returns, they are on the disk: a crash of this process or a loss of power does
        not lose them. They are sent as `posts.schedule` sends, after interactive calls. When it is
        cancelled, they are withdrawn, unless they are on their way by then or have a key.

        Args:
            posts: what to post, each on its channel.
            at: when to publish, with a time zone; None: as soon as they are sent.
            tags: names of tags that exist in Postiz.
            short_link: shorten links if the server has a shortener.
            idempotency_key: a text of 1 to 255 characters, such as the number of an order. The
                same call again returns the first ticket in its current state, for as long as
                that is kept (`OutboxOptions(keep=...)`).

        Costs one of the hourly create requests, later. The only request at once is a list of the
        channels (as for `posts.check`). While Postiz cannot be reached, this is skipped if all
        channels are given as `Channel` or were listed by this client before.

        Raises:
            InvalidPostError: the server would refuse them; nothing was stored.
            IdempotencyError: the key was used with other arguments; nothing was stored.
            StoreError: the hand-over cannot be written down; nothing was stored. If PostgreSQL went
                away in that moment, the error says that it may have been stored, and as which
                ticket.
            APIConnectionError: Postiz cannot be reached, and a channel is given by an id, a name
                or a provider that this client has not seen in a list yet.
        """
    @property
    def trouble(self) -> str:
        """The reason why this process cannot send (server, key or disk); empty if it can.

        It begins with the name of the organisation, if the client has one.
        """
    def wait(self, ticket: Ticket | str, *, timeout: float | timedelta | None = None) -> Ticket:
        """Wait until a hand-over is over: stored, refused, late, withdrawn or undecided.

        Args:
            ticket: the ticket or its id.
            timeout: seconds after which the ticket is returned in any state, 0 for at once; None
                for as long as it takes.

        Raises:
            PostNotFoundError: there is no such ticket.
            StoreError: this process had to send the posts, and its sending task failed.
            UsageError: `timeout` is not a number of seconds, or `ticket` is not one.
        """
    def withdraw(self, ticket: Ticket | str) -> bool:
        """Withdraw a hand-over that has not left yet. Returns False if it has left.

        Args:
            ticket: the ticket or its id.

        Raises:
            PostNotFoundError: there is no such ticket.
        """

class Postiz:
    """A client for one API key.

        with Postiz() as postiz:
            channels = postiz.channels.list()

    Args:
        api_key: the organisation's key or an OAuth token; else `POSTIZ_API_KEY`. If you pass a
            `Secret`, tracebacks of your own code do not show it either.
        base_url: the server, with or without `/public/v1`; else `POSTIZ_API_URL`, else the cloud.
        organization: your name for the organisation. Keys and tokens of one organisation count
            against one quota; give them the same name, and they share it. None: the key is the
            name.
        store: where quota, idempotency keys and the outbox are kept, so that other processes share
            them and the next one knows them: the path of a file for one host, or the address of a
            PostgreSQL (`postgresql://...`) for many; or a store of quota and keys alone, such as
            `SqliteStore`. It stays open when the client closes; that of a blocking client is closed
            with it, and serves no other. None: all clients of this process without a store share
            the quota, in all threads and event loops, even one after the other; a `MemoryStore()`
            separates the clients that use it. If a store is unavailable, no create is sent
            (`StoreError`); an outbox elsewhere keeps posts meanwhile.
        validate: refuse posts that the server would refuse, before a slot is spent on them.
        timeout: time for each whole call, as in `with_options(timeout=)`; None: each attempt has
            the time limit of its route, usually 30 s. For requests of campaigns and of the outbox
            it can only extend that limit (for creates up to 300 s).
        max_wait: how long a call may wait for the quota, as in `with_options(max_wait=)`; None: as
            long as necessary. Campaigns and the outbox always wait as long as necessary.
        headers: added to each request to the server, for example for a gateway. Their values are
            shown nowhere and sent to no other server. The client's own, such as `Authorization`,
            are refused. None: those of `POSTIZ_HEADERS`.
        max_retries: attempts after the first, for calls that are safe to repeat; 0: none. Others
            are repeated only if nothing was sent, or if it is proved that nothing was done.
        ssl: a context with the CAs to trust, and the client's certificate if the server requires
            one; None: the system's CAs, or those of `SSL_CERT_FILE`.
        proxy: the URL of a proxy for all requests, with user and password if it requires them;
            `NO_PROXY` is then ignored. Empty: no proxy; None: `POSTIZ_PROXY`, else `HTTPS_PROXY`,
            `HTTP_PROXY` and `NO_PROXY`.
        outbox: where `postiz.outbox` is if not in `store`: a file, the address of a PostgreSQL,
            or `OutboxOptions`, which also say how it works. None: it is in `store`, if that is
            the path of a file or the address of a PostgreSQL. Without `store`, the quota is also
            shared and remembered there.
        drain: time that closing waits for calls in progress, including those that wait for a
            slot; 0: waiting calls fail, and calls in flight are broken off; None: as long as they
            take.
        allow: the scopes that the client is restricted to: `read`, without which nothing works,
            and any of `draft`, `schedule`, `publish`, `update`, `delete`, `media`. What needs
            another one raises `ScopeError` before anything is sent or stored. None: everything.
        advanced: pacing, hooks and others: `AdvancedOptions`.

    Durations are in seconds or `timedelta`.

    Raises:
        ConfigurationError: the key, the URL or another setting cannot be used.
    """
    def __enter__(self) -> Self:
        ...
    def __exit__(self, *_: object) -> None:
        ...
    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        organization: str | None = None,
        store: Records | Path | Secret | str | None = None,
        outbox: OutboxOptions | Path | Secret | str | None = None,
        validate: bool = True,
        timeout: float | timedelta | None = None,
        max_wait: float | timedelta | None = None,
        max_retries: int = 3,
        headers: Mapping[str, str | Secret] | None = None,
        ssl: SSLContext | None = None,
        proxy: str | Secret | None = None,
        drain: float | timedelta | None = 0.0,
        allow: Collection[Scope] | None = None,
        advanced: AdvancedOptions | None = None,
    ) -> None:
        ...
    @property
    def analytics(self) -> _Analytics:
        """A resource of a client, imported and made when it is first used.

        Few programs use all of them, and a pool has thousands of clients. On the class it is the
        class of the resource, for `create_autospec`.
        """
    @property
    def base_url(self) -> str:
        """The root of the API, with `/public/v1`."""
    def campaign(
        self,
        source: CampaignSource,
        *,
        journal: Path | Secret | str | None = None,
        schema: str = "postiz_async",
        name: str | None = None,
        timezone: str | None = None,
        reading: ReadOptions | None = None,
        media_root: MediaRoot = (),
        align: float | timedelta | str | None = None,
        late: Late = "skip",
        skip_invalid: bool = False,
        on_doubt: OnDoubt = "skip",
        existing: Existing = "refuse",
    ) -> Campaign:
        """A campaign: a job that can be planned, run, killed and resumed.

        Arguments that are not given are taken from a `campaign.toml` beside the file.

        Args:
            source: a file (CSV, a spreadsheet, or JSON), or an iterable of
                `CampaignRow` or mappings, which is read once. To continue after a crash, pass the
                same rows and the same journal again.
            journal: where the result of each row is recorded: a file, or the address of a
                PostgreSQL database, with which several hosts run one campaign together; None: a
                file next to the campaign file. Rows from a program need a journal: without one, a
                killed run could neither continue nor be repeated without storing posts twice.
            schema: the schema of the tables in PostgreSQL; `postiz-async outbox init` creates it.
            name: the name that marks the campaign's posts, the same on every host that runs
                it; None: the name of the file without its folder, or for rows from a program the
                name of the journal. A journal keeps the name that it was created with.
            timezone: the zone of dates without one; None: such dates are refused.
            reading: how to read the file: columns, defaults, dates and zones.
            media_root: one or more folders from which the campaign may take media, besides its own
                folder (for rows from a program: the working directory). Cells cannot refer to other
                files, neither with `..` nor through a symbolic link; a `Path` from a program can.
            align: how far dates may move so that more posts share a request: a text like `"15m"`,
                a `timedelta` or seconds; a row's `tolerance` overrides it.
            late: what to do with a row whose date passes before a slot is free: `skip` does not
                send it and reports it, `send` publishes it at once, a `timedelta` or seconds
                move it to that long after a slot is free.
            skip_invalid: leave rows with problems out instead of refusing the whole campaign.
            on_doubt: what to do with a row whose answer was lost and whose date comes before it is
                certain that it is not stored: `skip` leaves it undecided, `send` sends it again as
                soon as it seems to be absent, at the risk of publishing it twice.
            existing: what to do with rows that are in Postiz already but not in the journal, and
                with equal posts that do not have the mark of a row: `refuse` stops before they are
                sent, `adopt` adopts them as stored, `again` sends the rows once more, and also
                those that `undo` has withdrawn. Posts that an earlier run or another host stored
                for a row in the journal are always adopted.

        Raises:
            ConfigurationError: rows cannot move by `late` or `align`, rows from a program have no
                journal, a media root is not a folder, or the campaign's name is empty.
            CampaignError: the campaign or the journal cannot be used.
            InvalidPostError: from `plan` and `run`, with all problems.
        """
    @property
    def channels(self) -> _Channels:
        """A resource of a client, imported and made when it is first used.

        Few programs use all of them, and a pool has thousands of clients. On the class it is the
        class of the resource, for `create_autospec`.
        """
    @property
    def clock(self) -> Clock:
        """The client's clock."""
    def close(self, *, drain: float | timedelta | UnsetType | None = ...) -> None:
        """Close all connections. Of a view made by `with_options`: do nothing.

        Args:
            drain: seconds to wait for calls in progress; None or `math.inf`: as long as they take.
                Not given: the client's `drain`. No new calls are accepted meanwhile. After that,
                calls that wait for the quota fail unsent, and calls in flight are broken off.

        Raises:
            UsageError: `drain` is not a number of seconds, or the client is open in another event
                loop.
        """
    def explain_quota(self) -> list[str]:
        """Sentences about the quota: why bulk work waits, and which slots are kept for whom.

        Raises:
            StoreError: the store cannot be read.
        """
    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
    @property
    def media(self) -> _MediaResource:
        """A resource of a client, imported and made when it is first used.

        Few programs use all of them, and a pool has thousands of clients. On the class it is the
        class of the resource, for `create_autospec`.
        """
    @property
    def notifications(self) -> _Notifications:
        """A resource of a client, imported and made when it is first used.

        Few programs use all of them, and a pool has thousands of clients. On the class it is the
        class of the resource, for `create_autospec`.
        """
    def open(self) -> Self:
        """Open the client; `with` does it."""
    @property
    def outbox(self) -> Outbox:
        """Hand posts over: they are stored durably and sent in the background."""
    @property
    def posts(self) -> _Posts:
        """A resource of a client, imported and made when it is first used.

        Few programs use all of them, and a pool has thousands of clients. On the class it is the
        class of the resource, for `create_autospec`.
        """
    def quota(self, *, refresh: bool = True) -> Quota:
        """The quota of create requests as the client knows it. Sends nothing.

        Args:
            refresh: whether to read what other processes did from the store first.

        Raises:
            StoreError: the store cannot be read.
        """
    def quota_changes(self) -> Generator[Quota]:
        """Yield the quota now and after each change, such as an answer or the end of a window.

            for quota in postiz.quota_changes():
                print(quota.remaining, quota.queued)

        A slow reader gets the newest state and misses intermediate ones. Changes by other processes
        in a shared store are seen within five seconds. Ends when the client is closed. Sends
        nothing.
        """
    def request(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | Sequence[object] | None = None,
        params: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
    ) -> Any:
        """Call a route that this library does not know; the decoded JSON of its answer.

            postiz.request("PUT", "/posts/tags", json={"name": "news"}, idempotent=True)

        It is sent like any other call. `POST /posts` waits for the quota and costs one of the
        hourly create requests; its body is not checked.

        Args:
            method: `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
            path: the path below the root of the API, such as `/posts/tags`.
            json: the body.
            params: the query.
            idempotent: whether the call may be repeated when it is not known whether it was carried
                out; None: only a `GET`.

        Returns:
            The decoded JSON; None if the answer is empty.

        Raises:
            UsageError: `method`, `path` or `params` makes no sense, or a create is said to be
                idempotent.
            DeliveryUnknownError: the answer to a create was lost.
            PostizError: what any call raises.
        """
    def sent_campaign(
        self,
        path: Path | str,
        *,
        journal: Path | Secret | str | None = None,
        name: str | None = None,
        schema: str = "postiz_async",
        reading: ReadOptions | None = None,
    ) -> _SentCampaign:
        """A campaign that was run, for work on its posts; its file may be missing or invalid.

        Args:
            path: the campaign, or its journal (`.journal`).
            journal: the journal: a path, or the address of a PostgreSQL database; None: next to
                the campaign.
            name: the campaign's name in a database; None: the name saved next to the file, else
                the name of the file.
            schema: the schema of the tables in PostgreSQL.
            reading: how to read the file, besides what is saved next to it; only `undo` of numbered
                rows reads it.

        Raises:
            CampaignError: there is no journal, another process uses it, or it belongs to another
                server; raised on entering the campaign.
            ConfigurationError: `journal` is an address of something else.
        """
    def stored_posts(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        state: PostState | None = None,
        channel: Channel | str | None = None,
        tag: str | None = None,
        text: str | None = None,
        ids: Collection[str] | None = None,
    ) -> _PostSelection:
        """Stored posts that match a filter, to delete, pause or resume many at once.

        Args:
            start: the start of the range, with a time zone; None: now. `delete` needs it.
            end: the end of the range, inclusive; None: a year after the start. `delete` needs it.
            state: only posts in this state: `QUEUE`, `PUBLISHED`, `ERROR` or `DRAFT`.
            channel: only this channel: its id, name or provider.
            tag: only posts with this tag, by name.
            text: only posts whose text has this in it, in upper or lower case.
            ids: only these posts, such as those of a campaign: `{row.post_id for row in
                CampaignStatus.read("campaign.csv").report.rows if row.post_id}`.

        Raises:
            InvalidInputError: there is no such state, or a part of the filter is blank.
            UsageError: `ids` is a text.
        """
    @property
    def users(self) -> _Users:
        """A resource of a client, imported and made when it is first used.

        Few programs use all of them, and a pool has thousands of clients. On the class it is the
        class of the resource, for `create_autospec`.
        """
    def with_options(
        self,
        *,
        timeout: float | timedelta | UnsetType | None = ...,
        max_wait: float | timedelta | UnsetType | None = ...,
        deadline: datetime | UnsetType | None = ...,
        priority: int | UnsetType = ...,
        headers: Mapping[str, str | Secret] | UnsetType = ...,
        max_retries: int | UnsetType = ...,
    ) -> Postiz:
        """The same client with other options, for all calls on the result.

            postiz.with_options(timeout=5).posts.list(start=..., end=...)

        Options that are not given are kept: `with_options(priority=3).with_options(timeout=5)` has
        both. If a header is given twice, the later value is used. The result has no connections of
        its own: closing it does nothing, and it ends with this client.

        Campaigns use headers, retries and the time-out (as described at `Postiz`). The `outbox`
        uses no options, because other processes may send its posts. Using `campaign` or `outbox`
        with options that do not apply raises `UsageError`.

        Args:
            timeout: seconds for the whole call, including look-ups, attempts and the pauses between
                them; then `APITimeoutError`. Waiting for the quota is not included. Each piece
                of a list that is iterated over is a call. None: each attempt has the time limit of
                its route, usually 30 s.
            max_wait: seconds that the call may wait for the quota; 0: do not wait; None or
                `math.inf`: as long as necessary.
            deadline: when a create must be sent at the latest, with a time zone; if that is
                impossible, it raises `QuotaWaitError` at once.
            priority: the priority of creates: `Priority`, or another whole number.
            headers: added to each request that the call causes. The client's own, such as
                `Authorization`, are refused.
            max_retries: attempts after the first, for calls that are safe to repeat; 0: none.

        Raises:
            UsageError: an option has a value that makes no sense.
        """
    def with_raw_response(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> RawAnswer[_T]:
        """Status, headers and body along with the value of a call.

            answer = postiz.with_raw_response(postiz.posts.list, start=..., end=...)

        Args:
            call: a method of this client.
            args: its arguments.
            kwargs: its arguments by name.

        Raises:
            UsageError: there was no answer, because the result was already known.
        """

class PostizPool:
    """Clients of many organisations, with one set of connections and a separate quota for each.

        with PostizPool(base_url="https://postiz.example.com/api") as pool:
            postiz = pool.client(token)
            postiz.posts.schedule(NewPost(channel, "Hello"), at=at)

    A client is opened at its first use and stays in the pool, with its quota and its list of
    channels; asking again returns the same client. An idle client has no task, no timer and no
    connection. If there are more requests than connections, the organisations take turns.

    Args:
        base_url: the server, unless `client` names another, with or without `/public/v1`; else
            `POSTIZ_API_URL`, else the cloud.
        store: where all quotas and idempotency keys are kept, so that other processes share them
            and the next one knows them: a path, an address or a store, as for `Postiz`. With
            `credentials`, the address of a PostgreSQL has `pool.outbox` and the `outbox` of each
            client, too. None: they are this process's, or with an outbox in its database.
        outbox: the address of a PostgreSQL, `postgresql://...`, or `OutboxOptions`, if the outbox
            is not in `store` or is to work in another way.
        credentials: a function from the name of an organisation to its key or token, with which
            the outbox sends; it is called each time. An `def` function has 30 s, another one
            must not block. A blocking pool calls it in a worker thread. No key is stored.
        connections: the largest number of connections, for all organisations together; None: 100.
        max_clients: the largest number of clients; beyond it, the least recently used is closed if
            it is idle.
        validate: refuse posts that the server would refuse, before a slot is spent on them.
        timeout: time for each whole call, as in `with_options(timeout=)`; None: each attempt has
            the time limit of its route, usually 30 s. For requests of campaigns and of the outbox
            it can only extend that limit (for creates up to 300 s).
        max_wait: how long a call may wait for the quota, as in `with_options(max_wait=)`; None: as
            long as necessary. Campaigns and the outbox always wait as long as necessary.
        headers: added to each request to the server of `base_url`, for example for a gateway. Their
            values are shown nowhere, and clients of other servers are refused. The client's own,
            such as `Authorization`, are refused. None: those of `POSTIZ_HEADERS`.
        max_retries: attempts after the first, for calls that are safe to repeat; 0: none. Others
            are repeated only if nothing was sent, or if it is proved that nothing was done.
        ssl: a context with the CAs to trust, and the client's certificate if the server requires
            one; None: the system's CAs, or those of `SSL_CERT_FILE`.
        proxy: the URL of a proxy for all requests, with user and password if it requires them;
            `NO_PROXY` is then ignored. Empty: no proxy; None: `POSTIZ_PROXY`, else `HTTPS_PROXY`,
            `HTTP_PROXY` and `NO_PROXY`.
        drain: time that closing waits for calls in progress of all clients, including those that
            wait for a slot; 0: waiting calls fail, and calls in flight are broken off; None: as
            long as they take.
        allow: the scopes that the client is restricted to: `read`, without which nothing works,
            and any of `draft`, `schedule`, `publish`, `update`, `delete`, `media`. What needs
            another one raises `ScopeError` before anything is sent or stored. None: everything.
        advanced: pacing, hooks and others: `AdvancedOptions`.

    Durations are in seconds or `timedelta`.
    """
    def __enter__(self) -> Self:
        ...
    def __exit__(self, *_: object) -> None:
        ...
    def __init__(
        self,
        *,
        base_url: str | None = None,
        store: Records | Path | Secret | str | None = None,
        outbox: OutboxOptions | Secret | str | None = None,
        credentials: Callable[[str], str | Secret] | None = None,
        connections: int | None = None,
        max_clients: int = 10000,
        validate: bool = True,
        timeout: float | timedelta | None = None,
        max_wait: float | timedelta | None = None,
        max_retries: int = 3,
        headers: Mapping[str, str | Secret] | None = None,
        ssl: SSLContext | None = None,
        proxy: str | Secret | None = None,
        drain: float | timedelta | None = 0.0,
        allow: Collection[Scope] | None = None,
        advanced: AdvancedOptions | None = None,
    ) -> None:
        ...
    def __len__(self) -> int:
        ...
    def client(
        self,
        api_key: str | Secret,
        *,
        organization: str | None = None,
        base_url: str | None = None,
    ) -> Postiz:
        """The open client of a key; the pool closes it.

        Args:
            api_key: an organisation's key, or an OAuth token of it.
            organization: your name for the organisation. Keys and tokens with the same name share
                one quota, even after a token is renewed.
            base_url: another server than the pool's.

        Raises:
            UsageError: the pool is not open here, or has headers for another server.
            ConfigurationError: the key or the URL cannot be used.
        """
    def close(self, *, drain: float | timedelta | UnsetType | None = ...) -> None:
        """Close all clients and connections. No new calls are accepted meanwhile.

        Args:
            drain: seconds to wait for calls in progress of all clients; None or `math.inf`: as long
                as they take. Not given: the pool's `drain`.
        """
    def health(self, *, most: int = 100) -> PoolHealth:
        """The state of the pool and its organisations, for health routes. Sends nothing to Postiz.

        Quotas are as this process last saw them. Store and outbox are queried once each for all
        organisations, for at most three seconds; if they are unavailable, `trouble` says so.

            health = pool.health()
            print(health.is_ready, health.total, health.queued, health.troubles)

        Args:
            most: how many organisations and troubles are listed, those in trouble first.

        Raises:
            UsageError: the pool is not open.
        """
    @property
    def is_open(self) -> bool:
        """Whether the pool is open."""
    def look_again(self) -> None:
        """Let every `wait_published` of every client check now, as after a webhook delivery."""
    def open(self) -> Self:
        """Open the pool; `with` does it."""
    @property
    def outbox(self) -> _PoolOutbox:
        """Hand posts over for any organisation: stored durably and sent in the background."""

class _Analytics:
    """`postiz.analytics`. Nothing here costs quota. An empty answer can hide an error.

    A call may take ten seconds, and may refresh or disconnect the channel's social token.
    """
    def channel(self, channel: Channel | str, *, days: int = 30) -> list[Metric]:
        """Figures of a channel over the last `days` (7, 30 or 90).

        Empty if the network has none, or if the server could not fetch them. Cached by the server
        for an hour. Retried: yes. Since v2.18.0.

        Args:
            channel: the channel, its id, name or provider.
            days: how many days back the figures reach.

        Raises:
            ChannelNotFoundError: no channel, or several, have this name or provider.
            ServerError: also for an unknown id.
        """
    def post(self, post: Post | Created | str, *, days: int = 30) -> PostAnalytics:
        """Figures of a published post. `missing` is True if its id on the network is unknown.

        Empty for unknown and unpublished posts too. Retried: yes. Since v2.18.0.

        Args:
            post: the post or its id.
            days: how many days back the figures reach.
        """
    def posts(self, posts: Iterable[Post | tuple[str, str]], *, days: int = 90) -> Figures:
        """The newest figures of several posts, as numbers.

        Two posts are queried at a time. A channel is skipped after three of its posts had no
        figures, and everything after three failures in a row: `missing` lists posts without
        figures, and why. Retried: yes. Since v2.18.0.

        Args:
            posts: an iterable of published posts, or of pairs: the id of a post
                and that of its channel. Each is taken when it can be queried, as from `posts.list`.
            days: how many days back the figures reach.

        Raises:
            AuthenticationError: the key is not accepted.
        """

class _Channels:
    """`postiz.channels`: the connected social accounts. Nothing here costs quota.

    A channel can be given as a `Channel`, or by its id, its name or its provider if no other
    channel has the same. Names and providers are looked up in the list of channels.
    """
    def connect_url(self, provider: str, *, refresh: str | None = None) -> str:
        """The URL where a person connects an account of `provider`; valid for an hour.

        Args:
            provider: identifier such as `linkedin`.
            refresh: the platform's own id of an account to reconnect.

        Retried: yes. Since v2.20.0.

        Raises:
            ConfigurationError: accounts of this provider are connected with a form in the web page,
                not through a URL.
            BadRequestError: the server has no such provider.
            PlanLimitError: the plan has no room for another channel.
        """
    def delete(self, channel: Channel | str) -> str:
        """Delete a channel, and in the background its posts. Returns its id.

        The server's answer contains the social tokens of the account; they are discarded. Retried:
        yes. Since v2.20.0.

        Args:
            channel: the channel or its id. Names and providers are refused here, because their
                meaning can change.

        Raises:
            InvalidInputError: it is not an id of a channel; nothing was deleted.
            ServerError: also for an unknown channel.
        """
    def find(self, *channels: Channel | str) -> builtins.list[Channel]:
        """Channels by id, by name, or by provider if no other channel has it.

        Args:
            channels: a channel, or its id, name or provider, for each.

        Raises:
            ChannelNotFoundError: with a problem for each word that means no channel, or several.
            InvalidPostError: a word means a channel that is disabled, or that another one means.
        """
    def find_slot(self, channel: Channel | str) -> datetime:
        """The next free posting time of a channel, in UTC. Nothing is reserved.

        For a channel that is unknown, disabled or without posting times, the server searches
        without end, even after the client has disconnected. So the list of channels is always
        fetched first. It does not show posting times: a channel without them costs a wait of 10 s,
        and half a core of the server until it is restarted.

        Args:
            channel: the channel, its id, name or provider.

        Retried: no. Since v2.7.0.

        Raises:
            ChannelNotFoundError: the channel does not exist, or is one of several with this name or
                provider; the server was not asked.
            InvalidPostError: it is disabled.
            APITimeoutError: most likely the channel has no posting times; do not call this again
                before it has some.
        """
    def groups(self) -> builtins.list[Group]:
        """The groups of channels; the web page calls them customers.

        Retried: yes. Since v2.21.9.
        """
    def is_connected(self) -> bool:
        """Whether the server accepts the key.

        Retried: yes. Since v1.62.0.

        Raises:
            AuthenticationError: it does not.
        """
    def list(self, *, group: Group | str | None = None) -> builtins.list[Channel]:
        """The channels of the organisation, including disabled ones, in no particular order.

        Args:
            group: only channels of this group (`Channel.group`), or of that with this id; servers
                before v2.21.9 ignore it.

        Retried: yes. Since v1.11.1.
        """
    def settings(self, channel: Channel | str) -> ChannelSettings:
        """Rules, length limit, settings schema and tools of a channel, as the server reports them.

        Args:
            channel: the channel, its id, name or provider.

        Retried: yes. Since v2.18.0.

        Raises:
            ChannelNotFoundError: no channel, or several, have this name or provider.
            NotFoundError: no channel has this id (older servers: ServerError).
        """
    def trigger(
        self,
        channel: Channel | str,
        tool: str,
        data: Mapping[str, str] | None = None,
    ) -> object:
        """Use a tool of a channel, for example to look up its boards. Returns its JSON output.

        Args:
            channel: the channel, its id, name or provider.
            tool: the name of a tool that `settings` lists.
            data: its arguments, as described by `settings`; None: none.

        Retried: yes. Since v2.18.0.

        Raises:
            ChannelNotFoundError: no channel, or several, have this name or provider.
            NotFoundError: no channel has this id, or there is no such tool.
            ChannelTokenError: the channel's own social token has expired; the key is fine.
            ServerError: the network answered with an error.
        """

class _MediaResource:
    """`postiz.media`: uploads and generated videos. Nothing here costs create requests."""
    def generate_video(self, video: SlidesVideo | Veo3Video) -> StoredMedia:
        """Generate a video; uses a credit of the plan and may take half an hour.

        A proxy may cut the connection long before; the server then continues, spends the credit and
        stores a video that only `list` knows. Retried: never. Since v1.64.0.

        Args:
            video: what to generate, such as `SlidesVideo`.

        Raises:
            PlanLimitError: no credit is left.
            BadRequestError: the generator is not available, or the prompt was rejected.
        """
    def list(self, *, search: str = "") -> builtins.list[ListedMedia]:
        """The media of the organisation, newest first, each once even if new ones arrive meanwhile.

        A list has all of them; iterating over it in asynchronous code fetches a page at a time.

        Args:
            search: only those whose original name contains this, in upper or lower case. What the
                API uploads has no original name, so it is not found.

        Retried: yes. Since a release after v2.23.0; older servers raise `NotFoundError`.
        """
    def upload(
        self,
        source: UploadSource,
        *,
        progress: Progress | None = None,
        reuse: bool = True,
        stall_timeout: float | timedelta = 60.0,
    ) -> StoredMedia:
        """Upload a picture (10 MiB at most) or an MP4 video (1 GiB at most).

        The type is detected from the first bytes, never from the name. What the server would refuse
        is not sent; the rest is streamed. There is no time limit while bytes move.

        A URL is fetched by the server: a public https address whose path ends in a suffix such as
        `.png`.

        Retried: yes, if the source can be read again: paths, bytes, files, URLs, but not pipes and
            iterators. The API cannot delete media, so a retry may leave an unused copy.
            Since v1.11.1.

        Args:
            source: a path; bytes; a binary file, from its current position; an async file, such as
                FastAPI's `UploadFile`; an async iterator of bytes; a URL as text.
            progress: called with the bytes sent so far and in total (None if unknown); it starts
                again at 0 if an upload is retried. Not called if the server fetches the file or it
                was uploaded before.
            reuse: return the medium that this client uploaded with the same content in the last 24
                hours.
            stall_timeout: time without progress after which an upload fails: seconds or a
                `timedelta`.

        Raises:
            InvalidInputError: missing, empty, too large, or of a type that cannot be posted.
            UploadError: the source failed or changed during the upload; nothing was stored.
            BadRequestError: the server could not fetch the URL.
            UsageError: `stall_timeout` is not a number of seconds.
        """
    def upload_from_url(self, url: str) -> StoredMedia:
        """Let the server fetch a picture or video from a public https address.

        The server's download has no time limit of its own; this call ends after 10 minutes.
        Retried: yes. Since v2.8.0.

        Args:
            url: a public https address.

        Raises:
            InvalidInputError: it is no https address, or its path does not end in a suffix that the
                server accepts.
            BadRequestError: the server could not fetch it, or its type is not accepted.
        """
    @overload
    def upload_many(
        self,
        sources: Iterable[UploadSource],
        *,
        concurrency: int = ...,
        return_exceptions: Literal[False] = ...,
        progress: Callable[[int, int, int | None], object] | None = ...,
        reuse: bool = ...,
        stall_timeout: float | timedelta = ...,
    ) -> builtins.list[StoredMedia]:
        """Upload several files, a few at a time; equal contents and equal URLs only once.

        A failure does not affect the other uploads. Uploaded files are remembered, so calling again
        with the same sources uploads only those that failed.

        Args:
            sources: an iterable of what `upload` takes: paths, URLs, bytes, files
                or streams. Each is taken when its upload can begin.
            concurrency: how many at a time.
            return_exceptions: return errors in the places of their sources instead of raising.
            progress: called with the index of a source, its bytes sent so far and in total.
            reuse: return the medium that this client uploaded with the same content in the last 24
                hours.
            stall_timeout: time without progress after which an upload fails: seconds or a
                `timedelta`.

        Returns:
            The media in the order of the sources.

        Raises:
            ExceptionGroup: all failures, after the others have ended. A note on each error names
                its source.
            Exception: the iterable raised it, after the uploads before it have ended.
        """
    @overload
    def upload_many(
        self,
        sources: Iterable[UploadSource],
        *,
        concurrency: int = ...,
        return_exceptions: Literal[True],
        progress: Callable[[int, int, int | None], object] | None = ...,
        reuse: bool = ...,
        stall_timeout: float | timedelta = ...,
    ) -> builtins.list[StoredMedia | Exception]:
        """Upload several files, a few at a time; equal contents and equal URLs only once.

        A failure does not affect the other uploads. Uploaded files are remembered, so calling again
        with the same sources uploads only those that failed.

        Args:
            sources: an iterable of what `upload` takes: paths, URLs, bytes, files
                or streams. Each is taken when its upload can begin.
            concurrency: how many at a time.
            return_exceptions: return errors in the places of their sources instead of raising.
            progress: called with the index of a source, its bytes sent so far and in total.
            reuse: return the medium that this client uploaded with the same content in the last 24
                hours.
            stall_timeout: time without progress after which an upload fails: seconds or a
                `timedelta`.

        Returns:
            The media in the order of the sources.

        Raises:
            ExceptionGroup: all failures, after the others have ended. A note on each error names
                its source.
            Exception: the iterable raised it, after the uploads before it have ended.
        """
    def video_function(
        self,
        identifier: str,
        function: str,
        params: Mapping[str, object] | None = None,
    ) -> object:
        """Call a function of a video generator and return its JSON answer.

        Args:
            identifier: the kind of video, such as `image-text-slides`.
            function: the name of its function, such as `loadVoices`.
            params: its arguments; None: none.

        Retried: yes. Since v1.64.0.
        """

class _Notifications:
    """`postiz.notifications`: published, failed, disconnected. Nothing here costs quota."""
    def list(self, *, since: datetime | None = None) -> builtins.list[Notification]:
        """The notifications, newest first, each once even if new ones arrive meanwhile.

        A list has all of them; iterating over it in asynchronous code fetches a page at a time.

        Args:
            since: only those from then on; None: all.

        Retried: yes. Since v2.18.0.
        """

class _PoolOutbox:
    """Posts of many organisations that were handed over durably, and the task that sends them.

        with PostizPool(store="postgresql://...", credentials=key_of) as pool:
            ticket = pool.outbox.put(NewPost(channel, "Hello"), organization="acme", at=at)

    The pool makes, opens and closes it. Keys are not stored: each sender calls `credentials`.
    """
    def consume(self, handler: Callable[[TicketEvent], object], *, name: str) -> None:
        """Call a function for each ticket that ended, in order, until the client closes.

        The place is stored in the outbox after each call, so the next process goes on from there:
        each event is handled at least once. Of all processes that do this under the same name one
        works at a time; if it dies, another one takes over after half a minute at most. If the
        function raises an error, it is called again with the same event after a second, then twice
        as long each time, up to five minutes; later events wait. What it has not done when the
        client closes, the next process does again.

        Args:
            handler: the function.
            name: a name for what the function does, such as `billing`. A new name begins with the
                oldest event that is kept.

        Raises:
            CursorError: some events after the place were removed. Choose another name to go on.
            UsageError: `handler` is no function, or `name` is no text.
        """
    def counts(self) -> Mapping[RowState, int]:
        """Count the tickets in each state, of all processes that share store and quota.

        Raises:
            StoreError: the outbox cannot be used, or has tickets of another version.
        """
    def events(
        self,
        *,
        after: str | None = None,
        organization: str | None = None,
    ) -> Generator[TicketEvent]:
        """Iterate over the tickets that ended, as `Outbox.events` does.

        Args:
            after: the cursor of the last event that you have seen; None: from the oldest one kept.
            organization: whose tickets, on the pool's server; None: those of all organisations. A
                cursor is only valid for the same choice.

        Raises the errors of `Outbox.events`.
        """
    def get(self, ticket: Ticket | str) -> Ticket:
        """Return the current state of a hand-over, whichever process works on it.

        Args:
            ticket: the ticket or its id.

        Raises:
            PostNotFoundError: there is no such ticket, or it was over too long ago.
        """
    def look_again(self, organization: str) -> None:
        """End the pause of an organisation whose key was refused, as soon as it has a new one.

        Without this, the new key is used when the pause ends, which may be an hour later.

        Args:
            organization: the organisation, as `credentials` knows it.

        Raises:
            ConfigurationError: `credentials` fails, or returns the key of another organisation.
        """
    def put(
        self,
        *posts: NewPost,
        organization: str,
        at: datetime | None = None,
        tags: Sequence[str] = (),
        short_link: bool = False,
        idempotency_key: str | None = None,
    ) -> Ticket:
        """Hand over posts of an organisation, as `Outbox.put` does.

        Args:
            posts: what to post, each on its channel.
            organization: whose posts they are, as `credentials` knows it.
            at: when to publish, with a time zone; None: as soon as they are sent.
            tags: names of tags that exist in Postiz.
            short_link: shorten links if the server has a shortener.
            idempotency_key: the same call of this organisation again returns the same ticket.

        Raises the errors of `Outbox.put`.
        """
    @property
    def trouble(self) -> str:
        """The reason why this process cannot send (server, key or disk); empty if it can.

        It begins with the name of the organisation, if the client has one.
        """
    def troubles(self) -> Mapping[str, str]:
        """Reasons why organisations cannot send (key, server, credentials), by their names."""
    def wait(self, ticket: Ticket | str, *, timeout: float | timedelta | None = None) -> Ticket:
        """Wait until a hand-over is over: stored, refused, late, withdrawn or undecided.

        Args:
            ticket: the ticket or its id.
            timeout: seconds after which the ticket is returned in any state, 0 for at once; None
                for as long as it takes.

        Raises:
            PostNotFoundError: there is no such ticket.
            StoreError: this process had to send the posts, and its sending task failed.
            UsageError: `timeout` is not a number of seconds, or `ticket` is not one.
        """
    def withdraw(self, ticket: Ticket | str) -> bool:
        """Withdraw a hand-over that has not left yet. Returns False if it has left.

        Args:
            ticket: the ticket or its id.

        Raises:
            PostNotFoundError: there is no such ticket.
        """

class _PostSelection:
    """The stored posts that match a filter, whoever stored them.

        wrong = postiz.stored_posts(start=first, end=last, channel="tiktok")
        would = wrong.delete(dry_run=True)
        wrong.delete(planned=would)

    `Postiz.stored_posts` creates this object. Nothing is asked before a method is called, and each
    looks anew. Posts of a campaign are better deleted from its file, with `Campaign.undo`.
    """
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
            UsageError: the selection has no start or no end.
            PostizError: the job had to stop; call it again to go on.
        """
    def pause(
        self,
        file: Path | str,
        *,
        dry_run: bool = False,
        on_outcome: Callable[[Outcome], object] | None = None,
    ) -> PostChanges:
        """Make drafts of the posts that are queued; `resume` schedules them again.

        For the whole account (`takes_all`) all creates are halted first: until `resume`, those of
        every client that shares the `store` raise `HaltedError`, and outboxes wait. Clients without
        a store share it within this process.

        Posts due within a minute stay, and repeating ones that were published before: delete these.
        A pause may be killed and called again with the same file. Costs no quota. Since v2.21.7.

        Args:
            file: gets the id, date and channel of each post before it becomes a draft, as a JSON
                line; lines are added to a file that exists.
            dry_run: change nothing, and return what would be paused.
            on_outcome: called with the `Outcome` of each post that is paused, whose `ref` is the id
                of the post.

        Raises:
            ChannelNotFoundError: there is no such channel, or several have its name.
            ConfigurationError: the file cannot be used, or the server is too old.
            InvalidInputError: the selection is of posts in another state.
            StoreError: the store cannot be used.
            PostizError: the job had to stop; call it again to go on.
        """
    def resume(
        self,
        file: Path | str,
        *,
        dry_run: bool = False,
        on_outcome: Callable[[Outcome], object] | None = None,
    ) -> PostChanges:
        """Schedule the posts of a file of `pause` that are still drafts, at their present dates.

        Those whose date has passed or comes within a quarter of an hour stay drafts: Postiz would
        publish them at once. Then creates that were halted go on. It may be killed and called
        again. Costs no quota.

        Args:
            file: the file; a line is added for each post that is scheduled.
            dry_run: change nothing, and return what would be scheduled.
            on_outcome: called with the `Outcome` of each post that is scheduled, whose `ref` is the
                id of the post.

        Raises:
            ConfigurationError: the file cannot be used, or the server is too old.
            StoreError: the store cannot be used.
            UsageError: the selection has a filter: the file says which posts are meant.
            PostizError: the job had to stop; call it again to go on.
        """
    @property
    def takes_all(self) -> bool:
        """Whether there is no filter, or only an end that is at least a year away."""

class _Posts:
    """`postiz.posts`: the scheduled, drafted and published posts."""
    def build(
        self,
        *posts: NewPost,
        kind: PostType,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        validate: bool | None = None,
    ) -> PostRequest:
        """The request that `schedule`, `publish_now` or `draft` would send, for `send`.

        Args:
            posts: what to post, each on its channel.
            kind: `schedule`, `now` or `draft`.
            at: when, with a time zone.
            tags: names of tags that exist in Postiz; the server silently drops unknown ones.
            short_link: shorten links if the server has a shortener.
            validate: refuse what the server would refuse; None: as the client says, by default
                True.

        Costs no quota; asks only for the channels, as `check` does.

        Raises:
            InvalidPostError: the server would refuse it.
        """
    def by_key(self, idempotency_key: str) -> builtins.list[Created] | None:
        """Return the posts that calls with an idempotency key have stored, without creating any.

        Args:
            idempotency_key: the key of `schedule`, `publish_now`, `draft` or `send`; keys of
                `outbox.put` are asked for by `outbox.by_key`.

        Returns:
            The posts, in order; fewer, or none, while a request is under way, its answer is lost,
            or it was refused. None if no request has left with this key.

        Costs no quota: only the store of the keys is asked.

        Raises:
            InvalidPostError: it cannot be a key.
            StoreError: the store cannot be read.
        """
    def check(
        self,
        *posts: NewPost,
        at: datetime | None,
        tags: Sequence[str] = (),
        short_link: bool = False,
    ) -> builtins.list[Problem]:
        """Return what the server would refuse in posts, and warnings; nothing is sent.

        Only fetches the list of channels, and the rules of a channel if the text is too long for an
        unverified X account or the library does not know the provider. For the body of a request,
        and without a client, there is `postiz_async.validate`.

        Args:
            posts: what to post, each on its channel.
            at: when to publish, with a time zone; None: at once.
            tags: names of tags that exist in Postiz.
            short_link: shorten links if the server has a shortener.

        Returns:
            Errors first, then warnings; empty if all is fine.

        Costs no quota. Raises what `postiz.channels.list` raises.
        """
    def delete(self, post: Post | Created | str) -> bool:
        """Delete a post with its thread. A published post stays on its network.

        The server answers 500 for a post that is already gone, newer ones 404. This is not an error
        if the list of a year before and after today confirms it.

        Args:
            post: the post or its id.

        Costs no quota since v2.19.0. Retried: yes. Since v1.26.1.

        Returns:
            True if it was deleted, False if there is none: already gone, or there never was one.

        Raises:
            ServerError: the server failed and the post is still listed.
        """
    def delete_group(self, group: str) -> None:
        """Delete a group, which is a post with its thread; an unknown group is not an error.

        Args:
            group: the id that a post and the parts of its thread share, `Post.group`.

        Costs no quota. Retried: yes. Since v2.18.0.
        """
    def draft(
        self,
        *posts: NewPost,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | timedelta | UnsetType | None = ...,
        priority: int | None = None,
        validate: bool | None = None,
        idempotency_key: str | None = None,
        extra_body: Mapping[str, object] | None = None,
    ) -> builtins.list[Created]:
        """Store drafts, which are not published until you schedule them; one request for all.

        Args:
            posts: what to post, each on its channel.
            at: the date of the drafts, with a time zone; it may be in the past.
            tags: names of tags that exist in Postiz; the server silently drops unknown ones.
            short_link: shorten links if the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota; 0: do not wait; None or
                `math.inf`: as long as necessary. Not given: as the client's options say.
            priority: smaller numbers go first; None: as the client's options say, by default
                `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse before a slot is spent, and log warnings
                about what it accepts but is probably a mistake; None: as the client says, by
                default True.
            idempotency_key: a text of 1 to 255 characters, such as an order number. The posts are
                stored once, however often and from wherever the same call is made; repeated calls
                return the answer of the first, for which they wait no longer than `max_wait`.
            extra_body: fields to add to the JSON of the request, for those that the library does
                not have.

        Costs one of the hourly create requests. Retried only if it is proved that it was not
        carried out. Since v1.11.1. Raises what `schedule` raises.
        """
    def find(self, marks: Marks) -> builtins.list[Post | None]:
        """Which posts of a request whose answer was lost are stored now.

        Call it after a `DeliveryUnknownError`. Posts that are found are stored: do not send them
        again. If a post is not found, it may still be stored later, because the server continues
        after its client has disconnected. Only consider it absent when a create that was sent after
        the loss has been answered, about 12 minutes have passed, and two look-ups agree. A server
        that failed midway leaves the first posts of a request, and the last of these may lack its
        thread or its publishing job: `set_status(id, "schedule")` gives it a job, `delete` lets you
        send it again; do either only while it is far from due. `postiz.campaign` and idempotency
        keys do all of this for you.

        Posts are identified by date, channel and text. If the date has whole seconds, an equal post
        by somebody else may be found; use milliseconds in `at` to avoid that.

        Args:
            marks: `error.marks`.

        Returns:
            A post for each post of the request, in request order; None if it was not found.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            UsageError: `marks` is something else, for example the error itself.
        """
    def get(
        self,
        post: Post | Created | str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Post:
        """The post with this id, found in the list, because the server has no route for it.

        Args:
            post: the post or its id, not that of a part of its thread.
            start: where to begin the search; None: a year ago.
            end: where to end it; None: in a year.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            PostNotFoundError: it is not listed there.
        """
    def list(
        self,
        *,
        start: datetime,
        end: datetime,
        state: PostState | None = None,
        channel: Channel | str | None = None,
        group: Group | str | None = None,
        tag: str | None = None,
        text: str | None = None,
        collapse_repeats: bool = False,
    ) -> builtins.list[Post]:
        """The posts from `start` to `end`, in order of date.

        Iterating over it fetches a range of any length in pieces that the server can handle, and so
        does the blocking client, for a list; in asynchronous code a list is one request.

        A repeated post is listed once for each occurrence, always with the same id. Media, thread
        parts and posts of deleted channels are not returned.

        Args:
            start: the start of the range, with a time zone.
            end: the end of the range, inclusive.
            state: only posts in this state: `QUEUE`, `PUBLISHED`, `ERROR` or `DRAFT`.
            channel: only this channel: its id, name or provider.
            group: only channels of this group of `channels.groups`, or its id.
            tag: only posts with this tag, by name.
            text: only posts whose text has this in it, in upper or lower case.
            collapse_repeats: a repeated post once, at its first occurrence in the range.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            ChannelNotFoundError: no channel, or several, have this name or provider.
            InvalidInputError: there is no such state, or a part of the filter is blank.
        """
    def look_again(self) -> None:
        """Let each `wait_published` and `watch` check now.

        Call it when something may have been published, for example when a webhook delivery arrives.
        Calls within the same second have no further effect.
        """
    def missing(self, post: Post | Created | str) -> builtins.list[MissingRelease]:
        """Recent items of the channel, to find the one that a post of unknown release id became.

        Args:
            post: the post or its id.

        Costs no quota. Retried: yes. Since v2.19.0.
        """
    def probe(self) -> None:
        """Spend one create request to see the quota: an empty body, which the server refuses.

        Costs one of the hourly create requests and stores nothing; `postiz.quota()` then knows.

        Raises:
            QuotaError: there is no slot, or the organisation is locked out.
        """
    def publish_now(
        self,
        *posts: NewPost,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | timedelta | UnsetType | None = ...,
        priority: int | None = None,
        validate: bool | None = None,
        idempotency_key: str | None = None,
        extra_body: Mapping[str, object] | None = None,
    ) -> builtins.list[Created]:
        """Publish as soon as the quota has a slot; one request for all posts.

        Args:
            posts: what to post, each on its channel.
            tags: names of tags that exist in Postiz; the server silently drops unknown ones.
            short_link: shorten links if the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota; 0: do not wait; None or
                `math.inf`: as long as necessary. Not given: as the client's options say.
            priority: smaller numbers go first; None: as the client's options say, by default
                `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse before a slot is spent, and log warnings
                about what it accepts but is probably a mistake; None: as the client says, by
                default True.
            idempotency_key: a text of 1 to 255 characters, such as an order number. The posts are
                stored once, however often and from wherever the same call is made; repeated calls
                return the answer of the first, for which they wait no longer than `max_wait`.
            extra_body: fields to add to the JSON of the request, for those that the library does
                not have.

        Costs one of the hourly create requests. Retried only if it is proved that it was not
        carried out. Since v1.11.1. Raises what `schedule` raises.
        """
    def replace(
        self,
        post: Post | Created | str,
        new: NewPost,
        *,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | timedelta | UnsetType | None = ...,
        priority: int | None = None,
        validate: bool | None = None,
        extra_body: Mapping[str, object] | None = None,
    ) -> Created:
        """Replace the whole content of a post, which keeps its id and its state.

        What you leave out is removed: media, thread parts, tags, settings and repetition. The list
        returns neither media nor thread parts, so they cannot be kept; to change only settings, use
        `update_settings`. This publishes nothing, so a scheduled post is given no past date.

        The post is first looked up in the list: the server only removes the old parts of its thread
        if it is given the group, and creates a new post if it does not know the id. If another post
        has the same group, which only the web page can cause, the old parts stay, and the log says
        so.

        Args:
            post: the post to replace, or its id. For a `Post` from the list, the look-up is one
                request.
            new: the complete new content, on the same channel.
            at: its new date, with a time zone; in the past only for a draft, or for a post that
                is out.
            tags: names of tags that exist in Postiz; the server silently drops unknown ones.
            short_link: shorten links if the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota; 0: do not wait; None or
                `math.inf`: as long as necessary. Not given: as the client's options say.
            priority: smaller numbers go first; None: as the client's options say, by default
                `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse before a slot is spent, and log warnings
                about what it accepts but is probably a mistake; None: as the client says, by
                default True.
            extra_body: fields to add to the JSON of the request, for those that the library does
                not have.

        Costs one of the hourly create requests. Retried only if it is proved that it was not
        carried out. Since v2.13.0. Raises what `schedule` raises, and:

        Raises:
            InvalidPostError: also if the post is on another channel than `new`.
            PostNotFoundError: it is not listed from a year before to a year after today or `at`.
        """
    def schedule(
        self,
        *posts: NewPost,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | timedelta | UnsetType | None = ...,
        priority: int | None = None,
        validate: bool | None = None,
        idempotency_key: str | None = None,
        extra_body: Mapping[str, object] | None = None,
    ) -> builtins.list[Created]:
        """Schedule one or more posts for the same time, with one request.

        Args:
            posts: what to post, each on its channel.
            at: when to publish, with a time zone. A time in the past is refused here, because the
                server would publish at once.
            tags: names of tags that exist in Postiz; the server silently drops unknown ones.
            short_link: shorten links if the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota; 0: do not wait; None or
                `math.inf`: as long as necessary. Not given: as the client's options say.
            priority: smaller numbers go first; None: as the client's options say, by default
                `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse before a slot is spent, and log warnings
                about what it accepts but is probably a mistake; None: as the client says, by
                default True.
            idempotency_key: a text of 1 to 255 characters, such as an order number. The posts are
                stored once, however often and from wherever the same call is made; repeated calls
                return the answer of the first, for which they wait no longer than `max_wait`.
            extra_body: fields to add to the JSON of the request, for those that the library does
                not have.

        Costs one of the hourly create requests. Retried only if it is proved that it was not
        carried out. Since v1.11.1.

        Raises:
            InvalidPostError: nothing was sent.
            IdempotencyError: the key was used with other arguments; nothing was sent.
            QuotaWaitError: the wait would be longer than `max_wait`; nothing was sent.
            DeliveryUnknownError: the answer was lost; do not send again blindly.
            BadRequestError: the server refused it; that cost one request.
            UsageError: `max_wait` is not a number of seconds.
        """
    def send(
        self,
        body: PostRequest,
        *,
        max_wait: float | timedelta | UnsetType | None = ...,
        priority: int | None = None,
        validate: bool | None = None,
        idempotency_key: str | None = None,
        extra_body: Mapping[str, object] | None = None,
    ) -> builtins.list[Created]:
        """Send a request body as it is to `POST /posts`.

        Args:
            body: the request.
            max_wait: seconds to wait for a slot of the hourly quota; 0: do not wait; None or
                `math.inf`: as long as necessary. Not given: as the client's options say.
            priority: smaller numbers go first; None: as the client's options say, by default
                `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse before a slot is spent, and log warnings
                about what it accepts but is probably a mistake; None: as the client says, by
                default True.
            idempotency_key: a text of 1 to 255 characters, such as an order number. The posts are
                stored once, however often and from wherever the same call is made; repeated calls
                return the answer of the first, for which they wait no longer than `max_wait`.
            extra_body: fields to add to the JSON of the request, for those that the library does
                not have.

        Costs one of the hourly create requests. Retried only if it is proved that it was not
        carried out. Since v1.11.1. Raises what `schedule` raises.
        """
    def set_release_id(self, post: Post | Created | str, release_id: str) -> None:
        """Tell Postiz which item on the network a post became, if it does not know.

        Args:
            post: the post or its id.
            release_id: the id of the item on the network, one of those that `missing` lists.

        Costs no quota. Retried only if it is proved that it was not carried out. Since v2.19.0.

        Raises:
            InvalidInputError: `release_id` is empty.
            ServerError: there is no such post, or its id on the network is known already.
        """
    def set_status(self, post: Post | Created | str, status: StoredType) -> str:
        """Turn a scheduled post into a draft or back. Returns the new state.

        `schedule` publishes at once if the date has passed, and publishes a published post again:
        the server does not prevent that. Use the id of the post, not of a part of its thread.

        Args:
            post: the post or its id.
            status: `draft` removes it from the schedule, `schedule` puts it back.

        Costs no quota. Retried only if it is proved that it was not carried out. Since v2.21.7.

        Raises:
            BadRequestError: there is no such post.
        """
    def update_settings(
        self,
        post: Post | Created | str,
        settings: Mapping[str, object],
    ) -> datetime:
        """Merge keys into the settings of a post that is not published. Returns its date.

        The date loses its milliseconds, a `client_ref` goes unless it is sent again, and a
        repetition is removed. Costs no quota. Retried: yes. Since a
        release after v2.23.0.

        Args:
            post: the post or its id.
            settings: the settings to change, with the API's names.

        Raises:
            NotFoundError: there is no such post, or the server is older.
            BadRequestError: it is published or part of a thread, or the settings are refused.
        """
    def wait_published(
        self,
        post: Post | Created | str,
        *,
        at: datetime | None = None,
        timeout: float | timedelta | UnsetType | None = ...,
    ) -> Post:
        """Wait until a post is published on its network, even if it is moved meanwhile.

        Args:
            post: the post or its id.
            at: the date that it is scheduled for, where the search begins; None: that of a `Post`.
                If it is not there, the search covers a year before and after today and that date.
            timeout: seconds to wait, including look-ups; None or `math.inf`: as long as necessary.
                Not given: as `with_options` says, by default as long as necessary. The `timeout` of
                the client itself applies to each look-up.

        Costs no quota since v2.19.0.

        Raises:
            PublishError: the network refused it; with the reason if a notification has it.
            PostNotFoundError: it was deleted.
            APITimeoutError: it was not published within `timeout`.
            InvalidInputError: `at` has no time zone.
            UsageError: `timeout` is not a number of seconds.
        """
    def watch(
        self,
        *,
        since: datetime | None = None,
        channel: Channel | str | None = None,
    ) -> Generator[PublishEvent]:
        """Yield an event whenever a post is published or refused by its network.

            for event in postiz.posts.watch():
                print(event.post.id, event.link or event.reason)

        It never ends by itself; leave the loop or cancel it. It checks when posts are due and once
        a minute, sooner after `look_again`, and every ten minutes if the server counts such
        requests. While Postiz is down it waits, and then yields what happened meanwhile; only if
        Postiz is down at the first check, it raises. No event is yielded twice, unless a post is
        published again.

        Args:
            since: also yield events for posts dated from then on; None: only from now on.
            channel: only this channel: its id, name or provider.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            AuthenticationError: the key is no longer accepted.
            APIConnectionError: Postiz cannot be reached at the first check; `ServerError` if it
                fails then.
            InvalidInputError: `since` has no time zone; or no channel, or several, have this name
                or provider.
        """

class _SentCampaign:
    """A campaign that was run, opened by its journal; its file may be invalid or missing.

        with postiz.sent_campaign("campaign.csv") as sent:
            print(sent.undo(channel="x", dry_run=True))

    Entering opens the journal. While a journal file is open, no other process can work on the
    campaign. `Postiz.sent_campaign` creates this object, whose `status` needs no entering.
    """
    def __enter__(self) -> Self:
        ...
    def __exit__(self, *_: object) -> None:
        ...
    def close(self) -> None:
        """Close the journal. Closing twice does no harm."""
    @property
    def doubts(self) -> Doubts:
        """The requests that are being looked up now, because their answers were lost."""
    def has_journal(self) -> bool:
        """Whether the campaign has a journal.

        Raises:
            StoreError: the database that has its journal cannot be used.
        """
    @property
    def journal_path(self) -> Path | None:
        """The path of the journal; None: it is in a database."""
    def open(self) -> Self:
        """Open the campaign, as `with` does.

        Raises:
            CampaignError: it cannot be used, or another process works on it.
        """
    @property
    def path(self) -> Path:
        """The campaign's file, or its name."""
    def status(self) -> CampaignStatus:
        """Ask Postiz what became of the posts: published, failed, and what people did to them.

        Changes nothing there; second posts and half-made ones are named, and the next run deletes
        or repairs them. What is found is written into the journal for `report`, unless another
        process works on it. If Postiz cannot be asked, the result says why, and what the journal
        says. It also works beside a run of another process, if the campaign is not entered:
        `postiz.sent_campaign("campaign.csv").status()`.

        Raises:
            CampaignError: the campaign was never run, or its journal cannot be read.
            StoreError: the database that has its journal cannot be used.
        """
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
        given. A later run does not send these rows, unless they say something else or the campaign
        is made with `existing="again"`. An undo may be cancelled and called again.

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
    def wait_published(
        self,
        *,
        patience: float | timedelta = ...,
        on_outcome: Callable[[Outcome], object] | None = None,
        on_look: Callable[[WaitResult], object] | None = None,
    ) -> WaitResult:
        """Wait until each stored post is published or failed; call this after a run.

        Ends when each post is out, refused by its network, deleted, or `patience` over its date.
        What was seen is in the journal, so it may be cancelled and called again; `report`
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

class _Users:
    """`postiz.users`: only for keys of organisations with a super-admin of the instance."""
    def search(self, text: str | None = None) -> list[Membership]:
        """At most ten users of all organisations, each with the organisation; there is no paging.

        Costs no quota. Retried: yes. Since a release after v2.23.0.

        Args:
            text: a part of the name, the e-mail address or the id; None: all users.

        Raises:
            PermissionDeniedError: no super-admin of the instance is in the key's organisation.
            NotFoundError: the server is older.
        """
