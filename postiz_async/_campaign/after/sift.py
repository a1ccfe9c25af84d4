"""The sweep of very many posts: what lies where it was put is counted and forgotten. PURE.

Nearly all posts of a job are as they were stored. So the list is read window by window, a window
being a range of dates: what was sent to it, and what is listed there. A request whose rows all
have their post, at its instant and with nothing to be said of them, is fine; `sweep` holds the
others against all posts that may have to do with them. Those are

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
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

from postiz_async._campaign.after.findings import SWEPT
from postiz_async._campaign.journal.rows import UNSURE
from postiz_async._delivery.matching import CLIENT_REF, listed_ref
from postiz_async._resources.matching import is_on, stored_at
from postiz_async._wire import parse_date

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from postiz_async._campaign.journal.rows import RowRecord
    from postiz_async._delivery.outcomes import SentRequest
    from postiz_async.models.posts import Post, PostItem


class Outline:
    """What a look has to know of all requests: where to look, and by which marks.

    Args:
        channels: ids of those that exist; of others nothing is listed.
    """

    def __init__(self, channels: Collection[str]) -> None:
        self._channels = channels
        self.days: set[datetime] = set()
        """The days on which something was put."""
        self._hashes = array("q")
        """Of all marks, which themselves would be large."""
        self.hidden: set[int] = set()
        """Ids of requests that have posts on channels that are gone."""
        self.span: tuple[datetime, datetime] | None = None
        """The first and the last moment at which something was put."""

    def add(self, sent: SentRequest) -> None:
        """Note a request."""
        self._hashes.extend(map(hash, _marks(sent)))
        there = [item.integration.id in self._channels for item in sent.body.posts]
        if not all(there):
            self.hidden.add(sent.id)
        if any(there):
            moment = parse_date(sent.body.date)
            self.days.add(day_of(moment))
            first, last = self.span or (moment, moment)
            self.span = min(first, moment), max(last, moment)

    def may_know(self, mark: str) -> bool:
        """Whether a post with this mark may be of a request; asked once all requests are added.

        A mark of somebody else with the hash of one of these is taken for it; `sweep` tells them
        apart.
        """
        place = bisect_left(self._ordered, hash(mark))
        return place < len(self._ordered) and self._ordered[place] == hash(mark)

    @cached_property
    def _ordered(self) -> array[int]:
        return array("q", sorted(self._hashes))


class Sift:
    """Counts the requests that are fine, and keeps what is to be said of the others.

    Args:
        channels: ids of those that exist.
        left_out: ids of posts that nothing is to be said of.
    """

    def __init__(self, channels: Collection[str], left_out: Collection[str]) -> None:
        self._channels = channels
        self._left_out = left_out
        self.fine: dict[int, int] = {}
        """By the id of a request that is fine, its rows."""
        self.lacking: dict[int, Counter[str]] = {}
        """By the id of such a request, how many of its posts do not have a tag."""
        self.unclear: set[int] = set()
        """Ids of the other requests."""
        self.missing: set[str] = set()
        """Ids of posts that are not listed where they were put."""
        self.posts: dict[str, Post] = {}
        """Posts that have, or may have, to do with them."""

    def window(
        self, sent: Iterable[SentRequest], rows: Mapping[str, RowRecord], listed: Iterable[Post]
    ) -> list[Post]:
        """Look at a range of dates.

        Args:
            sent: the requests of it.
            rows: those that were sent in one of these at last, by ref.
            listed: all posts of it.

        Returns:
            The posts that are not of these rows.
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
            elif row.post_id is not None and item.integration.id in self._channels:
                self.missing.add(row.post_id)
            is_fine &= post is not None and self._is_fine(row, item, moment, post)
        if not is_fine or request.id in self.unclear:
            self.unclear.add(request.id)
            self.posts.update((post.id, post) for post in own)
        elif placed:
            self.fine[request.id] = placed
            wanted = {tag.label for tag in request.body.tags}
            lacking = Counter(
                tag for post in own for tag in wanted - {each.tag.name for each in post.tags}
            )
            if lacking:
                self.lacking[request.id] = lacking

    def _is_fine(self, row: RowRecord, item: PostItem, moment: datetime, post: Post) -> bool:
        """Whether a row has its post, with nothing to be said of it or to be written down."""
        channel = item.integration.id
        return (
            stored_at(post) == moment
            and channel in self._channels
            and is_on(channel, post)
            and listed_ref(post.settings) in {"", item.settings.get(CLIENT_REF, "")}
            and int(row.date) == int(moment.timestamp())
            and row.note not in UNSURE
            and row.finding not in SWEPT
        )

    def keep(self, post: Post, requests: Iterable[int]) -> None:
        """Keep a post that has to do with these requests."""
        self.posts[post.id] = post
        self.unclear.update(requests)

    def is_fine(self, request: int) -> bool:
        """Whether all that a request put is there."""
        return request in self.fine and request not in self.unclear

    def forget(self, request: int) -> bool:
        """Count a request among the others; whether it was fine, so that its posts are lacking."""
        self.unclear.add(request)
        self.lacking.pop(request, None)
        return self.fine.pop(request, None) is not None


def brought_in(
    requests: Iterable[SentRequest], found: dict[int, SentRequest], sift: Sift
) -> dict[int, SentRequest]:
    """What one look at all requests adds to those that `sweep` is given, until that is nothing.

    Args:
        requests: all, oldest first.
        found: what was found before.
        sift: has seen all windows.
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
    """The day of a moment, by its beginning."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
