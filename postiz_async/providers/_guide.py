"""Describe the rules of the networks in words. PURE."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

import msgspec

from postiz_async.errors import InvalidInputError, Problem
from postiz_async.models._base import Value
from postiz_async.providers._registry import PROVIDERS, closest_provider
from postiz_async.providers._schema import Condition, MediaRule, Provider, SettingsField, fields_of


class FieldLine(Value, frozen=True):
    """A setting, or what is inside of one: `subreddit[].value.title`.

    `needed` is `yes`, `no`, or when.
    """

    name: str
    kind: str
    needed: str
    limits: str
    meaning: str


class Guide(NamedTuple):
    """The description of a provider in words.

    `settings` are the fewest that the server accepts, `example` is the call that makes them.
    """

    provider: Provider
    limit: str
    counting: str
    parts: str
    fields: tuple[FieldLine, ...]
    media: tuple[str, ...]
    notes: tuple[str, ...]
    settings: Mapping[str, object]
    example: str


def find_provider(name: str) -> Provider:
    """The provider of this identifier.

    Args:
        name: such as `linkedin-page`.

    Raises:
        InvalidInputError: there is no such provider; the hint names the closest.
    """
    known = PROVIDERS.get(name)
    if known is None:
        close = closest_provider(name)
        hint = f"did you mean {close!r}?" if close else f"known: {', '.join(PROVIDERS)}"
        raise InvalidInputError([Problem("provider", f"{name[:40]!r} is unknown", hint=hint)])
    return known


def guide(provider: Provider) -> Guide:
    """Describe all rules of a provider in words.

    Args:
        provider: one of `PROVIDERS`.
    """
    fields = fields_of(provider.settings)
    settings = _least(fields)
    return Guide(
        provider=provider,
        limit="; ".join(_limits(provider)),
        counting=_COUNTING[provider.counts],
        parts=_parts(provider),
        fields=tuple(_lines(fields, "")),
        media=tuple(dict.fromkeys(map(_rule, provider.rules))),
        notes=tuple(_notes(provider)),
        settings=settings,
        example=_example(provider, settings),
    )


# ------------------------------------------------------------------ text and parts

_COUNTING = {
    "plain": "UTF-16 units, so most emoji count 2 and more",
    "x-weighted": "the larger of UTF-16 units and the weighted length of X: a link counts 23, "
    "an emoji and a CJK character 2",
}
_PARTS = {"thread": "become replies", "comments": "become comments"}
_PART_MEDIA = {
    "allowed": "with their media",
    "ignored": "without their media",
    "forbidden": "and must have no media",
    "first-only": "with their first medium only",
}


def _limits(provider: Provider) -> Iterator[str]:
    for limit in reversed(provider.limits):
        if limit.when is not None:
            yield f"{limit.characters:,} when {_condition(limit.when)}"
        else:
            yield f"{limit.characters:,}{' for a verified account' if limit.verified else ''}"


def _parts(provider: Provider) -> str:
    if provider.parts == "none":
        return "are stored and never published"
    return f"{_PARTS[provider.parts]}, {_PART_MEDIA[provider.part_media]}"


def _notes(provider: Provider) -> Iterator[str]:
    if provider.defect:
        yield "Cannot be scheduled at present: the server refuses all but drafts."
    if provider.mentions:
        yield "Mentions become real mentions on the network."
    if not provider.since:
        yield "In no release yet."
    yield from provider.pitfalls


# ------------------------------------------------------------------ settings


def _lines(fields: Iterable[SettingsField], before: str) -> Iterator[FieldLine]:
    for field in fields:
        name = f"{before}{field.name}{'[]' if field.kind == 'list' else ''}"
        meaning = field.description
        if field.unreleased:
            meaning += " Not in a release yet."
        yield FieldLine(name, _kind(field), _is_needed(field), _bounds(field), meaning.strip())
        yield from _lines(field.fields, f"{name}.")


def _kind(field: SettingsField) -> str:
    if field.enum:
        return f"one of {', '.join(field.enum)}"
    if field.media:
        return "media"
    return f"list of {field.item}s" if field.kind == "list" else field.kind


def _is_needed(field: SettingsField) -> str:
    if field.required_when is not None:
        needed = f"when {_condition(field.required_when)}"
    elif field.advised_when is not None:
        needed = f"not checked, but needed when {_condition(field.advised_when)}"
    else:
        needed = "yes" if field.required else "no"
    if field.default is None:
        return needed
    return f"{needed}; {json.dumps(field.default, ensure_ascii=False)} by default"


def _bounds(field: SettingsField) -> str:
    low, high = field.minimum, field.maximum
    unit = {"string": " character", "list": " item"}.get(field.kind, "")
    if unit and max(low or 0, high or 0) > 1:
        unit += "s"
    if "total" in field.checks:
        unit = " characters in all"
    if low is not None and high is not None:
        said = [f"{low:,g} to {high:,g}{unit}"]
    else:
        said = [f"at least {low:,g}{unit}"] if low is not None else []
        said += [f"at most {high:,g}{unit}"] if high is not None else []
    if {"is_url", "loose_url"} & set(field.checks):
        said.append("a URL")
    if field.pattern:
        said.append(f"matches {field.pattern}")
    if field.known:
        said.append(f"known: {', '.join(field.known)}")
    return "; ".join(said)


# ------------------------------------------------------------------ rules


def _condition(condition: Condition) -> str:
    words = {
        "eq": f"is {condition.value}",
        "ne": f"is not {condition.value}",
        "truthy": "is given",
        "flag": "is true",
        "any_eq": f"is {condition.value}",
    }
    return f"`{condition.field.replace('.*', '[]')}` {words[condition.op]}"


_SCOPES = {"first": "", "every": ", in each part", "comments": "", "posts": ""}
_WITH = {"any": "", "has_video": "with a video ", "all_images": "without a video "}


def _rule(rule: MediaRule) -> str:
    """A rule as a sentence, with the server's own text."""
    sizes = " or ".join(f"{width} x {height}" for width, height in rule.sizes)
    words = {
        "min_media": f"at least {rule.n} media",
        "max_media": f"at most {rule.n} media",
        "exact_media": f"exactly {rule.n} media",
        "only_images": "no video",
        "only_video": "a video",
        "required_video": "a video",
        "video_alone": "nothing beside a video",
        "max_images": f"at most {rule.n} pictures",
        "max_videos": f"at most {rule.n} videos",
        "video_needs_cover": "a picture after a video, which becomes its cover",
        "same_dimensions": "pictures of one size in pixels",
        "image_size": f"a picture of {sizes} pixels",
        "first_media_path_contains": f"a path of the first medium with {' or '.join(rule.any_of)}",
        "required_thumbnail": "a thumbnail for each video",
        "no_media_in_comments": "no media in further parts",
        "no_comments": "no further parts",
        "requires_setting": "that " + (_condition(rule.setting) if rule.setting else ""),
    }
    when = " and ".join(map(_condition, rule.when))
    said = f"{'when ' + when + ': ' if when else ''}{_WITH[rule.media]}{words[rule.kind]}"
    return f"{said}{_SCOPES[rule.scope]} (else: {rule.message})"


