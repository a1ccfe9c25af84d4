"""Turns: who may send for an organisation, by the database's clock and by fencing numbers."""

from __future__ import annotations

import asyncio
import math
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from processes import PATIENCE

from postiz_async import StoreError
from postiz_async._delivery.journal_file import RowState
from postiz_async._outbox.postgres_tickets import AllTickets, HandOverTable
from postiz_async._outbox.turn_tickets import TurnTickets
from postiz_async._outbox.turns import Turn, Turns
from postiz_async.clock import SystemClock
from postiz_async.models.posts import CreatePost, PostItem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postgres_lab import Place

    from postiz_async._outbox.tickets import OutboxEntry
    from postiz_async.stores._postgres import Database

SERVER = "https://postiz.example/public/v1"
AT = datetime(2099, 1, 1, tzinfo=UTC)
CLOCK = SystemClock()


class TurnsLab:
    """Senders, organisations and their tickets; nothing is sent."""

    def __init__(self, place: Place, database: Database) -> None:
        self.place = place
        self.database = database

    def sender(self, name: str = "", **options: Any) -> Turns:
        return Turns(self.database, name or secrets.token_hex(8), **options)

    async def put(self, *organizations: str, named: bool = True) -> list[str]:
        """A ticket of each organisation, whose quota has the same name."""
        tickets = []
        for name in organizations:
            table = HandOverTable(
                self.database,
                self.sender(),
                quota=name,
                organization=name if named else "",
                base_url=SERVER,
            )
            item = PostItem(
                integration={"id": "channel"},  # type: ignore[arg-type]
                value=[{"content": "hello", "image": []}],  # type: ignore[list-item]
                settings={"__type": "mastodon"},
            )
            body = CreatePost(type="schedule", date="2030-01-01T00:00:00.000Z", posts=[item])
            ticket = secrets.token_hex(16)
            await table.put(ticket, body, AT.timestamp(), dated=True, owned=True)
            tickets.append(ticket)
        return tickets

    async def turn(self, turns: Turns) -> Turn:
        """The one turn that there is."""
        await turns.count_new()
        [turn] = await turns.claim(10)
        return turn

    def expire(self, where: str = "TRUE") -> None:
        """Let the leases of turns end, by the database's clock."""
        self.place.run(
            "UPDATE organizations SET ready_at = clock_timestamp() - interval '1 second' "
            f"WHERE holder IS NOT NULL AND {where}"
        )

    def organization(self, name: str, column: str) -> Any:
        return self.place.run(f"SELECT {column} FROM organizations WHERE quota = '{name}'")[0][0]

    def tickets_of(self, turns: Turns, turn: Turn, **options: Any) -> TicketsOfTurn:
        return TicketsOfTurn(self.database, turns, turn, **options)


class TicketsOfTurn:
    """The tickets of a turn, and how often it was found lost."""

    def __init__(self, database: Database, turns: Turns, turn: Turn, **options: Any) -> None:
        self.losses = 0
        self.tickets = TurnTickets(database, turn, turns, CLOCK, self._lose, **options)

    def _lose(self) -> None:
        self.losses += 1

    async def first(self) -> OutboxEntry:
        _, entries = await self.tickets.take_stock((), 100)
        return entries[0]


@pytest.fixture
async def lab(place: Place) -> AsyncIterator[TurnsLab]:
    database = place.database()
    try:
        yield TurnsLab(place, database)
    finally:
        await database.aclose()


# ------------------------------------------------------------------ whose turn it is


async def test_an_organisation_is_in_one_turn_at_a_time(lab: TurnsLab) -> None:
    one, two = lab.sender("one"), lab.sender("two")
    await lab.put("acme")
    assert await one.count_new() == (1, 0)
    assert await two.count_new() == (0, 0)
    [turn] = await one.claim(10)
    assert (turn.quota, turn.organization, turn.base_url) == ("acme", "acme", SERVER)
    assert (turn.fence, turn.was_left) == (1, False)
    assert await two.claim(10) == []
    assert await one.end(turn, again_in=0.0)
    [again] = await two.claim(10)
    assert (again.fence, again.was_left) == (2, False)


