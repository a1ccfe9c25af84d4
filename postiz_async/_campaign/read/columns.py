"""The columns of a campaign, and the names by which they are known. PURE, but for its table."""

from __future__ import annotations

import difflib
import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files

from postiz_async._campaign.read.settings_columns import is_setting, plain_letters, setting_named
from postiz_async._resources.channel_names import folded
from postiz_async.errors import Problem

COLUMNS = (
    *("channel", "date", "time", "timezone", "content", "format", "media", "alt", "link"),
    *("settings", "tags", "type", "thread", "short_link", "repeat_days", "tolerance"),
    "ref",
)
"""The columns; `CampaignRow` and docs/bulk-jobs.md explain them."""

FLAGS = frozenset(("short_link",))
"""Columns whose cells are true or false."""

_NUMBERED = re.compile(r"(thread|media)[ _-]?(\d{1,3})")
_NO_LETTER = re.compile(r"[^a-z0-9]+")
_MEDIA = re.compile(r"([a-z]+)(\d{1,2})")
LONGEST_NAME = 40
"""Characters of a name that can be recognised, at most."""


def numbered(name: str, column: str) -> int | None:
    """The number in the name of a column such as `thread 2` or `media 1`; None for others."""
    found = _NUMBERED.fullmatch(name)
    return int(found[2]) if found and found[1] == column else None


def is_column(name: str) -> bool:
    """Whether a name is a column of a campaign."""
    return name in COLUMNS or _NUMBERED.fullmatch(name) is not None or is_setting(name)


@cache
def _names() -> Mapping[str, str]:
    """The columns by their names, as `_word` makes them."""
    path = files(__package__ or "").joinpath("column_names.toml")
    tables: dict[str, dict[str, list[str]]] = tomllib.loads(path.read_text("utf-8"))
    own = {_word(column): column for column in COLUMNS}
    listed = [entry for table in tables.values() for entry in table.items()]
    return {word: to for to, words in listed if to != "source" for word in words} | own


def _word(name: str) -> str:
    return _NO_LETTER.sub("", plain_letters(name))


@lru_cache(maxsize=1_000)
def column_named(name: str) -> str:
    """The column that a name means: ours, or one of the table; empty for none."""
    small = folded(name)
    found = _NUMBERED.fullmatch(small)
    if found:
        return f"{found[1]} {int(found[2])}"
    if is_column(small) or len(name) > LONGEST_NAME:
        return small if is_column(small) else ""
    word = _word(name)
    picture = _MEDIA.fullmatch(word)
    if picture and _names().get(picture[1]) == "media":
        return f"media {picture[2]}"
    return _names().get(word) or setting_named(name)


@lru_cache(maxsize=1_000)
def meanings(names: Sequence[str], given: Sequence[tuple[str, str]]) -> Sequence[str]:
    """The column that each name of a file means; the name itself where it means none.

    Args:
        names: the names, as folded.
        given: columns by name that were said; nothing else means these columns.
    """
    said = dict(given)
    own = {name: column_named(name) for name in names if is_column(name)}
    taken = {*said.values(), *own.values()}
    found: list[str] = []
    for name in names:
        meant = "" if name in own else column_named(name)
        named = meant if meant not in taken else ""
        found.append(said.get(name, own.get(name) or named or name))
    return found


def unknown_columns(names: Iterable[str], number: int) -> Iterator[Problem]:
    """The problem of unknown names of columns, with what to type; none if all are known."""
    unknown = [name for name in names if not is_column(folded(name))]
    if unknown:
        shown = [name if len(name) <= LONGEST_NAME else f"{name[:37]}..." for name in unknown]
        which = "is not a column" if len(unknown) == 1 else "are not columns"
        options = column_options({name: _nearest(name) for name in unknown[:20]})
        hint = f"Say what is meant, or NAME= to leave it out: {options}"
        yield Problem(", ".join(shown[:20]), f"{which} of a campaign", number, hint)


def _nearest(name: str) -> str:
    """The column with the nearest name; empty for none."""
    close = difflib.get_close_matches(_word(name), _names(), 1, 0.8)
    column = _names()[close[0]] if close else ""
    return "thread 2" if column == "thread" else column


def column_options(columns: Mapping[str, str]) -> str:
    """The command-line options that map columns; an empty column leaves one out."""
    return " ".join(f"--column {shlex.quote(f'{name}={to}')}" for name, to in columns.items())
