"""Campaigns copied to other dates: weekdays and local times stay, and so does what a post says."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from campaign_lab import Lab
from hypothesis import given, strategies as st
from msgspec import structs
from samples import PNG

from postiz_async import FileOptions, ReadOptions, copy_campaign
from postiz_async._campaign.read.rows import Row
from postiz_async._campaign.read.source import read_campaign
from postiz_async.errors import CampaignError, ConfigurationError, InvalidPostError

BERLIN = ZoneInfo("Europe/Berlin")
IN_BERLIN = ReadOptions(timezone="Europe/Berlin")

CSV = """channel,date,content
mastodon,2026-11-02 09:00,first Monday
mastodon,2026-11-09 09:00,second Monday
mastodon,2026-11-30 23:30,fifth Monday
mastodon,2026-12-04 09:00,first Friday of the next month
"""


def campaign(folder: Path, text: str = CSV, name: str = "campaign.csv") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def local(path: Path) -> list[str]:
    read = read_campaign(path, reading=IN_BERLIN)
    assert read.problems == ()
    return [f"{row.date.astimezone(BERLIN):%a %Y-%m-%d %H:%M}" for row in read.rows]


def test_weekdays_of_a_month_stay_in_another(tmp_path: Path) -> None:
    copied = copy_campaign(campaign(tmp_path), to="2027-01", reading=IN_BERLIN)
    assert copied.path == tmp_path / "campaign-2027-01.csv"
    assert local(copied.path) == [
        "Mon 2027-01-04 09:00",
        "Mon 2027-01-11 09:00",
        "Mon 2027-02-01 23:30",  # January has no fifth one
        "Fri 2027-02-05 09:00",
    ]
    assert copied.fifth == ((4, datetime(2027, 2, 1, 22, 30, tzinfo=UTC)),)
    assert (copied.rows, copied.first.day, copied.last.day) == (4, 4, 5)
    assert not (tmp_path / "campaign-2027-01.toml").exists()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_copy_never_takes_over_a_journal(tmp_path: Path, *, overwrite: bool) -> None:
    """Else its rows would count as published."""
    (tmp_path / "next.journal").touch()
    with pytest.raises(CampaignError, match=r"next\.journal.*another name"):
        copy_campaign(
            campaign(tmp_path),
            tmp_path / "next.xlsx",
            to="2027-01",
            reading=IN_BERLIN,
            overwrite=overwrite,
        )
    assert not (tmp_path / "next.xlsx").exists()


def test_words_stay_and_a_series_becomes_the_rows_that_it_makes(tmp_path: Path) -> None:
    text = """channel,date,content,repeat
