"""Creating posts, in the order in which the server checks and stores them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

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
from postiz_async._sandbox.rules.formats import iso, naive_iso, read_date
from postiz_async._sandbox.rules.networks import network_in
from postiz_async._sandbox.rules.post import EMPTY, PostContext, PostEntry, broken_rule, is_empty
from postiz_async._sandbox.text.json import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postiz_async._sandbox.rows import Release
    from postiz_async._sandbox.state import Organization, ReceivedCall, SandboxState


_MINUTE = 60_000
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_SINCE_SECOND_LOOK = (2, 21, 9)
_TOO_LONG = "post is too long, please fix it"
_STATES = {"draft": "DRAFT", "update": None}


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is common to all posts of a request."""

    type: str
    date: int
    interval: int | None
    tags: tuple[str, ...]
    creation_method: str
    posts: list[CreateInput]


async def create_post(state: SandboxState, call: ReceivedCall) -> Response:
    """Check the whole request, then store its posts one after another."""
    body = as_mapping(call.body)
    _check_integrations(call.organization, body, release=state.settings.release)
    settings, channels = state.settings, call.organization.integrations
    book = Rulebook(settings.release, channels, settings.upload_domain)
    messages = violations(body, book)
    if messages:
        raise invalid(messages)
    if has_lists_within(body):
        raise internal_error()
    posts = read_posts(body, book)
    is_draft = body.get("type") == "draft"
    if settings.release.since(_SINCE_SECOND_LOOK):
        _look_again(state, call.organization, posts, is_draft=is_draft)
    _check_texts(state, call.organization, () if is_draft else posts)
    if settings.release.since(UNRELEASED):
        _check_republish(call.organization, body, posts)
    plan = _plan(state, call.organization, body, posts)
    is_dated = plan.type not in {"draft", "now", "update"}
    if settings.release.since(NEXT) and is_dated and plan.date < state.now - _MINUTE:
        raise bad_request(
            f"The date {iso(plan.date)} is in the past. Saving this post would publish it "
            "immediately: choose a date to come, or use type 'now'."
        )
    created = await _store_all(state, call, plan)
    if len(created) < len(posts):
        raise internal_error()
    return json_response(201, created)


async def _store_all(state: SandboxState, call: ReceivedCall, plan: _Plan) -> list[dict[str, str]]:
    """Store post by post, each in its time, up to the first that cannot be stored."""
    created: list[dict[str, str]] = []

    def store(post: CreateInput) -> None:
        root = _store(state, call.organization, plan, post)
        created.append({"postId": root, "integration": post.integration_id})

    stop = call.fault if call.fault is not None and call.fault.kind == "stop" else None
    count = next((n for n, post in enumerate(plan.posts) if _is_broken(post)), len(plan.posts))
    count = count if stop is None else min(count, stop.after_items)
    due = state.clock.monotonic()
    for post in plan.posts[:count]:
        due += state.settings.work_per_post
        state.delayed_jobs.add(due, partial(store, post))
    if stop is not None and stop.half and count < len(plan.posts):
        half = partial(_store, state, call.organization, plan, plan.posts[count], half=True)
        state.delayed_jobs.add(due, half)
    await state.clock.sleep_until(due)
    state.delayed_jobs.run_due(due)
    return created


def _check_integrations(
    organization: Organization, body: Mapping[str, object], *, release: Release
) -> None:
    posts = body.get("posts")
    if not is_truthy(posts):
        raise bad_request("All posts must have an integration id")
    if not is_list(posts):
        raise internal_error()
    ids = [nested_value(post, "integration", "id") for post in posts]
    if not all(map(is_truthy, ids)):
        raise bad_request("All posts must have an integration id")
    for integration_id in ids:
        if not isinstance(integration_id, str):
            raise internal_error()
        known = organization.integrations.get(integration_id)
        if known is None or (known.deleted_at is not None and release.since(NEXT)):
            raise bad_request(f"Integration with id {integration_id} not found")


def _look_again(
    state: SandboxState, organization: Organization, posts: list[CreateInput], *, is_draft: bool
) -> None:
    """Check, post by post, what the rules of the fields do not see."""
    for post in posts:
        if any(is_empty(entry) for entry in _entries(post)):
            raise _refused(organization, post, EMPTY)
    for post in () if is_draft else posts:
        message = _broken_rule(state, organization, post)
        if message is not None:
            raise _refused(organization, post, message)


