"""Events: which tickets ended, in order, each at least once, from a cursor on."""

from __future__ import annotations

import asyncio
import gc
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from outbox_lab import OutboxLab
from processes import PATIENCE, until

from postiz_async import AdvancedOptions, Postiz, TicketEvent, UsageError
from postiz_async._outbox.consumer import Consumer
from postiz_async._outbox.places import deliveries_of
from postiz_async._resources.api import opened
from postiz_async.clock import JumpingClock
from postiz_async.errors import CursorError, StoreError
from postiz_async.stores import Kept
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from pathlib import Path


@pytest.fixture(params=["file", "postgres"])
async def lab(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OutboxLab]:
    database = request.getfixturevalue("place") if request.param == "postgres" else None
    made = OutboxLab(tmp_path, database=database)
    async with made.sandbox:
        yield made


@asynccontextmanager
async def web(
    lab: OutboxLab, organization: str | None = None, **options: Any
) -> AsyncGenerator[Postiz]:
    """A client of a process that only hands over, for an organisation."""
    async with Postiz(
        api_key=lab.sandbox.organization.api_key,
        base_url="http://sandbox.invalid",
        organization=organization,
        outbox=lab.options(sends=False, **options),
        advanced=AdvancedOptions(
            clock=lab.host, transport=SandboxTransport(lab.sandbox, latency=0.1)
        ),
    ) as postiz:
        yield postiz


async def end(lab: OutboxLab, postiz: Postiz, *names: object) -> list[str]:
    """Let tickets end, in order."""
    tickets = [await postiz.outbox.put(lab.post(name), at=lab.at(24)) for name in names]
    for ticket in tickets:
        assert await postiz.outbox.withdraw(ticket)
    return [ticket.id for ticket in tickets]


async def some(events: AsyncIterator[TicketEvent], count: int) -> list[TicketEvent]:
    async with asyncio.timeout(PATIENCE):
        return [await anext(events) for _ in range(count)]


def ids(events: list[TicketEvent]) -> list[str]:
    return [event.ticket.id for event in events]


def tasks() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks()}


# ------------------------------------------------------------------ what is told


async def test_an_event_tells_of_the_ticket_that_put_wait_and_get_return(lab: OutboxLab) -> None:
    async with lab.client() as postiz:
        ticket = await postiz.outbox.put(lab.post(1), lab.post(2), at=lab.at(24))
        ended = await postiz.outbox.wait(ticket)
        [event] = await some(postiz.outbox.events(), 1)
        assert event.ticket == ended == await postiz.outbox.get(ticket)
        assert (event.ticket.id, event.ticket.state) == (ticket.id, "stored")
        assert event.organization == ""
        assert isinstance(event.cursor, str)


async def test_each_end_is_told_with_its_reason(lab: OutboxLab) -> None:
    async with web(lab) as postiz:
        gone, late = [await postiz.outbox.put(lab.post(n), at=lab.at(1)) for n in range(2)]
        assert await postiz.outbox.withdraw(gone)
    lab.clock.advance(7_200.0)
    async with lab.client() as postiz:
        wrong = await postiz.outbox.put(lab.post("wrong"), at=lab.at(24))
        lab.sandbox.organization.channels.clear()
        events = await some(postiz.outbox.events(), 3)
        told = {event.ticket.id: event.ticket for event in events}
        assert {name: ticket.state for name, ticket in told.items()} == {
            gone.id: "withdrawn",
            late.id: "late",
            wrong.id: "refused",
        }
        for name, ticket in told.items():
            assert ticket == await postiz.outbox.get(name)
    assert "its date passed" in told[late.id].reason
    assert told[wrong.id].reason


async def test_more_than_are_read_at_once(lab: OutboxLab) -> None:
    async with web(lab) as postiz:
        names = await end(lab, postiz, *range(210))
        assert ids(await some(postiz.outbox.events(), 210)) == names


async def test_a_reader_waits_for_what_ends_later(lab: OutboxLab) -> None:
    """In this process, and in another one."""
    async with lab.client() as postiz, web(lab) as other:
        waiting = [asyncio.create_task(some(each.outbox.events(), 3)) for each in (postiz, other)]
        tickets = await lab.put(postiz, 3)
        here, there = await asyncio.gather(*waiting)
        assert sorted(ids(here)) == sorted(ticket.id for ticket in tickets)
        assert here == there


