"""569 exchanges with a real server, replayed into the sandbox."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import pytest

from lab import RECORDINGS, Lab, load
from replay import Exchange, Names, Replay
from unrecorded import before

TOPICS = sorted(path.stem for path in RECORDINGS.glob("*.json"))


NOT_MODELLED = {
    ("analytics", "platform: x (no network behind it)"): "a platform's answer",
    ("lab-platform-answers", "trigger: discord channels"): "a platform's answer",
    ("lab-platform-answers", "analytics: platform"): "a platform's answer",
    ("lab-platform-answers", "analytics: post"): "a platform's answer",
    ("oauth", "dashboard: create an OAuth app"): "a route of the dashboard",
    ("reads", "users without super admin"): "search_users",
    ("reads", "users with super admin"): "search_users",
    ("reads", "users with super admin, by email"): "search_users",
    ("social-connect", "social: x"): "an instance without the keys of a platform",
    ("video", "function: loadVoices"): "an instance without the keys of a platform",
}


def set_aside(topic: str, exchange: Exchange) -> str | None:
    """Why an exchange cannot be replayed; None for those that can."""
    if (topic, exchange["name"]) in NOT_MODELLED:
        return NOT_MODELLED[topic, exchange["name"]]
    request, response = exchange["request"], exchange["response"]
    body: Any = response["body"] if response else None
    if isinstance(body, dict):
        messages = body.get("message")
        texts = messages if isinstance(messages, list) else [str(messages)]
        if "provider" in body or any(".settings." in text for text in texts):
            return "provider rule"
        if request["path"].endswith("/settings") and "who_can_reply_post" in str(messages):
            return "provider rule"
        if isinstance(body.get("output"), dict):
            return "provider rule"
    return None


async def test_recordings() -> None:
    if not TOPICS:
        pytest.skip(f"no recordings beside this checkout ({RECORDINGS.name})")
    tally: Counter[str] = Counter()
    differences: list[str] = []
    for topic in TOPICS:
        lab = Lab(topic)
        async with lab.sandbox:
            replay = Replay(lab, Names())
            for index, exchange in enumerate(load(topic)):
                reason = set_aside(topic, exchange)
                await before(replay, topic, exchange["name"])
                if reason is not None:
                    tally[reason] += 1
                    continue
                found = await replay.play(exchange)
                tally["equal" if not found else "different"] += 1
                differences += [f"{topic} {index} {exchange['name']}: {each}" for each in found]
    sys.stdout.write(f"recordings: {dict(tally)}\n")
    assert not differences, "\n".join(differences)
