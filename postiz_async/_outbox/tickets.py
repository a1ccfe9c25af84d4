"""Tickets, which show the state of hand-overs, and the options of an outbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from postiz_async._delivery.options import checked_late
from postiz_async._delivery.outcomes import RowState
from postiz_async._wire.secrets import Secret
from postiz_async.errors import UsageError
from postiz_async.models._base import DateTime, Value
from postiz_async.models._durations import read_duration
from postiz_async.stores._addresses import place_of

if TYPE_CHECKING:
    from pathlib import Path

    from postiz_async._delivery.options import Late, OnDoubt


OVER = frozenset(
    {RowState.STORED, RowState.REFUSED, RowState.LATE, RowState.WITHDRAWN, RowState.UNDECIDED}
)
"""The final states."""


@dataclass(frozen=True, slots=True)
class OutboxOptions:
    """Options of an outbox.

    Args:
        path: its SQLite file, on a local disk, which the processes of one host may share; or the
            address of a PostgreSQL, `postgresql://...`, for any number of hosts. None: the outbox
            is in the `store` of the client.
        late: how to treat posts whose date passes before they can leave: `skip` them,
            `send` them (they are published at once), or move them to that long after a slot is
            free (a `timedelta`, or seconds).
        on_doubt: how to treat posts whose answer was lost and whose date comes before it
            is proved that they are not stored: `skip` ends them undecided, `send` risks a double.
        keep: how long finished tickets are kept: a `timedelta`, or seconds.
        sends: False only hands over: another process that shares the outbox sends.
        schema: the schema of the tables in PostgreSQL.

    Raises:
        UsageError: an option has a value that makes no sense.
    """

    path: Path | Secret | str | None = None
    late: Late = "skip"
    on_doubt: OnDoubt = "skip"
    keep: float | timedelta = timedelta(days=30)
    sends: bool = True
    schema: str = "postiz_async"

    def __post_init__(self) -> None:
        if self.path is not None:  # an address may have a password
            object.__setattr__(self, "path", place_of(self.path))
        checked_late(self.late)
        keep = read_duration(self.keep)
        if keep is None or keep < timedelta(0):
            raise UsageError(f"An outbox cannot keep tickets for {self.keep!r}.")
        object.__setattr__(self, "keep", keep)

    @property
    def database(self) -> Secret | None:
        """The address of a PostgreSQL database; None: the outbox is in a file."""
        return self.path if isinstance(self.path, Secret) else None


class Ticket(Value, frozen=True):
    """A hand-over as it stood at the moment of the call.

    `state` is `planned` (waits for the quota), `sending`, `unknown` (the answer was lost and is
    being looked up), or a final state: `stored`, `refused` (by the server), `late`,
    `withdrawn` and `undecided` (look for it in Postiz). `at` is the date it is for, None for as
    soon as possible. `leaves_in` is the time in seconds after which it will probably leave; 0
    when it has left. `post_ids` are those that are stored, in order. `reason` says why an end is
    not `stored`, what came in the place of a lost answer, or what holds the outbox up.
    """

    id: str
    state: RowState
    at: DateTime | None
    leaves_in: float
    post_ids: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_over(self) -> bool:
        """Whether the state is final."""
        return self.state in OVER


class TicketEvent(Value, frozen=True):
    """A ticket has ended.

    `ticket` says how, as `outbox.get` does. `organization` is the name of its organisation, empty
    if the client has none. `cursor` is where to go on: `outbox.events(after=event.cursor)`.
    """

    ticket: Ticket
    organization: str
    cursor: str
