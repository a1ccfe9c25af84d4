"""What a campaign says differently than what was sent of it, for people and for programs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import takewhile
from pathlib import Path
from typing import cast

import msgspec

from postiz_async._cli.output import Output, bare_moment, command_on
from postiz_async.errors import describe_rows, describe_seconds
from postiz_async.types import Changed, Edits, FieldChange

_SHOWN = 8
"""Edits that are shown one by one; of the others the number is told."""

_WIDTH = 28
"""Letters of an old and of a new value that stand on one line of 80."""

_CONTEXT = 8
"""Letters that are shown before two texts begin to differ."""


def say_edits(
    output: Output, edits: Edits, path: Path, zone: tzinfo, *, is_update: bool = False
) -> None:
    """Name what is new, changed and gone, and the command that carries it out."""
    if edits.unread:
        rows = describe_rows(edits.unread)
        output.say(f"{rows}: cannot be read, so nothing counts as gone.", "yellow")
    if not edits.is_open:
        return
    parts = (
        (len(edits.new), "new"),
        (len(edits.changed), "changed"),
        (len(edits.gone), "gone"),
    )
    named = ", ".join(f"{number:,} {what}" for number, what in parts if number)
    output.say(f"The file differs from what was sent: {named}", "bold yellow")
    lines = [*_changed(edits.changed, zone), *_gone(edits, zone)]
    output.say_some(lines, _SHOWN)
    if any(not each.sure for each in edits.changed):
        output.say("  (?) is probably an edit: with --as-new it is sent as a post of its own")
    if not is_update:
        prune = " --prune" if edits.gone else ""
        output.say("run leaves these posts as they are. To see what changing them would take:")
        output.say(f"  {command_on(path, 'update')}{prune}")


def _changed(changed: Sequence[Changed], zone: tzinfo) -> Iterable[str]:
    """One line for each change, or for all rows that change likewise."""
    groups: defaultdict[tuple[str, ...], list[tuple[Changed, FieldChange]]] = defaultdict(list)
    for each in changed:
        for change in each.fields:
            groups[_kind(change)].append((each, change))
    for (name, *_), group in groups.items():
        rows = describe_rows(each.row.number for each, _ in group)
        sure = "" if all(each.sure for each, _ in group) else " (?)"
        alike = {_pair(change, zone) for _, change in group}
        first = group[0][1]
        if len(alike) == 1:
            (pair,) = alike
            what = " -> ".join(pair)
        else:
            what = _by(first)
        yield f"{rows}: {name} {what}{sure}"


def _kind(change: FieldChange) -> tuple[str, ...]:
    """What is told on one line: dates that move by as much, and what changes likewise."""
    name = change.name
    if isinstance(change.before, datetime) and isinstance(change.after, datetime):
        return name, str(change.after - change.before)
    return name, *_pair(change, UTC)


def _pair(change: FieldChange, zone: tzinfo) -> tuple[str, str]:
    """Old and new; of long texts the place where they begin to differ."""
    before, after = change.before, change.after
    if isinstance(before, str) and isinstance(after, str):
        before, after = (" ".join(text.split()) for text in (before, after))
        same = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False))
        )
        if same > _WIDTH // 2 and max(len(before), len(after)) > _WIDTH:
            start = before.rfind(" ", 0, same - _CONTEXT) + 1
            before, after = (f"…{text[start:]}" for text in (before, after))
    return _shown(before, zone), _shown(after, zone)


def _by(change: FieldChange) -> str:
    assert isinstance(change.before, datetime)  # noqa: S101  (see `_kind`)
    assert isinstance(change.after, datetime)  # noqa: S101
    seconds = (change.after - change.before).total_seconds()
    return f"{describe_seconds(abs(seconds))} {'later' if seconds > 0 else 'earlier'}"


def _gone(edits: Edits, zone: tzinfo) -> Iterable[str]:
    for record in edits.gone:
        text = _shortened(edits.content_of(record))
        yield f"gone (was row {record.number}): {bare_moment(record.date, zone)} {text}"


def _shown(value: object, zone: tzinfo) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, datetime):
        return bare_moment(value, zone)
    if isinstance(value, str):
        return _shortened(value)
    if isinstance(value, tuple):
        return _shortened("; ".join(map(str, cast("tuple[object, ...]", value))))
    if isinstance(value, bool | int):
        return str(value).lower()
    return _shortened(msgspec.json.encode(value, order="deterministic").decode())


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    cut = line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"
    return f'"{cut}"'
