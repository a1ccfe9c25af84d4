"""One key, one create: the same answer, however often, from wherever, also at the same time."""

from __future__ import annotations

import asyncio
import logging
import math
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from key_lab import KEY, START, URL, KeyLab, Process, ids

from postiz_async import (
    AdvancedOptions,
    APIConnectionError,
    AuthenticationError,
    BadRequestError,
    Channel,
    ConfigurationError,
    DeliveryUnknownError,
    IdempotencyError,
    InvalidPostError,
    NewPost,
    Postiz,
    PostizPool,
    PostRequest,
    QuotaWaitError,
)
from postiz_async._delivery.record import (
    DeliveryPost,
    DeliveryRecord,
    fingerprint_of,
    write_record,
)
from postiz_async._resources.api import opened
from postiz_async._resources.builder import NewCreate
from postiz_async._resources.keyed import said_of
from postiz_async._wire import encode_body
from postiz_async.errors import StoreError
from postiz_async.models.posts import Created
from postiz_async.stores import Kept
from postiz_async.stores.memory import MemoryStore
from postiz_async.stores.sqlite import SqliteStore
from postiz_async.testing import Sandbox
from postiz_async.testing._transport import SandboxTransport

AT = START + timedelta(hours=24)


@pytest.fixture
def lab() -> KeyLab:
    return KeyLab()


# ------------------------------------------------------------------ the same answer


