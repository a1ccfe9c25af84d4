"""The parts of a client that deliveries, campaigns and outboxes use, as protocols.

An open `Postiz` satisfies them: the resources of the API, and the parts of the scheduler from which
a job gets the time and to which it announces its requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from postiz_async.errors import APIStatusError, ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    from postiz_async._delivery.outcomes import Account
    from postiz_async._quota import Ledger
    from postiz_async._quota.view import Quota
    from postiz_async._resources.channels import ChannelCache, Channels
    from postiz_async._resources.insights import Analytics, Notifications
    from postiz_async._resources.media import MediaResource
    from postiz_async._resources.posts import Posts
    from postiz_async._scheduler.calls import CallOptions
    from postiz_async._scheduler.limits import ConcurrencyLimit
    from postiz_async._validation import MediaFacts
    from postiz_async.clock import Clock
    from postiz_async.errors import Problem
    from postiz_async.models.channels import Channel
    from postiz_async.models.posts import Post, PostRequest
    from postiz_async.stores._persistence import SnapshotStore


async def ask(postiz: Client) -> None:
    """Make a call that costs no quota and whose answer brings the server's time.

    Raises:
        APIConnectionError: Postiz is away.
        APIStatusError: Postiz reports an error, or refuses the key.
    """
    try:
        await postiz.channels.is_connected()
    except APIStatusError as error:
        if isinstance(error, ServerError) or error.status_code in {401, 402, 403, 429}:
            raise


class JobScheduler(Protocol):
    """The part of a client's scheduler that jobs use."""

    def server_time(self) -> float:
        """The server's wall clock, by its last answer; without one, this host's clock."""
        ...

    def knows_server_time(self) -> bool:
        """Whether an answer has told the server's time."""
        ...

    def is_counted(self, route: str) -> bool:
        """Whether the server counts calls of this route, as far as known."""
        ...

    @property
    def budget(self) -> ConcurrencyLimit:
        """The limits of bulk work: posts in flight, and posts in one request."""
        ...

    @property
    def ledger(self) -> Ledger:
        """The last known quota of the create route."""
        ...

    def ledger_time(self) -> float:
        """The present time on the clock of the ledger."""
        ...

    async def refresh(self) -> None:
        """Read changes that other processes made to the ledger."""
        ...

    def view(self) -> Quota:
        """The quota as users see it."""
        ...

    def leaves_in(self, place: int, /) -> float:
        """Seconds until the create at this place of the queue leaves; 1 is the next one."""
        ...

    def bulk_in(self, due_in: float, planned: int, /) -> float:
        """Seconds until a bulk create can leave; 0 at once, or with an answer.

        Args:
            due_in: seconds until the create is due.
            planned: creates that the outbox holds, this one included.
        """
        ...

    def plan(self, creates: int) -> None:
        """Set the number of creates that an outbox holds, those waiting for a slot included."""
        ...

    def job(self, journal: SnapshotStore) -> AbstractContextManager[Callable[[int], None]]:
        """Announce the creates of a job and keep the quota in its journal while the block runs."""
        ...

    async def restore(self, store: SnapshotStore) -> None:
        """Take over the quota that an earlier run kept in its journal, if it says more."""
        ...


class Client(Protocol):
    """The parts of a client with which posts are sent and looked up."""

    @property
    def clock(self) -> Clock:
        """The client's clock."""
        ...

    @property
    def scheduler(self) -> JobScheduler:
        """The scheduler that admits and sends calls."""
        ...

    @property
    def posts(self) -> Posts:
        """Create, list, change and delete posts."""
        ...

    @property
    def channels(self) -> Channels:
        """The connected social accounts."""
        ...

    @property
    def once(self) -> Client:
        """The same client without retries, for callers that have pauses of their own."""
        ...


class Accounts(Protocol):
    """The record of what a job sent: a journal, or the store of an outbox."""

    async def account(self, posts: Iterable[Post]) -> Account:
        """The stored posts and the moments of requests that the record knows.

        Args:
            posts: the listed posts; the answer may leave out other posts and other moments.
        """
        ...

    async def has_stored(self, post_id: str) -> bool:
        """Whether this post is recorded as stored."""
        ...

    async def mends(self, request: int, wall: float) -> None:
        """Write down that a post of a request is about to be repaired; see `SentRequest`.

        Args:
            request: the number of the request.
            wall: the present time on the clock of `sent_at`.

        Raises:
            StoreError: another process has the request now.
        """
        ...


class CampaignClient(Client, Protocol):
    """The further parts of a client that campaigns use."""

    @property
    def base_url(self) -> str:
        """The root of the API, which a journal belongs to."""
        ...

    @property
    def media(self) -> MediaResource:
        """Upload pictures and videos."""
        ...

    @property
    def analytics(self) -> Analytics:
        """Figures from the networks."""
        ...

    @property
    def notifications(self) -> Notifications:
        """Notifications of the organisation."""
        ...

    async def problems(
        self, body: PostRequest, *, media: Mapping[str, MediaFacts]
    ) -> list[Problem]:
        """Errors and warnings for a request, except for its date."""
        ...


class OutboxClient(Client, Protocol):
    """The further parts of a client that outboxes use."""

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        ...

    @property
    def base_url(self) -> str:
        """The root of the API."""
        ...

    @property
    def channel_cache(self) -> ChannelCache:
        """The channels, as last listed."""
        ...

    async def channel_id(self, channel: Channel | str, where: str) -> str:
        """The id of a channel that is given by id, name or provider.

        Raises:
            ChannelNotFoundError: at `where`, no channel, or several, have this name or provider.
        """
        ...

    @property
    def quota_name(self) -> str:
        """The name of the quota that the client's creates use."""
        ...

    @property
    def organization(self) -> str:
        """The user's name for the organisation; empty where there is none."""
        ...


class KeyScheduler(JobScheduler, Protocol):
    """The part of the scheduler that calls with an idempotency key use, and that counts them."""

    def call_began(self) -> None:
        """Count a call as under way, until `call_ended`."""
        ...

    def call_ended(self) -> None:
        """Count the end of a call that began."""
        ...


class KeyClient(OutboxClient, Protocol):
    """The parts of a client that idempotency keys use."""

    def viewed(self, options: CallOptions) -> KeyClient:
        """The same client with these headers, time-out and retries for its requests."""
        ...

    @property
    def scheduler(self) -> KeyScheduler:
        """The scheduler that admits and sends calls."""
        ...
