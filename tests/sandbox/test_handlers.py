"""The API: a set of exchanges of this project's own, and what follows one from another."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sandbox_calls import MASTODON, TELEGRAM, Send, create, day, item, request
from sandbox_settings import SETTINGS

from postiz_async._sandbox import FormError, HttpRequest, MemoryServer, UploadedFile
from postiz_async.clock import JumpingClock

NOT_FOUND = {"statusCode": 500, "message": "Internal server error"}
EXTENSION = "File must have a valid extension: .png, .jpg, .jpeg, .gif, .webp, or .mp4"
NO_OBJECT = "each value in nested property {} must be either object or array"
PUBLIC = "URL must be a public HTTPS URL and cannot point to internal network addresses"


def bad(message: Any, status: int = 400) -> dict[str, Any]:
    reason = {400: "Bad Request", 404: "Not Found"}[status]
    return {"message": message, "error": reason, "statusCode": status}


EXCHANGES: list[tuple[str, str, Any, int, Any]] = [
    ("GET", "/is-connected", None, 200, {"connected": True}),
    ("GET", "/Is-Connected/", None, 200, {"connected": True}),
    ("GET", "/nope", None, 404, bad("Cannot GET /public/v1/nope", 404)),
    ("PATCH", "/posts", {}, 404, bad("Cannot PATCH /public/v1/posts", 404)),
    ("DELETE", "/posts/", None, 404, bad("Cannot DELETE /public/v1/posts/", 404)),
    ("DELETE", "/posts/%zz", None, 400, bad("Failed to decode param '%zz'")),
    ("DELETE", "/posts/%ff", None, 400, bad("Failed to decode param '%ff'")),
    ("DELETE", "/posts/nope", None, 500, NOT_FOUND),
    ("DELETE", "/posts/group/nope", None, 200, {"error": True}),
    ("POST", "/posts", None, 400, bad("All posts must have an integration id")),
    ("POST", "/posts", [], 400, bad("All posts must have an integration id")),
    ("POST", "/posts", create({"value": []}), 400, bad("All posts must have an integration id")),
    ("POST", "/posts", create(item(to="nope")), 400, bad("Integration with id nope not found")),
    ("POST", "/posts", create(posts=[]), 400, bad(["posts must contain at least 1 elements"])),
    (
        "POST",
        "/posts",
        {"posts": [{"integration": {"id": MASTODON}}]},
        400,
        bad(
            [
                "shortLink should not be null or undefined",
                "shortLink must be a boolean value",
                "date should not be null or undefined",
                "date must be a valid ISO 8601 date string",
                "tags should not be null or undefined",
                "tags must be an array",
                "posts.0.value should not be null or undefined",
                "posts.0.value must be an array",
                "posts.0.value must contain at least 1 elements",
            ]
        ),
    ),
    (
        "POST",
        "/posts",
        create(item(" ", thread=["x"], image=[{"path": "/a.svg", "thumbnail": "x"}]), inter="x"),
        400,
        bad(
            [
                "inter must be a number conforming to the specified constraints",
                *[
                    f"posts.0.value.{entry}.image.0.{text}"
                    for entry in (0, 1)
                    for text in (
                        "id should not be null or undefined",
                        "id must be a string",
                        EXTENSION,
                        "thumbnail must be a URL address",
                    )
                ],
            ]
        ),
    ),
    (
        "POST",
        "/posts",
        create(item("<p> </p>")),
        400,
        bad(["posts.0.value.0. If images do not exist, content must be a non-empty string."]),
    ),
    (
        "POST",
        "/posts",
        create(item(image=[None]), tags=[None, [["a"]]]),
        400,
        bad(
            [
                f"tags.{NO_OBJECT.format('tags')}",
                f"tags.1.0.{NO_OBJECT.format('tags')}",
                f"posts.0.value.0.image.{NO_OBJECT.format('image')}",
            ]
        ),
    ),
    ("POST", "/posts", create(date="2030-W05"), 500, NOT_FOUND),
    ("POST", "/posts", create(item("a\0b")), 500, NOT_FOUND),
    ("POST", "/posts", create(item(image=[[]])), 500, NOT_FOUND),
    ("GET", "/posts", None, 400, bad([f"{n} must be a valid ISO 8601 date string" for n in
                                      ("startDate", "endDate")])),
    ("GET", "/posts/nope/missing", None, 200, []),
    ("PUT", "/posts/nope/status", {"status": "draft"}, 400, bad("Post not found")),
    ("PUT", "/posts/nope/status", {}, 400,
     bad(["status must be one of the following values: draft, schedule"])),
    ("PUT", "/posts/nope/settings", {"settings": {}}, 404, bad("Post not found", 404)),
    ("PUT", "/posts/nope/settings", {"settings": []}, 400, bad(["settings must be an object"])),
    ("PUT", "/posts/nope/release-id", {}, 500, NOT_FOUND),
    ("POST", "/upload", None, 400, {"msg": "No file provided"}),
    ("POST", "/upload-from-url", {"url": "http://x/a"}, 400, bad([EXTENSION, PUBLIC])),
    ("POST", "/generate-video", {"type": "x", "output": "square"}, 400,
     bad(["type must be any of: image-text-slides, veo3",
          "output must be one of the following values: vertical, horizontal"])),
    ("POST", "/video/function", {"identifier": "image-text-slides", "functionName": "x"}, 400,
     {"statusCode": 400, "message": "Function x not found on video instance"}),
    ("GET", "/integration-settings/nope", None, 404, {"msg": "Integration not found"}),
    ("POST", "/integration-trigger/nope", {"methodName": "x"}, 404,
     {"msg": "Integration not found"}),
    ("POST", f"/integration-trigger/{MASTODON}", {"methodName": "x"}, 404,
     {"msg": "Tool not found"}),
    ("GET", "/social/nope", None, 400, {"msg": "Integration not allowed"}),
    ("DELETE", "/integrations/nope", None, 500, NOT_FOUND),
    ("GET", "/analytics/nope", None, 500, NOT_FOUND),
    ("GET", f"/analytics/{MASTODON}", None, 200, []),
    ("GET", "/analytics/post/nope", None, 200, []),
    ("GET", "/notifications", None, 200,
     {"notifications": [], "total": 0, "page": 0, "limit": 100, "hasMore": False}),
    ("GET", f"/find-slot/{MASTODON}", None, 200, {"date": "2026-11-24T06:40:00"}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "status", "answer"), EXCHANGES)
async def test_exchanges(
    send: Send, method: str, path: str, body: object, status: int, answer: object
) -> None:
    response = await send(method, path, body)
    assert (response.status, response.json()) == (status, answer)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (None, "No API Key found"),
        ("wrong", "Invalid API key"),
        ("Bearer sandbox", "Invalid API key"),
        ("pos_x", "Invalid OAuth token"),
    ],
)
async def test_keys(sandbox: MemoryServer, key: str | None, text: str) -> None:
    response = await sandbox.handle(request("POST", "/posts", create(), key=key))
    assert (response.status, response.json()) == (401, {"msg": text})
    assert response.header("X-RateLimit-Limit") is None


async def test_the_body_is_read_before_all_else(sandbox: MemoryServer) -> None:
    response = await sandbox.handle(request("GET", "/nope", b"{", key=None))
    assert response.json() == bad(
        "Expected property name or '}' in JSON at position 1 (line 1 column 2)"
    )
    for size, status in ((102_400, 401), (102_401, 413)):
        body = b'{"a":"' + b"x" * (size - 8) + b'"}'
        response = await sandbox.handle(request("POST", "/posts", body, key=None))
        assert response.status == status
    assert response.json() == {"statusCode": 413, "message": "request entity too large"}


async def test_what_is_counted(send: Send, sandbox: MemoryServer) -> None:
    async def remaining(body: object) -> str | None:
        return (await send("POST", "/posts", body)).header("X-RateLimit-Remaining")

    assert await remaining(create()) == "89"
    assert await remaining({}) == "88"
    assert await remaining(create(date="2030-W05")) == "87"
    assert await remaining(b"{") is None
    assert await remaining(create(item(), item())) == "86"
    assert [record.posts for record in sandbox.creates] == [1, 0, 0, 2]
    response = await send("GET", "/integrations")
    assert response.header("X-RateLimit-Remaining") is None


async def test_over_the_limit(sandbox: MemoryServer, clock: JumpingClock, send: Send) -> None:
    for _ in range(90):
        await send("POST", "/posts", {})
    response = await send("POST", "/posts", {})
    assert response.status == 429
    assert response.json() == {
        "statusCode": 429,
        "message": "ThrottlerException: Too Many Requests",
    }
    assert response.header("Retry-After") == "3600"
    assert response.header("X-RateLimit-Limit") is None
    assert sandbox.refusals == 1
    clock.advance(3600.001)
    assert (await send("POST", "/posts", {})).header("X-RateLimit-Remaining") == "89"


async def test_organisations_share_nothing(sandbox: MemoryServer, send: Send) -> None:
    other = sandbox.add_organization(api_key="other")
    channel = sandbox.add_channel("x", organization=other)
    body = create(item(to=channel.id, settings={"who_can_reply_post": "everyone"}))
    assert (await send("POST", "/posts", body)).json() == bad(
        f"Integration with id {channel.id} not found"
    )
    response = await sandbox.handle(request("POST", "/posts", body, key="other"))
    assert (response.status, response.header("X-RateLimit-Remaining")) == (201, "89")
    post_id = response.json()[0]["postId"]
    assert (await send("DELETE", f"/posts/{post_id}")).status == 500
    assert (await send("GET", "/posts", **day())).json() == {"posts": []}


async def test_a_stored_post(sandbox: MemoryServer, send: Send) -> None:
    media = [{"id": "1", "path": "https://cdn.example.com/a.png"}]
    post = item(
        "<b>x</b> & y",
        thread=["more"],
        image=media,
        settings={"__type": "x", "client_ref": "r", "list": [1.0, True]},
    )
    tags = [{"value": "launch", "label": "launch"}, {"value": "no", "label": "no"}]
    await send("POST", "/posts", create(post, tags=tags, date="2030-01-15T10:00:00.123Z"))
    (entry,) = (await send("GET", "/posts", **day())).json()["posts"]
    (stored,) = sandbox.posts
    assert entry == {
        "id": stored.id,
        "content": "x &amp; y",
        "publishDate": "2030-01-15T10:00:00.123Z",
        "releaseURL": None,
        "releaseId": None,
        "state": "QUEUE",
        "intervalInDays": None,
        "group": stored.group,
        "creationMethod": "API",
        "settings": '{"__type":"mastodon","client_ref":"r","list":[1,true]}',
        "tags": entry["tags"],
        "integration": {
            "id": MASTODON,
            "providerIdentifier": "mastodon",
            "name": "My mastodon",
            "picture": "http://localhost:4200/avatars/mastodon.png",
        },
    }
    assert [each["tag"]["name"] for each in entry["tags"]] == ["launch"]
    assert stored.settings["client_ref"] == "r"
    assert stored.media == ("https://cdn.example.com/a.png",)
    assert [part.content for part in stored.thread] == ["more"]


async def test_posts_of_a_request_sort_in_its_order_and_have_groups_of_their_own(
    sandbox: MemoryServer, send: Send
) -> None:
    posts = [item(f"post {number}") for number in range(20)]
    created = (await send("POST", "/posts", create(*posts))).json()
    assert [each["postId"] for each in created] == [each.id for each in sandbox.posts]
    assert [each.content for each in sandbox.posts] == [f"post {n}" for n in range(20)]
    assert len({each.group for each in sandbox.posts}) == 20


async def test_lists_are_inclusive_and_know_customers(send: Send) -> None:
    await send("POST", "/posts", create(item(), item(to=TELEGRAM)))
    moment = "2030-01-15T12:00:00+02:00"

    async def count(start: str, end: str, **more: str) -> int:
        response = await send("GET", "/posts", startDate=start, endDate=end, **more)
        return len(response.json()["posts"])

    assert await count(moment, moment) == 2
    assert await count("2030-01-15T10:00:00.001Z", "2030-01-16") == 0
    assert await count("2030-01-16", "2030-01-15") == 0
    groups = (await send("GET", "/groups")).json()
    assert await count(moment, moment, customer=groups[0]["id"]) == 1
    assert await count(moment, moment, customer="nope") == 0
    response = await send("GET", "/posts", startDate="2030-W03-2", endDate="2030-01-16")
    assert response.status == 500


async def test_repeated_posts_are_in_every_list(send: Send) -> None:
    await send("POST", "/posts", create(inter=7))
    response = await send("GET", "/posts", startDate="2031-01-01", endDate="2030-01-30")
    posts = response.json()["posts"]
    assert [each["publishDate"][:10] for each in posts] == [
        "2030-01-15",
        "2030-01-22",
        "2030-01-29",
    ]
    assert {each["actualDate"][:10] for each in posts} == {"2030-01-15"}
    assert (await send("GET", "/posts", **day("2030-01-14"))).json() == {"posts": []}


async def test_deleting(sandbox: MemoryServer, send: Send) -> None:
    await send("POST", "/posts", create(item(thread=["a"]), item("b"), item("c")))
    first, second, third = sandbox.posts
    assert (await send("DELETE", f"/posts/{first.thread[0].id}")).json() == {"error": True}
    assert [each.id for each in sandbox.posts] == [second.id, third.id]
    assert (await send("DELETE", f"/posts/{first.id}")).json() == NOT_FOUND
    assert (await send("DELETE", f"/posts/group/{second.group}")).json() == {"error": True}
    assert [each.id for each in sandbox.posts] == [third.id]


async def test_updating_in_place(sandbox: MemoryServer, send: Send) -> None:
    await send("POST", "/posts", create(item(thread=["a"]), type="draft", inter=3))
    (before,) = sandbox.posts
    changed = item("new", first={"id": before.id}, thread=["b"])
    await send("POST", "/posts", create(changed, type="update", date="2030-02-01"))
    (after,) = sandbox.posts
    assert (after.id, after.content, after.state) == (before.id, "new", "DRAFT")
    assert after.date.isoformat() == "2030-02-01T00:00:00+00:00"
    assert after.group != before.group
    assert after.interval is None
    assert [part.content for part in after.thread] == ["b"]
    changed = item("newer", first={"id": before.id}, thread=["c"], group=after.group)
    await send("POST", "/posts", create(changed, type="update", date="2030-02-01"))
    assert [part.content for part in sandbox.posts[0].thread] == ["c"]


async def test_a_group_names_what_is_replaced(sandbox: MemoryServer, send: Send) -> None:
    await send("POST", "/posts", create())
    (before,) = sandbox.posts
    await send("POST", "/posts", create(item("new", group=before.group)))
    assert [each.content for each in sandbox.posts] == ["new"]
    assert sandbox.posts[0].group != before.group


async def test_types(sandbox: MemoryServer, send: Send) -> None:
    for kind in ("draft", "schedule", "now", "update", "typo", None):
        await send("POST", "/posts", create(type=kind, date="2031-01-01"))
    assert [each.state for each in sandbox.posts] == [
        "DRAFT", "QUEUE", "PUBLISHED", "QUEUE", "QUEUE", "QUEUE",
    ]  # fmt: skip
    assert sandbox.posts[2].date.isoformat() == "2026-11-24T06:00:00+00:00"


async def test_changing_the_status(sandbox: MemoryServer, send: Send) -> None:
    await send("POST", "/posts", create())
    (post,) = sandbox.posts
    for status, state in (("draft", "DRAFT"), ("schedule", "QUEUE")):
        response = await send("PUT", f"/posts/{post.id}/status", {"status": status})
        assert response.json() == {"id": post.id, "state": state}
        assert sandbox.posts[0].state == state


async def test_changing_settings(sandbox: MemoryServer, send: Send) -> None:
    await send("POST", "/posts", create(item(settings={"a": 1, "b": 2}, thread=["x"]), inter=2))
    (post,) = sandbox.posts
    path = f"/posts/{post.id}/settings"
    response = await send("PUT", path, {"settings": {"b": 3, "__type": "x"}})
    assert response.json() == {"postId": post.id, "publishDate": "2030-01-15T10:00:00"}
    assert sandbox.posts[0].settings == {"a": 1, "b": 3, "__type": "mastodon"}
    assert sandbox.posts[0].interval is None
    response = await send("PUT", f"/posts/{post.thread[0].id}/settings", {"settings": {}})
    assert response.json() == bad("This id belongs to a comment, pass the id of the main post")
    sandbox.change_post(post.id, state="PUBLISHED")
    assert (await send("PUT", path, {"settings": {}})).status == 400


async def test_changing_settings_writes_the_date_without_its_milliseconds(
    sandbox: MemoryServer, send: Send
) -> None:
    body = create(item(settings={"client_ref": "r", "own": 1})) | {
        "date": "2030-01-15T10:00:00.945Z"
    }
    await send("POST", "/posts", body)
    (post,) = sandbox.posts
    path = f"/posts/{post.id}/settings"
    response = await send("PUT", path, {"settings": {"client_ref": "r"}})
    assert response.json() == {"postId": post.id, "publishDate": "2030-01-15T10:00:00"}
    (changed,) = sandbox.posts
    assert changed.date == post.date.replace(microsecond=0)
    assert changed.settings == {"client_ref": "r", "own": 1, "__type": "mastodon"}
    assert (changed.group, changed.has_job) == (post.group, True)
    await send("PUT", path, {"settings": {}})
    assert sandbox.posts[0].settings == {"own": 1, "__type": "mastodon"}
    assert [each.state for each in sandbox.publish()] == ["PUBLISHED"]


async def test_what_a_post_became(sandbox: MemoryServer, send: Send) -> None:
    channel = sandbox.add_channel("tiktok")
    video = [{"id": "1", "path": "https://cdn.example.com/a.mp4"}]
    body = create(item(to=channel.id, image=video, settings=SETTINGS["tiktok"]))
    await send("POST", "/posts", body)
    (post,) = sandbox.posts
    sandbox.change_post(post.id, state="PUBLISHED", release_id="missing")
    items = (await send("GET", f"/posts/{post.id}/missing")).json()
    assert {tuple(each) for each in items} == {("id", "url")}
    assert (await send("GET", f"/analytics/post/{post.id}")).json() == {"missing": True}
    row = (await send("PUT", f"/posts/{post.id}/release-id", {})).json()
    assert row["releaseId"] == "undefined"
    assert (await send("PUT", f"/posts/{post.id}/release-id", {"releaseId": "1"})).status == 500
    series = (await send("GET", f"/analytics/post/{post.id}", date="7")).json()
    assert [len(each["data"]) for each in series] == [1, 1, 1]


async def test_uploads(sandbox: MemoryServer) -> None:
    async def upload(file: UploadedFile | FormError) -> tuple[int, Any]:
        call = request("POST", "/upload")
        response = await sandbox.handle(
            HttpRequest(call.method, call.path, (), call.headers, b"", file)
        )
        return response.status, response.json()

    png = UploadedFile("file", "a.jpg", 10 * 1024**2, "00", b"\x89PNG\r\n\x1a\n")
    status, media = await upload(png)
    assert status == 201
    assert media["path"] == f"http://localhost:4200/uploads/2026/11/24/{media['name']}"
    assert media["name"].endswith(".png")
    assert [each.path for each in sandbox.uploads] == [media["path"]]
    too_large = UploadedFile("file", "a.png", 10 * 1024**2 + 1, "00", png.head)
    assert (await upload(too_large))[1]["message"] == (
        "File size exceeds the maximum allowed size of 10485760 bytes."
    )
    other = UploadedFile("media", "a.png", 1, "00", png.head)
    assert (await upload(other))[1]["message"] == "Unexpected field - media"
    text = UploadedFile("file", "a.png", 5, "00", b"hello")
    assert (await upload(text))[1]["message"] == "Unsupported file type."
    assert (await upload(FormError("Multipart: Unexpected end of form")))[0] == 400


async def test_uploads_from_the_internet_of_the_sandbox(sandbox: MemoryServer, send: Send) -> None:
    sandbox.add_remote_file("https://files.example/a.png", b"\x89PNG\r\n\x1a\n")
    sandbox.add_remote_file("https://files.example/text.png", b"hello")

    async def fetch(name: str) -> Any:
        body = {"url": f"https://files.example/{name}"}
        return (await send("POST", "/upload-from-url", body)).json()

    assert (await fetch("a.png"))["name"].endswith(".png")
    assert await fetch("text.png") == {"msg": "Unsupported file type."}
    assert await fetch("gone.png") == {"msg": "Failed to fetch URL"}


async def test_find_slot_skips_what_is_taken_and_hangs_without_a_channel(
    sandbox: MemoryServer, clock: JumpingClock, send: Send
) -> None:
    await send("POST", "/posts", create(date="2026-11-24T06:40:00Z", type="draft"))
    assert (await send("GET", f"/find-slot/{TELEGRAM}")).json() == {"date": "2026-11-24T11:40:00"}
    answered = False
    with clock.move_on_after(1000):
        await send("GET", "/find-slot/nope")
        answered = True
    assert not answered


async def test_deleting_a_channel(sandbox: MemoryServer, send: Send) -> None:
    await send("POST", "/posts", create(item(), item(to=TELEGRAM)))
    row = (await send("DELETE", f"/integrations/{MASTODON}")).json()
    assert {"token", "refreshToken"} <= set(row)
    assert [each.channel_id for each in sandbox.posts] == [TELEGRAM]
    assert len((await send("GET", "/integrations")).json()) == 1
    assert (await send("DELETE", f"/integrations/{MASTODON}")).status == 200


async def test_connecting_channels(sandbox: MemoryServer, send: Send) -> None:
    url = (await send("GET", "/social/mastodon")).json()["url"]
    assert url.startswith("https://mastodon.example/")
    assert len((await send("GET", "/social/bluesky")).json()["url"]) == 6
    sandbox.organization.channels_allowed = 2
    response = await send("GET", "/social/mastodon")
    assert (response.status, response.json()["url"]) == (402, "http://localhost:4200/billing")
    assert (await send("GET", "/social/mastodon", refresh=MASTODON)).status == 200


async def test_plans(sandbox: MemoryServer, send: Send) -> None:
    sandbox.organization.posts_per_month = 1
    assert (await send("POST", "/posts", create())).status == 201
    response = await send("POST", "/posts", create())
    assert (response.status, response.header("X-RateLimit-Remaining")) == (402, "88")
    sandbox.organization.subscribed = False
    assert (await send("GET", "/is-connected")).json() == {"msg": "No subscription found"}


async def test_notifications_come_in_pages(sandbox: MemoryServer, send: Send) -> None:
    for number in range(101):
        sandbox.add_notification(f"note {number}")
    page = (await send("GET", "/notifications", page="1.7")).json()
    assert page["total"] == 101
    assert [each["content"] for each in page["notifications"]] == ["note 0"]
    assert (await send("GET", "/notifications", page="-1")).status == 400
    assert (await send("GET", "/notifications", page="abc")).status == 400


async def test_videos_take_their_time_and_a_credit(
    sandbox: MemoryServer, clock: JumpingClock, send: Send
) -> None:
    sandbox.organization.video_credits = 1
    params = {"prompt": "a cat", "images": []}
    body = {"type": "veo3", "output": "vertical", "customParams": params}
    begin = clock.monotonic()
    response = await send("POST", "/generate-video", body)
    assert response.json()["name"].endswith(".mp4")
    assert clock.monotonic() - begin == 30
    assert (await send("POST", "/generate-video", body)).status == 402


async def test_what_networks_tell(sandbox: MemoryServer, send: Send) -> None:
    async def describe(channel_id: str) -> Any:
        return (await send("GET", f"/integration-settings/{channel_id}")).json()["output"]

    plain = {"rules": "", "maxLength": 500, "settings": "No additional settings required"}
    assert await describe(MASTODON) == plain | {"tools": []}
    discord = sandbox.add_channel("discord")
    (tool,) = (await describe(discord.id))["tools"]
    assert (tool["methodName"], tool["dataSchema"]) == ("channels", [])
    gone = sandbox.add_channel("myspace")
    assert await describe(gone.id) == {"rules": "", "maxLength": 0, "settings": {}, "tools": []}
    x = sandbox.add_channel("x")
    sandbox.change_channel(x.id, additional_settings='[{"title":"Verified","value":true}]')
    assert (await describe(x.id))["maxLength"] == 4000


async def test_look_ups_at_networks(sandbox: MemoryServer, send: Send) -> None:
    channel = sandbox.add_channel("discord")
    path, body = f"/integration-trigger/{channel.id}", {"methodName": "channels"}
    response = await send("POST", path, body)
    assert (response.status, len(response.json()["output"])) == (201, 2)
    assert (await send("POST", path)).status == 500
    sandbox.change_channel(channel.id, failure="unreachable")
    assert (await send("POST", path, body)).json() == {"msg": "Unexpected error"}
    sandbox.change_channel(channel.id, refresh_needed=True)
    response = await send("POST", path, body)
    assert response.status == 401
    assert response.json() == {"msg": "Channel disconnected due to expired token"}


async def test_analytics_of_a_channel(sandbox: MemoryServer, send: Send) -> None:
    channel = sandbox.add_channel("youtube")
    path = f"/analytics/{channel.id}"
    series = (await send("GET", path, date="7")).json()
    assert [each["label"] for each in series] == ["Impressions", "Likes", "Comments"]
    assert [each["date"] for each in series[0]["data"]][-1] == "2026-11-24"
    assert (await send("GET", path, date="7")).json() == series
    assert [each["data"] for each in (await send("GET", path)).json()] == [[], [], []]


async def test_odd_bodies(send: Send) -> None:
    assert (await send("POST", "/posts", create(item(settings=[1, "a"])))).status == 201
    assert (await send("POST", "/posts", create(tags=[{"label": ["launch"]}]))).status == 201
    assert (await send("POST", "/posts", create(type=["draft"]))).status == 201
    assert (await send("POST", "/posts", create(shortLink="false", inter="2"))).status == 201
    assert (await send("POST", "/posts", b"[" * 100_000)).status == 500
    answer = (await send("POST", "/posts", b'{"posts": ["x", ')).json()
    assert answer["message"] == "Unexpected end of JSON input"


@pytest.mark.parametrize("tags", [{}, {"value": "a", "label": "b"}])
async def test_an_object_for_tags_becomes_a_list(
    sandbox: MemoryServer, send: Send, tags: dict[str, str]
) -> None:
    assert (await send("POST", "/posts", create(tags=tags))).status == 201
    assert len(sandbox.posts) == 1


TEXTS_WITHOUT_A_TEST_FOR_TEXTS = [
    ("tumblr", {}, "sourceUrl", "Invalid URL"),
    ("tumblr", {}, "link", "Invalid URL"),
    ("devto", {"title": "tt"}, "canonical", "Invalid URL"),
    ("dribbble", {"title": "tt"}, "team", "team must be a URL address"),
]


@pytest.mark.parametrize(("provider", "settings", "name", "words"), TEXTS_WITHOUT_A_TEST_FOR_TEXTS)
async def test_a_list_with_an_object_for_a_text_has_a_line_more(
    sandbox: MemoryServer,
    send: Send,
    provider: str,
    settings: dict[str, object],
    name: str,
    words: str,
) -> None:
    channel = sandbox.add_channel(provider)
    for value, more in (([{}], [f"{name} must be a string"]), (["x"], [])):
        post = item(to=channel.id, settings=settings | {name: value})
        answer = await send("POST", "/posts", create(post))
        expected = [f"posts.0.settings.{each}" for each in (words, *more)]
        assert (answer.status, answer.json()["message"]) == (400, expected)


async def test_half_characters(sandbox: MemoryServer, send: Send) -> None:
    half = rb"\ud83d"

    def body(post: dict[str, Any]) -> bytes:
        return msgspec.json.encode(create(item("fine"), post)).replace(b"HALF", half)

    assert (await send("POST", "/posts", body(item("HALF")))).json() == NOT_FOUND
    assert [each.content for each in sandbox.posts] == ["fine"], "what came before is stored"
    response = await send("POST", "/posts", body(item(to="HALF")))
    assert response.body.startswith(rb'{"message":"Integration with id \ud83d not found"')
    assert (await send("POST", "/posts", body(item(settings={"a": "HALF"})))).status == 201
    assert (await send("GET", "/posts", **day())).status == 200


@pytest.mark.parametrize(
    ("headers", "data", "status", "message"),
    [
        ({"content-type": "application/x-www-form-urlencoded"}, b"a=1", 400, "All posts"),
        ({"content-type": "text/plain"}, b"{", 400, "All posts"),
        ({"content-type": "application/json; charset=latin1"}, b"{}", 415, "unsupported charset"),
        ({"content-type": "application/json", "content-encoding": "br"}, b"{}", 415, "unsupported"),
        ({"content-type": "application/json", "content-encoding": "gzip"}, b"{}", 400, "Error"),
    ],
)
async def test_types_of_bodies(
    sandbox: MemoryServer, headers: dict[str, str], data: bytes, status: int, message: str
) -> None:
    headers = headers | {"authorization": "sandbox"}
    response = await sandbox.handle(HttpRequest("POST", "/public/v1/posts", (), headers, data))
    assert response.status == status
    assert response.json()["message"].startswith(message)


async def test_the_same_seed_gives_the_same_server() -> None:
    answers = []
    for _ in range(2):
        async with MemoryServer(clock=JumpingClock(), seed=3) as sandbox:
            channel = sandbox.add_channel("mastodon")
            response = await sandbox.handle(request("POST", "/posts", create(item(to=channel.id))))
            answers.append((response, sandbox.posts))
    assert answers[0] == answers[1]


async def test_answers_carry_the_date(send: Send) -> None:
    response = await send("GET", "/is-connected")
    assert response.header("Date") == "Tue, 24 Nov 2026 06:00:00 GMT"


async def test_behind_the_container_only_api_is_the_api() -> None:
    async with MemoryServer(base="container") as sandbox:
        response = await sandbox.handle(request("GET", "/is-connected"))
        assert (response.status, response.header("Location")) == (307, "/auth")
        call = request("GET", "/is-connected")
        inner = HttpRequest("GET", f"/api{call.path}", (), call.headers)
        assert (await sandbox.handle(inner)).json() == {"connected": True}
