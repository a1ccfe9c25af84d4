"""The verdicts of a real server: on 296 bodies of the contract, and in recorded exchanges."""

from __future__ import annotations

import re
from typing import Any

from recorded import Exchange, facts, verdicts
from validation_lab import channel

from postiz_async._validation import MediaFacts, validate
from postiz_async._validation.constraints import is_loose_url, is_url
from postiz_async._validation.messages import server_message
from postiz_async.errors import Problem
from postiz_async.models.channels import Channel
from postiz_async.providers import PROVIDERS

STAGES = {"mapping": "channel", "body": "body", "settings": "post", "media": "post"}
STAGES |= {"length": "post"}


def pixels(body: object) -> dict[str, MediaFacts]:
    """The sizes that the paths of pictures tell."""
    found = re.findall(r"https://u\.example/s(\d+)x(\d+)\.png", str(body))
    return {
        f"https://u.example/s{width}x{height}.png": MediaFacts(width=int(width), height=int(height))
        for width, height in found
    }


def difference(case: dict[str, Any]) -> str | None:
    known = {"i1": 4000} if case["additional_settings"] else None
    found = validate(
        case["body"],
        channels=[channel(case["provider"])],
        media=pixels(case["body"]),
        max_lengths=known,
    )
    errors = [each for each in found if each.severity == "error"]
    said = [server_message(each) for each in errors]
    wanted = case["message"]
    if case["stage"] == "body":
        same = said[: len(wanted)] == wanted and [each.stage for each in errors].count(
            "body"
        ) == len(wanted)
    elif case["stage"] == "ok":
        same = not errors
    else:
        same = said[:1] == [wanted] and errors[0].stage == STAGES[case["stage"]]
    return None if same else f"{case['provider']}, {case['case']}: {wanted} but {said}"


def test_the_verdicts_of_the_contract() -> None:
    cases = verdicts()
    differences = [found for case in cases if (found := difference(case))]
    print(f"validation: {len(cases) - len(differences)} of {len(cases)} equal")
    assert not differences, "\n".join(differences)
    assert len(cases) == 296


def test_the_urls_of_the_contract() -> None:
    for case in facts("urls"):
        verdict = {"is_url": is_url(case["value"]), "loose_url": is_loose_url(case["value"])}
        assert case == {"value": case["value"], **verdict}


# ------------------------------------------------------------------ recorded exchanges

UNKNOWABLE = {
    "a failing query in POST",
    "draft to an integration of an unknown provider",
    "integration of another organisation",
    "schedule with the id of a published post",
}
"""The database failed; no release has the provider; the lists of both organisations are mixed
here; what was published is not known."""


def channels_in(recordings: list[tuple[str, Exchange]]) -> dict[str, Channel]:
    """The channels that were listed, and those whose ids tell their provider."""
    listed = {
        each["id"]: channel(each["identifier"], each["id"], disabled=each["disabled"])
        for _, exchange in recordings
        if exchange["request"]["path"].endswith("/integrations") and exchange["response"]
        for each in exchange["response"]["body"]
        if isinstance(each, dict)
    }
    ids = set(re.findall(r"cm[a-z]+[a-z0-9]*?0{6,}\d", str([each for _, each in recordings])))
    for channel_id in ids - set(listed):
        names = [name for name in PROVIDERS if channel_id[2:].startswith(name)]
        if names and "org2" not in channel_id:
            listed[channel_id] = channel(max(names, key=len), channel_id)
    return listed


def agrees(found: list[Problem], response: Exchange) -> bool:
    errors = [each for each in found if each.severity == "error"]
    said = [server_message(each) for each in errors]
    if response["status"] == 201:
        return not errors
    message = response["body"]["message"]
    return said[: len(message)] == message if isinstance(message, list) else said[:1] == [message]


def test_recorded_creates(recordings: list[tuple[str, Exchange]]) -> None:
    channels = channels_in(recordings)
    verified = {"cmxverified00000000000001": 4000}
    count, differences = 0, []
    for name, exchange in recordings:
        asked, response = exchange["request"], exchange["response"]
        is_create = asked["method"] == "POST" and asked["path"].endswith("/posts")
        if not is_create or not response or response["status"] not in {201, 400, 500}:
            continue
        if not isinstance(asked.get("body"), dict) or name.partition(": ")[2] in UNKNOWABLE:
            continue
        count += 1
        found = validate(asked["body"], channels=channels, max_lengths=verified)
        if not agrees(found, response):
            differences.append(f"{name}: {response['body']} but {[str(each) for each in found]}")
    print(f"validation: {count - len(differences)} of {count} recorded creates equal")
    assert not differences, "\n".join(differences)
    assert count > 150
