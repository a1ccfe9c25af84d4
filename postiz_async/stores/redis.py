"""A store for many hosts: Redis. Needs the extra `redis`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from postiz_async.errors import ConfigurationError, StoreError
from postiz_async.stores import Versioned

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

__all__ = ["RedisStore"]

PREFIX = "postiz-async:"
TIMEOUT = 5.0
"""Seconds to connect and to wait for an answer."""

LIFETIME = 3 * 24 * 3600
"""Seconds after which a state that nobody touches is forgotten."""

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
redis.call('HSET', KEYS[1], 'version', version + 1, 'value', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {1, version + 1, ARGV[3], now[1], now[2]}
"""


class RedisStore:
    """Keeps states in Redis 5 or newer; each look and each change is one script, one round trip.

    The time is the time of Redis, so that the clocks of the hosts do not matter. Redis must not
    evict the keys (policy `noeviction` or a `volatile-` one with room): an evicted state is taken
    for a fresh start.

    Args:
        url: such as `redis://:password@host:6379/0`; the password is in no representation.

    Raises:
        ConfigurationError: the extra is not installed, or the URL cannot be used.
        StoreError: from its methods, when Redis cannot be reached.
    """

    def __init__(self, url: str) -> None:
        try:
            from redis import asyncio as redis  # noqa: PLC0415  (an extra)
        except ImportError:
            raise ConfigurationError(
                "A quota in Redis needs the redis extra: "
                "python -m pip install 'postiz-async[redis]'"
            ) from None
        try:
            connect = cast("Callable[..., redis.Redis]", redis.Redis.from_url)  # pyright: ignore[reportUnknownMemberType]
            self._redis = connect(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)
        except ValueError as error:
            raise ConfigurationError(f"The address of Redis cannot be used: {error}") from error
        self._script = self._redis.register_script(_SCRIPT)
        pool = self._redis.connection_pool.connection_kwargs
        self._where = f"{pool.get('host', 'localhost')}:{pool.get('port', 6379)}"

    def __repr__(self) -> str:
        return f"RedisStore({self._where!r})"

    async def read(self, name: str) -> Versioned:
        return (await self._run(name, ["read", 0, b"", LIFETIME]))[1]

    async def swap(self, name: str, version: int, value: bytes) -> tuple[bool, Versioned]:
        return await self._run(name, ["swap", version, value, LIFETIME])

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def _run(
        self, name: str, arguments: Sequence[str | int | bytes]
    ) -> tuple[bool, Versioned]:
        from redis.exceptions import RedisError  # noqa: PLC0415  (an extra)

        try:
            answer = await cast(
                "Awaitable[list[Any]]", self._script(keys=[PREFIX + name], args=arguments)
            )
            done, version, value, seconds, micros = answer
            time = int(seconds) + int(micros) / 1e6
            return bool(done), Versioned(bytes(value) or None, int(version), time)
        except (RedisError, OSError, ValueError, TypeError) as error:
            raise StoreError(
                f"The quota in Redis at {self._where} cannot be used: {error}. While the quota of "
                "the other hosts is not known, nothing is sent."
            ) from error
