"""Tasks of Celery for `engines.py`: `celery --app celery_tasks worker`."""

from __future__ import annotations

import os
from datetime import datetime

from celery import Celery
from held import KEY, timed

from postiz_async import NewPost
from postiz_async.contrib.celery import PostizTask

REDIS = os.environ["REDIS_URL"]

app = Celery("celery_tasks", broker=REDIS, backend=REDIS)
app.conf.update(
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=16,
    postiz_store=REDIS,
    postiz_credentials=KEY.format,
)


@app.task(base=PostizTask, bind=True, name="announce")  # type: ignore[untyped-decorator,unused-ignore]
def announce(self: PostizTask, organization: str, text: str, at: str) -> str:
    with timed():
        posts = self.postiz_of(organization).posts
        [created] = posts.schedule(NewPost("mastodon", text), at=datetime.fromisoformat(at))
        return created.post_id
