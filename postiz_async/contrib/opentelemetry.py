"""OpenTelemetry: a span for each call and each request, and the metrics of the quota.

    telemetry = Telemetry()
    hooks = AdvancedOptions(on_call=telemetry.on_call, on_attempt=telemetry.on_attempt)
    async with Postiz(advanced=hooks) as postiz:
        ...

| span                | kind     | is                                                           |
|---------------------|----------|--------------------------------------------------------------|
| `postiz.<endpoint>` | internal | a call, with its wait for the quota and its repetitions      |
| `<method> <route>`  | client   | one HTTP request                                             |

Both have the attribute `postiz.organization` if the client was given `organization=`.

| metric                         | unit      | is                                               |
|--------------------------------|-----------|--------------------------------------------------|
| `http.client.request.duration` | s         | histogram of requests                            |
| `postiz.quota.wait`            | s         | histogram of the time that creates waited        |
| `postiz.quota.queued`          | {call}    | creates that wait for the quota                  |
| `postiz.quota.remaining`       | {request} | create requests left in the window               |
| `postiz.quota.refusals`        | {refusal} | 429s of the server, and waits that were too long |
| `postiz.upload.size`           | By        | bytes uploaded                                   |

`Telemetry.observe(client)` shows an outbox whenever metrics are collected, and of a pool its
organisations:

| metric                   | unit           | is                                                |
|--------------------------|----------------|---------------------------------------------------|
| `postiz.quota.queued`    | {call}         | creates that wait, by `postiz.priority`           |
| `postiz.quota.remaining` | {request}      | create requests left in the window                |
| `postiz.quota.blocked`   | s              | until the lock-out ends; 0: there is none         |
| `postiz.calls.active`    | {call}         | calls under way, those that wait among them       |
| `postiz.organizations`   | {organization} | by `postiz.state`: `ok`, `blocked` or `refused`   |
| `postiz.outbox.tickets`  | {ticket}       | by `postiz.state`: `planned`, `sending`,          |
|                          |                | `unknown` (in doubt: the answer was lost)         |
| `postiz.outbox.age`      | s              | time that the oldest ticket has waited; 0: none   |

Names of HTTP follow the semantic conventions. No attribute has a key, a content or a query. Needs
the extra `otel`; where spans and metrics go is the application's choice, by the SDK.
"""

from __future__ import annotations

import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import urlsplit

from postiz_async._client import Postiz
from postiz_async._delivery.outcomes import RowState
from postiz_async._extras import importing
from postiz_async._outbox.base import ask_overview
from postiz_async._pool import PostizPool, seen
from postiz_async._resources.pool_health import LOOK, OrganizationHealth, PoolHealth, running_loop
from postiz_async._scheduler.hooks import Attempt, CallEnded, CallStarted
from postiz_async._wire.endpoints import ENDPOINTS
from postiz_async.errors import UsageError
from postiz_async.stores._deliveries import ScopeOverview

with importing("otel", __name__):
    from opentelemetry import metrics, trace
    from opentelemetry.metrics import Observation

if TYPE_CHECKING:
    from concurrent.futures import Future

    from opentelemetry.metrics import CallbackOptions, MeterProvider, _Gauge
    from opentelemetry.trace import Span, TracerProvider

__all__ = ["Telemetry"]

