"""Handing over: what is put is stored exactly once, or ends with a reason."""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from cancelling import CancelledAt
from gateways import Gateway, name, page

from postiz_async import (
    APIConnectionError,
    Channel,
    ConfigurationError,
    IdempotencyError,
    InvalidPostError,
    NewPost,
    OutboxOptions,
    Postiz,
    PostNotFoundError,
    Ticket,
    UsageError,
)
from postiz_async._delivery.outcomes import RowState
from postiz_async._outbox.courier import Courier
from postiz_async._sandbox import Fault
from postiz_async._wire import WireResponse
from postiz_async.errors import StoreError
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from pathlib import Path

    from outbox_lab import OutboxLab

    from postiz_async._wire import WireRequest
    from postiz_async.types import Attempt


# ------------------------------------------------------------------ handing over


async def test_a_hand_over_returns_before_it_is_sent_and_is_stored_marked(lab: OutboxLab) -> None:
    async with lab.client() as postiz:
        ticket = await postiz.outbox.put(lab.post(1), lab.post(2), at=lab.at(24))
        assert (ticket.state, ticket.leaves_in, ticket.post_ids) == ("planned", 0.0, ())
        assert lab.statuses == []
        ended = await postiz.outbox.wait(ticket.id)
        assert await postiz.outbox.get(ticket.id) == ended
    assert ended.is_over
    assert ended.state == "stored"
    assert ended.at == ticket.at
    assert ended.post_ids == tuple(post.id for post in lab.sandbox.posts)
    assert lab.statuses == [201]
    assert {post.date.microsecond // 1000 for post in lab.sandbox.posts} == {1}
    assert len({post.settings["client_ref"] for post in lab.sandbox.posts}) == 2


async def test_without_a_date_it_is_published_as_soon_as_it_is_sent(lab: OutboxLab) -> None:
    async with lab.client() as postiz:
        ticket = await postiz.outbox.wait((await postiz.outbox.put(lab.post(1))).id)
    assert (ticket.state, ticket.at) == ("stored", None)
    assert lab.sandbox.posts[0].date.microsecond


async def test_it_tells_when_it_leaves_and_never_oversteps_the_quota(lab: OutboxLab) -> None:
    async with lab.client(store=MemoryStore()) as postiz:  # a database's clock does not jump
        first = await postiz.outbox.put(lab.post("first"), at=lab.at(24))
        await postiz.outbox.wait(first.id)
        tickets = await lab.put(postiz, 35)
        last = await postiz.outbox.get(tickets[-1].id)
        assert 3_500 < last.leaves_in < 3_620
        waiting = await postiz.outbox.wait(last.id, timeout=1_000)
        assert waiting.state == "planned"
        assert 2_500 < waiting.leaves_in < 2_620
        assert (await postiz.outbox.wait(last.id)).state == "stored"
    lab.assert_each_once(["first", *range(35)])


async def test_what_has_time_tells_that_slots_are_held_for_interactive_calls(
    lab: OutboxLab,
) -> None:
    async with lab.client(store=MemoryStore()) as postiz:
        for number in range(8):
            await postiz.posts.schedule(lab.post(number), at=lab.at(24))
        later = await postiz.outbox.put(lab.post("later"), at=lab.at(24))
        assert later.leaves_in > 3_400
        assert (await postiz.outbox.get(later.id)).leaves_in > 3_400
        began = lab.clock.monotonic()
        assert (await postiz.outbox.wait(later.id)).state == "stored"
        assert lab.clock.monotonic() - began == pytest.approx(later.leaves_in, abs=60)
        now = await postiz.outbox.put(lab.post("now"))
        assert now.leaves_in == 0
        assert (await postiz.outbox.wait(now.id, timeout=30)).state == "stored"
    lab.assert_each_once([*range(8), "later", "now"])


async def test_who_waits_in_a_handler_goes_first(lab: OutboxLab) -> None:
    async with lab.client(store=MemoryStore()) as postiz:
        tickets = await lab.put(postiz, 40)
        await postiz.outbox.wait(tickets[29 - 3].id)
        await postiz.posts.schedule(lab.post("urgent"), at=lab.at(24))
        for ticket in tickets:
            await postiz.outbox.wait(ticket.id)
    lab.assert_each_once(["urgent", *range(40)])
    place = [post.content for post in lab.sandbox.posts].index("post urgent")
    assert place < 32


async def test_what_the_server_would_refuse_is_refused_before_it_is_stored(lab: OutboxLab) -> None:
    async with lab.client() as postiz:
        with pytest.raises(InvalidPostError, match=r"posts\.0"):
            await postiz.outbox.put(lab.post("x" * 600), at=lab.at(24))
        with pytest.raises(InvalidPostError, match="has passed"):
            await postiz.outbox.put(lab.post(1), at=lab.at(-1))
        with pytest.raises(InvalidPostError, match="reads 102,400"):
            await postiz.outbox.put(*[lab.post("x" * 400)] * 240, at=lab.at(24))
        assert await postiz.outbox.counts() == {}


async def test_a_refusal_ends_the_ticket_with_the_words_of_the_server(lab: OutboxLab) -> None:
    async with lab.client(validate=False) as postiz:
        ticket = await postiz.outbox.put(lab.post("x" * 600), at=lab.at(24))
        ended = await postiz.outbox.wait(ticket.id)
        assert ended.state == "refused"
        assert "too long" in ended.reason
        good = await postiz.outbox.put(lab.post(1), at=lab.at(24))
        assert (await postiz.outbox.wait(good.id)).state == "stored"
    assert lab.statuses == [400, 201]


async def test_it_can_be_withdrawn_until_it_leaves(lab: OutboxLab) -> None:
    async with lab.client(store=MemoryStore()) as postiz:
        tickets = await lab.put(postiz, 35)
        await postiz.outbox.wait(tickets[25].id)
        assert await postiz.outbox.withdraw(tickets[34].id)
        assert not await postiz.outbox.withdraw(tickets[34].id)
        assert not await postiz.outbox.withdraw(tickets[0].id)
        assert (await postiz.outbox.get(tickets[34].id)).state == "withdrawn"
        assert (await postiz.outbox.wait(tickets[33].id)).state == "stored"
    lab.assert_each_once(range(34))


async def test_it_can_be_withdrawn_while_another_program_has_the_slots(lab: OutboxLab) -> None:
    """A request that was answered with 429 was not carried out, and waits like the others."""
    async with lab.client(store=MemoryStore()) as other:
        for number in range(30):
            await other.posts.schedule(lab.post(f"other {number}"), at=lab.at(24))
    async with lab.client(store=MemoryStore()) as postiz:
        tickets = await lab.put(postiz, 2)
        assert (await postiz.outbox.wait(tickets[1].id, timeout=600)).state == "planned"
        assert lab.sandbox.refusals == 1
        assert await postiz.outbox.withdraw(tickets[0].id)
        assert (await postiz.outbox.wait(tickets[1].id)).state == "stored"
    assert [post.content for post in lab.sandbox.posts][30:] == ["post 1"]


async def test_nobody_knows_a_foreign_ticket(lab: OutboxLab) -> None:
    async with lab.client() as postiz:
        for ask in (postiz.outbox.get, postiz.outbox.wait, postiz.outbox.withdraw):
            for unknown in ("x", Ticket("x", RowState.PLANNED, None, 0.0)):
                with pytest.raises(PostNotFoundError, match="no ticket 'x'"):
                    await ask(unknown)
            with pytest.raises(UsageError, match=r"^ticket must be a string, not int\."):
                await ask(7)  # type: ignore[arg-type]


# ------------------------------------------------------------------ idempotency keys


async def test_the_same_call_with_a_key_has_the_same_ticket(lab: OutboxLab) -> None:
    at = lab.at(1)

    async def put(postiz: Postiz, channel: str = lab.channel) -> Ticket:
        post = NewPost(channel, "post 1", settings={"client_ref": "of the user"})
        return await postiz.outbox.put(post, at=at, tags=["a"], idempotency_key="order 1")

    lab.sandbox.add_tag("a")
    async with lab.client() as postiz:
        first, *others = await asyncio.gather(*(put(postiz, "mastodon") for _ in range(5)))
        assert {ticket.id for ticket in others} == {first.id}
        stored = await postiz.outbox.wait(first.id)
        assert stored.state == "stored"
        assert await put(postiz) == stored
    await lab.clock.sleep(3_600)  # its date has passed
    lab.sandbox.faults.add(Fault("reset", times=None))
    async with lab.client() as postiz:  # which has not listed the channels
        assert await postiz.outbox.by_key("order 1") == await put(postiz) == stored
        assert await postiz.outbox.by_key("order 2") is None
        with pytest.raises(InvalidPostError, match="1 to 255"):
            await postiz.outbox.by_key("")
        assert await postiz.outbox.counts() == {"stored": 1}
    lab.assert_each_once([1])


async def test_another_call_with_the_key_is_refused_and_says_what_differs(lab: OutboxLab) -> None:
    async with lab.client() as postiz:
        put = partial(postiz.outbox.put, idempotency_key="k")
        ticket = await put(lab.post(1), lab.post(2), at=lab.at(24))
        for posts, options, differs in (
            ((1, 3), {"at": lab.at(24)}, ("posts.1.content",)),
            ((1,), {"at": lab.at(24)}, ("posts.1",)),
            ((1, 2), {"at": lab.at(25), "tags": ["a"]}, ("at", "tags")),
            ((1, 2), {"short_link": True}, ("at", "short_link")),
        ):
            with pytest.raises(IdempotencyError) as caught:
                await put(*map(lab.post, posts), **options)
            assert caught.value.differs == differs
        other = lab.sandbox.add_channel("x").id
        rich = NewPost(other, "post 1", settings={"client_ref": "mine"}, thread=["more"])
        with pytest.raises(IdempotencyError) as caught:
            await put(rich, lab.post(2), at=lab.at(24))
        assert caught.value.differs == ("posts.0.channel", "posts.0.settings", "posts.0.thread")
        with pytest.raises(InvalidPostError, match="1 to 255"):
            await postiz.outbox.put(lab.post(1), idempotency_key="")
        now = await postiz.outbox.put(lab.post(3), idempotency_key="now")
        await lab.clock.sleep(60)
        assert (await postiz.outbox.put(lab.post(3), idempotency_key="now")).id == now.id
        for each in (ticket, now):
            assert (await postiz.outbox.wait(each.id)).state == "stored"
    lab.assert_each_once([1, 2, 3])


async def test_of_two_calls_at_once_that_differ_one_is_refused(lab: OutboxLab) -> None:
    async with lab.client() as postiz, lab.client(sends=False) as other:
        puts = [
            each.outbox.put(each_post, at=lab.at(24), idempotency_key="k")
            for each, each_post in ((postiz, lab.post(1)), (other, lab.post(2)))
        ]
        outcomes = await asyncio.gather(*puts, return_exceptions=True)
        assert sorted(type(each).__name__ for each in outcomes) == ["IdempotencyError", "Ticket"]
        (ticket,) = (each for each in outcomes if isinstance(each, Ticket))
        assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    assert len(lab.sandbox.posts) == 1


async def test_a_repetition_that_is_cancelled_withdraws_nothing(lab: OutboxLab) -> None:
    async with lab.client(sends=False) as postiz:
        put = partial(postiz.outbox.put, lab.post(1), at=lab.at(24), idempotency_key="k")
        ticket, stop = await put(), 0
        while True:
            stop += 1
            work = CancelledAt(put(), stop)

            async def run(work: CancelledAt = work) -> None:
                await work

            await asyncio.gather(asyncio.create_task(run()), return_exceptions=True)
            assert (await postiz.outbox.get(ticket.id)).state == "planned"
            if not work.reached:
                break
    assert stop > 1


# ------------------------------------------------------------------ lost answers


@pytest.mark.parametrize(
    "status", [None, 200, 302, 304, 400, 401, 402, 403, 404, 408, 409, 425, 429, 460, 499, 500, 502]
)
async def test_a_lost_answer_is_looked_up(lab: OutboxLab, status: int | None) -> None:
    """Also one in whose place a page came."""
    if status is None:
        lab.lose()
    else:
        lab.lose("error_after", status=status)
    async with lab.client() as postiz:
        ticket = (await lab.put(postiz, 1))[0]
        ended = await postiz.outbox.wait(ticket.id)
    assert (ended.state, ended.post_ids) == ("stored", (lab.sandbox.posts[0].id,))
    lab.assert_each_once(range(1))
    assert lab.statuses.count(201) == 1


@pytest.mark.parametrize("answer", [page(200), page(302), page(403), page(408)], ids=name)
async def test_a_server_that_is_late_behind_a_page_stores_each_ticket_once(
    lab: OutboxLab, answer: WireResponse
) -> None:
    lab.lose("late_work", delay=60.0)
    gateway = Gateway(lab.sandbox, answer, patience=20.0)
    async with lab.client(transport=gateway) as postiz:
        for ticket in await lab.put(postiz, 3):
            assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(range(3))
    assert lab.statuses == [201] * 3


async def test_what_never_arrived_is_sent_again_behind_the_fence(lab: OutboxLab) -> None:
    lab.lose("reset")
    async with lab.client() as postiz:
        ticket = (await lab.put(postiz, 1))[0]
        assert (await postiz.outbox.wait(ticket.id, timeout=100)).state == "unknown"
        assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(range(1))
    assert lab.statuses == [400, 201]
    assert lab.sandbox.creates[-1].at > 720


async def test_late_work_is_not_doubled(lab: OutboxLab) -> None:
    lab.lose("late_work", delay=600.0)
    async with lab.client() as postiz:
        ticket = (await lab.put(postiz, 1))[0]
        assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(range(1))


async def test_half_a_request_is_completed_with_the_other_half(lab: OutboxLab) -> None:
    lab.lose("stop", after_items=2)
    async with lab.client() as postiz:
        posts = [lab.post(n) for n in range(4)]
        ended = await postiz.outbox.wait((await postiz.outbox.put(*posts, at=lab.at(24))).id)
    by_content = {post.content: post.id for post in lab.sandbox.posts}
    assert ended.post_ids == tuple(by_content[f"post {n}"] for n in range(4))
    lab.assert_each_once(range(4))


async def test_in_doubt_it_is_not_published_twice(lab: OutboxLab) -> None:
    lab.lose("reset")
    async with lab.client() as postiz:
        ended = await postiz.outbox.wait((await lab.put(postiz, 1, hours=0.05))[0].id)
    assert ended.state == "undecided"
    assert "look for it in Postiz" in ended.reason
    lab.assert_each_once([])


async def test_in_doubt_it_is_sent_when_the_user_wants_that(lab: OutboxLab) -> None:
    lab.lose("reset")
    async with lab.client(on_doubt="send") as postiz:
        ended = await postiz.outbox.wait((await lab.put(postiz, 1, hours=0.05))[0].id)
    assert ended.state == "stored"
    lab.assert_each_once(range(1))


# ------------------------------------------------------------------ trouble


async def test_a_server_that_is_away_delays_but_loses_nothing(lab: OutboxLab) -> None:
    channel = Channel(id=lab.channel, name="us", provider="mastodon")
    lab.sandbox.faults.add(Fault("reset", times=None))
    async with lab.client() as postiz:
        with pytest.raises(APIConnectionError):
            await postiz.outbox.put(lab.post(0), at=lab.at(24))
        with pytest.raises(InvalidPostError):
            await postiz.outbox.put(NewPost(channel, "x" * 600), at=lab.at(24))
        ticket = await postiz.outbox.put(NewPost(channel, "post 0"), at=lab.at(24))
        held = await postiz.outbox.wait(ticket.id, timeout=60)
        assert held.state == "planned"
        assert held.reason
        assert held.reason == postiz.outbox.trouble
        lab.sandbox.faults.clear()
        assert (await postiz.outbox.wait(ticket.id)).state == "stored"
        assert postiz.outbox.trouble == ""
    lab.assert_each_once(range(1))


async def test_a_key_that_is_refused_pauses_the_outbox(lab: OutboxLab) -> None:
    async with lab.client() as postiz:
        await postiz.channels.list()
        key, lab.sandbox.organization.api_key = lab.sandbox.organization.api_key, "another"
        tickets = await lab.put(postiz, 3)
        await postiz.outbox.wait(tickets[0].id, timeout=200)
        assert "401" in postiz.outbox.trouble
        asked = lab.sandbox.requests
        await lab.clock.sleep(60)
        assert lab.sandbox.requests == asked
        lab.sandbox.organization.api_key = key
        for ticket in tickets:
            assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(range(3))


class Firewall(SandboxTransport):
    """Lets no create through that has these words."""

    words = b""
    refusals = 0

    async def send(self, request: WireRequest) -> WireResponse:
        if request.method == "POST" and self.words in (request.body or b""):
            self.refusals += 1
            return WireResponse(403, {}, b'{"message": "Forbidden"}')
        return await super().send(request)


async def test_a_firewall_that_forbids_pauses_the_outbox_and_refuses_nothing(
    file_lab: OutboxLab, caplog: pytest.LogCaptureFixture
) -> None:
    lab = file_lab
    firewall = Firewall(lab.sandbox, latency=0.1)
    async with lab.client(transport=firewall, store=MemoryStore(), organization="acme") as postiz:
        tickets = await lab.put(postiz, 8)
        assert (await postiz.outbox.wait(tickets[0].id, timeout=200)).state == "unknown"
        said = postiz.outbox.trouble.removeprefix("'acme': ")
        assert said.startswith(
            "403: Forbidden. Postiz itself answers none of these calls with 403."
        )
        assert f"'acme': paused: {said} Next look in 5 min." in caplog.messages
        assert (await postiz.outbox.get(tickets[-1].id)).reason == said, "it has one organisation"
        tried = firewall.refusals
        assert tried <= 8
        await lab.clock.sleep(7_200)
        assert firewall.refusals <= tried + 8, "of two hours of trials, whose pauses grow"
        firewall.words = b"nothing has these"
        for ticket in tickets:
            assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(range(8))


@pytest.mark.parametrize("count", [1, 2])
async def test_words_that_a_firewall_forbids_hold_up_no_other_hand_over(
    file_lab: OutboxLab, caplog: pytest.LogCaptureFixture, count: int
) -> None:
    lab = file_lab
    firewall = Firewall(lab.sandbox, latency=0.1)
    firewall.words = b"forbidden"
    async with lab.client(transport=firewall, store=MemoryStore()) as postiz:
        held = [
            await postiz.outbox.put(lab.post(f"forbidden {n}"), at=lab.at(20)) for n in range(count)
        ]
        for ticket in await lab.put(postiz, 5):
            assert (await postiz.outbox.wait(ticket.id, timeout=60)).state == "stored"
        waiting = await postiz.outbox.get(held[0].id)
        assert waiting.state == "unknown", "it may be stored"
        assert waiting.reason.startswith("its answer was lost (403: Forbidden. Postiz itself")
        assert postiz.outbox.trouble.startswith("403: Forbidden. Postiz itself answers none of")
        assert "withdraw what should not wait for that: ticket " in postiz.outbox.trouble
        assert f"hand-over {held[0].id} waits while others are sent: 403: Forbidden" in caplog.text
        await lab.clock.sleep(3_600)
        assert 3 * count <= firewall.refusals <= 4 * count, "after 0, 12, 24 and 44 minutes"
        assert "403: Forbidden. Postiz itself" in (await postiz.outbox.get(held[0].id)).reason
        later = await postiz.outbox.put(lab.post(5), at=lab.at(24))
        assert (await postiz.outbox.wait(later.id, timeout=60)).state == "stored"
        firewall.words = b"nothing has these"
        for ticket in held:
            assert (await postiz.outbox.wait(ticket.id)).state == "stored"
        await lab.clock.sleep(60)
        assert postiz.outbox.trouble == ""
    lab.assert_each_once([*range(6), *(f"forbidden {n}" for n in range(count))])


async def test_a_drain_does_not_wait_for_what_a_firewall_forbids(lab: OutboxLab) -> None:
    firewall = Firewall(lab.sandbox, latency=0.1)
    firewall.words = b"forbidden"
    async with lab.client(transport=firewall, drain=36_000) as postiz:
        held = await postiz.outbox.put(lab.post("forbidden"), at=lab.at(24))
        while not firewall.refusals:
            await lab.clock.sleep(1)
        await lab.clock.sleep(5)
        await lab.put(postiz, 3)
        began = lab.clock.monotonic()
    assert lab.clock.monotonic() - began < 3_600
    lab.assert_each_once(range(3))
    async with lab.client(sends=False) as postiz:
        assert (await postiz.outbox.get(held.id)).state == "planned"


async def test_a_forbidden_hand_over_can_be_withdrawn_or_ends_late(file_lab: OutboxLab) -> None:
    lab = file_lab
    firewall = Firewall(lab.sandbox, latency=0.1)
    firewall.words = b"forbidden"
    async with lab.client(transport=firewall, store=MemoryStore()) as postiz:
        withdrawn = await postiz.outbox.put(lab.post("forbidden 1"), at=lab.at(24))
        late = await postiz.outbox.put(lab.post("forbidden 2"), at=lab.at(1.1))
        await lab.clock.sleep(60)
        assert not await postiz.outbox.withdraw(withdrawn.id), "it may be stored"
        await lab.clock.sleep(58 * 60)
        assert await postiz.outbox.withdraw(withdrawn.id)
        await lab.clock.sleep(60)
        assert withdrawn.id not in postiz.outbox.trouble
        assert late.id in postiz.outbox.trouble
        assert (await postiz.outbox.wait(late.id)).state == "late"
        assert lab.clock.time() <= lab.at(0).timestamp() + 1
        assert 1.1 * 3_600 <= lab.clock.monotonic() <= 1.1 * 3_600 + 60
        await lab.clock.sleep(60)
        assert postiz.outbox.trouble == ""
    assert set(lab.statuses) == {400}, "what asks whether creates that left before are over"


class ListRefuser(SandboxTransport):
    """Answers each look at the posts with a refusal, until a moment; but not for ever."""

    refusal = WireResponse(429, {}, b"")
    until = math.inf
    looks = 0

    async def send(self, request: WireRequest) -> WireResponse:
        is_look = request.method == "GET" and "/posts?" in request.url
        if is_look and self._sandbox.clock.monotonic() < self.until and self.looks < 200:
            self.looks += 1
            return self.refusal
        return await super().send(request)


@pytest.mark.parametrize(
    ("refusal", "most"),
    [
        (WireResponse(429, {"retry-after": "120"}, b'{"message": "slow down"}'), 5),
        (WireResponse(429, {}, b'{"message": "slow down"}'), 45),
        (WireResponse(400, {}, b'{"message": "no"}'), 3),
    ],
)
async def test_looks_that_are_refused_are_made_again_after_pauses(
    lab: OutboxLab, refusal: WireResponse, most: int
) -> None:
    refuser = ListRefuser(lab.sandbox, latency=0.1)
    refuser.refusal, refuser.until = refusal, lab.clock.monotonic() + 600
    async with lab.client(transport=refuser) as postiz:
        (ticket,) = await lab.put(postiz, 1)
        assert (await postiz.outbox.wait(ticket.id, timeout=60)).state == "planned"
        assert str(refusal.status) in postiz.outbox.trouble
        assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    assert refuser.looks <= most
    lab.assert_each_once(range(1))


async def test_a_client_without_an_outbox_says_how_to_get_one() -> None:
    async with Postiz(api_key="key") as postiz:
        with pytest.raises(ConfigurationError, match="Give it the path of a file"):
            _ = postiz.outbox


async def test_a_file_that_is_something_else_is_left_alone(file_lab: OutboxLab) -> None:
    with sqlite3.connect(file_lab.path) as connection:
        connection.execute("CREATE TABLE x (y)")
    connection.close()
    before = file_lab.path.read_bytes()
    with pytest.raises(StoreError, match="another purpose"):
        async with file_lab.client():
            pass
    assert file_lab.path.read_bytes() == before


async def test_a_date_around_which_nothing_could_be_looked_for_is_refused(lab: OutboxLab) -> None:
    """When its answer was lost, the look-up ended the sending of all others, at each start anew."""
    async with lab.client() as postiz:
        with pytest.raises(InvalidPostError, match="is too far away"):
            await postiz.outbox.put(lab.post(1), at=datetime(9999, 12, 31, 12, tzinfo=UTC))
        assert sum((await postiz.outbox.counts()).values()) == 0


async def test_an_outbox_whose_sending_broke_off_says_so_and_tries_again(
    file_lab: OutboxLab, caplog: pytest.LogCaptureFixture
) -> None:
    async with file_lab.client(sends=False) as postiz:
        await file_lab.put(postiz, 1)
    lost = '{"state":"lost","posts":[["a"],["b"]],"date":"2027-01-02T08:00:00.001Z"}'  # one has it
    with closing(sqlite3.connect(file_lab.path)) as file, file:
        file.execute("UPDATE deliveries SET state = 'lost', value = CAST(? AS BLOB)", (lost,))
    async with file_lab.client() as postiz:
        await file_lab.clock.sleep(1)
        assert postiz.outbox.trouble.startswith("sending broke off with ")
        assert caplog.text.count("broke off") == 1
        await file_lab.clock.sleep(3_600)
    assert 1 < caplog.text.count("broke off") < 10


async def test_nobody_waits_for_a_ticket_when_its_sending_broke_off(
    file_lab: OutboxLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks = asyncio.Event()

    async def run(_: Courier) -> None:
        await breaks.wait()
        raise RuntimeError("this is a bug")

    monkeypatch.setattr(Courier, "run", run)

    async def wait() -> None:
        async with file_lab.client() as postiz:
            (ticket,) = await file_lab.put(postiz, 1)
            waiting = asyncio.create_task(postiz.outbox.wait(ticket.id))
            await file_lab.clock.sleep(60)
            breaks.set()
            for each in (waiting, postiz.outbox.wait(ticket.id)):
                with pytest.raises(StoreError, match="is planned: sending broke off"):
                    await each

    with pytest.raises(RuntimeError, match="this is a bug"):
        await wait()


async def test_a_folder_is_no_outbox(file_lab: OutboxLab) -> None:
    file_lab.path.mkdir()
    with pytest.raises(StoreError, match="Check that it is a file"):
        async with file_lab.client():
            pass


def test_options_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        OutboxOptions(tmp_path, late=timedelta(0))
    with pytest.raises(ConfigurationError):
        OutboxOptions(tmp_path, keep=timedelta(days=-1))
    for keep in (-1, math.nan, 1e300, "soon"):
        with pytest.raises(UsageError, match="cannot keep tickets for"):
            OutboxOptions(tmp_path, keep=keep)  # type: ignore[arg-type]


async def test_one_outage_is_one_pause_of_the_outbox(
    lab: OutboxLab, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[Attempt] = []
    async with lab.client(on_attempt=made.append) as postiz:
        for ticket in await lab.put(postiz, 8):
            await postiz.outbox.wait(ticket.id)
        made.clear()
        with caplog.at_level(logging.WARNING, "postiz_async.outbox"):
            lab.sandbox.faults.add(Fault("empty_401", times=None))
            channel = Channel(id=lab.channel, name="us", provider="mastodon")
            posts = [NewPost(channel, f"post {n}") for n in range(8, 24)]
            tickets = [await postiz.outbox.put(post, at=lab.at(24)) for post in posts]
            await lab.clock.sleep(600)
            counts = Counter(attempt.endpoint for attempt in made)
            assert counts["create_post"] <= 4
            assert counts["is_connected"] == 6
            withdrawn = await postiz.outbox.withdraw(tickets[-1].id)
            lab.sandbox.faults.clear()
            for ticket in tickets:
                await postiz.outbox.wait(ticket.id)
    assert withdrawn, "what was not sent is not on its way"
    said = [record.getMessage().partition(" ")[0] for record in caplog.records]
    assert said == ["paused", "goes"]
    assert lab.statuses == [201] * 23
    lab.assert_each_once(range(23))
