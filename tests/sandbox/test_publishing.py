"""What becomes of posts when their date comes, and how old releases differ."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox_calls import MASTODON, TELEGRAM, Send, create, day, item, request

from postiz_async._sandbox import MemoryServer, Response
from postiz_async.clock import JumpingClock

SOON = "2026-11-24T06:10:00Z"


async def test_posts_are_published_when_they_are_due(
    sandbox: MemoryServer, clock: JumpingClock, send: Send
) -> None:
    await send("POST", "/posts", create(item("a"), item("b"), date=SOON))
    await send("POST", "/posts", create(date=SOON, type="draft"))
    clock.advance(599)
    assert {each.state for each in sandbox.posts} == {"QUEUE", "DRAFT"}
    clock.advance(2)
    entries = (await send("GET", "/posts", **day("2026-11-24"))).json()["posts"]
    assert [each["state"] for each in entries] == ["PUBLISHED", "PUBLISHED", "DRAFT"]
    assert entries[0]["releaseURL"].endswith(entries[0]["releaseId"])
    assert entries[0]["releaseId"] != entries[1]["releaseId"]
    notes = (await send("GET", "/notifications")).json()["notifications"]
    assert [each["link"] for each in notes] == [each["releaseURL"] for each in entries[1::-1]]


async def test_a_date_in_the_past_publishes_at_once(sandbox: MemoryServer, send: Send) -> None:
    await send("POST", "/posts", create(date="2020-01-01"))
    assert sandbox.posts[0].state == "PUBLISHED"


@pytest.mark.parametrize(
    "changes", [{"failure": "too loud"}, {"disabled": True}, {"refresh_needed": True}]
)
async def test_publishing_fails(
    sandbox: MemoryServer, clock: JumpingClock, send: Send, changes: dict[str, object]
) -> None:
    await send("POST", "/posts", create(date=SOON))
    sandbox.change_channel(MASTODON, **changes)
    clock.advance(601)
    assert [each.state for each in sandbox.posts] == ["ERROR"]
    (note,) = (await send("GET", "/notifications")).json()["notifications"]
    assert note["link"] is None
    assert str(changes.get("failure", "channel")) in note["content"]


async def test_jobs_follow_the_post(sandbox: MemoryServer, clock: JumpingClock, send: Send) -> None:
    await send("POST", "/posts", create(item("drafted"), item("deleted"), item("moved"), date=SOON))
    drafted, deleted, moved = sandbox.posts
    await send("PUT", f"/posts/{drafted.id}/status", {"status": "draft"})
    await send("DELETE", f"/posts/{deleted.id}")
    await send("POST", "/posts", create(item("moved", first={"id": moved.id})))
    clock.advance(601)
    assert [each.state for each in sandbox.posts] == ["DRAFT", "QUEUE"]
    await send("PUT", f"/posts/{drafted.id}/status", {"status": "schedule"})
    assert sandbox.posts[0].state == "PUBLISHED"


async def test_a_published_post_is_not_published_again_by_accident(
    sandbox: MemoryServer, send: Send
) -> None:
    await send("POST", "/posts", create(type="now"))
    (post,) = sandbox.posts
    again = create(item("again", first={"id": post.id}))
    response = await send("POST", "/posts", again)
    assert response.status == 400
    assert response.json()["message"].startswith(
        "This post was already published on 2026-11-24 06:00 UTC."
    )
    assert (await send("POST", "/posts", again | {"type": "update"})).status == 201
    assert sandbox.posts[0].state == "PUBLISHED"
    assert (await send("POST", "/posts", again | {"republish": True})).status == 201
    assert sandbox.posts[0].state == "QUEUE"


async def test_webhooks(clock: JumpingClock) -> None:
    async with MemoryServer(clock=clock) as sandbox:
        told = sandbox.add_channel("mastodon", id=MASTODON)
        sandbox.add_channel("telegram", id=TELEGRAM)
        sandbox.add_webhook("http://127.0.0.1:9/hook", told.id)
        body = create(item(), item(to=TELEGRAM), type="now")
        await sandbox.handle(request("POST", "/posts", body))
        assert [each.body for each in sandbox.take_deliveries()] == [b"[]"]
        assert sandbox.take_deliveries() == []


def test_webhooks_stay_on_this_machine() -> None:
    with pytest.raises(ValueError, match="not on loopback"):
        MemoryServer().add_webhook("https://example.com/hook")


ROUTES = (
    ("POST", "/posts"),
    ("GET", "/posts"),
    ("DELETE", "/posts/x"),
    ("POST", "/upload"),
    ("GET", "/integrations"),
    ("PUT", "/posts/x/settings"),
)


@pytest.mark.parametrize(
    ("release", "limit", "missing"),
    [("v2.20.0", "30", 1), ("v2.23.0", "90", 1), ("HEAD", "90", 0), ("next", "90", 0)],
)
async def test_what_a_release_limits(release: str, limit: str, missing: int) -> None:
    async with MemoryServer(release=release) as sandbox:
        answers = [await sandbox.handle(request(method, path)) for method, path in ROUTES]
        limits = [each.header("X-RateLimit-Limit") for each in answers]
        assert limits == [limit] + [None] * (len(ROUTES) - 1)
        assert [_is_missing(each) for each in answers].count(True) == missing


def _is_missing(response: Response) -> bool:
    body: Any = response.json()
    return response.status == 404 and body["message"].startswith("Cannot ")


@pytest.mark.parametrize(
    ("release", "more"),
    [("v2.20.0", set()), ("v2.23.0", {"creationMethod"}), ("HEAD", {"creationMethod", "settings"})],
)
async def test_what_a_release_lists(release: str, more: set[str]) -> None:
    async with MemoryServer(release=release) as sandbox:
        channel = sandbox.add_channel("mastodon")
        await sandbox.handle(request("POST", "/posts", create(item(to=channel.id))))
        listed = await sandbox.handle(request("GET", "/posts", **day()))
        (entry,) = listed.json()["posts"]
        assert {"creationMethod", "settings"} & set(entry) == more


def test_releases_have_names() -> None:
    with pytest.raises(ValueError, match=r"one of v2\.20\.0, v2\.23\.0, HEAD, next"):
        MemoryServer(release="latest")
