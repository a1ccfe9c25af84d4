"""Fields of a create request that the library does not have: `extra_body`."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from postiz_async import (
    AdvancedOptions,
    APITimeoutError,
    IdempotencyError,
    InvalidPostError,
    NewPost,
)
from postiz_async.testing import Sandbox

if TYPE_CHECKING:
    from postiz_async.testing import Transport, WireRequest, WireResponse

START = datetime(2027, 1, 1, 8, tzinfo=UTC)
AT = START + timedelta(days=1)
EXTRA = {"order": "7", "source": {"app": "crm", "tries": [1, 2.5, None]}}


class Recording:
    """A way to the sandbox that keeps the bodies of creates, and swallows some of them."""

    def __init__(self, local: Sandbox) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.swallows = 0
        self._clock = local.clock
        self._transport: Transport = local.transport()

    async def send(self, request: WireRequest) -> WireResponse:
        if request.method == "POST" and request.url.endswith("/posts"):
            assert isinstance(request.body, bytes)
            self.bodies.append(json.loads(request.body))
            if self.swallows:
                self.swallows -= 1
                assert request.timeout is not None
                await self._clock.sleep(request.timeout)
                raise APITimeoutError("no answer")
        return await self._transport.send(request)

    async def aclose(self) -> None:
        await self._transport.aclose()


def made() -> tuple[Sandbox, Recording, AdvancedOptions]:
    local = Sandbox(start=START, channels=("mastodon",))
    sent = Recording(local)
    return local, sent, AdvancedOptions(transport=sent)


def extra_of(body: dict[str, Any]) -> dict[str, Any]:
    own = {"type", "date", "posts", "shortLink", "tags"}
    assert own <= body.keys()
    return {name: value for name, value in body.items() if name not in own}


@pytest.mark.parametrize("key", [None, "order-123"])
async def test_each_create_carries_the_extra_fields(key: str | None) -> None:
    local, sent, advanced = made()
    said: dict[str, Any] = {"extra_body": EXTRA}
    async with local.client(advanced=advanced) as postiz:
        post, posts = NewPost("mastodon", "x"), postiz.posts
        keyed = [
            said if key is None else said | {"idempotency_key": f"{key}-{n}"} for n in range(4)
        ]
        (created,) = await posts.schedule(post, at=AT, **keyed[0])
        await posts.publish_now(post, **keyed[1])
        await posts.draft(post, at=AT, **keyed[2])
        await posts.send(await posts.build(post, kind="draft", at=AT), **keyed[3])
        await posts.replace(created.post_id, NewPost("mastodon", "new"), at=AT, **said)
        await posts.schedule(post, at=AT, extra_body={})
    assert [extra_of(body) for body in sent.bodies] == [*[EXTRA] * 5, {}]
    assert [create.status for create in local.creates] == [201] * 6


async def test_a_key_is_for_the_same_extra_fields_in_any_order() -> None:
    local, sent, advanced = made()
    async with local.client(advanced=advanced) as postiz:
        posts, post = postiz.posts, NewPost("mastodon", "x")
        body = await posts.build(post, kind="schedule", at=AT)
        for key in ("schedule", "send"):

            async def call(extra: dict[str, Any] | None, key: str = key) -> object:
                given: dict[str, Any] = {"idempotency_key": key, "extra_body": extra}
                if key == "send":
                    return await posts.send(body, **given)
                return await posts.schedule(post, at=AT, **given)

            first = await call(EXTRA)
            assert await call(dict(reversed(EXTRA.items()))) == first
            for other in (None, {**EXTRA, "order": "8"}):
                with pytest.raises(IdempotencyError) as caught:
                    await call(other)
                assert caught.value.differs == ("extra_body",)
    assert len(sent.bodies) == len(local.creates) == 2


async def test_what_is_sent_again_after_a_lost_answer_carries_them_too() -> None:
    local, sent, advanced = made()
    sent.swallows = 1
    extra: dict[str, Any] = {"order": "7"}
    async with local.client(advanced=advanced) as postiz:
        post = NewPost("mastodon", "x")
        call = postiz.posts.schedule(post, at=AT, idempotency_key="k", extra_body=extra)
        await call
    creates = [
        body for body in sent.bodies if body
    ]  # an empty one was sent to learn that the first is over
    assert [extra_of(body) for body in creates] == [extra, extra]
    assert len(local.posts) == 1


@pytest.mark.parametrize(
    ("extra", "wheres"),
    [
        (
            {"shortLink": True, "date": "x", "order": "7"},
            ["extra_body.date", "extra_body.shortLink"],
        ),
        ({"type": "now", "posts": [], "tags": [], "inter": 1}, None),
        ({"order": math.nan}, ["extra_body"]),
        ({"order": START}, ["extra_body"]),
        ({"order": "half a pair \ud800"}, ["extra_body"]),
        ({1: "x"}, ["extra_body"]),
        (["order"], ["extra_body"]),
    ],
)
async def test_what_cannot_be_added_is_refused_before_anything_is_sent(
    extra: Any, wheres: list[str] | None
) -> None:
    local, _, advanced = made()
    async with local.client(advanced=advanced) as postiz:
        post, posts = NewPost("mastodon", "x"), postiz.posts
        body = await posts.build(post, kind="draft", at=AT)
        before = local.requests
        for call in (
            posts.schedule(post, at=AT, extra_body=extra),
            posts.publish_now(post, extra_body=extra, idempotency_key="k"),
            posts.draft(post, at=AT, extra_body=extra),
            posts.send(body, extra_body=extra),
            posts.replace("some-id", post, at=AT, extra_body=extra),
        ):
            with pytest.raises(InvalidPostError) as caught:
                await call
            found = [problem.where for problem in caught.value.problems]
            assert found == (wheres or [f"extra_body.{name}" for name in sorted(extra)])
        assert local.requests == before
