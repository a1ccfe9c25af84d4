"""The example application, as its users run it: two worker processes on one quota."""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from postgres_server import fresh_database, why_no_postgres
from web_lab import call, workers

from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve

if TYPE_CHECKING:
    from aiohttp import ClientSession

LIMIT = 30
EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi_app"


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a process group of its own")


async def test_two_workers_share_one_quota_and_one_outbox(tmp_path: Path) -> None:
    await _two_workers(tmp_path, {"DATA": str(tmp_path)})


@pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())
@pytest.mark.exhaustive
async def test_they_share_both_in_postgresql(tmp_path: Path) -> None:
    await _two_workers(tmp_path, {"POSTIZ_STORE": fresh_database()})
    assert not [path for path in tmp_path.iterdir() if "sqlite" in path.name]  # noqa: ASYNC240


async def _two_workers(tmp_path: Path, place: dict[str, str]) -> None:
    async with MemoryServer(limit=LIMIT) as sandbox, serve(sandbox) as served:
        channel = sandbox.add_channel("mastodon").id
        environment = {
            "POSTIZ_API_KEY": sandbox.organization.api_key,
            "POSTIZ_API_URL": served.api_url,
            "WEBHOOK_PATH": "/hooks/secret",
            **place,
        }
        async with workers(EXAMPLE, 2, tmp_path, environment) as session:
            await _page_and_webhook(session)
            ticket = await _hand_over(session, channel, waits=True)
            answers = await asyncio.gather(*(_schedule(session, channel, n) for n in range(200)))
            late = await _hand_over(session, channel, waits=False)
            _, health = await call(session, "GET", "/health")
            listed = (await call(session, "GET", "/posts"))[1]
    assert ticket["state"] == "stored"
    assert Counter(status for status, _ in answers) == {201: LIMIT - 1, 503: 200 - LIMIT + 1}
    waits = [body["retry_after"] for status, body in answers if status == 503]
    assert min(waits) > 3_000  # and not a few seconds
    assert max(waits) <= 3_610 * (200 // LIMIT + 1)  # an hour for each thirty before it
    assert sandbox.refusals == 0
    assert len(sandbox.creates) == LIMIT
    assert len(listed) == LIMIT
    assert late["state"] == "planned"
    assert 3_000 < late["leaves_in"] < 3_610
    assert health["status"] == "ok"
    assert health["outbox"] == {"stored": 1, "planned": 1}


async def _page_and_webhook(session: ClientSession) -> None:
    async with session.get("/") as answer:
        assert "<form" in await answer.text()
    assert (await call(session, "POST", "/hooks/secret", data=b""))[0] == 204
    status, body = await call(session, "GET", "/announcements/unknown")
    assert (status, body["detail"]) == (404, "There is no post or ticket 'unknown'.")
    assert (await call(session, "GET", "/announcements/unknown?wait=nan"))[0] == 422


async def _hand_over(session: ClientSession, channel: str, *, waits: bool) -> dict[str, Any]:
    body = {"channel": channel, "text": "handed over", "at": _in_an_hour()}
    status, handed = await call(session, "POST", "/announcements", json=body)
    assert status == 202, handed
    path = f"/announcements/{handed['ticket']}?wait={10.0 if waits else 0.0}"
    ticket = (await call(session, "GET", path))[1]
    while waits and ticket["state"] != "stored":  # a slow machine
        ticket = (await call(session, "GET", path))[1]
    return ticket


async def _schedule(session: ClientSession, channel: str, number: int) -> tuple[int, Any]:
    body = {"channel": channel, "text": f"post {number}", "at": _in_an_hour()}
    status, answer = await call(session, "POST", "/posts", json=body)
    while status == 503 and answer["retry_after"] < 60:  # a slow machine, not a used-up window
        status, answer = await call(session, "POST", "/posts", json=body)
    return status, answer


def _in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


def test_the_containers_fit_the_application() -> None:
    services = yaml.safe_load((EXAMPLE / "compose.yaml").read_text(encoding="utf-8"))["services"]
    app, database = services["app"], services["database"]
    read = re.findall(r'environ\.get\("([A-Z_]+)"', (EXAMPLE / "app.py").read_text("utf-8"))
    assert {"POSTIZ_STORE", *read} - set(app["environment"]) == {"DATA"}  # files are its else
    login = database["environment"]
    assert app["environment"]["POSTIZ_STORE"] == (
        f"postgresql://{login['POSTGRES_USER']}:{login['POSTGRES_PASSWORD']}@database:5432"
        f"/{login['POSTGRES_DB']}"
    )
    assert app["environment"]["POSTIZ_API_URL"] == "http://sandbox:4007"
    assert services["tables"]["command"] == ["outbox", "init"]
    assert services["tables"]["environment"].items() <= app["environment"].items()
    assert app["depends_on"]["tables"]["condition"] == "service_completed_successfully"
    assert app["depends_on"]["sandbox"]["condition"] == "service_healthy"
    assert "/health'" in app["healthcheck"]["test"][-1]