mastodon,nächsten Freitag 14 Uhr,words,
mastodon,2026-11-02 09:00,series,mon 3 times
"""
    copied = copy_campaign(campaign(tmp_path, text), to="2027-02", reading=IN_BERLIN)
    words, *series = read_campaign(copied.path).rows
    assert words.words == "next friday 14:00"
    assert local(copied.path)[1:] == [f"Mon 2027-02-{day:02} 09:00" for day in (1, 8, 15)]
    assert {row.content for row in series} == {"series"}


@given(
    st.dates(date(2020, 1, 1), date(2035, 12, 31)),
    st.dates(date(2020, 1, 1), date(2035, 12, 31)),
    st.times().map(lambda at: at.replace(second=0, microsecond=0, hour=at.hour % 12 + 4)),
)
def test_the_nth_weekday_becomes_the_nth_weekday(
    tmp_path_factory: pytest.TempPathFactory, day: date, month: date, at: object
) -> None:
    folder = tmp_path_factory.mktemp("copy")
    text = f"channel,date,content\nx,{day} {at:%H:%M},hi\n"
    copied = copy_campaign(campaign(folder, text), to=month, reading=IN_BERLIN)
    moved = copied.first.astimezone(BERLIN)
    assert (moved.weekday(), f"{moved:%H:%M}") == (day.weekday(), f"{at:%H:%M}")
    if copied.fifth:
        assert (day.day, moved.day) > (28, 0)
        assert moved.day <= 7
        assert (moved - timedelta(weeks=1)).month == month.month
    else:
        assert (moved.year, moved.month) == (month.year, month.month)
        assert (moved.day - 1) // 7 == (day.day - 1) // 7


@pytest.mark.parametrize(
    ("by", "moved", "name"),
    [
        ("28d", "Mon 2027-04-05 09:00", "campaign-28d-later.csv"),  # the clocks change on 28 March
        ("4w", "Mon 2027-04-05 09:00", "campaign-28d-later.csv"),
        ("24h", "Tue 2027-03-09 09:00", "campaign-1d-later.csv"),
        ("36h", "Tue 2027-03-09 21:00", "campaign-36h-later.csv"),
        ("-1w", "Mon 2027-03-01 09:00", "campaign-7d-earlier.csv"),
        (timedelta(hours=-1), "Mon 2027-03-08 08:00", "campaign-1h-earlier.csv"),
    ],
)
def test_a_span_keeps_the_time_of_day(
    tmp_path: Path, by: str | timedelta, moved: str, name: str
) -> None:
    path = campaign(tmp_path, "channel,date,content\nx,2027-03-08 09:00,hi\n")
    copied = copy_campaign(path, by=by, reading=IN_BERLIN)
    assert (copied.path.name, local(copied.path)) == (name, [moved])


ROWS: list[dict[str, object]] = [
    {
        "channel": "discord",
        "date": "2027-03-08 00:00",
        "content": '=1+1; "quotes" and\nlines',
        "format": "markdown",
        "media": ["a.png", "b/c.png"],
        "alt": ["one", "two"],
        "settings": {"channel": "42"},
        "tags": ["news", "coffee"],
        "thread": ["'second", "third"],
        "short_link": True,
        "repeat_days": 7,
        "tolerance": "15m",
        "ref": "my row",
    },
    {"channel": "x", "date": "2027-10-03T02:30:00+02:00", "content": "@you", "type": "draft"},
]


def said(row: Row) -> object:
    return row.said, row.tolerance, row.ref if row.ref == "my row" else ""


@pytest.mark.parametrize("name", ["copy.csv", "copy.jsonl", "copy.xlsx"])
def test_a_copy_says_the_same_at_another_date(tmp_path: Path, name: str) -> None:
    path = campaign(tmp_path, "\n".join(map(json.dumps, ROWS)), "campaign.jsonl")
    copied = copy_campaign(path, tmp_path / name, by="4w", reading=IN_BERLIN)
    before = read_campaign(path, reading=IN_BERLIN).rows
    after = read_campaign(copied.path).rows  # needs no option: each row has its zone
    days = [datetime(2027, 4, 4, 22, tzinfo=UTC), datetime(2027, 10, 31, 0, 30, tzinfo=UTC)]
    assert [row.date for row in after] == days
    assert [said(row) for row in after] == [
        said(structs.replace(row, date=day)) for row, day in zip(before, days, strict=True)
    ]


def test_a_csv_is_separated_as_its_source_is(tmp_path: Path) -> None:
    path = campaign(tmp_path, "Kanal;date;content\nx;1.3.2027 09:00;hi, you\n")
    reading = ReadOptions(timezone="Europe/Berlin", columns={"Kanal": "channel"})
    copied = copy_campaign(path, by="1d", reading=reading)
    text = copied.path.read_text(encoding="utf-8")
    assert text.startswith("\ufeffchannel;date;timezone;content\nx;2027-03-02 09:00;")


def test_options_are_copied_but_for_the_name_and_the_layout(tmp_path: Path) -> None:
    path = campaign(tmp_path, "Kanal,date,content\nx,1.3.2027 09:00,hi\n", "old/campaign.csv")
    (tmp_path / "pictures").mkdir()
    options = """