_ROUTES = {endpoint.name: (endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
_COUNTED = {endpoint.name for endpoint in ENDPOINTS if endpoint.quota}
_SCOPE = "postiz_async"

_QUEUED = "postiz.quota.queued", "{call}", "Creates that wait for the quota."
_REMAINING = "postiz.quota.remaining", "{request}", "Create requests left in the window."

_OTHER = "_OTHER"
"""The attribute value for organisations that are not shown by name, from the conventions."""

_OPEN = RowState.PLANNED, RowState.SENDING, RowState.UNKNOWN

_Attributes = dict[str, str | int | float]
_Client = TypeVar("_Client", bound="Postiz | PostizPool")
_Look = TypeVar("_Look")


_UNKNOWN: tuple[None, _Attributes] = (None, {})


class Telemetry:
    """Hooks of a client or a pool.

        telemetry = Telemetry()
        hooks = AdvancedOptions(on_call=telemetry.on_call, on_attempt=telemetry.on_attempt)
        pool = PostizPool(advanced=hooks)
        telemetry.observe(pool)

    Without `observe`, the two gauges of a pool show the client that was last used.

    Args:
        tracer_provider: where spans go; None: the global one.
        meter_provider: where metrics go; None: the global one.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(_SCOPE, meter_provider=meter_provider)
        self._calls: dict[int, tuple[Span, _Attributes]] = {}
        self._duration = meter.create_histogram(
            "http.client.request.duration", "s", "Duration of requests to Postiz."
        )
        self._wait = meter.create_histogram(
            "postiz.quota.wait", "s", "Time that creates waited for the quota."
        )
        self._meter = meter
        self._observes = False
        self._instruments: _PoolInstruments | None = None
        self._refusals = meter.create_counter(
            "postiz.quota.refusals", "{refusal}", "Answers 429, and waits that were too long."
        )
        self._uploaded = meter.create_counter("postiz.upload.size", "By", "Bytes uploaded.")

    @cached_property
    def _queued(self) -> _Gauge:
        return self._meter.create_gauge(*_QUEUED)

    @cached_property
    def _remaining(self) -> _Gauge:
        return self._meter.create_gauge(*_REMAINING)

    def observe(self, client: Postiz | PostizPool, *, most: int = 100) -> None:
        """Report an outbox and the organisations of a pool, as they are when metrics are collected.

        The attribute `postiz.organization` is the name passed to `pool.client(organization=...)` or
        `Postiz(organization=...)`. Those in trouble and those with the most calls or tickets are
        reported by name; the others, and those without a name, are summed as `_OTHER`. Closed
        clients are no longer reported.

        Each collection queries the outbox once, for at most three seconds. In an event loop, where
        it cannot wait, it reports what the query of the last collection found.

        Args:
            client: the client or the pool, before its first call; it may be closed and opened
                again.
            most: how many organisations are reported by name.

        Raises:
            UsageError: it observes one already; each needs its own `Telemetry`.
        """
        if self._observes:
            raise UsageError("This Telemetry shows a client or a pool already. Make one for each.")
        self._observes, meter = True, self._meter
        outbox = _OutboxInstruments(client, most)
        meter.create_observable_up_down_counter(
            "postiz.outbox.tickets", [outbox.tickets], "{ticket}", "Tickets that have not ended."
        )
        meter.create_observable_gauge(
            "postiz.outbox.age", [outbox.age], "s", "Time that the oldest ticket has waited."
        )
        if not isinstance(client, PostizPool):
            return
        self._instruments = instruments = _PoolInstruments(client, most)
        meter.create_observable_gauge(_QUEUED[0], [instruments.queued], *_QUEUED[1:])
        meter.create_observable_gauge(_REMAINING[0], [instruments.remaining], *_REMAINING[1:])
        meter.create_observable_gauge(
            "postiz.quota.blocked", [instruments.blocked], "s", "Time until a lock-out ends."
        )
        meter.create_observable_up_down_counter(
            "postiz.calls.active", [instruments.active], "{call}", "Calls under way."
        )
        meter.create_observable_up_down_counter(
            "postiz.organizations", [instruments.organizations], "{organization}", "Organisations."
        )

    def on_call(self, event: CallStarted | CallEnded) -> None:
        """The hook for `Postiz(on_call=...)`.

        Args:
            event: the call that started or ended.
        """
        if isinstance(event, CallStarted):
            self._started(event)
        else:
            self._ended(event)

    def _started(self, event: CallStarted) -> None:
        server = _address(event.server)
        attributes = {"postiz.endpoint": event.endpoint, **_whose(event.organization), **server}
        if event.posts:
            attributes["postiz.posts"] = event.posts
        span = self._tracer.start_span(f"postiz.{event.endpoint}", attributes=attributes)
        self._calls[event.call] = span, server

    def _ended(self, event: CallEnded) -> None:
        span, server = self._calls.pop(event.call)
        if self._instruments is None:
            self._queued.set(event.queued, server)
        if event.endpoint in _COUNTED:
            self._wait.record(event.waited, server)
        if event.error == "QuotaWaitError":
            self._refusals.add(1, {**server, "error.type": event.error})
        if event.uploaded:
            self._uploaded.add(event.uploaded, server)
        span.set_attribute("postiz.quota.waited", event.waited)
        _mark(span, event.error)
        span.end()

    def on_attempt(self, attempt: Attempt) -> None:
        """The hook for `Postiz(on_attempt=...)`.

        Args:
            attempt: the request that was sent.
        """
        method, route = _ROUTES[attempt.endpoint]
        parent, server = self._calls.get(attempt.call, _UNKNOWN)
        error = attempt.error or (str(attempt.status) if (attempt.status or 0) >= 400 else None)
        attributes: _Attributes = {
            "http.request.method": method,
            "url.template": route,
            **server,
        }
        if attempt.status is not None:
            attributes["http.response.status_code"] = attempt.status
        if error is not None:
            attributes["error.type"] = error
        self._duration.record(attempt.seconds, attributes)
        if attempt.status == 429:
            self._refusals.add(1, {**server, "error.type": "429"})
        if (
            attempt.reading is not None
            and attempt.endpoint in _COUNTED
            and self._instruments is None
        ):
            self._remaining.set(attempt.reading.remaining, server)
        ended = time.time_ns()
        span = self._tracer.start_span(
            f"{method} {route}",
            context=trace.set_span_in_context(parent) if parent is not None else None,
            kind=trace.SpanKind.CLIENT,
            attributes=attributes | _whose(attempt.organization),
            start_time=ended - int(attempt.seconds * 1e9),
        )
        _mark(span, error)
        span.end(ended)


class _Instruments(ABC, Generic[_Client, _Look]):
    """Measurements of a client; instruments that are collected together share one look at it.

    Args:
        client: the client or pool; only a weak reference is kept.
        most: how many organisations are reported by name.
    """

    def __init__(self, client: _Client, most: int) -> None:
        self._client = weakref.ref(client)
        self._most = most
        self._look: _Look | None = None
        self._shown: set[str] | None = None
        """The instruments that used this look; the first to need it twice takes a new one."""

    def _seen(self, instrument: str) -> _Look | None:
        if self._shown is None or instrument in self._shown:
            client, self._shown, self._look = self._client(), {instrument}, None
            if client is not None:
                self._look = self._taken(client)
        self._shown.add(instrument)
        return self._look

    @abstractmethod
    def _taken(self, client: _Client) -> _Look | None:
        """A new look; None: the client is closed."""


class _PoolInstruments(_Instruments[PostizPool, PoolHealth]):
    """The measurements of a pool."""

    def queued(self, _: CallbackOptions) -> Iterable[Observation]:
        if (health := self._seen("queued")) is None:
            return
        named = self._named(health)
        for priority in ("interactive", "bulk"):
            of_it: _Attributes = {"postiz.priority": priority}
            counts = [getattr(each.quota.queued, priority) for each in named]
            for each, count in zip(named, counts, strict=True):
                yield Observation(count, _attributes(each) | of_it)
            if health.total > len(named):
                rest = getattr(health.queued, priority) - sum(counts)
                yield Observation(rest, {"postiz.organization": _OTHER, **of_it})

    def active(self, _: CallbackOptions) -> Iterable[Observation]:
        if (health := self._seen("active")) is None:
            return
        named = self._named(health)
        for each in named:
            yield Observation(each.calls, _attributes(each))
        if health.total > len(named):
            rest = health.calls - sum(each.calls for each in named)
            yield Observation(rest, {"postiz.organization": _OTHER})

    def remaining(self, _: CallbackOptions) -> Iterable[Observation]:
        for each in self._named(self._seen("remaining")):
            if each.quota.remaining is not None:
                yield Observation(each.quota.remaining, _attributes(each))

    def blocked(self, _: CallbackOptions) -> Iterable[Observation]:
        for each in self._named(self._seen("blocked")):
            yield Observation(each.quota.blocked_for, _attributes(each))

    def organizations(self, _: CallbackOptions) -> Iterable[Observation]:
        if (health := self._seen("organizations")) is None:
            return
        counts = {"blocked": health.blocked, "refused": health.refused}
        counts["ok"] = health.total - sum(counts.values())
        for state, count in counts.items():
            yield Observation(count, {"postiz.state": state})

    def _taken(self, client: PostizPool) -> PoolHealth | None:
        return seen(client, most=self._most)

    def _named(self, health: PoolHealth | None) -> list[OrganizationHealth]:
        """The organisations that have a name; nothing else about them may become an attribute."""
        return [each for each in health.organizations if each.organization] if health else []


class _OutboxInstruments(_Instruments[Postiz | PostizPool, Sequence[ScopeOverview]]):
    """The measurements of an outbox."""

    _asked: Future[Sequence[ScopeOverview]] | None = None
    """The query that the next collection in an event loop reports."""
    _last: Sequence[ScopeOverview] | None = None
    """The result of the query before it."""

    def tickets(self, _: CallbackOptions) -> Iterable[Observation]:
        for attributes, scopes in self._groups("tickets"):
            for state in _OPEN:
                count = sum(each.states.get(state, 0) for each in scopes)
                yield Observation(count, attributes | {"postiz.state": state.value})

    def age(self, _: CallbackOptions) -> Iterable[Observation]:
        for attributes, scopes in self._groups("age"):
            yield Observation(max(each.age for each in scopes), attributes)

    def _groups(self, instrument: str) -> Iterable[tuple[_Attributes, Sequence[ScopeOverview]]]:
        """The scopes that are reported by name, and the others together."""
        found = sorted(self._seen(instrument) or (), key=_rank)
        named = found  # of a client there is only one, which may have no name
        if isinstance(self._client(), PostizPool):
            named = [each for each in found[: self._most] if each.organization]
        yield from ((_attributes(each), [each]) for each in named)
        if others := found[len(named) :]:
            yield {"postiz.organization": _OTHER}, others

    def _taken(self, client: Postiz | PostizPool) -> Sequence[ScopeOverview] | None:
        outbox = getattr(client, "outbox", None)
        if outbox is None:
            return None
        if running_loop() is None:
            asked = ask_overview(outbox)
            return None if asked is None else asked.result(LOOK)
        asked = self._asked
        if asked is None or asked.done():
            self._asked, self._last = ask_overview(outbox), None
            self._last = None if asked is None else asked.result()
        return self._last


def _rank(scope: ScopeOverview) -> tuple[bool, bool, int, str]:
    count = sum(scope.states.values())
    return not scope.organization, not scope.trouble, -count, scope.organization


def _whose(organization: str) -> _Attributes:
    return {"postiz.organization": organization} if organization else {}


def _attributes(organization: OrganizationHealth | ScopeOverview) -> _Attributes:
    return _whose(organization.organization) | _address(organization.base_url)


def _mark(span: Span, error: str | None) -> None:
    if error is not None:
        span.set_attribute("error.type", error)
        span.set_status(trace.StatusCode.ERROR)


def _address(root: str) -> _Attributes:
    parts = urlsplit(root)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {"server.address": parts.hostname or "", "server.port": port}
