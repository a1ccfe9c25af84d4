"""Redis as the store of a test whose time is not the time of Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from postiz_async.stores.redis import RedisStore

if TYPE_CHECKING:
    from postiz_async.clock import JumpingClock
    from postiz_async.stores import Versioned

__all__ = ["RedisOnClock"]


class RedisOnClock(RedisStore):
    """Redis, with the time of a test's clock in the place of its own."""

    def __init__(self, url: str, clock: JumpingClock) -> None:
        super().__init__(url)
        self._clock = clock

    async def _run(self, name: str, arguments: Any) -> tuple[bool, Versioned]:
        with self._clock.hold():
            done, state = await super()._run(name, arguments)
        return done, state._replace(time=self._clock.time() + 12_345)