async def test_the_longest_waiting_is_taken_first(lab: TurnsLab) -> None:
    sender = lab.sender()
    names = [f"organisation {n}" for n in range(5)]
    for name in names:
        await lab.put(name)
        await sender.count_new()
    first = await sender.claim(2)
    assert {turn.quota for turn in first} == set(names[:2])
    for turn in first:
        await sender.end(turn, again_in=0.0)
    assert {turn.quota for turn in await sender.claim(3)} == set(names[2:])
    assert {turn.quota for turn in await sender.claim(9)} == set(names[:2])


async def test_many_senders_share_what_there_is(lab: TurnsLab) -> None:
    names = [f"organisation {n}" for n in range(30)]
    await lab.put(*names)
    senders = [lab.sender() for _ in range(6)]
    counted = await asyncio.gather(*(each.count_new() for each in senders))
    assert sum(count for count, _ in counted) == 30
    claimed = await asyncio.gather(*(each.claim(30) for each in senders))
    claimed += await asyncio.gather(*(each.claim(30) for each in senders))  # past others' locks
    assert sorted(turn.quota for turns in claimed for turn in turns) == sorted(names)


async def test_a_lease_that_ended_is_for_whoever_comes_first(lab: TurnsLab) -> None:
    gone, next_one, last = lab.sender("gone"), lab.sender("next"), lab.sender("last")
    await lab.put("acme")
    turn = await lab.turn(gone)
    lab.expire()
    [taken] = await next_one.claim(10)
    assert (taken.fence, taken.was_left) == (turn.fence + 1, True)
    assert await last.claim(10) == []
    assert lab.organization("acme", "holder") == "next"


async def test_a_lease_is_renewed_until_somebody_else_has_the_turn(lab: TurnsLab) -> None:
    one, two = lab.sender(), lab.sender()
    await lab.put("acme", "globex")
    await one.count_new()
    turns = await one.claim(10)
    lab.expire()
    assert await one.renew(turns) == dict.fromkeys(turns, 1)  # nobody took them meanwhile
    assert await two.claim(10) == []
    lab.expire("quota = 'acme'")
    assert [turn.quota for turn in await two.claim(10)] == ["acme"]
    assert {turn.quota for turn in await one.renew(turns)} == {"globex"}


async def test_a_turn_of_before_is_not_renewed_by_a_later_one_of_the_same_sender(
    lab: TurnsLab,
) -> None:
    sender = lab.sender()
    await lab.put("acme")
    first = await lab.turn(sender)
    lab.expire()
    [second] = await sender.claim(10)
    assert await sender.renew([first, second]) == {second: 1}
    assert not await sender.end(first, again_in=None, wakes=1)
    await sender.end(first, again_in=3_600.0, failures=7, trouble="stale")
    assert lab.organization("acme", "holder") == sender.sender
    assert lab.organization("acme", "failures") == 0


async def test_a_turn_that_was_lost_is_not_ended_by_who_lost_it(lab: TurnsLab) -> None:
    slow, quick = lab.sender("slow"), lab.sender("quick")
    await lab.put("acme")
    turn = await lab.turn(slow)
    lab.expire()
    await quick.claim(10)
    assert not await slow.end(turn, again_in=None, wakes=1)
    await slow.end(turn, again_in=0.0, failures=3, trouble="away")
    assert lab.organization("acme", "holder") == "quick"
    assert lab.organization("acme", "failures") == 0


async def test_a_ticket_that_came_after_the_last_look_keeps_the_turn_from_ending_idle(
    lab: TurnsLab,
) -> None:
    one, two = lab.sender(), lab.sender()
    await lab.put("acme")
    turn = await lab.turn(one)
    seen = lab.organization("acme", "wakes")
    await lab.put("acme")
    assert await two.count_new() == (1, 0)  # anybody counts it
    assert not await one.end(turn, again_in=None, wakes=seen)
    assert await one.end(turn, again_in=None, wakes=seen + 1)
    assert await one.next_in() == math.inf


