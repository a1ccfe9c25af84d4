"""Many stored posts at once, whoever stored them: delete and edit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Unpack, get_args

from postiz_async._campaign.run.bulk import (
    PostChanges,
    PostEdit,
    delete_posts,
    edit_posts,
    plan_deletion,
    plan_edit,
)
from postiz_async._campaign.run.job import Outcome, checked_hook
from postiz_async._resources.api import OpenClient
from postiz_async._resources.listing import PostFilter, check_filter
from postiz_async._wire import encode_body
from postiz_async._wire.secrets import OfOneProcess
from postiz_async.errors import InvalidInputError, Problem, Scope
from postiz_async.models.posts import Post, StoredType


class PostSelection(OfOneProcess):
    """The stored posts that match a filter, whoever stored them.

        wrong = postiz.stored_posts(start=first, end=last, channel="tiktok")
        would = await wrong.edit(settings={"privacy_level": "SELF_ONLY"}, dry_run=True)
        await wrong.edit(settings={"privacy_level": "SELF_ONLY"}, planned=would)

    `Postiz.stored_posts` creates this object. Nothing is asked before a method is called, and each
    looks anew. Posts of a campaign are better changed in its file, with `Campaign.update`: it
    reports what is changed here as edited by people.
    """

    def __init__(self, postiz: OpenClient, **which: Unpack[PostFilter]) -> None:
        names = ("channel", "tag", "text")
        check_filter(which.get("state"), **{name: which.get(name) for name in names})
        self._postiz = postiz
        self._which = which

    async def delete(
        self,
        *,
        dry_run: bool = False,
        planned: PostChanges | None = None,
        on_outcome: Callable[[Outcome], Awaitable[None] | None] | None = None,
    ) -> PostChanges:
        """Delete the posts that are still to come; with `state="ERROR"`, those that failed.

        Published posts stay, and so do repeating ones, which `posts.delete` deletes. A post whose
        group has other posts too stays unless all of them match, because Postiz deletes whole
        groups. A deletion may be killed and called again. Costs no quota since v2.19.0.

        Args:
            dry_run: delete nothing, and return what would be deleted.
            planned: the result of a dry run: only its posts are deleted, unless somebody changed
                them meanwhile.
            on_outcome: called with the `Outcome` of each post that is deleted, whose `ref` is the
                id of the post; may be asynchronous.

        Raises:
            ChannelNotFoundError: there is no such channel, or several have its name.
            PostizError: the job had to stop; call it again to go on.
        """
        saw = checked_hook("on_outcome", on_outcome)
        failed = self._which.get("state") == "ERROR"
        if not dry_run:
            self._postiz.scheduler.require("delete")
        if planned is None:
            planned = await plan_deletion(self._postiz, await self._listed(), failed=failed)
        if dry_run:
            return planned
        return await delete_posts(self._postiz, planned, failed=failed, on_outcome=saw)

    async def edit(
        self,
        *,
        settings: Mapping[str, object] | None = None,
        kind: StoredType | None = None,
        dry_run: bool = False,
        planned: PostChanges | None = None,
        on_outcome: Callable[[Outcome], Awaitable[None] | None] | None = None,
    ) -> PostChanges:
        """Change settings or the type of the posts that are still to come.

        No other change is possible without sending a post anew, and Postiz lists neither the media
        nor the thread that it would lose: for that, change the campaign and update it. Settings
        need a server after v2.23.0, for the same reason, and lose the milliseconds of the date. An
        edit may be killed and called again. Costs no quota since v2.19.0.

        Args:
            settings: new values by name, or by a path such as `subreddit.0.value.title`.
            kind: `draft` makes the posts drafts, `schedule` schedules drafts.
            dry_run: change nothing, and return what would be changed.
            planned: the result of a dry run of the same edit: only its posts are changed, unless
                somebody changed them meanwhile.
            on_outcome: called with the `Outcome` of each post that is changed, whose `ref` is the
                id of the post; may be asynchronous.

        Raises:
            ChannelNotFoundError: there is no such channel, or several have its name.
            InvalidInputError: there is nothing to change, or no such type.
            PostizError: the job had to stop; call it again to go on.
        """
        saw = checked_hook("on_outcome", on_outcome)
        edit = _checked(settings or {}, kind)
        if not dry_run:
            also: tuple[Scope, ...] = ("publish",) if kind == "schedule" else ()
            self._postiz.scheduler.require("update", *also)
        if planned is None:
            planned = await plan_edit(self._postiz, await self._listed(), edit)
        if dry_run:
            return planned
        return await edit_posts(self._postiz, planned, edit, on_outcome=saw)

    async def _listed(self) -> list[Post]:
        return [
            post async for post in self._postiz.posts.list(**self._which, collapse_repeats=True)
        ]


def _checked(settings: Mapping[str, object], kind: StoredType | None) -> PostEdit:
    encode_body(settings)  # refuses what JSON cannot represent
    if not settings and kind is None:
        raise InvalidInputError([Problem("settings", "there is nothing to change")])
    kinds = get_args(StoredType)
    if kind is not None and kind not in kinds:
        raise InvalidInputError([Problem("kind", f"there is no {kind!r}", hint=" or ".join(kinds))])
    return PostEdit(settings, kind)
