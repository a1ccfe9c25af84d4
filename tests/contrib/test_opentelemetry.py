"""Spans and metrics, as an application's exporter gets them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from samples import PNG
from test_pool import Servers, channel_of, pool_of, post

from postiz_async import (
    AdvancedOptions,
    AuthenticationError,
    NewPost,
    Postiz,
    PostizError,
    PostizPool,
    QuotaWaitError,
    UsageError,
)
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async.clock import JumpingClock
from postiz_async.contrib.opentelemetry import Telemetry
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

SECRET = "key-that-nobody-may-see-8f2c"


class Lab:
    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])
        self.telemetry = Telemetry(tracer_provider=self.tracers, meter_provider=self.meters)
        self.sandbox = MemoryServer(
            api_key=SECRET, clock=JumpingClock(), limit=2, work_per_post=0.0
        )
        self.channel = self.sandbox.add_channel("mastodon").id
        self.postiz = self.client()

    def client(self, **options: Any) -> Postiz:
        return Postiz(
            api_key=SECRET,
            base_url="https://postiz.example.com",
            advanced=AdvancedOptions(
                clock=self.sandbox.clock,
                transport=SandboxTransport(self.sandbox, latency=0.25),
                on_call=self.telemetry.on_call,
                on_attempt=self.telemetry.on_attempt,
            ),
            **options,
        )

    def metrics(self) -> dict[str, Any]:
        """Name to value, or to (count, sum) of a histogram."""
        data = self.reader.get_metrics_data()
        assert data is not None
        return {
            metric.name: sum(
                getattr(point, "sum", None) if hasattr(point, "sum") else point.value
                for point in metric.data.data_points
            )
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    async def schedule(self, text: str = "content-of-ours", **options: Any) -> None:
        at = datetime.fromtimestamp(self.sandbox.clock.time(), UTC) + timedelta(days=1)
        await self.postiz.posts.schedule(NewPost(self.channel, text), at=at, **options)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    made = Lab()
    async with made.sandbox, made.postiz:
        yield made
    made.meters.shutdown()
    made.tracers.shutdown()


async def test_each_call_and_each_request_has_its_span(lab: Lab) -> None:
    lab.sandbox.faults.add(Fault("empty_401", route="list_channels"))
    with lab.tracers.get_tracer("app").start_as_current_span("handler"):
        await lab.schedule()
    spans = {span.name: span for span in lab.spans.get_finished_spans()}
    names = [span.name for span in lab.spans.get_finished_spans()]
    assert names == [
        *("GET /integrations", "GET /integrations", "postiz.list_channels"),
        *("POST /posts", "postiz.create_post", "handler"),
    ]
    call, request = spans["postiz.create_post"], spans["POST /posts"]
    assert call.parent is not None
    assert call.parent.span_id == spans["handler"].context.span_id
    assert request.parent is not None
    assert request.parent.span_id == call.context.span_id
    assert request.kind.name == "CLIENT"
    assert request.attributes == {
        "http.request.method": "POST",
        "url.template": "/posts",
        "http.response.status_code": 201,
        "server.address": "postiz.example.com",
        "server.port": 443,
    }
    assert 0.4 < (request.end_time - request.start_time) / 1e9 < 0.6  # type: ignore[operator]
    first = lab.spans.get_finished_spans()[0]
    assert first.attributes is not None
    assert (first.attributes["error.type"], first.status.status_code.name) == ("401", "ERROR")


async def test_spans_say_whose_they_are_and_histograms_do_not() -> None:
    """An application may have many organisations: a histogram for each would be dear."""
    made = Lab()
    async with made.sandbox, made.client(organization="acme") as postiz:
        await postiz.channels.list()
    spans = [dict(span.attributes or {}) for span in made.spans.get_finished_spans()]
    assert [each["postiz.organization"] for each in spans] == ["acme", "acme"]
    data = made.reader.get_metrics_data()
    assert data is not None
    assert "http.client.request.duration" in data.to_json()
    assert "acme" not in data.to_json()


async def test_the_metrics_of_the_quota(lab: Lab) -> None:
    for _ in range(2):
        await lab.schedule()
    with pytest.raises(QuotaWaitError):
        await lab.schedule(max_wait=5.0)
    await lab.schedule()
    await lab.postiz.media.upload(PNG)
    seen = lab.metrics()
    assert seen["postiz.quota.refusals"] == 1
    assert seen["postiz.quota.remaining"] == 1
    assert seen["postiz.quota.queued"] == 0
    assert 3_590 < seen["postiz.quota.wait"] < 3_610
    assert seen["postiz.upload.size"] == len(PNG)
    assert seen["http.client.request.duration"] == pytest.approx(2.5)


def points(reader: InMemoryMetricReader, name: str) -> dict[tuple[object, ...], float]:
    """What a metric of a pool shows, by organisation and whatever else tells its points apart."""
    data = reader.get_metrics_data()
    found = {}
    for metric in _metrics(data):
        for point in metric.data.data_points if metric.name == name else ():
            said = dict(point.attributes)
            if (server := said.pop("server.address", None)) is not None:
                assert (server, said.pop("server.port")) == ("sandbox.invalid", 80)
            found[tuple(said.values())] = point.value
    return found


def _metrics(data: Any) -> list[Any]:
    if data is None:  # nothing was shown
        return []
    scopes = [scope for each in data.resource_metrics for scope in each.scope_metrics]
    return [metric for scope in scopes for metric in scope.metrics]


@asynccontextmanager
async def pool_lab(*names: str, most: int) -> AsyncGenerator[tuple[Any, PostizPool, Servers]]:
    """A pool that is shown, with a client for each name whose key is `key-of-` and the name."""
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader])
    telemetry = Telemetry(meter_provider=meters)
    servers = Servers(*(f"key-of-{name}" for name in names), limit=1)
    async with pool_of(servers, on_call=telemetry.on_call, on_attempt=telemetry.on_attempt) as pool:
        telemetry.observe(pool, most=most)
        for name in names:
            await pool.client(f"key-of-{name}", organization=name)
        yield reader, pool, servers
    meters.shutdown()


async def test_the_organisations_of_a_pool_are_shown_by_name() -> None:
    async with pool_lab("acme", "globex", "initech", most=2) as (reader, pool, servers):
        globex = await pool.client("key-of-globex", organization="globex")
        channel = channel_of(servers.sandboxes["key-of-globex"])
        await post(globex, channel, "the only slot")
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(post(globex, channel, "waits"))
            await servers.clock.sleep(1)
            assert points(reader, "postiz.quota.queued") == {
                ("globex", "interactive"): 1,
                ("globex", "bulk"): 0,
                ("acme", "interactive"): 0,
                ("acme", "bulk"): 0,
                ("_OTHER", "interactive"): 0,
                ("_OTHER", "bulk"): 0,
            }
            assert points(reader, "postiz.calls.active") == {
                ("globex",): 1,
                ("acme",): 0,
                ("_OTHER",): 0,
            }
            waiting.cancel()
        shown_there = await asyncio.to_thread(points, reader, "postiz.quota.remaining")
        assert shown_there == {("globex",): 0}, "exporters collect in a thread of their own"
        assert points(reader, "postiz.quota.blocked") == {("acme",): 0, ("globex",): 0}
        counts = {("ok",): 3, ("blocked",): 0, ("refused",): 0}
        assert points(reader, "postiz.organizations") == counts
        servers.sandboxes["key-of-acme"].organization.api_key = "renewed"
        with pytest.raises(AuthenticationError):
            await (await pool.client("key-of-acme", organization="acme")).notifications.list()
        counts = {("ok",): 2, ("blocked",): 0, ("refused",): 1}
        assert points(reader, "postiz.organizations") == counts
        shown = reader.get_metrics_data()
        assert shown is not None
        assert "key-of" not in shown.to_json()


async def test_what_waits_without_a_name_is_in_the_sum() -> None:
    async with pool_lab("acme", most=9) as (reader, pool, servers):
        nameless = await pool.client("key-of-acme")
        channel = channel_of(servers.sandboxes["key-of-acme"])
        await post(nameless, channel, "the only slot")
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(post(nameless, channel, "waits"))
            await servers.clock.sleep(1)
            assert points(reader, "postiz.calls.active") == {("acme",): 0, ("_OTHER",): 1}
            waiting.cancel()


async def test_organisations_that_are_gone_are_shown_no_longer() -> None:
    async with pool_lab(*(f"n{number}" for number in range(9)), most=100) as (reader, pool, _):
        assert len(points(reader, "postiz.calls.active")) == 9
        await pool.aclose()
        assert points(reader, "postiz.calls.active") == {}
        await pool.open()
        await pool.client("key-of-n1", organization="n1")
        assert points(reader, "postiz.calls.active") == {("n1",): 0}


async def test_a_telemetry_shows_one_pool() -> None:
    telemetry = Telemetry(meter_provider=MeterProvider([]))
    telemetry.observe(PostizPool())
    with pytest.raises(UsageError, match="already"):
        telemetry.observe(PostizPool())


async def test_no_attribute_has_a_secret_or_a_content(lab: Lab) -> None:
    await lab.schedule()
    with suppress(PostizError):
        await lab.schedule("x" * 600)
    shown = "".join(span.to_json() for span in lab.spans.get_finished_spans())
    assert "postiz.create_post" in shown
    assert SECRET not in shown
    assert "content-of-ours" not in shown
