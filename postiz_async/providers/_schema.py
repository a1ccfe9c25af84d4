"""The types that describe a provider, and the fields of its settings. PURE.

`postiz_async.providers.PROVIDERS` has the facts: limits, media rules, settings. The struct of a
provider's settings is the only source of its fields: its docstring says what they mean, `Meta` has
the rules that msgspec knows as well, and `Server` next to it those that `Meta` cannot express.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin

import msgspec
from msgspec import Meta, UnsetType
from msgspec.structs import asdict

from postiz_async.models._docstrings import described_fields
from postiz_async.models.media import Media
from postiz_async.models.settings import ProviderSettings

FieldKind = Literal["string", "number", "boolean", "enum", "list", "object"]
"""The JSON type of a field; `enum` is a string of a closed set."""

Check = Literal[
    "defined",
    "enum",
    "boolean",
    "string",
    "number",
    "list",
    "min_length",
    "max_length",
    "minimum",
    "maximum",
    "min_items",
    "max_items",
    "total",
    "pattern",
    "is_url",
    "loose_url",
    "each_number",
    "nested",
]
"""One test of the server on one field. `defined` refuses null and absence, `nested` checks
objects, `total` counts the labels of YouTube's tags, the others are named after their test."""

RuleKind = Literal[
    "min_media",
    "max_media",
    "exact_media",
    "only_images",
    "only_video",
    "required_video",
    "video_alone",
    "max_images",
    "max_videos",
    "video_needs_cover",
    "same_dimensions",
    "image_size",
    "first_media_path_contains",
    "required_thumbnail",
    "no_media_in_comments",
    "no_comments",
    "requires_setting",
]

Scalar: TypeAlias = str | bool | int | float | None

T = TypeVar("T")

OrUnset: TypeAlias = T | UnsetType
"""A field that may be left out: its default is `UNSET`."""


class Condition(msgspec.Struct, frozen=True):
    """A condition on the settings.

    `field` is a path such as `post_type`, `audio.id` or `subreddit.*.value.type`: below the
    settings in a rule or a limit, beside the field in a `SettingsField`. An absent value is null.

    `truthy` is neither null, empty, 0 nor false; `flag` is true, or the text "true" in any case;
    `any_eq` holds when one of the values below a `*` is equal.
    """

    field: str
    op: Literal["eq", "ne", "truthy", "flag", "any_eq"]
    value: Scalar = None


class Limit(msgspec.Struct, frozen=True):
    """A limit of characters for each part; the first one of a provider that applies counts.

    `verified`: only for a channel whose account is verified, which the list of channels does
    not tell but the channel's `max_length` does.
    """

    characters: int
    when: Condition | None = None
    verified: bool = False


