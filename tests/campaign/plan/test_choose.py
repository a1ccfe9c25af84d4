"""The next free slot: one row a slot, the earliest first, and what is chosen stays chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st

from postiz_async._campaign.journal.chosen import Choices
from postiz_async._campaign.journal.rows import ChosenDate
from postiz_async._campaign.plan.choose import Chooser, Holders, is_chosen, slot_span, with_chosen
from postiz_async._campaign.plan.plan import AHEAD
from postiz_async._campaign.read.rows import SLOT, UNDATED, Row
from postiz_async._campaign.read.slots import read_slots

NOW = datetime(2027, 3, 26, 8, 30, tzinfo=UTC)
ZONES = [ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")]
SLOTS = [read_slots(text) for text in ("daily 2:30 9:00", "mon-fri 9:00 13:00; sat 11:00")]
CHANNELS = {"a": "1", "b": "2", "also a": "1"}
"""The ids of channels by what rows call them."""

dates = st.integers(0, 40).map(lambda n: NOW + timedelta(hours=n * 6, minutes=-30))
"""Many of them are slots."""


def slot(number: int, channel: str = "a", zone: ZoneInfo = ZONES[0]) -> Row:
    return Row(
        number=number,
        ref=f"r{number}",
        channel=channel,
        date=UNDATED,
        timezone=zone.key,
        written=SLOT,
    )


def chooser(
    rows: Iterable[Row],
    there: Collection[tuple[str, datetime]] = (),
    now: datetime = NOW,
    others: Sequence[Row] = (),
) -> Chooser:
    holders = Holders()
    for channel, moment in there:
        holders.add(channel, moment, "somebody")
    every = list(rows)
    holders.add_rows(every, {}, CHANNELS.__getitem__)
    return Chooser(
        rows=[row for row in every if row.written],
        others=others,
        there=holders,
        channel_of=CHANNELS.__getitem__,
        slots_of=lambda channel: SLOTS[channel == "b"],
        now=now,
    )


def by_ref(*chosen: Iterable[ChosenDate]) -> dict[str, ChosenDate]:
    return {each.ref: each for some in chosen for each in some}


def choices(dates: Mapping[str, ChosenDate], *begun: str) -> Choices:
    return Choices(dates, frozenset(begun))


rows = st.lists(
    st.tuples(st.sampled_from(sorted(CHANNELS)), st.sampled_from(ZONES), st.none() | dates),
    max_size=30,
).map(
    lambda said: [
        slot(number, channel, zone)
        if date is None
        else Row(number=number, ref=f"r{number}", channel=channel, date=date)
        for number, (channel, zone, date) in enumerate(said, 1)
    ]
)
posts = st.lists(st.tuples(st.sampled_from(["1", "2"]), dates), max_size=30)


@given(rows=rows, posts=posts)
def test_each_row_has_the_earliest_slot_that_nobody_has(
    rows: list[Row], posts: list[tuple[str, datetime]]
) -> None:
    chosen = by_ref(chooser(rows, posts)(choices({})))
    has = {*posts, *((CHANNELS[r.channel], r.date) for r in rows if not r.written)}
    for row in rows:
        if row.written:
            assert row.zone is not None
            slots = SLOTS[row.channel == "b"].after(NOW + AHEAD, row.zone)
            channel = CHANNELS[row.channel]
            free = next(each for each in slots if (channel, each) not in has)
            assert chosen[row.ref] == ChosenDate(row.ref, SLOT, free.timestamp())
            has.add((channel, free))
    assert chosen.keys() == {row.ref for row in rows if row.written}


@given(rows=rows, posts=posts, more=st.integers(1, 5), split=st.integers(0, 30))
def test_what_was_chosen_stays_when_rows_are_appended_or_posts_go(
    rows: list[Row], posts: list[tuple[str, datetime]], more: int, split: int
) -> None:
    first = by_ref(chooser(rows, posts)(choices({})))
    assert chooser(rows, posts)(choices(first)) == []
    longer = [*rows, *(slot(len(rows) + n) for n in range(1, more + 1))]
    second = chooser(longer, posts[:split])(choices(first))
    assert [each.ref for each in second] == [row.ref for row in longer[len(rows) :]]
    assert not any(each.note for each in second)
    found = with_chosen(longer, {**first, **by_ref(second)})
    moments = Counter((CHANNELS[row.channel], row.date) for row in found if row.is_slot)
    assert set(moments.values()) <= {1}
    for before, after in pairwise(row for row in found[: len(rows)] if row.is_slot):
        if (before.channel, before.zone) == (after.channel, after.zone):
            assert before.date < after.date


@given(rows=rows, posts=posts, later=st.integers(0, 72), begun=st.sets(st.integers(1, 30)))
def test_only_slots_that_are_lost_are_chosen_again_and_say_why(
    rows: list[Row], posts: list[tuple[str, datetime]], later: int, begun: set[int]
) -> None:
    now, names = NOW + timedelta(hours=later), {f"r{number}" for number in begun}
    first = by_ref(chooser(rows)(choices({})))
    second = by_ref(chooser(rows, posts, now)(choices(first, *names)))
    for row in with_chosen(rows, first):
        if not row.written:
            continue
        is_taken = (CHANNELS[row.channel], row.date) in posts
        is_lost = row.date <= now or is_taken
        assert (row.ref in second) == (is_lost and row.ref not in names)
        if row.ref in second:
            why = "passed before it was sent" if row.date <= now else "was taken by somebody"
            assert why in second[row.ref].note
            assert f"moved from {row.date:%Y-%m-%d %H:%M}" in second[row.ref].note
            assert second[row.ref].at > now
            assert (CHANNELS[row.channel], second[row.ref].at) not in posts


def test_a_slot_is_not_taken_from_rows_that_keep_theirs() -> None:
    first, second = slot(1), slot(2)
    chosen = by_ref(chooser([first, second])(choices({})))
    moved = chooser([first], [("1", chosen["r1"].at)], others=[second])(choices(chosen))
    assert [each.ref for each in moved] == ["r1"]
    assert moved[0].at > chosen["r2"].at


def test_two_rows_that_came_to_have_one_slot_are_told_apart() -> None:
    """Such as one that was out of the file while another chose."""
    rows = [slot(1), slot(2)]
    [one] = chooser(rows[:1])(choices({}))
    both = {"r1": one, "r2": one._replace(ref="r2")}
    [moved] = chooser(rows)(choices(both))
    assert moved.ref == "r2"
    assert "its slot was taken by row 1" in moved.note


def test_a_row_without_slots_or_zone_gets_no_date() -> None:
    row = slot(1)
    chosen = chooser([row])
    for without in (
        Chooser(
            rows=[row],
            others=(),
            there=chosen.there,
            channel_of=chosen.channel_of,
            slots_of=lambda _: None,
            now=NOW,
        ),
        chooser([Row(number=1, ref="r1", channel="a", date=UNDATED, written=SLOT)]),
    ):
        assert without(choices({})) == []


def test_a_choice_holds_for_what_was_written_alone() -> None:
    row = slot(1)
    [chosen] = chooser([row])(choices({}))
    assert is_chosen(row, {"r1": chosen})
    dated = Row(number=1, ref="r1", channel="a", date=NOW)
    assert not is_chosen(dated, {"r1": chosen})
    assert with_chosen([dated], {"r1": chosen}) == (dated,)
    shifted = ChosenDate("r1", dated.says, chosen.seconds)
    [other] = with_chosen([dated], {"r1": shifted})
    assert (other.date, other.says, other.fingerprint) == (
        chosen.at,
        dated.says,
        dated.fingerprint,
    )


def test_the_span_of_slots_reaches_from_before_now_to_after_the_last() -> None:
    assert slot_span([Row(number=1, ref="1", channel="a", date=NOW)], NOW) is None
    rows = with_chosen([slot(1)], by_ref(chooser([slot(1)])(choices({}))))
    span = slot_span(rows, NOW)
    assert span is not None
    assert span[0] < NOW < rows[0].date < span[1]
