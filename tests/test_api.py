"""What `Postiz` and its `with_options` have, and what options mean for all they cause."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from postiz_async import (
    AdvancedOptions,
    APIConnectionError,
    APITimeoutError,
    BadRequestError,
    CampaignRow,
    ConfigurationError,
    DeliveryUnknownError,
    InvalidPostError,
    NewPost,
    NotFoundError,
    OutboxOptions,
    Postiz,
    PostizPool,
    Priority,
    QuotaWaitError,
    ServerError,
    UsageError,
)
from postiz_async._resources.api import options_of
from postiz_async._resources.posts import Posts
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.clock import JumpingClock
from postiz_async.testing import Sandbox
from postiz_async.testing._transport import SandboxTransport

PASS = {"X-Gateway": "let me in"}
ALSO = {"X-Trace": "trace 7"}


class Watched(SandboxTransport):
    """The way to a sandbox, and what went along it."""

    def __init__(self, sandbox: MemoryServer) -> None:
        super().__init__(sandbox)
        self.server = sandbox
        self.seen: list[WireRequest] = []

    async def send(self, request: WireRequest) -> WireResponse:
        self.seen.append(request)
        return await super().send(request)

    def timeouts(self, kind: str) -> set[float | None]:
        """The time-outs of requests of a kind, such as `POST /posts`."""
        return {each.timeout for each in self.seen if self.kind(each) == kind}

    @staticmethod
    def kind(request: WireRequest) -> str:
        path = request.url.partition("/public/v1")[2].partition("?")[0]
        return f"{request.method} {path}"


@asynccontextmanager
async def client(
    *, outbox: OutboxOptions | Path | None = None, **options: object
) -> AsyncGenerator[tuple[Postiz, Watched, str]]:
    async with MemoryServer(clock=JumpingClock()) as sandbox:
        way = Watched(sandbox)
        async with Postiz(
            api_key=sandbox.organization.api_key,
            base_url="http://sandbox.invalid",
            outbox=outbox,
            advanced=AdvancedOptions(clock=sandbox.clock, transport=way),
            **options,
        ) as postiz:
            yield postiz, way, sandbox.add_channel("mastodon").id


def rows(channel: str) -> list[CampaignRow]:
    date = Sandbox().in_an_hour() + timedelta(days=1)
    return [CampaignRow(channel=channel, content="of a campaign", at=date)]


async def everything(postiz: Postiz, way: Watched, channel: str, folder: Path) -> None:
    """Calls, a campaign whose answer is lost, and a key whose answer is lost."""
    at = Sandbox().in_an_hour()
    await postiz.posts.schedule(NewPost(channel, "x"), at=at)
    way.server.faults.add(Fault("drop_answer", route="create_post"))
    async with postiz.campaign(rows(channel), journal=folder / "journal") as campaign:
        report = await campaign.run()
    assert report.counts["stored"] == 1
    way.server.faults.add(Fault("drop_answer", route="create_post"))
    await postiz.posts.schedule(NewPost(channel, "keyed"), at=at, idempotency_key="one")


def has_headers(way: Watched, headers: dict[str, str]) -> bool:
    return all(headers.items() <= dict(each.headers).items() for each in way.seen)


async def test_headers_of_the_client_are_on_each_request_that_it_causes(tmp_path: Path) -> None:
    outbox = OutboxOptions(tmp_path / "outbox.sqlite")
    async with client(headers=PASS, outbox=outbox) as (postiz, way, channel):
        await everything(postiz, way, channel, tmp_path)
        way.server.faults.add(Fault("drop_answer", route="create_post"))
        ticket = await postiz.outbox.put(NewPost(channel, "later"))
        await postiz.outbox.wait(ticket.id)
        assert len(way.seen) > 10
        assert has_headers(way, PASS)


async def test_headers_of_options_are_on_each_request_too(tmp_path: Path) -> None:
    async with client(headers=PASS) as (postiz, way, channel):
        view = postiz.with_options(headers=ALSO)
        way.seen.clear()
        await everything(view, way, channel, tmp_path)
        assert has_headers(way, PASS | ALSO)
        way.seen.clear()
        await postiz.channels.list()
        assert not has_headers(way, ALSO)


async def test_a_pool_has_headers_for_its_own_server_only() -> None:
    async with MemoryServer(clock=JumpingClock()) as sandbox:
        way = Watched(sandbox)
        url = "http://sandbox.invalid"
        pool = PostizPool(
            base_url=url,
            headers=PASS,
            max_retries=0,
            advanced=AdvancedOptions(clock=sandbox.clock, transport=way),
        )
        async with pool:
            postiz = await pool.client(sandbox.organization.api_key)
            await postiz.channels.list()
            assert has_headers(way, PASS)
            assert PASS["X-Gateway"] not in repr([vars(pool), vars(postiz), pool, postiz])
            same = await pool.client("another", base_url="http://SANDBOX.invalid:80/other")
            assert same.is_open
            with pytest.raises(ConfigurationError, match="headers are for http:"):
                await pool.client("another", base_url="http://elsewhere.invalid")


# ------------------------------------------------------------------ time-outs and retries


async def test_a_short_time_out_is_for_calls_and_never_cuts_a_job_short(tmp_path: Path) -> None:
    async with client(timeout=2) as (postiz, way, channel):
        await postiz.posts.schedule(NewPost(channel, "x"), at=Sandbox().in_an_hour())
        assert 1.9 < (way.seen[-1].timeout or 0) <= 2
        way.seen.clear()
        async with postiz.campaign(rows(channel), journal=tmp_path / "journal") as campaign:
            await campaign.run()
        assert way.timeouts("POST /posts") == {30.2}
        assert min(each.timeout or 0 for each in way.seen) >= 10


@pytest.mark.parametrize(("given", "create"), [(100.0, 100.0), (3600.0, 300.0)])
async def test_a_long_time_out_is_given_to_jobs_as_far_as_that_is_safe(
    tmp_path: Path, given: float, create: float
) -> None:
    async with client() as (postiz, way, channel):
        view = postiz.with_options(timeout=given)
        async with view.campaign(rows(channel), journal=tmp_path / "journal") as campaign:
            await campaign.run()
        assert way.timeouts("POST /posts") == {create}
        assert way.timeouts("GET /integrations") == {given}


async def test_retries_are_as_many_as_were_given() -> None:
    async with client(max_retries=1) as (postiz, way, _):
        for view, attempts in ((postiz, 2), (postiz.with_options(max_retries=0), 1)):
            way.seen.clear()
            way.server.faults.add(Fault("error_before", status=503, times=attempts))
            with pytest.raises(ServerError):
                await view.channels.list()
            assert len(way.seen) == attempts


async def test_no_number_of_retries_repeats_what_may_have_been_carried_out() -> None:
    async with client(max_retries=100) as (postiz, way, channel):
        way.server.faults.add(Fault("drop_answer", route="create_post"))
        with pytest.raises(DeliveryUnknownError):
            await postiz.posts.schedule(NewPost(channel, "x"), at=Sandbox().in_an_hour())
        way.server.faults.add(Fault("drop_answer", route="find_slot"))
        with pytest.raises(APIConnectionError):
            await postiz.channels.find_slot(channel)
        kinds = [way.kind(each) for each in way.seen]
        assert kinds.count("POST /posts") == kinds.count(f"GET /find-slot/{channel}") == 1


@pytest.mark.parametrize("retries", [-1, 101, 1.5, True, None, "3"])
async def test_retries_that_make_no_sense_are_refused(retries: object) -> None:
    with pytest.raises(UsageError, match=r"max_retries is .* from 0, for one attempt only"):
        Postiz(api_key="key", max_retries=retries)  # type: ignore[arg-type]
    async with client() as (postiz, _, _):
        with pytest.raises(UsageError, match="max_retries is"):
            postiz.with_options(max_retries=retries)  # type: ignore[arg-type]


async def test_the_time_out_of_a_client_is_for_looks_and_not_for_what_they_wait_for() -> None:
    async with client(timeout=5) as (postiz, way, channel):
        at = Sandbox().in_an_hour()
        [made] = await postiz.posts.schedule(NewPost(channel, "x"), at=at)
        began = postiz.clock.monotonic()
        with pytest.raises(APITimeoutError):
            await postiz.with_options(timeout=60).posts.wait_published(made.post_id, at=at)
        assert postiz.clock.monotonic() - began == pytest.approx(60)
        way.seen.clear()
        post = await postiz.posts.wait_published(made.post_id, at=at)
        assert post.state == "PUBLISHED"
        assert max(each.timeout or 0 for each in way.seen) == pytest.approx(5)


# ------------------------------------------------------------------ what options return


async def test_options_add_up_and_the_later_of_one_name_holds() -> None:
    async with client(headers=PASS, timeout=50) as (postiz, way, _):
        view = postiz.with_options(timeout=5).with_options(headers=ALSO).with_options(max_retries=0)
        await view.channels.is_connected()
        assert has_headers(way, PASS | ALSO)
        assert way.seen[-1].timeout == pytest.approx(5)
        await view.with_options(headers={"x-gateway": "other"}).channels.is_connected()
        last = [(name, value) for name, value in way.seen[-1].headers if "gate" in name.lower()]
        assert last == [("x-gateway", "other")]
        await view.with_options(timeout=None).channels.is_connected()
        assert way.seen[-1].timeout == pytest.approx(30)


async def test_a_view_has_all_that_the_client_has() -> None:
    async with client() as (postiz, _, channel):
        view = postiz.with_options(timeout=5)
        assert isinstance(view, Postiz)
        assert (view.base_url, view.clock, view.is_open) == (postiz.base_url, postiz.clock, True)
        assert not hasattr(view, "outbox")
        assert (await view.quota()).limit is None
        answer = await view.with_raw_response(view.channels.list())
        assert [each.id for each in answer.value] == [channel]
        changes = view.quota_changes()
        assert (await anext(changes)).limit is None
        await changes.aclose()
    assert not view.is_open
    with pytest.raises(ConfigurationError, match="closed"):
        await view.channels.list()


async def test_only_the_client_closes_what_its_views_use() -> None:
    async with client() as (postiz, _, channel):
        async with postiz.with_options(timeout=5) as view:
            await view.channels.list()
        await view.aclose()
        assert view.is_open
        assert postiz.is_open
        assert [each.id for each in await view.channels.list()] == [channel]
    with pytest.raises(UsageError, match="is closed"):
        await view.open()


ENDLESS: list[float | timedelta | None] = [None, math.inf]


@pytest.mark.parametrize("max_wait", ENDLESS)
async def test_a_wait_for_the_quota_is_inherited_bounded_or_endless(max_wait: float | None) -> None:
    sandbox, hour = Sandbox(limit=1, channels=["mastodon"]), timedelta(hours=1)
    async with sandbox.client() as made:
        postiz = made.with_options(max_wait=timedelta(seconds=5))

        async def create(of: Postiz, **options: Any) -> None:
            await of.posts.schedule(
                NewPost("mastodon", "x"), at=sandbox.in_an_hour() + 24 * hour, **options
            )

        await create(postiz)
        for refused in (create(postiz), create(made, max_wait=5), create(postiz, max_wait=0)):
            with pytest.raises(QuotaWaitError):
                await refused
        before = sandbox.clock.monotonic()
        await create(postiz, max_wait=max_wait)
        await create(postiz.with_options(max_wait=max_wait))
        await create(postiz.with_options(max_wait=0), max_wait=2 * hour)
        assert sandbox.clock.monotonic() - before > 2 * 3600


async def test_a_client_may_bound_the_waits_of_single_calls_alone(tmp_path: Path) -> None:
    async with client(max_wait=5, outbox=tmp_path / "outbox.sqlite") as (postiz, _, channel):
        assert options_of(postiz).max_wait == 5
        assert postiz.outbox.trouble == ""
        async with postiz.campaign(rows(channel), journal=tmp_path / "journal") as campaign:
            assert await campaign.run()
        with pytest.raises(UsageError, match="cannot obey max_wait"):
            postiz.with_options(max_wait=6).campaign(rows(channel), journal=tmp_path / "other")


@pytest.mark.parametrize("call", [Posts.list, ["what was awaited"], None])
async def test_what_is_no_call_has_no_raw_answer(call: object) -> None:
    async with client() as (postiz, _, _):
        with pytest.raises(UsageError, match="not yet awaited"):
            await postiz.with_raw_response(call)  # type: ignore[arg-type]


@pytest.mark.parametrize("priority", ["high", 1.5, None, True])
async def test_a_priority_is_a_whole_number(priority: object) -> None:
    async with client() as (postiz, _, _):
        with pytest.raises(UsageError, match=r"priority is .* whole number; the smallest"):
            postiz.with_options(priority=priority)  # type: ignore[arg-type]


async def test_a_campaign_refuses_options_that_it_cannot_obey(tmp_path: Path) -> None:
    soon = Sandbox().in_an_hour()
    async with client() as (postiz, way, channel):
        for options, named in (
            ({"max_wait": 5}, "max_wait"),
            ({"deadline": soon}, "deadline"),
            ({"priority": Priority.BULK, "max_wait": 0}, "max_wait and priority"),
        ):
            view = postiz.with_options(**options)  # type: ignore[arg-type]
            with pytest.raises(UsageError, match=f"A campaign cannot obey {named}:"):
                view.campaign(rows(channel), journal=tmp_path / "journal")
            view.with_options(max_wait=None, deadline=None, priority=0).campaign(
                rows(channel), journal=tmp_path / "journal"
            )
        assert way.seen == []


async def test_the_outbox_takes_no_options(tmp_path: Path) -> None:
    async with client(outbox=tmp_path / "outbox.sqlite", timeout=9) as (postiz, _, _):
        assert postiz.with_options().outbox is postiz.outbox
        assert postiz.with_options(timeout=9).outbox is postiz.outbox
        for view in (postiz.with_options(timeout=5), postiz.with_options(headers=PASS)):
            with pytest.raises(UsageError, match="cannot obey options of with_options"):
                _ = view.outbox
    with pytest.raises(UsageError, match="not open"):
        postiz.with_options(timeout=5)


# ------------------------------------------------------------------ channels, the quota


async def test_channels_are_found_by_what_a_campaign_calls_them(
    postiz_sandbox: Sandbox,
) -> None:
    news = postiz_sandbox.add_channel("mastodon", name="News")
    blog = postiz_sandbox.add_channel("wordpress")
    async with postiz_sandbox.client() as postiz:
        assert [each.id for each in await postiz.channels.find("wordpress", "news")] == [
            blog.id,
            news.id,
        ]
        with pytest.raises(InvalidPostError) as refused:
            await postiz.channels.find("News", news.id, "nobody")
    said = [problem.message for problem in refused.value.problems]
    assert said == [f"{news.id!r} is named twice: 'News'", "there is no channel 'nobody'"]


async def test_the_quota_is_explained(postiz_sandbox: Sandbox) -> None:
    channel = postiz_sandbox.add_channel("mastodon")
    async with postiz_sandbox.client() as postiz:
        await postiz.posts.schedule(NewPost(channel, "Hello"), at=postiz_sandbox.in_an_hour())
        lines = await postiz.explain_quota()
        assert any("of this client in this window" in line for line in lines)
        assert (await postiz.quota(refresh=False)).remaining == (await postiz.quota()).remaining


# ------------------------------------------------------------------ routes that nobody knows


async def test_any_route_can_be_called() -> None:
    async with client() as (postiz, way, channel):
        answer = await postiz.request("get", "/integrations/", params={"group": "a b"})
        assert answer == []
        assert way.seen[-1].url.endswith("/public/v1/integrations?group=a%20b")
        [listed] = await postiz.request("GET", "integrations")
        assert listed["id"] == channel
        with pytest.raises(NotFoundError):
            await postiz.request("DELETE", "/nothing/here")


@pytest.mark.parametrize(
    ("route", "more", "attempts"),
    [
        ("GET /integrations", {}, 2),
        ("GET /integrations", {"idempotent": False}, 1),
        ("DELETE /posts/x", {"idempotent": True}, 2),
        ("DELETE /posts/x", {}, 1),
    ],
)
async def test_only_what_is_idempotent_is_repeated(
    route: str, more: dict[str, bool], attempts: int
) -> None:
    async with client() as (postiz, way, _):
        way.server.faults.add(Fault("error_before", status=503))
        with suppress(ServerError):
            await postiz.request(*route.split(), **more)
        assert len(way.seen) == attempts


@pytest.mark.parametrize("path", ["/posts", "posts/", "/POSTS", "/p%6fsts"])
async def test_posts_that_are_stored_by_hand_count(path: str) -> None:
    async with client() as (postiz, way, _):
        with pytest.raises(BadRequestError):
            await postiz.request("POST", path, json={})
        quota = await postiz.quota()
        assert (quota.limit, quota.remaining) == (90, 89)
        with pytest.raises(UsageError, match="cannot be idempotent"):
            await postiz.request("POST", path, json={}, idempotent=True)
        assert len(way.seen) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("TRACE", "/posts"),
        ("POST", "/posts?a=b"),
        ("POST", "/a/../posts"),
        ("POST", "//posts"),
        ("POST", "/%2e/posts"),
        ("POST", "http://other/posts"),
        ("GET", ""),
    ],
)
async def test_what_is_no_route_is_refused(method: str, path: str) -> None:
    async with client() as (postiz, way, _):
        with pytest.raises(UsageError, match=r"^(method|path) is "):
            await postiz.request(method, path)
        assert way.seen == []


async def test_a_lost_answer_to_a_create_of_any_form_is_not_to_be_repeated() -> None:
    sandbox = Sandbox(channels=("mastodon",))
    async with sandbox.client() as postiz:
        [channel] = await postiz.channels.list()
        body = await postiz.posts.build(
            NewPost(channel, "Hello"), kind="schedule", at=sandbox.in_an_hour()
        )
        for json in (body.to_dict(), {"posts": "x"}):
            sandbox.lose_next_answer()
            with pytest.raises(DeliveryUnknownError) as lost:
                await postiz.request("POST", "/posts", json=json)
            assert lost.value.retry_after is None
        found = await postiz.posts.find(lost.value.marks)
    assert found == []
    assert len(sandbox.posts) == 1


async def test_a_body_may_be_a_list_and_a_parameter_is_text() -> None:
    async with Sandbox().client() as postiz:
        with pytest.raises(NotFoundError):
            await postiz.request("POST", "/nothing/here", json=[1])
        with pytest.raises(UsageError, match="Give names and values as text"):
            await postiz.request("GET", "/posts", params={"page": 0})  # type: ignore[dict-item] # pyright: ignore[reportArgumentType]
