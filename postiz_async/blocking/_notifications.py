"""The blocking twin of `Notifications`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from postiz_async.blocking._base import BlockingIterator, Twin, iterate

if TYPE_CHECKING:
    from postiz_async._resources.insights import Notifications as AsyncNotifications
    from postiz_async.models.insights import Notification, NotificationPage


class Notifications(Twin):
    """`postiz.notifications`: published, failed, disconnected. Nothing here costs quota."""

    @property
    def _async(self) -> AsyncNotifications:
        return cast("AsyncNotifications", self._twin)

    def page(self, number: int = 0) -> NotificationPage:
        """One page of at most 100, newest first; numbered from 0.

        Args:
            number: the page, from 0; each has 100 notifications.

        Retried: yes. Since v2.18.0.
        """
        return self._portal.call(self._async.page, number)

    def iter(self) -> BlockingIterator[Notification]:
        """All notifications, newest first, each once even if new ones arrive meanwhile."""
        return iterate(self._portal, self._async.iter)
