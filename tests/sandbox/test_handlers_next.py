"""What was merged or proposed after the server was recorded: release `next` has it alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sandbox_calls import create, item, request

from postiz_async._sandbox import MemoryServer
from postiz_async.clock import JumpingClock

START = 1_893_456_000.0  # 2030-01-01
RELEASES = pytest.mark.parametrize("release", ["HEAD", "next"])


def body_of(response: Any) -> Any:
    return json.loads(response.body)


def in_the_past(date: str) -> str:
    return (
        f"Publish date {date} UTC is in the past - saving would publish immediately. "
        "Pick a future date, or use type 'now' to intentionally publish right now."
    )


@RELEASES
@pytest.mark.parametrize(
    ("kind", "date", "is_refused"),
    [
        ("schedule", "2029-12-31T23:58:59.000Z", True),
        ("", "2029-12-31T00:00:00.000Z", False),  # which is scheduled, and not looked at
        ("schedule", "2029-12-31T23:59:30.000Z", False),
        ("now", "2029-12-31T00:00:00.000Z", False),
        ("draft", "2029-12-31T00:00:00.000Z", False),
        ("update", "2029-12-31T00:00:00.000Z", False),
    ],
)
async def test_dates_in_the_past(release: str, kind: str, date: str, *, is_refused: bool) -> None:
    async with MemoryServer(clock=JumpingClock(start=START), release=release) as sandbox:
        channel = sandbox.add_channel("telegram")
        body = create(item(to=channel.id), date=date, type=kind)
        response = await sandbox.handle(request("POST", "/posts", body))
        is_refused = is_refused and release == "next"
        assert response.status == (400 if is_refused else 201)
        assert len(sandbox.posts) == (not is_refused)
        if is_refused:
            assert body_of(response)["message"] == in_the_past("2029-12-31 23:58")
        assert len(sandbox.creates) == 1  # a refusal costs a slot


@pytest.mark.parametrize(
    ("release", "kind", "status"),
    [("HEAD", "schedule", 500), ("next", "schedule", 400), ("next", "draft", 500)],
)
async def test_a_date_that_only_the_validator_reads(release: str, kind: str, status: int) -> None:
    async with MemoryServer(clock=JumpingClock(start=START), release=release) as sandbox:
        channel = sandbox.add_channel("telegram")
        body = create(item(to=channel.id), date="20300301T100000Z", type=kind)
        response = await sandbox.handle(request("POST", "/posts", body))
        assert response.status == status
        if status == 400:
            assert body_of(response)["message"] == in_the_past("Invalid Date")


@RELEASES
async def test_a_post_is_not_moved_into_the_past(release: str) -> None:
    async with MemoryServer(clock=JumpingClock(start=START), release=release) as sandbox:
        channel = sandbox.add_channel("telegram")
        await sandbox.handle(request("POST", "/posts", create(item(to=channel.id))))
        (post,) = sandbox.posts
        moved = item(to=channel.id)
        moved["value"][0]["id"] = post.id
        body = create(moved, date="2029-12-01T00:00:00.000Z")
        response = await sandbox.handle(request("POST", "/posts", body))
        assert response.status == (400 if release == "next" else 201)


@RELEASES
@pytest.mark.parametrize("kind", ["self", "link", "media", "image", "video"])
async def test_types_of_reddit(release: str, kind: str) -> None:
    async with MemoryServer(clock=JumpingClock(start=START), release=release) as sandbox:
        channel = sandbox.add_channel("reddit")
        where = {"subreddit": "python", "title": "tt", "type": kind, "is_flair_required": False}
        where |= {"url": "https://a.example"} if kind == "link" else {}
        settings = {"subreddit": [{"value": where}]}
        body = create(item(to=channel.id, settings=settings), type="draft")
        response = await sandbox.handle(request("POST", "/posts", body))
        is_refused = release == "next" and kind in {"image", "video"}
        assert response.status == (400 if is_refused else 201), response.body
        if is_refused:
            assert "following values: self, link, media" in str(body_of(response)["message"])


@RELEASES
async def test_a_create_for_a_deleted_channel(release: str) -> None:
    async with MemoryServer(clock=JumpingClock(start=START), release=release) as sandbox:
        channel = sandbox.add_channel("telegram")
        await sandbox.handle(request("DELETE", f"/integrations/{channel.id}"))
        response = await sandbox.handle(request("POST", "/posts", create(item(to=channel.id))))
        if release == "next":
            assert (response.status, body_of(response)["message"]) == (
                400,
                f"Integration with id {channel.id} not found",
            )
        else:
            assert response.status == 201


@RELEASES
async def test_deleting_what_is_not_there(release: str) -> None:
    async with MemoryServer(clock=JumpingClock(start=START), release=release) as sandbox:
        response = await sandbox.handle(request("DELETE", "/posts/nope"))
        assert response.status == (404 if release == "next" else 500)


@pytest.mark.parametrize("page", ["", "0", "-3", "null", "1.5", "1x"])
async def test_what_is_no_page_of_the_media_is_the_first(page: str) -> None:
    async with MemoryServer(release="next") as sandbox:
        sandbox.add_media("a.png")
        answer = await sandbox.handle(request("GET", "/media", page=page))
        assert (answer.status, len(body_of(answer)["results"])) == (200, 1)
