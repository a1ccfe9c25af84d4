"""An app in a Django project, with threads and pickles: `celery --app celery_django worker`."""

from __future__ import annotations

import os
import threading
from datetime import datetime

import django
from celery import Celery
from django.conf import settings

from postiz_async import NewPost, Secret
from postiz_async.contrib.celery import PostizTask

settings.configure(
    CELERY_BROKER_URL=os.environ["REDIS_URL"],
    CELERY_RESULT_BACKEND=os.environ["REDIS_URL"],
    CELERY_TASK_SERIALIZER="pickle",
    CELERY_RESULT_SERIALIZER="pickle",
    CELERY_ACCEPT_CONTENT=["pickle"],
    CELERY_POSTIZ_MAX_WAIT=50,
    POSTIZ_API_KEY=Secret(os.environ["KEY"]),
    POSTIZ_API_URL=os.environ["URL"],
    POSTIZ_STORE=os.environ["REDIS_URL"],
)
django.setup()
app = Celery("celery_django")
app.config_from_object("django.conf:settings", namespace="CELERY")
together = threading.Barrier(4)


@app.task(base=PostizTask, bind=True, name="announce")
def announce(self: PostizTask, post: NewPost, at: datetime) -> tuple[int, int, str]:
    """The thread, the client's own thread, and the post."""
    [created] = self.postiz.posts.schedule(post, at=at)
    return threading.get_ident(), id(self.postiz._portal), created.post_id


@app.task(base=PostizTask, bind=True, name="announce_together")
def announce_together(self: PostizTask, post: NewPost, at: datetime) -> tuple[int, int, str]:
    if self.request.retries == 0:
        together.wait()
    return announce(post, at)
