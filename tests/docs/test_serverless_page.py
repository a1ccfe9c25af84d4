"""The functions of `docs/serverless.md`, called as by a platform: each in its own event loop."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from postgres_server import fresh_database, why_no_postgres

if TYPE_CHECKING:
    from postiz_async.testing import SandboxServer

PAGE = (Path(__file__).parents[2] / "docs" / "serverless.md").read_text(encoding="utf-8")
[FUNCTIONS] = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def functions(postiz_sandbox_server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    if why_no_postgres():
        pytest.skip(why_no_postgres())
    for name, value in postiz_sandbox_server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("POSTIZ_STORE", fresh_database())
    module = ModuleType("functions_of_the_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(FUNCTIONS, "serverless.md", "exec"), module.__dict__)  # noqa: S102
    return module


TOMORROW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


def event(number: int, text: str = "Hello") -> dict[str, Any]:
    at = TOMORROW + timedelta(seconds=number)
    return {"id": f"event-{number}", "channel": "mastodon", "text": text, "at": at.isoformat()}


@pytest.mark.postiz(channels=["mastodon"], limit=2)
def test_an_event_that_comes_twice_is_one_post_and_a_full_window_is_said(
    functions: Any, postiz_sandbox_server: SandboxServer
) -> None:
    first = event(1)
    made = [functions.on_request(first, None) for _ in range(2)]
    assert [each["statusCode"] for each in made] == [201, 201]
    assert made[0] == made[1]
    assert functions.on_request(event(2), None)["statusCode"] == 201
    full = functions.on_request(event(3), None)
    assert full["statusCode"] == 503
    assert int(full["headers"]["Retry-After"]) > 3_000
    assert len(postiz_sandbox_server.posts) == 2
    assert postiz_sandbox_server.refusals == 0


@pytest.mark.postiz(channels=["mastodon"])
def test_who_hands_over_does_not_send_and_the_timer_does(
    functions: Any, postiz_sandbox_server: SandboxServer
) -> None:
    handed = [functions.on_queue(event(number, f"post {number}"), None) for number in (1, 2, 2)]
    assert [each["statusCode"] for each in handed] == [202] * 3
    assert handed[1] == handed[2]
    assert postiz_sandbox_server.posts == ()
    functions.on_timer(None, None)
    assert {post.content for post in postiz_sandbox_server.posts} == {"post 1", "post 2"}
    functions.on_timer(None, None)
    assert len(postiz_sandbox_server.posts) == 2
