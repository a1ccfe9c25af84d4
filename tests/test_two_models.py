"""The client's rules and the sandbox's were written apart, so a mistake of one shows here.

Both are made from the same contract; nothing is shared but that. They are compared as tables,
and as verdicts on requests that hypothesis makes up.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postiz_async.clock import JumpingClock
from postiz_async.models.integrations import Integration
from postiz_async.providers import PROVIDERS
from postiz_async.providers.fields import fields_of
from postiz_async.providers.table import required_defaults
from postiz_async.sandbox import Request, Sandbox
from postiz_async.sandbox.networks import NETWORKS
from postiz_async.validation import server_message, validate

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT = 1_000_000


def test_both_know_the_same_networks() -> None:
    assert set(PROVIDERS) == set(NETWORKS)


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_tables_agree(name: str) -> None:
    ours, theirs = PROVIDERS[name], NETWORKS[name]
    usual = next(limit for limit in ours.limits if limit.when is None and not limit.verified)
    assert usual.characters == theirs.max_length
    assert (ours.counts == "x-weighted") == theirs.is_weighted
    assert set(ours.tools) == set(theirs.tools)
    assert bool(ours.defect) == theirs.is_broken
    assert [rule.message for rule in ours.rules] == [rule.message for rule in theirs.rules]
    names = [field.name for field in fields_of(ours.settings)]
    in_any_release = dict.fromkeys(field.name for field in theirs.fields)
    assert names == list(in_any_release)


# ------------------------------------------------------------------ verdicts

TEXTS = st.sampled_from(
    ["", " ", "Hello", "a < b", "<p>Hi</p>", "<p> </p>", "&nbsp;", "x" * 281, "word " * 200, "7"]
)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 5),
    TEXTS,
    st.sampled_from(["false", "everyone", "post", "https://a.example/b", "not a url", "schedule"]),
    st.lists(st.sampled_from(["a", 1, None]), max_size=2),
    st.just({}),
)
MEDIA = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.just("m"),
            "path": st.sampled_from(
                [
                    "https://u.example/a.png",
                    "https://u.example/b.mp4",
                    "https://u.example/mp4/c.jpg",
                    "https://u.example/d.PNG",
                    "https://u.example/e.avif",
                ]
            ),
        },
        optional={"thumbnail": st.sampled_from(["", "https://u.example/t.png", "x"])},
    ),
    max_size=5,
)


def entries(texts: st.SearchStrategy[object]) -> st.SearchStrategy[list[object]]:
    entry = st.fixed_dictionaries({"content": texts, "image": MEDIA})
    return st.lists(entry, min_size=1, max_size=2)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, Mapping[str, object]]:
    """A provider and a body that is nearly right."""
    name = draw(st.sampled_from(sorted(PROVIDERS)))
    said: dict[str, object] = dict(required_defaults(name))
    for field in fields_of(PROVIDERS[name].settings):
        if draw(st.integers(0, 3)) == 0:
            known = [st.just(each) for each in field.enum or ()]
            said[field.name] = draw(st.one_of(*known, ODD))
    body: dict[str, object] = {
        "type": draw(st.sampled_from(["schedule", "draft", "now"])),
        "date": "2030-01-01T10:00:00.000Z",
        "shortLink": draw(st.sampled_from([False, True, "false", None])),
        "tags": [],
        "posts": [{"integration": {"id": "i1"}, "value": draw(entries(TEXTS)), "settings": said}],
    }
    return name, body


async def verdict_of_the_sandbox(name: str, body: Mapping[str, object]) -> tuple[int, list[str]]:
    async with Sandbox(clock=JumpingClock(), limit=LIMIT) as sandbox:
        sandbox.add_integration(name, id="i1")
        headers = {
            "authorization": sandbox.organization.api_key,
            "content-type": "application/json",
        }
        raw = json.dumps(body).encode()
        answer = await sandbox.handle(Request("POST", "/public/v1/posts", (), headers, raw))
        if answer.status == 201:
            return 201, []
        said = answer.json()["message"]
        return answer.status, said if isinstance(said, list) else [said]


@given(bodies())
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_verdicts_agree(made: tuple[str, Mapping[str, object]]) -> None:
    name, body = made
    status, said = asyncio.run(verdict_of_the_sandbox(name, body))
    channel = Integration(id="i1", name="n", provider=name)
    found = validate(body, channels=[channel])
    errors = [problem for problem in found if problem.severity == "error"]
    if status == 201:
        assert not errors, msgspec.json.encode(body)
        return
    assert errors, (status, said)
    if errors[0].stage in {"body", "post"}:
        first = [server_message(each) for each in errors if each.stage == errors[0].stage]
        assert said[0] == first[0]
        if errors[0].stage == "body":
            assert said == first
