"""Which hand-overs wait alone, for how long, and when all do."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pytest

from postiz_async._delivery.record import BARE, DeliveryPost, DeliveryRecord, write_record
from postiz_async._outbox.forbidden import MOST_ALONE, ForbiddenHandOvers
from postiz_async._outbox.hand_over import HandOver
from postiz_async._wire import WireResponse
from postiz_async.clock import JumpingClock
from postiz_async.errors import APIResponse, PermissionDeniedError
from postiz_async.models.posts import PostRequest
from postiz_async.stores._deliveries import KeptDelivery
from postiz_async.stores._sqlite_deliveries import SqliteDeliveries
from postiz_async.stores.memory import MemoryStore
from postiz_async.stores.sqlite import SqliteStore
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from pathlib import Path

    from outbox_lab import OutboxLab

    from postiz_async._wire import WireRequest

BODY = msgspec.json.encode(PostRequest(type="schedule", date="", posts=[]))
ERROR = PermissionDeniedError("blocked", response=APIResponse(403, body=b"blocked"), hint="Ask.")
DAY = 86_400.0


class Lab:
    """Hand-overs of a store whose clock is not that of the host."""

    AHEAD = 1_000_000.0

    def __init__(self, folder: Path) -> None:
        self.clock = JumpingClock()
        self.deliveries = SqliteDeliveries(SqliteStore(folder / "x", clock=self.clock))
        self.forbidden = ForbiddenHandOvers(self.clock)

    def hand_over(self, number: int, due: float = DAY, *, dated: bool = True) -> HandOver:
        record = DeliveryRecord(
            state="planned", posts=(DeliveryPost("c"),), due=due, is_dated=dated
        )
        return self.kept(number, record)

    def kept(self, number: int, record: DeliveryRecord) -> HandOver:
        now = self.clock.monotonic() + self.AHEAD
        kept = KeptDelivery(write_record(record), 1, now, number, "q", f"t{number}", BODY)
        return HandOver(self.deliveries, kept, self.clock)

    def waits_alone(self, number: int) -> bool:
        return self.forbidden.waits_alone(self.hand_over(number), ERROR, 0.0)


@pytest.fixture
def pauses(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_pauses_grow_to_an_hour(pauses: Lab) -> None:
    """By what is written down, whichever process met them."""
    hand_over, rests = pauses.hand_over(1), list[float]()
    for _ in range(6):
        assert ForbiddenHandOvers.waits_alone(pauses.forbidden, hand_over, ERROR, 0.0)
        rested = pauses.forbidden.rested("t1", hand_over.record)
        rests.append(round(rested.until - hand_over.now()))
        pauses.clock.advance(rests[-1])
        pauses.forbidden = ForbiddenHandOvers(pauses.clock)  # that of the next process
        hand_over = pauses.kept(1, rested)
    assert rests == [300, 600, 1_200, 2_400, 3_600, 3_600]
    assert (hand_over.record.state, hand_over.record.forbidden) == ("planned", 6)
    assert hand_over.record.note.startswith("403: blocked. Ask.")


@pytest.mark.parametrize(
    ("due", "dated", "seconds"), [(60.0, True, 60), (60.0, False, 300), (-60.0, True, 300)]
)
def test_none_waits_beyond_its_date(
    pauses: Lab,
    due: float,
    dated: bool,  # noqa: FBT001
    seconds: float,
) -> None:
    hand_over = pauses.hand_over(1, due, dated=dated)
    assert pauses.forbidden.waits_alone(hand_over, ERROR, 0.0)
    rested = pauses.forbidden.rested("t1", hand_over.record)
    assert rested.until - hand_over.now() == pytest.approx(seconds)


def test_of_several_in_a_row_the_last_waits_with_all_others(pauses: Lab) -> None:
    for _ in range(3):  # the same one again says nothing new
        assert pauses.waits_alone(0)
    alone = [pauses.waits_alone(number) for number in range(1, MOST_ALONE + 2)]
    assert alone == [True] * (MOST_ALONE - 1) + [False, False]
    assert pauses.forbidden.rested(f"t{MOST_ALONE}", BARE) == BARE
    pauses.forbidden.answered()
    assert pauses.waits_alone(MOST_ALONE)


def test_it_names_what_waits_and_forgets_what_is_over(pauses: Lab) -> None:
    forbidden = pauses.forbidden
    assert (forbidden.trouble, len(forbidden)) == ("", 0)
    pauses.waits_alone(1)
    assert forbidden.trouble.startswith("403: blocked. Ask. Others are sent meanwhile;")
    assert forbidden.trouble.endswith("ticket t1.")
    pauses.waits_alone(2)
    assert forbidden.trouble.endswith("ticket t1 and 1 more.")
    forbidden.forget("t1")
    assert forbidden.trouble.endswith("ticket t2.")
    assert forbidden.rested("t1", BARE) == BARE
    pauses.clock.advance(DAY)
    forbidden.keep({"t2"})
    assert forbidden.trouble.endswith("ticket t2."), "it is at work"
    forbidden.keep(())
    assert forbidden.trouble == ""


# ------------------------------------------------------------------ several hosts


class Create(NamedTuple):
    moment: float
    words: str


class Guard(SandboxTransport):
    """Answers creates, or all calls, in the place of Postiz."""

    def __init__(self, lab: OutboxLab, status: int, creates: list[Create]) -> None:
        super().__init__(lab.sandbox, latency=0.1)
        self.is_up = True
        self._lab = lab
        self._status = status
        self._creates = creates

    async def send(self, request: WireRequest) -> WireResponse:
        is_create = request.method == "POST"
        if is_create:
            posts = msgspec.json.decode(request.body or b"{}").get("posts")
            words = posts[0]["value"][0]["content"] if posts else "a fence"
            self._creates.append(Create(self._lab.clock.monotonic(), words))
        if self.is_up and (is_create or self._status == 401):
            await self._lab.clock.sleep(0.1)
            return WireResponse(self._status, {}, b"blocked")
        return await super().send(request)


@pytest.mark.parametrize(
    ("status", "hours"),
    [
        (403, 2),
        pytest.param(401, 6, marks=pytest.mark.exhaustive),
        pytest.param(403, 6, marks=pytest.mark.exhaustive),
    ],
)
async def test_three_hosts_do_not_storm_a_server_that_forbids_everything(
    file_lab: OutboxLab, status: int, hours: int
) -> None:
    """Each alone would try again after a pause of its own; they share the pauses."""
    lab, creates = file_lab, list[Create]()
    quota = MemoryStore()
    guards = [Guard(lab, status, creates) for _ in range(3)]
    async with lab.client(sends=False) as web:
        tickets = await lab.put(web, 10, hours=48)
    async with AsyncExitStack() as stack:
        hosts = [
            await stack.enter_async_context(lab.client(transport=guard, store=quota))
            for guard in guards
        ]
        await lab.clock.sleep(hours * 3_600)
        assert any(str(status) in host.outbox.trouble for host in hosts)
        assert len(creates) <= (25 if status == 403 else 3)
        assert not lab.sandbox.posts
        for guard in guards:
            guard.is_up = False
        for ticket in tickets:
            assert (await hosts[0].outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(range(10))


async def test_three_hosts_try_what_is_forbidden_as_often_as_one(file_lab: OutboxLab) -> None:
    lab, creates = file_lab, list[Create]()
    quota = MemoryStore()

    class Words(Guard):
        async def send(self, request: WireRequest) -> WireResponse:
            self._status, forbids = 403, b"post 0" in (request.body or b"")
            self.is_up = forbids
            return await super().send(request)

    async with AsyncExitStack() as stack:
        hosts = [
            await stack.enter_async_context(
                lab.client(transport=Words(lab, 403, creates), store=quota)
            )
            for _ in range(3)
        ]
        tickets = await lab.put(hosts[0], 5, hours=48)
        for ticket in tickets[1:]:
            assert (await hosts[1].outbox.wait(ticket.id)).state == "stored"
        await lab.clock.sleep(8_000)
        tried = Counter(create.words for create in creates)
        assert tried.pop("post 0") <= 5, "300, 600, 1,200, 2,400, and then an hour"
        assert tried.pop("a fence") <= 5
        assert set(tried.values()) == {1}
        assert await hosts[2].outbox.withdraw(tickets[0].id)
    lab.assert_each_once(range(1, 5))
