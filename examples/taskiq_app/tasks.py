"""Many workers on many hosts send for many organisations: TaskIQ, its Redis broker, one quota.

    pip install 'postiz-async[redis]' taskiq taskiq-redis
    taskiq worker tasks:broker --workers 4          # on as many hosts as you like
    taskiq scheduler tasks:scheduler --update-interval 10        # exactly one
    python send.py < orders.jsonl

`REDIS_URL` holds queue and quota. `ORGANIZATIONS` stands for your database: JSON that maps a name
of yours to an API key. Keys never go through the queue.

A worker does not sleep while a window of the quota is used up. It puts the order back with a time
at which it can go, and takes the next one, which may be another organisation's. An order may be
delivered twice (a worker dies before it says that it is done): its date has milliseconds of its
own, so it is looked for before it is sent.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from datetime import UTC, datetime, timedelta
from typing import Annotated

from taskiq import Context, TaskiqDepends, TaskiqEvents, TaskiqScheduler, TaskiqState
from taskiq.exceptions import NoResultError
from taskiq_redis import ListRedisScheduleSource, RedisAsyncResultBackend, RedisStreamBroker

from postiz_async import (
    APIConnectionError,
    DeliveryUnknownError,
    Marks,
    NewPost,
    Postiz,
    PostizPool,
    Priority,
    QuotaError,
    ServerError,
    StoreError,
)
from postiz_async.stores.redis import RedisStore

REDIS = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
KEYS: dict[str, str] = json.loads(os.environ.get("ORGANIZATIONS", "{}"))

PATIENCE = 2.0
"""Seconds that a worker waits for the quota before it takes another order."""

SETTLE = 900.0
"""Seconds after which an answer that was lost is looked for: what Postiz works on is done then."""

broker = RedisStreamBroker(
    REDIS,
    consumer_id="0",
    unacknowledged_lock_timeout=60.0,
    socket_timeout=None,  # with one, redis-py loses cancellations on Python 3.11: no end on SIGTERM
    socket_keepalive=True,
).with_result_backend(RedisAsyncResultBackend(REDIS, result_ex_time=7 * 86_400))
source = ListRedisScheduleSource(REDIS)
scheduler = TaskiqScheduler(broker, [source])


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def start(state: TaskiqState) -> None:
    state.store = RedisStore(REDIS)
    state.pool = await PostizPool(quota=state.store).open()


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def stop(state: TaskiqState) -> None:
    await state.pool.aclose()
    await state.store.aclose()


async def client_of(state: TaskiqState, organization: str) -> Postiz:
    pool: PostizPool = state.pool
    return await pool.client(KEYS[organization], organization=organization)


def marked(at: str, order: str) -> datetime:
    """The date with milliseconds that tell this order from others in the same second."""
    own = 1 + int.from_bytes(hashlib.sha256(order.encode()).digest()[:4]) % 999
    return datetime.fromisoformat(at).astimezone(UTC).replace(microsecond=own * 1000)


@broker.task
async def announce(
    organization: str,
    channel: str,
    text: str,
    at: str,
    context: Annotated[Context, TaskiqDepends()],
) -> str:
    """Schedule one post. The result is its id."""
    order = context.message.task_id
    moment = marked(at, order)
    postiz = await client_of(context.state, organization)
    arguments = (organization, channel, text, at)
    try:
        [stored] = await postiz.posts.find(Marks(moment, (channel,), (text,)))
        if stored is not None:
            return stored.id
        [created] = await postiz.posts.schedule(
            NewPost(channel, text), at=moment, max_wait=PATIENCE, priority=Priority.BULK
        )
    except QuotaError as error:
        await again(order, error.retry_after, *arguments)
    except DeliveryUnknownError:
        await again(order, SETTLE, *arguments)
    except (APIConnectionError, ServerError, StoreError):
        await again(order, 60.0, *arguments)
    return created.post_id


async def again(
    order: str, seconds: float, organization: str, channel: str, text: str, at: str
) -> None:
    """Put an order back under its own number, for later; it has no result yet."""
    spread = random.uniform(0.0, min(30.0, seconds / 10))
    when = datetime.now(UTC) + timedelta(seconds=seconds + spread)
    later = announce.kicker().with_task_id(order)
    await later.schedule_by_time(source, when, organization, channel, text, at)
    raise NoResultError
