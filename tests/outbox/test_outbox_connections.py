"""Handing over in the transaction of the caller: sent if it commits, and only then."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from callers_lab import CALLERS, caller_of
from outbox_lab import OutboxLab
from postgres_server import why_no_postgres
from processes import PATIENCE, until

from postiz_async import ConfigurationError, IdempotencyError, PostNotFoundError
from postiz_async.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from pathlib import Path

    from callers_lab import Caller
    from postgres_lab import Place

    from postiz_async import Postiz

pytestmark = pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())

ONE_OF_EACH = [
    "psycopg, usual",
    "asyncpg",
    "sqlalchemy, psycopg, connection",
    "sqlalchemy, asyncpg, connection",
    "sqlalchemy, psycopg, session",
    "sqlalchemy, asyncpg, session",
]
CASES = [
    name if name in ONE_OF_EACH else pytest.param(name, marks=pytest.mark.exhaustive)
    for name in CALLERS
]


class CallersLab(OutboxLab):
    """An outbox, and a table of the caller's beside it."""

    database: Place

    @asynccontextmanager
    async def caller(self, name: str) -> AsyncGenerator[Caller]:
        async with caller_of(name, self.database.url) as caller:
            yield caller

    async def hand_over(
        self, postiz: Postiz, caller: Caller, text: object = 0, *, hours: float = 24.0
    ) -> str:
        ticket = await postiz.outbox.put(
            self.post(text), at=self.at(hours), connection=caller.connection
        )
        assert ticket.state == "planned"
        return ticket.id

    def rows(self, table: str = "deliveries") -> int:
        return int(self.database.run(f"SELECT count(*) FROM {table}")[0][0])

    @property
    def insert(self) -> str:
        """Another change of the caller's."""
        return f'INSERT INTO "{self.database.schema}".orders VALUES (1)'


@pytest.fixture
async def lab(place: Place, tmp_path: Path) -> AsyncIterator[CallersLab]:
    made = CallersLab(tmp_path, database=place)
    place.run("CREATE TABLE orders (number int)")
    async with made.sandbox:
        yield made


# ------------------------------------------------------------------ with each driver


@pytest.mark.parametrize("name", CALLERS)
async def test_what_is_committed_is_sent(lab: CallersLab, name: str) -> None:
    async with lab.client() as postiz, lab.caller(name) as caller:
        await caller.begin()
        await caller.execute(lab.insert)
        ticket = await lab.hand_over(postiz, caller)
        with pytest.raises(PostNotFoundError):
            await postiz.outbox.get(ticket)
        await caller.commit()
        assert (await postiz.outbox.wait(ticket)).state == "stored"
    lab.assert_each_once(range(1))
    assert lab.rows("orders") == 1


@pytest.mark.parametrize("name", CASES)
async def test_what_is_rolled_back_never_was(lab: CallersLab, name: str) -> None:
    async with lab.client() as postiz, lab.caller(name) as caller:
        await caller.begin()
        await caller.execute(lab.insert)
        ticket = await lab.hand_over(postiz, caller)
        await caller.rollback()
        await lab.clock.sleep(120)
        with pytest.raises(PostNotFoundError):
            await postiz.outbox.get(ticket)
    assert lab.statuses == []
    assert lab.rows() == lab.rows("orders") == 0


@pytest.mark.parametrize("name", ONE_OF_EACH)
async def test_a_key_is_one_ticket_in_a_transaction_and_after_it(
    lab: CallersLab, name: str
) -> None:
    async with lab.client() as postiz, lab.caller(name) as caller:

        async def put(text: int = 0) -> str:
            ticket = await postiz.outbox.put(
                lab.post(text), idempotency_key="k", connection=caller.connection
            )
            return ticket.id

        await caller.begin()
        await put(1)
        await caller.rollback()  # and with it the use of the key
        await caller.begin()
        ticket = await put()
        assert await put() == ticket
        with pytest.raises(IdempotencyError, match=r"posts\.0"):
            await put(2)
        await caller.commit()
        assert (await postiz.outbox.wait(ticket)).state == "stored"
        await caller.begin()
        assert await put() == ticket
        await caller.commit()
    lab.assert_each_once(range(1))


