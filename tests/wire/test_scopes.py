"""What a client may do: each call has a scope, and what is not allowed never leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
from samples import PNG

from postiz_async import (
    NewPost,
    OutboxOptions,
    Postiz,
    PostizPool,
    ScopeError,
    UsageError,
)
from postiz_async._wire.endpoints import ENDPOINTS
from postiz_async.blocking import Postiz as BlockingPostiz
from postiz_async.models.posts import PostRequest
from postiz_async.models.video import SlidesVideo
from postiz_async.testing import Fault, Sandbox
from postiz_async.types import Scope

START = datetime(2027, 1, 1, 8, tzinfo=UTC)
LATER = START + timedelta(days=1)
ALL: frozenset[Scope] = frozenset(get_args(Scope))

SCOPE_OF = {
    "create_post": None,
    "list_posts": "read",
    "delete_post": "delete",
    "delete_post_group": "delete",
    "get_missing_content": "read",
    "update_release_id": "update",
    "change_post_status": None,
    "update_post_settings": "update",
    "upload_file": "media",
    "upload_from_url": "media",
    "generate_video": "media",
    "video_function": "read",
    "list_channels": "read",
    "list_groups": "read",
    "is_connected": "read",
    "get_channel_settings": "read",
    "trigger_tool": "read",
    "get_connect_url": "update",
    "delete_channel": "delete",
    "find_slot": "read",
    "get_analytics": "read",
    "get_post_analytics": "read",
    "list_media": "read",
    "list_notifications": "read",
    "search_users": "read",
    "oauth_token": "update",
}
"""Of each endpoint; None: its body says."""

POST = NewPost("mastodon", "x")

CALLS: dict[str, tuple[Scope, Callable[[Postiz], Awaitable[object]]]] = {
    "draft": ("draft", lambda p: p.posts.draft(POST, at=LATER)),
    "schedule": ("schedule", lambda p: p.posts.schedule(POST, at=LATER)),
    "schedule with a key": (
        "schedule",
        lambda p: p.posts.schedule(POST, at=LATER, idempotency_key="k"),
    ),
    "now": ("publish", lambda p: p.posts.publish_now(POST)),
    "now with a key": ("publish", lambda p: p.posts.publish_now(POST, idempotency_key="k")),
    "replace": ("update", lambda p: p.posts.replace("id", POST, at=LATER)),
    "delete": ("delete", lambda p: p.posts.delete("id")),
    "delete_group": ("delete", lambda p: p.posts.delete_group("id")),
    "to draft": ("update", lambda p: p.posts.set_status("id", "draft")),
    "to schedule": ("publish", lambda p: p.posts.set_status("id", "schedule")),
    "settings": ("update", lambda p: p.posts.update_settings("id", {})),
    "release": ("update", lambda p: p.posts.set_release_id("id", "1")),
    "probe": ("publish", lambda p: p.posts.probe()),
    "upload": ("media", lambda p: p.media.upload(PNG)),
    "upload of an address": ("media", lambda p: p.media.upload("https://example.com/a")),
    "upload by the server": ("media", lambda p: p.media.upload_from_url("https://a.com/a.png")),
    "video": (
        "media",
        lambda p: p.media.generate_video(SlidesVideo(prompt="x", voice="v", output="vertical")),
    ),
    "connect": ("update", lambda p: p.channels.connect_url("mastodon")),
    "disconnect": ("delete", lambda p: p.channels.delete("cmwv9y2sf001xp27d1usy9a4c")),
    "put": ("schedule", lambda p: p.outbox.put(POST, at=LATER)),
    "put now": ("publish", lambda p: p.outbox.put(POST, idempotency_key="k")),
    "an unknown route": ("publish", lambda p: p.request("POST", "/posts/boost", json={})),
    "an unknown deletion": ("delete", lambda p: p.request("DELETE", "/tags/1")),
    "a known route": ("media", lambda p: p.request("POST", "/Upload-from-url/", json={})),
    "any id": ("delete", lambda p: p.request("DELETE", "/posts/group/a")),
    "a status": (
        "publish",
        lambda p: p.request("PUT", "/POSTS/a/%73tatus", json={"status": "schedule"}),
    ),
}


def made() -> Sandbox:
    return Sandbox(start=START, channels=("mastodon",), release="next")


def test_each_endpoint_has_a_scope() -> None:
    assert {endpoint.name: endpoint.scope for endpoint in ENDPOINTS} == SCOPE_OF


@pytest.mark.parametrize("name", CALLS)
async def test_what_is_not_allowed_never_leaves(name: str, tmp_path: Path) -> None:
    scope, call = CALLS[name]
    local = made()
    options = OutboxOptions(tmp_path / "outbox.sqlite", sends=False)
    async with local.client(allow=ALL - {scope}, outbox=options) as postiz:
        with pytest.raises(ScopeError) as caught:
            await call(postiz)
        assert not sum((await postiz.outbox.counts()).values())
    error = caught.value
    assert (error.scope, error.source) == (scope, "Postiz(allow=...)")
    assert set(error.allowed) == ALL - {scope}
    assert f"needs the scope {scope!r}, but Postiz(allow=...) allows only" in str(error)
    assert local.requests == 0


@pytest.mark.parametrize("scope", ["draft", "schedule", "publish"])
async def test_what_is_allowed_does(scope: Scope) -> None:
    local = made()
    async with local.client(allow=["read", scope]) as postiz:
        await CALLS["now" if scope == "publish" else scope][1](postiz)
    assert len(local.posts) == 1


async def test_the_body_says_what_a_create_does() -> None:
    """As it is sent, so that no field, date or detour makes more of it than is allowed."""
    local = made()
    past = START - timedelta(days=1)
    async with local.client(allow=["read", "schedule", "draft"]) as postiz:
        good = await postiz.posts.build(POST, kind="schedule", at=LATER)
        late = await postiz.posts.build(POST, kind="draft", at=past)
        before = local.requests
        bodies: list[dict[str, object]] = [
            {"type": "now", "date": "2027-01-02T08:00:00.000Z", "posts": []},
            {"type": "now", "status": "draft", "posts": []},
            {"type": "schedule", "date": "2026-12-31T08:00:00.000Z", "posts": []},
            {"type": "schedule", "date": "2027", "posts": []},
            {"type": ["draft"]},
            {},
        ]
        for body in bodies:
            with pytest.raises(ScopeError, match="'publish'"):
                await postiz.request("POST", "/posts", json=body)
        past_body = PostRequest(type="schedule", date=late.date, posts=late.posts)
        for key in (None, "k"):
            with pytest.raises(ScopeError, match="'publish'"):
                await postiz.posts.send(past_body, validate=False, idempotency_key=key)
        assert local.requests == before
        await postiz.posts.send(good)
        await postiz.posts.send(late)
    assert len(local.posts) == 2


async def test_no_option_widens_it() -> None:
    local = made()
    async with local.client(allow=["read"]) as postiz:
        view = postiz.with_options(timeout=5, max_wait=0, headers={"X-A": "1"}, priority=3)
        with pytest.raises(ScopeError):
            await view.posts.draft(POST, at=LATER)
        assert len(await view.channels.list()) == 1
    assert not local.posts


async def test_a_pool_restricts_all_its_clients() -> None:
    local = made()
    async with local.pool(allow=["read"]) as pool:
        postiz = await pool.client(local.api_key)
        with pytest.raises(ScopeError, match=r"PostizPool\(allow=...\)"):
            await postiz.posts.draft(POST, at=LATER)
    assert local.requests == 0


@pytest.mark.parametrize("allow", ["read", ["read", "write"], ["draft"], []])
def test_scopes_are_a_list_with_read(allow: list[Scope]) -> None:
    with pytest.raises(UsageError, match=r"^Postiz\(allow=...\)"):
        Postiz(api_key="k", allow=allow)
    with pytest.raises(UsageError, match=r"^PostizPool\(allow=...\)"):
        PostizPool(allow=allow)
    with pytest.raises(UsageError, match="allow"):
        BlockingPostiz(api_key="k", allow=allow)


async def test_a_campaign_is_refused_before_its_journal(tmp_path: Path) -> None:
    local = made()
    file = tmp_path / "a.csv"
    file.write_text(f"channel,date,content\nmastodon,{LATER.isoformat()},x\n", encoding="utf-8")
    async with local.client(allow=["read", "draft"]) as postiz, postiz.campaign(file) as campaign:
        assert (await campaign.plan()).requests
        with pytest.raises(ScopeError, match="'schedule'"):
            await campaign.run()
        assert not await campaign.has_journal()
    assert not local.creates
    sending = local.client(allow=["read", "schedule"])
    async with sending as postiz, postiz.campaign(file) as campaign:
        assert (await campaign.run()).complete
        with pytest.raises(ScopeError, match="'delete'"):
            await campaign.undo()
        assert (await campaign.undo(dry_run=True)).rows
    file.write_text(file.read_text("utf-8").replace(",x", ",y"), encoding="utf-8")
    sending = local.client(allow=["read", "schedule"])
    async with sending as postiz, postiz.campaign(file) as campaign:
        assert len((await campaign.plan()).changes.changed) == 1
        with pytest.raises(ScopeError, match="'update'"):
            await campaign.run()
    assert [post.content for post in local.posts] == ["x"]


async def test_who_may_not_schedule_does_not_send_for_others(tmp_path: Path) -> None:
    local, place = made(), tmp_path / "outbox.sqlite"
    async with local.client(outbox=OutboxOptions(place, sends=False)) as postiz:
        ticket = await postiz.outbox.put(POST, at=LATER)
    async with local.client(allow=["read", "draft"], outbox=place) as postiz:
        await postiz.clock.sleep(600)
        assert (await postiz.outbox.get(ticket.id)).state.value == "planned"
        assert not postiz.outbox.trouble
    async with local.client(allow=["read", "schedule"], outbox=place) as postiz:
        assert (await postiz.outbox.wait(ticket.id)).state.value == "stored"
    assert len(local.posts) == 1


async def test_a_create_is_completed_with_its_own_scope() -> None:
    """The server stored the post but not its job: to give it one would else be `publish`."""
    local = made()
    local.add_fault(Fault("stop", route="create_post", half=True))
    async with local.client(allow=["read", "schedule"]) as postiz:
        await postiz.posts.schedule(POST, at=LATER, idempotency_key="k")
    assert len(local.posts) == 1
