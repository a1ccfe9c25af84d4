"""Creating posts, in the order in which the server checks and stores them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from postiz_async._content import sanitise
from postiz_async._sandbox import refusals
from postiz_async._sandbox.dates import MINUTE_MS, naive_iso, read_date
from postiz_async._sandbox.json import write_json
from postiz_async._sandbox.publishing import store_post
from postiz_async._sandbox.rows import PostRow, Release
from postiz_async._sandbox.state import ReceivedCall, why_refused
from postiz_async._sandbox.verdicts import first_problem, judged_posts, unknown_values
from postiz_async._validation import javascript as js
from postiz_async._validation.warnings import JudgedPost
from postiz_async.errors import InvalidInputError
from postiz_async.providers._schema import fields_of

_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_STATES = {"draft": "DRAFT", "update": None}


@dataclass(frozen=True, slots=True)
class _Plan:
    """The values that all posts of a request share."""

    type: str
    date: int
    interval: int | None
    tags: tuple[str, ...]
    creation_method: str


async def create_post(call: ReceivedCall) -> object:
    """Check the whole request, then store its posts one after another."""
    body, release = js.as_object(call.body), call.release
    channels = call.organization.channels
    if release >= Release.NEXT:
        channels = {each.id: each for each in call.organization.live_channels()}
    posts = judged_posts(call, body, channels)
    if release >= Release.NEXT and (messages := unknown_values(posts)):
        raise refusals.invalid(messages)
    contents = [[_content(entry) for entry in post.entries] for post in posts]
    if body.get("type") != "draft":
        _look_again(call, posts, contents)
    if release >= Release.HEAD:
        _check_republish(call, body, posts)
    if release >= Release.NEXT and body.get("type") == "schedule":
        _check_date(call, str(body["date"]))
    interval = js.to_number(body.get("inter"))
    plan = _Plan(
        type=str(body.get("type")),
        date=_date(call, body),
        interval=int(interval) if isinstance(interval, int | float) and interval else None,
        tags=_tags(call, body["tags"]),
        creation_method="CLI" if body.get("creationMethod") == "CLI" else "API",
    )
    created = await _store_all(call, plan, posts, contents)
    if len(created) < len(posts):
        raise refusals.internal_error()
    return created


def _content(entry: Mapping[str, object]) -> str:
    try:
        return sanitise(js.to_content(entry["content"]))
    except InvalidInputError as error:  # over which a server computes for minutes
        raise refusals.internal_error() from error


def _look_again(
    call: ReceivedCall, posts: Sequence[JudgedPost], contents: Sequence[Sequence[str]]
) -> None:
    """Check post by post the rules that the field rules do not include."""
    if call.release >= Release.NEWEST:
        for post in posts:
            problem = first_problem(post, call.organization.channels[post.channel.id])
            if problem is not None:
                raise refusals.post_refused(post.channel, problem.message)
    for post, parts in zip(posts, contents, strict=True):
        message = why_refused(call.state.refused_texts, parts)
        if message is not None:
            raise refusals.post_refused(post.channel, message)


def _check_republish(
    call: ReceivedCall, body: Mapping[str, object], posts: Sequence[JudgedPost]
) -> None:
    if body.get("type") in ("draft", "update") or js.is_truthy(body.get("republish")):
        return
    for post in posts:
        row = _former(call, post.entries[0])
        if row is not None and row.state == "PUBLISHED":
            raise refusals.bad_request(
                f"This post was already published on {_minute(row.date)} UTC. "
                f"Saving it this way would publish it again to {post.channel.provider}. "
                "To edit without republishing, use type 'update'. "
                "To intentionally publish again, pass republish: true."
            )


def _check_date(call: ReceivedCall, text: str) -> None:
    date = read_date(text)
    if date is None or date < call.state.now - MINUTE_MS:
        shown = "Invalid Date" if date is None else _minute(date)
        raise refusals.bad_request(
            f"Publish date {shown} UTC is in the past - saving would publish immediately. "
            "Pick a future date, or use type 'now' to intentionally publish right now."
        )


def _minute(date: int) -> str:
    return naive_iso(date)[:16].replace("T", " ")


def _date(call: ReceivedCall, body: Mapping[str, object]) -> int:
    if body.get("type") == "now":
        return call.state.now // MINUTE_MS * MINUTE_MS
    date = read_date(str(body["date"]))
    if date is None:
        raise refusals.internal_error()
    return date


def _tags(call: ReceivedCall, tags: object) -> tuple[str, ...]:
    """Ids of the tags that exist; the others are silently dropped."""
    wanted = [js.as_object(tag).get("label") for tag in js.as_list(tags)]
    return tuple(tag.id for tag in call.organization.tags.values() if tag.name in wanted)


async def _store_all(
    call: ReceivedCall,
    plan: _Plan,
    posts: Sequence[JudgedPost],
    contents: Sequence[Sequence[str]],
) -> list[dict[str, str]]:
    """Store post by post, each after `work_per_post`, up to the first that cannot be stored."""
    created: list[dict[str, str]] = []

    def store(place: int, *, half: bool = False) -> None:
        root = _store(call, plan, posts[place], contents[place], half=half)
        if not half:
            created.append({"postId": root, "integration": posts[place].channel.id})

    stop = call.fault if call.fault is not None and call.fault.kind == "stop" else None
    # the database refuses half a surrogate pair, and NUL
    broken = (n for n, parts in enumerate(contents) if any(map(_NO_TEXT.search, parts)))
    count = next(broken, len(posts))
    count = count if stop is None else min(count, stop.after_items)
    due = call.state.clock.monotonic()
    for place in range(count):
        due += call.state.work_per_post
        call.state.delayed_jobs.add(due, partial(store, place))
    if stop is not None and stop.half and count < len(posts):
        call.state.delayed_jobs.add(due, partial(store, count, half=True))
    await call.state.clock.sleep_until(due)
    call.state.delayed_jobs.run_due(due)
    return created


def _store(
    call: ReceivedCall, plan: _Plan, post: JudgedPost, contents: Sequence[str], *, half: bool
) -> str:
    """Store a post with its comments and its job, or only the root if `half`; returns its id."""
    common = {"group": call.state.ids.uuid(), "settings": write_json(_settings(post))}
    posts, former = call.organization.posts, _former(call, post.entries[0])
    parts = [] if former is None else posts.comments_of(former)
    root: PostRow | None = None
    for entry, content in list(zip(post.entries, contents, strict=True))[: 1 if half else None]:
        row = replace(_row(call, plan, post, entry), content=content, **common)
        row = replace(row, parent_id=root and root.id, has_job=row.has_job and not half)
        root = root or row
        store_post(call.state, call.organization, row)
    stored = {row.id for row in posts.live_in_group(common["group"])}
    parts = [row for row in parts if row.id not in stored]
    if group := js.to_text(post.given.get("group")):
        parts += posts.live_in_group(str(group))
    for row in parts:
        posts.put(replace(row, deleted_at=call.state.now, has_job=False))
    return "" if root is None else root.id


def _settings(post: JudgedPost) -> dict[str, object]:
    fields = () if post.provider is None else fields_of(post.provider.settings)
    # the server's own default of such a field
    lists = {
        field.name: list[object]()
        for field in fields
        if "list" in field.checks and not field.required and not field.nullable
    }
    return {**lists, **post.settings, "__type": post.channel.provider}


def _former(call: ReceivedCall, entry: Mapping[str, object]) -> PostRow | None:
    """The stored row that an entry replaces."""
    given_id = entry.get("id")
    return call.organization.posts.get(given_id) if isinstance(given_id, str) else None


def _row(call: ReceivedCall, plan: _Plan, post: JudgedPost, entry: Mapping[str, object]) -> PostRow:
    former, new_state = _former(call, entry), _STATES.get(plan.type, "QUEUE")
    keeps_job = former is not None and former.has_job
    row = former or PostRow(
        id=call.state.new_row_id(),
        channel_id=post.channel.id,
        creation_method=plan.creation_method,
        created_at=call.state.now,
    )
    delay = entry.get("delay")
    return replace(
        row,
        image=write_json(entry["image"]),
        delay=int(delay) if isinstance(delay, int | float) else 0,
        date=plan.date,
        interval=plan.interval,
        tags=plan.tags,
        state=new_state or row.state,
        has_job=keeps_job if new_state is None else new_state == "QUEUE",
        updated_at=call.state.now,
    )
