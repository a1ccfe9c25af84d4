"""Who uses the instance, told to organisations of its super-admins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async._sandbox.messages import Response, internal_error, json_response, plain

if TYPE_CHECKING:
    from postiz_async._sandbox.rows import MemberRow
    from postiz_async._sandbox.state import Organization, ReceivedCall, SandboxState


_MOST = 10


async def search_users(state: SandboxState, call: ReceivedCall) -> Response:
    """The first memberships of users in whose name, e-mail or id a text stands."""
    if not any(member.is_super_admin for member in call.organization.members):
        raise plain(403, "Unauthorized")
    text = call.request.query_value("name")
    if isinstance(text, list):  # the database cannot look for that
        raise internal_error()
    found = [
        _entry(organization, member)
        for organization in state.organizations
        for member in organization.members
        if any((text or "") in value for value in (member.name or "", member.email, member.user_id))
    ]
    return json_response(200, found[:_MOST])


def _entry(organization: Organization, member: MemberRow) -> dict[str, object]:
    return {
        "id": member.id,
        "role": member.role,
        "organization": {
            "id": organization.id,
            "name": organization.name,
            "subscription": None,
        },
        "user": {"id": member.user_id, "name": member.name, "email": member.email},
    }
