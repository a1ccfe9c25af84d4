"""Which answers prove that nothing of a create is stored: only the word of Postiz does."""

from __future__ import annotations

import json

import pytest
from gateways import FAILURES, FIREWALLS, PAGES, name, page, said
from recorded import Recorded

from postiz_async import _wire as wire
from postiz_async._sandbox import MemoryServer
from postiz_async._wire import QuotaEffect
from postiz_async.clock import JumpingClock
from postiz_async.testing import Fault, WireRequest, WireResponse
from postiz_async.testing._transport import SandboxTransport

PROOFS = {400, 401, 402, 403, 404, 413, 429}


def test_each_recorded_refusal_proves_it_and_nothing_else_does(answers: list[Recorded]) -> None:
    seen: dict[int, int] = {}
    for recorded in answers:
        if recorded.method != "POST" or recorded.path != "/public/v1/posts":
            continue
        seen[recorded.status] = seen.get(recorded.status, 0) + 1
        proves = wire.proves_nothing_stored(recorded.response)
        assert proves is (recorded.status in PROOFS), recorded.name
    assert seen.keys() >= {201, 400, 402, 413, 415, 429, 500}
    assert seen[400] > 50


def test_each_recorded_answer_is_one_of_postiz(answers: list[Recorded]) -> None:
    """Whatever the route: what a proxy says in its place is told from it by its shape."""
    seen = 0
    for recorded in answers:
        if recorded.path.startswith("/public/v1") and recorded.status in PROOFS:
            assert wire.proves_nothing_stored(recorded.response), recorded.name
            seen += 1
    assert seen > 100


@pytest.mark.parametrize("response", [*FIREWALLS, *PAGES, *FAILURES], ids=name)
def test_nothing_in_front_of_it_proves_anything(response: WireResponse) -> None:
    assert not wire.proves_nothing_stored(response)
    spent = {QuotaEffect.UNKNOWN, QuotaEffect.COUNTED}
    assert wire.observe(response, now=0.0).cost in spent


@pytest.mark.parametrize(
    "response", [page(413), said(413, "too large"), WireResponse(413, {}, b"")]
)
def test_what_is_too_large_for_a_proxy_never_reached_the_server(response: WireResponse) -> None:
    assert wire.proves_nothing_stored(response)
    assert wire.observe(response, now=0.0).cost is QuotaEffect.FREE


@pytest.mark.parametrize(
    "response",
    [
        page(429),
        said(429, "slow down"),
        said(429, {"message": "API rate limit exceeded"}),
        said(429, {"statusCode": 429, "message": "Rate limit is exceeded. Try in 5 seconds."}),
        said(429, {"message": "ThrottlerException: Too Many Requests"}),
    ],
    ids=name,
)
def test_a_429_in_other_words_is_not_the_throttlers(response: WireResponse) -> None:
    assert not wire.proves_nothing_stored(response)
    assert wire.observe(response, now=0.0).cost is QuotaEffect.TURNED_AWAY


def test_the_rate_headers_of_a_page_are_not_believed() -> None:
    rates = {"x_ratelimit_limit": "1000", "x_ratelimit_remaining": "999", "x_ratelimit_reset": "1"}
    for response in (page(200, **rates), page(403, **rates), page(502, **rates)):
        seen = wire.observe(response, now=0.0)
        assert (seen.cost, seen.reading) == (QuotaEffect.UNKNOWN, None)


# ------------------------------------------------------------------ the sandbox


def body(channel: str) -> bytes:
    """A create that a sandbox accepts."""
    value = [{"content": "text", "image": []}]
    item = {"integration": {"id": channel}, "value": value, "settings": {}}
    date = "2035-01-01T10:00:00.000Z"
    request = {"type": "schedule", "date": date, "shortLink": False, "tags": [], "posts": [item]}
    return json.dumps(request).encode()


@pytest.mark.parametrize(
    ("status", "cost"),
    [
        (400, QuotaEffect.COUNTED),
        ("malformed", QuotaEffect.FREE),
        (401, QuotaEffect.FREE),
        ("no key", QuotaEffect.FREE),
        ("empty 401", QuotaEffect.FREE),
        (402, QuotaEffect.COUNTED),
        (404, QuotaEffect.FREE),
        (413, QuotaEffect.FREE),
        (429, QuotaEffect.REFUSED),
    ],
)
async def test_so_do_the_refusals_of_the_sandbox(status: int | str, cost: QuotaEffect) -> None:
    async with MemoryServer(clock=JumpingClock(), limit=1) as sandbox:
        sent = body(sandbox.add_channel("mastodon").id)
        key, path = "" if status == "no key" else sandbox.organization.api_key, "posts"
        if status == 400:
            sent = b"{}"
        elif status == "malformed":
            sent = sent[:-2]
        elif status == 401:
            key = "another"
        elif status == "empty 401":
            sandbox.faults.add(Fault("empty_401"))
        elif status == 402:
            sandbox.organization.posts_per_month = 0
        elif status == 404:
            path = "post"
        elif status == 413:
            sent = b" " * 102_401
        elif status == 429:
            sandbox.lock_out()
        headers = (("Authorization", key), ("Content-Type", "application/json"))
        url = f"http://sandbox.invalid/public/v1/{path}"
        response = await SandboxTransport(sandbox).send(
            WireRequest("POST", url, headers, sent, timeout=30.0)
        )
        assert wire.proves_nothing_stored(response), response.body
        assert wire.observe(response, now=0.0).cost is cost
        assert sandbox.posts == ()
