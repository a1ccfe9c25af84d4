"""The blocking twin of `Resources`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from postiz_async.blocking._analytics import Analytics
from postiz_async.blocking._base import Twin
from postiz_async.blocking._channels import Channels
from postiz_async.blocking._media_resource import MediaResource
from postiz_async.blocking._notifications import Notifications
from postiz_async.blocking._posts import Posts
from postiz_async.blocking._users import Users

if TYPE_CHECKING:
    from postiz_async._resources.api import Resources as AsyncResources


class Resources(Twin):
    """The resources of the API; each call through them is made with the same options."""

    @property
    def _async(self) -> AsyncResources:
        return cast("AsyncResources", self._twin)

    @property
    def posts(self) -> Posts:
        """Create, list, change and delete posts."""
        return Posts(self._portal, self._async.posts)

    @property
    def media(self) -> MediaResource:
        """Upload pictures and videos, generate videos."""
        return MediaResource(self._portal, self._async.media)

    @property
    def channels(self) -> Channels:
        """The connected social accounts."""
        return Channels(self._portal, self._async.channels)

    @property
    def analytics(self) -> Analytics:
        """Figures from the networks."""
        return Analytics(self._portal, self._async.analytics)

    @property
    def notifications(self) -> Notifications:
        """Notifications of the organisation."""
        return Notifications(self._portal, self._async.notifications)

    @property
    def users(self) -> Users:
        """The users of the instance, for its super-admins."""
        return Users(self._portal, self._async.users)
