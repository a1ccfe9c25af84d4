"""A page in the place of an answer: a wrong address, or an outage where the API has answered."""

from __future__ import annotations

import pytest
from gateways import Gateway, page

from postiz_async import APIConnectionError, ConfigurationError, NewPost, Postiz
from postiz_async._resources.api import opened
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async.clock import JumpingClock
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing._transport import sandbox_client

FOR_EVER = Fault("html", times=None)
IN_FRONT = "Somebody in front of Postiz answers: a page, 200, 'Maintenance'."


async def spend(box: MemoryServer, postiz: Postiz) -> None:
    channel = box.add_channel("mastodon").id
    await postiz.posts.publish_now(NewPost(channel, "a post"))


async def test_an_address_that_never_answered_is_wrong() -> None:
    box = MemoryServer(clock=JumpingClock())
    box.faults.add(FOR_EVER)
    async with box, sandbox_client(box, store=MemoryStore()) as postiz:
        with pytest.raises(ConfigurationError, match="lacks /api"):
            await postiz.channels.list()
    assert box.faults.struck == {"html": 1}


async def test_where_the_api_has_answered_a_page_is_an_outage_and_is_tried_again() -> None:
    box = MemoryServer(clock=JumpingClock())
    async with box, sandbox_client(box) as postiz:
        await postiz.channels.list()
        box.faults.add(Fault("html", times=3))
        assert await postiz.channels.list() == []
        box.faults.add(FOR_EVER)
        with pytest.raises(APIConnectionError) as caught:
            await postiz.channels.list()
        assert caught.value.message == IN_FRONT
        assert caught.value.retry_after
        assert "lacks /api" not in str(caught.value)


@pytest.mark.parametrize("has_headers", [True, False])
async def test_what_the_shared_quota_read_shows_that_the_address_is_right(
    *, has_headers: bool
) -> None:
    box, store = MemoryServer(clock=JumpingClock()), MemoryStore()
    async with box:
        if not has_headers:
            box.faults.add(Fault("strip_headers", route="create_post"))
        async with sandbox_client(box, store=store) as postiz:
            await spend(box, postiz)
        box.faults.add(FOR_EVER)
        async with sandbox_client(box, store=store) as postiz:
            with pytest.raises(APIConnectionError, match="Somebody in front"):
                await postiz.channels.list()


@pytest.mark.parametrize(("status", "is_of_all"), [(200, True), (302, True), (403, False)])
async def test_a_page_hides_postiz_until_a_later_call_is_answered(
    status: int, *, is_of_all: bool
) -> None:
    box = MemoryServer(clock=JumpingClock())
    async with box:
        gateway = Gateway(box, page(status), passes=False)
        async with sandbox_client(box, transport=gateway) as postiz:
            scheduler = opened(postiz).scheduler
            with pytest.raises(Exception, match="Maintenance"):
                await spend(box, postiz)
            assert scheduler.is_hidden() == is_of_all
            await postiz.channels.list()
            assert not scheduler.is_hidden()
