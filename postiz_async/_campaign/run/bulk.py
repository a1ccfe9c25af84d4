"""Delete or edit many listed posts, whoever stored them.

| what is asked for     | how                                                      | costs   |
|-----------------------|----------------------------------------------------------|---------|
| deletion              | as by an undo (`withdraw`)                               | nothing |
| settings              | the settings route, which servers up to v2.23.0 lack     | nothing |
| type                  | the status route                                         | nothing |

Anything else would need a create request with the whole post, and no list has the media and the
thread that it would lose. So such an edit is refused.

Nothing is recorded, because each of these changes may be made again and the list shows whether it
was made: the same command, given again after a crash or a lost answer, does what is left.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import cast

import msgspec

from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._campaign.run.conditions import (
    STATES,
    PostCondition,
    Standing,
    condition_of,
    may_change,
)
from postiz_async._campaign.run.job import Outcome
from postiz_async._campaign.run.stored_posts import ListedPosts, groups_beside
from postiz_async._campaign.run.undo import DUE_NOW, Withdrawal
from postiz_async._campaign.run.update import set_settings, set_type
from postiz_async._campaign.run.update_plan import NEAR
from postiz_async._delivery.matching import CLIENT_REF, listed_ref, listed_settings
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.pauses import Outage
from postiz_async._resources.api import OpenClient
from postiz_async._resources.listing import SEARCHED
from postiz_async._resources.matching import stored_at
from postiz_async._wire.responses import lacks_route
from postiz_async.errors import BadRequestError, InvalidInputError, NotFoundError, Problem
from postiz_async.models.posts import (
    ChannelRef,
    ContentItem,
    Post,
    PostItem,
    PostRequest,
    StoredType,
)

_AT_ONCE = 100
"""Posts that are edited after one look at them."""

_WIDTH = 40
"""Characters of a value in a line, at most."""

_EXPECTED = {"published", "failed", "same"}
"""Reasons for which posts are left although all is done."""

_SETTINGS = "posts.0.settings"


@dataclass(frozen=True, slots=True)
class PostChanges:
    """Posts that were deleted or edited, or would be, as they were listed, and those that stay.

    `left` has the posts that stay by reason: `published`, `failed` (refused by its network), `due`
    within a minute, for an edit within a quarter of an hour, `edited` or `gone` (by somebody else,
    meanwhile), `shared` (another post has the same group, which is deleted as a whole), `repeats`
    (only part of the repetitions is meant, or they would end), `same` (it is like that already),
    `unlisted` (the server lists no settings and has no route for them), `no_route`, `invalid` (the
    new settings), `refused` by the server, `hidden` (the channel is gone). `notes` say more about
    posts, by id: what is changed, with a warning if there is one, or why a post is left.
    """

    posts: tuple[Post, ...]
    left: Mapping[str, tuple[Post, ...]]
    notes: Mapping[str, str]

    @property
    def complete(self) -> bool:
        """Whether all is done, except for posts that are published or refused by their network."""
        return not self.in_the_way

    @property
    def in_the_way(self) -> set[str]:
        """The reasons in `left` for which not all is done."""
        return self.left.keys() - _EXPECTED


def _sorted(posts: Iterable[Post], why: Mapping[str, str], notes: Mapping[str, str]) -> PostChanges:
    """Sort posts by the reason why they stay; those without one are changed."""
    left: defaultdict[str, list[Post]] = defaultdict(list)
    for post in posts:
        left[why.get(post.id, "")].append(post)
    changed = left.pop("", [])
    return PostChanges(tuple(changed), {why: tuple(each) for why, each in left.items()}, notes)


def _after(planned: PostChanges, why: Mapping[str, str], notes: Mapping[str, str]) -> PostChanges:
    """The changes that were made as planned, except to posts that stayed for a reason."""
    known = {post.id: reason for reason, posts in planned.left.items() for post in posts}
    posts = [*planned.posts, *(post for each in planned.left.values() for post in each)]
    return _sorted(posts, {**known, **why}, {**planned.notes, **notes})


def _condition(postiz: OpenClient, post: Post, near: timedelta) -> PostCondition:
    """The condition of a post that was listed just now."""
    return condition_of(
        post, lambda _: True, now=postiz.scheduler.server_now(), near=near, is_shared=False
    )


# ------------------------------------------------------------------ deletion


async def plan_deletion(postiz: OpenClient, posts: Sequence[Post], *, failed: bool) -> PostChanges:
    """Plan which posts to delete, and which stay.

    Args:
        postiz: an open client.
        posts: the chosen posts.
        failed: also delete posts that their network refused.
    """
    why: dict[str, str] = {}
    notes: dict[str, str] = {}
    for post in posts:
        condition = _condition(postiz, post, DUE_NOW)
        if _repeats(post):
            why[post.id] = "repeats"
        elif not may_change(condition, edited=False, failed=failed):
            why[post.id] = condition.value
    staying = {post.group or "": post for post in posts if post.id in why}
    beside = {**await _beside(postiz, posts), **staying}
    for post in posts:
        if post.id not in why and post.group and (other := beside.get(post.group)):
            why[post.id] = PostCondition.SHARED.value
            note = f"its group, which is deleted as a whole, also has the post {other.id}"
            notes[post.id] = note
    return _sorted(posts, why, notes)


async def delete_posts(
    postiz: OpenClient,
    planned: PostChanges,
    *,
    failed: bool,
    on_outcome: Callable[[Outcome], Awaitable[None]],
) -> PostChanges:
    """Delete posts as planned, except those that somebody changed meanwhile.

    Raises:
        PostizError: the job has to stop; plan and call it again to go on.
    """
    outage, records = Outage.of(postiz), _records(planned.posts)
    listed = {post.id: post for post in planned.posts}
    shared = groups_beside(listed, (await _beside(postiz, planned.posts)).values())
    withdrawal = Withdrawal(
        _Unrecorded(records),
        ListedPosts(postiz, outage, {}, DUE_NOW, listed, shared),
        edited=False,
        failed=failed,
        on_outcome=on_outcome,
        ended=lambda record: dataclasses.replace(record, state=RowState.WITHDRAWN),
        groups={post.id: post.group for post in planned.posts},
    )
    left = await withdrawal.delete(records)
    return _after(planned, {each.record.ref: each.condition.value for each in left}, {})


async def _beside(postiz: OpenClient, posts: Sequence[Post]) -> Mapping[str, Post]:
    """Other posts in the groups of these, by group, from a year before to a year after them."""
    ids, groups = {post.id for post in posts}, {post.group for post in posts} - {None}
    if not groups:
        return {}
    dates = [stored_at(post) for post in posts]
    listing = postiz.posts.list(start=min(dates) - SEARCHED, end=max(dates) + SEARCHED)
    return {
        post.group: post
        async for post in listing
        if post.group is not None and post.group in groups and post.id not in ids
    }


class _Unrecorded:
    """Rows that no journal has: a look at the posts shows how far a deletion came."""

    def __init__(self, records: Iterable[RowRecord]) -> None:
        self._rows = {row.ref: row for row in records}

    async def rows(self, refs: Iterable[str]) -> Mapping[str, RowRecord]:
        """Rows by ref."""
        return {ref: self._rows[ref] for ref in refs}

    async def found(self, rows: Iterable[RowRecord]) -> list[RowRecord]:
        """Note the rows."""
        given = list(rows)
        self._rows |= {row.ref: row for row in given}
        return given


# ------------------------------------------------------------------ edits


@dataclass(frozen=True, slots=True)
class PostEdit:
    """An edit of stored posts. `settings` are new values by their paths, such as `title`."""

    settings: Mapping[str, object]
    kind: StoredType | None

    def settings_for(self, post: Post) -> dict[str, object]:
        """The settings that differ from the listed ones, each as a whole.

        Raises:
            InvalidInputError: the settings of the post have no such place.
        """
        listed = listed_settings(post.settings)
        changed = dict(listed)
        for path, value in self.settings.items():
            name, *rest = path.split(".")
            changed[name] = _with_value(changed.get(name), rest, value, path)
        return {
            name: value
            for name, value in changed.items()
            if name not in listed or _shown(listed[name]) != _shown(value)
        }

    def sets_kind(self, post: Post) -> bool:
        """Whether a post is of the other kind."""
        return self.kind is not None and post.state != STATES[self.kind]

    def described(self, post: Post, settings: Mapping[str, object]) -> str:
        """The changes of a post, with the old values and the new ones."""
        listed = listed_settings(post.settings)
        changes = [(name, listed.get(name), value) for name, value in settings.items()]
        if self.sets_kind(post):
            changes.append(("state", post.state, STATES[str(self.kind)]))
        return ", ".join(f"{name} {_cut(old)} -> {_cut(new)}" for name, old, new in changes)


def _shown(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def _cut(value: object) -> str:
    text = _shown(value)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _with_value(before: object, path: Sequence[str], value: object, whole: str) -> object:
    """A setting in which the place at a path has another value."""
    if not path:
        return value
    name, *rest = path
    absent = Problem(f"settings.{whole}", f"there is no {name!r} in {_cut(before)}")
    if isinstance(before, list):
        items = [*cast("list[object]", before)]
        if name.isdecimal() and int(name) < len(items):
            items[int(name)] = _with_value(items[int(name)], rest, value, whole)
            return items
    elif before is None or isinstance(before, dict):
        parts = {} if before is None else cast("dict[str, object]", before)
        return {**parts, name: _with_value(parts.get(name), rest, value, whole)}
    raise InvalidInputError([absent])


async def plan_edit(postiz: OpenClient, posts: Sequence[Post], edit: PostEdit) -> PostChanges:
    """Plan which posts to edit, and which stay.

    Args:
        postiz: an open client.
        posts: the chosen posts.
        edit: what to change.
    """
    why: dict[str, str] = {}
    notes: dict[str, str] = {}
    for post in posts:
        try:
            why[post.id], notes[post.id] = await _planned(postiz, post, edit)
        except InvalidInputError as error:
            why[post.id], notes[post.id] = "invalid", str(error.problems[0])
    return _sorted(posts, why, {post_id: note for post_id, note in notes.items() if note})


async def _planned(postiz: OpenClient, post: Post, edit: PostEdit) -> tuple[str, str]:
    """Why a post cannot be edited, or nothing, and a note.

    Raises:
        InvalidInputError: its settings have no such place, or the server would refuse them.
    """
    condition = _condition(postiz, post, NEAR)
    if condition is not PostCondition.OURS:
        return _reason(condition, post), ""
    settings = edit.settings_for(post)
    if not settings and not edit.sets_kind(post):
        return "same", ""
    if edit.kind == "schedule" and stored_at(post) <= postiz.scheduler.server_now() + NEAR:
        return PostCondition.DUE.value, ""
    note = edit.described(post, settings)
    if not settings:
        return "", note
    if post.settings is None or _repeats(post):
        return "unlisted" if post.settings is None else "repeats", ""
    request = request_of(post, {**listed_settings(post.settings), **settings})
    for problem in await postiz.problems(request, media={}):
        of_setting = problem.where.removeprefix(f"{_SETTINGS}.").partition(".")[0]
        said = dataclasses.replace(problem, where=problem.where.removeprefix("posts.0."))
        if problem.severity == "error" and problem.where.startswith(_SETTINGS):
            raise InvalidInputError([said])
        if of_setting in settings:
            note += f"; {said}"
    return "", note


async def edit_posts(
    postiz: OpenClient,
    planned: PostChanges,
    edit: PostEdit,
    *,
    on_outcome: Callable[[Outcome], Awaitable[None]],
) -> PostChanges:
    """Edit posts as planned, except those that somebody changed meanwhile.

    Raises:
        PostizError: the job has to stop; plan and call it again to go on.
    """
    outage, records = Outage.of(postiz), _records(planned.posts)
    listed = {post.id: post for post in planned.posts}
    stored = ListedPosts(postiz, outage, {}, NEAR, listed, frozenset())
    why: dict[str, str] = {}
    notes: dict[str, str] = {}
    for first in range(0, len(records), _AT_ONCE):
        for standing in await stored.look(records[first : first + _AT_ONCE]):
            record = standing.record
            why[record.ref], note = await _edited(postiz, outage, standing, edit)
            if why[record.ref]:
                notes[record.ref] = note
            else:
                await on_outcome(
                    Outcome(record.number, record.ref, RowState.STORED, record.post_id)
                )
    return _after(planned, why, notes)


async def _edited(
    postiz: OpenClient, outage: Outage, standing: Standing, edit: PostEdit
) -> tuple[str, str]:
    """Edit a post; why it could not be done, or nothing, and a note."""
    post = standing.post
    if post is None or not may_change(standing.condition, edited=False):
        return _reason(standing.condition, post), ""
    settings = edit.settings_for(post)
    try:
        if settings:
            if mark := listed_ref(post.settings):
                settings[CLIENT_REF] = mark
            await outage.read(partial(set_settings, postiz.posts, post, settings))
        if edit.kind is not None and edit.sets_kind(post):
            change = partial(
                set_type, postiz.posts, post, edit.kind, now=postiz.scheduler.server_now
            )
            if await outage.read(change) is None:
                return PostCondition.DUE.value, ""
    except BadRequestError as error:
        return "refused", error.text
    except NotFoundError as error:
        return "no_route" if lacks_route(error) else PostCondition.GONE.value, ""
    return "", ""


def _reason(condition: PostCondition, post: Post | None) -> str:
    """Why a post is not edited. A repeating one that is out, or failed, comes again."""
    is_over = condition in {PostCondition.PUBLISHED, PostCondition.FAILED}
    return "repeats" if is_over and post is not None and _repeats(post) else condition.value


# ------------------------------------------------------------------ both


def request_of(post: Post, settings: Mapping[str, object]) -> PostRequest:
    """A request for what a list shows of a post, to check it; see `OpenClient.problems`."""
    item = PostItem(
        channel=ChannelRef(id="" if post.channel is None else post.channel.id),
        value=[ContentItem(content=post.content)],
        settings=settings,
    )
    return PostRequest(type="schedule", date=stored_at(post).isoformat(), posts=[item])


def _repeats(post: Post) -> bool:
    return post.interval_in_days is not None


def _records(posts: Iterable[Post]) -> list[RowRecord]:
    """The rows that stand for posts."""
    return [
        RowRecord(
            ref=post.id,
            number=number,
            fingerprint="",
            channel="" if post.channel is None else post.channel.id,
            seconds=stored_at(post).timestamp(),
            state=RowState.STORED,
            post_id=post.id,
        )
        for number, post in enumerate(posts, 1)
    ]
