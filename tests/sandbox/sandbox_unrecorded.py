"""What was done on the server between two recorded exchanges, and not recorded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from sandbox_replay import Replay

from postiz_async._sandbox import Fault
from postiz_async._sandbox.state import OAuthApp

Step = Callable[[Replay], Awaitable[None]]

_MASTODON, _X = "cmmastodon000000000000001", "cmx0000000000000000000001"
_V2, _STATUS = "cmwv9y4qv003cp27duk8k42vk", "cmwv9y527003kp27d6xje6ink"
_SETTINGS, _MISSING = "cmwv9y5bo003lp27d07huy5dq", "cmwv9y5m9003mp27dpx0wkz1x"
_THREAD, _COMMENT = "cmwv9y4zc003hp27dkqc48dpa", "cmwv9y4zo003ip27dq3abautf"
_ANALYTICS = "cmwva92gt02hap27dmn7rpdip"
_PUBLIC_CLIENT = "pcd_BNeLmsKYtNE2iMxOhR1VMsFsGqkkw5JK"
_CHALLENGE = "w1TpKUdYE9hUAcNSeeSRFioHDxfUxuHho_JHAfZ_vDM"
_ORIGIN = "https://127.0.0.1:3943"

_PNG, _MP4 = b"\x89PNG\r\n\x1a\n", b"\0\0\0\x20ftypisom"


async def before(replay: Replay, topic: str, name: str) -> None:
    """Make up for what happened before an exchange."""
    step = _STEPS.get((topic, name))
    if step is not None:
        await step(replay)


async def _send(replay: Replay, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": "API_KEY", "Content-Type": "application/json", "auth": "JWT"}
    recorded = {"method": method, "path": path, "query": {}, "headers": headers, "body": body}
    response = await replay.sandbox.handle(await replay.request(recorded))
    assert response.status < 300, response
    return response.json() if response.body else None


async def _create(replay: Replay, **changes: Any) -> str:
    value = {"content": changes.pop("content", "x"), "image": []}
    post: dict[str, Any] = {"integration": {"id": changes.pop("integration", _MASTODON)}}
    for name in ("group", "settings"):
        if name in changes:
            post[name] = changes.pop(name)
    if "id" in changes:
        value["id"] = changes.pop("id")
    body = {
        "type": "schedule",
        "shortLink": False,
        "tags": [],
        "posts": [post | {"value": [value]}],
    }
    created = await _send(replay, "POST", "/public/v1/posts", body | changes)
    return str(created[0]["postId"])


def _post(recorded_id: str, **changes: object) -> Step:
    """A row was changed by hand."""

    async def step(replay: Replay) -> None:
        replay.sandbox.change_post(replay.names.known[recorded_id], **changes)

    return step


def _request(method: str, path: str, body: Any = None) -> Step:
    async def step(replay: Replay) -> None:
        await _send(replay, method, path, body)

    return step


def _created(recorded_id: str, then: dict[str, object] | None = None, **body: Any) -> Step:
    """A post was created."""

    async def step(replay: Replay) -> None:
        replay.names.known[recorded_id] = await _create(replay, **body)
        replay.sandbox.change_post(replay.names.known[recorded_id], **(then or {}))

    return step


def _fault(kind: Any, **options: Any) -> Step:
    """The server was broken."""

    async def step(replay: Replay) -> None:
        replay.sandbox.faults.add(Fault(kind, **options))

    return step


def _remote(path: str, data: bytes) -> Step:
    """Another server had a file."""

    async def step(replay: Replay) -> None:
        replay.sandbox.add_remote_file(f"{_ORIGIN}{path}", data)

    return step


async def _updated_twice(replay: Replay) -> None:
    await _create(replay, type="draft", date="2031-01-03T10:00:00.000Z", content="v4", id=_V2)


async def _comment_known(replay: Replay) -> None:
    root = replay.names.known[_THREAD]
    post = next(each for each in replay.sandbox.posts if each.id == root)
    replay.names.known[_COMMENT] = post.thread[0].id


async def _billing_on(replay: Replay) -> None:
    organization = replay.lab.organizations["API_KEY_THROTTLE_LAB"]
    organization.posts_per_month = organization.channels_allowed = 0


async def _billing_strict(replay: Replay) -> None:
    replay.lab.organizations["API_KEY_THROTTLE_LAB"].subscribed = False


async def _no_video_credits(replay: Replay) -> None:
    replay.sandbox.organization.video_credits = 0


async def _reddit_unreachable(replay: Replay) -> None:
    replay.sandbox.change_channel("cmreddit00000000000000001", failure="unreachable")


async def _app_made(replay: Replay) -> None:
    app = OAuthApp(
        client_id="pca_652lMIg0m36gnOPEZ3moYETQ7z46shsp",
        client_secret="CLIENT_SECRET",
        name="My client",
        redirect_urls=("http://127.0.0.1:8123/callback",),
    )
    replay.sandbox._state.oauth.apps[app.client_id] = app


async def _public_client_approved(replay: Replay) -> None:
    body = {"client_id": _PUBLIC_CLIENT, "action": "approve", "code_challenge": _CHALLENGE}
    answer = await _send(replay, "POST", "/oauth/authorize", body)
    replay.names.known["RJGyk8imY78MgByHDy7qBB5OmK5elfNy"] = answer["redirect"].partition("=")[2]


async def _tokens_revoked(replay: Replay) -> None:
    replay.sandbox._state.oauth.tokens.clear()


_RELEASED = {"state": "PUBLISHED", "has_job": False, "release_id": "1"}
_LOOKUP = "the key look-up fails in the database: "

_STEPS: dict[tuple[str, str], Step] = {
    ("analytics", "post: release missing"): _post(_ANALYTICS, release_id="missing"),
    ("analytics", "post: provider without post analytics"): _post(_ANALYTICS, release_id="1"),
    (
        "billing",
        "402: organisation without a subscription where billing is switched on, POST /posts",
    ): _billing_on,
    ("billing", "401: billing with a secret key and no subscription"): _billing_strict,
    ("lab-platform-answers", "from url: png"): _remote("/a.png", _PNG),
    ("lab-platform-answers", "from url: png with a query"): _remote("/a.png?x=1", _PNG),
    ("lab-platform-answers", "from url: redirect"): _remote("/redir.png", _PNG),
    ("lab-platform-answers", "from url: text named .png"): _remote("/text.png", b"hello"),
    ("lab-platform-answers", "from url: image above 10 MB"): _remote(
        "/big.png", _PNG.ljust(10 * 1024**2 + 1)
    ),
    ("lab-platform-answers", "from url: mp4"): _remote("/v.mp4", _MP4),
    ("lab-platform-answers", "trigger: platform unreachable"): _reddit_unreachable,
    ("lab-platform-answers", "video: organisation without credits"): _no_video_credits,
    ("oauth", "authorize: describe"): _app_made,
    ("oauth", "token: wrong verifier"): _public_client_approved,
    ("oauth", "revoked token"): _tokens_revoked,
    ("outages", f"{_LOOKUP}GET is-connected"): _fault("empty_401"),
    ("outages", f"{_LOOKUP}POST posts"): _fault("empty_401"),
    ("outages", f"{_LOOKUP}unknown key"): _fault("empty_401"),
    ("outages", "a failing query in the list"): _fault("error_before", route="list_posts"),
    ("outages", "a failing query in POST"): _fault("error_before", route="create_post"),
    ("outages", "Redis down: POST posts"): _fault("hang", delay=60.0),
    ("posts-lifecycle", "after (now DRAFT)"): _updated_twice,
    (
        "posts-lifecycle",
        "the old post of that group is gone, the new one has another group",
    ): _created(
        "cmwv9y4y1003gp27d38ikbzlx",
        date="2031-01-06T11:00:00.000Z",
        content="group two",
        group="9d20a8da-a6df-466f-a249-56fd9209a08d",
    ),
    ("posts-lifecycle", "status of a comment id"): _comment_known,
    ("posts-lifecycle", "status to draft of a published post"): _post(_STATUS, **_RELEASED),
    ("posts-lifecycle", "schedule with the id of a published post"): _post(
        _STATUS, **_RELEASED, release_url="https://mastodon.social/@n/1"
    ),
    ("posts-lifecycle", "merged, client_ref and group kept"): _request(
        "PUT",
        f"/public/v1/posts/{_SETTINGS}/settings",
        {"settings": {"who_can_reply_post": "verified", "client_ref": "r1"}},
    ),
    ("posts-lifecycle", "published post"): _post(_SETTINGS, **_RELEASED),
    ("posts-lifecycle", "scheduled post whose time has passed"): _post(
        _SETTINGS, state="QUEUE", date=1_700_000_000_000
    ),
    ("posts-lifecycle", "missing: provider without a lookup"): _post(
        _MISSING, state="PUBLISHED", has_job=False, release_id="missing"
    ),
    ("posts-lifecycle", "release-id"): _post(_MISSING, release_id="missing"),
    ("posts-lifecycle", "delete twice"): _request(
        "DELETE", "/public/v1/posts/cmwv9y5wz003np27dl0mc32h6"
    ),
    ("posts-lifecycle", "delete by unknown group"): _request(
        "DELETE", "/public/v1/posts/cmwv9y5xh003op27duszvsgd6"
    ),
    ("posts-lifecycle", "both are gone"): _request(
        "DELETE", "/public/v1/posts/cmwv9y5xn003pp27d8355i8hj"
    ),
    ("posts-lifecycle", "delete a published post"): _created(
        "cmwv9y64r003qp27d801jw8cd", _RELEASED, date="2031-01-13T10:00:00.000Z"
    ),
    ("posts-lifecycle", "failed post in the list (no error text)"): _post(
        "cmwv9y67m003rp27de118pyew", state="ERROR", has_job=False
    ),
    (
        "release-2.23.0",
        "schedule with the id of a published post: no guard, it is queued again",
    ): _created("cmwvak91s00039o7d0u7k10ae", _RELEASED, date="2030-03-01T10:00:00Z"),
    ("release-2.23.0", "delete twice"): _request(
        "DELETE", "/public/v1/posts/cmwvak8d500009o7dtubd6ox9"
    ),
}
