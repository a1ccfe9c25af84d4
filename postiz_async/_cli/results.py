"""What commands print with `--json` where Python has no single value: errors, and campaigns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from postiz_async.errors import PostizError
from postiz_async.models._durations import write_duration

if TYPE_CHECKING:
    from postiz_async import Campaign, CampaignStatus
    from postiz_async.types import (
        CampaignChanges,
        Edits,
        FileComparison,
        Plan,
        Report,
        Row,
        RowRecord,
        UndoResult,
    )

Result = dict[str, Any]


def error_result(error: Exception, exit_code: int) -> Result:
    """An error: its class, its message, and those of its fields that say something."""
    said: Result = {"type": type(error).__name__, "exit_code": exit_code}
    if isinstance(error, PostizError):
        fields = error.args[1]
        said |= {k: v for k, v in fields.items() if k[0] != "_" and v not in (None, "")}
        if said.pop("response", None) is not None:
            said["status_code"] = fields["response"]["status_code"]
        if error.retry_after is not None:
            said["retry_after"] = error.retry_after
    return {**said, "message": str(error)}


def refused_result(campaign: Campaign) -> Result:
    """A campaign with problems, of which nothing was sent."""
    numbers = {row.number for row in campaign.rows} | {p.row for p in campaign.problems if p.row}
    return {
        "rows": len(numbers),
        "problems": campaign.problems,
        "warnings": campaign.warnings,
    }


def report_result(report: Report) -> Result:
    """The rows of a campaign."""
    return {
        "rows": list(map(_row, report.rows)),
        "counts": report.counts,
        "requests": report.requests,
        "complete": report.complete,
        "doubled": report.doubled,
    }


def _row(row: RowRecord) -> Result:
    return {
        **row_and_post(row),
        "state": row.state,
        "channel": row.channel,
        "name": row.name,
        "date": row.at,
        "moved_from": row.moved_from,
        "request": row.request,
        "note": row.note,
        "finding": row.finding,
        "remark": row.remark,
        "link": row.link,
    }


def edits_result(edits: Edits) -> Result:
    """The differences between a file and what was sent of it."""
    return {
        "new": _numbers(edits.new),
        "changed": [
            {
                "row": each.row.number,
                "ref": each.row.ref,
                "post_id": each.record.post_id,
                "fields": [
                    {"field": c.name, "before": c.before, "after": c.after} for c in each.fields
                ],
            }
            for each in edits.changed
        ],
        "gone": [{**row_and_post(record), "date": record.at} for record in edits.gone],
        "unread": edits.unread,
    }


def plan_result(campaign: Campaign, forecast: Plan) -> Result:
    """The part of a campaign that is still to be sent, and its cost."""
    return {
        "problems": campaign.problems,
        "warnings": campaign.warnings,
        "rows": len(campaign.rows),
        "posts": forecast.posts,
        "requests": forecast.requests,
        "limit": forecast.limit,
        "limit_known": forecast.limit_known,
        "windows": forecast.windows,
        "finish": forecast.finish,
        "late_rows": _numbers(forecast.late),
        "media_files": forecast.media_files,
        "adopted_rows": _numbers(campaign.adopted),
        "channels": [
            {
                "id": each.channel.id,
                "name": each.channel.name,
                "in_postiz": each.in_postiz,
                "posts": each.posts,
                "first": each.first,
                "last": each.last,
            }
            for each in campaign.by_channel
        ],
        "resumed": campaign.is_resumed,
        "moved": len(forecast.moved),
        "estimates": [
            {
                "align": None if each.align is None else write_duration(each.align),
                "limit": each.limit,
                "requests": each.requests,
                "windows": each.windows,
                "finish": each.finish,
                "late": each.late,
            }
            for each in forecast.estimates
        ],
        "edits": edits_result(campaign.edits),
        "changes": changes_result(forecast.changes),
    }


def changes_result(changes: CampaignChanges) -> Result:
    """What a run changed of stored posts, or would change."""
    return {
        "changed": _numbers(changes.changed),
        "free": _numbers(changes.free),
        "resent": _numbers(changes.resent),
        "pruned": list(map(row_and_post, changes.pruned)),
        "unclear": changes.unclear,
        "if_stored": changes.if_stored,
        "left": changes.left,
        "requests": changes.requests,
    }


def status_result(status: CampaignStatus, now: FileComparison | None) -> Result:
    """What became of a campaign; `now` compares it with its file, if that can be read."""
    doubts, quota = status.doubts, status.quota
    certain_at = doubts.certain_at
    in_doubt = {"requests": doubts.requests, "posts": doubts.posts, "certain_at": certain_at}
    return {
        **report_result(status.report),
        "server": status.base_url,
        "campaign": status.name,
        "asked_at": status.asked_at,
        "remarks": status.remarks,
        "in_doubt": None if certain_at is None else in_doubt,
        "quota": None if quota is None else quota._asdict(),
        "edits": None if now is None else edits_result(now.edits),
        "problems": [] if now is None else now.problems,
    }


def undo_result(undone: UndoResult, *, done: bool) -> Result:
    """Posts that an undo deleted, or would delete, and those that it leaves."""
    return {
        "deleted" if done else "would_delete": list(map(row_and_post, undone.rows)),
        "left": {why: list(map(row_and_post, left)) for why, left in undone.left.items()},
        "unsent": undone.unsent,
        "unknown": undone.unknown,
    }


def row_and_post(row: RowRecord) -> Result:
    """A row, and the post that it made."""
    return {"row": row.number, "ref": row.ref, "post_id": row.post_id}


def _numbers(rows: Iterable[Row]) -> list[int]:
    return [row.number for row in rows]
