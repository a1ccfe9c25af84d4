"""One outbox for many organisations: each as if it were alone."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import weakref
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from cancelling import CancelledAt
from outbox_lab import SHORT
from pool_lab import PoolLab
from postgres_server import why_no_postgres
from processes import until
from spread import spread

from postiz_async import (
    AdvancedOptions,
    ConfigurationError,
    OutboxOptions,
    Postiz,
    PostizPool,
    PostNotFoundError,
    TicketEvent,
    UsageError,
)
from postiz_async._delivery.outcomes import RowState
from postiz_async._outbox import courier
from postiz_async._outbox.courier import SHARE
from postiz_async._outbox.turn import LONGEST_LOOK
from postiz_async._resources.api import opened
from postiz_async._sandbox import Fault
from postiz_async._wire import WireResponse
from postiz_async.errors import CursorError
from postiz_async.stores._postgres import Database
from postiz_async.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from postgres_lab import Place

    from postiz_async._wire import WireRequest

pytestmark = pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())


@pytest.fixture
async def lab(place: Place) -> AsyncIterator[PoolLab]:
    async with PoolLab(place, "acme", "globex", "initech").running() as made:
        yield made


# ------------------------------------------------------------------ handing over


async def test_each_organisation_is_sent_for_with_its_own_key(lab: PoolLab) -> None:
    async with lab.pool() as pool:
        tickets = [ticket for name in lab.keys for ticket in await lab.put(pool, name, 2)]
        for ticket in tickets:
            assert (await pool.outbox.wait(ticket.id)).state == "stored"
        assert await pool.outbox.counts() == {"stored": 6}
        assert pool.outbox.trouble == ""
        assert await pool.outbox.troubles() == {}
    lab.assert_each_once(dict.fromkeys(lab.keys, 2))
    assert set(lab.asked) == set(lab.keys)


async def test_an_idempotency_key_belongs_to_one_organisation(lab: PoolLab) -> None:
    async with lab.pool() as pool:
        tickets = [
            await pool.outbox.put(lab.post(name, 0), organization=name, idempotency_key="order")
            for name in ("acme", "globex", "acme")
        ]
        assert tickets[0].id == tickets[2].id != tickets[1].id
        for ticket in tickets:
            assert (await pool.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once({"acme": 1, "globex": 1})


async def test_keys_are_in_no_table(lab: PoolLab) -> None:
    async with lab.pool(sends=False) as pool:
        for name in lab.keys:
            await lab.put(pool, name)
    for table in ("scopes", "deliveries", "records"):
        said = str(lab.place.run(f"SELECT t::text FROM {table} t"))
        assert "key-of" not in said, table
        assert b"key-of".hex() not in said, table


async def test_one_hands_over_and_others_send(lab: PoolLab) -> None:
    async with lab.pool(sends=False) as web, lab.pool(), lab.pool():
        tickets = [ticket for name in lab.keys for ticket in await lab.put(web, name, 5)]
        for ticket in tickets:
            assert (await web.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(dict.fromkeys(lab.keys, 5))


async def test_a_ticket_can_be_asked_for_and_withdrawn(lab: PoolLab) -> None:
    async with lab.pool(sends=False) as web:
        gone, kept = await lab.put(web, "acme", 2)
        assert await web.outbox.withdraw(gone.id)
        assert not await web.outbox.withdraw(gone.id)
        assert (await web.outbox.get(gone.id)).state == "withdrawn"
        waiting = await web.outbox.wait(kept.id, timeout=30)
        assert (waiting.state, waiting.at) == ("planned", kept.at)
        with pytest.raises(PostNotFoundError, match="no ticket"):
            await web.outbox.get("x")


async def test_a_client_of_the_pool_has_the_tickets_of_its_organisation(lab: PoolLab) -> None:
    async with lab.pool() as pool:
        acme = await pool.client("key-of-acme", organization="acme")
        globex = await pool.client("key-of-globex", organization="globex")
        ticket = await acme.outbox.put(lab.post("acme", 0), at=lab.at())
        with pytest.raises(PostNotFoundError):
            await globex.outbox.get(ticket.id)
        assert await globex.outbox.counts() == {}
        assert (await acme.outbox.wait(ticket.id)).state == "stored"
        assert hasattr(acme, "outbox")
    lab.assert_each_once({"acme": 1})


async def test_a_client_without_a_name_has_no_outbox_and_says_why(lab: PoolLab) -> None:
    async with lab.pool() as pool:
        nameless = await pool.client("key-of-acme")
        assert not hasattr(nameless, "outbox")
        with pytest.raises(ConfigurationError, match=r"has no organization=.*pool\.client"):
            _ = nameless.outbox
    assert lab.place.run("SELECT * FROM scopes") == []


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800", "x" * 256, 5, None])
async def test_a_name_that_no_row_can_have_is_refused(lab: PoolLab, name: Any) -> None:
    async with lab.pool() as pool:
        with pytest.raises(ConfigurationError, match="name of an organisation"):
            await pool.outbox.put(lab.post("acme", 0), organization=name, at=lab.at())
    assert lab.place.run("SELECT * FROM scopes") == []
    assert lab.asked == []


async def test_a_long_name_may_be_in_trouble(lab: PoolLab) -> None:
    name = "\U0001f600" * 255
    async with lab.pool(sends=False) as web:
        lab.keys[name] = lab.keys["acme"]
        await web.outbox.put(lab.post("acme", 0), organization=name, at=lab.at())
    del lab.keys[name]
    async with lab.pool() as pool:
        while name not in await pool.outbox.troubles():
            await lab.clock.sleep(1)
        health = await pool.health()
        assert health.is_ready, "the others can be sent for"
        assert health.troubles[name].startswith("credentials(")
        assert health.outbox == {"planned": 1}


async def test_a_pool_hands_over_in_a_transaction_too(lab: PoolLab) -> None:
    import psycopg  # noqa: PLC0415  (an extra)

    async with lab.pool() as pool, await psycopg.AsyncConnection.connect(lab.place.url) as mine:
        ticket = await pool.outbox.put(
            lab.post("acme", 0), organization="acme", at=lab.at(), connection=mine
        )
        await lab.clock.sleep(60)
        assert lab.order == []
        await mine.commit()
        assert (await pool.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once({"acme": 1})


async def test_after_the_first_a_hand_over_is_one_statement(
    lab: PoolLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lab.pool(sends=False) as pool:
        await lab.put(pool, "acme")
        made = count_statements(monkeypatch)
        await lab.put(pool, "acme", 3)
    assert len(made) == 3


def count_statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that are made from now on."""
    made: list[str] = []
    fetch = Database.fetch

    async def noted(database: Database, query: Any, *rest: Any, **options: Any) -> Any:
        made.append(query)
        return await fetch(database, query, *rest, **options)

    monkeypatch.setattr(Database, "fetch", noted)
    return made


