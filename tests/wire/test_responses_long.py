"""Long lists of posts: others run while they are decoded, and the posts are the same."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from operator import attrgetter

import msgspec
import pytest

from postiz_async import AdvancedOptions, Postiz
from postiz_async._resources.api import opened
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.clock import JumpingClock
from postiz_async.errors import APIResponseValidationError
from postiz_async.models.posts import Post

START, END = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 2, 1, tzinfo=UTC)
MANY = 6_000
TEXTS = (
    "We open at noon.",
    'He said: },{"id":"1"}',
    '},{"id":',
    "},{",
    '"},{"',
    "\\",
    '\\"},{\\"id\\":\\"',
    "Grüße, 日本 🎉",
)


def post(number: int, **other: object) -> dict[str, object]:
    tags = [{"id": f"{n}", "tag": {"id": "t", "name": "},{"}} for n in range(number % 4)]
    return {
        "id": f"{number}",
        "content": TEXTS[number % len(TEXTS)] + "x" * (number % 50),
        "publishDate": "2030-01-01T09:00:00.000Z",
        "releaseURL": None,
        "state": "QUEUE",
        "tags": tags,
        "integration": {"id": "c", "providerIdentifier": "x", "name": "A", "picture": None},
    } | other


class Listing:
    """A server with one answer."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def send(self, _: WireRequest) -> WireResponse:
        return WireResponse(200, {"content-type": "application/json"}, self.body)

    async def aclose(self) -> None:
        """There is nothing to close."""


def client(body: bytes) -> Postiz:
    return Postiz(
        api_key="key",
        base_url="http://x.invalid",
        advanced=AdvancedOptions(transport=Listing(body), clock=JumpingClock()),
    )


async def listed(body: bytes) -> tuple[list[Post], int]:
    """The posts, and how often others could run meanwhile."""
    async with client(body) as postiz:
        call = asyncio.create_task(postiz.posts.list(start=START, end=END))
        turns = 0
        while not call.done():
            await asyncio.sleep(0)
            turns += 1
        return call.result(), turns


async def test_others_run_while_a_long_list_is_decoded() -> None:
    posts = [post(number) for number in range(MANY)]
    body = msgspec.json.encode({"posts": posts})
    few, quick = await listed(msgspec.json.encode({"posts": posts[:10]}))
    found, turns = await listed(body)
    assert len(body) > 1_500_000
    assert turns >= quick + 3
    assert len(few) == 10
    expected = msgspec.json.decode(msgspec.json.encode(posts), type=list[Post])
    assert found == sorted(expected, key=attrgetter("publish_date", "id"))


@pytest.mark.parametrize(
    "other",
    [
        {"tags": [{"id": str(n), "tag": {"id": "t", "name": "}"}} for n in range(40_000)]},
        {"unknown": {"id": [{"id": "1"}] * 9}},
        {"content": '},{"id":' * 100_000},
        {},
    ],
    ids=["many tags", "nested", "much of it", "plain"],
)
async def test_whatever_is_in_the_posts_all_are_read(other: dict[str, object]) -> None:
    posts = [post(n, **(other if n % 2_500 == 2_000 else {})) for n in range(MANY)]
    found, _ = await listed(msgspec.json.encode({"posts": posts}))
    expected = msgspec.json.decode(msgspec.json.encode(posts), type=list[Post])
    assert found == sorted(expected, key=attrgetter("publish_date", "id"))


@pytest.mark.parametrize("shape", ["indented", "more after it", "more before it"])
async def test_a_list_of_another_shape_is_read_too(shape: str) -> None:
    posts = [post(number) for number in range(MANY)]
    shapes: dict[str, bytes] = {
        "indented": msgspec.json.format(msgspec.json.encode({"posts": posts})),
        "more after it": msgspec.json.encode({"posts": posts, "pages": [[{"id": "1"}]]}),
        "more before it": msgspec.json.encode({"pages": [], "posts": posts}),
    }
    found, _ = await listed(shapes[shape])
    assert sorted(int(each.id) for each in found) == [*range(MANY)]


@pytest.mark.parametrize("place", [0, 3_000, MANY - 1])
async def test_what_is_wrong_in_a_long_list_is_told_as_in_a_short_one(place: int) -> None:
    posts = [post(n, **({"id": 7} if n == place else {})) for n in range(MANY)]
    with pytest.raises(APIResponseValidationError) as caught:
        await listed(msgspec.json.encode({"posts": posts}))
    assert f"Expected `str`, got `int` - at `$.posts[{place}].id`" in str(caught.value)


async def test_a_long_list_that_breaks_off_is_refused() -> None:
    body = msgspec.json.encode({"posts": [post(number) for number in range(MANY)]})
    with pytest.raises(APIResponseValidationError, match="Input data was truncated"):
        await listed(body[:-100])


async def test_a_call_can_be_cancelled_while_its_answer_is_decoded() -> None:
    body = msgspec.json.encode({"posts": [post(number) for number in range(MANY)]})
    async with client(body) as postiz:
        for turns in range(8):
            call = asyncio.create_task(postiz.posts.list(start=START, end=END))
            for _ in range(turns):
                await asyncio.sleep(0)
            was_done = call.done()
            call.cancel()
            await asyncio.wait([call])
            assert call.cancelled() is not was_done
        assert turns > 4
        assert len(await postiz.posts.list(start=START, end=END)) == MANY
        assert opened(postiz).scheduler.under_way == 0
