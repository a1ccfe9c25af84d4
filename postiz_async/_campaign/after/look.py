"""Look at all posts of a journal in Postiz: what is out, what people did to them. Changes nothing.

Nearly all posts are as they were stored, so the list is read window by window (`sift`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from postiz_async._campaign.after.sift import Outline, Sift, day_of, related_requests
from postiz_async._campaign.after.sweep import suspects, sweep, with_findings
from postiz_async._campaign.journal.rows import Finding
from postiz_async._campaign.journal.tables import (
    OPEN,
    Tables,
    dates_of_rows,
    each_request,
    near_posts,
    owners_of,
    read_copies,
    read_rows,
    rows_of,
    rows_sent_in,
    sent_between,
)
from postiz_async._campaign.run.conditions import intents
from postiz_async._delivery.listing import Calendar
from postiz_async._delivery.matching import listed_ref
from postiz_async._delivery.outcomes import RowState, SentRequest
from postiz_async._resources.listing import SEARCHED, TICK, Chunks
from postiz_async._resources.matching import stored_at
from postiz_async._resources.watch import publish_events
from postiz_async._wire import parse_date
from postiz_async.models._durations import describe_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from postiz_async._campaign.after.sweep import Suspect, SweepResult
    from postiz_async._campaign.journal.rows import RowRecord
    from postiz_async._campaign.run.resume import ReadJournal
    from postiz_async._resources.api import OpenClient
    from postiz_async.models.posts import Post

PATIENCE = timedelta(minutes=15)
"""How long to wait for a post after its date; later the server must have a problem."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A journal compared with the server's list.

    `sift` has only the number of rows that are fine. `apart` are refs of rows that are left out.
    """

    rows: Mapping[str, RowRecord]
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
        firsts = {v.ref: v.post for v in self.results if v.is_adopted}
        return [self._keeping_own(each, firsts, unsure) for each in self.results]

    def _keeping_own(
        self, result: SweepResult, firsts: Mapping[str, Post | None], unsure: Collection[str]
    ) -> SweepResult:
        own = self.sift.posts.get(self.rows[result.ref].post_id or "")
        if own is None or result.ref not in unsure or result.ref not in firsts:
            return result
        if result.is_adopted:
            return replace(result, post=own, is_adopted=False)
        if result.post is not None and result.post.id == own.id:
            return replace(result, post=firsts[result.ref], may_delete=False)
        return result


_IS_WITHDRAWN = f"AND state IN ('{RowState.WITHDRAWING}', '{RowState.WITHDRAWN}')"
"""Rows whose posts were deleted on purpose; the deletion itself checks them."""


_OPEN = f"AND kind = :kind {OPEN}"


async def look_at(postiz: OpenClient, read: ReadJournal) -> Comparison:
    """Compare a journal with the server's list, but for requests that a run will look up.

    Raises:
        PostizError: the posts could not be listed.
    """
    channels = frozenset(channel.id for channel in await postiz.channels.list())
    in_doubt = await read(lambda t: list(each_request(t, _OPEN, kind="create")))
    changes = await read(lambda t: list(each_request(t, _OPEN, kind="replace")))
    held = {ref for each in in_doubt for ref in each.refs}
    changing = {ref for each in changes for ref in each.refs}
    apart = await read(lambda t: [*read_rows(t, _IS_WITHDRAWN), *rows_of(t, changing)])
    copies = {copy.post_id for copy in await read(read_copies)}
    copies |= {row.post_id for row in apart if row.post_id is not None}
    left_out = held | {row.ref for row in apart}
    look = _Survey(postiz, read, channels, copies, left_out)
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
    return Comparison(rows, requests, look.sift, results, left_out)


@dataclass(slots=True)
class _Survey:
    """One look at all posts that a journal accounts for, reading the list window by window.

    Args:
        postiz: the client.
        read: queries the journal.
        channels: ids of existing channels.
        copies: ids of posts that are left out.
        apart: refs of rows that are left out.
    """

    postiz: OpenClient
    read: ReadJournal
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
        found = await self.read(query)
        return {row.ref: row for row in found if row.ref not in self.apart}

    async def requests(self) -> list[SentRequest]:
        """The requests that `sweep` has to check; `sift.posts` has the posts for them."""
        await self.read(self._outlined)
        self.sift.unclear |= self._outline.hidden
        for day in sorted(self._outline.days):
            await self._look_at(day)
        await self._search()
        found: dict[int, SentRequest] = {}
        if self.sift.unclear or self.sift.posts:
            found = await self.read(self._related_requests)
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
            sent = await self.read(partial(sent_between, first=start, last=end))
            rows = await self.rows(partial(rows_sent_in, requests=[each.id for each in sent]))
            strays = self.sift.window(sent, rows, listed)
            elsewhere = self._outline.days - {day}  # repetitions are seen where they are stored
            await self._keep(p for p in strays if day_of(stored_at(p)) not in elsewhere)

    async def _keep(self, strays: Iterable[Post]) -> None:
        """Keep stray posts that may belong to requests that are not fine."""
        posts = [post for post in strays if post.id not in self.copies]
        asked = [(post.id, stored_at(post)) for post in posts]
        near = await self.read(partial(near_posts, posts=asked))
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


async def suspects_of(postiz: OpenClient, read: ReadJournal, look: Comparison) -> Sequence[Suspect]:
    """Posts that may be incomplete; other posts at their instants prove that some are complete."""
    listed = look.sift.posts
    found = suspects(look.results, look.requests, look.rows, listed.values())
    beside: dict[str, Post] = {}
    for moment in sorted({stored_at(each.post) for each in found}):
        there = await postiz.posts.list(start=moment, end=moment)
        beside |= {post.id: post for post in there if post.id not in listed}
    owners = await read(partial(owners_of, post_ids=beside.keys()))
    ours = {each for each, rows in owners.items() if any(ref not in look.apart for ref, _ in rows)}
    others = [post for post_id, post in beside.items() if post_id not in ours]
    if not others:
        return found
    return suspects(look.results, look.requests, look.rows, [*listed.values(), *others])


async def rows_today(
    postiz: OpenClient, read: ReadJournal, rows: Mapping[str, RowRecord]
) -> list[RowRecord]:
    """The rows that are otherwise in Postiz than the journal says, as they are there.

    Rows that another process changes meanwhile are left out, and so are those of requests that a
    run will look up.

    Args:
        postiz: the client.
        read: queries the journal.
        rows: the rows of the journal, read before, by ref.

    Raises:
        PostizError: the posts could not be listed.
    """
    ended = await ended_today(postiz, rows.values())
    look = await look_at(postiz, read)
    unsure = {each.ref for each in await suspects_of(postiz, read, look)}
    same = {
        ref: row
        for ref, row in look.rows.items()
        if ref in rows and row.version == rows[ref].version
    }
    results = [each for each in look.keeping_own(unsure) if each.ref in same]
    found = with_findings({**same, **ended}, results, unsure=unsure & same.keys())
    return list({**ended, **{row.ref: row for row in found}}.values())


async def ended_today(postiz: OpenClient, rows: Iterable[RowRecord]) -> dict[str, RowRecord]:
    """The rows whose posts are published, failed or stuck, by ref."""
    now = postiz.scheduler.server_time()
    ended: dict[str, RowRecord] = {}
    due = sorted(
        (row for row in rows if row.state is RowState.STORED and row.seconds <= now),
        key=lambda row: row.seconds,
    )
    calendar, late = Calendar(postiz.posts.list), now - PATIENCE.total_seconds()
    for day, there in groupby(due, key=lambda row: day_of(row.at)):
        calendar.forget()  # the posts of one day are enough to keep
        await calendar.look([day])
        ended |= {r.ref: r for r in await ended_rows(postiz, there, calendar.posts, late)}
    return ended


async def ended_rows(
    postiz: OpenClient, due: Iterable[RowRecord], listed: Mapping[str, Post], stuck_before: float
) -> list[RowRecord]:
    """The rows whose posts are published or failed, or still queued, as they are now.

    Args:
        postiz: the client.
        due: rows whose date is over.
        listed: listed posts, by id.
        stuck_before: posts in the queue are stuck if they were due before, seconds since the epoch.
    """
    posts = ((row, listed.get(row.post_id or "")) for row in due)
    there = [(row, post) for row, post in posts if post is not None]
    told = await publish_events([post for _, post in there], postiz.notifications.list)
    events = {event.post.id: event for event in told}
    ended: list[RowRecord] = []
    for row, post in there:
        event = events.get(post.id)
        if event is not None:
            state = RowState.PUBLISHED if event.is_published else RowState.FAILED
            link = event.link if event.is_published else ""
            ended.append(_settled(row, state, event.reason, link))
        elif post.state != "DRAFT" and row.seconds <= stuck_before:
            since = describe_seconds(postiz.scheduler.server_time() - row.seconds)
            remark = f"still {post.state or 'without a state'} {since} after its date"
            ended.append(replace(row, finding=Finding.STUCK, remark=remark))
    return ended


def _settled(row: RowRecord, state: RowState, note: str, link: str) -> RowRecord:
    """A row in a final state, without the finding that it was stuck."""
    row = replace(row, state=state, note=note or row.note, link=link)
    if row.finding is Finding.STUCK:
        return replace(row, finding=Finding.NOTHING, remark="")
    return row
