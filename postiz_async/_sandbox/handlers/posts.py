"""Posts: list, change, delete, and find them on their network."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from postiz_async._sandbox import refusals
from postiz_async._sandbox.dates import DAY_MS, iso, naive_iso, read_date
from postiz_async._sandbox.json import read_json, write_json
from postiz_async._sandbox.publishing import store_post
from postiz_async._sandbox.refusals import HttpError
from postiz_async._sandbox.rows import PostRow, Release, is_in_group
from postiz_async._sandbox.state import ReceivedCall
from postiz_async._sandbox.verdicts import (
    checked,
    first_problem,
    judged_posts,
    longest_text,
)
from postiz_async._validation.constraints import DATE, DEFINED, OBJECT, TEXT, enum
from postiz_async._validation.javascript import as_object, to_text
from postiz_async._validation.schema import AS_GIVEN, AS_TEXT, Field, Shape

_EMPTY = "Your post should have at least one character or one image."
_RANGE = Shape(
    Field("startDate", (DATE,), AS_TEXT, optional=False),
    Field("endDate", (DATE,), AS_TEXT, optional=False),
    Field("customer", (TEXT,), AS_TEXT),
)


async def list_posts(call: ReceivedCall) -> object:
    """List the posts of a range of time, and every repeated post."""
    given = checked(_RANGE, call.request.query_values)
    start, end = read_date(str(given["startDate"])), read_date(str(given["endDate"]))
    if start is None or end is None:
        raise refusals.internal_error()
    posts, customer = call.organization.posts.live_roots(), given.get("customer")
    once = [each for each in posts if each.interval is None and start <= each.date <= end]
    once.sort(key=lambda each: each.date)
    entries = [_entry(call, each) for each in once if _is_listed(call, each, customer)]
    for post in posts:
        if post.interval is not None and _is_listed(call, post, customer):
            entries += _occurrences(call, post, end)
    return {"posts": entries}


def _is_listed(call: ReceivedCall, post: PostRow, customer: object) -> bool:
    channel = call.organization.live_channel(post.channel_id)
    return channel is not None and is_in_group(channel, customer)


def _occurrences(call: ReceivedCall, post: PostRow, end: int) -> Iterable[dict[str, object]]:
    """One entry for each repetition up to `end`, including those before the range."""
    step = (post.interval or 1) * DAY_MS
    entry = _entry(call, post) | {"actualDate": iso(post.date)}
    for date in range(post.date, end + 1, step):
        yield entry | {"publishDate": iso(date)}


def _entry(call: ReceivedCall, post: PostRow) -> dict[str, object]:
    channel = call.organization.channels[post.channel_id]
    entry: dict[str, object] = {
        "id": post.id,
        "content": post.content,
        "publishDate": iso(post.date),
        "releaseURL": post.release_url,
        "releaseId": post.release_id,
        "state": post.state,
        "intervalInDays": post.interval,
        "group": post.group,
    }
    if call.release >= Release.NEWEST:
        entry["creationMethod"] = post.creation_method
    if call.release >= Release.HEAD:
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


async def delete_post(call: ReceivedCall) -> object:
    """Delete a post with its comments, by the id of any of them."""
    post = call.organization.posts.get(call.params["id"])
    if post is None or post.deleted_at is not None:
        is_said = call.release >= Release.NEXT
        raise refusals.not_found("Post not found") if is_said else refusals.internal_error()
    _soft_delete(call, post.group)
    return {"error": True}


async def delete_group(call: ReceivedCall) -> object:
    """Delete all posts of a group; an unknown group is no error."""
    _soft_delete(call, call.params["group"])
    return {"error": True}


def _soft_delete(call: ReceivedCall, group: str) -> None:
    now, posts = call.state.now, call.organization.posts
    for post in posts.live_in_group(group):
        posts.put(replace(post, deleted_at=now, updated_at=now, has_job=False))


_STATES = {"draft": "DRAFT", "schedule": "QUEUE"}
_STATUS = Shape(Field("status", (enum(tuple(_STATES)),), AS_TEXT, optional=False))
_LISTS_MISSING = {"tiktok", "tiktok-business"}


async def change_status(call: ReceivedCall) -> object:
    """Make a post a draft, or schedule it, even if it is published or deleted."""
    new_state = _STATES[str(checked(_STATUS, call.body)["status"])]
    post = call.organization.posts.get(call.params["id"])
    if post is None:
        raise refusals.bad_request("Post not found")
    changed = replace(
        post, state=new_state, has_job=new_state == "QUEUE", updated_at=call.state.now
    )
    store_post(call.state, call.organization, changed)
    return {"id": post.id, "state": new_state}


_SETTINGS = Shape(Field("settings", (DEFINED, OBJECT), AS_GIVEN, optional=False))


async def update_settings(call: ReceivedCall) -> object:
    """Merge settings into those of a post that is not published yet, and store it again.

    The post loses the milliseconds of its date and its repetition, and a `client_ref` unless it is
    sent again.
    """
    given = as_object(checked(_SETTINGS, call.body)["settings"])
    post = _changeable(call)
    merged = {**as_object(read_json(post.settings)), **given}
    if "client_ref" not in given:
        merged.pop("client_ref", None)
    merged["__type"] = call.organization.channels[post.channel_id].provider
    message = _broken_rule(call, post, merged)
    if message is not None:
        channel = call.organization.channels[post.channel_id]
        raise refusals.bad_request(f"{channel.name}: {message}")
    changed = replace(
        post,
        date=post.date // 1000 * 1000,
        settings=write_json(merged),
        interval=None,
        updated_at=call.state.now,
    )
    store_post(call.state, call.organization, changed)
    return {"postId": post.id, "publishDate": naive_iso(changed.date)}


def _broken_rule(call: ReceivedCall, post: PostRow, merged: dict[str, object]) -> str | None:
    """The first problem of a post with these settings, or None."""
    rows = [post, *call.organization.posts.comments_of(post)]
    value = [{"content": row.content, "image": read_json(row.image)} for row in rows]
    item = {"integration": {"id": post.channel_id}, "value": value, "settings": merged}
    body: dict[str, object] = {"date": iso(post.date), "shortLink": False, "tags": list[object]()}
    body["posts"] = [item | {"type": "draft"}]  # whose settings are looked at a second time only
    try:
        judged = judged_posts(call, body, call.organization.channels)
    except HttpError:
        return _EMPTY
    channel = call.organization.channels[post.channel_id]
    problem = None if post.state == "DRAFT" else first_problem(judged[0], channel)
    if problem is None or not problem.where.endswith(".content"):
        return None if problem is None else problem.message
    return f"The maximum characters is {longest_text(channel)}"


def _changeable(call: ReceivedCall) -> PostRow:
    post = call.organization.posts.get(call.params["id"])
    if post is None or post.deleted_at is not None:
        raise refusals.not_found("Post not found")
    if post.parent_id is not None:
        raise refusals.bad_request("This id belongs to a comment, pass the id of the main post")
    if post.state not in {"QUEUE", "DRAFT"}:
        raise refusals.bad_request(
            "Only scheduled posts that were not published yet (or drafts) can be updated"
        )
    if post.state == "QUEUE" and post.date < call.state.now:
        raise refusals.bad_request(
            "The publish time of this post already passed, it cannot be updated"
        )
    return post


async def set_release_id(call: ReceivedCall) -> object:
    """Store which item on the network a post became, if the server does not know it."""
    given = as_object(call.body)
    text = to_text(given["releaseId"]) if "releaseId" in given else "undefined"
    post = call.organization.posts.get(call.params["id"])
    if post is None or post.release_id != "missing":
        raise refusals.internal_error()
    release_id = "null" if text is None else str(text)
    changed = replace(post, release_id=release_id, updated_at=call.state.now)
    call.organization.posts.put(changed)
    return _row(call, changed)


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


async def get_missing(call: ReceivedCall) -> object:
    """List items of the channel that the post may have become."""
    post = call.organization.posts.get(call.params["id"])
    if post is None or post.release_id != "missing":
        return []
    channel = call.organization.channels[post.channel_id]
    if channel.provider not in _LISTS_MISSING:
        return []
    return [
        {
            "id": f"7{post.date}{number:06d}",
            "url": f"{call.state.host}/covers/{number}.jpeg",
        }
        for number in range(1, 4)
    ]
