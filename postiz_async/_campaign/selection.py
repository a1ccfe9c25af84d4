"""Many stored posts at once, whoever stored them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Unpack

from postiz_async._campaign.run.bulk import (
    PostChanges,
    delete_posts,
    plan_deletion,
)
from postiz_async._campaign.run.job import Outcome, checked_hook
from postiz_async._resources.api import OpenClient
from postiz_async._resources.listing import PostFilter, check_filter
from postiz_async._wire.secrets import OfOneProcess
from postiz_async.models.posts import Post


class PostSelection(OfOneProcess):
    """The stored posts that match a filter, whoever stored them.

        wrong = postiz.stored_posts(start=first, end=last, channel="tiktok")
        would = await wrong.delete(dry_run=True)
        await wrong.delete(planned=would)

    `Postiz.stored_posts` creates this object. Nothing is asked before a method is called, and each
    looks anew. Posts of a campaign are better deleted from its file, with `Campaign.undo`.
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

    async def _listed(self) -> list[Post]:
        return [
            post async for post in self._postiz.posts.list(**self._which, collapse_repeats=True)
        ]
