"""A program as users write it: its types are checked by mypy, pyright and ty, and it runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx2
import nightly
import pytest
from agency import Agency, Overview
from web import make_app

from postiz_async import Secret, blocking
from postiz_async.types import Report

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from postiz_async.testing import Sandbox, SandboxServer

AT = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
async def web(postiz_sandbox_server: SandboxServer) -> AsyncIterator[httpx2.AsyncClient]:
    keys = {name: Secret(f"sandbox-{name}") for name in ("acme", "globex")}
    app = make_app(Agency(postiz_sandbox_server.url, keys))
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://app.invalid") as client,
    ):
        yield client


@pytest.mark.postiz(organizations=["acme", "globex"], channels=["mastodon", "x"])
async def test_organisations_see_their_own(
    web: httpx2.AsyncClient, postiz_sandbox_server: SandboxServer
) -> None:
    body = {"channel": "x", "text": "Hello", "at": AT.isoformat(), "thread": ["and more"]}
    made = await web.post("/acme/posts", json=body)
    assert made.status_code == 201
    assert await _texts(web, "acme") == ["Hello"]
    assert await _texts(web, "globex") == []
    several = [{"channel": "mastodon", "content": "One"}, {"channel": "x", "content": "Two"}]
    assert (await web.post("/globex/raw", json=several)).json() == 201
    assert sorted(await _texts(web, "globex")) == ["One", "Two"]
    seen = Overview.model_validate_json((await web.get("/globex")).content)
    assert (len(seen.posts), seen.quota.remaining) == (2, 29)
    assert (await web.get("/initech")).status_code == 404
    assert postiz_sandbox_server.refusals == 0


async def _texts(web: httpx2.AsyncClient, organization: str) -> list[str]:
    return [post["content"] for post in (await web.get(f"/{organization}/posts")).json()]


@pytest.mark.postiz(channels=["mastodon"])
async def test_a_job_and_a_script(
    postiz_sandbox: Sandbox, postiz_sandbox_server: SandboxServer, tmp_path: Path
) -> None:
    at = postiz_sandbox.in_an_hour()
    async with postiz_sandbox.client() as postiz:
        rows = list(nightly.rows("mastodon", at, ["one", "two"]))
        plan, outcomes = await nightly.run(postiz, rows, tmp_path / "job.journal")
        texts = await nightly.texts(
            postiz.with_options(timeout=5), at - timedelta(1), at + timedelta(1)
        )
    assert plan.posts == 2
    assert [outcome.state for outcome in outcomes] == ["stored", "stored"]
    assert sorted(texts.values()) == ["one", "two"]

    file = tmp_path / "campaign.csv"
    file.write_text(
        f"channel,date,content\nmastodon,{AT:%Y-%m-%d %H:%M:%SZ},three\n", encoding="utf-8"
    )
    with blocking.Postiz(
        api_key=postiz_sandbox_server.api_key, base_url=postiz_sandbox_server.url
    ) as client:
        report = nightly.run_blocking(client, file)
        assert isinstance(report, Report)
        assert [row["state"] for row in report.to_records()] == ["stored"]
        assert nightly.run_blocking(client, tmp_path / "absent.csv") != []
