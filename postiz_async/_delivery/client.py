"""What `delivery`, `batch` and `outbox` need of a client, and look-ups of what a job sent.

They are handed what is behind an open `Postiz` and know it by these protocols only: the resources
of the API, and the scheduler as far as a job asks it for the time and announces what it will send.
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
    from postiz_async._resources.channels import Channels, Integrations
    from postiz_async._resources.insights import Analytics, Notifications
    from postiz_async._resources.media import MediaResource
    from postiz_async._resources.posts import Posts
    from postiz_async._scheduler.calls import CallOptions
    from postiz_async._scheduler.limits import ConcurrencyLimit
    from postiz_async._validation import MediaFacts
    from postiz_async.clock import Clock
    from postiz_async.errors import Problem
    from postiz_async.models.integrations import Integration
    from postiz_async.models.posts import CreatePost, Post
    from postiz_async.stores._persistence import SnapshotStore


async def ask(postiz: Client, *, retry: bool = False) -> None:
    """Ask Postiz something that costs nothing, whose answer has the server's time.

    Args:
        postiz: the client.
        retry: False for a single attempt, if the caller does its own retries.

    Raises:
        APIConnectionError: it is away.
        APIStatusError: it is in trouble, or does not take the key.
    """
    try:
        await postiz.integrations.is_connected(retry=retry)
    except APIStatusError as error:
        if isinstance(error, ServerError) or error.status_code in {401, 402, 403}:
            raise


class JobScheduler(Protocol):
    """The scheduler of a client, as jobs see it."""

    def server_time(self) -> float:
        """The server's wall clock, as far as its last answer tells it."""
        ...

    def knows_server_time(self) -> bool:
        """Whether an answer has told it; else it is the time of this host."""
        ...

    def is_counted(self, route: str) -> bool:
        """Whether the server counts the calls of a route of this name, as far as it was seen."""
        ...

    @property
    def budget(self) -> ConcurrencyLimit:
        """How many posts bulk work may have in flight, and one request may carry."""
        ...

    @property
    def ledger(self) -> Ledger:
        """The quota of the create route as it was last seen."""
        ...

    def ledger_time(self) -> float:
        """Now, on the clock of the ledger."""
        ...

    async def refresh(self) -> None:
        """Look at what other processes did to the ledger."""
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
            due_in: seconds until it is due.
            planned: creates that an outbox holds, with this one.
        """
        ...

    def plan(self, creates: int) -> None:
        """An outbox holds so many creates, with those that wait for a slot."""
        ...

    def job(self, journal: SnapshotStore) -> AbstractContextManager[Callable[[int], None]]:
        """A job runs: it announces its creates, and its journal keeps the quota."""
        ...

    async def restore(self, store: SnapshotStore) -> None:
        """Take over the quota that an earlier run left in its journal, if that says more."""
        ...


class Client(Protocol):
    """What it takes to send posts and to find out what became of them."""

    @property
    def clock(self) -> Clock:
        """The client's clock."""
        ...

    @property
    def scheduler(self) -> JobScheduler:
        """What admits and sends the calls."""
        ...

    @property
    def posts(self) -> Posts:
        """Create, list, change and delete posts."""
        ...

    @property
    def integrations(self) -> Integrations:
        """The connected social accounts."""
        ...


class Accounts(Protocol):
    """Whatever remembers what a job sent: a journal, or the file of an outbox."""

    async def account(self, posts: Iterable[Post]) -> Account:
        """What is accounted for by now.

        Args:
            posts: that are listed; of others, and of other moments, it need not tell.
        """
        ...

    async def has_stored(self, post_id: str) -> bool:
        """Whether it is written down that this post is stored."""
        ...

    async def mends(self, request: int, wall: float) -> None:
        """Write down that a post of a request is about to be repaired; see `SentRequest`.

        Args:
            request: its number.
            wall: the time on the clock of `sent_at`, by how long it has been gone.

        Raises:
            StoreError: the request is not ours any more.
        """
        ...


class BatchClient(Client, Protocol):
    """What a campaign needs besides."""

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
        """What Postiz told the organisation."""
        ...

    async def problems(self, body: CreatePost, *, media: Mapping[str, MediaFacts]) -> list[Problem]:
        """What the server would refuse of a request, and what would be regretted; not its date."""
        ...


class OutboxClient(Client, Protocol):
    """What an outbox needs besides."""

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        ...

    @property
    def base_url(self) -> str:
        """The root of the API."""
        ...

    @property
    def channels(self) -> Channels:
        """Its channels, as last listed."""
        ...

    async def channel_id(self, channel: Integration | str, where: str) -> str:
        """The id of a channel that is given by id, name or provider.

        Raises:
            InvalidPostError: at `where`, no channel, or several, have this name or provider.
        """
        ...

    @property
    def quota_name(self) -> str:
        """The name of the quota that its creates spend."""
        ...

    @property
    def organization(self) -> str:
        """The user's name for the organisation; empty where there is none."""
        ...


class KeyScheduler(JobScheduler, Protocol):
    """The scheduler, as calls with an idempotency key see it: they wait for others of their own."""

    def call_began(self) -> None:
        """Count a call as under way, until `call_ended`."""
        ...

    def call_ended(self) -> None:
        """A call that began is over."""
        ...


class KeyClient(OutboxClient, Protocol):
    """What it takes to see to idempotency keys."""

    def viewed(self, options: CallOptions) -> KeyClient:
        """The same client, whose requests have these headers, time-out and retries."""
        ...

    @property
    def scheduler(self) -> KeyScheduler:
        """What admits and sends the calls."""
        ...
