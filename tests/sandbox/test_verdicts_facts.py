"""The verdicts of the real server on bodies that were made for this."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from recorded import verdicts
from sandbox_calls import png, request

from postiz_async._sandbox import MemoryServer
from postiz_async.clock import JumpingClock


def report(what: str, total: int, differences: list[str]) -> None:
    sys.stdout.write(f"{what}: {total - len(differences)} of {total} equal\n")
    assert not differences, "\n".join(differences)


async def judge(case: dict[str, Any]) -> tuple[int, Any, Any]:
    """Status, message and stored settings of a body in a sandbox of its own."""
    async with MemoryServer(clock=JumpingClock()) as sandbox:
        channel = sandbox.add_channel(case["provider"], id="i1")
        extra = json.dumps(case["additional_settings"])
        sandbox.change_channel(channel.id, additional_settings=extra)
        for path, size in re.findall(r"(https://u\.example/(s\d+x\d+)?[^\"]*)", json.dumps(case)):
            sandbox.add_remote_file(path, png(*map(int, size[1:].split("x"))) if size else b"")
        response = await sandbox.handle(request("POST", "/posts", case["body"]))
        body = response.json()
        if response.status == 201:
            return 201, None, sandbox.posts[0].settings
        assert body.get("provider", case["provider"]) == case["provider"]
        assert ("provider" in body) == (case["stage"] in {"settings", "media", "length"})
        return response.status, body["message"], None


async def test_bodies() -> None:
    cases = verdicts()
    differences = []
    for case in cases:
        expected = (case["status"], case["message"], case.get("settings_after"))
        found = await judge(case)
        if found != expected:
            differences.append(f"{case['provider']}: {case['case']}: {expected} is {found}")
    report("bodies", len(cases), differences)
