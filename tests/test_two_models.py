"""What client and sandbox say of requests that are made of facts.

A server judged single posts (`tests/facts/verdicts.jsonl`). Of several in one request it judges
all fields first, and names all problems; then it judges post by post, but no drafts, and names the
first problem. So the verdict on any of their combinations is known.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from recorded import BODY, facts, verdicts
from sandbox_calls import png, request
from sandbox_settings import SETTINGS

from postiz_async._sandbox import MemoryServer
from postiz_async._validation import MediaFacts, validate
from postiz_async._validation.messages import server_message
from postiz_async.clock import JumpingClock
from postiz_async.models.channels import Channel
from postiz_async.providers import PROVIDERS

STAGES = {"ok", "body", "settings", "media", "length"}
CASES = [
    case
    for case in verdicts()
    if case["stage"] in STAGES and len(case.get("posts", ())) == 1 and "type" not in case
]
"""Verdicts on one post, whose channel is known."""

SIZES = {
    (path, int(width), int(height))
    for path, width, height in re.findall(
        r"(https://u\.example/s(\d+)x(\d+)\.png)", json.dumps(CASES)
    )
}
VERIFIED = "verified "
"""The beginning of the ids of channels with a verified account."""


def channel_of(case: dict[str, Any]) -> str:
    return f"{VERIFIED if case['additional_settings'] else ''}{case['provider']}"


@st.composite
def combinations(draw: st.DrawFn) -> tuple[dict[str, Any], int, list[str]]:
    """A request of several posts, and the server's status and messages."""
    kind = draw(st.sampled_from(["schedule", "now", "draft"]))
    cases = draw(st.lists(st.sampled_from(CASES), min_size=1, max_size=4))
    posts = [
        case["posts"][0] | {"integration": {"id": channel_of(case)}, "client": "ignored"}
        for case in cases
    ]
    shuffled = [dict(draw(st.permutations(list(post.items())))) for post in posts]
    body = BODY | {"type": kind, "posts": shuffled}
    messages = [
        message.replace("posts.0.", f"posts.{place}.", 1)
        for place, case in enumerate(cases)
        if case["stage"] == "body"
        for message in case["message"]
    ]
    if messages:
        return body, 400, messages
    wrong = [case for case in cases if case["stage"] != "ok" and kind != "draft"]
    return body, 400 if wrong else 201, [case["message"] for case in wrong[:1]]


class Oracle:
    """A sandbox with a channel of each network, asked again and again."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._sandbox = MemoryServer(clock=JumpingClock(), limit=1_000_000_000)
        runner.run(self._sandbox.__aenter__())
        for name in CHANNELS:
            self._sandbox.add_channel(name.removeprefix(VERIFIED), id=name)
            if name.startswith(VERIFIED):
                said = '[{"title":"Verified","value":true}]'
                self._sandbox.change_channel(name, additional_settings=said)
        for path, width, height in SIZES:
            self._sandbox.add_remote_file(path, png(width, height))

    def verdict(self, body: object) -> tuple[int, list[str]]:
        call = request("POST", "/posts", msgspec.json.encode(body))
        answer = self._runner.run(self._sandbox.handle(call))
        if answer.status == 201:
            return 201, []
        said = msgspec.convert(answer.json(), dict[str, Any])["message"]
        return answer.status, said if isinstance(said, list) else [said]

    def close(self) -> None:
        self._runner.run(self._sandbox.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with asyncio.Runner() as runner:
        made = Oracle(runner)
        yield made
        made.close()


CHANNELS = {
    name: Channel(id=name, name="n", provider=name.removeprefix(VERIFIED))
    for name in {*PROVIDERS, *map(channel_of, CASES)}
}
LIMITS = {name: 4000 for name in CHANNELS if name.startswith(VERIFIED)}
PICTURES = {path: MediaFacts(width=width, height=height) for path, width, height in SIZES}


def clients_verdict(body: Mapping[str, object]) -> tuple[int, list[str]]:
    """What the client takes for the server's verdict."""
    found = validate(body, channels=CHANNELS, media=PICTURES, max_lengths=LIMITS)
    errors = [problem for problem in found if problem.severity == "error"]
    if not errors:
        return 201, []
    said = [server_message(each) for each in errors if each.stage == errors[0].stage]
    return 400, said if errors[0].stage == "body" else said[:1]


@given(made=combinations())
@settings(suppress_health_check=list(HealthCheck))
def test_both_say_of_several_posts_what_the_server_says(
    oracle: Oracle, made: tuple[dict[str, Any], int, list[str]]
) -> None:
    body, status, messages = made
    assert clients_verdict(body) == (status, messages)
    assert oracle.verdict(body) == (status, messages)


@pytest.mark.parametrize(("name", "most"), [("x", 280), ("bluesky", 300), ("mastodon", 500)])
def test_both_refuse_what_the_server_counted_longer_than_the_limit(
    oracle: Oracle, name: str, most: int
) -> None:
    picture = {"id": "m", "path": "https://u.example/a.png"}
    for case in facts("lengths"):
        counted = case["counted_x" if name == "x" else "counted_plain"]
        entry = {"content": case["text"], "image": [picture]}
        post = {"integration": {"id": name}, "value": [entry], "settings": SETTINGS[name]}
        body = BODY | {"posts": [post]}
        expected = (400, ["post is too long, please fix it"]) if counted > most else (201, [])
        assert clients_verdict(body) == expected, case["note"]
        assert oracle.verdict(body) == expected, case["note"]
