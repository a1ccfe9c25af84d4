"""OpenTelemetry: a span for each call and each request, and the metrics of the quota.

    telemetry = Telemetry()
    async with Postiz(on_call=telemetry.on_call, on_attempt=telemetry.on_attempt) as postiz:
        ...

| span                | kind     | is                                                           |
|---------------------|----------|--------------------------------------------------------------|
| `postiz.<endpoint>` | internal | a call, with its wait for the quota and its repetitions      |
| `<method> <route>`  | client   | one HTTP request                                             |

| metric                         | unit      | is                                               |
|--------------------------------|-----------|--------------------------------------------------|
| `http.client.request.duration` | s         | histogram of requests                            |
| `postiz.quota.wait`            | s         | histogram of the time that creates waited        |
| `postiz.quota.queued`          | {call}    | creates that wait for the quota                  |
| `postiz.quota.remaining`       | {request} | create requests left in the window               |
| `postiz.quota.refusals`        | {refusal} | 429s of the server, and waits that were too long |
| `postiz.upload.size`           | By        | bytes uploaded                                   |

Names of HTTP follow the semantic conventions. No attribute has a key, a content or a query. Needs
the extra `otel`; where spans and metrics go is the application's choice, by the SDK.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry import metrics, trace

from postiz_async._scheduler.hooks import CallStarted
from postiz_async._wire.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

    from postiz_async._scheduler.hooks import Attempt, CallEnded

__all__ = ["Telemetry"]

_ROUTES = {endpoint.name: (endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
_COUNTED = {endpoint.name for endpoint in ENDPOINTS if endpoint.quota}
_SCOPE = "postiz_async"

Attributes = dict[str, str | int | float]


_UNKNOWN: tuple[None, Attributes] = (None, {})


class Telemetry:
    """Hooks of a client or a pool; of a pool the two gauges show the client that was used last.

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
        self._calls: dict[int, tuple[Span, Attributes]] = {}
        self._duration = meter.create_histogram(
            "http.client.request.duration", "s", "Duration of requests to Postiz."
        )
        self._wait = meter.create_histogram(
            "postiz.quota.wait", "s", "Time that creates waited for the quota."
        )
        self._queued = meter.create_gauge(
            "postiz.quota.queued", "{call}", "Creates that wait for the quota."
        )
        self._remaining = meter.create_gauge(
            "postiz.quota.remaining", "{request}", "Create requests left in the window."
        )
        self._refusals = meter.create_counter(
            "postiz.quota.refusals", "{refusal}", "Answers 429, and waits that were too long."
        )
        self._uploaded = meter.create_counter("postiz.upload.size", "By", "Bytes uploaded.")

    def on_call(self, event: CallStarted | CallEnded) -> None:
        """For `Postiz(on_call=...)`.

        Args:
            event: the call that was made or ended.
        """
        if isinstance(event, CallStarted):
            self._started(event)
        else:
            self._ended(event)

    def _started(self, event: CallStarted) -> None:
        server = _address(event.server)
        attributes: Attributes = {"postiz.endpoint": event.endpoint, **server}
        if event.posts:
            attributes["postiz.posts"] = event.posts
        span = self._tracer.start_span(f"postiz.{event.endpoint}", attributes=attributes)
        self._calls[event.call] = span, server

    def _ended(self, event: CallEnded) -> None:
        span, server = self._calls.pop(event.call)
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
        """For `Postiz(on_attempt=...)`.

        Args:
            attempt: the request that was sent.
        """
        method, route = _ROUTES[attempt.endpoint]
        parent, server = self._calls.get(attempt.call, _UNKNOWN)
        error = attempt.error or (str(attempt.status) if (attempt.status or 0) >= 400 else None)
        attributes: Attributes = {
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
        if attempt.reading is not None and attempt.endpoint in _COUNTED:
            self._remaining.set(attempt.reading.remaining, server)
        ended = time.time_ns()
        span = self._tracer.start_span(
            f"{method} {route}",
            context=trace.set_span_in_context(parent) if parent is not None else None,
            kind=trace.SpanKind.CLIENT,
            attributes=attributes,
            start_time=ended - int(attempt.seconds * 1e9),
        )
        _mark(span, error)
        span.end(ended)


def _mark(span: Span, error: str | None) -> None:
    if error is not None:
        span.set_attribute("error.type", error)
        span.set_status(trace.StatusCode.ERROR)


def _address(root: str) -> Attributes:
    parts = urlsplit(root)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {"server.address": parts.hostname or "", "server.port": port}