async def test_a_ticket_that_is_counted_after_the_end_begins_a_new_turn(lab: TurnsLab) -> None:
    sender = lab.sender()
    await lab.put("acme")
    turn = await lab.turn(sender)
    await lab.put("acme")
    assert await sender.end(turn, again_in=None, wakes=1)
    assert await sender.claim(10) == []
    assert (await lab.turn(sender)).fence == 2


async def test_new_tickets_do_not_shorten_a_pause(lab: TurnsLab) -> None:
    sender = lab.sender()
    await lab.put("acme")
    await sender.end(await lab.turn(sender), again_in=600.0, failures=2, trouble="401")
    await lab.put("acme")
    assert await sender.count_new() == (1, 0)
    assert await sender.claim(10) == []
    assert 500.0 < await sender.next_in() <= 600.0


async def test_trouble_and_its_count_are_kept_until_it_is_mended(lab: TurnsLab) -> None:
    sender = lab.sender()
    await lab.put("acme")
    turn = await lab.turn(sender)
    await sender.end(turn, again_in=0.0, failures=turn.failures + 1, trouble="the key is refused")
    [turn] = await sender.claim(10)
    assert (turn.failures, turn.trouble) == (1, "the key is refused")
    assert await AllTickets(lab.database).troubles() == {"acme": "the key is refused"}
    assert await sender.end(turn, again_in=None, wakes=1)
    assert lab.organization("acme", "failures") == 0
    assert await AllTickets(lab.database).troubles() == {}


async def test_a_pool_leaves_organisations_without_a_name_to_their_clients(lab: TurnsLab) -> None:
    pool, client = lab.sender(), lab.sender(only="nameless")
    await lab.put("nameless", named=False)
    await lab.put("acme")
    assert await pool.count_new() == (2, 0)  # anybody counts
    assert [turn.quota for turn in await pool.claim(10)] == ["acme"]
    [turn] = await client.claim(10)
    assert turn.quota == "nameless"
    assert await client.end(turn, again_in=100.0)
    assert await pool.next_in() <= 30.0  # the lease of acme
    assert 30.0 < await client.next_in() <= 100.0


async def test_a_client_takes_no_turn_of_others(lab: TurnsLab) -> None:
    client = lab.sender(only="acme")
    await lab.put("globex", "acme")
    await client.count_new()
    assert [turn.quota for turn in await client.claim(10)] == ["acme"]


async def test_seconds_of_a_clock_that_runs_faster_are_fewer_of_the_database(
    lab: TurnsLab,
) -> None:
    sender = lab.sender(speed=100.0)
    await lab.put("acme")
    turn = await lab.turn(sender)
    assert lab.organization("acme", "ready_at < clock_timestamp() + interval '0.31 s'")
    await sender.end(turn, again_in=36_000.0)
    assert 18_000.0 < await sender.next_in() <= 36_000.0
    assert lab.organization("acme", "ready_at < clock_timestamp() + interval '361 s'")


async def test_what_is_in_the_turn_of_another_sender_is_not_waited_for(lab: TurnsLab) -> None:
    one, two = lab.sender(), lab.sender()
    assert not await one.is_anybody_waiting({})
    await lab.put("acme")
    turn = await lab.turn(one)
    assert (await one.is_anybody_waiting({}), await two.is_anybody_waiting({})) == (True, False)
    lab.expire()
    assert (await one.is_anybody_waiting({}), await two.is_anybody_waiting({})) == (True, True)
    await one.end(turn, again_in=3_600.0)
    assert (await one.is_anybody_waiting({}), await two.is_anybody_waiting({})) == (True, True)
    assert not await lab.sender(only="globex").is_anybody_waiting({})
    [(quota, wakes)] = lab.place.run("SELECT quota, wakes FROM organizations")
    assert not await one.is_anybody_waiting({quota: wakes})
    assert await one.is_anybody_waiting({quota: wakes - 1}), "a ticket came since"


