"""Providers in words: the page of the documentation, and examples that the server would take."""

from __future__ import annotations

import runpy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from postiz_async import NewPost, providers
from postiz_async._resources.create_body import build_body, build_item
from postiz_async._validation import validate
from postiz_async.models.channels import Channel
from postiz_async.models.media import Media
from postiz_async.providers import PROVIDERS, guide

DOCS = Path(__file__).parents[2] / "docs"
NAMES: dict[str, Any] = {
    "NewPost": NewPost,
    "providers": providers,
    "picture": Media(id="m", path="https://u.example/a.png", name="a.png"),
    "video": Media(id="v", path="https://u.example/a.mp4", name="a.mp4"),
}


def test_the_page_is_what_the_library_knows() -> None:
    made = runpy.run_path(str(DOCS / "make_providers.py"))["page"]()
    written = (DOCS / "providers.md").read_text(encoding="utf-8")
    assert written == made, "run python docs/make_providers.py"


@pytest.mark.parametrize("identifier", PROVIDERS)
def test_the_least_is_taken(identifier: str) -> None:
    known = guide(PROVIDERS[identifier])
    channel = Channel(id="i1", name="Ann", provider=identifier)
    said: NewPost = eval(known.example, {**NAMES, "channel": channel})  # noqa: S307 - our own
    in_words = NewPost(channel, "text", media=said.media, settings=known.settings)
    for post in (said, in_words):
        body = build_body("schedule", datetime(2030, 1, 1, tzinfo=UTC), [build_item(post, channel)])
        found = [each for each in validate(body, channels=[channel]) if each.severity == "error"]
        assert [each.message for each in found] == [known.provider.defect] * len(found)
        assert bool(found) == bool(known.provider.defect)


@pytest.mark.parametrize("identifier", PROVIDERS)
def test_words_have_no_gaps(identifier: str) -> None:
    known = guide(PROVIDERS[identifier])
    for words in (known.limit, known.counting, known.parts, *known.media, *known.notes):
        assert words
        assert "None" not in words
    for field in known.fields:
        assert field.name
        assert field.kind
        assert field.needed
        assert field.meaning, (identifier, field.name)
