"""What a client says of a create whose answer was lost, and learns from a refused one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from postiz_async import (
    BadRequestError,
    CampaignRow,
    DeliveryUnknownError,
    InvalidPostError,
    NewPost,
    Postiz,
)
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async._transport import WireRequest, WireResponse
from postiz_async._wire import endpoints
from postiz_async.clock import JumpingClock
from postiz_async.testing import Sandbox
from postiz_async.testing._transport import SandboxTransport, sandbox_client

LOST = [
    (Fault("drop_answer", route="create_post"), "The connection to the sandbox broke", ""),
    (Fault("error_after", route="create_post", status=502), "502: Maintenance", ""),
    (
        Fault("error_after", route="create_post"),
        "500: Internal server error",
        f"\n  {endpoints.CREATE_POST.meanings[500, endpoints.CRASH]}",
    ),
]


@pytest.mark.parametrize(("fault", "why", "hint"), LOST, ids=[why for _, why, _ in LOST])
async def test_a_lost_answer_is_told_in_whole_sentences(fault: Fault, why: str, hint: str) -> None:
    local = Sandbox()
    post = NewPost(local.add_channel("mastodon"), "Hello")
    local.add_fault(fault)
    async with local.client() as postiz:
        with pytest.raises(DeliveryUnknownError) as caught:
            await postiz.posts.schedule(post, at=local.in_an_hour())
    assert str(caught.value) == (
        f"The answer to a create of 1 post was lost ({why}). It may be stored. Look with "
        f"posts.find(error.marks) before sending again.{hint}"
    )


# ------------------------------------------------------------------ a channel that is gone

START = datetime(2027, 3, 1, 8, tzinfo=UTC)
AT = START + timedelta(hours=2)
GONE, STAYS = "cmgone00000000000000000001", "cmstays0000000000000000001"


class Restored(SandboxTransport):
    """A way to a server in the place of which another one is put."""

    def __init__(self, before: MemoryServer, now: MemoryServer) -> None:
        super().__init__(now)
        self.before: SandboxTransport | None = SandboxTransport(before)

    async def send(self, request: WireRequest) -> WireResponse:
        if self.before is not None:
            return await self.before.send(request)
        return await super().send(request)


@asynccontextmanager
async def before_a_restore() -> AsyncGenerator[tuple[Postiz, MemoryServer, Restored]]:
    """A client that has listed its channels, and a backup that knows only one of them."""
    clock = JumpingClock(START.timestamp())
    async with MemoryServer(clock=clock) as before, MemoryServer(clock=clock) as now:
        before.add_channel("mastodon", id=GONE, name="Gone")
        for sandbox in (before, now):
            sandbox.add_channel("telegram", id=STAYS, name="Stays")
        way = Restored(before, now)
        async with sandbox_client(now, transport=way) as postiz:
            await postiz.channels.list()
            yield postiz, now, way


def scheduled(postiz: Postiz, channel: str) -> Awaitable[object]:
    return postiz.posts.schedule(NewPost(channel, "Hello"), at=AT)


def keyed(postiz: Postiz, channel: str) -> Awaitable[object]:
    posts = NewPost(channel, "Hello"), NewPost(STAYS, "Hello")
    return postiz.posts.schedule(*posts, at=AT, idempotency_key=f"of {channel}")


def unchecked(postiz: Postiz, channel: str) -> Awaitable[object]:
    return postiz.posts.schedule(NewPost(channel, "Hello"), at=AT, validate=False)


@pytest.mark.parametrize("again", [scheduled, keyed, unchecked])
@pytest.mark.parametrize("word", [GONE, "Gone"])
async def test_a_channel_that_the_server_does_not_find_costs_one_create(
    word: str, again: Callable[[Postiz, str], Awaitable[object]]
) -> None:
    async with before_a_restore() as (postiz, server, way):
        way.before = None
        with pytest.raises(BadRequestError, match=f"Integration with id {GONE} not found"):
            await scheduled(postiz, word)
        with pytest.raises(InvalidPostError, match=r"not found|no channel") as caught:
            await again(postiz, word)
        assert caught.value.problems[0].where.startswith("posts.0.")
        assert len(server.creates) == 1
        await again(postiz, STAYS)
        assert [post.channel_id for post in server.posts][-1] == STAYS


async def test_rows_of_a_channel_that_is_gone_cost_as_many_as_leave_at_once(
    tmp_path: Path,
) -> None:
    rows = [
        CampaignRow(channel=channel, content=channel, at=AT + timedelta(minutes=place))
        for place, channel in enumerate([*[GONE] * 25, STAYS])
    ]
    async with before_a_restore() as (postiz, server, way):
        async with postiz.campaign(rows, journal=tmp_path / "journal") as campaign:
            way.before = None
            report = await campaign.run()
        assert report.counts["stored"] == 1
        assert len(server.creates) <= 4 + 1
