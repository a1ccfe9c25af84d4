"""Connections to one PostgreSQL database, with a login that is shown to nobody."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from postiz_async._extras import extra_needed
from postiz_async._wire.secrets import Secret, redact_text
from postiz_async.clock import unseen_work
from postiz_async.errors import ConfigurationError
from postiz_async.stores._connection_slots import WAIT, SlotsOfLoop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from psycopg import AsyncConnection, Connection as _Blocking

    from postiz_async.errors import StoreError
    from postiz_async.stores._connection_slots import ConnectionSlots

    Connection: TypeAlias = AsyncConnection[tuple[Any, ...]]
    BlockingConnection: TypeAlias = _Blocking[tuple[Any, ...]]

    _Address: TypeAlias = tuple[Secret, tuple[Secret, ...], str]
    """What libpq connects with, what of it is secret, and where: `host:5432/database`."""


_NO_ROOM = re.compile("53300|too many c|connection slots|no more connections")
"""How PostgreSQL, and poolers before it, say so."""

IDLE = 600.0
"""Seconds after which a connection that nobody needs is closed."""

OPTIONS = {
    "connect_timeout": "5",
    "fallback_application_name": "postiz-async",
    "client_encoding": "UTF8",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
"""Of each connection, unless the address says otherwise."""

_SCHEMES = ("postgresql://", "postgres://")


class Login:
    """Knows the address with its password, and connects.

    Args:
        url: such as `postgresql://user:password@host:5432/database`.

    Raises:
        ConfigurationError: the extra is not installed, or the address cannot be used.
    """

    def __init__(self, url: Secret) -> None:
        self._conninfo, self._secrets, self.where = _parse(url)

    async def connect(self) -> Connection | str:
        """A new connection, or the reason why there is none, in words without a password.

        It is made in a task of its own: the frames of the driver have the password, and so would
        the traceback of a caller who is cancelled meanwhile.
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
        """The same for work in a thread; its transactions are serializable."""
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
        """The class, the code and the text of an error, without a password."""
        code = getattr(error, "sqlstate", None)
        name = type(error).__name__ + (f" {code}" if code else "")
        return redact_text(f"{name}: {error}", self._secrets)


class _Idle(NamedTuple):
    connection: Connection
    since: float


class Pool:
    """Some connections for all who need one for a moment.

    Nothing is done in the background. A caller that finds no idle connection makes one, and so is
    told why there is none; when one is found broken, those that were idle with it are dropped.

    Args:
        login: makes connections.
        most: connections at the same time; further callers wait.
        trouble: makes an error of a reason.
    """

    def __init__(self, login: Login, most: int, trouble: Callable[[str], StoreError]) -> None:
        self._login = login
        self._most = most
        self._trouble = trouble
        self._idle: deque[_Idle] = deque()
        self._generation = 0
        self._slots = SlotsOfLoop("PostgreSQL database", "store or outbox")

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """A connection for the length of the block; it is kept if no transaction is open then."""
        slots = self._slots.here(self._most, self.drop)
        connection, generation = await self._one_of(slots)
        try:
            try:
                yield connection
            finally:
                self._back(connection, generation)
        finally:
            slots.release()

    async def fresh(self) -> Connection:
        """A new connection, which is the caller's to close.

        Raises:
            StoreError: there is none.
        """
        self._slots.here(self._most, self.drop)
        made = await self._login.connect()
        if isinstance(made, str):
            raise self._trouble(made)
        return made

    def drop(self) -> None:
        """Close all connections; those that are in use when they come back."""
        self._generation += 1
        while self._idle:
            close(self._idle.pop().connection)

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

        Where the server has no room for one, calls share those that there are.

        Raises:
            StoreError: there is none.
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
    """Close a connection, whatever it does; the server rolls back what it had begun."""
    connection.pgconn.finish()


def _abandon(task: asyncio.Task[Connection | str]) -> None:
    """Nobody waits for this connection any more; it may be there already."""

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
    """Host, port and database.

    Raises:
        ValueError: it was taken apart in another way than it is meant.
    """
    host, port = str(parts.get("host") or "localhost"), str(parts.get("port") or "")
    database = str(parts.get("dbname") or "")
    if not {*port} <= {*"0123456789,"} or "@" in database + host:
        raise ValueError("a / in the password")
    port = port.strip(",") or "5432"
    if ":" in host:
        host = f"[{host}]"
    return f"{host}:{port}/{database}".rstrip("/")
