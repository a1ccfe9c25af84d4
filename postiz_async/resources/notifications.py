"""What Postiz told the organisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async.endpoints import LIST_NOTIFICATIONS, Call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postiz_async.caller import BoundScheduler
    from postiz_async.models.notifications import Notification, NotificationPage

__all__ = ["Notifications"]


class Notifications:
    """`postiz.notifications`: published, failed, disconnected. Nothing here costs quota."""

    def __init__(self, caller: BoundScheduler) -> None:
        self._caller = caller

    async def page(self, number: int = 0) -> NotificationPage:
        """One page of at most 100, newest first; numbered from 0.

        Retried: yes. Since v2.18.0.
        """
        query = (("page", str(number)),)
        return await self._caller.call(Call(LIST_NOTIFICATIONS, query=query))

    async def iter(self) -> AsyncIterator[Notification]:
        """All messages, newest first, each once although pages shift when new ones arrive."""
        seen: set[str] = set()
        number, more = 0, True
        while more:
            page = await self.page(number)
            for notification in page.notifications:
                if notification.id not in seen:
                    seen.add(notification.id)
                    yield notification
            number, more = number + 1, page.has_more and bool(page.notifications)