async def test_a_row_of_an_organisation_is_made_once(lab: TurnsLab) -> None:
    for _ in range(3):
        await lab.sender().register("acme", "acme", SERVER)
    await lab.sender().register("acme", "another name", "https://elsewhere.example")
    assert lab.place.run("SELECT organization, base_url FROM organizations") == [("acme", SERVER)]


# ------------------------------------------------------------------ nobody waits for anybody


def locking(quota: str, place: Place) -> bytes:
    """A statement that holds an organisation's row until the end of its transaction."""
    table = f'"{place.schema}".organizations'
    return f"SELECT FROM {table} WHERE quota = '{quota}' FOR UPDATE".encode()


async def test_who_counts_new_tickets_waits_for_no_turn(lab: TurnsLab) -> None:
    """With its lock on a ticket it would even wait for a sender that waits for that ticket."""
    sender = lab.sender()
    await lab.put("acme", "globex")
    with psycopg.connect(lab.place.url) as busy:
        busy.execute(locking("acme", lab.place))
        async with asyncio.timeout(PATIENCE):
            assert await sender.count_new() == (1, 1)
        assert [turn.quota for turn in await sender.claim(10)] == ["globex"]
    assert await sender.count_new() == (1, 0)
    assert [turn.quota for turn in await sender.claim(10)] == ["acme"]


async def test_a_claim_passes_over_what_others_hold(lab: TurnsLab) -> None:
    sender = lab.sender()
    await lab.put("acme", "globex")
    await sender.count_new()
    with psycopg.connect(lab.place.url) as busy:
        busy.execute(locking("acme", lab.place))
        assert [turn.quota for turn in await sender.claim(10)] == ["globex"]


async def test_tickets_of_an_organisation_that_has_no_row_are_not_forgotten(
    lab: TurnsLab,
) -> None:
    """As after a table was emptied or put back by hand."""
    sender = lab.sender()
    await lab.put("acme", "globex")
    lab.place.run("DELETE FROM organizations WHERE quota = 'acme'")
    assert await sender.count_new() == (1, 0)
    assert await sender.count_new() == (0, 0)
    await sender.register("acme", "acme", SERVER)
    assert await sender.count_new() == (1, 0)


# ------------------------------------------------------------------ fencing


async def lost_turn(lab: TurnsLab, *, sends: bool = False) -> tuple[TicketsOfTurn, OutboxEntry]:
    """A turn that another sender took, perhaps after a ticket was begun in it."""
    slow, quick = lab.sender(), lab.sender()
    await lab.put("acme")
    turn = await lab.turn(slow)
    mine = lab.tickets_of(slow, turn)
    entry = await mine.first()
    if sends:
        assert await mine.tickets.intend(entry, AT, [], 1.0) is not None
    lab.expire()
    assert len(await quick.claim(10)) == 1
    return mine, entry


@pytest.mark.parametrize("step", ["take_stock", "intend", "account", "has_stored"])
async def test_who_lost_its_turn_begins_nothing(lab: TurnsLab, step: str) -> None:
    mine, entry = await lost_turn(lab)
    before = lab.place.run("SELECT * FROM tickets")
    begin = {
        "take_stock": lambda: mine.tickets.take_stock((), 100),
        "intend": lambda: mine.tickets.intend(entry, AT, [], 1.0),
        "account": mine.tickets.account,
        "has_stored": lambda: mine.tickets.has_stored("a-post"),  # before it is repaired
    }[step]
    with pytest.raises(StoreError, match="went to another sender"):
        await begin()
    assert mine.losses == 1
    assert lab.place.run("SELECT * FROM tickets") == before
    assert mine.tickets.sending == set()


