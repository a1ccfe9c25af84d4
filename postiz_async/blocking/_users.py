"""The blocking twin of `Users`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from postiz_async.blocking._base import Twin

if TYPE_CHECKING:
    from postiz_async._resources.insights import Users as AsyncUsers
    from postiz_async.models.users import Membership


class Users(Twin):
    """`postiz.users`: only for keys of organisations with a super-admin of the instance."""

    @property
    def _async(self) -> AsyncUsers:
        return cast("AsyncUsers", self._twin)

    def search(self, text: str | None = None) -> list[Membership]:
        """At most ten users of all organisations, each with the organisation; there is no paging.

        Costs no quota. Retried: yes. Since a release after v2.23.0.

        Args:
            text: a part of the name, the e-mail address or the id; None: all users.

        Raises:
            PermissionDeniedError: no super-admin of the instance is in the key's organisation.
            NotFoundError: the server is older.
        """
        return self._portal.call(self._async.search, text)
