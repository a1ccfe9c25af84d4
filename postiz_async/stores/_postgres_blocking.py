"""Transactions on a PostgreSQL database, for work in a thread.

Each is serializable, so what it read still holds when it is committed. After a conflict, or when
the connection breaks, it is run again, though it may have been committed. So it has to be
idempotent, or to recognise its own result.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from postiz_async.stores._deliveries import TakenError
from postiz_async.stores._postgres import CONFLICTS, READ_VERSION, TAKEN, Database

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from psycopg import Cursor

    from postiz_async._wire.secrets import Secret
    from postiz_async.stores._postgres_pool import BlockingConnection


T = TypeVar("T")

TRIED_FOR = 30.0
"""Seconds for which a transaction is retried."""

BROKEN_AFTER = 300.0
"""Seconds after which the connection of a transaction without an end is broken."""

_PAUSE = 0.5

_LIMITS = "SET LOCAL lock_timeout = '10s'; SET LOCAL idle_in_transaction_session_timeout = '60s'"
"""Nobody waits for ever for the locks of a process that was stopped in a transaction."""

_LOCKED = "55P03"
"""Code of a statement that waited too long for a lock."""


class BlockingDatabase:
    """One connection to a database, opened when needed.

    Args:
        url: such as `postgresql://user:password@host:5432/database`.
        schema: the schema with the tables.
        without: what an error says about the consequences.

    Raises:
        ConfigurationError: the extra is not installed, or the URL or the schema cannot be used.
    """

    def __init__(self, url: Secret, *, schema: str, without: str) -> None:
        self._database = Database(url, schema=schema, without=without)
        self._connection: BlockingConnection | None = None
        self._is_checked = False

    @property
    def where(self) -> str:
        """The location, such as `host:5432/database`."""
        return self._database.where

    def transaction(self, work: Callable[[Cursor[tuple[Any, ...]]], T]) -> T:
        """Run a transaction. If the first one cannot be run, the error is raised without retries.

        Raises:
            TakenError: a unique index was violated.
            StoreError: the database cannot be used.
        """
        from psycopg import Error  # noqa: PLC0415  (an extra)

        began = time.monotonic()
        given_up = began + (TRIED_FOR if self._is_checked else 0.0)
        while True:
            connection = self._connection = self._connection or self._connected(given_up)
            try:
                with _broken_in(BROKEN_AFTER, connection), connection.transaction():
                    cursor = connection.cursor()
                    cursor.execute(_LIMITS)
                    if not self._is_checked:
                        statement = self._database.statement(READ_VERSION)
                        self._database.check_version(cursor.execute(statement).fetchall())
                        self._is_checked = True
                    return work(cursor)
            except Error as error:
                code = error.sqlstate
                trouble = self._database.trouble(self._database.login.shown(error))
            if connection.closed:
                self._connection = None
            elif code == TAKEN:
                raise TakenError
            elif code in {*CONFLICTS, _LOCKED}:
                given_up = began + TRIED_FOR
            else:
                raise trouble
            if time.monotonic() > given_up:
                raise trouble
            time.sleep(_PAUSE * random.random())  # noqa: S311

    def _connected(self, given_up: float) -> BlockingConnection:
        while isinstance(made := self._database.login.connect_blocking(), str):
            if time.monotonic() > given_up:
                raise self._database.trouble(made)
            time.sleep(_PAUSE)
        return made

    def close(self) -> None:
        """Close the connection, if there is one."""
        made, self._connection = self._connection, None
        if made is not None:
            made.pgconn.finish()


@contextmanager
def _broken_in(seconds: float, connection: BlockingConnection) -> Generator[None]:
    """Break the connection if the block takes longer: a blocking call cannot be cancelled."""

    def cut() -> None:
        with socket.socket(fileno=os.dup(connection.pgconn.socket)) as same:
            same.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
