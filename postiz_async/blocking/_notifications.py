"""The blocking twin of `Notifications`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from postiz_async.blocking._base import BlockingListing, Twin, listed

if TYPE_CHECKING:
    from datetime import datetime

    from postiz_async._resources.insights import Notifications as AsyncNotifications
    from postiz_async.models.insights import Notification


class Notifications(Twin):
    """`postiz.notifications`: published, failed, disconnected. Nothing here costs quota."""

    @property
    def _async(self) -> AsyncNotifications:
        return cast("AsyncNotifications", self._twin)

    def list(self, *, since: datetime | None = None) -> BlockingListing[Notification]:
        """The notifications, newest first, each once even if new ones arrive meanwhile.

        Nothing is asked before it is used: `for` fetches a hundred at a time, all else all.

        Args:
            since: only those from then on; None: all.

        Retried: yes. Since v2.18.0.
        """
        return listed(self._portal, self._async.list, since=since)
