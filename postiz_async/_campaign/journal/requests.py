"""Requests of a campaign, as deliveries in its journal."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.purposes import Changes, NewPosts, Purpose, RowEnd
from postiz_async._campaign.journal.tables import OPEN, KeptRequest, Tables, read_requests
from postiz_async._delivery.handle import Handle
from postiz_async._delivery.matching import in_milliseconds
from postiz_async._delivery.outcomes import SentRequest
from postiz_async._delivery.record import DeliveryRecord, sent_request
from postiz_async._wire import parse_date
from postiz_async.models.posts import PostRequest
from postiz_async.stores import Kept, in_micros, new_version


class RequestHandle(Handle):
    """A request in its journal.

    Args:
        journal: an open journal.
        purpose: the purpose of the request.
        name: a unique name.
    """

    body: PostRequest
    """The body of the request."""
    refs: tuple[str, ...]
    """The refs of its rows, in order."""

    def __init__(self, journal: Journal, purpose: Purpose, name: str) -> None:
        super().__init__(journal.clock, what=f"A request in the journal {journal.name}")
        self.number: int = 0
        self.date: float | None = None
        """The date of its rows when it leaves, in seconds since the epoch; None: the rows' own
        dates."""
        self.notes: Mapping[int, str] = {}
        """Notes on the rows of stored posts when the request ends, by place."""
        self.ends: Mapping[int, RowEnd] = {}
        """The states of the other rows when the request ends."""
        self._journal = journal
        self._purpose = purpose
        self._name = name
        self._ahead = journal.ahead

    @classmethod
    def found(cls, journal: Journal, purpose: Purpose, kept: KeptRequest) -> RequestHandle:
        """Make the handle of a request read from the journal."""
        handle = cls(journal, purpose, kept.id)
        handle.number, handle.version, handle.record = kept.number, kept.version, kept.record
        handle.body, handle.refs = kept.body, kept.sent.refs
        return handle

    @property
    def is_free(self) -> bool:
        """Whether no process is at work on the request, according to the journal."""
        kept = self.record
        return not (kept.is_leaving_at(self.now()) or kept.is_held_at(self.now()))

    @property
    def sent(self) -> SentRequest:
        """The request as it was sent."""
        return sent_request(self.record, self.body, self.number, self.refs)

    async def _get(self) -> Kept:
        return await self._journal.do(self._kept)

    async def _put(self, delivery: DeliveryRecord, value: bytes) -> tuple[bool, Kept]:
        def write(t: Tables) -> tuple[bool, Kept]:
            version = new_version()
            time = t.kept_time() if delivery.state == "leaving" else t.time()
            columns = {
                "id": self._name,
                "was": self.version,
                "version": version,
                "value": value,
                "kind": self._purpose.kind,
                "state": delivery.state,
                "mark": _mark(delivery),
                "posts": len(delivery.posts),
                "sent_at": in_micros(delivery.served_at),
                "moment": in_milliseconds(parse_date(delivery.date)),
            }
            if self.version:
                done = t.execute(_SWAP, **columns).fetchall()
            else:
                done = t.execute(_INSERT, **columns, body=msgspec.json.encode(self.body)).fetchall()
            if not done:
                return False, self._kept(t)
            [(self.number,)] = done
            if delivery.state == "leaving":
                self._purpose.leave(t, self, version)
            elif delivery.is_over:
                self._purpose.end(t, self, version, delivery.posts)
            elif self.record.state == "leaving" and not delivery.holder:
                self._purpose.lose(t, self, version, delivery.note)
            return True, Kept(value, version, time)

        return await self._journal.do(write, whole=delivery.is_over)

    def _kept(self, t: Tables) -> Kept:
        kept = t.execute(_KEPT, id=self._name).fetchone()
        self.number, value, version = kept or (0, None, 0)
        return Kept(value, version, t.time())


def _mark(delivery: DeliveryRecord) -> int | None:
    """The milliseconds reserved for the request while posts with them may exist."""
    moment = in_milliseconds(parse_date(delivery.date))
    is_used = delivery.stored or delivery.state in {"leaving", "lost", "undecided"}
    return moment if is_used and moment % 1000 else None


_KEPT = """
SELECT number, value, version FROM {s}campaign_requests WHERE campaign = :campaign AND id = :id
"""

_INSERT = """
INSERT INTO {s}campaign_requests
    (campaign, id, version, kind, state, posts, sent_at, moment, mark, value, body)
VALUES (:campaign, :id, :version, :kind, :state, :posts, :sent_at, :moment, :mark, :value, :body)
ON CONFLICT (campaign, id) DO NOTHING RETURNING number
"""

_SWAP = """
UPDATE {s}campaign_requests SET version = :version, state = :state, sent_at = :sent_at,
    moment = :moment, mark = :mark, value = :value
WHERE campaign = :campaign AND id = :id AND version = :was RETURNING number
"""


async def open_requests(journal: Journal, purpose: Purpose) -> list[RequestHandle]:
    """The requests of this purpose whose outcome is unknown, the oldest first."""
    where = f"AND kind = :kind {OPEN}"

    def work(t: Tables) -> list[RequestHandle]:
        kept = read_requests(t, where, kind=purpose.kind)
        return [RequestHandle.found(journal, purpose, each) for each in kept]

    return await journal.do(work)


def refs_in_doubt(t: Tables) -> frozenset[str]:
    """The refs of rows in changes whose outcome is unknown."""
    kept = read_requests(t, f"AND kind = :kind {OPEN}", kind=Changes().kind)
    return frozenset(ref for each in kept for ref in each.sent.refs)


async def open_request(journal: Journal, number: int) -> RequestHandle | None:
    """The request for new posts with this number, while its outcome is unknown."""
    where = f"AND number = :number {OPEN}"

    def work(t: Tables) -> RequestHandle | None:
        kept = next(read_requests(t, where, number=number), None)
        return None if kept is None else RequestHandle.found(journal, NewPosts(), kept)

    return await journal.do(work)
