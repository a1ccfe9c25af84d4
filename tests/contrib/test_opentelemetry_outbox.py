"""The metrics of an outbox, for one organisation and for many."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from outbox_lab import OutboxLab
from pool_lab import PoolLab
from postgres_lab import Place
from postgres_server import why_no_postgres
from test_opentelemetry import points

from postiz_async._sandbox import Fault
from postiz_async.contrib.opentelemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from postiz_async import Postiz, PostizPool

NONE_OPEN = {"planned": 0, "sending": 0, "unknown": 0}


@contextmanager
def observed(client: Postiz | PostizPool, most: int = 100) -> Generator[InMemoryMetricReader]:
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader])
    Telemetry(meter_provider=meters).observe(client, most=most)
    yield reader
    meters.shutdown()


async def collected(reader: InMemoryMetricReader, name: str) -> dict[tuple[object, ...], float]:
    """What an exporter gets, which collects in a thread of its own."""
    return await asyncio.to_thread(points, reader, name)


def tickets(*whose: str, **counts: int) -> dict[tuple[object, ...], float]:
    return {(*whose, state): count for state, count in (NONE_OPEN | counts).items()}


@pytest.mark.parametrize("name", ["acme", None])
async def test_the_open_tickets_of_a_client(tmp_path: Path, name: str | None) -> None:
    lab, whose = OutboxLab(tmp_path), (name,) if name else ()
    async with lab.sandbox:
        async with lab.client(organization=name, sends=False) as postiz:
            with observed(postiz) as reader:
                await lab.put(postiz, 1)
                await lab.clock.sleep(1_000)
                await lab.put(postiz, 2)
                found = await collected(reader, "postiz.outbox.tickets")
                assert found == tickets(*whose, planned=3)
                assert await collected(reader, "postiz.outbox.age") == {
                    whose: pytest.approx(1_000, abs=10)
                }
        async with lab.client(organization=name) as postiz:
            while await postiz.outbox.counts() != {"stored": 3}:
                await lab.clock.sleep(10)
            with observed(postiz) as reader:
                assert await collected(reader, "postiz.outbox.tickets") == tickets(*whose)
                assert await collected(reader, "postiz.outbox.age") == {whose: 0}
            closed = observed(postiz)
    with closed as reader:
        assert await collected(reader, "postiz.outbox.tickets") == {}


async def test_in_an_event_loop_the_last_answer_is_reported(tmp_path: Path) -> None:
    """As by a route that answers Prometheus, which must not block its loop."""
    lab = OutboxLab(tmp_path)
    async with lab.sandbox, lab.client(sends=False) as postiz:
        with observed(postiz) as reader:
            assert points(reader, "postiz.outbox.tickets") == {}
            for count in (1, 2):
                await lab.put(postiz, 1)
                while points(reader, "postiz.outbox.tickets") != tickets(planned=count):
                    await lab.clock.sleep(1)


@pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())
async def test_the_open_tickets_of_a_pool_are_shown_by_organisation() -> None:
    names = "acme", "globex", "initech", "umbrella"
    async with PoolLab(Place.made(), *names).running() as lab:
        async with lab.pool(sends=False) as pool:
            for name in names[:3]:
                await lab.put(pool, name)
        lab.boxes["acme"].organization.api_key = "renewed"
        lab.boxes["globex"].faults.add(Fault("reset", route="create_post"))
        async with lab.pool() as pool:
            while await pool.outbox.counts() != {"planned": 1, "unknown": 1, "stored": 1}:
                await lab.clock.sleep(5)
            while (await pool.outbox.troubles()).keys() != {"acme", "globex"}:
                await lab.clock.sleep(5)
        async with lab.pool(sends=False) as pool:
            await lab.put(pool, "initech", 3)
            await lab.put(pool, "umbrella", 2)
            with observed(pool, most=2) as reader:
                shown = await collected(reader, "postiz.outbox.tickets")
                assert shown == (
                    tickets("acme", planned=1)  # those in trouble come first
                    | tickets("globex", unknown=1)
                    | tickets("_OTHER", planned=5)
                )
                ages = await collected(reader, "postiz.outbox.age")
                assert ages.keys() == {("acme",), ("globex",), ("_OTHER",)}
                assert ages["acme",] > ages["_OTHER",] >= 0
                assert ages["globex",] == 0, "none of it waits"


@pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())
async def test_a_database_that_is_away_is_told_and_stops_no_other_metric(
    caplog: pytest.LogCaptureFixture,
) -> None:
    place = Place.made()
    async with PoolLab(place, "acme").running() as lab, lab.pool(sends=False) as pool:
        await lab.put(pool, "acme")
        with observed(pool) as reader, caplog.at_level(logging.ERROR):
            assert await collected(reader, "postiz.outbox.age") != {}
            place.run("ALTER TABLE deliveries RENAME TO away")
            for metric in ("tickets", "age"):
                assert await collected(reader, f"postiz.outbox.{metric}") == {}
            assert await collected(reader, "postiz.calls.active") == {("acme",): 0}
            place.run("ALTER TABLE away RENAME TO deliveries")
            for count in (1, 2):
                found = await collected(reader, "postiz.outbox.tickets")
                assert found == tickets("acme", planned=count)
                await lab.put(pool, "acme")
    assert "Callback failed for instrument postiz.outbox.tickets" in caplog.text
