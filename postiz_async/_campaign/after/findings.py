"""Convert the results of a sweep to row states and findings for journal and report. PURE."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from postiz_async._campaign.after.sweep import SweepState
from postiz_async._campaign.journal.rows import UNSURE, Finding, day_and_time
from postiz_async._delivery.outcomes import FOUND, FOUND_UNSURE, RowState
from postiz_async._resources.matching import stored_at

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from postiz_async._campaign.after.sweep import SweepResult
    from postiz_async._campaign.journal.rows import RowRecord


_FINDINGS = {
    SweepState.DOUBLED: Finding.DOUBLED,
    SweepState.DELETED: Finding.DELETED,
    SweepState.EQUAL: Finding.EQUAL,
    SweepState.EDITED: Finding.EDITED,
    SweepState.HIDDEN: Finding.HIDDEN,
}
SWEPT = (*_FINDINGS.values(), Finding.DEDUPLICATED)
"""The findings that a sweep sets and clears, the most important first."""


def with_findings(
    rows: Mapping[str, RowRecord],
    results: Iterable[SweepResult],
    *,
    removed: Collection[str] = (),
    unsure: Collection[str] = (),
) -> list[RowRecord]:
    """The rows that the results of a sweep change, with their findings.

    Args:
        rows: rows of the journal, by ref.
        results: see `delivery.sweep.sweep`.
        removed: ids of the doubles that were deleted.
        unsure: refs of rows whose adopted post may be incomplete.
    """
    by_ref: defaultdict[str, list[SweepResult]] = defaultdict(list)
    for result in results:
        by_ref[result.ref].append(result)
    notes = dict.fromkeys(unsure, FOUND_UNSURE)
    after = {
        ref: _row(rows[ref], found, removed, notes.get(ref, FOUND)) for ref, found in by_ref.items()
    }
    return [row for ref, row in after.items() if row != rows[ref]]


def _row(
    row: RowRecord, results: Sequence[SweepResult], removed: Collection[str], note: str
) -> RowRecord:
    findings = [_finding(each, removed) for each in results if each.state in _FINDINGS]
    texts = [text for result in results if (text := _text(result, removed))]
    for result in results:
        row = _adopted(row, result, note)
    if findings:
        weightiest = min(findings, key=SWEPT.index)
        return replace(row, finding=weightiest, remark="; ".join(texts))
    if row.finding in SWEPT:
        return replace(row, finding=Finding.NOTHING, remark="")
    return row


def _finding(result: SweepResult, removed: Collection[str]) -> Finding:
    is_gone = result.state is SweepState.DOUBLED and result.post and result.post.id in removed
    return Finding.DEDUPLICATED if is_gone else _FINDINGS[result.state]


def _adopted(row: RowRecord, result: SweepResult, note: str) -> RowRecord:
    """The row with the post and date on the server; milliseconds that are marks do not count."""
    if result.post is None or result.state not in {
        SweepState.FINE,
        SweepState.EDITED,
        SweepState.ADOPTED,
    }:
        return row
    second = int(stored_at(result.post).timestamp())
    row = row if second == int(row.seconds) else replace(row, seconds=second)
    if result.state is SweepState.ADOPTED:
        return replace(row, state=RowState.STORED, post_id=result.post.id, note=note)
    if result.state is SweepState.FINE and row.note in UNSURE and note == FOUND:
        return replace(row, note=UNSURE[row.note])
    return row


def _text(result: SweepResult, removed: Collection[str]) -> str:
    if result.state is SweepState.DELETED:
        return "deleted in Postiz; it is not sent again"
    if result.state is SweepState.HIDDEN:
        return "its channel is gone from Postiz, so it is not listed any more"
    if result.post is None:
        return ""
    post = result.post
    if result.state is SweepState.EQUAL:
        return f"somebody else stored an equal post at the same moment: {post.id}; it is left alone"
    if result.state is SweepState.DOUBLED and post.id in removed:
        return f"was stored twice; {post.id} was deleted"
    if result.state is SweepState.DOUBLED:
        return f"is stored twice, as {post.id} too; delete one of them in Postiz"
    return _moved(result.put_at, stored_at(post)) if result.put_at is not None else ""


def _moved(put_at: datetime, now_at: datetime) -> str:
    if put_at.replace(microsecond=0) == now_at.replace(microsecond=0):
        return "edited in Postiz; it is left as it is"
    return (
        f"moved in Postiz from {day_and_time(put_at)} to {day_and_time(now_at)}; it is left there"
    )
