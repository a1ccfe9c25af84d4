"""Changing posts that exist, and looking for what a platform made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from postiz_async.sandbox.dates import iso, naive_iso
from postiz_async.sandbox.exchange import Response, json_response
from postiz_async.sandbox.json_text import read_json, write_json
from postiz_async.sandbox.networks import network_in
from postiz_async.sandbox.post_rules import EMPTY, PostEntry, Surroundings, broken_rule, is_empty
from postiz_async.sandbox.publishing import store_post
from postiz_async.sandbox.refusals import bad_request, internal_error, invalid, not_found
from postiz_async.sandbox.rules import as_mapping, defined, is_list, is_mapping, to_text
from postiz_async.sandbox.settings_rules import converted

if TYPE_CHECKING:
    from postiz_async.sandbox.organization import Organization
    from postiz_async.sandbox.rows import PostRow
    from postiz_async.sandbox.state import ReceivedCall, SandboxState

__all__ = ["change_status", "get_missing", "update_release_id", "update_settings"]

_STATES = {"draft": "DRAFT", "schedule": "QUEUE"}
_LISTS_MISSING = {"tiktok", "tiktok-business"}


async def change_status(state: SandboxState, call: ReceivedCall) -> Response:
    """Make a post a draft, or schedule it, even when it is published or deleted."""
    status = as_mapping(call.body).get("status")
    new_state = _STATES.get(status) if isinstance(status, str) else None
    if new_state is None:
        raise invalid(["status must be one of the following values: draft, schedule"])
    post = call.organization.posts.get(call.params["id"])
    if post is None:
        raise bad_request("Post not found")
    changed = msgspec.structs.replace(
        post, state=new_state, has_job=new_state == "QUEUE", updated_at=state.now
    )
    store_post(state, call.organization, changed)
    return json_response(200, {"id": post.id, "state": new_state})


async def update_settings(state: SandboxState, call: ReceivedCall) -> Response:
    """Merge settings into those of a post that is not published yet."""
    given = as_mapping(call.body).get("settings")
    if not is_mapping(given):
        raise invalid([*defined("settings", given), "settings must be an object"])
    post = _changeable(state, call)
    merged = {**as_mapping(read_json(post.settings)), **given}
    merged["__type"] = call.organization.integrations[post.integration_id].provider
    message = _broken_rule(state, call.organization, post, merged)
    if message is not None:
        channel = call.organization.integrations[post.integration_id]
        raise bad_request(f"{channel.name}: {message}")
    # the repetition is lost on the way, as on the server
    changed = msgspec.structs.replace(
        post, settings=write_json(merged), interval=None, updated_at=state.now
    )
    call.organization.posts.put(changed)
    return json_response(200, {"postId": post.id, "publishDate": naive_iso(post.date)})


def _broken_rule(
    state: SandboxState, organization: Organization, post: PostRow, merged: dict[str, object]
) -> str | None:
    """What is wrong with a post that has these settings."""
    rows = [post, *organization.posts.comments_of(post)]
    entries = [PostEntry(row.content, _images(row)) for row in rows]
    if any(map(is_empty, entries)):
        return EMPTY
    if post.state == "DRAFT":
        return None
    channel, release = organization.integrations[post.integration_id], state.settings.release
    network = network_in(release, channel.provider)
    if network is None:
        raise internal_error()
    settings = converted(merged, network.fields_in(release))
    around = Surroundings(channel, network, release, state.pictures)
    return broken_rule(settings, entries, around, "The maximum characters is {}")


def _images(post: PostRow) -> list[object]:
    images = read_json(post.image)
    return images if is_list(images) else []


def _changeable(state: SandboxState, call: ReceivedCall) -> PostRow:
    post = call.organization.posts.get(call.params["id"])
    if post is None or post.deleted_at is not None:
        raise not_found("Post not found")
    if post.parent_id is not None:
        raise bad_request("This id belongs to a comment, pass the id of the main post")
    if post.state not in {"QUEUE", "DRAFT"}:
        raise bad_request(
            "Only scheduled posts that were not published yet (or drafts) can be updated"
        )
    if post.state == "QUEUE" and post.date < state.now:
        raise bad_request("The publish time of this post already passed, it cannot be updated")
    return post


async def update_release_id(state: SandboxState, call: ReceivedCall) -> Response:
    """Say which item of the platform a post became, where the server does not know it."""
    given = as_mapping(call.body)
    text = to_text(given["releaseId"]) if "releaseId" in given else "undefined"
    post = call.organization.posts.get(call.params["id"])
    if post is None or post.release_id != "missing":
        raise internal_error()
    release_id = "null" if text is None else str(text)
    changed = msgspec.structs.replace(post, release_id=release_id, updated_at=state.now)
    call.organization.posts.put(changed)
    return json_response(200, _row(call.organization, changed))


def _row(organization: Organization, post: PostRow) -> dict[str, object]:
    """The whole row, as the database has it."""
    row: dict[str, object] = {
        "id": post.id,
        "state": post.state,
        "publishDate": iso(post.date),
        "organizationId": organization.id,
        "integrationId": post.integration_id,
        "content": post.content,
        "delay": post.delay,
        "group": post.group,
        "title": None,
        "description": None,
        "parentPostId": post.parent_id,
        "releaseId": post.release_id,
        "releaseURL": post.release_url,
        "settings": post.settings,
        "image": post.image,
    }
    row |= dict.fromkeys(("submittedForOrderId", "submittedForOrganizationId"))
    row |= {
        "approvedSubmitForOrder": "NO",
        "creationMethod": post.creation_method,
        "lastMessageId": None,
        "intervalInDays": post.interval,
        "error": post.error,
        "createdAt": iso(post.created_at),
        "updatedAt": iso(post.updated_at),
        "deletedAt": None if post.deleted_at is None else iso(post.deleted_at),
    }
    return row


async def get_missing(state: SandboxState, call: ReceivedCall) -> Response:
    """Items of the channel that the post may have become."""
    post = call.organization.posts.get(call.params["id"])
    if post is None or post.release_id != "missing":
        return json_response(200, [])
    integration = call.organization.integrations[post.integration_id]
    if integration.provider not in _LISTS_MISSING:
        return json_response(200, [])
    items = [
        {"id": f"7{post.date}{number:06d}", "url": f"{state.settings.host}/covers/{number}.jpeg"}
        for number in range(1, 4)
    ]
    return json_response(200, items)
