"""The verdicts of the real server on bodies and texts that were made for this."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from recorded import facts, verdicts
from sandbox_calls import png, request

from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.rules.formats import LOOSE_URL, is_url
from postiz_async._sandbox.text.html import has_text, sanitize
from postiz_async._sandbox.text.length import counted_text, plain_length, weighted_length, x_length
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


def test_urls() -> None:
    cases = facts("urls")
    differences = [
        str(case)
        for case in cases
        if is_url(case["value"]) != case["is_url"]
        or bool(LOOSE_URL.fullmatch(case["value"])) != case["loose_url"]
    ]
    report("urls", len(cases), differences)


def test_lengths() -> None:
    cases = facts("lengths")
    differences = []
    for case in cases:
        sanitized = sanitize(case["text"])
        counted = counted_text(sanitized)
        found = {
            "sanitized": sanitized,
            "stripped": counted,
            "x_weighted_length": weighted_length(counted),
            "counted_plain": plain_length(sanitized),
            "counted_x": x_length(sanitized),
            "passes_content_check_without_media": has_text(sanitized),
        }
        differences += [
            f"{case['note']}: {key}: {case[key]!r} is {value!r}"
            for key, value in found.items()
            if case[key] != value
        ]
    report("lengths", len(cases), differences)


def test_texts() -> None:
    cases = facts("texts")
    found = [(sanitize(case["input"]), counted_text(sanitize(case["input"]))) for case in cases]
    differences = [
        f"{case['note']}: {case} is {texts}"
        for case, texts in zip(cases, found, strict=True)
        if (case["sanitized"], case["counted_text"]) != texts
    ]
    report("texts", len(cases), differences)