async def test_a_commit_of_another_process_wakes_a_reader(lab: OutboxLab) -> None:
    """Before the next look that it would take by itself."""
    async with web(lab) as reader, web(lab) as other:
        events = reader.outbox.events()
        waiting = asyncio.create_task(some(events, 1))
        await until(lambda: "postiz_async.outbox.endings" in tasks())
        [name] = await end(lab, other, "one")
        assert ids(await waiting) == [name]


# ------------------------------------------------------------------ coming and going


async def test_closing_the_client_ends_the_iteration(lab: OutboxLab) -> None:
    async with AsyncExitStack() as stack:
        postiz = await stack.enter_async_context(web(lab))
        await end(lab, postiz, "one")
        seen: list[TicketEvent] = []

        async def read() -> None:
            async for event in postiz.outbox.events():
                seen.append(event)  # noqa: PERF401  (the iteration has no end)

        readers = [asyncio.create_task(read()) for _ in range(3)]
        await until(lambda: len(seen) == 3 and "postiz_async.outbox.endings" in tasks())
        await stack.aclose()
        await asyncio.wait_for(asyncio.gather(*readers), PATIENCE)
    assert "postiz_async.outbox.endings" not in tasks()


async def test_a_cancelled_wait_loses_nothing(lab: OutboxLab) -> None:
    async with web(lab) as postiz:
        events = postiz.outbox.events()
        for number in range(3):
            with lab.host.move_on_after(5.0):
                await anext(events)
            [name] = await end(lab, postiz, number)
            assert ids(await some(events, 1)) == [name]


async def test_a_loop_that_is_left_leaves_nothing_behind(lab: OutboxLab) -> None:
    before = tasks()
    async with web(lab) as postiz:
        await end(lab, postiz, 1, 2)
        async for event in postiz.outbox.events():
            first = event
            break
        gc.collect()
        assert tasks() - before <= {"postiz_async.outbox.endings"}
        assert len(await some(postiz.outbox.events(after=first.cursor), 1)) == 1
    assert tasks() == before


# ------------------------------------------------------------------ bad cursors


@pytest.mark.parametrize(
    "cursor", ["", "1", "x" * 16, "0" * 16 + "-1", "é", "0" * 16 + "-0-" + "0" * 16, 7, b"1"]
)
async def test_what_is_no_cursor_is_refused(file_lab: OutboxLab, cursor: Any) -> None:
    async with web(file_lab) as postiz:
        with pytest.raises(CursorError, match="is not the cursor of an event"):
            postiz.outbox.events(after=cursor)


async def test_a_cursor_that_was_cut_is_refused(file_lab: OutboxLab) -> None:
    async with web(file_lab) as postiz:
        await end(file_lab, postiz, *range(12))
        cursor = (await some(postiz.outbox.events(), 12))[-1].cursor
        for size in range(len(cursor)):
            for cut in (cursor[:size], cursor[size + 1 :]):
                with pytest.raises(CursorError):
                    await anext(postiz.outbox.events(after=cut))


async def test_a_cursor_of_other_organizations_is_refused(lab: OutboxLab) -> None:
    async with web(lab, "acme") as acme, web(lab, "globex") as globex:
        await end(lab, acme, 1)
        await end(lab, globex, 1)
        [event] = await some(acme.outbox.events(), 1)
        with pytest.raises(CursorError, match="or of other organisations"):
            await anext(globex.outbox.events(after=event.cursor))


async def test_a_cursor_of_another_store_is_refused(lab: OutboxLab, tmp_path: Path) -> None:
    other = OutboxLab(tmp_path / "other")
    async with other.sandbox, web(lab, "acme") as here, web(other, "acme") as there:
        for place, postiz in ((lab, here), (other, there)):
            await end(place, postiz, 1, 2)
        [event] = await some(here.outbox.events(), 1)
        with pytest.raises(CursorError, match=r"is not of .*outbox\.sqlite"):
            await anext(there.outbox.events(after=event.cursor))


async def prune(lab: OutboxLab, keep: float = -1.0) -> int:
    """Remove what ended before."""
    deliveries = deliveries_of(lab.options(), lab.clock)
    removed = await deliveries.prune(timedelta(seconds=keep))
    await deliveries.aclose()
    return removed


