"""Find out what became of a request whose answer was lost.

What is found at its exact instant is stored. That nothing is found proves little: the server
goes on working after its caller is gone, it may not have begun, and the list may come from a
replica. So absence is believed only when all of this is true:

* behind the fence: a create has been answered that was sent after this one could not be any more;
* settled: it was sent so long ago that no proxy can hold it back any more (`quota.SILENT`);
* two looks, a pause apart, then show the same. They may be those of two callers (`Looks`).

A post that was being repaired may be deleted yet, so until that has settled what is found proves
as little, and what was seen before does not count.

What is absent may have been moved in the web page meanwhile, where its mark is found, or its
channel deleted, and then it is not sent again either. On servers that list no marks, a post with
its text at another date may be it: then it stays in doubt. The last post that is found is suspect,
see `Repair`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import anyio

from postiz_async._delivery.listing import Calendar
from postiz_async._delivery.matching import (
    CLIENT_REF,
    changed_ids,
    is_of_another_run,
    match_request,
    may_be_moved,
    with_marks,
)
from postiz_async._delivery.options import OnDoubt
from postiz_async._delivery.outcomes import FOUND_UNSURE, Accounts, SentRequest
from postiz_async._delivery.pauses import Departure, Outage, ask
from postiz_async._delivery.repair import MAY_LACK, UNSEEN_END, Repair, RepairResult
from postiz_async._quota import SILENT
from postiz_async._resources.api import OpenClient
from postiz_async._resources.create import job_probe
from postiz_async._resources.matching import assign, stored_at
from postiz_async._wire import parse_date
from postiz_async.errors import HaltedError, QuotaError
from postiz_async.models.posts import Post

log = logging.getLogger("postiz_async.campaign")

IN_DOUBT = "its answer was lost, and its date passed before it was certain that it is not stored"
HIDDEN = (
    "its answer was lost, and its channel is gone from Postiz, which lists nothing of it; "
    "it is not sent again"
)
MAY_BE_MOVED = (
    "its answer was lost, and post {}, which has its channel and text, may be it, moved by "
    "somebody; look at it in Postiz, it is not sent again"
)

SHORTEST_LOOK_PAUSE, LONGEST_LOOK_PAUSE = 10.0, 60.0
"""Seconds between two looks: the shortest pause, and the longest until absence can be proved."""

MOVED_WITHIN = timedelta(days=62)
"""How far from its date a post is searched for that somebody may have moved."""


class Fence:
    """Knows whether the server answered a create that was sent after a given moment."""

    def __init__(self, postiz: OpenClient, outage: Outage) -> None:
        self.coming = 0
        """Creates of the job that are planned or on their way and need no probe to be answered."""
        self._postiz = postiz
        self._outage = outage
        self._answered = -math.inf
        self._one_at_a_time = anyio.Lock()

    def answered(self, sent_at: float) -> None:
        """Note that the server answered a create that was sent at `sent_at` (monotonic)."""
        self._answered = max(self._answered, sent_at)

    async def is_behind(
        self, moment: float, *, sleep: Callable[[float], Awaitable[None]] | None = None
    ) -> bool:
        """Whether `moment` lies before the fence; if no other create comes, send a probe.

        A probe costs one create request: an empty one, which is refused and stores nothing.

        Args:
            moment: monotonic.
            sleep: waits the seconds until there is a slot; None: the clock does.
        """
        if self._answered > moment or self.coming:
            return self._answered > moment
        try:
            await self._put_up(moment)
        except HaltedError:  # for hours, perhaps
            raise
        except QuotaError as error:
            await (sleep or self._postiz.clock.sleep)(max(1.0, error.retry_after))
        return self._answered > moment

    async def _put_up(self, moment: float) -> None:
        async with self._one_at_a_time:
            if self._answered <= moment:
                sent_at = self._postiz.clock.monotonic()
                await self._outage.create(self._probe)
                self.answered(sent_at)

    async def _probe(self, departure: Departure) -> None:
        departure.leave()
        await job_probe(self._postiz.once.posts)


@dataclass(frozen=True, slots=True)
class LookUpResult:
    """The stored posts of a request: place to post id, and notes on some places.

    `doubts` says of the other places where it will never be certain, and why.
    """

    stored: Mapping[int, str]
    notes: Mapping[int, str]
    doubts: Mapping[int, str]


@dataclass(slots=True)
class Looks:
    """The results of earlier looks for a lost request.

    Args:
        lost_for: seconds since the request could last be sent; negative: it may still be sent for
            so long.
        seen: place to post id, from the last look after the request settled and the fence was up;
            None: there was none so far.
        seen_at: the time of that look (monotonic).
        is_counted: whether the quota knows that the request was counted.
    """

    lost_for: float = 0.0
    seen: Mapping[int, str] | None = None
    seen_at: float = -math.inf
    is_counted: bool = False


class Doubts:
    """The requests of a job whose lost answers are being looked up."""

    def __init__(self) -> None:
        self._open: list[tuple[int, float]] = []

    @contextmanager
    def of(self, posts: int, certain_at: float) -> Generator[None]:
        """Count a request as being looked up while the block lasts.

        Args:
            posts: the number of its posts.
            certain_at: the earliest time at which absence can be proved, in seconds since the
                epoch.
        """
        self.add(posts, certain_at)
        try:
            yield
        finally:
            self._open.remove((posts, certain_at))

    def add(self, posts: int, certain_at: float) -> None:
        """Count a request, with the arguments of `of`."""
        self._open.append((posts, certain_at))

    @property
    def requests(self) -> int:
        """The number of requests."""
        return len(self._open)

    @property
    def posts(self) -> int:
        """The number of posts in these requests."""
        return sum(posts for posts, _ in self._open)

    @property
    def certain_at(self) -> datetime | None:
        """The earliest time at which all outcomes may be known; None: nothing is looked up."""
        latest = max((moment for _, moment in self._open), default=None)
        return None if latest is None else datetime.fromtimestamp(latest, UTC)


class LookUp:
    """Looks up the requests of one job whose answers were lost.

    Args:
        postiz: an open client.
        accounts: the record of what the job sent.
        fence: the fence of the job.
        outage: the outage of the job.
        on_doubt: with `send` the fence and two looks are enough when a request is due before it
            settles.
        is_one_of_many: whether others send equal posts that `accounts` does not know; see
            `may_be_moved`.
        doubts: counts the requests that are being looked up.
    """

    def __init__(
        self,
        postiz: OpenClient,
        accounts: Accounts,
        fence: Fence,
        outage: Outage,
        *,
        on_doubt: OnDoubt,
        is_one_of_many: bool = False,
        doubts: Doubts | None = None,
    ) -> None:
        self._doubts = doubts or Doubts()
        self._postiz = postiz
        self._clock = postiz.clock
        self._accounts = accounts
        self._fence = fence
        self._outage = outage
        self._on_doubt = on_doubt
        self._is_one_of_many = is_one_of_many
        self._list = outage.wrap(postiz.posts.list)
        self.taken: set[str] = set()
        """Ids of posts known to belong to something other than a lost request."""
        self._moved: set[str] = set()
        """Those of them that were found at another instant than the one of their request."""
        self._repair = Repair(postiz, accounts, outage)

    async def find(
        self,
        sent: SentRequest,
        *,
        age: float,
        is_broken: bool = False,
        looks: Looks | None = None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> LookUpResult:
        """Return which posts of a request are stored, once that is certain.

        Args:
            sent: the request.
            age: seconds since it was sent, at least.
            is_broken: the server reported a failure, so the last post is suspect in any case.
            looks: the results of earlier looks; updated by this one.
            sleep: waits for some seconds, or raises; None: the clock does.
        """
        if not self._postiz.scheduler.knows_server_time():
            await self._outage.read(partial(ask, self._postiz))
        sleep = sleep or self._clock.sleep
        looks = looks or Looks()
        sent_at = self._clock.monotonic() - max(0.0, age)
        await self._until_repaired(sent, age, looks, sleep)
        age = self._clock.monotonic() - sent_at
        settles = max(0.0, SILENT - age)
        due_in = self._due_in(sent)
        has_time = due_in - settles > SILENT
        waits = not is_broken and _ends_with_thread(sent) and has_time
        hurries = self._on_doubt == "send" and due_in < settles
        posts = await self._look_until_certain(
            sent,
            0.0 if hurries else settles,
            age=age,
            all_is_enough=not waits,
            looks=looks,
            sleep=sleep,
        )
        missing = set(range(len(sent.refs))) - posts.keys()
        if not missing:
            self._outage.carried_out()
        doubts = await self._hidden(sent, missing)
        moved, candidates = await self._moved_elsewhere(sent, missing - doubts.keys())
        doubts |= candidates
        stored = {place: post.id for place, post in (posts | moved).items()}
        found = frozenset(stored.values())
        self.taken |= found
        others = {n for n, post in moved.items() if is_of_another_run(sent, post)}
        notes = dict.fromkeys(others, FOUND_UNSURE)
        last = max((stored.keys() | candidates.keys()) - others, default=-1)
        has_failed = is_broken or len(stored) + len(doubts) < len(sent.refs)
        has_ended = is_broken or waits or bool(missing)
        end: RepairResult = "lost"
        try:
            if last not in posts or await self._accounts.has_stored(stored[last]):
                end = "whole"  # a post recorded as stored is not repaired
            else:
                age = self._clock.monotonic() - sent_at
                end = await self._repair.complete(
                    sent, last, posts[last], age=age, has_ended=has_ended
                )
        finally:
            if end == "lost":
                self.forget(found)
        if end == "lost":
            age = self._clock.monotonic() - sent_at
            sent = replace(sent, mended_at=sent.sent_at + age)
            return await self.find(sent, age=age, is_broken=is_broken, looks=looks, sleep=sleep)
        if end == "removed":
            del stored[last]
        if end == "unsure":
            notes[last] = MAY_LACK if has_failed else UNSEEN_END
        return LookUpResult(stored, notes, doubts)

    def forget(self, post_ids: Iterable[str]) -> None:
        """Search again for posts that were found, because they belong to other requests."""
        self.taken.difference_update(post_ids)
        self._moved.difference_update(post_ids)

    async def _until_repaired(
        self,
        sent: SentRequest,
        age: float,
        looks: Looks,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """Wait until a repair by any process has settled; earlier looks do not count."""
        if not sent.mended_at or sent.mended_at < sent.sent_at:
            return
        left = SILENT - max(0.0, age - (sent.mended_at - sent.sent_at))
        if left > 0:
            looks.seen = None
            with self._in_doubt(sent, left):
                await sleep(left)

    async def _hidden(self, sent: SentRequest, places: set[int]) -> dict[int, str]:
        """The places whose channels no longer exist, so that their posts are not listed."""
        if not places:
            return {}
        listed = await self._outage.read(self._postiz.channels.list)
        known = {channel.id for channel in listed}
        return {n: HIDDEN for n in places if sent.body.posts[n].channel.id not in known}

    async def _moved_elsewhere(
        self, sent: SentRequest, places: set[int]
    ) -> tuple[dict[int, Post], dict[int, str]]:
        """Search for posts at other instants: of another host in the same second, or moved.

        Returns:
            The posts that have the mark of a place, or were made of the same row by a host that
            this one does not know; and the doubts of places whose post may be one of those that are
            listed without marks at another date.
        """
        items = {n: sent.body.posts[n] for n in sorted(places)}
        if not items or changed_ids(sent.body):
            return {}, {}
        moment = parse_date(sent.body.date)
        calendar = Calendar(self._list)
        await calendar.span(moment - MOVED_WITHIN, moment + MOVED_WITHIN)
        account = await self._accounts.account(calendar.posts.values())
        taken = account.post_ids | self._moved
        free = [post for post in calendar.posts.values() if post.id not in taken]
        marks = {n: str(item.settings.get(CLIENT_REF)) for n, item in items.items()}
        moved = with_marks(free, marks)

        def may_be(place: int, post: Post) -> bool:
            many = self._is_one_of_many
            return may_be_moved(items[place], post, sent, account.moments, is_one_of_many=many)

        second, same, others = moment.replace(microsecond=0), list[Post](), list[Post]()
        for post in free:
            is_same = stored_at(post).replace(microsecond=0) == second
            (same if is_same else others).append(post)
        moved |= assign([n for n in items if n not in moved], same, may_be)
        doubts = {
            n: MAY_BE_MOVED.format(post.id)
            for n in items
            if n not in moved
            for post in reversed(others)
            if may_be(n, post)
        }
        self._moved |= {post.id for post in moved.values()}
        return moved, doubts

    def is_in_doubt(self, sent: SentRequest) -> bool:
        """Whether a request is undecided unless all of it is found, because its date has passed."""
        return self._on_doubt == "skip" and self._due_in(sent) <= 0

    def _due_in(self, sent: SentRequest) -> float:
        if sent.body.type == "draft":
            return math.inf
        return parse_date(sent.body.date).timestamp() - self._postiz.scheduler.server_time()

    async def _look_until_certain(
        self,
        sent: SentRequest,
        settles: float,
        *,
        age: float,
        all_is_enough: bool,
        looks: Looks,
        sleep: Callable[[float], Awaitable[None]],
    ) -> dict[int, Post]:
        now = self._clock.monotonic()
        left_at, settled_at = now - age, now + settles
        lost_at = min(now - looks.lost_for, settled_at)
        usual = len(sent.refs) / self._postiz.scheduler.budget.rate
        shortest = pause = max(SHORTEST_LOOK_PAUSE, 3 * usual)
        with self._in_doubt(sent, settles + SHORTEST_LOOK_PAUSE):
            await sleep(max(0.0, shortest - (age if looks.seen is None else now - looks.seen_at)))
            while True:
                is_settled = self._clock.monotonic() >= settled_at
                is_final = looks.seen is not None or (
                    is_settled and await self._fence.is_behind(lost_at, sleep=sleep)
                )
                posts = await self._look(sent)
                if posts and not looks.is_counted:
                    looks.is_counted = True
                    await self._postiz.scheduler.found(self._clock.monotonic() - left_at)
                ids = {place: post.id for place, post in posts.items()}
                is_all = all_is_enough and len(posts) == len(sent.refs)
                if is_all or (is_final and looks.seen == ids):
                    log.info("request %d: %d of %d stored", sent.id, len(posts), len(sent.refs))
                    return posts
                if is_final:
                    looks.seen, looks.seen_at = ids, self._clock.monotonic()
                pause = (
                    shortest if is_final else min(1.5 * pause, max(shortest, LONGEST_LOOK_PAUSE))
                )
                await sleep(pause)

    def _in_doubt(self, sent: SentRequest, seconds: float) -> AbstractContextManager[None]:
        """Count a request as being looked up while the block lasts."""
        return self._doubts.of(len(sent.refs), self._clock.time() + seconds)

    async def _look(self, sent: SentRequest) -> dict[int, Post]:
        moment = parse_date(sent.body.date)
        listed = await self._list(start=moment, end=moment)
        free = changed_ids(sent.body) or {post.id for post in listed} - self.taken
        by_id = {post.id: post for post in listed if post.id in free}
        found = match_request(sent.body, list(by_id.values())).found
        return {place: by_id[post_id] for place, post_id in found.items()}


def _ends_with_thread(sent: SentRequest) -> bool:
    return len(sent.body.posts[-1].value) > 1
