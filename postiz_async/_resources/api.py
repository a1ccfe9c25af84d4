"""The resources of the API with one set of options, and the open client behind them."""

from __future__ import annotations

from copy import copy
from importlib import import_module
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from msgspec.structs import replace

from postiz_async._concurrency import WakeSignal
from postiz_async._resources.channels import ChannelCache, Channels
from postiz_async._scheduler.calls import CallOptions
from postiz_async._scheduler.scheduler import BoundScheduler, Scheduler
from postiz_async.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from postiz_async._resources.insights import Analytics, Notifications, Users
    from postiz_async._resources.keyed import KeyedCreates
    from postiz_async._resources.media import MediaResource
    from postiz_async._resources.posts import Posts
    from postiz_async._uploads import UploadCache
    from postiz_async._validation import MediaFacts
    from postiz_async.clock import Clock
    from postiz_async.models.channels import Channel
    from postiz_async.models.posts import PostRequest

T = TypeVar("T")


class _Resource(Generic[T]):
    """A resource of a client, imported and made when it is first used.

    Few programs use all of them, and a pool has thousands of clients. On the class it is the
    class of the resource, for `create_autospec`.
    """

    def __init__(
        self,
        module: str,
        kind: str,
        make: Callable[[Callable[..., T], OpenClient, BoundScheduler], T],
    ) -> None:
        self._module = f"postiz_async._resources.{module}"
        self._kind = kind
        self._make = make
        self._name = ""

    def __set_name__(self, owner: type[object], name: str) -> None:
        self._name = name

    def __get__(self, api: Resources | None, owner: type[object]) -> object:
        kind = getattr(import_module(self._module), self._kind)
        if api is None:
            return kind
        made = self._make(kind, api._client, api._bound)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        api.__dict__[self._name] = made  # which is found first from now on
        return made


def _resource(
    module: str, kind: str, make: Callable[[Callable[..., T], OpenClient, BoundScheduler], T]
) -> T:
    return cast("T", _Resource(module, kind, make))


class Resources:
    """The resources of the API; each call through them is made with the same options."""

    posts: Posts = _resource(
        "posts",
        "Posts",
        lambda kind, client, bound: kind(
            bound, client.channel_cache, client.wake, client.keyed, validates=client.validates
        ),
    )
    """Create, list, change and delete posts."""
    media: MediaResource = _resource(
        "media", "MediaResource", lambda kind, client, bound: kind(bound, client.uploads)
    )
    """Upload pictures and videos, generate videos."""
    channels: Channels = _resource(
        "channels", "Channels", lambda kind, client, bound: kind(bound, client.channel_cache)
    )
    """The connected social accounts."""
    analytics: Analytics = _resource(
        "insights", "Analytics", lambda kind, client, bound: kind(bound, client.channel_cache)
    )
    """Figures from the networks."""
    notifications: Notifications = _resource(
        "insights", "Notifications", lambda kind, _, bound: kind(bound)
    )
    """Notifications of the organisation."""
    users: Users = _resource("insights", "Users", lambda kind, _, bound: kind(bound))
    """The users of the instance, for its super-admins."""

    def __init__(self, client: OpenClient, bound: BoundScheduler) -> None:
        self._client = client
        self._bound = bound


RESOURCES = tuple(Resources.__annotations__)
"""The names of the resources."""


class OpenClient(Resources):
    """An open client for the other parts of this package, with what its resources share.

    Args:
        scheduler: admits and sends its calls.
        base_url: the root of the API, with `/public/v1`.
        quota_name: the name of the quota that its creates spend, which reveals neither server nor
            key.
        validates: whether creates are checked against the rules of the server.
        has_store: whether the quota is in a store that other processes change.
        organization: the user's name for the organisation; empty: none.
        make_keyed: makes the `KeyedCreates`, when the first call has an idempotency key.
        options: the options that the user gave the client; see `job_options`.
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
        options: CallOptions = CallOptions(),  # noqa: B008  (frozen)
    ) -> None:
        self.scheduler = scheduler
        self.clock: Clock = scheduler.clock
        self.base_url = base_url
        self.quota_name = quota_name
        self.validates: bool = validates
        self.has_store = has_store
        self.organization = organization
        self._make_keyed = make_keyed
        self._keyed: KeyedCreates | None = None
        self._first = self
        """The client itself, or the original one if this is a view."""
        self.needed_by: int = 0
        """Number of parts of this package that need the client open, even if they make no call."""
        self.channel_cache: ChannelCache = ChannelCache()
        self._uploads: UploadCache | None = None
        self.wake: WakeSignal = WakeSignal()
        self._bind(options)

    def _bind(self, options: CallOptions) -> None:
        bound = BoundScheduler(self.scheduler, job_options(options))
        super().__init__(self, bound)

    def viewed(self, options: CallOptions) -> OpenClient:
        """The same client, whose requests have these headers, time-out and retries."""
        if job_options(options) == self._bound.options:
            return self
        view = copy(self)
        for name in RESOURCES:  # with the other options
            view.__dict__.pop(name, None)
        view._bind(options)  # noqa: SLF001  (of the same class)
        return view

    @property
    def once(self) -> OpenClient:
        """The same client without retries, for callers that have pauses of their own."""
        return self.viewed(replace(self._bound.options, max_retries=0))

    def keyed(self) -> KeyedCreates:
        """The `KeyedCreates` that all views share."""
        if self._first is not self:
            return self._first.keyed()
        if self._keyed is None:
            self._keyed = self._make_keyed(self)
        return self._keyed

    @property
    def uploads(self) -> UploadCache:
        """The cache of uploads that all views share."""
        if self._first is not self:
            return self._first.uploads
        if self._uploads is None:
            from postiz_async._uploads.cache import UploadCache  # noqa: PLC0415  (not every client)

            self._uploads = UploadCache(self.clock)
        return self._uploads

    async def channel_id(self, channel: Channel | str, where: str) -> str:
        """The id of a channel that is given by id, name or provider.

        Raises:
            ChannelNotFoundError: at `where`, no channel, or several, have this name or provider.
        """
        return await self.channel_cache.id_of(self._bound, channel, where)

    async def problems(
        self, body: PostRequest, *, media: Mapping[str, MediaFacts]
    ) -> list[Problem]:
        """Errors and warnings about a request, without a check of its date.

        Args:
            body: the request.
            media: known facts about its media, by path.
        """
        from postiz_async._resources.builder import request_problems  # noqa: PLC0415

        return await request_problems(self._bound, self.channel_cache, body, media=media)

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return not self.scheduler.is_closing


class _AbsentError(UsageError, AttributeError):
    """The client lacks an attribute while it is closed, or with its present options."""


def absent(text: str) -> UsageError:
    """The error for an attribute that a client does not have as it is; `hasattr` is False."""
    return _AbsentError(text)


def job_options(options: CallOptions) -> CallOptions:
    """The options for requests of jobs: campaigns, the outbox, look-ups of lost answers.

    A time-out gives each of them more than its route's time, never less: an answer that is cut off
    would have to be looked up, and a look-up that is cut off would find nothing.
    """
    return CallOptions(
        headers=options.headers,
        max_retries=options.max_retries,
        longer=options.timeout or options.longer,
    )


def options_of(api: Resources) -> CallOptions:
    """The options of an open client or a view of it.

    Raises:
        UsageError: the client is not open.
    """
    return api._bound.options  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def opened(api: Resources) -> OpenClient:
    """The `OpenClient` of an open client or a view of it; for other parts of this package.

    Raises:
        UsageError: the client is not open.
    """
    return api._client  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
