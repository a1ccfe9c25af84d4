"""One campaign on several hosts, with its journal in PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import START, Lab, rows
from journal_lab import leaves
from postgres_lab import Place
from postgres_server import FEW_DIGITS, why_no_postgres

from postiz_async import (
    APIConnectionError,
    Campaign,
    CampaignConflictError,
    CampaignError,
    CampaignStatus,
    ConfigurationError,
)
from postiz_async._campaign.journal.database import HOLD
from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.places import journal_at
from postiz_async._campaign.journal.purposes import NewPosts
from postiz_async._campaign.journal.requests import RequestHandle
from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._client import Postiz
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.record import write_record
from postiz_async._scheduler.scheduler import Scheduler
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.errors import Delivery, StoreError
from postiz_async.models.posts import PostRequest
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing import Fault
from postiz_async.types import Report

pytestmark = pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())

COUNT = 36
BODY = PostRequest(type="schedule", date="2033-01-01T00:00:00.101Z", posts=[])
TEXTS = [f"post {n}" for n in range(COUNT)]


class SharedLab(Lab):
    """Hosts that share a database, the server and a quota, each with a file of its own."""

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder, **options)
        self.database = Place.made()
        self.clock = self.database.clock(START.timestamp())
        self.sandbox = type(self.sandbox)(clock=self.clock, limit=30, work_per_post=0.0)
        self.own_clock = type(self.own_clock)(self.clock)
        self.transport = type(self.transport)(self.sandbox, self.latency)
        self.store = MemoryStore()

    @property
    def address(self) -> str:
        return self.database.url + FEW_DIGITS

    def client(self, **options: Any) -> Postiz:
        return super().client(store=self.store, **options)

    def campaign(self, postiz: Postiz, **options: Any) -> Campaign:
        shared = {"journal": self.address, "schema": self.database.schema}
        return postiz.campaign(self.path, **shared, **options)

    def status(self, **options: Any) -> CampaignStatus:
        return CampaignStatus.read(
            self.path, journal=self.address, schema=self.database.schema, **options
        )

    def sent(self, postiz: Postiz) -> Any:
        return postiz.sent_campaign(self.path, journal=self.address, schema=self.database.schema)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[SharedLab]:
    made = SharedLab(tmp_path)
    channels = [made.channel(provider) for provider in ("mastodon", "telegram", "threads")]
    made.write(rows(channels, COUNT))
    async with made.sandbox:
        yield made


def hosts(lab: SharedLab, count: int) -> list[SharedLab]:
    return [lab.host(f"host {n}") for n in range(count)]  # type: ignore[misc]


async def test_a_run_is_continued_on_another_host(lab: SharedLab) -> None:
    one, other = hosts(lab, 2)

    def after_some(transport: Any, die: Any) -> None:
        transport.after[8] = die

    assert await one.killed(after_some)
    assert not other.status().report.complete
    assert (await other.run()).complete
    lab.assert_each_once(TEXTS)
    status = one.status()
    assert (status.report.complete, status.journal_path) == (True, None)
    assert (await one.run()).counts == {"stored": COUNT}
    lab.assert_each_once(TEXTS)


async def test_hosts_run_a_campaign_together(lab: SharedLab) -> None:
    """Each row is sent once, and each host ends with the whole campaign."""
    reports: list[Report] = await asyncio.gather(*(host.run() for host in hosts(lab, 3)))
    assert [report.counts for report in reports] == [{"stored": COUNT}] * 3
    lab.assert_each_once(TEXTS)
    spent = Counter(create.status for create in lab.sandbox.creates)
    assert spent == {201: reports[0].requests}


async def test_what_another_host_looks_up_is_not_repeated_after_an_outage(lab: SharedLab) -> None:
    """A host that is cut off for longer than it holds the request that it was sending."""
    one, other = hosts(lab, 2)
    cut_off, connected = asyncio.Event(), asyncio.Event()
    async with one.client() as postiz, one.campaign(postiz) as campaign:
        reach = one.transport.send

        async def send(request: WireRequest) -> WireResponse:
            if request.method == "POST":
                cut_off.set()
            if cut_off.is_set() and not connected.is_set():
                raise APIConnectionError("No route to host.", delivery=Delivery.NOT_SENT)
            return await reach(request)

        one.transport.send = send  # type: ignore[method-assign]
        running = asyncio.create_task(campaign.run())
        await cut_off.wait()
        continued = asyncio.create_task(other.run())
        await lab.clock.sleep(2 * HOLD)
        connected.set()
        reports = await asyncio.gather(running, continued)
    assert [report.counts for report in reports] == [{"stored": COUNT}] * 2
    lab.assert_each_once(TEXTS)


async def test_each_host_tells_of_each_row_once(lab: SharedLab) -> None:
    async def told(host: SharedLab) -> Counter[str]:
        found: list[str] = []
        async with (
            host.client() as postiz,
            host.campaign(postiz) as campaign,
        ):
            async for outcome in campaign.run():
                assert outcome.state is RowState.STORED
                found.append(outcome.ref)
        return Counter(found)

    one, other = await asyncio.gather(*map(told, hosts(lab, 2)))
    assert one == other
    assert set(one.values()) == {1}
    assert len(one) == COUNT


def once_posts_are_there(lab: SharedLab) -> Callable[[Any, Callable[[], None]], None]:
    def arm(transport: Any, die: Callable[[], None]) -> None:
        def if_so() -> None:
            if lab.sandbox.creates:
                die()
            else:
                arm(transport, die)

        transport.before[len(transport.sent) + 1] = if_so

    return arm


@pytest.mark.parametrize("kind", ["drop_answer", "stop"])
async def test_what_a_dead_host_left_is_looked_up_by_the_others(lab: SharedLab, kind: Any) -> None:
    dead, *alive = hosts(lab, 3)
    lab.sandbox.faults.add(Fault(kind, route="create_post", times=2))

    died, *_ = await asyncio.gather(
        dead.killed(once_posts_are_there(lab)), *(host.run() for host in alive)
    )
    assert died
    assert all(host.status().report.complete for host in alive)
    await lab.clock.sleep(3_600)
    lab.assert_each_once(TEXTS)


async def test_what_a_host_began_and_left_while_another_opened_it_is_looked_up(
    lab: SharedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, late = hosts(lab, 2)
    lab.sandbox.faults.add(Fault("drop_answer", route="create_post", times=2))
    restore = Scheduler.restore

    async def restore_once_another_is_dead(scheduler: Scheduler, journal: Any) -> None:
        monkeypatch.setattr(Scheduler, "restore", restore)
        assert await dead.killed(once_posts_are_there(lab))
        await lab.clock.sleep(2 * HOLD)
        await restore(scheduler, journal)

    monkeypatch.setattr(Scheduler, "restore", restore_once_another_is_dead)
    assert (await late.run()).counts == {"stored": COUNT}
    lab.assert_each_once(TEXTS)


async def test_a_refused_row_is_found_by_one_host(lab: SharedLab) -> None:
    lab.judge = _refuses_the_third
    reports = await asyncio.gather(*(host.run() for host in hosts(lab, 2)))
    assert {tuple(sorted(report.counts.items())) for report in reports} == {
        (("refused", 1), ("stored", COUNT - 1))
    }
    assert lab.contents() == Counter(text for text in TEXTS if text != "post 3")


def _refuses_the_third(posts: list[dict[str, Any]]) -> dict[str, Any] | None:
    bad = [n for n, post in enumerate(posts) if post["value"][0]["content"] == "post 3"]
    if not bad:
        return None
    return {"message": [f"posts.{bad[0]}.value is bad"], "error": "Bad Request", "statusCode": 400}


# ------------------------------------------------------------------ which campaign it is


async def test_files_of_one_name_that_differ_are_refused(lab: SharedLab) -> None:
    one, other = hosts(lab, 2)
    await one.run()
    lines = other.path.read_text().splitlines()
    other.path.write_text("\n".join([*lines[:-1], lines[-1].replace("post 35", "post of another")]))
    with pytest.raises(CampaignError) as refused:
        await other.run()
    told = str(refused.value)
    assert "35 of the 36 rows" in told
    assert "--name 'campaign.jsonl'" in told
    assert "postgres:" not in told
    lab.assert_each_once(TEXTS)
    with pytest.raises(CampaignConflictError, match=r"1 row \(36\) has the channel and the moment"):
        await other.run(name="another", existing="adopt")
    await other.run(name="another", existing="adopt", keep=True)
    lab.assert_each_once([*TEXTS, "post of another"])
    assert other.status(name="another").report.counts == {"stored": COUNT}


async def test_another_file_waits_while_a_host_runs_the_campaign(lab: SharedLab) -> None:
    one, other = hosts(lab, 2)
    running = asyncio.create_task(one.run(name="spring"))
    while not lab.sandbox.creates:
        await lab.clock.sleep(0.1)
    text = other.path.read_text()
    other.path.write_text(text.replace("post 35", "post of another"))
    with pytest.raises(CampaignError, match="Another host is running the campaign 'spring'"):
        await other.run(name="spring")
    assert (await running).complete
    lab.assert_each_once(TEXTS)


async def test_a_journal_that_is_nowhere_is_no_journal(lab: SharedLab) -> None:
    with pytest.raises(
        CampaignError, match=r"There is no journal of 'campaign\.jsonl' in PostgreSQL"
    ):
        lab.status()
    with pytest.raises(ConfigurationError, match=r"A store cannot be at redis://\.\.\."):
        CampaignStatus.read(lab.path, journal="redis://localhost")


async def test_a_database_that_is_away_is_said_at_once(lab: SharedLab) -> None:
    url = "postgresql://me:secret-word@127.0.0.1:1/nothing"
    with pytest.raises(StoreError, match=r"PostgreSQL at 127\.0\.0\.1:1/nothing") as away:
        CampaignStatus.read(lab.path, journal=url)
    place = journal_at(url, "postiz_async", "c", None)
    assert "secret-word" not in f"{away.value!r} {away.value} {place!r} {place}"


# ------------------------------------------------------------------ from each host


async def test_it_is_undone_and_changed_from_other_hosts(lab: SharedLab) -> None:
    one, other = hosts(lab, 2)
    await one.run()
    other.path.write_text(other.path.read_text().replace("post 35", "post anew"))
    async with (
        other.client() as postiz,
        other.campaign(postiz, name="campaign.jsonl") as campaign,
    ):
        changes = (await campaign.run()).changes
    assert len(changes.changed) == 1
    assert lab.contents()["post anew"] == 1
    async with one.client() as postiz, one.sent(postiz) as sent:
        undone = await sent.undo()
    assert len(undone.rows) == COUNT
    assert not lab.sandbox.posts
    assert other.status().report.counts == {"withdrawn": COUNT}


async def test_two_hosts_that_undo_a_campaign_delete_each_post_once(lab: SharedLab) -> None:
    await lab.run()

    async def undo(host: SharedLab) -> int:
        async with host.client() as postiz, host.sent(postiz) as sent:
            return len((await sent.undo()).rows)

    await asyncio.gather(*map(undo, hosts(lab, 2)))
    assert not lab.sandbox.posts
    assert lab.status().report.counts == {"withdrawn": COUNT}


async def test_a_run_without_its_database_stops_and_goes_on_later(lab: SharedLab) -> None:
    schema = lab.database.schema

    def without_it(transport: Any) -> None:
        transport.before[12] = lambda: lab.database.run(
            f'ALTER SCHEMA "{schema}" RENAME TO "{schema}_away"'
        )

    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        without_it(lab.transport)
        with pytest.raises(StoreError, match="is not there, or not whole"):
            await campaign.run()
    lab.database.run(f'ALTER SCHEMA "{schema}_away" RENAME TO "{schema}"')
    assert (await lab.run()).complete
    lab.assert_each_once(TEXTS)


async def test_what_was_written_before_the_connection_broke_is_known_by_its_name(
    lab: SharedLab,
) -> None:
    """The answer to COMMIT was lost: the same is written again, and found."""
    place = journal_at(lab.address, lab.database.schema, "c", "http://x")
    async with await Journal.open(place, campaign="c", base_url="http://x") as journal:
        await journal.put([RowRecord("a", 1, "f", "c1", 2e9)])
        request = await leaves(journal, BODY, ("a",))
        again = RequestHandle(journal, NewPosts(), request._name)
        again.body, again.refs = request.body, request.refs
        done, kept = await again._put(request.record, write_record(request.record))
        assert (done, kept.value) == (False, write_record(request.record))
        assert again.number == request.number


async def test_a_connection_that_breaks_is_made_again(lab: SharedLab) -> None:
    place = journal_at(lab.address, lab.database.schema, "c", "http://x")
    async with await Journal.open(place, campaign="c", base_url="http://x") as journal:
        assert await journal.rows() == {}
        lab.database.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert await journal.rows() == {}


async def test_dates_are_exact_where_a_server_shows_few_digits(lab: SharedLab) -> None:
    await lab.run()
    lines = lab.path.read_text().splitlines()
    given = [datetime.fromisoformat(json.loads(line)["date"]) for line in lines]
    assert FEW_DIGITS in lab.address
    assert [row.at for row in lab.status().report.rows] == given
