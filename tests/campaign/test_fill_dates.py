"""Empty dates of a table that are filled with the next free times of each channel."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import Lab
from hypothesis import HealthCheck, assume, event, given, settings, strategies as st
from msgspec import structs
from spreadsheet_files import Shown, write_xlsx

from postiz_async import NewPost
from postiz_async._campaign.fill_dates import Filled, fill_dates
from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._campaign.read.source import read_campaign
from postiz_async.errors import CampaignError, ChannelNotFoundError, InvalidInputError

UTC_TIMES = ReadOptions(timezone="UTC")
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path, limit=300)
    for provider in ("x", "mastodon"):
        lab.channel(provider)
    return lab


async def filled(
    lab: Lab,
    table: str | Path,
    slots: Mapping[str, str],
    reading: ReadOptions = UTC_TIMES,
    first: datetime = NEW_YEAR,
) -> Filled:
    path = table if isinstance(table, Path) else lab.folder / "table.csv"
    if isinstance(table, str):
        path.write_text(table, encoding="utf-8")
    async with lab.client() as postiz:
        return await fill_dates(
            path,
            reading,
            slots,
            list_channels=postiz.channels.list,
            list_posts=postiz.posts.list,
            now=first - timedelta(minutes=10),
        )


def cells(done: Filled) -> list[list[str]]:
    assert done.csv[0] == "\ufeff"
    return list(csv.reader(io.StringIO(done.csv[1:])))


async def test_each_row_gets_the_next_time_that_no_row_and_no_post_of_its_channel_has(
    lab: Lab,
) -> None:
    async with lab.client() as postiz:
        await postiz.posts.schedule(
            NewPost("x", "there"), at=datetime(2027, 1, 1, 9, 0, 30, tzinfo=UTC)
        )
        await postiz.posts.draft(
            NewPost("mastodon", "a draft"), at=datetime(2027, 1, 2, 11, tzinfo=UTC)
        )
    done = await filled(
        lab,
        "content,channel,date,note\n"
        "a,x,,1\n"
        "b,x,2027-01-01 13:00,\n"
        "c,mastodon,,=2\n"
        "d,x,,\n"
        '"e,\n""e""",x; mastodon,,\n',
        {"": "daily 9:00 13:00"},
        ReadOptions(timezone="UTC", columns={"note": ""}),
    )
    assert cells(done) == [
        ["content", "channel", "date", "note"],
        ["a", "x", "2027-01-02 09:00", "1"],
        ["b", "x", "2027-01-01 13:00", ""],
        ["c", "mastodon", "2027-01-01 09:00", "=2"],
        ["d", "x", "2027-01-02 13:00", ""],
        ['e,\n"e"', "x; mastodon", "2027-01-03 09:00", ""],
    ]
    assert [(each.number, each.channel) for each in done.rows] == [
        (2, "x"),
        (4, "mastodon"),
        (5, "x"),
        (6, "x; mastodon"),
    ]


async def test_posts_beyond_the_first_look_and_repeated_ones_are_taken(lab: Lab) -> None:
    async with lab.client() as postiz:
        at = datetime(2027, 3, 1, 9, tzinfo=UTC)
        await postiz.posts.schedule(NewPost("x", "far"), at=at)
    lab.write(
        [{"channel": "mastodon", "date": "2027-01-04T09:00Z", "content": "a", "repeat_days": 14}]
    )
    await lab.run()
    rows = "x,\n" * 9 + "mastodon,\n" * 3
    done = await filled(lab, f"channel,date\n{rows}", {"": "mon 9:00"})
    dates = [each.date for each in done.rows]
    mondays = [datetime(2027, 1, 4, 9, tzinfo=UTC) + timedelta(weeks=n) for n in range(10)]
    assert dates == [*(each for each in mondays if each != at), *mondays[1:7:2]]
    repeated = "channel,date,repeat_days\nx,2027-01-04 09:00,7\nx,,\n"
    with pytest.raises(CampaignError, match="Row 3 gets no date: all its times are taken"):
        await filled(lab, repeated, {"": "mon 9:00"})


