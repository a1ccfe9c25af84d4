"""What tests of all stores share: the stores, and records that grow old."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from postiz_async.stores import IdempotencyStore, QuotaStore
from postiz_async.stores.memory import MemoryStore
from postiz_async.stores.redis import PREFIX, RECORDS, RedisStore
from postiz_async.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

__all__ = ["Store", "count_records", "grow_older"]


class Store(QuotaStore, IdempotencyStore):
    """Each store of the library is both."""


async def grow_older(store: Store, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store's clock go on, for what records are kept."""
    if isinstance(store, RedisStore):
        for name in [each async for each in store._redis.scan_iter(PREFIX + RECORDS + "*")]:
            left = await store._redis.pttl(name)
            await store._redis.pexpire(name, math.ceil(left - seconds * 1000))
    else:
        assert isinstance(store, MemoryStore | SqliteStore)
        monkeypatch.setattr(time, "time", _later(time.time, seconds))


def _later(clock: Callable[[], float], seconds: float) -> Callable[[], float]:
    return lambda: clock() + seconds


async def count_records(store: Store) -> int:
    """How many records take up room, those whose time is over as well."""
    if isinstance(store, RedisStore):
        return len([each async for each in store._redis.scan_iter(PREFIX + RECORDS + "*")])
    if isinstance(store, SqliteStore):
        assert store._connection is not None
        return int(store._connection.execute("SELECT count(*) FROM idempotency").fetchone()[0])
    assert isinstance(store, MemoryStore)
    return len(store._records)
