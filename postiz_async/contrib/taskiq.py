"""TaskIQ: tasks that create each post once, and are put back instead of sleeping.

    broker = RedisStreamBroker(REDIS).with_result_backend(RedisAsyncResultBackend(REDIS))
    source = ListRedisScheduleSource(REDIS)
    scheduler = TaskiqScheduler(broker, [source])
    install(broker, source, store=REDIS)

    @broker.task
    async def announce(
        channel: str, text: str, at: datetime, postiz: TaskPostiz = TaskiqDepends()
    ) -> str:
        [created] = await postiz.posts.schedule(NewPost(channel, text), at=at)
        return created.post_id

A task whose error has a `retry_after` is put back into the schedule source: under its own id, with
the arguments that it had, and without a result yet. The worker takes the next one. All other errors
fail it as usual.

The id of a task is the idempotency key of what it creates. So a task that is delivered twice, was
put back, or is run again because its worker died creates nothing twice. What it creates has to
follow from its arguments: dates and uploads belong there, for another time or another upload is
another post, which is refused (`IdempotencyError`). For a task to survive the death of its worker
the broker has to have acknowledgements, and the worker's `--ack-type` has to stay `when_saved`.

Needs the extra `taskiq`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from postiz_async._client import Postiz
from postiz_async._extras import importing
from postiz_async._pool import PostizPool
from postiz_async._resources.api import OpenClient, opened
from postiz_async._wire.secrets import Secret
from postiz_async.contrib._queues import (
    TASK_WAIT,
    USED_KEYS,
    TaskKeys,
    WorkerClient,
    seconds_until_retry,
    task_client,
)
from postiz_async.errors import (
    AuthenticationError,
    ConfigurationError,
    PostizError,
    UsageError,
)

with importing("taskiq", __name__):
    from taskiq import (
        Context,
        ScheduledTask,
        ScheduleSource,
        TaskiqDepends,
        TaskiqEvents,
        TaskiqMiddleware,
    )
    from taskiq.exceptions import NoResultError

if TYPE_CHECKING:
    from pathlib import Path

    from taskiq import AsyncBroker, TaskiqMessage, TaskiqResult, TaskiqState

    from postiz_async._outbox.pool_outbox import CredentialsOf
    from postiz_async._resources.channels import Channels
    from postiz_async._resources.insights import Analytics, Notifications
    from postiz_async._resources.keyed import KeyedCreate
    from postiz_async._resources.media import MediaResource
    from postiz_async._resources.posts import Posts
    from postiz_async.models.posts import Created
    from postiz_async.stores import Records

__all__ = ["PutBackError", "TaskPostiz", "TaskPostizPool", "install"]

_log = logging.getLogger("postiz_async.taskiq")


def install(
    broker: AsyncBroker,
    source: ScheduleSource,
    client: Postiz | PostizPool | Callable[[], Postiz | PostizPool] | None = None,
    *,
    credentials: CredentialsOf | None = None,
    store: Records | Path | Secret | str | None = None,
    max_wait: float | timedelta = TASK_WAIT,
) -> None:
    """Give a broker's tasks a client, and put back tasks that have to wait.

    Call it once, where the broker is created. The client is opened when a worker starts, not in
    programs that only send tasks.

    Args:
        broker: whose tasks use `TaskPostiz` or `TaskPostizPool`.
        source: the schedule source for tasks that are put back; any that tasks can be added to. A
            worker starts it; one `taskiq scheduler` must run with it.
        client: a client with your own options, or a `PostizPool` for many organisations; or a
            function that creates it, called when a worker starts. None: a client for
            `POSTIZ_API_KEY` and `POSTIZ_API_URL`, or with `credentials` a pool.
        credentials: for a pool, a function, sync or async, from the name of an organisation to its
            key or token, so that no key goes through the queue.
        store: where the workers share quota and idempotency keys: a store, the path of a SQLite
            file (one host), `redis://...` or `postgresql://...` (many hosts).
        max_wait: seconds that a task waits for the quota before it is put back.

    Raises:
        UsageError: the arguments do not go together, or tasks cannot be added to the source.
    """
    worker = WorkerClient(
        given=client,
        credentials=credentials,
        store=store,
        max_wait=max_wait,
        one="TaskPostiz",
        many="TaskPostizPool",
    )
    if type(source).add_schedule is ScheduleSource.add_schedule:
        raise UsageError(
            f"Nothing can be added to a {type(source).__name__}, so no task can be put back. Take "
            "a source that keeps schedules, such as ListRedisScheduleSource."
        )
    if "postiz_async" in broker.state:
        raise UsageError("This broker has a Postiz client already.")
    broker.state.postiz_async = tasks = _Tasks(worker, source)
    broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, tasks.open)
    broker.add_event_handler(TaskiqEvents.WORKER_SHUTDOWN, tasks.close)
    broker.add_middlewares(_PutBack(tasks))


# ------------------------------------------------------------------ the client of a worker


@dataclass(frozen=True, eq=False)
class _Tasks:
    """What all tasks of a broker share, in its state."""

    worker: WorkerClient
    source: ScheduleSource

    async def open(self, _: TaskiqState) -> None:
        await self.worker.open()
        try:
            await self.source.startup()
        except BaseException:
            await self.worker.aclose()
            raise

    async def close(self, _: TaskiqState) -> None:
        try:
            await self.worker.aclose()
        finally:
            await self.source.shutdown()


def _worker_of(context: Annotated[Context, TaskiqDepends()]) -> WorkerClient:
    found = context.state.get("postiz_async")
    if not isinstance(found, _Tasks):
        raise UsageError(
            "This broker has no Postiz client: call install(broker, source) where it is made."
        )
    if not found.worker.is_open:
        raise UsageError(
            "The client of this broker is not open. It is while a worker runs: in a test, "
            "between broker.startup() and broker.shutdown() of an InMemoryBroker."
        )
    return found.worker


def _the_client(worker: Annotated[WorkerClient, TaskiqDepends(_worker_of)]) -> Postiz:
    return worker.client


# ------------------------------------------------------------------ what a task uses


class TaskPostiz:
    """The client for one task, which makes each create once.

        async def announce(text: str, postiz: TaskPostiz = TaskiqDepends()) -> None: ...

    `posts` is that of any client, but gives each create without an idempotency key one of its own.
    The first create of a task has the task's id, the second `<id>#2`, and so on. They are counted
    in the order of the calls, so that a task never creates more posts than it makes calls: if it
    runs again and makes another create in the same place, that is refused (`IdempotencyError`).
    Where the order may differ, give each call a `key` with a name.

    Args:
        context: the context of the task.
        client: the open client.
    """

    def __init__(
        self,
        context: Annotated[Context, TaskiqDepends()],
        client: Annotated[Postiz, TaskiqDepends(_the_client)],
    ) -> None:
        self._keys = TaskKeys(context.message.task_id)
        api = task_client(client, self._keys, _worker_of(context).max_wait)
        self.client = client
        self.task_id: str = context.message.task_id
        self.posts: Posts = copy(api.posts)
        self.posts._keyed = partial(_TaskCreates, opened(client))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        self.media: MediaResource = api.media
        self.channels: Channels = api.channels
        self.analytics: Analytics = api.analytics
        self.notifications: Notifications = api.notifications

    def key(self, name: str) -> str:
        """An idempotency key of this task for one of several creates, `<id>:<name>`.

            await postiz.posts.schedule(teaser, at=at, idempotency_key=postiz.key("teaser"))

        Args:
            name: a name for the create, unique in this task.
        """
        return self._keys.named(name)


class TaskPostizPool:
    """The clients of many organisations, for one task.

        async def announce(
            organization: str, text: str, pool: TaskPostizPool = TaskiqDepends()
        ) -> None:
            postiz = await pool.client(organization)

    Args:
        context: the context of the task.
    """

    def __init__(self, context: Annotated[Context, TaskiqDepends()]) -> None:
        self._context = context
        self._clients: dict[str, TaskPostiz] = {}

    async def client(self, organization: str) -> TaskPostiz:
        """The client of an organisation, with the key that `credentials` has for it.

        Args:
            organization: your name for it. Its creates are counted separately.

        Raises:
            UsageError: the broker has no pool.
            ConfigurationError: the key cannot be used.
        """
        client = await _worker_of(self._context).client_of(organization)
        return self._clients.setdefault(organization, TaskPostiz(self._context, client))


@dataclass(frozen=True, slots=True)
class _TaskCreates:
    """The creates of a task with idempotency keys; see `_resources.keyed.KeyedCreates`."""

    client: OpenClient

    async def create(self, keyed: KeyedCreate) -> list[Created]:
        try:
            return await self.client.keyed().create(keyed)
        except ConfigurationError as error:
            if self.client.is_open:
                raise
            raise PutBackError(retry_after=0.0, reason=str(error)) from error  # the worker ends
        except PostizError as error:
            if error.retry_after is None:
                raise
            raise PutBackError(retry_after=error.retry_after, reason=str(error)) from error


class PutBackError(NoResultError):
    """A create of a task has to wait, so the task is put back, as by `Context.requeue`.

    Raised by the creates of `TaskPostiz.posts`, from the error with the reason. TaskIQ logs one
    line for it, without a traceback.
    """

    __template__ = "The task comes back in {retry_after:.0f} s: {reason}"
    retry_after: float
    """Seconds after which the task is tried again."""
    reason: str


_received: ContextVar[Mapping[str, TaskiqMessage]] = ContextVar("_received")
"""Messages as received, by task id: TaskIQ replaces the arguments with parsed values."""


class _PutBack(TaskiqMiddleware):
    """Middleware that puts back tasks that have to wait."""

    def __init__(self, tasks: _Tasks) -> None:
        super().__init__()
        self._tasks = tasks

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        _received.set({**_received.get({}), message.task_id: message.model_copy(deep=True)})
        USED_KEYS.set({})
        return message

    async def on_error(
        self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
    ) -> None:
        seconds = seconds_until_retry(exception, (PostizError, PutBackError))
        if isinstance(exception, AuthenticationError) and await self._tasks.worker.has_new_key():
            seconds = 0.0
        if seconds is None:
            return
        if isinstance(result.error, NoResultError) and result.error is not exception:
            return  # another middleware was quicker
        await self._put_back(_received.get({}).get(message.task_id, message), seconds, exception)
        result.error = NoResultError()

    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        del result
        others = {name: each for name, each in _received.get({}).items() if name != message.task_id}
        _received.set(others)

    async def _put_back(self, message: TaskiqMessage, seconds: float, error: BaseException) -> None:
        """Schedule a task for later; if that fails it is not acknowledged, and delivered again."""
        labels = {name: value for name, value in message.labels.items() if name != "schedule_id"}
        await self._tasks.source.add_schedule(
            ScheduledTask(
                task_name=message.task_name,
                labels=labels,
                args=message.args,
                kwargs=message.kwargs,
                task_id=message.task_id,
                time=datetime.now(UTC) + timedelta(seconds=seconds),
            )
        )
        _log.info("task %s comes back in %.0f s: %s", message.task_id, seconds, error)
