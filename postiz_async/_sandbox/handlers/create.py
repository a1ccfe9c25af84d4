"""Creating posts, in the order in which the server checks and stores them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from postiz_async._content import sanitise
from postiz_async._sandbox.dates import MINUTE_MS, naive_iso, read_date
from postiz_async._sandbox.json import write_json
from postiz_async._sandbox.messages import (
    HttpError,
    Response,
    bad_request,
    internal_error,
    invalid,
    json_response,
    post_refused,
)
from postiz_async._sandbox.publishing import store_post
from postiz_async._sandbox.rows import ChannelRow, PostRow, Release
from postiz_async._sandbox.state import ReceivedCall
from postiz_async._sandbox.verdicts import first_problem, judged_posts
from postiz_async._validation.javascript import (
    as_list,
    as_object,
    is_truthy,
    to_content,
    to_number,
    to_text,
)
from postiz_async._validation.warnings import JudgedPost
from postiz_async.errors import InvalidInputError
from postiz_async.providers._schema import SettingsField, fields_of

_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_STATES = {"draft": "DRAFT", "update": None}


class EntryToStore(NamedTuple):
    """A post, or one of its comments, as it will be stored."""

    content: str
    images: list[object]
    id: str | None
    delay: int


class PostToStore(NamedTuple):
    """One of the posts of a request."""

    channel: ChannelRow
    entries: list[EntryToStore]
    settings: Mapping[str, object]
    group: str | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """The values that all posts of a request share."""

    type: str
    date: int
    interval: int | None
    tags: tuple[str, ...]
    creation_method: str
    posts: list[PostToStore]


async def create_post(call: ReceivedCall) -> Response:
    """Check the whole request, then store its posts one after another."""
    body, release = as_object(call.body), call.release
    channels = call.organization.channels
    if release >= Release.NEXT:
        channels = {each.id: each for each in call.organization.live_channels()}
    judged = judged_posts(call, body, channels)
    if release >= Release.NEXT:
        _check_values(judged)
    posts = [_post_to_store(each, channels[each.channel.id]) for each in judged]
    if body.get("type") != "draft":
        _look_again(call, judged, posts)
    if release >= Release.HEAD:
        _check_republish(call, body, posts)
    if release >= Release.NEXT and body.get("type") == "schedule":
        _check_date(call, str(body["date"]))
    plan = _plan(call, body, posts)
    created = await _store_all(call, plan)
    if len(created) < len(posts):
        raise internal_error()
    return json_response(201, created)


def _check_values(posts: Sequence[JudgedPost]) -> None:
    """Refuse values of settings that older releases accept."""
    messages = [
        message
        for post in posts
        if post.provider is not None
        for message in _unknown_values(
            fields_of(post.provider.settings), post.settings, f"{post.path}settings."
        )
    ]
    if messages:
        raise invalid(messages)


def _unknown_values(
    fields: Sequence[SettingsField], values: Mapping[str, object], path: str
) -> Iterator[str]:
    for field in fields:
        value, where = values.get(field.name), f"{path}{field.name}"
        if field.known and value is not None and value not in field.known:
            yield f"{where} must be one of the following values: {', '.join(field.known)}"
        listed = ((f"{where}.{place}", each) for place, each in enumerate(as_list(value)))
        for place, each in ((where, value), *listed):
            yield from _unknown_values(field.fields, as_object(each), f"{place}.")


def _post_to_store(post: JudgedPost, channel: ChannelRow) -> PostToStore:
    group = to_text(post.given.get("group"))
    fields = () if post.provider is None else fields_of(post.provider.settings)
    # the server's own default of such a field
    lists = {
        field.name: list[object]()
        for field in fields
        if "list" in field.checks and not field.required and not field.nullable
    }
    return PostToStore(
        channel=channel,
        entries=list(map(_entry_to_store, post.entries)),
        settings={**lists, **post.settings, "__type": channel.provider},
        group=group if isinstance(group, str) and group else None,
    )


def _entry_to_store(entry: Mapping[str, object]) -> EntryToStore:
    delay, given_id = entry.get("delay"), entry.get("id")
    try:
        content = sanitise(to_content(entry["content"]))
    except InvalidInputError as error:  # over which a server computes for minutes
        raise internal_error() from error
    return EntryToStore(
        content=content,
        images=as_list(entry["image"]),
        id=given_id if isinstance(given_id, str) and given_id else None,
        delay=int(delay) if isinstance(delay, int | float) else 0,
    )


def _look_again(call: ReceivedCall, judged: Sequence[JudgedPost], posts: list[PostToStore]) -> None:
    """Check post by post the rules that the field rules do not include."""
    if call.release >= Release.NEWEST:
        for verdict, post in zip(judged, posts, strict=True):
            problem = first_problem(verdict, post.channel)
            if problem is not None:
                raise _refused(post, problem.message)
    for post in posts:
        message = call.state.refused_texts.why_refused(entry.content for entry in post.entries)
        if message is not None:
            raise _refused(post, message)


def _refused(post: PostToStore, message: str) -> HttpError:
    return post_refused(post.channel.provider, post.channel.name, message)


def _check_republish(
    call: ReceivedCall, body: Mapping[str, object], posts: list[PostToStore]
) -> None:
    if body.get("type") in ("draft", "update") or is_truthy(body.get("republish")):
        return
    for post in posts:
        row = call.organization.posts.get(post.entries[0].id or "")
        if row is not None and row.state == "PUBLISHED":
            raise bad_request(
                f"This post was already published on {_minute(row.date)} UTC. "
                f"Saving it this way would publish it again to {post.channel.provider}. "
                "To edit without republishing, use type 'update'. "
                "To intentionally publish again, pass republish: true."
            )


def _check_date(call: ReceivedCall, text: str) -> None:
    date = read_date(text)
    if date is None or date < call.state.now - MINUTE_MS:
        shown = "Invalid Date" if date is None else _minute(date)
        raise bad_request(
            f"Publish date {shown} UTC is in the past - saving would publish immediately. "
            "Pick a future date, or use type 'now' to intentionally publish right now."
        )


def _minute(date: int) -> str:
    return naive_iso(date)[:16].replace("T", " ")


def _plan(call: ReceivedCall, body: Mapping[str, object], posts: list[PostToStore]) -> _Plan:
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
        return call.state.now // MINUTE_MS * MINUTE_MS
    date = read_date(str(body["date"]))
    if date is None:
        raise internal_error()
    return date


def _tags(call: ReceivedCall, tags: object) -> tuple[str, ...]:
    """Ids of the tags that exist; the others are silently dropped."""
    wanted = [as_object(tag).get("label") for tag in as_list(tags)]
    return tuple(tag.id for tag in call.organization.tags.values() if tag.name in wanted)


async def _store_all(call: ReceivedCall, plan: _Plan) -> list[dict[str, str]]:
    """Store post by post, each after `work_per_post`, up to the first that cannot be stored."""
    created: list[dict[str, str]] = []

    def store(post: PostToStore) -> None:
        root = _store(call, plan, post)
        created.append({"postId": root, "integration": post.channel.id})

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


def _store(call: ReceivedCall, plan: _Plan, post: PostToStore, *, half: bool = False) -> str:
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


def _row(call: ReceivedCall, plan: _Plan, post: PostToStore, entry: EntryToStore) -> PostRow:
    former = call.organization.posts.get(entry.id) if entry.id else None
    new_state = _STATES.get(plan.type, "QUEUE")
    keeps_job = former is not None and former.has_job
    row = former or PostRow(
        id=call.state.new_row_id(),
        channel_id=post.channel.id,
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


def _is_broken(post: PostToStore) -> bool:
    """Whether the database refuses the text, because of half a surrogate pair or NUL."""
    return any(_NO_TEXT.search(entry.content) for entry in post.entries)


def _replace_group(call: ReceivedCall, group: str) -> None:
    """Delete the posts of a group given by the client, which the new posts replace."""
    for row in call.organization.posts.live_in_group(group):
        call.organization.posts.put(replace(row, deleted_at=call.state.now, has_job=False))
