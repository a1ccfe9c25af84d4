"""Connections to one PostgreSQL database; its password never appears in an error."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from postiz_async._extras import extra_needed
from postiz_async._unseen import unseen_work
from postiz_async._wire.secrets import Secret, redact_text
from postiz_async.errors import ConfigurationError, UsageError
from postiz_async.stores._connection_slots import WAIT, ConnectionSlots

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from psycopg import AsyncConnection, Connection as _Blocking

    from postiz_async.errors import StoreError

    Connection: TypeAlias = AsyncConnection[tuple[Any, ...]]
    BlockingConnection: TypeAlias = _Blocking[tuple[Any, ...]]

    _Address: TypeAlias = tuple[Secret, tuple[Secret, ...], str]
    """What libpq connects with, what of it is secret, and where: `host:5432/database`."""


_NO_ROOM = re.compile("53300|too many c|connection slots|no more connections")
"""The words of PostgreSQL, and of connection poolers, for having no room."""

IDLE = 600.0
"""Seconds after which an idle connection is closed."""

OPTIONS = {
    "connect_timeout": "5",
    "fallback_application_name": "postiz-async",
    "client_encoding": "UTF8",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
"""Options of each connection, unless the address has others."""

_SCHEMES = ("postgresql://", "postgres://")


class Login:
    """The address with its password; opens connections.

    Args:
        url: such as `postgresql://user:password@host:5432/database`.

    Raises:
        ConfigurationError: the extra is not installed, or the address cannot be used.
    """

    where: str
    """Host and database, without a password."""

    def __init__(self, url: Secret) -> None:
        self._conninfo, self._secrets, self.where = _parse(url)

    async def connect(self) -> Connection | str:
        """Open a connection; if that fails, return the reason, in words without a password.

        This is done in a separate task: the driver's frames contain the password, and so would the
        traceback of a cancelled caller.
        """
        task = asyncio.ensure_future(self._connected())
        try:
            with unseen_work():
                await asyncio.wait({task}, timeout=WAIT)
            if task.done():
                return task.result()
        except BaseException:
            _abandon(task)
            raise
        _abandon(task)
        return f"TimeoutError: no connection within {WAIT:g} s"

    async def _connected(self) -> Connection | str:
        from psycopg import AsyncConnection  # noqa: PLC0415  (an extra)

        try:
            return await AsyncConnection.connect(
                self._conninfo.reveal(), autocommit=True, prepare_threshold=None
            )
        except Exception as error:  # noqa: BLE001  (whatever it is, its frames have the password)
            return self.shown(error)

    def connect_blocking(self) -> BlockingConnection | str:
        """Open a blocking connection for work in a thread; its transactions are serializable."""
        from psycopg import Connection as Blocking, IsolationLevel  # noqa: PLC0415  (an extra)

        try:
            made = Blocking.connect(
                self._conninfo.reveal(), autocommit=True, prepare_threshold=None
            )
        except Exception as error:  # noqa: BLE001  (whatever it is, its frames have the password)
            return self.shown(error)
        made.isolation_level = IsolationLevel.SERIALIZABLE
        return made

    def shown(self, error: BaseException) -> str:
        """Class, code and text of an error, without a password."""
        code = getattr(error, "sqlstate", None)
        name = type(error).__name__ + (f" {code}" if code else "")
        return redact_text(f"{name}: {error}", self._secrets)


class _Idle(NamedTuple):
    connection: Connection
    since: float


class Pool:
    """A pool of connections, each of which is lent for a moment.

    Nothing is done in the background. A caller that finds no idle connection opens one, and gets
    the error if that fails; when a connection turns out broken, all idle ones are dropped.

    Args:
        login: opens connections.
        most: connections at the same time; further callers wait.
        trouble: makes an error from a reason.
    """

    def __init__(self, login: Login, most: int, trouble: Callable[[str], StoreError]) -> None:
        self._login = login
        self._most = most
        self._trouble = trouble
        self._idle: deque[_Idle] = deque()
        self._generation = 0
        self._in_loop: tuple[asyncio.AbstractEventLoop, ConnectionSlots] | None = None

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """Lend a connection for the block; it is kept unless a transaction is still open."""
        slots = self._slots()
        connection, generation = await self._one_of(slots)
        try:
            try:
                yield connection
            finally:
                self._back(connection, generation)
        finally:
            slots.release()

    async def fresh(self) -> Connection:
        """Open a connection, which the caller has to close.

        Raises:
            StoreError: none can be opened.
        """
        self._slots()
        made = await self._login.connect()
        if isinstance(made, str):
            raise self._trouble(made)
        return made

    def drop(self) -> None:
        """Close all connections; those in use are closed when they are returned."""
        self._generation += 1
        while self._idle:
            close(self._idle.pop().connection)

    def _slots(self) -> ConnectionSlots:
        """The slots of the running event loop; connections of one that has ended are dropped.

        Raises:
            UsageError: the connections belong to another event loop that still runs.
        """
        here = asyncio.get_running_loop()
        if self._in_loop is not None:
            loop, slots = self._in_loop
            if loop is here:
                return slots
            if not loop.is_closed():
                raise UsageError(
                    "This PostgreSQL database is used in another event loop, where its connections "
                    "live. Make one store or outbox for each event loop."
                )
            self.drop()
        slots = ConnectionSlots(self._most)
        self._in_loop = here, slots
        return slots

    def _back(self, connection: Connection, generation: int) -> None:
        from psycopg.pq import TransactionStatus  # noqa: PLC0415  (an extra)

        is_idle = connection.pgconn.transaction_status == TransactionStatus.IDLE
        if not is_idle or generation != self._generation:
            close(connection)
            return
        now = time.monotonic()
        self._idle.append(_Idle(connection, now))
        if now - self._idle[0].since > IDLE:
            close(self._idle.popleft().connection)

    async def _one_of(self, slots: ConnectionSlots) -> tuple[Connection, int]:
        """A connection and its generation, first come, first served.

        While the server has no room for further connections, calls share the existing ones.

        Raises:
            StoreError: none can be opened.
        """
        began = time.monotonic()
        while True:
            if not await slots.acquire(began):
                busy = f"BusyError: none of its {self._most} connections within {WAIT:g} s"
                raise self._trouble(slots.refusal or busy)
            made: Connection | str = ""
            generation = self._generation
            try:
                made = self._idle.pop().connection if self._idle else await self._login.connect()
            finally:
                if isinstance(made, str) and _NO_ROOM.search(made):
                    slots.release_refused()
                elif isinstance(made, str):
                    slots.release()
            if not isinstance(made, str):
                slots.refusal = ""
                return made, generation
            with unseen_work():
                if not _NO_ROOM.search(made) or not await slots.wait_for_room(began, made):
                    raise self._trouble(made)


def close(connection: Connection) -> None:
    """Close a connection and ignore errors; the server rolls back an open transaction."""
    connection.pgconn.finish()


def _abandon(task: asyncio.Task[Connection | str]) -> None:
    """Abandon an attempt to connect, whose connection may be open already."""

    def ended(task: asyncio.Task[Connection | str]) -> None:
        if not task.cancelled() and not isinstance(made := task.result(), str):
            close(made)

    task.cancel()
    task.add_done_callback(ended)


# ------------------------------------------------------------------ addresses


def _parse(url: Secret) -> _Address:
    try:
        address = _taken_apart(url)
    except ImportError:
        raise ConfigurationError(extra_needed("PostgreSQL needs", "postgres")) from None
    if address is None:  # raised here, where no variable has a part of the password
        raise ConfigurationError(
            "The address of PostgreSQL cannot be used. It looks like "
            "postgresql://user:password@host:5432/database; in user and password all but letters, "
            "digits and -._~ is written as %XX."
        )
    return address


def _taken_apart(url: Secret) -> _Address | None:
    from psycopg import ProgrammingError  # noqa: PLC0415  (an extra)
    from psycopg.conninfo import conninfo_to_dict, make_conninfo  # noqa: PLC0415  (an extra)

    if not url.reveal().startswith(_SCHEMES):
        return None
    try:
        parts = conninfo_to_dict(url.reveal())
        where = _where(parts)
        secrets = tuple(Secret(str(parts[each])) for each in _SECRETS if parts.get(each))
        return Secret(make_conninfo("", **{**OPTIONS, **parts})), secrets, where
    except (ProgrammingError, ValueError):  # its text may have a part of the password
        return None


_SECRETS = ("password", "sslpassword")


def _where(parts: Mapping[str, object]) -> str:
    """Host, port and database of an address.

    Raises:
        ValueError: the address was parsed wrongly because of a character in the password.
    """
    host, port = str(parts.get("host") or "localhost"), str(parts.get("port") or "")
    database = str(parts.get("dbname") or "")
    if not {*port} <= {*"0123456789,"} or "@" in database + host:
        raise ValueError("a / in the password")
    port = port.strip(",") or "5432"
    if ":" in host:
        host = f"[{host}]"
    return f"{host}:{port}/{database}".rstrip("/")
