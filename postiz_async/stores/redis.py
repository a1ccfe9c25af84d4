"""A store for many hosts: Redis. Needs the extra `redis`."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from postiz_async._extras import extra_needed
from postiz_async._wire.secrets import OfOneProcess, Secret, redact_text
from postiz_async.errors import ConfigurationError, StoreError
from postiz_async.stores import Kept, new_version
from postiz_async.stores._connection_slots import WAIT, SlotsOfLoop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from redis.asyncio import Redis

__all__ = ["RedisStore"]

_PREFIX = "postiz-async:"
_TIMEOUT = 5.0
"""Seconds to connect and to wait for an answer."""

_CONNECTIONS = 32
"""Connections at most, unless the address has `max_connections`; Redis runs one command at once."""

_LIFETIME = 3 * 24 * 3600
"""Seconds after which an untouched state is forgotten; longer than any window."""

_RETRIES = 2
"""Further attempts when a connection breaks; a repeated change is recognised by its value."""

_NO_ROOM = "max number of clients"
"""The words of Redis for `maxclients` connections being open."""

_ALL_IN_USE = (
    f"none of its {{}} connections was free within {WAIT:g} s. Is the network or the server "
    "overloaded? max_connections=... at the end of the address allows more."
)

_KNOWN = {
    "HELLO must be called|NOAUTH|Authentication required": "it wants a password. Put it into the "
    "address: redis://:password@host:6379/0.",
    "AuthenticationError": "it refuses this user or password. Check them in the address.",
    "NoPermissionError|NOPERM": "its user may not do this. Allow EVAL, EVALSHA, SCRIPT, TIME, "
    "HMGET, HSET and EXPIRE on the keys postiz-async:*.",
    "DB index": "it has no database of that number. Check the end of the address.",
    "OOM|OutOfMemory": "its memory is full (OOM). Raise its maxmemory.",
    "READONLY|ReadOnly": "it is a read-only replica. Use the address of the primary.",
    "MASTERDOWN|MasterDown": "it is a replica without its primary. Use the address of the primary.",
    "WRONGTYPE": "another program has a key of that name (WRONGTYPE). Use another database number.",
    "MovedError|AskError|Cluster|cluster mode": "it is a node of a Redis Cluster, which is not "
    "supported. Use a single server.",
    _NO_ROOM: "it has no room for more clients (maxclients). Raise that, or let each process have "
    f"fewer connections than {_CONNECTIONS}: ?max_connections=... at the end of the address.",
    "Connection lost": "it closed the connection. It may have no room for more clients "
    "(maxclients), of which redis-py tells from its version 8 on.",
    "BusyLoading|LOADING": "it is still loading its data. Try again in a moment.",
    "MISCONF": "it cannot save to its disk (MISCONF), so it refuses changes. See its log.",
    "TimeoutError": f"no answer within {_TIMEOUT:.0f} s. Is the network or the server overloaded?",
    "SSL|certificate": "no secure connection. rediss:// needs a server with TLS and a certificate "
    "that is trusted here.",
}
"""Error texts with advice, by a part of the error's class or text."""

_SCRIPT = """
local now = redis.call('TIME')
local state = redis.call('HMGET', KEYS[1], 'version', 'value')
local version = tonumber(state[1] or '0')
if ARGV[1] == 'read' then
  return {1, version, state[2] or '', now[1], now[2]}
end
if version ~= tonumber(ARGV[2]) then
  return {0, version, state[2] or '', now[1], now[2]}
end
redis.call('HSET', KEYS[1], 'version', ARGV[5], 'value', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {1, tonumber(ARGV[5]), ARGV[3], now[1], now[2]}
"""


