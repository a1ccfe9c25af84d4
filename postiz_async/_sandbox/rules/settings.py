"""Check the settings of a post, and make the server's JSON schema of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from postiz_async._sandbox.rules.fields import (
    MISSING,
    FieldRule,
    defined,
    is_truthy,
    nested_violations,
    optional_text,
    required_text,
    to_text,
)
from postiz_async._sandbox.rules.formats import EXTENSION_RULE, has_media_extension, is_url


def converted(settings: Mapping[str, object], fields: Sequence[FieldRule]) -> dict[str, object]:
    """Settings in their declared types, with defaults; undeclared keys stay."""
    known = {field.name: field for field in fields}
    result: dict[str, object] = {
        field.name: field.convert(field.default) for field in fields if field.default is not MISSING
    }
    for key, value in settings.items():
        result[key] = known[key].convert(value) if key in known else value
    return result


def settings_violations(
    settings: Mapping[str, object], fields: Sequence[FieldRule], upload_domain: str | None = None
) -> list[str]:
    """All violations of converted settings, in the server's order."""
    messages: list[str] = []
    for field in fields:
        own, nested = _check(field, settings, upload_domain)
        messages += nested + own
    return messages


def first_violation(settings: Mapping[str, object], fields: Sequence[FieldRule]) -> str | None:
    """The message of the second check of settings, which quotes outermost fields only, or None.

    The second check ignores the upload domain.
    """
    for field in fields:
        own, nested = _check(field, settings, None)
        if own or nested:
            return own[0] if own else "Please fix your settings"
    return None


def _check(
    field: FieldRule, settings: Mapping[str, object], upload_domain: str | None
) -> tuple[list[str], list[str]]:
    """The violations of the value of a field, and those inside of it."""
    value = settings.get(field.name, MISSING)
    if not field.applies(value, settings):
        return [], []
    own, nested = field.broken(value), list[str]()
    if field.fields or field.type == "media":
        more, nested = nested_violations(
            field.name,
            value,
            lambda each: _inside(field, each, upload_domain),
            is_many=field.is_many,
        )
        own += more
    return own, nested


def _inside(field: FieldRule, value: Mapping[str, object], upload_domain: str | None) -> list[str]:
    if field.type == "media":
        return media_violations(value, upload_domain)
    # items of nested lists were not converted with the rest
    return settings_violations(converted(value, field.fields), field.fields, upload_domain)


def media_violations(media: Mapping[str, object], upload_domain: str | None) -> list[str]:
    """All violations of a media object.

    Args:
        media: The decoded JSON object.
        upload_domain: Text that its path must contain, if the operator requires it.
    """
    path = to_text(media.get("path", MISSING))
    alt, thumbnail = to_text(media.get("alt")), to_text(media.get("thumbnail"))
    messages = required_text("id", to_text(media.get("id", MISSING)))
    messages += defined("path", path)
    if not has_media_extension(path):
        messages.append(EXTENSION_RULE)
    if upload_domain is not None and upload_domain not in str(path):
        messages.append(f"URL must contain the domain: {upload_domain}")
    if not isinstance(path, str):
        messages.append("path must be a string")
    messages += optional_text("alt", alt)
    if is_truthy(thumbnail) and not is_url(thumbnail):
        messages.append("thumbnail must be a URL address")
    return messages


_WORD = {"not": {"type": "null"}, "type": "string"}
_MEDIA: dict[str, object] = {
    "properties": {
        "id": _WORD,
        "path": _WORD,
        "alt": {"type": "string"},
        "thumbnail": {"format": "url", "type": "string"},
    },
    "type": "object",
    "required": ["id", "path"],
}


def schema_of(fields: Iterable[FieldRule]) -> dict[str, object]:
    """The schema of an object with these fields."""
    fields = tuple(fields)
    schema: dict[str, object] = {
        "properties": {field.name: _property(field) for field in fields},
        "type": "object",
    }
    required = [each.name for each in fields if not each.optional and each.when is None]
    return schema | {"required": required} if required else schema


def _property(field: FieldRule) -> dict[str, object]:
    if field.type == "media":
        return _MEDIA
    schema: dict[str, object] = {}
    if field.is_many:
        schema = {"items": schema_of(field.fields), "type": "array"}
    elif field.fields:
        schema = schema_of(field.fields)
    for check in field.checks:
        schema |= check.schema
    return schema
