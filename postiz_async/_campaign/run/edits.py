"""Compare a campaign with what was sent of it: new, changed and gone rows. PURE.

A row with a `ref` of its own is known by it. A row without one has a ref that its text, date and
channel make, so an edited one looks like a row that vanished and another that appeared. The two
are one row if they would be sent exactly alike; else if they have the same channel, moment and
text; else the same channel and text (it was moved, perhaps to where another one was); else the same
channel and moment (its text was edited). Of several with equal keys it does not matter which is
which: each post becomes what its row says.

Only posts that are still to come count, those of which nobody knows whether they are stored, and
those whose row was edited before they came out: a row that says what was published before is a post
of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import cast

import msgspec
from msgspec import structs

from postiz_async._campaign.journal.rows import IN_FLIGHT, Finding, RowRecord
from postiz_async._campaign.plan.row_state import differs
from postiz_async._campaign.read.rows import (
    EditedField,
    Row,
    SaidRow,
    has_own_ref,
    keep_refs,
    ref_on,
)
from postiz_async._campaign.run.conditions import DUE_NOW, was_made_draft
from postiz_async._delivery.outcomes import RowState
from postiz_async.errors import by_reader, row_ranges
from postiz_async.models.posts import Post


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs between a row and what was sent of it.

    `part` is the place in the thread where the field is `thread`: 2 is the first part of it.
    """

    field: EditedField
    before: object
    after: object
    part: int | None = None

    @property
    def name(self) -> str:
        """The name of the field as a column, such as `thread 2`."""
        name = self.field.replace("_", " ")
        return name if self.part is None else f"{name} {self.part}"


