"""Reading and deleting posts."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from postiz_async.sandbox.dates import is_iso8601, iso, read_date
from postiz_async.sandbox.exchange import Response, json_response
from postiz_async.sandbox.refusals import internal_error, invalid
from postiz_async.sandbox.releases import HEAD
from postiz_async.sandbox.rules import optional_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postiz_async.sandbox.organization import Organization
    from postiz_async.sandbox.rows import PostRow
    from postiz_async.sandbox.state import ReceivedCall, SandboxState

__all__ = ["delete_group", "delete_post", "list_posts"]

_DAY = 86_400_000
_SINCE_GROUP_IS_LISTED = (1, 60, 0)
_SINCE_RELEASE_ID_IS_LISTED = (2, 13, 0)
_SINCE_CREATION_METHOD_IS_LISTED = (2, 21, 8)
_SINCE_DELETE_ANSWERS_ERROR = (2, 12, 0)


async def list_posts(state: SandboxState, call: ReceivedCall) -> Response:
    """Posts of a range of time, and every repeated post."""
    start, end = _range(call)
    customer = cast("str | None", call.request.query_value("customer"))  # a list was refused
    posts = call.organization.posts
    entries = [
        _entry(state, call.organization, post)
        for post in posts.live_roots_between(start, end)
        if post.interval is None and _is_listed(call.organization, post, customer)
    ]
    for post in posts.live_repeated():
        if _is_listed(call.organization, post, customer):
            entries += _occurrences(state, call.organization, post, end)
    return json_response(200, {"posts": entries})


def _range(call: ReceivedCall) -> tuple[int, int]:
    names = ("startDate", "endDate")
    values = [call.request.query_value(name) for name in names]
    messages = [
        f"{name} must be a valid ISO 8601 date string"
        for name, value in zip(names, values, strict=True)
        if not is_iso8601(value)
    ]
    messages += optional_text("customer", call.request.query_value("customer"))
    if messages:
        raise invalid(messages)
    start, end = (read_date(cast("str", value)) for value in values)
    if start is None or end is None:
        raise internal_error()
    return start, end


def _is_listed(organization: Organization, post: PostRow, customer: str | None) -> bool:
    integration = organization.live_integration(post.integration_id)
    if integration is None:
        return False
    if not customer:
        return True
    return integration.customer is not None and integration.customer.id == customer


def _occurrences(
    state: SandboxState, organization: Organization, post: PostRow, end: int
) -> Iterable[dict[str, object]]:
    """One copy for each repetition up to `end`, those before the asked range included."""
    step = (post.interval or 1) * _DAY
    entry = _entry(state, organization, post) | {"actualDate": iso(post.date)}
    for date in range(post.date, end + 1, step):
        yield entry | {"publishDate": iso(date)}


def _entry(state: SandboxState, organization: Organization, post: PostRow) -> dict[str, object]:
    release = state.settings.release
    integration = organization.integrations[post.integration_id]
    entry: dict[str, object] = {
        "id": post.id,
        "content": post.content,
        "publishDate": iso(post.date),
        "releaseURL": post.release_url,
    }
    if release.since(_SINCE_RELEASE_ID_IS_LISTED):
        entry["releaseId"] = post.release_id
    entry |= {"state": post.state, "intervalInDays": post.interval}
    if release.since(_SINCE_GROUP_IS_LISTED):
        entry["group"] = post.group
    if release.since(_SINCE_CREATION_METHOD_IS_LISTED):
        entry["creationMethod"] = post.creation_method
    if release.since(HEAD):
        entry["settings"] = post.settings
    entry["tags"] = [{"tag": _tag(organization, tag_id)} for tag_id in post.tags]
    entry["integration"] = {
        "id": integration.id,
        "providerIdentifier": integration.provider,
        "name": integration.name,
        "picture": integration.picture,
    }
    return entry


def _tag(organization: Organization, tag_id: str) -> dict[str, object]:
    tag = organization.tags[tag_id]
    return {
        "id": tag.id,
        "name": tag.name,
        "color": tag.color,
        "orgId": organization.id,
        "deletedAt": None,
        "createdAt": iso(tag.created_at),
        "updatedAt": iso(tag.created_at),
    }


async def delete_post(state: SandboxState, call: ReceivedCall) -> Response:
    """Delete a post with its comments, found by the id of any of them."""
    post = call.organization.posts.get(call.params["id"])
    if post is None or post.deleted_at is not None:
        raise internal_error()
    _soft_delete(state, call.organization, post.group)
    if state.settings.release.since(_SINCE_DELETE_ANSWERS_ERROR):
        return json_response(200, {"error": True})
    return json_response(200, {"id": post.parent_id or post.id})


async def delete_group(state: SandboxState, call: ReceivedCall) -> Response:
    """Delete everything with a group; an unknown one is fine."""
    _soft_delete(state, call.organization, call.params["group"])
    return json_response(200, {"error": True})


def _soft_delete(state: SandboxState, organization: Organization, group: str) -> None:
    for post in organization.posts.live_in_group(group):
        organization.posts.put(
            msgspec.structs.replace(post, deleted_at=state.now, updated_at=state.now, has_job=False)
        )
