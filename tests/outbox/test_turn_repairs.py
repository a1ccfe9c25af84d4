"""Repairs of half made posts that arrive late: no ticket is stored that they delete."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

from outbox_lab import START

from postiz_async import NewPost
from postiz_async._sandbox import Fault
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from outbox_lab import OutboxLab

    from postiz_async import Postiz, Ticket
    from postiz_async._wire import WireRequest, WireResponse

SOON = 740.0
"""Seconds until a post is due: its repair may still leave, and a minute after that none may."""


class Watched(SandboxTransport):
    """Knows when a repair leaves."""

    repairs = 0

    async def send(self, request: WireRequest) -> WireResponse:
        self.repairs += request.method == "DELETE"
        return await super().send(request)


async def in_its_repair(lab: OutboxLab, stack: AsyncExitStack) -> tuple[Postiz, Ticket]:
    """A client whose request that deletes half a thread is at the server, which takes its time."""
    lab.lose("stop", after_items=0, half=True)
    lab.sandbox.faults.add(Fault("late_work", route="delete_post_group", delay=400.0))
    transport = Watched(lab.sandbox, latency=0.1)
    postiz = await stack.enter_async_context(lab.client(transport=transport))
    post = NewPost(lab.channel, "first", thread=("second",))
    ticket = await postiz.outbox.put(post, at=START + timedelta(seconds=SOON))
    while not transport.repairs:
        await lab.clock.sleep(0.5)
    await lab.clock.sleep(0.5)
    return postiz, ticket


async def test_what_a_sender_that_is_gone_was_deleting_is_not_called_stored(lab: OutboxLab) -> None:
    async with AsyncExitStack() as stack:
        _, ticket = await in_its_repair(lab, stack)
    await lab.clock.sleep(240)
    async with lab.client() as postiz:
        ticket = await postiz.outbox.wait(ticket.id)
    await lab.clock.sleep(1_000)
    assert (ticket.state, ticket.post_ids) == ("undecided", ())
    assert not lab.sandbox.posts


async def test_nor_is_what_this_sender_deleted_while_postiz_was_away(lab: OutboxLab) -> None:
    """The answer to its repair was lost, and when Postiz is back the date is near."""
    async with AsyncExitStack() as stack:
        postiz, ticket = await in_its_repair(lab, stack)
        lab.sandbox.faults.add(Fault("reset", times=None))
        waiting = asyncio.create_task(postiz.outbox.wait(ticket.id))
        await lab.clock.sleep(200)
        lab.sandbox.faults.clear()
        ticket = await waiting
    await lab.clock.sleep(1_000)
    assert (ticket.state, ticket.post_ids) == ("undecided", ())
    assert not lab.sandbox.posts
