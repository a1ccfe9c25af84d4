"""The table against the contract: every fact about every provider that a client uses."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

import pytest
import recorded

from postiz_async.providers import (
    PROVIDERS,
    AnySettings,
    Condition,
    MediaRule,
    Provider,
    SettingsField,
)
from postiz_async.providers._registry import missing_without_defaults
from postiz_async.providers._schema import fields_of

KINDS = {"array": "list"}
MINIMA = {"string": "min", "number": "min", "list": "min_items"}
MAXIMA = {"string": "max", "number": "max", "list": "max_items"}
URLS = {"is_url", "loose_url"}
BY_A_RULE = {("gmb", "eventTitle")}
"""Demanded by a media rule, not by the settings themselves."""
UNNAMED = {("facebook", "text_format_preset_id")}
"""Ids of backgrounds that nobody can see are not in the table."""
REFUSED_BY_THE_NETWORK = {("reddit", "type"): ("image", "video", "videogif")}
"""The recorded server knows them, newer ones refuse them: they never worked."""

Facts = dict[str, Any]


@cache
def contract() -> dict[str, Facts]:
    return {each["identifier"]: each for each in recorded.facts("providers")}


def path_of(text: str) -> str:
    return text.removeprefix("settings.").replace("[*]", ".*")


def condition(facts: Facts | None) -> Condition | None:
    if facts is None:
        return None
    return Condition(path_of(facts["field"]), facts["op"], facts.get("value"))


# ------------------------------------------------------------------ what holds by itself


def test_there_are_35_providers_each_under_its_own_identifier() -> None:
    assert len(PROVIDERS) == 35
    for identifier, provider in PROVIDERS.items():
        assert provider.identifier == identifier == provider.settings.provider()


def test_the_union_of_all_settings_is_the_table() -> None:
    assert set(get_args(AnySettings)) == {each.settings for each in PROVIDERS.values()}


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda each: each.identifier)
def test_the_last_limit_always_holds(provider: Provider) -> None:
    *special, last = provider.limits
    assert (last.when, last.verified) == (None, False)
    assert all(limit.when or limit.verified for limit in special)


def every_field(fields: tuple[SettingsField, ...]) -> list[SettingsField]:
    return [found for each in fields for found in (each, *every_field(each.fields))]


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda each: each.identifier)
def test_everything_is_documented(provider: Provider) -> None:
    assert provider.settings.__doc__
    for field in every_field(fields_of(provider.settings)):
        assert field.description.endswith("."), field.name


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda each: each.identifier)
def test_conditions_name_fields_that_exist(provider: Provider) -> None:
    top = {field.name for field in fields_of(provider.settings)}
    asked = [each for rule in provider.rules for each in (*rule.when, rule.setting) if each]
    asked += [limit.when for limit in provider.limits if limit.when]
    assert {each.field.partition(".")[0] for each in asked} <= top


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda each: each.identifier)
def test_a_rule_has_the_argument_that_its_kind_needs(provider: Provider) -> None:
    for rule in provider.rules:
        counts = rule.kind in {"min_media", "max_media", "exact_media", "max_images", "max_videos"}
        assert (rule.n > 0) == counts
        assert bool(rule.sizes) == (rule.kind == "image_size")
        assert bool(rule.any_of) == (rule.kind == "first_media_path_contains")
        assert bool(rule.setting) == (rule.kind == "requires_setting")
        assert rule.message


def test_x_counts_an_article_before_a_verified_account() -> None:
    assert [limit.characters for limit in PROVIDERS["x"].limits] == [100_000, 4_000, 280]
    assert [limit.verified for limit in PROVIDERS["x"].limits] == [False, True, False]


def test_fields_are_named_as_the_server_names_them() -> None:
    names = [field.name for field in fields_of(PROVIDERS["tiktok"].settings)]
    assert names[5] == "autoAddMusic"
    assert missing_without_defaults("listmonk") == ("subject", "list")
    assert missing_without_defaults("tiktok") == missing_without_defaults("unheard-of") == ()


def test_a_field_says_what_is_tested_and_in_what_order() -> None:
    title, kind, *_, tags = fields_of(PROVIDERS["youtube"].settings)
    assert title.checks == ("defined", "max_length", "min_length", "string")
    assert (title.minimum, title.maximum, title.required) == (2, 100, True)
    assert (kind.enum, kind.default) == (("public", "private", "unlisted"), "public")
    assert (tags.maximum, tags.message_of) == (500, ("total",))
    assert [field.name for field in tags.fields] == ["value", "label"]


# ------------------------------------------------------------------ the contract


def test_the_contract_knows_the_same_providers() -> None:
    assert set(contract()) == set(PROVIDERS)


@pytest.mark.parametrize("identifier", PROVIDERS)
def test_plain_facts_are_those_of_the_contract(identifier: str) -> None:
    facts, ours = contract()[identifier], PROVIDERS[identifier]
    assert ours.name == " ".join(facts["name"].split())
    assert (ours.editor, ours.counts) == (facts["editor"], facts["counts"])
    assert ours.parts == facts["comments"]["status"]
    assert ours.part_media == facts["comments"].get("media", "ignored")
    assert list(ours.tools) == facts["tools"]
    assert ours.mentions == facts["mentions"]
    assert ours.since == (facts["since_release"] or "")
    assert ours.defect == facts["defect"]


@pytest.mark.parametrize("identifier", PROVIDERS)
def test_limits_are_those_of_the_contract(identifier: str) -> None:
    limits = contract()[identifier]["max_length"]
    ours = PROVIDERS[identifier].limits
    assert ours[-1].characters == limits["default"]
    table = limits.get("table", [{"limit": limits["default"], "when": None}])
    assert [limit.characters for limit in ours] == [row["limit"] for row in table]
    for limit, row in zip(ours, table, strict=True):
        verified = (row["when"] or {}).get("field") == "additional_settings.Verified"
        assert limit.verified == verified
        assert limit.when == (None if verified else condition(row["when"]))


def rule_of(facts: Facts) -> MediaRule:
    rule = facts["rule"]
    when = rule.get("when", {})
    conditions = when.get("all", [when] if "op" in when else [])
    media: Any = next((each for each in ("has_video", "all_images") if when.get(each)), "any")
    return MediaRule(
        kind=rule["kind"],
        message=facts["message"],
        scope=rule["scope"],
        when=tuple(each for each in map(condition, conditions) if each),
        media=media,
        n=rule.get("n", 0),
        sizes=tuple((width, height) for width, height in rule.get("sizes", [])),
        any_of=tuple(rule.get("any_of", [])),
        setting=condition(rule) if rule["kind"] == "requires_setting" else None,
        is_video=rule.get("video_test", "contains_mp4"),
    )


@pytest.mark.parametrize("identifier", PROVIDERS)
def test_media_rules_are_those_of_the_contract_in_their_order(identifier: str) -> None:
    rules = tuple(rule_of(each) for each in contract()[identifier]["media_rules"])
    assert PROVIDERS[identifier].rules == rules


@pytest.mark.parametrize("identifier", PROVIDERS)
def test_settings_are_those_of_the_contract_in_their_order(identifier: str) -> None:
    fields = fields_of(PROVIDERS[identifier].settings)
    compare(identifier, fields, contract()[identifier]["settings"])


def compare(identifier: str, fields: tuple[SettingsField, ...], facts: list[Facts]) -> None:
    assert [field.name for field in fields] == [each["field"] for each in facts]
    for field, each in zip(fields, facts, strict=True):
        compare_field((identifier, field.name), field, each)
        item = each.get("item", {})
        assert field.media == (item.get("ref") == "media")
        compare(identifier, field.fields, item.get("fields", []))


def compare_field(where: tuple[str, str], field: SettingsField, facts: Facts) -> None:
    assert field.kind == KINDS.get(facts["type"], facts["type"]), where
    assert field.enum == tuple(facts.get("enum", ())), where
    assert field.minimum == facts.get(MINIMA.get(field.kind, "")), where
    assert field.maximum == facts.get(MAXIMA.get(field.kind, ""), facts.get("max_total")), where
    assert field.unreleased == facts.get("unreleased", False), where
    if where not in UNNAMED:
        assert (*field.known, *field.broken) == tuple(facts.get("known_values", ())), where
    assert field.broken == REFUSED_BY_THE_NETWORK.get(where, ()), where
    if where not in BY_A_RULE:
        assert field.message == facts.get("message", field.message if field.message_of else None)
        assert field.required_when == condition(facts.get("required_when")), where
    assert field.required == (facts["required"] is True), where
    compare_pattern(where, field, facts)
    compare_absence(where, field, facts)


def compare_pattern(where: tuple[str, str], field: SettingsField, facts: Facts) -> None:
    pattern = facts.get("pattern", [])
    assert field.pattern == (pattern if isinstance(pattern, str) else None), where
    assert URLS & set(field.checks) == (set() if isinstance(pattern, str) else set(pattern)), where


def compare_absence(where: tuple[str, str], field: SettingsField, facts: Facts) -> None:
    assert field.skip_empty == facts.get("skip_empty", False), where
    assert field.skip_reference == facts.get("skip_reference", False), where
    assert field.nullable == facts.get("nullable", where == ("reddit", "url")), where
    must_exist = field.required or field.required_when is not None
    assert must_exist == ("nullable" not in facts and where != ("reddit", "url")), where
