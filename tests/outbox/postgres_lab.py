"""An outbox in PostgreSQL: a schema of its own, and what is in it."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from postgres_server import shared_server

from postiz_async import PostizError
from postiz_async._outbox.postgres_tickets import HandOverTable
from postiz_async._outbox.turn_tickets import TurnTickets
from postiz_async._outbox.turns import Turns
from postiz_async.clock import JumpingClock
from postiz_async.models.posts import CreatePost, PostItem
from postiz_async.stores._postgres import Database
from postiz_async.stores.postgres import ddl

if TYPE_CHECKING:
    from collections.abc import Callable

    from outbox_lab import OutboxLab
    from postgres_server import PostgresServer

    from postiz_async.clock import Timer

__all__ = ["GoneSender", "OtherClock", "Place"]


@dataclass(frozen=True)
class Place:
    """A schema with the tables of this library, in a database."""

    server: PostgresServer
    schema: str = field(default_factory=lambda: f"test_{secrets.token_hex(8)}")
    user: str = "postgres"

    @classmethod
    def made(cls, server: PostgresServer | None = None, **options: Any) -> Place:
        """A new one."""
        place = cls(server or shared_server(), **options)
        place.server.run(ddl(place.schema))
        return place

    @property
    def url(self) -> str:
        return self.server.address("postgres", user=self.user)

    def database(self, **options: Any) -> Database:
        """Connections to it."""
        return Database(self.url, schema=self.schema, **options)

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement about `organizations` or `tickets`, as the superuser."""
        return self.server.run(f'SET search_path TO "{self.schema}"', statement)


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
    """A sender that was killed in its turn; what it had written is in the database.

    Args:
        lab: has the sandbox and the database.
        quota: of the client.
    """

    def __init__(self, lab: OutboxLab, quota: str) -> None:
        assert lab.database is not None
        self.lab = lab
        self.database = lab.database.database()
        self.turns = Turns(self.database, "gone", only=quota)
        self.table = HandOverTable(
            self.database,
            self.turns,
            quota=quota,
            organization="",
            base_url="http://sandbox.invalid/public/v1",
        )

    async def take_in(self, text: str, *, hours: float = 24.0) -> str:
        """Hand a post over."""
        item = PostItem(
            integration={"id": self.lab.channel},  # type: ignore[arg-type]
            value=[{"content": f"post {text}", "image": []}],  # type: ignore[list-item]
            settings={"__type": "mastodon", "client_ref": text},
        )
        body = CreatePost(type="schedule", date="2027-01-02T08:00:00.000Z", posts=[item])
        ticket = f"ticket of {text}"
        at = self.lab.at(hours).timestamp()
        await self.table.put(ticket, body, at, dated=True, owned=True)
        return ticket

    async def send(self, *tickets: str, arrives: bool, wall: float | None = None) -> None:
        """Begin its turn, and to send; `wall` is what its clock shows."""
        await self.turns.count_new()
        [turn] = await self.turns.claim(1)
        mine = TurnTickets(self.database, turn, self.turns, self.lab.clock, lambda: None)
        _, entries = await mine.take_stock((), 100)
        for entry in entries:
            if entry.id not in tickets:
                continue
            at = datetime.fromtimestamp(entry.due, UTC)
            now = self.lab.clock.time() if wall is None else wall
            marked = await mine.intend(entry, at, [], now)
            assert marked is not None
            if arrives:
                async with self.lab.client(sends=False) as postiz:
                    with suppress(PostizError):
                        await postiz.posts.create(marked, validate=False)
        self._lease("clock_timestamp() + interval '1 hour'")  # however slow the machine is

    async def die(self) -> None:
        await self.database.aclose()

    def expire(self) -> None:
        """Let the lease of its turn end."""
        self._lease("clock_timestamp()")

    def _lease(self, until: str) -> None:
        assert self.lab.database is not None
        self.lab.database.run(f"UPDATE organizations SET ready_at = {until} WHERE holder = 'gone'")
