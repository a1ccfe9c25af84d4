"""One organisation's outbox in PostgreSQL: several hosts, and a connection that breaks."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from outbox_lab import SHORT, OutboxLab
from postgres_lab import OtherClock, Place
from postgres_server import why_no_postgres
from processes import until
from spread import spread

from postiz_async import PostNotFoundError
from postiz_async._outbox.courier import PRUNING, Courier
from postiz_async._outbox.turn import LONGEST_LOOK
from postiz_async.errors import StoreError
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from pathlib import Path

    from postiz_async._wire import WireRequest, WireResponse

pytestmark = pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())

HOUR = 3_600.0
WAITS_FOR_A_LOCK = (
    "SELECT 1 FROM pg_stat_activity "
    "WHERE wait_event_type = 'Lock' AND query LIKE '%deliveries (id%'"
)


@pytest.fixture
async def lab(place: Place, tmp_path: Path) -> AsyncIterator[OutboxLab]:
    made = OutboxLab(tmp_path, database=place, window=SHORT)
    async with made.sandbox:
        yield made


def rows(lab: OutboxLab, statement: str) -> list[tuple[Any, ...]]:
    assert lab.database is not None
    return lab.database.run(statement)


# ------------------------------------------------------------------ being told of new tickets


async def test_a_ticket_wakes_a_sender_that_sleeps(
    lab: OutboxLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No look would find it in the time that a test has."""
    heard, others = asyncio.Event(), list[Any]()
    wake = Courier.wake

    def hear(sender: Any, quota: str | None = None) -> None:
        if sender not in others:
            heard.set()
        wake(sender, quota)

    monkeypatch.setattr(Courier, "wake", hear)
    async with lab.client() as worker, lab.client(sends=False) as web:
        others.append(web.outbox._courier)
        await web.channels.list()
        with lab.clock.hold():  # no look is made, for no time passes
            await until(heard.is_set)  # when it begins to listen
            heard.clear()
            ticket = await web.outbox.put(lab.post("told"), at=lab.at(24))
            await until(heard.is_set)
        assert (await worker.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(["told"])


async def test_without_notifications_looks_suffice(
    lab: OutboxLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postiz_async.stores._postgres.Database.listening", deaf)
    async with lab.client(sends=False) as web, lab.client():
        tickets = await lab.put(web, 3)
        began = lab.clock.monotonic()
        for ticket in tickets:
            assert (await web.outbox.wait(ticket.id)).state == "stored"
        assert lab.clock.monotonic() - began < 2 * LONGEST_LOOK
    lab.assert_each_once(range(3))


@asynccontextmanager
async def deaf(database: Any, channel: str) -> AsyncGenerator[AsyncIterator[str]]:
    """What `Database.listening` is behind a proxy that strips notifications."""
    raise StoreError(f"{channel} of {database} is not heard")
    yield


async def test_without_notifications_a_turn_learns_of_tickets_that_others_took(
    lab: OutboxLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for slots, and one that is due earlier has to leave before the others."""
    monkeypatch.setattr("postiz_async.stores._postgres.Database.listening", deaf)
    async with lab.client(sends=False) as web, lab.client(store=MemoryStore()) as worker:
        tickets = await lab.put(worker, 35)
        await worker.outbox.wait(tickets[25].id)
        urgent = await web.outbox.put(lab.post("urgent"), at=lab.at(1.5))
        assert (await web.outbox.wait(urgent.id)).state == "stored"
        for ticket in tickets:
            assert (await web.outbox.wait(ticket.id)).state == "stored"
    assert [post.content for post in lab.sandbox.posts].index("post urgent") <= 30


async def test_who_listens_again_after_a_break_looks_at_once(
    lab: OutboxLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[float] = []
    wake = Courier.wake

    def hear(sender: Any, quota: str | None = None) -> None:
        heard.append(lab.clock.monotonic())
        wake(sender, quota)

    monkeypatch.setattr(Courier, "wake", hear)
    async with lab.client():
        with lab.clock.hold():
            await until(lambda: heard)
        await lab.clock.sleep(1)
        heard.clear()
        rows(lab, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE "
             f"'LISTEN%{lab.database.schema}%'")  # type: ignore[union-attr]  # fmt: skip
        while not heard:
            await lab.clock.sleep(1)


async def test_a_schema_with_the_longest_name_is_told_of_tickets_too(
    lab: OutboxLab, place: Place
) -> None:
    lab.database = Place.made(place.server, schema=place.schema.ljust(63, "x"))
    async with lab.client() as postiz:
        ticket = (await lab.put(postiz, 1))[0]
        assert (await postiz.outbox.wait(ticket.id)).state == "stored"


# ------------------------------------------------------------------ hosts with other clocks


@pytest.mark.parametrize(
    ("gone_ahead", "ahead"), spread([(0, HOUR), (-HOUR, 0), (0, -HOUR), (HOUR, 0)], every=2)
)
async def test_between_hosts_whose_clocks_differ_nothing_is_doubled(
    lab: OutboxLab, gone_ahead: float, ahead: float
) -> None:
    """What was sent is carried out ten minutes later: only then may its absence be believed."""
    lab.lose("late_work", delay=600.0)
    async with lab.gone_sender() as gone:
        ticket = await gone.take_in("late")
        wall = lab.clock.time() + gone_ahead
        sending = asyncio.create_task(gone.send(ticket, arrives=True, wall=wall))
        await lab.clock.sleep(20)
        await gone.expire()
        async with lab.client(clock=OtherClock(lab.clock, ahead)) as postiz:
            assert (await postiz.outbox.wait(ticket)).state == "stored"
            await lab.clock.sleep(600)
        await sending
    lab.assert_each_once(["late"])


async def test_without_a_date_it_is_published_at_once_by_a_host_that_is_ahead(
    lab: OutboxLab,
) -> None:
    async with lab.client(sends=False) as web:
        ticket = await web.outbox.put(lab.post("now"))
    async with lab.client(clock=OtherClock(lab.clock, HOUR)) as postiz:
        assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    [post] = lab.sandbox.posts
    assert post.date.timestamp() <= lab.clock.time()


async def test_a_host_that_is_ahead_takes_nothing_for_late(lab: OutboxLab) -> None:
    async with lab.client(sends=False) as web:
        ticket = await web.outbox.put(lab.post("soon"), at=lab.at(0.5))
    async with lab.client(clock=OtherClock(lab.clock, HOUR)) as postiz:
        assert (await postiz.outbox.wait(ticket.id)).state == "stored"


# ------------------------------------------------------------------ what is stored


async def test_old_tickets_are_removed_while_it_runs(lab: OutboxLab) -> None:
    async with lab.client(keep=timedelta(days=1)) as postiz:
        await postiz.outbox.wait((await lab.put(postiz, 1))[0].id)
        rows(lab, f"UPDATE deliveries SET ended_at = ended_at - {2 * 86_400_000_000}")
        assert await postiz.outbox.counts() == {"stored": 1}
        await lab.clock.sleep(PRUNING + 1)
        assert await postiz.outbox.counts() == {}


@pytest.mark.parametrize("ticket", ["\0", "a\0b", "\ud800", "x" * 10_000, "'; DROP TABLE", ""])
async def test_nobody_knows_a_ticket_that_cannot_be_one(lab: OutboxLab, ticket: str) -> None:
    async with lab.client(sends=False) as postiz:
        for ask in (postiz.outbox.get, postiz.outbox.wait, postiz.outbox.withdraw):
            with pytest.raises(PostNotFoundError, match="There is no ticket"):
                await ask(ticket)


async def test_any_text_is_kept_as_it_is(lab: OutboxLab) -> None:
    texts = ["\u2028 \U0001f600 \x85", "\\u0000", "%s %(a)s :p0 {schema} $1", "'\"`", "\\"]
    async with lab.client() as postiz:
        tickets = [await postiz.outbox.put(lab.post(text), at=lab.at(24)) for text in texts]
        for ticket in tickets:
            assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(texts)


class Scolding(SandboxTransport):
    """Refuses creates with long words, some of which no database keeps."""

    async def send(self, request: WireRequest) -> WireResponse:
        if request.method != "POST":
            return await super().send(request)
        from postiz_async._wire import WireResponse  # noqa: PLC0415

        words = "\\u0000 no " + "x" * 100_000
        return WireResponse(400, {}, f'{{"msg": "{words}"}}'.encode())


async def test_the_words_of_a_refusal_are_kept_however_long_they_are(lab: OutboxLab) -> None:
    async with lab.client(transport=Scolding(lab.sandbox, latency=0.1)) as postiz:
        ended = await postiz.outbox.wait((await lab.put(postiz, 1))[0].id)
    assert ended.state == "refused"
    assert ended.reason.count("x") >= 100_000
    assert "\0" not in ended.reason


# ------------------------------------------------------------------ tickets of other versions


NEWER = {
    "a state that is not known": """state = 'postponed', value = '{"state":"postponed"}'""",
    "a body of another shape": """body = '{"kind": 2}'""",
    "no JSON": "body = 'x'",
    "posts of another shape": """value = '{"state":"planned","posts":{"a":1}}'""",
    "a date that is none": """value = '{"state":"planned","due":1e300}'""",
}


@pytest.mark.parametrize("change", spread(NEWER.values(), every=len(NEWER)), ids=NEWER)
async def test_a_ticket_of_another_version_is_left_as_it_is_and_holds_nobody_up(
    lab: OutboxLab, change: str
) -> None:
    async with lab.client(sends=False) as web:
        odd, usual = await lab.put(web, 2)
    rows(lab, f"UPDATE deliveries SET {change} WHERE id = '{odd.id}'")
    before = rows(lab, f"SELECT * FROM deliveries WHERE id = '{odd.id}'")
    async with lab.client() as postiz:
        assert (await postiz.outbox.wait(usual.id)).state == "stored"
        more = (await lab.put(postiz, 1))[0]
        rows(lab, "UPDATE scopes SET ready_at = 0 WHERE holder IS NULL")
        assert (await postiz.outbox.wait(more.id)).state == "stored"
        with pytest.raises(StoreError, match=r"another version"):
            await postiz.outbox.get(odd.id)
        await lab.clock.sleep(10 * LONGEST_LOOK)
    assert rows(lab, f"SELECT * FROM deliveries WHERE id = '{odd.id}'") == before
    assert rows(lab, "SELECT holder FROM scopes") == [(None,)], "a sender of that version takes it"


async def test_states_of_another_version_are_told(lab: OutboxLab) -> None:
    async with lab.client(sends=False) as web:
        await lab.put(web, 1)
        rows(lab, "UPDATE deliveries SET state = 'postponed'")
        with pytest.raises(StoreError, match=r"'postponed'.*another version"):
            await web.outbox.counts()


# ------------------------------------------------------------------ handing over while it breaks


async def test_a_hand_over_whose_connection_breaks_is_stored_once(
    lab: OutboxLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statement was carried out, and its answer lost."""
    broken = break_after(monkeypatch, ".deliveries (id")
    async with lab.client() as postiz:
        await postiz.channels.list()
        broken.times = 1
        ticket = (await lab.put(postiz, 1))[0]
        assert broken.times == 0
        assert (await postiz.outbox.wait(ticket.id)).state == "stored"
        assert await postiz.outbox.counts() == {"stored": 1}
    lab.assert_each_once(range(1))


@pytest.mark.parametrize("nth", [1, 2, 4])
async def test_what_a_sender_writes_may_be_written_twice(
    lab: OutboxLab, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """Nothing of it has to be looked up."""
    lab.lose("empty_401")
    broken = break_after(monkeypatch, "changed AS (UPDATE", nth)
    async with lab.client() as postiz:
        await postiz.channels.list()
        broken.times = 1
        tickets = await lab.put(postiz, 3)
        for ticket in tickets:
            assert (await postiz.outbox.wait(ticket.id)).state == "stored"
        assert broken.times == 0
    lab.assert_each_once(range(3))
    assert lab.clock.monotonic() < 600, "absence is believed after twelve minutes only"


async def test_a_hand_over_of_which_nothing_is_known_tells_its_ticket(
    lab: OutboxLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = break_after(monkeypatch, ".deliveries (id")
    async with lab.client(sends=False) as postiz:
        await postiz.channels.list()
        broken.times, broken.stays = 1, True
        with pytest.raises(StoreError, match=r"may have been taken.*ticket [0-9a-f]{32}") as told:
            await lab.put(postiz, 1)
        broken.stays = False
        ticket = str(told.value).partition("ticket ")[2][:32]
        assert (await postiz.outbox.get(ticket)).state == "planned"


class Breaks:
    """How often a connection breaks after a statement, and whether the database stays away."""

    times = 0
    seen = 0
    stays = False


def break_after(monkeypatch: pytest.MonkeyPatch, words: str, nth: int = 1) -> Breaks:
    """Lose the answers to statements with these words, from one of them on."""
    import psycopg  # noqa: PLC0415  (an extra)

    from postiz_async.stores import _postgres, _postgres_pool  # noqa: PLC0415

    breaks, rows, connect = Breaks(), _postgres._rows, _postgres_pool.Login.connect

    async def run_and_break(query: Any, params: Any, connection: Any) -> Any:
        answer = await rows(query, params, connection)
        text = query if isinstance(query, str) else query.as_string(None)
        breaks.seen += words in text and breaks.times
        if breaks.times and words in text and breaks.seen >= nth:
            breaks.times -= 1
            connection.pgconn.finish()
            raise psycopg.OperationalError("it is lost")
        return answer

    async def connect_if_there(login: Any) -> Any:
        return "OperationalError: connection refused" if breaks.stays else await connect(login)

    monkeypatch.setattr(_postgres, "_rows", run_and_break)
    monkeypatch.setattr(_postgres_pool.Login, "connect", connect_if_there)
    return breaks


async def test_a_hand_over_that_is_cancelled_is_withdrawn(lab: OutboxLab) -> None:
    import psycopg  # noqa: PLC0415  (an extra)

    assert lab.database is not None
    async with lab.client(sends=False) as web:  # a sender might be quicker
        with psycopg.connect(lab.database.url) as busy:
            busy.execute(f'LOCK TABLE "{lab.database.schema}".deliveries IN EXCLUSIVE MODE')
            handing = asyncio.create_task(web.outbox.put(lab.post("gone"), at=lab.at(24)))
            await until(lambda: rows(lab, WAITS_FOR_A_LOCK))
            handing.cancel()
            asyncio.get_running_loop().call_later(0.05, busy.rollback)
            with pytest.raises(asyncio.CancelledError):
                await handing
        assert await web.outbox.counts() == {"withdrawn": 1}
    async with lab.client() as postiz:
        again = await postiz.outbox.put(lab.post("again"), at=lab.at(24))
        assert (await postiz.outbox.wait(again.id)).state == "stored"
        assert await postiz.outbox.counts() == {"stored": 1, "withdrawn": 1}
    lab.assert_each_once(["again"])