async def test_a_table_says_dates_as_it_does_already(lab: Lab) -> None:
    slots = {"": "sat 9:30"}
    for head, reading, written in (
        ("date", ReadOptions(), ["2027-01-02 09:30"]),
        ("date,time", ReadOptions(), ["2027-01-02", "09:30"]),
        ("time", ReadOptions(), ["09:30", "2027-01-02"]),
        ("date", ReadOptions(date_format="%d.%m.%y %H.%M"), ["02.01.27 09.30"]),
        ("date,time", ReadOptions(date_format="%m/%d/%Y"), ["01/02/2027", "09:30"]),
        ("date", ReadOptions(date_format="%m/%d/%Y"), ["01/02/2027", "09:30"]),
        ("date,time", ReadOptions(date_format="%d.%m.%Y %H:%M"), ["02.01.2027 09:30", ""]),
        ("date", ReadOptions(date_format="%d.%m.%Y %H:%M %z"), ["02.01.2027 09:30 +0000"]),
        ("date", ReadOptions(defaults={"channel": "x"}), ["2027-01-02 09:30"]),
    ):
        read = structs.replace(reading, timezone="UTC")
        done = await filled(lab, f"channel,{head}\nx,{',' * head.count(',')}\n", slots, read)
        assert cells(done)[1] == ["x", *written]
    with pytest.raises(CampaignError, match="cannot say 2027-01-02 09:30"):
        await filled(
            lab, "channel,date\nx,\n", slots, ReadOptions(timezone="UTC", date_format="%d.%m.%Y %H")
        )


async def test_a_spreadsheet_becomes_a_csv_that_says_the_same(lab: Lab) -> None:
    rows: list[list[Any]] = [
        ["channel", "date", "content", "thread 2"],
        ["x", datetime(2027, 1, 2, 9, 30), "a", 3],  # noqa: DTZ001
        ["x", None, "b", ""],
    ]
    path = write_xlsx(lab.folder / "table.xlsx", rows)
    done = await filled(lab, path, {"": "daily 9:30"}, first=NEW_YEAR + timedelta(days=1))
    assert cells(done)[1:] == [
        ["x", "2027-01-02 09:30", "a", "3"],
        ["x", "2027-01-03 09:30", "b", ""],
    ]
    path = write_xlsx(
        lab.folder / "table.xlsx", [*rows, ["x", None, Shown(0.25, "0%", "25 %"), ""]]
    )
    with pytest.raises(InvalidInputError, match=r"row 4, content: is 0\.25 in the file"):
        await filled(lab, path, {"": "daily 9:30"})


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (",2027-01-01 9:00,,", "channel: is missing"),
        ("facebok,,,", "channel: there is no channel 'facebok'"),
        ("x,soon,,", "date: 'soon' is not a date"),
        ("x,,9:00,", "time: is filled, and the date is empty"),
        ("x,,,Mars/Phobos", "timezone: 'Mars/Phobos' is not a time zone"),
        ("x,,,,more", "columns: has 5 cells, the header has 4"),
        ("#REF!,,,", "channel: is #REF!, an error of the spreadsheet"),
        ("x;mastodon,,,", "channel: has slots that differ"),
        ("mastodon,,,", "date: is empty, and its channel has no slots"),
    ],
)
async def test_what_is_wrong_is_named_with_row_and_column(lab: Lab, row: str, why: str) -> None:
    with pytest.raises(InvalidInputError) as wrong:
        await filled(lab, f"channel,date,time,timezone\n{row}\n", {"x": "9:00"})
    assert f"row 2, {why}" in str(wrong.value)


async def test_what_has_no_place_is_named(lab: Lab) -> None:
    with pytest.raises(CampaignError, match="no column 'channel'"):
        await filled(lab, "content\nx\n", {"": "9:00"})
    with pytest.raises(ChannelNotFoundError, match="--channel-slots: there is no channel 'x2'"):
        await filled(lab, "channel\nx\n", {"": "9:00", "x2": "9:00"})
    zones = ReadOptions(timezones={"x": "Asia/Tokyo", "mastodon": "UTC"})
    with pytest.raises(InvalidInputError, match="row 2, channel: has time zones that differ"):
        await filled(lab, "channel\nx;mastodon\n", {"": "9:00"}, zones)
    with pytest.raises(InvalidInputError, match="row 2, date: has no time zone"):
        await filled(lab, "channel\nx\n", {"": "9:00"}, ReadOptions())


