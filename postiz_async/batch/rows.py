"""Rows of a campaign, and the refs by which they are known from run to run. PURE."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from postiz_async.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from postiz_async.models.posts import PostType

__all__ = ["COLUMNS", "Row", "keep_refs", "with_refs"]

COLUMNS = {
    "integration": "the channel: its id, its name, or its provider when there is only one",
    "date": "when, like 2027-01-15 09:00 or 2027-01-15T09:00:00+01:00",
    "timezone": "the zone of a date without an offset, like Europe/Berlin",
    "content": "the text",
    "media": "files relative to the campaign, separated by ;",
    "settings": "the provider's settings as a JSON object",
    "tags": "names of existing tags, separated by ;",
    "type": "schedule (default), draft or now",
    "thread": "further parts as a JSON list of texts",
    "short_link": "true or false (default)",
    "repeat_days": "repeat every so many days, for ever",
    "ref": "a name of your own for the row; made from its content if absent",
}
_MADE_REF = re.compile(r"[0-9a-f]{24}(-\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One post of a campaign. `number` counts like a spreadsheet; `date` is in UTC."""

    number: int
    ref: str
    integration: str
    date: datetime
    content: str = ""
    media: tuple[str, ...] = ()
    settings: Mapping[str, object] | None = None
    tags: tuple[str, ...] = ()
    type: PostType = "schedule"
    thread: tuple[str, ...] = ()
    short_link: bool = False
    repeat_days: int | None = None

    @property
    def fingerprint(self) -> str:
        """A hash of all that would be sent."""
        parts = (
            self.integration, self.date.isoformat(), self.content, self.media, self.tags,
            self.type, self.thread, self.short_link, self.repeat_days,
            msgspec.json.encode(self.settings, order="deterministic").decode(),
        )  # fmt: skip
        return _hash(*parts)


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def with_refs(rows: list[Row], problems: list[Problem]) -> list[Row]:
    """Give rows without a ref one that their content makes; equal rows are counted."""
    counts: Counter[str] = Counter()
    owners: dict[str, int] = {}
    result: list[Row] = []
    for row in rows:
        if row.ref:
            if row.ref in owners:
                message = f"{row.ref!r} is the ref of row {owners[row.ref]} already"
                problems.append(Problem("ref", message, row.number))
                continue
            owners[row.ref] = row.number
            result.append(row)
            continue
        base = _hash(row.integration, row.date.isoformat(), row.content, row.thread, row.media)
        counts[base] += 1
        result.append(replace(row, ref=base if counts[base] == 1 else f"{base}-{counts[base]}"))
    return result


def keep_refs(rows: Sequence[Row], known: Mapping[str, str]) -> tuple[Row, ...]:
    """Rows of one content under the refs by which a journal knows them.

    Rows that differ in settings or tags alone share the base of their made refs, and their
    counter follows their order in the file, which may have changed since.

    Args:
        rows: of a campaign.
        known: ref to fingerprint, from the journal.
    """
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if _MADE_REF.fullmatch(row.ref):
            groups[row.ref[:24]].append(row)
    free: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for ref, fingerprint in known.items():
        if ref[:24] in groups and _MADE_REF.fullmatch(ref):
            free[ref[:24]][ref] = fingerprint
    renamed = {
        number: ref
        for base, group in groups.items()
        for number, ref in _known_refs(base, group, free[base]).items()
    }
    return tuple(replace(row, ref=renamed.get(row.number, row.ref)) for row in rows)


def _known_refs(base: str, group: Sequence[Row], known: Mapping[str, str]) -> dict[int, str]:
    """Row number to ref: who is known by its fingerprint first, then who was edited, then new."""
    left = dict(known)
    refs: dict[int, str] = {}
    for row in group:
        same = next((ref for ref, print_ in left.items() if print_ == row.fingerprint), None)
        if same is not None:
            refs[row.number] = same
            del left[same]
    names = itertools.chain([base], (f"{base}-{count}" for count in itertools.count(2)))
    unused = itertools.chain(list(left), (name for name in names if name not in known))
    return refs | {row.number: next(unused) for row in group if row.number not in refs}