async def test_an_outbox_that_is_closed_takes_nothing(lab: PoolLab) -> None:
    async with lab.pool() as pool:
        acme = await pool.client("key-of-acme", organization="acme")
        await acme.channels.list()
        outboxes = pool.outbox, acme.outbox
    for outbox, whose in zip(outboxes, ({"organization": "acme"}, {}), strict=True):
        with pytest.raises(ConfigurationError, match="closed or closing"):
            await outbox.put(lab.post("acme", 0), at=lab.at(), **whose)  # type: ignore[arg-type]
    assert lab.place.run("SELECT * FROM deliveries") == []


async def test_clients_that_were_let_go_are_not_kept_by_the_outbox(lab: PoolLab) -> None:
    async with lab.pool(sends=False, keep=1) as pool:
        await lab.put(pool, "acme")
        client = await pool.client("key-of-acme", organization="acme")
        gone = weakref.ref(opened(client))
        del client
        await lab.put(pool, "globex")
        gc.collect()
        assert gone() is None


async def test_a_pool_that_keeps_few_clients_sends_for_all(lab: PoolLab) -> None:
    async with lab.pool(sends=False) as web:
        tickets = [ticket for name in lab.keys for ticket in await lab.put(web, name, 3)]
    async with lab.pool(keep=1) as pool:
        for ticket in tickets:
            assert (await pool.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(dict.fromkeys(lab.keys, 3))


# ------------------------------------------------------------------ whose tickets are whose


async def test_tickets_of_a_single_client_are_not_touched_by_pools(lab: PoolLab) -> None:
    async with single(lab, "acme", sends=False) as client:
        ticket = await client.outbox.put(lab.post("acme", 0), at=lab.at())
        async with lab.pool() as pool:
            await lab.put(pool, "globex")
            await lab.clock.sleep(10 * LONGEST_LOOK)
            assert (await client.outbox.get(ticket.id)).state == "planned"
    async with single(lab, "acme") as client:
        assert (await client.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once({"acme": 1, "globex": 1})
    assert lab.asked.count("acme") == 0


async def test_a_client_with_a_name_shares_its_tickets_with_pools(lab: PoolLab) -> None:
    async with single(lab, "acme", organization="acme", sends=False) as client:
        ticket = await client.outbox.put(lab.post("acme", 0), at=lab.at())
        async with lab.pool():
            assert (await client.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once({"acme": 1})


@asynccontextmanager
async def single(
    lab: PoolLab, name: str, *, organization: str | None = None, **options: Any
) -> AsyncGenerator[Postiz]:
    async with Postiz(
        api_key=lab.keys[name],
        base_url="http://sandbox.invalid",
        organization=organization,
        outbox=OutboxOptions(lab.place.url, schema=lab.place.schema, **options),
        advanced=AdvancedOptions(clock=lab.clock, transport=lab),
    ) as client:
        yield client


async def test_the_server_of_an_organisation_is_kept(lab: PoolLab) -> None:
    """Another process may have another server by default."""
    urls: set[str] = set()

    class Way:
        async def send(self, request: WireRequest) -> WireResponse:
            urls.add(request.url.partition("/public")[0])
            return await lab.send(request)

        async def aclose(self) -> None:
            """There is nothing to close."""

    async with lab.pool(sends=False) as web:
        ticket = (await lab.put(web, "acme"))[0]
    async with lab.pool(base_url="http://elsewhere.invalid", transport=Way()) as pool:
        assert (await pool.outbox.wait(ticket.id)).state == "stored"
    assert urls == {"http://sandbox.invalid"}
    lab.assert_each_once({"acme": 1})


# ------------------------------------------------------------------ keys


async def raises(organization: str) -> str:
    raise LookupError(f"no row for {organization}")


def raises_at_once(organization: str) -> str:
    raise OSError(f"no file for {organization}")


BROKEN = {
    "it raises": (raises, "failed with LookupError"),
    "it raises, and is not async": (raises_at_once, "failed with OSError"),
    "nothing": (None, "returned no key but NoneType"),
    "an empty text": ("", "returned no key but str"),
    "bytes": (b"key-of-acme", "returned no key but bytes"),
    "a key with a line break": ("key\nof", "key"),
    "another's key": ("key-of-globex", "returned the key of 'globex'"),
    "another's key, written in another way": (" Bearer key-of-globex ", "the key of 'globex'"),
}


@pytest.mark.parametrize(("given", "words"), spread(BROKEN.values(), every=3), ids=BROKEN)
async def test_broken_credentials_hold_up_nobody_else_until_they_are_mended(
    lab: PoolLab, given: Any, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with lab.pool(sends=False) as web:
        ticket = (await lab.put(web, "acme"))[0]
        others = [*await lab.put(web, "globex"), *await lab.put(web, "initech")]
    is_mended = False

    async def given_key(_: str) -> Any:
        return given

    def credentials(organization: str) -> Any:
        if organization != "acme" or is_mended:
            return lab.credentials(organization)
        return given(organization) if callable(given) else given_key(organization)

    with caplog.at_level(logging.CRITICAL):
        async with lab.pool(credentials=credentials) as pool:
            for other in others:
                assert (await pool.outbox.wait(other.id)).state == "stored"
            for failures in (1, 2, 3):
                while lab.organization("acme", "failures") < failures:
                    await lab.clock.sleep(10)
            assert words in (await pool.outbox.troubles())["acme"]
            held = await pool.outbox.get(ticket.id)
            assert (held.state, held.reason) == ("planned", lab.organization("acme", "trouble"))
            assert held.leaves_in > 60
            assert "key-of" not in held.reason
            with pytest.raises(ConfigurationError, match=r"acme|key"):
                await lab.put(pool, "acme")
            is_mended = True
            assert (await pool.outbox.wait(ticket.id)).state == "stored"
            while await pool.outbox.troubles():  # until the end of the turn
                await lab.clock.sleep(10)
    lab.assert_each_once(dict.fromkeys(lab.keys, 1))
    assert len(lab.order) == 3


class OddCredentials:
    """Of one organisation, or several, they answer as no function should.

    Args:
        lab: has the others'.
        way: what happens to them.
        whose: what their names begin with.
    """

    def __init__(self, lab: PoolLab, way: str, whose: str) -> None:
        self.way = way
        self._lab = lab
        self._whose = whose

    async def __call__(self, organization: str) -> str:
        if organization.startswith(self._whose):
            await self._go_wrong()
        return await self._lab.credentials(organization)

    async def _go_wrong(self) -> None:
        match self.way:
            case "another request cancels what it awaits":
                shared = asyncio.create_task(asyncio.sleep(3_600))
                asyncio.get_running_loop().call_soon(shared.cancel)
                await shared
            case "it cancels itself":
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                await asyncio.sleep(0)
            case "it hangs":
                await asyncio.Event().wait()
            case "it hangs and cannot be cancelled":
                while self.way != "fine":
                    with suppress(asyncio.CancelledError):
                        await self._lab.clock.sleep(5)


CANCELLED = "was cancelled, but not by this library"
SLOW = "did not answer within 30 s"
ODD = {
    "another request cancels what it awaits": CANCELLED,
    "it cancels itself": CANCELLED,
    "it hangs": SLOW,
    "it hangs and cannot be cancelled": SLOW,
}


@pytest.mark.parametrize(("way", "words"), spread(ODD.items(), every=2), ids=ODD)
async def test_odd_credentials_are_the_trouble_of_their_organisation_alone(
    lab: PoolLab, way: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with lab.pool(sends=False) as web:
        held = (await lab.put(web, "acme"))[0]
    odd = OddCredentials(lab, way, "acme")
    async with lab.pool(credentials=odd) as pool:
        for name in ("globex", "initech"):
            [ticket] = await lab.put(pool, name)
            assert (await pool.outbox.wait(ticket.id, timeout=25)).state == "stored"
        await lab.clock.sleep(40)
        assert words in (await pool.outbox.troubles())["acme"]
        assert words in (await pool.outbox.get(held.id)).reason
        assert words in caplog.text
        with pytest.raises(ConfigurationError, match=words):
            await lab.put(pool, "acme")
        assert pool.outbox.trouble == ""
        odd.way = "fine"
        assert (await pool.outbox.wait(held.id)).state == "stored"
        [again] = await lab.put(pool, "globex")
        assert (await pool.outbox.wait(again.id)).state == "stored"
    assert len(lab.order) == 4


@pytest.mark.exhaustive
async def test_credentials_that_hang_for_very_many_take_no_turns_from_others(place: Place) -> None:
    names = [f"slow {n}" for n in range(120)]
    async with PoolLab(place, "acme").running() as lab:
        lab.keys |= dict.fromkeys(names, "nobody's")
        async with lab.pool(sends=False) as web:
            await lab.put(web, "acme")
            [(base_url,)] = lab.place.run("SELECT base_url FROM scopes")
        for name in names:  # before that of the healthy one
            lab.place.run(
                "INSERT INTO scopes (name, organization, base_url, served_at) "
                f"VALUES ('{name}', '{name}', '{base_url}', -1)"
            )
            lab.fill("acme", 1, scope=name)
        way = "it hangs"
        async with lab.pool(credentials=OddCredentials(lab, way, "slow"), drain=0) as pool:
            [ticket] = await lab.put(pool, "acme")
            assert (await pool.outbox.wait(ticket.id, timeout=20)).state == "stored"
            await lab.clock.sleep(60)
            assert len(await pool.outbox.troubles()) == len(names)


async def test_credentials_may_be_a_plain_function(lab: PoolLab) -> None:
    async with lab.pool(credentials="key-of-{}".format) as pool:
        tickets = [(await lab.put(pool, name))[0] for name in ("acme", "globex")]
        for ticket in tickets:
            assert (await pool.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once({"acme": 1, "globex": 1})


async def test_a_pool_is_closed_while_credentials_hang(lab: PoolLab) -> None:
    async with lab.pool(sends=False) as web:
        [ticket] = await lab.put(web, "acme")
    odd = OddCredentials(lab, "it hangs and cannot be cancelled", "acme")
    async with lab.pool(credentials=odd):
        await lab.clock.sleep(5)
    assert lab.organization("acme", "holder") is None
    assert lab.organization("acme", "trouble") == ""
    odd.way = "fine"
    async with lab.pool(credentials=odd) as pool:
        assert (await pool.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once({"acme": 1})


async def test_who_gives_up_a_put_cancels_the_credentials(lab: PoolLab) -> None:
    ended: list[str] = []

    async def credentials(_: str) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")
        return ""

    async with lab.pool(sends=False, credentials=credentials) as pool:
        put = asyncio.create_task(lab.put(pool, "acme"))
        await lab.clock.sleep(1)
        put.cancel()
        with pytest.raises(asyncio.CancelledError):
            await put
        await lab.clock.sleep(1)
    assert ended == ["cancelled"]


async def test_a_put_of_a_pool_may_be_cancelled_at_any_moment(lab: PoolLab) -> None:
    async def credentials(organization: str) -> str:
        await lab.clock.sleep(1)
        return await lab.credentials(organization)

    async with lab.pool(sends=False, credentials=credentials) as pool:
        stop = 0
        while True:
            stop += 1
            work = CancelledAt(lab.put(pool, "acme"), stop)

            async def run(work: CancelledAt = work) -> None:
                await work

            [end] = await asyncio.gather(asyncio.create_task(run()), return_exceptions=True)
            if not work.reached:
                break
            assert isinstance(end, asyncio.CancelledError)
            assert set(await pool.outbox.counts()) <= {"withdrawn"}
        assert (end, stop > 3) == (None, True)
        assert (await pool.outbox.counts())[RowState.PLANNED] == 1


@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyError])
async def test_hooks_of_a_pool_may_raise_what_they_like(
    lab: PoolLab, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def hook(_: object) -> None:
        raise error

    async with lab.pool(on_attempt=hook, on_call=hook) as pool:
        for name in lab.keys:
            for ticket in await lab.put(pool, name, 2):
                assert (await pool.outbox.wait(ticket.id, timeout=60)).state == "stored"
    lab.assert_each_once(dict.fromkeys(lab.keys, 2))
    assert {f"{name!r}: a hook failed" for name in lab.keys} <= set(caplog.messages)


async def test_who_has_anothers_key_is_told_by_the_name_of_its_quota(lab: PoolLab) -> None:
    async with lab.pool(sends=False) as web:
        await lab.put(web, "globex")
        lab.keys["acme"] = lab.keys["globex"]
        with pytest.raises(ConfigurationError) as told:
            await lab.put(web, "acme")
    quota = lab.organization("acme", "name")
    assert str(told.value) == (
        "credentials('acme') returned the key of 'globex', so nothing is sent for 'acme' "
        f"(quota {quota}): its posts would appear there. One organisation has one name."
    )


async def test_a_renewed_key_goes_on_with_the_same_quota_and_tickets(lab: PoolLab) -> None:
    async with lab.pool(sends=False) as web:
        tickets = await lab.put(web, "acme", 2)
    lab.renew_key("acme", "a-new-key")
    async with lab.pool() as pool:
        for ticket in tickets:
            assert (await pool.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once({"acme": 2})
    assert lab.place.run("SELECT count(*) FROM scopes") == [(1,)]
    assert lab.place.run("SELECT count(*) FROM records") == [(1,)]


# ------------------------------------------------------------------ one organisation in trouble


async def in_trouble(lab: PoolLab, pool: PostizPool, words: str, failures: int = 1) -> None:
    """Wait until so many turns, or more where the database's pauses are over, ended in trouble."""
    while lab.organization("acme", "failures") < failures:
        await lab.clock.sleep(10)
    assert words in lab.organization("acme", "trouble")


async def test_a_key_that_is_refused_holds_up_nobody_else(lab: PoolLab) -> None:
    """Its pauses grow, no create is spent on them, and they end when it is mended."""
    async with lab.pool(sends=False) as web:
        tickets = {name: (await lab.put(web, name))[0].id for name in lab.keys}
    lab.boxes["acme"].organization.api_key = "another"
    async with lab.pool() as pool:
        for name in ("globex", "initech"):
            assert (await pool.outbox.wait(tickets[name])).state == "stored"
        pauses: list[float] = []
        for failures in (1, 2, 3):
            await in_trouble(lab, pool, "401", failures)
            pauses.append(lab.pause("acme"))
        assert pauses == sorted(pauses)
        assert pauses[2] > 2 * pauses[0]
        assert lab.order.count("acme") <= 1
        assert "401" in (await pool.outbox.get(tickets["acme"])).reason
        lab.boxes["acme"].organization.api_key = lab.keys["acme"]
        while lab.has_work("acme"):
            await lab.clock.sleep(30)
        assert (await pool.outbox.get(tickets["acme"])).state == "stored"
        assert lab.organization("acme", "failures") == 0
    assert {name: len(box.posts) for name, box in lab.boxes.items()} == dict.fromkeys(lab.keys, 1)


async def test_a_new_key_is_used_at_once_when_that_is_said(lab: PoolLab) -> None:
    async with lab.pool(sends=False) as web:
        [ticket] = await lab.put(web, "acme")
    lab.boxes["acme"].organization.api_key = "another"
    async with lab.pool(sends=False) as web, lab.pool() as pool:
        await in_trouble(lab, pool, "401")
        assert lab.pause("acme") > 60
        lab.renew_key("acme", "a-new-key")
        began = lab.clock.monotonic()
        await web.outbox.look_again("acme")
        assert (await pool.outbox.wait(ticket)).state == "stored"
        assert lab.clock.monotonic() - began < 60
        while await web.outbox.troubles():  # until its turn is over
            await lab.clock.sleep(1)
        await web.outbox.look_again("globex")  # which has handed over nothing


@pytest.mark.parametrize("kind", spread(["reset", "error_before", "empty_401", "html"], every=2))
async def test_a_server_that_is_away_for_one_holds_up_nobody_else(lab: PoolLab, kind: Any) -> None:
    async with lab.pool(sends=False) as web:
        tickets = {name: (await lab.put(web, name))[0].id for name in lab.keys}
    lab.boxes["acme"].faults.add(Fault(kind, times=None))
    async with lab.pool() as pool:
        for name in ("globex", "initech"):
            assert (await pool.outbox.wait(tickets[name])).state == "stored"
        await in_trouble(lab, pool, "")
        assert pool.outbox.trouble == "", "that is the outbox's own"
        assert list(await pool.outbox.troubles()) == ["acme"]
        globex = await pool.client("key-of-globex", organization="globex")
        assert globex.outbox.trouble == ""
        more = await globex.outbox.put(lab.post("globex", 1), at=lab.at())
        assert (await globex.outbox.wait(more.id)).state == "stored"
        lab.boxes["acme"].faults.clear()
        while lab.has_work("acme"):
            await lab.clock.sleep(30)
        assert (await pool.outbox.get(tickets["acme"])).state == "stored"
    lab.assert_each_once({"acme": 1, "globex": 2, "initech": 1})


class Firewall:
    """Lets no create through that has these words."""

    words = b"acme 0"
    refusals = 0

    def __init__(self, lab: PoolLab) -> None:
        self._lab = lab

    async def send(self, request: WireRequest) -> WireResponse:
        if request.method == "POST" and self.words in (request.body or b""):
            self.refusals += 1
            return WireResponse(403, {}, b"blocked")
        return await self._lab.send(request)

    async def aclose(self) -> None:
        """There is nothing to close."""


@pytest.mark.exhaustive
async def test_words_that_a_firewall_forbids_hold_up_no_other_ticket(lab: PoolLab) -> None:
    """They are remembered from turn to turn, so that a turn for others does not try them anew."""
    firewall = Firewall(lab)

    async with lab.pool(transport=firewall) as pool:
        held, *others = [*(await lab.put(pool, "acme", 4)), *(await lab.put(pool, "globex"))]
        for ticket in others:
            assert (await pool.outbox.wait(ticket.id)).state == "stored"
        while firewall.refusals < 3:  # then the pause is longer than it is looked up before
            await lab.clock.sleep(60)
        while "acme" not in await pool.outbox.troubles():
            await lab.clock.sleep(60)
        assert (await pool.outbox.troubles())["acme"].startswith("403: blocked")
        assert {(await pool.outbox.get(each.id)).reason for each in others} == {""}
        for number in range(4, 7):
            later = await pool.outbox.put(
                lab.post("acme", number), organization="acme", at=lab.at()
            )
            assert (await pool.outbox.wait(later.id)).state == "stored"
            while lab.organization("acme", "holder IS NOT NULL"):
                await lab.clock.sleep(1)
        assert firewall.refusals == 3
        firewall.words = b"nothing has these"
        assert (await pool.outbox.wait(held.id)).state == "stored"
        while await pool.outbox.troubles():  # until the end of the turn
            await lab.clock.sleep(1)
    lab.assert_each_once({"acme": 7, "globex": 1})


async def test_while_one_is_in_trouble_tickets_of_others_say_nothing_of_it(lab: PoolLab) -> None:
    """Also while its turn goes on."""
    async with lab.pool(sends=False) as web:
        for name in ("acme", "globex"):
            await lab.put(web, name)
    lab.boxes["acme"].faults.add(Fault("drop_answer", times=None, route="create_post"))
    lab.boxes["globex"].faults.add(Fault("hang", delay=20.0, route="create_post"))
    async with lab.pool() as pool:
        acme = await pool.client("key-of-acme", organization="acme")
        globex = await pool.client("key-of-globex", organization="globex")
        waiting = await globex.outbox.put(lab.post("globex", 1), at=lab.at(48))
        while not acme.outbox.trouble:
            await lab.clock.sleep(0.1)
        assert globex.outbox.trouble == ""
        told = await globex.outbox.get(waiting.id)
        assert told.reason == ""
        lab.boxes["acme"].faults.clear()


async def test_who_is_locked_out_holds_up_nobody_else(lab: PoolLab) -> None:
    """Somebody else used its window up."""
    box = lab.boxes["acme"]
    async with single(lab, "acme") as other:
        for number in range(30):
            await other.posts.schedule(lab.post("acme", f"other {number}"), at=lab.at())
    async with lab.pool() as pool:
        tickets = {name: (await lab.put(pool, name))[0].id for name in lab.keys}
        for name in ("globex", "initech"):
            assert (await pool.outbox.wait(tickets[name])).state == "stored"
        while lab.organization("acme", "holder IS NOT NULL"):
            await lab.clock.sleep(1)
        assert SHORT / 3 < (await pool.outbox.get(tickets["acme"])).leaves_in < SHORT + 100
        assert len(box.posts) == 30
        await lab.clock.sleep(SHORT + 100)
        assert (await pool.outbox.wait(tickets["acme"])).state == "stored"
    assert len(box.posts) == 31


class Odd:
    """Fails for one organisation as nothing of the library's does."""

    def __init__(self, lab: PoolLab, error: BaseException) -> None:
        self.lab = lab
        self.error = error
        self.is_odd = True

    async def send(self, request: WireRequest) -> WireResponse:
        key = dict(request.headers)["Authorization"]
        if self.is_odd and request.method == "POST" and key == "key-of-acme":
            raise self.error
        return await self.lab.send(request)

    async def aclose(self) -> None:
        """There is nothing to close."""


@pytest.mark.parametrize(
    ("error", "words"),
    [(KeyError("odd"), "KeyError"), (asyncio.CancelledError(), "StrayCancellationError")],
)
async def test_an_error_that_nobody_expects_ends_the_turn_of_one_only(
    lab: PoolLab, error: BaseException, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    way = Odd(lab, error)
    async with lab.pool(transport=way) as pool:
        ticket = (await lab.put(pool, "acme"))[0]
        await in_trouble(lab, pool, f"broke off with {words}")
        other = (await lab.put(pool, "globex"))[0]
        assert (await pool.outbox.wait(other.id)).state == "stored"
        assert words in caplog.text
        way.is_odd = False
        while lab.has_work("acme"):
            await lab.clock.sleep(30)
        assert (await pool.outbox.get(ticket.id)).state == "stored"
    lab.assert_each_once({"acme": 1, "globex": 1})


# ------------------------------------------------------------------ fairness


@pytest.mark.exhaustive
@pytest.mark.parametrize("at_once", [1, 4, 1_000])
async def test_one_with_very_many_tickets_delays_the_others_by_one_share(
    place: Place, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    names = [f"small{n}" for n in range(20)]
    many = 2_000 if at_once == 1_000 else 250
    monkeypatch.setattr(courier, "TURNS_AT_ONCE", at_once)
    async with PoolLab(place, "big", *names, limit=5_000).running() as lab:
        async with lab.pool(sends=False) as web:
            await lab.put(web, "big")
            lab.fill("big", many)
            for name in names:
                await lab.put(web, name)
        lab.asked.clear()
        async with lab.pool() as pool:
            while (await pool.outbox.counts()).get("stored", 0) < 20 + (at_once < 10) * SHARE:  # type: ignore[call-overload]
                await lab.clock.sleep(0.5)
            while not all(lab.boxes[name].posts for name in names):
                await lab.clock.sleep(0.5)
        first = [lab.asked.index(name) for name in names]
        assert max(first) <= len(names), "each has its first turn in the first round"
        assert lab.asked[: len(names) + 1].count("big") <= 1
        before = lab.order[: max(lab.order.index(name) for name in names)].count("big")
        assert before <= SHARE, "a turn takes a share"


@pytest.mark.exhaustive
async def test_among_many_organisations_the_first_of_each_is_sent_before_the_rest(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"small{n}" for n in range(12)]
    monkeypatch.setattr(courier, "TURNS_AT_ONCE", 2)
    async with PoolLab(place, *names, limit=5_000).running() as lab:
        async with lab.pool(sends=False) as web:
            for name in names:
                await lab.put(web, name)
                lab.fill(name, 5)
        async with lab.pool() as pool:
            while await pool.outbox.counts() != {"stored": 6 * len(names)}:
                await lab.clock.sleep(1)
        lab.assert_each_once(dict.fromkeys(names, 6))
        assert max(map(lab.order.index, names)) < 2 * len(names)


async def test_shares_follow_each_other_until_all_is_sent(place: Place) -> None:
    async with PoolLab(place, "big", limit=5_000).running() as lab:
        async with lab.pool(sends=False) as web:
            await lab.put(web, "big")
            lab.fill("big", SHARE + 4)
        lab.asked.clear()
        async with lab.pool() as pool:
            while await pool.outbox.counts() != {"stored": SHARE + 5}:
                await lab.clock.sleep(1)
        assert lab.asked == ["big"] * 2, "once for each turn"
        lab.assert_each_once({"big": SHARE + 5})


# ------------------------------------------------------------------ beginning and ending


async def test_closing_gives_all_turns_back(lab: PoolLab) -> None:
    async with lab.pool() as pool:
        for name in lab.keys:
            lab.boxes[name].faults.add(Fault("reset", times=None, route="create_post"))
            await lab.put(pool, name)
        await until(lambda: lab.order)
    assert lab.place.run("SELECT holder FROM scopes") == [(None,)] * 3


async def test_a_drain_waits_until_everything_is_sent(lab: PoolLab) -> None:
    counts = {"acme": 33, "globex": 3, "initech": 3}  # for three there is no slot in the window
    async with lab.pool(drain=math.inf) as pool:
        for name, count in counts.items():
            await lab.put(pool, name, count)
    lab.assert_each_once(counts)


async def test_a_drain_ends_early_when_no_slot_comes_in_time(lab: PoolLab) -> None:
    async with lab.pool(sends=False) as web:
        await lab.put(web, "acme", 40)
        await lab.put(web, "globex", 3)
    store = MemoryStore()
    for _ in range(2):
        began = lab.clock.monotonic()
        async with lab.pool(drain=50.0, store=store):
            pass
        assert lab.clock.monotonic() - began < 25
    assert 0 < len(lab.boxes["acme"].posts) <= 30
    assert len(lab.boxes["globex"].posts) == 3


@pytest.mark.exhaustive
async def test_a_drain_does_not_wait_for_what_a_firewall_forbids(lab: PoolLab) -> None:
    async with lab.pool(transport=Firewall(lab), drain=36_000) as pool:
        [held, *_] = await lab.put(pool, "acme", 3)
        await lab.put(pool, "globex", 33)  # for three there is no slot in the window
        began = lab.clock.monotonic()
    assert lab.clock.monotonic() - began < 18_000
    assert len(lab.boxes["globex"].posts) == 33
    assert {post.content for post in lab.boxes["acme"].posts} == {"acme 1", "acme 2"}
    assert lab.place.run("SELECT id, state FROM deliveries WHERE state <> 'stored'") == [
        (held.id, "planned")
    ]


async def test_an_empty_outbox_drains_at_once(lab: PoolLab) -> None:
    began = lab.clock.monotonic()
    async with lab.pool(drain=math.inf):
        pass
    assert lab.clock.monotonic() - began < 60


async def test_tickets_of_all_are_pruned(lab: PoolLab) -> None:
    async with lab.pool() as pool:
        for name in lab.keys:
            await pool.outbox.wait((await lab.put(pool, name))[0].id)
    lab.place.run(f"UPDATE deliveries SET ended_at = ended_at - {31 * 86_400_000_000}")
    async with lab.pool() as pool:
        while await pool.outbox.counts():
            await lab.clock.sleep(1)


# ------------------------------------------------------------------ events


async def test_events_of_all_organisations_and_of_one(lab: PoolLab) -> None:
    async with lab.pool() as pool:
        tickets = {name: [t.id for t in await lab.put(pool, name, 3)] for name in lab.keys}
        events = pool.outbox.events()
        seen = [await anext(events) for _ in range(9)]
        for name in lab.keys:
            mine = [event for event in seen if event.organization == name]
            assert sorted(event.ticket.id for event in mine) == sorted(tickets[name])
            assert {event.ticket.state for event in mine} == {"stored"}
            alone = pool.outbox.events(organization=name)
            again = [await anext(alone) for _ in range(3)]
            assert [event.ticket for event in again] == [event.ticket for event in mine]
            client = await pool.client(lab.keys[name], organization=name)
            after = client.outbox.events(after=again[1].cursor)
            assert await anext(after) == again[2]
            with pytest.raises(CursorError):
                await anext(pool.outbox.events(after=again[0].cursor))
            with pytest.raises(CursorError):
                await anext(pool.outbox.events(after=seen[0].cursor, organization=name))
        for number in (0, 4, 7):
            after = pool.outbox.events(after=seen[number].cursor)
            assert await anext(after) == seen[number + 1]
        with pytest.raises(UsageError, match="name of an organisation"):
            pool.outbox.events(organization="")


async def test_a_consumer_of_a_pool_sees_all_and_ends_with_it(lab: PoolLab) -> None:
    seen = list[tuple[str, str]]()

    def note(event: TicketEvent) -> None:
        seen.append((event.organization, event.ticket.id))

    async with lab.pool() as pool:
        consuming = [
            asyncio.create_task(each.consume(note, name="billing"))
            for each in (
                pool.outbox,
                (await pool.client(lab.keys["acme"], organization="acme")).outbox,
            )
        ]
        tickets = [(name, t.id) for name in lab.keys for t in await lab.put(pool, name, 2)]
        await until(lambda: len(seen) == 8)
    await asyncio.gather(*consuming)
    acme = [each for each in tickets if each[0] == "acme"]
    assert sorted(seen) == sorted([*tickets, *acme])
