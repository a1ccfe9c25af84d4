"""Calls with idempotency keys over each store as it is, in real time."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from postiz_async import (
    AdvancedOptions,
    APITimeoutError,
    BadRequestError,
    DeliveryUnknownError,
    IdempotencyError,
    NewPost,
    Postiz,
)
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async.clock import AcceleratedClock
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from postiz_async.stores import Records

KEYS = ["order-1", "x" * 255, "\N{PARTY POPPER}" * 255, "a'b\"c;--\n%s {0} \\", " "]


async def test_many_at_once_from_several_clients_make_one_create_of_each_key(
    store: Records,
) -> None:
    async with (
        MemoryServer(api_key="sandbox", work_per_post=0.0) as sandbox,
        AsyncExitStack() as stack,
    ):
        channel = sandbox.add_channel("mastodon").id
        clients = [
            await stack.enter_async_context(
                Postiz(
                    api_key="sandbox",
                    base_url="http://sandbox.invalid",
                    store=store,
                    advanced=AdvancedOptions(transport=SandboxTransport(sandbox)),
                )
            )
            for _ in range(3)
        ]
        at = datetime.now(UTC) + timedelta(days=1)

        async def call(postiz: Postiz, key: str, text: str = "a post") -> str:
            new = NewPost(channel, text)
            made = await postiz.posts.schedule(new, at=at, validate=False, idempotency_key=key)
            return made[0].post_id

        for key in KEYS:
            answers = await asyncio.gather(*(call(each, key) for each in clients for _ in range(5)))
            assert len(set(answers)) == 1
        assert len({await call(clients[0], key) for key in KEYS}) == len(KEYS)
        with pytest.raises(IdempotencyError):
            await call(clients[1], KEYS[0], "another")
        for postiz in clients:
            with pytest.raises(BadRequestError):
                await call(postiz, "refused", "x" * 5_000)
    assert [create.status for create in sandbox.creates] == [201] * len(KEYS) + [400]


@pytest.mark.parametrize("new_store", ["postgres"], indirect=True)
async def test_a_lost_answer_is_found_also_where_clocks_run_faster(store: Records) -> None:
    """The store's clock is taken to be as fast as that of all who use it."""
    clock = AcceleratedClock(1_000.0)
    async with MemoryServer(api_key="sandbox", clock=clock, work_per_post=0.0) as sandbox:
        channel = sandbox.add_channel("mastodon").id
        sandbox.faults.add(Fault("reset", route="create_post"))
        async with Postiz(
            api_key="sandbox",
            base_url="http://sandbox.invalid",
            store=store,
            advanced=AdvancedOptions(clock=clock, transport=SandboxTransport(sandbox)),
        ) as postiz:
            at = datetime.fromtimestamp(clock.time(), UTC) + timedelta(days=30)
            made = None
            while made is None:  # a busy machine may lose a minute of this clock, between two steps
                with suppress(APITimeoutError):
                    try:
                        made = await postiz.posts.schedule(
                            NewPost(channel, "a post"), at=at, idempotency_key="order-1"
                        )
                    except DeliveryUnknownError as error:
                        raise error.__cause__ or error from None  # of its look-up
        assert [post.id for post in sandbox.posts] == [made[0].post_id]
    assert [create.status for create in sandbox.creates].count(201) == 1
