"""Campaigns that a program makes, and files that are read as they are told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias
from unicodedata import normalize

import pytest
from campaign_lab import Lab, rows
from samples import PNG
from spreadsheet_files import write_xlsx

from postiz_async import (
    CampaignError,
    ConfigurationError,
    Html,
    InvalidPostError,
    NewPost,
    providers,
)
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._campaign.read.rows import CampaignRow
from postiz_async._delivery.outcomes import RowState

Form: TypeAlias = Literal["NFC", "NFD"]


def made(channels: list[str], count: int) -> Iterator[CampaignRow]:
    for n, row in enumerate(rows(channels, count)):
        yield CampaignRow(
            channel=row["channel"],
            at=datetime.fromisoformat(row["date"]) + timedelta(microseconds=n),
            content=row["content"],
        )


async def asked(channels: list[str], count: int) -> AsyncIterator[dict[str, Any]]:
    for row in rows(channels, count):
        yield row


@pytest.mark.parametrize("source", [made, asked])
async def test_rows_of_a_program_are_stored_once_also_when_they_are_given_again(
    lab: Lab, channels: list[str], source: Any
) -> None:
    async with (
        lab.client() as postiz,
        postiz.campaign(source(channels, 60), journal=lab.journal) as campaign,
    ):
        async for _ in campaign.run():
            break
    assert {row.state for row in read_summary(lab.journal).rows} == {
        RowState.STORED,
        RowState.PLANNED,
    }
    async with (
        lab.client() as postiz,
        postiz.campaign(source(channels, 60), journal=lab.journal) as campaign,
    ):
        assert campaign.is_resumed
        assert (await campaign.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(60))


async def test_they_need_a_journal(lab: Lab, channels: list[str]) -> None:
    async with lab.client() as postiz:
        with pytest.raises(ConfigurationError, match="need a journal="):
            postiz.campaign(made(channels, 3))


async def test_their_problems_have_the_number_of_the_row(lab: Lab, channels: list[str]) -> None:
    wrong = CampaignRow(channel=channels[0], at="tomorrow", content="a")
    given = [*made(channels, 2), wrong, 7]
    async with lab.client() as postiz, postiz.campaign(given, journal=lab.journal) as campaign:  # type: ignore[arg-type]
        assert [(problem.row, problem.where) for problem in campaign.problems] == [
            (3, "at"),
            (4, "row"),
        ]
        with pytest.raises(InvalidPostError):
            await campaign.run()
    assert not lab.sandbox.creates


@pytest.mark.parametrize("settings", [{"a": object()}, {"a": {(1,): "b"}}, {"a": "\ud800"}])
async def test_settings_of_a_program_that_json_lacks_words_for_are_a_problem(
    lab: Lab, channels: list[str], settings: dict[str, object]
) -> None:
    row = CampaignRow(channel=channels[0], at="2027-01-15T09:00Z", content="a", settings=settings)
    async with lab.client() as postiz, postiz.campaign([row], journal=lab.journal) as campaign:
        found = [str(problem) for problem in campaign.problems]
    assert found[0].startswith("row 1, settings: cannot be sent: ")


async def test_a_row_has_files_settings_and_its_zone(lab: Lab, channels: list[str]) -> None:
    (lab.folder / "a.png").write_bytes(PNG)
    channel = lab.channel("x")
    row = CampaignRow(
        channel=channel,
        at="2027-01-15 09:00",
        timezone="Europe/Berlin",
        content=Html("**bold**"),
        media=[lab.folder / "a.png"],
        settings=providers.X(who_can_reply_post="following"),
    )
    async with lab.client() as postiz, postiz.campaign([row], journal=lab.journal) as campaign:
        assert (await campaign.run()).complete
    (post,) = lab.sandbox.posts
    assert post.settings["who_can_reply_post"] == "following"
    assert post.date.replace(microsecond=0) == datetime(2027, 1, 15, 8, tzinfo=UTC)


async def test_a_file_is_read_as_it_is_told(lab: Lab, channels: list[str]) -> None:
    path = lab.folder / "plan.csv"
    text = "Wann;Kanal;Text\n15.01.2027 09:00;{0};Hallo {{Berlin}}\n"
    path.write_text(text.format(channels[0]), encoding="utf-16")
    reading = ReadOptions(
        columns={"Wann": "date", "Kanal": "channel", "Text": "content"},
        defaults={"tags": "news"},
        date_format="%d.%m.%Y %H:%M",
        timezones={channels[0]: "Asia/Tokyo"},
    )
    async with lab.client() as postiz, postiz.campaign(path, reading=reading) as campaign:
        (row,) = campaign.rows
        assert (row.content, row.tags) == ("Hallo {Berlin}", ("news",))
        assert row.date == datetime(2027, 1, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("reading", "kind", "words"),
    [
        (ReadOptions(columns={"Txt": "content"}), CampaignError, "has no column 'txt'"),
        (
            ReadOptions(columns={"content": "date", "date": "date"}),
            CampaignError,
            "Two columns of the file are to be 'date'",
        ),
        (
            ReadOptions(timezones={"nobody": "Asia/Tokyo"}),
            CampaignError,
            r"no row for .nobody., which was given a time zone\. It has rows for: \w+",
        ),
        (ReadOptions(columns={"content": "contnet"}), CampaignError, "did you mean 'content'"),
        (ReadOptions(timezone="Mars/Phobos"), CampaignError, "no time zone 'Mars/Phobos'"),
        (ReadOptions(date_format="%H:%M"), CampaignError, "does not say the year"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    lab: Lab, channels: list[str], reading: ReadOptions, kind: type[Exception], words: str
) -> None:
    lab.write(rows(channels, 3))
    async with lab.client() as postiz:
        with pytest.raises(kind, match=f"(?i){words}"):
            async with lab.campaign(postiz, reading=reading):
                pass


async def test_each_row_of_a_long_campaign_is_checked(lab: Lab, channels: list[str]) -> None:
    """Rows are judged a few dozen at once."""
    records = rows(channels, 300)
    wrong = (0, 63, 64, 65, 128, 191, 299)
    for place in wrong:
        records[place]["content"] = "x" * 5_000
    lab.write(records)
    async with lab.client() as postiz:
        with pytest.raises(InvalidPostError) as caught:
            async with lab.campaign(postiz) as campaign:
                await campaign.run()
    assert {problem.row for problem in caught.value.problems} == {place + 1 for place in wrong}
    assert not lab.sandbox.posts


async def test_two_zones_are_one_too_many(lab: Lab) -> None:
    async with lab.client() as postiz:
        with pytest.raises(ConfigurationError, match="Two time zones"):
            lab.campaign(postiz, timezone="UTC", reading=ReadOptions(timezone="Asia/Tokyo"))


async def test_markup_is_sent_as_markup(lab: Lab, channels: list[str]) -> None:
    record = rows(channels, 1)[0] | {"content": "<p>so <strong>loud</strong></p>"}
    lab.write([record | {"format": "html"}, record | {"channel": channels[1]}])
    assert (await lab.run()).complete
    first, second = sorted(lab.sandbox.posts, key=lambda post: post.id)
    assert "<strong>" in first.content
    assert second.content


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
async def test_names_are_one_whatever_form_their_accents_have(
    tmp_path: Path, forms: tuple[Form, Form]
) -> None:
    """What macOS writes differs from what Postiz and most keyboards do."""
    there, said = (partial(normalize, form) for form in forms)
    lab = Lab(tmp_path)
    lab.path = tmp_path / "p.xlsx"
    head = ["channel", "date", there("Schöner Text")]
    row = [said("Käserei Müller"), "2031-05-01 09:00", "Hi"]
    write_xlsx(lab.path, sheets={there("März"): [head, row], "April": [head]})
    reading = ReadOptions(
        columns={said("Schöner Text"): "content"},
        sheet=said("März"),
        timezones={there("Käserei Müller"): "Asia/Tokyo"},
    )
    lab.channel("mastodon", name=there("Käserei Müller"))
    async with (
        lab.sandbox,
        lab.client() as postiz,
        postiz.campaign(lab.path, reading=reading) as campaign,
    ):
        assert campaign.problems == ()
        assert (await campaign.run()).complete
    (post,) = lab.sandbox.posts
    assert post.date.hour == 0


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
async def test_a_channel_is_found_whatever_form_its_accents_have(
    lab: Lab, forms: tuple[Form, Form]
) -> None:
    there, said = (normalize(form, "Käserei Müller") for form in forms)
    its_id = lab.channel("mastodon", name=there)
    async with lab.client() as postiz:
        at = datetime.fromtimestamp(postiz.clock.time(), UTC) + timedelta(days=1)
        (made,) = await postiz.posts.schedule(NewPost(said, "Hi"), at=at)
        assert made.channel == its_id
