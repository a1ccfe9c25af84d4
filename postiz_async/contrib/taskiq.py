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

import hashlib
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, cast

from postiz_async._client import Postiz
from postiz_async._extras import importing
from postiz_async._outbox.places import check_credentials
from postiz_async._pool import PostizPool
from postiz_async._resources.api import OpenClient, opened, options_of
from postiz_async._resources.posts import Posts
from postiz_async._scheduler.hooks import told
from postiz_async._scheduler.scheduler import BoundScheduler
from postiz_async._wire.secrets import Secret, hidden
from postiz_async.contrib.web import open_store
from postiz_async.errors import ConfigurationError, PostizError, UsageError
from postiz_async.models._durations import read_seconds

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
    from postiz_async._scheduler.calls import CallOptions
    from postiz_async.models.posts import Created
    from postiz_async.stores import Records

__all__ = ["PutBackError", "TaskPostiz", "TaskPostizPool", "install"]

_log = logging.getLogger("postiz_async.taskiq")

_WORKER_WAIT = 2.0

_LONGEST_PUT_BACK = 86_400.0
"""Longest delay in seconds of a task that is put back, even if the error says more."""

_LARGEST_SPREAD = 30.0
"""Largest random delay in seconds that spreads tasks waiting for the same moment."""

_LONGEST_ID = 200
"""Longest task id that a key contains as it is; a longer one is replaced by its hash."""


def install(
    broker: AsyncBroker,
    source: ScheduleSource,
    client: Postiz | PostizPool | Callable[[], Postiz | PostizPool] | None = None,
    *,
    credentials: CredentialsOf | None = None,
    store: Records | Path | Secret | str | None = None,
    max_wait: float | timedelta = _WORKER_WAIT,
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
    max_wait = read_seconds("max_wait", max_wait, zero=True)
    if client is not None and store is not None:
        raise UsageError("Give store to the client, or let it be made here.")
    check_credentials(credentials)
    if isinstance(client, Postiz | PostizPool):
        _check_pair(client, credentials)
    if type(source).add_schedule is ScheduleSource.add_schedule:
        raise UsageError(
            f"Nothing can be added to a {type(source).__name__}, so no task can be put back. Take "
            "a source that keeps schedules, such as ListRedisScheduleSource."
        )
    if "postiz_async" in broker.state:
        raise UsageError("This broker has a Postiz client already.")
    store = hidden(store)  # for all of the worker's life in this state
    broker.state.postiz_async = tasks = _Tasks(
        given=client,
        credentials=credentials,
        store=store,
        source=source,
        max_wait=max_wait,
    )
    broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, tasks.open)
    broker.add_event_handler(TaskiqEvents.WORKER_SHUTDOWN, tasks.close)
    broker.add_middlewares(_PutBack(tasks))


def _check_pair(client: Postiz | PostizPool, credentials: CredentialsOf | None) -> None:
    if isinstance(client, PostizPool) and credentials is None:
        raise UsageError("A pool needs credentials=: a function from organisation to key.")
    if isinstance(client, Postiz) and credentials is not None:
        raise UsageError("credentials= is for a PostizPool; this client has its own key.")


# ------------------------------------------------------------------ the client of a worker


@dataclass(kw_only=True, eq=False)
class _Tasks:
    """The arguments of `install` and the client, which all tasks share in the broker's state."""

    given: Postiz | PostizPool | Callable[[], Postiz | PostizPool] | None
    credentials: CredentialsOf | None
    store: Records | Path | Secret | None
    source: ScheduleSource
    max_wait: float
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _client: Postiz | PostizPool | None = None

    async def open(self, _: TaskiqState) -> None:
        """Open the client when a worker starts."""
        async with AsyncExitStack() as stack:
            client = self._made(stack)
            _check_pair(client, self.credentials)
            await self.source.startup()
            stack.push_async_callback(self.source.shutdown)
            self._client = await stack.enter_async_context(client)
            self._stack = stack.pop_all()

    def _made(self, stack: AsyncExitStack) -> Postiz | PostizPool:
        if self.given is not None:
            return self.given() if callable(self.given) else self.given
        store = None if self.store is None else open_store(self.store)
        if store is not None:
            stack.push_async_callback(store.aclose)
        return Postiz(store=store) if self.credentials is None else PostizPool(store=store)

    async def close(self, _: TaskiqState) -> None:
        """Close the client when a worker stops."""
        self._client = None
        await self._stack.aclose()

    @property
    def client(self) -> Postiz | PostizPool:
        if self._client is None:
            raise UsageError(
                "The client of this broker is not open. It is while a worker runs: in a test, "
                "between broker.startup() and broker.shutdown() of an InMemoryBroker."
            )
        return self._client

    async def client_of(self, organization: str) -> Postiz:
        client = self.client
        if isinstance(client, Postiz) or self.credentials is None:
            raise UsageError(
                "This broker has a client of one organisation: use TaskPostiz in place of "
                "TaskPostizPool, or install a PostizPool with credentials=."
            )
        key: str | Secret = await told(self.credentials, organization)
        return await client.client(key, organization=organization)


