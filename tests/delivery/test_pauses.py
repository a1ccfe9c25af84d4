"""One pause for a whole job: what leaves while the server is away, who asks, what is said."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pytest

from postiz_async._delivery.pauses import PAUSES, Departure, Outage
from postiz_async.clock import JumpingClock
from postiz_async.errors import (
    APIConnectionError,
    APIResponse,
    BadRequestError,
    Delivery,
    DeliveryUnknownError,
    Marks,
)

log = logging.getLogger("test.outage")


def away() -> APIConnectionError:
    return APIConnectionError("No connection.", delivery=Delivery.NOT_SENT)


class Server:
    """Answers reads and creates, or not, and remembers when it was asked for what."""

    def __init__(self) -> None:
        self.clock = JumpingClock()
        self.reads_fail = self.creates_fail = False
        self.asked: list[float] = []
        self.read_at: list[float] = []
        self.created_at: list[float] = []
        self.outage = Outage(self.clock, self.ask, log=log)

    async def ask(self) -> None:
        self.asked.append(self.clock.monotonic())
        await self._answer(fails=self.reads_fail)

    async def read(self) -> str:
        self.read_at.append(self.clock.monotonic())
        await self._answer(fails=self.reads_fail)
        return "read"

    async def create(self, departure: Departure) -> str:
        departure.leave()
        self.created_at.append(self.clock.monotonic())
        await self._answer(fails=self.creates_fail)
        return "created"

    async def lose(self, departure: Departure) -> str:
        try:
            return await self.create(departure)
        except APIConnectionError as error:
            raise DeliveryUnknownError("lost", marks=MARKS) from error

    async def _answer(self, *, fails: bool) -> None:
        await self.clock.sleep(0.1)
        if fails:
            raise away()

    def fail(self, seconds: float, *, reads: bool = True, creates: bool = True) -> None:
        self.reads_fail, self.creates_fail = reads, creates
        self.clock.call_at(self.clock.monotonic() + seconds, self._mend)

    def _mend(self) -> None:
        self.reads_fail = self.creates_fail = False


MARKS = Marks(date=datetime(2027, 1, 1, tzinfo=UTC), channels=("c",))


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.WARNING, log.name)
    return lambda: [record.getMessage().partition(" ")[0] for record in caplog.records]


async def many(server: Server, count: int = 10) -> list[str]:
    """Creates and reads of a job, all at once."""
    creates = [server.outage.create(server.create) for _ in range(count)]
    reads = [server.outage.read(server.read) for _ in range(count)]
    return await asyncio.gather(*creates, *reads)


async def test_without_trouble_everything_leaves_at_once(
    server: Server, said: Callable[[], list[str]]
) -> None:
    await many(server)
    assert server.created_at == server.read_at == [0.0] * 10
    assert (server.asked, said()) == ([], [])


async def test_one_asks_for_all_and_it_is_said_once(
    server: Server, said: Callable[[], list[str]]
) -> None:
    server.fail(600)
    await many(server)
    during = [at for at in server.created_at + server.read_at if 0.1 < at < 600]
    assert during == []
    gaps = [round(b - a) for a, b in zip([0.0, *server.asked], server.asked, strict=False)]
    assert gaps == [1, 4, 15, 60, 120, 300, 300]
    assert said() == ["paused", "goes"]
    assert server.outage.trouble == ""
    back = [at for at in server.created_at if at > 600]
    assert len(back) == 10
    assert back[0] < back[1] == back[-1], "one create goes first"


async def test_the_log_says_what_to_do_and_a_status_is_one_line(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.outage.failed(APIConnectionError("Refused.\n  Start it.", delivery=Delivery.NOT_SENT))
    assert caplog.messages == ["paused until Postiz is back: Refused. Start it."]
    assert server.outage.trouble == "Refused."


async def test_a_server_that_reads_but_fails_at_creates_is_tried_with_one_at_a_time(
    server: Server, said: Callable[[], list[str]]
) -> None:
    server.fail(600, reads=False)
    assert await many(server) == ["created"] * 10 + ["read"] * 10
    during = [at for at in server.created_at if 0.1 < at < 600]
    gaps = [round(b - a) for a, b in zip([0.0, *during], during, strict=False)]
    assert gaps == [1, 4, 15, 60, 120, 300]
    assert said() == ["paused", "goes"]


async def test_reads_go_on_while_creates_fail(server: Server) -> None:
    server.fail(600, reads=False)
    creating = asyncio.create_task(server.outage.create(server.create))
    await server.clock.sleep(30)
    for _ in range(3):
        await server.outage.read(server.read)
        await server.clock.sleep(1)
    assert not creating.done()
    assert await creating == "created"


async def test_what_left_before_says_nothing_of_now(server: Server) -> None:
    """Ten requests that left together and fail one after the other are one failure."""

    async def hangs(seconds: float) -> str:
        if server.clock.monotonic():
            return await server.read()
        await server.clock.sleep(seconds)
        raise away()

    await asyncio.gather(*(server.outage.read(partial(hangs, 1 + n)) for n in range(10)))
    assert server.asked == [2.0]


async def test_when_the_one_that_asks_is_cancelled_the_next_asks(server: Server) -> None:
    server.fail(600)
    first = asyncio.create_task(server.outage.read(server.read))
    await server.clock.sleep(3)
    second = asyncio.create_task(server.outage.read(server.read))
    await server.clock.sleep(50)
    first.cancel()
    assert await second == "read"
    assert server.clock.monotonic() > 600


async def test_a_lost_answer_pauses_and_is_raised(
    server: Server, said: Callable[[], list[str]]
) -> None:
    server.fail(1)
    with pytest.raises(DeliveryUnknownError):
        await server.outage.create(server.lose)
    assert 0 < server.outage.pauses_for <= PAUSES[0]
    await server.outage.read(server.read)
    assert said() == ["paused"], "reads do not show that creates succeed"
    server.outage.carried_out()
    assert said() == ["paused", "goes"]


async def test_a_refusal_is_an_answer(server: Server, said: Callable[[], list[str]]) -> None:
    server.fail(1)
    with pytest.raises(DeliveryUnknownError):
        await server.outage.create(server.lose)

    async def refused(departure: Departure) -> None:
        departure.leave()
        raise BadRequestError("no", response=APIResponse(400))

    with pytest.raises(BadRequestError):
        await server.outage.create(refused)
    assert said() == ["paused", "goes"]


async def test_a_create_that_waited_for_its_slot_does_not_leave_into_an_outage(
    server: Server,
) -> None:
    async def slow(departure: Departure) -> str:
        await server.clock.sleep(50)  # for the quota
        return await server.create(departure)

    waiting = asyncio.create_task(server.outage.create(slow))
    await server.clock.sleep(10)
    server.fail(600)
    await server.outage.read(server.read)
    assert await waiting == "created"
    assert all(at > 600 for at in server.created_at)


async def test_a_trial_that_does_not_leave_makes_room_for_the_next(server: Server) -> None:
    server.fail(1)
    with pytest.raises(DeliveryUnknownError):
        await server.outage.create(server.lose)

    async def late(departure: Departure) -> str:
        departure.check()
        raise LookupError

    with pytest.raises(LookupError):
        await server.outage.create(late)
    assert await server.outage.create(server.create) == "created"


async def test_it_gives_up_when_the_longest_pause_did_not_help(server: Server) -> None:
    server.fail(10**6)
    with pytest.raises(APIConnectionError):
        await server.outage.create(server.create)
    assert server.outage.is_lasting
    assert len(server.asked) == len(PAUSES)
    assert len(server.created_at) == 1
    assert server.clock.monotonic() < sum(PAUSES) + 60
    with pytest.raises(APIConnectionError):
        await server.outage.read(server.read)


async def test_a_read_that_fails_while_others_do_not_is_raised_in_the_end(server: Server) -> None:
    async def broken() -> str:
        await server.clock.sleep(0.2)
        raise away()

    stop = asyncio.create_task(server.outage.read(broken))
    while not stop.done():
        await server.outage.create(server.create)
        await server.clock.sleep(60)
    with pytest.raises(APIConnectionError):
        await stop


async def test_an_outage_that_another_met_is_over_when_a_create_is_answered(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    outage = Outage(server.clock, server.ask, log=log, is_trial=True)
    creates = [outage.create(server.create) for _ in range(3)]
    await asyncio.gather(outage.read(server.read), *creates)
    assert (server.read_at, server.asked) == ([0.0], [])
    first, *others = server.created_at
    assert others == [first + 0.1] * 2
    assert caplog.messages == ["goes on"], "how long it paused is known where it began"


async def test_who_never_gives_up_waits_as_long_as_it_takes(server: Server) -> None:
    outage = Outage(server.clock, server.ask, log=log, gives_up=False)
    server.fail(86_400)
    assert await outage.read(server.read) == "read"
    assert server.clock.monotonic() > 86_400
