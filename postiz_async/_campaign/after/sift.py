"""Sift very many posts for a sweep: posts that are where they were put are only counted. PURE.

Nearly all posts of a job are as they were stored. So the list is read window by window, a window
being a range of dates: what was sent to it, and what is listed there. A request is fine if all its
rows have their post at its instant and need no remark; `sweep` compares the others with all posts
that may be related. Related requests are added by these rules:

| post                                      | brings in                                          |
|-------------------------------------------|----------------------------------------------------|
| of a row, elsewhere than where it was put | the request in which the row was sent              |
| of nobody                                 | the requests of its second, which may be equal     |
| with the mark of a row                    | the requests of that row                           |

and with a request come the others in which its rows were sent. So `sweep` says of each row what it
would say if it were given everything.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from postiz_async._campaign.after.sweep import SWEPT, lacking_tags
from postiz_async._campaign.journal.rows import UNSURE, RowRecord
from postiz_async._campaign.run.conditions import was_made_draft
from postiz_async._delivery.matching import CLIENT_REF, listed_ref
from postiz_async._delivery.outcomes import SentRequest
from postiz_async._resources.matching import is_on, stored_at
from postiz_async._wire import parse_date
from postiz_async.models.posts import Post, PostItem


class Outline:
    """What a look has to know of all requests: days to list, and marks to recognise.

    Args:
        channels: ids of existing channels; posts of others are not listed.
    """

    def __init__(self, channels: Collection[str]) -> None:
        self._channels = channels
        self.days: set[datetime] = set()
        """The days on which posts were put."""
        self._hashes = array("q")
        """Hashes of all marks; the marks themselves would take much memory."""
        self.hidden: set[int] = set()
        """Ids of requests that have posts on channels that are gone."""
        self.span: tuple[datetime, datetime] | None = None
        """The first and the last moment at which posts were put."""

    def add(self, sent: SentRequest) -> None:
        """Add a request."""
        self._hashes.extend(map(hash, _marks(sent)))
        there = [item.channel.id in self._channels for item in sent.body.posts]
        if not all(there):
            self.hidden.add(sent.id)
        if any(there):
            moment = parse_date(sent.body.date)
            self.days.add(day_of(moment))
            first, last = self.span or (moment, moment)
            self.span = min(first, moment), max(last, moment)

    def may_know(self, mark: str) -> bool:
        """Whether a post with this mark may belong to a request, once all requests are added.

        Another mark with an equal hash is accepted too; `sweep` tells them apart.
        """
        place = bisect_left(self._ordered, hash(mark))
        return place < len(self._ordered) and self._ordered[place] == hash(mark)

    @cached_property
    def _ordered(self) -> array[int]:
        return array("q", sorted(self._hashes))


class Sift:
    """Counts the requests that are fine, and keeps the posts of the others.

    Args:
        channels: ids of existing channels.
        left_out: ids of posts that need no remark.
    """

    def __init__(self, channels: Collection[str], left_out: Collection[str]) -> None:
        self._channels = channels
        self._left_out = left_out
        self.fine: dict[int, int] = {}
        """The number of rows of each request that is fine, by request id."""
        self.unclear: set[int] = set()
        """Ids of requests that are not fine."""
        self.missing: set[str] = set()
        """Ids of posts that are not listed where they were put."""
        self.posts: dict[str, Post] = {}
        """Posts that may be related to requests that are not fine."""

    def window(
        self, sent: Iterable[SentRequest], rows: Mapping[str, RowRecord], listed: Iterable[Post]
    ) -> list[Post]:
        """Check a range of dates.

        Args:
            sent: the requests of this range.
            rows: rows that were last sent in one of these, by ref.
            listed: all posts of this range.

        Returns:
            The posts that do not belong to these rows.
        """
        posts = {post.id: post for post in listed if post.id not in self._left_out}
        for request in sent:
            self._judge(request, rows, posts)
        return list(posts.values())

    def _judge(
        self, request: SentRequest, rows: Mapping[str, RowRecord], posts: dict[str, Post]
    ) -> None:
        moment = parse_date(request.body.date)
        own: list[Post] = []
        is_fine, placed = True, 0
        for ref, item in zip(request.refs, request.body.posts, strict=True):
            row = rows.get(ref)
            if row is None or row.request != request.id:
                continue
            placed += 1
            post = posts.pop(row.post_id or "", None)
            if post is not None:
                own.append(post)
            elif row.post_id is not None and item.channel.id in self._channels:
                self.missing.add(row.post_id)
            is_fine &= (
                post is not None
                and self._is_fine(row, item, moment, post)
                and not lacking_tags((tag.label for tag in request.body.tags), post)
            )
        if not is_fine or request.id in self.unclear:
            self.unclear.add(request.id)
            self.posts.update((post.id, post) for post in own)
        elif placed:
            self.fine[request.id] = placed

    def _is_fine(self, row: RowRecord, item: PostItem, moment: datetime, post: Post) -> bool:
        """Whether a row has its post and needs neither a remark nor an update of its record."""
        channel = item.channel.id
        return (
            stored_at(post) == moment
            and channel in self._channels
            and is_on(channel, post)
            and listed_ref(post.settings) in {"", item.settings.get(CLIENT_REF, "")}
            and int(row.seconds) == int(moment.timestamp())
            and row.note not in UNSURE
            and row.finding not in SWEPT
            and not was_made_draft(row, post)
        )

    def keep(self, post: Post, requests: Iterable[int]) -> None:
        """Keep a post that is related to these requests."""
        self.posts[post.id] = post
        self.unclear.update(requests)

    def is_fine(self, request: int) -> bool:
        """Whether all posts of a request are where they were put."""
        return request in self.fine and request not in self.unclear

    def forget(self, request: int) -> bool:
        """Count a request as not fine; True if it was fine, so that its posts were not kept."""
        self.unclear.add(request)
        return self.fine.pop(request, None) is not None


def related_requests(
    requests: Iterable[SentRequest], found: dict[int, SentRequest], sift: Sift
) -> dict[int, SentRequest]:
    """One more round of related requests for `sweep`; repeat until there are none.

    Args:
        requests: all requests, the oldest first.
        found: the requests found so far.
        sift: a sift that has seen all windows.
    """
    refs = {ref for sent in found.values() for ref in sent.refs}
    marks = {listed_ref(post.settings) for post in sift.posts.values()} - {""}
    more: dict[int, SentRequest] = {}
    for sent in requests:
        if sent.id in found:
            continue
        is_of_these = sent.id in sift.unclear or not refs.isdisjoint(sent.refs)
        if is_of_these or not marks.isdisjoint(_marks(sent)):
            more[sent.id] = sent
            refs.update(sent.refs)
    return more


def _marks(sent: SentRequest) -> Sequence[str]:
    marks = (item.settings.get(CLIENT_REF) for item in sent.body.posts)
    return [mark for mark in marks if isinstance(mark, str)]


def day_of(moment: datetime) -> datetime:
    """The beginning of the day of a moment."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
