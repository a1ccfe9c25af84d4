"""When to come again after a 429 that does not say so."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from gateways import page

from postiz_async import AdvancedOptions, NewPost, QuotaWaitError, RateLimitError
from postiz_async.testing import Sandbox, WireResponse

if TYPE_CHECKING:
    from postiz_async import Postiz
    from postiz_async.testing import Transport, WireRequest


class Silent:
    """A way on which answers lose what they say of the quota; a gateway may refuse reads."""

    def __init__(self, local: Sandbox, *, refuses_reads: bool = False) -> None:
        self.refuses_reads = refuses_reads
        self.seen: list[int] = []
        self._way: Transport = local.transport()

    async def send(self, request: WireRequest) -> WireResponse:
        if self.refuses_reads and request.method == "GET":
            return page(429)
        answer = await self._way.send(request)
        self.seen.append(answer.status)
        if answer.status != 429:
            return answer
        headers = {name: text for name, text in answer.headers.items() if name == "content-type"}
        return WireResponse(answer.status, headers, answer.body)

    async def aclose(self) -> None:
        await self._way.aclose()


async def refused(postiz: Postiz, local: Sandbox) -> RateLimitError:
    at = local.in_an_hour()
    with pytest.raises(RateLimitError) as caught:
        await postiz.posts.list(start=at, end=at + timedelta(hours=1))
    return caught.value


async def test_after_the_429_of_a_gateway_it_says_when_the_next_create_could_leave() -> None:
    local = Sandbox(limit=1, channels=("mastodon",))
    way = Silent(local)
    post, at = NewPost("mastodon", "x"), local.in_an_hour() + timedelta(days=1)
    async with local.client(advanced=AdvancedOptions(transport=way)) as postiz:
        channels = await postiz.channels.list()
        way.refuses_reads = True
        assert (await refused(postiz, local)).retry_after == 1.0
        await postiz.posts.schedule(NewPost(channels[0], "x"), at=at)
        error = await refused(postiz, local)
        with pytest.raises(QuotaWaitError) as waits:
            await postiz.posts.schedule(post, at=at, max_wait=0)
    assert error.retry_after > 3000
    assert error.retry_after == pytest.approx(waits.value.retry_after, abs=1)
