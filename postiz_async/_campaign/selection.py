"""Many stored posts at once, whoever stored them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from functools import partial
from pathlib import Path

from postiz_async._campaign.run.bulk import PostChanges, delete_posts, plan_deletion
from postiz_async._campaign.run.job import Outcome, checked_hook
from postiz_async._campaign.run.paused_posts import PauseFile, TypeChanges, plan_pause
from postiz_async._resources.api import OpenClient
from postiz_async._resources.listing import SEARCHED, check_filter
from postiz_async._wire.secrets import OfOneProcess
from postiz_async.errors import InvalidInputError, Problem, UsageError
from postiz_async.models.channels import Channel
from postiz_async.models.posts import Post, PostState


class PostSelection(OfOneProcess):
    """The stored posts that match a filter, whoever stored them.

        wrong = postiz.stored_posts(start=first, end=last, channel="tiktok")
        would = await wrong.delete(dry_run=True)
        await wrong.delete(planned=would)

    `Postiz.stored_posts` creates this object. Nothing is asked before a method is called, and each
    looks anew. Posts of a campaign are better deleted from its file, with `Campaign.undo`.
    """

    def __init__(
        self,
        postiz: OpenClient,
        *,
        start: datetime | None,
        end: datetime | None,
        state: PostState | None,
        channel: Channel | str | None,
        tag: str | None,
        text: str | None,
        ids: Collection[str] | None,
    ) -> None:
        check_filter(state, channel=channel, tag=tag, text=text)
        if isinstance(ids, str):
            raise UsageError("ids must be the ids of posts, not one text.")
        self._postiz = postiz
        self._start, self._end = start, end
        self._state: PostState | None = state
        self._channel, self._tag, self._text = channel, tag, text
        self._ids = None if ids is None else frozenset(ids)

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
            UsageError: the selection has no start or no end.
            PostizError: the job had to stop; call it again to go on.
        """
        saw = checked_hook("on_outcome", on_outcome)
        if self._start is None or self._end is None:
            raise UsageError("A deletion needs stored_posts(start=..., end=...).")
        failed = self._state == "ERROR"
        if not dry_run:
            self._postiz.scheduler.require("delete")
        if planned is None:
            planned = await plan_deletion(
                self._postiz, await self._listed(self._start), failed=failed
            )
        if dry_run:
            return planned
        return await delete_posts(self._postiz, planned, failed=failed, on_outcome=saw)

    async def pause(
        self,
        file: Path | str,
        *,
        dry_run: bool = False,
        on_outcome: Callable[[Outcome], Awaitable[None] | None] | None = None,
    ) -> PostChanges:
        """Make drafts of the posts that are queued; `resume` schedules them again.

        For the whole account (`takes_all`) all creates are halted first: until `resume`, those of
        every client that shares the `store` raise `HaltedError`, and outboxes wait. Clients without
        a store share it within this process.

        Posts due within a minute stay, and repeating ones that were published before: delete these.
        A pause may be killed and called again with the same file. Costs no quota. Since v2.21.7.

        Args:
            file: gets the id, date and channel of each post before it becomes a draft, as a JSON
                line; lines are added to a file that exists.
            dry_run: change nothing, and return what would be paused.
            on_outcome: called with the `Outcome` of each post that is paused, whose `ref` is the id
                of the post; may be asynchronous.

        Raises:
            ChannelNotFoundError: there is no such channel, or several have its name.
            ConfigurationError: the file cannot be used, or the server is too old.
            InvalidInputError: the selection is of posts in another state.
            StoreError: the store cannot be used.
            PostizError: the job had to stop; call it again to go on.
        """
        saw = checked_hook("on_outcome", on_outcome)
        if self._state not in {None, "QUEUE"}:
            hint = "leave it out; only queued posts can be paused"
            raise InvalidInputError([Problem("state", f"is {self._state}", hint=hint)])
        now = self._postiz.scheduler.server_now()
        if dry_run:
            return plan_pause(await self._listed(now), now)
        self._postiz.scheduler.require("update")
        changes = TypeChanges(self._postiz, PauseFile(Path(file)), saw)
        return await changes.pause(partial(self._listed, now), halts=self.takes_all)

    async def resume(
        self,
        file: Path | str,
        *,
        dry_run: bool = False,
        on_outcome: Callable[[Outcome], Awaitable[None] | None] | None = None,
    ) -> PostChanges:
        """Schedule the posts of a file of `pause` that are still drafts, at their present dates.

        Those whose date has passed or comes within a quarter of an hour stay drafts: Postiz would
        publish them at once. Then creates that were halted go on. It may be killed and called
        again. Costs no quota.

        Args:
            file: the file; a line is added for each post that is scheduled.
            dry_run: change nothing, and return what would be scheduled.
            on_outcome: called with the `Outcome` of each post that is scheduled, whose `ref` is the
                id of the post; may be asynchronous.

        Raises:
            ConfigurationError: the file cannot be used, or the server is too old.
            StoreError: the store cannot be used.
            UsageError: the selection has a filter: the file says which posts are meant.
            PostizError: the job had to stop; call it again to go on.
        """
        saw = checked_hook("on_outcome", on_outcome)
        if not self.takes_all or self._end is not None:
            raise UsageError("resume takes the posts of its file: stored_posts() without a filter.")
        if not dry_run:
            self._postiz.scheduler.require("update", "publish")  # as of a date that has passed
        changes = TypeChanges(self._postiz, PauseFile(Path(file)), saw)
        return await changes.resume(dry_run=dry_run)

    @property
    def takes_all(self) -> bool:
        """Whether there is no filter, or only an end that is at least a year away."""
        which = (self._start, self._state, self._channel, self._tag, self._text, self._ids)
        year = self._postiz.scheduler.server_now() + SEARCHED
        return all(each is None for each in which) and (self._end is None or self._end >= year)

    async def _listed(self, start: datetime) -> list[Post]:
        start = self._start or start
        listing = self._postiz.posts.list(
            start=start,
            end=self._end or start + SEARCHED,
            state=self._state,
            channel=self._channel,
            tag=self._tag,
            text=self._text,
            collapse_repeats=True,
        )
        ids = self._ids
        return [post async for post in listing if ids is None or post.id in ids]
