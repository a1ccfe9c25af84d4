"""Figures from the networks, and what Postiz told the organisation."""

from __future__ import annotations

from collections.abc import AsyncIterable
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from postiz_async._resources.figures import PostOfChannel, gather_figures
from postiz_async._scheduler.bound import BoundScheduler
from postiz_async._wire.endpoints import CHANNEL_ANALYTICS, LIST_NOTIFICATIONS, POST_ANALYTICS, Call
from postiz_async.models.insights import Metric, Missing, PostAnalytics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from postiz_async._resources.channel_list import Channels
    from postiz_async.models.insights import Figures, Notification, NotificationPage
    from postiz_async.models.integrations import Integration
    from postiz_async.models.posts import Post


class Analytics:
    """`postiz.analytics`. Nothing here costs quota. An empty answer can hide an error.

    A call may take ten seconds, and may refresh or disconnect the channel's social token.
    """

    def __init__(self, bound: BoundScheduler, channels: Channels) -> None:
        self._bound = bound
        self._channels = channels

    async def integration(self, channel: Integration | str, *, days: int = 30) -> list[Metric]:
        """Figures of a channel over the last `days` (7, 30 or 90).

        Empty if the network has none, or if the server could not fetch them. Cached by the server
        for an hour. Retried: yes. Since v2.18.0.

        Args:
            channel: the channel, its id, name or provider.
            days: how many days back the figures reach.

        Raises:
            InvalidPostError: no channel, or several, have this name or provider.
            ServerError: also for an unknown id.
        """
        bound = self._bound.begun()
        channel_id = await self._channels.id_of(bound, channel)
        call = Call(CHANNEL_ANALYTICS, params={"id": channel_id}, query=(("date", str(days)),))
        return await bound.call(call)

    async def post(self, post_id: str, *, days: int = 30) -> PostAnalytics:
        """Figures of a published post. `missing` is True if its id on the network is unknown.

        Empty for unknown and unpublished posts too. Retried: yes. Since v2.18.0.

        Args:
            post_id: the post's id.
            days: how many days back the figures reach.
        """
        call = Call(POST_ANALYTICS, params={"id": post_id}, query=(("date", str(days)),))
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
                and that of its channel. Each is taken when it can be queried, as from `posts.iter`.
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
    return PostOfChannel(post.id, post.integration.id if post.integration else "")


class Notifications:
    """`postiz.notifications`: published, failed, disconnected. Nothing here costs quota."""

    def __init__(self, bound: BoundScheduler) -> None:
        self._bound = bound

    async def page(self, number: int = 0) -> NotificationPage:
        """One page of at most 100, newest first; numbered from 0.

        Args:
            number: the page, from 0; each has 100 notifications.

        Retried: yes. Since v2.18.0.
        """
        query = (("page", str(number)),)
        return await self._bound.call(Call(LIST_NOTIFICATIONS, query=query))

    async def iter(self) -> AsyncIterator[Notification]:
        """All notifications, newest first, each once even if new ones arrive meanwhile."""
        seen: set[str] = set()
        number, more = 0, True
        while more:
            page = await self.page(number)
            for notification in page.notifications:
                if notification.id not in seen:
                    seen.add(notification.id)
                    yield notification
            number, more = number + 1, page.has_more and bool(page.notifications)
