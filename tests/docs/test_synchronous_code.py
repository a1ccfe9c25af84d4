"""The applications of `docs/synchronous-code.md`, used as they stand."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import django
import pytest
from django.conf import settings
from django.test import RequestFactory
from django.utils.asyncio import async_unsafe

from postiz_async.blocking import Postiz

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postiz_async.pytest_plugin import SandboxServer
    from postiz_async.types import Outcome

PAGE = (Path(__file__).parents[2] / "docs" / "synchronous-code.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
AT = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")


@pytest.fixture
def channel(postiz_sandbox_server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("POSTIZ_API_KEY", postiz_sandbox_server.api_key)
    monkeypatch.setenv("POSTIZ_API_URL", postiz_sandbox_server.url)
    return postiz_sandbox_server.add_channel("mastodon").id


def module_of(said: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module that the block with these words makes."""
    module = ModuleType("block_of_the_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    text = next(block for block in BLOCKS if said in block)
    exec(compile(text, "synchronous-code.md", "exec"), module.__dict__)  # noqa: S102
    return module


def test_flask(
    channel: str, postiz_sandbox_server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = module_of("from flask import", monkeypatch)
    view = made.app.test_client()
    with made.postiz:
        body = {"channel": channel, "text": "hello", "at": AT}
        answer = view.post("/announce", json=body)
        assert answer.status_code == 201
        assert [post.id for post in postiz_sandbox_server.posts] == [answer.json["post"]]
        answer = view.post("/announce", json=body | {"text": "x" * 600})
        assert answer.status_code == 422
        assert "long" in json.dumps(answer.json)
        while answer.status_code != 503:
            answer = view.post("/announce", json=body)
        assert int(answer.headers["Retry-After"]) > 3000
    assert postiz_sandbox_server.refusals == 0


@pytest.fixture
def requests() -> RequestFactory:
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"])
        django.setup()
    return RequestFactory()


def test_django(channel: str, requests: RequestFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    made = module_of("from django", monkeypatch)
    with made.postiz:
        body = {"channel": channel, "text": "hello", "at": AT}
        answer = made.announce(requests.post("/", body, "application/json"))
        assert (answer.status_code, set(json.loads(answer.content))) == (201, {"post"})
        body["channel"] = "unknown"
        answer = made.announce(requests.post("/", body, "application/json"))
        assert answer.status_code == 422
        assert json.loads(answer.content)["detail"][0]["loc"] == ["body", "posts", 0, "channel"]


@async_unsafe
def ask_the_database() -> None:
    """Refused by Django where an event loop runs, as its database is."""


def test_django_may_use_its_database_for_rows_and_outcomes(channel: str, tmp_path: Path) -> None:
    saved: list[int] = []

    def rows() -> Iterator[dict[str, object]]:
        ask_the_database()
        yield {"channel": channel, "date": AT, "content": "hello"}

    def save(outcome: Outcome) -> None:
        ask_the_database()
        saved.append(outcome.row)

    with Postiz() as postiz, postiz.campaign(rows(), journal=tmp_path / "journal") as campaign:
        campaign.run(save)
    assert saved == [1]


async def test_a_notebook(
    channel: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = module_of("print(postiz.quota())", monkeypatch)
    assert [each.id for each in made.channels] == [channel]
    assert "Quota(" in capsys.readouterr().out
