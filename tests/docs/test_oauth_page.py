"""The application of `docs/oauth.md`, as it stands there, from consent to a revoked token."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.fernet import Fernet
from httpx2 import ASGITransport, AsyncClient
from postgres_server import fresh_database, why_no_postgres
from processes import PATIENCE, PYTHON, child_environment

from postiz_async.testing import OAuthApp, SandboxServer

PAGE = (Path(__file__).parents[2] / "docs" / "oauth.md").read_text(encoding="utf-8")
APPLICATION, *SCRIPTS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
HOME = "https://you.example"


@pytest.fixture
def app_at_postiz(postiz_sandbox_server: SandboxServer) -> OAuthApp:
    return postiz_sandbox_server.add_oauth_app("Planner", f"{HOME}/postiz/callback")


@pytest.fixture
def page(
    postiz_sandbox_server: SandboxServer, app_at_postiz: OAuthApp, monkeypatch: pytest.MonkeyPatch
) -> Any:
    if why_no_postgres():
        pytest.skip(why_no_postgres())
    for name, value in {
        "POSTIZ_API_URL": postiz_sandbox_server.url,
        "POSTIZ_CLIENT_ID": app_at_postiz.client_id,
        "POSTIZ_CLIENT_SECRET": str(app_at_postiz.client_secret),
        "POSTIZ_STORE": fresh_database(),
        "TOKEN_KEY": Fernet.generate_key().decode(),
        "SESSION_KEY": "a key for sessions",
    }.items():
        monkeypatch.setenv(name, value)
    module = ModuleType("application_of_the_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(APPLICATION, "oauth.md", "exec"), module.__dict__)  # noqa: S102
    return module


@asynccontextmanager
async def signed_in(page: Any, organization: str) -> AsyncGenerator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(page.app), base_url=HOME) as browser:
        await browser.get(f"/sign-in/{organization}")
        yield browser


async def asked(browser: AsyncClient) -> str:
    return (await browser.get("/postiz/connect")).headers["Location"]


@pytest.mark.postiz(organizations=["acme", "globex"], channels=["mastodon"])
async def test_from_consent_to_the_outbox_and_through_a_revocation(
    page: Any, postiz_sandbox_server: SandboxServer, app_at_postiz: OAuthApp
) -> None:
    sandbox = postiz_sandbox_server

    async def connect(browser: AsyncClient, organization: str) -> None:
        callback = sandbox.approve(await asked(browser), organization=organization)
        assert (await browser.get(callback)).headers["Location"] == "/status"

    async def announce(browser: AsyncClient, text: str) -> None:
        [channel] = (await browser.get("/channels")).json()
        handed = await browser.post("/announce", params={"channel": channel, "text": text})
        assert handed.status_code == 202, handed.text

    async def stored(*texts: str) -> None:
        while {post.content for post in sandbox.posts} != set(texts):
            await page.pool.outbox.counts()

    async def trouble(browser: AsyncClient) -> str:
        return (await browser.get("/status")).json()["trouble"]

    async with (
        page.app.router.lifespan_context(page.app),
        signed_in(page, "acme") as acme,
        signed_in(page, "globex") as globex,
    ):
        assert (await acme.get("/channels")).status_code == 409, "not connected"
        await connect(acme, "acme")
        await connect(globex, "globex")
        await announce(acme, "ours")
        await announce(globex, "theirs")
        await stored("ours", "theirs")

        [channel] = (await acme.get("/channels")).json()
        sandbox.revoke(app_at_postiz, organization="acme")
        postiz = await page.pool.client(await page.token_of("acme"), organization="acme")
        ticket = await postiz.outbox.put(page.NewPost(channel, "waits for a new token"))
        while not (said := await trouble(acme)):
            pass
        assert said == (
            "401: Invalid OAuth token. The access token of this user was replaced or revoked: each "
            "new approval ends the one before. Use the newest one, or send the user through OAuth "
            "again."
        )
        assert await trouble(globex) == ""
        await connect(acme, "acme")
        assert (await page.pool.outbox.wait(ticket, timeout=PATIENCE)).state == "stored"
        while await trouble(acme):  # until its turn is over
            pass
    assert len(sandbox.posts) == 3
    async with await page.database() as connection:
        rows = await (await connection.execute("SELECT * FROM postiz_tokens")).fetchall()
    assert b"pos_" not in b"".join(bytes(token) for _, _, token in rows)


async def test_who_refuses_or_comes_too_late_is_sent_back(
    page: Any, postiz_sandbox_server: SandboxServer
) -> None:
    async with (
        page.app.router.lifespan_context(page.app),
        signed_in(page, "acme") as browser,
    ):
        denied = postiz_sandbox_server.deny(await asked(browser))
        assert (await browser.get(denied)).headers["Location"] == "/status?refused=1"
        forged = f"{HOME}/postiz/callback?code=c&state=s"
        assert (await browser.get(forged)).headers["Location"] == "/status?again=1"
        assert (
            await AsyncClient(transport=ASGITransport(page.app), base_url=HOME).get("/status")
        ).status_code == 401


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_other_examples_run(script: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [*PYTHON, "-c", script],
        env=child_environment(tmp_path, {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout in {"platform.postiz.com\nthe-code\n", "True False\n"}
