"""Who uses an instance of Postiz, as its super-admins see it."""

from __future__ import annotations

from postiz_async.models._base import Model


class User(Model, frozen=True, kw_only=True):
    """Somebody with an account."""

    id: str
    email: str
    name: str | None = None


class MembershipOrganization(Model, frozen=True, kw_only=True):
    """The organisation of a membership."""

    id: str
    name: str = ""


class Membership(Model, frozen=True, kw_only=True):
    """A user in an organisation; one who is in several comes once for each."""

    id: str
    user: User
    organization: MembershipOrganization
    role: str = ""
    """What the user may do there: `SUPERADMIN`, `ADMIN` or `USER`; others may appear."""