@dataclass(frozen=True, slots=True)
class Changed:
    """A row that differs from its stored post."""

    row: Row
    record: RowRecord
    fields: tuple[FieldChange, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names of the changed fields."""
        return frozenset(change.field for change in self.fields)


@dataclass(frozen=True, slots=True)
class Edits:
    """The differences between a campaign and what was sent of it.

    `new` are rows that no journal knows, `gone` are posts still to come whose rows are not in the
    campaign any more. While there are unreadable rows (`unread`), nothing counts as gone: the post
    may belong to one of them.
    """

    new: tuple[Row, ...] = ()
    changed: tuple[Changed, ...] = ()
    gone: tuple[RowRecord, ...] = ()
    unread: tuple[int, ...] = ()
    """Numbers of rows that cannot be read."""
    in_the_way: tuple[RowRecord, ...] = ()
    """Those of `gone` before which a run stops: nobody edited them, and nobody said `keep`."""
    unclear: tuple[RowRecord, ...] = ()
    """Records of rows in requests without an answer that are gone or say something else now."""

    @property
    def is_open(self) -> bool:
        """Whether there are differences that `run` does not apply."""
        return bool(self.changed or self.gone)

    def content_of(self, gone: RowRecord) -> str:
        """The text of a post whose row is gone.

        Args:
            gone: one of `gone`.
        """
        return SaidRow.read(gone.said).content


_UNCLEAR = {RowState.SENDING, RowState.UNKNOWN, RowState.UNDECIDED}
_HELD = {*_UNCLEAR, RowState.STORED, RowState.WITHDRAWING, RowState.WITHDRAWN}
"""States of rows whose edit must not become a new row."""

_STORED = {RowState.STORED, RowState.PUBLISHED, RowState.FAILED, RowState.WITHDRAWING}


def is_to_come(record: RowRecord, now: datetime) -> bool:
    """Whether the post of a row is not published yet, judging by its date."""
    return record.seconds > now.timestamp() or SaidRow.read(record.said).type == "draft"


# ------------------------------------------------------------------ which row is which


def recognise(
    rows: Sequence[Row],
    records: Mapping[str, RowRecord],
    *,
    channel_of: Callable[[str], str],
    now: datetime,
) -> tuple[Row, ...]:
    """Give rows the refs by which the journal knows them.

    Args:
        rows: the rows of the campaign.
        records: the records of the journal.
        channel_of: channel ids by their names in the campaign.
        now: the server's time.
    """
    if not records:
        return tuple(rows)
    rows = _on_their_channels(rows, records, channel_of)
    prints = {ref: record.fingerprint for ref, record in records.items()}
    kept = keep_refs(rows, prints)
    here = {row.ref for row in kept}
    vanished = [r for ref, r in records.items() if ref not in here and not has_own_ref(ref)]
    appeared = [r for r in kept if r.ref not in records and not has_own_ref(r.ref)]
    if not vanished or not appeared:
        return tuple(kept)
    refs = _Pairing(vanished, appeared, channel_of, now).paired()
    return tuple(
        structs.replace(row, ref=refs[row.ref]) if row.ref in refs else row for row in kept
    )


def _on_their_channels(
    rows: Sequence[Row], records: Mapping[str, RowRecord], channel_of: Callable[[str], str]
) -> list[Row]:
    """Rows whose cell of channels names more or fewer than before, with the refs that they had."""
    here = {row.ref for row in rows}
    found: list[Row] = []
    for row in rows:
        known, record = row, records.get(row.ref)
        id_ = channel_of(row.channel)
        if (record is None or record.channel != id_) and has_own_ref(row.ref):
            alone = row.ref.removesuffix(ref_on("", id_))
            other = alone if alone != row.ref else ref_on(row.ref, id_)
            if other in records and records[other].channel == id_ and other not in here:
                known = structs.replace(row, ref=other)
        found.append(known)
    return found


def _may_be_edited(record: RowRecord, now: datetime) -> bool:
    """Whether a new row may be an edit of a recorded one."""
    if record.state in _UNCLEAR:  # also after its date, when it may be published
        return True
    is_known_edit = record.finding is Finding.CHANGED
    if is_known_edit and record.state in {RowState.STORED, RowState.PUBLISHED}:
        return True
    return record.state in _HELD and is_to_come(record, now)


@dataclass(frozen=True, slots=True)
class _Side:
    """A row or a record, with the values that are compared."""

    ref: str
    fingerprint: str
    channel: str
    said: SaidRow

    @property
    def order(self) -> tuple[object, ...]:
        """A sort key that does not depend on the order of the file."""
        return (self.said.date, self.channel, self.said.content, self.fingerprint, self.ref)

    @property
    def exact(self) -> Hashable:
        """All that would be sent, however the channel is written."""
        return structs.replace(self.said, channel=self.channel).write()

    @property
    def text(self) -> Hashable:
        """The text of a post; a post without words is known by its media."""
        has_words = self.said.content.strip()
        return self.said.content, self.said.thread, () if has_words else self.said.media


class _Pairing:
    """Vanished rows and new rows, and the pairs found among them."""

    def __init__(
        self,
        vanished: Iterable[RowRecord],
        appeared: Iterable[Row],
        channel_of: Callable[[str], str],
        now: datetime,
    ) -> None:
        self._now = now
        self._refs: dict[str, str] = {}
        self._records = {record.ref: record for record in vanished}
        gone = (
            _Side(r.ref, r.fingerprint, r.channel, said)
            for r in self._records.values()
            for said in (SaidRow.read(r.said),)
        )
        came = (_Side(r.ref, r.fingerprint, channel_of(r.channel), r.said) for r in appeared)
        self._gone = sorted(gone, key=lambda side: side.order)
        self._came = sorted(came, key=lambda side: side.order)

    def paired(self) -> dict[str, str]:
        """The refs that the journal has, by the refs of new rows."""
        self._by(lambda side: side.exact)
        self._gone = [
            side for side in self._gone if _may_be_edited(self._records[side.ref], self._now)
        ]
        self._by(lambda side: (side.channel, side.said.date, side.text))
        self._by(lambda side: (side.channel, side.text), has_moved=True)
        self._by(lambda side: (side.channel, side.said.date))
        return self._refs

    def _by(self, key: Callable[[_Side], Hashable], *, has_moved: bool = False) -> None:
        """Pair rows with equal keys, in order of date.

        Of rows that are partly published, the dates to come are those of the posts to come.
        """
        came_by: defaultdict[Hashable, list[_Side]] = defaultdict(list)
        gone_by: defaultdict[Hashable, list[_Side]] = defaultdict(list)
        for side in self._gone:
            gone_by[key(side)].append(side)
        for side in self._came:
            came_by[key(side)].append(side)
        for name, gone in gone_by.items():
            came = came_by[name]
            if has_moved and len(gone) != len(came):
                gone.sort(key=lambda side: self._records[side.ref].at <= self._now)
                came = [each for each in came if each.said.date > self._now]
            self._refs |= {other.ref: one.ref for one, other in zip(gone, came, strict=False)}
        taken = set(self._refs.values())
        self._gone = [side for side in self._gone if side.ref not in taken]
        self._came = [side for side in self._came if side.ref not in self._refs]


# ------------------------------------------------------------------ what is different


def find_edits(
    rows: Iterable[Row],
    records: Mapping[str, RowRecord],
    *,
    channel_of: Callable[[str], str],
    now: datetime,
    unread: tuple[int, ...] = (),
) -> Edits:
    """Find the differences between a campaign and what was sent of it.

    Args:
        rows: the rows of the campaign, with the refs by which the journal knows them.
        records: the records of the journal.
        channel_of: channel ids by their names in the campaign.
        now: the server's time.
        unread: numbers of rows that cannot be read.
    """
    new: list[Row] = []
    changed: list[Changed] = []
    unclear: list[RowRecord] = []
    here: set[str] = set()
    for row in rows:
        here.add(row.ref)
        record = records.get(row.ref)
        if record is None:
            new.append(row)
        elif record.state in IN_FLIGHT:
            unclear += [record] * differs(row, record)
        elif record.state in _STORED and (record.may_say or differs(row, record)):
            fields = changes(row, record, channel_of)
            if fields:
                changed.append(Changed(row, record, fields))
    gone = (
        record
        for ref, record in records.items()
        if not unread and ref not in here and _is_left(record) and is_to_come(record, now)
    )
    if not unread:
        unclear += [r for ref, r in records.items() if ref not in here and r.state in IN_FLIGHT]
    changed.sort(key=lambda each: each.row.number)
    ordered = sorted(gone, key=lambda record: (record.seconds, record.ref))
    in_the_way = (
        record
        for record in ordered
        if record.stays != "gone"
        and record.finding not in {Finding.EDITED, Finding.DRAFT}
        and is_to_come(record, now + DUE_NOW)
    )
    return Edits(
        new=tuple(new),
        changed=tuple(changed),
        gone=tuple(ordered),
        unread=unread,
        in_the_way=tuple(in_the_way),
        unclear=tuple(unclear),
    )


def explain_gone(gone: Sequence[RowRecord]) -> str:
    """Explain why a run stops before posts whose rows are gone, with the two ways out."""
    one = len(gone) == 1
    posts, rows, them = ("post is", "row", "it") if one else ("posts are", "rows", "them")
    were = f"({rows} {row_ranges(record.number for record in gone)} before)"
    prune = by_reader("--prune", "prune=True")
    keep = by_reader("--keep", "keep=True")
    return (
        f"{len(gone):,} {posts} still to come, but not in the campaign any more {were}. Nothing "
        f"was sent: if a row was edited, both versions would come out. Delete {them} with {prune}, "
        f"or keep {them} with {keep}."
    )


def made_drafts(
    records: Iterable[RowRecord], posts: Mapping[str, Post]
) -> tuple[list[RowRecord], list[RowRecord]]:
    """The rows of whose posts somebody made drafts, and those whose drafts are drafts no more.

    Args:
        records: the records of the journal.
        posts: listed posts, by id.
    """
    listed = [(record, posts.get(record.post_id or "")) for record in records]
    there = [(r, post) for r, post in listed if post is not None and not (r.change or r.may_say)]
    drafts = [r for r, post in there if r.stays != "draft" and was_made_draft(r, post)]
    others = [r for r, post in there if r.stays == "draft" and post.state != "DRAFT"]
    return sorted(drafts, key=lambda record: record.number), others


def explain_drafts(drafts: Sequence[RowRecord]) -> str:
    """Explain why a run stops before posts of which somebody made drafts."""
    one = len(drafts) == 1
    posts, rows, them = (
        ("post that was scheduled is a draft", "row", "it")
        if one
        else ("posts that were scheduled are drafts", "rows", "them")
    )
    resume = by_reader("postiz-async posts resume FILE", "stored_posts().resume(file)")
    were = f"({rows} {row_ranges(record.number for record in drafts)})"
    keep = by_reader("--keep", "keep=True")
    return (
        f"{len(drafts):,} {posts} in Postiz now {were}: somebody stopped {them}. Nothing was sent. "
        f"Schedule {them} again, in Postiz or with {resume}, or send the rest with {keep}."
    )


def _is_left(record: RowRecord) -> bool:
    is_there = record.state in {RowState.STORED, RowState.WITHDRAWING}
    return is_there and record.finding is not Finding.DELETED


def changes(
    row: Row, record: RowRecord, channel_of: Callable[[str], str]
) -> tuple[FieldChange, ...]:
    """The fields that differ between a row and what was sent of it, or what its post may say."""
    found = _changes(SaidRow.read(record.said), row, record, channel_of)
    if record.may_say:
        names = {change.field for change in found}
        others = _changes(SaidRow.read(record.may_say), row, record, channel_of)
        found += [change for change in others if change.field not in names]
    return tuple(found)


def _changes(
    before: SaidRow, row: Row, record: RowRecord, channel_of: Callable[[str], str]
) -> list[FieldChange]:
    after = row.said
    found: list[FieldChange] = []
    for name in SaidRow.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if name == "tags":
            old, new = tuple(sorted(old)), tuple(sorted(new))
        if name == "thread":
            found += _thread(old, new)
        elif name == "date":
            if old != new:
                found.append(FieldChange("date", old, new))
        elif name == "channel":
            if record.channel != channel_of(row.channel):
                written = record.name or record.channel
                found.append(FieldChange("channel", written, row.channel))
        elif _canonical(old) != _canonical(new) if name == "settings" else old != new:
            edited = cast("EditedField", "text" if name == "content" else name)
            found.append(FieldChange(edited, old, new))
    return found


def _thread(before: Sequence[str], after: Sequence[str]) -> Iterator[FieldChange]:
    parts = zip_longest(before, after)
    for part, (old, new) in enumerate(parts, start=2):
        if old != new:
            yield FieldChange("thread", old, new, part)


def _canonical(settings: object) -> bytes:
    return msgspec.json.encode(settings or None, order="deterministic")
