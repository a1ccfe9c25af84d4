"""Columns that are a field of the settings, by their path or as people call them."""

from __future__ import annotations

from pathlib import Path

import pytest
from campaign_lab import Lab, at
from hypothesis import given, strategies as st

from postiz_async import CampaignStatus, ReadOptions
from postiz_async._campaign.read.channel_cells import ChannelWords
from postiz_async._campaign.read.columns import column_named
from postiz_async._campaign.read.settings_columns import is_setting, with_setting
from postiz_async._campaign.read.source import read_campaign
from postiz_async.errors import CampaignError
from postiz_async.providers import PROVIDERS
from postiz_async.providers._schema import fields_of


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("YouTube title", "settings.youtube.title"),
        ("YouTube-Titel", "settings.youtube.title"),
        ("Titre (YouTube)", "settings.youtube.title"),
        ("Reddit title", "settings.reddit.subreddit.0.value.title"),
        ("Subreddit (Reddit)", "settings.reddit.subreddit.0.value.subreddit"),
        ("Twitter who can reply post", "settings.x.who_can_reply_post"),
        ("YouTube self declared made for kids", "settings.youtube.selfdeclaredmadeforkids"),
        ("Facebook Page URL", "settings.facebook.url"),
        ("TikTok", ""),
        ("YouTube Notizen", ""),
        ("Titel", ""),
        ("", ""),
    ],
)
def test_how_people_call_a_field(name: str, column: str) -> None:
    assert column_named(name) == column
    assert is_setting(column) == bool(column)


def test_no_field_has_the_name_of_a_network() -> None:
    for provider in PROVIDERS.values():
        assert not PROVIDERS.keys() & {field.name for field in fields_of(provider.settings)}


@pytest.mark.parametrize(
    ("column", "cell", "provider", "settings"),
    [
        ("settings.title", "2031", "youtube", {"title": "2031"}),
        ("settings.youtube.type", "Unlisted", "youtube", {"type": "unlisted"}),
        ("settings.duet", "Ja", "tiktok", {"duet": True}),
        ("settings.duet", "vielleicht", "tiktok", {"duet": "vielleicht"}),
        ("settings.music.audio_volume", "50", "tiktok", {"music": {"audio_volume": 50}}),
        (
            "settings.subreddit.1.value.title",
            "Hi",
            "reddit",
            {"subreddit": [{}, {"value": {"title": "Hi", "is_flair_required": False}}]},
        ),
        ("settings.anything.at_all", "a", "", {"anything": {"at_all": "a"}}),
    ],
)
def test_a_cell_is_put_where_its_path_leads(
    column: str, cell: str, provider: str, settings: object
) -> None:
    kept = {"kept": [1]}
    made = with_setting(kept, column, cell, provider)
    assert {k: v for k, v in made.items() if k not in {"__type", "kept"}} == settings
    assert made.get("__type", "") == provider
    assert kept == {"kept": [1]}


@given(st.lists(st.sampled_from(["a", "b", "0", "3", "title"]), min_size=1, max_size=8), st.text())
def test_any_path_reads_back(steps: list[str], cell: str) -> None:
    column = ".".join(["settings", *steps])
    assert is_setting(column)
    value: object = with_setting({}, column, cell, "")
    for step in steps:
        value = value[int(step)] if isinstance(value, list) else value[step]  # type: ignore[index]
    assert value == cell


@pytest.mark.parametrize(
    "path", ["settings.", "settings.a..b", "settings.a.10", "settings" + ".a" * 9]
)
def test_what_is_no_path(path: str, tmp_path: Path) -> None:
    assert not is_setting(path)
    with pytest.raises(CampaignError, match="is not a column of a campaign"):
        read_campaign(tmp_path / "c.csv", reading=ReadOptions(columns={"a": path}))


WORDS = ChannelWords.of([("Videos", "id-1", "youtube"), ("News", "id-2", "mastodon")])
HEAD = "channel,date,content,YouTube Titel,settings.youtube.type"
TITLED = ReadOptions(columns={"YouTube Titel": "settings.youtube.title"}, timezone="UTC")


def read(tmp_path: Path, *rows: str) -> tuple[list[object], list[str]]:
    path = tmp_path / "c.csv"
    path.write_text("\n".join([HEAD, *rows]), "utf-8")
    campaign = read_campaign(path, reading=TITLED, words=WORDS)
    return [row.settings for row in campaign.rows], list(map(str, campaign.problems))


def test_a_field_of_a_network_is_for_its_channels_alone(tmp_path: Path) -> None:
    when = "2031-05-01 09:00"
    settings, problems = read(
        tmp_path,
        f'"News, Videos",{when},a,Hello,Private',
        f"News,{when},b,,",
        f"News,{when},c,Hello,",
        f"Videos,{when},d,,",
    )
    assert settings == [
        None,
        {"__type": "youtube", "title": "Hello", "type": "private"},
        None,
        None,
    ]
    assert problems == [
        "row 4, settings.youtube.title: is for YouTube, which is no channel of the row (empty it)"
    ]


async def test_they_are_sent_and_a_problem_names_the_column(lab: Lab) -> None:
    lab.channel("discord")
    lab.channel("youtube")
    lab.path = path = lab.folder / "c.csv"
    reading = ReadOptions(columns={"YouTube title": "settings.youtube.title"})
    path.write_text(
        f"channel,date,content,settings.channel,YouTube title\n"
        f"discord,{at(24)},a,general,\nyoutube,{at(25)},b,,Y\n",
        "utf-8",
    )
    async with lab.client() as postiz, lab.campaign(postiz, reading=reading) as campaign:
        wrong = [problem.where for problem in campaign.problems]
        assert [where for where in wrong if "title" in where.lower()] == ["YouTube title"]
    report = await lab.run(reading=reading, skip_invalid=True)
    assert report.counts == {"stored": 1}
    compared = CampaignStatus.read(path, journal=lab.journal).compare(reading=reading)
    assert compared.edits.changed == ()
