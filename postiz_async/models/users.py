"""The users of an instance of Postiz, as its super-admins see them."""

from __future__ import annotations

from postiz_async.models._base import Model


class User(Model, frozen=True, kw_only=True):
    """A user account."""

    id: str
    email: str
    name: str | None = None


class MembershipOrganization(Model, frozen=True, kw_only=True):
    """The organisation of a membership."""

    id: str
    name: str = ""


class Membership(Model, frozen=True, kw_only=True):
    """A user's membership in an organisation; a user of several has one for each."""

    id: str
    user: User
    organization: MembershipOrganization
    role: str = ""
    """What the user may do there: `SUPERADMIN`, `ADMIN` or `USER`; others may appear."""
