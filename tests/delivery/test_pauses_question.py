"""The question that costs no quota, and when it is worthwhile to ask what became of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from key_lab import START
from msgspec.structs import replace

from postiz_async import AdvancedOptions, APIStatusError
from postiz_async._delivery.key_call import known_in
from postiz_async._delivery.lookup import SHORTEST_LOOK_PAUSE
from postiz_async._delivery.outcomes import SentRequest
from postiz_async._delivery.pauses import Outage, ask
from postiz_async._delivery.record import DeliveryRecord, sent_request
from postiz_async._delivery.repair import Repair
from postiz_async._quota import SILENT
from postiz_async._resources.api import opened
from postiz_async.models.posts import ChannelRef, ContentItem, Post, PostItem, PostRequest
from postiz_async.testing import Sandbox, WireRequest, WireResponse

if TYPE_CHECKING:
    from postiz_async._delivery.outcomes import Accounts


class Answers:
    """A server that gives one answer to everything."""

    def __init__(self, status: int) -> None:
        self.status = status

    async def send(self, _: WireRequest) -> WireResponse:
        headers = {"content-type": "application/json"}
        return WireResponse(self.status, headers, b'{"message": "so it is"}')

    async def aclose(self) -> None:
        """There is nothing to close."""


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 418, 429, 500, 503])
async def test_only_what_holds_up_all_calls_is_raised(status: int) -> None:
    async with Sandbox().client(advanced=AdvancedOptions(transport=Answers(status))) as postiz:
        if status in {400, 404, 418}:
            await ask(opened(postiz).once)
            return
        with pytest.raises(APIStatusError) as caught:
            await ask(opened(postiz).once)
    assert caught.value.status_code == status


def test_it_is_looked_up_after_the_first_pause_or_when_absence_can_be_proved() -> None:
    assert known_in(0.0) == SHORTEST_LOOK_PAUSE
    assert known_in(SHORTEST_LOOK_PAUSE / 4) == 0.75 * SHORTEST_LOOK_PAUSE
    assert known_in(SHORTEST_LOOK_PAUSE) == SILENT - SHORTEST_LOOK_PAUSE
    assert known_in(SILENT) == SHORTEST_LOOK_PAUSE


@pytest.mark.parametrize(
    ("texts", "state", "end"),
    [
        (1, "PUBLISHED", "whole"),
        (2, "PUBLISHED", "unsure"),
        (1, "ERROR", "whole"),
        (2, "ERROR", "whole"),
    ],
)
async def test_a_post_that_is_out_may_only_lack_its_thread(
    texts: int, state: str, end: str
) -> None:
    item = PostItem(
        channel=ChannelRef(id="c"),
        value=[ContentItem(content=f"{n}") for n in range(texts)],
        settings={},
    )
    sent = SentRequest(1, PostRequest(type="schedule", date="", posts=[item]), ("a",), 0.0)
    post = Post(id="p", publish_date=START, state=state)
    async with Sandbox().client() as postiz:
        client = opened(postiz)
        outage = Outage.of(client)
        repair = Repair(client, cast("Accounts", None), outage)
        assert await repair.complete(sent, 0, post, age=0.0, has_ended=True) == end


def test_the_time_of_a_repair_is_on_the_clock_of_the_request() -> None:
    kept = DeliveryRecord(state="lost", left_at=100.0, served_at=5_000.0)
    body = PostRequest(type="schedule", date="", posts=[])
    assert sent_request(kept, body, 1).mended_at == 0.0
    assert sent_request(replace(kept, mended_at=130.0), body, 1).mended_at == 5_030.0