@pytest.mark.parametrize("step", ["repeat", "doubt", "plan_again", "shift", "stored", "refused"])
async def test_who_lost_its_turn_writes_nothing_more(lab: TurnsLab, step: str) -> None:
    mine, entry = await lost_turn(lab, sends=True)
    before = lab.place.run("SELECT * FROM tickets")
    ways = {
        "repeat": lambda: mine.tickets.repeat(entry, 2.0),
        "doubt": lambda: mine.tickets.doubt(entry, "lost"),
        "plan_again": lambda: mine.tickets.plan_again(entry, post_ids=(None,)),
        "shift": lambda: mine.tickets.plan_again(entry, post_ids=(None,), due=5.0),
        "stored": lambda: mine.tickets.end(entry, RowState.STORED, "", ("id",)),
        "refused": lambda: mine.tickets.end(entry, RowState.REFUSED, "no", (None,)),
    }
    with pytest.raises(StoreError, match="went to another sender"):
        await ways[step]()
    assert mine.losses == 1
    assert lab.place.run("SELECT * FROM tickets") == before


async def test_what_is_written_in_a_turn_renews_its_lease(lab: TurnsLab) -> None:
    sender = lab.sender()
    await lab.put("acme")
    mine = lab.tickets_of(sender, await lab.turn(sender))
    entry = await mine.first()
    lab.expire()
    assert await mine.tickets.intend(entry, AT, [], 1.0) is not None
    assert await lab.sender().claim(10) == []


async def test_a_statement_that_took_longer_than_the_lease_begins_nothing(
    lab: TurnsLab,
) -> None:
    """As of a process that was stopped, or that waited for a connection."""
    clock = LateClock()
    sender = lab.sender()
    await lab.put("acme")
    turn = await lab.turn(sender)
    losses: list[bool] = []
    tickets = TurnTickets(lab.database, turn, sender, clock, lambda: losses.append(True))
    _, [entry] = await tickets.take_stock((), 100)
    clock.is_late = True
    with pytest.raises(StoreError, match="went to another sender"):
        await tickets.intend(entry, AT, [], 1.0)
    assert losses == [True]


class LateClock(SystemClock):
    """On which each second reading is minutes after the first."""

    is_late = False

    def __init__(self) -> None:
        self._readings = 0

    def monotonic(self) -> float:
        self._readings += self.is_late
        return 600.0 * self._readings


async def test_a_ticket_that_was_withdrawn_does_not_leave(lab: TurnsLab) -> None:
    sender, all_tickets = lab.sender(), AllTickets(lab.database)
    [ticket] = await lab.put("acme")
    mine = lab.tickets_of(sender, await lab.turn(sender))
    entry = await mine.first()
    assert await all_tickets.withdraw(ticket)
    assert await mine.tickets.intend(entry, AT, [], 1.0) is None
    assert mine.tickets.sending == set()
    assert mine.losses == 0


async def test_what_is_on_its_way_cannot_be_withdrawn(lab: TurnsLab) -> None:
    sender, all_tickets = lab.sender(), AllTickets(lab.database)
    [ticket] = await lab.put("acme")
    mine = lab.tickets_of(sender, await lab.turn(sender))
    entry = await mine.first()
    assert await mine.tickets.intend(entry, AT, [], 1.0) is not None
    assert not await all_tickets.withdraw(ticket)
    await mine.tickets.plan_again(entry, post_ids=(None,))
    assert await all_tickets.withdraw(ticket)
    await mine.tickets.end(entry, RowState.STORED, "", ("id",))  # of an end nothing is written
    [(state,)] = lab.place.run("SELECT state FROM tickets")
    assert state == "skipped"


