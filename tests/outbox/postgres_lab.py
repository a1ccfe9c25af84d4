"""An outbox in PostgreSQL: a schema of its own, and what is in it."""

from __future__ import annotations

import atexit
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from postgres_server import shared_server

from postiz_async import PostizError
from postiz_async._delivery import transitions
from postiz_async._delivery.record import DeliveryPost, DeliveryRecord, write_record
from postiz_async._outbox.hand_over import HandOver, columns_of
from postiz_async._outbox.places import deliveries_of
from postiz_async._scheduler.calls import PREPARED_SECONDS
from postiz_async._wire import format_date
from postiz_async.clock import JumpingClock
from postiz_async.models.posts import PostItem, PostRequest
from postiz_async.stores._deliveries import NewDelivery
from postiz_async.stores._postgres import Database
from postiz_async.stores.postgres import ddl

if TYPE_CHECKING:
    from collections.abc import Callable

    from outbox_lab import OutboxLab
    from postgres_server import PostgresServer

    from postiz_async.clock import Timer

__all__ = ["GoneSender", "OtherClock", "Place"]


class TablesClock(JumpingClock):
    """Jumps, and the clock of a PostgreSQL with it.

    Args:
        server: its database on a clock shows the same time.
        start: as of `JumpingClock`.
    """

    def __init__(self, server: PostgresServer, start: float) -> None:
        super().__init__(start)
        self._first = start
        server.database_on_a_clock()
        server.clock_file.touch(0o644)
        self._file = server.clock_file
        self._tell()

    def _tell(self) -> None:
        with self._file.open("r+") as file:  # never empty
            file.write(f"{self._first + self.monotonic():.6f}")

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        self._tell()

    def _ring(self) -> None:
        super()._ring()
        self._tell()


@dataclass(frozen=True)
class Place:
    """A schema with the tables of this library, in a database whose time a test lets pass."""

    server: PostgresServer
    schema: str = field(default_factory=lambda: f"test_{secrets.token_hex(8)}")
    user: str = "postgres"

    @classmethod
    def made(cls, server: PostgresServer | None = None, **options: Any) -> Place:
        """A new one."""
        place = cls(server or shared_server(), **options)
        place.run(ddl(place.schema))
        return place

    def clock(self, start: float) -> TablesClock:
        """A clock that moves that of the tables too."""
        return TablesClock(self.server, start)

    @property
    def url(self) -> str:
        return self.server.address(self.server.database_on_a_clock(), user=self.user)

    def database(self, **options: Any) -> Database:
        """Connections to it."""
        return Database(self.url, schema=self.schema, **options)

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement about `scopes` or `deliveries`, as the superuser."""
        import psycopg  # noqa: PLC0415  (an extra)

        address = self.server.address(self.server.database_on_a_clock())
        try:
            return self._rows(_connection(address), statement)
        except psycopg.OperationalError:  # the server was stopped meanwhile
            _CONNECTIONS.pop(address).close()
            return self._rows(_connection(address), statement)

    def _rows(self, connection: Any, statement: str) -> list[tuple[Any, ...]]:
        connection.execute(f'SET search_path TO "{self.schema}", clock, pg_catalog')
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


_CONNECTIONS: dict[str, Any] = {}
"""Of labs, by the address."""


def _connection(address: str) -> Any:
    """An open one; tests ask often, and each new one is a process of the server."""
    import psycopg  # noqa: PLC0415  (an extra)

    if address not in _CONNECTIONS:
        made = psycopg.connect(address, autocommit=True, prepare_threshold=None)
        atexit.register(made.close)
        _CONNECTIONS[address] = made
    return _CONNECTIONS[address]


class OtherClock(JumpingClock):
    """Of another host: it shows another time, and waits on the one of the test.

    Args:
        clock: the one of the test.
        ahead: seconds.
    """

    def __init__(self, clock: JumpingClock, ahead: float) -> None:
        super().__init__()
        self._clock = clock
        self._ahead = ahead

    def time(self) -> float:
        return self._clock.time() + self._ahead

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        return self._clock.call_at(when, callback)


class GoneSender:
    """A sender that was killed in its turn; what it had written is in the store.

    Args:
        lab: has the sandbox and the outbox.
        quota: of the client.
    """

    def __init__(self, lab: OutboxLab, quota: str) -> None:
        self.lab = lab
        self.quota = quota
        self.deliveries = deliveries_of(lab.options(), lab.clock)

    async def take_in(self, text: str, *, hours: float = 24.0) -> str:
        """Hand a post over."""
        item = PostItem(
            channel={"id": self.lab.channel},  # type: ignore[arg-type]
            value=[{"content": f"post {text}", "image": []}],  # type: ignore[list-item]
            settings={"__type": "mastodon", "client_ref": text},
        )
        body = PostRequest(type="schedule", date="2027-01-02T08:00:00.000Z", posts=[item])
        ticket = f"ticket of {text}"
        record = DeliveryRecord(
            state="planned",
            posts=(DeliveryPost(self.lab.channel),),
            due=self.lab.at(hours).timestamp(),
            is_dated=True,
        )
        new = NewDelivery(
            ticket, msgspec.json.encode(body), write_record(record), columns_of(record)
        )
        await self.deliveries.register(self.quota, "", "http://sandbox.invalid/public/v1")
        await self.deliveries.put(self.quota, new)
        return ticket

    async def send(
        self, *tickets: str, arrives: bool, wall: float | None = None, hold: float = 3_600.0
    ) -> None:
        """Begin its turn of so many seconds, and to send; `wall` is what its clock shows."""
        [scope] = await self.deliveries.line("gone", hold, 1, self.quota)
        taken = await self.deliveries.take(scope.name, "gone", hold, 100)
        assert taken is not None
        for kept in taken.deliveries:
            if kept.id not in tickets:
                continue
            hand_over = HandOver(self.deliveries, kept, self.lab.clock)
            at = hand_over.at.replace(microsecond=1000 * hand_over.number)
            now = self.lab.clock.time() if wall is None else wall
            await hand_over.move(partial(self._left, hand_over, format_date(at), now))
            if arrives:
                async with self.lab.client(sends=False) as postiz:
                    with suppress(PostizError):
                        body = hand_over.request(hand_over.record.date)
                        await postiz.posts.send(body, validate=False)

    def _left(
        self, hand_over: HandOver, date: str, now: float, was: DeliveryRecord
    ) -> DeliveryRecord:
        return transitions.left(
            was,
            "gone",
            posts=was.posts,
            fingerprint={},
            date=date,
            now=hand_over.now(),
            served_at=now,
            seconds=PREPARED_SECONDS,
            hold=0.0,
        )

    async def die(self) -> None:
        await self.deliveries.aclose()

    async def expire(self) -> None:
        """Let its hold end."""
        await self.deliveries.hold([self.quota], "gone", 0.0)
