"""What can be done with an open client: the nouns of the API, options of calls, the quota."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from postiz_async.errors import ConfigurationError
from postiz_async.models.durations import check_seconds
from postiz_async.resources.channels import Integrations
from postiz_async.resources.insights import Analytics, Notifications
from postiz_async.resources.media import MediaResource
from postiz_async.resources.posts import Posts
from postiz_async.resources.preflight import Preflight
from postiz_async.scheduler.bound import BoundScheduler, with_raw_answers
from postiz_async.scheduler.calls import CallOptions, Priority

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Mapping
    from datetime import datetime

    from postiz_async.clock import Clock
    from postiz_async.quota.view import Quota
    from postiz_async.resources.channels import Channels
    from postiz_async.resources.listing import WakeSignal
    from postiz_async.scheduler.bound import RawAnswer
    from postiz_async.scheduler.routes import QueueFactory
    from postiz_async.scheduler.scheduler import Scheduler
    from postiz_async.uploads import UploadCache

__all__ = ["Api", "OpenClient"]

T = TypeVar("T")

STORE_LOOK = 5.0
"""Seconds between two looks of `quota_changes` at a store that other processes change."""


class Api:
    """The resources of the API, each call made with the same options."""

    def __init__(
        self,
        bound: BoundScheduler,
        channels: Channels,
        uploads: UploadCache,
        wake: WakeSignal,
        *,
        validates: bool,
    ) -> None:
        self.bound = bound
        self._channels = channels
        self._uploads = uploads
        self._wake = wake
        self._validates = validates
        self.preflight = Preflight(bound, channels)
        self.notifications = Notifications(bound)
        self.posts = Posts(bound, channels, wake, validates=validates)
        self.media = MediaResource(bound, uploads)
        self.integrations = Integrations(bound, channels)
        self.analytics = Analytics(bound)

    def with_options(self, options: CallOptions) -> Api:
        """The same with other options."""
        bound = BoundScheduler(self.bound.scheduler, options)
        return Api(bound, self._channels, self._uploads, self._wake, validates=self._validates)


class OpenClient:
    """What a client does once it is open."""

    def __init__(self, clock: Clock, queues: QueueFactory) -> None:
        self._clock = clock
        self._queues = queues
        self._api: Api | None = None

    @property
    def clock(self) -> Clock:
        """The client's notion of time."""
        return self._clock

    @property
    def posts(self) -> Posts:
        """Create, list, change and delete posts."""
        return self._opened.posts

    @property
    def media(self) -> MediaResource:
        """Upload pictures and videos, generate videos."""
        return self._opened.media

    @property
    def integrations(self) -> Integrations:
        """The connected social accounts."""
        return self._opened.integrations

    @property
    def analytics(self) -> Analytics:
        """Figures from the networks."""
        return self._opened.analytics

    @property
    def notifications(self) -> Notifications:
        """What Postiz told the organisation."""
        return self._opened.notifications

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
        return self._opened.with_options(options)

    def _moment(self, deadline: datetime | None) -> float | None:
        """A deadline on our monotonic clock."""
        if deadline is None:
            return None
        if deadline.utcoffset() is None:
            raise ConfigurationError(f"The deadline {deadline} has no time zone.")
        return self._clock.monotonic() + deadline.timestamp() - self._clock.time()

    async def raw(self, call: Awaitable[T]) -> RawAnswer[T]:
        """Status, headers and body beside the value of a call.

            answer = await postiz.raw(postiz.posts.list(start=..., end=...))

        Raises:
            ConfigurationError: there was no answer, because the value was known already.
        """
        return await with_raw_answers(call)

    @property
    def preflight(self) -> Preflight:
        """What judges requests before they are sent; for other parts of this package."""
        return self._opened.preflight

    @property
    def scheduler(self) -> Scheduler:
        """What admits and sends the calls; for `batch` and other parts of this package."""
        return self._opened.bound.scheduler

    @property
    def _opened(self) -> Api:
        if self._api is None:
            raise ConfigurationError(
                "This client is not open. Use it as `async with Postiz() as postiz:`."
            )
        return self._api

    async def quota(self) -> Quota:
        """The quota of create requests as the client knows it. Sends nothing."""
        scheduler = self.scheduler
        await scheduler.refresh()
        return scheduler.view()

    def quota_changes(self) -> AsyncGenerator[Quota]:
        """The quota now and after each change: a call queued, left or answered, a window over.

            async for quota in postiz.quota_changes():
                print(quota.remaining, quota.queued)

        A slow reader gets the newest state, not each one. What other processes do to a shared
        store is seen within five seconds. Ends when the client is closed. Sends nothing.
        """
        poll = None if self._queues.store is None else STORE_LOOK
        return self.scheduler.queue.changes(poll=poll)

    def leaves_in(self, place: int) -> float:
        """Seconds until the waiting create at this place of the queue leaves; 1 is the next one.

        Counts on nobody else using the key; the place behind the last is that of a new call.
        """
        return self.scheduler.queue.leaves_in(place)
