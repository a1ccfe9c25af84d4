"""Which posts a pause makes drafts, and a resumption schedules again. PURE.

Both change the type of posts and nothing else, so what their file says differently stays for an
update. Posts that were drafts before the pause are none of its `refs`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import structs

from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._campaign.journal.state import CampaignState, Pause
from postiz_async._campaign.read.rows import Row, SaidRow
from postiz_async._campaign.run.edits import Changed, FieldChange
from postiz_async._delivery.outcomes import RowState

_ENDED = {RowState.PUBLISHED, RowState.FAILED}


def paused(state: CampaignState, records: Mapping[str, RowRecord], now: float) -> CampaignState:
    """The state of a campaign that is paused, which it may be already."""
    if state.is_paused:
        return state
    before: frozenset[str] = frozenset() if state.pause is None else state.pause.refs
    refs = {
        ref
        for ref, record in records.items()
        if (said := SaidRow.read(record.said)).type == "schedule"
        and (record.state not in _ENDED or said.repeat_days is not None)
    }
    return structs.replace(state, pause=Pause(now, before | refs))


def resumed(state: CampaignState, left: frozenset[str] | None = None) -> CampaignState:
    """The state of a campaign that is being resumed; `left` are refs that are left at its end."""
    if state.pause is None or not (left is None or left):
        return structs.replace(state, pause=None)
    refs = state.pause.refs if left is None else left
    return structs.replace(state, pause=structs.replace(state.pause, refs=refs, is_over=True))


def while_paused(
    rows: Iterable[Row], records: Mapping[str, RowRecord], state: CampaignState
) -> Iterator[Row]:
    """The rows; those whose posts are drafts because of the pause say so."""
    held = state.pause.refs if state.pause is not None and state.is_paused else frozenset[str]()
    for row in rows:
        record = records.get(row.ref)
        if row.ref in held and row.type == "schedule" and record is not None:
            yield structs.replace(row, type=SaidRow.read(record.said).type)
        else:
            yield row


def type_changes(
    state: CampaignState, records: Mapping[str, RowRecord], rows: Iterable[Row]
) -> Iterator[Changed]:
    """The posts that are to be drafts, or scheduled again.

    Those that are so by the journal are among them: a change that was killed may have been made.
    """
    pause = state.pause
    if pause is None:
        return
    here = {row.ref: row for row in rows if row.ref in pause.refs}
    for ref in pause.refs:
        record, row = records.get(ref), here.get(ref)
        if record is None or record.state not in {RowState.STORED, RowState.PUBLISHED}:
            continue
        if not pause.is_over or row is None or row.type == "schedule":
            before = SaidRow.read(record.said)
            after = structs.replace(before, type="schedule" if pause.is_over else "draft")
            change = FieldChange("type", before.type, after.type)
            yield Changed(_row_saying(after, record, row), record, (change,))


def _row_saying(said: SaidRow, record: RowRecord, row: Row | None) -> Row:
    """A row that says this, with what only its file knows, if it is in the file."""
    values = structs.asdict(said)
    bare = Row(number=record.number, ref=record.ref, channel=said.channel, date=said.date)
    return structs.replace(row or bare, **values, moved_from=None).at(record.at)
