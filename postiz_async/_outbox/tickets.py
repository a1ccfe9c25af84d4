"""What was handed over, what became of it, and how an outbox is told what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from msgspec.structs import replace

from postiz_async._delivery.journal_file import RowState
from postiz_async._delivery.options import checked_late
from postiz_async._wire.secrets import Secret
from postiz_async.errors import UsageError
from postiz_async.models._base import DateTime, Value
from postiz_async.models.posts import CreatePost

if TYPE_CHECKING:
    from postiz_async._delivery.options import Late, OnDoubt


OVER = frozenset(
    {RowState.STORED, RowState.REFUSED, RowState.LATE, RowState.SKIPPED, RowState.UNDECIDED}
)
"""The states that do not change any more."""


@dataclass(frozen=True, slots=True)
class OutboxOptions:
    """How an outbox works.

    Args:
        path: its SQLite file, on a local disk, which the processes of one host may share; or the
            address of a PostgreSQL, `postgresql://...`, for any number of hosts.
        late: what is done with posts whose date passes before they can leave: `skip` them,
            `send` them (they are published at once), or move them to that long after a slot is
            free.
        on_doubt: what is done with posts whose answer was lost and whose date comes before it
            is proved that they are not stored: `skip` ends them undecided, `send` risks a double.
        keep: for how long tickets that are over are remembered.
        sends: False only hands over: another process that shares the outbox sends.
        schema: of the tables in PostgreSQL.

    Raises:
        UsageError: an option has a value that makes no sense.
    """

    path: Path | Secret | str
    late: Late = "skip"
    on_doubt: OnDoubt = "skip"
    keep: timedelta = timedelta(days=30)
    sends: bool = True
    schema: str = "postiz_async"

    def __post_init__(self) -> None:
        if not isinstance(self.path, Path):  # an address may have a password
            place = Secret.of(self.path)
            where = place if is_postgres(place) else Path(place.reveal())
            object.__setattr__(self, "path", where)
        checked_late(self.late)
        if self.keep < timedelta(0):
            raise UsageError(f"An outbox cannot keep tickets for {self.keep}.")

    @property
    def database(self) -> Secret | None:
        """The address of a PostgreSQL; None: it is a file."""
        return self.path if isinstance(self.path, Secret) else None


def is_postgres(where: Secret) -> bool:
    """Whether a place is the address of a PostgreSQL, and no path."""
    return where.reveal().startswith(("postgresql://", "postgres://"))


class Ticket(Value, frozen=True):
    """One hand-over as it stands at the moment of asking.

    `state` is `planned` (waits for the quota), `sending`, `unknown` (the answer was lost and is
    being looked up), or one of the ends: `stored`, `refused` (by the server), `late`, `skipped`
    (withdrawn) and `undecided` (look for it in Postiz). `at` is the date it is for, None for as
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
        """Whether nothing more will happen to it."""
        return self.state in OVER


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A hand-over as the file has it.

    `due` is in seconds since the epoch: its date, or without one (`is_dated` is False) the moment
    of the hand-over. `sent` is the request whose outcome is open, `sent_at` the wall time of it,
    and `mended_at` that of the last repair of a post of it; an older one is of an older request.
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
    mended_at: float | None = None

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


def ticket_of(entry: OutboxEntry, leaves_in: float, held_up_by: str) -> Ticket:
    """A hand-over as its user sees it.

    Args:
        entry: the hand-over.
        leaves_in: seconds after which it will probably leave, if it waits.
        held_up_by: what holds those up that wait; empty: nothing.
    """
    waits = entry.state is RowState.PLANNED
    return Ticket(
        id=entry.id,
        state=entry.state,
        at=datetime.fromtimestamp(entry.due, UTC) if entry.is_dated else None,
        leaves_in=leaves_in if waits else 0.0,
        post_ids=tuple(post_id for post_id in entry.post_ids if post_id is not None),
        reason=held_up_by if waits else entry.note,
    )


EntryRow: TypeAlias = tuple[
    int,
    str,
    str,
    str,
    float,
    bool | int,
    bytes | str,
    bytes | str,
    bytes | str | None,
    float | None,
    str,
    float | None,
]
"""A hand-over as a table has it: the fields of `OutboxEntry` in order, structs as JSON."""


def read_entry(row: EntryRow) -> OutboxEntry:
    """The hand-over in a row of a table.

    Raises:
        msgspec.MsgspecError: its JSON is not what was written.
        ValueError: its state is none.
        OverflowError: its date is none.
    """
    number, ticket, owner, state, due, dated, body, ids, sent, sent_at, note, mended_at = row
    datetime.fromtimestamp(due, UTC)  # for the error that it may raise
    return OutboxEntry(
        number,
        ticket,
        owner,
        RowState(state),
        due,
        bool(dated),
        msgspec.json.decode(body, type=CreatePost),
        read_post_ids(ids),
        msgspec.json.decode(sent, type=CreatePost) if sent is not None else None,
        sent_at,
        note,
        mended_at,
    )


def read_post_ids(column: bytes | str) -> tuple[str | None, ...]:
    """The ids of a hand-over's posts, None for what is not known to be stored.

    Raises:
        msgspec.MsgspecError: it is not what was written.
    """
    return msgspec.json.decode(column, type=tuple[str | None, ...])


def to_column(moment: datetime) -> int:
    """A moment as a column has it: whole milliseconds since the epoch."""
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def from_column(milliseconds: int) -> datetime:
    """A moment from its column."""
    second, rest = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(second, UTC).replace(microsecond=rest * 1000)