name = "spring"
timezone = "Europe/Berlin"
date_format = "%d.%m.%Y %H:%M"
align = "15m"
ignore = ["rhythm"]
media_root = ["../pictures"]
[columns]
Kanal = "channel"
[defaults]
media = "a.png"
"""
    (tmp_path / "old" / "campaign.toml").write_text(options, encoding="utf-8")
    (tmp_path / "new").mkdir()
    copied = copy_campaign(path, tmp_path / "new" / "other.csv", by="1d")
    kept = FileOptions.saved(copied.path)
    assert (kept.name, kept.columns, kept.date_format, kept.defaults) == (None, {}, None, {})
    assert (kept.timezone, kept.align, kept.ignore) == ("Europe/Berlin", "15m", ("rhythm",))
    roots = {Path(root).resolve() for root in kept.media_root}
    assert roots == {tmp_path / "pictures", tmp_path / "old"}
    (row,) = read_campaign(copied.path, reading=kept).rows
    assert row.media == ("../old/a.png",)


async def test_a_copy_in_another_folder_finds_its_media(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.channel("mastodon", id="c1")
    (tmp_path / "a.png").write_bytes(PNG)
    lab.write([{"channel": "c1", "date": "2027-01-04T09:00Z", "content": "hi", "media": "a.png"}])
    (tmp_path / "new").mkdir()
    copied = copy_campaign(lab.path, tmp_path / "new" / "campaign.jsonl", to="2027-02")
    async with lab.sandbox, lab.client() as postiz:
        assert (await lab.run()).complete
        async with postiz.campaign(copied.path) as other:
            assert (await other.run()).complete
    dates = sorted(f"{post.date:%a %d %b}" for post in lab.sandbox.posts)
    assert dates == ["Mon 01 Feb", "Mon 04 Jan"]


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    path = campaign(tmp_path)
    copied = copy_campaign(path, by="1d", reading=IN_BERLIN).path
    copied.write_text("mine", encoding="utf-8")
    with pytest.raises(CampaignError, match="is there already"):
        copy_campaign(path, by="1d", reading=IN_BERLIN)
    assert copied.read_text(encoding="utf-8") == "mine"
    options = tmp_path / "other.toml"
    options.write_text('timezone = "Asia/Tokyo"', encoding="utf-8")
    with pytest.raises(CampaignError, match=r"other\.toml is there already"):
        copy_campaign(path, tmp_path / "other.csv", by="1d", reading=IN_BERLIN)
    assert not (tmp_path / "other.csv").exists()
    copy_campaign(path, by="1d", reading=IN_BERLIN, overwrite=True)
    assert local(copied)[0] == "Tue 2026-11-03 09:00"
    for itself in (path, tmp_path / "." / "campaign.csv"):
        with pytest.raises(CampaignError, match="is the campaign itself"):
            copy_campaign(path, itself, by="1d", overwrite=True)
    assert path.read_text(encoding="utf-8") == CSV


@pytest.mark.parametrize(
    "to_and_by",
    [{}, {"to": "2027-01", "by": "1d"}, {"to": "January"}, {"by": "0"}, {"by": "soon"}],
)
def test_where_it_goes_is_said_once_and_clearly(tmp_path: Path, to_and_by: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"2027-01|1d"):
        copy_campaign(campaign(tmp_path), reading=IN_BERLIN, **to_and_by)
    assert [each.name for each in tmp_path.iterdir()] == ["campaign.csv"]


def test_rows_that_cannot_be_read_or_written_stop_it(tmp_path: Path) -> None:
    wrong = campaign(tmp_path, CSV + "mastodon,soon,hi\n")
    with pytest.raises(InvalidPostError, match="soon"):
        copy_campaign(wrong, to="2027-01", reading=IN_BERLIN)
    empty = campaign(tmp_path, "channel,date,content\n", "empty.csv")
    with pytest.raises((InvalidPostError, CampaignError)):
        copy_campaign(empty, to="2027-01", reading=IN_BERLIN)
    with pytest.raises(InvalidPostError, match="too far away"):
        copy_campaign(campaign(tmp_path), to="9999-12", reading=IN_BERLIN)
    row = ROWS[1] | {"tags": ["a;b"]}
    odd = campaign(tmp_path, json.dumps(row), "odd.jsonl")
    with pytest.raises(InvalidPostError, match="as no cell can"):
        copy_campaign(odd, tmp_path / "odd.csv", by="1d")
    assert copy_campaign(odd, by="1d").rows == 1
