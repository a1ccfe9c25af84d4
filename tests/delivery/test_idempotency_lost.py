"""Answers that were lost: found, sent again when it is certain, or said to be unknown."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from gateways import Gateway, name, page
from key_lab import KEY, START, ClockedStore, KeyLab, Process, ids, in_the_end

from postiz_async import (
    APITimeoutError,
    BadRequestError,
    Channel,
    DeliveryUnknownError,
    NewPost,
    NotFoundError,
    PermissionDeniedError,
    PostizError,
    QuotaWaitError,
)
from postiz_async._delivery.record import KeyMarks
from postiz_async._quota import SILENT
from postiz_async.errors import StoreError
from postiz_async.models.posts import Created
from postiz_async.testing import WireResponse
from postiz_async.testing._transport import sandbox_client

AT = START + timedelta(hours=24)


@pytest.fixture(params=["HEAD", "v2.23.0"])
def lab(request: pytest.FixtureRequest) -> KeyLab:
    """Servers that list the settings of posts, and those that do not."""
    return KeyLab(release=request.param)


async def until_answered(lab: KeyLab, max_wait: float) -> tuple[list[Created], int]:
    """The answer to one who comes again, each time in a new process; and how often he came."""
    calls = 0

    async def call() -> list[Created]:
        nonlocal calls
        calls += 1
        async with lab.process() as process:
            return await lab.schedule(process, max_wait=max_wait)

    return await in_the_end(lab.clock, call, calls=20), calls


async def unknown(
    lab: KeyLab, process: Process, *texts: str, **options: Any
) -> DeliveryUnknownError:
    with pytest.raises(DeliveryUnknownError) as caught:
        await lab.schedule(process, *texts, **options)
    return caught.value


# ------------------------------------------------------------------ stored, or not


PAGES = (200, 302, 304, 400, 401, 402, 403, 404, 408, 409, 425, 429, 460, 499, 500, 502, 504)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("drop_answer", {}),
        ("late_answer", {"delay": 100.0}),
        *(("error_after", {"status": status}) for status in PAGES),
    ],
)
async def test_what_was_stored_is_found(lab: KeyLab, kind: str, options: dict[str, Any]) -> None:
    lab.fault(kind, **options)
    async with lab.sandbox, lab.process() as process:
        first = await lab.schedule(process, "a", "b")
        assert first == await lab.schedule(process, "a", "b")
    assert ids(first) == [post.id for post in lab.sandbox.posts]
    assert [len(lab.of_key(place=place)) for place in (0, 1)] == [1, 1]
    assert len(lab.statuses) == 1
    assert all(post.has_job for post in lab.sandbox.posts)


@pytest.mark.parametrize("answer", [page(200), page(302), page(403), page(502)], ids=name)
async def test_a_server_that_is_late_behind_a_page_stores_it_once(
    lab: KeyLab, answer: WireResponse
) -> None:
    """As nginx does with `error_page 502 503 504 =200 /m.html`."""
    lab.fault("late_work", delay=60.0)
    gateway = Gateway(lab.sandbox, answer, patience=20.0)
    post = NewPost(lab.channel, "a post")
    async with lab.sandbox, sandbox_client(lab.sandbox, transport=gateway) as postiz:
        for _ in range(3):
            (made,) = await postiz.posts.schedule(post, at=AT, idempotency_key=KEY)
            assert [made.post_id] == [stored.id for stored in lab.sandbox.posts]
    assert gateway.answered == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, BadRequestError), (403, PermissionDeniedError), (404, NotFoundError)],
)
async def test_a_firewall_is_told_of_when_it_is_certain_that_nothing_is_stored(
    lab: KeyLab, status: int, kind: type[PostizError]
) -> None:
    lab.fault("error_before", status=status)
    async with lab.sandbox, lab.process() as process:
        with pytest.raises(kind) as caught:
            await lab.schedule(process)
        assert not caught.value.may_be_stored
        assert lab.clock.monotonic() > SILENT
        assert (lab.sandbox.posts, lab.statuses) == ((), [400])
        lab.fault("error_before", status=status, times=2)
        error = await unknown(lab, process, max_wait=5)
        assert str(status) in str(error)
        await lab.clock.sleep(SILENT)
        error = await unknown(lab, process)
        assert "cannot be looked up (" in str(error), "a probe is refused, too"
        assert str(status) in str(error)
        answer = await lab.schedule(process)
    assert ids(answer) == [post.id for post in lab.sandbox.posts]


async def test_who_cannot_wait_gets_the_answer_with_the_next_call(lab: KeyLab) -> None:
    lab.fault("drop_answer")
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        error = await unknown(lab, one, max_wait=5)
        assert error.retry_after == pytest.approx(10, abs=0.5)
        assert "never sends a second post" in str(error)
        assert error.marks.contents == ("a post",)
        assert [post and post.id for post in await one.postiz.posts.find(error.marks)] == [
            lab.sandbox.posts[0].id
        ]
        await lab.clock.sleep(error.retry_after)
        assert ids(await lab.schedule(two, max_wait=0)) == [lab.sandbox.posts[0].id]
        assert ids(await lab.schedule(one, max_wait=0)) == [lab.sandbox.posts[0].id]
    assert lab.statuses == [201]


@pytest.mark.parametrize("delay", [40.0, 300.0, 700.0])
@pytest.mark.parametrize("max_wait", [0.0, 5.0, 60.0])
async def test_what_arrives_late_is_found_by_who_comes_again(
    lab: KeyLab, delay: float, max_wait: float
) -> None:
    lab.fault("late_work", delay=delay)
    async with lab.sandbox:
        answer, calls = await until_answered(lab, max_wait)
        assert ids(answer) == [post.id for post in lab.sandbox.posts]
    assert calls <= 4
    assert len(lab.sandbox.posts) == 1
    assert lab.statuses.count(201) == 1


@pytest.mark.parametrize("max_wait", [0.0, 5.0, 60.0])
async def test_what_never_arrived_is_sent_again_by_who_comes_again(
    lab: KeyLab, max_wait: float
) -> None:
    """Also by callers who never wait as long as two looks need, with one probe for all."""
    lab.fault("reset")
    async with lab.sandbox:
        answer, calls = await until_answered(lab, max_wait)
    assert calls <= 5
    assert ids(answer) == [post.id for post in lab.sandbox.posts]
    assert lab.statuses == [400, 201]
    assert lab.clock.monotonic() > SILENT


async def test_who_waits_as_long_as_it_takes_has_it_sent_again(lab: KeyLab) -> None:
    lab.fault("reset")
    async with lab.sandbox, lab.process() as process:
        call = asyncio.create_task(lab.schedule(process))
        while not lab.statuses:
            await lab.clock.sleep(5)
        lab.fault("reset")  # the second time too
        answer = await call
    assert ids(answer) == [post.id for post in lab.sandbox.posts]
    assert lab.statuses == [400, 400, 201]
    assert lab.clock.monotonic() > 2 * SILENT


@pytest.mark.parametrize("timeout", [None, 40.0, 10_000.0])
async def test_a_request_that_vanished_is_sent_again(lab: KeyLab, timeout: float | None) -> None:
    """Its time-out is over then, and that of the call has to be enough for all of it."""
    async with lab.sandbox, lab.process() as process:
        process.swallows = 1
        posts = process.postiz.with_options(timeout=timeout).posts
        post = NewPost(lab.channel, "a post")
        if timeout is None or timeout > SILENT:
            answer = await posts.schedule(post, at=AT, idempotency_key=KEY)
            assert SILENT < lab.clock.monotonic() < 2 * SILENT
        else:
            with pytest.raises(APITimeoutError, match="40 s was over"):
                await posts.schedule(post, at=AT, idempotency_key=KEY)
            assert (await lab.record()).is_bare
            answer = await lab.schedule(process)
    assert ids(answer) == [post.id for post in lab.sandbox.posts]
    assert lab.statuses == [400, 201]


@pytest.mark.parametrize("thread", [False, True])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("after_items", [0, 1, 2, 3])
async def test_what_was_stored_in_part_is_completed(
    lab: KeyLab,
    after_items: int,
    half: bool,  # noqa: FBT001
    thread: bool,  # noqa: FBT001
) -> None:
    lab.fault("stop", after_items=after_items, half=half)
    other = lab.sandbox.add_channel("telegram").id
    more = ("second", "third") if thread else ()
    posts = [
        NewPost(channel, "the same text", thread=more)
        for channel in (lab.channel, other, lab.channel)
    ]
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        answers = [
            await process.postiz.posts.schedule(*posts, at=AT, idempotency_key=KEY)
            for process in (one, two)
        ]
    assert answers[0] == answers[1]
    assert [each.channel for each in answers[0]] == [lab.channel, other, lab.channel]
    stored = {post.id: post for post in lab.sandbox.posts}
    assert set(ids(answers[0])) == set(stored)
    assert len(stored) == 3
    for place, each in enumerate(answers[0]):
        post = stored[each.post_id]
        assert post.channel_id == each.channel
        assert len(post.thread) == len(more)
        assert post.has_job
        assert post.settings["client_ref"] == KeyMarks(lab.quota, KEY).ref(place)


async def test_a_part_that_is_lost_again_is_completed_in_the_end(lab: KeyLab) -> None:
    faults = [("stop", {"after_items": 1}), ("drop_answer", {"times": 1})]
    lab.fault("stop", after_items=1)
    async with lab.sandbox, lab.process() as process:
        call = asyncio.create_task(lab.schedule(process, "same", "same", "same", "other"))
        while not call.done():
            await lab.clock.sleep(2)
            if faults and lab.statuses.count(400) == 3 - len(faults):  # the rest goes next
                kind, options = faults.pop(0)
                lab.fault(kind, **options)
        answer = await call
    assert lab.statuses == [500, 400, 500, 400, 201]
    assert sorted(ids(answer)) == [post.id for post in lab.sandbox.posts]
    contents = {post.id: post.content for post in lab.sandbox.posts}
    assert [contents[each] for each in ids(answer)] == ["same", "same", "same", "other"]
    assert [len(lab.of_key(place=place)) for place in range(4)] == [1] * 4


async def test_what_goes_at_once_is_sent_again_whatever_the_time(lab: KeyLab) -> None:
    lab.fault("reset")
    async with lab.sandbox, lab.process() as process:
        answer = await process.postiz.posts.publish_now(
            NewPost(lab.channel, "now"), idempotency_key=KEY
        )
        [post] = lab.sandbox.posts
    assert ids(answer) == [post.id]
    assert post.date > START + timedelta(seconds=SILENT)
    assert post.state == "PUBLISHED"
    assert lab.statuses == [400, 201]


async def test_the_rest_of_what_goes_at_once_is_sent_with_a_moment_of_its_own(lab: KeyLab) -> None:
    """Its parts have different dates, and what is known to be stored is not looked for again."""
    lab.fault("stop", after_items=1)
    posts = [NewPost(lab.channel, text) for text in ("a", "b", "c")]

    async def call(process: Process) -> list[Created]:
        return await process.postiz.posts.publish_now(*posts, idempotency_key=KEY)

    async with lab.sandbox, lab.process() as one, lab.process() as two:
        sending = asyncio.create_task(call(one))
        while 400 not in lab.statuses:
            await lab.clock.sleep(2)
        lab.fault("drop_answer")  # and of the rest the answer is lost
        answer = await sending
        assert answer == await call(two)
    contents = {post.id: post.content for post in lab.sandbox.posts}
    assert [contents[each] for each in ids(answer)] == ["a", "b", "c"]
    assert len(contents) == 3
    assert len({post.date for post in lab.sandbox.posts}) == 2
    assert lab.statuses == [500, 400, 201]


# ------------------------------------------------------------------ nobody can know


async def test_a_channel_that_is_gone_hides_what_was_stored(lab: KeyLab) -> None:
    lab.fault("drop_answer")
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        await unknown(lab, one, max_wait=0)
        await one.postiz.channels.delete(lab.channel)
        for _ in range(2):
            error = await unknown(lab, two)
            assert error.retry_after is None
            assert "its channel is gone" in str(error)
            assert "another key" in str(error)
        assert error.marks.channels == (lab.channel,)
    assert lab.statuses == [201, 400]


async def test_a_date_that_passed_meanwhile_is_not_sent_late(lab: KeyLab) -> None:
    lab.fault("reset")
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        error = await unknown(lab, one, hours=0.1)
        assert error.retry_after is None
        assert "its date passed" in str(error)
        error = await unknown(lab, two, hours=0.1, max_wait=0)
        assert error.retry_after is None, "and nothing more is spent to say so"
    assert lab.statuses == [400]
    assert not lab.sandbox.posts


async def test_a_part_whose_rest_cannot_be_sent_any_more(lab: KeyLab) -> None:
    other = lab.sandbox.add_channel("telegram").id
    posts = [NewPost(lab.channel, "a"), NewPost(other, "b")]

    async def call(process: Process) -> list[Created]:
        return await process.postiz.posts.schedule(*posts, at=AT, idempotency_key=KEY)

    lab.fault("stop", after_items=1)
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        sending = asyncio.create_task(call(one))
        await lab.clock.sleep(SILENT / 2)
        lab.sandbox.change_channel(other, disabled=True)
        with pytest.raises(DeliveryUnknownError, match="a part of it is stored") as caught:
            await sending
        assert caught.value.retry_after is None
        assert lab.sandbox.posts[0].id in str(caught.value)
        with pytest.raises(DeliveryUnknownError, match="is disabled"):
            await call(two)
        lab.sandbox.change_channel(other, disabled=False)
        async with lab.process() as three:
            answer = await call(three)
    assert ids(answer) == [post.id for post in lab.sandbox.posts]


# ------------------------------------------------------------------ fence and quota


@pytest.mark.parametrize(("text", "status"), [("another", 201), ("x" * 5_000, 400)])
async def test_later_creates_of_the_client_are_the_fence(
    lab: KeyLab, text: str, status: int
) -> None:
    lab.fault("reset")
    async with lab.sandbox, lab.process() as process:
        lost = asyncio.create_task(lab.schedule(process))
        await lab.clock.sleep(60)
        with nullcontext() if status == 201 else pytest.raises(BadRequestError):
            await lab.schedule(process, text, key="another", validate=False)
        answer = await lost
    assert lab.statuses == [status, 201], "no probe was spent"
    assert len(lab.sandbox.posts) == lab.statuses.count(201)
    assert ids(answer) == [lab.sandbox.posts[-1].id]


async def test_a_create_from_after_the_loss_is_the_fence_of_a_later_look(lab: KeyLab) -> None:
    lab.fault("reset")
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        await unknown(lab, one, max_wait=0)
        await lab.clock.sleep(60)
        await lab.schedule(two, "another", key="another")
        await lab.clock.sleep(SILENT)
        await lab.schedule(two)
    assert lab.statuses == [201, 201]


async def test_a_create_from_before_the_loss_is_none(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process() as process:
        await lab.schedule(process, "another", key="another")
        lab.fault("reset")
        await lab.schedule(process)
    assert lab.statuses == [201, 400, 201]


async def test_without_a_slot_for_the_fence_the_caller_is_told_of_the_quota() -> None:
    lab = KeyLab(limit=1)
    async with lab.sandbox, lab.process() as process:
        await lab.schedule(process, "another", key="another")
        window = lab.clock.monotonic() + 3_600
        lab.fault("reset")
        await lab.clock.sleep(3_700)
        await unknown(lab, process, max_wait=0)
        await lab.schedule(process, "third", key="third")
        await lab.clock.sleep(SILENT)
        lab.sandbox.faults.clear()
        assert window < lab.clock.monotonic()
        assert len(await lab.schedule(process)) == 1
    assert lab.statuses.count(201) == 3


async def test_the_fence_waits_no_longer_than_its_caller() -> None:
    lab = KeyLab(limit=2)
    async with lab.sandbox, lab.process() as one:
        lab.fault("reset")
        await unknown(lab, one, max_wait=0)
        async with lab.process() as two:
            while (await two.postiz.quota()).remaining != 0:
                await lab.schedule(two, key=f"k{len(lab.statuses)}")
        await lab.clock.sleep(SILENT)
        async with lab.process() as three:
            error = await unknown(lab, three, max_wait=30)
            assert error.retry_after is not None
            assert 2_000 < error.retry_after < 3_000
            await lab.clock.sleep(error.retry_after)
            assert len(await lab.schedule(three)) == 1
    assert len(lab.of_key()) == 1


# ------------------------------------------------------------------ several who look


async def test_one_looks_for_all(lab: KeyLab) -> None:
    lab.fault("reset")
    async with lab.sandbox, lab.process() as a, lab.process() as b, lab.process() as c:
        await unknown(lab, a, max_wait=0)
        answers = await asyncio.gather(
            *(lab.schedule(process) for _ in range(3) for process in (a, b, c))
        )
    assert len({tuple(ids(answer)) for answer in answers}) == 1
    assert lab.statuses == [400, 201], "one probe, one create"


async def test_who_waits_for_a_look_up_is_told_when_to_come_back(lab: KeyLab) -> None:
    lab.fault("late_work", delay=500.0)
    async with lab.sandbox, lab.process() as a, lab.process() as b:
        looking = asyncio.create_task(lab.schedule(a))
        await lab.clock.sleep(100)
        error = await unknown(lab, b, max_wait=3)
        assert "looking it up" in str(error)
        assert error.retry_after == pytest.approx(SILENT - 100, abs=40)
        assert await lab.schedule(b) == await looking
    assert len(lab.sandbox.posts) == 1


async def test_a_look_up_is_taken_over_from_who_is_gone(lab: KeyLab) -> None:
    lab.fault("late_work", delay=300.0)
    async with lab.sandbox, lab.process() as a, lab.process() as b:
        looking = asyncio.create_task(a.run(lab.schedule(a)))
        await lab.clock.sleep(100)
        assert (await lab.record()).holder
        a.die()
        assert await looking is None
        began = lab.clock.monotonic()
        assert len(await lab.schedule(b)) == 1
        assert lab.clock.monotonic() - began < 350
    assert len(lab.sandbox.posts) == 1


async def test_a_look_up_that_is_cancelled_lets_others_look_at_once(lab: KeyLab) -> None:
    lab.fault("drop_answer")
    async with lab.sandbox, lab.process() as a, lab.process() as b:
        looking = asyncio.create_task(lab.schedule(a))
        await lab.clock.sleep(3)
        assert (await lab.record()).holder
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        assert not (await lab.record()).holder
        assert len(await lab.schedule(b)) == 1
        assert lab.clock.monotonic() < 15
    assert lab.statuses == [201]


async def test_who_was_slow_mends_nothing_any_more(lab: KeyLab) -> None:
    """A look-up that was taken over would take what the other sent for half of a thread."""
    lab.fault("stop", after_items=0, half=True)
    post = NewPost(lab.channel, "first", thread=("second",))

    async def call(process: Process) -> list[Created]:
        return await process.postiz.posts.schedule(post, at=AT, idempotency_key=KEY)

    async with lab.sandbox, lab.process() as slow, lab.process() as quick:
        slow.stopped_for["/posts"] = 0.0
        task = asyncio.create_task(call(slow))
        while not lab.statuses:
            await lab.clock.sleep(0.1)
        slow.stopped_for["/posts"] = 600.0  # before its look
        await lab.clock.sleep(120)
        answer = await call(quick)
        assert lab.clock.monotonic() < 300
        assert await task == answer
        assert lab.clock.monotonic() > 600
    [stored] = lab.sandbox.posts
    assert ids(answer) == [stored.id]
    assert len(stored.thread) == 1


async def test_a_thread_that_the_server_failed_at_is_mended_without_waiting(lab: KeyLab) -> None:
    """It said that it failed, so nothing more comes."""
    lab.fault("stop", after_items=0, half=True)
    post = NewPost(lab.channel, "first", thread=("second",))
    async with lab.sandbox, lab.process() as process:
        answer = await process.postiz.posts.schedule(post, at=AT, idempotency_key=KEY)
        assert lab.clock.monotonic() < 30
    [stored] = lab.sandbox.posts
    assert ids(answer) == [stored.id]
    assert len(stored.thread) == 1
    assert lab.statuses == [500, 201]


async def test_a_process_that_was_stopped_before_it_sends_writes_down_when_it_did() -> None:
    """Else others would take it for dead, and it would send all the same."""
    lab = KeyLab()
    async with lab.sandbox, lab.process(latency=2.0) as one, lab.process() as two:
        one.stopped_for["swapped"] = 30.0
        call = asyncio.create_task(lab.schedule(one))
        await lab.until_sent()
        await lab.clock.sleep(31)
        record = await lab.record()
        assert record.left_at > lab.host.monotonic() - 5
        assert await lab.schedule(two) == await call
    assert lab.statuses == [201]


async def test_one_that_was_stopped_for_too_long_sends_nothing_any_more() -> None:
    lab = KeyLab()
    async with lab.sandbox, lab.process(latency=2.0) as one, lab.process() as two:
        one.stopped_for["swapped"] = 2_000.0
        call = asyncio.create_task(lab.schedule(one))
        await lab.clock.sleep(35)
        answer = await lab.schedule(two)
        assert lab.clock.monotonic() < 1_000
        assert await call == answer
        assert lab.clock.monotonic() > 2_000
    assert lab.statuses == [400, 201]


# ------------------------------------------------------------------ Postiz or the store is away


async def test_postiz_may_be_away_while_it_is_looked_up(lab: KeyLab) -> None:
    lab.fault("drop_answer")
    async with lab.sandbox, lab.process() as one:
        await unknown(lab, one, max_wait=0)
        await lab.clock.sleep(20)
        lab.fault("error_before", route="list_posts", status=503, times=None)
        error = await unknown(lab, one)
        assert error.__cause__ is not None
        assert "cannot be looked up" in str(error)
        assert error.retry_after is not None
        lab.sandbox.faults.clear()
        assert len(await lab.schedule(one)) == 1
    assert lab.statuses == [201]


async def test_a_lost_answer_is_told_also_where_the_store_is_away(lab: KeyLab) -> None:
    lab.fault("drop_answer")
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        one.store_fails = lambda _, __: bool(lab.statuses)
        error = await unknown(lab, one)
        assert isinstance(error.__cause__, StoreError)
        assert error.retry_after is not None
        assert error.marks.contents == ("a post",)
        answer = await lab.schedule(two)
    assert ids(answer) == [post.id for post in lab.sandbox.posts]
    assert lab.statuses == [201]


async def test_the_channels_may_be_unknown_while_it_is_looked_up(lab: KeyLab) -> None:
    lab.fault("drop_answer")
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        await unknown(lab, one, max_wait=0)
        lab.fault("reset", route="list_channels", times=4)
        error = await unknown(lab, two)
        assert error.marks.channels == (lab.channel,)
        assert error.marks.contents == ()
        assert len(await lab.schedule(two)) == 1
    assert lab.statuses == [201]


# ------------------------------------------------------------------ clocks


@pytest.mark.parametrize(("holder", "looker"), [(3_600, 0), (-3_600, 0), (0, 3_600), (0, -3_600)])
async def test_clocks_of_hosts_may_differ_by_an_hour(holder: float, looker: float) -> None:
    lab = KeyLab(with_clock=True)
    lab.fault("late_work", delay=400.0)
    async with (
        lab.sandbox,
        lab.process(ahead=holder) as one,
        lab.process(ahead=looker) as two,
    ):
        sending = asyncio.create_task(one.run(lab.schedule(one)))
        await lab.clock.sleep(10)
        one.die()
        await sending
        answer = await lab.schedule(two)
        assert lab.clock.monotonic() > 400
    assert ids(answer) == [post.id for post in lab.of_key()]
    assert lab.statuses == [201]


async def test_the_clock_of_the_store_may_be_any() -> None:
    lab = KeyLab()
    lab.store = ClockedStore(lab.clock, ahead=-1e9)
    lab.fault("reset")
    async with lab.sandbox, lab.process() as one:
        assert len(await lab.schedule(one)) == 1
        assert lab.clock.monotonic() > SILENT
    assert lab.statuses == [400, 201]


@pytest.mark.parametrize("ahead", [3_600, -3_600])
@pytest.mark.parametrize("validate", [True, False])
async def test_what_goes_at_once_goes_at_once_by_the_servers_clock(
    ahead: float,
    validate: bool,  # noqa: FBT001
) -> None:
    lab = KeyLab(with_clock=True)
    channel = Channel(id=lab.channel, name="ours", provider="mastodon")
    async with lab.sandbox, lab.process(ahead=ahead) as process:
        await process.postiz.posts.publish_now(
            NewPost(channel, "now"), validate=validate, idempotency_key=KEY
        )
        await lab.clock.sleep(1)
        [post] = lab.sandbox.posts
    assert post.state == "PUBLISHED"
    assert abs((post.date - START).total_seconds()) < 5


# ------------------------------------------------------------------ equal posts, moved posts


async def test_equal_posts_of_two_keys_are_not_confused(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        lab.fault("drop_answer")
        lab.fault("reset")
        first, second = await asyncio.gather(
            lab.schedule(one, key="first"), lab.schedule(two, key="second")
        )
    assert [len(lab.of_key(key)) for key in ("first", "second")] == [1, 1]
    assert ids(first) != ids(second)
    assert sorted(ids(first) + ids(second)) == [post.id for post in lab.sandbox.posts]


async def test_an_equal_post_of_another_day_is_not_taken_for_a_moved_one(lab: KeyLab) -> None:
    """As when an application sends the same greeting for each day of a month."""
    async with lab.sandbox, lab.process() as one:
        lab.fault("reset")
        lost = asyncio.create_task(lab.schedule(one, "Good morning", key="today"))
        await lab.clock.sleep(30)
        for day in range(1, 4):
            await lab.schedule(one, "Good morning", key=f"day {day}", hours=24.0 * (1 + day))
        await lost
    assert len(lab.of_key("today")) == 1
    assert len(lab.sandbox.posts) == 4


async def test_a_post_that_somebody_moved_is_found_or_named(
    lab: KeyLab, request: pytest.FixtureRequest
) -> None:
    lab.fault("drop_answer")
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        await unknown(lab, one, max_wait=0)
        [post] = lab.sandbox.posts
        moved = START + timedelta(hours=30)
        lab.sandbox.change_post(post.id, date=int(moved.timestamp() * 1000))
        if "HEAD" in request.node.name:
            assert ids(await lab.schedule(two)) == [post.id]
        else:  # which lists no marks
            said = f"post {post.id}, which has its channel and text, may be it"
            with pytest.raises(DeliveryUnknownError, match=said) as caught:
                await lab.schedule(two)
            assert caught.value.retry_after is None, "a person has to look"
    assert lab.statuses == [201, 400]


async def test_the_quota_bounds_what_is_sent_again() -> None:
    """What is certain to be absent waits for a slot like anything else, with the key free."""
    lab = KeyLab(limit=2)
    async with lab.sandbox, lab.process() as one:
        lab.fault("reset")
        sending = asyncio.create_task(lab.schedule(one))
        await lab.clock.sleep(100)
        async with lab.process() as two:
            for number in range(2):
                await lab.schedule(two, key=f"k{number}")
            await lab.clock.sleep(SILENT)
            with pytest.raises((QuotaWaitError, DeliveryUnknownError)):
                await lab.schedule(two, max_wait=0)
        assert len(await sending) == 1
    assert lab.statuses.count(201) == 3
    assert 429 not in lab.statuses
