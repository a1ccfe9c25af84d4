"""What can be done with an open client: the resources of the API, options, the quota."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from postiz_async._resources.channels import Channels, Integrations
from postiz_async._resources.insights import Analytics, Notifications
from postiz_async._resources.listing import WakeSignal
from postiz_async._resources.media import MediaResource
from postiz_async._resources.posts import Posts
from postiz_async._resources.preflight import Preflight
from postiz_async._scheduler.bound import BoundScheduler, with_raw_answers
from postiz_async._scheduler.calls import CallOptions, Priority
from postiz_async._uploads import UploadCache
from postiz_async.errors import ConfigurationError
from postiz_async.models._durations import check_seconds
from postiz_async.stores import ledger_name

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
    from datetime import datetime

    from postiz_async._quota.view import Quota
    from postiz_async._resources.keyed import KeyedCreates
    from postiz_async._scheduler.bound import RawAnswer
    from postiz_async._scheduler.scheduler import Scheduler
    from postiz_async.clock import Clock

__all__ = ["Api", "OpenClient", "opened"]

T = TypeVar("T")

STORE_LOOK = 5.0
"""Seconds between two looks of `quota_changes` at a store that other processes change."""


class Api:
    """The resources of the API; each call through them is made with the same options."""

    posts: Posts
    """Create, list, change and delete posts."""
    media: MediaResource
    """Upload pictures and videos, generate videos."""
    integrations: Integrations
    """The connected social accounts."""
    analytics: Analytics
    """Figures from the networks."""
    notifications: Notifications
    """What Postiz told the organisation."""

    def __init__(self, client: OpenClient, bound: BoundScheduler) -> None:
        self._client = client
        self.posts = Posts(
            bound, client.channels, client.wake, client.keyed, validates=client.validates
        )
        self.media = MediaResource(bound, client.uploads)
        self.integrations = Integrations(bound, client.channels)
        self.analytics = Analytics(bound)
        self.notifications = Notifications(bound)

    def with_options(
        self,
        *,
        timeout: float | None = None,
        max_wait: float | None = None,
        deadline: datetime | None = None,
        priority: int = Priority.INTERACTIVE,
        headers: Mapping[str, str] | None = None,
    ) -> Api:
        """The same client with other options for each call that is made through the result.

            await postiz.with_options(timeout=5).posts.list(start=..., end=...)

        Args:
            timeout: seconds for the whole call and all that it causes: look-ups, attempts and
                the pauses between them; then `APITimeoutError`. Waiting for the quota is not
                part of it. Of an `iter` each piece is a call. None: each attempt has the time of
                its route, mostly 30 s, and there are four at most.
            max_wait: seconds that the call may wait for slots of the quota; 0: not at all; None:
                as long as it takes.
            deadline: when a create must have left, with a time zone; one that cannot raises
                `QuotaWaitError` at once.
            priority: the priority of creates: `Priority`, or another whole number.
            headers: added to each request that the call causes; the client's own cannot be
                replaced.

        Raises:
            ConfigurationError: one of them makes no sense.
        """
        check_seconds("timeout", timeout, none=True)
        check_seconds("max_wait", max_wait, zero=True, none=True)
        options = CallOptions(
            timeout=timeout,
            max_wait=max_wait,
            deadline=self._moment(deadline),
            priority=priority,
            headers=tuple((headers or {}).items()),
        )
        return Api(self._client, BoundScheduler(self._client.scheduler, options))

    def _moment(self, deadline: datetime | None) -> float | None:
        """A deadline on our monotonic clock."""
        if deadline is None:
            return None
        if deadline.utcoffset() is None:
            raise ConfigurationError(f"The deadline {deadline} has no time zone.")
        clock = self._client.clock
        return clock.monotonic() + deadline.timestamp() - clock.time()

    async def raw(self, call: Awaitable[T]) -> RawAnswer[T]:
        """Status, headers and body beside the value of a call.

            answer = await postiz.raw(postiz.posts.list(start=..., end=...))

        Args:
            call: the call of a method of this client, not yet awaited.

        Raises:
            ConfigurationError: there was no answer, because the value was known already.
        """
        return await with_raw_answers(call)

    async def quota(self) -> Quota:
        """The quota of create requests as the client knows it. Sends nothing."""
        await self._client.scheduler.refresh()
        return self._client.scheduler.view()

    def quota_changes(self) -> AsyncGenerator[Quota]:
        """The quota now and after each change: a call queued, left or answered, a window over.

            async for quota in postiz.quota_changes():
                print(quota.remaining, quota.queued)

        A slow reader gets the newest state, not each one. What other processes do to a shared
        store is seen within five seconds. Ends when the client is closed. Sends nothing.
        """
        poll = STORE_LOOK if self._client.has_store else None
        return self._client.scheduler.queue.changes(poll=poll)

    def leaves_in(self, place: int) -> float:
        """Seconds until the waiting create at this place of the queue leaves; 1 is the next one.

        Counts on nobody else using the key; the place behind the last is that of a new call.

        Args:
            place: its place in the queue, from 1.
        """
        return self._client.scheduler.leaves_in(place)


class OpenClient(Api):
    """An open client as the other parts of this package see it, with what is behind its resources.

    Args:
        scheduler: admits and sends its calls.
        base_url: the root of the API, with `/public/v1`.
        quota_name: the name of the quota that its creates spend, which tells neither server nor
            key.
        validates: whether creates are held against the rules of the server.
        has_store: whether the quota is in a store that other processes change.
        organization: the user's name for the organisation; empty: none.
        make_keyed: makes what sees to idempotency keys, when the first call has one.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        *,
        base_url: str,
        quota_name: str,
        validates: bool,
        has_store: bool,
        organization: str,
        make_keyed: Callable[[OpenClient], KeyedCreates],
    ) -> None:
        self.scheduler = scheduler
        self.clock: Clock = scheduler.clock
        self.base_url = base_url
        self.quota_name = quota_name
        self.validates = validates
        self.has_store = has_store
        self.organization = organization
        self._make_keyed = make_keyed
        self._keyed: KeyedCreates | None = None
        self.users: int = 0
        """Parts of this package that need it open, also while they make no call."""
        self.channels: Channels = Channels()
        identity = scheduler.identity
        self.uploads: UploadCache = UploadCache(
            self.clock, ledger_name(identity.root, identity.key.reveal())
        )
        self.wake: WakeSignal = WakeSignal()
        bound = BoundScheduler(scheduler)
        self.preflight: Preflight = Preflight(bound, self.channels)
        super().__init__(self, bound)

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return not self.scheduler.is_closing

    def keyed(self) -> KeyedCreates:
        """What sees to idempotency keys."""
        if self._keyed is None:
            self._keyed = self._make_keyed(self)
        return self._keyed


def opened(api: Api) -> OpenClient:
    """What is behind an open client or a view of it; for other parts of this package.

    Raises:
        ConfigurationError: the client is not open.
    """
    return api._client  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
