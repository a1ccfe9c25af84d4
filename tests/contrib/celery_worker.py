"""Tasks of Celery for one organisation or for many: `celery --app celery_worker worker`.

The environment says what they share: `REDIS_URL`, `POSTIZ_STORE`, `FOLDER`, and `POSTIZ_API_KEY` if
there is one organisation; the keys of many are in Redis, where tests change them.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery
from celery.exceptions import Reject
from redis import Redis

from postiz_async import APIConnectionError, NewPost, Postiz as AsyncPostiz, PostizError
from postiz_async.contrib.celery import PostizTask
from postiz_async.errors import QuotaWaitError, UsageError

if TYPE_CHECKING:
    from postiz_async.blocking import Postiz

REDIS = os.environ["REDIS_URL"]
FOLDER = Path(os.environ["FOLDER"])
IS_FOR_MANY = "POSTIZ_API_KEY" not in os.environ

BROKER = os.environ.get("BROKER_URL", REDIS)

app = Celery("celery_worker", broker=BROKER, backend=REDIS)
app.conf.broker_connection_retry_on_startup = True
if BROKER == REDIS:
    app.conf.broker_transport_options = {"visibility_timeout": 4.0}
app.conf.result_extended = True
if IS_FOR_MANY:
    app.conf.postiz_credentials = "celery_worker:key_of"
else:
    app.conf.postiz_client = "celery_worker:make_client"


def make_client() -> AsyncPostiz:
    return AsyncPostiz(organization="acme", store=os.environ["POSTIZ_STORE"])


def key_of(organization: str) -> str:
    with pytest.raises(RuntimeError):  # as Django's database requires
        asyncio.get_running_loop()
    with Redis.from_url(REDIS, decode_responses=True) as redis:
        return redis.hget("keys", organization) or ""


def client_of(task: PostizTask, organization: str | None) -> Postiz:
    return task.postiz if organization is None else task.postiz_of(organization)


def _wait_for(file: Path) -> None:
    while not file.exists():
        time.sleep(0.01)


@app.task(base=PostizTask, bind=True, name="announce")
def announce(self: PostizTask, organization: str | None, at: str, *texts: str) -> list[str]:
    postiz, when = client_of(self, organization), datetime.fromisoformat(at)
    made = [postiz.posts.schedule(NewPost("mastodon", text), at=when) for text in texts]
    return [created.post_id for [created] in made]


@app.task(base=PostizTask, bind=True, name="in_any_order")
def in_any_order(self: PostizTask, organization: str, at: str, *texts: str) -> None:
    postiz, when = self.postiz_of(organization), datetime.fromisoformat(at)
    for text in texts:
        key = self.key(text)
        postiz.posts.schedule(NewPost("mastodon", text), at=when, idempotency_key=key)


@app.task(base=PostizTask, bind=True, name="by_parts")
def by_parts(self: PostizTask, organization: str, at: str, *texts: str) -> None:
    """Calls another task like a function, which is then a part of this one."""
    for text in texts:
        announce(organization, at, text)


@app.task(base=PostizTask, bind=True, name="dies")
def dies(self: PostizTask, organization: str, at: str, text: str) -> list[str]:
    [created] = self.postiz_of(organization).posts.schedule(
        NewPost("mastodon", text), at=datetime.fromisoformat(at)
    )
    once = FOLDER / f"died-{text}"
    if not once.exists():
        once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return [created.post_id]


class RefusedOnce(PostizTask):
    """Its first retry meets a Redis that takes nothing.

    The worker itself, which needs to write there too, would end if it had to in that time.
    """

    abstract = True

    def retry(self, *args: Any, **options: Any) -> Any:
        refused = FOLDER / "refused"
        if refused.exists():
            return super().retry(*args, **options)
        with Redis.from_url(REDIS) as redis:
            redis.config_set("maxmemory", 1)
            try:
                return super().retry(*args, **options)
            except Reject:
                refused.touch()
                raise
            finally:
                redis.config_set("maxmemory", 0)


@app.task(base=RefusedOnce, bind=True, name="refused_once")
def refused_once(self: PostizTask, at: str, text: str) -> list[str]:
    if (FOLDER / "refused").exists():
        (FOLDER / "delivered-again").touch()
    [created] = self.postiz.posts.schedule(NewPost("mastodon", text), at=datetime.fromisoformat(at))
    return [created.post_id]


@app.task(base=PostizTask, bind=True, name="in_two_attempts")
def in_two_attempts(self: PostizTask, organization: str, at: str, *texts: str) -> None:
    """Only its first attempt begins before a test says that the key was changed.

    The queue may deliver a task once more, of which Celery does not count the attempts.
    """
    begun = FOLDER / "begun-in-two-attempts"
    is_first = not begun.exists()
    begun.touch()
    if not is_first:
        _wait_for(FOLDER / "changed")
    postiz, when = self.postiz_of(organization), datetime.fromisoformat(at)
    for text in texts[:1] if is_first else texts:
        postiz.posts.schedule(NewPost("mastodon", text), at=when)
    if is_first:
        raise QuotaWaitError("no slot is free", retry_after=1.0)


@app.task(base=PostizTask, bind=True, name="in_the_middle")
def in_the_middle(self: PostizTask, organization: str, at: str, text: str) -> int:
    """Has asked for its key when a test changes it; returns the number of retries."""
    postiz = self.postiz_of(organization)
    (FOLDER / "asked").touch()
    _wait_for(FOLDER / "replaced")
    postiz.posts.schedule(NewPost("mastodon", text), at=datetime.fromisoformat(at))
    return int(self.request.retries)


@app.task(base=PostizTask, bind=True, name="fails")
def fails(self: PostizTask, kind: str) -> int:
    away = APIConnectionError("the server is away")
    errors: dict[str, Exception] = {
        "away": away,
        "both away": ExceptionGroup("both", [away, ExceptionGroup("one", [away])]),
        "one is wrong": ExceptionGroup("both", [away, ValueError("wrong")]),
        "wrong": UsageError("wrong"),
        "foreign": ValueError("wrong"),
    }
    if self.request.retries == 0:
        raise errors[kind]
    return self.request.retries


@app.task(name="process")
def process() -> int:
    return os.getpid()


@app.task(base=PostizTask, bind=True, name="misused")
def misused(self: PostizTask) -> str:
    """What a task is told that uses the client of the other kind."""
    try:
        other: Any = self.postiz if IS_FOR_MANY else self.postiz_of("acme")
    except PostizError as error:
        return str(error)
    return repr(other)


if "OPEN_EARLY" in os.environ:  # in the process that forks the others
    announce.postiz.channels.list()
