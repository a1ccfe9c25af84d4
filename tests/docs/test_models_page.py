"""The application of `docs/models.md`, served as it stands there, and its JSON."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from web_lab import call, serving

from postiz_async import Markdown, NewPost, ThreadPart
from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")


async def test_the_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = ModuleType("block_of_the_page_of_models")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    text = next(block for block in blocks if "FastAPI(" in block)
    exec(compile(text, "models.md", "exec"), module.__dict__)  # noqa: S102
    async with MemoryServer(api_key="token") as sandbox, serve(sandbox) as served:
        monkeypatch.setenv("POSTIZ_API_KEY", "token")
        monkeypatch.setenv("POSTIZ_API_URL", served.api_url)
        channel = sandbox.add_channel("mastodon").id
        async with serving(module.__dict__["app"]) as session:
            body = {"channel": channel, "content": "1 < 2"}
            status, ids = await call(session, "POST", "/posts", json=body)
            assert status == 200
            around = datetime.fromtimestamp(sandbox.clock.time(), UTC)
            first, last = around - timedelta(days=2), around + timedelta(days=2)
            span = f"start={first:%Y-%m-%dT%H:%M:%SZ}&end={last:%Y-%m-%dT%H:%M:%SZ}"
            _, [post] = await call(session, "GET", f"/posts?{span}")
            assert (post["id"], post["content"]) == (ids[0], "<p>1 &lt; 2</p>")
            _, [shown] = await call(session, "GET", f"/texts?{span}")
            assert shown["text"] == "1 < 2"
            assert shown["post"]["id"] == post["id"]
            body["media"] = [{"id": "m", "path": 7}]  # type: ignore[assignment]
            status, answer = await call(session, "POST", "/posts", json=body)
            assert (status, answer["detail"][0]["loc"]) == (422, ["body", "media", 0, "path"])


def test_the_json_of_a_new_post() -> None:
    [text] = re.findall(r"^  ```json\n(.*?)^  ```", PAGE, re.MULTILINE | re.DOTALL)
    parts = ("plain text", ThreadPart("later", delay_minutes=5))
    expected = NewPost("cm1", Markdown("**Hello**"), thread=parts)
    assert NewPost.from_dict(json.loads(text)) == expected
