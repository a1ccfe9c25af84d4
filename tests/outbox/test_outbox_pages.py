"""A page is in front of Postiz for a while: little leaves into it, and nobody sleeps after it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from gateways import page
from outbox_lab import OutboxLab
from pool_lab import PoolLab

from postiz_async import NewPost
from postiz_async._quota import SILENT
from postiz_async.models.channels import Channel
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from postgres_lab import Place

    from postiz_async import Postiz, Ticket
    from postiz_async._sandbox import MemoryServer
    from postiz_async._wire import WireRequest, WireResponse
    from postiz_async.clock import Clock
    from postiz_async.stores import Kept

WARM, BURST = 6, 14
LATENCY = 0.1


class Front(SandboxTransport):
    """Answers with a page for some seconds from the first create after `arm` on."""

    def __init__(self, sandbox: MemoryServer, lasts: float, *, only_creates: bool = False) -> None:
        super().__init__(sandbox, latency=LATENCY)
        self._lasts = lasts
        self._only_creates = only_creates
        self._is_armed = False
        self.began = -math.inf
        self.creates: list[float] = []
        """Seconds after the beginning at which creates left, and pages were answered to them."""
        self.pages: list[float] = []

    def arm(self) -> None:
        self._is_armed = True

    async def send(self, request: WireRequest) -> WireResponse:
        clock = self._sandbox.clock
        is_create = request.method == "POST" and request.url.endswith("/posts")
        if is_create and self._is_armed:
            self.began, self._is_armed = clock.monotonic(), False
        after = clock.monotonic() - self.began
        self.creates += [after] if is_create else []
        if not 0 <= after < self._lasts or not (is_create or not self._only_creates):
            return await super().send(request)
        await clock.sleep(LATENCY)
        self.pages += [clock.monotonic() - self.began] if is_create else []
        return page(200)


async def put(lab: OutboxLab, sender: Postiz, *numbers: int) -> list[Ticket]:
    """Hand over what can be checked without Postiz."""
    channel = Channel(id=lab.channel, name="us", provider="mastodon")
    posts = [NewPost(channel, f"post {n}") for n in numbers]
    return [await sender.outbox.put(post, at=lab.at(24)) for post in posts]


async def burst(lab: OutboxLab, front: Front, sender: Postiz) -> None:
    """Hand over many while answers have just raised how many leave at once."""
    for ticket in await put(lab, sender, *range(WARM)):
        await sender.outbox.wait(ticket.id)
    front.arm()
    await put(lab, sender, *range(WARM, WARM + BURST))


@pytest.mark.parametrize("only_creates", [False, True])
async def test_after_a_page_of_seconds_the_rest_is_sent_within_seconds(
    lab: OutboxLab, *, only_creates: bool
) -> None:
    front = Front(lab.sandbox, 8.0, only_creates=only_creates)
    async with lab.client(transport=front) as postiz:
        await burst(lab, front, postiz)
        await lab.clock.sleep(30)
        into_it = len(front.pages)
        assert await postiz.outbox.counts() == {
            "stored": WARM + BURST - into_it,
            "unknown": into_it,
        }
        assert postiz.outbox.trouble == ""
        await lab.clock.sleep(SILENT + 60)
        assert await postiz.outbox.counts() == {"stored": WARM + BURST}
    assert len(front.creates) <= 2 * WARM + BURST + into_it
    lab.assert_each_once(range(WARM + BURST))


class SlowStore(MemoryStore):
    """Takes its time to write down what an answer says of the quota."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        await self._clock.sleep(0.04)
        return await super().swap(scope, key, version, value, keep=keep)


async def test_nothing_leaves_once_the_first_page_has_come_in(file_lab: OutboxLab) -> None:
    """Also while a slow store is still told of it, which holds up what the answer means."""
    lab = file_lab
    front = Front(lab.sandbox, 60.0)
    async with lab.client(transport=front, store=SlowStore(lab.clock)) as postiz:
        await burst(lab, front, postiz)
        await lab.clock.sleep(0.9)
    into_it = [at for at in front.creates if 0 <= at < math.inf]
    assert into_it, "the burst has begun"
    assert [at for at in into_it if at > front.pages[0]] == []


