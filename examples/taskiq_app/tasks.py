"""Many workers on many hosts send for many organisations: TaskIQ, its Redis broker, one quota.

    python -m pip install '../..[redis,taskiq]' taskiq-redis    # in this folder
    taskiq worker tasks:broker --workers 4          # on as many hosts as you like
    taskiq scheduler tasks:scheduler --update-interval 10        # exactly one
    python send.py < orders.jsonl

`REDIS_URL` holds queue and quota. `ORGANIZATIONS` stands for your database: JSON that maps a name
of yours to an API key. Keys never go through the queue.

A worker does not sleep while a window of the quota is used up. The order is put back with a time
at which it can go, and the worker takes the next one, which may be another organisation's. An
order may be delivered twice (a worker dies before it says that it is done): its id is the
idempotency key of its post, so it is sent once.
"""

import json
import os
from datetime import datetime

from taskiq import TaskiqDepends, TaskiqScheduler
from taskiq_redis import ListRedisScheduleSource, RedisAsyncResultBackend, RedisStreamBroker

from postiz_async import NewPost
from postiz_async.contrib.taskiq import TaskPostizPool, install

REDIS = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
KEYS: dict[str, str] = json.loads(os.environ.get("ORGANIZATIONS", "{}"))

broker = RedisStreamBroker(
    REDIS,
    consumer_id="0",
    unacknowledged_lock_timeout=60.0,
    socket_timeout=None,  # with one, redis-py loses cancellations on Python 3.11: no end on SIGTERM
    socket_keepalive=True,
).with_result_backend(RedisAsyncResultBackend(REDIS, result_ex_time=7 * 86_400))
source = ListRedisScheduleSource(REDIS)
scheduler = TaskiqScheduler(broker, [source])


async def key_of(organization: str) -> str:
    return KEYS[organization]


install(broker, source, store=REDIS, credentials=key_of)


@broker.task
async def announce(
    organization: str,
    channel: str,
    text: str,
    at: datetime,
    pool: TaskPostizPool = TaskiqDepends(),
) -> str:
    """Schedule one post. The result is its id."""
    postiz = await pool.client(organization)
    [created] = await postiz.posts.schedule(NewPost(channel, text), at=at)
    return created.post_id
