"""Figures from the networks, notifications of the organisation, and users of the instance."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from datetime import datetime
from functools import partial
from typing import NamedTuple

import msgspec

from postiz_async._concurrency import for_each
from postiz_async._resources.channels import ChannelCache
from postiz_async._resources.listing import Listing, Page, listed_by_page, post_id_of
from postiz_async._scheduler.scheduler import BoundScheduler
from postiz_async._wire import format_date
from postiz_async._wire.endpoints import (
    CHANNEL_ANALYTICS,
    LIST_NOTIFICATIONS,
    POST_ANALYTICS,
    SEARCH_USERS,
    Call,
)
from postiz_async._wire.secrets import OfOneProcess
from postiz_async.errors import (
    APIConnectionError,
    APIResponseValidationError,
    APIStatusError,
    AuthenticationError,
    NotFoundError,
    PostizError,
    QuotaError,
)
from postiz_async.models._durations import describe_seconds
from postiz_async.models.channels import Channel
from postiz_async.models.insights import Figures, Metric, Missing, Notification, PostAnalytics
from postiz_async.models.posts import Created, Post
from postiz_async.models.users import Membership


class Analytics(OfOneProcess):
    """`postiz.analytics`. Nothing here costs quota. An empty answer can hide an error.

    A call may take ten seconds, and may refresh or disconnect the channel's social token.
    """

    def __init__(self, bound: BoundScheduler, channels: ChannelCache) -> None:
        self._bound = bound
        self._channels = channels

    async def channel(self, channel: Channel | str, *, days: int = 30) -> list[Metric]:
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
        bound = self._bound.begun()
        channel_id = await self._channels.id_of(bound, channel)
        call = Call(CHANNEL_ANALYTICS, params={"id": channel_id}, query=(("date", str(days)),))
        return await bound.call(call)

    async def post(self, post: Post | Created | str, *, days: int = 30) -> PostAnalytics:
        """Figures of a published post. `missing` is True if its id on the network is unknown.

        Empty for unknown and unpublished posts too. Retried: yes. Since v2.18.0.

        Args:
            post: the post or its id.
            days: how many days back the figures reach.
        """
        call = Call(POST_ANALYTICS, params={"id": post_id_of(post)}, query=(("date", str(days)),))
        answer = await self._bound.call(call)
        if isinstance(answer, Missing):
            return PostAnalytics(missing=answer.missing)
        return PostAnalytics(metrics=answer)

    async def posts(
        self,
        posts: Iterable[Post | tuple[str, str]] | AsyncIterable[Post | tuple[str, str]],
        *,
        days: int = 90,
    ) -> Figures:
        """The newest figures of several posts, as numbers.

        Two posts are queried at a time. A channel is skipped after three of its posts had no
        figures, and everything after three failures in a row: `missing` lists posts without
        figures, and why. Retried: yes. Since v2.18.0.

        Args:
            posts: an iterable or async iterable of published posts, or of pairs: the id of a post
                and that of its channel. Each is taken when it can be queried, as from `posts.list`.
            days: how many days back the figures reach.

        Raises:
            AuthenticationError: the key is not accepted.
        """
        options = msgspec.structs.replace(self._bound.options, max_wait=0.0)
        impatient = Analytics(BoundScheduler(self._bound.scheduler, options), self._channels)
        ask = partial(impatient.post, days=days)
        if isinstance(posts, AsyncIterable):
            return await gather_figures(ask, (_asked(each) async for each in posts))
        return await gather_figures(ask, map(_asked, posts))


def _asked(post: Post | tuple[str, str]) -> PostOfChannel:
    if isinstance(post, tuple):
        return PostOfChannel(*post)
    return PostOfChannel(post.id, post.channel.id if post.channel else "")


class Notifications(OfOneProcess):
    """`postiz.notifications`: published, failed, disconnected. Nothing here costs quota."""

    def __init__(self, bound: BoundScheduler) -> None:
        self._bound = bound

    def list(self, *, since: datetime | None = None) -> Listing[Notification]:
        """The notifications, newest first, each once even if new ones arrive meanwhile.

        A list has all of them; iterating over it in asynchronous code fetches a page at a time.

        Args:
            since: only those from then on; None: all.

        Retried: yes. Since v2.18.0.
        """
        if since is not None:
            format_date(since, "since")  # refuses one without a zone

        async def fetch(bound: BoundScheduler, number: int) -> Page[Notification]:
            call = Call(LIST_NOTIFICATIONS, query=(("page", str(number)),))
            page = await bound.call(call)
            found = page.notifications
            wanted = [each for each in found if since is None or each.created_at >= since]
            return wanted, page.has_more and bool(found) and len(wanted) == len(found)

        return listed_by_page(self._bound, fetch, 0)


# ------------------------------------------------------------------ figures of many posts


_AT_ONCE = 2
_IN_VAIN = 3
"""Posts of a channel without figures, or failures in a row, after which to stop asking."""

_UNKNOWN = "Postiz does not know which item on the network it is; postiz-async posts missing helps"
_EMPTY = "its network has no figures, or did not answer Postiz"
_EMPTY_CHANNEL = "skipped: this channel gave no figures for three"
_OLD = "this Postiz has no figures of posts; they came with v2.18.0"
_FAILING = "skipped: three looks in a row failed"


_PASSING = (APIConnectionError, APIStatusError, APIResponseValidationError)


class PostOfChannel(NamedTuple):
    """A post whose figures are wanted, and the channel that it is on."""

    post_id: str
    channel: str


async def gather_figures(
    ask: Callable[[str], Awaitable[PostAnalytics]],
    posts: Iterable[PostOfChannel] | AsyncIterable[PostOfChannel],
) -> Figures:
    """Gather the figures of posts.

    Args:
        ask: fetches the figures of one post, without waiting for a quota.
        posts: the posts, each once; one is taken when it can be queried.

    Raises:
        PostizError: the key is not accepted, or the client cannot make calls.
        Exception: taking a post raised it.
    """
    gathering = _Gathering(ask)
    await for_each(posts, gathering.look, at_once=_AT_ONCE)
    if gathering.error is not None:
        raise gathering.error
    return Figures(gathering.found, gathering.missing)


class _Gathering:
    """Gathers figures with few requests at a time.

    A query costs no quota, but the server asks the network, which may take ten seconds. So two
    queries run at a time; a channel is skipped once three of its posts had no figures; and
    everything is skipped after three failures in a row or a 429. Posts without figures are
    reported with the reason.
    """

    def __init__(self, ask: Callable[[str], Awaitable[PostAnalytics]]) -> None:
        self._ask = ask
        self.found: dict[str, dict[str, float]] = {}
        self.missing: dict[str, str] = {}
        self.error: PostizError | None = None
        """The error that makes further queries pointless."""
        self._stopped = ""
        self._failures = 0
        self._telling: set[str] = set()
        self._empty: Counter[str] = Counter()

    async def look(self, _: int, post: PostOfChannel) -> None:
        """Fetch the figures of a post, or find out why it has none."""
        in_vain = post.channel not in self._telling and self._empty[post.channel] >= _IN_VAIN
        why = self._stopped or (_EMPTY_CHANNEL if in_vain else "")
        if not why:
            try:
                why = self._read(post, await self._ask(post.post_id))
            except PostizError as error:
                why = self._failed(error)
        if why:
            self.missing[post.post_id] = why

    def _read(self, post: PostOfChannel, answer: PostAnalytics) -> str:
        self._failures = 0
        figures = dict(filter(None, map(_figure, answer.metrics)))
        if figures:
            self.found[post.post_id] = figures
            self._telling.add(post.channel)
            return ""
        if answer.missing:
            return _UNKNOWN
        self._empty[post.channel] += 1
        return _EMPTY

    def _failed(self, error: PostizError) -> str:
        if isinstance(error, NotFoundError):
            self._stopped = _OLD
            return _OLD
        if isinstance(error, QuotaError):
            wait = describe_seconds(error.retry_after)
            self._stopped = f"skipped: the server takes no more looks for {wait}"
            return self._stopped
        why = str(error).partition("\n")[0].rstrip(".")
        if isinstance(error, AuthenticationError) or not isinstance(error, _PASSING):
            self.error, self._stopped = error, why
        self._failures += 1
        if self._failures >= _IN_VAIN and not self._stopped:
            self._stopped = _FAILING
        return why


def _figure(metric: Metric) -> tuple[str, float] | None:
    """The name of a metric and its newest number, if it has one."""
    values = [value for point in metric.data if (value := point.value) is not None]
    if not values:
        return None
    newest = values[-1]
    return metric.label, int(newest) if newest.is_integer() else newest


# ------------------------------------------------------------------ users


class Users(OfOneProcess):
    """`postiz.users`: only for keys of organisations with a super-admin of the instance."""

    def __init__(self, bound: BoundScheduler) -> None:
        self._bound = bound

    async def search(self, text: str | None = None) -> list[Membership]:
        """At most ten users of all organisations, each with the organisation; there is no paging.

        Costs no quota. Retried: yes. Since a release after v2.23.0.

        Args:
            text: a part of the name, the e-mail address or the id; None: all users.

        Raises:
            PermissionDeniedError: no super-admin of the instance is in the key's organisation.
            NotFoundError: the server is older.
        """
        query = () if text is None else (("name", text),)
        return await self._bound.call(Call(SEARCH_USERS, query=query))