async def test_a_reader_that_missed_events_is_told(lab: OutboxLab) -> None:
    async with web(lab, "acme") as postiz, web(lab, "globex") as other:
        await end(lab, postiz, *range(3))
        await end(lab, other, 1)
        first, *_, last = await some(postiz.outbox.events(), 3)
        [others] = await some(other.outbox.events(), 1)
        assert await prune(lab) == 4
        await end(lab, other, 2)
        with pytest.raises(CursorError, match=r"were removed, because .*keep"):
            await anext(postiz.outbox.events(after=first.cursor))
        names = await end(lab, postiz, "later")
        assert ids(await some(postiz.outbox.events(after=last.cursor), 1)) == names
        assert ids(await some(postiz.outbox.events(), 1)) == names
        assert len(await some(other.outbox.events(after=others.cursor), 1)) == 1
        await prune(lab)
        await end(lab, postiz, "last")
        with pytest.raises(CursorError):
            await anext(postiz.outbox.events(after=last.cursor))
        with pytest.raises(CursorError):
            await anext(other.outbox.events(after=others.cursor))


async def test_what_another_organization_lost_concerns_nobody_else(lab: OutboxLab) -> None:
    async with web(lab, "acme") as postiz, web(lab, "globex") as other:
        await end(lab, postiz, 1)
        [event] = await some(postiz.outbox.events(), 1)
        await end(lab, other, *range(3))
        await prune(lab)
        names = await end(lab, postiz, 2)
        assert ids(await some(postiz.outbox.events(after=event.cursor), 1)) == names


async def test_a_store_that_was_restored_is_told(lab: OutboxLab) -> None:
    async with web(lab) as postiz:
        await end(lab, postiz, 1)
        last = (await some(postiz.outbox.events(), 1))[0]
        reading = postiz.outbox.events(after=last.cursor)
        await end(lab, postiz, 2)
        [lost] = await some(reading, 1)
        forget = f"WHERE id = '{lost.ticket.id}'"
        lab.run(f"DELETE FROM deliveries {forget}")
        lab.run("UPDATE endings SET last = 1")
        for events in (reading, postiz.outbox.events(after=lost.cursor)):
            with pytest.raises(CursorError, match="is older than the cursor"):
                await anext(events)
        names = await end(lab, postiz, "another", "and one more")
        for events in (reading, postiz.outbox.events(after=lost.cursor)):
            with pytest.raises(CursorError, match="is older than the cursor"):
                await anext(events)
        assert ids(await some(postiz.outbox.events(after=last.cursor), 2)) == names


# ------------------------------------------------------------------ consumers


class Handler:
    """What is called with events.

    Args:
        fails: how often it fails with each event at first.
    """

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.calls: list[str] = []
        self.done: list[str] = []

    async def __call__(self, event: TicketEvent) -> None:
        self.calls.append(event.ticket.id)
        await asyncio.sleep(0)
        if self.calls.count(event.ticket.id) <= self.fails:
            raise RuntimeError("not yet")
        self.done.append(event.ticket.id)


@asynccontextmanager
async def consuming(postiz: Postiz, handler: Any, name: str = "billing") -> AsyncGenerator[Any]:
    task = asyncio.create_task(postiz.outbox.consume(handler, name=name))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_consumer_goes_on_where_the_last_one_stopped(lab: OutboxLab) -> None:
    handler = Handler()
    async with web(lab) as postiz, consuming(postiz, handler):
        names = await end(lab, postiz, *range(3))
        await until(lambda: len(handler.done) == 3)
    given_back = lab.run("SELECT value FROM records WHERE key = 'billing'")
    assert [b'"holder":""' in value for (value,) in given_back] == [True]
    async with web(lab) as postiz:
        task = asyncio.create_task(postiz.outbox.consume(handler, name="billing"))
        names += await end(lab, postiz, *range(3))
        await until(lambda: len(handler.done) == 6)
    await asyncio.wait_for(task, PATIENCE)
    assert handler.done == handler.calls == names, "each once, as nothing was killed"


async def test_consumers_have_places_of_their_own(lab: OutboxLab) -> None:
    one, two = Handler(), Handler()
    async with web(lab, "acme") as acme, web(lab, "globex") as globex:
        names = await end(lab, acme, 1, 2)
        async with consuming(acme, one), consuming(acme, two, "other"), consuming(globex, two):
            names += await end(lab, acme, 3)
            others = await end(lab, globex, 1)
            await until(lambda: len(one.done) == 3 and len(two.done) == 4)
    assert one.done == names
    assert sorted(two.done) == sorted(names + others)


