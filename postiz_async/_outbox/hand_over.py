"""A hand-over: a delivery in the store of an outbox, and the ticket that its user gets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from postiz_async._delivery.handle import Handle
from postiz_async._delivery.matching import CLIENT_REF, in_milliseconds
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.transitions import OvertakenError
from postiz_async._outbox.tickets import Ticket
from postiz_async._wire import parse_date
from postiz_async.errors import StoreError
from postiz_async.models.posts import PostRequest
from postiz_async.stores import Kept
from postiz_async.stores._deliveries import DeliveryColumns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postiz_async._delivery.record import DeliveryRecord, State
    from postiz_async.clock import Clock
    from postiz_async.stores._deliveries import Deliveries, KeptDelivery

_ROW_STATES: Mapping[State, RowState] = {
    "planned": RowState.PLANNED,
    "leaving": RowState.SENDING,
    "lost": RowState.UNKNOWN,
    "stored": RowState.STORED,
    "refused": RowState.REFUSED,
    "late": RowState.LATE,
    "withdrawn": RowState.WITHDRAWN,
    "undecided": RowState.UNDECIDED,
}

_MARKED = frozenset({"leaving", "lost", "stored", "undecided"})
"""States in which posts with the mark of the delivery may exist."""


class HandOver(Handle):
    """A delivery in the store of an outbox.

    Args:
        deliveries: the store.
        kept: the delivery as read from the store.
        clock: the clock of the client.

    Raises:
        StoreError: another version wrote it.
    """

    def __init__(self, deliveries: Deliveries, kept: KeptDelivery, clock: Clock) -> None:
        super().__init__(clock, what=f"Ticket {kept.id}")
        self.number: int = kept.number
        self.scope: str = kept.scope
        self.id: str = kept.id
        self._deliveries = deliveries
        self.saw(_kept(kept))
        try:
            self.body: PostRequest = msgspec.json.decode(kept.body, type=PostRequest)
            datetime.fromtimestamp(self.record.due, UTC)  # for the error that it may raise
        except (msgspec.MsgspecError, ValueError, OverflowError) as error:
            raise self.unreadable(error) from error

    async def _get(self) -> Kept:
        found = await self._deliveries.get(self.id)
        if found is None:
            raise StoreError(f"Ticket {self.id} is gone from {self._deliveries.where}.")
        return _kept(found)

    async def _put(self, delivery: DeliveryRecord, value: bytes) -> tuple[bool, Kept]:
        columns = columns_of(delivery)
        done, found = await self._deliveries.swap(self.number, self.version, value, columns)
        if found is None:
            raise OvertakenError
        return done, _kept(found)

    def request(self, date: str) -> PostRequest:
        """The create request for this hand-over, with a marked date."""
        posts = [self.body.posts[place] for place in self.record.missing]
        return replace(self.body, date=date, posts=posts)

    def ref(self, place: int) -> str:
        """The `client_ref` of the post at a place."""
        return str(self.body.posts[place].settings.get(CLIENT_REF))

    @property
    def at(self) -> datetime:
        """The date at which the posts are due."""
        return datetime.fromtimestamp(self.record.due, UTC)

    def ticket(self, leaves_in: float = 0.0, held_up_by: str = "") -> Ticket:
        """The ticket that the user gets.

        Args:
            leaves_in: seconds until it will probably leave, if it waits.
            held_up_by: the reason why it waits for longer; empty: there is none.
        """
        kept = self.record
        waits = kept.state == "planned"
        return Ticket(
            id=self.id,
            state=_ROW_STATES[kept.state],
            at=self.at if kept.is_dated else None,
            leaves_in=leaves_in if waits else 0.0,
            post_ids=tuple(kept.stored.values()),
            reason=held_up_by if waits else kept.note,
        )


def columns_of(delivery: DeliveryRecord) -> DeliveryColumns:
    """The columns that a store can query; their states are those of tickets."""
    has_mark = delivery.state in _MARKED and delivery.date
    return DeliveryColumns(
        state=_ROW_STATES[delivery.state].value,
        is_over=delivery.is_over,
        due=delivery.due,
        is_dated=delivery.is_dated,
        until=delivery.until,
        mark=in_milliseconds(parse_date(delivery.date)) if has_mark else None,
        post_ids=tuple(delivery.stored.values()),
    )


def _kept(found: KeptDelivery) -> Kept:
    return Kept(found.value, found.version, found.time)
