"""OAuth from the consent of a user to a revoked token."""

from __future__ import annotations

from typing import Any

import msgspec
from sandbox_calls import Send, request

from postiz_async._sandbox import HttpRequest, MemoryServer
from postiz_async.clock import JumpingClock

JSON = {"content-type": "application/json"}


async def post(sandbox: MemoryServer, path: str, body: Any, **headers: str) -> tuple[int, Any]:
    call = HttpRequest("POST", path, (), JSON | headers, msgspec.json.encode(body))
    response = await sandbox.handle(call)
    return response.status, response.json() if response.body else None


async def consent(sandbox: MemoryServer, client_id: str) -> str:
    body = {"client_id": client_id, "action": "approve", "state": "s"}
    status, answer = await post(
        sandbox, "/oauth/authorize", body, auth=sandbox.organization.session
    )
    assert status == 201
    return str(answer["redirect"].partition("code=")[2].partition("&")[0])


async def test_the_flow(sandbox: MemoryServer, clock: JumpingClock) -> None:
    app = sandbox.add_oauth_app("Reader", "https://app.example/callback")
    grant = {
        "grant_type": "authorization_code",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
    }
    code = await consent(sandbox, app.client_id)
    wrong = grant | {"code": code, "client_secret": "x"}
    assert await post(sandbox, "/oauth/token", wrong) == (401, {"error": "invalid_client"})
    status, answer = await post(sandbox, "/oauth/token", grant | {"code": code})
    assert (status, answer["token_type"]) == (201, "bearer")
    token = answer["access_token"]
    response = await sandbox.handle(request("GET", "/is-connected", key=token))
    assert response.json() == {"connected": True}
    assert (await post(sandbox, "/oauth/token", grant | {"code": code}))[1] == {
        "error": "invalid_grant"
    }

    late = await consent(sandbox, app.client_id)
    response = await sandbox.handle(request("GET", "/is-connected", key=token))
    assert response.json() == {"msg": "Invalid OAuth token"}, "a new consent ends the former token"
    clock.advance(601)
    assert (await post(sandbox, "/oauth/token", grant | {"code": late}))[1] == {
        "error": "invalid_grant",
        "error_description": "Code has expired",
    }


async def test_the_counter_is_the_organisations(sandbox: MemoryServer, send: Send) -> None:
    app = sandbox.add_oauth_app("Reader", "https://app.example/callback")
    body = {
        "grant_type": "authorization_code",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "code": await consent(sandbox, app.client_id),
    }
    token = (await post(sandbox, "/oauth/token", body))[1]["access_token"]
    await send("POST", "/posts", {})
    response = await sandbox.handle(request("POST", "/posts", {}, key=token))
    assert response.header("X-RateLimit-Remaining") == "88"


async def test_no_consent_without_a_session(sandbox: MemoryServer) -> None:
    assert await post(sandbox, "/oauth/authorize", {"client_id": "x"}) == (401, None)
