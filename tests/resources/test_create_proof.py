"""A single create without a key: what it raises, and what it costs, by what was answered."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from gateways import FAILURES, FIREWALLS, PAGES, Gateway, name, page, said
from msgspec.structs import replace

from postiz_async import (
    APIConnectionError,
    APIResponseValidationError,
    AuthenticationError,
    BadRequestError,
    DeliveryUnknownError,
    NewPost,
    NotFoundError,
    PermissionDeniedError,
    Postiz,
    PostizError,
    QuotaWaitError,
    RateLimitError,
)
from postiz_async._resources.create import job_call
from postiz_async._sandbox import MemoryServer
from postiz_async.clock import JumpingClock
from postiz_async.errors import APIResponse, PayloadTooLargeError, PlanLimitError
from postiz_async.models.channels import Channel
from postiz_async.models.posts import PostRequest
from postiz_async.testing import WireResponse
from postiz_async.testing._transport import sandbox_client

AT = datetime(2035, 1, 1, 10, tzinfo=UTC)


@asynccontextmanager
async def behind(
    answer: WireResponse, *, passes: bool = True
) -> AsyncGenerator[tuple[MemoryServer, Postiz, NewPost]]:
    """A client with 29 free slots, whose next create is answered so."""
    async with MemoryServer(clock=JumpingClock(), limit=30) as sandbox:
        channel = sandbox.add_channel("mastodon").id
        gateway = Gateway(sandbox, answer, times=0, passes=passes)
        async with sandbox_client(sandbox, transport=gateway) as postiz:
            await postiz.posts.schedule(NewPost(channel, "first"), at=AT)
            assert (await postiz.quota()).remaining == 29
            gateway.times = 1
            yield sandbox, postiz, NewPost(channel, "second")


@pytest.mark.parametrize("answer", [*PAGES, *FAILURES], ids=name)
async def test_whatever_else_is_answered_in_its_place_may_be_stored(answer: WireResponse) -> None:
    async with behind(answer) as (sandbox, postiz, post):
        with pytest.raises(DeliveryUnknownError) as caught:
            await postiz.posts.schedule(post, at=AT + timedelta(hours=1))
        assert caught.value.may_be_stored
        cause = caught.value.__cause__
        why = cause.message if isinstance(cause, APIConnectionError) else str(cause or "0 of 1")
        seen = why.partition("\n")[0]
        assert seen.rstrip(".") in str(caught.value)
        assert (await postiz.quota()).remaining == 28
        (found,) = await postiz.posts.find(caught.value.marks)
        assert found is not None
        assert found.id == sandbox.posts[1].id
        assert len(sandbox.creates) == 2
        await postiz.posts.schedule(post, at=AT + timedelta(hours=2))
        assert (await postiz.quota()).remaining == 27


@pytest.mark.parametrize("answer", FIREWALLS, ids=name)
@pytest.mark.parametrize("passes", [False, True])
async def test_a_firewall_is_told_of_as_such_and_the_slot_is_spent(
    answer: WireResponse,
    passes: bool,  # noqa: FBT001
) -> None:
    kinds: dict[int, type[PostizError]] = {
        400: BadRequestError,
        403: PermissionDeniedError,
        404: NotFoundError,
    }
    async with behind(answer, passes=passes) as (_, postiz, post):
        with pytest.raises(kinds[answer.status]) as caught:
            await postiz.posts.schedule(post, at=AT + timedelta(hours=1))
        assert caught.value.may_be_stored
        assert (await postiz.quota()).remaining == 28


@pytest.mark.parametrize(
    ("answer", "kind", "left"),
    [
        (said(401, {"msg": "Invalid API key"}), AuthenticationError, 29),
        (said(401, {"msg": "No subscription found"}), AuthenticationError, 29),
        (said(404, {"message": "Cannot POST /posts", "statusCode": 404}), NotFoundError, 29),
        (said(400, {"message": "Unexpected token } in JSON", "statusCode": 400}), None, 29),
        (page(413), PayloadTooLargeError, 29),
        (said(413, {"statusCode": 413, "message": "too large"}), PayloadTooLargeError, 29),
        (said(400, {"msg": "no"}), BadRequestError, 28),
        (said(402, {"statusCode": 402, "message": "full", "url": "x"}), PlanLimitError, 28),
        (said(403, {"msg": "Unauthorized"}), PermissionDeniedError, 28),
    ],
)
async def test_the_word_of_postiz_is_believed(
    answer: WireResponse, kind: type[PostizError] | None, left: int
) -> None:
    """What it refuses before it counts costs nothing."""
    async with behind(answer, passes=False) as (_, postiz, post):
        with pytest.raises(kind or BadRequestError) as caught:
            await postiz.posts.schedule(post, at=AT + timedelta(hours=1))
        assert not caught.value.may_be_stored
        assert (await postiz.quota()).remaining == left


async def test_a_failing_key_look_up_costs_nothing_and_is_tried_again() -> None:
    async with behind(WireResponse(401, {"logout": "true"}, b""), passes=False) as (
        sandbox,
        postiz,
        post,
    ):
        await postiz.posts.schedule(post, at=AT + timedelta(hours=1))
        assert (await postiz.quota()).remaining == 28
        assert len(sandbox.posts) == 2


@pytest.mark.parametrize(
    "body", [{"message": "slow down"}, {"statusCode": 429, "message": "Rate limit is exceeded."}]
)
@pytest.mark.parametrize("passes", [False, True])
async def test_a_429_of_a_gateway_proves_nothing_and_closes_creates(
    body: object,
    passes: bool,  # noqa: FBT001
) -> None:
    answer = said(429, body, retry_after="600")
    async with behind(answer, passes=passes) as (sandbox, postiz, post):
        with pytest.raises(DeliveryUnknownError, match="429"):
            await postiz.posts.schedule(post, at=AT + timedelta(hours=1))
        assert len(sandbox.creates) == 1 + passes
        with pytest.raises(QuotaWaitError) as caught:
            await postiz.posts.schedule(post, at=AT, max_wait=590)
        assert 590 < caught.value.retry_after < 610
        began = sandbox.clock.monotonic()
        await postiz.posts.schedule(post, at=AT)
        assert sandbox.clock.monotonic() - began > 590
        assert (await postiz.quota()).remaining == 27 + (not passes), "the server says how many"


@pytest.mark.parametrize(
    "answer", [page(404), page(302), page(200), page(307), page(308)], ids=name
)
async def test_who_has_a_wrong_base_url_is_told_so_at_the_first_call(answer: WireResponse) -> None:
    async with MemoryServer(clock=JumpingClock()) as sandbox:
        gateway = Gateway(sandbox, answer, passes=False)
        async with sandbox_client(sandbox, transport=gateway, validate=False) as postiz:
            channel = Channel(id="c1", name="us", provider="mastodon")
            with pytest.raises(PostizError) as caught:
                await postiz.posts.schedule(NewPost(channel, "first"), at=AT)
    said = str(caught.value)
    assert "base URL probably lacks /api" in said
    assert "postiz-async doctor" in said


@pytest.mark.parametrize(
    "error",
    [
        APIResponseValidationError("no list"),
        RateLimitError("no looks", response=APIResponse(429), retry_after=9.0),
    ],
)
async def test_what_fails_while_a_body_is_prepared_is_no_lost_answer(error: PostizError) -> None:
    async with behind(page(200)) as (sandbox, postiz, post):
        body = await postiz.posts.build(post, kind="schedule", at=AT)

        async def prepared() -> PostRequest:
            raise error

        with pytest.raises(type(error), match=str(error)):
            await replace(job_call(postiz.posts, AT), prepare=prepared).send(body)
        assert (await postiz.quota()).remaining == 29
        assert len(sandbox.creates) == 1


async def test_a_probe_believes_no_gateway() -> None:
    for answer in (page(400), said(400, {"error": "no"}), page(200), page(429)):
        async with behind(answer, passes=False) as (_, postiz, _post):
            with pytest.raises(PostizError):
                await postiz.posts.probe()
            assert (await postiz.quota()).remaining == 28