class MediaRule(msgspec.Struct, frozen=True):
    """A test of the media and the parts of a post; the first that fails gives the `message`.

    Args:
        kind: the kind of test, with `n`, `sizes`, `any_of` or `setting` as its argument.
        message: the server's message.
        scope: the media of the first part, of each further one, of each; or the number of parts.
        when: conditions that all have to hold for the rule to apply.
        media: the media to which the rule applies.
        n: a number of items.
        sizes: width and height in pixels, of which a picture needs one.
        any_of: of which the path of the first item must contain one.
        setting: the condition that `requires_setting` requires.
        is_video: how the server tells a video: `mp4` anywhere in the path, or `.mp4` in any case.
    """

    kind: RuleKind
    message: str
    scope: Literal["first", "comments", "every", "posts"] = "first"
    when: tuple[Condition, ...] = ()
    media: Literal["any", "has_video", "all_images"] = "any"
    n: int = 0
    sizes: tuple[tuple[int, int], ...] = ()
    any_of: tuple[str, ...] = ()
    setting: Condition | None = None
    is_video: Literal["contains_mp4", "dot_mp4_ci"] = "contains_mp4"


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """The rules and settings of a social network.

    Args:
        name: its usual name.
        settings: the struct of its settings.
        limits: limits of characters of a part; the first one that applies counts.
        counts: UTF-16 units, or for X the larger of those and its weighted length.
        editor: the format in which the text is published.
        parts: how further parts are published: as replies, as comments, or not at all.
        part_media: how the media of further parts are treated.
        rules: tests of the media, in the server's order.
        pitfalls: common mistakes that the server accepts, and other advice.
        tools: the look-ups for `channels.trigger`, each with the inputs that it takes.
        analytics: the subjects that have analytics.
        connected_by: how people connect a channel: on the network's page, or in a form of Postiz.
        described: what `channels.settings` tells about it.
        mentions: whether mentions in the text become real ones.
        since: the first release that has it; empty for none so far.
        defect: the text with which the server refuses all but drafts; empty for none.
    """

    name: str
    settings: type[ProviderSettings]
    limits: tuple[Limit, ...]
    counts: Literal["plain", "x-weighted"] = "plain"
    editor: Literal["normal", "markdown", "html"] = "normal"
    parts: Literal["thread", "comments", "none"] = "none"
    part_media: Literal["allowed", "ignored", "forbidden", "first-only"] = "ignored"
    rules: tuple[MediaRule, ...] = ()
    pitfalls: tuple[str, ...] = ()
    tools: Mapping[str, tuple[str, ...]] = {}
    analytics: tuple[Literal["channel", "post"], ...] = ()
    connected_by: Literal["network", "form"] = "network"
    described: tuple[Literal["rules", "settings"], ...] = ("rules", "settings")
    mentions: bool = False
    since: str = ""
    defect: str = ""

    @property
    def identifier(self) -> str:
        """The identifier of the provider in channels, such as `linkedin-page`."""
        return self.settings.provider()


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """The server's rules for a field beyond its type; see `SettingsField`.

    `checks` replaces the usual tests of the field's kind; `total` is a maximum for all of a list.
    """

    checks: tuple[Check, ...] | None = None
    required_when: Condition | None = None
    checked_when: Condition | None = None
    advised_when: Condition | None = None
    nullable: bool = True
    skip_empty: bool = False
    skip_reference: bool = False
    known: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    total: int | None = None
    message: str | None = None
    message_of: tuple[Check, ...] = ()
    unreleased: bool = False


class SettingsField(Server, frozen=True, kw_only=True):
    """The server's tests of a field of the settings.

    Null and absence are tested if the field is `required` or `required_when` holds; else an
    absent value is fine, and null as well if it is `nullable`. Values are tested by `checks`, in
    their order, unless `checked_when` does not hold.

    Args:
        name: its name on the server.
        attribute: its name in the struct.
        description: a short text for people.
        kind: its JSON type.
        checks: the server's tests, in its order.
        required: whether it must be present; only then the struct has a default or requires it.
        required_when: the condition under which it must be present.
        checked_when: the condition under which it is checked.
        advised_when: the condition under which leaving it out is accepted, but makes no sense.
        nullable: null counts as absent.
        skip_empty: an empty text counts as absent.
        skip_reference: a text with `(post:` counts as absent; the server replaces it.
        minimum: least length in characters, number of items, or value.
        maximum: greatest length in characters, number of items, sum of UTF-16 units, or value.
        enum: the closed set of values, in the server's order.
        known: values that make sense, where others are accepted.
        broken: values that a server may accept and the network always refuses.
        pattern: a regular expression.
        fields: the fields of an object, or of each object of a list.
        item: the type of the items of a list.
        media: whether the object is a medium: id, path, alt, thumbnail.
        message: replaces the server's usual text and stands after the path of the parent.
        message_of: the checks whose text it replaces; all when empty.
        default: the value that the struct sends by default; None if there is none.
        unreleased: whether only servers after 2.23.0 have it.
    """

    name: str
    attribute: str
    kind: FieldKind
    checks: tuple[Check, ...] = ()
    description: str = ""
    required: bool = False
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[str, ...] = ()
    pattern: str | None = None
    fields: tuple[SettingsField, ...] = ()
    item: Literal["object", "number"] | None = None
    media: bool = False
    default: Scalar = None


STRING = Server(checks=("string",))
URL_OR_EMPTY = Server(checks=("is_url",), skip_empty=True)


