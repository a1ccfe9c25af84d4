"""Stores that forget keys: started again empty, evicted, expired, returned to an older state."""

from __future__ import annotations

from datetime import timedelta

import pytest
from key_lab import KEY, START, KeyLab, ids

from postiz_async import DeliveryUnknownError, IdempotencyError, NewPost
from postiz_async.stores.memory import MemoryStore


@pytest.fixture
def lab() -> KeyLab:
    return KeyLab()


async def test_what_was_answered_is_found_by_its_mark(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process() as one, lab.process(store=MemoryStore()) as two:
        first = await lab.schedule(one, "a", "b")
        assert await lab.schedule(two, "a", "b") == first
        assert await lab.schedule(two, "a", "b") == first
    assert ids(first) == [post.id for post in lab.sandbox.posts]
    assert lab.statuses == [201]


async def test_so_is_a_draft(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process() as one, lab.process(store=MemoryStore()) as two:
        answers = [
            await each.postiz.posts.draft(
                NewPost(lab.channel, "a"), at=START + timedelta(days=1), idempotency_key=KEY
            )
            for each in (one, two)
        ]
    assert answers[0] == answers[1]
    assert len(lab.sandbox.posts) == 1


@pytest.mark.parametrize("kind", ["drop_answer", "reset"])
async def test_a_key_that_expires_while_it_is_in_doubt_makes_no_second_post(
    lab: KeyLab, kind: str
) -> None:
    lab.fault(kind)
    async with lab.sandbox, lab.process() as one, lab.process(store=MemoryStore()) as later:
        with pytest.raises(DeliveryUnknownError):
            await lab.schedule(one, max_wait=0)
        await lab.clock.sleep(2 * 3_600)
        answer = await lab.schedule(later)
    assert ids(answer) == [post.id for post in lab.sandbox.posts]
    assert lab.statuses == [201]


async def test_of_what_was_stored_in_part_the_rest_is_sent(lab: KeyLab) -> None:
    lab.fault("stop", after_items=1)
    async with lab.sandbox, lab.process() as one, lab.process(store=MemoryStore()) as two:
        with pytest.raises(DeliveryUnknownError):
            await lab.schedule(one, "a", "b", "c", max_wait=0)
        answer = await lab.schedule(two, "a", "b", "c")
    assert sorted(ids(answer)) == [post.id for post in lab.sandbox.posts]
    assert [len(lab.of_key(place=place)) for place in range(3)] == [1, 1, 1]


async def test_what_says_something_else_is_neither_taken_for_it_nor_sent(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process() as one, lab.process(store=MemoryStore()) as two:
        await lab.schedule(one, "a")
        with pytest.raises(IdempotencyError) as caught:
            await lab.schedule(two, "another")
    assert caught.value.differs == ("posts.0.content",)
    assert lab.statuses == [201]
