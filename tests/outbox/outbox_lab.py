"""An outbox, a sandbox and a clock that jumps."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from postgres_lab import GoneSender
from world import HostClock

from postiz_async import AdvancedOptions, NewPost, OutboxOptions, Postiz
from postiz_async._resources.api import opened
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async.clock import JumpingClock
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable
    from pathlib import Path

    from postgres_lab import Place

    from postiz_async import Ticket
    from postiz_async.clock import Clock
    from postiz_async.stores.memory import MemoryStore
    from postiz_async.types import Attempt

PLACES = ["file", pytest.param("postgres", marks=pytest.mark.exhaustive)]
"""For what is decided above the place of the outbox. That both places do the same is said by
`tests/stores/test_deliveries.py`; what only PostgreSQL has, and pools, are in the suite too."""

START = datetime(2027, 1, 1, 8, tzinfo=UTC)

SHORT = 900.0
"""Seconds of a window for what plays with PostgreSQL: an hour has four times as many looks."""


class OutboxLab:
    """What a client, its outbox and a server need.

    Args:
        folder: of the file, where the outbox is one.
        database: where the outbox is in PostgreSQL.
        options: of the sandbox.
    """

    def __init__(self, folder: Path, *, database: Place | None = None, **options: Any) -> None:
        start = START.timestamp()
        self.clock = JumpingClock(start) if database is None else database.clock(start)
        self.host = HostClock(self.clock)
        """Where the clients are."""
        self.sandbox = MemoryServer(
            clock=self.clock, **({"limit": 30, "work_per_post": 0.0} | options)
        )
        self.channel = self.sandbox.add_channel("mastodon").id
        self.path = folder / "outbox.sqlite"
        self.database = database

    def options(self, **options: Any) -> OutboxOptions:
        """Where the outbox is, and how it works."""
        if self.database is None:
            return OutboxOptions(self.path, **options)
        return OutboxOptions(self.database.url, schema=self.database.schema, **options)

    @asynccontextmanager
    async def client(
        self,
        *,
        latency: float = 0.1,
        store: MemoryStore | None = None,
        drain: float = 0.0,
        validate: bool = True,
        on_attempt: Callable[[Attempt], None] | None = None,
        clock: Clock | None = None,
        transport: SandboxTransport | None = None,
        organization: str | None = None,
        **options: Any,
    ) -> AsyncGenerator[Postiz]:
        """A client of a new process."""
        async with Postiz(
            api_key=self.sandbox.organization.api_key,
            base_url="http://sandbox.invalid",
            organization=organization,
            store=store,
            drain=drain,
            validate=validate,
            outbox=self.options(**options),
            advanced=AdvancedOptions(
                clock=clock or self.host,
                transport=transport or SandboxTransport(self.sandbox, latency=latency),
                on_attempt=on_attempt,
            ),
        ) as postiz:
            yield postiz

    def post(self, text: object) -> NewPost:
        return NewPost(self.channel, f"post {text}")

    async def put(self, postiz: Postiz, count: int, *, hours: float = 24.0) -> list[Ticket]:
        return [await postiz.outbox.put(self.post(n), at=self.at(hours)) for n in range(count)]

    def at(self, hours: float) -> datetime:
        now = datetime.fromtimestamp(self.clock.time(), UTC)
        return (now + timedelta(hours=hours)).replace(microsecond=0)

    def keep(self) -> None:
        """Take a copy of the outbox as it is."""
        if self.database is None:
            shutil.copy(self.path, self.path.with_suffix(".kept"))
        else:
            self.database.run("CREATE TABLE kept AS TABLE deliveries")

    def restore(self) -> None:
        """Put the copy back, as a fail-over to a replica does that lacks the last commits."""
        if self.database is None:
            shutil.copy(self.path.with_suffix(".kept"), self.path)
        else:
            self.database.run(
                "DELETE FROM delivered WHERE number IN (SELECT number FROM kept) RETURNING 1"
            )
            self.database.run(
                "DELETE FROM deliveries WHERE id IN (SELECT id FROM kept) RETURNING 1"
            )
            self.database.run(
                "INSERT INTO deliveries OVERRIDING SYSTEM VALUE SELECT * FROM kept RETURNING 1"
            )

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement about `scopes` or `deliveries`."""
        if self.database is not None:
            return self.database.run(statement)
        with closing(sqlite3.connect(self.path)) as connection, connection:
            return connection.execute(statement).fetchall()

    @asynccontextmanager
    async def gone_sender(self) -> AsyncGenerator[GoneSender]:
        """One that is killed at the end of the block, if not before."""
        async with self.client(sends=False) as postiz:
            gone = GoneSender(self, opened(postiz).quota_name)
        try:
            yield gone
        finally:
            await gone.die()

    def lose(self, kind: str = "drop_answer", **options: Any) -> None:
        self.sandbox.faults.add(Fault(kind, route="create_post", **options))  # type: ignore[arg-type]

    @property
    def statuses(self) -> list[int]:
        return [create.status for create in self.sandbox.creates]

    def assert_each_once(self, texts: Iterable[object]) -> None:
        stored = Counter(post.content for post in self.sandbox.posts)
        assert stored == Counter(f"post {text}" for text in texts)
        assert self.sandbox.refusals == 0
