"""Finds out what became of a request whose answer was lost.

What is found at its exact instant is stored. That nothing is found proves little: the server
goes on working after its caller is gone, it may not have begun, and the list may come from a
replica. So absence is believed only when all of this is true:

* behind the fence: a create that was sent after the loss has been answered;
* settled: `SETTLE` seconds have passed since the request was sent;
* two looks, a pause apart, then show the same.

A server that fails in the middle of a request leaves a prefix of it. The last post of such a
prefix is suspect: it may lack its publishing job, or parts of its thread.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from postiz_async.delivery.matching import match_request
from postiz_async.delivery.patience import patiently
from postiz_async.delivery.removal import delete_whole
from postiz_async.errors import BadRequestError, NotFoundError, QuotaError
from postiz_async.wire import parse_date

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postiz_async.client import Postiz
    from postiz_async.delivery.journal import SentRequest
    from postiz_async.models.posts import Post

__all__ = ["Fence", "Found", "LookUp"]

log = logging.getLogger("postiz_async.batch")

FIRST_PAUSE, LONGEST_PAUSE = 10.0, 60.0
"""Seconds between two looks, at least, and while absence cannot be believed anyway."""

SETTLE = 720.0
"""Seconds from sending after which nothing is expected to turn up any more."""

DUE_SOON = 600.0
"""Seconds before its date in which a half-made post is not touched: it may be published now."""

MAY_LACK = "the server failed while it stored this post; it may lack its thread or not be published"


class Fence:
    """Knows whether a create was answered that had been sent after a certain moment."""

    def __init__(self, postiz: Postiz) -> None:
        self.coming = 0
        """Creates of the job that are planned or under way and will be answered by themselves."""
        self._postiz = postiz
        self._answered = -math.inf
        self._one_at_a_time = anyio.Lock()

    def answered(self, sent_at: float) -> None:
        """A create that was sent at `sent_at` (monotonic) was answered by the server."""
        self._answered = max(self._answered, sent_at)

    async def is_behind(self, moment: float) -> bool:
        """Whether `moment` lies before the fence; if nothing else comes, one is put up.

        That costs one create request: an empty one, which is refused and stores nothing.
        """
        if self._answered > moment or self.coming:
            return self._answered > moment
        clock = self._postiz.clock
        async with self._one_at_a_time:
            if self._answered <= moment:
                sent_at = clock.monotonic()
                try:
                    await patiently(clock, self._postiz.posts.probe)
                except QuotaError as error:
                    await clock.sleep(max(1.0, error.retry_after))
                else:
                    self.answered(sent_at)
        return self._answered > moment


@dataclass(frozen=True, slots=True)
class Found:
    """What is stored of a request: place to post id, and notes on some of the places."""

    stored: Mapping[int, str]
    notes: Mapping[int, str]


class LookUp:
    """Looks up the lost requests of one job."""

    def __init__(self, postiz: Postiz, fence: Fence) -> None:
        self._postiz = postiz
        self._clock = postiz.clock
        self._fence = fence
        self.taken: set[str] = set()
        """Ids of posts that are known to be something else than a lost one."""

    async def find(
        self, sent: SentRequest, *, is_broken: bool = False, hurry: bool = False
    ) -> Found:
        """What is stored of a request, when that is certain.

        Args:
            sent: the request.
            is_broken: the server said that it failed, so its last post is suspect in any case.
            hurry: believe the fence and two looks alone when the request is due before it settles.
        """
        settles = SETTLE - min(SETTLE, max(0.0, self._clock.time() - sent.sent_at))
        is_due = self._due_in(sent) < settles
        posts = await self._look_until_certain(sent, 0.0 if hurry and is_due else settles)
        if not posts:
            return Found({}, {})
        last = max(posts)
        is_suspect = is_broken or len(posts) < len(sent.refs)
        fate = await self._mend(sent, last, posts[last]) if is_suspect else ""
        stored = {place: post.id for place, post in posts.items()}
        self.taken.update(stored.values())
        if fate is None:
            del stored[last]
        return Found(stored, {last: fate} if fate else {})

    def is_over(self, sent: SentRequest) -> bool:
        """Whether the date of a request has passed, so that it is or will not be published."""
        return self._due_in(sent) <= 0

    def _due_in(self, sent: SentRequest) -> float:
        if sent.body.type == "draft":
            return math.inf
        return parse_date(sent.body.date).timestamp() - self._postiz.scheduler.server_time()

    async def _look_until_certain(self, sent: SentRequest, settles: float) -> dict[int, Post]:
        lost_at = self._clock.monotonic()
        settled_at = lost_at + settles
        usual = len(sent.refs) / self._postiz.scheduler.gate.budget.rate
        shortest = pause = max(FIRST_PAUSE, 3 * usual)
        before: dict[int, Post] | None = None
        while True:
            await self._clock.sleep(pause)
            is_settled = self._clock.monotonic() >= settled_at
            is_final = is_settled and await self._fence.is_behind(lost_at)
            posts = await self._look(sent)
            if len(posts) == len(sent.refs) or (is_final and before == posts):
                log.info("request %d: %d of %d stored", sent.id, len(posts), len(sent.refs))
                return posts
            before = posts if is_final else None
            pause = shortest if is_final else min(1.5 * pause, max(shortest, LONGEST_PAUSE))

    async def _look(self, sent: SentRequest) -> dict[int, Post]:
        moment = parse_date(sent.body.date)
        listed = await patiently(
            self._clock, lambda: self._postiz.posts.list(start=moment, end=moment)
        )
        by_id = {post.id: post for post in listed if post.id not in self.taken}
        found = match_request(sent.body, list(by_id.values())).found
        return {place: by_id[post_id] for place, post_id in found.items()}

    async def _mend(self, sent: SentRequest, place: int, post: Post) -> str | None:
        """Make a suspect post whole. Returns a note, or None when it is to be sent again."""
        due_in = parse_date(sent.body.date).timestamp() - self._postiz.scheduler.server_time()
        is_draft = sent.body.type == "draft"
        if len(sent.body.posts[place].value) == 1:
            if is_draft or post.state == "PUBLISHED":
                return ""
            return await self._restart(post) if due_in > 0 else MAY_LACK
        if post.state == "PUBLISHED" or (due_in <= DUE_SOON and not is_draft):
            return MAY_LACK
        await patiently(self._clock, lambda: delete_whole(self._postiz.posts, post))
        return None

    async def _restart(self, post: Post) -> str:
        """Give a post the publishing job that it may lack."""
        try:
            await patiently(self._clock, lambda: self._postiz.posts.set_status(post.id, "schedule"))
        except (BadRequestError, NotFoundError):
            return MAY_LACK
        return ""