@pytest.mark.parametrize("name", CASES)
async def test_a_savepoint_that_is_rolled_back_takes_its_hand_over_with_it(
    lab: CallersLab, name: str
) -> None:
    async with lab.client() as postiz, lab.caller(name) as caller:
        await caller.begin()
        await caller.execute(lab.insert)
        kept = await lab.hand_over(postiz, caller, "kept")
        gone = ""
        with suppress(ZeroDivisionError):
            async with caller.savepoint():
                gone = await lab.hand_over(postiz, caller, "gone")
                raise ZeroDivisionError
        async with caller.savepoint():
            also = await lab.hand_over(postiz, caller, "also")
        await caller.commit()
        for ticket in (kept, also):
            assert (await postiz.outbox.wait(ticket)).state == "stored"
        with pytest.raises(PostNotFoundError):
            await postiz.outbox.get(gone)
    lab.assert_each_once(["kept", "also"])


@pytest.mark.parametrize("name", CASES)
async def test_a_transaction_that_failed_is_told_from_one_that_can_be_used(
    lab: CallersLab, name: str
) -> None:
    async with lab.client(sends=False) as postiz, lab.caller(name) as caller:
        await caller.begin()
        with pytest.raises(Exception, match="division by zero"):
            await caller.execute("SELECT 1 / 0")
        with pytest.raises(ConfigurationError, match=r"has failed.*nothing was handed over.*Roll"):
            await lab.hand_over(postiz, caller)
        await caller.rollback()
    assert lab.rows() == 0


@pytest.mark.parametrize("name", CASES)
async def test_a_database_without_the_outbox_is_told(lab: CallersLab, name: str) -> None:
    elsewhere = lab.database.server.address("template1")
    async with lab.client(sends=False) as postiz, caller_of(name, elsewhere) as caller:
        await caller.begin()
        with pytest.raises(StoreError, match=r"does not exist.*\n.*outbox's own database") as told:
            await lab.hand_over(postiz, caller)
        assert "Nothing was handed over; roll the transaction back" in str(told.value)
        await caller.rollback()
    assert lab.rows() == 0


@pytest.mark.parametrize("name", CASES)
async def test_a_connection_that_is_lost_is_told(lab: CallersLab, name: str) -> None:
    async with lab.client(sends=False) as postiz, AsyncExitStack() as stack:
        caller = await stack.enter_async_context(lab.caller(name))
        await caller.begin()
        await caller.execute(f"SET application_name TO '{lab.database.schema}'")
        lab.database.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE application_name = '{lab.database.schema}'"
        )
        with pytest.raises(StoreError, match="could not be written in your transaction"):
            await lab.hand_over(postiz, caller)
        stack.pop_all()  # each driver complains in a way of its own when it is closed
    assert lab.rows() == 0


# ------------------------------------------------------------------ what cannot be used


@pytest.mark.parametrize("name", ["psycopg, autocommit", "asyncpg", "asyncpg, pool"])
async def test_outside_of_a_transaction_nothing_is_handed_over(lab: CallersLab, name: str) -> None:
    async with lab.client(sends=False) as postiz, lab.caller(name) as caller:
        with pytest.raises(ConfigurationError, match="is in no transaction"):
            await lab.hand_over(postiz, caller)
    assert lab.rows() == 0


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
@pytest.mark.parametrize("kind", ["connection", "session"])
async def test_autocommit_of_sqlalchemy_is_no_transaction(
    lab: CallersLab, driver: str, kind: str
) -> None:
    name = f"sqlalchemy, {driver}, {kind}"
    async with lab.client(sends=False) as postiz, lab.caller(name) as caller:
        options = {"isolation_level": "AUTOCOMMIT"}
        if kind == "connection":
            await caller.connection.execution_options(**options)
        else:
            await caller.connection.connection(execution_options=options)
        with pytest.raises(ConfigurationError, match="is in no transaction"):
            await lab.hand_over(postiz, caller)
    assert lab.rows() == 0


@pytest.mark.parametrize("name", ["psycopg, usual", "asyncpg", *ONE_OF_EACH[2:]])
async def test_a_closed_connection_is_told(lab: CallersLab, name: str) -> None:
    async with lab.client(sends=False) as postiz, lab.caller(name) as caller:
        await caller.connection.close()
        if name.endswith("session"):  # which begins anew
            await lab.hand_over(postiz, caller)
            await caller.commit()
            assert lab.rows() == 1
            return
        with pytest.raises((ConfigurationError, StoreError), match="othing was handed over"):
            await lab.hand_over(postiz, caller)
    assert lab.rows() == 0


