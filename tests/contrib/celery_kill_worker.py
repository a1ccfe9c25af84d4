"""Tasks for workers that are killed: `celery --app celery_kill_worker worker`.

The client is on the clock of the server, which runs faster than Celery's.
"""

from __future__ import annotations

import os
from datetime import datetime

from celery import Celery
from outbox_worker import clock_of

from postiz_async import AdvancedOptions, NewPost, Postiz
from postiz_async._transport import make_transport
from postiz_async._transport.settings import ConnectionSettings
from postiz_async.contrib.celery import PostizTask
from postiz_async.stores.redis import RedisStore

REDIS = os.environ["REDIS_URL"]


def make_client() -> Postiz:
    clock = clock_of(os.environ["POSTIZ_API_URL"])
    transport = make_transport(ConnectionSettings(speed=clock.speed))
    advanced = AdvancedOptions(clock=clock, transport=transport)
    return Postiz(store=RedisStore(REDIS), advanced=advanced)


app = Celery("celery_kill_worker", broker=REDIS, backend=REDIS)
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 3.0},
    postiz_client=make_client,
)


@app.task(base=PostizTask, bind=True, name="announce")
def announce(self: PostizTask, text: str, at: str) -> str:
    post = NewPost("mastodon", text)
    [created] = self.postiz.posts.schedule(post, at=datetime.fromisoformat(at))
    return created.post_id
