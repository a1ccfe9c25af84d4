"""Keys whose date passes while they wait, on a server that refuses dates in the past."""

from __future__ import annotations

from datetime import timedelta

import pytest
from key_lab import START, KeyLab, ids, in_the_end

from postiz_async import NewPost

SOON = 0.1
"""Hours until a date that has passed when the next window opens."""


@pytest.fixture
def lab() -> KeyLab:
    return KeyLab(limit=1, release="next")


@pytest.mark.parametrize("loses", [False, True])
@pytest.mark.parametrize("is_refused", [False, True])
async def test_what_leaves_late_bears_the_moment_of_sending(
    lab: KeyLab, *, loses: bool, is_refused: bool
) -> None:
    """It waits for a slot, or its first attempt is refused with 429, beyond its date."""
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        if is_refused:
            lab.sandbox.lock_out()
        else:
            await lab.schedule(one, key="first")
        if loses:
            lab.fault("drop_answer")
        answer = await in_the_end(lab.clock, lambda: lab.schedule(one, hours=SOON))
        (post,) = lab.of_key()
        assert ids(answer) == [post.id]
        assert post.date - START > timedelta(minutes=50)
        assert post.date.microsecond
        assert await lab.schedule(two, hours=SOON) == answer
        assert len(lab.of_key()) == 1
    assert lab.statuses == ([429, 201] if is_refused else [201, 201])


async def test_a_draft_keeps_its_date(lab: KeyLab) -> None:
    async with lab.sandbox, lab.process() as one:
        await lab.schedule(one, key="first")
        at = START + timedelta(hours=SOON)
        await one.postiz.posts.draft(NewPost(lab.channel, "draft"), at=at, idempotency_key="draft")
        (post,) = lab.of_key("draft")
    assert post.date.replace(microsecond=0) == at
