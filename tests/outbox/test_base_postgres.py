"""A PostgreSQL that cannot be used, or not now: what is said, and that nothing is lost."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio.to_thread
import pytest
from outbox_lab import SHORT, OutboxLab
from pool_lab import PoolLab
from postgres_lab import Place
from postgres_server import PostgresServer, postgres_server, why_no_postgres
from processes import until
from spread import spread

from postiz_async.errors import StoreError
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from postiz_async._wire import WireRequest, WireResponse

pytestmark = pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """One that tests stop and start."""
    with postgres_server() as made:
        yield made


@pytest.fixture
async def lab(server: PostgresServer, tmp_path: Path) -> AsyncIterator[OutboxLab]:
    """What is in an outbox of a server that may be stopped."""
    made = OutboxLab(tmp_path, database=Place.made(server), window=SHORT)
    async with made.sandbox:
        yield made


async def stop(server: PostgresServer) -> None:
    await anyio.to_thread.run_sync(server.stop, "immediate")


async def start(server: PostgresServer) -> None:
    await anyio.to_thread.run_sync(server.start)


# ------------------------------------------------------------------ away


async def test_a_database_that_is_away_at_the_start_is_told(
    lab: OutboxLab, server: PostgresServer
) -> None:
    await stop(server)
    try:
        with pytest.raises(StoreError, match=r"Is it running, and is the address right\?"):
            async with lab.client():
                pass
        async with PoolLab(Place(server), "acme").running() as pools:
            with pytest.raises(StoreError, match="Is it running"):
                async with pools.pool():
                    pass
    finally:
        await start(server)
    async with lab.client() as postiz:
        assert (await postiz.outbox.wait((await lab.put(postiz, 1))[0].id)).state == "stored"


async def test_while_it_is_away_nothing_is_sent_and_then_everything_once(
    lab: OutboxLab, server: PostgresServer
) -> None:
    async with lab.client() as postiz:
        tickets = await lab.put(postiz, 40)
        await postiz.outbox.wait(tickets[20].id)
        await stop(server)
        try:
            await until(lambda: "Is it running" in postiz.outbox.trouble)
            await lab.clock.sleep(60)  # what was on its way is answered
            sent = len(lab.statuses)
            for ask in (
                lambda: postiz.outbox.put(lab.post("x"), at=lab.at(24)),
                lambda: postiz.outbox.get(tickets[0].id),
                lambda: postiz.outbox.withdraw(tickets[39].id),
                postiz.outbox.counts,
            ):
                with pytest.raises(StoreError, match="What was handed over before is safe in it"):
                    await ask()
            await lab.clock.sleep(SHORT)
            assert len(lab.statuses) == sent
        finally:
            await start(server)
        for ticket in tickets:
            assert (await postiz.outbox.wait(ticket.id)).state == "stored"
        while postiz.outbox.trouble:  # until it looks again
            await lab.clock.sleep(1)
    lab.assert_each_once(range(40))


@pytest.mark.parametrize("mode", spread(["fast", "immediate"], every=2))
async def test_it_may_be_started_again_at_any_time(
    lab: OutboxLab, server: PostgresServer, mode: str
) -> None:
    async with lab.client() as postiz:
        tickets = await lab.put(postiz, 12)
        for place in (2, 5, 8):
            await postiz.outbox.wait(tickets[place].id)
            await anyio.to_thread.run_sync(server.restart, mode)
        for ticket in tickets:
            assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(range(12))


class Gate(SandboxTransport):
    """Lets answers to creates through when it is opened."""

    def __init__(self, lab: OutboxLab) -> None:
        super().__init__(lab.sandbox, latency=0.1)
        self.answered = asyncio.Event()
        self.opened = asyncio.Event()

    async def send(self, request: WireRequest) -> WireResponse:
        answer = await super().send(request)
        if request.method == "POST":
            self.answered.set()
            await self.opened.wait()
        return answer


async def test_an_answer_that_cannot_be_written_down_is_found_later(
    lab: OutboxLab, server: PostgresServer
) -> None:
    gate = Gate(lab)
    async with lab.client(transport=gate) as postiz:
        ticket = (await lab.put(postiz, 1))[0]
        await until(gate.answered.is_set)
        await stop(server)
        try:
            gate.opened.set()
            await lab.clock.sleep(120)
        finally:
            await start(server)
        assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(range(1))


async def test_closing_does_not_wait_for_a_database_that_is_away(
    lab: OutboxLab, server: PostgresServer
) -> None:
    quota = MemoryStore()  # what a store that is away notes is over by its clock, in minutes
    async with lab.client(store=quota) as postiz:
        tickets = await lab.put(postiz, 35)
        await postiz.outbox.wait(tickets[20].id)
        await stop(server)
    await start(server)
    async with lab.client(store=quota) as postiz:
        for ticket in tickets:
            assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(range(35))


async def test_an_organisation_of_a_pool_is_sent_for_after_an_outage(
    server: PostgresServer,
) -> None:
    place = Place.made(server)
    async with PoolLab(place, "acme", "globex").running() as lab, lab.pool() as pool:
        tickets = [ticket for name in lab.keys for ticket in await lab.put(pool, name, 5)]
        await pool.outbox.wait(tickets[2].id)
        await stop(server)
        try:
            await lab.clock.sleep(60)
            assert pool.outbox.trouble
        finally:
            await start(server)
        for ticket in tickets:
            while (await pool.outbox.get(ticket.id)).state != "stored":
                await lab.clock.sleep(20)
        while pool.outbox.trouble:  # until it looks again, if all were stored before
            await lab.clock.sleep(1)
        lab.assert_each_once({"acme": 5, "globex": 5})


# ------------------------------------------------------------------ of no use


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE version SET version = 0", "is older than this library"),
        ("UPDATE version SET version = 99", "is newer than this library"),
        ("DELETE FROM version", "is older than this library"),
        ("DROP TABLE version", "is not there, or not whole"),
    ],
)
async def test_tables_of_another_version_are_told(
    place: Place, tmp_path: Path, statement: str, words: str
) -> None:
    lab = OutboxLab(tmp_path, database=place)
    place.run(statement)
    async with lab.sandbox:
        with pytest.raises(StoreError, match=words):
            async with lab.client():
                pass
    async with PoolLab(place, "acme").running() as pools:
        with pytest.raises(StoreError, match=words):
            async with pools.pool(sends=False):
                pass


async def test_a_schema_that_is_missing_is_told(tmp_path: Path, place: Place) -> None:
    lab = OutboxLab(tmp_path, database=Place(place.server))
    async with lab.sandbox:
        with pytest.raises(StoreError, match=r"is not there.*postiz-async outbox init"):
            async with lab.client():
                pass


@contextmanager
def another_user(place: Place, *grants: str) -> Iterator[Place]:
    """A role of its own, with these rights."""
    name = f"role_{secrets.token_hex(4)}"
    place.run(f"CREATE ROLE {name} LOGIN")
    for grant in grants:
        place.run(grant.format(schema=f'"{place.schema}"', role=name))
    yield Place(place.server, place.schema, user=name)


USAGE = "GRANT USAGE ON SCHEMA {schema} TO {role}"


@pytest.mark.parametrize(
    ("rights", "words"),
    [
        (["GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}"], "its role may not do this"),
        (
            [
                "GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}",
                "ALTER ROLE {role} SET default_transaction_read_only TO on",
            ],
            "it is read-only, such as a replica",
        ),
    ],
)
async def test_a_role_that_cannot_write_is_told(
    tmp_path: Path, place: Place, rights: list[str], words: str
) -> None:
    with another_user(place, USAGE, *rights) as reader:
        lab = OutboxLab(tmp_path, database=reader)
        async with lab.sandbox, lab.client() as postiz:
            with pytest.raises(StoreError, match=words) as told:
                await lab.put(postiz, 1)
            assert ("INSERT, UPDATE" in str(told.value)) == ("role" in words)
            await lab.clock.sleep(60)
            assert words in postiz.outbox.trouble
    assert place.run("SELECT * FROM deliveries") == []


async def test_a_role_that_may_not_look_is_told(tmp_path: Path, place: Place) -> None:
    with another_user(place) as nobody:
        lab = OutboxLab(tmp_path, database=nobody)
        async with lab.sandbox:
            with pytest.raises(StoreError, match="its role may not do this"):
                async with lab.client():
                    pass


async def test_a_role_with_what_the_errors_ask_for_is_enough(tmp_path: Path, place: Place) -> None:
    rights = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"
    with another_user(place, USAGE, rights) as user:
        lab = OutboxLab(tmp_path, database=user)
        async with lab.sandbox, lab.client() as postiz:
            ticket = await lab.put(postiz, 1)
            assert (await postiz.outbox.wait(ticket[0].id)).state == "stored"
