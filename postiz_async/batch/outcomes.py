"""What becomes of rows while a job runs, and which error stopped it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from postiz_async.errors import PostizError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postiz_async.delivery.journal import RowRecord, RowState

__all__ = ["Outcome", "first_error", "outcome_of"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row. `post_id` is set when it is stored, `note` when it is not."""

    row: int
    ref: str
    state: RowState
    post_id: str | None = None
    note: str = ""


def outcome_of(record: RowRecord) -> Outcome:
    """What became of a row, as the journal knows it."""
    return Outcome(record.number, record.ref, record.state, record.post_id, record.note)


def first_error(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that stopped the job, out of the group that its tasks raised."""
    causes = list(_leaves(errors))
    return next((error for error in causes if isinstance(error, PostizError)), causes[0])


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(cast("BaseExceptionGroup[BaseException]", error))
        else:
            yield error
