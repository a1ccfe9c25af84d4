"""569 exchanges with a real server, replayed into the sandbox.

Set aside are exchanges whose verdict is a rule of one network (`provider rule`: settings, media,
length; they have tests of their own) and those that need something outside of the server.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import pytest
from sandbox_lab import RECORDINGS, Lab, load
from sandbox_replay import Exchange, Names, Replay
from sandbox_unrecorded import before

TOPICS = sorted(path.stem for path in RECORDINGS.glob("*.json"))

PROVIDER_RULE = "provider rule"
PLATFORM = "the answer of a platform"
KEYLESS = "an instance without the keys of a platform"
BROTLI = "a compression that the standard library does not have"

OUTSIDE = {
    ("analytics", "platform: x (no network behind it)"): PLATFORM,
    ("lab-platform-answers", "trigger: discord channels"): PLATFORM,
    ("lab-platform-answers", "analytics: platform"): PLATFORM,
    ("lab-platform-answers", "analytics: post"): PLATFORM,
    ("oauth", "dashboard: create an OAuth app"): "a route of the dashboard",
    ("protocol", "GET /integrations with Accept-Encoding: br"): BROTLI,
    ("protocol", "GET /integrations with Accept-Encoding: gzip, br"): BROTLI,
    ("reads", "users without super admin"): "search_users is not modelled",
    ("reads", "users with super admin"): "search_users is not modelled",
    ("reads", "users with super admin, by email"): "search_users is not modelled",
    ("social-connect", "social: x"): KEYLESS,
    ("video", "function: loadVoices"): KEYLESS,
}


def set_aside(topic: str, exchange: Exchange) -> str | None:
    """Why an exchange cannot be replayed; None for those that can."""
    request, response = exchange["request"], exchange["response"]
    body: Any = response["body"] if response else None
    if (topic, exchange["name"]) in OUTSIDE:
        return OUTSIDE[topic, exchange["name"]]
    if not isinstance(body, dict):
        return None
    messages = body.get("message")
    texts = messages if isinstance(messages, list) else [str(messages)]
    is_rule = "provider" in body or any(".settings." in text for text in texts)
    is_rule |= request["path"].endswith("/settings") and "who_can_reply_post" in str(messages)
    # the description of a network holds its rules and the schema of its settings
    is_rule |= isinstance(body.get("output"), dict) and body["output"] != plain_network(body)
    return PROVIDER_RULE if is_rule else None


def plain_network(body: dict[str, Any]) -> dict[str, Any]:
    """What is told of a network without rules, settings and look-ups."""
    output = {"rules": "", "maxLength": body["output"]["maxLength"]}
    return output | {"settings": "No additional settings required", "tools": []}


async def play(topic: str, tally: Counter[str]) -> list[str]:
    """Play a topic; returns the differences."""
    differences: list[str] = []
    lab = Lab(topic)
    async with lab.sandbox:
        replay = Replay(lab, Names())
        for index, exchange in enumerate(load(topic)):
            await before(replay, topic, exchange["name"])
            reason = set_aside(topic, exchange)
            if reason is not None:
                tally[reason] += 1
                continue
            found = await replay.play(exchange)
            tally["different" if found else "equal"] += 1
            differences += [f"{topic} {index} {exchange['name']}: {each}" for each in found]
    return differences


async def test_recordings() -> None:
    if not TOPICS:
        pytest.skip(f"there are no {RECORDINGS.name} beside this checkout")
    tally: Counter[str] = Counter()
    differences = [each for topic in TOPICS for each in await play(topic, tally)]
    equal, replayable = tally["equal"], tally["equal"] + tally["different"]
    others = {reason: count for reason, count in tally.items() if reason not in NAMES}
    sys.stdout.write(
        f"recordings: {equal} of {replayable} replayable equal, "
        f"{tally[PROVIDER_RULE]} provider rules set aside, {sum(others.values())} need a platform "
        f"or are outside of the model: {others}\n"
    )
    assert not differences, "\n".join(differences)
    assert sum(tally.values()) == 569


NAMES = {"equal", "different", PROVIDER_RULE}