async def test_the_same_call_again_has_the_same_answer_and_asks_nobody(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process() as one, lab.process() as other:
        first = await lab.schedule(one, "a", "b")
        asked = lab.sandbox.requests
        assert first == await lab.schedule(one, "a", "b")
        assert first == await lab.schedule(other, "a", "b")
        assert lab.sandbox.requests == asked
    assert ids(first) == [post.id for post in lab.sandbox.posts]
    assert lab.statuses == [201]


async def test_what_became_of_a_key_is_read_without_a_create(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process() as one, lab.process() as other:
        assert await one.postiz.posts.by_key(KEY) is None
        first = await lab.schedule(one, "a", "b")
        lab.fault("drop_answer")
        with pytest.raises(DeliveryUnknownError):
            await lab.schedule(one, key="lost", max_wait=0)
        asked = lab.sandbox.requests
        assert await other.postiz.posts.by_key(KEY) == first
        assert await other.postiz.posts.by_key("lost") == []
        assert lab.sandbox.requests == asked
        with pytest.raises(InvalidPostError, match="1 to 255"):
            await one.postiz.posts.by_key("")


async def test_many_at_once_from_several_processes_make_one_create(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process() as a, lab.process() as b, lab.process(latency=1.0) as c:
        calls = [lab.schedule(process) for _ in range(20) for process in (a, b, c)]
        answers = await asyncio.gather(*calls)
    assert lab.statuses == [201]
    assert {tuple(ids(answer)) for answer in answers} == {(lab.sandbox.posts[0].id,)}


async def test_a_create_costs_three_round_trips_to_the_store_and_a_repetition_one(
    lab: KeyLab,
) -> None:
    async with lab.sandbox, lab.process() as process:
        await lab.schedule(process)
        assert process.operations == 3
        await lab.schedule(process)
        assert process.operations == 4


@pytest.mark.parametrize("kind", ["schedule", "draft", "now", "create"])
async def test_each_way_to_create(lab: KeyLab, kind: str) -> None:
    post = NewPost(lab.channel, "a post")

    async def call(postiz: Postiz) -> list[Created]:
        if kind == "create":
            body = await postiz.posts.build(post, kind="schedule", at=AT)
            return await postiz.posts.send(body, idempotency_key=KEY)
        if kind == "now":
            return await postiz.posts.publish_now(post, idempotency_key=KEY)
        make = postiz.posts.draft if kind == "draft" else postiz.posts.schedule
        return await make(post, at=AT, idempotency_key=KEY)

    async with lab.sandbox, lab.process() as one, lab.process() as other:
        first = await call(one.postiz)
        await lab.clock.sleep(60)
        assert first == await call(other.postiz)
    [stored] = lab.of_key()
    assert stored.state == {"draft": "DRAFT", "now": "PUBLISHED"}.get(kind, "QUEUE")
    assert abs((stored.date - (START if kind == "now" else AT)).total_seconds()) < 2
    assert lab.statuses == [201]


async def test_calls_with_other_options_have_the_same_keys(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process() as process:
        first = await lab.schedule(process)
        posts = process.postiz.with_options(timeout=5, max_wait=0, priority=10).posts
        post = NewPost(lab.channel, "a post")
        assert first == await posts.schedule(post, at=AT, idempotency_key=KEY)
    assert lab.statuses == [201]


@pytest.mark.parametrize("fault", [None, "drop_answer", "reset"])
async def test_a_file_remembers_keys_for_the_next_process(
    lab: KeyLab, tmp_path: Path, fault: str | None
) -> None:
    """The store as it is, with its threads; and the one that an outbox has by itself."""

    async def call(**options: Any) -> list[str]:
        async with Postiz(
            api_key=lab.sandbox.organization.api_key,
            base_url=URL,
            advanced=AdvancedOptions(
                clock=lab.clock, transport=SandboxTransport(lab.sandbox, latency=0.1)
            ),
            **options,
        ) as postiz:
            post = NewPost(lab.channel, "a post")
            return ids(await postiz.posts.schedule(post, at=AT, idempotency_key=KEY))

    if fault is not None:
        lab.fault(fault)
    async with lab.sandbox:
        first = await call(outbox=tmp_path / "outbox.sqlite")
        for _ in range(2):
            store = SqliteStore(tmp_path / "outbox.sqlite")
            assert await call(store=store) == first
            await store.aclose()
    assert lab.statuses.count(201) == 1
    assert len(lab.of_key()) == 1


async def test_a_key_is_no_other_key(lab: KeyLab) -> None:
    """As it is: upper and lower case, spaces, whatever looks alike."""
    keys = ["k", "K", " k", "k ", "\N{KELVIN SIGN}", "k" * 255, "\N{PARTY POPPER}" * 255]
    async with lab.sandbox, lab.process() as process:
        for key in keys:
            await lab.schedule(process, key=key)
    assert lab.statuses == [201] * len(keys)
    assert [len(lab.of_key(key)) for key in keys] == [1] * len(keys)


@pytest.mark.parametrize("key", ["", "x" * 256, "x" * 10_000, "a\0b", "\ud83d"])
async def test_what_is_no_key_is_refused_before_anything(lab: KeyLab, key: str) -> None:
    async with lab.sandbox, lab.process() as process:
        with pytest.raises(InvalidPostError):
            await lab.schedule(process, key=key)
    assert (lab.sandbox.requests, process.steps) == (0, 0)


# ------------------------------------------------------------------ another body


async def test_another_body_is_refused_with_what_differs(lab: KeyLab) -> None:
    """Each part counts: see `test_record.py`."""
    post, other = NewPost(lab.channel, "a post"), NewPost(lab.channel, "another")
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        await lab.schedule(one)
        asked = lab.sandbox.requests
        posts = two.postiz.posts
        for call, differs in (
            (partial(posts.schedule, other, at=AT), ("posts.0.content",)),
            (partial(posts.draft, post, at=AT), ("kind",)),
            (partial(posts.publish_now, post), ("kind", "at")),
        ):
            with pytest.raises(IdempotencyError) as caught:
                await call(idempotency_key=KEY)
            assert (caught.value.key, caught.value.differs) == (KEY, differs)
            assert differs[0] in str(caught.value)
        assert lab.sandbox.requests == asked
    assert lab.statuses == [201]


async def test_another_body_is_refused_while_the_first_is_under_way(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process(latency=2.0) as one, lab.process() as two:
        first = asyncio.create_task(lab.schedule(one))
        await lab.until_sent()
        with pytest.raises(IdempotencyError):
            await lab.schedule(two, "another")
        with pytest.raises(IdempotencyError):
            await lab.schedule(one, "another")
        await first
    assert lab.statuses == [201]


# ------------------------------------------------------------------ what came between


async def test_a_date_that_has_passed_does_not_matter_to_an_answer(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process() as process:
        first = await lab.schedule(process)
        await lab.clock.sleep(48 * 3600)
        assert first == await lab.schedule(process)
        with pytest.raises(InvalidPostError, match="has passed"):
            await lab.schedule(process, key="another")


async def test_postiz_may_be_away_when_an_answer_is_known(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        first = await lab.schedule(one)
        lab.fault("reset", route=None, times=None)
        assert first == await lab.schedule(two)
        with pytest.raises(APIConnectionError):
            await lab.schedule(two, key="another")


async def test_so_may_be_its_channel(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        first = await lab.schedule(one)
        await one.postiz.channels.delete(lab.channel)
        assert first == await lab.schedule(two)


# ------------------------------------------------------------------ refused, not carried out


async def test_a_refusal_is_repeated_word_for_word_and_costs_nothing(lab: KeyLab) -> None:
    errors: list[BadRequestError] = []
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        for process in (one, two, one):
            with pytest.raises(BadRequestError) as caught:
                await lab.schedule(process, "x" * 5_000, validate=False)
            errors.append(caught.value)
        with pytest.raises(IdempotencyError):
            await lab.schedule(two, "mended")
    assert lab.statuses == [400]
    assert len({str(error) for error in errors}) == 1
    assert len({(error.status_code, error.text, error.body) for error in errors}) == 1


async def test_what_is_refused_before_it_is_sent_leaves_the_key_free(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process() as process:
        with pytest.raises(InvalidPostError):
            await lab.schedule(process, "x" * 5_000)
        with pytest.raises(InvalidPostError, match="no channel"):
            await process.postiz.posts.schedule(NewPost("nowhere", "x"), at=AT, idempotency_key=KEY)
        with pytest.raises(InvalidPostError, match="time zone"):
            await process.postiz.posts.schedule(
                NewPost(lab.channel, "x"),
                at=datetime(2028, 1, 1),  # noqa: DTZ001
                idempotency_key=KEY,
            )
        with pytest.raises(InvalidPostError, match="posts: is empty"):
            await process.postiz.posts.schedule(at=AT, idempotency_key=KEY)
        assert (await lab.record()).is_bare
        assert await lab.schedule(process, "another one")
    assert lab.statuses == [201]


async def test_what_no_request_can_carry_is_refused_before_it_waits(lab: KeyLab) -> None:
    """Also where only the marks make it too long."""
    async with lab.sandbox, lab.process() as process:
        room = 102_400 - len(_encoded(await _draft(process, lab, "x"))) + 1
        post = NewPost(lab.channel, "x" * room)
        assert len(_encoded(await _draft(process, lab, post.content))) == 102_400
        with pytest.raises(InvalidPostError, match="the server reads"):
            await process.postiz.posts.draft(post, at=AT, validate=False, idempotency_key=KEY)
        assert (await lab.record()).is_bare
    assert lab.statuses == []


async def _draft(process: Process, lab: KeyLab, text: object) -> PostRequest:
    post = NewPost(lab.channel, str(text))
    return await process.postiz.posts.build(post, kind="draft", at=AT, validate=False)


def _encoded(body: PostRequest) -> bytes:
    return bytes(encode_body(body))


async def test_what_was_proved_not_carried_out_goes_again_by_itself(lab: KeyLab) -> None:
    lab.fault("empty_401", times=3)
    async with lab.sandbox, lab.process() as process:
        first = await lab.schedule(process)
        assert first == await lab.schedule(process)
    assert len(lab.of_key()) == 1


async def test_an_error_that_proves_that_nothing_is_stored_frees_the_key(lab: KeyLab) -> None:
    lab.fault("empty_401", times=4)
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        with pytest.raises(Exception, match="401"):
            await lab.schedule(one)
        assert (await lab.record()).is_bare
        await lab.schedule(two, "another body, for nothing came of the first")
    assert len(lab.of_key()) == 1


async def test_a_key_that_is_not_accepted_frees_the_key(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process(api_key="wrong", organization="ours") as one:
        channel = Channel(id=lab.channel, name="ours", provider="mastodon")
        with pytest.raises(AuthenticationError):
            await one.postiz.posts.schedule(
                NewPost(channel, "x"), at=AT, validate=False, idempotency_key=KEY
            )
        quota = opened(one.postiz).quota_name
        async with lab.process(organization="ours") as two:
            await two.postiz.posts.schedule(NewPost(channel, "x"), at=AT, idempotency_key=KEY)
            assert opened(two.postiz).quota_name == quota
    assert len(lab.sandbox.posts) == 1


async def test_nothing_is_written_while_a_call_waits_for_its_slot() -> None:
    lab = KeyLab(limit=1)
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        await lab.schedule(one, key="first")
        waiting = asyncio.create_task(lab.schedule(one))
        await lab.clock.sleep(600)
        assert (await lab.record()).is_bare
        for process in (one, two):
            with pytest.raises(QuotaWaitError) as caught:
                await lab.schedule(process, max_wait=5)
            assert 2_900 < caught.value.retry_after < 3_100
        assert (await lab.record()).is_bare
        await waiting
    assert len(lab.of_key()) == 1


async def test_a_429_gives_key_and_slot_back_until_the_window_opens() -> None:
    lab = KeyLab(limit=2)
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        for number in range(2):  # by somebody who shares nothing
            async with lab.process(store=MemoryStore()) as stranger:
                await lab.schedule(stranger, key=f"stranger {number}")
        waiting = asyncio.create_task(lab.schedule(one))
        await lab.clock.sleep(100)
        assert lab.statuses == [201, 201, 429]
        assert (await lab.record()).is_bare, "it waits, and nobody has to look it up"
        answers = await asyncio.gather(waiting, lab.schedule(two))
    assert answers[0] == answers[1]
    assert len(lab.of_key()) == 1


async def test_an_answer_of_another_process_ends_the_wait_for_a_slot() -> None:
    lab = KeyLab(limit=1)
    async with lab.sandbox, lab.process() as one:
        await lab.schedule(one, key="first")
        waiting = asyncio.create_task(lab.schedule(one))
        await lab.clock.sleep(60)
        await _answered_elsewhere(lab)
        began = lab.clock.monotonic()
        assert ids(await waiting) == ["elsewhere"]
        assert lab.clock.monotonic() - began <= 15
        assert opened(one.postiz).scheduler.queue.waiting == 0
    assert lab.statuses == [201]


async def _answered_elsewhere(lab: KeyLab) -> None:
    """As if another process had got a slot: the answer is in the record."""
    said = said_of(NewCreate("schedule", (NewPost(lab.channel, "a post"),), AT, (), False))  # noqa: FBT003
    posts = (DeliveryPost(lab.channel, "elsewhere"),)
    delivery = DeliveryRecord(state="stored", fingerprint=fingerprint_of(said), posts=posts)
    await lab.store.swap(lab.quota, KEY, 0, write_record(delivery), keep=3600)


# ------------------------------------------------------------------ waiting for another call


@pytest.mark.parametrize("is_other_process", [True, False])
async def test_who_may_not_wait_is_told_when_to_come_back(
    lab: KeyLab,
    is_other_process: bool,  # noqa: FBT001
) -> None:
    async with lab.sandbox, lab.process(latency=5.0) as one, lab.process() as two:
        first = asyncio.create_task(lab.schedule(one))
        await lab.until_sent()
        for max_wait in (0, 1e-9, 1.5):  # so short a sleep moves no clock on
            began = lab.clock.monotonic()
            with pytest.raises(DeliveryUnknownError) as caught:
                await lab.schedule(two if is_other_process else one, max_wait=max_wait)
            assert lab.clock.monotonic() - began == pytest.approx(max_wait, abs=0.01)
            assert caught.value.retry_after is not None
            assert 1 <= caught.value.retry_after <= 45
            assert caught.value.marks.channels == (lab.channel,)
            date = datetime.fromisoformat((await lab.record()).date)
            assert caught.value.marks.date == date
        answer = await lab.schedule(two if is_other_process else one)
        assert answer == await first
    assert lab.statuses == [201]


async def test_who_waits_behind_a_call_that_fails_makes_it_itself() -> None:
    lab = KeyLab(limit=1)
    async with lab.sandbox, lab.process() as one:
        await lab.schedule(one, key="first")
        calls = [lab.schedule(one, max_wait=5), lab.schedule(one), lab.schedule(one)]
        failed, *others = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(failed, QuotaWaitError)
        assert others[0] == others[1]
    assert len(lab.of_key()) == 1


async def test_a_deadline_bounds_all_waiting(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process(latency=5.0) as one, lab.process() as two:
        first = asyncio.create_task(lab.schedule(one))
        await lab.until_sent()
        soon = datetime.fromtimestamp(lab.clock.time() + 2, UTC)
        posts = two.postiz.with_options(deadline=soon).posts
        began = lab.clock.monotonic()
        with pytest.raises(DeliveryUnknownError):
            await posts.schedule(NewPost(lab.channel, "a post"), at=AT, idempotency_key=KEY)
        assert lab.clock.monotonic() - began == pytest.approx(2, abs=0.01)
        await first


async def test_waiting_for_another_call_is_no_part_of_a_timeout(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process(latency=5.0) as one, lab.process() as two:
        first = asyncio.create_task(lab.schedule(one))
        await lab.until_sent()
        posts = two.postiz.with_options(timeout=1).posts
        answer = await posts.schedule(NewPost(lab.channel, "a post"), at=AT, idempotency_key=KEY)
        assert answer == await first
    assert lab.statuses == [201]


# ------------------------------------------------------------------ the store


@pytest.mark.parametrize("what", ["read", "swap"])
async def test_without_its_store_nothing_is_sent(lab: KeyLab, what: str) -> None:
    async with lab.sandbox, lab.process() as process:
        process.store_fails = lambda operation, _: operation == what
        with pytest.raises(StoreError):
            await lab.schedule(process)
        assert lab.statuses == []
        process.store_fails = lambda _, __: False
        await lab.schedule(process)
    assert lab.statuses == [201]


async def test_a_store_that_writes_and_does_not_say_so_is_believed_to_have_written(
    lab: KeyLab, caplog: pytest.LogCaptureFixture
) -> None:
    """What it wrote before the first byte is taken back; nothing was sent."""
    async with lab.sandbox, lab.process() as process:
        failed: list[int] = []

        def fails(operation: str, number: int) -> bool:
            if operation == "swapped" and not failed:
                failed.append(number)
            return operation == "swapped" and failed == [number]

        process.store_fails = fails
        with pytest.raises(StoreError):
            await lab.schedule(process)
        assert lab.statuses == []
        assert (await lab.record()).is_bare
        await lab.schedule(process)
    assert lab.statuses == [201]
    assert not caplog.records


class AskedTwice(MemoryStore):
    """Repeats what its connection broke at, and then finds its own record."""

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        await super().swap(scope, key, version, value, keep=keep)
        return await super().swap(scope, key, version, value, keep=keep)


async def test_a_store_that_asked_twice_has_done_it(lab: KeyLab) -> None:
    lab.store = AskedTwice()
    lab.fault("drop_answer")
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        first = await lab.schedule(one)
        assert lab.clock.monotonic() < 15
        assert first == await lab.schedule(two)
    assert lab.statuses == [201]


async def test_a_store_that_fails_after_the_answer_does_not_hide_it(
    lab: KeyLab, caplog: pytest.LogCaptureFixture
) -> None:
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        one.store_fails = lambda operation, _: operation == "swap" and bool(lab.statuses)
        first = await lab.schedule(one)
        assert (await lab.record()).state == "leaving"
        assert "is not written down" in caplog.text
        began = lab.clock.monotonic()
        assert first == await lab.schedule(two)
        assert 30 < lab.clock.monotonic() - began < 90, "when the first is surely over"
        assert (await lab.record()).state == "stored"
    assert lab.statuses == [201]


async def test_a_damaged_record_is_an_error_of_the_store(lab: KeyLab) -> None:
    await lab.store.swap(lab.quota, KEY, 0, b"{", keep=3600)
    async with lab.sandbox, lab.process() as process:
        with pytest.raises(StoreError, match="cannot be read"):
            await lab.schedule(process)
    assert lab.statuses == []


async def test_without_a_store_the_process_remembers_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    local = Sandbox()
    channel = local.add_channel("mastodon")
    at = local.in_an_hour()
    async with local.client() as keeper:  # which keeps the sandbox alive
        answers = []
        for _ in range(2):
            async with local.client() as postiz:
                for _ in range(3):
                    answers += [
                        await postiz.posts.schedule(
                            NewPost(channel, "Hello"), at=at, idempotency_key=KEY
                        )
                    ]
        assert len({each[0].post_id for each in answers}) == 1
        del keeper
    assert len(local.creates) == 1
    said = [each for each in caplog.records if "memory of this process" in each.message]
    assert len(said) == 1, "however many clients there are"


async def test_nothing_is_said_where_a_store_lasts(
    lab: KeyLab, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with lab.sandbox, lab.process() as process:
        await lab.schedule(process)
    assert "memory of this process" not in caplog.text


# ------------------------------------------------------------------ clients, pools


async def test_clients_of_a_pool_share_the_keys_of_an_organisation() -> None:
    lab = KeyLab()
    store = MemoryStore()
    other = lab.sandbox.add_organization(api_key="other")
    theirs = lab.sandbox.add_channel("mastodon", organization=other).id
    async with (
        lab.sandbox,
        PostizPool(
            base_url=URL,
            store=store,
            advanced=AdvancedOptions(
                clock=lab.clock,
                transport=SandboxTransport(lab.sandbox, latency=0.1),
                idempotency_keep=timedelta(days=1),
            ),
        ) as pool,
    ):
        first = await pool.client(lab.sandbox.organization.api_key, organization="acme")
        second = await pool.client("other", organization="globex")
        mine, yours = NewPost(lab.channel, "Hello"), NewPost(theirs, "Hello")
        made = await first.posts.schedule(mine, at=AT, idempotency_key=KEY)
        assert made == await first.posts.schedule(mine, at=AT, idempotency_key=KEY)
        assert made != await second.posts.schedule(yours, at=AT, idempotency_key=KEY)
        async with PostizPool(
            base_url=URL,
            store=store,
            advanced=AdvancedOptions(clock=lab.clock, transport=SandboxTransport(lab.sandbox)),
        ) as next_process:
            again = await next_process.client(lab.sandbox.organization.api_key, organization="acme")
            assert made == await again.posts.schedule(mine, at=AT, idempotency_key=KEY)
    assert lab.statuses == [201, 201]


async def test_a_create_does_not_wait_for_a_connection_longer_than_its_record_says() -> None:
    """While others have all connections of a pool, nobody may take it for dead and send it too."""
    lab = KeyLab()
    lab.sandbox.add_organization(api_key="other")
    latency = 0.0
    way = SandboxTransport(lab.sandbox, latency=lambda: latency)
    async with (
        lab.sandbox,
        PostizPool(
            base_url=URL,
            connections=1,
            store=lab.store,
            advanced=AdvancedOptions(clock=lab.clock, transport=way),
        ) as pool,
    ):
        busy = await pool.client("other")
        mine = await pool.client(lab.sandbox.organization.api_key)
        assert await mine.channels.is_connected()
        latency = 100.0
        taken = asyncio.create_task(busy.channels.list())
        await lab.clock.sleep(1)
        channel = Channel(id=lab.channel, name="ours", provider="mastodon")
        call = asyncio.create_task(
            mine.posts.publish_now(  # which has no mark to look for before
                NewPost(channel, "a post"), validate=False, idempotency_key=KEY
            )
        )
        await lab.clock.sleep(20)
        record = await lab.record()
        assert record.gone_at > lab.clock.monotonic()
        await lab.clock.sleep(record.gone_at - lab.clock.monotonic())
        assert (await lab.record()) != record, "it was given back meanwhile"
        for task in (taken, call):
            task.cancel()
        await asyncio.wait([taken, call])


async def test_a_pool_keeps_a_client_that_waits_for_an_answer() -> None:
    lab = KeyLab()
    async with lab.sandbox, lab.process(latency=5.0) as one, lab.process() as two:
        first = asyncio.create_task(lab.schedule(one))
        await lab.until_sent()
        waiting = asyncio.create_task(lab.schedule(two))
        await lab.clock.sleep(1)
        assert opened(two.postiz).scheduler.under_way == 1
        assert await waiting == await first
        assert opened(two.postiz).scheduler.under_way == 0


async def test_a_closed_client_makes_no_call(lab: KeyLab) -> None:
    async with lab.sandbox:
        async with lab.process() as process:
            posts = process.postiz.posts
        with pytest.raises(ConfigurationError, match="closed"):
            await posts.schedule(NewPost(lab.channel, "x"), at=AT, idempotency_key=KEY)


async def test_closing_ends_the_wait_for_another_call(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process(latency=14.0) as one:
        first = asyncio.create_task(lab.schedule(one))
        await lab.until_sent()
        async with lab.process() as two:
            waiting = asyncio.create_task(lab.schedule(two))
            await lab.clock.sleep(1)
        with pytest.raises(ConfigurationError, match="closed"):
            await waiting
        await first


async def test_closing_can_wait_for_what_is_written_down_after_the_answer(lab: KeyLab) -> None:
    async with lab.sandbox:
        async with lab.process(latency=2.0, drain=math.inf) as one:
            call = asyncio.create_task(lab.schedule(one))
            await lab.until_sent()
        assert call.done()
        assert (await lab.record()).state == "stored"
        await call
