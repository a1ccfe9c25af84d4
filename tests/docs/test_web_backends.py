"""The applications of `docs/web-backends.md` and other pages, served as they stand there."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from postgres_server import fresh_database, why_no_postgres
from web_lab import call, serving

from postiz_async._sandbox import Fault, MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async.contrib.fastapi import postiz_router

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("web-backends.md", "outbox.md", "quick-start.md")
PAGE = "".join((DOCS / name).read_text(encoding="utf-8") for name in PAGES)
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
async def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MemoryServer]:
    monkeypatch.chdir(tmp_path)
    async with MemoryServer(api_key="token-of-acme") as made, serve(made) as served:
        monkeypatch.setenv("POSTIZ_API_KEY", "token-of-acme")
        monkeypatch.setenv("POSTIZ_API_URL", served.api_url)
        yield made


def application(said: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The `app` of the block that says this; a module, because FastAPI looks up annotations."""
    module = ModuleType("block_of_the_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    text = next(block for block in BLOCKS if said in block)
    exec(compile(text, "web-backends.md", "exec"), module.__dict__)  # noqa: S102
    return module.__dict__["app"]


async def test_a_post_is_handed_over(
    sandbox: MemoryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = sandbox.add_channel("mastodon").id
    async with serving(application("Starlette(", monkeypatch)) as session:
        body = {"channel": channel, "text": "hello"}
        status, said_back = await call(session, "POST", "/announce", json=body)
        assert (status, set(said_back)) == (202, {"ticket", "leaves_in"})
        status, said_back = await call(session, "POST", "/announce", json=body | {"channel": "x"})
        assert status == 422
        assert said_back["detail"][0]["loc"] == ["body", "posts", 0, "channel"]


async def test_what_is_stored_soon_is_201_else_202_and_a_repetition_stores_nothing(
    sandbox: MemoryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.add_channel("mastodon", name="ours")
    at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    async with serving(application('"/orders"', monkeypatch)) as session:

        async def ask(key: str, text: str) -> tuple[int, Any]:
            body = {"channel": "ours", "text": text, "at": at}
            return await call(
                session, "POST", "/orders", json=body, headers={"Idempotency-Key": key}
            )

        status, soon = await ask("one", "hello")
        assert (status, soon["posts"]) == (201, [sandbox.posts[0].id])
        assert await ask("one", "hello") == (201, soon)
        assert (await ask("one", "something else"))[0] == 422
        sandbox.faults.add(Fault("late_answer", route="create_post", times=1, delay=4))
        answers = await asyncio.gather(*(ask("two", "hello again") for _ in range(3)))
        assert [(status, said["posts"]) for status, said in answers] == [(202, [])] * 3
        later = answers[0]
        while later[0] == 202:
            later = await ask("two", "hello again")
        assert (later[0], later[1]["ticket"]) == (201, answers[0][1]["ticket"])
        assert [post.content for post in sandbox.posts] == ["hello", "hello again"]
        sandbox.lock_out()
        status, said = await ask("three", "much later")
        assert (status, said["state"]) == (202, "planned")
        status, said = await ask("four", 501 * "x")
        assert (status, "500" in str(said)) == (422, True)
        assert said["detail"][0]["loc"][:3] == ["body", "posts", 0]
        status, said = await call(session, "GET", "/health")
        assert (status, said["status"]) == (200, "blocked")
    assert len(sandbox.posts) == 2


async def test_a_handler_of_a_few_lines(
    sandbox: MemoryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.add_channel("x")
    at = (datetime.now(UTC) + timedelta(days=1)).isoformat().replace("+00:00", "Z")
    async with serving(application("lifespan=postiz_lifespan)", monkeypatch)) as session:
        posted = f"/announce?channel=x&at={at}&text="
        status, post_id = await call(session, "POST", posted + "hello")
        assert (status, post_id) == (201, sandbox.posts[0].id)
        status, _ = await call(session, "POST", posted + 300 * "x")
        assert status == 422
        sandbox.lock_out()
        status, said = await call(session, "POST", posted + "again")
    assert (status, said["retry_after"] > 3500) == (503, True)


@pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())
async def test_a_pool_sends_for_each_organisation(
    sandbox: MemoryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTIZ_STORE", fresh_database())
    other = sandbox.add_organization(api_key="token-of-globex")
    channels = {
        "acme": sandbox.add_channel("mastodon").id,
        "globex": sandbox.add_channel("mastodon", organization=other).id,
    }
    app = application("credentials=key_of", monkeypatch)
    app.include_router(postiz_router())
    async with serving(app) as session:
        for name, channel in channels.items():
            asked = f"/announce?channel={channel}&text={name}"
            answer = await call(session, "POST", asked, headers={"X-Organization": name})
            assert answer[0] == 202, answer
        health: Any = {}
        while health.get("outbox") != {"stored": 2}:
            _, health = await call(session, "GET", "/postiz/health")
    assert {post.channel_id: post.content for post in sandbox.posts} == {
        channel: name for name, channel in channels.items()
    }