async def test_a_function_that_fails_is_called_again_with_growing_pauses(lab: OutboxLab) -> None:
    handler = Handler(fails=3)
    async with web(lab) as postiz:
        names = await end(lab, postiz, 1, 2)
        began = lab.clock.monotonic()
        async with consuming(postiz, handler):
            await until(lambda: len(handler.done) == 2)
        assert round(lab.clock.monotonic() - began) >= 2 * (1 + 2 + 4)
    assert handler.done == names
    assert handler.calls == [names[0]] * 4 + [names[1]] * 4


async def test_one_process_works_at_a_time_and_another_takes_over(lab: OutboxLab) -> None:
    handler, entered, hangs = Handler(), list[int](), asyncio.Event()

    async def slow(event: TicketEvent) -> None:
        entered.append(1)
        await hangs.wait()

    async with web(lab) as other:
        async with AsyncExitStack() as first:
            postiz = await first.enter_async_context(web(lab))
            names = await end(lab, postiz, 1, 2)
            await first.enter_async_context(consuming(postiz, slow))
            await until(lambda: bool(entered))
            second = await first.enter_async_context(consuming(other, handler))
            del second
            began = lab.clock.monotonic()
            await until(lambda: lab.clock.monotonic() - began > 300.0)
            assert handler.calls == []
            assert entered == [1]
        async with consuming(other, handler):
            await until(lambda: len(handler.done) == 2)
    assert handler.done == names


async def test_a_consumer_that_another_process_took_over_cannot_set_it_back(
    lab: OutboxLab,
) -> None:
    """As when its process was suspended; later it may have it again."""
    async with web(lab) as postiz:
        names = await end(lab, postiz, *range(3))
        records = deliveries_of(lab.options(), lab.clock).records
        scope = f"consumer of {opened(postiz).quota_name}"
        calls: list[str] = []

        async def handle(event: TicketEvent) -> None:
            calls.append(event.ticket.id)
            if len(calls) == 2:
                kept = await records.get(scope, "billing")
                gone = b'{"holder": "another"}'
                done, _ = await records.swap(scope, "billing", kept.version, gone, keep=None)
                assert done

        began = lab.clock.monotonic()
        async with consuming(postiz, handle):
            await until(lambda: len(calls) == 5)
        assert calls == [*names[:2], *names]
        assert lab.clock.monotonic() - began >= 20.0
        await records.aclose()


@pytest.mark.parametrize("is_away", [True, False])
async def test_a_consumer_that_is_cancelled_while_it_writes_ends(*, is_away: bool) -> None:
    """Whether it finds that its store is away, or that another process has taken it over."""
    begun, goes_on = asyncio.Event(), asyncio.Event()

    class Store(MemoryStore):
        async def swap(
            self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
        ) -> tuple[bool, Kept]:
            begun.set()
            await goes_on.wait()
            if is_away:
                raise StoreError("the store is away")
            await super().swap(scope, key, version, b'{"holder": "another"}', keep=None)
            return await super().swap(scope, key, version, value, keep=keep)

    consumer = Consumer(Store(), "scope", "billing", JumpingClock())
    task = asyncio.create_task(consumer.run(lambda _: pytest.fail("it began"), Handler()))
    await begun.wait()
    task.cancel()
    goes_on.set()
    await asyncio.wait([task], timeout=PATIENCE)
    assert task.cancelled()


async def test_a_consumer_whose_place_is_gone_says_so(lab: OutboxLab) -> None:
    handler = Handler()
    async with web(lab) as postiz:
        await end(lab, postiz, 1)
        async with consuming(postiz, handler):
            await until(lambda: len(handler.done) == 1)
        await end(lab, postiz, 2)
        await prune(lab)
        with pytest.raises(CursorError, match="were removed"):
            await postiz.outbox.consume(handler, name="billing")
        names = await end(lab, postiz, 3)
        async with consuming(postiz, handler, "billing 2"):
            await until(lambda: len(handler.done) == 2)
    assert handler.done[1:] == names


async def test_a_consumer_needs_a_function_and_a_name(file_lab: OutboxLab) -> None:
    async with web(file_lab) as postiz:
        with pytest.raises(UsageError, match="handler must be a function"):
            await postiz.outbox.consume(None, name="billing")  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="name must be a string"):
            await postiz.outbox.consume(print, name=7)  # type: ignore[arg-type]