async def test_a_file_that_ends_midway_or_is_not_utf_8_is_named_and_never_changed(lab: Lab) -> None:
    path, unread = lab.folder / "table.csv", {"note": ""}
    for content, why in (
        ('channel,date\nx,\nx,"', "row 3, csv: has a quotation mark that is never closed"),
        ('"channel', "has a quotation mark that is never closed (row 1)"),
        ("channel,date,note\nx,,gr\xfcn\n", "row 2, note: is not UTF-8: byte 0xfc"),
    ):
        path.write_bytes(content.encode("latin-1"))
        reading = ReadOptions(timezone="UTC", columns=unread if "note" in content else {})
        with pytest.raises((InvalidInputError, CampaignError)) as wrong:
            await filled(lab, path, {"": "9:00"}, reading)
        assert why in str(wrong.value)


async def test_a_row_takes_the_time_of_each_of_its_channels(lab: Lab) -> None:
    zones = ReadOptions(timezone="UTC", timezones={"mastodon": "Asia/Tokyo"})
    rows = "x;mastodon,2027-01-02 09:00\nx,\nmastodon,\n"
    done = await filled(lab, f"channel,date\n{rows}", {"": "sat 0:00 9:00"}, zones)
    assert [f"{each.date:%a %H:%M}" for each in done.rows] == ["Sat 00:00", "Sat 00:00"]
    done = await filled(lab, f"channel,date\n{rows}", {"": "sat 9:00"}, zones)
    assert [f"{each.date:%d %H:%M}" for each in done.rows] == ["09 09:00", "09 09:00"]


ZONES = ["", "Europe/Berlin", "America/Nuuk", "Australia/Lord_Howe", "Pacific/Apia"]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["x", "mastodon", "x, mastodon"]),
        st.none() | st.datetimes(datetime(2027, 3, 1), datetime(2027, 4, 30)),  # noqa: DTZ001
        st.sampled_from(ZONES),
        st.sampled_from(["", "", "1", "7"]),
    ),
    min_size=1,
    max_size=20,
)
CLOCKS = st.lists(st.times().map(lambda at: f"{at:%H:%M}"), min_size=1, max_size=3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, clocks=CLOCKS, first=st.datetimes(datetime(2027, 3, 1), datetime(2027, 4, 1)))  # noqa: DTZ001
async def test_what_is_filled_in_is_read_as_what_was_chosen_and_never_twice(
    lab: Lab, rows: list[tuple[str, datetime | None, str, str]], clocks: list[str], first: datetime
) -> None:
    lines = [
        ["c", "" if at is None else f"{at:%Y-%m-%d %H:%M}", *others, name]
        for name, at, *others in rows
    ]
    out = io.StringIO()
    csv.writer(out).writerows([["content", "date", "timezone", "repeat_days", "channel"], *lines])
    try:
        done = await filled(
            lab, out.getvalue(), {"": f"daily {' '.join(clocks)}"}, first=first.replace(tzinfo=UTC)
        )
    except InvalidInputError as error:
        event("a row has a time that clocks skip or repeat")
        assume("because the clocks change" not in str(error))
        raise
    except CampaignError as error:
        event("no time is left")
        assume("all its times are taken" not in str(error))
        raise
    for line, before in zip(cells(done)[1:], lines, strict=True):
        assert line == before or (line[1] and [*line[:1], "", *line[2:]] == before)
    path = lab.folder / "filled.csv"
    path.write_text(done.csv, encoding="utf-8")
    read = read_campaign(path, reading=UTC_TIMES)
    assert read.problems == ()
    dates = {row.number: row.date for row in read.rows}
    chosen = {each.number: each.date.astimezone(UTC) for each in done.rows}
    assert dates | chosen == dates
    assert all(at >= first.replace(tzinfo=UTC) for at in chosen.values())
    assert {f"{each.date:%H:%M}" for each in done.rows} <= set(clocks)
    taken = Counter((row.channel, row.date) for row in read.rows)
    assert all(taken[row.channel, row.date] == 1 for row in read.rows if row.number in chosen)