@cache
def fields_of(settings: type[msgspec.Struct]) -> tuple[SettingsField, ...]:
    """The fields of a settings struct, or of one inside of it, in the server's order."""
    said = described_fields(settings)
    return tuple(_field(info, said.get(info.name, "")) for info in msgspec.structs.fields(settings))


class _Shape(msgspec.Struct, frozen=True, kw_only=True):
    kind: FieldKind
    enum: tuple[str, ...] = ()
    fields: tuple[SettingsField, ...] = ()
    item: Literal["object", "number"] | None = None
    media: bool = False


def _field(info: msgspec.structs.FieldInfo, description: str) -> SettingsField:
    hints = _members(info.type)
    optional = UnsetType in hints
    hint, meta, server = _annotation(next(each for each in hints if each is not UnsetType))
    shape = _shape(hint)
    required = not optional and server.required_when is None
    said: dict[str, Any] = {
        **asdict(server),
        **asdict(shape),
        "checks": _checks(shape, meta, server, required=required),
        "nullable": server.nullable and optional and server.required_when is None,
    }
    return SettingsField(
        name=info.encode_name,
        attribute=info.name,
        description=description,
        required=required,
        minimum=_first(meta.min_length, meta.ge),
        maximum=_first(meta.max_length, meta.le, server.total),
        pattern=meta.pattern,
        default=_default(info.default),
        **said,
    )


def _members(hint: object) -> tuple[object, ...]:
    return get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)


def _annotation(hint: object) -> tuple[object, Meta, Server]:
    if get_origin(hint) is not Annotated:
        return hint, Meta(), Server()
    inner, *notes = get_args(hint)
    meta = next((note for note in notes if isinstance(note, Meta)), Meta())
    server = next((note for note in notes if isinstance(note, Server)), Server())
    return inner, meta, server


_PLAIN: dict[object, FieldKind] = {str: "string", bool: "boolean", int: "number", float: "number"}


def _shape(hint: object) -> _Shape:
    if get_origin(hint) is Literal:
        return _Shape(kind="enum", enum=get_args(hint))
    if get_origin(hint) is Sequence:
        item = get_args(hint)[0]
        if item in _PLAIN:
            return _Shape(kind="list", item="number")
        return _Shape(kind="list", item="object", fields=fields_of(item))
    if hint is Media:
        return _Shape(kind="object", media=True)
    if hint in _PLAIN:
        return _Shape(kind=_PLAIN[hint])
    return _Shape(kind="object", fields=fields_of(cast("type[msgspec.Struct]", hint)))


def _checks(shape: _Shape, meta: Meta, server: Server, *, required: bool) -> tuple[Check, ...]:
    if server.checks is not None:
        return server.checks
    defined: list[Check] = ["defined"] if required and shape.kind != "list" else []
    tested: list[Check] = [check for fact, check in _usual(shape, meta, server) if fact is not None]
    return tuple(defined + tested)


def _usual(shape: _Shape, meta: Meta, server: Server) -> Sequence[tuple[object, Check]]:
    """The usual tests of a kind in the server's order, each with the value that it depends on."""
    listed: Sequence[tuple[object, Check]] = [(True, "list"), (True, "nested")]
    if shape.item == "number":
        listed = [(True, "each_number"), (True, "list")]
    bounds: dict[FieldKind, Sequence[tuple[object, Check]]] = {
        "string": [
            (meta.pattern, "pattern"),
            (meta.max_length, "max_length"),
            (meta.min_length, "min_length"),
            (True, "string"),
        ],
        "number": [(meta.le, "maximum"), (meta.ge, "minimum"), (True, "number")],
        "boolean": [(True, "boolean")],
        "enum": [(True, "enum")],
        "list": [
            (meta.min_length, "min_items"),
            (meta.max_length, "max_items"),
            (server.total, "total"),
            *listed,
        ],
        "object": [(True, "nested")],
    }
    return bounds[shape.kind]


def _first(*bounds: float | None) -> float | None:
    return next((bound for bound in bounds if bound is not None), None)


def _default(value: object) -> Scalar:
    return value if isinstance(value, str | bool | int | float) else None
