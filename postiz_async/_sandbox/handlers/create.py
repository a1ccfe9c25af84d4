"""Creating posts, in the order in which the server checks and stores them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from postiz_async._sandbox.messages import (
    HttpError,
    Response,
    bad_request,
    check,
    internal_error,
    json_response,
    post_refused,
)
from postiz_async._sandbox.publishing import store_post
from postiz_async._sandbox.rows import NEXT, UNRELEASED, PostRow
from postiz_async._sandbox.rules.body import (
    CreateInput,
    NewEntry,
    Rulebook,
    has_lists_within,
    read_posts,
    violations,
)
from postiz_async._sandbox.rules.fields import (
    as_mapping,
    is_list,
    is_truthy,
    nested_value,
    to_number,
)
from postiz_async._sandbox.rules.formats import MINUTE, naive_iso, read_date
from postiz_async._sandbox.rules.post import EMPTY, PostEntry, broken_rule, is_empty
from postiz_async._sandbox.state import ReceivedCall
from postiz_async._sandbox.text.json import write_json

_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_SINCE_SECOND_LOOK = (2, 21, 9)
_TOO_LONG = "post is too long, please fix it"
_STATES = {"draft": "DRAFT", "update": None}


@dataclass(frozen=True, slots=True)
class _Plan:
    """The values that all posts of a request share."""

    type: str
    date: int
    interval: int | None
    tags: tuple[str, ...]
    creation_method: str
    posts: list[CreateInput]


async def create_post(call: ReceivedCall) -> Response:
    """Check the whole request, then store its posts one after another."""
    body = as_mapping(call.body)
    _check_channels(call, body)
    release, channels = call.release, call.organization.channels
    book = Rulebook(release, channels, call.state.upload_domain)
    check(violations(body, book))
    if has_lists_within(body):
        raise internal_error()
    posts = read_posts(body, book)
    is_draft = body.get("type") == "draft"
    if release.since(_SINCE_SECOND_LOOK):
        _look_again(call, posts, is_draft=is_draft)
    _check_texts(call, () if is_draft else posts)
    if release.since(UNRELEASED):
        _check_republish(call, body, posts)
    if release.since(NEXT) and body.get("type") == "schedule":
        _check_date(call, str(body["date"]))
    plan = _plan(call, body, posts)
    created = await _store_all(call, plan)
    if len(created) < len(posts):
        raise internal_error()
    return json_response(201, created)


async def _store_all(call: ReceivedCall, plan: _Plan) -> list[dict[str, str]]:
    """Store post by post, each after `work_per_post`, up to the first that cannot be stored."""
    created: list[dict[str, str]] = []

    def store(post: CreateInput) -> None:
        root = _store(call, plan, post)
        created.append({"postId": root, "integration": post.channel_id})

    stop = call.fault if call.fault is not None and call.fault.kind == "stop" else None
    count = next((n for n, post in enumerate(plan.posts) if _is_broken(post)), len(plan.posts))
    count = count if stop is None else min(count, stop.after_items)
    due = call.state.clock.monotonic()
    for post in plan.posts[:count]:
        due += call.state.work_per_post
        call.state.delayed_jobs.add(due, partial(store, post))
    if stop is not None and stop.half and count < len(plan.posts):
        half = partial(_store, call, plan, plan.posts[count], half=True)
        call.state.delayed_jobs.add(due, half)
    await call.state.clock.sleep_until(due)
    call.state.delayed_jobs.run_due(due)
    return created


def _check_channels(call: ReceivedCall, body: Mapping[str, object]) -> None:
    posts = body.get("posts")
    if not is_truthy(posts):
        raise bad_request("All posts must have an integration id")
    if not is_list(posts):
        raise internal_error()
    ids = [nested_value(post, "integration", "id") for post in posts]
    if not all(map(is_truthy, ids)):
        raise bad_request("All posts must have an integration id")
    for channel_id in ids:
        if not isinstance(channel_id, str):
            raise internal_error()
        known = call.organization.channels.get(channel_id)
        if known is None or (known.deleted_at is not None and call.release.since(NEXT)):
            raise bad_request(f"Integration with id {channel_id} not found")


def _look_again(call: ReceivedCall, posts: list[CreateInput], *, is_draft: bool) -> None:
    """Check post by post the rules that the field rules do not include."""
    for post in posts:
        if any(is_empty(entry) for entry in _entries(post)):
            raise _refused(call, post, EMPTY)
    for post in () if is_draft else posts:
        context = call.context_of(post.channel_id)
        message = broken_rule(post.settings, _entries(post), context, _TOO_LONG)
        if message is not None:
            raise _refused(call, post, message)


def _check_texts(call: ReceivedCall, posts: Sequence[CreateInput]) -> None:
    for post in posts:
        message = call.state.refused_texts.why_refused(entry.content for entry in post.entries)
        if message is not None:
            raise _refused(call, post, message)


def _entries(post: CreateInput) -> list[PostEntry]:
    return [PostEntry(entry.content, entry.images) for entry in post.entries]


def _refused(call: ReceivedCall, post: CreateInput, message: str) -> HttpError:
    channel = call.organization.channels[post.channel_id]
    return post_refused(channel.provider, channel.name, message)


def _check_republish(
    call: ReceivedCall, body: Mapping[str, object], posts: list[CreateInput]
) -> None:
    if str(body.get("type")) in {"draft", "update"} or is_truthy(body.get("republish")):
        return
    for post in posts:
        row = call.organization.posts.get(post.entries[0].id or "")
        if row is not None and row.state == "PUBLISHED":
            provider = call.organization.channels[post.channel_id].provider
            raise bad_request(
                f"This post was already published on {_minute(row.date)} UTC. "
                f"Saving it this way would publish it again to {provider}. To edit without "
                "republishing, use type 'update'. To intentionally publish again, pass "
                "republish: true."
            )


def _check_date(call: ReceivedCall, text: str) -> None:
    date = read_date(text)
    if date is None or date < call.state.now - MINUTE:
        shown = "Invalid Date" if date is None else _minute(date)
        raise bad_request(
            f"Publish date {shown} UTC is in the past - saving would publish immediately. "
            "Pick a future date, or use type 'now' to intentionally publish right now."
        )


def _minute(date: int) -> str:
    return naive_iso(date)[:16].replace("T", " ")


def _plan(call: ReceivedCall, body: Mapping[str, object], posts: list[CreateInput]) -> _Plan:
    interval = to_number(body.get("inter"))
    return _Plan(
        type=str(body.get("type")),
        date=_date(call, body),
        interval=int(interval) if isinstance(interval, int | float) and interval else None,
        tags=_tags(call, body["tags"]),
        creation_method="CLI" if body.get("creationMethod") == "CLI" else "API",
        posts=posts,
    )


def _date(call: ReceivedCall, body: Mapping[str, object]) -> int:
    if body.get("type") == "now":
        return call.state.now // MINUTE * MINUTE
    date = read_date(str(body["date"]))
    if date is None:
        raise internal_error()
    return date


def _tags(call: ReceivedCall, tags: object) -> tuple[str, ...]:
    """Ids of the tags that exist; the others are silently dropped."""
    wanted = [nested_value(tag, "label") for tag in (tags if is_list(tags) else [])]
    return tuple(tag.id for tag in call.organization.tags.values() if tag.name in wanted)


def _store(call: ReceivedCall, plan: _Plan, post: CreateInput, *, half: bool = False) -> str:
    """Store a post with its comments and its job, or only the root if `half`; returns its id."""
    group = call.state.ids.uuid()
    settings = write_json(post.settings)
    rows: list[PostRow] = []
    for entry in post.entries[: 1 if half else None]:
        row = _row(call, plan, post, entry)
        parent_id = rows[0].id if rows else None
        row = replace(row, group=group, settings=settings, parent_id=parent_id)
        rows.append(replace(row, has_job=False) if half else row)
        store_post(call.state, call.organization, rows[-1])
    if post.group is not None:
        _replace_group(call, post.group)
    return rows[0].id


def _row(call: ReceivedCall, plan: _Plan, post: CreateInput, entry: NewEntry) -> PostRow:
    former = call.organization.posts.get(entry.id) if entry.id else None
    new_state = _STATES.get(plan.type, "QUEUE")
    keeps_job = former is not None and former.has_job
    row = former or PostRow(
        id=call.state.new_row_id(),
        channel_id=post.channel_id,
        content="",
        image="[]",
        settings="",
        date=0,
        state="QUEUE",
        group="",
        creation_method=plan.creation_method,
        created_at=call.state.now,
        updated_at=call.state.now,
    )
    return replace(
        row,
        content=entry.content,
        image=write_json(entry.images),
        delay=entry.delay,
        date=plan.date,
        interval=plan.interval,
        tags=plan.tags,
        state=new_state or row.state,
        has_job=keeps_job if new_state is None else new_state == "QUEUE",
        updated_at=call.state.now,
    )


def _is_broken(post: CreateInput) -> bool:
    """Whether the database refuses the text, because of half a surrogate pair or NUL."""
    return any(_NO_TEXT.search(entry.content) for entry in post.entries)


def _replace_group(call: ReceivedCall, group: str) -> None:
    """Delete the posts of a group given by the client, which the new posts replace."""
    for row in call.organization.posts.live_in_group(group):
        call.organization.posts.put(replace(row, deleted_at=call.state.now, has_job=False))
