"""The example application for several organisations, as its users run it: two worker processes."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from postgres_server import fresh_database, why_no_postgres
from web_lab import call, workers

from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve

if TYPE_CHECKING:
    from aiohttp import ClientSession

LIMIT = 6
EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi_tenants"
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(sys.platform == "win32", reason="a process group of its own"),
    pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres()),
]


class Caller:
    """Somebody of an organisation."""

    def __init__(self, session: ClientSession, name: str, channel: str) -> None:
        self.session, self.name, self.channel = session, name, channel

    async def __call__(
        self, method: str, path: str, *, text: str = "", token: str = ""
    ) -> tuple[int, Any]:
        head = {"Authorization": f"Bearer {token or f'access-of-{self.name}'}"}
        body = {"channel": self.channel, "text": text, "at": TOMORROW} if text else None
        path = f"/{self.name}/{path}"
        return await call(self.session, method, path, headers=head, json=body)

    async def schedule(self, text: str) -> tuple[int, Any]:
        status, said = await self("POST", "posts", text=text)
        while status == 503 and said["retry_after"] < 60:  # a slow machine, not a used-up window
            status, said = await self("POST", "posts", text=text)
        return status, said

    async def handed_over(self, text: str) -> str:
        status, said = await self("POST", "announcements", text=text)
        assert status == 202, said
        ticket = said["ticket"]
        while said["state"] != "stored":
            _, said = await self("GET", f"announcements/{ticket}")
        return str(ticket)


async def test_two_organisations_share_nothing_but_the_processes(tmp_path: Path) -> None:
    names = ("acme", "globex")
    tenants = {
        name: {"access_token": f"access-of-{name}", "postiz_key": f"key-of-{name}"}
        for name in names
    }
    file = tmp_path / "tenants.json"
    file.write_text(json.dumps(tenants), encoding="utf-8")
    async with (
        MemoryServer(api_key="key-of-acme", limit=LIMIT) as sandbox,
        serve(sandbox) as served,
    ):
        globex_at_postiz = sandbox.add_organization("globex", api_key="key-of-globex")
        channels = {
            "acme": sandbox.add_channel("mastodon").id,
            "globex": sandbox.add_channel("mastodon", organization=globex_at_postiz).id,
        }
        environment = {
            "POSTIZ_API_URL": served.api_url,
            "POSTIZ_STORE": fresh_database(),
            "TENANTS": str(file),
        }
        async with workers(EXAMPLE, 2, tmp_path, environment) as session:
            acme, globex = (Caller(session, name, channels[name]) for name in names)
            assert (await acme("GET", "channels"))[1].keys() == {channels["acme"]}
            assert (await acme("GET", "channels", token="access-of-globex"))[0] == 404
            assert (await Caller(session, "initech", "")("GET", "channels"))[0] == 404
            ticket = await acme.handed_over("handed over by acme")
            assert (await globex("GET", f"announcements/{ticket}"))[0] == 404
            await globex.handed_over("handed over by globex")
            answers = await asyncio.gather(*(acme.schedule(f"{number}") for number in range(20)))
            assert (await globex.schedule("not held up by acme"))[0] == 201
            _, health = await call(session, "GET", "/health")
            while not health["ready"]:  # a machine that halts for the seconds of a look
                _, health = await call(session, "GET", "/health")
    assert Counter(status for status, _ in answers) == {201: LIMIT - 1, 503: 20 - LIMIT + 1}
    assert sandbox.refusals == 0
    by_channel = Counter(post.channel_id for post in sandbox.posts)
    assert by_channel == {channels["acme"]: LIMIT, channels["globex"]: 2}
    assert health["status"] == "ok"
    assert health["outbox"] == {"stored": 2}
    assert "key-of" not in str(health)
