"""Celery: tasks that create each post once, and come back instead of sleeping.

    app = Celery("announcements", broker=REDIS)
    app.conf.postiz_store = REDIS

    @app.task(base=PostizTask, bind=True)
    def announce(self: PostizTask, channel: str, text: str, at: str) -> str:
        post = NewPost(channel, text)
        [created] = self.postiz.posts.schedule(post, at=datetime.fromisoformat(at))
        return created.post_id

The id of a task is the idempotency key of what it creates: a task that is delivered twice, is
retried, or runs again because its worker died creates nothing twice. An error that has a
`retry_after` makes Celery retry the task later, under its own id and with its arguments; all other
errors fail it as usual.

Needs the extra `celery`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache, partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from postiz_async._extras import importing
from postiz_async.blocking import Postiz
from postiz_async.blocking._portal import Portal
from postiz_async.contrib._queues import (
    TASK_WAIT,
    USED_KEYS,
    TaskKeys,
    WorkerClient,
    seconds_until_retry,
    task_client,
)
from postiz_async.errors import AuthenticationError, ConfigurationError, UsageError

with importing("celery", __name__):
    from celery import Task, signals
    from celery.exceptions import Reject

if TYPE_CHECKING:
    from celery import Celery

__all__ = ["PostizTask"]

_HALF_AN_HOUR = 1_800.0


# ------------------------------------------------------------------ the client of a process


def _setting(app: Celery, name: str, default: object = None) -> Any:
    """`postiz_<name>` of Celery's configuration, else `POSTIZ_<NAME>` of Django's settings."""
    value = app.conf.get(f"postiz_{name}")
    django = sys.modules.get("django.conf")  # which programs without Django do not import
    if value is None and django is not None and django.settings.configured:
        value = getattr(django.settings, f"POSTIZ_{name.upper()}", None)
    return default if value is None else value


def _function(app: Celery, name: str) -> Any:
    """A function of the settings, which may be given by its name."""
    value = _setting(app, name)
    return resolve_name(value) if isinstance(value, str) else value


class _Worker:
    """The client of an app in this process; the first call opens it."""

    def __init__(self, app: Celery) -> None:
        self.process: int = os.getpid()
        self.is_closed: bool = False
        given = _function(app, "client")
        store = os.environ.get("POSTIZ_STORE") if given is None else None
        self.client = WorkerClient(
            given=given,
            credentials=_function(app, "credentials"),
            store=_setting(app, "store", store),
            api_key=_setting(app, "api_key"),
            base_url=_setting(app, "api_url"),
            max_wait=_setting(app, "max_wait", TASK_WAIT),
            one="self.postiz",
            many="self.postiz_of(organization)",
        )
        self.portal = Portal(self.client, None)

    def client_of(self, organization: str | None, keys: TaskKeys | None) -> Postiz:
        """The client of an organisation, or of the only one; None: not for a task."""
        call = self.portal.new_call()
        if organization is None:
            client = self.client.client
        else:  # its key is asked for in this thread, where Django's database may be used
            ask = call.awaited(self.client.credentials)
            client = call.run(partial(self.client.client_of, organization, ask))
        if keys is not None:
            client = self.portal.call_sync(task_client, client, keys, self.client.max_wait)
        return Postiz._lent(self.portal, client)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def has_new_key(self) -> bool:
        """Whether an organisation of the executed task has another key than the one it used."""
        call = self.portal.new_call()
        return call.run(partial(self.client.has_new_key, call.awaited(self.client.credentials)))


_workers: WeakKeyDictionary[Celery, _Worker] = WeakKeyDictionary()
"""Those of this process by app, and in a forked one also the parent's."""


def _worker_of(app: Celery) -> _Worker:
    found = _workers.get(app)
    if found is None or found.process != os.getpid():
        found = _workers[app] = _Worker(app)
    return found


def _close(**_: object) -> None:
    for app in tuple(_workers):
        worker = _workers.pop(app)
        worker.is_closed = True
        worker.portal.close()


signals.worker_process_shutdown.connect(_close)
signals.worker_shutdown.connect(_close)


# ------------------------------------------------------------------ what a task uses


_keys_of: ContextVar[Callable[[str | None], TaskKeys] | None] = ContextVar("_keys_of", default=None)
"""The keys of the task that is executed, for each organisation; None outside of a worker."""


