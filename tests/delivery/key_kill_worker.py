"""A process that makes calls until each is answered; it is killed and started again meanwhile.

Its arguments: the file of its calls, the store, and `keys` or `table`. What it did is in a file
beside that of its calls, a line for each: `called`, `looked`, or `answered` with the number of the
call and the post's id. With `table` it works without idempotency keys, as programs do that look
into a table of their own whether something was sent, and try again after an error.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import sys
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from postiz_async import AdvancedOptions, NewPost, Postiz, PostizError
from postiz_async._cli.connection import Connection, find_target
from postiz_async._scheduler.hooks import Attempt
from postiz_async._transport import make_transport
from postiz_async._transport.settings import ConnectionSettings
from postiz_async.contrib.web import open_store

CHANNEL = "cmmastodon000000000000001"
FIRST = datetime(2027, 3, 1, tzinfo=UTC)
AT_ONCE = 8
"""Calls that one process has under way."""

MAX_WAIT, PAUSE = 20.0, 5.0
"""Seconds of the sandbox's clock."""


class Notes:
    """What was done, line by line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        words = [line.split() for line in lines]
        self.answered = {int(line[1]) for line in words if line[0] == "answered"}
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def note(self, *words: object) -> None:
        self._file.write(" ".join(map(str, words)) + "\n")

    def close(self) -> None:
        self._file.close()

    def on_attempt(self, attempt: Attempt) -> None:
        if attempt.endpoint == "list_posts":
            self.note("looked")


class Caller:
    """Makes calls, some at a time, until all are answered."""

    def __init__(self, postiz: Postiz, notes: Notes, table: Path | None) -> None:
        self.postiz = postiz
        self.notes = notes
        self.table = sqlite3.connect(table, timeout=60, isolation_level=None) if table else None
        if self.table:
            self.table.execute("CREATE TABLE IF NOT EXISTS sent (key TEXT PRIMARY KEY, post TEXT)")

    async def work(self, calls: list[tuple[int, str]]) -> None:
        left = iter([call for call in calls if call[0] not in self.notes.answered])

        async def some() -> None:
            for number, key in left:
                self.notes.note("answered", number, await self.answer(key))

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(some())

    async def answer(self, key: str) -> str:
        """The id of the post of a key."""
        call = self.call if self.table is None else self.call_without_key
        while True:
            self.notes.note("called")
            try:
                return await call(key)
            except PostizError as error:
                if error.retry_after is None and self.table is None:
                    self.notes.note("refused", key, type(error).__name__)
                    raise
                await self.postiz.clock.sleep(error.retry_after or PAUSE)

    async def call(self, key: str) -> str:
        post, at = the_post(key)
        [created] = await self.postiz.posts.schedule(
            post, at=at, max_wait=MAX_WAIT, idempotency_key=key
        )
        return created.post_id

    async def call_without_key(self, key: str) -> str:
        assert self.table is not None
        found = self.table.execute("SELECT post FROM sent WHERE key = ?", [key]).fetchone()
        if found:
            return str(found[0])
        post, at = the_post(key)
        [created] = await self.postiz.posts.schedule(post, at=at, max_wait=MAX_WAIT)
        with suppress(sqlite3.IntegrityError):  # somebody else has sent it too
            self.table.execute("INSERT INTO sent VALUES (?, ?)", [key, created.post_id])
        return created.post_id


def the_post(key: str) -> tuple[NewPost, datetime]:
    """What a key stands for."""
    return NewPost(CHANNEL, key), FIRST + timedelta(minutes=int(key.rpartition("-")[2]))


async def main(file: Path, store: str, way: str, calls: list[tuple[int, str]]) -> None:
    target = find_target(Connection())
    transport = make_transport(ConnectionSettings(speed=target.clock.speed))
    notes = Notes(file.with_suffix(".notes"))
    async with AsyncExitStack() as stack:
        stack.callback(notes.close)
        stack.push_async_callback(transport.aclose)
        shared = open_store(store)
        stack.push_async_callback(shared.aclose)
        postiz = Postiz(
            api_key=target.key,
            base_url=target.root,
            store=shared,
            advanced=AdvancedOptions(
                clock=target.clock, transport=transport, on_attempt=notes.on_attempt
            ),
        )
        await stack.enter_async_context(postiz)
        table = None if way == "keys" else file.with_name("sent.sqlite")
        await Caller(postiz, notes, table).work(calls)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    calls_file = Path(sys.argv[1])
    lines = [line.split() for line in calls_file.read_text(encoding="utf-8").splitlines()]
    asyncio.run(main(calls_file, sys.argv[2], sys.argv[3], [(int(n), key) for n, key in lines]))
