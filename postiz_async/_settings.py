"""The options that clients and pools have in common, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from postiz_async._api import changed_options
from postiz_async._quota import WINDOW
from postiz_async._scheduler.calls import CallOptions, check_count
from postiz_async._scheduler.hooks import HookTasks, check_hook
from postiz_async._transport.settings import headers_of_environment
from postiz_async._wire import checked_allow
from postiz_async.clock import SystemClock
from postiz_async.errors import UsageError
from postiz_async.models._durations import read_keep, read_seconds
from postiz_async.stores import check_store

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from postiz_async._scheduler.hooks import AttemptHook, CallHook
    from postiz_async._transport import Transport
    from postiz_async._wire import Allowed
    from postiz_async._wire.secrets import Secret
    from postiz_async.clock import Clock
    from postiz_async.errors import Scope
    from postiz_async.stores import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvancedOptions:
    """Options of `Postiz` and `PostizPool` that few programs need.

        Postiz(advanced=AdvancedOptions(pacing="smooth"))

    Args:
        pacing: `burst` sends as many creates as the window allows at once, urgent ones first;
            `smooth` spreads them over the window.
        reserve: slots of each window that bulk work leaves for interactive calls until shortly
            before the window closes; 0: none; None: a tenth of the limit, and more if interactive
            calls were seen.
        idempotency_keep: how long `store` remembers an `idempotency_key`, from an hour to ten
            years.
        politeness: calls per second of routes without quota, for each organisation; None: no limit.
        on_attempt: called with an `Attempt` after each request, in the event loop (of a blocking
            client in its own thread, where the client cannot be called).
        on_call: called likewise with a `CallStarted` when a call starts, with a `CallEnded` when it
            ends.
        window: the length of the server's quota window.
        clock: another clock, for tests and demos. Without `store`, clients with the same clock
            share the quota only with each other.
        transport: another transport, for tests. It stays open when the client closes; clients with
            the same one share the quota likewise.

    Durations are in seconds or `timedelta`.

    Raises:
        UsageError: an option has a value that makes no sense.
    """

    pacing: Literal["burst", "smooth"] = "burst"
    reserve: int | None = None
    idempotency_keep: float | timedelta = timedelta(days=30)
    politeness: float | None = 100.0
    on_attempt: AttemptHook | None = None
    on_call: CallHook | None = None
    window: float | timedelta = WINDOW
    clock: Clock | None = None
    transport: Transport | None = None

    def __post_init__(self) -> None:
        if self.pacing not in {"burst", "smooth"}:
            raise UsageError(f"pacing must be 'burst' or 'smooth', not {self.pacing!r}.")
        if self.reserve is not None:
            check_count("reserve", self.reserve, 0, meaning=", for none")
        if self.politeness is not None and not 0 < self.politeness < math.inf:
            raise UsageError(
                f"politeness must be more than 0 calls a second, or None, not {self.politeness!r}."
            )
        check_hook("on_attempt", self.on_attempt)
        check_hook("on_call", self.on_call)
        read_keep(self.idempotency_keep)
        read_seconds("window", self.window)


class ClientSettings:
    """The options of a client except key and connections; all clients of a pool share them.

    Args: see `Postiz`.

    Raises:
        UsageError: an option has a value that makes no sense.
        ConfigurationError: a header cannot be sent.
    """

    def __init__(
        self,
        *,
        store: Records | None,
        validate: bool,
        timeout: float | timedelta | None,
        max_wait: float | timedelta | None,
        max_retries: int,
        headers: Mapping[str, str | Secret] | None,
        drain: float | timedelta | None,
        allow: Collection[Scope] | None,
        advanced: AdvancedOptions,
        clock: Clock,
    ) -> None:
        check_store(store)
        self.allowed: Allowed | None = checked_allow(allow)
        self.store = store
        self.validate = validate
        self.options: CallOptions = changed_options(
            CallOptions(),
            timeout=timeout,
            max_wait=max_wait,
            headers=headers_of_environment(headers),
            max_retries=max_retries,
        )
        self.drain: float = read_seconds("drain", drain, zero=True, endless=True)
        self.advanced = advanced
        self.clock = clock
        self.window: float = read_seconds("window", advanced.window)
        self.hooks: HookTasks = HookTasks()
        """The tasks of async hooks; who made the settings waits for them when it closes."""


def checked_advanced(advanced: AdvancedOptions | None) -> tuple[AdvancedOptions, Clock]:
    """The advanced options of a client, and its clock.

    Raises:
        UsageError: something else was given.
    """
    advanced = AdvancedOptions() if advanced is None else advanced
    if not isinstance(advanced, AdvancedOptions):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"advanced must be AdvancedOptions(...), not {type(advanced).__name__}.")
    return advanced, advanced.clock or SystemClock()