async def test_creates_that_fail_while_lists_are_answered_are_tried_one_at_a_time(
    place: Place,
) -> None:
    async with PoolLab(place, "acme").running() as lab:
        front = Front(lab.boxes["acme"], 40.0, only_creates=True)
        async with lab.pool(transport=front) as pool:
            for ticket in await lab.put(pool, "acme", WARM):
                await pool.outbox.wait(ticket.id)
            front.arm()
            for n in range(WARM, WARM + BURST):
                await pool.outbox.put(lab.post("acme", n), organization="acme", at=lab.at())
            await lab.clock.sleep(39.0)
            at_first = sum(at == 0.0 for at in front.creates)
            assert [round(at) for at in front.pages[at_first:]] == [2, 6, 22]


async def test_what_turns_out_not_to_be_stored_takes_the_free_slots_at_once(place: Place) -> None:
    """The create that proves it is nobody's interactive call, for which slots would be kept."""
    async with PoolLab(place, "acme", window=3_600.0).running() as lab:
        front = Front(lab.boxes["acme"], 0.05)
        async with lab.pool(transport=front) as pool:
            front.arm()
            await lab.put(pool, "acme", 20)
            await lab.clock.sleep(SILENT + 60)
            assert await pool.outbox.counts() == {"stored": 20}
            acme = await pool.client(lab.keys["acme"], organization="acme")
            assert (await acme.quota()).remaining == 30 - 20 - 1


@pytest.mark.parametrize("of_all", [False, True])
async def test_a_fresh_sender_knows_what_the_others_know(lab: OutboxLab, *, of_all: bool) -> None:
    """One that met the page and one that did not: both rest as long as the store says, and ask."""
    front = Front(lab.sandbox, 300.0)
    async with lab.client(transport=front) as first:
        await burst(lab, front, first)
        await lab.clock.sleep(30)
    met = len(front.creates)
    other = front if of_all else SandboxTransport(lab.sandbox, latency=LATENCY)
    async with lab.client(transport=other) as second:
        [ticket] = await put(lab, second, WARM + BURST)
        assert ticket.reason.startswith("Somebody in front of Postiz answers")
        await lab.clock.sleep(60)
        if of_all:
            assert len(front.creates) == met
        else:
            assert (await second.outbox.counts())["stored"] >= WARM + BURST - len(front.pages)
            assert lab.statuses[-2:] == [201, 201]


async def test_stored_tickets_show_that_the_address_is_right(lab: OutboxLab) -> None:
    """Where the quota is kept elsewhere, and forgotten."""
    async with lab.client(store=MemoryStore()) as postiz:
        await postiz.outbox.wait((await lab.put(postiz, 1))[0].id)
    front = Front(lab.sandbox, 120.0)
    front.began = lab.clock.monotonic()
    async with lab.client(store=MemoryStore(), transport=front) as postiz:
        await put(lab, postiz, 1, 2)
        await lab.clock.sleep(60)
        assert postiz.outbox.trouble.startswith("Somebody in front of Postiz answers: a page, 200")
        await lab.clock.sleep(150)
        assert (await postiz.outbox.counts())["stored"] >= 2


async def test_at_an_address_that_never_answered_the_pauses_are_long(file_lab: OutboxLab) -> None:
    lab = file_lab
    front = Front(lab.sandbox, 120.0)
    front.began = lab.clock.monotonic()
    async with lab.client(transport=front, validate=False) as postiz:
        await put(lab, postiz, 1)
        await lab.clock.sleep(200)
        assert "lacks /api" in postiz.outbox.trouble
        assert await postiz.outbox.counts() == {"planned": 1}
        await lab.clock.sleep(200)
        assert await postiz.outbox.counts() == {"stored": 1}
