"""The users of an instance, for its super-admins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async._wire.endpoints import SEARCH_USERS, Call

if TYPE_CHECKING:
    from postiz_async._scheduler.bound import BoundScheduler
    from postiz_async.models.users import Membership


class Users:
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
