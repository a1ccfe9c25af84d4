"""Why bulk work waits, in words and with the numbers behind it."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from ledgers import ledger_of

from postiz_async import _quota as quota
from postiz_async._quota import Ledger, LoggedCall, RateHeaders, Wait, WaitReason
from postiz_async._quota.explanation import explain, in_short


def window(remaining: int = 10, **changes: object) -> Ledger:
    """A window of 30 that was read at 0 and ends between 3599 and 3600."""
    values: dict[str, object] = {
        "limit_read": True,
        "ends_after": 3599.0,
        "ends_before": 3600.0,
        "remaining": remaining,
        "own": 30 - remaining,
        "read_at": 0.0,
        "answered_at": 0.0,
        "past_hours": 9.0,
        "cap": 30,
    }
    return ledger_of(**{**values, **changes})


def text(ledger: Ledger, now: float = 10.0, backlog: int | None = None) -> str:
    return "\n".join(explain(ledger, now, backlog))


def test_nothing_to_wait_for() -> None:
    said = text(window(29))
    assert said.startswith("Bulk work can go on now.")
    assert "    30  requests an hour are allowed" in said
    assert "    29  left" in said


@pytest.mark.parametrize(
    ("ledger", "said"),
    [
        (window(0), "59 min 52 s: the window is used up."),
        (window(3), r".+: the rest of the window is kept for single posts."),
        (
            window(3, foreign=4, own=23, reserve=0, past_foreign=20.0),
            ".+: the rest of the window is left to other clients that were seen.",
        ),
        (window(blocked_until=1800.0), "29 min 50 s: the organisation is locked out."),
    ],
)
def test_why_bulk_waits_and_for_how_long(ledger: Ledger, said: str) -> None:
    assert re.fullmatch(f"Bulk work waits for {said}", explain(ledger, 10.0)[0])


def test_bulk_waits_for_the_call_that_reads() -> None:
    ledger, _ = quota.acquired(Ledger(), 0.0)
    assert explain(ledger, 1.0) == [
        "Bulk work waits for an answer: the first call of the window has not been answered yet."
    ]


def test_what_is_held_and_for_whom() -> None:
    said = text(window(9, foreign=3, own=18, past_foreign=2.0, past_hours=1.0))
    assert "18  of this client in this window" in said
    assert "3  of others, or from before this client looked" in said
    assert "of them kept for single posts: a tenth of the limit, and more" in said
    assert "of them left to other clients: " in said
    assert "calls an hour are reckoned with" in said
    assert "The very last slot stays" in said


@pytest.mark.parametrize(
    "ledger",
    [
        window(12),
        window(9, foreign=3, own=18),
        window(12, own=19, unseen=(5.0,)),
        window(25, own=22),  # the state of a server that has been started anew
        window(0, foreign=2, own=30),
    ],
)
def test_the_slots_of_a_window_add_up(ledger: Ledger) -> None:
    lines = filter(None, (re.match(r" *(\d+)  (.+)", line) for line in explain(ledger, 10.0)))
    numbers = {line[2]: int(line[1]) for line in lines}
    limit = numbers.pop("requests an hour are allowed")
    taken = sum(number for what, number in numbers.items() if not what.startswith("of them"))
    assert taken == limit


def test_no_more_is_held_than_is_left() -> None:
    used_up = text(window(0, asked=9.0, asked_since=-7200.0, asked_at=0.0))
    assert "reserved" not in used_up
    assert "What is held" not in used_up
    asked = text(window(2, asked=9.0, asked_since=-7200.0, asked_at=0.0))
    assert "     2  of them kept for single posts" in asked
    assert "     0  of them left to other clients: none was seen" in asked
    beside = text(window(2, foreign=9, own=19, past_foreign=9.0))
    assert "     0  of them kept for single posts" in beside
    assert "     2  of them left to other clients" in beside
    assert "What is held goes to bulk work" in beside
    assert "come at once again" not in beside


def test_a_limit_that_no_answer_told_is_believed() -> None:
    calls = (LoggedCall(60.0, 60.0),)
    said = text(ledger_of(headerless=True, calls=calls, answered_at=60.0, cap=9), now=600.0)
    assert "    30  requests an hour are allowed, as is believed: no answer told" in said
    assert "under way" not in said
    flying, _ = quota.acquired(ledger_of(headerless=True, calls=calls, unseen=(60.0,)), 599.0)
    assert "     1  under way: as good as spent" in text(flying, now=600.0)


def test_calls_under_way_and_lost_ones_are_as_good_as_spent() -> None:
    flying, _ = quota.acquired(window(12, unseen=(5.0,)), 9.0)
    assert "     2  under way, or with an answer that was lost" in text(flying)


def test_a_reserve_that_was_given_is_named() -> None:
    assert "5  of them kept for single posts (reserve=5)" in text(window(9, reserve=5))
    assert "0  of them kept for single posts (reserve=0)" in text(window(9, reserve=0))


def test_interactive_calls_are_named() -> None:
    asked = window(9, asked=4.0, asked_since=-7200.0, asked_at=0.0)
    assert "single posts: 1.8 an hour were made lately" in text(asked)


def test_for_a_job_that_comes_to_its_end_nothing_is_reserved() -> None:
    assert "     0  of them kept for single posts" in text(window(9), backlog=5)


def test_slots_that_come_back_one_by_one() -> None:
    calls = tuple(LoggedCall(60.0 * number, 60.0 * number) for number in range(10))
    ledger = ledger_of(headerless=True, calls=calls, limit_read=True, answered_at=600.0, cap=9)
    said = text(ledger, now=600.0)
    assert "The answers do not tell what is left, so this client counts for itself" in said
    assert "    10  of this client within the last hour" in said
    assert "The next one comes back in 50 min 02 s." in said
    assert "others" not in said
    sliding = ledger_of(
        sliding=True,
        calls=calls,
        remaining=18,
        foreign=2,
        limit_read=True,
        ends_before=3000.0,
        ends_after=2999.0,
        read_at=540.0,
    )
    said = text(sliding, now=600.0)
    assert "The server counts each request for an hour: slots come back one by one." in said
    assert "     2  of others, or from before this client looked" in said


def test_a_burst_of_others_is_named_while_it_may_repeat() -> None:
    ledger = window(9, foreign=9, own=12, surge=5, surge_until=600.0)
    assert "; that many may come at once again" in text(ledger)
    assert "come at once again" not in text(ledger, now=601.0)


def test_rivals_are_named() -> None:
    ledger, tokens = window(20, own=3, cap=8), []
    for _ in range(4):
        ledger, token = quota.acquired(ledger, 1.0)
        tokens.append(token)
    ledger = quota.answered(ledger, tokens[0], 1.4, RateHeaders(30, 16, 3599.0))
    assert "2  other clients seem to send as fast as this one" in text(ledger, now=1.5)


def test_in_short() -> None:
    assert in_short(window(12), 10.0) == "18 of 30 used in this window"
    assert in_short(Ledger(), 0.0) == "0 of 30 used in this window (believed, nothing was read yet)"
    locked = window(blocked_until=99.0)
    assert in_short(locked, 10.0) == "The organisation is locked out after a 429"


def test_who_waits_for_slots_that_are_kept_is_told_for_whom_and_until_when() -> None:
    at = datetime(2027, 1, 15, 10, 4).astimezone().timestamp()
    reserved, others = Wait(99.0, WaitReason.RESERVED), Wait(99.0, WaitReason.OTHERS)
    assert in_short(window(4), 10.0, reserved, at) == (
        "4 of 30 slots are kept free for single posts until 10:04; this bulk call would leave then"
    )
    assert in_short(window(1), 10.0, others, at) == (
        "1 slot is kept free for other clients until 10:04; this bulk call would leave then"
    )
    used_up = Wait(99.0, WaitReason.WINDOW)
    assert in_short(window(0), 10.0, used_up, at) == "30 of 30 used in this window"
