"""What the adapters for task queues share: retries, keys, and the client of a worker."""

from __future__ import annotations

import hashlib
import logging
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, cast

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from postiz_async._client import Postiz, View
from postiz_async._logs import log_of
from postiz_async._outbox.places import check_credentials
from postiz_async._pool import PostizPool
from postiz_async._resources.api import options_of
from postiz_async._scheduler.hooks import told
from postiz_async._wire.secrets import Secret, hidden
from postiz_async.contrib.web import open_store
from postiz_async.errors import PostizError, UsageError
from postiz_async.models._durations import read_seconds

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    from postiz_async._outbox.pool_outbox import CredentialsOf
    from postiz_async.stores import Records

_log = logging.getLogger("postiz_async.tasks")

TASK_WAIT = 2.0
"""Seconds that a task waits for the quota by default, before it is put back."""

_LONGEST_RETRY = 86_400.0
"""Longest delay in seconds of a retry, even if the error says more."""

_SMALLEST_SPREAD, _LARGEST_SPREAD = 1.0, 30.0
"""Bounds in seconds of the random delay that spreads tasks waiting for the same moment."""

_LONGEST_ID = 200
"""Longest task id that a key contains as it is; a longer one is replaced by its hash."""


# ------------------------------------------------------------------ retries


def seconds_until_retry(
    error: BaseException,
    kinds: tuple[type[BaseException], ...] = (PostizError,),
    *,
    longest: float = _LONGEST_RETRY,
) -> float | None:
    """Seconds after which to try a task again that failed with this error; None: never.

    A group of errors is retried if all of its errors are, after the longest delay. A random extra
    spreads tasks that wait for the same moment, a hundredth of the delay but 1 to 30 s at most.

    Args:
        error: what the task raised.
        kinds: the classes of errors with a `retry_after`.
        longest: seconds after which it is tried again even if the error says more.
    """
    seconds = _retry_after(error, kinds)
    if seconds is None:
        return None
    wait = min(max(0.0, seconds), longest)
    spread = min(max(_SMALLEST_SPREAD, wait / 100), _LARGEST_SPREAD)
    return wait + random.uniform(0.0, spread)  # noqa: S311  (no secret)


def _retry_after(error: BaseException, kinds: tuple[type[BaseException], ...]) -> float | None:
    if isinstance(error, kinds):
        return cast("PostizError", error).retry_after
    if not isinstance(error, BaseExceptionGroup):
        return None
    group = cast("BaseExceptionGroup[BaseException]", error)
    waits = [_retry_after(each, kinds) for each in group.exceptions]
    return None if None in waits else max(each for each in waits if each is not None)


# ------------------------------------------------------------------ keys


@dataclass(slots=True)
class TaskKeys:
    """The idempotency keys of one execution of a task, for one organisation.

    The first create has the task's id, the second `<id>#2`, and so on.
    """

    task_id: str
    count: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if len(self.task_id) > _LONGEST_ID:
            self.task_id = hashlib.sha256(self.task_id.encode()).hexdigest()

    def next(self) -> str:
        """The key of the next create."""
        self.count += 1
        return self.task_id if self.count == 1 else f"{self.task_id}#{self.count}"

    def named(self, name: str) -> str:
        """The key of a create with a name."""
        return f"{self.task_id}:{name}"


def task_client(client: Postiz, keys: TaskKeys, max_wait: float | timedelta) -> Postiz:
    """A client for one execution of a task: its creates have the task's keys.

    Args:
        client: the open client.
        keys: those of the task.
        max_wait: seconds that the task waits for the quota.
    """
    options = options_of(client.with_options(max_wait=max_wait))
    options = replace(options, next_key=keys.next)
    return View(client, options, options)


# ------------------------------------------------------------------ the client of a worker


USED_KEYS: ContextVar[dict[str, Secret]] = ContextVar("USED_KEYS")
"""The keys that the executed task has used, by organisation; not set outside of a task."""

Given: TypeAlias = "Postiz | PostizPool | Callable[[], Postiz | PostizPool] | None"


