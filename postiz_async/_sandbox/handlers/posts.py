"""Posts: list, change, delete, and find them on their network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import msgspec

from postiz_async._sandbox.messages import (
    Response,
    bad_request,
    check,
    internal_error,
    invalid,
    json_response,
    not_found,
)
from postiz_async._sandbox.publishing import store_post
from postiz_async._sandbox.rows import NEXT, UNRELEASED, PostRow, is_in_group
from postiz_async._sandbox.rules.fields import (
    as_mapping,
    defined,
    is_list,
    is_mapping,
    optional_text,
    to_text,
)
from postiz_async._sandbox.rules.formats import DAY, is_iso8601, iso, naive_iso, read_date
from postiz_async._sandbox.rules.post import EMPTY, PostEntry, broken_rule, is_empty
from postiz_async._sandbox.rules.settings import converted
from postiz_async._sandbox.state import ReceivedCall
from postiz_async._sandbox.text.json import read_json, write_json

_SINCE_GROUP_IS_LISTED = (1, 60, 0)
_SINCE_RELEASE_ID_IS_LISTED = (2, 13, 0)
_SINCE_CREATION_METHOD_IS_LISTED = (2, 21, 8)
_SINCE_DELETE_ANSWERS_ERROR = (2, 12, 0)


async def list_posts(call: ReceivedCall) -> Response:
    """List the posts of a range of time, and every repeated post."""
    start, end = _range(call)
    customer = cast("str | None", call.request.query_value("customer"))  # a list was refused
    posts = call.organization.posts
    entries = [
        _entry(call, post)
        for post in posts.live_roots_between(start, end)
        if post.interval is None and _is_listed(call, post, customer)
    ]
    for post in posts.live_repeated():
        if _is_listed(call, post, customer):
            entries += _occurrences(call, post, end)
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
    check(messages)
    start, end = (read_date(cast("str", value)) for value in values)
    if start is None or end is None:
        raise internal_error()
    return start, end


def _is_listed(call: ReceivedCall, post: PostRow, customer: str | None) -> bool:
    channel = call.organization.live_channel(post.channel_id)
    return channel is not None and is_in_group(channel, customer)


def _occurrences(call: ReceivedCall, post: PostRow, end: int) -> Iterable[dict[str, object]]:
    """One entry for each repetition up to `end`, including those before the range."""
    step = (post.interval or 1) * DAY
    entry = _entry(call, post) | {"actualDate": iso(post.date)}
    for date in range(post.date, end + 1, step):
        yield entry | {"publishDate": iso(date)}


def _entry(call: ReceivedCall, post: PostRow) -> dict[str, object]:
    release = call.release
    channel = call.organization.channels[post.channel_id]
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
    if release.since(UNRELEASED):
        entry["settings"] = post.settings
    entry["tags"] = [{"tag": _tag(call, tag_id)} for tag_id in post.tags]
    entry["integration"] = {
        "id": channel.id,
        "providerIdentifier": channel.provider,
        "name": channel.name,
        "picture": channel.picture,
    }
    return entry


def _tag(call: ReceivedCall, tag_id: str) -> dict[str, object]:
    tag = call.organization.tags[tag_id]
    return {
        "id": tag.id,
        "name": tag.name,
        "color": tag.color,
        "orgId": call.organization.id,
        "deletedAt": None,
        "createdAt": iso(tag.created_at),
        "updatedAt": iso(tag.created_at),
    }


async def delete_post(call: ReceivedCall) -> Response:
    """Delete a post with its comments, by the id of any of them."""
    post = call.organization.posts.get(call.params["id"])
    if post is None or post.deleted_at is not None:
        raise (not_found("Post not found") if call.release.since(NEXT) else internal_error())
    _soft_delete(call, post.group)
    if call.release.since(_SINCE_DELETE_ANSWERS_ERROR):
        return json_response(200, {"error": True})
    return json_response(200, {"id": post.parent_id or post.id})


async def delete_group(call: ReceivedCall) -> Response:
    """Delete all posts of a group; an unknown group is no error."""
    _soft_delete(call, call.params["group"])
    return json_response(200, {"error": True})


def _soft_delete(call: ReceivedCall, group: str) -> None:
    for post in call.organization.posts.live_in_group(group):
        call.organization.posts.put(
            msgspec.structs.replace(
                post, deleted_at=call.state.now, updated_at=call.state.now, has_job=False
            )
        )


_STATES = {"draft": "DRAFT", "schedule": "QUEUE"}
_LISTS_MISSING = {"tiktok", "tiktok-business"}


async def change_status(call: ReceivedCall) -> Response:
    """Make a post a draft, or schedule it, even if it is published or deleted."""
    status = as_mapping(call.body).get("status")
    new_state = _STATES.get(status) if isinstance(status, str) else None
    if new_state is None:
        raise invalid(["status must be one of the following values: draft, schedule"])
    post = call.organization.posts.get(call.params["id"])
    if post is None:
        raise bad_request("Post not found")
    changed = msgspec.structs.replace(
        post, state=new_state, has_job=new_state == "QUEUE", updated_at=call.state.now
    )
    store_post(call.state, call.organization, changed)
    return json_response(200, {"id": post.id, "state": new_state})


async def update_settings(call: ReceivedCall) -> Response:
    """Merge settings into those of a post that is not published yet, and store it again.

    The post loses the milliseconds of its date and its repetition, and a `client_ref` unless it is
    sent again.
    """
    given = as_mapping(call.body).get("settings")
    if not is_mapping(given):
        raise invalid([*defined("settings", given), "settings must be an object"])
    post = _changeable(call)
    merged = {**as_mapping(read_json(post.settings)), **given}
    if "client_ref" not in given:
        merged.pop("client_ref", None)
    merged["__type"] = call.organization.channels[post.channel_id].provider
    message = _broken_rule(call, post, merged)
    if message is not None:
        channel = call.organization.channels[post.channel_id]
        raise bad_request(f"{channel.name}: {message}")
    changed = msgspec.structs.replace(
        post,
        date=post.date // 1000 * 1000,
        settings=write_json(merged),
        interval=None,
        updated_at=call.state.now,
    )
    store_post(call.state, call.organization, changed)
    return json_response(200, {"postId": post.id, "publishDate": naive_iso(changed.date)})


def _broken_rule(call: ReceivedCall, post: PostRow, merged: dict[str, object]) -> str | None:
    """The first problem of a post with these settings, or None."""
    rows = [post, *call.organization.posts.comments_of(post)]
    entries = [PostEntry(row.content, _images(row)) for row in rows]
    if any(map(is_empty, entries)):
        return EMPTY
    if post.state == "DRAFT":
        return None
    context = call.context_of(post.channel_id)
    settings = converted(merged, context.network.fields_in(context.release))
    return broken_rule(settings, entries, context, "The maximum characters is {}")


def _images(post: PostRow) -> list[object]:
    images = read_json(post.image)
    return images if is_list(images) else []


def _changeable(call: ReceivedCall) -> PostRow:
    post = call.organization.posts.get(call.params["id"])
    if post is None or post.deleted_at is not None:
        raise not_found("Post not found")
    if post.parent_id is not None:
        raise bad_request("This id belongs to a comment, pass the id of the main post")
    if post.state not in {"QUEUE", "DRAFT"}:
        raise bad_request(
            "Only scheduled posts that were not published yet (or drafts) can be updated"
        )
    if post.state == "QUEUE" and post.date < call.state.now:
        raise bad_request("The publish time of this post already passed, it cannot be updated")
    return post


async def set_release_id(call: ReceivedCall) -> Response:
    """Store which item on the network a post became, if the server does not know it."""
    given = as_mapping(call.body)
    text = to_text(given["releaseId"]) if "releaseId" in given else "undefined"
    post = call.organization.posts.get(call.params["id"])
    if post is None or post.release_id != "missing":
        raise internal_error()
    release_id = "null" if text is None else str(text)
    changed = msgspec.structs.replace(post, release_id=release_id, updated_at=call.state.now)
    call.organization.posts.put(changed)
    return json_response(200, _row(call, changed))


def _row(call: ReceivedCall, post: PostRow) -> dict[str, object]:
    """The whole row of a post as in the database."""
    row: dict[str, object] = {
        "id": post.id,
        "state": post.state,
        "publishDate": iso(post.date),
        "organizationId": call.organization.id,
        "integrationId": post.channel_id,
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


async def get_missing(call: ReceivedCall) -> Response:
    """List items of the channel that the post may have become."""
    post = call.organization.posts.get(call.params["id"])
    if post is None or post.release_id != "missing":
        return json_response(200, [])
    channel = call.organization.channels[post.channel_id]
    if channel.provider not in _LISTS_MISSING:
        return json_response(200, [])
    items = [
        {
            "id": f"7{post.date}{number:06d}",
            "url": f"{call.state.host}/covers/{number}.jpeg",
        }
        for number in range(1, 4)
    ]
    return json_response(200, items)
