"""What was handed over, what became of it, and how an outbox is told what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from postiz_async._delivery.journal_file import RowState
from postiz_async._delivery.options import checked_late
from postiz_async.errors import ConfigurationError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from postiz_async._delivery.options import Late, OnDoubt
    from postiz_async.models.posts import CreatePost

__all__ = ["OVER", "OutboxEntry", "OutboxOptions", "Ticket"]

OVER = frozenset(
    {RowState.STORED, RowState.REFUSED, RowState.LATE, RowState.SKIPPED, RowState.UNDECIDED}
)
"""The states that do not change any more."""


@dataclass(frozen=True, slots=True)
class OutboxOptions:
    """How an outbox works.

    Args:
        path: its SQLite file, on a local disk; several processes of one host may share it.
        late: what is done with posts whose date passes before they can leave: `skip` them,
            `send` them (they are published at once), or move them to so long after that moment.
        on_doubt: what is done with posts whose answer was lost and whose date comes before it
            is proved that they are not stored: `skip` ends them undecided, `send` risks a double.
        keep: for how long the file remembers tickets that are over.
        sends: False only hands over: another process that shares the file sends.

    Raises:
        ConfigurationError: one of them makes no sense.
    """

    path: Path | str
    late: Late = "skip"
    on_doubt: OnDoubt = "skip"
    keep: timedelta = timedelta(days=30)
    sends: bool = True

    def __post_init__(self) -> None:
        checked_late(self.late)
        if self.keep < timedelta(0):
            raise ConfigurationError(f"An outbox cannot keep tickets for {self.keep}.")


@dataclass(frozen=True, slots=True)
class Ticket:
    """One hand-over as it stands at the moment of asking.

    `state` is `planned` (waits for the quota), `sending`, `unknown` (the answer was lost and is
    being looked up), or one of the ends: `stored`, `refused` (by the server), `late`, `skipped`
    (withdrawn) and `undecided` (look for it in Postiz). `at` is the date it is for, None for as
    soon as possible. `leaves_in` is the time in seconds after which it will probably leave; 0
    when it has left. `post_ids` are those that are stored, in order. `reason` says why an end is
    not `stored`, or what holds the outbox up.
    """

    id: str
    state: RowState
    at: datetime | None
    leaves_in: float
    post_ids: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in OVER


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A hand-over as the file has it.

    `due` is in seconds since the epoch: its date, or without one (`is_dated` is False) the moment
    of the hand-over. `sent` is the request whose outcome is open, `sent_at` the wall time of it.
    """

    number: int
    id: str
    owner: str
    state: RowState
    due: float
    is_dated: bool
    body: CreatePost
    post_ids: tuple[str | None, ...]
    sent: CreatePost | None
    sent_at: float | None
    note: str

    @property
    def places(self) -> list[int]:
        """Those of its posts that are not known to be stored."""
        return [place for place, post_id in enumerate(self.post_ids) if post_id is None]

    def request(self, date: str) -> CreatePost:
        """What is to be sent of it, with a marked date."""
        posts = [self.body.posts[place] for place in self.places]
        return replace(self.body, date=date, posts=posts)

    def with_stored(self, ids: dict[int, str]) -> tuple[str | None, ...]:
        """Its post ids with those of a request; `ids` is by place in that request."""
        known = list(self.post_ids)
        places = self.places
        for place, post_id in ids.items():
            known[places[place]] = post_id
        return tuple(known)
