"""The dates by which the requests of a job are known, and which of them need no mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async.delivery.marks import MillisecondMarks
from postiz_async.wire import parse_date

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from postiz_async.batch.rows import Row
    from postiz_async.delivery.journal import SentRequest
    from postiz_async.models.integrations import Integration

__all__ = ["Marking"]


class Marking:
    """Gives each request its date.

    With exact seconds a request goes without a mark, unless one of its posts says what another
    of the same second says: then their posts could not be told apart.

    Args:
        exact_seconds: see above.
        first: the milliseconds to begin with, other ones on each host.
    """

    def __init__(self, *, exact_seconds: bool, first: int) -> None:
        self._exact = exact_seconds
        self._marks = MillisecondMarks(first=first)
        self._said: set[tuple[datetime, str, str]] = set()

    def take(self, moment: datetime) -> None:
        """Note that an exact moment is in use."""
        self._marks.take(moment)

    def lost(self, sent: SentRequest) -> None:
        """Note a request of an earlier run whose outcome is not known."""
        moment = parse_date(sent.body.date)
        self.take(moment)
        second = moment.replace(microsecond=0)
        self._said.update((second, p.integration.id, p.value[0].content) for p in sent.body.posts)

    def mark(self, moment: datetime, posts: Iterable[tuple[Row, Integration]]) -> datetime:
        """The date of a request.

        Args:
            moment: when its posts go out.
            posts: its rows and their channels.
        """
        if not self._exact:
            return self._marks.mark(moment)
        second = moment.replace(microsecond=0)
        says = {(second, channel.id, row.content) for row, channel in posts}
        is_alone = says.isdisjoint(self._said)
        self._said |= says
        return second if is_alone else self._marks.mark(moment)