async def test_withdrawn_at_the_same_moment_it_is_either_or(lab: TurnsLab) -> None:
    sender, all_tickets = lab.sender(), AllTickets(lab.database)
    tickets = await lab.put(*["acme"] * 20)
    mine = lab.tickets_of(sender, await lab.turn(sender))
    _, entries = await mine.tickets.take_stock((), 100)
    came = await asyncio.gather(
        *(mine.tickets.intend(entry, AT, [], 1.0) for entry in entries),
        *(all_tickets.withdraw(ticket) for ticket in tickets),
    )
    sent = {entry.id for entry, body in zip(entries, came, strict=False) if body is not None}
    withdrawn = {ticket for ticket, done in zip(tickets, came[20:], strict=True) if done}
    assert sent.isdisjoint(withdrawn)
    assert sent | withdrawn == set(tickets)


async def test_each_request_of_a_turn_has_a_moment_of_its_own(lab: TurnsLab) -> None:
    sender = lab.sender()
    await lab.put(*["acme"] * 15, "globex")
    await sender.count_new()
    turns = {turn.quota: turn for turn in await sender.claim(10)}
    mine = lab.tickets_of(sender, turns["acme"])
    _, entries = await mine.tickets.take_stock((), 100)
    bodies = await asyncio.gather(*(mine.tickets.intend(each, AT, [], 1.0) for each in entries))
    assert len({body.date for body in bodies if body is not None}) == 15
    other = lab.tickets_of(sender, turns["globex"])
    body = await other.tickets.intend(
        await other.first(), AT, [AT + timedelta(milliseconds=1)], 1.0
    )
    assert body is not None
    assert body.date.endswith(".002Z"), "another organisation has its own moments"


# ------------------------------------------------------------------ shares, and what is looked up


async def test_a_turn_takes_its_share_and_all_that_is_in_doubt(lab: TurnsLab) -> None:
    sender = lab.sender()
    await lab.put(*["acme"] * 12)
    lab.place.run("UPDATE tickets SET state = 'unknown', sent = body WHERE number <= 6")
    mine = lab.tickets_of(sender, await lab.turn(sender), most=4)
    _, first = await mine.tickets.take_stock((), 100)
    assert [each.state for each in first].count(RowState.UNKNOWN) == 6
    known = {each.number: each for each in first}
    while known:
        assert (await mine.tickets.take_stock(known, 100))[1] == []
        _, entry = known.popitem()
        await mine.tickets.end(entry, RowState.STORED, "", ("id",))
    assert mine.tickets.is_used_up
    assert (await mine.tickets.take_stock((), 100))[1] == []


# ------------------------------------------------------------------ keys


async def test_one_key_is_of_one_organisation(lab: TurnsLab) -> None:
    sender = lab.sender()
    await lab.put("acme", "globex")
    assert await sender.key_owner("acme", "key") is None
    assert await sender.key_owner("acme", "key") is None
    assert await sender.key_owner("globex", "key") == "acme"
    assert lab.organization("globex", "key_name") is None
    assert await sender.key_owner("globex", "its own") is None


async def test_a_renewed_key_takes_the_place_of_the_old_one(lab: TurnsLab) -> None:
    sender = lab.sender()
    await lab.put("acme", "globex")
    for key in ("old", "new"):
        assert await sender.key_owner("acme", key) is None
    assert await sender.key_owner("globex", "new") == "acme"
    assert await sender.key_owner("globex", "old") is None  # nobody's any more


# ------------------------------------------------------------------ old tickets


async def test_tickets_that_were_over_for_long_are_removed(lab: TurnsLab) -> None:
    sender = lab.sender()
    old, new, open_one = await lab.put("acme", "acme", "acme")
    for ticket, age in ((old, 3), (new, 1)):
        lab.place.run(
            "UPDATE tickets SET state = 'stored', "
            f"ended_at = clock_timestamp() - interval '{age} d' WHERE id = '{ticket}'"
        )
    assert await sender.prune(timedelta(days=2)) == 1
    assert await sender.prune(timedelta.max) == 0
    assert lab.place.run("SELECT id FROM tickets ORDER BY number") == [(new,), (open_one,)]
    assert await sender.prune(timedelta(0)) == 1
    assert lab.place.run("SELECT id FROM tickets") == [(open_one,)]
