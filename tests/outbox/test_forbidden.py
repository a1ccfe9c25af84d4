"""Which hand-overs wait alone, for how long, and when all do."""

from __future__ import annotations

import pytest

from postiz_async._delivery.journal_file import RowState
from postiz_async._outbox.forbidden import MOST_ALONE, ForbiddenHandOvers
from postiz_async._outbox.tickets import OutboxEntry
from postiz_async.clock import JumpingClock
from postiz_async.errors import PermissionDeniedError
from postiz_async.models.posts import CreatePost

ERROR = PermissionDeniedError("blocked", status_code=403, body=b"blocked", hint="Ask.")
BODY = CreatePost(type="schedule", date="", posts=[])
DAY = 86_400.0


def entry(number: int, due: float = DAY, *, dated: bool = True) -> OutboxEntry:
    state = RowState.PLANNED
    return OutboxEntry(number, f"t{number}", "", state, due, dated, BODY, (), None, None, "")


def pause_of(forbidden: ForbiddenHandOvers, clock: JumpingClock, number: int) -> float:
    """Seconds for which one waits."""
    began = clock.monotonic()
    while forbidden.is_waiting(number):
        clock.advance(1.0)
    return clock.monotonic() - began


def test_pauses_grow_to_an_hour() -> None:
    clock = JumpingClock()
    forbidden = ForbiddenHandOvers(clock)
    pauses: list[float] = []
    for _ in range(6):
        assert forbidden.waits_alone(entry(1), ERROR, 0.0)
        pauses.append(pause_of(forbidden, clock, 1))
    assert pauses == [300, 600, 1_200, 2_400, 3_600, 3_600]


@pytest.mark.parametrize(
    ("due", "dated", "seconds"), [(60.0, True, 60), (60.0, False, 300), (-60.0, True, 300)]
)
def test_none_waits_beyond_its_date(due: float, dated: bool, seconds: float) -> None:  # noqa: FBT001
    clock = JumpingClock()
    forbidden = ForbiddenHandOvers(clock)
    assert forbidden.waits_alone(entry(1, due, dated=dated), ERROR, 0.0)
    assert pause_of(forbidden, clock, 1) == seconds


def test_of_several_in_a_row_the_last_waits_with_all_others() -> None:
    forbidden = ForbiddenHandOvers(JumpingClock())
    for _ in range(3):  # the same one again says nothing new
        assert forbidden.waits_alone(entry(0), ERROR, 0.0)
    alone = [forbidden.waits_alone(entry(n), ERROR, 0.0) for n in range(1, MOST_ALONE + 2)]
    assert alone == [True] * (MOST_ALONE - 1) + [False, False]
    assert not forbidden.is_waiting(MOST_ALONE)
    forbidden.answered()
    assert forbidden.waits_alone(entry(MOST_ALONE), ERROR, 0.0)


def test_it_names_what_waits_and_forgets_what_is_over() -> None:
    forbidden = ForbiddenHandOvers(JumpingClock())
    assert (forbidden.trouble, len(forbidden)) == ("", 0)
    forbidden.waits_alone(entry(1), ERROR, 0.0)
    assert forbidden.trouble.startswith("403: blocked. Ask. Others are sent meanwhile;")
    assert forbidden.trouble.endswith("ticket t1.")
    forbidden.waits_alone(entry(2), ERROR, 0.0)
    assert forbidden.trouble.endswith("ticket t1 and 1 more.")
    forbidden.keep({2})
    assert forbidden.trouble.endswith("ticket t2.")
    assert not forbidden.is_waiting(1)
    forbidden.keep(set())
    assert forbidden.trouble == ""
