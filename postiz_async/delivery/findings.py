"""Verdicts of a sweep to what the journal and the report say of the rows. PURE."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from postiz_async.delivery.journal_file import FOUND, FOUND_UNSURE, UNSURE, Finding, RowState
from postiz_async.delivery.sweep import SweepState
from postiz_async.resources.matching import stored_at

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from postiz_async.delivery.journal_file import RowRecord
    from postiz_async.delivery.sweep import SweepResult

__all__ = ["FOUND_UNSURE", "day_and_time", "judged"]

_FINDINGS = {
    SweepState.DOUBLED: Finding.DOUBLED,
    SweepState.DELETED: Finding.DELETED,
    SweepState.EQUAL: Finding.EQUAL,
    SweepState.MOVED: Finding.MOVED,
    SweepState.HIDDEN: Finding.HIDDEN,
}
_WEIGHT = (*_FINDINGS.values(), Finding.DEDUPLICATED)
"""The weightiest first."""


def judged(
    rows: Mapping[str, RowRecord],
    verdicts: Iterable[SweepResult],
    *,
    removed: Collection[str] = (),
    unsure: Collection[str] = (),
) -> list[RowRecord]:
    """The rows of which the verdicts say something new.

    Args:
        rows: of the journal, by ref.
        verdicts: see `delivery.sweep.sweep`.
        removed: ids of the doubles that were deleted.
        unsure: refs of rows whose adopted post may be half made.
    """
    by_ref: defaultdict[str, list[SweepResult]] = defaultdict(list)
    for verdict in verdicts:
        by_ref[verdict.ref].append(verdict)
    notes = dict.fromkeys(unsure, FOUND_UNSURE)
    after = {
        ref: _row(rows[ref], said, removed, notes.get(ref, FOUND)) for ref, said in by_ref.items()
    }
    return [row for ref, row in after.items() if row != rows[ref]]


def _row(
    row: RowRecord, said: Sequence[SweepResult], removed: Collection[str], note: str
) -> RowRecord:
    findings = [_finding(each, removed) for each in said if each.fate in _FINDINGS]
    texts = [text for verdict in said if (text := _text(verdict, removed))]
    for verdict in said:
        row = _adopted(row, verdict, note)
    if findings:
        weightiest = min(findings, key=_WEIGHT.index)
        return replace(row, finding=weightiest, remark="; ".join(texts))
    if row.finding in _WEIGHT:
        return replace(row, finding=Finding.NOTHING, remark="")
    return row


def _finding(verdict: SweepResult, removed: Collection[str]) -> Finding:
    is_gone = verdict.fate is SweepState.DOUBLED and verdict.post and verdict.post.id in removed
    return Finding.DEDUPLICATED if is_gone else _FINDINGS[verdict.fate]


def _adopted(row: RowRecord, verdict: SweepResult, note: str) -> RowRecord:
    """The row with the post and the date that the server has; the mark is no part of a date."""
    if verdict.post is None or verdict.fate not in {
        SweepState.FINE,
        SweepState.MOVED,
        SweepState.ADOPTED,
    }:
        return row
    second = int(stored_at(verdict.post).timestamp())
    row = row if second == int(row.date) else replace(row, date=second)
    if verdict.fate is SweepState.ADOPTED:
        return replace(row, state=RowState.STORED, post_id=verdict.post.id, note=note)
    if verdict.fate is SweepState.FINE and row.note in UNSURE and note == FOUND:
        return replace(row, note=UNSURE[row.note])
    return row


def _text(verdict: SweepResult, removed: Collection[str]) -> str:
    if verdict.fate is SweepState.DELETED:
        return "deleted in Postiz; it is not sent again"
    if verdict.fate is SweepState.HIDDEN:
        return "its channel is gone from Postiz, so it is not listed any more"
    if verdict.post is None:
        return ""
    post = verdict.post
    if verdict.fate is SweepState.EQUAL:
        return f"somebody else stored an equal post at the same moment: {post.id}; it is left alone"
    if verdict.fate is SweepState.DOUBLED and post.id in removed:
        return f"was stored twice; {post.id} was deleted"
    if verdict.fate is SweepState.DOUBLED:
        return f"is stored twice, as {post.id} too; delete one of them in Postiz"
    return _moved(verdict.put_at, stored_at(post)) if verdict.put_at is not None else ""


def _moved(put_at: datetime, now_at: datetime) -> str:
    if put_at.replace(microsecond=0) == now_at.replace(microsecond=0):
        return "edited in Postiz; it is left as it is"
    return (
        f"moved in Postiz from {day_and_time(put_at)} to {day_and_time(now_at)}; it is left there"
    )


def day_and_time(moment: datetime) -> str:
    """A date in a remark: `2027-01-15 09:00 UTC`, with seconds where there are any."""
    at = moment.astimezone(UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at.second else f"{at:%Y-%m-%d %H:%M} UTC"
