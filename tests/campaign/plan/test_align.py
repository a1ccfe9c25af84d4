from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, strategies as st
from msgspec import structs

from postiz_async._campaign.plan.align import Span, arrange, tightened
from postiz_async._campaign.plan.packing import Limits
from postiz_async._campaign.plan.plan import Leeway, PlannedRequest, plan
from postiz_async._campaign.read.rows import Row

START = datetime(2027, 1, 15, 9, tzinfo=UTC)
ROOMY = Limits(body=10_000, posts=1_000)
QUARTER = timedelta(minutes=15)


def row(number: int, minutes: float, channel: str = "", **options: object) -> Row:
    date = START + timedelta(minutes=minutes)
    channel = channel or f"channel {number}"
    return Row(number=number, ref=f"r{number}", channel=channel, date=date, **options)  # type: ignore[arg-type]


def leeway(minutes: float = 15, **options: object) -> Leeway:
    align = timedelta(minutes=minutes)
    return Leeway(channel_of=lambda row: row.channel, align=align, **options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Campaign:
    rows: list[Row]
    limits: Limits = ROOMY
    leeway: Leeway = field(default_factory=leeway)
    sizes: dict[str, int] = field(default_factory=dict[str, int])

    def size_of(self, row: Row) -> int:
        return self.sizes.get(row.ref, 1)

    def plan(self) -> list[PlannedRequest]:
        return plan(self.rows, self.size_of, self.limits, self.leeway)

    # -------------------------------------------------------------- by trying all

    def fewest(self) -> int:
        """The fewest requests, by trying all partitions of the rows."""
        whole = (1 << len(self.rows)) - 1
        possible = [self._can_share(mask) for mask in range(whole + 1)]
        best = [0] + [len(self.rows)] * whole
        for mask in range(1, whole + 1):
            first, part = mask & -mask, mask
            while part:
                if part & first and possible[part]:
                    best[mask] = min(best[mask], 1 + best[mask ^ part])
                part = (part - 1) & mask
        return best[whole]

    def _can_share(self, mask: int) -> bool:
        rows = [row for n, row in enumerate(self.rows) if mask >> n & 1]
        if len(rows) < 2:
            return True
        spans = [self._span(row) for row in rows]
        size = sum(self.size_of(row) for row in rows) + tags_size(rows[0])
        return (
            max(first for first, _ in spans) <= min(last for _, last in spans)
            and len({kind(row) for row in rows}) == 1
            and len({(row.channel, row.date) for row in rows}) == len({row.channel for row in rows})
            and len(rows) <= self.limits.posts
            and size <= self.limits.body
        )

    def _span(self, row: Row) -> tuple[int, int]:
        """Posts of one channel and date stay together, as far as the least movable can go."""
        mates = [
            self.leeway.span(mate)
            for mate in self.rows
            if (mate.channel, mate.date, kind(mate)) == (row.channel, row.date, kind(row))
        ]
        return max(first for first, _, _ in mates), min(last for _, _, last in mates)


def tags_size(row: Row) -> int:
    """Bytes that the tags of these campaigns, none or `a`, take from the room of a body."""
    return 30 if row.tags else 0


def kind(row: Row) -> tuple[object, ...]:
    still = row.date if row.type != "schedule" else None
    return (row.type, still, row.short_link, frozenset(row.tags), row.repeat_days)


ONE = st.just(1)
ROOM = st.just(1_000)
tolerances = st.sampled_from([None, timedelta(0), timedelta(minutes=5), timedelta(hours=1)])


@st.composite
def campaigns(
    draw: st.DrawFn,
    *,
    channels: int | None = 3,
    posts: st.SearchStrategy[int] = ROOM,
    size: st.SearchStrategy[int] = ONE,
    most: int = 8,
) -> Campaign:
    count = draw(st.integers(0, most))
    rows = [
        row(
            number,
            draw(st.integers(0, 90)),
            f"channel {draw(st.integers(1, channels))}" if channels else "",
            tolerance=draw(tolerances),
            type=draw(st.sampled_from(["schedule"] * 8 + ["draft", "now"])),
            tags=draw(st.sampled_from([(), (), (), ("a",)])),
        )
        for number in range(count)
    ]
    return Campaign(
        rows,
        Limits(body=1_000, posts=draw(posts)),
        leeway(
            draw(st.sampled_from([0, 7, 15, 30])),
            not_before=START + timedelta(minutes=draw(st.integers(-30, 60))),
            held=frozenset(r.ref for r in rows if draw(st.booleans())),
        ),
        {r.ref: draw(size) for r in rows},
    )


anything = campaigns(posts=st.integers(1, 5), size=st.integers(1, 700))


def test_rows_that_share_a_number_are_planned_each_for_itself() -> None:
    kinds = (0, "a", ()), (5, "b", ("x",)), (5, "c", ()), (500, "a", ())
    rows = [
        structs.replace(row(7, minutes, channel, tags=tags), ref=f"{n}")
        for n, (minutes, channel, tags) in enumerate(kinds)
    ]
    requests = Campaign(rows, sizes={"3": 20_000}).plan()
    assert sorted([row.ref for row in request.rows] for request in requests) == [
        ["0", "2"],
        ["1"],
        ["3"],
    ]


@given(campaigns())
def test_where_channels_are_the_limit_no_plan_takes_fewer_requests(campaign: Campaign) -> None:
    assert len(campaign.plan()) == campaign.fewest()


@given(campaigns(channels=None, posts=st.integers(1, 5)))
def test_where_the_number_of_posts_is_the_limit_none_does_either(campaign: Campaign) -> None:
    assert len(campaign.plan()) == campaign.fewest()


TAGGED_AND_FULL = Campaign(
    [row(n, 0, "a", tags=("a",) if n in {1, 2} else ()) for n in range(7)],
    Limits(body=1_000, posts=2),
    leeway(0),
    {"r1": 271, "r2": 700},
)
"""Two posts that would fit together, if it were not for the bytes of their tag."""


@given(anything)
@example(TAGGED_AND_FULL)
def test_with_all_limits_at_once_the_plan_is_near_the_fewest(
    campaign: Campaign,
) -> None:
    best = campaign.fewest()
    assert best <= len(campaign.plan()) <= best + 1


@given(campaigns(most=40, channels=6, posts=st.integers(1, 9), size=st.integers(1, 1_200)))
def test_every_row_travels_once_near_its_date_with_rows_of_its_kind(campaign: Campaign) -> None:
    requests, before = campaign.plan(), {r.ref: r for r in campaign.rows}
    assert sorted(r.number for request in requests for r in request.rows) == sorted(
        r.number for r in campaign.rows
    )
    for request in requests:
        assert len({r.date for r in request.rows}) == 1
        assert len({kind(r) for r in request.rows}) == 1
        assert len(request.rows) <= campaign.limits.posts
        size = sum(campaign.size_of(r) for r in request.rows) + tags_size(request.rows[0])
        assert size <= campaign.limits.body or len(request.rows) == 1
        for r in request.rows:
            assert r.at(before[r.ref].date) == before[r.ref]
            assert r.asked_for == before[r.ref].date
            first, _, last = campaign.leeway.span(before[r.ref])
            assert first <= r.date.timestamp() <= last


@given(campaigns(most=40, posts=st.integers(1, 9), size=st.integers(1, 700)))
def test_posts_of_one_channel_share_a_request_only_if_they_had_one_date(
    campaign: Campaign,
) -> None:
    dates = {r.ref: r.date for r in campaign.rows}
    for request in campaign.plan():
        for r in request.rows:
            mates = [other for other in request.rows if other.channel == r.channel]
            assert {dates[mate.ref] for mate in mates} == {dates[r.ref]}


@given(anything)
def test_a_date_moves_by_no_more_than_its_tolerance_nor_into_the_past(
    campaign: Campaign,
) -> None:
    dates = {r.ref: r.date for r in campaign.rows}
    for request in campaign.plan():
        for r in request.rows:
            by = abs(r.date - dates[r.ref])
            allowed = campaign.leeway.align if r.tolerance is None else r.tolerance
            assert by <= (allowed if r.type == "schedule" else timedelta(0))
            if by:
                assert r.date >= campaign.leeway.not_before
            if r.ref in campaign.leeway.held:
                assert r.date >= dates[r.ref]


@given(campaigns(most=30, posts=st.integers(1, 9), size=st.integers(1, 700)))
def test_without_tolerances_it_is_the_plan_of_old(campaign: Campaign) -> None:
    rows = [structs.replace(r, tolerance=timedelta(0)) for r in campaign.rows]
    still = replace(campaign, rows=rows)
    assert still.plan() == plan(rows, still.size_of, still.limits)


@given(st.randoms(use_true_random=False), campaigns(most=20))
@example(None, Campaign([]))
def test_the_order_of_the_file_is_not_what_decides(mix: object, campaign: Campaign) -> None:
    rows = list(campaign.rows)
    if mix is not None:
        mix.shuffle(rows)  # type: ignore[attr-defined]
    assert replace(campaign, rows=rows).plan() == campaign.plan()


# ------------------------------------------------------------------ by example


def dates_of(requests: Sequence[PlannedRequest]) -> list[list[tuple[int, float]]]:
    return [
        [(r.number, (r.date - START).total_seconds() / 60) for r in request.rows]
        for request in requests
    ]


def test_rows_meet_at_a_date_that_one_of_them_has() -> None:
    requests = Campaign([row(1, 0), row(2, 10), row(3, 14)]).plan()
    assert dates_of(requests) == [[(1, 10), (2, 10), (3, 10)]]


def test_two_rows_that_are_both_too_far_meet_between() -> None:
    requests = Campaign([row(1, 0), row(2, 30)]).plan()
    assert dates_of(requests) == [[(1, 15), (2, 15)]]


def test_a_row_without_tolerance_is_where_the_others_go() -> None:
    fixed = row(2, 14, tolerance=timedelta(0))
    assert dates_of(Campaign([row(1, 0), fixed, row(3, 1)]).plan()) == [[(1, 14), (2, 14), (3, 14)]]


def test_rows_that_crossed_in_order_still_take_two_requests() -> None:
    """First two of one channel, then two of another: as neighbours they would take three."""
    rows = [row(1, 0, "a"), row(2, 2, "a"), row(3, 4, "b"), row(4, 6, "b")]
    assert len(Campaign(rows).plan()) == 2


def test_drafts_and_posts_for_now_stay() -> None:
    rows = [row(n, n, type="draft") for n in range(3)] + [row(n, n, type="now") for n in (3, 4)]
    assert len(Campaign(rows).plan()) == 5


def test_a_date_that_has_come_does_not_move() -> None:
    late = leeway(not_before=START + timedelta(minutes=5))
    assert dates_of(Campaign([row(1, 0), row(2, 6)], leeway=late).plan()) == [
        [(1, 0)],
        [(2, 6)],
    ]


def test_what_one_request_cannot_carry_goes_in_several_of_about_one_date() -> None:
    rows = [row(n, n % 5) for n in range(100)]
    requests = Campaign(rows, limits=Limits(body=100, posts=30)).plan()
    assert [len(request.rows) for request in requests].count(0) == 0
    assert len(requests) == 4


def test_moved_posts_of_one_channel_get_different_minutes() -> None:
    """Both requests would best be at 5; then both posts of `a` would come out in one minute."""
    rows = [row(1, 0, "a"), row(2, 5), row(3, 10, "a"), row(4, 5)]
    dates = {n: at for request in dates_of(Campaign(rows).plan()) for n, at in request}
    assert dates[1] != dates[3]


@pytest.mark.parametrize("day", [1, 9_999])
def test_dates_at_the_end_of_time_can_be_planned(day: int) -> None:
    late = datetime(9999, 12, 31, 23, tzinfo=UTC) - timedelta(days=day - 1)
    rows = [structs.replace(row(n, 0), date=late + timedelta(minutes=n)) for n in range(3)]
    assert len(Campaign(rows, leeway=leeway(60 * 24 * 7)).plan()) in {1, 3}


def test_two_posts_of_less_than_half_a_request_fit_into_one() -> None:
    rows, limits = [row(1, 0), row(2, 1)], Limits(body=100, posts=10)
    for size, requests in ((40, 1), (50, 1), (51, 2)):
        campaign = Campaign(rows, limits=limits, sizes={"r1": size, "r2": size})
        assert len(campaign.plan()) == requests


def test_what_does_not_fit_does_not_yet_end_a_request() -> None:
    """Of eleven posts whose sizes are the limit; found by trying what gives up sooner."""
    given = [
        *[(5, 3, 0, 1, 43, "a"), (2, 0, 1, -2, 31, "b"), (4, 2, 2, 0, 46, "c")],
        *[(2, 0, 3, -2, 36, "d"), (2, 0, 4, -2, 37, "c"), (3, 0, 5, -3, 9, "e")],
        *[(3, 0, 6, -3, 49, "f"), (10, 6, 7, 2, 17, "g"), (5, 1, 8, -3, 34, "h")],
        *[(8, 3, 9, -2, 48, "i"), (2, 2, 10, 2, 48, "e")],
    ]
    assert len(arrange(tightened([Span(*each) for each in given]), Limits(body=50))) == 9


def test_a_moved_post_does_not_come_out_in_the_minute_of_one_that_stays() -> None:
    """Post 4 of channel `a` would best go at 10, where post 1 of that channel is already."""
    still = [row(n, 10, channel, tolerance=timedelta(0)) for n, channel in ((1, "a"), (2, "b"))]
    rows = [
        *still,
        row(3, 10, "c", tolerance=timedelta(0)),
        row(4, 12, "a"),
        row(5, 10),
        row(6, 10),
    ]
    dates = dates_of(Campaign(rows, limits=Limits(body=10_000, posts=3)).plan())
    at = {number: minute for request in dates for number, minute in request}
    assert len(dates) == 2
    assert at[4] == at[5] == at[6]
    assert at[1] == 10
    assert at[4] != 10
