"""The sweep: find out what people did to the posts of a job since they were stored.

Deleted, moved and edited posts are reported and left as they are. No post is sent; a post without
its publishing job gets one. If our runs stored a post twice, the second one is deleted.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from postiz_async._campaign.after.sift import Outline, Sift, day_of, related_requests
from postiz_async._campaign.after.sweep import SweepState, suspects, sweep, with_findings
from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.purposes import Changes, NewPosts
from postiz_async._campaign.journal.requests import open_requests
from postiz_async._campaign.journal.tables import (
    Tables,
    dates_of_rows,
    each_request,
    near_posts,
    owners_of,
    read_rows,
    rows_of,
    rows_sent_in,
    sent_between,
)
from postiz_async._campaign.run.conditions import intents
from postiz_async._campaign.run.job import JobContext
from postiz_async._campaign.run.look_ups import LookUps
from postiz_async._delivery.listing import Calendar
from postiz_async._delivery.matching import listed_ref
from postiz_async._delivery.outcomes import RowState, SentRequest
from postiz_async._delivery.pauses import PAUSES
from postiz_async._delivery.repair import Repair, delete_whole
from postiz_async._delivery.transitions import OvertakenError
from postiz_async._logs import log_of
from postiz_async._resources.listing import SEARCHED, TICK, Chunks
from postiz_async._resources.matching import stored_at
from postiz_async._wire import parse_date
from postiz_async.errors import APIConnectionError, NotFoundError, ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from postiz_async._campaign.after.sweep import Suspect, SweepResult
    from postiz_async._campaign.journal.rows import RowRecord
    from postiz_async._resources.api import OpenClient
    from postiz_async.models.posts import Post


log = logging.getLogger("postiz_async.campaign")

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """The results of a sweep.

    `counts` has the number of rows and posts in each state, `hidden` names the channels (ids) that
    are gone from Postiz: it lists none of their posts, so nothing is known of them. `lacking_tags`
    are tags that posts were sent with and do not have, with the number of these posts. `doubles` is
    the number of second posts that may be deleted and were not.
    """

    counts: Mapping[str, int]
    hidden: tuple[str, ...]
    lacking_tags: Mapping[str, int] = field(default_factory=dict[str, int])
    doubles: int = 0

    @property
    def is_fine(self) -> bool:
        """Whether every stored post is where it was put, and exists once."""
        return set(self.counts) <= {SweepState.FINE, SweepState.ADOPTED, SweepState.UNTAGGED}


async def sweep_journal(
    postiz: OpenClient, journal: Journal, *, with_open: bool = True, delete_doubles: bool = True
) -> ReconcileResult:
    """Compare a journal with the server and write down the findings. Sends no post.

    Costs no quota.

    Args:
        postiz: the client.
        journal: the open journal of the job.
        with_open: False leaves out rows of requests that will be looked up anyway. Posts that only
            a look-up can repair are left to it in any case.
        delete_doubles: delete the second post of a row that was stored twice, if nobody edited it
            and it is not due within ten minutes.

    Raises:
        PostizError: the posts could not be listed.
    """
    with_open = with_open and not journal.is_shared  # look-ups of these may delete posts
    look = await _look(postiz, journal, with_open=with_open)
    deletable = look.deletable
    if deletable:  # another host may delete too, so a single look is not enough
        look = await _look(postiz, journal, with_open=with_open)
        deletable &= look.deletable
    rows = look.rows
    unsure = await _repair_adopted(postiz, journal, await _suspects(postiz, journal, look))
    left = {r for each in look.in_doubt if not unsure.isdisjoint(each.refs) for r in each.refs}
    results = [each for each in look.keeping_own(unsure) if each.ref not in left]
    doubles = {
        result.post.id: result.post
        for result in results
        if result.post is not None and result.post.id in deletable and result.ref not in unsure
    }
    removed = await _remove(postiz, doubles.values()) if delete_doubles else set[str]()
    changed = with_findings(rows, results, removed=removed, unsure=unsure)
    await journal.found(await _still_there(postiz, journal, rows, changed))
    summed = _summed(results, rows, sum(look.sift.fine.values()))
    return replace(summed, doubles=len(doubles.keys() - removed))


async def _still_there(
    postiz: OpenClient,
    journal: Journal,
    rows: Mapping[str, RowRecord],
    changed: Sequence[RowRecord],
) -> list[RowRecord]:
    """The changed rows without those whose adopted post another host has deleted meanwhile.

    The list of posts is older than the rows that were read.
    """
    adopted = {row.ref: row for row in changed if row.post_id != rows[row.ref].post_id}
    if not adopted or not journal.is_shared:
        return list(changed)
    calendar = Calendar(postiz.posts.list)
    await calendar.look(datetime.fromtimestamp(row.seconds, UTC) for row in adopted.values())
    return [row for row in changed if row.ref not in adopted or row.post_id in calendar.posts]


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A journal compared with the server's list.

    `sift` has only the number of requests that are fine. `apart` are refs of rows that are left
    out.
    """

    rows: Mapping[str, RowRecord]
    in_doubt: Sequence[SentRequest]
    requests: Sequence[SentRequest]
    sift: Sift
    results: Sequence[SweepResult]
    apart: Collection[str]

    @property
    def deletable(self) -> set[str]:
        """Ids of second posts that may be deleted."""
        return {v.post.id for v in self.results if v.may_delete and v.post is not None}

    def keeping_own(self, unsure: Collection[str]) -> list[SweepResult]:
        """The results, where a row keeps its own post beside one that may be incomplete.

        Args:
            unsure: refs of rows whose adopted post may be incomplete.
        """
        firsts = {v.ref: v.post for v in self.results if v.state is SweepState.ADOPTED}
        return [self._keeping_own(each, firsts, unsure) for each in self.results]

    def _keeping_own(
        self, result: SweepResult, firsts: Mapping[str, Post | None], unsure: Collection[str]
    ) -> SweepResult:
        own = self.sift.posts.get(self.rows[result.ref].post_id or "")
        if own is None or result.ref not in unsure or result.ref not in firsts:
            return result
        if result.state is SweepState.ADOPTED:
            return replace(result, state=SweepState.FINE, post=own)
        if result.post is not None and result.post.id == own.id:
            return replace(result, post=firsts[result.ref], may_delete=False)
        return result