class RedisStore(OfOneProcess):
    """Keeps ledgers and records in Redis 5 or newer; each read and each change is one round trip.

    The time is the time of Redis, so that the clocks of the hosts do not matter. Redis must not
    evict the keys (policy `noeviction`): a state that vanished is written again from what a client
    saw of it last, and what others spent since is found out by one call that may be one too many.

    Args:
        url: such as `redis://:password@host:6379/0`; the password is not shown by `repr`.

    Raises:
        ConfigurationError: the extra is not installed, or the URL cannot be used.
        StoreError: from its methods, when Redis cannot be reached.
    """

    def __init__(self, url: str | Secret) -> None:
        url = Secret.of(url)
        self._url = url
        self._connect()
        self._slots = SlotsOfLoop("RedisStore", "store")
        options = self._redis.connection_pool.connection_kwargs
        host, port = options.get("host", "localhost"), options.get("port", 6379)
        self._where = str(options.get("path") or f"{host}:{port}")

    def __repr__(self) -> str:
        return f"RedisStore({self._where!r})"

    async def get(self, scope: str, key: str, /) -> Kept:
        return (await self._run(scope, key, ["read", 0, b"", 0]))[1]

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        seconds = _LIFETIME if keep is None else math.ceil(keep)
        return await self._run(scope, key, ["swap", version, value, seconds, new_version()])

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def _run(
        self, scope: str, key: str, arguments: Sequence[str | int | bytes]
    ) -> tuple[bool, Kept]:
        from redis.exceptions import RedisError  # noqa: PLC0415  (an extra)

        began = time.monotonic()
        while True:
            slots = self._slots.here(self._most(), self._connect)
            if not await slots.acquire(began):
                raise self._trouble(slots.refusal or _ALL_IN_USE.format(self._most()))
            is_refused = False
            try:
                answer = await cast(
                    "Awaitable[list[Any]]",
                    self._script(keys=[f"{_PREFIX}{scope}:{key}"], args=arguments),
                )
                slots.refusal = ""
                done, version, value, seconds, micros = answer
                now = int(seconds) + int(micros) / 1e6
                return bool(done), Kept(bytes(value) or None, int(version), now)
            except (RedisError, OSError, ValueError, TypeError) as error:
                reason, is_refused = self._reason(error), _NO_ROOM in str(error)
            finally:
                if is_refused:
                    _connected_ones_last(self._redis)
                    slots.release_refused()
                else:
                    slots.release()
            if not is_refused or not await slots.wait_for_room(began, reason):
                raise self._trouble(reason)  # not above: the cause has the password

    def _trouble(self, reason: str) -> StoreError:
        return StoreError(
            f"The quota in Redis at {self._where} cannot be used: {reason}\n"
            "  Nothing is sent: without it, what other processes spent and sent is not known."
        )

    def _most(self) -> int:
        return self._redis.connection_pool.max_connections

    def _connect(self) -> None:
        """Create the client; its connections belong to the event loop that uses them first."""
        self._redis, self._login = _client(self._url)
        self._script = self._redis.register_script(_SCRIPT)

    def _reason(self, error: Exception) -> str:
        """The error text with advice, without secrets: some servers repeat what they were sent."""
        shown = f"{type(error).__name__} {error}"
        for parts, reason in _KNOWN.items():
            if any(part in shown for part in parts.split("|")):
                return reason
        text = str(error) or type(error).__name__
        text = redact_text(text, (self._login.password, self._login.user))
        return f"{text.rstrip('.')}. Is it running, and is the address right?"


def _connected_ones_last(redis: Redis) -> None:
    """Move connected ones to the end of the idle connections, from where the next is taken."""
    idle = cast("list[Any]", redis.connection_pool._available_connections)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    idle.sort(key=attrgetter("is_connected"))


class _Login:
    """User and password for Redis, which the client reads at each connection and does not keep."""

    def __init__(self, user: Secret, password: Secret) -> None:
        self.user = user
        self.password = password

    def get_credentials(self) -> tuple[str, ...]:
        """The arguments of `AUTH`."""
        both = (self.user, self.password) if self.user else (self.password,)
        return tuple(each.reveal() for each in both)

    async def get_credentials_async(self) -> tuple[str, ...]:
        """The arguments of `AUTH`, for the asynchronous client."""
        return self.get_credentials()


def _client(url: Secret) -> tuple[Redis, _Login]:
    try:
        from redis.asyncio import Redis  # noqa: PLC0415  (an extra)
        from redis.asyncio.retry import Retry  # noqa: PLC0415  (an extra)
        from redis.backoff import ExponentialBackoff  # noqa: PLC0415  (an extra)
    except ImportError:
        raise ConfigurationError(extra_needed("A quota in Redis needs", "redis")) from None
    connect = cast("Callable[..., Redis]", Redis.from_url)  # pyright: ignore[reportUnknownMemberType]
    with suppress(ValueError):  # its text may have a part of the password
        _check_address(url)
        client = connect(
            url.reveal(),
            max_connections=_CONNECTIONS,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), _RETRIES),
        )
        return client, _take_login(client)
    raise ConfigurationError(
        "The address of Redis cannot be used. It looks like redis://:password@host:6379/0; in "
        "user and password all but letters, digits and -._~ is written as %XX."
    )


def _take_login(client: Redis) -> _Login:
    """Remove user and password from the options of the client's connections."""
    options = client.connection_pool.connection_kwargs
    login = _Login(
        Secret(options.pop("username", None) or ""), Secret(options.pop("password", None) or "")
    )
    if login.user or login.password:
        options["credential_provider"] = login
    return login


def _check_address(url: Secret) -> None:
    """Refuse an address that would be parsed wrongly."""
    parts = urlsplit(url.reveal())
    if parts.scheme in {"redis", "rediss"} and "@" in parts.path + parts.query + parts.fragment:
        raise ValueError("a / ? or # in the password")
    if "decode_responses" in parts.query:
        raise ValueError("states are no text")
