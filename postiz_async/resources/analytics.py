"""Figures from the networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async.endpoints import CHANNEL_ANALYTICS, POST_ANALYTICS, Call
from postiz_async.models.analytics import Metric, Missing, PostAnalytics

if TYPE_CHECKING:
    from postiz_async.caller import BoundScheduler
    from postiz_async.models.integrations import Integration

__all__ = ["Analytics"]


class Analytics:
    """`postiz.analytics`. Nothing here costs quota. An empty answer can hide an error.

    Looking may take ten seconds and may refresh, or disconnect, the channel's social token.
    """

    def __init__(self, caller: BoundScheduler) -> None:
        self._caller = caller

    async def integration(self, channel: Integration | str, *, days: int = 30) -> list[Metric]:
        """Figures of a channel over the last `days` (7, 30 or 90).

        Empty where the network has none, or where its answer failed. Cached by the server for
        an hour. Retried: yes. Since v2.18.0.

        Raises:
            ServerError: also for an unknown channel.
        """
        channel_id = channel if isinstance(channel, str) else channel.id
        call = Call(CHANNEL_ANALYTICS, params={"id": channel_id}, query=(("date", str(days)),))
        return await self._caller.call(call)

    async def post(self, post_id: str, *, days: int = 30) -> PostAnalytics:
        """Figures of a published post. `missing` when its id on the network is not known.

        Empty for unknown and unpublished posts too. Retried: yes. Since v2.18.0.
        """
        call = Call(POST_ANALYTICS, params={"id": post_id}, query=(("date", str(days)),))
        answer = await self._caller.call(call)
        if isinstance(answer, Missing):
            return PostAnalytics(missing=answer.missing)
        return PostAnalytics(metrics=answer)
