"""Columns that are one field of the settings: `settings.title`, or `YouTube title`. PURE.

A path is `settings.title`, or `settings.reddit.subreddit.0.value.title` for one network alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Mapping, Sequence
from typing import cast

from postiz_async._campaign.read.texts import NO_JSON, read_json
from postiz_async.providers import PROVIDERS, SettingsField
from postiz_async.providers._registry import PROVIDER_WORDS
from postiz_async.providers._schema import fields_of

_COLUMN = re.compile(r"settings(?:\.[a-z_-]+|\.\d){1,8}", re.IGNORECASE)
_TITLE = frozenset(("titel", "titre", "titulo", "titolo", "tytul"))
_WORD = re.compile(r"[\w.]+")
_LONGEST_PROVIDER = 3
"""Words in the name of a network, at most."""
_YES, _NO = frozenset(("true", "yes", "ja", "x")), frozenset(("false", "no", "nein"))


def is_setting(name: str) -> bool:
    """Whether a column is a field of the settings, by its path."""
    return name.startswith("settings.") and _COLUMN.fullmatch(name) is not None


def plain_letters(text: str) -> str:
    """A text in lower case without accents."""
    split = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss"))
    return "".join(letter for letter in split if not unicodedata.combining(letter))


def setting_named(name: str) -> str:
    """The column for a network and a field of its settings, in either order; empty for none."""
    words = _WORD.findall(plain_letters(name))
    for count in range(min(_LONGEST_PROVIDER, len(words) - 1), 0, -1):
        for network, field in ((words[:count], words[count:]), (words[-count:], words[:-count])):
            provider = PROVIDER_WORDS.get(" ".join(network))
            path = _path_of("".join(field), provider) if provider else ()
            if path:
                return ".".join(("settings", str(provider), *path)).lower()
    return ""


def _path_of(word: str, provider: str) -> tuple[str, ...]:
    """The path of the field with this name, the one least deep; empty for none."""
    wanted = "title" if word in _TITLE else word.replace("_", "")
    fields = fields_of(PROVIDERS[provider].settings)
    queue: deque[tuple[SettingsField, tuple[str, ...]]] = deque((f, (f.name,)) for f in fields)
    while queue:
        field, path = queue.popleft()
        is_one = field.kind not in {"list", "object"}
        if is_one and field.name.replace("_", "").lower() == wanted:
            return path
        below = (*path, "0") if field.kind == "list" else path
        queue.extend((each, (*below, each.name)) for each in field.fields)
    return ()


def network_of(column: str) -> str:
    """The provider that a column is for; empty for the one of the row's channel."""
    network = column.split(".")[1].lower()
    return network if network in PROVIDERS else ""


def field_of(column: str) -> str:
    """The path of a column within the settings."""
    return column.lower().split(".", 2 if network_of(column) else 1)[-1]


def with_setting(
    settings: Mapping[str, object], column: str, cell: str, provider: str
) -> dict[str, object]:
    """Settings with a cell in the place of its column, for a channel of this provider."""
    fields = fields_of(PROVIDERS[provider].settings) if provider in PROVIDERS else ()
    named = {**settings, "__type": provider} if provider else settings
    return cast("dict[str, object]", _with(named, fields, field_of(column).split("."), cell))


def _with(
    value: object, fields: Sequence[SettingsField], steps: Sequence[str], cell: object
) -> object:
    if not steps:
        return cell
    step, *rest = steps
    if step.isdecimal():
        items = list(cast("list[object]", value)) if isinstance(value, list) else []
        items += [{}] * (int(step) + 1 - len(items))
        items[int(step)] = _with(items[int(step)], fields, rest, cell)
        return items
    neutral: dict[str, object] = {
        each.name: each.default for each in fields if each.required and each.default is not None
    }
    known = next((field for field in fields if field.name.lower() == step), None)
    if known is not None:
        step, fields = known.name, known.fields
        cell = cell if rest else _value(str(cell), known)
    inner = dict(cast("Mapping[str, object]", value)) if isinstance(value, Mapping) else neutral
    inner[step] = _with(inner.get(step), fields, rest, cell)
    return inner


def _value(text: str, field: SettingsField) -> object:
    """The value of a cell; its text if it is none of that kind, which the check then reports."""
    word = text.casefold()
    if field.kind == "boolean":
        return word in _YES if word in _YES | _NO else text
    if field.kind == "enum":
        return next((each for each in field.enum if each.casefold() == word), text)
    if field.kind == "string":
        return text
    try:
        return read_json(text)
    except NO_JSON:
        return text