_IS_WITHDRAWN = f"AND state IN ('{RowState.WITHDRAWING}', '{RowState.WITHDRAWN}')"
"""Rows whose posts were deleted on purpose; the deletion itself checks them."""


async def _look(postiz: OpenClient, journal: Journal, *, with_open: bool) -> _Comparison:
    channels = frozenset(channel.id for channel in await postiz.channels.list())
    in_doubt = [each.sent for each in await open_requests(journal, NewPosts())]
    held = {ref for request in in_doubt for ref in request.refs if not with_open}
    changing = {ref for each in await open_requests(journal, Changes()) for ref in each.refs}
    apart = await journal.read(lambda t: [*read_rows(t, _IS_WITHDRAWN), *rows_of(t, changing)])
    copies = {copy.post_id for copy in await journal.copies()}
    copies |= {row.post_id for row in apart if row.post_id is not None}
    left_out = held | {row.ref for row in apart}
    look = _Survey(postiz, journal, channels, copies, left_out)
    requests = await look.requests()
    refs = {ref for sent in requests for ref in sent.refs}
    rows = await look.rows(partial(rows_of, refs=refs))
    results = sweep(
        rows.values(),
        intents(requests),
        look.sift.posts.values(),
        channels=channels,
        now=postiz.scheduler.server_now(),
        copies=copies,
    )
    return _Comparison(rows, in_doubt, requests, look.sift, results, left_out)