def _tasks_of(context: Context) -> _Tasks:
    found = context.state.get("postiz_async")
    if not isinstance(found, _Tasks):
        raise UsageError(
            "This broker has no Postiz client: call install(broker, source) where it is made."
        )
    return found


def _the_client(context: Annotated[Context, TaskiqDepends()]) -> Postiz:
    client = _tasks_of(context).client
    if isinstance(client, PostizPool):
        raise UsageError(
            "This broker has a pool of many organisations: use TaskPostizPool in place of "
            "TaskPostiz, and say whose client a task uses with `await pool.client(organization)`."
        )
    return client


# ------------------------------------------------------------------ what a task uses


@dataclass(slots=True)
class _TaskKeys:
    """The idempotency keys of one execution of a task, for one organisation."""

    task_id: str
    count: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if len(self.task_id) > _LONGEST_ID:
            self.task_id = hashlib.sha256(self.task_id.encode()).hexdigest()

    def next(self) -> str:
        """The key of the next create."""
        self.count += 1
        return self.task_id if self.count == 1 else f"{self.task_id}#{self.count}"


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
        api = client.with_options(max_wait=_tasks_of(context).max_wait)
        self._keys = _TaskKeys(context.message.task_id)
        self.client = client
        self.task_id: str = context.message.task_id
        self.posts: Posts = _TaskPosts(opened(client), options_of(api), self._keys)
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
        return f"{self._keys.task_id}:{name}"


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
        client = await _tasks_of(self._context).client_of(organization)
        return self._clients.setdefault(organization, TaskPostiz(self._context, client))


class _TaskPosts(Posts):
    """`posts` of a task: its creates have the task's keys, and raise `PutBackError` to wait."""

    def __init__(self, client: OpenClient, options: CallOptions, keys: _TaskKeys) -> None:
        super().__init__(
            BoundScheduler(client.scheduler, options),
            client.channel_cache,
            client.wake,
            lambda: _TaskCreates(client),
            validates=client.validates,
        )
        self._keys = keys

    def _key_of(self, given: str | None) -> str | None:
        return self._keys.next() if given is None else given


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


def _seconds_of(error: BaseException) -> float | None:
    """Seconds after which to try a task again that failed with this error; None: never."""
    if isinstance(error, PutBackError | PostizError):
        return error.retry_after
    if not isinstance(error, BaseExceptionGroup):
        return None
    group = cast("BaseExceptionGroup[BaseException]", error)
    waits = [_seconds_of(each) for each in group.exceptions]
    return None if None in waits else max(each for each in waits if each is not None)


_received: ContextVar[Mapping[str, TaskiqMessage]] = ContextVar("_received")
"""Messages as received, by task id: TaskIQ replaces the arguments with parsed values."""


class _PutBack(TaskiqMiddleware):
    """Middleware that puts back tasks that have to wait."""

    def __init__(self, tasks: _Tasks) -> None:
        super().__init__()
        self._tasks = tasks

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        _received.set({**_received.get({}), message.task_id: message.model_copy(deep=True)})
        return message

    async def on_error(
        self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
    ) -> None:
        seconds = _seconds_of(exception)
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
        wait = min(max(0.0, seconds), _LONGEST_PUT_BACK)
        wait += random.uniform(0.0, min(_LARGEST_SPREAD, wait / 10))  # noqa: S311  (no secret)
        labels = {name: value for name, value in message.labels.items() if name != "schedule_id"}
        await self._tasks.source.add_schedule(
            ScheduledTask(
                task_name=message.task_name,
                labels=labels,
                args=message.args,
                kwargs=message.kwargs,
                task_id=message.task_id,
                time=datetime.now(UTC) + timedelta(seconds=wait),
            )
        )
        _log.info("task %s comes back in %.0f s: %s", message.task_id, wait, error)
