from __future__ import annotations

import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from postiz_async import _quota as quota
from postiz_async._campaign.plan.packing import Limits, fewest
from postiz_async._campaign.plan.plan import Forecast, Moment, PlannedRequest, limits_for, plan
from postiz_async._campaign.read.rows import Row
from postiz_async._quota import Ledger, RateHeaders
from postiz_async.models.posts import PostType

START = datetime(2027, 1, 15, 9, tzinfo=UTC)
LIMITS = Limits(body=1_000, posts=7)


@st.composite
def campaigns(draw: st.DrawFn, *, largest: int = 1_000) -> tuple[list[Row], dict[str, int]]:
    count = draw(st.integers(0, 40))
    rows: list[Row] = []
    sizes: dict[str, int] = {}
    for number in range(2, count + 2):
        kinds: list[PostType] = ["schedule", "draft", "now"]
        row = Row(
            number=number,
            ref=f"r{number}",
            channel="x",
            date=START + timedelta(minutes=draw(st.integers(0, 2))),
            type=draw(st.sampled_from(kinds)),
            tags=draw(st.sampled_from([(), ("a",), ("a", "b"), ("b", "a")])),
            short_link=draw(st.booleans()),
            repeat_days=draw(st.none() | st.just(7)),
        )
        rows.append(row)
        sizes[row.ref] = draw(st.integers(1, largest))
    return rows, sizes


def shared(row: Row) -> tuple[object, ...]:
    return (row.type, row.date, row.short_link, frozenset(row.tags), row.repeat_days)


@given(campaigns())
def test_every_row_travels_exactly_once_with_rows_of_its_kind_within_the_limits(
    campaign: tuple[list[Row], dict[str, int]],
) -> None:
    rows, sizes = campaign
    requests = plan(rows, lambda row: sizes[row.ref], LIMITS)
    assert sorted(row.number for r in requests for row in r.rows) == [row.number for row in rows]
    for request in requests:
        assert 0 < len(request.rows) <= LIMITS.posts
        assert len({shared(row) for row in request.rows}) == 1
        assert [row.number for row in request.rows] == sorted(row.number for row in request.rows)
        tags = sum(2 * (len(tag) + 2) + 24 for tag in request.rows[0].tags)
        size = sum(sizes[row.ref] for row in request.rows)
        assert size + tags <= LIMITS.body or len(request.rows) == 1


def least(rows: list[Row], sizes: dict[str, int]) -> int:
    """The number of requests that no plan of these rows gets below."""
    groups: defaultdict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[shared(row)].append(row)
    return sum(
        fewest([sizes[row.ref] for row in group], limits_for(LIMITS, group[0]))
        for group in groups.values()
    )


@given(campaigns())
def test_no_plan_gets_below_the_lower_bound(
    campaign: tuple[list[Row], dict[str, int]],
) -> None:
    rows, sizes = campaign
    requests = plan(rows, lambda row: sizes[row.ref], LIMITS)
    bound = least(rows, sizes)
    assert bound <= len(requests) <= max(bound + 3, bound * 1.5)


@given(campaigns(largest=100))
def test_without_pressure_of_size_the_plan_is_the_lower_bound(
    campaign: tuple[list[Row], dict[str, int]],
) -> None:
    rows, sizes = campaign
    requests = plan(rows, lambda row: sizes[row.ref], LIMITS)
    assert len(requests) == least(rows, sizes)


@given(campaigns())
def test_the_most_urgent_request_comes_first_and_drafts_last(
    campaign: tuple[list[Row], dict[str, int]],
) -> None:
    rows, sizes = campaign
    requests = plan(rows, lambda row: sizes[row.ref], LIMITS)
    deadlines = [request.deadline for request in requests]
    assert deadlines == sorted(deadlines)
    for request in requests:
        is_draft = request.rows[0].type == "draft"
        assert request.deadline == (math.inf if is_draft else request.date.timestamp())


def test_the_plan_does_not_depend_on_the_order_of_the_rows() -> None:
    rows = [Row(number=n, ref=str(n), channel="x", date=START) for n in range(50)]

    def numbers(given_rows: list[Row]) -> set[tuple[int, ...]]:
        requests = plan(given_rows, lambda row: 10 + row.number, Limits(body=200, posts=10))
        return {tuple(row.number for row in request.rows) for request in requests}

    assert numbers(rows) == numbers(rows[::-1])


def test_a_mix_of_long_and_short_posts_takes_the_fewest_requests() -> None:
    """First the longest alone would fill two requests and leave the short ones to a third."""
    sizes = [400] * 300 + [100] * 300
    rows = [Row(number=n, ref=str(n), channel="x", date=START) for n in range(600)]
    requests = plan(rows, lambda row: sizes[row.number], Limits(body=100_000, posts=300))
    assert len(requests) == 2


# ------------------------------------------------------------------ forecast


def forecast(
    requests: list[PlannedRequest], ledger: Ledger | None = None, later: float = 0.0
) -> Forecast:
    return Moment(ledger or Ledger(), 0.0, START.timestamp() + later).forecast(requests)


def requests_of(
    count: int, *, hours: float = 1.0, kind: PostType = "schedule"
) -> list[PlannedRequest]:
    date = START + timedelta(hours=hours)
    rows = [Row(number=n, ref=str(n), channel="x", date=date, type=kind) for n in range(count)]
    return [PlannedRequest((row,)) for row in rows]


def ledger_with(remaining: int, limit: int = 30, reset: float = 600.0) -> Ledger:
    ledger, token = quota.acquired(Ledger(), 0.0)
    return quota.answered(ledger, token, 0.0, RateHeaders(limit, remaining, reset))


def test_nothing_to_send_is_done_at_once() -> None:
    seen = forecast([])
    assert (seen.requests, seen.posts, seen.windows, seen.late) == (0, 0, 0, ())
    assert seen.finish == START


@pytest.mark.parametrize(("count", "windows"), [(1, 1), (30, 1), (31, 2), (60, 2), (61, 3)])
def test_windows_and_finish_of_an_unused_quota(count: int, windows: int) -> None:
    seen = forecast(requests_of(count, hours=99))
    assert (seen.requests, seen.windows, seen.limit_known) == (count, windows, False)
    hours = (seen.finish - START).total_seconds() / 3600
    assert windows - 1 <= hours < windows - 1 + 0.01


def test_what_is_used_already_counts() -> None:
    ledger = ledger_with(remaining=4)
    seen = forecast(requests_of(5, hours=99), ledger)
    assert (seen.windows, seen.limit, seen.limit_known) == (2, 30, True)
    assert 600 <= (seen.finish - START).total_seconds() < 610


def test_what_cannot_leave_before_its_date_is_late() -> None:
    requests = requests_of(40, hours=0.5)
    seen = forecast(requests)
    assert [row.number for row in seen.late] == list(range(30, 40))


def test_drafts_and_posts_for_now_are_never_late() -> None:
    for kind in ("draft", "now"):
        requests = requests_of(40, hours=-1, kind=kind)  # type: ignore[arg-type]
        assert forecast(requests).late == ()


def test_what_leaves_at_its_very_date_is_not_late() -> None:
    assert forecast(requests_of(1, hours=0)).late == ()
    (late,) = forecast(requests_of(1, hours=0), later=0.001).late
    assert late.number == 0