@dataclass(slots=True)
class _Survey:
    """One look at all posts that a journal accounts for, reading the list window by window.

    Args:
        postiz: the client.
        journal: an open journal.
        channels: ids of existing channels.
        copies: ids of posts that are left out.
        apart: refs of rows that are left out.
    """

    postiz: OpenClient
    journal: Journal
    channels: Collection[str]
    copies: Collection[str]
    apart: Collection[str]
    sift: Sift = field(init=False)
    _outline: Outline = field(init=False)
    _chunks: Chunks = field(default_factory=partial(Chunks, first=_DAY))

    def __post_init__(self) -> None:
        self.sift, self._outline = Sift(self.channels, self.copies), Outline(self.channels)

    async def rows(self, query: Callable[[Tables], Iterable[RowRecord]]) -> dict[str, RowRecord]:
        """Read rows of the journal, except for those that are left out."""
        found = await self.journal.read(query)
        return {row.ref: row for row in found if row.ref not in self.apart}

    async def requests(self) -> list[SentRequest]:
        """The requests that `sweep` has to check; `sift.posts` has the posts for them."""
        await self.journal.read(self._outlined)
        self.sift.unclear |= self._outline.hidden
        for day in sorted(self._outline.days):
            await self._look_at(day)
        await self._search()
        found: dict[int, SentRequest] = {}
        if self.sift.unclear or self.sift.posts:
            found = await self.journal.read(self._related_requests)
        after_all = [sent for sent in found.values() if self.sift.forget(sent.id)]
        for moment in sorted({parse_date(sent.body.date) for sent in after_all}):
            await self._keep(await self.postiz.posts.list(start=moment, end=moment))
        return [found[number] for number in sorted(found)]

    def _outlined(self, t: Tables) -> None:
        for sent in each_request(t):
            self._outline.add(sent)
        for date in dates_of_rows(t, self.channels):
            self._outline.days.add(day_of(datetime.fromtimestamp(date, UTC)))

    def _related_requests(self, t: Tables) -> dict[int, SentRequest]:
        found: dict[int, SentRequest] = {}
        while more := related_requests(each_request(t), found, self.sift):
            found |= more
        return found

    async def _look_at(self, day: datetime) -> None:
        """Check a day on which posts were put, or where they may be by now."""
        listing = self._chunks.lists(self.postiz.posts.list, day, day + _DAY - TICK)
        async for (start, end), listed in listing:
            sent = await self.journal.read(partial(sent_between, first=start, last=end))
            rows = await self.rows(partial(rows_sent_in, requests=[each.id for each in sent]))
            strays = self.sift.window(sent, rows, listed)
            elsewhere = self._outline.days - {day}  # repetitions are seen where they are stored
            await self._keep(p for p in strays if day_of(stored_at(p)) not in elsewhere)

    async def _keep(self, strays: Iterable[Post]) -> None:
        """Keep stray posts that may belong to requests that are not fine."""
        posts = [post for post in strays if post.id not in self.copies]
        asked = [(post.id, stored_at(post)) for post in posts]
        near = await self.journal.read(partial(near_posts, posts=asked))
        for post, (own, there) in zip(posts, near, strict=True):
            if own and all(map(self.sift.is_fine, own)):
                continue
            touched = there | own
            if touched or self._outline.may_know(listed_ref(post.settings)):
                self.sift.keep(post, touched)

    async def _search(self) -> None:
        """Search a long range for posts that are not where they were put."""
        missing = self.sift.missing - self.sift.posts.keys()
        if not missing or self._outline.span is None:
            return
        first, last = self._outline.span
        listing = self._chunks.lists(self.postiz.posts.list, first - SEARCHED, last + SEARCHED)
        async for _, listed in listing:
            missing -= {post.id for post in listed}
            await self._keep(listed)
            if not missing:
                return


async def _suspects(postiz: OpenClient, journal: Journal, look: _Comparison) -> Sequence[Suspect]:
    """Posts that may be incomplete; other posts at their instants prove that some are complete."""
    listed = look.sift.posts
    found = suspects(look.results, look.requests, look.rows, listed.values())
    beside: dict[str, Post] = {}
    for moment in sorted({stored_at(each.post) for each in found}):
        there = await postiz.posts.list(start=moment, end=moment)
        beside |= {post.id: post for post in there if post.id not in listed}
    owners = await journal.read(partial(owners_of, post_ids=beside.keys()))
    ours = {each for each, rows in owners.items() if any(ref not in look.apart for ref, _ in rows)}
    others = [post for post_id, post in beside.items() if post_id not in ours]
    if not others:
        return found
    return suspects(look.results, look.requests, look.rows, [*listed.values(), *others])


async def _repair_adopted(
    postiz: OpenClient, journal: Journal, found: Iterable[Suspect]
) -> set[str]:
    """Repair adopted posts; returns refs of rows whose posts may still be incomplete."""
    job = JobContext.of(postiz, journal)
    look_ups = LookUps(job, NewPosts())
    repair = Repair(postiz, look_ups, job.outage)
    unsure: set[str] = set()
    for each in found:
        try:
            age = await look_ups.claim(each.sent.id)
        except OvertakenError:  # the process that looks it up repairs it
            unsure.add(each.ref)
            continue
        end = await repair.complete(each.sent, each.place, each.post, age=age, has_ended=False)
        if end != "whole":
            unsure.add(each.ref)
    return unsure


async def _remove(postiz: OpenClient, doubles: Iterable[Post]) -> set[str]:
    """Delete second posts by their own groups. Returns the ids of those that are gone.

    A post that another host has deleted, or whose answer was lost, counts as gone.
    """
    removed: set[str] = set()
    for post in doubles:
        for pause in (*PAUSES[1:3], None):
            try:
                await delete_whole(postiz.posts, post)
            except NotFoundError:
                removed.add(post.id)
                break
            except (APIConnectionError, ServerError) as error:
                whose = log_of(log, postiz.organization)
                whose.warning("the double %s could not be deleted: %s", post.id, error)
                if pause is not None:
                    await postiz.clock.sleep(pause)
            else:
                removed.add(post.id)
                break
    return removed


def _summed(
    results: Sequence[SweepResult],
    rows: Mapping[str, RowRecord],
    fine: int,
) -> ReconcileResult:
    numbers = Counter(result.state for result in results) + Counter({SweepState.FINE: fine})
    counts = {state.value: numbers[state] for state in SweepState if numbers[state]}
    hidden = {rows[result.ref].channel for result in results if result.state is SweepState.HIDDEN}
    lacking = Counter(tag for result in results for tag in result.tags)
    return ReconcileResult(counts, tuple(sorted(hidden)), lacking)
