"""Settings as values: defaults, what is written, what is read back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from postiz_async import providers
from postiz_async.errors import InvalidInputError
from postiz_async.models.media import Media
from postiz_async.providers import (
    PROVIDERS,
    ProviderSettings,
    RawSettings,
    SettingsField,
    read_settings,
)
from postiz_async.providers._registry import (
    default_settings,
    missing_without_defaults,
    write_settings,
)
from postiz_async.providers._schema import fields_of

PICTURE = Media(id="m", path="https://host/a.png", name="a.png")
COMMUNITY = "https://x.com/i/communities/1"
texts = st.text(st.characters(codec="utf-8"), max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def values_of(fields: tuple[SettingsField, ...]) -> st.SearchStrategy[dict[str, Any]]:
    required = {field.name: value_of(field) for field in fields if field.required}
    others = {field.name: value_of(field) for field in fields if not field.required}
    return st.fixed_dictionaries(required, optional=others)


def value_of(field: SettingsField) -> st.SearchStrategy[Any]:
    low, high = int(field.minimum or 0), int(min(field.maximum or 9, 9))
    if field.media:
        return st.just({"id": "m", "path": "https://host/a.png"})
    strategies: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
        "enum": lambda: st.sampled_from(field.enum),
        "string": lambda: st.text(st.characters(codec="utf-8"), min_size=low, max_size=high),
        "boolean": st.booleans,
        "number": lambda: st.integers(low, int(field.maximum or 100)),
        "object": lambda: values_of(field.fields),
        "list": lambda: st.lists(
            values_of(field.fields) if field.item == "object" else st.integers(0, 99),
            min_size=low,
            max_size=high,
        ),
    }
    return st.just(COMMUNITY) if field.pattern else strategies[field.kind]()


# ------------------------------------------------------------------ reading and writing


@given(st.data())
@settings(max_examples=max(5, settings().max_examples // 3))
@pytest.mark.parametrize("identifier", PROVIDERS)
def test_what_is_stored_is_read_and_written_without_a_change(
    identifier: str, data: st.DataObject
) -> None:
    stored = data.draw(values_of(fields_of(PROVIDERS[identifier].settings)))
    settings = read_settings(identifier, stored)
    assert isinstance(settings, PROVIDERS[identifier].settings)
    written = write_settings(settings)
    assert written["__type"] == identifier
    assert written == {**defaults(settings, written), **stored, "__type": identifier}
    assert read_settings(identifier, msgspec.json.encode(written)) == settings


def defaults(settings: ProviderSettings, written: dict[str, object]) -> dict[str, object]:
    """What a struct sends although nothing was said; nested objects have their own."""
    fields = {field.name: field for field in fields_of(type(settings))}
    kept = {name for name, field in fields.items() if field.default is not None or field.fields}
    return {name: value for name, value in written.items() if name in kept}


@given(st.sampled_from([*PROVIDERS, "unheard-of", ""]), st.dictionaries(texts, json_values))
def test_reading_never_fails_and_keeps_what_it_cannot_hold(
    identifier: str, stored: dict[str, object]
) -> None:
    settings = read_settings(identifier, stored)
    if isinstance(settings, RawSettings):
        assert settings == RawSettings(identifier, stored)
    else:
        assert settings.provider() == identifier


@given(st.sampled_from([*PROVIDERS, "unheard-of"]), st.text() | st.binary())
def test_reading_never_fails_on_what_is_no_json(identifier: str, stored: str | bytes) -> None:
    settings = read_settings(identifier, stored)
    known = isinstance(settings, ProviderSettings)
    assert known == (default_settings(identifier) is not None) or settings == RawSettings(
        identifier, {}
    )


def test_settings_of_an_unknown_provider_are_kept() -> None:
    stored = {"room": 7, "__type": "unheard-of"}
    assert read_settings("unheard-of", stored) == RawSettings("unheard-of", stored)


def test_a_value_of_a_newer_server_is_kept() -> None:
    stored = {"who_can_reply_post": "nobody", "more": [1]}
    settings = read_settings("x", stored)
    assert settings == RawSettings("x", stored)
    assert write_settings(settings) == {**stored, "__type": "x"}


def test_null_is_absence_and_what_a_struct_does_not_know_is_left_out() -> None:
    text = '{"client_ref":"r","title":null,"board":"b","__type":"other"}'
    assert read_settings("pinterest", text) == providers.Pinterest(board="b")


def test_nested_too_deeply_to_be_read() -> None:
    text = '{"subreddit":' + "[" * 100_000 + "]" * 100_000 + "}"
    assert read_settings("reddit", text) == RawSettings("reddit", {})


# ------------------------------------------------------------------ what is written


def test_a_struct_is_written_as_the_server_names_it() -> None:
    settings = providers.YouTube(
        title="Launch",
        self_declared_made_for_kids="no",
        thumbnail=PICTURE,
        tags=(providers.YouTubeTag("a", "b"),),
    )
    assert write_settings(settings) == {
        "__type": "youtube",
        "title": "Launch",
        "type": "public",
        "selfDeclaredMadeForKids": "no",
        "thumbnail": {"id": "m", "path": "https://host/a.png"},
        "tags": [{"value": "a", "label": "b"}],
    }


def test_targets_are_written_as_the_server_nests_them() -> None:
    post = providers.RedditPost(subreddit="python", title="Hello", type="self")
    written = {"subreddit": "python", "title": "Hello", "type": "self", "is_flair_required": False}
    assert write_settings(providers.Reddit.to(post))["subreddit"] == [{"value": written}]
    lemmy = providers.LemmyPost(subreddit="rust", id="12", title="Hello")
    assert write_settings(providers.Lemmy.to(lemmy))["subreddit"] == [
        {"value": {"subreddit": "rust", "id": "12", "title": "Hello"}}
    ]
    assert write_settings(providers.Farcaster.to("a"))["subreddit"] == [{"value": {"id": "a"}}]


def test_a_value_that_json_has_no_word_for_is_a_problem_of_the_settings() -> None:
    settings = providers.Discord(channel=object())  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match=r"settings\.channel: cannot be written as JSON"):
        write_settings(settings)


def test_constructing_tests_nothing() -> None:
    assert providers.YouTube(title="").title == ""


# ------------------------------------------------------------------ defaults


@pytest.mark.parametrize("identifier", PROVIDERS)
def test_defaults_have_all_that_the_server_demands(identifier: str) -> None:
    settings = default_settings(identifier)
    fields = fields_of(PROVIDERS[identifier].settings)
    if settings is None:
        assert missing_without_defaults(identifier)
        return
    written = write_settings(settings)
    demanded = [each for each in fields if each.required or each.default is not None]
    assert set(written) == {"__type", *(each.name for each in demanded)}
    for field in demanded:
        assert not field.enum or written[field.name] in field.enum


def test_a_tweet_may_be_answered_by_everyone_unless_it_says_otherwise() -> None:
    assert default_settings("x") == providers.X(who_can_reply_post="everyone")


@pytest.mark.parametrize("identifier", PROVIDERS)
def test_what_has_no_default_is_demanded_by_the_struct_as_well(identifier: str) -> None:
    infos = msgspec.structs.fields(PROVIDERS[identifier].settings)
    demanded = tuple(info.encode_name for info in infos if info.required)
    assert missing_without_defaults(identifier) == demanded


def test_what_is_missing_is_named() -> None:
    assert default_settings("hashnode") is None
    assert missing_without_defaults("hashnode") == ("title", "publication", "tags")
    assert default_settings("unheard-of") is None


def test_the_short_names_of_the_docs_are_there() -> None:
    names = {"X", "LinkedInPage", "TikTokBusiness", "GoogleBusiness", "Farcaster", "WordPress"}
    assert names <= set(vars(providers))