@dataclass(kw_only=True, eq=False, repr=False)
class WorkerClient:
    """The client of a worker: arguments that are checked at once, opened when the worker starts.

    Args:
        given: a client or a pool, or a function that makes it when the worker starts. None: one is
            made, with `credentials` a pool.
        credentials: for a pool, a function from the name of an organisation to its key or token.
        store: of the client that is made here.
        api_key: of the client that is made here; None: `POSTIZ_API_KEY`.
        base_url: of the client that is made here; None: `POSTIZ_API_URL`.
        max_wait: seconds that a task waits for the quota.
        one: how a task writes the client of the only organisation.
        many: how a task writes the client of one of many.

    Raises:
        UsageError: the arguments do not go together.
    """

    given: Given = None
    credentials: CredentialsOf | None = None
    store: Records | Path | Secret | str | None = None
    api_key: Secret | str | None = None
    base_url: str | None = None
    max_wait: float | timedelta = TASK_WAIT
    one: str
    many: str
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack, init=False)
    _client: Postiz | PostizPool | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.max_wait = read_seconds("max_wait", self.max_wait, zero=True)
        if self.given is not None and self.store is not None:
            raise UsageError("Give store to the client, or let it be made here.")
        check_credentials(self.credentials)
        if isinstance(self.given, Postiz | PostizPool):
            self._check_pair(self.given)
        self.store, self.api_key = hidden(self.store), hidden(self.api_key)

    def _check_pair(self, client: Postiz | PostizPool) -> None:
        is_pool = isinstance(client, PostizPool)
        if is_pool and self.credentials is None:
            raise UsageError("A pool needs credentials=: a function from organisation to key.")
        if not is_pool and self.credentials is not None:
            raise UsageError("credentials= is for a PostizPool; this client has its own key.")

    async def open(self) -> None:
        """Open the client when a worker starts."""
        async with AsyncExitStack() as stack:
            client = self._made(stack)
            self._check_pair(client)
            self._client = await stack.enter_async_context(client)
            self._stack = stack.pop_all()

    def _made(self, stack: AsyncExitStack) -> Postiz | PostizPool:
        if self.given is not None:
            return self.given() if callable(self.given) else self.given
        store = None if self.store is None else open_store(self.store)
        if store is not None:
            stack.push_async_callback(store.aclose)
        if self.credentials is not None:
            return PostizPool(base_url=self.base_url, store=store)
        return Postiz(api_key=self.api_key, base_url=self.base_url, store=store)

    async def aclose(self, *, drain: float | timedelta | UnsetType | None = UNSET) -> None:
        """Close the client when a worker stops; `drain` is that of the client."""
        del drain
        self._client = None
        await self._stack.aclose()

    @property
    def is_open(self) -> bool:
        """Whether the worker has started, and has not ended."""
        return self._client is not None

    @property
    def client(self) -> Postiz:
        """The client of the only organisation.

        Raises:
            UsageError: there are many.
        """
        if not isinstance(self._client, Postiz):
            raise UsageError(
                f"These tasks are for many organisations: use {self.many} in place of {self.one}, "
                "and say whose client a task uses."
            )
        return self._client

    async def client_of(
        self, organization: str, credentials: CredentialsOf | None = None
    ) -> Postiz:
        """The client of an organisation, with the key that `credentials` has for it.

        Args:
            organization: the user's name for it.
            credentials: to be called in place of the worker's own.

        Raises:
            UsageError: there is no pool.
            ConfigurationError: the key cannot be used.
        """
        credentials = credentials or self.credentials
        if not isinstance(self._client, PostizPool) or credentials is None:
            raise UsageError(
                f"These tasks are for one organisation: use {self.one} in place of {self.many}, "
                "or give a function from organisation to key as `credentials`."
            )
        key = Secret.of(await told(credentials, organization))
        USED_KEYS.get({})[organization] = key
        return await self._client.client(key, organization=organization)

    async def has_new_key(self, credentials: CredentialsOf | None = None) -> bool:
        """Whether an organisation of the executed task has another key than the one it used.

        Args:
            credentials: to be called in place of the worker's own.
        """
        ask, used = credentials or self.credentials, USED_KEYS.get({}).items()
        if ask is None:
            return False
        for name, key in used:
            try:
                if Secret.of(await told(ask, name)) != key:
                    return True
            except Exception:  # noqa: BLE001  (whatever it is, the task fails with its own error)
                text = "the key was refused, and credentials failed when asked for a new one"
                log_of(_log, name).exception(text)
        return False
