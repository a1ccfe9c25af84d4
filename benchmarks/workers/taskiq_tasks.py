"""Tasks of TaskIQ for `engines.py`: `taskiq worker taskiq_tasks:broker`."""

from __future__ import annotations

import os
from datetime import datetime

from held import KEY, timed
from taskiq import TaskiqDepends, TaskiqScheduler
from taskiq_redis import ListRedisScheduleSource, RedisStreamBroker

from postiz_async import NewPost
from postiz_async.contrib.taskiq import TaskPostizPool, install

REDIS = os.environ["REDIS_URL"]

broker = RedisStreamBroker(REDIS, consumer_id="0", socket_timeout=None)
source = ListRedisScheduleSource(REDIS)
scheduler = TaskiqScheduler(broker, [source])
install(broker, source, store=REDIS, credentials=KEY.format)


@broker.task("announce")
async def announce(
    organization: str, text: str, at: str, pool: TaskPostizPool = TaskiqDepends()
) -> str:
    with timed():
        postiz = await pool.client(organization)
        [created] = await postiz.posts.schedule(
            NewPost("mastodon", text), at=datetime.fromisoformat(at)
        )
        return created.post_id