async def test_a_synchronous_connection_is_told(lab: CallersLab) -> None:
    import psycopg  # noqa: PLC0415  (may be missing)
    import sqlalchemy  # noqa: PLC0415
    from sqlalchemy.orm import Session  # noqa: PLC0415

    engine = sqlalchemy.create_engine(
        lab.database.url.replace("postgresql:", "postgresql+psycopg:")
    )
    async with lab.client(sends=False) as postiz:
        with (
            psycopg.connect(lab.database.url) as connection,
            engine.connect() as alchemy,
            Session(engine) as session,
        ):
            for each in (connection, alchemy, session):
                with pytest.raises(ConfigurationError, match="is not an asynchronous connection"):
                    await postiz.outbox.put(lab.post(0), at=lab.at(24), connection=each)
    engine.dispose()
    assert lab.rows() == 0


async def test_what_is_no_connection_is_told(lab: CallersLab) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415  (may be missing)

    engine = create_async_engine(lab.database.url.replace("postgresql:", "postgresql+psycopg:"))
    foreign: list[Any] = [object(), "connection", lab, sqlite3, engine, False, 0, type(engine)]
    async with lab.client(sends=False) as postiz:
        for each in foreign:
            with pytest.raises(ConfigurationError, match="nothing was handed over"):
                await postiz.outbox.put(lab.post(0), at=lab.at(24), connection=each)
    await engine.dispose()
    assert lab.rows() == 0


async def test_an_outbox_in_a_file_takes_no_part_in_a_transaction(file_lab: OutboxLab) -> None:
    async with file_lab.client(sends=False) as postiz:
        with pytest.raises(ConfigurationError, match="An outbox in a file"):
            await postiz.outbox.put(file_lab.post(0), at=file_lab.at(24), connection=object())
        assert await postiz.outbox.counts() == {}


# ------------------------------------------------------------------ side by side


@pytest.mark.parametrize("name", ONE_OF_EACH)
async def test_an_open_transaction_holds_nobody_up(lab: CallersLab, name: str) -> None:
    """Neither another hand-over nor a sender, of the same organisation too."""
    async with lab.client() as postiz, lab.caller(name) as slow, lab.caller(name) as quick:
        await slow.begin()
        first = await lab.hand_over(postiz, slow, "first")
        async with asyncio.timeout(PATIENCE):
            await quick.begin()
            second = await lab.hand_over(postiz, quick, "second")
            await quick.commit()
            third = await postiz.outbox.put(lab.post("third"), at=lab.at(24))
            for ticket in (second, third.id):
                assert (await postiz.outbox.wait(ticket)).state == "stored"
        lab.assert_each_once(["second", "third"])
        await slow.commit()
        assert (await postiz.outbox.wait(first)).state == "stored"
    lab.assert_each_once(["first", "second", "third"])


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
async def test_transactions_that_see_one_state_do_not_conflict(lab: CallersLab, level: str) -> None:
    name = "psycopg, usual"
    async with lab.client(sends=False) as postiz, AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(lab.caller(name)) for _ in range(4)]
        for caller in callers:
            await caller.execute(
                f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {level}"
            )
            await caller.commit()
        for number, caller in enumerate(callers):
            await lab.hand_over(postiz, caller, hours=24.0 + number)
        for caller in callers:
            await caller.commit()
    assert lab.rows() == 4


async def test_nothing_else_of_the_session_is_changed(lab: CallersLab) -> None:
    """What the caller has set for its own statements stays, and nothing is committed for it."""
    async with lab.client(sends=False) as postiz, lab.caller("psycopg, dict rows") as caller:
        await lab.hand_over(postiz, caller)
        cursor = await caller.connection.execute("SELECT 1 AS one")
        assert await cursor.fetchone() == {"one": 1}
        assert caller.connection.info.transaction_status.name == "INTRANS"
    assert lab.rows() == 1  # psycopg commits at the end of its block


async def test_a_cancelled_hand_over_in_a_transaction_goes_with_it(lab: CallersLab) -> None:
    async with lab.client(sends=False) as postiz, lab.caller("psycopg, usual") as caller:
        await postiz.channels.list()
        async with lab.caller("psycopg, usual") as busy:
            await busy.execute(f'LOCK TABLE "{lab.database.schema}".deliveries')
            handing = asyncio.create_task(lab.hand_over(postiz, caller))
            waits = "SELECT 1 FROM pg_locks WHERE relation = 'deliveries'::regclass AND NOT granted"
            await until(lambda: lab.database.run(waits))  # told before, it would not hear it
            handing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await handing
        if not caller.connection.closed:  # by psycopg, of a server that is busy for five seconds
            await caller.rollback()
    assert lab.rows() == 0
