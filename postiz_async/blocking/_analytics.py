"""The blocking twin of `Analytics`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from postiz_async.blocking._base import Twin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postiz_async._resources.insights import Analytics as AsyncAnalytics
    from postiz_async.models.channels import Channel
    from postiz_async.models.insights import Figures, Metric, PostAnalytics
    from postiz_async.models.posts import Created, Post


class Analytics(Twin):
    """`postiz.analytics`. Nothing here costs quota. An empty answer can hide an error.

    A call may take ten seconds, and may refresh or disconnect the channel's social token.
    """

    @property
    def _async(self) -> AsyncAnalytics:
        return cast("AsyncAnalytics", self._twin)

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
        return self._portal.call(self._async.channel, channel, days=days)

    def post(self, post: Post | Created | str, *, days: int = 30) -> PostAnalytics:
        """Figures of a published post. `missing` is True if its id on the network is unknown.

        Empty for unknown and unpublished posts too. Retried: yes. Since v2.18.0.

        Args:
            post: the post or its id.
            days: how many days back the figures reach.
        """
        return self._portal.call(self._async.post, post, days=days)

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
        call = self._portal.new_call()
        work = partial(self._async.posts, posts=call.taken(posts), days=days)
        return call.run(work)