# ------------------------------------------------------------------ the least that is taken


def _least(fields: Iterable[SettingsField]) -> dict[str, object]:
    needed = (f for f in fields if f.required or (f.required_when and f.default is not None))
    return {field.name: _value(field) for field in needed}


def _value(field: SettingsField) -> object:
    if field.default is not None:
        return field.default
    if field.kind in {"object", "list"}:
        inside = _least(field.fields) if field.fields else 1
        return [inside] if field.kind == "list" else inside
    known = (*field.enum, *field.known)
    if known:
        return known[0]
    plain: dict[str, object] = {"number": 1, "boolean": False}
    return plain.get(field.kind, f"the {field.name}")


def _example(provider: Provider, settings: Mapping[str, object]) -> str:
    struct = msgspec.convert({**settings, "__type": provider.identifier}, provider.settings)
    kinds = {rule.kind for rule in provider.rules if not rule.when and rule.scope == "first"}
    medium = "video" if "only_video" in kinds else "picture"
    media = f", media=[{medium}]" if kinds & {"min_media", "exact_media"} else ""
    return f'NewPost(channel, "text"{media}, settings={_code(struct)})'


def _code(value: object) -> str:
    """A value as Python code, without arguments that have their default."""
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        said = ((each.name, getattr(value, each.name), each.default) for each in fields)
        arguments = ", ".join(f"{name}={_code(now)}" for name, now, usual in said if now != usual)
        return f"providers.{type(value).__name__}({arguments})"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_code, cast('Sequence[object]', value)))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
