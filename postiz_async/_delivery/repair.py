"""Repair, remove or report the last post of a request whose outcome was unknown.

A server that fails in the middle of a request leaves a prefix of it, and a client that did not get
its answer cannot know. So the last post that is found may lack its publishing job, or parts of its
thread. A post without a thread gets its job anew. A thread is deleted, to be sent again whole, once
it is certain that the server is not at work on it any more; a post that the request was to change
is changed once more. What people changed is left as it is, and what is due soon is only reported.

A repair may arrive late: its process was stopped, or its answer was lost. So it is written down
before it leaves (`Accounts.mends`) and leaves within minutes or not at all, as a create does. Until
it has settled, whoever looks believes nothing (`SentRequest.mended_at`).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias, TypeVar

from postiz_async._delivery.matching import changed_ids
from postiz_async._delivery.outcomes import Accounts, SentRequest
from postiz_async._delivery.pauses import Outage
from postiz_async._quota import SILENT
from postiz_async._resources.api import OpenClient
from postiz_async._resources.posts import Posts, prepared_by
from postiz_async._wire import parse_date
from postiz_async.errors import BadRequestError, NotFoundError
from postiz_async.models.posts import Post

log = logging.getLogger("postiz_async.campaign")


async def delete_whole(posts: Posts, post: Post) -> None:
    """Delete a post by its group where the server can, else by its id."""
    if post.group is not None:
        try:
            await posts.delete_group(post.group)
        except NotFoundError:
            log.info("the server has no route to delete a group")
        else:
            return
    await posts.delete(post.id)


T = TypeVar("T")

MAY_LACK = "the server failed while it stored this post; it may lack its thread or not be published"
UNSEEN_END = (
    "the answer to its request was lost, and it is due too soon to be made sure of; it may lack "
    "its thread or not be published"
)

RepairResult: TypeAlias = Literal["whole", "unsure", "removed", "lost"]


class Repair:
    """Repairs posts that the server may have stored only in part."""

    def __init__(self, postiz: OpenClient, accounts: Accounts, outage: Outage) -> None:
        self._postiz = postiz
        self._accounts = accounts
        self._outage = outage

    async def complete(
        self, sent: SentRequest, place: int, post: Post, *, age: float, has_ended: bool
    ) -> RepairResult:
        """Complete the last post of a request, or delete it.

        Args:
            sent: the request.
            place: the place of the post in the request.
            post: the post as listed at the date of the request.
            age: seconds since the request was sent, at least.
            has_ended: the server is certainly not working on the request any more.

        Returns:
            `whole`; `removed` (it has to be sent again); `unsure` (nothing could be done); or
            `lost` (the answer to a repair was lost, and it is too late for another).
        """
        since = self._postiz.clock.monotonic() - age
        is_draft = sent.body.type == "draft"
        is_single = len(sent.body.posts[place].value) == 1
        if post.state != ("DRAFT" if is_draft else "QUEUE"):
            return "whole" if is_single or post.state != "PUBLISHED" else "unsure"
        if is_single:
            end = "whole" if is_draft else await self._restart(sent, since, post)
            if end is not None:
                return end
        if not has_ended:
            return "unsure"
        if changed_ids(sent.body):  # changes are repeated
            return "removed"

        async def delete(posts: Posts) -> RepairResult:
            await delete_whole(posts, post)
            return "removed"

        return await self._in_time(sent, since, delete)

    async def _restart(self, sent: SentRequest, since: float, post: Post) -> RepairResult | None:
        """Give a post a new publishing job; None if the server has no route for this."""

        async def restart(posts: Posts) -> RepairResult | None:
            try:
                await posts.set_status(post.id, "schedule")
            except BadRequestError:
                return "unsure"
            except NotFoundError:
                return None
            return "whole"

        return await self._in_time(sent, since, restart)

    async def _in_time(
        self, sent: SentRequest, since: float, call: Callable[[Posts], Awaitable[T]]
    ) -> T | RepairResult:
        """Make a call, repeated after outages, but not when the date of the post is near.

        A post that was published before the call arrives would be published again.
        """
        has_left = False

        async def leave() -> None:
            nonlocal has_left
            at = sent.sent_at + self._postiz.clock.monotonic() - since
            await self._accounts.mends(sent.id, at)
            has_left = True

        posts = prepared_by(self._postiz.posts, leave)

        async def unless_due() -> T | RepairResult:
            if self._is_due_soon(sent):
                return "lost" if has_left else "unsure"
            return await call(posts)

        return await self._outage.read(unless_due)

    def _is_due_soon(self, sent: SentRequest) -> bool:
        left = parse_date(sent.body.date).timestamp() - self._postiz.scheduler.server_time()
        return sent.body.type != "draft" and left <= SILENT
