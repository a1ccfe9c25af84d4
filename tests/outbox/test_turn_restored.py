"""An outbox that returns to an older state: a copy that was put back, or a lagging replica."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from postiz_async import NewPost

if TYPE_CHECKING:
    from outbox_lab import OutboxLab

    from postiz_async import Ticket


async def put_and_kept(lab: OutboxLab) -> Ticket:
    """A ticket of two posts, with a copy of the outbox from before they were sent."""
    other = lab.sandbox.add_channel("telegram").id
    async with lab.client(sends=False) as postiz:
        posts = [NewPost(channel, "post 0") for channel in (lab.channel, other)]
        ticket = await postiz.outbox.put(*posts, at=lab.at(24))
    lab.keep()
    return ticket


async def test_what_was_sent_since_is_found_by_its_mark(lab: OutboxLab) -> None:
    ticket = await put_and_kept(lab)
    async with lab.client() as postiz:
        before = await postiz.outbox.wait(ticket.id)
    lab.restore()
    async with lab.client() as postiz:
        after = await postiz.outbox.wait(ticket.id)
    assert before.state == after.state == "stored"
    assert before.post_ids == after.post_ids == tuple(post.id for post in lab.sandbox.posts)
    assert lab.statuses == [201]


async def test_of_what_was_stored_in_part_the_rest_is_sent(lab: OutboxLab) -> None:
    ticket = await put_and_kept(lab)
    async with lab.client() as postiz:
        first, second = (await postiz.outbox.wait(ticket.id)).post_ids
        await postiz.posts.delete(second)
    lab.restore()
    async with lab.client() as postiz:
        after = await postiz.outbox.wait(ticket.id)
    assert after.post_ids == tuple(post.id for post in lab.sandbox.posts)
    assert after.post_ids[0] == first
    assert lab.statuses == [201, 201]


@pytest.mark.parametrize("lab", ["postgres"], indirect=True)
async def test_what_a_replica_lacks_is_found_while_the_client_runs(lab: OutboxLab) -> None:
    """Beside tickets that were handed over before, and with one that comes after it."""
    async with lab.client(sends=False) as postiz:
        tickets = await lab.put(postiz, 3)
    lab.keep()
    async with lab.client() as postiz:
        for ticket in tickets:
            await postiz.outbox.wait(ticket.id)
        lab.restore()
        [last] = await lab.put(postiz, 1, hours=30)
        for ticket in (*tickets, last):
            assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    assert len(lab.sandbox.posts) == 4
    assert lab.statuses == [201] * 4
