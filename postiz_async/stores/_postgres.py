"""Statements and notifications on one PostgreSQL database.

Each statement is one round trip, in a transaction of its own. Errors of the driver become a
`StoreError`, which says what is wrong and what to do, and contains no password.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import anyio

from postiz_async._concurrency import run_to_completion
from postiz_async._unseen import unseen_work
from postiz_async._wire.secrets import Secret
from postiz_async.errors import StoreError
from postiz_async.stores._connection_slots import WAIT
from postiz_async.stores._deliveries import TakenError
from postiz_async.stores._postgres_pool import Login, Pool, close
from postiz_async.stores._postgres_schema import (
    NOW,
    TABLES_VERSION,
    check_name,
    ddl,
    quoted,
    tables,
)

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Awaitable,
        Callable,
        Mapping,
        Sequence,
    )
    from typing import LiteralString

    from psycopg import sql

    from postiz_async.stores._postgres_pool import Connection

    _Params: TypeAlias = Sequence[object] | Mapping[str, object]

T = TypeVar("T")

STATEMENT_TIMEOUT = 10.0
"""Seconds to wait for the answer to a statement."""

GRACE = 3.0
"""Seconds in which the server may end an abandoned statement before its connection is closed."""

AGAIN = 4
"""Further attempts of a statement whose connection broke, or that conflicted with another one."""

_LOGIN = (
    "it refuses this user or password. Check them in the address, which looks like "
    "postgresql://user:password@host:5432/database."
)
_NO_DATABASE = (
    "it has no database of that name. Make it with createdb, or check the end of the address."
)
_FULL = "all its connections are in use. Raise its max_connections, or let each process take fewer."
_NOT_YET = "it is starting or stopping. Try again in a moment."
_SLOW = (
    "no answer in time. Is the network or the server overloaded, or does another program hold a "
    "lock?"
)

_BY_CODE = {
    "28P01 28000": _LOGIN,
    "3D000": _NO_DATABASE,
    "42501": 'its role may not do this. To use the schema "{schema}" takes USAGE on it and SELECT, '
    "INSERT, UPDATE and DELETE on its tables; to make it takes CREATE on the database.",
    "25006": "it is read-only, such as a replica. Use the address of the primary, and see "
    "default_transaction_read_only.",
    "42P01 3F000": 'the schema "{schema}" is not there, or not whole. `postiz-async outbox init '
    "--store ...` makes it, and so does `await PostgresStore(...).init()`.",
    "42703 42P07 42804 42809 42883": "another program has tables of these names in the schema "
    '"{schema}". Use another schema.',
    "53300": _FULL,
    "22P05 22021": "it cannot keep these characters. Use a database with the encoding UTF8.",
    "53100 53200 58030": "it has no room left, on its disk or in memory. See its log.",
    "57P01 57P02 57P03": _NOT_YET,
    "57014 55P03": _SLOW,
}
"""Error texts with advice, by SQLSTATE code."""

_BY_TEXT = {
    "password authentication failed|no password supplied|no pg_hba.conf entry": _LOGIN,
    'role ".*" (does not exist|is not permitted to log in)': _LOGIN,
    'database ".*" does not exist': _NO_DATABASE,
    'permission denied for database ".*"': "its role may not use this database. Let it CONNECT.",
    "too many c|connection slots|no more connections": _FULL,
    "starting up|shutting down|recovery mode": _NOT_YET,
    "server closed the connection|consuming input failed|connection is (lost|closed)": "the "
    "connection broke, as when it is stopped. Try again in a moment.",
    "TimeoutError|ConnectionTimeout|timeout expired": _SLOW,
    "BusyError": f"none of its connections was free within {WAIT:g} s. Is the network or the "
    "server overloaded?",
    "ProactorEventLoop": "its driver cannot use the event loop that Windows has by default. Run "
    "with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop).",
    "protocol synchronization|invalid response|expected authentication": "what answers there is "
    "not PostgreSQL. Check host and port.",
    "SSL|certificate": "no secure connection as the address asks for it. See sslmode in the "
    "address, and the certificate of the server.",
}
"""Error texts with advice, by a pattern of class and text: errors while connecting have no code."""

CONFLICTS = {"40001", "40P01"}
"""Codes of statements that conflicted with others and may be repeated."""

TAKEN = "23505"
"""Code of a statement that violated a unique index."""

_READ_ONLY = "25006"
"""Code of a former primary that is read-only now: its address may lead to another server by now."""

READ_VERSION = "SELECT coalesce(max(version), 0) FROM {schema}.version"


class _Failure(NamedTuple):
    reason: str
    passes: bool
    """Whether another attempt may succeed."""
    is_lost: bool = False
    """Whether the statement may have been carried out."""
    is_taken: bool = False
    """Whether a unique index was violated."""


class Database:
    """A PostgreSQL database, used over a few connections.

    It connects at its first use and belongs to the event loop of that use. Before the first
    statement it checks that the schema exists in this library's version.

    Args:
        url: such as `postgresql://user:password@host:5432/database`; the password is not shown by
            `repr`.
        schema: the schema with the tables.
        connections: connections at most, besides those that listen; further callers wait.
        without: what an error says about the consequences.

    Raises:
        ConfigurationError: the extra is not installed, or the URL or the schema cannot be used.
    """

    def __init__(
        self,
        url: str | Secret,
        *,
        schema: str = "postiz_async",
        connections: int = 10,
        without: str = "Nothing is sent: without it, what other processes spent and sent is not "
        "known.",
    ) -> None:
        url = Secret.of(url)
        self.schema: str = check_name(schema)
        self.login: Login = Login(url)
        self._pool = Pool(self.login, connections, self.trouble)
        self._without = without
        self._is_checked = False

    def __repr__(self) -> str:
        return f"Database({self.where!r}, schema={self.schema!r})"

    @property
    def where(self) -> str:
        """The location, such as `host:5432/database`."""
        return self.login.where

    def statement(self, text: LiteralString) -> sql.Composed:
        """Fill in the quoted name of the schema for `{schema}`, and the time for `{now}`.

        `{clock}` is the time too, but after the statement has waited for locks.
        """
        from psycopg import sql  # noqa: PLC0415  (an extra)

        times = {"now": sql.SQL(NOW), "clock": sql.SQL(NOW.replace("statement", "clock"))}
        return sql.SQL(text).format(schema=sql.Identifier(self.schema), **times)

    def trouble(self, reason: str) -> StoreError:
        """The `StoreError` for a reason: class, code if any, a colon, and the driver's text."""
        reason = _known(reason).format(schema=self.schema)
        return StoreError(f"PostgreSQL at {self.where} cannot be used: {reason}\n  {self._without}")

    async def fetch(self, query: LiteralString, params: _Params = ()) -> list[tuple[Any, ...]]:
        """Run one statement in a transaction of its own and return its rows: one round trip.

        When the connection breaks, the statement is run again over a new one, though it may have
        been carried out. So it has to be idempotent, or to recognise its own result.

        Args:
            query: the statement for `statement`, with `%s` or `%(name)s` for each parameter.
            params: the parameters.

        Raises:
            StoreError: the database cannot be used; nothing is written, unless the error says
                `may_be_done`.
            TakenError: a unique index was violated.
        """
        await self.check()
        return await self._tried(partial(_rows, self.statement(query), params))

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncGenerator[AsyncIterator[str]]:
        """Yield the payloads of a channel's notifications, over a connection of its own.

        It yields notifications sent since the beginning of the block; earlier changes have to be
        read. The iterator has no end; when the connection breaks, it raises. Iterate in one task,
        and end that before the block.

        Raises:
            StoreError: the database cannot be used; also from the iterator.
        """
        from psycopg import sql  # noqa: PLC0415  (an extra)

        connection = await self._pool.fresh()
        try:
            listen = sql.SQL("LISTEN {}").format(sql.Identifier(channel))
            answer = await self._run(connection, partial(_rows, listen, ()))
            if isinstance(answer, _Failure):
                raise self.trouble(answer.reason)
            async with aclosing(self._payloads(connection)) as payloads:
                yield payloads
        finally:
            close(connection)

    async def init(self) -> bool:
        """Create the schema and its tables, in one transaction.

        Of several concurrent callers, one does it.

        Returns:
            True if they were created, False if they existed.

        Raises:
            StoreError: the database cannot be used, or has the schema in another version.
        """
        return await self._tried(self._made)

    async def _made(self, connection: Connection) -> bool:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_lock(self.schema)])
            found = await connection.execute(
                "SELECT to_regclass(%s) IS NOT NULL FROM pg_namespace WHERE nspname = %s",
                [f"{quoted(self.schema)}.version", self.schema],
            )
            schemas = await found.fetchall()
            if schemas == [(True,)]:
                self.check_version(await _rows(self.statement(READ_VERSION), (), connection))
                return False
            text = tables(self.schema) if schemas else ddl(self.schema)
            await connection.execute(text.encode())
        return True

    async def aclose(self) -> None:
        """Close the connections."""
        self._pool.drop()

    # -------------------------------------------------------------- statements

    async def check(self) -> None:
        """Check once that the schema exists in this library's version.

        Raises:
            StoreError: it does not, or the database cannot be used.
        """
        if self._is_checked:
            return
        self.check_version(await self._tried(partial(_rows, self.statement(READ_VERSION), ())))
        self._is_checked = True

    def check_version(self, rows: list[tuple[Any, ...]]) -> None:
        """Check that the result of `READ_VERSION` is this library's version.

        Raises:
            StoreError: it is another version.
        """
        (found,) = rows[0]
        if found == TABLES_VERSION:
            return
        age = "older" if found < TABLES_VERSION else "newer"
        raise StoreError(
            f'The schema "{self.schema}" of PostgreSQL at {self.where} is {age} than this library: '
            f"it has version {found}, and this one knows {TABLES_VERSION}. Use one version of "
            f"postiz-async everywhere, or another schema.\n"
            f"  {self._without}"
        )

    async def _tried(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `work` with a connection, with retries; a cancellation waits until it has ended."""
        attempts, is_lost = AGAIN, False
        while True:
            try:
                async with self._pool.connection() as connection:
                    answer = await run_to_completion(self._run(connection, work))
            except StoreError as error:  # there is no connection
                raise StoreError(str(error), may_be_done=is_lost) from None
            if not isinstance(answer, _Failure):
                return answer
            if answer.is_taken:
                raise TakenError
            is_lost = is_lost or answer.is_lost
            if not answer.passes or not attempts:
                trouble = self.trouble(answer.reason)
                raise StoreError(str(trouble), may_be_done=is_lost)
            attempts -= 1

    async def _run(
        self, connection: Connection, work: Callable[[Connection], Awaitable[T]]
    ) -> T | _Failure:
        """Run `work` once. Returns a failure without its traceback, which could show a password."""
        from psycopg import Error  # noqa: PLC0415  (an extra)

        with unseen_work(), anyio.move_on_after(STATEMENT_TIMEOUT + GRACE):
            try:
                # on time-out the driver cancels the statement on the server
                async with asyncio.timeout(STATEMENT_TIMEOUT):
                    return await work(connection)
            except (Error, TimeoutError) as error:
                return self._failure(connection, error)
        self._pool.drop()
        return _Failure(
            f"TimeoutError: no answer within {STATEMENT_TIMEOUT:g} s", passes=False, is_lost=True
        )

    async def _payloads(self, connection: Connection) -> AsyncGenerator[str]:
        from psycopg import Error  # noqa: PLC0415  (an extra)

        try:
            async with aclosing(connection.notifies()) as notifications:
                async for each in notifications:
                    yield each.payload
        except Error as error:
            failure = self._failure(connection, error)
        else:
            failure = _Failure("the connection was closed", passes=True)
        raise self.trouble(failure.reason)

    def _failure(self, connection: Connection, error: BaseException) -> _Failure:
        """The meaning of an error. After a broken connection, all idle ones are dropped."""
        code = getattr(error, "sqlstate", None)
        if connection.closed or code == _READ_ONLY:
            self._pool.drop()
        return _Failure(
            self.login.shown(error),
            passes=connection.closed or code in CONFLICTS,
            is_lost=connection.closed or isinstance(error, TimeoutError),
            is_taken=code == TAKEN,
        )


async def _rows(
    query: LiteralString | sql.Composed, params: _Params, connection: Connection
) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(query, params or None)
    return await cursor.fetchall() if cursor.description else []


def _known(reason: str) -> str:
    """The error text with advice for a code or pattern, with the schema filled in."""
    head = reason.partition(":")[0].split()
    for codes, advice in _BY_CODE.items():
        if not set(codes.split()).isdisjoint(head):
            return advice
    for pattern, advice in _BY_TEXT.items():
        if re.search(pattern, reason):
            return advice
    told = re.sub(r"\s*Is the server running [^?]*\?", "", reason)  # libpq asks what is asked here
    text = " ".join(told.split()).rstrip(".").replace("{", "{{").replace("}", "}}")
    return f"{text}. Is it running, and is the address right?"


def _lock(schema: str) -> int:
    """The number of the advisory lock for a schema: a signed 64-bit integer."""
    digest = hashlib.sha256(f"postiz-async {schema}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
