"""Slots: days of the week with times, as people write them, in a zone whose clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, strategies as st

from postiz_async._campaign.read.slots import SLOTS_LIKE, Slots, read_slots
from postiz_async.errors import ConfigurationError

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [UTC, BERLIN, *map(ZoneInfo, ("America/New_York", "Australia/Lord_Howe", "America/Nuuk"))]

times = st.times().map(lambda at: at.replace(second=0, microsecond=0, fold=0))
weeks = st.lists(
    st.lists(times, max_size=4, unique=True).map(sorted).map(tuple), min_size=7, max_size=7
).filter(any)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC)
)


NAMES = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def week(*said: str) -> tuple[tuple[time, ...], ...]:
    """The times of each weekday, said as "mon tue 09:00 10:00"."""
    times: dict[str, list[time]] = {name: [] for name in NAMES}
    for words in map(str.split, said):
        for name in set(words) & set(NAMES):
            times[name] += [time.fromisoformat(word) for word in words if word not in NAMES]
    return tuple(tuple(sorted(times[name])) for name in NAMES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SLOTS_LIKE, week("mon tue wed thu fri 09:00 13:00", "sat 11:00")),
        ("mon 9:00, wed 9:30", week("mon 09:00", "wed 09:30")),
        ("Monday, Wed 9h30 7pm;", week("mon wed 09:30 19:00")),
        ("fri - mon 21:15 9:30 pm", week("fri sat sun mon 21:15 21:30")),
        ("sun\u2013sun 8.00 8:00", week("sun 08:00")),
        ("daily 10:00\nsat 9:00", week("mon tue wed thu fri sat sun 10:00", "sat 09:00")),
        ("Mo.-We. 9 h; Saturday 9.30", week("mon tue wed 09:00", "sat 09:30")),
        ("mon 9:00; 10:00", week("mon tue wed thu fri sat sun 10:00", "mon 09:00")),
    ],
)
def test_slots_are_read_as_people_write_them(text: str, said: object) -> None:
    assert read_slots(text).times == said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it has no time of day"),
        (" ; ", "it has no time of day"),
        ("mon-fri", "'mon-fri' ends without a time of day"),
        ("9:00; mon 9:00 tue", "'mon 9:00 tue' ends without a time of day"),
        ("mon-fri 9:00 25:00", "'25:00' at character 14 is neither a day"),
        ("mon-fri 9", "'9' at character 9 is neither a day"),
        ("mx-fri 9:00", "'mx-fri' at character 1 is neither a day"),
        ("mon-fri 9:00:30", "'9:00:30' at character 9 is neither a day"),
        ("every day", "'every' at character 1 is neither a day"),
        ("m-fri 9:00", "'m-fri' at character 1 is neither a day"),
    ],
)
def test_what_is_no_slots_is_refused_with_its_place_and_an_example(text: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_slots(text)
    assert why in str(refused.value)
    assert SLOTS_LIKE in str(refused.value)


def test_a_time_that_clocks_skip_or_repeat_is_no_slot() -> None:
    slots = read_slots("daily 2:30 12:00")
    spring = islice(slots.after(datetime(2027, 3, 27, 12, tzinfo=UTC), BERLIN), 3)
    assert [slot.astimezone(BERLIN).isoformat() for slot in spring] == [
        "2027-03-28T12:00:00+02:00",
        "2027-03-29T02:30:00+02:00",
        "2027-03-29T12:00:00+02:00",
    ]
    autumn = islice(slots.after(datetime(2027, 10, 30, 12, tzinfo=UTC), BERLIN), 2)
    assert [slot.astimezone(BERLIN).isoformat() for slot in autumn] == [
        "2027-10-31T12:00:00+01:00",
        "2027-11-01T02:30:00+01:00",
    ]


@given(times=weeks, moment=moments, zone=st.sampled_from(ZONES))
@example(
    [(time(23, 30),)] * 7,
    datetime(2027, 3, 25, tzinfo=UTC),
    ZoneInfo("America/Nuuk"),  # whose clocks skip the last hour of 27 March
)
def test_slots_are_all_of_the_times_and_only_those_in_order(
    times: list[tuple[time, ...]], moment: datetime, zone: ZoneInfo
) -> None:
    end = moment + timedelta(days=9)
    found = list(takewhile(lambda at: at <= end, Slots(tuple(times)).after(moment, zone)))
    first = moment.astimezone(zone).date()
    walls = [
        datetime.combine(day, at)
        for day in (first + timedelta(days=n) for n in range(11))
        for at in times[day.weekday()]
    ]
    meant = [
        (one, wall)
        for wall in walls
        for one, other in [
            [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
        ]
        if one == other and moment < one <= end
    ]
    assert found == sorted(one for one, _ in meant)
    assert [at.astimezone(zone).replace(tzinfo=None) for at in found] == [at for _, at in meant]


def test_slots_end_with_the_years_that_posts_can_have() -> None:
    last = datetime(8999, 12, 30, 12, tzinfo=UTC)
    assert list(read_slots("daily 9:00").after(last, UTC)) == [
        datetime(8999, 12, 31, 9, tzinfo=UTC)
    ]