def _check_texts(
    state: SandboxState, organization: Organization, posts: Sequence[CreateInput]
) -> None:
    for post in posts:
        message = state.refused_texts.why_refused(entry.content for entry in post.entries)
        if message is not None:
            raise _refused(organization, post, message)


def _broken_rule(state: SandboxState, organization: Organization, post: CreateInput) -> str | None:
    channel, release = organization.integrations[post.integration_id], state.settings.release
    network = network_in(release, channel.provider)
    if network is None:
        raise internal_error()
    context = PostContext(channel, network, release, state.pictures)
    return broken_rule(post.settings, _entries(post), context, _TOO_LONG)


def _entries(post: CreateInput) -> list[PostEntry]:
    return [PostEntry(entry.content, entry.images) for entry in post.entries]


def _refused(organization: Organization, post: CreateInput, message: str) -> HttpError:
    channel = organization.integrations[post.integration_id]
    return post_refused(channel.provider, channel.name, message)


def _check_republish(
    organization: Organization, body: Mapping[str, object], posts: list[CreateInput]
) -> None:
    if str(body.get("type")) in {"draft", "update"} or is_truthy(body.get("republish")):
        return
    for post in posts:
        row = organization.posts.get(post.entries[0].id or "")
        if row is not None and row.state == "PUBLISHED":
            provider = organization.integrations[post.integration_id].provider
            when = naive_iso(row.date)[:16].replace("T", " ")
            raise bad_request(
                f"This post was already published on {when} UTC. Saving it this way would publish "
                f"it again to {provider}. To edit without republishing, use type 'update'. "
                "To intentionally publish again, pass republish: true."
            )


def _plan(
    state: SandboxState,
    organization: Organization,
    body: Mapping[str, object],
    posts: list[CreateInput],
) -> _Plan:
    interval = to_number(body.get("inter"))
    return _Plan(
        type=str(body.get("type")),
        date=_date(state, body),
        interval=int(interval) if isinstance(interval, int | float) and interval else None,
        tags=_tags(organization, body["tags"]),
        creation_method="CLI" if body.get("creationMethod") == "CLI" else "API",
        posts=posts,
    )


def _date(state: SandboxState, body: Mapping[str, object]) -> int:
    if body.get("type") == "now":
        return state.now // _MINUTE * _MINUTE
    date = read_date(str(body["date"]))
    if date is None:
        raise internal_error()
    return date


def _tags(organization: Organization, tags: object) -> tuple[str, ...]:
    """Ids of the tags that exist; the others are dropped without a word."""
    wanted = [nested_value(tag, "label") for tag in (tags if is_list(tags) else [])]
    return tuple(tag.id for tag in organization.tags.values() if tag.name in wanted)


def _store(
    state: SandboxState,
    organization: Organization,
    plan: _Plan,
    post: CreateInput,
    *,
    half: bool = False,
) -> str:
    """Store a post with its comments and its job, or of these the root alone; returns its id."""
    group = state.ids.uuid()
    settings = write_json(post.settings)
    rows: list[PostRow] = []
    for entry in post.entries[: 1 if half else None]:
        row = _row(state, organization, plan, post, entry)
        parent_id = rows[0].id if rows else None
        row = replace(row, group=group, settings=settings, parent_id=parent_id)
        rows.append(replace(row, has_job=False) if half else row)
        store_post(state, organization, rows[-1])
    if post.group is not None:
        _replace_group(state, organization, post.group)
    return rows[0].id


def _row(
    state: SandboxState, organization: Organization, plan: _Plan, post: CreateInput, entry: NewEntry
) -> PostRow:
    former = organization.posts.get(entry.id) if entry.id else None
    new_state = _STATES.get(plan.type, "QUEUE")
    keeps_job = former is not None and former.has_job
    row = former or PostRow(
        id=state.new_row_id(),
        integration_id=post.integration_id,
        content="",
        image="[]",
        settings="",
        date=0,
        state="QUEUE",
        group="",
        creation_method=plan.creation_method,
        created_at=state.now,
        updated_at=state.now,
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
        updated_at=state.now,
    )


def _is_broken(post: CreateInput) -> bool:
    """Whether the database refuses the text: half a surrogate pair, or NUL."""
    return any(_NO_TEXT.search(entry.content) for entry in post.entries)


def _replace_group(state: SandboxState, organization: Organization, group: str) -> None:
    """A group given by the client names posts that the new ones replace."""
    for row in organization.posts.live_in_group(group):
        organization.posts.put(replace(row, deleted_at=state.now, has_job=False))