class PostizTask(Task[..., Any]):
    """The base class of tasks that use Postiz.

        @app.task(base=PostizTask, bind=True)
        def announce(self: PostizTask, channel: str, text: str, at: str) -> str: ...

    Its tasks are acknowledged when they have ended, go back to the queue if their process dies,
    and are retried as often as necessary. The client is opened in each worker process by the first
    task, and closed when the process ends. These settings are read from `app.conf`, or with capital
    letters from Django's settings:

    - `postiz_api_key`, `postiz_api_url`: else `POSTIZ_API_KEY`, `POSTIZ_API_URL` of the
      environment.
    - `postiz_store`: where the workers share quota and idempotency keys: the path of a SQLite file
      (one host), `redis://...` or `postgresql://...`; else `POSTIZ_STORE` of the environment.
    - `postiz_credentials`: for many organisations, a function from the name of an organisation to
      its key or token, or the name of the function, such as `"shop.keys:key_of"`.
    - `postiz_client`: in place of key, URL and store, a function that makes a
      `postiz_async.Postiz`, or with `postiz_credentials` a `PostizPool`; or its name.
    - `postiz_max_wait`: seconds that a task waits for the quota before it is retried; else 2.

    A task that is called like a function, outside of a worker, has no id and is not retried.
    """

    abstract: bool = True
    acks_late: bool = True
    reject_on_worker_lost: bool | None = True
    max_retries: int | None = None

    @property
    def postiz(self) -> Postiz:
        """The client, whose creates have the keys of this task.

        The first create without an idempotency key has the task's id, the second `<id>#2`, and so
        on, in the order of the calls. If the task runs again and makes another create in the same
        place, that is refused (`IdempotencyError`).

        Raises:
            UsageError: the tasks are for many organisations.
        """
        return self._client_of(None)

    def postiz_of(self, organization: str) -> Postiz:
        """The client of an organisation, with the key that `postiz_credentials` has for it.

        Args:
            organization: your name for it. Its creates are counted separately.

        Raises:
            UsageError: the tasks are for one organisation.
            ConfigurationError: the key cannot be used.
        """
        return self._client_of(organization)

    def _client_of(self, organization: str | None) -> Postiz:
        keys_of = _keys_of.get()
        keys = None if keys_of is None else keys_of(organization)
        return _worker_of(self.app).client_of(organization, keys)

    def key(self, name: str) -> str:
        """An idempotency key of this task for one of several creates, `<id>:<name>`.

            self.postiz.posts.schedule(teaser, at=at, idempotency_key=self.key("teaser"))

        Args:
            name: a name for the create, unique in this task.

        Raises:
            UsageError: no worker executes the task.
        """
        keys_of = _keys_of.get()
        if keys_of is None:
            raise UsageError("A task that is called like a function has no id to make a key of.")
        return keys_of(None).named(name)

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Execute the task; a worker does it."""
        if self.request.called_directly:
            return super().__call__(*args, **kwargs)
        worker = _worker_of(self.app)

        def keys(_: str | None) -> TaskKeys:
            return TaskKeys(str(self.request.id))

        token, used = _keys_of.set(cache(keys)), USED_KEYS.set({})
        try:
            return self.run(*args, **kwargs)
        except Exception as error:
            if worker.is_closed:
                at_once = isinstance(error, ConfigurationError)
            else:
                at_once = isinstance(error, AuthenticationError) and worker.has_new_key()
            seconds = 0.0 if at_once else seconds_until_retry(error, longest=_longest(self.app))
            if seconds is None or self.request.is_eager:
                raise
            raise self._retry(error, seconds) from error
        finally:
            _keys_of.reset(token)
            USED_KEYS.reset(used)

    def _retry(self, error: Exception, seconds: float) -> Exception:
        """Send the task again, and return the exception that tells Celery so."""
        try:
            return self.retry(exc=error, countdown=seconds, throw=False)
        except Reject as reject:  # the broker did not take it: do not drop it, as Celery would
            return Reject(reject.args[0], requeue=True)


def _longest(app: Celery) -> float:
    """Longest delay in seconds of a retry, after which a task that waits longer looks again.

    Workers hold tasks for later without acknowledging them. After half an hour RabbitMQ takes that
    for a failure; Redis and SQS deliver such a task once more after their visibility time-out.
    """
    visibility: float = app.conf.broker_transport_options.get("visibility_timeout", _HALF_AN_HOUR)
    return min(_HALF_AN_HOUR, visibility) / 2
